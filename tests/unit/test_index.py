"""Genomes are made ready: indexed, and compressed into blocks."""

import errno
import gzip
import shutil

import pytest

from seformer.genome.genome import Genome
from seformer.genome.index import index_genome
from seformer.util.errors import UserError

FASTA = ">chr1\nACGTAC\nGT\n>chr2\nTTGA\n"


def test_index_of_a_plain_fasta(tmp_path):
    fasta = tmp_path / "my genome.fa"
    fasta.write_text(FASTA)
    index_genome(fasta, tmp_path / "out")
    index = (tmp_path / "out" / "my genome.fa.fai").read_text()
    assert index == "chr1\t8\t6\t6\t7\nchr2\t4\t22\t4\t5\n"
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["my genome.fa.fai"]


def test_what_is_no_fasta_is_an_error_that_names_the_file(tmp_path):
    fasta = tmp_path / "genome.fa.gz"
    fasta.write_bytes(gzip.compress(b"hello"))
    with pytest.raises(UserError, match="cannot be indexed") as error:
        index_genome(fasta, tmp_path / "out")
    assert str(fasta) in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "text", "compress"),
    [
        ("genome.fa.gz", FASTA, False),
        ("genome.fa.gz", FASTA, True),
        ("genome.fa", FASTA, True),
        ("genome.fa", FASTA.replace("TAC", "TA\nC"), False),
    ],
)
def test_what_cannot_be_read_in_places_is_copied(tmp_path, caplog, name, text, compress):
    fasta = tmp_path / name
    fasta.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    index_genome(fasta, tmp_path / "out", compress=compress)
    assert "use the copy" in caplog.text
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == [name]
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["genome.fa.gz", "genome.fa.gz.fai", "genome.fa.gz.gzi"]
    with Genome(tmp_path / "out" / "genome.fa.gz") as genome:
        assert genome.fetch("chr1", 4, 8) == "ACGT"


@pytest.mark.parametrize("ending", ["fai", "gzi", "gz"])
def test_a_full_disk_is_no_index(tmp_path, monkeypatch, ending):
    """The file of this ending cannot be written, or not whole."""
    fasta = tmp_path / "genome.fa.gz"
    fasta.write_bytes(gzip.compress(FASTA.encode()))
    copyfile = shutil.copyfile

    def full(source, target):
        if str(source).endswith(ending):
            raise OSError(errno.ENOSPC, "No space left on device")
        return copyfile(source, target)

    def cut(source, target):
        target.write_bytes(b"")
        return {"chr1": 8, "chr2": 4}

    monkeypatch.setattr("seformer.genome.genome.shutil.copyfile", full)
    if ending == "gz":
        monkeypatch.setattr("seformer.genome.genome.rewrap.rewrite", cut)
    with pytest.raises(UserError, match="cannot be written"):
        index_genome(fasta, tmp_path / "out")
    assert [file.name for file in tmp_path.iterdir()] == ["genome.fa.gz"]
