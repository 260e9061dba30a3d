"""Motifs that an allele makes or breaks."""

import json

import numpy as np
import pysam
import pytest
from toys import random_sequence, toy_model

pytest.importorskip("memelite")
from seformer.motifs.changes import MotifFile, read_motif_file
from seformer.motifs.meme import write_meme
from seformer.scoring import variants as module
from seformer.sequence.dna import reverse_complement
from seformer.util.tables import read_tsv

# rare enough to match by itself, but not with a base changed
WORD = "TGACCTA"


def motif_of(word):
    """Probabilities of a motif that spells a word."""
    return np.array([[0.91 if base == letter else 0.03 for base in word] for letter in "ACGT"])


@pytest.fixture
def motifs():
    return MotifFile({"AP1 one": motif_of(WORD), "other": motif_of("GGGGCCCCAATT")}, 1e-4)


def test_gained_and_lost_on_either_strand(motifs):
    flank = motifs.flank
    before, behind = random_sequence(flank, 1), random_sequence(flank, 2)
    left, right = before[: flank - 3] + WORD[:3], WORD[4:] + behind[: flank - 3]
    assert motifs([(left, "C", "G", right)]) == [([], ["AP1 one"])]
    assert motifs([(left, "G", "C", right)]) == [(["AP1 one"], [])]
    # on the other strand
    there = tuple(map(reverse_complement, (right, "C", "G", left)))
    assert motifs([there]) == [([], ["AP1 one"])]
    # a match beside the allele is there with both
    assert motifs([(before[: flank - 7] + WORD, "A", "C", behind)]) == [([], [])]
    # N does not match, neither what a chromosome's end cuts off
    assert motifs([(left[:-1] + "N", "G", "C", right)]) == [([], [])]
    assert motifs([("", "G", "C", WORD[4:])]) == [([], [])]
    assert motifs([(WORD[:3], "G", "C", WORD[4:])]) == [(["AP1 one"], [])]


def test_insertions_deletions_and_many_at_once(motifs):
    flank = motifs.flank
    before, behind = random_sequence(flank, 1), random_sequence(flank, 2)
    deletion = (before[: flank - 4] + WORD[:4], WORD[4] + "GG", WORD[4], WORD[5:] + behind[:5])
    insertion = (before[: flank - 4] + WORD[:4], WORD[4], WORD[4] + "GG", WORD[5:] + behind[:5])
    nothing = (before, "A", "C", behind)
    wanted = [(["AP1 one"], []), ([], ["AP1 one"]), ([], [])]
    assert motifs([deletion, insertion, nothing]) == wanted
    assert motifs([nothing, insertion, deletion] * 3) == wanted[::-1] * 3
    assert motifs([]) == []


def test_a_planted_motif_stands_in_the_results(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_model", lambda folder, device: toy_model())
    genome = random_sequence(900, 5)
    genome = genome[:400] + WORD + genome[407:]
    fasta, meme, vcf = tmp_path / "g.fa", tmp_path / "m.meme", tmp_path / "v.vcf"
    fasta.write_text(f">chr1\n{genome}\n")
    write_meme({"AP1;one": motif_of(WORD)}, meme)
    put = "A" if genome[599] != "A" else "C"
    lines = ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
             f"chr1\t404\tbreaks\t{genome[403]}\tA,N,G\t.\t.\t.",
             f"chr1\t600\tnothing\t{genome[599]}\t{put}\t.\t.\t."]  # fmt: skip
    vcf.write_text("\n".join(lines) + "\n")
    module.variants(
        "m", tmp_path / "o", fasta=fasta, vcf=vcf, width=90, null=0, motifs=read_motif_file(meme)
    )
    table = read_tsv(tmp_path / "o/variants.tsv", text=["motif_gained", "motif_lost"])
    assert table["motif_lost"].fillna("").tolist() == ["AP1;one", "", "AP1;one", ""]
    assert table["motif_gained"].isna().all()
    with pysam.VariantFile(str(tmp_path / "o/variants.vcf.gz")) as handle:
        first, second = handle
    assert first.info["SEF_LOST"] == ("AP1%3Bone", ".", "AP1%3Bone")
    assert "SEF_LOST" not in second.info
    summary = json.loads((tmp_path / "o/summary.json").read_text())
    assert summary["motifs"] == {"gained": 0, "lost": 2}
