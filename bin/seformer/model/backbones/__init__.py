"""Backbones: DNA encoders of every family, loaded safely and exactly.

Names are imported when first used: the registry is listed without loading torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from seformer.model.backbones.base import Backbone, HeadStyle, Origin
    from seformer.model.backbones.build import build_backbone, load_backbone, random_backbone
    from seformer.model.backbones.families import new_backbone
    from seformer.model.backbones.loading import read_config, save_folder

__all__ = [
    "Backbone",
    "HeadStyle",
    "Origin",
    "build_backbone",
    "load_backbone",
    "new_backbone",
    "random_backbone",
    "read_config",
    "save_folder",
]

_MODULES = {
    "Backbone": "base",
    "HeadStyle": "base",
    "Origin": "base",
    "build_backbone": "build",
    "load_backbone": "build",
    "new_backbone": "families",
    "random_backbone": "build",
    "read_config": "loading",
    "save_folder": "loading",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
