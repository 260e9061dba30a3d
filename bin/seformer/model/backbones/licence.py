"""Under which licence a backbone's weights are, and whether it allows commercial use.

Kept free of torch, so that `seformer models` answers at once.
"""

from __future__ import annotations

import re
from pathlib import Path

from seformer.model.backbones.registry import find
from seformer.util.text import small_file

# of every Nucleotide Transformer that was published
NUCLEOTIDE_TRANSFORMER = "CC-BY-NC-SA-4.0"
NOT_COMMERCIAL = "not for commercial use"
_PERMISSIVE = ("mit", "apache-2.0", "bsd", "cc0", "cc-by-4.0", "cc-by-sa-4.0", "isc", "unlicense")
_USUAL = {"mit": "MIT", "apache-2.0": "Apache-2.0"}


def is_commercial(licence: str | None) -> bool | None:
    """Tell whether a licence allows commercial use; None if it is not known here."""
    if licence is None:
        return None
    name = licence.lower()
    if re.search(r"\bnc\b|non-?commercial", name):
        return False
    return True if name.startswith(_PERMISSIVE) else None


def read_licence(folder: str | Path) -> str | None:
    """Read what README.md of a model's folder says in the form of the hub (``license: …``)."""
    path = Path(folder) / "README.md"
    if not path.is_file():
        return None
    text = small_file(path).read_text(encoding="utf-8", errors="replace")
    front = re.match(r"---\n(.*?)\n---", text, re.S)
    said = front and re.search(r"^license:\s*[\"']?([\w.+-]{1,40})", front[1], re.M)
    if not said or said[1].lower() in ("other", "unknown"):
        return None
    name = said[1].lower()
    return _USUAL.get(name, name.upper() if name.startswith("cc") else said[1])


def licence_of(name: str, folder: str | Path) -> str | None:
    """The licence of a model by its registry name or hub id, else by its folder's README.md."""
    entry = find(name)
    return (entry.licence if entry else None) or read_licence(folder)
