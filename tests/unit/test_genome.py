"""Bases by coordinates, and indexes that are never trusted when they do not fit."""

from __future__ import annotations

import gzip
import logging
import os
import time

import numpy as np
import pandas as pd
import pysam
import pytest

from seformer.genome.assemblies import ASSEMBLIES, recognise_assembly, that_hold
from seformer.genome.genome import Genome
from seformer.util.errors import UserError

RECORDS = {"chr1": "ACGTACGTACGGGTTTNNNNacgtacgtryKM", "chr2": "TTTTTGGGGG", "chrM": "GATTACA"}


@pytest.fixture(params=[False, True], ids=["plain", "bgzipped"])
def genome(request, fasta):
    with Genome(fasta(RECORDS, bgzip=request.param)) as opened:
        yield opened


def test_lengths_and_bases(genome):
    assert genome.chromosomes == {"chr1": 32, "chr2": 10, "chrM": 7}
    assert genome.fetch("chr1", 0, 4) == "ACGT"
    assert genome.fetch("chr1", 9, 13) == "CGGG"  # over the end of a FASTA line
    assert genome.fetch("chr1", 16, 32) == "NNNNACGTACGTNNNN"
    assert genome.fetch("chrM", 6, 7) == "A"


def test_every_place_against_the_string(genome):
    for chrom, bases in RECORDS.items():
        expected = bases.upper().translate(str.maketrans("RYKM", "NNNN"))
        for start in range(len(bases)):
            for end in range(start + 1, len(bases) + 1):
                assert genome.fetch(chrom, start, end) == expected[start:end]


def test_many_come_in_input_order(genome):
    regions = pd.DataFrame(
        {"chrom": ["chr2", "chr1", "chrM", "chr1"], "start": [5, 8, 0, 0], "end": [8, 12, 3, 2]}
    )
    assert genome.fetch_many(regions) == ["GGG", "ACGG", "GAT", "AC"]


def places(records, number, longest, seed=0):
    """Random regions, and the last base and the whole of every record."""
    rng = np.random.default_rng(seed)
    rows = [(name, 0, len(bases)) for name, bases in records.items()]
    rows += [(name, len(bases) - 1, len(bases)) for name, bases in records.items()]
    for name in rng.choice(list(records), number):
        start = int(rng.integers(len(records[name])))
        rows.append(
            (
                name,
                start,
                start + int(rng.integers(1, min(longest, len(records[name]) - start) + 1)),
            )
        )
    return pd.DataFrame(rows, columns=["chrom", "start", "end"])


@pytest.mark.parametrize("bgzip", [False, True], ids=["plain", "bgzipped"])
@pytest.mark.parametrize(("width", "end"), [(7, "\n"), (60, "\r\n"), (5_000, "\n")])
def test_many_against_the_string(tmp_path, random_bases, bgzip, width, end):
    odd = "acgtNNRYacgt"  # its lines are looked at by themselves
    whole = {f"chr{i}": random_bases(width * 14, seed=i) for i in range(2)}
    records = whole | {"long": random_bases(200_000).lower(), "odd": whole["chr0"] + odd, "b": "AC"}
    lines = []
    for name, bases in records.items():
        lines += [f">{name}", *(bases[i : i + width] for i in range(0, len(bases), width))]
    text = end.join(lines).encode()  # no end of the last line
    path = tmp_path / "genome.fa"
    with pysam.BGZFile(str(path), "wb") if bgzip else open(path, "wb") as handle:
        handle.write(text)
    regions = places(records, 300, 3_000)
    with Genome(path) as genome:
        found = genome.fetch_many(regions)
    upper = {
        name: bases.upper().translate(str.maketrans("RY", "NN")) for name, bases in records.items()
    }
    rows = regions.itertuples(index=False)
    assert found == [upper[chrom][start:end] for chrom, start, end in rows]


