"""What the columns of regions and their labels are called."""

from __future__ import annotations

import re
from collections.abc import Sequence

# header names, lower case, that mean the same thing in all formats
HEADER_WORDS = {
    meaning: tuple(words.split("|"))
    for meaning, words in {
        "chrom": "chrom|chr|chromosome|seqnames|seqname|seqid|se_chr|te_chr|contig"
        "|chromosome_name|chromosome/scaffold name",
        "start": "start|chromstart|se_start|te_start|start_position|start (bp)|gene start (bp)",
        "end": "end|stop|chromend|se_end|te_end|end_position|end (bp)|gene end (bp)",
        "name": "name|region_id|se_id|te_id|id|peakid|peak_id",
        "label": "label|issuper|labels|is_super|isse|is_se",
    }.items()
}
# a column of these names that is end - start + 1 gives starts away that count from 1
LENGTH_WORDS = (
    "width length size len peak_width peak_length peak_size region_width region_length"
    " region_size".split()
)

# columns of the two alleles of a variant, the best name first
REFERENCE_WORDS = ("ref", "reference", "refallele", "ref_allele", "reference_allele")
ALTERNATIVE_WORDS = (
    *("alt", "alts", "alternative", "altallele", "alt_allele", "alternative_allele"),
    *("alternate_allele", "tumor_seq_allele2"),
)

# what regions were ranked by, and what was subtracted from it; of ROSE's tables see `signal`
SIGNAL_WORDS = ("signal", "h3k27ac_signal", "h3k27ac", "se_cas_value", "te_cas_value")
CONTROL_WORDS = ("control", "control_signal", "se_con_value", "te_con_value")

# words for the two classes, lower case, without blanks, dashes and underscores
SUPER_WORDS = ("se", "ses", "super", "superenhancer", "superenhancers")
# LILY calls a typical enhancer an enhancer, and lists promoters too, which are neither
TYPICAL_WORDS = (
    "te tes typical typicalenhancer typicalenhancers enhancer nonsuper normalenhancer"
    " regularenhancer nonsuperenhancer nonse".split()
)
NEITHER = -2
CLASSES = (
    dict.fromkeys(SUPER_WORDS, 1)
    | dict.fromkeys(TYPICAL_WORDS, 0)
    | dict.fromkeys(("promoter", "promoters"), NEITHER)
)
# what says nothing of enhancers, and is a label only in a column that is called so
LABELS = (
    CLASSES
    | dict.fromkeys(("1", "1.0", "yes", "true", "t", "y"), 1)
    | dict.fromkeys(("0", "0.0", "no", "false", "f", "n"), 0)
    | dict.fromkeys(("", ".", "na", "nan", "none", "null"), -1)  # no label
)
KNOWN_LABELS = "super-enhancer: 1, SE, YES, TRUE; typical: 0, TE, NO, FALSE"


def column_words(header: Sequence[str]) -> list[str]:
    """Names of columns as formats know them: HOMER adds its command line to the first one."""
    return [name.lstrip("#").lower().split(" (cmd")[0] for name in header]


def find_columns(header: Sequence[str]) -> dict[str, list[int]]:
    """Which columns have which meaning of `HEADER_WORDS`, the best word first."""
    words = column_words(header)
    columns = {
        meaning: [i for word in known for i, own in enumerate(words) if own == word]
        for meaning, known in HEADER_WORDS.items()
    }
    return {meaning: indices for meaning, indices in columns.items() if indices}


def find_length(header: Sequence[str]) -> int | None:
    """Which column holds lengths."""
    words = column_words(header)
    return next((words.index(word) for word in LENGTH_WORDS if word in words), None)


def read_label(cell: str) -> int | None:
    """What a cell of a column of labels says: 1, 0, `NEITHER`, −1 = none; None otherwise."""
    return LABELS.get(plain_word(cell))


def plain_word(word: str) -> str:
    """A label as `LABELS` has it; a minus stays, so that -1 is not 1."""
    return re.sub(r"[\s_]|-(?!\s*\d)", "", word.lower())
