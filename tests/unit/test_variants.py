import errno
import gzip
import json
import os
import time

import numpy as np
import pandas as pd
import pysam
import pytest
from toys import random_sequence, toy_model

from seformer.scoring import alleles as alleles_module
from seformer.scoring import variant_files
from seformer.scoring import variants as module
from seformer.scoring import vcf as vcf_module
from seformer.scoring.mutagenesis import mutate
from seformer.scoring.score import Ensemble, Scorer
from seformer.util.errors import UserError
from seformer.util.tables import read_tsv

CHR1 = random_sequence(3000, 5)
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


@pytest.fixture
def fasta(tmp_path):
    path = tmp_path / "g.fa"
    path.write_text(f">chr1\n{CHR1[:1000].lower()}{CHR1[1000:]}\n")
    return path


@pytest.fixture
def toy(monkeypatch):
    model = toy_model(mixing=True, curved=True, window=40)
    monkeypatch.setattr(module, "load_model", lambda folder, device: model)
    return model


def write_vcf(path, rows):
    lines = [
        "##fileformat=VCFv4.3",
        '##FILTER=<ID=PASS,Description="ok">',
        "##contig=<ID=chr1,length=3000>",
        "##contig=<ID=chrZ,length=3000>",
        '##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">',
        '##ALT=<ID=DEL,Description="Deletion">',
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    lines += ["\t".join((*row, ".", "PASS", "DP=9")) for row in rows]
    path.write_text("\n".join(lines) + "\n")
    return path


def base(position):
    """The genome's base at a 1-based position."""
    return CHR1[position - 1]


def run(tmp_path, fasta, rows, **options):
    vcf = write_vcf(tmp_path / "v.vcf", rows)
    out = tmp_path / "out"
    module.variants("model", out, fasta=fasta, vcf=vcf, **{"null": 0} | options)
    table = read_tsv(out / variant_files.TABLE_FILE)
    with pysam.VariantFile(str(out / variant_files.VCF_FILE)) as handle:
        return table, list(handle), json.loads((out / variant_files.SUMMARY_FILE).read_text())


def test_every_kind_of_variant(tmp_path, fasta, toy):
    bed = tmp_path / "r.bed"
    bed.write_text("chr1\t500\t800\tone\nchr1\t700\t900\ttwo\nchr1\t2000\t2100\tthree\n")
    rows = [
        ("chr1", "601", "snv", base(601), OTHER[base(601)]),
        ("chr1", "750", "multi", base(750), f"{OTHER[base(750)]},{base(750)}GATT"),
        ("chr1", "620", "deletion", CHR1[619:625], base(620)),
        ("chr1", "651", "wrong", OTHER[base(651)], "A"),
        ("chr1", "1500", "off", base(1500), OTHER[base(1500)]),
        ("chr1", "799", "edge", CHR1[798:803], base(799)),
        ("chr1", "899", "partly", CHR1[898:903], base(899)),
        ("chr1", "700", "symbolic", base(700), "<DEL>,*,N"),
        ("chrZ", "700", "elsewhere", "A", "C"),
    ]
    table, records, summary = run(tmp_path, fasta, rows, regions=bed)
    status = table.groupby("id", sort=False)["status"].agg(list)
    assert status["snv"] == ["scored"]
    assert status["multi"] == ["scored"] * 4  # two alleles in two regions
    assert status["deletion"] == ["scored"]
    assert status["wrong"] == ["wrong_reference"]
    assert status["off"] == ["off_region"]
    assert status["edge"] == ["scored"]  # region two holds it, one only in part
    assert status["partly"] == ["partly_in_region"]
    assert status["symbolic"] == ["symbolic_allele", "symbolic_allele", "ambiguous_allele"]
    assert status["elsewhere"] == ["unknown_chromosome"]
    assert summary["records"] == 9 and summary["alleles"] == 12
    assert summary["status"]["scored"] == 5

    for row in table[table["status"] == "scored"].itertuples():
        start = row.position - 1 - int(row.region_start)
        region = CHR1[int(row.region_start) : int(row.region_end)]
        edited = region[:start] + row.alternative + region[start + len(row.reference) :]
        expected = Ensemble(toy).score([region, edited]).logit
        assert row.reference_logit == pytest.approx(expected[0], abs=1e-5)
        assert row.alternative_logit == pytest.approx(expected[1], abs=1e-5)
        assert row.difference == pytest.approx(expected[1] - expected[0], abs=2e-5)

    # by place, so that they can be indexed
    ordered = sorted(rows, key=lambda row: (row[0], int(row[1])))
    assert [record.id for record in records] == [row[2] for row in ordered]
    assert table["id"].drop_duplicates().tolist() == [row[2] for row in rows]
    assert all(record.info["DP"] == 9 for record in records)
    infos = {record.id: record.info for record in records}
    first = table[table["id"] == "multi"].iloc[0]
    multi = infos["multi"]
    assert multi["SEF_REGION"] == "chr1:500-800"
    assert multi["SEF_REF"] == pytest.approx(first["reference_logit"], rel=1e-5)
    assert len(multi["SEF_DIFF"]) == 2 and multi["SEF_STATUS"] == ("scored", "scored")
    assert "SEF_REF" not in infos["wrong"]
    assert infos["wrong"]["SEF_STATUS"] == ("wrong_reference",)


def test_without_regions_the_region_is_round_the_variant(tmp_path, fasta, toy):
    rows = [("chr1", str(p), f"v{p}", base(p), OTHER[base(p)]) for p in (1, 1500, 3000)]
    table, _, _ = run(tmp_path, fasta, rows, width=301)
    assert table["region_start"].tolist() == [0, 1349, 2699]
    assert table["region_end"].tolist() == [301, 1650, 3000]
    assert (table["status"] == "scored").all()
    whole, _, _ = run(tmp_path, fasta, rows, width=9999)
    assert set(whole["region_end"]) == {3000}


def test_a_score_does_not_depend_on_the_other_variants(tmp_path, fasta, toy):
    rows = [("chr1", str(p), f"v{p}", base(p), OTHER[base(p)]) for p in range(1500, 1520)]
    together, _, _ = run(tmp_path, fasta, rows, width=200)
    for index in (0, 13):
        alone, _, _ = run(tmp_path, fasta, [rows[index]], width=200)
        np.testing.assert_allclose(
            alone["difference"].iloc[0], together["difference"].iloc[index], atol=1e-5
        )


def test_every_substitution_at_the_positions_of_a_bed(tmp_path, fasta, toy, monkeypatch):
    bed = tmp_path / "p.bed"
    bed.write_text("chr1\t2995\t3000\nchr1\t1500\t1503\nchr1\t1502\t1504\n")
    computed = []
    compute = Scorer._features

    def counting(self, *parts):
        found = compute(self, *parts)
        computed.append(len(found))
        return found

    monkeypatch.setattr(Scorer, "_features", counting)
    out = tmp_path / "out"
    module.variants("m", out, fasta=fasta, positions=bed, width=600, null=0)
    # two strands of 200 3-mers in 6 windows; of each edited strand one is new
    assert computed == [12, 5 * 3 * 2, 12, 3 * 3 * 2, 12, 3 * 2]
    table = read_tsv(out / variant_files.TABLE_FILE)
    positions = [*range(2996, 3001), 1501, 1502, 1503, 1504]  # a base of two rows is there once
    assert table["position"].tolist() == np.repeat(positions, 3).tolist()
    assert (table["status"] == "scored").all()
    assert set(table["region_name"]) == {"chr1:2400-3000", "chr1:1201-1801", "chr1:1203-1803"}
    for row in table[table["position"] == 1502].itertuples():
        region = CHR1[1201:1801]
        effects = mutate(Ensemble(toy), region, [300])[0]
        assert region[300] == row.reference != row.alternative
        assert row.difference == pytest.approx(effects["ACGT".index(row.alternative)], abs=1e-5)
    with pysam.VariantFile(str(out / variant_files.VCF_FILE)) as handle:
        first = next(iter(handle))
    assert first.pos == 1501 and len(first.alts) == 3 and len(first.info["SEF_DIFF"]) == 3


def test_positions_at_n_have_no_substitutions(tmp_path, toy):
    fasta, bed = tmp_path / "n.fa", tmp_path / "p.bed"
    fasta.write_text(">chr1\n" + CHR1[:100] + "NNNN" + CHR1[100:200] + "\n")
    bed.write_text("chr1\t98\t106\n")
    module.variants("m", tmp_path / "o", fasta=fasta, positions=bed)
    table = read_tsv(tmp_path / "o" / variant_files.TABLE_FILE)
    assert table["position"].unique().tolist() == [99, 100, 105, 106]
    for given in ({}, {"vcf": bed, "positions": bed}):
        with pytest.raises(UserError, match="either --vcf or --positions"):
            module.variants("m", tmp_path / "p", fasta=fasta, **given)


def test_records_without_alternative_are_kept(tmp_path, fasta, toy):
    table, records, summary = run(tmp_path, fasta, [("chr1", "7", "none", base(7), ".")])
    assert len(records) == 1 and table["status"].tolist() == ["no_alternative"]
    assert summary["status"] == {"no_alternative": 1}


def test_a_vcf_is_read_however_it_is_compressed(tmp_path):
    plain = write_vcf(tmp_path / "v.vcf", [("chr1", "7", "a", base(7), OTHER[base(7)])])
    gzipped, bgzipped, bcf = (tmp_path / name for name in ("g.vcf.gz", "b.vcf.gz", "v.bcf"))
    gzipped.write_bytes(gzip.compress(plain.read_bytes()))
    with pysam.BGZFile(str(bgzipped), "wb") as handle:
        handle.write(plain.read_bytes())
    with (
        pysam.VariantFile(str(plain)) as source,
        pysam.VariantFile(str(bcf), "wb", header=source.header) as handle,
    ):
        handle.write(next(source))
    records, header = vcf_module.read_vcf(plain)
    assert records[0].line == plain.read_text().splitlines()[-1]
    for path in (gzipped, bgzipped):
        assert vcf_module.read_vcf(path) == (records, header)
    assert vcf_module.read_vcf(bcf)[0] == records


def test_bad_files(tmp_path, fasta, toy):
    text = tmp_path / "x.vcf"
    text.write_text("this is no VCF\n")
    with pytest.raises(UserError, match=r"cannot be read as VCF.* or a table with columns"):
        module.variants("m", tmp_path / "o", fasta=fasta, vcf=text)
    with pytest.raises(UserError, match="no such file"):
        module.variants("m", tmp_path / "o", fasta=fasta, vcf=tmp_path / "missing.vcf")
    vcf = write_vcf(tmp_path / "v.vcf", [("chr1", "7", "a", base(7), OTHER[base(7)])])
    bed = tmp_path / "r.bed"
    bed.write_text("chr1\t0\t3001\n")
    with pytest.raises(UserError, match="passes the end"):
        module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf, regions=bed)
    assert not (tmp_path / "o").exists()


