"""A trained model in Python: scores and explanations as data frames."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from seformer.explain.explain import explain_frame
from seformer.model.archive import opened
from seformer.model.folder import load_model
from seformer.model.settings import ModelSettings
from seformer.regions.extract import bad_lines
from seformer.regions.frames import FRAME, free_names, read_frame, wrong_type
from seformer.regions.read import RegionTable, read_regions
from seformer.scoring.predict import score_frame
from seformer.util.errors import UserError

# of all models: torch's number of threads is one for the whole process
ONE_AT_A_TIME = threading.Lock()
# no identifier with zeros in front, nor one with more digits than a number keeps
NUMBER = r"[+-]?((0|[1-9]\d{0,14})?(\.\d*)?(e[+-]?\d+)?|inf)"
Regions = str | PathLike[str] | pd.DataFrame


class TrainedModel:
    """A model folder (or an archive of one), loaded; see `seformer.load_model`.

    Attributes
    ----------
    settings
        What `seformer.json` says: calibration, threshold, what it was trained on.
    """

    def __init__(self, folder: str | PathLike[str], device: str = "auto") -> None:
        with _python_door(None):
            with opened(_path(folder, "folder", "a model's folder, or an archive of it")) as model:
                self._model = load_model(model, str(device))

    @property
    def settings(self) -> ModelSettings:
        return self._model.settings

    def __repr__(self) -> str:
        name = self.settings.backbone["name"]
        return f"<seformer model of {self.settings.sample!r}, {name}, {self._model.device}>"

    def predict(
        self,
        regions: Regions,
        fasta: str | PathLike[str],
        *,
        prevalence: float | None = None,
        rename_chromosomes: bool = False,
        invalid_regions: str = "error",
    ) -> pd.DataFrame:
        """Score regions of any length.

        Parameters
        ----------
        regions
            A region file in any form that `regions.read` reads, or a data frame with columns
            for chromosome, start and end (0-based half-open), by the names that files may have,
            and any index and further columns. It is not changed.
        fasta
            The genome, plain or bgzipped.
        prevalence
            Share of super-enhancers among these regions, if it differs from the training's.
        rename_chromosomes
            Match ``chr1`` with ``1``.
        invalid_regions
            ``error`` or ``drop``: what to do with regions past their chromosome's end.

        Returns
        -------
        pandas.DataFrame
            One row per region, in the given order: the own columns (those of a data frame with
            its index), then ``logit`` and ``probability`` (NaN without a score), ``prediction``
            (SE, TE or empty), ``set`` (SE, TE, both, none or empty; only of a model with conformal
            sets), ``coverage`` and ``flags``; of an ensemble ``logit_sd`` as well. Own columns of
            these names are called ``input_`` and the name.

        Raises
        ------
        seformer.util.errors.UserError
            If the regions or the genome cannot be used.
        """
        how = {"rename_chromosomes": rename_chromosomes, "invalid_regions": invalid_regions}
        own, scores = self._run(score_frame, regions, fasta, prevalence=prevalence, **how)
        renamed = own.set_axis(free_names(own.columns, scores.columns), axis=1)
        # by position: an index may repeat itself
        return pd.concat([renamed, scores.set_axis(own.index)], axis=1)

    def explain(
        self,
        regions: Regions,
        fasta: str | PathLike[str],
        *,
        rename_chromosomes: bool = False,
        invalid_regions: str = "error",
        **settings: Any,
    ) -> pd.DataFrame:
        """Explain scores base by base.

        Parameters
        ----------
        regions, fasta, rename_chromosomes, invalid_regions
            As in `predict`.
        **settings
            Fields of `seformer.explain.settings.AttributionSettings`: ``method``, ``reference``,
            ``references``, ``completeness``, ``max_steps``, ``seed``, ``batch_tokens``.

        Returns
        -------
        pandas.DataFrame
            One row per region, in the given order and with the index of a data frame, with the
            columns of ``attributions.tsv`` and two more: ``attributions``, float32 ``[bases]`` on
            the forward strand, and ``sequence``, its upper-case bases; both None for a region
            without sequence. The attributions and ``special_share`` sum to
            ``logit - reference_logit``.

        Raises
        ------
        seformer.util.errors.UserError
            If the regions or the genome cannot be used.
        """
        how = {"rename_chromosomes": rename_chromosomes, "invalid_regions": invalid_regions}
        own, table = self._run(explain_frame, regions, fasta, **how, **settings)
        return table.set_axis(own.index)

    def _run(
        self, function: Callable[..., pd.DataFrame], regions: Regions, fasta: Any, **how: Any
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The regions' own columns, and what the function makes of the regions and the genome."""
        with _python_door(regions):
            own, rows, source = _read(regions, how["invalid_regions"])
            genome = _path(fasta, "fasta", "a path")
            return own, function(self._model, genome, rows, source, **how)


def _read(regions: Regions, invalid: str) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """The regions' own columns, the regions as all forms are inside, and what they come from."""
    if isinstance(regions, pd.DataFrame):
        return pd.DataFrame(regions), read_frame(regions, invalid=bad_lines(invalid)), FRAME
    path = _path(regions, "regions", "a file, or a data frame")
    table = read_regions(path, labels=False, invalid=bad_lines(invalid))
    return _numbers(table), table.regions, str(table.source)


def _path(value: Any, argument: str, expected: str) -> Path:
    if isinstance(value, (str, PathLike)):
        with contextlib.suppress(TypeError):  # a path of bytes
            return Path(value)
    raise wrong_type(argument, value, expected)


def _numbers(table: RegionTable) -> pd.DataFrame:
    """The own columns of a file; numbers as numbers, but for names, also of chromosomes."""
    own = table.own
    names = [table.regions[name] for name in ("chrom", "name")]
    for name in own.columns:
        named = any(own[name].equals(texts.rename(name)) for texts in names)
        if not named and own[name].str.fullmatch(NUMBER, case=False).all():
            number = pd.to_numeric(own[name], errors="coerce")
            own[name] = number if number.notna().all() else own[name]
    return own


@contextlib.contextmanager
def _python_door(regions: Regions | None) -> Iterator[None]:
    """One call at a time; errors speak of rows of the frame and of arguments, not of options."""
    try:
        with ONE_AT_A_TIME:
            yield
    except UserError as error:
        where, line = error.where, error.line
        if where == FRAME and line is not None and isinstance(regions, pd.DataFrame):
            label = regions.index[line]
            where, line = f"{FRAME}, position {line} (index {label!r})", None
        raise UserError(
            _in_python(error.found),
            where=where if where is None else _in_python(str(where)),
            line=line,
            expected=error.expected and _in_python(error.expected),
            do=error.do and _in_python(error.do),
        ) from error


def _in_python(text: str) -> str:
    """Say arguments where a text says options of the command or parameters of the pipeline."""
    text = re.sub(r" \((?:in the pipeline )?--[^)]*\)", "", text)
    text = text.replace("--rename-chromosomes", "rename_chromosomes=True")
    text = re.sub(r"--invalid-regions drop\b", 'invalid_regions="drop"', text)
    return re.sub(r"--([a-z][a-z-]*)", lambda found: found[1].replace("-", "_"), text)
