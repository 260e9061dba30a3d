"""A commented sample sheet and parameter file from the region files that a lab has."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from seformer.genome import assemblies
from seformer.genome.genome import Genome
from seformer.regions.detect import SUFFIXES, Recognised, Role, recognise_regions
from seformer.regions.settings import InitSettings
from seformer.util.atomic import output_folder
from seformer.util.errors import UserError
from seformer.util.profiles import profile_at_hand
from seformer.util.settings import takes
from seformer.util.text import existing_file

logger = logging.getLogger(__name__)
SHEET, PARAMETERS = "samplesheet.csv", "params.yml"
COLUMNS = ("sample", "super_enhancers", "typical_enhancers", "regions")
# names of folders in the results, see lib/SampleSheet.groovy
RESERVED = ("integrative", "multiqc", "pipeline_info", "model", "pretraining")
# characters that the pipeline refuses in paths, see lib/Inputs.groovy
UNSAFE = re.compile(r"[$;*?#\[\]{}~`\\\r\n\t]")
PLACE = ("chrom", "start", "end")
# what ROSE and its kin call the table of all regions
WHOLE_TABLE = re.compile("allenhancers.table|allstitched.table", re.I)
FEW = 100
LENGTH_RATIO = 1.5


class SheetRow(NamedTuple):
    """One cell line of the sample sheet; a file that is missing is None."""

    sample: str
    super_enhancers: Recognised | None = None
    typical_enhancers: Recognised | None = None
    regions: Recognised | None = None

    @property
    def complete(self) -> bool:
        """Whether it can be trained on."""
        pair = self.super_enhancers is not None and self.typical_enhancers is not None
        return pair or self.regions is not None

    @property
    def classes(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Regions of super-enhancers and of typical enhancers."""
        if self.regions is not None:
            table = self.regions.regions
            return table[table["label"] == 1], table[table["label"] == 0]
        supers, typicals = (f for f in (self.super_enhancers, self.typical_enhancers) if f)
        return supers.regions, typicals.regions


@takes(InitSettings)
def init(
    paths: Sequence[Path], out: Path, settings: InitSettings, *, fasta: Path | None = None
) -> None:
    """Write ``samplesheet.csv`` and ``params.yml`` into ``out``.

    Parameters
    ----------
    paths
        Region files in any form that `seformer.regions.read` reads, or folders of them.
    out
        Folder for the two files; neither may be there already.
    fasta, genome
        The genome, which the regions are checked against; or the name of one to be fetched.

    Raises
    ------
    UserError
        If a file cannot be read, or a file that would be written is there already.
    """
    out = Path(out)
    for name in (SHEET, PARAMETERS):
        if (out / name).exists():
            raise UserError(
                "this file is there already, and is not overwritten",
                where=out / name,
                do="choose another --out folder, or move the file away",
            )
    if fasta is not None and settings.genome is not None:
        raise UserError("--fasta and --genome: two genomes are given", do="give one of them")
    named = {Path(os.path.abspath(path)) for path in paths}
    files, aside = set_aside(list_files(paths), named)
    rows = pair_up(files)
    for file in files:
        logger.info("%s: %d %s (%s)", file.path.name, len(file.regions), file.role, file.why)
    rename, notes = check_genome(files, fasta)
    notes = [*aside, *advise(rows, files), *notes]
    with output_folder(out) as staging:
        sheet = sheet_text(rows)
        (staging / SHEET).write_text(sheet, encoding="utf-8")
        text = parameters_text(rows, files, out, fasta, settings.genome, rename, notes)
        (staging / PARAMETERS).write_text(text, encoding="utf-8")
    for note in notes:
        logger.warning("check: %s", note)
    logger.info("written: %s and %s; read them, then run:", out / SHEET, out / PARAMETERS)
    logger.info("nextflow run . -profile %s -params-file %s", profile_at_hand(), out / PARAMETERS)


