"""What is said of regions, split, predictions and explanations: values in, findings out."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from report_inputs import AUDIT, evaluation, regions

from seformer.evaluation import findings, verdict
from seformer.evaluation.signal_ranks import judge_signal
from seformer.report.results import SampleResults
from seformer.report.sections.verdict import judge_sample


def table(dropped=0, reason="too_short", source="te.bed", drawn=0):
    """Ten of either class; the first rows are left out, the last are random."""
    rows = pd.DataFrame({"label": [1] * 10 + [0] * 10, "drop_reason": "", "source": source})
    rows.loc[: dropped - 1, "drop_reason"] = reason
    rows.loc[20 - drawn :, "source"] = "random"
    return rows


def windows(length):
    """Of ten regions each of 3 kb and of 1 kb, whose windows lie round the middle."""
    rows = table().assign(chrom="chr1", start=10_000 * np.arange(20))
    size = np.where(rows["label"] == 1, 3000, 1000)
    middle = rows["start"] + size // 2
    place = "chr1:" + rows["start"].astype(str) + "-" + (rows["start"] + size).astype(str)
    return rows.assign(start=middle - length // 2, end=middle + length // 2, parent=place)


def split(overlaps=0, alike=0, total=100, conflicts=0):
    pair = {"regions": total, "with_containment_at_least": {"0.5": alike}} if total else {}
    return {
        "overlapping_regions": {"test_in_train": overlaps},
        "similarity": {"test_in_train": pair},
        "label_conflicts_between_samples": conflicts,
    }


def predictions(rows=100, scored=100, unscored=(), **flags):
    return findings.judge_predictions("peaks", rows, scored, flags, dict(unscored))


def completeness(error=0.01, summary=(), **flags):
    explained = SimpleNamespace(
        regions=10, errors=np.full(10, error), flags=Counter(flags), summary=dict(summary)
    )
    return findings.judge_completeness([explained])


def faithfulness(**results):
    every = {"deletion_ratio": 5.0, "mutagenesis": 0.8, "seed_stability": 0.9}
    return findings.judge_faithfulness({"a": every | {"randomised_model": 0.1} | results})


PEAKS, CLEAN, COMPLETE = "Predictions of peaks", "Split clean?", "Explanations complete?"
FAITHFUL, LOST = "Explanations faithful?", "Chromosomes not in the genome"
# what was judged, and the findings: level, topic, words
SAID = {
    "regions": (findings.judge_regions(table()), []),
    "few left out": (findings.judge_regions(table(4)), []),
    "many left out": (
        findings.judge_regions(table(5)),
        [("warning", "Regions left out", "25 % of the regions given were left out")],
    ),
    "chromosomes": (
        findings.judge_regions(table(1, "unknown_chromosome")),
        [("warning", LOST, "1 of 10 super-enhancers lie on chromosomes")],
    ),
    "random": (
        findings.judge_regions(table(drawn=10)),
        [("warning", "Random regions", "from background, not from typical enhancers.")],
    ),
    "windows with flanks": (
        findings.judge_regions(windows(3000)),
        [
            (
                "warning",
                "Windows beyond their regions",
                "0 % of the bases lie outside their regions, of those of typical enhancers 67 %: "
                "by that alone the classes are told apart with AUROC 1.00",
            )
        ],
    ),
    "windows inside": (findings.judge_regions(windows(1000)), []),
    "some random": (
        findings.judge_regions(table(drawn=5)),
        [("warning", "Random regions", "5 of 10 typical enhancers are random")],
    ),
    "split": (findings.judge_split(split()), [("good", CLEAN, "and 0 of 100 test regions share")]),
    "no overlaps known": (findings.judge_split({}), []),
    "not compared": (
        findings.judge_split(split(total=0)),
        [("good", CLEAN, "one part overlaps one of another.")],
    ),
    "overlaps": (findings.judge_split(split(overlaps=2)), [("bad", CLEAN, "No: 2 overlaps")]),
    "copies": (findings.judge_split(split(alike=3)), [("warning", CLEAN, "copies or repeats")]),
    "conflicts": (
        findings.judge_split(split(conflicts=1200)),
        [
            ("good", CLEAN, "No region of one part overlaps"),
            ("note", "Conflicting labels", "1,200 typical"),
        ],
    ),
    "passed over": (
        findings.judge_passed_over({"b.bed": "None on the genome.", "a.bed": "Empty."}),
        [
            ("warning", "a.bed", "Not scored. Empty."),
            ("warning", "b.bed", "Not scored. None on the genome."),
        ],
    ),
    "predictions": (predictions(length_outside_training=20), []),
    "other assembly": (predictions(other_assembly=1), [("warning", PEAKS, "Check the assembly.")]),
    "unlike training": (
        predictions(gc_outside_training=21, length_outside_training=20),
        [("warning", PEAKS, "21 % of 100 regions are unlike those of the training in GC.")],
    ),
    "few unscored": (
        predictions(scored=99, unscored={"all_n": 1}),
        [("note", PEAKS, "1 of 100 regions could not be scored")],
    ),
    "few chromosomes": (
        predictions(scored=98, unscored={"unknown_chromosome": 2}),
        [("note", PEAKS, "2 of 100 regions lie on"), ("note", PEAKS, "could not be scored")],
    ),
    "other chromosomes": (
        predictions(scored=97, unscored={"unknown_chromosome": 3}),
        [("warning", PEAKS, "--rename_chromosomes"), ("note", PEAKS, "could not be scored")],
    ),
    "no explanations": (findings.judge_completeness([]), []),
    "complete": (completeness(), [("good", COMPLETE, "all 10 explained regions add up")]),
    "too close": (
        completeness(small_difference=3),
        [("good", COMPLETE, "but for 3 too close to their reference")],
    ),
    "errors without a flag": (completeness(0.06), [("warning", COMPLETE, "10 of 10 expl")]),
    "incomplete": (
        completeness(summary={"settings": {"completeness": 0.01}}, incomplete=2),
        [("warning", COMPLETE, "2 of 10 explanations do not add up within 1 %")],
    ),
    "incomplete windows": (
        completeness(incomplete_window=4),
        [("warning", COMPLETE, "not every window of 4 of them")],
    ),
    "not checked": (findings.judge_faithfulness({}), []),
    "faithful": (
        faithfulness(),
        [("good", FAITHFUL, "5.0 times as much as random bases change it; mutagenesis agrees")],
    ),
    "deletion": (
        faithfulness(deletion_ratio=1.2),
        [("warning", FAITHFUL, "Not shown: replacing the bases with the highest attribution low")],
    ),
    "mutagenesis": (
        faithfulness(mutagenesis=-0.2),
        [("warning", FAITHFUL, "hardly agrees (rank correlation −0.20)")],
    ),
    "seeds": (faithfulness(seed_stability=0.4), [("warning", FAITHFUL, "other shuffles give")]),
    "shuffled weights": (
        faithfulness(randomised_model=0.5),
        [("warning", FAITHFUL, "a model with shuffled weights agrees (rank correlation 0.50)")],
    ),
    "one not measured": (
        faithfulness(seed_stability=None),
        [("good", FAITHFUL, "Not measured: other shuffles.")],
    ),
    "two not measured": (
        faithfulness(seed_stability=None, mutagenesis=None),
        [("note", FAITHFUL, "Not measured: mutagenesis, other shuffles.")],
    ),
}


@pytest.mark.parametrize(("said", "expected"), SAID.values(), ids=SAID)
def test_findings_are_those_of_the_values(said, expected):
    assert [(f.level, f.topic) for f in said] == [(level, topic) for level, topic, _ in expected]
    for finding, (_, _, words) in zip(said, expected, strict=True):
        assert words in finding.text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 9, "0 %"),
        (1, 3000, "< 0.1 %"),
        (1, 200, "0.5 %"),
        (1, 4, "25 %"),
        (999, 1000, "99.9 %"),
        (2999, 3000, "> 99.9 %"),
        (7, 7, "100 %"),
        (0, 0, "–"),
    ],
)
def test_a_percentage_is_all_or_none_only_where_it_is(part, whole, text):
    assert verdict.percent(part, whole) == text


def test_the_verdict_is_shown_as_it_is_stored():
    rng = np.random.default_rng(0)
    found, _ = evaluation(rng, regions(rng, 300), 2.0, "K562")
    assert judge_sample(SampleResults("K562", metrics=found)) == [
        *verdict.judge_test(found),
        *judge_signal(found["test"]),
    ]
    found["verdict"] = [{"level": "note", "topic": "Learned?", "text": "As somebody wrote it."}]
    (shown,) = judge_sample(SampleResults("K562", metrics=found))
    assert shown == ("note", "Learned?", "As somebody wrote it.")


@pytest.mark.parametrize(
    ("names", "level"), [(["n_fraction"], "warning"), (["kmer_logistic"], "good")]
)
def test_to_beat_weak_baselines_alone_shows_nothing(names, level):
    found, _ = evaluation(
        np.random.default_rng(0), regions(np.random.default_rng(0), 300), 2.0, "K"
    )
    test = found["test"]
    row = next(iter(test["baselines"].values()))
    test["baselines"] = dict.fromkeys(names, row)
    test["delta"]["auroc"] |= {"baseline": names[0], "value": 0.2, "low": 0.1, "high": 0.3}
    (gain,) = [f for f in verdict.judge_test(found) if f.topic == verdict.GAIN]
    assert gain.level == level
    assert ("take all baselines" in gain.text) == (level == "warning")


def test_the_split_of_a_run_is_clean():
    assert [f.level for f in findings.judge_split(AUDIT)] == ["good", "note", "note"]


def test_near_copies_are_said():
    def said(copies, **more):
        found = AUDIT | {"near_copies": AUDIT["near_copies"] | {"test_in_train": copies}} | more
        return {f.topic: f for f in findings.judge_split(found)}

    assert said(0)["Near copies"].level == "good"
    few, many = said(1)["Near copies"], said(12)["Near copies"]
    assert (few.level, many.level) == ("note", "warning")
    assert few.text.startswith("1 test region has a near copy in the training part")
    assert many.text.startswith("12 test regions have") and "--split_by homology" in many.text
    # an audit of an earlier version did not look
    old = {key: AUDIT[key] for key in AUDIT.keys() - {"near_copies", "clusters"}}
    assert "Near copies" not in {f.topic for f in findings.judge_split(old)}


def test_one_cluster_that_holds_too_much_is_said():
    clusters = AUDIT["clusters"] | {"largest": 120, "largest_share": 0.3}
    for way, warned in (("homology", True), ("clusters", True), ("chromosomes", False)):
        found = findings.judge_split(AUDIT | {"split_by": way, "clusters": clusters})
        texts = [f.text for f in found if f.topic == "One large cluster"]
        assert bool(texts) == warned
        assert all("chr1:1000-9000 holds 120 regions, 30 % of all" in text for text in texts)


def test_the_report_is_made_without_torch():
    code = "import sys, seformer.report.page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
