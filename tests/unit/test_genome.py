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

from seformer.assemblies import ASSEMBLIES, recognise, that_hold
from seformer.errors import UserError
from seformer.genome import Genome

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
def test_many_against_the_string(tmp_path, random_bases, monkeypatch, bgzip, width, end):
    monkeypatch.setattr("seformer.letters.AT_ONCE", 5_000)
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


def test_lines_that_regions_share_are_read_once(tmp_path, random_bases, monkeypatch):
    bases = random_bases(6_000)
    lines = "\n".join(bases[i : i + 60] for i in range(0, len(bases), 60))
    (tmp_path / "genome.fa").write_text(f">a\n{lines}\n>b\n{lines}\n")
    start = np.arange(0, 5_000, 50)
    one = pd.DataFrame({"chrom": "a", "start": start, "end": start + 1_000})
    regions = pd.concat([one, one.assign(chrom="b"), one[::-1]], ignore_index=True)
    with Genome(tmp_path / "genome.fa") as genome:
        read, sizes = genome._letters._file.read, []
        monkeypatch.setattr(
            genome._letters._file, "read", lambda o, n: sizes.extend(n.tolist()) or read(o, n)
        )
        found = genome.fetch_many(regions)
    places = zip(regions["start"], regions["end"], strict=True)
    assert found == [bases[first:last] for first, last in places]
    assert sizes == [6_000 // 60 * 61] * 2


def test_damaged_block_is_named(fasta, random_bases):
    path = fasta({"c": random_bases(300_000)}, bgzip=True)
    Genome(path).close()
    stat = path.stat()
    packed = bytearray(path.read_bytes())
    packed[len(packed) // 2] ^= 1
    path.write_bytes(packed)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    regions = pd.DataFrame({"chrom": ["c"], "start": [0], "end": [300_000]})
    with Genome(path) as genome, pytest.raises(UserError, match=r"genome.fa.gz: .*damaged"):
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
        Genome(fasta({"a": "ACG\n\nAC", "b": ""}, "c.fa", width=100))
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

    monkeypatch.setattr("seformer.genome.atomic_path", refuse)
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


def test_gzip_that_is_not_bgzip(write):
    path = write("genome.fa.gz", gzip.compress(b">chr1\nACGT\n"))
    with pytest.raises(UserError, match=r"not bgzipped.*gunzip genome.fa.gz && bgzip genome.fa"):
        Genome(path)


@pytest.mark.parametrize("text", ["", "hello\n", ">a\nACG\nACGTT\nAC\n", ">a\nAC\n>a\nGT\n"])
def test_what_is_no_fasta(write, text):
    path = write("genome.fa", text)
    with pytest.raises(UserError, match="cannot be indexed"):
        Genome(path)
    assert [p.name for p in path.parent.iterdir()] == ["genome.fa"]


def test_missing_fasta(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        Genome(tmp_path / "none.fa")


def test_windows_line_ends_and_empty_records(write):
    with Genome(write("genome.fa", ">a x\r\nACGT\r\nAC\r\n>none\r\n>b\r\nGG\r\n")) as genome:
        assert genome.fetch("a", 2, 6) == "GTAC"
        assert genome.fetch("b", 0, 2) == "GG"


def test_chromosome_names(fasta):
    with Genome(fasta({"1": "ACGT", "MT": "ACGT", "chrX": "ACGT"})) as genome:
        with pytest.raises(UserError, match=r"say 'chr1'.*says '1'.*--rename_chromosomes"):
            genome.match_chromosomes(["chr1", "chrM"])
        assert genome.match_chromosomes(["chr1", "chrM", "X", "chr9"], rename=True) == {
            "chr1": "1",
            "chrM": "MT",
            "X": "chrX",
        }
        with pytest.raises(UserError, match="check that the two files belong together"):
            genome.match_chromosomes(["scaffold_7"])


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
    assert recognise({"chr1": 248956422}) == "hg38"
    assert recognise({"1": 195471971, "2": 5}) == "mm10"
    assert recognise({"chr1": 1000}) is None
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
    with Genome(fasta) as genome, pytest.raises(UserError, match="' ' is no nucleotide"):
        genome.fetch_many(regions)