def list_files(paths: Sequence[Path]) -> list[Path]:
    """Put the region files of a folder in its place, sorted by name.

    Raises
    ------
    UserError
        If a path does not exist or a folder holds no region file.
    """
    listed: list[Path] = []
    for path in map(Path, paths):
        if not path.is_dir():
            listed.append(existing_file(path))
            continue
        inside = [p for p in sorted(path.iterdir()) if p.is_file() and _is_region_name(p.name)]
        if not inside:
            raise UserError(
                "the folder has no region files", where=path, expected=".bed, .csv, .tsv or .txt"
            )
        listed += inside
    if not listed:
        raise UserError("no file is given", expected="BED files or tables of regions")
    return list(dict.fromkeys(Path(os.path.abspath(path)) for path in listed))


def _is_region_name(name: str) -> bool:
    lower = name.lower().removesuffix(".gz").removesuffix(".bgz")
    plain = Path(lower).suffix in SUFFIXES and not lower.startswith((".", "readme"))
    return plain and lower != SHEET


def set_aside(paths: Sequence[Path], named: Collection[Path]) -> tuple[list[Recognised], list[str]]:
    """Recognise files; leave aside what a folder holds beside its table, as ROSE's and LILY's do.

    Parameters
    ----------
    paths
        The files.
    named
        Those that were given themselves: they are taken, or are an error.

    Returns
    -------
    tuple
        What was recognised, and notes on what was left aside.
    """
    files, notes = [], []
    for path in paths:
        try:
            files.append(recognise_regions(path))
        except UserError as error:
            if path in named:
                raise
            notes.append(f"{path.name} is left aside: {error}")
    if not files:
        raise UserError("no file holds regions", expected="BED files or tables", do=notes[0])
    tables = [file for file in files if file.role is Role.labelled]
    tables.sort(key=lambda file: WHOLE_TABLE.search(file.path.name) is None)
    kept: list[Recognised] = []
    for file in [*tables, *(file for file in files if file.role is not Role.labelled)]:
        whole = next((t for t in kept if file.path not in named and _is_within(file, t)), None)
        if whole is None:
            kept.append(file)
        else:
            notes.append(
                f"{file.path.name} is left aside: its regions are those of {whole.path.name}"
            )
    return [file for file in files if any(file is other for other in kept)], notes


def _is_within(file: Recognised, whole: Recognised) -> bool:
    """Whether a file of one folder repeats regions of a labelled one there."""
    if whole.role is not Role.labelled or file.path.parent != whole.path.parent:
        return False
    mine, all_ = (set(zip(*(r.regions[c] for c in PLACE), strict=True)) for r in (file, whole))
    return mine == all_ if file.role is Role.score else mine <= all_


def pair_up(files: Sequence[Recognised]) -> list[SheetRow]:
    """Make a row per cell line: a labelled file, or the two classes of one name.

    One file of super-enhancers and one of typical enhancers belong together whatever their
    names. A second file for the same place gets a row of its own.
    """
    supers = [file for file in files if file.role is Role.super]
    typicals = [file for file in files if file.role is Role.typical]
    only_pair = len(supers) == len(typicals) == 1
    rows = [SheetRow(file.sample, regions=file) for file in files if file.role is Role.labelled]
    for file in supers:
        partner = next((t for t in typicals if only_pair or t.sample == file.sample), None)
        if partner is not None:
            typicals.remove(partner)
        rows.append(SheetRow(file.sample, file, partner))
    rows += [SheetRow(file.sample, typical_enhancers=file) for file in typicals]
    taken, unique = [str(name).lower() for name in RESERVED], []
    for row in rows:
        name, number = row.sample, 2
        while name.lower() in taken:
            name, number = f"{row.sample}_{number}", number + 1
        taken.append(name.lower())
        unique.append(row._replace(sample=name))
    return unique


