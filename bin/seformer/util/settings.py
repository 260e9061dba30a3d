"""One class of settings a stage: options of its command, keywords in Python, parameters.

A field says once what a setting means, its unit, its bounds and its default.
`commands.options.expand` makes options of a command of it, `takes` the keywords of a stage's
function, and `scripts/parameters.py` writes what the pipeline and the documentation repeat.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from types import UnionType
from typing import Any, Literal, Self, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.fields import FieldInfo

from seformer.util.errors import UserError
from seformer.util.labels import check_sample_name

Names = tuple[str, ...]
InvalidRegions = Literal["error", "drop"]
SAME = "same"  # of the pipeline's parameter: named as the option, if the schema has it
# larger numbers are exact neither in JSON nor in the arithmetic of arrays
MOST = 2**53
WORDS = {int: "a whole number", float: "a number", bool: "True or False", str: "a text"}


@dataclass(frozen=True)
class Option:
    """What a field is elsewhere.

    Attributes
    ----------
    name
        Option of the command; None for a setting that only Python has.
    parameter
        Parameter of the pipeline; None if the pipeline does not offer it.
    group
        Group of `nextflow_schema.json` that a parameter which is not there yet is added to.
    unset
        What is taken without a value.
    metavar
        What stands for the value in the command's help.
    refused
        What is said of a value that is out of bounds, with ``{value}`` in it.
    """

    name: str | None
    parameter: str | None
    group: str | None
    unset: str | None
    metavar: str | None
    refused: str | None


def setting(
    default: Any,
    description: str,
    *,
    unit: str | None = None,
    option: str | None = SAME,
    parameter: str | None = SAME,
    group: str | None = None,
    unset: str | None = None,
    metavar: str | None = None,
    refused: str | None = None,
    **bounds: Any,
) -> Any:
    """Define a field: its default, one line that a biologist understands, and its bounds.

    Parameters
    ----------
    unit
        Unit of the value; it is put behind the description, in brackets.
    option, parameter, group, unset, metavar, refused
        See `Option`; by default the names are the field's.
    **bounds
        ``ge``, ``gt``, ``le``, ``lt`` or ``pattern``, as of `pydantic.Field`.
    """
    text = description if unit is None else f"{description.removesuffix('.')} ({unit})."
    elsewhere: Any = {"option": Option(option, parameter, group, unset, metavar, refused)}
    return Field(default, description=text, json_schema_extra=elsewhere, **bounds)


class Settings(BaseModel):
    """Settings of a stage, checked when they are made and never changed.

    Raises
    ------
    UserError
        If a value is of another type or out of bounds; the message names the option.
    TypeError
        If a keyword is no field.
    """

    # built when first used: --help needs the fields alone
    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,
        protected_namespaces=(),
    )

    def __init__(self, **values: Any) -> None:
        if unknown := sorted(values.keys() - type(self).model_fields.keys()):
            raise TypeError(f"{type(self).__name__} has no field {', '.join(unknown)}")
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise self._refused(dict(error.errors()[0])) from None

    @field_validator("*", mode="before")
    @classmethod
    def _as_plain(cls, value: Any, info: ValidationInfo) -> Any:
        """Take numbers of numpy, paths and lists as text for what they are; nothing else."""
        name = str(info.field_name)
        if isinstance(value, str):
            kind = kind_of(cls.model_fields[name])
            return Path(value) if kind is Path else names(value) if kind == Names else value
        if isinstance(value, bool) or value is None:
            return value
        if isinstance(value, Integral):
            if abs(int(value)) >= MOST:
                shown = option_of(name, cls.model_fields[name])
                raise UserError(f"{shown or name} {value}", expected=f"a number below {MOST}")
            return int(value)
        if isinstance(value, Real):
            return float(value)
        return tuple(value) if isinstance(value, list) else value

    @field_validator("sample", check_fields=False)
    @classmethod
    def _names_a_folder(cls, sample: str | None) -> str | None:
        return None if sample is None else check_sample_name(sample, "--sample")

    @classmethod
    def _refused(cls, problem: dict[str, Any]) -> UserError:
        name, value = str(problem["loc"][0]), problem["input"]
        field = cls.model_fields[name]
        shown = option_of(name, field) or name
        if text := meta(field).refused:
            return UserError(text.format(value=value), where=shown, expected=expected(field))
        given = value if choices_of(field) else repr(value)
        return UserError(f"{shown} {given}", expected=expected(field))

    def begin(self) -> None:
        """Make ready what the settings ask of the process; called before a stage begins."""

    def only(self, kind: type[Settings]) -> dict[str, Any]:
        """Return the values of the fields that ``kind``, a base of this class, has, in its order.

        This is what a result records of the settings.
        """
        return {name: getattr(self, name) for name in kind.model_fields}

    def changed(self, *fields: str) -> bool:
        """Say whether any of these fields is not its default."""
        defaults = type(self).model_fields
        return any(getattr(self, name) != defaults[name].default for name in fields)

    def but(self, **values: Any) -> Self:
        """Return a copy with other values, checked as at first."""
        return type(self)(**(dict(self) | values))


# ------------------------------------------------------------------------- what a field says


def fields_of(kind: type[Settings]) -> dict[str, FieldInfo]:
    """Return the fields in the order for people: a stage's own first, then what stages share."""
    order = [name for base in kind.__mro__ for name in vars(base).get("__annotations__", ())]
    return {name: kind.model_fields[name] for name in order if name in kind.model_fields}


