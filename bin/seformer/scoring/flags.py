"""Flags: why a row has no score, or what to keep in mind about one."""

from __future__ import annotations

from typing import Any

import pandas as pd

from seformer.genome.assemblies import shared_name
from seformer.model.settings import Assembly, ModelSettings

N_RICH = 0.1
SHORT = 200


def flag_regions(
    regions: pd.DataFrame, settings: ModelSettings, genome: dict[str, Any]
) -> pd.Series:
    """Say why a row has no score, or what to keep in mind about it; comma-separated.

    ``length_outside_training`` and ``gc_outside_training`` (outside the central 99 % of the
    training regions), ``chromosome_outside_training`` (no labelled region lay on it), ``n_rich``
    (over 10 % N), ``short`` (under 200 bp) and ``other_assembly``.
    """
    raised: dict[str, pd.Series] = {}
    trained = settings.training_range
    if trained is not None:
        for column in ("length", "gc"):
            inside = regions[column].between(*getattr(trained, column))
            raised[f"{column}_outside_training"] = ~inside
        if trained.chromosomes:
            plain = regions["chrom"].astype(str).map(shared_name)
            inside = plain.isin(set(map(shared_name, trained.chromosomes)))
            raised["chromosome_outside_training"] = ~inside
    raised["n_rich"] = regions["n_fraction"] > N_RICH
    raised["short"] = regions["length"] < SHORT
    raised["other_assembly"] = _is_foreign(regions["chrom"], settings.assembly, genome)
    joined = pd.Series("", index=regions.index)
    for name, rows in raised.items():
        joined = joined.where(~rows, joined + f",{name}")
    return joined.str.removeprefix(",").where(regions["drop_reason"] == "", regions["drop_reason"])


def _is_foreign(chrom: pd.Series, trained_on: Assembly, genome: dict[str, Any]) -> pd.Series:
    """Tell which chromosomes are not of the genome that the model was trained on, by content.

    Chromosomes that only one of the two genomes has are judged by the others. Where one side has no
    checksums, as models of version 1.0, the names of the assemblies tell, or if they are not
    known the names and lengths of all chromosomes.
    """
    here, there = genome.get("sequences") or {}, set(trained_on.sequences.values())
    for trained, scored in (
        (trained_on.name, genome.get("assembly")),
        (trained_on.fingerprint, genome.get("fingerprint")),
    ):
        if not (here and there) and trained and scored:
            return pd.Series(trained != scored, index=chrom.index)
    if not (here and there):
        return pd.Series(False, index=chrom.index)
    if there.isdisjoint(here.values()):
        return pd.Series(True, index=chrom.index)
    named = set(map(shared_name, trained_on.sequences))
    other = {
        name for name, value in here.items() if value not in there and shared_name(name) in named
    }
    return chrom.isin(other)
