import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_inputs import (
    AUDIT,
    SETTINGS,
    evaluation,
    explanations,
    predictions,
    regions,
    write_everything,
    write_json,
    write_results,
    write_table,
)

from seformer.evaluation.findings import judge_completeness, judge_faithfulness, judge_split
from seformer.evaluation.metrics import METRICS
from seformer.report import content, draw, page
from seformer.report import sections as sections_of_the_page
from seformer.report.collect import collect
from seformer.report.results import Explanations, Predictions, Results, SampleResults
from seformer.report.sections import verdict
from seformer.report.sections.tested_metrics import sample_table
from seformer.util.errors import UserError
from seformer.util.labels import DROP_REASONS

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write_results(folder, ("K562", "GM12878", "H2171", "MM1.S"))
    write_json({"input": "sheet.csv", "more": {"seed": 1, "name": EVIL}}, folder / "p.json")
    (folder / "v.yml").write_text("EVALUATE:\n  scikit-learn: '1.6'\n")
    return folder


def sections(out):
    return {p.name[3:-9]: json.loads(p.read_text()) for p in sorted(out.glob("*_mqc.json"))}


def report(folders, out, **options):
    page.write_report(folders, out, **options)
    return sections(out)


def test_the_whole_page(published, tmp_path):
    made = report(
        [published], tmp_path, parameters=published / "p.json", versions=published / "v.yml"
    )
    parents = list(dict.fromkeys(s["parent_id"] for s in made.values()))
    # no scores were judged
    assert parents == [f"seformer-{name}" for name in content.PARENTS if name != "judged"]
    versions = (tmp_path / "seformer_mqc_versions.yml").read_text()
    assert versions == "scikit-learn:\n- '1.6'\n"
    config = json.loads((tmp_path / "multiqc_config.yml").read_text())
    assert config["no_version_check"] and config["no_ai"]
    assert config["output_fn_name"] == "multiqc_report.html"
    order = config["report_section_order"]
    first, second = order["seformer-verdict"]["order"], order["seformer-summary"]["order"]
    assert first > second


def test_every_figure_says_how_to_read_it(published, tmp_path):
    for name, section in report([published], tmp_path).items():
        assert len(section["description"]) > 40, name
        if section["plot_type"] in ("linegraph", "bargraph"):
            assert "xlab" in section["pconfig"] or section["plot_type"] == "bargraph", name
            assert section["pconfig"]["ylab"], name


def test_every_section_has_its_place_and_its_words():
    modules = {path.stem for path in Path(sections_of_the_page.__file__).parent.glob("[a-z]*.py")}
    assert sorted(content.TEXTS["order"]) == sorted(modules)
    parents = {table["parent"] for table in content.TEXTS.values() if "parent" in table}
    assert parents == set(content.PARENTS)
    assert content.TEXTS["drop_reasons"].keys() == set(DROP_REASONS)


def test_lines_keep_vertical_steps():
    """A MultiQC line keeps one y for each x, so equal x must not stay."""
    moved = draw.apart([[0, 0], [0, 0.5], [0.5, 0.5], [0.5, 1], [1, 1]])
    x = [point[0] for point in moved]
    assert len(set(x)) == 5 and x == sorted(x)
    assert [point[1] for point in moved] == [0, 0.5, 0.5, 1, 1]
    assert np.allclose(x, [0, 0, 0.5, 0.5, 1], atol=1e-5)


def test_outline_of_a_histogram():
    drawn = np.array(draw.outline([0, 1, 2], [3, 5]))
    assert drawn[:, 1].tolist() == [0, 3, 3, 5, 5, 0]


