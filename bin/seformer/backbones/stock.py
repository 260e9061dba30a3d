"""Encoders that are classes of the installed transformers (BERT, ModernBERT, BigBird, ESM, …)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from seformer.backbones.base import Backbone
from seformer.errors import UserError


def new_stock(config: dict[str, Any], where: str | Path | None = None) -> Backbone:
    raise UserError("stock models are not available yet", where=where)
