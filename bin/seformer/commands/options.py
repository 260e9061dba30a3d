"""Options that several commands share; the options that a stage's settings are."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from seformer.util.errors import UserError
from seformer.util.settings import (
    Names,
    Settings,
    bounds_of,
    choices_of,
    default_of,
    fields_of,
    kind_of,
    meta,
    option_of,
)

WIDEST = 13  # letters of what stands for a value


def expand(command: Callable) -> Callable:
    """Put the options of its fields in place of every parameter that is a class of settings."""
    parameters = inspect.signature(command, eval_str=True).parameters.values()
    kinds = {
        p.name: p.annotation
        for p in parameters
        if isinstance(p.annotation, type) and issubclass(p.annotation, Settings)
    }
    options = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default_of(field),
            annotation=_option(name, field),
        )
        for kind in kinds.values()
        for name, field in fields_of(kind).items()
        if meta(field).name is not None
    ]
    others = [_not_empty(p).replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in parameters]
    written = {p.name for p in parameters if _is_written(p)}

    @functools.wraps(command)
    def run(**values: Any) -> None:
        from seformer.util.atomic import inputs_spared, require_spared

        lists = {k: value if isinstance(value, list) else [value] for k, value in values.items()}
        paths = [(k, x) for k, given in lists.items() for x in given if isinstance(x, Path)]
        _require_each_once(paths)
        _require_apart([(name, path) for name, path in paths if name not in written])
        for name, kind in kinds.items():
            fields = kind.model_fields
            values[name] = kind(**{key: values.pop(key) for key in fields.keys() & values.keys()})
        with inputs_spared(path for name, path in paths if name not in written):
            # before hours of work, and again when it is written
            require_spared(path for name, path in paths if name in written)
            command(**values)

    shown = inspect.Signature([*(p for p in others if p.name not in kinds), *options])
    vars(run)["__signature__"] = shown
    run.__annotations__ = {name: p.annotation for name, p in shown.parameters.items()}
    return run


def _require_each_once(given: Sequence[tuple[str, Path]]) -> None:
    """Refuse what is listed twice by a slip: its regions would count as others beside themselves.

    Samples that share a splits.tsv name it for each.
    """
    places = Counter((name, os.path.abspath(path)) for name, path in given if name != "splits")
    if again := next((place for (_, place), n in places.items() if n > 1), None):
        raise UserError("this is given twice", where=again, do="name each once")


def _require_apart(given: Sequence[tuple[str, Path]]) -> None:
    """Refuse results in a folder that is read: of two models of a name one would be lost."""
    out = dict(given).get("out")
    read = [path for name, path in given if name != "out" and path.is_dir()]
    if out and os.path.realpath(out) in map(os.path.realpath, read):
        raise UserError(
            "the results would go into a folder that the command reads",
            where=out,
            do="choose another --out folder",
        )


def _option(name: str, field: Any) -> Any:
    """Return the annotation that typer makes an option of."""
    bounds, elsewhere = bounds_of(field), meta(field)
    text = field.description
    if elsewhere.unset:
        text += f" Default: {elsewhere.unset}."
    choices = choices_of(field)
    option = typer.Option(
        option_of(name, field),
        help=text,
        min=bounds.get("ge"),
        max=bounds.get("le"),
        metavar=_metavar(elsewhere.metavar or f"[{'|'.join(choices)}]", kind_of(field)),
    )
    # the class says what is wrong with a choice, in the same words at every door
    as_text = choices or kind_of(field) == Names
    kind: Any = str | None if as_text else field.annotation
    option.parser = _path if Path in get_args(kind) else None
    return Annotated[kind, option]


def _not_empty(parameter: inspect.Parameter) -> inspect.Parameter:
    """A parameter that takes no empty path, if it takes paths."""
    kind, *told = get_args(parameter.annotation) or (None,)
    if kind is Path or {Path, list[Path]} & {*get_args(kind)}:
        told[0].parser = _path
    return parameter


def _is_written(parameter: inspect.Parameter) -> bool:
    """Whether it names what the command writes: a file that may be there is replaced."""
    return any(getattr(told, "writable", False) for told in get_args(parameter.annotation)[1:])


def _path(text: str) -> Path:
    """What a variable of the shell that is not set leaves would be the current folder."""
    if not text:
        raise typer.BadParameter("it is empty; name a file or folder, or leave the option out")
    return Path(text)


def _metavar(text: str, kind: type) -> str | None:
    """What stands for a value in the help: so narrow that 80 columns hold the options' names."""
    if text == "[]":
        return {int: "INT", float: "NUM"}.get(kind)
    lines = [""]
    for choice in re.findall(r"[^|]+\|?", text):
        if lines[-1] and len(lines[-1] + choice) > WIDEST:
            lines.append("")
        lines[-1] += choice
    return "\n".join(lines)


