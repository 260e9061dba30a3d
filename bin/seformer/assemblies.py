"""Chromosome lengths of the common assemblies, to say which one a file belongs to."""

from __future__ import annotations

from collections.abc import Mapping

HUMAN = (*map(str, range(1, 23)), "X", "Y")
MOUSE = (*map(str, range(1, 20)), "X", "Y")

# lengths in base pairs as in UCSC's chrom.sizes
_LENGTHS = {
    "hg19": (
        HUMAN,
        "249250621 243199373 198022430 191154276 180915260 171115067 159138663 146364022 "
        "141213431 135534747 135006516 133851895 115169878 107349540 102531392 90354753 "
        "81195210 78077248 59128983 63025520 48129895 51304566 155270560 59373566",
    ),
    "hg38": (
        HUMAN,
        "248956422 242193529 198295559 190214555 181538259 170805979 159345973 145138636 "
        "138394717 133797422 135086622 133275309 114364328 107043718 101991189 90338345 "
        "83257441 80373285 58617616 64444167 46709983 50818468 156040895 57227415",
    ),
    "mm9": (
        MOUSE,
        "197195432 181748087 159599783 155630120 152537259 149517037 152524553 131738871 "
        "124076172 129993255 121843856 121257530 120284312 125194864 103494974 98319150 "
        "95272651 90772031 61342430 166650296 15902555",
    ),
    "mm10": (
        MOUSE,
        "195471971 182113224 160039680 156508116 151834684 149736546 145441459 129401213 "
        "124595110 130694993 122082543 120129022 120421639 124902244 104043685 98207768 "
        "94987271 90702639 61431566 171031299 91744698",
    ),
    "mm39": (
        MOUSE,
        "195154279 181755017 159745316 156860686 151758149 149588044 144995196 130127694 "
        "124359700 130530862 121973369 120092757 120883175 125139656 104073951 98008968 "
        "95294699 90720763 61420004 169476575 91455967",
    ),
}
ASSEMBLIES: dict[str, dict[str, int]] = {
    assembly: dict(zip(names, map(int, lengths.split()), strict=True))
    for assembly, (names, lengths) in _LENGTHS.items()
}


def recognise(chromosomes: Mapping[str, int]) -> str | None:
    """Return the assembly whose chromosome 1 has this genome's length, or None."""
    length = chromosomes.get("chr1", chromosomes.get("1"))
    for assembly, lengths in ASSEMBLIES.items():
        if lengths["1"] == length:
            return assembly
    return None


def that_hold(furthest: Mapping[str, int]) -> list[str]:
    """Return the assemblies in which no region passes its chromosome's end.

    Parameters
    ----------
    furthest
        Chromosome name, with or without ``chr``, to the largest region end on it. Chromosomes
        that an assembly does not list are left out; one that is listed must be there.
    """
    bare = {name.removeprefix("chr"): end for name, end in furthest.items()}
    return [
        assembly
        for assembly, lengths in ASSEMBLIES.items()
        if bare.keys() & lengths.keys()
        and all(end <= lengths[name] for name, end in bare.items() if name in lengths)
    ]