def check_genome(files: Sequence[Recognised], fasta: Path | None) -> tuple[bool, list[str]]:
    """Compare chromosome names and ends; returns whether to rename, and notes."""
    if fasta is None:
        return False, _assembly_notes(files)
    furthest: dict[str, int] = {}
    rows: Counter = Counter()
    for file in files:
        rows.update(file.regions["chrom"].value_counts().to_dict())
        for chrom, end in _furthest(file).items():
            furthest[chrom] = max(furthest.get(chrom, 0), end)
    with Genome(fasta) as genome:
        exact = genome.match_chromosomes(furthest)
        matched = genome.resolve(rows, files[0].path, rename=True).names
        past = [c for c, name in matched.items() if furthest[c] > genome.chromosomes[name]]
    notes = []
    rename = len(matched) > len(exact)
    if rename:
        notes.append(
            "chromosomes are named differently in the regions and the FASTA (such as chr1 and 1): "
            "rename_chromosomes is set to true"
        )
    if unknown := sorted(set(furthest) - set(matched)):
        notes.append(f"not in the FASTA, will be dropped: {', '.join(unknown[:10])}")
    if past:
        fitting = assemblies.that_hold(furthest)
        would = f"; they would fit {', '.join(fitting)}" if fitting else ""
        notes.append(
            f"regions pass the end of {', '.join(sorted(past)[:10])}: the FASTA is of another "
            f"assembly{would}"
        )
    return rename, notes


def _furthest(file: Recognised) -> dict[str, int]:
    return {str(c): int(end) for c, end in file.regions.groupby("chrom")["end"].max().items()}


def _assembly_notes(files: Sequence[Recognised]) -> list[str]:
    """Say which common assemblies the files fit by the ends of their chromosomes."""
    fitting = {file.path.name: assemblies.that_hold(_furthest(file)) for file in files}
    common = [name for name in assemblies.ASSEMBLIES if all(name in f for f in fitting.values())]
    if common:
        return [
            f"the regions fit {', '.join(common)} by their positions, which does not prove that "
            "they are of it: ask whoever called them"
        ]
    notes = [
        f"{name} fits {', '.join(names) or 'none of ' + ', '.join(assemblies.ASSEMBLIES)}"
        for name, names in fitting.items()
    ]
    if all(fitting.values()):
        notes.append("the files are of different assemblies: write a sheet for each, a run has one")
    return notes


def advise(rows: Sequence[SheetRow], files: Sequence[Recognised]) -> list[str]:
    """Say what to check before training on these files."""
    notes = [f"{file.path.name}: {note}" for file in files for note in file.notes]
    notes += [
        f"{file.path.name}: its path holds a character that Nextflow cannot pass on ($ ; * ? # "
        "[ ] { } ~ ` or a backslash): make a link to it with a plainer name"
        for file in files
        if UNSAFE.search(str(file.path))
    ]
    to_score = [file for file in files if file.role is Role.score]
    notes += [
        f"{file.path.name}: a comma in its path would part it in two in --predict: rename it"
        for file in to_score
        if len(to_score) > 1 and "," in str(file.path)
    ]
    for row in rows:
        if not row.complete:
            missing = "typical" if row.super_enhancers is not None else "super-"
            notes.append(
                f"{row.sample}: the {missing} enhancers are missing"
                + (" (dbSUPER lists super-enhancers only)" if missing == "typical" else "")
                + "; its row is a comment until you add them"
            )
            continue
        notes += _balance(row)
    return notes


def _balance(row: SheetRow) -> list[str]:
    first, second = row.classes
    fewest = min(len(first), len(second))
    notes = []
    if fewest < FEW:
        notes.append(
            f"{row.sample}: {len(first)} super-enhancers and {len(second)} typical enhancers; "
            f"with fewer than {FEW} of a class the test's intervals will be wide"
        )
    lengths = [float(np.median(part["end"] - part["start"])) for part in (first, second)]
    if max(lengths) > LENGTH_RATIO * min(lengths):
        notes.append(
            f"{row.sample}: super-enhancers have a median of {lengths[0]:,.0f} bp, typical "
            f"enhancers {lengths[1]:,.0f} bp: length alone will tell many of them apart, look at "
            "the baseline 'length' in the report"
        )
    return notes


