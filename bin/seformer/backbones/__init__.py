"""Backbones: DNA encoders of every family, loaded safely and exactly."""

from __future__ import annotations

from seformer.backbones.base import Backbone, HeadStyle, Origin
from seformer.backbones.build import build_backbone, load_backbone, new_backbone, random_backbone
from seformer.backbones.loading import read_config, save_folder

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
