"""The null of variants: how it is drawn, p and q, and that shards give what a whole run gives."""

import json

import numpy as np
import pandas as pd
import pysam
import pytest
import torch
from scipy.stats import false_discovery_control
from toys import random_sequence, toy_model

from seformer.genome.genome import Genome
from seformer.model import folder
from seformer.model.kmer_linear import Spectrum
from seformer.scoring import variant_null, variant_plan, variant_shards
from seformer.scoring import variants as module
from seformer.scoring.alleles import Allele, Span
from seformer.sequence.dna import reverse_complement
from seformer.util.errors import UserError
from seformer.util.tables import read_tsv

CHR1, CHR2 = random_sequence(6000, 5), random_sequence(5000, 8)
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
PLACES = [("chr1", p) for p in range(500, 5600, 130)] + [("chr2", p) for p in range(600, 4000, 300)]


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(f">chr1\n{CHR1}\n>chr2\n{CHR2}\n")
    return path


@pytest.fixture
def counter(monkeypatch):
    """A model that only counts CpG, a million to a base: each effect is known."""
    model = toy_model()
    with torch.no_grad():
        model.classifier.head.weight.zero_()
    spectrum = Spectrum(2)
    spectrum.weight[spectrum._index[4 * 1 + 2]] = 1000.0
    model.classifier.spectrum = spectrum
    for place in (module, folder):
        monkeypatch.setattr(place, "load_model", lambda folder, device: model)
    return model


def base(chrom, position):
    return (CHR1 if chrom == "chr1" else CHR2)[position - 1]


def write_vcf(path, places=PLACES, more=()):
    lines = ["##fileformat=VCFv4.3", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for chrom, position in places:
        reference = base(chrom, position)
        lines.append(f"{chrom}\t{position}\t.\t{reference}\t{OTHER[reference]}\t.\t.\t.")
    path.write_text("\n".join([*lines, *more]) + "\n")
    return path


def kind_of(sequence, at, alternative):
    """Written out anew: the kind of a substitution on the strand of the pyrimidine."""
    three, put = sequence[at - 1 : at + 2], alternative
    if three[1] in "AG":
        three, put = reverse_complement(three), reverse_complement(put)
    return f"{three[0]}[{three[1]}>{put}]{three[2]}"


def effect_of(row):
    """CpGs gained, per dinucleotide of the region, as the counter's logit says them."""
    sequence = CHR1 if row.chrom == "chr1" else CHR2
    region, at = sequence[row.region_start : row.region_end], row.position - 1 - row.region_start
    assert region[at] == row.reference
    edited = region[:at] + row.alternative + region[at + 1 :]
    return 1000 * (edited.count("CG") - region.count("CG")) / (len(region) - 1)


def test_the_null_and_p_of_a_model_whose_effects_are_known(tmp_path, fasta, counter, monkeypatch):
    monkeypatch.setattr(variant_null, "LEAST", 15)
    more = [f"chr1\t5900\tgone\t{CHR1[5899:5902]}\t{CHR1[5899]}\t.\t.\t."]
    vcf = write_vcf(tmp_path / "v.vcf", more=more)
    module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf, width=400, null=700, seed=3)
    table, null = (read_tsv(tmp_path / "o" / name) for name in ("variants.tsv", "null.tsv"))

    assert len(null) == 700
    assert not null.duplicated(["chrom", "position", "alternative", "region_start"]).any()
    variants = set(zip(table["chrom"], table["position"], strict=True))
    assert not variants & set(zip(null["chrom"], null["position"], strict=True))
    regions = set(zip(table["chrom"], table["region_start"], table["region_end"], strict=True))
    for row in null.itertuples():
        assert (row.chrom, row.region_start, row.region_end) in regions
        sequence = CHR1 if row.chrom == "chr1" else CHR2
        assert row.substitution == kind_of(sequence, row.position - 1, row.alternative)
        assert row.difference == pytest.approx(effect_of(row), abs=1e-7)
    # as often as among the variants
    snvs = table[table["id"] != "gone"]
    wanted = 700 * snvs["substitution"].value_counts(normalize=True)
    drawn = null["substitution"].value_counts().reindex(wanted.index)
    assert (drawn - wanted).abs().max() < 1

    used = set()
    for row in snvs.itertuples():
        assert row.difference == pytest.approx(effect_of(row), abs=1e-7)
        context = (row.substitution[0], row.substitution[2], row.substitution[-1])
        same = null[null["substitution"] == row.substitution]
        alike = null[[(s[0], s[2], s[-1]) == context for s in null["substitution"]]]
        ways = [("substitution", same), ("context", alike), ("all", null)]
        name, chosen = next((n, t) for n, t in ways if len(t) >= 15)
        assert (row.null, row.null_size) == (name, len(chosen))
        larger = (chosen["difference"].abs() >= abs(row.difference) - 1e-6).sum()
        assert row.p == pytest.approx((1 + larger) / (1 + len(chosen)))
        highest = null[["reference_logit", "alternative_logit"]].max(axis=1)
        own = max(row.reference_logit, row.alternative_logit)
        assert row.active_allele_quantile == pytest.approx((highest <= own + 1e-6).mean())
        used.add(name)
    assert len(used) > 1
    np.testing.assert_allclose(snvs["q"], false_discovery_control(snvs["p"]))
    names = np.select(
        [snvs["difference"] > 0, snvs["difference"] < 0], ["alternative", "reference"], "0"
    )
    assert snvs["active_allele"].fillna("0").tolist() == names.tolist()

    (gone,) = table[table["id"] == "gone"].itertuples()
    assert gone.status == "scored" and np.isnan(gone.p) and np.isnan(gone.q)
    summary = json.loads((tmp_path / "o" / "summary.json").read_text())
    assert (summary["tested"], summary["untested"]) == (len(snvs), 1)
    assert summary["null"]["drawn"] == 700 and summary["null"]["quantiles"][0] == 0
    assert summary["null"]["quantiles"][-1] == pytest.approx(null["difference"].abs().max())


