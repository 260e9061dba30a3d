"""Broken and hostile archives of models."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

from bad_case import PREDICT, case

ARCHIVE = PREDICT + ".tar"


def archive(*members: tuple[str, bytes | str], mode: str = "w") -> Callable[[Path, Path], None]:
    """An archive with the sound model and ``members``: a name and content, or a link's target."""

    def make(here: Path, good: Path) -> None:
        with tarfile.open(here / "model.tar", mode) as tar:
            for path in sorted((good / "model").iterdir()):
                tar.add(path, path.name)
            for name, content in members:
                member = tarfile.TarInfo(name)
                if isinstance(content, str):
                    member.type, member.linkname = tarfile.SYMTYPE, content
                    tar.addfile(member)
                else:
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))

    return make


def _cut_archive(here: Path, good: Path) -> None:
    archive()(here, good)
    os.truncate(here / "model.tar", 9_000)


def _huge_member(here: Path, good: Path) -> None:
    """A member that says it has 8 GB, of which there are none."""
    member = tarfile.TarInfo("README.md")
    member.size = 8 << 30
    (here / "model.tar").write_bytes(member.tobuf())


ARCHIVES = [
    case("archive/outside", ARCHIVE, archive(("../evil.json", b"{}")), "outside", "seformer pack"),
    case("archive/absolute", ARCHIVE, archive(("/tmp/evil.json", b"{}")), "outside"),
    case("archive/link", ARCHIVE, archive(("README.md", "/etc/passwd")), "is a link"),
    case("archive/pickle", ARCHIVE, archive(("pytorch_model.bin", b"x")), "could run code"),
    case("archive/script", ARCHIVE, archive(("modeling.py", b"x")), "no file of a model folder"),
    case("archive/escape_codes", ARCHIVE, archive(("\x1b[31m.json", b"x")), "unusable name"),
    case("archive/twice", ARCHIVE, archive(("config.json", b"{}")), "is there twice"),
    case("archive/many", ARCHIVE, archive(*((f"{i}.md", b"") for i in range(600))), "more than"),
    case("archive/compressed", ARCHIVE, archive(mode="w:gz"), "no whole tar archive"),
    case("archive/cut", ARCHIVE, _cut_archive, "model.tar", "seformer pack"),
    case("archive/huge_member", ARCHIVE, _huge_member, "too large"),
    case(
        "archive/text",
        ARCHIVE,
        lambda h, _: (h / "model.tar").write_text("x" * 999) and None,
        "no whole tar archive",
    ),
]
