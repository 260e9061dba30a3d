"""A methods text for a paper, with the run's own numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import seformer
from seformer.markup import escape
from seformer.report.collect import Results, Sample
from seformer.report.content import Section, number, signed
from seformer.report.data import kept
from seformer.verdict import NAMES


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
    text = (
        f"Super-enhancers were told from typical enhancers with seformer "
        f"{escape(seformer.__version__)}. {number(positive)} super-enhancers and "
        f"{number(len(used) - positive)} typical enhancers were used (median length "
        f"{used['length'].median():,.0f} bp); {number(len(sample.regions) - len(used))} of "
        f"{number(len(sample.regions))} regions were left out by the checks."
    )
    if "split" in used:
        counts = used["split"].value_counts()
        text += (
            f" Regions were split into {number(counts.get('train', 0))} for training, "
            f"{number(counts.get('validation', 0))} for validation and "
            f"{number(counts.get('test', 0))} for the test, so that overlapping regions are on "
            "one side."
        )
    return text


def _model_words(sample: Sample) -> str:
    settings = sample.settings
    if not settings:
        return ""
    backbone = settings.get("backbone", {})
    revision = f" (revision {escape(backbone['revision'])})" if backbone.get("revision") else ""
    pooling = {"mean": "their mean", "lse": "log-sum-exp", "attention": "gated attention"}
    text = (
        f"The backbone was {escape(backbone.get('name'))}{revision}. Each region was cut whole "
        f"into windows of at most {escape(settings.get('window'))} tokens, pooled by "
        f"{pooling.get(settings.get('window_pooling'), 'their mean')}; logits were averaged over "
        f"{_views(settings)}."
    )
    if sample.history is not None:
        epochs = sample.history.groupby("stage")["epoch"].max()
        auroc = sample.history.groupby("stage")["validation_auroc"].max()
        if 1 in epochs.index:
            text += (
                f" A classification head was first trained on the frozen backbone for "
                f"{_epochs(epochs[1])} (best validation AUROC {auroc[1]:.3f})"
            )
            text += (
                f", then all layers for {_epochs(epochs[2])} with warm-up and early stopping on "
                f"validation AUROC (best {auroc[2]:.3f})."
                if 2 in epochs.index
                else "."
            )
    text += _joined_words(settings, len((sample.metrics or {}).get("folds", [])))
    seeds = settings.get("seeds") or []
    if seeds:
        text += f" Random seed: {escape(', '.join(map(str, seeds)))}."
    return text


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
    test = sample.metrics["test"]
    model, delta = test["model"], test["delta"]["auroc"]
    best = test["baselines"][delta["baseline"]]["auroc"]["value"]
    name = escape(NAMES.get(delta["baseline"], delta["baseline"]))
    resamples = sample.metrics.get("bootstrap", {}).get("resamples", 1000)
    return (
        "Probability calibration and the decision threshold were fitted on the validation part. "
        f"The test part ({number(test['n'])} regions, {100 * test['prevalence']:.1f} % "
        f"super-enhancers) was scored once: AUROC {model['auroc']['value']:.3f} (95 % interval "
        f"{_span(model['auroc'])}), average precision {model['auprc']['value']:.3f}, Matthews "
        f"correlation {signed(model['mcc']['value'], plus=False)}. The best of "
        f"{len(test['baselines'])} baselines on the same folds, by the test part, was {name} "
        f"(AUROC {best:.3f}); the difference was {signed(delta['value'])} ({_span(delta)}). "
        f"Intervals are percentiles of {number(resamples)} bootstrap resamples of loci, paired "
        "between model and baselines."
    )


def _span(value: Mapping[str, float]) -> str:
    return f"{signed(value['low'], plus=False)} to {signed(value['high'], plus=False)}"


def _explanation_words(settings: Mapping, errors: np.ndarray) -> str:
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
        text += f" (median error {100 * np.median(errors):.2g} %)"
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
    for found in list(sample.explanations.values())[:1]:
        settings = found.summary.get("settings", {})
        text += _explanation_words(settings, found.errors)
    for found in list(sample.motifs.values())[:1]:
        if "motifs_in_file" in found.summary:
            text += (
                " Seqlets were called from the attributions with tangermeme and compared by Tomtom "
                f"with {number(found.summary['motifs_in_file'])} motifs (q at most "
                f"{found.summary['max_q']:g}); matches were counted in super-enhancers against "
                "typical enhancers, and against random stretches of the same regions, by Fisher's "
                "exact test."
            )
    return text
