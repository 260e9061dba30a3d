"""Cross-validation, and rules for loci on which cell lines disagree."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from seformer.regions.extract import extract
from seformer.regions.folder import read_extracted
from seformer.splits.assign import into_folds
from seformer.splits.dataset import open_dataset
from seformer.splits.label_conflicts import resolve_conflicts
from seformer.splits.split import split
from seformer.util.errors import UserError
from seformer.util.records import read_json
from seformer.util.tables import read_tsv, write_tsv

CHROMOSOMES = tuple(f"chr{i}" for i in range(1, 9))
LENGTH = 9_600


@pytest.fixture
def sample(tmp_path, fasta, bed, random_bases):
    genome = fasta({name: random_bases(LENGTH, i) for i, name in enumerate(CHROMOSOMES)}, width=60)

    def make(name, se, te):
        extract(
            genome,
            tmp_path / name,
            super_enhancers=bed(f"{name}_se.bed", se),
            typical_enhancers=bed(f"{name}_te.bed", te),
            sample=name,
        )
        return tmp_path / name

    return make


def places(offset=0, step=1600, shift=0):
    return [
        (c, i + shift, i + shift + 90) for c in CHROMOSOMES for i in range(offset, LENGTH, step)
    ]


def read_fold(folders, out, k):
    names = [read_extracted(folder).regions["sample"].iloc[0] for folder in folders]
    return open_dataset(
        folders, [out / f"fold_{k}" / name / "splits.tsv" for name in names]
    ).regions


@pytest.mark.parametrize(("by", "column"), [("chromosomes", "chrom"), ("clusters", "cluster")])
def test_every_region_is_tested_once_and_nothing_is_on_two_sides(sample, tmp_path, by, column):
    folders = [sample("a", places(), places(800)), sample("b", places(shift=50), places(800))]
    out = tmp_path / "s"
    audit = split(folders, out, split_by=by, folds=4, validation_fraction=0.15)
    tested = []
    for k in range(1, 5):
        rows = read_fold(folders, out, k)
        sides = rows.groupby(column)["split"].nunique()
        assert (sides == 1).all()
        assert set(rows["split"]) == {"train", "validation", "test"}
        tested.append(rows["split"] == "test")
        assert read_json(out / f"fold_{k}" / "audit.json") == audit["folds"][k - 1]
    assert (sum(tested) == 1).all()
    whole = read_tsv(out / "b" / "regions.tsv")
    b = (read_fold(folders, out, 1)["sample"] == "b").to_numpy()
    assert whole["fold"].tolist() == (np.argmax([t[b] for t in tested], axis=0) + 1).tolist()
    assert audit["overlapping_regions"] == dict.fromkeys(audit["overlapping_regions"], 0)
    assert audit["similarity"]["test_in_train"]["regions"] == len(tested[0])


def test_folds_are_balanced_in_size_and_class():
    rng = np.random.default_rng(2)
    # chromosomes as unlike in size as human ones, a tenth super-enhancers
    sizes = np.geomspace(900, 120, 23).astype(int)
    rows = pd.DataFrame({"chrom": np.repeat([f"c{i}" for i in range(23)], sizes)})
    rows["label"] = (rng.random(len(rows)) < 0.1).astype(int)
    parts = into_folds(rows, "chrom", 5, 0.1, seed=1)
    for part in parts:
        test = rows[part == "test"]
        assert len(test) == pytest.approx(len(rows) / 5, rel=0.06)
        assert test["label"].mean() == pytest.approx(rows["label"].mean(), rel=0.15)
        validation = rows[part == "validation"]
        assert len(validation) == pytest.approx(len(rows) / 10, rel=0.1)
        assert validation["label"].mean() == pytest.approx(rows["label"].mean(), rel=0.15)
    again = into_folds(rows, "chrom", 5, 0.1, seed=1)
    assert all(one.equals(two) for one, two in zip(parts, again, strict=True))


def test_folds_can_be_given_back(sample, tmp_path):
    folder = sample("a", places(), places(800))
    first = split([folder], tmp_path / "one", folds=3, seed=5)
    given = tmp_path / "one/a/folds.tsv"
    again = split([folder], tmp_path / "two", folds=3, splits=[given])
    assert again["split_by"] == "file"
    for one, two in zip(first["folds"], again["folds"], strict=True):
        assert one["split_hash"] == two["split_hash"]
    assert (tmp_path / "two/a/folds.tsv").read_bytes() == given.read_bytes()
    with pytest.raises(UserError, match="more than 2 folds"):
        split([folder], tmp_path / "three", folds=2, splits=[given])


def test_one_overlapping_locus_in_given_folds_fails(sample, tmp_path):
    folder = sample("a", [*places(), ("chr1", 40, 130)], places(800))
    split([folder], tmp_path / "one", folds=3)
    table = read_tsv(tmp_path / "one/a/folds.tsv")
    row = (table["chrom"] == "chr1") & (table["start"] == 40)
    old = table.loc[row, "fold_2"].iloc[0]
    table.loc[row, "fold_2"] = "train" if old != "train" else "test"
    write_tsv(table, tmp_path / "given.tsv")
    with pytest.raises(UserError, match=r"chr1:.* overlaps the .* part"):
        split([folder], tmp_path / "two", folds=3, splits=[tmp_path / "given.tsv"])
    assert read_json(tmp_path / "two/audit.json")["fold"] == 2


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"folds": 0}, "--folds 0"),
        ({"folds": 3, "test_chromosomes": ["chr1"]}, "together with --folds"),
        ({"conflict_rule": "vote"}, "--conflicts vote"),
        ({"folds": 20, "split_by": "chromosomes"}, r"part of fold \d+ would have 0"),
    ],
)
def test_options_that_cannot_be(sample, tmp_path, options, found):
    with pytest.raises(UserError, match=found):
        split([sample("a", places(), places(800))], tmp_path / "s", **options)


def test_the_name_of_a_fold_is_no_sample(sample, tmp_path):
    with pytest.raises(UserError, match="fold_1 is taken"):
        split([sample("fold_1", places(), places(800))], tmp_path / "s", folds=2)


def conflict_rows(labels, split_part="train"):
    """One locus; a sample per label."""
    return pd.DataFrame(
        {
            "sample": [f"s{i}" for i in range(len(labels))],
            "chrom": "chr1",
            "start": [10 * i for i in range(len(labels))],
            "end": 500,
            "label": labels,
            "split": split_part,
        }
    )


@pytest.mark.parametrize(
    ("labels", "rule", "outcome"),
    [
        ([1, 0, 1], "keep", ["kept"] * 3),
        ([1, 0, 1], "drop", ["dropped"] * 3),
        ([1, 0, 1], "majority", ["kept", "dropped", "kept"]),
        ([0, 1, 0, 0], "majority", ["kept", "dropped", "kept", "kept"]),
        ([1, 0], "majority", ["dropped"] * 2),
        ([1, 1], "drop", [""] * 2),
    ],
)
def test_rules_for_conflicts(labels, rule, outcome):
    rows = conflict_rows(labels)
    assert resolve_conflicts(rows, rule).tolist() == outcome
    kept = ["kept" if value else "" for value in outcome]
    assert resolve_conflicts(rows.assign(split="test"), rule).tolist() == kept


def test_conflicts_are_left_out_of_the_model_of_all_samples_only(sample, tmp_path):
    # every second super-enhancer of a is a typical enhancer of b
    se, te = places(step=1600), places(800)
    folders = [sample("a", se, te), sample("b", se[::2], [*te, *se[1::2]])]
    out = tmp_path / "s"
    audit = split(folders, out, conflict_rule="drop")
    tables = [out / name / "splits.tsv" for name in "ab"]
    together = open_dataset(folders, tables)
    alone = open_dataset(folders[:1], tables[:1])
    lost = together.regions[together.regions["split"] == ""]
    found = audit["conflicts"]
    assert found["rule"] == "drop"
    assert found["regions"] == len(se) == 2 * audit["label_conflicts_between_samples"]
    assert found["dropped"] == len(lost) == found["train"] + found["validation"] > 0
    assert found["test"] == (together.regions["conflict"] == "kept").sum() > 0
    assert len(alone.select("train", "validation", "test")) == len(alone.regions)
    # what is left still stands beside its own sequence
    sequences = list(together.sequences("train"))
    rows = together.regions.iloc[together.select("train")]
    assert len(sequences) == len(rows)
    everything = {
        (s, *place): bases
        for folder, s in zip(folders, "ab", strict=True)
        for place, bases in zip(
            read_extracted(folder).kept[["chrom", "start"]].itertuples(index=False),
            read_extracted(folder).sequences(),
            strict=True,
        )
    }
    keys = rows[["sample", "chrom", "start"]].itertuples(index=False)
    assert [everything[tuple(key)] for key in keys] == sequences
