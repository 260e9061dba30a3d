"""Logos of motifs and regions as pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from tangermeme.plot import plot_logo

from seformer.motifs.track import Track, soft_one_hot, with_flanks
from seformer.sequence.dna import reverse_complement

SHOWN_BASES = 80


def align(text: str, motif: np.ndarray) -> tuple[int, bool]:
    """Best place of a motif on a stretch: offset of its first column (may hang over), strand.

    Compared by log-odds against a uniform background; a column off the stretch counts 0.
    """
    odds = np.log2((motif + 0.01) / 1.04 / 0.25)
    width, best = motif.shape[1], (-np.inf, 0, False)
    for reverse in (False, True):
        hot = soft_one_hot(reverse_complement(text) if reverse else text)
        for offset in range(3 - width, hot.shape[1] - 2):
            begin, stop = max(offset, 0), min(offset + width, hot.shape[1])
            score = float((hot[:, begin:stop] * odds[:, begin - offset : stop - offset]).sum())
            if score > best[0]:
                best = (score, offset, reverse)
    return best[1], best[2]


class Stack(NamedTuple):
    """Seqlets of one motif laid on one strand of it.

    Attributes
    ----------
    seqlets
        How many.
    attribution
        float64 ``[4, width]``: mean attribution of each base at each column, along the genome's
        forward strand.
    """

    seqlets: int
    attribution: np.ndarray


def stacked(seqlets: pd.DataFrame, track: Track, motif: np.ndarray) -> tuple[Stack, Stack]:
    """Lay seqlets on a motif: those that match it as it is, and those of its reverse complement."""
    width = motif.shape[1]
    counts, totals = [0, 0], np.zeros((2, 4, width))
    for row in seqlets.itertuples():
        start, end = with_flanks(track, row.start, row.end, row.stretch)
        offset, reverse = align(track.sequence[start:end], motif)
        hot = soft_one_hot(track.sequence[start:end]) * track.values[start:end]
        if reverse:
            hot = hot[::-1, ::-1]
        begin, stop = max(offset, 0), min(offset + width, hot.shape[1])
        counts[reverse] += 1
        totals[int(reverse), :, begin - offset : stop - offset] += hot[:, begin:stop]
    means = totals / np.maximum(counts, 1)[:, None, None]
    return Stack(counts[0], means[0]), Stack(counts[1], means[1][::-1, ::-1])


def draw_motifs(
    table: pd.DataFrame,
    seqlets: pd.DataFrame,
    track: Track,
    collection: dict[str, np.ndarray],
    folder: Path,
    number: int,
    max_q: float,
) -> None:
    """Draw each of the first motifs: the file's, and the attribution of the seqlets on it.

    On the left the motif as it is, on the right its reverse complement, each above its own seqlets:
    on the genome a motif is seen as either.
    """
    hits = seqlets[seqlets["q_value"] <= max_q]
    for rank, name in enumerate(table["motif"].head(number), 1):
        motif, named = collection[name], hits[hits["motif"] == name]
        bits = motif * (2 + (motif * np.log2(np.maximum(motif, 1e-9))).sum(0))
        # the picture is shown at half its size
        with plt.rc_context({"font.size": 13}):
            figure, axes = plt.subplots(
                2, 2, figsize=(5.2, 2.6), sharey="row", layout="constrained"
            )
            columns = (("as in the file", bits), ("reverse complement", bits[::-1, ::-1]))
            stacks = stacked(named, track, motif)
            for (title, shown), stack, (top, bottom) in zip(columns, stacks, axes.T, strict=True):
                plot_logo(shown, ax=top)
                if stack.seqlets:
                    plot_logo(stack.attribution, ax=bottom)
                else:
                    bottom.spines[:].set_visible(False)
                top.set_title(title, fontsize=13)
                top.set(xticks=[])
                bottom.set(xticks=[])
                bottom.set_xlabel(f"{stack.seqlets} seqlet{'s' * (stack.seqlets != 1)}")
            axes[0, 0].set(ylabel="bits", ylim=(0, 2))
            # both strands on one scale, whichever is larger
            drawn = np.hstack([stack.attribution for stack in stacks])
            lowest, highest = drawn.clip(max=0).sum(0).min(), drawn.clip(min=0).sum(0).max()
            axes[1, 0].set(ylabel="attribution", ylim=(lowest, highest))
            figure.align_ylabels(axes[:, 0])
            _save(figure, folder / f"motif_{rank:02d}_{_plain(name)}.png")


def draw_regions(track: Track, folder: Path, number: int) -> None:
    """Draw the strongest stretch of the regions with the largest summed absolute attribution."""
    if not len(track.regions):
        return
    weight = pd.Series(np.add.reduceat(np.abs(track.values), track.offsets[:-1]))
    total = weight.groupby(track.regions["region"]).transform("sum")
    order = pd.DataFrame({"total": -total, "weight": -weight}).sort_values(
        ["total", "weight"], kind="stable"
    )
    # of each region the stretch between N that weighs most
    chosen = track.regions["region"][order.index].drop_duplicates().index[:number]
    for rank, stretch in enumerate(chosen.tolist(), 1):
        begin, end = track.offsets[stretch : stretch + 2].tolist()
        values = track.values[begin:end]
        running = np.convolve(np.abs(values), np.ones(min(SHOWN_BASES, len(values))), "valid")
        start = int(running.argmax())
        shown = slice(start, start + SHOWN_BASES)
        row = track.regions.iloc[stretch]
        first, last = row["start"] + start, row["start"] + min(start + SHOWN_BASES, len(values))
        figure, axis = plt.subplots(figsize=(10, 1.8), layout="constrained")
        plot_logo(soft_one_hot(track.sequence[begin:end][shown]) * values[shown], ax=axis)
        axis.set(
            title=f"{row['name']} ({row['class']})",
            xlabel=f"{row['chrom']}:{first + 1:,}-{last:,}",
            ylabel="attribution",
            xticks=[],
        )
        _save(figure, folder / f"region_{rank:02d}_{_plain(row['name'])}.png")


def _save(figure: plt.Figure, path: Path) -> None:
    figure.savefig(path, dpi=120, metadata={"Software": None})
    plt.close(figure)


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:60]