def test_what_is_rare_is_made_up_for(tmp_path, fasta, counter):
    """One variant: its context runs out in its window, so others fill the null up to the number."""
    vcf = write_vcf(tmp_path / "v.vcf", [("chr1", 3000)])
    module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf, width=400, null=300)
    table, null = (read_tsv(tmp_path / "o" / name) for name in ("variants.tsv", "null.tsv"))
    assert len(null) == 300 and table["null"].tolist() == ["all"]
    kind = table["substitution"][0]
    here = CHR1[2799:3201]
    own = sum(
        kind_of(here, at, put) == kind
        for at in range(1, 401)
        for put in "ACGT"
        if put != here[at] and at != 200
    )
    assert (null["substitution"] == kind).sum() == own
    module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf, width=20, null=300)
    null = read_tsv(tmp_path / "o" / "null.tsv")
    assert len(null) == 3 * 19  # every substitution there is, but at the variant itself
    assert not null.duplicated(["position", "alternative"]).any()


def test_the_order_of_records_and_regions_changes_nothing(tmp_path, fasta, counter):
    regions = [f"{c}\t{start}\t{start + 700}\n" for c in ("chr1", "chr2") for start in (300, 2000)]
    tables = []
    for name, step in (("a", 1), ("b", -1)):
        vcf = write_vcf(tmp_path / f"{name}.vcf", PLACES[::step])
        # and a region that stands there twice counts once
        (tmp_path / "r.bed").write_text("".join([*regions[::step], regions[0]]))
        for given in ({}, {"regions": tmp_path / "r.bed"}):
            out = tmp_path / f"{name}{len(given)}"
            module.variants("m", out, fasta=fasta, vcf=vcf, null=40, width=400, **given)
            table = read_tsv(out / "variants.tsv").sort_values(["chrom", "position"])
            tables.append(table.drop(columns="region_name").reset_index(drop=True))
    for one, other in (tables[::2], tables[1::2]):
        assert len(one) == len(PLACES) and one["p"].notna().sum() > 5
        pd.testing.assert_frame_equal(one, other, rtol=1e-5, atol=1e-6)


def test_insertions_alone_ask_for_no_null(tmp_path, fasta, counter, caplog):
    caplog.set_level("INFO")
    more = [f"chr1\t900\t.\t{CHR1[899]}\t{CHR1[899]}AC\t.\t.\t."]
    vcf = write_vcf(tmp_path / "v.vcf", [], more)
    module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf, width=90, null=50)
    assert "no p: no variant is a substitution" in caplog.text
    assert "of the 50 random substitutions" not in caplog.text


def test_without_a_null(tmp_path, fasta, counter):
    vcf = write_vcf(tmp_path / "v.vcf", PLACES[:3])
    module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf, width=90, null=0)
    table = read_tsv(tmp_path / "o" / "variants.tsv")
    assert table[["p", "q", "null", "active_allele_quantile"]].isna().all(axis=None)
    assert len(read_tsv(tmp_path / "o" / "null.tsv", ["difference"])) == 0
    with pysam.VariantFile(str(tmp_path / "o" / "variants.vcf.gz")) as handle:
        assert all("SEF_P" not in record.info for record in handle)


