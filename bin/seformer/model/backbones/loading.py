"""Reading and writing model folders safely: no code from them is run, no key is dropped.

Weights come from safetensors; an old ``pytorch_model.bin`` is read with ``weights_only=True``.
"""

from __future__ import annotations

import logging
import os
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO, NoReturn

import safetensors
import safetensors.torch
import torch

from seformer.model.backbones.base import Backbone
from seformer.model.backbones.registry import CHECKSUMS, fitting
from seformer.util import verified_tensors
from seformer.util.atomic import atomic_path
from seformer.util.errors import UserError
from seformer.util.records import read_object, write_json
from seformer.util.text import existing_file, sha256

logger = logging.getLogger(__name__)
# what reading a damaged file ends in
_DAMAGE = (
    safetensors.SafetensorError,
    RuntimeError,
    EOFError,
    ValueError,
    KeyError,
    zipfile.BadZipFile,
)
# heads on top of a backbone, by the first part of the key
_HEADS = re.compile(
    r"^(cls|classifier|head|lm_head|decoder|qa_outputs|score|window_pooling|kmer_spectrum|\w+_head)\."
)
# heads that published layouts keep under the backbone's prefix
_POOLER = re.compile(r"^(pooler\.(dense\.)?|contact_head\.regression\.)(weight|bias)$")


