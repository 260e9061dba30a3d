"""Numbers, texts and objects that the shapes of result files are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from seformer.util.records import LARGEST

Text = Annotated[str, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=LARGEST)]
Positive = Annotated[int, Field(strict=True, ge=1, le=LARGEST)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-LARGEST, le=LARGEST)]
Share = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0, le=1)]
# a metric or a difference of two; rounding may carry it past the end
Measure = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-2.1, le=2.1)]
Point = Annotated[list[Number], Field(min_length=2, max_length=2)]
Line = list[Number]


def object_of(**fields: Any) -> Any:
    """An object that has all of these fields."""
    return TypedDict("Object", fields)  # ty: ignore[invalid-argument-type]  made at run time


def partial_of(**fields: Any) -> Any:
    """An object that may lack any of these fields."""
    return TypedDict("Object", fields, total=False)  # ty: ignore[invalid-argument-type]  likewise


def all_of(names: str, kind: Any = Count) -> dict[str, Any]:
    """Fields of one kind."""
    return dict.fromkeys(names.split(), kind)


def checked(shape: Any, check: Callable[[dict[str, Any]], Iterable[str]]) -> Any:
    """A shape whose fields must also go together; ``check`` yields what does not."""

    def validate(value: dict[str, Any]) -> dict[str, Any]:
        if (problem := next(iter(check(value)), None)) is not None:
            raise ValueError(problem)
        return value

    return Annotated[shape, AfterValidator(validate)]
