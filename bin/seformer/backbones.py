"""The door to `seformer.model.backbones`, under the name that users know."""

from seformer.model.backbones import load_backbone as load_backbone
