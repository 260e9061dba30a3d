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
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import seformer
from seformer.genome import assemblies
from seformer.model.archive import OWN_FILES as OWN_FILES
from seformer.model.backbones import Origin
from seformer.model.backbones.build import check_vocabulary, fill_backbone, read_published
from seformer.model.backbones.loading import require_finite
from seformer.model.classifier import RegionClassifier, check_pooling
from seformer.sequence.tokenizers import Tokenizer, load_tokenizer
from seformer.util import verified_tensors
from seformer.util.atomic import atomic_path
from seformer.util.devices import resolve_device
from seformer.util.errors import UserError, distrusted
from seformer.util.records import read_object, write_json

logger = logging.getLogger(__name__)
SETTINGS_FILE = "seformer.json"
WEIGHTS_FILE = "model.safetensors"
HEAD_PREFIX = "seformer_head."
ATTENTION_PREFIX = "window_pooling."
SPECTRUM_PREFIX = "kmer_spectrum."
MEMBERS_FOLDER = "members"
# of a configuration: training's own, and what libraries note
NOT_SCORES = re.compile(r"dropout|initializer|gradient|cache|label|version|architectures|dtype|^_")
LIBRARIES = ("torch", "transformers", "numpy", "scikit-learn", "captum", "pysam")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=(), allow_inf_nan=False)


class Calibration(Strict):
    """How a logit becomes a probability; fitted on the validation part alone.

    ``temperature``: sigmoid(slope × logit + intercept). ``isotonic``: linear interpolation
    between the points (``logits``, ``probabilities``). ``prevalence``: the share of
    super-enhancers among the regions it was fitted on, from which a prior shift starts.
    """

    method: Literal["none", "temperature", "isotonic"] = "none"
    slope: float = Field(1.0, gt=0)
    intercept: float = 0.0
    logits: list[float] = []
    probabilities: list[float] = []
    prevalence: float = Field(0.5, gt=0, lt=1)
    regions: int = 0

    @model_validator(mode="after")
    def _is_a_curve(self) -> Calibration:
        points = len(self.logits)
        if points != len(self.probabilities) or (self.method == "isotonic" and not points):
            raise ValueError("an isotonic curve has as many logits as probabilities")
        if self.logits != sorted(self.logits) or any(not 0 < p < 1 for p in self.probabilities):
            raise ValueError("an isotonic curve has rising logits, and probabilities in (0, 1)")
        return self


class Assembly(Strict):
    """The genome a model was trained on.

    ``sequences`` has `genome.genome.Genome.sequences`; models of version 1.0 have none, and are
    compared by the ``fingerprint`` of names and lengths.
    """

    name: str | None = None
    fingerprint: str | None = None
    sequences: dict[str, str] = {}


class SplitRecord(Strict):
    """Which regions were held out."""

    method: str | None = None
    hash: str | None = None
    test: list[str] = []
    validation: list[str] = []


class TrainingRange(Strict):
    """What the training regions looked like: 0.5 % and 99.5 % quantiles, and the prevalence.

    ``chromosomes`` are those with any labelled region, held out or not; empty if they are too many
    to say anything (contigs).
    """

    length: tuple[float, float]
    gc: tuple[float, float]
    prevalence: float
    regions: int
    chromosomes: list[str] = []


class Contents(Strict):
    """What turns bases into scores, by content: files that do not belong together are refused.

    ``config`` and ``weights`` are SHA-256 sums, whatever the form of the files; ``tokenizer`` is
    `sequence.tokenizers.Tokenizer.identity`; ``members`` are the weights of an ensemble's others.
    """

    config: str
    weights: str
    tokenizer: dict[str, str | int]
    members: list[str] = []


class Settings(Strict):
    """The content of `seformer.json`."""

    format: Literal[1] = 1
    seformer_version: str = seformer.__version__
    sample: str = "model"
    backbone: dict[str, str | None]
    window: int | None = Field(
        ge=1, le=2**31, description="most tokens in a window, special tokens included"
    )
    overlap: int = Field(0, ge=0)
    phases: int = Field(1, ge=1, le=12, description="k-mer phases a score is averaged over")
    token_pooling: Literal["mean", "cls"] = "mean"
    window_pooling: Literal["mean", "lse", "attention"] = "mean"
    spectrum: int | None = Field(None, ge=1, le=8, description="k of the k-mer spectrum beside it")
    members: int = Field(1, ge=1, le=100, description="models whose mean logit is the score")
    calibration: Calibration = Calibration()
    threshold: float = Field(0.5, ge=0)
    assembly: Assembly = Assembly()
    splits: SplitRecord = SplitRecord()
    training_range: TrainingRange | None = None
    seeds: list[int] = []
    training: dict[str, Any] = {}
    versions: dict[str, str] = {}
    contents: Contents | None = Field(None, description="None in the folders of version 1.0.0")

    @model_validator(mode="after")
    def _has_a_name_and_a_dropout(self) -> Settings:
        if not self.backbone.get("name"):
            raise ValueError("backbone.name is missing")
        dropout = self.training.get("dropout", 0.1)
        if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
            raise ValueError("training.dropout is not a number from 0 to 1")
        return self

    def content_window(self, tokenizer: Tokenizer) -> int | None:
        """Most tokens of a window that stand for bases."""
        special = sum(map(len, tokenizer.wrap))
        return None if self.window is None else self.window - special