def test_contexts_are_folded():
    codes = np.array([0, 1, 2, 3, -1, 0, 2])
    context, other = variant_null.folded_contexts(codes)
    assert context.tolist()[2:] == [-1, -1, -1] and other.tolist()[:2] == [False, True]
    # ACG reads as it is, CGT as ACG on the other strand
    assert context[0] == context[1]
    assert variant_null.kind_name(context[0] * 4 + 3) == "A[C>T]G"
    names = {variant_null.kind_name(c * 4 + put) for c in range(32) for put in range(4)
             if put != 2 * (c // 16) + 1}  # fmt: skip
    assert len(names) == 96


def test_a_substitution_is_one_however_much_stands_around_it(fasta):
    """As some callers write it: with the bases before and behind it."""
    alone, whole = CHR1[100], CHR1[97:104]
    put_in = OTHER[alone]
    alleles = [
        Allele(0, 0, "chr1", 100, 101, alone, put_in, ""),
        Allele(1, 0, "chr1", 97, 104, whole, whole[:3] + put_in + whole[4:], ""),
        Allele(2, 0, "chr1", 97, 104, whole, put_in.join(whole[:3]) + whole[4:], ""),
        Allele(3, 0, "chr1", 97, 104, whole, OTHER[whole[0]] + whole[1:-1] + OTHER[whole[-1]], ""),
        Allele(4, 0, "chr1", 97, 104, whole, whole, ""),
    ]
    assert [allele.substitution for allele in alleles] == [True, True, False, False, False]
    with Genome(fasta) as genome:
        kinds = variant_null.kinds_of(alleles, genome)
    assert kinds[0] == kinds[1] != -1 and set(kinds[2:]) == {-1}


def test_large_regions_are_drawn_from_in_part(fasta, monkeypatch):
    monkeypatch.setattr(variant_null, "MAX_BASES", 1000)
    spans = [Span("chr1", first, first + 400, "") for first in range(0, 6000, 400)]
    alleles = [Allele(i, 0, "chr1", s.start, s.start + 1, CHR1[s.start], "A", "")
               for i, s in enumerate(spans)]  # fmt: skip
    with Genome(fasta) as genome:
        kinds = variant_null.kinds_of(alleles, genome)
        draws = variant_null.draw_null(spans, alleles, kinds, genome, 500, 1)
        again = variant_null.draw_null(spans, alleles, kinds, genome, 500, 1)
        others = variant_null.draw_null(spans, alleles, kinds, genome, 500, 2)
    assert draws == again != others and len(draws) == 500
    assert len({draw.span for draw in draws}) == 3
    assert all(CHR1[draw.position] == draw.reference != draw.alternative for draw in draws)


@pytest.mark.parametrize("edits", [1, 40, 100_000])
def test_shards_give_what_a_whole_run_gives(edits, tmp_path, fasta, monkeypatch):
    model = toy_model(mixing=True, curved=True, window=40)
    for place in (module, folder):
        monkeypatch.setattr(place, "load_model", lambda folder, device: model)
    monkeypatch.setattr(variant_plan, "BLOCK", 30)
    bed = tmp_path / "r.bed"
    bed.write_text("chr2\t500\t2500\nchr1\t400\t3000\nchr1\t2500\t5000\n")
    more = [
        "chr1\t2800\t.\t<\tA\t.\t.\t.",
        f"chr1\t2900\t.\t{base('chr1', 2900)}\tACG,<DEL>\t.\t.\t.",
    ]
    vcf = write_vcf(tmp_path / "v.vcf", more=more)
    files = {"fasta": fasta, "vcf": vcf, "regions": bed}
    how = {"null": 150, "seed": 4}
    module.variants("m", tmp_path / "whole", **files, **how)
    variant_shards.cut_variants(tmp_path / "cut", **files, **how, shard_alleles=edits)
    shards = sorted((tmp_path / "cut").glob("shard_*"))
    assert len(shards) == 1 if edits == 100_000 else len(shards) >= 5
    sizes = [len(read_tsv(shard / "edits.tsv")) for shard in shards]
    assert max(sizes) <= edits + 30 and max(sizes) - min(sizes) <= 2 * 30
    scored = []
    for number, shard in enumerate(shards):
        variant_shards.score_shard("m", shard, tmp_path / f"scored_{number}")
        scored.append(tmp_path / f"scored_{number}")
    variant_shards.merge_variants(scored, tmp_path / "merged", **files, **how)
    names = ["variants.tsv", "null.tsv", "variants.vcf.gz", "variants.vcf.gz.tbi", "summary.json"]
    assert sorted(p.name for p in (tmp_path / "merged").iterdir()) == sorted(names)
    said = json.loads((tmp_path / "merged/summary.json").read_text())
    assert said["model"] == model.settings.as_used
    for name in names:
        whole, merged = ((tmp_path / run / name).read_bytes() for run in ("whole", "merged"))
        assert whole == merged, name
    with pytest.raises(UserError, match="are not those of the"):
        variant_shards.merge_variants(scored, tmp_path / "x", **files, null=150, seed=5)
    with pytest.raises(UserError, match="are not those of the"):
        variant_shards.merge_variants(scored * 2, tmp_path / "x", **files, **how)


def test_shards_of_several_models_are_refused(tmp_path, fasta, counter):
    files = {"fasta": fasta, "vcf": write_vcf(tmp_path / "v.vcf", PLACES[:6])}
    variant_shards.cut_variants(tmp_path / "cut", **files, null=9, width=60, shard_alleles=4)
    shards = sorted((tmp_path / "cut").glob("shard_*"))
    scored = [tmp_path / shard.name for shard in shards]
    for shard, out in zip(shards, scored, strict=True):
        variant_shards.score_shard("m", shard, out)
    said = json.loads((scored[1] / "summary.json").read_text())
    said["model"]["threshold"] = 0.125
    (scored[1] / "summary.json").write_text(json.dumps(said))
    with pytest.raises(UserError, match=r"shard_0002: this shard was computed with another model"):
        variant_shards.merge_variants(scored, tmp_path / "merged", **files, null=9, width=60)
    for out in scored:  # those of 1.0.0 do not say it
        (out / "summary.json").unlink()
    variant_shards.merge_variants(scored, tmp_path / "merged", **files, null=9, width=60)
    assert "model" not in json.loads((tmp_path / "merged/summary.json").read_text())


def test_nothing_to_score_is_one_empty_shard(tmp_path, fasta, counter):
    vcf = write_vcf(tmp_path / "v.vcf", [], ["chr1\t7\t.\tN\tA\t.\t.\t."])
    files = {"fasta": fasta, "vcf": vcf}
    variant_shards.cut_variants(tmp_path / "cut", **files)
    variant_shards.score_shard("m", tmp_path / "cut/shard_0001", tmp_path / "scored")
    variant_shards.merge_variants([tmp_path / "scored"], tmp_path / "out", **files)
    assert read_tsv(tmp_path / "out/variants.tsv")["status"].tolist() == ["wrong_reference"]
    with pytest.raises(UserError, match=r"blocks\.tsv.*no such file"):
        variant_shards.score_shard("m", tmp_path, tmp_path / "scored")


def test_the_vcf_is_indexed_and_in_order(tmp_path, fasta, counter, capfd):
    places = [("chr2", 900), ("chr1", 4000), ("chr2", 700), ("chr1", 600)]
    vcf = write_vcf(tmp_path / "v.vcf", places, ["chr1\t0\t.\tN\tA\t.\t.\t."])
    module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf, width=300, null=250)
    with pysam.VariantFile(str(tmp_path / "o/variants.vcf.gz")) as handle:
        here = list(handle.fetch("chr2", 650, 1000))
        assert [record.pos for record in here] == [700, 900]
        table = read_tsv(tmp_path / "o/variants.tsv").set_index(["chrom", "position"])
        for record in here:
            row = table.loc[record.chrom, record.pos]
            for field in ("p", "q"):
                assert record.info[f"SEF_{field.upper()}"][0] == pytest.approx(row[field], rel=1e-5)
    assert [*table.index[:4]] == places
    assert json.loads((tmp_path / "o/summary.json").read_text())["sorted"] is True
    assert "[W::" not in capfd.readouterr().err


def test_positions_beyond_a_tbi_have_another_index(tmp_path, fasta, counter):
    vcf = write_vcf(tmp_path / "v.vcf", PLACES[:1])
    module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf, width=90, null=0)
    assert (tmp_path / "o/variants.vcf.gz.tbi").is_file()
    vcf = write_vcf(tmp_path / "v.vcf", PLACES[:1], ["chr1\t2000000000\t.\tA\tC\t.\t.\t."])
    module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf, width=90, null=0)
    names = {path.name for path in (tmp_path / "o").iterdir()}
    assert "variants.vcf.gz.csi" in names and "variants.vcf.gz.tbi" not in names
    with pysam.VariantFile(str(tmp_path / "o/variants.vcf.gz")) as handle:
        assert [record.pos for record in handle.fetch("chr1", 1_999_999_000, 2_000_000_001)] == [
            2_000_000_000
        ]


def test_compare_takes_the_narrowest_null_that_is_large_enough():
    null = np.arange(1, 1001) / 1000
    of = np.repeat([3, 0], [250, 750])
    compared = variant_null.compare(
        np.array([0.2, -0.2, 0.9, 2.0, np.nan]),
        np.array([3, 8, variant_null.NO_CONTEXT, 0, 3]),
        np.array([True, True, True, True, True]),
        null,
        of,
    )
    assert compared.null == ["substitution", "all", "all", "substitution", ""]
    assert compared.size.tolist() == [250, 1000, 1000, 750, 0]
    np.testing.assert_allclose(compared.p[:4], [52 / 251, 802 / 1001, 102 / 1001, 1 / 751])
    assert np.isnan(compared.p[4]) and np.isnan(compared.q[4])
    assert pd.notna(compared.q[:4]).all()
