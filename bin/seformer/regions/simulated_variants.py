"""Variants of the demo: substitutions in planted pairs of motifs, and as many beside all motifs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seformer.genome.genome import Genome
from seformer.regions.grammars import Enhancer, Planted
from seformer.sequence.dna import BASES

VARIANTS_FILE = "variants.vcf"
IN_MOTIFS = BESIDE = 60
OTHER = "other"
Place = tuple[str, int, str]


def write_variants(
    folder: Path, genome: Genome, enhancers: Sequence[Enhancer], truth: Sequence[Planted], seed: int
) -> None:
    """Write ``variants.vcf``: one base each, named after the motif that it lies in, or ``other``.

    Half of them, `IN_MOTIFS` if there are so many instances, lie in instances that have a class to
    speak for, no two in one instance; the others in the same enhancers, outside every instance.

    Parameters
    ----------
    enhancers
        Those with variants.
    truth
        Instances in all of them.
    seed
        Of what is random here, which changes nothing elsewhere.
    """
    # a stream of its own: other files keep their bytes
    rng = np.random.default_rng([seed, 2])
    regions = {enhancer.name: enhancer for enhancer in enhancers}
    inside = [site for site in truth if site.region in regions]
    speaking = [site for site in inside if site.speaks_for != "."]
    order = sorted(rng.permutation(len(speaking))[:IN_MOTIFS].tolist())
    chosen = [speaking[i] for i in order]
    places = [
        (site.chrom, int(rng.integers(site.start, site.end)), f"{site.name}_{number}")
        for number, site in enumerate(chosen, 1)
    ]
    taken = defaultdict(set)
    for site in inside:
        taken[site.region].update(range(site.start, site.end))
    for number, site in enumerate(chosen[:BESIDE], 1):
        region = regions[site.region]
        free = sorted(set(range(region.start, region.end)) - taken[region.name])
        start = free[int(rng.integers(len(free)))]
        taken[region.name].add(start)
        places.append((region.chrom, start, f"{OTHER}_{number}"))
    chromosomes = list(genome.chromosomes)
    places.sort(key=lambda place: (chromosomes.index(place[0]), place[1]))
    lines = ["##fileformat=VCFv4.3"]
    lines += [f"##contig=<ID={name},length={n}>" for name, n in genome.chromosomes.items()]
    lines.append("#" + "\t".join("CHROM POS ID REF ALT QUAL FILTER INFO".split()))
    lines += [_record(place, genome, rng) for place in places]
    (folder / VARIANTS_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _record(place: Place, genome: Genome, rng: np.random.Generator) -> str:
    chrom, start, name = place
    reference = genome.fetch(chrom, start, start + 1)
    alternative = BASES.replace(reference, "")[int(rng.integers(3))]
    return "\t".join((chrom, str(start + 1), name, reference, alternative, ".", ".", "."))
