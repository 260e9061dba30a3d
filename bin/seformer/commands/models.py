"""`seformer models`: the registry, and downloads for machines without network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seformer.model.backbones.registry import Entry

command = typer.Typer(
    help="List the models that can be fine-tuned, or download one.", invoke_without_command=True
)


@command.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="All fields, as JSON.")] = False,
) -> None:
    """List the presets and the registry of published models."""
    if context.invoked_subcommand is not None:
        return
    from seformer.model.backbones import registry

    if as_json:
        import json

        typer.echo(json.dumps([entry._asdict() for entry in registry.entries()], indent=2))
        return
    rows = [_cells(entry) for entry in registry.entries()]
    header = ["name", "family", "tokens", "bp", "parameters", "held out", "licence", "loads as"]
    _show(header, rows)


@command.command("fetch")
def fetch_one(
    name: Annotated[str, typer.Argument(help="Registry name or hub id (owner/name@revision).")],
    to: Annotated[Path, typer.Option("--to", help="Folder for the model's files.")],
) -> None:
    """Download a model once, check it and write its checksums."""
    from seformer.model.backbones.fetch import fetch

    typer.echo(fetch(name, to))


def _cells(entry: Entry) -> list[str]:
    millions = entry.parameters / 1e6
    return [
        entry.name,
        entry.family,
        f"{entry.context_tokens:,}",
        f"{entry.context_bp:,}",
        f"{millions:.1f} M" if millions < 10 else f"{millions:.0f} M",
        ", ".join(entry.held_out) or "-",
        entry.licence or "see model card",
        entry.loads,
    ]


def _show(header: list[str], rows: list[list[str]]) -> None:
    """Print aligned columns; no borders, so that the output also goes through a pipe."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())
