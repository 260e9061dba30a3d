"""What the tests of bad input, faults and promises share: the corpus, sound inputs, listings."""

from __future__ import annotations

import hashlib
from pathlib import Path

import make_bad
import pytest

from seformer import cli

BAD = Path(__file__).parents[1] / "data/bad"


def listing(folder: Path) -> dict[str, str]:
    """Every file below a folder with its checksum; of giants, which are empty, the size."""
    found = {}
    for path in sorted(folder.rglob("*")):
        giant = path.stat().st_size > 2**28
        content = path.read_bytes() if path.is_file() and not giant else b""
        found[str(path.relative_to(folder))] = (
            f"{path.stat().st_size} {hashlib.sha256(content).hexdigest()}"
            if path.is_file()
            else "no file"
        )
    return found


def run(arguments: list[str]) -> int:
    """Run a command line in this process and return its exit status."""
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(argument) for argument in arguments])
    return stopped.value.code or 0


def sound_inputs(folder: Path) -> Path:
    """Fill a folder with what every stage needs: see `make_bad.good`."""
    make_bad.good(folder)
    fasta = ["--fasta", folder / "genome.fa"]
    classes = ["--super-enhancers", folder / "se.bed", "--typical-enhancers", folder / "te.bed"]
    model = ["--model", folder / "model"]
    regions = [*fasta, "--regions", folder / "few.bed"]
    for command in (
        ["extract", *fasta, *classes, "--out", folder / "cell", "--sample", "cell"],
        ["split", "--extracted", folder / "cell", "--out", folder / "split"],
        ["explain", *model, *regions, "--method", "saliency", "--faithfulness", "0",
         "--out", folder / "explained"],
        ["predict", *model, *regions, "--out", folder / "results/cell/predictions/few"],
    ):  # fmt: skip
        assert run(command) == 0
    (folder / "split/cell/splits.tsv").rename(folder / "splits.tsv")
    return folder
