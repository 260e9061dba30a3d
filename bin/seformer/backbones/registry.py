"""The registry of published models, and how a name becomes a folder."""

from __future__ import annotations

from pathlib import Path

from seformer.errors import UserError


def resolve(name: str | Path) -> tuple[Path, str, str | None]:
    """Return the folder of a model, where it came from, and its revision."""
    if Path(name).is_dir():
        return Path(name), "folder", None
    raise UserError(f"there is no model {name!r}")
