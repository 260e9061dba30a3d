"""JSON that seformer writes and reads, checked against the shapes of `util.shapes`.

A file that was damaged ends in one message that names it and the field. Fields that nothing reads
are not looked at, so that files of later versions can be read too.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from os import PathLike
from typing import Any

from pydantic import TypeAdapter, ValidationError

from seformer.util.atomic import atomic_path
from seformer.util.errors import UserError
from seformer.util.text import small_file

# of a number in JSON; transformers writes lengths without bound as 10**30
MAX_DIGITS = 100
NO_NUMBER = re.compile(r"NaN|Infinity|[eE]\+?\d\d|\d{200}")
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")
LARGEST = 2**53  # up to which float64 is exact


def write_json(value: Any, path: str | os.PathLike[str]) -> None:
    """Write ``value`` as indented JSON with a final newline (NaN is refused)."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read a JSON file of at most 64 MiB; see `parse_json`.

    Raises
    ------
    UserError
        If it is missing, too large or not such JSON.
    """
    path = small_file(path)
    return parse_json(path.read_bytes(), path)


def parse_json(content: bytes, path: str | os.PathLike[str]) -> Any:
    """Read JSON: UTF-8, every name once, finite numbers of at most `MAX_DIGITS`.

    Raises
    ------
    UserError
        Naming ``path``, if it is not such JSON.
    """
    try:
        text = content.decode("utf-8-sig")
        value = json.loads(text, parse_int=_whole, object_pairs_hook=_names_once)
        if HALF_CHARACTER.search(text):  # by an escape: no file or terminal takes it
            json.dumps(value, ensure_ascii=False).encode()
    except _Refused as error:
        raise UserError(f"the JSON holds {error}", where=path) from error
    except (UnicodeError, json.JSONDecodeError) as error:
        line = getattr(error, "lineno", None)
        raise UserError(
            "the file is not valid JSON", where=path, line=line, expected="JSON in UTF-8"
        ) from error
    except RecursionError as error:
        raise UserError("the JSON is nested too deeply", where=path) from error
    if NO_NUMBER.search(text) and (place := next(_not_finite(value), None)) is not None:
        raise UserError(f"{place} is not a finite number", where=path)
    return value


class _Refused(Exception):
    """What JSON allows and no file of ours has."""


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise _Refused(f"a number of {len(digits)} digits")
    return int(digits)


def _names_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = next(name for name, count in Counter(n for n, _ in pairs).items() if count > 1)
        raise _Refused(f"{twice!r} twice")
    return value


def _not_finite(value: Any, place: str = "") -> Iterator[str]:
    """Yield where in a JSON value there is NaN or infinity, such as ``calibration.slope``."""
    if isinstance(value, float) and not math.isfinite(value):
        yield place or "the value"
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_finite(inner, f"{place}.{name}" if place else str(name))


def read_object(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a JSON file that holds one object; see `read_json`."""
    return as_object(read_json(path), path)


def as_object(value: Any, path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return a value of JSON that is an object; say so, naming ``path``, if it is not."""
    if not isinstance(value, dict):
        raise UserError(
            "the JSON holds no object", where=path, expected='names and values: {"name": …}'
        )
    return value


def read(path: str | PathLike[str], shape: Any, do: str) -> dict[str, Any]:
    """Read a JSON file of the given shape; ``do`` says how to get a sound one.

    Raises
    ------
    UserError
        If it is missing, not JSON, or has another shape.
    """
    record = read_object(path)
    try:
        _adapter(shape).validate_python(record)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        what, expected = f"{field} is {_shown(first['input'])}", None
        if first["type"] == "missing":
            what = f"{field} is missing"
        elif first["type"] == "value_error":
            what = f"{field}: {first['ctx']['error']}"
        else:
            expected = first["msg"].removeprefix("Input should be ")
        raise UserError(what, where=path, expected=expected, do=do) from error
    except UnicodeEncodeError as error:
        raise UserError("a text in it is not Unicode", where=path, do=do) from error
    return record


@cache
def _adapter(shape: Any) -> TypeAdapter:
    return TypeAdapter(shape)


def _shown(value: Any) -> str:
    """Say what a value is; not more of it than fits a line."""
    kinds = {dict: "an object", list: "a list", type(None): "null", bool: str(value).lower()}
    if isinstance(value, int) and abs(value) > LARGEST:
        return "a huge number"
    return kinds.get(type(value)) or repr(value if isinstance(value, float | int) else value[:40])
