#!/usr/bin/env python3
"""Writes the table of the further messages in docs/troubleshooting.md from the code.

scripts/message_table.py            write it
scripts/message_table.py --check    exit 1 if it is not up to date

Read from the source, not by running it: every `UserError` with what it finds, expects and advises.
What the hand-written tables of the page name already is left out.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE, CODE = ROOT / "docs/troubleshooting.md", ROOT / "bin/seformer"
BEGIN, END = "<!-- messages: begin (scripts/message_table.py) -->", "<!-- messages: end -->"
HOLE = "…"
# a message of less text of its own is known by its parts only
SHORTEST = 6


def text(node: ast.expr | None) -> str:
    """Write an expression as the text that is in it; what is known at run time only is a hole."""
    match node:
        case None:
            return ""
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=parts):
            return "".join(map(text, parts))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text(left) + text(right)
    return HOLE


def messages() -> Iterator[tuple[str, str, str]]:
    """Module, message, and what was expected or is to do, in the order of the code."""
    for path in sorted(CODE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="UserError"), args=[found, *_], keywords=given):
                    named = {word.arg: text(word.value) for word in given}
                    parts = [f"expected: {named['expected']}"] if named.get("expected") else []
                    parts += [named["do"]] if named.get("do") else []
                    yield path.stem, text(found), "; ".join(parts)


def table(page: str) -> str:
    rows = {}
    for module, found, advice in messages():
        short = re.sub(rf"{HOLE}+", HOLE, " ".join(found.split()))
        if len(re.findall(r"[a-z]", short)) >= SHORTEST and not any(
            p in found for p in known(page)
        ):
            rows.setdefault(short, (module, re.sub(rf"{HOLE}+", HOLE, " ".join(advice.split()))))
    lines = [
        f"| `{found.replace('`', '')}` | {module} | {advice} |".replace("|  |", "| |")
        for found, (module, advice) in sorted(rows.items(), key=lambda row: row[1][0])
    ]
    return "\n".join(["| message | from | what to do |", "| --- | --- | --- |", *lines])


def known(page: str) -> list[str]:
    """Pieces of messages that the hand-written tables name."""
    rows = re.findall(r"^\| (`.+?) \| ", page.split(BEGIN)[0], re.MULTILINE)
    quoted = [message for row in rows for message in re.findall(r"`([^`]+)`", row)]
    pieces = [piece.strip() for message in quoted for piece in message.split(HOLE)]
    return [piece for piece in pieces if len(piece) > SHORTEST]


def updated(page: str) -> str:
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n\n{table(page)}\n\n{END}{after}"


if __name__ == "__main__":
    page = PAGE.read_text(encoding="utf-8")
    if sys.argv[1:] == ["--check"]:
        sys.exit(page != updated(page))
    PAGE.write_text(updated(page), encoding="utf-8")