def test_a_header_of_another_assembly_is_told(tmp_path, fasta, toy, caplog):
    vcf = write_vcf(tmp_path / "v.vcf", [("chr1", "7", "a", base(7), OTHER[base(7)])])
    options = {"fasta": fasta, "vcf": vcf, "null": 0}
    module.variants("m", tmp_path / "o", **options)
    assert "assembly" not in caplog.text
    vcf.write_text(vcf.read_text().replace("chr1,length=3000", "chr1,assembly=b37,length=3001"))
    module.variants("m", tmp_path / "o", **options)
    assert "its header gives chr1 3001 bp, the genome 3000: are they of one" in caplog.text


# position, reference, alternative in the file and what becomes of it ({} is the genome's base)
NONE = "no_alternative"
UNUSUAL = [
    ("700", "{}", "{}T", ["scored"]),
    ("700", "{}", ",".join(OTHER).lower(), ["scored" if x != base(700) else NONE for x in OTHER]),
    ("700", "{}", "*", ["symbolic_allele"]),
    ("700", "{}", "<*>,<NON_REF>,<DEL>", ["symbolic_allele"] * 3),
    ("700", "{}", "{}[chr1:9[", ["symbolic_allele"]),
    ("700", "{}", "R,AN,-", ["ambiguous_allele", "ambiguous_allele", "symbolic_allele"]),
    ("700", "R", "A", ["ambiguous_allele"]),
    ("700", ".", "A", ["wrong_reference"]),
    ("0", "N", "A", ["past_chromosome_end"]),  # a telomere
    ("3001", "N", "A", ["past_chromosome_end"]),
    ("2147483647", "A", "C", ["past_chromosome_end"]),
    ("700", "{}", ".", [NONE]),
    ("700", "{0}", "{0}", [NONE]),
]


