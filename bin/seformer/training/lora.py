"""Low-rank adapters for stage 2 (LoRA, Hu et al. 2022, arXiv:2106.09685), by peft."""

from __future__ import annotations

import torch
from torch import nn

from seformer.util.errors import UserError


def add_adapters(backbone: nn.Module, rank: int, seed: int) -> None:
    """Freeze the backbone and put adapters of ``rank`` beside all its linear layers, in place.

    Raises
    ------
    UserError
        If peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise UserError(
            "LoRA needs the package peft", where="--lora-rank", do="pip install 'seformer[lora]'"
        ) from error
    linear = [name for name, part in backbone.named_modules() if isinstance(part, nn.Linear)]
    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=linear, lora_dropout=0.0)
    inject_adapter_in_model(config, backbone)
    for name, parameter in backbone.named_parameters():
        parameter.requires_grad_("lora_" in name)


def merge_adapters(backbone: nn.Module) -> None:
    """Add the adapters to the layers beside them and remove them, in place.

    Afterwards the backbone has the keys it had before, and loads like any other.
    """
    from peft.tuners.lora import LoraLayer

    adapted = [(n, part) for n, part in backbone.named_modules() if isinstance(part, LoraLayer)]
    for name, part in adapted:
        part.merge()
        parent, _, child = name.rpartition(".")
        setattr(backbone.get_submodule(parent), child, part.get_base_layer())
    backbone.requires_grad_(True)
