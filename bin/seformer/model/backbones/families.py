"""The families of backbones, and which of them a configuration and its weights belong to.

A family is one module with a subclass of `Backbone`, named here.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from seformer.model.backbones.base import Backbone
from seformer.model.backbones.bert import is_bert
from seformer.util.errors import UserError

# the first that matches is taken. A module is imported when its turn comes: transformers, which the
# stock classes need, takes seconds
FAMILIES = (
    *("stem.StemEncoder", "kmer.KmerEncoder", "gena.GenaBert", "dnabert2.DnaBert2"),
    *("nt_v2.NucleotideTransformerV2", "stock.StockEncoder"),
)


def _first_match(config: dict[str, Any], weights: Mapping[str, torch.Tensor]) -> type[Backbone]:
    for name in FAMILIES:
        module, _, family = name.partition(".")
        backbone = getattr(importlib.import_module(f"seformer.model.backbones.{module}"), family)
        if backbone.matches(config, weights):
            return backbone
    raise AssertionError("the last family takes everything")


def family_of(
    config: dict[str, Any],
    weights: Mapping[str, torch.Tensor] | None = None,
    where: str | Path | None = None,
) -> type[Backbone]:
    """Tell the family by the configuration, and check that the weights agree.

    Raises
    ------
    UserError
        If the two contradict each other.
    """
    told = _first_match(config, {})
    # of the stock classes these two have relatives that only the weights tell from them
    kind = "bert" if is_bert(config) else config.get("model_type")
    if not weights or kind not in ("bert", "esm"):
        return told
    seen = _first_match({"model_type": kind}, weights)
    if seen is told or (not told.family and seen.told_by_keys):
        return seen
    first, second = (family.title or f"a stock {kind.upper()}" for family in (told, seen))
    raise UserError(
        f"config.json describes {first}, but the weights are of {second}",
        where=where,
        expected="a configuration and weights of one model",
        do=seen.hint,
    )


@contextlib.contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Draw weights from ``seed`` and leave torch's generator as it was."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def new_backbone(
    config: dict[str, Any],
    weights: Mapping[str, torch.Tensor] | None = None,
    *,
    seed: int | None = None,
    where: str | Path | None = None,
) -> Backbone:
    """Make the module that a configuration describes, with random weights, in eval mode.

    Parameters
    ----------
    config
        Published configuration.
    weights
        The weights to come, to check that they are of the same family.
    seed
        Seed of the weights; None leaves torch's generator in charge.
    """
    try:
        with _seeded(seed):
            model = family_of(config, weights, where).draw(config, where)
    except KeyError as error:
        raise UserError(f"the configuration lacks {error}", where=where) from error
    except (TypeError, ValueError, ArithmeticError, AssertionError, RuntimeError) as error:
        raise UserError(
            f"config.json describes no model that can be made ({error})",
            where=where,
            do="take config.json from where the weights come from",
        ) from error
    return model.eval()