@pytest.mark.parametrize(("position", "reference", "alternative", "status"), UNUSUAL)
def test_unusual_alleles(position, reference, alternative, status, tmp_path, fasta, toy):
    here = base(700)
    row = ("chr1", position, ".", reference.format(here), alternative.format(here))
    table, records, _ = run(tmp_path, fasta, [row], width=90)
    assert table["status"].tolist() == status
    assert len(records) == 1
    if "[" in alternative:  # a chromosome's name keeps its letters
        assert table["alternative"].tolist() == [row[-1]]


def test_all_else_in_a_vcf_stays_as_it_was(tmp_path, fasta, toy):
    """QUAL, INFO, FORMAT and samples letter for letter; only the fields of INFO are added."""
    line = f"chr1\t700\ta;b\t{base(700).lower()}\tT\t30.0\tq10;s50\tAF=.5;DB\tGT:X\t0|1:\u00e9"
    vcf = tmp_path / "v.vcf"
    vcf.write_text(f"{vcf_module.HEADER}\tFORMAT\tme\r\n{line}\r\n", encoding="utf-8", newline="")
    module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf)
    written = gzip.decompress((tmp_path / "o" / variant_files.VCF_FILE).read_bytes()).decode()
    assert written.startswith("##fileformat=VCF")
    before, info, after = written.splitlines()[-1].partition(";SEF_REF=")
    assert before == line.rpartition("\tGT:X")[0]
    assert info and after.endswith(";SEF_STATUS=scored\tGT:X\t0|1:\u00e9")