Out = Annotated[Path, typer.Option("--out", metavar="PATH", help="Folder for the results.")]
Fasta = Annotated[Path, typer.Option("--fasta", help="Genome FASTA, plain, bgzipped or gzipped.")]
OptionalFasta = Annotated[
    Path | None, typer.Option("--fasta", help="Genome FASTA, plain, bgzipped or gzipped.")
]
Regions = Annotated[
    Path | None, typer.Option("--regions", help="BED (3 to 12 columns), DeepSE CSV or ROSE table.")
]
Variants = Annotated[
    Path | None,
    typer.Option(
        "--vcf", help="Variants: VCF, BCF, or a table of dbSNP's or the GWAS catalogue's form."
    ),
]
Positions = Annotated[
    Path | None, typer.Option("--positions", help="BED: every substitution at its bases.")
]
VariantRegions = Annotated[
    Path | None, typer.Option("--regions", help="Score variants in these regions, not round each.")
]
VariantMotifs = Annotated[
    Path | None,
    typer.Option(
        "--motifs", help="Motifs in MEME format (or jaspar): which ones an allele makes or breaks."
    ),
]
ExtractedOne = Annotated[
    Path | None, typer.Option("--extracted", help="Folder written by `seformer extract`.")
]
ExtractedMany = Annotated[
    list[Path],
    typer.Option("--extracted", help="Folder written by `seformer extract`; repeat per sample."),
]
SplitsMany = Annotated[
    list[Path],
    typer.Option("--splits", help="splits.tsv of `seformer split`, in the order of --extracted."),
]
LabelledFasta = Annotated[
    Path | None,
    typer.Option(
        "--labelled-fasta",
        writable=True,
        help="Write a FASTA too whose headers auditors read: >chr1:0-200 label=1 split=test.",
    ),
]
Backbone = Annotated[
    str,
    typer.Option(
        "--model",
        help="tiny, small or bases (from scratch), a name from `seformer models`, a hub id "
        "(owner/name[@revision]), or a folder.",
    ),
]
# of one evaluation; required or not
MODELS = typer.Option(
    "--model", help="Model folder of an earlier stage; several make one ensemble (mean logit)."
)
ModelFolder = Annotated[Path, typer.Option("--model", help="Model folder of an earlier stage.")]
TrainedModel = Annotated[
    Path, typer.Option("--model", help="Trained model: its folder, or an archive of it (`pack`).")
]
ChromSizes = Annotated[
    Path | None,
    typer.Option("--chrom-sizes", help="Chromosome lengths (a .fai) instead of --fasta."),
]
Attributions = Annotated[
    list[Path],
    typer.Option("--attributions", help="Folder of `seformer explain`; may be repeated."),
]


def read_motifs(path: Path | None, settings: Settings) -> Callable | None:
    """Read the motifs that are looked for over alleles, if there is a file of them."""
    if path is None:
        return None
    from seformer.motifs.changes import read_motif_file

    return read_motif_file(path, settings)
