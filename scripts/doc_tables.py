#!/usr/bin/env python3
"""Writes what the package defines where it stands outside: baselines and the columns of regions.

scripts/doc_tables.py            write them
scripts/doc_tables.py --check    exit 1 if they are not up to date

Baselines: in nextflow_schema.json (description and pattern of --baselines), docs/output.md (what
each sees, its column) and galaxy/macros.xml (the choices); afterwards run
parameters.py. Columns of regions.tsv and predictions.tsv: in docs/output.md (the former) and in
the tests of Galaxy's tools.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bin"))

from seformer.evaluation.baselines import BASELINES  # noqa: E402
from seformer.regions.folder import COLUMNS as REGIONS  # noqa: E402
from seformer.scoring.merge import SCORE_COLUMNS  # noqa: E402

ALL = "|".join(BASELINES)
SEEN = "".join(f"| `{name}` | {baseline.sees} |\n" for name, baseline in BASELINES.items())
COLUMNS = ", ".join(f"`{name}_probability`" for name in BASELINES)
MEANINGS = "".join(f"| `{name}` | {column.meaning} |\n" for name, column in REGIONS.items())
OPTIONS = "".join(
    f'            <option value="{name}">{baseline.title}</option>\n'
    for name, baseline in BASELINES.items()
    if baseline.fit  # the random twin is trained, not fitted: the fine-tuning alone offers it
)
# file -> what stands before and what was written there (patterns), what is to be written
PLACES = {
    "nextflow_schema.json": [
        ("beside the model: all, or a comma list of ", r"[\w, ]*", ", ".join(BASELINES)),
        (r'"pattern": "\^\(all\|', r"[^$]*(?=\)\$)", f"({ALL})(,({ALL}))*"),
    ],
    "docs/output.md": [
        (r"## regions.tsv\n\n.*\n\n\| column .*\n.*\n", r"(?:\|.*\n)*?(?=\| `cluster`)", MEANINGS),
        (r"\| baseline \| what it sees \|\n\| --- \| --- \|\n", r"(?:\|.*\n)*", SEEN),
        (r"\n\| ", r"`\w+_probability`, [^|]*(?= \| the baselines')", COLUMNS),
    ],
    "galaxy/macros.xml": [
        (r'argument="--baselines".*\n', r"(?: *<option.*\n)*", OPTIONS),
    ],
    "galaxy/seformer_extract.xml": [
        (r'name="column_names" value="', r"sample,[\w,]*", ",".join(REGIONS)),
    ],
    "galaxy/seformer_predict.xml": [
        (
            r'name="column_names" value="chrom,start,end,name,',
            r"[\w,]*",
            ",".join(SCORE_COLUMNS),
        ),
    ],
}


def updated(text: str, before: str, old: str, new: str) -> str:
    text, places = re.subn(f"({before}){old}", lambda match: match[1] + new, text)
    if places != 1:
        raise SystemExit(f"{places} places after {before}")
    return text


if __name__ == "__main__":
    changed = []
    for name, places in PLACES.items():
        page = (ROOT / name).read_text(encoding="utf-8")
        text = page
        for place in places:
            text = updated(text, *place)
        if text != page:
            changed.append(name)
            if "--check" not in sys.argv:
                (ROOT / name).write_text(text, encoding="utf-8")
    sys.exit("--check" in sys.argv and bool(changed))