def test_damaged_block_is_named(fasta, random_bases):
    path = fasta({"c": random_bases(300_000)}, bgzip=True)
    Genome(path).close()
    stat = path.stat()
    packed = bytearray(path.read_bytes())
    packed[len(packed) // 2] ^= 1
    path.write_bytes(packed)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    regions = pd.DataFrame({"chrom": ["c"], "start": [0], "end": [300_000]})
    with (
        pytest.raises(UserError, match=r"genome.fa.gz: .*cannot be read to its end.*copy it again"),
        Genome(path) as genome,
    ):
        genome.fetch_many(regions)


def test_file_that_has_become_shorter(fasta):
    with Genome(fasta({"c": "ACGTACGTAC" * 9})) as genome:
        os.truncate(genome.path, 60)
        with pytest.raises(UserError, match="ends early"):
            genome.fetch_many(pd.DataFrame({"chrom": ["c"], "start": [20], "end": [80]}))


def test_what_lies_between_regions_is_no_fault(fasta):
    regions = pd.DataFrame({"chrom": ["c", "c"], "start": [0, 5], "end": [4, 9]})
    with Genome(fasta({"c": "ACGTEGGCC"})) as genome:
        assert genome.fetch_many(regions) == ["ACGT", "GGCC"]
        with pytest.raises(UserError, match="c:4-9: 'E' is no nucl"):
            genome.fetch_many(regions.assign(start=[0, 4]))


def test_lines_of_other_systems(tmp_path):
    path = tmp_path / "crlf.fa"
    path.write_bytes(b">c\r\nACGTA\r\nCCGGT\r\nTT\r\n")
    with Genome(path) as genome:
        assert genome.fetch("c", 3, 12) == "TACCGGTTT"


@pytest.mark.parametrize(
    "place", [("chr1", 0, 33), ("chr1", 5, 5), ("chr1", -1, 3), ("chr9", 0, 1)]
)
def test_places_outside(genome, place):
    with pytest.raises(UserError, match="not in the genome"):
        genome.fetch(*place)


def test_protein_is_no_genome(fasta):
    with Genome(fasta({"p": "MKLVE"})) as genome, pytest.raises(UserError, match="'E' is no nucl"):
        genome.fetch("p", 0, 5)


def test_nothing_is_printed(fasta, capfd):
    Genome(fasta(RECORDS)).close()
    Genome(fasta(RECORDS, "b.fa", bgzip=True)).close()
    with pytest.raises(UserError):
        Genome(fasta({}, "c.fa"))
    Genome(fasta({"a": "ACG\n\nAC", "b": ""}, "d.fa", width=100)).close()
    assert capfd.readouterr() == ("", "")


def test_index_is_made_beside_and_used_again(fasta, caplog):
    path = fasta(RECORDS, bgzip=True)
    with caplog.at_level(logging.INFO):
        Genome(path).close()
    assert "making the index" in caplog.text
    assert {p.suffix for p in path.parent.iterdir()} == {".gz", ".fai", ".gzi"}
    caplog.clear()
    with caplog.at_level(logging.INFO):
        Genome(path).close()
    assert caplog.text == ""


def test_folder_that_cannot_be_written(fasta, monkeypatch, caplog, tmp_path):
    path = fasta(RECORDS)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def refuse(*_):
        raise PermissionError(13, "no")

    monkeypatch.setattr("seformer.genome.genome.atomic_path", refuse)
    with caplog.at_level(logging.INFO), Genome(path) as genome:
        assert genome.fetch("chr2", 4, 6) == "TG"
        (temporary,) = tmp_path.glob(".seformer.*")
    assert "the index is temporary" in caplog.text
    assert not os.path.exists(temporary)
    assert not path.with_name("genome.fa.fai").exists()


@pytest.mark.parametrize("bgzip", [False, True], ids=["plain", "bgzipped"])
def test_index_older_than_the_fasta(fasta, bgzip, caplog):
    path = fasta(RECORDS, bgzip=bgzip)
    Genome(path).close()
    fasta({"chr1": "TTTT", "chr3": "CC"}, bgzip=bgzip)
    later = time.time() + 5
    os.utime(path, (later, later))
    with caplog.at_level(logging.WARNING), Genome(path) as genome:
        assert genome.chromosomes == {"chr1": 4, "chr3": 2}
    assert "older than the FASTA; making it anew" in caplog.text


@pytest.mark.parametrize("bgzip", [False, True], ids=["plain", "bgzipped"])
@pytest.mark.parametrize(
    "other",
    [
        {"chr1": "ACGTACGTAC" * 4, "chr2": "TTTTTGGGGG", "chrM": "GATTACA"},
        {"chrA": RECORDS["chr1"], "chr2": "TTTTTGGGGG", "chrM": "GATTACA"},
        {"chr1": RECORDS["chr1"], "chr2": "TTTTTGGGGG"},
        {**RECORDS, "chr4": "ACGT"},
    ],
    ids=["length", "name", "fewer", "more"],
)
def test_index_of_another_fasta_whatever_its_date(fasta, other, bgzip, caplog):
    path = fasta(RECORDS, bgzip=bgzip)
    Genome(path).close()
    fasta(other, bgzip=bgzip)
    os.utime(path, (1, 1))
    with caplog.at_level(logging.WARNING), Genome(path) as genome:
        assert genome.chromosomes == {name: len(bases) for name, bases in other.items()}
    assert "making it anew" in caplog.text


@pytest.mark.parametrize("bgzip", [False, True])
def test_index_of_a_longer_fasta(fasta, bgzip, caplog):
    """The FASTA was cut off after it was indexed, in the middle of its last record."""
    *others, (name, bases) = RECORDS.items()
    path = fasta(dict([*others, (name, bases * 3)]), bgzip=bgzip)
    Genome(path).close()
    fasta(RECORDS, bgzip=bgzip)
    os.utime(path, (1, 1))
    with Genome(path) as genome:
        assert genome.chromosomes[name] == len(bases)
    assert "making it anew" in caplog.text


FAR = b"chr1\t" + b"9" * 30 + b"\t6\t10\t11\n"


@pytest.mark.parametrize("content", [b"", b"\0\1", b"chr1\tx\t1\t1\t1\n", b"chr1\n", FAR])
def test_damaged_index(fasta, content):
    path = fasta(RECORDS)
    path.with_name("genome.fa.fai").write_bytes(content)
    with Genome(path) as genome:
        assert genome.fetch("chr2", 4, 6) == "TG"


NO_FASTA = {
    "": "there is no record",
    "hello\n": "'hello' stands before the first record",
    ">a\nAC\n>a\nGT\n": "line 3: .*the name a occurs more than once",
    ">a\nAC\n>\nGT\n": "line 3: .*no name",
    ">a\n": "cannot be indexed",
    ">a\n  1 ACG\n  4 GT\n": "'1' in record a is no nucleotide",
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize("text", NO_FASTA)
def test_what_is_no_fasta(write, text, packed):
    path = write("genome.fa", gzip.compress(text.encode()) if packed else text)
    says = "cannot be indexed" if packed else NO_FASTA[text]
    with pytest.raises(UserError, match=says) as error:
        Genome(path)
    assert "cannot be indexed" in str(error.value)
    assert [p.name for p in path.parent.iterdir()] == ["genome.fa"]


# form of the FASTA: text, and what is said of it; its bases are those of EVEN
EVEN = {"a": "ACGTACGTAC", "b": "GGTT"}
MENDED = {
    "even": (">a\nACGTA\nCGTAC\n>b\nGGTT\n", None),
    "long line": (">a\nACGTA\nCGTACG\n>b\nGGTT\n".replace("ACG\n", "AC\n"), None),
    "uneven": (">a\nACG\nTACGT\nAC\n>b\nGGTT\n", "record a, line 3: it is not as long"),
    "short inside": (">b\nGGTT\n>a\nACGTA\nCGT\nAC\n", "record a, line 6: it is not as long"),
    "blank line": (">a\nACGTA\n\nCGTAC\n>b\nGGTT\n", "record a, line 4: it is not as long"),
    "trailing blank": (">a\nACGTA \nCGTAC \n>b\nGGTT\n", "record a, line 2: there are blanks"),
    "trailing tab": (">a\nACGTA\t\nCGTAC\t\n>b\nGGTT\n", "record a, line 2: there are blanks"),
    "one line and a blank": (">a\nACGTA\nCGTAC\n>b\nGGTT \n", "record b, line 5: there are blanks"),
    "blank inside": (">a\nACG TA\nCGT AC\n>b\nGGTT\n", "record a, line 2: there are blanks"),
    "form feed": (">a\nACGTA\f\nCGTAC\f\n>b\nGGTT\n", "record a, line 2: there are blanks"),
    "old Mac": (">a\rACGTA\rCGTAC\r>b\rGGTT\r", ""),
    "mixed ends": (">a\nACGTA\r\nCGTAC\n>b\nGGTT\n", ""),
    "mark": ("\ufeff>a\nACGTA\nCGTAC\n>b\nGGTT\n", ""),
    "RNA": (">a\nACGUA\nCGUAC\n>b\nggUu\n", None),
    "blank before name": ("> a\nACG\nTACGT\nAC\n>b\nGGTT\n", "record a, line 3"),
}


@pytest.mark.parametrize("packing", ["plain", "bgzip", "gzip"])
@pytest.mark.parametrize("form", MENDED)
def test_every_form_has_its_bases(tmp_path, caplog, form, packing):
    text, says = MENDED[form]
    path = tmp_path / "genome.fa"
    if packing == "bgzip":
        with pysam.BGZFile(str(path), "wb") as handle:
            handle.write(text.encode())
    else:
        path.write_bytes(gzip.compress(text.encode()) if packing == "gzip" else text.encode())
    for again in (False, True):
        caplog.clear()
        with Genome(path) as genome:
            assert genome.chromosomes == {name: len(bases) for name, bases in EVEN.items()}
            for name, bases in EVEN.items():
                regions = [(s, e) for s in range(len(bases)) for e in range(s + 1, len(bases) + 1)]
                table = pd.DataFrame(regions, columns=["start", "end"]).assign(chrom=name)
                assert genome.fetch_many(table) == [bases[s:e] for s, e in regions]
            copied = genome.source != path
        if not again and packing == "gzip":
            assert "plain gzip cannot be read in places" in caplog.text
        elif not again and says:
            assert says in caplog.text
        assert ("read from a copy" in caplog.text) == (copied and not again)


def test_a_copy_of_an_older_fasta_is_not_used(tmp_path):
    path = tmp_path / "genome.fa.gz"
    for bases in ("ACGTAC", "TTGGAC"):
        path.write_bytes(gzip.compress(f">a\n{bases}\n".encode()))
        with Genome(path) as genome:
            assert genome.fetch("a", 0, 6) == bases
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".bgz", ".fai", ".gz", ".gzi"]


def wrapped(bases, width):
    return "".join(bases[i : i + width] + "\n" for i in range(0, len(bases), width))


@pytest.mark.parametrize("bgzip", [False, True], ids=["plain", "bgzipped"])
@pytest.mark.parametrize("contigs", [3, 7])
@pytest.mark.parametrize("width", [61, 59])
def test_fasta_wrapped_anew_under_an_old_index(
    tmp_path, random_bases, monkeypatch, bgzip, contigs, width
):
    """Sizes and headers stay, the dates say nothing; of many contigs only some are looked at."""
    monkeypatch.setattr("seformer.genome.fasta_index.CONTIGS_CHECKED", 3)
    records = {f"c{i}": random_bases(100, seed=i) for i in range(contigs)}
    path = tmp_path / "genome.fa"

    def write(widths):
        text = "".join(f">{n}\n{wrapped(b, widths.get(n, 60))}" for n, b in records.items())
        with pysam.BGZFile(str(path), "wb") if bgzip else open(path, "wb") as handle:
            handle.write(text.encode())
        os.utime(path, (1, 1))

    for name in records:
        write({})
        Genome(path).close()
        write({name: width})
        regions = pd.DataFrame({"chrom": [name, name], "start": [0, 70], "end": [100, 80]})
        try:
            with Genome(path) as genome:
                assert genome.fetch_many(regions) == [records[name], records[name][70:80]]
        except UserError as error:
            assert contigs > 3 and "where the index says" in str(error)
            path.with_name("genome.fa.fai").unlink()


@pytest.mark.parametrize("change", ["a block less", "another length", "another place"])
def test_gzi_that_does_not_fit(fasta, random_bases, change):
    bases = random_bases(200_000)
    path = fasta({"a": bases, "b": bases[::-1]}, bgzip=True, width=60)
    Genome(path).close()
    index = path.with_name("genome.fa.gz.gzi")
    pairs = np.frombuffer(index.read_bytes()[8:], "<u8").reshape(-1, 2).copy()
    if change == "a block less":
        pairs = np.delete(pairs, 2, axis=0)
    else:
        pairs[2, int(change == "another length")] += 1
    index.write_bytes(len(pairs).to_bytes(8, "little") + pairs.tobytes())
    regions = pd.DataFrame({"chrom": ["a", "b"], "start": [0, 150_000], "end": [200_000, 190_000]})
    with Genome(path) as genome:
        assert genome.fetch_many(regions) == [bases, bases[::-1][150_000:190_000]]


def test_bgzipped_files_that_were_joined(fasta, random_bases, tmp_path):
    """Between them lies an empty block, which htslib's index leaves out."""
    records = {name: random_bases(150_000, seed) for seed, name in enumerate(("a", "b", "c"))}
    joined = tmp_path / "joined.fa.gz"
    with open(joined, "wb") as out:
        for name, bases in records.items():
            path = fasta({name: bases}, bgzip=True, width=60, name=f"{name}.fa")
            out.write(path.read_bytes())
    places = [(name, start, start + 500) for name in records for start in range(0, 149_000, 7_000)]
    regions = pd.DataFrame(places, columns=["chrom", "start", "end"])
    for _ in range(2):  # the index is made, then read
        with Genome(joined) as genome:
            found = genome.fetch_many(regions)
            assert found == [records[name][start:end] for name, start, end in places]


@pytest.mark.parametrize("digits", ["9" * 4_400, str(2**32 + 5), str(2**31), "1_0", "\u0661"])
def test_sizes_in_an_index_that_cannot_be(fasta, digits):
    path = fasta(RECORDS)
    text = f"chr1\t{digits}\t16\t10\t11\n"
    path.with_name("genome.fa.fai").write_text(text, encoding="utf-8")
    with Genome(path) as genome:
        assert genome.chromosomes["chr1"] == 32


def test_missing_fasta(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        Genome(tmp_path / "none.fa")


def test_windows_line_ends_and_empty_records(write):
    with Genome(write("genome.fa", ">a x\r\nACGT\r\nAC\r\n>none\r\n>b\r\nGG\r\n")) as genome:
        assert genome.fetch("a", 2, 6) == "GTAC"
        assert genome.fetch("b", 0, 2) == "GG"


def test_chromosome_names(fasta):
    with Genome(fasta({"1": "ACGT", "MT": "ACGT", "chrX": "ACGT"})) as genome:
        says = r"a.bed: .*it says 'chr1'.*says '1'.*genome.fa.*--rename_chromosomes"
        with pytest.raises(UserError, match=says):
            genome.resolve({"chr1": 2, "chrM": 1}, "a.bed", rename=False)
        assert genome.match_chromosomes(["chr1", "chrM", "X", "chr9"], rename=True) == {
            "chr1": "1",
            "chrM": "MT",
            "X": "chrX",
        }
        with pytest.raises(UserError, match="check that the two files belong together"):
            genome.resolve({"scaffold_7": 1}, "a.bed", rename=True)
        found = genome.resolve({"chr1": 5, "chr8": 2, "chr9": 1}, "a.bed", rename=True)
        assert found.names == {"chr1": "1"}
        assert found.unmatched == {"rows": 3, "of": 8, "chromosomes": ["chr8", "chr9"]}


def test_exact_names_win(fasta, caplog):
    with Genome(fasta({"chr1": "ACGT", "1": "GGGG"})) as genome:
        assert genome.match_chromosomes(["1", "chr1"], rename=True) == {"1": "1", "chr1": "chr1"}
        assert genome.match_chromosomes(["1", "chrMT"]) == {"1": "1"}


def test_fingerprint_knows_names_and_lengths(fasta):
    def fingerprint(records, name):
        with Genome(fasta(records, name)) as genome:
            return genome.fingerprint()

    first = fingerprint({"a": "ACGT", "b": "AC"}, "1.fa")
    assert fingerprint({"b": "GG", "a": "TTTT"}, "2.fa") == first
    assert fingerprint({"a": "ACGT", "b": "ACG"}, "3.fa") != first
    assert len(first) == 64


def test_assemblies():
    assert recognise_assembly({"chr1": 248956422}) == "hg38"
    assert recognise_assembly({"1": 195471971, "2": 5}) == "mm10"
    assert recognise_assembly({"chr1": 1000}) is None
    assert [len(lengths) for lengths in ASSEMBLIES.values()] == [24, 24, 21, 21, 21]
    assert that_hold({"chr1": 249_000_000}) == ["hg19"]
    assert that_hold({"chr22": 51_000_000}) == ["hg19"]
    assert that_hold({"scaffold": 5}) == []


@pytest.mark.real
def test_real_genome(real_data):
    with Genome(real_data / "hg19_chr22" / "chr22_1-22000000.fa.gz") as genome:
        assert genome.chromosomes == {"chr22": 22_000_000}
        assert set(genome.fetch("chr22", 16_697_850, 16_847_850)) == {"N"}
        assert "N" not in genome.fetch("chr22", 16_847_850, 16_848_850)


def test_spaces_at_the_ends_of_lines_are_no_line_ends(tmp_path):
    fasta = tmp_path / "genome.fa"
    fasta.write_text(">chr1\n" + "ACGTACGT \n" * 4)
    regions = pd.DataFrame({"chrom": ["chr1"], "start": [0], "end": [20]})
    with Genome(fasta) as genome:
        assert genome.fetch_many(regions) == ["ACGTACGTACGTACGTACGT"]


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ({"chr1": "acgTACGT", "chr2": "TTRA"}, True),
        ({"1": "ACGTACGT", "2": "TTNA", "decoy": "GG"}, True),
        ({"chr1": "ACGTACGA", "chr2": "TTNA"}, False),
        ({"chr1": "ACGTACGTA", "chr2": "TTNA"}, False),
    ],
)
@pytest.mark.parametrize("whole", [2**18, 1])
def test_sequences_are_told_by_their_bases(fasta, monkeypatch, other, same, whole):
    """Also by stretches: here of two bases, at both ends."""
    monkeypatch.setattr("seformer.genome.genome.WHOLE", whole)
    monkeypatch.setattr("seformer.genome.genome.STRETCHES", 2)
    monkeypatch.setattr("seformer.genome.genome.STRETCH", 2)
    found = []
    for number, records in enumerate([{"chr1": "ACGTACGT", "chr2": "TTNA"}, other]):
        with Genome(fasta(records, f"{number}.fa")) as genome:
            found.append(list(genome.sequences().values())[:2])
    assert (found[0] == found[1]) == same
    assert found[0][1] == found[1][1]
