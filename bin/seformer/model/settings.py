"""`seformer.json`: what a model is beside its weights, and how its scores are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

import seformer
from seformer.model.choices import CalibrationMethod, TokenPooling, WindowPooling
from seformer.sequence.kmers import KmerScale
from seformer.util.errors import UserError
from seformer.util.records import read_object, write_json
from seformer.util.shapes_of_pretraining import Pretraining
from seformer.util.shapes_of_tests import TestRecord

if TYPE_CHECKING:
    from seformer.sequence.tokenizers import Tokenizer

SETTINGS_FILE = "seformer.json"
WEIGHTS_FILE = "model.safetensors"
MEMBERS_FOLDER = "members"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=(), allow_inf_nan=False)


class FittedCalibration(_Strict):
    """How a logit becomes a probability; fitted on the validation part alone.

    ``temperature``: sigmoid(slope × logit + intercept). ``isotonic``: linear interpolation
    between the points (``logits``, ``probabilities``). ``prevalence``: the share of
    super-enhancers among the regions it was fitted on, by their probabilities, from which a prior
    shift starts.
    """

    method: CalibrationMethod = "none"
    slope: float = Field(1.0, gt=0)
    intercept: float = 0.0
    logits: list[float] = []
    probabilities: list[float] = []
    prevalence: float = Field(0.5, gt=0, lt=1)
    regions: int = 0
    slope_factor: float = Field(
        1.0, gt=0, description="in the slope already: what a reference says of the validation part"
    )
    intercept_shift: float = Field(
        0.0, description="in the intercept already: what the reference says likewise"
    )
    unlike_training: bool = Field(
        False, description="fitted without the regions that are like some of the training part"
    )

    @model_validator(mode="after")
    def _is_a_curve(self) -> FittedCalibration:
        points = len(self.logits)
        if points != len(self.probabilities) or (self.method == "isotonic" and not points):
            raise ValueError("an isotonic curve has as many logits as probabilities")
        if self.logits != sorted(self.logits) or any(not 0 < p < 1 for p in self.probabilities):
            raise ValueError("an isotonic curve has rising logits, and probabilities in (0, 1)")
        return self


class ClassLimit(_Strict):
    """Up to which logit a region's set holds a class, fitted on the validation part.

    SE from ``limit`` on, TE up to it; always where it is None, since the ``regions`` of the class,
    in so many ``loci``, were too few for the coverage.
    """

    limit: float | None
    regions: int = Field(ge=1)
    loci: int = Field(ge=1)


class ConformalSets(_Strict):
    """Limits of the sets that hold the right class of ``coverage`` of the regions of each class."""

    coverage: float = Field(gt=0, lt=1)
    SE: ClassLimit
    TE: ClassLimit


class Assembly(_Strict):
    """The genome a model was trained on.

    ``sequences`` has `genome.genome.Genome.sequences`; models of version 1.0 have none, and are
    compared by the ``fingerprint`` of names and lengths.
    """

    name: str | None = None
    fingerprint: str | None = None
    sequences: dict[str, str] = {}


class SplitRecord(_Strict):
    """Which regions were held out."""

    method: str | None = None
    hash: str | None = None
    test: list[str] = []
    validation: list[str] = []


class TrainingRange(_Strict):
    """What the training regions looked like: 0.5 % and 99.5 % quantiles, and the prevalence.

    ``chromosomes`` are those with any labelled region, held out or not; empty if they are too many
    to say anything (contigs).
    """

    length: tuple[float, float]
    gc: tuple[float, float]
    prevalence: float
    regions: int
    chromosomes: list[str] = []


class Contents(_Strict):
    """What turns bases into scores, by content: files that do not belong together are refused.

    ``config`` and ``weights`` are SHA-256 sums, whatever the form of the files; ``tokenizer`` is
    `sequence.tokenizers.Tokenizer.identity`; ``members`` are the weights of an ensemble's others.
    """

    config: str
    weights: str
    tokenizer: dict[str, str | int]
    members: list[str] = []


WRITTEN_BY_ALL = (
    *("format", "backbone", "window", "overlap", "token_pooling", "window_pooling"),
    *("calibration", "threshold"),
)


class ModelSettings(_Strict):
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
    token_pooling: TokenPooling = "mean"
    window_pooling: WindowPooling = "mean"
    spectrum: int | None = Field(None, ge=1, le=8, description="k of the k-mer spectrum beside it")
    spectrum_scale: KmerScale = Field("frequency", description="what a k-mer of it counts")
    members: int = Field(1, ge=1, le=100, description="models whose mean logit is the score")
    calibration: FittedCalibration = FittedCalibration()
    threshold: float = Field(0.5, ge=0)
    conformal: ConformalSets | None = Field(None, description="None before version 1.1")
    test: TestRecord | None = Field(None, description="what `seformer evaluate` found, in short")
    assembly: Assembly = Assembly()
    splits: SplitRecord = SplitRecord()
    training_range: TrainingRange | None = None
    pretraining: list[Pretraining] = Field(
        [], description="what masked-token training the backbone had here, each time"
    )
    seeds: list[int] = []
    training: dict[str, Any] = {}
    versions: dict[str, str] = {}
    contents: Contents | None = Field(None, description="None in the folders of version 1.0.0")

    @model_validator(mode="after")
    def _has_a_name_and_a_dropout(self) -> ModelSettings:
        if not self.backbone.get("name"):
            raise ValueError("backbone.name is missing")
        dropout = self.training.get("dropout", 0.1)
        if not isinstance(dropout, int | float) or not 0 <= dropout < 1:
            raise ValueError("training.dropout is not a number from 0 to 1")
        return self

    @property
    def as_used(self) -> dict[str, Any]:
        """What stands beside scores and explanations: the threshold, and the model's own test."""
        return {"threshold": self.threshold, "test": self.test}

    def content_window(self, tokenizer: Tokenizer) -> int | None:
        """Most tokens of a window that stand for bases."""
        special = sum(map(len, tokenizer.wrap))
        return None if self.window is None else self.window - special


def write_settings(settings: ModelSettings, folder: Path) -> None:
    """Write `seformer.json` into a model folder."""
    write_json(json.loads(settings.model_dump_json()), folder / SETTINGS_FILE)


def read_settings(folder: Path) -> ModelSettings:
    """Read and check `seformer.json`.

    Raises
    ------
    UserError
        If ``folder`` is not a model folder of seformer, or a setting is missing or unusable.
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
    record = read_object(path)
    # a default in the place of what was lost would be another score or call, and nobody told
    if lost := next((name for name in WRITTEN_BY_ALL if name not in record), None):
        raise UserError(
            f"{lost} is missing",
            where=path,
            expected=f"what every version writes: {', '.join(WRITTEN_BY_ALL)}",
            do="copy the model folder again from where it was made",
        )
    try:
        return ModelSettings.model_validate(record)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "settings"
        raise UserError(
            f"{field}: {first['msg']}", where=path, do="use a model folder of this version"
        ) from error
