"""A methods text for a paper, with the run's own numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import seformer
from seformer.evaluation.findings import count_incomplete
from seformer.evaluation.verdict import scorer_title
from seformer.report.collect import Results, Sample
from seformer.report.content import Section, number, signed
from seformer.report.data import held_out_chromosomes, kept
from seformer.util.markup import escape


def methods(results: Results) -> Section | None:
    texts = [(sample, method_text(sample)) for sample in results.ordered()]
    texts = [(sample, text) for sample, text in texts if text]
    if not texts:
        return None
    body = "".join(
        (f"<h4>{escape(sample.name)}</h4>" if len(texts) > 1 else "")
        + f'<div class="sf-methods">{text}</div>'
        for sample, text in texts
    )
    return Section(
        "methods",
        "methods",
        "Methods",
        "Copy, and adapt. The numbers are those of this run; a sentence that does not fit what "
        "you did with the results is yours to mend.",
        "html",
        body,
    )


def method_text(sample: Sample) -> str:
    parts = [_data_words(sample), _model_words(sample), _test_words(sample), _use_words(sample)]
    return "".join(f"<p>{part}</p>" for part in parts if part)


def _data_words(sample: Sample) -> str:
    if sample.regions is None:
        return ""
    used = kept(sample)
    positive = int((used["label"] == 1).sum())
    middle = f" (median length {used['length'].median():,.0f} bp)" if len(used) else ""
    text = (
        f"Super-enhancers were told from typical enhancers with seformer "
        f"{escape(seformer.__version__)}. {number(positive)} super-enhancers and "
        f"{number(len(used) - positive)} typical enhancers were used{middle}; "
        f"{number(len(sample.regions) - len(used))} of {number(len(sample.regions))} regions were "
        "left out by the checks."
    )
    if "source" in used and (drawn := int((used["source"] == "random").sum())):
        text += f" Of the typical enhancers {number(drawn)} are random regions of the genome."
    if "split" in used:
        counts = used["split"].value_counts()
        text += (
            f" Regions were split into {number(counts.get('train', 0))} for training, "
            f"{number(counts.get('validation', 0))} for validation and "
            f"{number(counts.get('test', 0))} for the test, so that overlapping regions are on "
            f"one side{_held_out_words(sample)}."
        )
    return text


def _held_out_words(sample: Sample) -> str:
    """Name the held-out chromosomes: the model's own record, else what the regions say."""
    record = (sample.settings or {}).get("splits") or {}
    named = held_out_chromosomes([sample]) or {}
    test, validation = (record.get(part) or named.get(part) for part in ("test", "validation"))
    if not (test and validation):
        return ""
    return (
        f"; held out were {escape(', '.join(test))} for the test and "
        f"{escape(', '.join(validation))} for validation"
    )


def _model_words(sample: Sample) -> str:
    settings = sample.settings
    if not settings:
        return ""
    backbone = settings.get("backbone", {})
    revision = f" (revision {escape(backbone['revision'])})" if backbone.get("revision") else ""
    scratch = ", trained from scratch" if backbone.get("source") == "preset" else ""
    pooling = {"mean": "their mean", "lse": "log-sum-exp", "attention": "gated attention"}
    window = settings.get("window")
    cut = f"windows of at most {escape(window)} tokens" if window else "one window"
    text = (
        f"The backbone was {escape(backbone.get('name'))}{revision}{scratch}. Each region was cut "
        f"whole into {cut}, pooled by "
        f"{pooling.get(settings.get('window_pooling'), 'their mean')}; logits were averaged over "
        f"{_views(settings)}."
    )
    if sample.history is not None:
        text += _training_words(sample, "random" if scratch else "frozen")
    text += _joined_words(settings, len((sample.metrics or {}).get("folds", [])))
    seeds = settings.get("seeds") or []
    if seeds:
        several = "s" if len(seeds) > 1 else ""
        text += f" Random seed{several}: {escape(', '.join(map(str, seeds)))}."
    return text


def _training_words(sample: Sample, backbone: str) -> str:
    """Say what each stage trained, and for how long; of several trainings in the first."""
    stages = sample.history.groupby("stage")
    epochs, auroc = stages["epoch"].max(), stages["validation_auroc"].max()
    full = (sample.settings or {}).get("training", {}).get("full") or {}
    rank = full.get("lora_rank")
    what = f"low-rank adapters (rank {escape(rank)}) of all layers" if rank else "all layers"
    on = "frozen backbone" + (" with its random weights" if backbone == "random" else "")
    said = {
        1: f"a classification head on the {on}",
        2: f"{what} with warm-up and early stopping on validation AUROC",
    }
    parts = [
        f"{said[stage]} for {_epochs(epochs[stage])} (best validation AUROC {auroc[stage]:.3f})"
        for stage in said
        if stage in epochs.index
    ]
    first = f" (of {len(sample.runs)} trainings the first)" if len(sample.runs) > 1 else ""
    return f" Trained was {', then '.join(parts)}{first}." if parts else ""