def test_names_from_outside_are_harmless(tmp_path):
    write_results(tmp_path / "in", (EVIL.replace("/", ""),))
    rng = np.random.default_rng(0)
    place = tmp_path / "in" / EVIL
    write_table(predictions(rng), place / "predictions" / f"{EVIL}.tsv")
    table, summary = explanations(rng)
    summary["drawn"][0]["name"] = EVIL
    write_table(table, place / "attributions" / f"{EVIL}.tsv")
    write_json(summary, place / "attributions" / f"{EVIL}.summary.json")
    write_json({"input": EVIL}, tmp_path / "p.json")
    report([tmp_path / "in"], tmp_path / "out", parameters=tmp_path / "p.json", title=EVIL)
    for path in (tmp_path / "out").iterdir():
        assert "<img" not in path.read_text(), path.name


def verdicts(made):
    return made["verdict"]["data"]


def test_verdict_in_plain_words(published, tmp_path):
    folder = published
    made = report([folder], tmp_path)
    words = verdicts(made)
    assert "tells super-enhancers from typical enhancers on held-out regions" in words
    assert "The model does not beat region length" in words  # H2171: length tells all
    assert "learned nothing that holds" in words  # MM1.S: scores without meaning
    assert "do not add up within 5 %" in words
    assert "No region of one part overlaps" in words


def test_overlap_is_called_bad():
    audit = {**AUDIT, "overlapping_regions": {"test_in_train": 1}}
    assert [f.level for f in judge_split(audit)] == ["bad"]


def test_copies_are_called_out():
    audit = json.loads(json.dumps(AUDIT))
    audit["similarity"]["test_in_train"]["with_containment_at_least"]["0.5"] = 40
    first = judge_split(audit)[0]
    assert first.level == "warning"
    assert "40 of 111" in first.text


def test_complete_and_faithful_explanations_are_called_good():
    rng = np.random.default_rng(0)
    _, summary = explanations(rng)
    found = Explanations(10, np.full(10, 0.01), Counter(), summary)
    sample = SampleResults("x", explanations={"a": found})
    levels = {f.topic: f.level for f in verdict.judge_sample(sample)}
    assert levels == {
        "The model's own test": "note",
        "Explanations complete?": "good",
        "Explanations faithful?": "good",
    }
    summary["faithfulness"]["summary"]["deletion_ratio"] = 1.1
    levels = {f.topic: f.level for f in verdict.judge_sample(sample)}
    assert levels["Explanations faithful?"] == "warning"


def test_completeness_of_windows_is_drawn_beside_that_of_regions(published, tmp_path):
    drawn = report([published], tmp_path)["explanations_completeness"]
    both = [line for line in drawn["data"] if line.endswith(" · windows")]
    assert both and len(drawn["data"]) == 2 * len(both)
    for line in both:
        assert drawn["pconfig"]["dash_styles"][line] == "dot"
        # neither the window whose difference is small nor the spectrum is counted
        assert drawn["data"][line][-1][1] == 100


def test_predict_only(tmp_path):
    place = tmp_path / "predict" / "1" / "model_a" / "peaks"
    write_table(predictions(np.random.default_rng(0)), place / "predictions.tsv")
    made = report([tmp_path / "predict" / "1"], tmp_path / "out")
    assert "test_metrics" not in made and "data_counts" not in made
    assert made["predictions_calls"]["data"]["peaks"] == {
        "se": made["general_statistics"]["data"]["model_a"]["scored"]
        - made["predictions_calls"]["data"]["peaks"]["te"],
        "te": made["predictions_calls"]["data"]["peaks"]["te"],
        "none": 5,
    }
    assert "unlike those of the training" in verdicts(made)


def test_train_only(tmp_path):
    write_results(tmp_path / "in", ("K562",), use=False)
    made = report([tmp_path / "in"], tmp_path / "out")
    assert not [name for name in made if name.startswith(("predictions", "explanations"))]
    assert {"test_roc", "training_head", "training_full", "methods"} <= set(made)


