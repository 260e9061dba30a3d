"""Tables of variants without a reference allele, in the forms that people download."""

import gzip
import json

import pytest
from toys import random_sequence, toy_model

from seformer.regions.measured import read_places
from seformer.scoring import variants as module
from seformer.scoring.variant_table import read_table
from seformer.sequence.dna import reverse_complement
from seformer.util.errors import UserError
from seformer.util.tables import read_tsv

CHR1 = random_sequence(3000, 5)
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}
# of the catalogue's download of associations; those beside are passed over
GWAS = ["DATE ADDED TO CATALOG", "DISEASE/TRAIT", "REGION", "CHR_ID", "CHR_POS", "MAPPED_GENE",
        "STRONGEST SNP-RISK ALLELE", "SNPS", "P-VALUE"]  # fmt: skip
SNP151 = ["#bin", "chrom", "chromStart", "chromEnd", "name", "score", "strand", "refNCBI",
          "refUCSC", "observed", "molType", "class"]  # fmt: skip


def base(position):
    """The genome's base at a 1-based position."""
    return CHR1[position - 1]


@pytest.fixture
def scored(tmp_path, monkeypatch):
    """Write a table, score it, and return the results, with the summary."""
    monkeypatch.setattr(module, "load_model", lambda folder, device: toy_model())
    fasta = tmp_path / "g.fa"
    fasta.write_text(f">chr1\n{CHR1}\n>chr2\n{CHR1[:500]}\n")

    def run(header, rows, delimiter="\t", name="t.tsv", rename=False):
        lines = [delimiter.join(row) for row in ([header] if header else []) + rows]
        (tmp_path / name).write_text("\n".join(lines) + "\n")
        settings = {"width": 60, "null": 0, "rename_chromosomes": rename}
        module.variants("m", tmp_path / "o", fasta=fasta, vcf=tmp_path / name, **settings)
        table = read_tsv(tmp_path / "o/variants.tsv", text=["id", "reference", "alternative"])
        return table, json.loads((tmp_path / "o/summary.json").read_text())

    return run


def gwas(chrom, position, risk, name="rs7"):
    return ["2020-01-01", "Height", "1p36", chrom, position, "A - B", risk, name, "4E-9"]


def test_the_gwas_catalogue(scored):
    here = base(700)
    rows = [
        gwas("1", "700", f"rs7-{OTHER[here]}"),
        gwas("1", "700", f"rs7-{here}", "rs8"),
        gwas("1", "700", "rs7-?", "rs9"),
        gwas("1", "700", "rs7", "rs10"),
        gwas("1;1", "700;800", "rs7-A; rs8-C", "rs7; rs8"),
        gwas("1 x 2", "700 x 80", "rs7-A x rs8-C", "rs7 x rs8"),
        gwas("1,1", "700,800", "rs7-A,rs8-C", "rs7,rs8"),
        gwas("", "", "rs7-A"),
        gwas("1", "700", "rs7-AG", "rs11"),
        gwas("1", "999999", "rs7-A", "rs12"),
        gwas("Z", "700", "rs7-A", "rs13"),
    ]
    table, summary = scored(GWAS, rows, rename=True)
    assert table["id"].tolist() == ["rs7", "rs8", "rs9", "rs10", "rs11", "rs12", "rs13"]
    assert table["status"].tolist() == [
        "scored",
        "no_alternative",
        "unknown_allele",
        "unknown_allele",
        "ambiguous_allele",
        "past_chromosome_end",
        "unknown_chromosome",
    ]
    first = table.iloc[0]
    assert (first["chrom"], first["position"]) == ("chr1", 700)
    assert (first["reference"], first["alternative"]) == (here, OTHER[here])
    assert summary["unreadable"] == {"no_position": 1, "several_positions": 3}
    assert summary["read_as"] == "table (risk)"
    assert summary["records"] == summary["alleles"] == 7


def snp(start, end, name, strand, observed, chrom="chr1"):
    return ["585", chrom, str(start), str(end), name, "0", strand, "x", "x", observed, "g", "c"]


@pytest.mark.parametrize("header", [SNP151, None])
def test_tables_of_dbsnp_at_ucsc(header, scored):
    at = next(i for i in range(600, 700) if CHR1[i] == "A" and CHR1[i + 1] != "A")
    rows = [
        snp(at, at + 1, "plus", "+", "A/G"),
        snp(at, at + 1, "minus", "-", "C/T"),
        snp(at, at + 1, "three", "+", "A/C/T"),
        snp(at, at + 1, "wrong", "+", "C/G"),
        snp(at, at + 1, "deletion", "+", "-/A"),
        snp(at, at, "insertion", "-", f"-/{reverse_complement('ACG')}"),
        snp(0, 1, "first", "+", f"-/{CHR1[0]}"),
        snp(at, at + 1, "named", "+", "A/lengthTooLong"),
        snp(at, at + 1, "repeat", "+", "(CA)12/13"),
        snp(at, at + 1, "same", "+", "A/A"),
    ]
    table, _ = scored(header, rows)
    here = {name: group.to_dict("records") for name, group in table.groupby("id")}
    for name, put in (("plus", "G"), ("minus", "G")):
        (row,) = here[name]
        assert (row["position"], row["reference"], row["alternative"]) == (at + 1, "A", put)
        assert row["status"] == "scored"
    assert [row["alternative"] for row in here["three"]] == ["C", "T"]
    before = CHR1[at - 1]
    (row,) = here["deletion"]
    assert (row["position"], row["reference"], row["alternative"]) == (at, before + "A", before)
    (row,) = here["insertion"]
    assert (row["position"], row["reference"], row["alternative"]) == (at, before, before + "ACG")
    (row,) = here["first"]
    assert (row["position"], row["reference"], row["alternative"]) == (1, CHR1[:2], CHR1[1])
    assert {here[n][0]["status"] for n in ("plus", "three", "deletion", "insertion", "first")} == {
        "scored"
    }
    wanted = {"wrong": "wrong_reference", "named": "symbolic_allele", "repeat": "symbolic_allele",
              "same": "no_alternative"}  # fmt: skip
    assert {name: here[name][0]["status"] for name in wanted} == wanted