def test_fields_of_an_earlier_run_are_taken_out(tmp_path, fasta, toy):
    """Also those that this run does not write: motifs and p of another model would stay."""
    info = "DP=7;SEF_REF=9;SEF_P=0.1;SEF_GAINED=AP1;SEF_LOST=X"
    vcf = write_vcf(tmp_path / "v.vcf", [("chr1", "7", "a", base(7), OTHER[base(7)])])
    head, line = vcf.read_text().rstrip("\n").rsplit("\n", 1)
    declared = '##INFO=<ID=SEF_GAINED,Number=A,Type=String,Description="x">'
    line = "\t".join([*line.split("\t")[:7], info])
    head = head.replace("##ALT", f"{declared}\n##ALT")
    vcf.write_text(f"{head}\n{line}\n")
    module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf, null=0)
    written = gzip.decompress((tmp_path / "o" / variant_files.VCF_FILE).read_bytes()).decode()
    assert "\tDP=7;SEF_REF=" in written and written.count("SEF_REF=") == 1
    assert not any(f"SEF_{name}" in written.splitlines()[-1] for name in ("P=", "GAINED", "LOST"))
    assert "ID=SEF_GAINED" not in written


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("chr1\t-5\t.\tA\tC\t.\t.\t.", "position '-5' is not a whole number"),
        ("chr1\t99\x1c\t.\tA\tC\t.\t.\t.", r"position '99.*x1c' is not a whole number"),
        ("chr1\t\u0669\t.\tA\tC\t.\t.\t.", "is not a whole number"),
        ("chr1\t1e3\t.\tA\tC\t.\t.\t.", "position '1e3' is not a whole number"),
        ("chr1\t2147483648\t.\tA\tC\t.\t.\t.", r"more than a VCF can hold \(2147483647"),
        ("chr1\t5000000000\t.\tA\tC\t.\t.\t.", "5000000000 is more than a VCF can hold"),
        ("chr1\t" + "9" * 4400 + "\t.\tA\tC\t.\t.\t.", "more than a VCF can hold"),
        ("chr1 700 . A C . . .", "1 columns where the header has 8"),
        ("chr1\t700\t.\tA\tC", "5 columns where the header has 8"),
        ("chr1\t700\t.\tA\tC\t.\t.\t.\t", "9 columns where the header has 8"),
        ("chr1\t700\t.\tA\tC,,G\t.\t.\t.", "a chromosome or allele is missing"),
        ("chr1\t700\t.\t\tC\t.\t.\t.", "a chromosome or allele is missing"),
        ("##x", "a header line between records, as if two files had been put together"),
    ],
)
def test_lines_that_are_not_records(row, message, tmp_path, fasta, toy):
    vcf = tmp_path / "v.vcf"
    good = "chr1\t7\t.\tA\tC\t.\t.\t."
    vcf.write_text("\n".join(["##x", vcf_module.HEADER, good, "", row, good]), encoding="utf-8")
    with pytest.raises(UserError, match=message) as error:
        module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf)
    assert error.value.line == 5 and len(str(error.value)) < 600
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("form", [str.lower, lambda line: line.replace("\t", " "),
                                  lambda line: line[:28]])  # fmt: skip