# ------------------------------------------------------------------------- the two files


def sheet_text(rows: Sequence[SheetRow]) -> str:
    """The sample sheet; rows that lack a class are comments."""
    filled = [name for name in COLUMNS[1:] if any(getattr(row, name) for row in rows)]
    names = ["sample", *(filled if _usable(filled) else COLUMNS[1:3])]
    lines = [
        "# One row per cell line. Check that every file is what its column says.",
        "# Give super_enhancers and typical_enhancers, or one labelled file in regions.",
        "# The sample's name becomes the folder of its results: change it as you like.",
        ",".join(names),
    ]
    for row in rows:
        cells = [row.sample]
        for name in names[1:]:
            file = getattr(row, name)
            cells.append(str(file.path) if file is not None else "")
        text = io.StringIO()
        csv.writer(text, lineterminator="").writerow(cells)
        lines.append(text.getvalue() if row.complete else f"# incomplete: {text.getvalue()}")
    return "\n".join(lines) + "\n"


def _usable(filled: Sequence[str]) -> bool:
    return "regions" in filled or {"super_enhancers", "typical_enhancers"} <= set(filled)


def parameters_text(
    rows: Sequence[SheetRow],
    files: Sequence[Recognised],
    out: Path,
    fasta: Path | None,
    genome: str | None,
    rename: bool,
    notes: Sequence[str],
) -> str:
    """The parameter file, YAML for ``-params-file``."""
    train = any(row.complete for row in rows)
    to_score = [str(file.path) for file in files if file.role is Role.score]
    several = sum(row.complete for row in rows) > 1
    sheet = str((out / SHEET).absolute())
    place = None if fasta is None else str(Path(fasta).absolute())
    parts = [
        "# Parameters of seformer: nextflow run . -profile PROFILE -params-file params.yml",
        "# A line with # in front is not used. All parameters: docs/usage.md",
        *([""] + [f"# CHECK: {note}" for note in notes] if notes else []),
        "",
        "# What is trained on, and where the results go.",
        _line("input", sheet, train),
        _line("outdir", "results"),
        "",
        "# The genome that the regions were called on: a FASTA (plain or bgzipped), or the name",
        "# of one to fetch (hg19, hg38, mm10, mm39).",
        _line("fasta", place or "genome.fa.gz", place is not None),
        _line("genome", genome or "hg38", genome is not None),
        *([_line("rename_chromosomes", True)] if rename else []),
        "",
        "# What is fine-tuned. tiny, small and bases are trained from scratch, on a CPU too; for a",
        "# pre-trained model, such as gena-lm-bert-base-t2t, see: seformer models",
        _line("model", "tiny"),
        "# Or a model of an earlier run, instead of input and model:",
        _line("trained_model", "results/SAMPLE/model", False),
        "",
        "# Regions to score, and regions to explain base by base (slow: choose a few).",
        _line("predict", ",".join(to_score) or "peaks.bed", bool(to_score)),
        _line("explain", "interesting.bed", False),
        "",
        "# Held out for the test; without it chr7 and chr10 where they are there.",
        _line("test_chromosomes", "chr7,chr10", False),
        "# One more model for all cell lines together.",
        _line("integrative", True, False) if not several else _line("integrative", False),
        "# Seed of everything random.",
        _line("seed", 1),
    ]
    return "\n".join(parts) + "\n"


def _line(name: str, value: str | int | bool, used: bool = True) -> str:
    # JSON's scalars are YAML's
    return f"{'' if used else '# '}{name}: {json.dumps(value, ensure_ascii=False)}"