def test_both_alleles_without_saying_which_is_the_reference(scored):
    a, b = base(700), OTHER[base(700)]
    header = ["chromosome", "base_pair_location", "effect_allele", "other_allele", "variant_id"]
    two = CHR1[800:802]
    rows = [
        ["chr1", "700", a, b, "effect"],
        ["chr1", "700", b, a.lower(), "other"],
        ["chr1", "700", OTHER[b], b, "neither"],
        ["chr1", "801", two, two[0], "indel"],
        ["chr1", "801", two[0] + OTHER[two[1]] + "A", two[0], "insertion"],
    ]
    for delimiter in "\t,":
        table, summary = scored(header, rows, delimiter)
        assert table["status"].tolist() == [
            "scored", "scored", "wrong_reference", "ambiguous_allele", "scored"
        ]  # fmt: skip
        assert table["alternative"].tolist()[:2] == [b, b]
        assert summary["read_as"] == "table (effect and other)"


def test_tables_that_name_the_reference(scored):
    here = base(700)
    header = ["#chr", "pos", "variation", "variant_type", "snp_id"]
    rows = [
        ["chr1", "700", f"{here}>{OTHER[here]},{OTHER[OTHER[here]]}", "snv", "7"],
        ["chr1", "700", f"{OTHER[here]}>{here}", "snv", "8"],
    ]
    table, _ = scored(header, rows)
    assert table["status"].tolist() == ["scored", "scored", "wrong_reference"]
    # what was written is a table too
    own = table[["chrom", "position", "id", "reference", "alternative"]][:2].astype(str)
    again, _ = scored(list(own), own.to_numpy().tolist())
    assert again["alternative"].tolist() == table["alternative"].tolist()[:2]


ANNOVAR = ["Chr", "Start", "End", "Ref", "Alt"]
MAF = ["Chromosome", "Start_Position", "End_Position", "Strand", "Reference_Allele",
       "Tumor_Seq_Allele1", "Tumor_Seq_Allele2"]  # fmt: skip


def test_starts_that_count_from_1_are_told_by_the_alleles(scored):
    """As ANNOVAR and MAF write them; the same variants with starts from 0, as UCSC's."""
    here, three = base(700), CHR1[699:702]
    # a substitution, a deletion of three bases, an insertion behind base 700
    alleles = [(here, OTHER[here]), (three, "-"), ("-", "GG")]

    def rows(places, front=(), behind=()):
        return [
            ["chr1", f"{start}", f"{end}", *front, reference, *behind, alternative]
            for (start, end), (reference, alternative) in zip(places, alleles, strict=True)
        ]

    forms = [
        (ANNOVAR, rows([(700, 700), (700, 702), (700, 700)])),
        (ANNOVAR, rows([(699, 700), (699, 702), (700, 700)])),
        (MAF, rows([(700, 700), (700, 702), (700, 701)], ["+"], ["T"])),
    ]
    before = base(699)
    for header, form in forms:
        table, _ = scored(header, form)
        assert table["status"].tolist() == ["scored"] * 3
        assert table[["position", "reference", "alternative"]].to_numpy().tolist() == [
            [700, here, OTHER[here]], [699, before + three, before], [700, here, here + "GG"]
        ]  # fmt: skip
    unsaid = ["chrom", "start", "end", "effect_allele", "other_allele"]
    for start in ("699", "700"):
        table, _ = scored(unsaid, [["chr1", start, "700", here, OTHER[here]]])
        assert table[["position", "alternative"]].to_numpy().tolist() == [[700, OTHER[here]]]


