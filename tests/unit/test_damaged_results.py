"""Results that were damaged or made by a stranger: a page on which nothing runs, or one message.

The short tests change every kind of field in some ways, chosen by their order; the long ones every
field in every way.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_inputs import (
    SUMMARY,
    evaluation,
    regions,
    write_everything,
    write_json,
    write_table,
)

from seformer.evaluation import cross_validation, held_out, verdict
from seformer.evaluation.card import model_card
from seformer.evaluation.metrics import ScoredRegions
from seformer.explain.faithfulness_summary import FRACTIONS
from seformer.explain.folder import (
    REGION_COLUMNS,
    RESULT_COLUMNS,
    TABLE_FILE,
    WINDOW_COLUMNS,
    WINDOWS_FILE,
)
from seformer.explain.merge import merge_attributions
from seformer.explain.summary import PROFILE_BINS
from seformer.explain.values import VALUES_FILE, ValuesWriter
from seformer.model.settings import ModelSettings
from seformer.report import collect as reading
from seformer.report.content import content_of, harmless
from seformer.report.page import draw_sections, read_versions
from seformer.report.results import Results, SampleResults
from seformer.scoring.merge import merge_predictions
from seformer.util import markup
from seformer.util.errors import UserError

MARKUP = "<img src=x onerror=alert(1)> `code` | [a](javascript:alert(1)) \" onload='x' __b__"
# none of it may stand anywhere as it is
RAW = re.compile(r"<img src=x|`code`|\]\(javascript:|\" onload=|onload='|__b__")
UNCONCERNED = {
    name: {}
    for name in ("predictions", "explanations", "motifs", "patterns", "dissections", "variants")
}
REMOVED = object()
OTHERS = ["text", [], [[1]], None, 1.5, -1, 10**40, float("nan"), True, {}, {"a": 1}, REMOVED]
CELLS = ["text", "", "nan", "inf", "-1", "1.5", "1e300", "True", "9" * 30, MARKUP, "a\tb"]


def leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Every place in a JSON value, containers too."""
    if path:
        yield path
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*path, key))


def changed(value: Any, path: tuple, new: Any) -> Any:
    if not path:
        return new
    key, *rest = path
    found = dict(value) if isinstance(value, dict) else list(value)
    if not rest and new is REMOVED:
        del found[key]
    else:
        found[key] = changed(found[key], tuple(rest), new)
    return found


def renamed(value: Any, path: tuple) -> Any:
    """Give a name in an object markup for another."""
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    other = {MARKUP if name == path[-1] else name: part for name, part in inner.items()}
    return changed(value, path[:-1], other)