@dataclass
class Model:
    """A loaded model: everything that scoring and explaining need.

    ``others`` are the further members of an ensemble; calibration and threshold are this one's.
    """

    classifier: RegionClassifier
    tokenizer: Tokenizer
    settings: Settings
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


def _head_keys(classifier: RegionClassifier) -> dict[str, str]:
    """Map our head's keys to those in the file.

    A head that equals the stock sequence classifier's is stored under the stock names, so that
    `AutoModelForSequenceClassification` loads the folder; any other under names of our own.
    """
    style = classifier.backbone.head_style
    stock = {"dense": style.dense, "norm": style.norm, "out": style.out}
    own = {part: HEAD_PREFIX + part for part in stock}
    names = stock if style.pooling == classifier.token_pooling else own
    keys = {}
    for key in classifier.head.state_dict():
        part, kind = key.split(".")
        keys[key] = f"{names[part]}.{kind}"
    return keys


def classifier_state(classifier: RegionClassifier) -> dict[str, torch.Tensor]:
    """Collect all weights under the names they have in `model.safetensors`."""
    state = dict(classifier.backbone.published_state())
    names = _head_keys(classifier)
    state |= {names[key]: value for key, value in classifier.head.state_dict().items()}
    if classifier.window_pooling == "attention":
        state |= {
            ATTENTION_PREFIX + key: value
            for key, value in classifier.attention.state_dict().items()
        }
    if classifier.spectrum is not None:
        state |= {
            SPECTRUM_PREFIX + key: value for key, value in classifier.spectrum.state_dict().items()
        }
    return {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}


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
    settings = model.settings.model_copy(update={"contents": contents})
    write_json(json.loads(settings.model_dump_json()), folder / SETTINGS_FILE)
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


def read_settings(folder: Path) -> Settings:
    """Read and check `seformer.json`.

    Raises
    ------
    UserError
        If ``folder`` is not a model folder of seformer.
    """
    folder = Path(folder)
    path = folder / SETTINGS_FILE
    if not folder.is_dir() or not path.is_file():
        raise UserError(
            "this is not a model folder of seformer",
            where=folder,
            expected=f"a folder with {SETTINGS_FILE}, config.json and {WEIGHTS_FILE}",
            do="give the folder <outdir>/<sample>/model of an earlier run",
        )
    try:
        return Settings.model_validate(read_object(path))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "settings"
        raise UserError(
            f"{field}: {first['msg']}", where=path, do="use a model folder of this version"
        ) from error


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
        known = [other.settings.contents and other.settings.contents.weights for other in others]
        if model.settings.contents and model.settings.contents.members != known:
            raise _mixed("the members are", folder)
    for one in (model, *others):
        one.classifier.to(device)
    return replace(
        model, device=device, others=tuple(replace(other, device=device) for other in others)
    )


@contextlib.contextmanager
def _undisturbed(folder: Path) -> Iterator[None]:
    """Refuse a folder that is replaced while it is read."""

    def state() -> set[tuple[str, int, int, int]]:
        found = list(os.scandir(folder)) if folder.is_dir() else []
        entries = ((entry.name, entry.stat(follow_symlinks=False)) for entry in found)
        return {(name, one.st_ino, one.st_size, one.st_mtime_ns) for name, one in entries}

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
    classifier = RegionClassifier(
        backbone,
        token_pooling=settings.token_pooling,
        window_pooling=settings.window_pooling,
        dropout=settings.training.get("dropout", 0.1),
        spectrum=settings.spectrum,
    )
    _load_part(classifier.head, _head_keys(classifier), weights, folder)
    if settings.window_pooling == "attention":
        names = {key: ATTENTION_PREFIX + key for key in classifier.attention.state_dict()}
        _load_part(classifier.attention, names, weights, folder)
    if classifier.spectrum is not None:
        names = {key: SPECTRUM_PREFIX + key for key in classifier.spectrum.state_dict()}
        _load_part(classifier.spectrum, names, weights, folder)
    known = settings.contents
    if known is not None:
        if known.config != config_digest(config):
            raise _mixed("config.json is", folder)
        if known.tokenizer != tokenizer.identity:
            raise _mixed("the tokeniser is", folder)
        if known.weights != weights_digest(weights):
            raise _mixed("the weights are", folder)
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

    Calibration and threshold are put back to none: they belong to the score of a single model.

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
            "calibration": Calibration(),
            "threshold": 0.5,
        }
    )
    alone = [replace(m, settings=m.settings.model_copy(update={"members": 1})) for m in members[1:]]
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
    resolved = Settings(backbone=record, versions=library_versions(), **settings)
    classifier = RegionClassifier(
        backbone,
        token_pooling=resolved.token_pooling,
        window_pooling=resolved.window_pooling,
        dropout=resolved.training.get("dropout", 0.1),
        spectrum=resolved.spectrum,
    )
    return Model(classifier.to(device), tokenizer, resolved, device)
