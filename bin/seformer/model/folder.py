"""The model folder: Hugging Face layout plus `seformer.json`, written and read strictly.

An ensemble is a model folder with more of them inside: the folder itself is member 1, and
``members/2``, ``members/3`` and so on hold the others in the same layout.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from seformer.genome import assemblies
from seformer.model.archive import OWN_FILES as OWN_FILES
from seformer.model.backbones import Origin
from seformer.model.backbones.build import check_vocabulary, fill_backbone, read_published
from seformer.model.backbones.loading import require_finite
from seformer.model.classifier import RegionClassifier, check_pooling
from seformer.model.settings import (
    MEMBERS_FOLDER,
    SETTINGS_FILE,
    WEIGHTS_FILE,
    Contents,
    FittedCalibration,
    ModelSettings,
    read_settings,
    write_settings,
)
from seformer.sequence.tokenizers import Tokenizer, load_tokenizer
from seformer.util import verified_tensors
from seformer.util.atomic import atomic_path
from seformer.util.devices import resolve_device
from seformer.util.errors import UserError, distrusted
from seformer.util.records import write_json

logger = logging.getLogger(__name__)
HEAD_PREFIX = "seformer_head."
ATTENTION_PREFIX = "window_pooling."
SPECTRUM_PREFIX = "kmer_spectrum."
# of a configuration: training's own, and what libraries note
NOT_SCORES = re.compile(r"dropout|initializer|gradient|cache|label|version|architectures|dtype|^_")
LIBRARIES = ("torch", "transformers", "numpy", "scikit-learn", "captum", "pysam")


@dataclass
class Model:
    """A loaded model: everything that scoring and explaining need.

    ``others`` are the further members of an ensemble; calibration and threshold are this one's.
    """

    classifier: RegionClassifier
    tokenizer: Tokenizer
    settings: ModelSettings
    device: torch.device
    others: tuple[Model, ...] = ()

    @property
    def members(self) -> tuple[Model, ...]:
        """All members of the ensemble, each alone; of a single model the model itself."""
        return (replace(self, others=()), *self.others) if self.others else (self,)

    @property
    def phases(self) -> list[int]:
        """The phases a score is averaged over, spread evenly over those of the tokeniser."""
        number = min(self.settings.phases, self.tokenizer.phases)
        return [index * self.tokenizer.phases // number for index in range(number)]

    @property
    def views(self) -> int:
        """Views of a sequence: strands × phases."""
        return 2 * len(self.phases)

    def in_one_phase(self) -> Model:
        """The same weights, with scores averaged over the strands alone: cheaper, less steady."""
        return replace(self, settings=self.settings.model_copy(update={"phases": 1}))


def library_versions() -> dict[str, str]:
    """Return the versions a result depends on."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def _stored_parts(classifier: RegionClassifier) -> list[tuple[torch.nn.Module, dict[str, str]]]:
    """What stands over the backbone, and the names its weights have in `model.safetensors`.

    A head that equals the stock sequence classifier's is stored under the stock names, so that
    `AutoModelForSequenceClassification` loads the folder; any other under names of our own.
    """
    style = classifier.backbone.head_style
    names = {"dense": style.dense, "norm": style.norm, "out": style.out}
    if style.pooling != classifier.token_pooling:
        names = {layer: HEAD_PREFIX + layer for layer in names}
    head = {}
    for key in classifier.head.state_dict():
        layer, kind = key.split(".")
        head[key] = f"{names[layer]}.{kind}"
    parts = [(classifier.head, head)]
    for name, prefix in (("attention", ATTENTION_PREFIX), ("spectrum", SPECTRUM_PREFIX)):
        if (part := getattr(classifier, name, None)) is not None:
            parts.append((part, {key: prefix + key for key in part.state_dict()}))
    return parts