def kind(path: tuple) -> tuple:
    """What stands for all entries of a list, and for all scorers, samples and metrics alike."""
    alike = {"gc", "cpg", "length", "n_fraction", "kmer_logistic", "kmer_boosting", "MM1S", "TE"}
    alike |= {
        "cpg_density",
        "composition",
        "auprc",
        "mcc",
        "balanced_accuracy",
        "brier",
        "ece",
        "validation_in_train",
        "te",
    }
    alike |= {"test_in_validation"}
    return tuple("*" if isinstance(step, int) or step in alike else step for step in path)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return write_everything(tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module")
def whole(place):
    return reading.collect([place])


def shown(whole, place: Path, path: Path, content: str) -> str | None:
    """What the page makes of a changed file; None where it is refused in one message."""
    before = path.read_text()
    path.write_text(content)
    results = Results({})
    sample = SampleResults("K562")
    if path.name in ("metrics.json", "curves.json", "seformer.json"):
        sample = dataclasses.replace(whole.samples["K562"], regions=None, **UNCONCERNED)
    try:
        if path.parent == place:
            reading.read_shared(place, results)
        else:
            results.samples["K562"] = sample
            read(path, sample)
        sections = draw_sections(results)
        return "\n".join(map(written, sections))
    except UserError as error:
        assert path.name in str(error), error
        assert "\n" not in str(error)
        return None
    finally:
        path.write_text(before)


def read(path: Path, sample: SampleResults) -> None:
    """Read a file of a sample, or the table that it lies beside."""
    if path.name == "history.tsv":
        reading.take_history(path, sample, "fold_1/seed_1")
        reading.take_history(path, sample, "fold_2/seed_1")
    elif path.parent.name == "windows":
        reading.read_file(path.parents[1] / path.name, sample)
    elif path.name.endswith(("summary.json", "top.json")):
        reading.read_file(next(path.parent.glob("*.tsv")), sample)
    else:
        assert reading.read_file(path, sample)


def written(section) -> str:
    text = json.dumps(content_of(section), allow_nan=False, ensure_ascii=False)
    return text.replace('\\"', '"')


def tried(whole, place: Path, forms: Iterator[tuple[Path, str, str]]) -> tuple[int, int]:
    """Try changed files; returns how many gave a page, and how many one message."""
    pages, refused, wrong = 0, 0, []
    for path, content, what in forms:
        try:
            found = shown(whole, place, path, content)
        except Exception as error:
            wrong.append(f"{path.name}: {what}: {error!r}")
            continue
        pages, refused = pages + (found is not None), refused + (found is None)
        if raw := RAW.search(found or ""):
            wrong.append(f"{path.name}: {what}: {found[raw.start() - 100 : raw.end() + 100]}")
    assert not wrong, "\n".join([f"{len(wrong)} wrong", *wrong[:40]])
    return pages, refused


def places_in(place: Path, every: bool) -> Iterator[tuple[int, Path, Any, tuple]]:
    """Every place in every JSON file, or one of each kind: its number, file, content and path."""
    seen, number = set(), 0
    for path in sorted(place.rglob("*.json")):
        value = json.loads(path.read_text())
        for leaf in leaves(value):
            if every or (path, kind(leaf)) not in seen:
                seen.add((path, kind(leaf)))
                yield (number := number + 1), path, value, leaf


# all places, an hour of them: only when asked for
LONG = pytest.mark.skipif(
    "SEFORMER_TEST_LONG" not in os.environ, reason="SEFORMER_TEST_LONG is not set"
)
long_too = pytest.mark.parametrize("every", [False, pytest.param(True, marks=LONG)])


@long_too
def test_a_damaged_field_is_a_page_or_one_message(place, whole, every):
    def forms():
        for number, path, value, leaf in places_in(place, every):
            for new in OTHERS if every else [OTHERS[number % len(OTHERS)]]:
                yield path, json.dumps(changed(value, leaf, new)), f"{leaf} = {new!r}"

    pages, refused = tried(whole, place, forms())
    assert pages > 50 and refused > 200


@long_too
def test_nothing_from_outside_stands_raw_in_the_page(place, whole, every):
    def forms():
        for _, path, value, leaf in places_in(place, every):
            yield path, json.dumps(changed(value, leaf, MARKUP)), str(leaf)
            if isinstance(leaf[-1], str):
                yield path, json.dumps(renamed(value, leaf)), f"the name of {leaf}"

    pages, refused = tried(whole, place, forms())
    assert pages > 60 and refused > 200


@long_too
def test_a_damaged_cell_is_a_page_or_one_message(place, whole, every):
    def forms():
        number = 0
        for path in sorted(place.rglob("*.tsv")):
            lines = [line.split("\t") for line in path.read_text().splitlines()]
            for row in (0, 1, len(lines) - 1) if every else (0, 1):
                for column, name in enumerate(lines[0]):
                    number += 1
                    some = {CELLS[number % len(CELLS)], *([MARKUP] * row)}
                    for new in CELLS if every else sorted(some):
                        other = [list(line) for line in lines]
                        other[row][column] = new
                        text = "".join("\t".join(line) + "\n" for line in other)
                        yield path, text, f"{name}, row {row} = {new!r}"

    pages, refused = tried(whole, place, forms())
    assert pages > 30 and refused > 50


def test_nothing_from_outside_stands_raw_in_the_model_card():
    found, _ = evaluation(np.random.default_rng(0), regions(np.random.default_rng(0), 80), 1, "x")
    test = found["test"]
    for part in (test, found["validation"]):
        part["baselines"] = {MARKUP: part["baselines"]["gc"]}
    test["delta"] = {name: delta | {"baseline": MARKUP} for name, delta in test["delta"].items()}
    found["pretraining"] = {"backbone": MARKUP, "held_out": [MARKUP], "seen": [MARKUP]}
    found["verdict"] = [finding._asdict() for finding in verdict.judge_test(found)]
    settings = ModelSettings(
        sample=MARKUP,
        backbone=dict.fromkeys(("name", "family", "revision", "licence"), MARKUP),
        window=64,
        assembly={"name": MARKUP},
        splits={"test": [MARKUP], "validation": [MARKUP]},
    )
    card = model_card(settings, found, {"test": {"SE": 1, "TE": 2}})
    assert card.count("onload=") >= 10
    assert not RAW.search(card)
    # what is ours stays readable as it is
    assert "seformer predict --model THIS_FOLDER" in card and "--test_chromosomes" in card


def test_the_model_card_knows_random_regions():
    found, _ = evaluation(np.random.default_rng(0), regions(np.random.default_rng(0), 80), 1, "x")
    found["verdict"] = []
    settings = ModelSettings(backbone={"name": "tiny"}, window=64)
    cards = [
        model_card(settings, found, {"test": {"SE": 4, "TE": 8, "random": drawn}})
        for drawn in (0, 2)
    ]
    against = ["It compares enhancers with enhancers", "25 % of its typical enhancers are random"]
    assert [[text in card for text in against] for card in cards] == [[True, False], [False, True]]


def test_versions_are_text_of_two_levels(tmp_path):
    path = tmp_path / "versions.yml"
    path.write_text(f"EVALUATE:\n  torch: 1.10\n  {json.dumps(MARKUP)}: {json.dumps(MARKUP)}\n")
    found = read_versions(path)
    assert found["torch"] == ["1.10"]
    assert not RAW.search(str(found))
    for text in ("a: [1]", "a", "a: {b: {c: d}}", "{", "!!python/object/apply:os.system ['ls']"):
        path.write_text(text)
        with pytest.raises(UserError, match=r"versions\.yml"):
            read_versions(path)


@pytest.mark.parametrize(
    ("text", "escaped", "in_figures"),
    [
        ("a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;", "a‹b›+”’"),
        ("[a](javascript:b)", "&#91;a&#93;(javascript:b)", "(a)(javascript:b)"),
        ("`a` | b", "&#96;a&#96; &#124; b", "´a´ ¦ b"),
        ("cell_1 _x_ __y", "cell_1 &#95;x&#95; &#95;&#95;y", "cell_1 _x_ __y"),
        ("a\n\t b\u202e\x00", "a b\ufffd\ufffd", "a b\ufffd\ufffd"),
        ("a" * 81, "a" * 81, "a" * 71 + "…c6192a4f"),
    ],
)
def test_names_are_written_so_that_they_are_only_read(text, escaped, in_figures):
    assert (markup.escape(text), markup.plain(text)) == (escaped, in_figures)


# ------------------------------------------------------------------------- joining


def damaged(paths: list[Path], step: int) -> Iterator[tuple[Path, str, str]]:
    """Change one of every ``step`` fields and cells of the files."""
    number = 0
    for path in paths:
        text = path.read_text()
        if path.suffix == ".json":
            value = json.loads(text)
            forms = [(leaf, json.dumps(changed(value, leaf, new))) for leaf in leaves(value)
                     for new in OTHERS]  # fmt: skip
        else:
            lines = text.splitlines(keepends=True)
            head, cells = lines[0], lines[1].rstrip("\n").split("\t")
            forms = []
            for column in range(len(cells)):
                for new in CELLS:
                    row = "\t".join([*cells[:column], new, *cells[column + 1 :]]) + "\n"
                    forms.append(((column, new), "".join([head, row, *lines[2:]])))
        for what, content in forms:
            number += 1
            if number % step == 0:
                yield path, content, str(what)


def joined(join, paths: list[Path], step: int) -> tuple[int, int]:
    """Join while one file is changed; how often it could be, and how often it was refused."""
    done, refused = 0, 0
    for path, content, what in damaged(paths, step):
        before = path.read_text()
        path.write_text(content)
        try:
            join()
            done += 1
        except UserError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{path.name}: {what}") from error
        finally:
            path.write_text(before)
    return done, refused


@long_too
def test_damaged_folds_are_pooled_or_refused(tmp_path, every):
    rng = np.random.default_rng(0)
    for fold in (1, 2):
        table = regions(rng, 60)
        found, _ = evaluation(rng, table, 1, "K562")
        scorers = ["model", *found["test"]["baselines"]]
        found["thresholds"] = dict.fromkeys(scorers, 0.5)
        rows = table[table["split"] == "test"].assign(
            logit=0.3, probability=0.6, prediction="SE", set="both"
        )
        rows = rows.assign(**{f"{name}_probability": 0.4 for name in scorers[1:]})
        write_json(found, tmp_path / f"{fold}/metrics.json")
        write_table(rows, tmp_path / f"{fold}/test_predictions.tsv")

    def join():
        folds = [cross_validation.read_fold(tmp_path / str(fold)) for fold in (1, 2)]
        cross_validation.check_folds(folds)
        each = [cross_validation.scorers_of(fold) for fold in folds]
        parts = {name: [one[name] for one in each] for name in each[0]}
        scorers = {
            name: ScoredRegions(*map(np.concatenate, zip(*part, strict=True)))
            for name, part in parts.items()
        }
        table = held_out.join_tests([fold.table for fold in folds])
        found = cross_validation.measure_pooled(table, scorers, folds, 2, 1)
        json.dumps([found, *verdict.judge_test(found)], allow_nan=False)

    done, refused = joined(join, sorted((tmp_path / "1").iterdir()), 1 if every else 197)
    assert done > 3 and refused > 9


@long_too
def test_damaged_scores_are_merged_or_refused(tmp_path, every):
    (tmp_path / "r.bed").write_text("chr1\t5\t90\nchr1\t7\t80\nchr2\t1\t9\n")
    for shard, lines in ((9999, (1, 2)), (10000, (3,))):
        place = tmp_path / f"shards/shard_{shard}"
        scores = {"line": lines, "logit": 0.3, "probability": 0.6, "prediction": "SE"}
        write_table(pd.DataFrame(scores).assign(coverage=1.0, flags="short"), place / "scores.tsv")
        write_json(SUMMARY | {"rows": len(lines)}, place / "summary.json")
    # a shell gives them as text is sorted
    shards = sorted((tmp_path / "shards").iterdir())
    assert shards[0].name == "shard_10000"

    def join():
        merge_predictions(tmp_path / "r.bed", shards, tmp_path / "out")

    join()
    assert json.loads((tmp_path / "out/summary.json").read_text())["rows"] == 3
    done, refused = joined(join, sorted(shards[1].iterdir()), 1 if every else 7)
    assert done > 5 and refused > 20


@long_too
def test_damaged_attributions_are_merged_or_refused(tmp_path, every):
    curves = ("deletion_top", "deletion_random", "insertion_top", "insertion_random")
    agreements = ("mutagenesis", "mutagenesis_signed", "seed_stability", "randomised_model")
    region = dict.fromkeys(curves, [0.1] * 7) | dict.fromkeys(agreements, 0.5)
    drawn = {"chrom": "chr1", "start": 0, "end": 9, "name": "a", "logit": 1.0, "values": [0.1]}
    profile = {"regions": 1, "mean": [0.1] * PROFILE_BINS}
    for shard in (9999, 10000):
        place = tmp_path / f"shard_{shard}"
        place.mkdir()
        with ValuesWriter(place / VALUES_FILE, [9]) as writer:
            writer.add(np.arange(9) / shard, "ACGTACGTA")
        row = {"chrom": "chr1", "start": shard, "end": shard + 9, "name": "a", "logit": 1.0}
        table = pd.DataFrame([row]).reindex(columns=[*REGION_COLUMNS, *RESULT_COLUMNS])
        write_table(
            table.assign(completeness_error=0.01, attribution_sum=36 / shard), place / TABLE_FILE
        )
        windows = pd.DataFrame(columns=list(WINDOW_COLUMNS), index=[0])
        windows = windows.assign(chrom="chr1", part="window", start=shard, end=shard + 9)
        windows = windows.assign(region_start=shard, region_end=shard + 9, difference=0.1)
        write_table(windows, place / WINDOWS_FILE)
        summary = {"rows": 1, "settings": {"method": "saliency"}, "seconds": 1.5}
        summary |= {"profile": {"SE": profile, "TE": profile}, "drawn": [drawn]}
        checks = {"regions": [region], "fractions": list(FRACTIONS), "summary": {}}
        write_json(summary | {"faithfulness": checks}, place / "summary.json")
    shards = sorted(tmp_path.glob("shard_*"))
    assert shards[0].name == "shard_10000"

    def join():
        merge_attributions(shards, tmp_path / "out")

    join()
    starts = pd.read_csv(tmp_path / "out" / TABLE_FILE, sep="\t")["start"]
    assert starts.tolist() == [9999, 10000]
    paths = [path for path in sorted(shards[1].iterdir()) if path.suffix in (".json", ".tsv")]
    done, refused = joined(join, paths, 1 if every else 97)
    assert done > 3 and refused > 9


def test_names_that_would_be_written_alike_stay_apart():
    assert list(harmless({"R&D": 1, "R+D": 2, "a": 3})) == ["R+D 22162561", "R+D 97b85b2c", "a"]