def read_config(folder: str | Path) -> dict[str, Any]:
    """Read config.json.

    Raises
    ------
    UserError
        If the folder or the file is missing or not a configuration.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise UserError("no such folder", where=folder, expected="a model folder")
    return read_object(folder / "config.json")


def _weight_files(folder: Path) -> list[Path]:
    for single, index in (
        ("model.safetensors", "model.safetensors.index.json"),
        ("pytorch_model.bin", "pytorch_model.bin.index.json"),
    ):
        if (folder / single).is_file():
            return [folder / single]
        if (folder / index).is_file():
            named = read_object(folder / index).get("weight_map")
            names = list(named.values()) if isinstance(named, dict) else [None]
            if not all(isinstance(name, str) and Path(name).name == name for name in names):
                raise UserError(
                    "the index names files outside the folder, or none",
                    where=folder / index,
                    expected='"weight_map": the file in this folder that holds each weight',
                )
            return [folder / name for name in sorted(set(names))]
    raise UserError(
        "the folder has no weights",
        where=folder,
        expected="model.safetensors or pytorch_model.bin beside config.json",
    )


def read_state(folder: str | Path) -> dict[str, torch.Tensor]:
    """Read the weights of a model folder onto the CPU, legacy names made current.

    Every file is opened once: what replaces it meanwhile is not read.

    Raises
    ------
    UserError
        If there are none, they are damaged, or the file holds more than tensors.
    """
    state: dict[str, torch.Tensor] = {}
    for path in _weight_files(Path(folder)):
        for key, tensor in _read_tensors(path).items():
            name = _current_name(key)
            if name in state:
                raise UserError(f"the weights hold {name} twice", where=path)
            state[name] = tensor
    return state


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    with open(existing_file(path), "rb") as handle:
        try:
            if path.suffix == ".safetensors":
                # the library opens a path more than once
                part = safetensors.torch.load_file(f"/dev/fd/{handle.fileno()}")
            else:
                _check_unpacked(handle, path)
                part = torch.load(handle, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            raise UserError(
                "the file holds more than tensors and is not opened, since that could run code",
                where=path,
                expected="a state dict of tensors",
                do="convert it to model.safetensors on a machine you can spare",
            ) from error
        except _DAMAGE as error:
            raise UserError(
                "the weights are damaged", where=path, do="download the file again"
            ) from error
    if not isinstance(part, dict) or not all(_is_plain(*pair) for pair in part.items()):
        raise UserError("this is not a dictionary of tensors", where=path)
    return part


def _is_plain(key: Any, value: Any) -> bool:
    """Whether a pair is a name and an array of real numbers that takes the memory it claims."""
    return (
        isinstance(key, str)
        and torch.is_tensor(value)
        and (value.layout, value.device.type) == (torch.strided, "cpu")
        and not (value.is_quantized or value.is_complex())
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def _check_unpacked(handle: BinaryIO, path: Path) -> None:
    """Refuse a .bin (a zip file) that unpacks to more than it is: torch does not compress."""
    if zipfile.is_zipfile(handle):
        with zipfile.ZipFile(handle) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > os.fstat(handle.fileno()).st_size:
            raise UserError(
                "the weights are compressed", where=path, expected="a file that torch wrote"
            )
    handle.seek(0)


# what a configuration may say, by the names that all families share. Sizes: each is a dimension
# of some tensor, or half or a third of one
_WIDTHS = (
    *("hidden_size", "vocab_size", "intermediate_size", "num_attention_heads", "rotary_dim"),
    *("embedding_width", "stem_width", "stem_kernel", "mixing_kernel"),
)
_LENGTHS = (
    *("max_position_embeddings", "alibi_starting_size", "k", "stride", "block_size"),
    *("local_attention", "type_vocab_size", "pool"),
)
MAX_POSITIONS = 2**20
_SHARES = (
    *("hidden_dropout_prob", "attention_probs_dropout_prob", "embedding_dropout_prob"),
    "token_dropout_prob",
)
_NUMBERS = (
    dict.fromkeys(_SHARES, (0, 0.999))
    | dict.fromkeys(("layer_norm_eps", "norm_eps"), (0, 0.1))
    | dict.fromkeys(
        ("rotary_base", "rope_theta", "local_rope_theta", "global_rope_theta"), (1, 1e12)
    )
    | {"initializer_range": (0, 100), "num_random_blocks": (0, MAX_POSITIONS)}
)
_SWITCHES = (
    "pre_layer_norm",
    "last_layer_norm",
    "use_bias",
    "rescale_embeddings",
    "token_dropout",
    "add_bias_fnn",
    "emb_layer_norm_before",
)
_WORDS = ("model_type", "hidden_act", "position_embedding_type", "attention_type")


def check_values(config: dict[str, Any], state: dict[str, torch.Tensor], where: str | Path) -> None:
    """Refuse a configuration of something else or larger than its weights, before it takes memory.

    Raises
    ------
    UserError
        For a value of another type or out of its range, a size that no tensor has, and for heads
        that do not share the width evenly.
    """

    def refuse(name: str, expected: str) -> NoReturn:
        raise UserError(
            f"{name} is {config[name]!r}"[:200] if name in config else name,
            where=Path(where) / "config.json",
            expected=expected,
            do="take config.json and the weights from the same place",
        )

    largest = max((size for tensor in state.values() for size in tensor.shape), default=0)
    # some room, so that a configuration of another model is told by the shape that differs
    largest = max(4 * largest, 1024)
    most = dict.fromkeys(_WIDTHS, largest) | dict.fromkeys(_LENGTHS, MAX_POSITIONS)
    most["num_hidden_layers"] = max(len(state), 64)
    given = {name: value for name, value in config.items() if value is not None}
    for name, bound in most.items():
        if name in given and not (type(given[name]) is int and 0 < given[name] <= bound):
            refuse(name, f"a whole number from 1 to {bound}, as the weights have it")
    for name, (low, high) in _NUMBERS.items():
        if name in given and not (type(given[name]) in (int, float) and low <= given[name] <= high):
            refuse(name, f"a number from {low:g} to {high:g}")
    for name in _SWITCHES:
        if not isinstance(given.get(name, True), bool):
            refuse(name, "true or false")
    for name in _WORDS:
        if not isinstance(given.get(name, ""), str):
            refuse(name, "a word")
    # transformers takes any other word for no positions at all
    if given.get("position_embedding_type", "absolute") not in ("absolute", "rotary"):
        refuse("position_embedding_type", "absolute or rotary")
    width, heads = given.get("hidden_size", 0), given.get("num_attention_heads", 1)
    if width % heads:
        refuse("num_attention_heads", f"a divisor of hidden_size, which is {width}")


def _current_name(key: str) -> str:
    """Undo what old tools wrote: `module.` before every key, LayerNorm's gamma and beta."""
    key = key.removeprefix("module.")
    key = re.sub(r"LayerNorm\.gamma$", "LayerNorm.weight", key)
    return re.sub(r"LayerNorm\.beta$", "LayerNorm.bias", key)


def _listed(keys: Iterable[str]) -> str:
    keys = sorted(keys)
    more = f" and {len(keys) - 5} more" if len(keys) > 5 else ""
    return ", ".join(keys[:5]) + more


