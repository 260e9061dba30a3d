"""Chromosomes of the common assemblies: their lengths and names, to say what a file belongs to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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

# version of the accessions of 1, 2 … X, Y in RefSeq (NCBI's assembly reports); GenBank counts whole
# assemblies
_REFSEQ = {
    "hg19": (1, "10 11 11 11 9 11 13 10 11 10 9 11 10 8 9 9 10 9 9 10 8 10 10 9"),
    "hg38": (1, "11 12 12 12 10 12 14 11 12 11 10 12 11 9 10 10 11 10 10 11 9 11 11 10"),
    "mm9": (67, "5 6" + 17 * " 5" + " 6 6"),
    "mm10": (67, "6 7" + 17 * " 6" + " 7 7"),
    "mm39": (67, "7 8" + 17 * " 7" + " 8 8"),
    "T2T-CHM13v2.0": (60925, 24 * "1 "),
}
_GENBANK = {"hg19": (663, 1), "hg38": (663, 2), "mm9": (994, 1), "mm10": (994, 2), "mm39": (994, 3)}
_NAMES = {name: names for name, (names, _) in _LENGTHS.items()} | {"T2T-CHM13v2.0": HUMAN}
# accession to assembly (None: of several) and chromosome
ACCESSIONS: dict[str, tuple[str | None, str]] = {
    "NC_012920.1": (None, "MT"),
    "J01415.2": (None, "MT"),
    "CP068254.1": ("T2T-CHM13v2.0", "MT"),
    "NC_005089.1": (None, "MT"),
    "AY172335.1": (None, "MT"),
    "CP086569.2": ("T2T-CHM13v2.0", "Y"),
}
for _name, (_first, _versions) in _REFSEQ.items():
    for _i, (_chrom, _version) in enumerate(zip(_NAMES[_name], _versions.split(), strict=True)):
        ACCESSIONS[f"NC_{_first + _i:06}.{_version}"] = (_name, _chrom)
for _name, (_first, _version) in _GENBANK.items():
    for _i, _chrom in enumerate(_NAMES[_name]):
        ACCESSIONS[f"CM{_first + _i:06}.{_version}"] = (_name, _chrom)
for _i, _chrom in enumerate(HUMAN[:-1]):  # counted downwards, Y from another person
    ACCESSIONS[f"CP{68277 - _i:06}.2"] = ("T2T-CHM13v2.0", _chrom)

PREFIX = re.compile("(?:chromosome|chrom|chr)[_ ]?(?=.)")
# NCBI's FASTA of old: gi|568815597|ref|NC_000001.11|
OF_NCBI = re.compile(r"(?:gi\|\d+\|)?(?:ref|gb|emb|dbj|tpg)\|([^|]+)\|?")
# UCSC's chr1_KI270706v1_random and chrUn_gl000220 (and these without chr) are KI270706.1 and
# GL000220.1 elsewhere
SCAFFOLD = re.compile(
    r"(?:(?:chr[0-9a-z]+|\d+|x|y|un)_)?([a-z]{2}\d{6}|[a-z]{4}\d{8})(?:[v.](\d+))?(?:_(?:random|alt|fix|decoy))?"
)
# UCSC's chrM in Ensembl's genomes of human, yeast, worm and fly
MITOCHONDRION = ("m", "mt", "mito", "mtdna", "mitochondrion_genome")


def accession_of(name: str) -> str:
    """Return a name without what NCBI's files put round an accession, in capitals."""
    whole = OF_NCBI.fullmatch(name)
    return (whole[1] if whole else name).upper()


def shared_name(name: str) -> str:
    """Return what all names of one chromosome have in common."""
    accession = accession_of(name)
    if accession in ACCESSIONS:
        return ACCESSIONS[accession][1].casefold()
    bare = accession.casefold()
    if scaffold := SCAFFOLD.fullmatch(bare):
        return f"{scaffold[1]}.{scaffold[2] or 1}"
    bare = PREFIX.sub("", bare, count=1) if bare.startswith("chr") else bare
    if bare.isascii() and bare.isdecimal():
        bare = bare.lstrip("0") or "0"
    return "mt" if bare in MITOCHONDRION else bare


def recognise_assembly(chromosomes: Mapping[str, int]) -> str | None:
    """Return the assembly whose chromosome 1 has this genome's length, or None."""
    ones = ("chr1", "1", "Chr1", "CHR1", *(a for a, (_, name) in ACCESSIONS.items() if name == "1"))
    of_ncbi = (name for name in chromosomes if "|" in name and shared_name(name) == "1")
    length = next((chromosomes[name] for name in (*ones, *of_ncbi) if name in chromosomes), None)
    for assembly, lengths in ASSEMBLIES.items():
        if lengths["1"] == length:
            return assembly
    return None


def differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two genomes are not the same, where both have chromosomes of one name.

    ``sequences`` (`genome.genome.Genome.sequences`) are compared, or where one has none, as in
    version 1.0, the ``fingerprint`` of names and lengths.
    """
    here, there = one.get("sequences"), other.get("sequences")
    if not here or not there:
        return one.get("fingerprint") != other.get("fingerprint")
    common = here.keys() & there.keys()
    return not common or any(here[name] != there[name] for name in common)


def that_hold(furthest: Mapping[str, int]) -> list[str]:
    """Return the assemblies in which no region passes its chromosome's end.

    Parameters
    ----------
    furthest
        Chromosome name, in any spelling, to the largest region end on it. Chromosomes
        that an assembly does not list are left out; one that is listed must be there.
    """
    bare = {shared_name(name).upper(): end for name, end in furthest.items()}
    return [
        assembly
        for assembly, lengths in ASSEMBLIES.items()
        if bare.keys() & lengths.keys()
        and all(end <= lengths[name] for name, end in bare.items() if name in lengths)
    ]
