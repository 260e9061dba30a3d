"""A trained model in Python: scores and explanations as data frames."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from seformer import files, tracks
from seformer.archive import opened
from seformer.attribute import Settings as AttributionSettings
from seformer.errors import UserError
from seformer.explain import write_values
from seformer.explained import has_values, read_table
from seformer.extract import extract
from seformer.modelfolder import Settings, load_model
from seformer.predict import score_file
from seformer.regions import read_regions

PLACE = ("chrom", "start", "end")
Regions = str | PathLike[str] | pd.DataFrame


class TrainedModel:
    """A model folder (or an archive of one), loaded; see `seformer.load_model`.

    Attributes
    ----------
    settings
        What `seformer.json` says: calibration, threshold, what it was trained on.
    """

    def __init__(self, folder: str | PathLike[str], device: str = "auto") -> None:
        with opened(folder) as opened_folder:
            self._model = load_model(opened_folder, device)

    @property
    def settings(self) -> Settings:
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
            A region file in any form that `seformer.regions` reads, or a data frame with the
            columns chrom, start and end (0-based half-open).
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
            (SE, TE or empty), ``coverage`` and ``flags``; of an ensemble ``logit_sd`` as well.
            Own columns of these names are called ``input_`` and the name.

        Raises
        ------
        seformer.errors.UserError
            If the regions or the genome cannot be used.
        """
        with tempfile.TemporaryDirectory() as work, _region_file(regions, Path(work)) as path:
            shards = score_file(
                self._model,
                Path(fasta),
                path,
                Path(work),
                prevalence=prevalence,
                rename_chromosomes=rename_chromosomes,
                invalid_regions=invalid_regions,
            )
            text = ("prediction", "flags")
            parts = [files.read_table(shard / "scores.tsv", text=text) for shard in shards]
        scores = pd.concat(parts, ignore_index=True).drop(columns="line")
        scores[list(text)] = scores[list(text)].fillna("")
        own = _own(regions).rename(columns={name: f"input_{name}" for name in scores.columns})
        return own.join(scores.set_axis(own.index))

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
            Fields of `seformer.attribute.Settings`: ``method``, ``reference``, ``references``,
            ``completeness``, ``max_steps``, ``seed``, ``batch_tokens``.

        Returns
        -------
        pandas.DataFrame
            One row per region, in the given order, with the columns of ``attributions.tsv``,
            and two more: ``attributions``, float32 ``[bases]`` on the forward strand, and
            ``sequence``, its upper-case bases; both None for a region without sequence. The
            attributions and ``special_share`` sum to ``logit - reference_logit``.

        Raises
        ------
        seformer.errors.UserError
            If the regions or the genome cannot be used.
        """
        how = AttributionSettings(**settings)
        with tempfile.TemporaryDirectory() as work, _region_file(regions, Path(work)) as path:
            extracted, out = Path(work) / "extracted", Path(work) / "explained"
            extract(
                fasta,
                extracted,
                regions=path,
                unlabelled=True,
                rename_chromosomes=rename_chromosomes,
                invalid_regions=invalid_regions,
            )
            out.mkdir()
            write_values(self._model, extracted, out, how, faithfulness_regions=0)
            table = read_table(out)
            values = tracks.Values(out / tracks.VALUES_FILE)
            # copies: the file goes with the folder
            found = ((values[row].copy(), values.sequence(row)) for row in range(len(values)))
            pairs = [next(found) if kept else (None, None) for kept in has_values(table)]
        for column, cells in zip(
            ("attributions", "sequence"), zip(*pairs, strict=True), strict=True
        ):
            table[column] = pd.Series(cells, dtype=object)
        return table if not isinstance(regions, pd.DataFrame) else table.set_axis(regions.index)


@contextlib.contextmanager
def _region_file(regions: Regions, folder: Path) -> Iterator[Path]:
    """Yield the path of a region file; a data frame is written to one first."""
    if not isinstance(regions, pd.DataFrame):
        yield Path(regions)
        return
    missing = [name for name in PLACE if name not in regions.columns]
    if missing:
        raise UserError(
            f"the columns {', '.join(missing)} are missing",
            where="data frame of regions",
            expected=", ".join(PLACE),
        )
    columns = [*PLACE, "name"] if "name" in regions.columns else list(PLACE)
    path = folder / "data_frame.tsv"
    files.write_table(regions[columns], path)
    yield path


def _own(regions: Regions) -> pd.DataFrame:
    """The regions' own columns; numbers of a file as numbers, but for names of chromosomes."""
    if isinstance(regions, pd.DataFrame):
        return regions
    table = read_regions(regions, labels=False)
    own = table.own
    for name in own.columns:
        if not own[name].equals(table.regions["chrom"].rename(name)):
            number = pd.to_numeric(own[name], errors="coerce")
            own[name] = number if number.notna().all() else own[name]
    return own