def test_header_lines_that_are_not_of_a_vcf(form, tmp_path):
    (vcf := tmp_path / "v.vcf").write_text(f"##x\n{form(vcf_module.HEADER)}\nchr1\t7\t.\tA\tC\n")
    with pytest.raises(UserError, match=r"line 2: .* does not begin with #CHROM POS ID.*with tabs"):
        vcf_module.read_vcf(vcf)


def test_a_vcf_in_another_encoding(tmp_path, fasta, toy):
    vcf = tmp_path / "v.vcf"
    vcf.write_bytes(f"##source=caf\u00e9\n{vcf_module.HEADER}\n".encode("latin-1"))
    with pytest.raises(UserError, match=r"v\.vcf, line 1: .*(Latin-1|UTF-8)"):
        module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf)
    vcf.write_text(f"##x\n{vcf_module.HEADER}\n", encoding="utf-16")
    with pytest.raises(UserError, match=r"v\.vcf.*UTF-16"):
        module.variants("m", tmp_path / "o", fasta=fasta, vcf=vcf)


def test_regions_are_swept_not_compared_one_by_one():
    """As many comparisons as there are pairs: one region over all of them changes nothing."""
    number = 20_000
    genome = pd.DataFrame({"chrom": "chr1", "start": np.arange(number) * 10})
    genome["end"] = genome["start"] + 10
    spans = [alleles_module.Span("chr1", 0, 10 * number, "all")]
    spans += [alleles_module.Span(*row, "one") for row in genome.itertuples(index=False)]
    alleles = [
        alleles_module.Allele(i, 0, "chr1", 10 * i + 5, 10 * i + 5 + length, "", "", "")
        for i, length in enumerate([1, 5, 6] * (number // 3))
    ]
    began = time.process_time()
    pairs, statuses = alleles_module.find_homes(alleles, spans)
    assert time.process_time() - began < 5
    assert set(statuses) == {""}
    assert pairs[:5] == [
        (spans[0], 0), (spans[1], 0), (spans[0], 1), (spans[2], 1), (spans[0], 2)
    ]  # fmt: skip
    pairs, statuses = alleles_module.find_homes(alleles, spans[2:])
    assert statuses[:4] == ["off_region", "", "partly_in_region", ""]


def test_names_that_are_not_utf8(tmp_path, toy):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "g.fa").write_text(f">chr1\n{CHR1}\n")
    vcf = write_vcf(folder / "v.vcf", [("chr1", "7", "a", base(7), OTHER[base(7)])])
    module.variants("m", folder / "out", fasta=folder / "g.fa", vcf=vcf)
    assert read_tsv(folder / "out" / variant_files.TABLE_FILE)["status"].tolist() == ["scored"]
    written = (folder / "out" / variant_files.VCF_FILE).read_bytes()
    assert b"SEF_STATUS=scored" in gzip.decompress(written)


def test_an_index_that_cannot_be_written_is_told_as_a_full_disk_is(tmp_path):
    """htslib gives no reason: it was a traceback."""
    path = tmp_path / "v.vcf.gz"
    (tmp_path / "v.vcf.gz.tbi").mkdir()
    with pytest.raises(OSError, match="index of the variants") as caught:
        vcf_module.write_vcf(path, [vcf_module.HEADER], [], [], [], [])
    assert caught.value.errno == errno.ENOSPC and caught.value.filename == str(path)
