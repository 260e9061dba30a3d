"""Fixtures that several tests share: small genomes, region files, the real data."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pysam
import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data; the test is skipped, and says so, where it is absent."""
    folder = os.environ.get("SEFORMER_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SEFORMER_TEST_DATA does not name the folder of real data")
    return Path(folder)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write text or bytes to a file of the test's folder: ``write("a.bed", "...")``."""

    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


@pytest.fixture
def bed(write) -> Callable[..., Path]:
    """Write rows as BED: ``bed("a.bed", [("chr1", 0, 10)])``."""

    def write_bed(name: str, rows: Iterable[tuple]) -> Path:
        return write(name, "".join("\t".join(map(str, row)) + "\n" for row in rows))

    return write_bed


@pytest.fixture
def fasta(tmp_path: Path) -> Callable[..., Path]:
    """Write a FASTA without an index: ``fasta({"chr1": "ACGT"}, bgzip=True)``."""

    def write_fasta(
        records: Mapping[str, str], name: str = "genome.fa", *, bgzip: bool = False, width: int = 10
    ) -> Path:
        path = tmp_path / (name + ".gz" * bgzip)
        lines = []
        for chrom, bases in records.items():
            lines.append(f">{chrom} described")
            lines.extend(bases[i : i + width] for i in range(0, len(bases), width))
        text = ("\n".join(lines) + "\n").encode()
        if bgzip:
            with pysam.BGZFile(str(path), "wb") as handle:
                handle.write(text)
        else:
            path.write_bytes(text)
        return path

    return write_fasta


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Mount small file systems: ``disk(kilobytes)``; skipped where this process may not."""
    places = []

    def mount(kilobytes: int) -> Path:
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(place)]
        if shutil.which("mount") is None or subprocess.run(words, capture_output=True).returncode:
            pytest.skip("file systems cannot be mounted here")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture(scope="session")
def random_bases() -> Callable[..., str]:
    """Bases that are the same in every run: ``random_bases(1_000, seed=3)``."""

    def bases(length: int, seed: int = 0) -> str:
        return "".join(np.random.default_rng(seed).choice(list("ACGT"), length))

    return bases


@pytest.fixture(autouse=True)
def log_as_it_was(monkeypatch):
    """A command run inside a test sends the log to that test's standard error: take it back."""
    for hook in ("unraisablehook", "excepthook"):
        monkeypatch.setattr(sys, hook, getattr(sys, hook))
    logger = logging.getLogger("seformer")
    before = logger.handlers[:], logger.propagate, logger.level
    yield
    logger.handlers, logger.propagate = before[0], before[1]
    logger.setLevel(before[2])


@pytest.fixture
def opened():
    """Files that Python opens for a test: pairs of path and flags, as they come.

    By the test's thread and those that it starts: whole runs go on in others beside it.
    """
    seen, watching = [], True
    others = {thread.ident for thread in threading.enumerate()} - {threading.get_ident()}

    def hook(event: str, arguments: tuple) -> None:
        if watching and event == "open" and threading.get_ident() not in others:
            seen.append((str(arguments[0]), arguments[2]))

    sys.addaudithook(hook)  # there is no way to take one off again
    yield seen
    watching = False