def test_stages_in_folders_of_their_own_are_joined(tmp_path):
    """As a pipeline stages them: FOLDER/<sample>, behind links, summed over the folders."""
    write_results(tmp_path / "all", ("K562",))
    whole = tmp_path / "all" / "K562"
    history = pd.read_csv(whole / "history.tsv", sep="\t")
    for stage, name in ((1, "head"), (2, "full")):
        write_table(
            history[history["stage"] == stage], tmp_path / "work" / name / "K562" / "history.tsv"
        )
    (tmp_path / "work" / "evaluate").mkdir()
    (tmp_path / "stored").mkdir()
    (tmp_path / "stored" / "metrics.json").write_text((whole / "metrics.json").read_text())
    (tmp_path / "work" / "evaluate" / "K562").symlink_to(tmp_path / "stored")
    found = collect([tmp_path / "work" / name for name in ("head", "full", "evaluate")])
    sample = found.samples["K562"]
    assert set(sample.history["stage"]) == {1, 2} and len(sample.history) == len(history)
    assert sample.metrics is not None


def test_counts_of_predictions(tmp_path):
    table = predictions(np.random.default_rng(3))
    write_table(table, tmp_path / "K562" / "predictions" / "peaks.tsv")
    found = collect([tmp_path]).samples["K562"].predictions["peaks"]
    scored = table["logit"].notna()
    assert (found.rows, found.scored) == (400, int(scored.sum()))
    assert found.super_enhancers == (table["prediction"] == "SE").sum()
    assert found.histogram.sum() == found.scored
    assert found.unscored == {"all_n": 5}
    assert found.flags["length_outside_training"] == (table["flags"][5:] != "").sum()


def test_methods_text_has_the_numbers(published, tmp_path):
    text = report([published], tmp_path)["methods"]["data"]
    metrics = json.loads((published / "K562" / "metrics.json").read_text())["test"]
    assert f"AUROC {metrics['model']['auroc']['value']:.3f}" in text
    assert f"{metrics['n']} regions" in text


def test_methods_text_names_the_views():
    from seformer.report.sections.methods import write_methods

    settings = SETTINGS | {"phases": 6}
    assert "over both strands and 6 phases" in write_methods(SampleResults("x", settings=settings))
    assert "averaged over both strands. " in write_methods(SampleResults("x", settings=SETTINGS))


def test_methods_say_how_scores_were_explained():
    from seformer.report.sections.methods import write_attribution

    errors = np.array([0.01, 0.02, 0.03])
    settings = {"method": "integrated_gradients", "reference": "dinucleotide", "references": 4}
    words = write_attribution(settings | {"completeness": 0.1}, errors)
    assert "gradients against 4 dinucleotide shuffles of the region for each view" in words
    assert "within 10 % (median error 2 %)." in words
    words = write_attribution(settings | {"reference": "mask"}, errors)
    assert "against mask references" in words and "within 5 %" in words
    for other in ("saliency", "input_x_gradient", "occlusion"):
        assert "do not add up" in write_attribution(settings | {"method": other}, errors[:0])


def test_methods_text_names_members_folds_and_spectrum():
    from seformer.report.sections.methods import write_methods

    said = write_methods(SampleResults("x", settings=SETTINGS | {"members": 5, "spectrum": 6}))
    assert "the mean logit of 5 models" in said and "6-mer frequencies was added" in said
    assert "ensemble" not in write_methods(SampleResults("x", settings=SETTINGS))


def test_many_samples_stay_apart_and_in_order():
    names = [f"line_{i}" for i in range(12)] + ["integrative"]
    drawn = draw.strokes(names)
    assert len(set(drawn.values())) == len(names)
    assert drawn["integrative"] == (draw.BLACK, "solid")
    assert draw.strokes(["a · x", "integrative · x"])["integrative · x"] == (draw.BLACK, "solid")
    # those of the classes mean the classes
    assert not {draw.SUPER, draw.TYPICAL} & {colour for colour, _ in drawn.values()}
    found = Results({name: SampleResults(name) for name in ("integrative", "MM1.S", "U87", "k562")})
    assert [s.name for s in found.ordered()] == ["k562", "MM1.S", "U87", "integrative"]
    found.audit = {"samples": ["U87", "MM1.S"]}
    assert [s.name for s in found.ordered()] == ["U87", "MM1.S", "k562", "integrative"]


