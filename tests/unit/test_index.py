"""Genomes are made ready: indexed, and compressed into blocks."""

import gzip

import pytest

from seformer.errors import UserError
from seformer.genome import Genome
from seformer.index import index_genome

FASTA = ">chr1\nACGTAC\nGT\n>chr2\nTTGA\n"


def test_index_of_a_plain_fasta(tmp_path):
    fasta = tmp_path / "my genome.fa"
    fasta.write_text(FASTA)
    index_genome(fasta, tmp_path / "out")
    index = (tmp_path / "out" / "my genome.fa.fai").read_text()
    assert index == "chr1\t8\t6\t6\t7\nchr2\t4\t22\t4\t5\n"
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["my genome.fa.fai"]


def test_plain_gzip_is_an_error_that_names_the_file(tmp_path):
    fasta = tmp_path / "genome.fa.gz"
    fasta.write_bytes(gzip.compress(FASTA.encode()))
    with pytest.raises(UserError, match="bgzipped") as error:
        index_genome(fasta, tmp_path / "out")
    assert str(fasta) in str(error.value)
    assert not (tmp_path / "out").exists()


def test_plain_gzip_is_compressed_anew_on_request(tmp_path):
    fasta = tmp_path / "genome.fa.gz"
    fasta.write_bytes(gzip.compress(FASTA.encode()))
    index_genome(fasta, tmp_path / "out", compress=True)
    names = sorted(file.name for file in (tmp_path / "out").iterdir())
    assert names == ["genome.fa.gz", "genome.fa.gz.fai", "genome.fa.gz.gzi"]
    with Genome(tmp_path / "out" / "genome.fa.gz") as genome:
        assert genome.fetch("chr1", 4, 8) == "ACGT"