def classifier_state(classifier: RegionClassifier) -> dict[str, torch.Tensor]:
    """Collect all weights under the names they have in `model.safetensors`."""
    state = dict(classifier.backbone.published_state())
    for part, names in _stored_parts(classifier):
        state |= {names[key]: value for key, value in part.state_dict().items()}
    return {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}


def _new_classifier(backbone: torch.nn.Module, settings: ModelSettings) -> RegionClassifier:
    return RegionClassifier(
        backbone,
        token_pooling=settings.token_pooling,
        window_pooling=settings.window_pooling,
        dropout=settings.training.get("dropout", 0.1),
        spectrum=settings.spectrum,
        spectrum_scale=settings.spectrum_scale,
    )


def save_model(model: Model, folder: Path) -> None:
    """Write the model into ``folder`` (which should be a staging folder)."""
    folder.mkdir(parents=True, exist_ok=True)
    state = classifier_state(model.classifier)
    with atomic_path(folder / WEIGHTS_FILE) as partial:
        verified_tensors.write_safetensors(state, partial, {"format": "pt"})
    config = dict(model.classifier.backbone.config)
    config |= {"num_labels": 2, "id2label": {"0": "TE", "1": "SE"}, "label2id": {"TE": 0, "SE": 1}}
    write_json(config, folder / "config.json")
    model.tokenizer.save(folder)
    contents = Contents(
        config=config_digest(config),
        weights=weights_digest(state),
        tokenizer=model.tokenizer.identity,
        members=[weights_digest(classifier_state(member.classifier)) for member in model.others],
    )
    write_settings(model.settings.model_copy(update={"contents": contents}), folder)
    for number, member in enumerate(model.others, 2):
        save_model(member, folder / MEMBERS_FOLDER / str(number))