def _split_heads(
    state: dict[str, torch.Tensor], model: Backbone
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Part a checkpoint into backbone (without prefix), heads and ignored buffers."""
    prefix = model.prefix
    bare = not any(key.startswith(prefix) for key in state)
    backbone, heads, ignored = {}, {}, {}
    for key, tensor in state.items():
        name = key if bare else key.removeprefix(prefix)
        if key.endswith(model.ignored_keys):
            ignored[key] = tensor
        elif (bare or key.startswith(prefix)) and not _POOLER.match(name):
            (heads if bare and _HEADS.match(name) else backbone)[name] = tensor
        elif _POOLER.match(name) or _HEADS.match(name):
            heads[key] = tensor
        else:
            backbone[key] = tensor  # not under the prefix and no known head: will be named
    return backbone, heads, ignored


def fill_weights(model: Backbone, state: dict[str, torch.Tensor], where: str | Path) -> Backbone:
    """Put a checkpoint into ``model``, every key or none.

    Raises
    ------
    UserError
        Naming the keys that are missing, unexpected or of another shape.
    """
    backbone, heads, ignored = _split_heads(state, model)
    wanted = {
        name: tensor
        for name, tensor in model.weights.state_dict().items()
        if not (name.endswith(model.ignored_keys) or _POOLER.match(name))
    }
    missing = wanted.keys() - backbone.keys() - model.optional_keys
    unexpected = backbone.keys() - wanted.keys()
    if missing or unexpected:
        found = []
        if missing:
            found.append(f"the weights lack {_listed(model.prefix + key for key in missing)}")
        if unexpected:
            full = (model.prefix + k if model.prefix + k in state else k for k in unexpected)
            found.append(f"the weights hold the unknown key {_listed(full)}")
        raise UserError(
            "; ".join(found),
            where=where,
            expected=f"exactly the keys of a {model.family} backbone, as config.json describes it",
            do="check that config.json and the weights belong together and are complete"
            + (
                "; if they are, this model needs the code of its repository, which seformer"
                f" never runs; {fitting(model.family)}"
                if "auto_map" in model.config
                else ""
            ),
        )
    kinds = [k for k in backbone if wanted[k].is_floating_point() > backbone[k].is_floating_point()]
    if kinds:
        raise UserError(
            f"{model.prefix}{min(kinds)} holds {backbone[min(kinds)].dtype}",
            where=where,
            expected="floating-point numbers",
        )
    shapes = [k for k in backbone if backbone[k].shape != wanted[k].shape]
    if shapes:
        key = sorted(shapes)[0]
        raise UserError(
            f"{model.prefix}{key} has the shape {tuple(backbone[key].shape)}",
            where=where,
            expected=f"{tuple(wanted[key].shape)} by config.json",
        )
    require_finite(backbone, where)
    model.check_ignored(ignored, where)
    # strict=False only for buffers and optional keys: all others were compared above
    model.weights.load_state_dict(backbone, strict=False)
    if heads:
        # a model folder of seformer has a head of its own, which is loaded beside the backbone
        level = logging.DEBUG if (Path(where) / "seformer.json").is_file() else logging.INFO
        counted = f"({len(heads)} weights): {_listed(heads)}"
        logger.log(level, "%s: head not used by the backbone %s", where, counted)
    if ignored:
        logger.debug("%s: buffers computed anew: %s", where, _listed(ignored))
    return model


def require_finite(state: dict[str, torch.Tensor], where: str | Path) -> None:
    """Refuse weights that are no numbers: every score would be none.

    Raises
    ------
    UserError
        Naming the keys.
    """
    bad = [k for k, v in state.items() if v.is_floating_point() and not v.isfinite().all()]
    if bad:
        raise UserError(
            f"the weights {_listed(bad)} are not finite",
            where=where,
            do="take the model of an earlier epoch or run: its training went wrong",
        )


def save_folder(folder: str | Path, config: dict[str, Any], state: dict[str, torch.Tensor]) -> None:
    """Write config.json and model.safetensors in the published layout."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(config, folder / "config.json")
    tensors = {key: tensor.detach().cpu().contiguous().clone() for key, tensor in state.items()}
    with atomic_path(folder / "model.safetensors") as partial:
        verified_tensors.write_safetensors(tensors, partial, {"format": "pt"})


def verify_checksums(folder: str | Path) -> None:
    """Compare the files with checksums.json, where a fetch has written one.

    Raises
    ------
    UserError
        If a file is missing or differs.
    """
    folder = Path(folder)
    if not (folder / CHECKSUMS).is_file():
        return
    sums = read_object(folder / CHECKSUMS).get("sha256")
    if not isinstance(sums, dict):
        raise UserError("there are no checksums in it", where=folder / CHECKSUMS)
    for name, checksum in sums.items():
        path = folder / name
        if Path(name).name != name:
            raise UserError(
                f"it names the file {name!r}, outside the folder", where=folder / CHECKSUMS
            )
        if not path.is_file() or sha256(path) != checksum:
            raise UserError(
                "the file is not what was downloaded" if path.is_file() else "the file is missing",
                where=path,
                expected=f"the SHA-256 in {CHECKSUMS}",
                do="fetch the model again with `seformer models fetch`",
            )