def test_a_reference_that_is_not_the_genomes_is_not_turned_round(scored):
    here = base(700)
    for start, end in (("699", "700"), ("700", "700")):
        table, _ = scored(ANNOVAR, [["chr1", start, end, OTHER[here], here]])
        assert table["status"].tolist() == ["wrong_reference"]
    table, _ = scored(ANNOVAR, [["chr1", "0", "0", "A", "C"]])
    assert table["status"].tolist() == ["past_chromosome_end"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chrom\tpos\tgene\nchr1\t7\tX\n", "line 1: the table names places, but no alleles"),
        ("chrom\tpos\talleles\nchr1\t7\n", "line 2: 2 columns where the header has 3"),
        ("chrom\tpos\talleles\nchr1\t1e3\tA/C\n", "line 2: position '1e3' is not a whole number"),
        ("chrom\tpos\talleles\nchr1\t1,234\tA/C\n", "line 2: position '1,234' is.*digits alone"),
        ("chrom\tpos\talleles\nchr1\t0\tA/C\n", "line 2: position '0' is not a whole number"),
        ("chrom\tstart\tend\talleles\nchr1\t9\t7\tA/C\n", "the end 7 lies before the start 9"),
    ],
)
def test_broken_tables(text, message, tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_table(path)


def test_a_table_as_spreadsheets_save_it(tmp_path):
    """Semicolons where the comma is the decimal point, cells in quotes, a byte order mark."""
    text = '\ufeffchrom;pos;rsid;ref;alt;"p, one-sided"\r\nchr1;7;"rs;7";A;C;0,5\r\n'
    (tmp_path / "t.csv").write_text(text)
    (row,) = read_table(tmp_path / "t.csv").rows
    assert (row.chrom, row.start, row.id, row.alleles) == ("chr1", 6, "rs;7", ["A", "C"])


def test_a_table_as_r_writes_it(tmp_path):
    text = '"chr"\t"pos"\t"rsid"\t"ref"\t"alt"\n"chr1"\t7\t"a\\"b"\t"A"\t"C"\n'
    (tmp_path / "t.tsv").write_text(text)
    (row,) = read_table(tmp_path / "t.tsv").rows
    assert (row.chrom, row.start, row.id, row.alleles) == ("chr1", 6, 'a"b', ["A", "C"])


def test_what_is_not_a_table(tmp_path):
    vcf = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    for text in ("", "hello\n", "gene\tvalue\nX\t7\n", vcf, vcf.split("\n", 1)[1], "\n\n"):
        (tmp_path / "t").write_text(text)
        assert read_table(tmp_path / "t") is None
    with gzip.open(tmp_path / "t.gz", "wt") as handle:
        handle.write("chr_id\tchr_pos\tstrongest snp-risk allele\n1\t7\trs7-A\n")
    assert read_table(tmp_path / "t.gz").rows[0].alleles == ["A"]


ROWS = [["chr1", "7", "rs7", "A", "C"], ["chr1", "9", "rs9", "G", "T"]]
NAMES = ["chr", "pos", "rsid", "ref", "alt"]


def joined(between, *rows, quote=""):
    return "".join(between.join(quote + cell + quote for cell in row) + "\n" for row in rows)


NUMBERED = [[str(i), *row] for i, row in enumerate(ROWS, 1)]
TABLES = {
    "blanks": joined(" ", NAMES, *ROWS),
    "aligned": joined("   ", ["", *NAMES], *(["", *row, ""] for row in ROWS)),  # PLINK
    "regenie": joined(" ", ["CHROM", "GENPOS", "ID", "ALLELE0", "ALLELE1"], *ROWS),
    "bars": joined("|", NAMES, *ROWS),
    "write.table": joined(" ", NAMES, *NUMBERED, quote='"'),
    "write.table, tabs": joined("\t", NAMES, *NUMBERED, quote='"'),
    "write.table, no quotes": joined("\t", NAMES, *NUMBERED),
    "write.csv": joined(",", ["", *NAMES], *NUMBERED, quote='"'),
    "to_csv": joined(",", ["", *NAMES], *[["a", *row[1:]] for row in NUMBERED]),
    "remarks": "# made by us\n#\n## twice\n" + joined("\t", NAMES, *ROWS),
    "a header in a remark": "# ours\n#" + joined("\t", NAMES, *ROWS),
    "a spreadsheet's": "sep=;\n" + joined(";", NAMES, *ROWS),
    "empty ends": joined("\t", NAMES, *([*row, ""] for row in ROWS)),
}


@pytest.mark.parametrize("text", TABLES.values(), ids=TABLES)
def test_tables_however_they_are_written(text, tmp_path):
    """The variants, and what is measured at variants, are read in the same way."""
    (tmp_path / "t.txt").write_text(text)
    rows = read_table(tmp_path / "t.txt").rows
    assert [(row.chrom, row.start, row.id) for row in rows] == [
        ("chr1", 6, "rs7"),
        ("chr1", 8, "rs9"),
    ]
    assert [set(row.alleles) for row in rows] == [{"A", "C"}, {"G", "T"}]
    if "GENPOS" not in text:
        places = read_places(tmp_path / "t.txt")
        assert places.regions["start"].tolist() == [6, 8]
        assert [list(places.cells[name]) for name in ("ref", "alt")] == [["A", "G"], ["C", "T"]]
        lines = text.splitlines()
        assert all("rs" in lines[n - 1] for n in places.regions["line"])


def test_a_remark_that_names_columns_by_chance_is_no_header(tmp_path):
    (tmp_path / "t.tsv").write_text("# chrom pos ref alt\n1\t2\t3\n")
    assert read_table(tmp_path / "t.tsv") is None