def config_digest(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of what a configuration says about scores."""
    told = {name: value for name, value in config.items() if not NOT_SCORES.search(name)}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def weights_digest(state: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of named tensors, the same from any form of file."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def load_model(folder: Path | str, device: torch.device | str = "cpu") -> Model:
    """Load a model folder with all its members, strict about every key, in eval mode.

    Raises
    ------
    UserError
        If a file is missing or damaged, a key is missing or unexpected, or the files are not of
        one model.
    """
    folder = Path(folder)
    device = resolve_device(str(device))
    with distrusted(folder), _undisturbed(folder):
        model = _load(folder)
        numbers = range(2, model.settings.members + 1)
        others = [_load_member(folder / MEMBERS_FOLDER / str(number)) for number in numbers]
        weights = [other.settings.contents and other.settings.contents.weights for other in others]
        if model.settings.contents and model.settings.contents.members != weights:
            raise _mixed("the members are", folder)
    for member in (model, *others):
        member.classifier.to(device)
    return replace(
        model, device=device, others=tuple(replace(other, device=device) for other in others)
    )


@contextlib.contextmanager
def _undisturbed(folder: Path) -> Iterator[None]:
    """Refuse a folder that is replaced while it is read."""

    def state() -> set[tuple[str, int, int, int]]:
        entries = list(os.scandir(folder)) if folder.is_dir() else []
        stats = ((entry.name, entry.stat(follow_symlinks=False)) for entry in entries)
        return {(name, stat.st_ino, stat.st_size, stat.st_mtime_ns) for name, stat in stats}

    before = state()
    yield
    if before - state():
        raise UserError(
            "the model folder was changed while it was read", where=folder, do="run it again"
        )


def _mixed(found: str, folder: Path) -> UserError:
    return UserError(
        f"{found} not of this model, by what {SETTINGS_FILE} recorded when it was saved",
        where=folder,
        expected="the files of a model folder as they were written together",
        do="copy the whole folder again",
    )


def _load(folder: Path) -> Model:
    """Load a model folder without its further members, on the CPU."""
    settings = read_settings(folder)
    config, weights = read_published(folder)
    backbone = fill_backbone(config, weights, folder)
    tokenizer = load_tokenizer(folder, complete=True)
    check_vocabulary(backbone, tokenizer, folder)
    content = settings.content_window(tokenizer)
    if content is not None and not settings.overlap < content:
        raise UserError(
            f"a window of {settings.window} tokens with an overlap of {settings.overlap}",
            where=folder / SETTINGS_FILE,
            expected="a window with room for bases, and a smaller overlap",
            do="copy the model folder again, or train anew",
        )
    check_pooling(settings.token_pooling, tokenizer.wrap)
    classifier = _new_classifier(backbone, settings)
    for part, names in _stored_parts(classifier):
        _load_part(part, names, weights, folder)
    if (contents := settings.contents) is not None:
        for what, recorded, here in (
            ("config.json is", contents.config, config_digest(config)),
            ("the tokeniser is", contents.tokenizer, tokenizer.identity),
            ("the weights are", contents.weights, weights_digest(weights)),
        ):
            if recorded != here:
                raise _mixed(what, folder)
    return Model(classifier.eval(), tokenizer, settings, torch.device("cpu"))


def _load_member(folder: Path) -> Model:
    """Load a member of an ensemble; one in which a member has members of its own has no end."""
    if read_settings(folder).members > 1:
        raise UserError(
            "a member of an ensemble is an ensemble itself",
            where=folder / SETTINGS_FILE,
            expected="members: 1",
            do="copy the model folder again, or train anew",
        )
    return _load(folder)


def ensemble(models: Sequence[Model]) -> Model:
    """Join models to one whose score is their mean logit.

    Calibration, threshold and sets are put back to none: they belong to a single model's score.

    Raises
    ------
    UserError
        If they were trained on different genomes.
    """
    members = [member for model in models for member in model.members]
    genomes = [member.settings.assembly.model_dump() for member in members]
    if any(assemblies.differ(genomes[0], genome) for genome in genomes[1:]):
        raise UserError(
            "the models were trained on different genomes",
            where="--model",
            do="join models of one genome only",
        )
    first = members[0]
    if len(members) == 1:
        return first
    settings = first.settings.model_copy(
        update={
            "members": len(members),
            "seeds": list(dict.fromkeys(seed for m in members for seed in m.settings.seeds)),
            "calibration": FittedCalibration(),
            "threshold": 0.5,
            "conformal": None,
            "test": None,
        }
    )
    own = {"members": 1, "test": None}
    alone = [replace(m, settings=m.settings.model_copy(update=own)) for m in members[1:]]
    return replace(first, settings=settings, others=tuple(alone))


def _load_part(
    part: torch.nn.Module, names: dict[str, str], weights: dict[str, torch.Tensor], folder: Path
) -> None:
    missing = sorted(name for name in names.values() if name not in weights)
    if missing:
        raise UserError(
            f"the weights {', '.join(missing)} are missing",
            where=folder,
            do="copy the model folder again, or train anew",
        )
    own = part.state_dict()
    for key, name in names.items():
        if weights[name].shape != own[key].shape:
            raise UserError(
                f"{name} has the shape {tuple(weights[name].shape)}",
                where=folder,
                expected=str(tuple(own[key].shape)),
            )
    require_finite({name: weights[name] for name in names.values()}, folder)
    part.load_state_dict({key: weights[name] for key, name in names.items()})


def new_model(
    backbone: torch.nn.Module,
    tokenizer: Tokenizer,
    origin: Origin,
    *,
    device: torch.device,
    **settings: Any,
) -> Model:
    """Put a new head on a backbone."""
    record = {key: getattr(origin, key) for key in ("name", "source", "revision", "family")}
    if licence := getattr(backbone, "licence", None):
        record["licence"] = licence
    resolved = ModelSettings(
        backbone=record,
        pretraining=list(getattr(backbone, "pretraining", ())),
        versions=library_versions(),
        **settings,
    )
    return Model(_new_classifier(backbone, resolved).to(device), tokenizer, resolved, device)