def test_a_program_has_one_row_among_the_versions(tmp_path):
    path = tmp_path / "v.yml"
    path.write_text(
        "A: {torch: 2.10, seformer: 1.0.0}\nB: {seformer: 1.0.0, Nextflow: 25.04}\n"
        "C: {torch: 2.9}\n"
    )
    found = page.read_versions(path)
    assert found == {"seformer": ["1.0.0"], "Nextflow": ["25.04"], "torch": ["2.10", "2.9"]}


def test_parts_of_many_samples_are_folded():
    parts = {f"<s{i}>": f"<p>{i}</p>" for i in range(3)}
    page = draw.headed(parts)
    assert page.count("<details") == 3 and page.count(" open>") == 1
    assert "<summary>&lt;s1&gt;</summary><p>1</p>" in page
    assert "<details" not in draw.headed(dict(list(parts.items())[:2]))


def in_browser(path, *options):
    """What headless Chromium prints of a page."""
    browser = shutil.which("chromium")
    if browser is None:
        pytest.skip("there is no chromium")
    command = [browser, "--headless", "--no-sandbox", *options, path.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def test_axes_and_legends(tmp_path):
    """Figures are drawn by a stand-in for Plotly, which shows what it was given."""
    page = tmp_path / "page.html"
    page.write_text(
        """<meta charset="utf-8"><div id="p" style="width:500px"></div>
<script>
mqc_plots = {p: {pconfig: {colors: {Z9: "", a: "", integrative: ""}}}};
Plotly = {newPlot: (p, traces, layout) => { drawn = [traces, layout]; }, react: () => {}};
</script>SCRIPT<script>
const traces = ["a", "integrative", "x", "Z9"].map((name) => ({name, x: [600, 2e4], y: [1, 2]}));
Plotly.newPlot("p", traces, {xaxis: {type: "log", ticksuffix: " bp"}, yaxis: {}});
const {xaxis, yaxis, legend} = drawn[1];
const near = {xaxis: {type: "log"}, yaxis: {}};
Plotly.newPlot("p", [{name: "a", x: [540, 760], y: [1, 2]}], near);
const order = traces.toSorted((a, b) => a.legendrank - b.legendrank).map((t) => t.name).join();
const shown = xaxis.tickvals.flatMap((v, i) => v >= 500 && v <= 20000 ? [xaxis.ticktext[i]] : []);
document.title = [order, shown.join(";"), yaxis.exponentformat, yaxis.separatethousands,
  legend.orientation, near.xaxis.ticktext.slice(0, 5).join(";")].join("|");
</script>""".replace("SCRIPT", content.SCRIPT),
        encoding="utf-8",
    )
    title = re.search("<title>(.*?)</title>", in_browser(page, "--dump-dom"))[1]
    ticks = "500 bp;1,000 bp;2,000 bp;5,000 bp;10,000 bp;20,000 bp"
    assert title == f"Z9,a,integrative,x|{ticks}|none|true|h|550;600;650;700;750"


def test_it_prints_on_a4_with_everything_open(tmp_path):
    """The page's own styles and script, on a section that is longer when it is open."""
    parts = {f"s{i}": '<p style="height:250mm">x</p>' for i in range(3)}
    shown, printed = tmp_path / "page.html", tmp_path / "page.pdf"
    shown.write_text(f"{content.STYLE}{content.SCRIPT}{draw.headed(parts)}", encoding="utf-8")
    in_browser(shown, "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", printed.read_bytes())
    assert len(boxes) == 3
    assert all(round(float(w)) == 595 and round(float(h)) == 842 for w, h in boxes)


def test_models_are_compared_bed_by_bed(published, tmp_path):
    made = report([published], tmp_path)
    drawn = made["predictions_probability"]
    tabs = [label["name"] for label in drawn["pconfig"]["data_labels"]]
    assert tabs == ["candidates", "peaks"]
    assert [list(lines) for lines in drawn["data"]] == [["K562", "GM12878", "H2171", "MM1.S"]] * 2
    # one row a BED, one column a flag
    flags = made["predictions_flags"]["data"]
    assert flags.count("<tr>") == 1 + 2 * 4
    assert flags.count("length outside training") == 1
    assert flags.count("unknown bases only") == 1


def test_members_parts_shares_and_folds_are_shown():
    rng = np.random.default_rng(0)
    found, _ = evaluation(rng, regions(rng), 1.5, "K562")
    test = found["test"]
    test["members"] = {"n": 3} | {
        metric: {"mean": 0.8123, "sd": 0.0456, "values": []} for metric in METRICS
    }
    test["parts"] = {"transformer": test["model"]}
    found["folds"] = [
        {"fold": 2, "n": 77, "auroc": test["model"]["auroc"], "delta": test["delta"]["auroc"]}
    ]
    page = sample_table(SampleResults("K562", metrics=found))
    assert "mean of 3 single models" in page and "0.812<small>± 0.046" in page
    assert "the transformer alone" in page
    assert "50.0 % (balanced)" in page
    precision = test["prevalences"]["balanced"]["model"]["precision"]["value"]
    assert f"{precision:.3f}" in page
    assert "fold 2, 77 regions" in page


def test_probabilities_and_sets_are_told(published, tmp_path):
    made = report([published], tmp_path)
    told = made["test_uncertainty"]["data"]
    assert "those unlike the training part" in told and "ECE of chance" in told
    test = json.loads((published / "K562/metrics.json").read_text())["test"]
    assert draw.signed(test["probabilities"]["slope"]["value"], plus=False) in told
    held = draw.signed(test["conformal"]["SE"]["value"], plus=False)
    assert f"{held}<small>" in told and "hold the class of 90 %" in told
    assert "Sets" in made["verdict"]["data"]
    write_everything(tmp_path / "more")
    made = report([tmp_path / "more"], tmp_path / "out")
    assert "100 SE, 200 TE, 95 both" in made["predictions_calls"]["description"]


def test_results_of_before_have_neither_slopes_nor_sets(tmp_path):
    write_results(tmp_path / "results", ("K562",))
    path = tmp_path / "results/K562/metrics.json"
    found = json.loads(path.read_text())
    for name in ("probabilities", "conformal", "signal"):
        del found["test"][name]
    path.write_text(json.dumps(found))
    made = report([tmp_path / "results"], tmp_path / "out")
    assert not {"test_uncertainty", "test_signal"} & made.keys()


def test_score_and_signal_stand_beside_the_best_baseline(published, tmp_path):
    told = report([published], tmp_path)["test_signal"]["data"]
    signal = json.loads((published / "K562/metrics.json").read_text())["test"]["signal"]
    for group in ("all", "SE", "TE"):
        for part in (signal[group], signal["baselines"][group]):
            assert f"{draw.signed(part['value'], plus=False)}<small>" in told
        assert f"{draw.signed(signal['delta'][group]['value'])}<small>" in told
    assert f"{signal['without']} test regions have no signal" in told


def test_bins_of_similarity_are_shown_and_an_older_run_as_it_was():
    rng = np.random.default_rng(0)
    found, _ = evaluation(rng, regions(rng), 2.0, "K562")
    sample = SampleResults("K562", metrics=found)
    shown = sample_table(sample)
    bins = found["test"]["similarity_bins"]
    assert "31-mers in training" in shown and "over 50 %" in shown
    for part in bins.values():
        assert f">{part['n']}<" in shown
    del found["test"]["similarity_bins"]
    shown = sample_table(sample)
    assert "over 50 %" not in shown
    assert "share at most 5 % of their 31-mers" in shown


def test_older_sections_do_not_stay(published, tmp_path):
    report([published], tmp_path / "out")
    write_table(
        predictions(np.random.default_rng(0)), tmp_path / "in" / "m" / "b" / "predictions.tsv"
    )
    made = report([tmp_path / "in"], tmp_path / "out")
    assert "test_roc" not in made


def test_nothing_to_report(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="nothing to report"):
        page.write_report([tmp_path / "empty"], tmp_path / "out")
    with pytest.raises(UserError, match="no such folder"):
        page.write_report([tmp_path / "none"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_table_is_named(tmp_path):
    place = tmp_path / "K562" / "predictions"
    place.mkdir(parents=True)
    (place / "peaks.tsv").write_text("chrom\tstart\nchr1\t1\n")
    with pytest.raises(UserError, match=r"peaks\.tsv"):
        collect([tmp_path])


@pytest.mark.slow
def test_multiqc_takes_it(published, tmp_path):
    """MultiQC finds no fault with the content or the configuration, and shows every section."""
    pytest.importorskip("multiqc")
    made = report([published], tmp_path / "content", parameters=published / "p.json")
    command = [
        *(str(Path(sys.executable).with_name("multiqc")), "--strict", "--no-ansi"),
        *("--config", str(tmp_path / "content" / "multiqc_config.yml")),
        *("--outdir", str(tmp_path / "page"), str(tmp_path / "content")),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # its banner says that --strict "will give warnings"
    said = done.stderr.lower().replace("will give warnings", "")
    assert "warning" not in said and "error" not in said, done.stderr
    html = (tmp_path / "page" / "multiqc_report.html").read_text()
    for name, section in made.items():
        assert f"seformer_{name}" in html, section["section_name"]
    assert EVIL not in html


@pytest.mark.parametrize(("lost", "level"), [(0, None), (1, "note"), (50, "warning")])
def test_regions_on_chromosomes_that_the_genome_lacks(lost, level):
    regions = pd.DataFrame({"label": [1] * 100 + [0] * 100, "drop_reason": ""})
    regions.loc[: lost - 1, "drop_reason"] = "unknown_chromosome"
    found = {f.topic: f for f in verdict.judge_sample(SampleResults("x", regions=regions))}
    if level is None:
        assert found == {}
    else:
        said = found["Chromosomes not in the genome"]
        assert said.level == level
        assert f"{lost} of 100 super-enhancers lie on chromosomes" in said.text


def explained(changed=(), flags=(), completeness=None, errors=0.01):
    _, summary = explanations(np.random.default_rng(0))
    summary["faithfulness"]["summary"] |= {"randomised_model": 0.05, **dict(changed)}
    if completeness:
        summary["settings"]["completeness"] = completeness
    return Explanations(10, np.full(10, errors), Counter(flags), summary)


# what one check says, the level, and words of the sentence
FAITHFUL = {
    "all four": ({}, "good", "shuffled weights does not (0.05)"),
    "random weights agree": ({"randomised_model": 0.93}, "warning", "weights agrees (rank"),
    "as much as mutagenesis": (
        {"randomised_model": 0.4, "mutagenesis": 0.38},
        "warning",
        "weights agrees (rank correlation 0.40)",
    ),
    "deletion": ({"deletion_ratio": 1.1}, "warning", "only 1.1 times as much"),
    "deletion raises": ({"deletion_ratio": -2.0}, "warning", "does not lower the score"),
    "mutagenesis": ({"mutagenesis": -0.1}, "warning", "hardly agrees (rank correlation −0.10)"),
    "seeds": ({"seed_stability": 0.2}, "warning", "other shuffles give other values"),
    "no shuffles": ({"seed_stability": None}, "good", "Not measured: other shuffles."),
    "deletion alone": (
        {"mutagenesis": None, "seed_stability": None, "randomised_model": None},
        "note",
        "Not measured: mutagenesis, other shuffles, shuffled weights.",
    ),
}


@pytest.mark.parametrize(("changed", "level", "words"), FAITHFUL.values(), ids=FAITHFUL)
def test_the_verdict_on_explanations_takes_all_checks(changed, level, words):
    (finding,) = judge_faithfulness({"a": explained(changed).summary["faithfulness"]["summary"]})
    assert finding.level == level and words in finding.text


def test_every_bed_is_weighed():
    both = {"a": explained(), "b": explained({"randomised_model": 0.93})}
    (finding,) = judge_faithfulness(
        {bed: found.summary["faithfulness"]["summary"] for bed, found in both.items()}
    )
    assert finding.level == "warning" and "(b)" in finding.text and "(a)" not in finding.text


COMPLETE = {
    "as set": (explained(completeness=0.2), "good", "all 10 explained regions add up", "20 %."),
    "default": (explained(), "good", "all 10", "within 5 %."),
    "small": (explained(flags={"small_difference": 3}), "good", "but for 3 too close", "flagged."),
    "incomplete": (
        explained(flags={"incomplete": 2}, completeness=0.01),
        "warning",
        "2 of 10 explanations do not add up within 1 %",
        "Raise --max-steps (in the pipeline --explain_max_steps), or leave them out.",
    ),
    "windows": (explained(flags={"incomplete_window": 4}), "warning", "window of 4", "5 % as a"),
}


@pytest.mark.parametrize(("found", "level", "words", "more"), COMPLETE.values(), ids=COMPLETE)
def test_the_verdict_on_sums_is_that_of_the_setting(found, level, words, more):
    (finding,) = judge_completeness([found])
    assert finding.level == level and words in finding.text and more in finding.text


def test_captions_follow_the_settings():
    from seformer.report.sections import (
        explanations_completeness,
        explanations_profile,
        explanations_table,
    )

    found = {"a": explained(completeness=0.2), "b": explained(completeness=0.01)}
    part = {"regions": 2, "mean": [1.0, 0.0, 3.0], "known": [2, 0, 2]}
    found["a"].summary["profile"] = {"SE": part, "TE": {"regions": 0, "mean": [0.0]}}
    del found["b"].summary["profile"]
    results = Results({"x": SampleResults("x", explanations=found)})
    (section,) = explanations_table.sections(results)
    assert "Above 1 % or 20 % a region" in section.description
    (drawn,) = explanations_completeness.sections(results)
    assert [line["value"] for line in drawn.config["x_lines"]] == [1, 20]
    (section,) = explanations_profile.sections(results)
    # classes come from the threshold; a bin that only holds N has no point
    assert list(section.data) == ["called SE (2)"]
    assert [y for _, y in section.data["called SE (2)"]] == [1, 3]


def test_methods_text_says_how_it_was_held_out():
    from seformer.report.sections.methods import write_methods

    rng = np.random.default_rng(0)
    found, _ = evaluation(rng, regions(rng), 1.5, "K562")
    sample = SampleResults("K562", regions=regions(rng), metrics=found, settings=SETTINGS)
    said = write_methods(sample)
    assert "held out were chr7, chr10 for the test and chr8 for validation" in said
    assert "was tiny, trained from scratch." in said and "on the same split" in said
    found["folds"] = [{}] * 3
    assert "on the same folds" in write_methods(sample)
    hub = SETTINGS | {"backbone": {"name": "a/b", "source": "hub"}}
    assert "from scratch" not in write_methods(SampleResults("x", settings=hub))


def test_a_sound_use_is_not_called_nothing():
    sample = SampleResults("x")
    results = Results({"x": sample})
    assert "neither evaluated nor used" in next(verdict.sections(results)).data
    sample.predictions["peaks"] = Predictions(rows=3, scored=3)
    assert "own test" in next(verdict.sections(results)).data
