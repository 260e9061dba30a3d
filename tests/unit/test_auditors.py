"""FASTA with labels and parts for auditors from outside, and what one of them says of splits."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pandas as pd
import pytest
from seqleak import cli as seqleak
from toys import random_sequence
from typer.testing import CliRunner

from seformer.cli import build_app
from seformer.regions.extract import extract
from seformer.sequence.dna import reverse_complement
from seformer.splits.split import split
from seformer.util.errors import UserError
from seformer.util.tables import read_tsv, write_tsv

LENGTH, PITCH, FAMILIES = 300, 1_600, 150


def records(path):
    """Name, header's pairs and bases of every record."""
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path)
    with opened as text:
        for header, bases in zip(text, text, strict=True):
            name, *pairs = header[1:].split()
            yield name, dict(pair.split("=") for pair in pairs), bases.strip()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Families of two, labels alike: a region and a copy elsewhere, shifted, turned or as it is."""
    folder = tmp_path_factory.mktemp("auditors")
    first = [random_sequence(LENGTH, seed=i) for i in range(FAMILIES)]
    copies = [
        (bases[50:] + random_sequence(50, 7_000 + i), reverse_complement(bases), bases)[i % 3]
        for i, bases in enumerate(first)
    ]
    order = np.random.default_rng(0).permutation(2 * FAMILIES)
    regions, labels = first + copies, np.arange(2 * FAMILIES) % FAMILIES % 2
    bases = [regions[i] + random_sequence(PITCH - LENGTH, seed=10_000 + i) for i in order]
    (folder / "genome.fa").write_text(">chr1\n" + "".join(bases) + "\n")
    for label, name in enumerate(("te", "se")):
        rows = [
            f"chr1\t{j * PITCH}\t{j * PITCH + LENGTH}\n"
            for j, i in enumerate(order)
            if labels[i] == label
        ]
        (folder / f"{name}.bed").write_text("".join(rows))
    extract(**sources(folder), out=folder / "extracted")
    return folder


def sources(place):
    return {
        "fasta": place / "genome.fa",
        "super_enhancers": place / "se.bed",
        "typical_enhancers": place / "te.bed",
    }


def test_extract_writes_labels_and_with_splits_the_parts(place, tmp_path):
    extract(**sources(place), out=tmp_path / "x", labelled_fasta=tmp_path / "all.fa")
    rows = read_tsv(tmp_path / "x" / "regions.tsv")
    found = list(records(tmp_path / "all.fa"))
    assert len(found) == len(rows) == 2 * FAMILIES
    for (name, pairs, bases), row in zip(found, rows.itertuples(), strict=True):
        assert name == f"chr1:{row.start}-{row.end}"
        assert pairs == {"label": str(row.label)}
        assert len(bases) == LENGTH
    split([tmp_path / "x"], tmp_path / "s", split_by="homology")
    splits = tmp_path / "s" / "sample" / "splits.tsv"
    extract(
        **sources(place),
        out=tmp_path / "y",
        labelled_fasta=tmp_path / "new folder" / "parts.fa.gz",
        splits=splits,
    )
    again = list(records(tmp_path / "new folder" / "parts.fa.gz"))
    assert [pairs["split"] for _, pairs, _ in again] == read_tsv(splits)["split"].tolist()
    assert [(name, bases) for name, _, bases in again] == [(n, b) for n, _, b in found]


def test_parts_are_found_by_other_names_of_chromosomes(place, tmp_path):
    """A table of an earlier split may say 1 where the genome says chr1, in either command."""
    split([place / "extracted"], tmp_path / "s", split_by="homology")
    table = read_tsv(tmp_path / "s" / "sample" / "splits.tsv")
    write_tsv(table.assign(chrom=table["chrom"].str.removeprefix("chr")), tmp_path / "other.tsv")
    given = {"splits": tmp_path / "other.tsv", "labelled_fasta": tmp_path / "parts.fa"}
    extract(**sources(place), out=tmp_path / "x", **given)
    found = [pairs["split"] for _, pairs, _ in records(tmp_path / "parts.fa")]
    assert found == table["split"].tolist()
    split([place / "extracted"], tmp_path / "t", splits=[tmp_path / "other.tsv"])
    again = read_tsv(tmp_path / "t" / "sample" / "splits.tsv")
    assert again["split"].tolist() == table["split"].tolist()


def test_split_writes_the_same(place, tmp_path):
    audit = split(
        [place / "extracted"],
        tmp_path / "s",
        split_by="homology",
        labelled_fasta=tmp_path / "parts.fa",
    )
    parts = pd.Series([pairs["split"] for _, pairs, _ in records(tmp_path / "parts.fa")])
    assert parts.value_counts().to_dict() == {
        part: counts["regions"] for part, counts in audit["parts"].items()
    }
    extract(
        **sources(place),
        out=tmp_path / "x",
        labelled_fasta=tmp_path / "by_extract.fa",
        splits=tmp_path / "s" / "sample" / "splits.tsv",
    )
    assert (tmp_path / "by_extract.fa").read_bytes() == (tmp_path / "parts.fa").read_bytes()


def test_several_samples_are_named(place, tmp_path):
    extract(**sources(place), out=tmp_path / "other", sample="other")
    folders = [place / "extracted", tmp_path / "other"]
    split(folders, tmp_path / "s", split_by="homology", labelled_fasta=tmp_path / "parts.fa")
    found = [pairs["sample"] for _, pairs, _ in records(tmp_path / "parts.fa")]
    assert found == ["sample"] * 2 * FAMILIES + ["other"] * 2 * FAMILIES


def test_of_dropped_regions_there_is_no_record(place, tmp_path):
    (tmp_path / "se.bed").write_text((place / "se.bed").read_text() + "chr9\t0\t500\n")
    given = sources(place) | {"super_enhancers": tmp_path / "se.bed"}
    extract(
        **given,
        out=tmp_path / "x",
        labelled_fasta=tmp_path / "all.fa",
        invalid_regions="drop",
    )
    assert "chr9" not in (tmp_path / "all.fa").read_text()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda t: t[1:],
            "is not here .1 of 300 regions are missing.*extract with the options of the run",
        ),
        (lambda t: t.assign(split="tset"), "split 'tset' is unknown"),
        (lambda t: t.drop(columns="split"), "columns? .*split"),
        (
            lambda t: pd.concat([t, t[:1].assign(split="test"), t[:1].assign(split="train")]),
            "a region is in two parts",
        ),
    ],
    ids=["missing", "unknown", "no column", "two parts"],
)
def test_splits_that_do_not_fit(place, tmp_path, change, found):
    split([place / "extracted"], tmp_path / "s", split_by="homology")
    table = change(read_tsv(tmp_path / "s" / "sample" / "splits.tsv"))
    write_tsv(table, tmp_path / "bad.tsv")
    with pytest.raises(UserError, match=found):
        extract(
            **sources(place),
            out=tmp_path / "x",
            labelled_fasta=tmp_path / "parts.fa",
            splits=tmp_path / "bad.tsv",
        )
    # nothing half made is left
    assert not (tmp_path / "x").exists() and not (tmp_path / "parts.fa").exists()


def test_what_does_not_go_with_a_labelled_fasta(place, tmp_path):
    wanted = {"out": tmp_path / "x", "labelled_fasta": tmp_path / "a.fa"}
    with pytest.raises(UserError, match="none is wanted"):
        extract(**sources(place), out=tmp_path / "x", splits=tmp_path / "s.tsv")
    with pytest.raises(UserError, match="regions to score have no labels"):
        extract(place / "genome.fa", regions=place / "se.bed", unlabelled=True, **wanted)
    with pytest.raises(UserError, match="--shard-bases cuts them"):
        extract(**sources(place), shard_bases=1000, **wanted)
    with pytest.raises(UserError, match="another part in every fold"):
        split(
            [place / "extracted"],
            tmp_path / "s",
            split_by="homology",
            folds=3,
            labelled_fasta=tmp_path / "a.fa",
        )
    assert not (tmp_path / "a.fa").exists()


def test_the_commands_take_it(place, tmp_path):
    words = ["extract", "--fasta", place / "genome.fa", "--super-enhancers", place / "se.bed"]
    words += ["--typical-enhancers", place / "te.bed", "--out", tmp_path / "x"]
    words += ["--labelled-fasta", tmp_path / "a.fa"]
    made = CliRunner().invoke(build_app(), list(map(str, words)))
    assert made.exit_code == 0, made.output
    assert (tmp_path / "a.fa").read_text().startswith(">chr1:")
    words = ["split", "--extracted", tmp_path / "x", "--split-by", "homology"]
    words += ["--labelled-fasta", tmp_path / "b.fa", "--out", tmp_path / "s"]
    made = CliRunner().invoke(build_app(), list(map(str, words)))
    assert made.exit_code == 0, made.output
    assert " label=1 split=train\n" in (tmp_path / "b.fa").read_text()


def audited(fasta, place):
    """What seqleak says: its exit status, its verdict, the status of each check."""
    out = place / "seqleak.json"
    words = ["audit", "--data", fasta, "--homology", "off", "--n-boot", "50", "--quiet"]
    status = seqleak.main([str(w) for w in (*words, "--out", out, "--fail-on", "fail")])
    report = json.loads(out.read_text())
    return (
        status,
        report["verdict"]["status"],
        {name: check["status"] for name, check in report["checks"].items()},
    )


OVERLAPS = ("overlap.exact", "overlap.near", "overlap.windows")


def test_seqleak_passes_a_split_by_homology(place, tmp_path):
    fasta = tmp_path / "parts.fa"
    audit = split([place / "extracted"], tmp_path / "s", split_by="homology", labelled_fasta=fasta)
    assert audit["near_copies"]["test_in_train"] == 0
    status, verdict, checks = audited(fasta, tmp_path)
    assert (status or 0) == 0 and verdict != "FAIL"
    assert {checks[name] for name in OVERLAPS} == {"PASS"}


def test_seqleak_fails_a_split_with_planted_copies_and_so_does_the_audit(place, tmp_path):
    fasta = tmp_path / "parts.fa"
    audit = split([place / "extracted"], tmp_path / "s", split_by="clusters", labelled_fasta=fasta)
    copied = audit["near_copies"]["test_in_train"]
    assert copied > audit["parts"]["test"]["regions"] / 2
    status, verdict, checks = audited(fasta, tmp_path)
    assert status == 1 and verdict == "FAIL"
    assert checks["overlap.near"] == checks["overlap.exact"] == "FAIL"
