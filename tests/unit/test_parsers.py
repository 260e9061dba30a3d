"""Whatever a file holds: it is read as it stands, or one message says why not."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from bad_case import VCF_COLUMNS, VCF_HEAD, row
from bad_tables import MEME
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seformer.explain import tracks
from seformer.genome.genome import Genome
from seformer.model.backbones.loading import read_config, read_state, verify_checksums
from seformer.model.settings import ModelSettings, read_settings
from seformer.motifs.seqlets import read_motif_collection
from seformer.regions.folder import COLUMNS, read_extracted, read_region_rows
from seformer.scoring.vcf import read_vcf
from seformer.sequence.tokenizers import load_tokenizer
from seformer.splits.clusters import _read_table as read_clusters
from seformer.util.errors import UserError
from seformer.util.records import read_json, write_json
from seformer.util.tables import read_tsv, write_tsv

SOME = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CELL = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), max_size=8)
LINES = st.lists(st.lists(CELL | st.integers(-9, 10**20).map(str), max_size=12), max_size=6).map(
    lambda rows: "\n".join("\t".join(row) for row in rows).encode()
)


def mangled(*sound: str) -> st.SearchStrategy[bytes]:
    """Bytes, lines of cells, or a sound file with a stretch cut out or put in."""

    def change(arguments: tuple[str, int, int, bytes]) -> bytes:
        text, at, length, put = arguments
        content = text.encode()
        at %= len(content) + 1
        return content[:at] + put + content[at + length :]

    edits = st.tuples(
        st.sampled_from(sound), st.integers(0, 10**4), st.integers(0, 30), st.binary(max_size=6)
    )
    return st.binary(max_size=200) | LINES | edits.map(change)


def refuses_or_reads(read, path) -> object:
    """Call a parser: anything but a value or a `UserError` fails the test."""
    try:
        return read(path)
    except UserError as error:
        assert "\n" not in str(error)
        return None


REGIONS = (
    "\t".join(COLUMNS)
    + "\n"
    + "c\tchr1\t5\t95\tn\t1\t90\t0.5\t0\t1\ta.bed"
    + "\t" * (len(COLUMNS) - 11)
)
FASTA = ">chr1 x\nACGTACGTAC\nACGT\n>chr2\nGGGG\n"
MOTIF = "MOTIF a\nletter-probability matrix: alength= 4 w= 1\n0.25 0.25 0.25 0.25\n"
VCF = VCF_HEAD + VCF_COLUMNS + row("chr1", 5, ".", "A", "C,G", ".", ".", "DP=3")
SETTINGS = ModelSettings(backbone={"name": "tiny"}, window=512).model_dump_json()


@SOME
@given(content=mangled(REGIONS))
def test_tables_of_regions(tmp_path, content):
    (tmp_path / "regions.tsv").write_bytes(content)
    found = refuses_or_reads(read_extracted, tmp_path)
    assert found is None or set(COLUMNS) <= set(found.regions.columns)
    refuses_or_reads(lambda p: read_region_rows(p, ("chrom", "start")), tmp_path / "regions.tsv")


@SOME
@given(content=mangled(FASTA))
def test_genomes(tmp_path, content):
    for old in tmp_path.iterdir():
        old.unlink()
    path = tmp_path / "g.fa"
    path.write_bytes(content)

    def read(place):
        with Genome(place) as genome:
            return {c: genome.fetch(c, 0, n) for c, n in genome.chromosomes.items() if n}

    found = refuses_or_reads(read, path)
    if found:
        # what was read stands in the file, base for base
        text = content.decode("latin-1").upper().translate(str.maketrans("RYSWKMBDHVUX", "N" * 12))
        joined = "".join(text.split())
        for sequence in found.values():
            assert sequence in joined.replace("\0", "")


@SOME
@given(content=mangled(VCF))
def test_variants(tmp_path, content):
    path = tmp_path / "a.vcf"
    path.write_bytes(content)
    found = refuses_or_reads(read_vcf, path)
    if found is not None:
        assert isinstance(found[0], list)


@SOME
@given(content=mangled(MEME + MOTIF * 2))
def test_motifs(tmp_path, content):
    path = tmp_path / "a.meme"
    path.write_bytes(content)
    assert refuses_or_reads(read_motif_collection, path) is None  # too few in any case


@SOME
@given(content=mangled("a\t1\nb\t1\nc\t2\n"))
def test_clusters(tmp_path, content):
    path = tmp_path / "clusters.tsv"
    path.write_bytes(content)
    refuses_or_reads(read_clusters, path)


@SOME
@given(content=mangled("chr1\t100\nchr2\t90\n"))
def test_chromosome_sizes(tmp_path, content):
    path = tmp_path / "sizes"
    path.write_bytes(content)
    found = refuses_or_reads(tracks.read_chromosome_sizes, path)
    assert found is None or all(size > 0 for size in found.values())


@SOME
@given(content=mangled(SETTINGS, '{"model_type": "bert"}', '{"sha256": {"x": "y"}}', "[[[]]]"))
def test_files_of_a_model_folder(tmp_path, content):
    for name in ("seformer.json", "config.json", "checksums.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "model.safetensors").write_bytes(content)
    (tmp_path / "tokenizer_config.json").write_bytes(content)
    readers = (read_settings, read_config, verify_checksums, read_state, load_tokenizer)
    for read in readers:
        refuses_or_reads(read, tmp_path)
    (tmp_path / "vocab.txt").write_bytes(content)
    refuses_or_reads(load_tokenizer, tmp_path)
    (tmp_path / "vocab.txt").unlink()


@SOME
@given(value=st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False,
                                                                    allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
))  # fmt: skip
def test_json_comes_back_as_it_was(tmp_path, value):
    text = json.dumps(value)
    if "\\ud" in text:
        return  # half a character cannot be written as UTF-8, and JSON's escapes keep it
    write_json(value, tmp_path / "a.json")
    assert read_json(tmp_path / "a.json") == value


NAME = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp"]), min_size=1)


@SOME
@given(rows=st.lists(st.tuples(NAME, st.integers(0, 2**53), st.floats(-1e9, 1e9)), max_size=5))
def test_tables_come_back_as_they_were(tmp_path, rows):
    table = pd.DataFrame(rows, columns=["name", "number", "value"])
    write_tsv(table, tmp_path / "a.tsv")
    back = read_tsv(tmp_path / "a.tsv", ["name", "number", "value"], text=["name"])
    assert back["name"].fillna("").tolist() == table["name"].tolist()
    assert back["number"].tolist() == table["number"].tolist()
    assert back["value"].tolist() == pytest.approx(table["value"].tolist(), rel=1e-8)
