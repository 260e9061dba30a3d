"""Text from outside on a page: nothing in it is read as HTML, as Markdown or by a figure."""

from __future__ import annotations

import re
import zlib

NAMED = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}
# a _ within a word is one in Markdown too
READ = re.compile(r"""[&<>"'`\\*\[\]|#~]|(?<![^\W_])_|_(?![^\W_])""")
# signs that every font has
ALIKE = str.maketrans({"<": "‹", ">": "›", "&": "+", '"': "”", "'": "’", "`": "´"})
ALIKE |= str.maketrans({"[": "(", "]": ")", "|": "¦"})
LONGEST = 80


def escape(text: object) -> str:
    """Escape text for HTML and for Markdown, in running text and in quoted attributes.

    Character references mean the same in both, so that one function serves the report, whose
    descriptions MultiQC reads as Markdown, and the model card.
    """
    return READ.sub(lambda sign: NAMED.get(sign[0], f"&#{ord(sign[0])};"), _line(text))


def plain(name: object) -> str:
    """Make a name harmless where references would be shown or undone: in figures.

    Signs are replaced by others that look alike; long names are cut, and stay apart.
    """
    text = _line(name).translate(ALIKE)
    return f"{text[: LONGEST - 9]}…{mark(text)}" if len(text) > LONGEST else text or "unnamed"


def mark(text: object) -> str:
    """Tell names apart that would be written alike: eight digits."""
    return f"{zlib.crc32(str(text).encode(errors='replace')):08x}"


def _line(text: object) -> str:
    """One line; what cannot be printed is shown as such."""
    return "".join(c if c.isprintable() else "�" for c in " ".join(str(text).split()))