def meta(field: FieldInfo) -> Option:
    """Return what the field is elsewhere."""
    extra: Any = field.json_schema_extra
    return extra["option"]


def option_of(name: str, field: FieldInfo) -> str | None:
    """Return the option of the command that a field is, None if it is none."""
    option = meta(field).name
    return f"--{name.replace('_', '-')}" if option == SAME else option


def kind_of(field: FieldInfo) -> Any:
    """Return the type of the value, without None."""
    kinds = [field.annotation]
    if get_origin(field.annotation) in (Union, UnionType):
        kinds = [kind for kind in get_args(field.annotation) if kind is not type(None)]
    return kinds[0]


def choices_of(field: FieldInfo) -> tuple[str, ...]:
    """Return the values of an enumeration; none if any value may stand there."""
    kind = kind_of(field)
    return get_args(kind) if get_origin(kind) is Literal else ()


def bounds_of(field: FieldInfo) -> dict[str, float]:
    """Return the bounds among ``ge``, ``gt``, ``le`` and ``lt``."""
    return {
        bound: getattr(entry, bound)
        for entry in field.metadata
        for bound in ("ge", "gt", "le", "lt")
        if getattr(entry, bound, None) is not None
    }


def default_of(field: FieldInfo) -> Any:
    """Return the default as it is given outside Python: a tuple is a comma list."""
    return ",".join(field.default) if kind_of(field) == Names else field.default


def expected(field: FieldInfo) -> str:
    """Say what values a field takes."""
    if choices := choices_of(field):
        return " or ".join(choices) if len(choices) == 2 else f"one of {', '.join(choices)}"
    bounds, words = bounds_of(field), WORDS.get(kind_of(field), "a path")
    text = {name: f"{value:g}".replace("e-0", "e-") for name, value in bounds.items()}
    match sorted(bounds):
        case ["ge"]:
            return f"{words} of at least {text['ge']}"
        case ["ge", "le"]:
            return f"{words} from {text['ge']} to {text['le']}"
        case ["ge", "lt"]:
            return f"{words} from {text['ge']} to less than {text['lt']}"
        case ["gt"]:
            return f"{words} above {text['gt']}"
        case ["gt", "le"]:
            return f"{words} above {text['gt']}, up to {text['le']}"
        case ["gt", "lt"]:
            return f"{words} between {text['gt']} and {text['lt']}"
    return words


def names(text: str) -> tuple[str, ...]:
    """Cut a comma list."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


# ------------------------------------------------------------------------- two doors


def takes(kind: type[Settings]) -> Callable[[Callable], Callable]:
    """Let a function with a last parameter ``settings`` be called with the fields as keywords too.

    ``f(data, settings=Kind(epochs=3))``, ``f(data, Kind(epochs=3))`` and ``f(data, epochs=3)`` are
    the same call. The signature shows the fields, with their defaults.
    """

    def decorate(function: Callable) -> Callable:
        parameters = inspect.signature(function).parameters
        position = list(parameters).index("settings")

        @functools.wraps(function)
        def called(*arguments: Any, **keywords: Any) -> Any:
            given = len(arguments) > position or "settings" in keywords
            values = {name: keywords.pop(name) for name in kind.model_fields if name in keywords}
            if given and values:
                raise TypeError(f"{', '.join(values)}: given beside settings, not in them")
            if not given:
                keywords["settings"] = kind(**values)
            settings = keywords["settings"] if "settings" in keywords else arguments[position]
            settings.begin()
            return function(*arguments, **keywords)

        shown = [p for name, p in parameters.items() if name != "settings"]
        shown += [
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=f.annotation
            )
            for name, f in fields_of(kind).items()
        ]
        vars(called)["__signature__"] = inspect.Signature(sorted(shown, key=lambda p: p.kind))
        called.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\n{described(kind)}\n"
        return called

    return decorate


def described(kind: type[Settings]) -> str:
    """Return the fields as a part of a docstring."""
    lines = [f"{name}\n    {f.description}" for name, f in fields_of(kind).items()]
    return "\n".join([f"Settings (`{kind.__name__}`)", "-" * 8, *lines])


# ------------------------------------------------------------------------- what stages share


class Computing(Settings):
    """On what is computed."""

    device: str = setting(
        "auto", "auto takes a GPU where there is one.", metavar="[auto|cpu|cuda|cuda:N]"
    )
    threads: int = setting(0, "CPU threads; 0 takes all that are allotted.", ge=0)

    def begin(self) -> None:
        # in Python torch's number is left alone unless one is asked for
        if "threads" in self.model_fields_set:
            from seformer.util.threads import use_threads

            use_threads(self.threads)


# fields of more than one class, each in its own place there: `seed: int = SEED`
SEED = setting(1, "Seed of everything random: the same seed gives the same result.", ge=0)
BATCH_TOKENS = setting(16_384, "Tokens per batch, padding included.", ge=1)
RENAME_CHROMOSOMES = setting(False, "Match chr1 in one file with 1 or NC_000001.11 in the other.")


class Batched(Computing):
    """What a model computes at a time."""

    batch_tokens: int = BATCH_TOKENS


class ReadingRegions(Settings):
    """How regions are read."""

    rename_chromosomes: bool = RENAME_CHROMOSOMES
    invalid_regions: InvalidRegions = setting(
        "error", "Regions outside the genome or without length: an error, or drop and count them."
    )
