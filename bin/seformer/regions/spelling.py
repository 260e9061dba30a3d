"""Chromosomes of region files: spelled as the genome's, and checked against their lengths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from seformer.genome import assemblies
from seformer.genome.genome import Genome
from seformer.regions.read import read_regions
from seformer.util.errors import UserError, visible

# above this share of regions past the ends, the assembly is more likely wrong than the regions
WRONG_ASSEMBLY = 0.01


class Spelling:
    """The genome's name of each chromosome in region files.

    Attributes
    ----------
    genome
        The genome.
    unmatched
        `seformer.genome.chromosomes.ChromosomeMatch.unmatched` of every file that has any, by its
        name.
    """

    def __init__(self, genome: Genome, rename: bool) -> None:
        self.genome, self.unmatched = genome, {}
        self._rename, self._names = rename, {}

    def spell(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Spell chromosomes as the genome does; those that are not in it stay as they are."""
        return _spell(rows, self._names)

    def read(self, path: Path) -> pd.DataFrame:
        """Read a further file of regions, spelled likewise."""
        return self.of_file(read_regions(path, labels=False, own=()).regions, path)

    def of_file(self, rows: pd.DataFrame, path: Path) -> pd.DataFrame:
        """Spell the regions that a further file holds."""
        return _spell(rows, self.resolve(rows["chrom"].value_counts().to_dict(), path))

    def survey(self, stretches: Iterable[pd.DataFrame], past_ends: bool) -> None:
        """Match the chromosomes and refuse regions past their ends, before anything is written.

        Parameters
        ----------
        stretches
            Regions with ``path`` and ``line``.
        past_ends
            Regions past the end of their chromosome are no error.

        Raises
        ------
        UserError
            For the first region past the end; if a file and the genome have no name in common.
        """
        furthest: dict[str, int] = {}
        counts: dict[str, Counter] = {}
        past, number, first = 0, 0, None
        for rows in stretches:
            for path, chroms in rows.groupby("path", sort=False)["chrom"]:
                counts.setdefault(path, Counter()).update(chroms.value_counts(sort=False).to_dict())
            for chrom, end in rows.groupby("chrom", sort=False)["end"].max().items():
                furthest[chrom] = max(furthest.get(chrom, 0), int(end))
            names = self.genome.match_chromosomes(rows["chrom"].unique(), self._rename)
            limit = rows["chrom"].map(names).map(self.genome.chromosomes).astype(float)
            beyond = rows["end"] > limit
            if first is None and beyond.any():
                first = rows[beyond].iloc[0]
            past += int(beyond.sum())
            number += len(rows)
        for path, count in counts.items():
            self.resolve(count, Path(path))
        if first is not None and not past_ends:
            length = self.genome.chromosomes[self._names[first["chrom"]]]
            place = f"{first['chrom']}:{first['start']}-{first['end']}"
            more = f" (and {past - 1} further regions)" if past > 1 else ""
            many = past > max(2, WRONG_ASSEMBLY * number)
            raise UserError(
                f"{place} passes the end of {first['chrom']}, {length} bp long{more}",
                where=first["path"],
                line=int(first["line"]),
                do=(self._assembly_advice(furthest) if many else "")
                + "mend the regions, or give --invalid-regions drop (--invalid_regions drop in the"
                " pipeline) to drop and count them",
            )

    def resolve(self, counts: Mapping[str, int], path: Path) -> dict[str, str]:
        """Match the chromosomes of one file, and keep what of them is not in the genome."""
        resolved = self.genome.resolve(counts, path, self._rename)
        self._names.update(resolved.names)
        if resolved.unmatched:
            self.unmatched[visible(path.name)] = resolved.unmatched
        return resolved.names

    def _assembly_advice(self, furthest: dict[str, int]) -> str:
        here = self.genome.assembly
        fitting = [name for name in assemblies.that_hold(furthest) if name != here]
        return (
            "so many say that the regions are of another assembly than the FASTA"
            + (f" ({here})" if here else "")
            + (f", they would fit {' or '.join(fitting)}" if fitting else "")
            + ": use the right genome; else "
        )


def _spell(rows: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    return rows.assign(chrom=rows["chrom"].map(lambda name: names.get(name, name)))
