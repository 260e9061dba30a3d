"""The parameters of the run, as resolved."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from seformer.report.content import Section
from seformer.report.draw import html, table
from seformer.report.results import Results
from seformer.util.markup import escape


def sections(results: Results) -> Iterator[Section]:
    if results.parameters:
        rows = [
            [f"<code>{escape(key)}</code>", escape(value)]
            for key, value in _flat(results.parameters)
        ]
        yield html("parameters", table(["parameter", "value"], rows, numeric=2))


def _flat(given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in given.items():
        if isinstance(value, Mapping):
            yield from _flat(value)
        elif value is not None and value != "":
            yield str(key), value if isinstance(value, str) else json.dumps(value)
