"""`seformer models`: the registry, and downloads for machines without network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from seformer.model.backbones.registry import Entry

WIDTH = 80

command = typer.Typer(
    help="List the models that can be fine-tuned, or download one.", invoke_without_command=True
)


@command.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    licence: Annotated[
        str | None,
        typer.Option(
            "--licence",
            help="Only models whose licence allows commercial use (commercial), or those of a "
            "licence by its name. Models whose licence is not known are left out.",
            metavar="[commercial|NAME]",
        ),
    ] = None,
    bases: Annotated[
        int | None,
        typer.Option(
            "--context",
            help="Only models of which one window covers at least so many bases on average. "
            "(Longer regions are cut into windows with any model.)",
            min=1,
            metavar="BASES",
        ),
    ] = None,
    cpu: Annotated[
        bool,
        typer.Option(
            "--cpu",
            help="Only models with at most 50 million weights, the size to train without a GPU.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="All fields, as JSON.")] = False,
) -> None:
    """List the presets and the registry of published models."""
    if context.invoked_subcommand is not None:
        return
    import json

    from seformer.model.backbones import registry
    from seformer.model.backbones.choose import choose_models

    known = registry.entries()
    chosen = choose_models(known, licence=licence, bases=bases, cpu=cpu)
    if as_json:
        typer.echo(json.dumps([entry._asdict() for entry in chosen.fit], indent=2))
        return
    name = max(len(entry.name) for entry in known)
    typer.echo(f"{'name':{name}}  {'tokens':>6}  {'bp':>6}  parameters")
    for entry in chosen.fit:
        typer.echo(_line(entry, name))
        typer.echo(_details(entry))
    if licence or bases or cpu:
        typer.echo(f"{len(chosen.fit)} of {len(known)} models. {chosen.left_out}".rstrip())


@command.command("fetch")
def fetch_one(
    name: Annotated[str, typer.Argument(help="Registry name or hub id (owner/name@revision).")],
    to: Annotated[Path, typer.Option("--to", help="Folder for the model's files.")],
) -> None:
    """Download a model once, check it and write its checksums."""
    from seformer.model.backbones.fetch import fetch

    typer.echo(fetch(name, to))


def _line(entry: Entry, width: int) -> str:
    millions = entry.parameters / 1e6
    size = f"{millions:,.1f} M" if millions < 10 else f"{millions:,.0f} M"
    context = (f"{n:,}" if n else "?" for n in (entry.context_tokens, entry.context_bp))
    return f"{entry.name:{width}}  {next(context):>6}  {next(context):>6}  {size:>10}"


def _details(entry: Entry) -> str:
    """What stands under a model's line: no borders, so that it also goes through a pipe."""
    import textwrap

    from seformer.model.backbones.licence import NOT_COMMERCIAL, is_commercial

    licence = entry.licence or "see its model card"
    if is_commercial(entry.licence) is False:
        licence += f" ({NOT_COMMERCIAL.upper()})"
    told = [f"licence: {licence}", f"family {entry.family}", entry.loads]
    if entry.labels:
        told.append(f"trained with labels: {entry.labels}")
    if entry.held_out:
        told.append(f"never saw {', '.join(entry.held_out)}")
    if entry.unchecked:
        told.append(f"not checked here: {', '.join(entry.unchecked)}")
    return textwrap.fill(
        "; ".join(told),
        WIDTH,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
    )
