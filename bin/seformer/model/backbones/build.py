"""How a name or a folder becomes a backbone."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.nn.modules.module import register_module_parameter_registration_hook

from seformer.model.backbones.base import Backbone, Origin
from seformer.model.backbones.families import new_backbone
from seformer.model.backbones.licence import NUCLEOTIDE_TRANSFORMER, licence_of
from seformer.model.backbones.loading import (
    check_values,
    fill_weights,
    read_config,
    read_state,
    save_folder,
    verify_checksums,
)
from seformer.model.backbones.presets import PRESETS, preset_tokenizer
from seformer.model.backbones.registry import locate_model
from seformer.sequence.tokenizers import MixedTokenizer, Tokenizer, load_tokenizer
from seformer.util import records
from seformer.util.errors import UserError, distrusted
from seformer.util.records import read_json
from seformer.util.shapes_of_pretraining import SUMMARY_FILE, PretrainingSummary


def load_backbone(folder: str | Path) -> Backbone:
    """Load the backbone of a model folder in the published layout.

    Parameters
    ----------
    folder
        Holds config.json and model.safetensors or pytorch_model.bin.

    Returns
    -------
    Module in eval mode; ``model(input_ids, attention_mask)`` gives the last hidden state, float32
    [batch, tokens, hidden], zero at padding.

    Raises
    ------
    UserError
        If a key is missing or unexpected (named), the files are damaged or differ from their
        checksums, or the model would need code of its repository.
    """
    with distrusted(folder):
        return fill_backbone(*read_published(folder), folder)


def read_published(folder: str | Path) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    """Read the configuration and all weights of a folder, heads included; see `load_backbone`."""
    config = read_config(folder)
    verify_checksums(folder)
    return config, read_state(folder)


def fill_backbone(
    config: dict[str, Any], state: dict[str, torch.Tensor], where: str | Path
) -> Backbone:
    """Make the backbone that a configuration and its weights describe, and see it run once."""
    check_values(config, state, where)
    with _no_larger_than(state, where):
        model = new_backbone(config, state, seed=0, where=where)
    model = fill_weights(model, state, where).eval()
    ids = torch.zeros(1, min(2, model.context or 2), dtype=torch.int64)
    with torch.inference_mode():
        if not model(ids, torch.ones_like(ids)).isfinite().all():
            raise UserError("the model's output is not finite", where=where)
    return model


@contextlib.contextmanager
def _no_larger_than(state: dict[str, torch.Tensor], where: str | Path) -> Iterator[None]:
    """Stop the making of a model that outgrows its weights, whatever its sizes are called.

    A tensor is counted before anything is written into it: until then it takes no memory.
    """
    held = sum(tensor.numel() for tensor in state.values())
    tensors = numbers = 0

    def count(module: torch.nn.Module, name: str, tensor: torch.nn.Parameter | None) -> None:
        nonlocal tensors, numbers
        tensors, numbers = tensors + 1, numbers + (0 if tensor is None else tensor.numel())
        if tensors > 4 * len(state) + 1024 or numbers > 16 * held + 2**24:
            raise UserError(
                f"it describes over {numbers} weights in {tensors} tensors",
                where=Path(where) / "config.json",
                expected=f"about {held}, as the weights have it",
                do="take config.json and the weights from the same place",
            )

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    finally:
        handle.remove()


def build_backbone(
    name: str | Path, seed: int = 1, *, random_weights: bool = False
) -> tuple[Backbone, Tokenizer, Origin]:
    """Turn what a user asked for into a backbone and its tokeniser.

    Parameters
    ----------
    name
        A preset (made from scratch), a name of the registry, a hub id (``owner/name`` or
        ``owner/name@revision``), or a folder.
    seed
        Seed of the weights of a preset, or of random ones.
    random_weights
        Draw the weights of a pre-trained model anew: its random twin.

    Raises
    ------
    UserError
        If there is no such model, or it cannot be downloaded or loaded; if the weights of a preset,
        which are random already, are to be drawn.
    """
    if str(name) in PRESETS:
        if random_weights:
            raise UserError(
                f"{name} is trained from scratch: its weights are random already",
                where="--random-weights",
                expected="a pre-trained model",
            )
        config = dict(PRESETS[str(name)])
        model = new_backbone(config, seed=seed)
        return model, preset_tokenizer(config), Origin(str(name), "preset", None, model.family)
    folder, known, source, revision = locate_model(name)
    further, licence = (), None
    with distrusted(folder):
        if record := read_pretraining(folder):
            # it keeps its name, and with it what the registry knows of it
            base = record["backbone"]
            known, revision, licence = base["name"], base["revision"], base["licence"]
            further = tuple(record["pretraining"])
        model = load_backbone(folder)
        tokenizer = load_tokenizer(folder)
        check_vocabulary(model, tokenizer, folder)
        if random_weights:
            # the keys tell the family where the configuration does not
            model = new_backbone(model.config, model.published_state(), seed=seed, where=folder)
        else:
            model.licence = licence or licence_of(known, folder) or _usual_licence(model, tokenizer)
            model.pretraining = further
    return model, tokenizer, Origin(known, source, revision, model.family)


def read_pretraining(folder: Path) -> dict[str, Any] | None:
    """Read what `seformer pretrain` wrote beside the weights; None where it wrote nothing.

    Raises
    ------
    UserError
        If it is damaged.
    """
    path = folder / SUMMARY_FILE
    if not path.is_file() or "pretraining" not in records.read_object(path):
        return None
    again = "copy the folder that `seformer pretrain` wrote again, or run it again"
    return records.read(path, PretrainingSummary, again)


def _usual_licence(model: Backbone, tokenizer: Tokenizer) -> str | None:
    """The licence of a folder that says none: that of all published weights of its kind."""
    first_version = model.family == "esm" and isinstance(tokenizer, MixedTokenizer)
    kind = model.family == "nt_v2" or (first_version and tokenizer.k > 1)
    return NUCLEOTIDE_TRANSFORMER if kind else None


def check_vocabulary(model: Backbone, tokenizer: Tokenizer, where: str | Path) -> None:
    """Refuse a tokeniser with more tokens than the model has embeddings for."""
    stride = model.config.get("stride") if model.family == "kmer" else None
    if stride is not None and stride != tokenizer.phases:
        raise UserError(
            f"the tokeniser has the stride {tokenizer.phases}, the model {stride}",
            where=where,
            do="take the tokeniser that was published with this model",
        )
    rows = model.embedding.num_embeddings
    if tokenizer.vocab_size > rows:
        raise UserError(
            f"the tokeniser has {tokenizer.vocab_size} tokens, the model embeds {rows}",
            where=where,
            do="take the tokeniser that was published with this model",
        )


def random_backbone(
    config: dict[str, Any] | str | Path,
    tokenizer: Tokenizer | None = None,
    *,
    to: str | Path | None = None,
    seed: int = 0,
    **overrides: Any,
) -> Backbone:
    """Make a backbone of a published configuration with random weights, for trying things out.

    Parameters
    ----------
    config
        Configuration, or a folder or file to read it from.
    tokenizer
        Saved beside the model if ``to`` is given.
    to
        Folder to write in the published layout, so that the model loads like a published one.
    **overrides
        Changes to the configuration, for example ``num_hidden_layers=2``.
    """
    if not isinstance(config, dict):
        path = Path(config)
        config = read_config(path) if path.is_dir() else read_json(path)
    config = {**config, **overrides}
    model = new_backbone(config, seed=seed)
    if to is not None:
        save_folder(to, model.config, model.published_state())
        if tokenizer is not None:
            tokenizer.save(to)
    return model
