"""Which models of the registry fit a licence, a length and a machine. Free of torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from seformer.model.backbones.licence import is_commercial
from seformer.model.backbones.registry import Entry
from seformer.util.errors import UserError

COMMERCIAL = "commercial"
# half of the smallest of the usual base size (86 million): below it training needs no GPU
CPU_PARAMETERS = 50_000_000


class Chosen(NamedTuple):
    """The entries that fit, and in words which were left out for want of knowledge."""

    fit: list[Entry]
    left_out: str


def choose_models(
    known: Sequence[Entry],
    *,
    licence: str | None = None,
    bases: int | None = None,
    cpu: bool = False,
) -> Chosen:
    """Choose entries of the registry; None and False choose all.

    Parameters
    ----------
    licence
        ``commercial`` for any that allows commercial use, or a licence by its name.
    bases
        Least number of bases that one window covers.
    cpu
        Whether it has at most `CPU_PARAMETERS` weights.

    Raises
    ------
    UserError
        If no model has a licence of that name.
    """
    names = sorted({entry.licence for entry in known if entry.licence})
    wanted = (licence or "").lower()
    if licence is not None and wanted not in (COMMERCIAL, *(name.lower() for name in names)):
        raise UserError(
            f"no model has the licence {licence!r}",
            where="--licence",
            expected=" or ".join((COMMERCIAL, *names)),
        )

    def allows(entry: Entry) -> bool:
        if wanted == COMMERCIAL:
            return is_commercial(entry.licence) is True
        return not wanted or (entry.licence or "").lower() == wanted

    of_size = [entry for entry in known if not cpu or entry.parameters <= CPU_PARAMETERS]
    long = [entry for entry in of_size if not bases or (entry.context_bp or 0) >= bases]
    unknown = {
        "context": sum(bool(bases) and entry.context_bp is None for entry in of_size),
        "licence": sum(bool(wanted) and entry.licence is None for entry in long),
    }
    words = [f"{number} left out: {what} not known." for what, number in unknown.items() if number]
    return Chosen([entry for entry in long if allows(entry)], " ".join(words))