def _joined_words(settings: Mapping[str, Any], folds: int) -> str:
    """Say what a score is put together from, beside the views."""
    text, members = "", settings.get("members", 1)
    if settings.get("spectrum"):
        text += (
            f" The margin of a linear model of {settings['spectrum']}-mer frequencies was added "
            "to the transformer's."
        )
    if members > 1:
        text += f" The model is an ensemble: the mean logit of {members} models."
    if folds:
        text += (
            f" Figures of the test are of a cross-validation with {folds} folds: every region was "
            "scored by a model that had not seen its locus."
        )
    return text


def _epochs(n: int) -> str:
    return f"{n} epoch{'s' if n != 1 else ''}"


def _views(settings: Mapping[str, Any]) -> str:
    """Say over which views of a sequence a score is the mean."""
    phases = settings.get("phases", 1)
    if phases == 1:
        return "both strands"
    return f"both strands and {number(phases)} phases of the tokens (2 × {phases} views)"


def _test_words(sample: Sample) -> str:
    if not sample.metrics:
        return ""
    test, folds = sample.metrics["test"], len(sample.metrics.get("folds", []))
    model, delta = test["model"], test["delta"]["auroc"]
    best = test["baselines"][delta["baseline"]]["auroc"]["value"]
    name = escape(scorer_title(delta["baseline"]))
    resamples = sample.metrics.get("bootstrap", {}).get("resamples", 1000)
    calibration = sample.metrics.get("calibration", {}).get("method")
    fitted = (
        "The decision threshold was chosen"
        if calibration == "none"
        else "Probability calibration and the decision threshold were fitted"
    )
    number_of = len(test["baselines"])
    compared = f"best of {number_of} baselines" if number_of > 1 else "baseline"
    return (
        f"{fitted} on the validation part{' of each fold' if folds else ''}. The test "
        f"{'parts together' if folds else 'part'} ({number(test['n'])} regions, "
        f"{100 * test['prevalence']:.1f} % super-enhancers) "
        f"{'were' if folds else 'was'} scored once: AUROC {model['auroc']['value']:.3f} (95 % "
        f"interval {_span(model['auroc'])}), average precision {model['auprc']['value']:.3f}, "
        f"Matthews correlation {signed(model['mcc']['value'], plus=False)}. The {compared} on the "
        f"same {'folds' if folds else 'split'}, by the test part itself, was {name} (AUROC "
        f"{best:.3f}); the difference was {signed(delta['value'])} ({_span(delta)}). Intervals are "
        f"percentiles of {number(resamples)} bootstrap resamples of loci, paired between model and "
        "baselines."
    )


def _span(value: Mapping[str, float]) -> str:
    return f"{signed(value['low'], plus=False)} to {signed(value['high'], plus=False)}"


def _explanation_words(settings: Mapping, errors: np.ndarray, broken: int = 0) -> str:
    method = str(settings.get("method", "integrated_gradients"))
    text = f" Scores were attributed to bases by {escape(method.replace('_', ' '))}"
    reference = str(settings.get("reference", "dinucleotide"))
    if method in ("saliency", "input_x_gradient"):
        return f"{text}, which needs no reference; its values do not add up to the score."
    if reference == "dinucleotide":
        shuffles = int(settings.get("references", 1))
        text += (
            f" against {shuffles} dinucleotide shuffle{'s' if shuffles > 1 else ''} of the region "
            "for each view, and averaged over the views"
        )
    else:
        text += f" against {escape(reference)} references, and averaged over the views"
    if method != "integrated_gradients":
        return text + "; such values do not add up to the score."
    text += (
        "; the number of steps rose until the attributions summed to the difference of the logits "
        f"within {100 * settings.get('completeness', 0.05):g} %"
    )
    if len(errors):
        missed = f", missed by {number(broken)} of {number(len(errors))} regions" if broken else ""
        text += f" (median error {100 * np.median(errors):.2g} %{missed})"
    return f"{text}."


def _use_words(sample: Sample) -> str:
    text = ""
    if sample.predictions:
        total = sum(found.scored for found in sample.predictions.values())
        called = sum(found.super_enhancers for found in sample.predictions.values())
        text = (
            f"The model scored {number(total)} further regions, of which {number(called)} were "
            "called super-enhancers."
        )
    if sample.explanations:
        explained = list(sample.explanations.values())
        settings = explained[0].summary.get("settings", {})
        alike = [found for found in explained if found.summary.get("settings", {}) == settings]
        errors = np.concatenate([found.errors for found in alike])
        text += _explanation_words(settings, errors, sum(map(count_incomplete, alike)))
    for found in list(sample.motifs.values())[:1]:
        if "motifs_in_file" in found.summary:
            one_class = 0 in (found.summary.get(f"regions_{name}") for name in ("se", "te"))
            text += (
                " Seqlets were called from the attributions with tangermeme and compared by Tomtom "
                f"with {number(found.summary['motifs_in_file'])} motifs (q at most "
                f"{found.summary['max_q']:g}); matches were counted "
                + ("" if one_class else "in super-enhancers against typical enhancers, and ")
                + "against random stretches of the same regions, by Fisher's exact test."
            )
    return text
