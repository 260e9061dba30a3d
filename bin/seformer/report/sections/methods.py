"""A methods text for a paper, with the run's own numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np

import seformer
from seformer.evaluation.baselines.random_twin import TWIN
from seformer.evaluation.findings import count_incomplete
from seformer.evaluation.verdict import scorer_title
from seformer.report import content
from seformer.report.content import Section
from seformer.report.draw import headed, html, number, signed
from seformer.report.results import Results, SampleResults, held_out_chromosomes
from seformer.util.labels import PARTS, SUPER, TYPICAL
from seformer.util.markup import escape
from seformer.util.shapes_of_pretraining import Pretraining

say = partial(content.say, "methods")


def sections(results: Results) -> Iterator[Section]:
    texts = {s.name: write_methods(s) for s in results.ordered()}
    texts = {name: f'<div class="sf-methods">{text}</div>' for name, text in texts.items() if text}
    if texts:
        yield html("methods", headed(texts))


def write_methods(sample: SampleResults) -> str:
    """Write a sample's paragraphs, as HTML, of the sentences that its results have numbers for."""
    paragraphs = (_data, _model, _test, _use, _judged)
    texts = [" ".join(paragraph(sample)) for paragraph in paragraphs]
    return "".join(f"<p>{text}</p>" for text in texts if text)


def _data(sample: SampleResults) -> Iterator[str]:
    if sample.regions is None:
        return
    used, given = sample.used, len(sample.regions)
    positive = int((used["label"] == 1).sum())
    yield say(
        "classes",
        version=escape(seformer.__version__),
        super_enhancers=number(positive),
        typical_enhancers=number(len(used) - positive),
        median=say("median", length=used["length"].median()) if len(used) else "",
        dropped=number(given - len(used)),
        given=number(given),
    )
    if "source" in used and (drawn := int((used["source"] == "random").sum())):
        yield say("random", drawn=number(drawn))
    if "split" in used:
        counts = used["split"].value_counts()
        sizes = {part: number(counts.get(part, 0)) for part in PARTS}
        yield say("split", held_out=_held_out(sample), **sizes)


def _held_out(sample: SampleResults) -> str:
    """Name the held-out chromosomes: the model's own record, else what the regions say."""
    record = (sample.settings or {}).get("splits") or {}
    names = held_out_chromosomes([sample]) or {}
    parts = {part: record.get(part) or names.get(part) for part in PARTS[1:]}
    if not all(parts.values()):
        return ""
    return say(
        "held_out", **{part: escape(", ".join(names or ())) for part, names in parts.items()}
    )


def _model(sample: SampleResults) -> Iterator[str]:
    settings = sample.settings
    if not settings:
        return
    backbone = settings.get("backbone", {})
    revision, window = backbone.get("revision"), settings.get("window")
    licence = backbone.get("licence")
    scratch = backbone.get("source") == "preset"
    pooling, phases = settings.get("window_pooling"), settings.get("phases", 1)
    yield say(
        "backbone",
        name=escape(backbone.get("name")),
        revision=say("revision", revision=escape(revision)) if revision else "",
        scratch=say("scratch") if scratch else "",
        further="".join(map(_further, settings.get("pretraining") or [])),
        licence=say("licence", licence=escape(licence)) if licence else "",
        windows=say("windows", window=escape(window)) if window else say("one_window"),
        pooling=say(pooling if pooling in ("lse", "attention") else "mean"),
        views=say("strands")
        if phases == 1
        else say("phases", number=number(phases), phases=phases),
    )
    if sample.history is not None:
        yield from _training(sample, "head_scratch" if scratch else "head_frozen")
    if k := settings.get("spectrum"):
        density = settings.get("spectrum_scale") == "log_density"
        yield say("spectrum_density" if density else "spectrum", k=k)
    if (members := settings.get("members", 1)) > 1:
        yield say("ensemble", members=members)
    if folds := len((sample.metrics or {}).get("folds", [])):
        yield say("folds", folds=folds)
    if seeds := settings.get("seeds") or []:
        yield say("seeds", s=_s(len(seeds)), seeds=escape(", ".join(map(str, seeds))))


def _further(once: Pretraining) -> str:
    """Say what masked-token training the backbone had."""
    everything = once["left_out"]["by"] == "nothing"
    return say(
        "further",
        bases=number(once["bases"]),
        share=once["masking"]["share"],
        steps=number(once["steps"]),
        left_out=say("further_with_all" if everything else "further_without"),
    )


def _training(sample: SampleResults, head: str) -> Iterator[str]:
    """Say what each stage trained, and for how long; of several trainings in the first."""
    stages = sample.history.groupby("stage")
    epochs, auroc = stages["epoch"].max(), stages["validation_auroc"].max()
    rank = ((sample.settings or {}).get("training", {}).get("full") or {}).get("lora_rank")
    layers = say("adapters", rank=escape(rank)) if rank else say("all_layers")
    trained = {1: say(head), 2: say("full", layers=layers)}
    done = [
        say("stage", what=what, epochs=epochs[stage], s=_s(epochs[stage]), auroc=auroc[stage])
        for stage, what in trained.items()
        if stage in epochs.index
    ]
    if done:
        several = len(sample.runs) > 1
        first = say("first", trainings=len(sample.runs)) if several else ""
        yield say("trained", stages=", then ".join(done), first=first)


def _test(sample: SampleResults) -> Iterator[str]:
    if not sample.metrics:
        return
    test, folds = sample.metrics["test"], sample.metrics.get("folds", [])
    model, delta, baselines = test["model"], test["delta"]["auroc"], test["baselines"]
    uncalibrated = sample.metrics.get("calibration", {}).get("method") == "none"
    of_folds = say("of_folds") if folds else ""
    yield say("fitted_threshold" if uncalibrated else "fitted", of_folds=of_folds)
    if conformal := test.get("conformal"):
        held = {key.lower(): 100 * conformal[key]["value"] for key in (SUPER, TYPICAL)}
        yield say("promised", coverage=100 * conformal["coverage"], of_folds=of_folds, **held)
    yield say(
        "test",
        part="parts together" if folds else "part",
        was="were" if folds else "was",
        split="folds" if folds else "split",
        n=number(test["n"]),
        prevalence=100 * test["prevalence"],
        auroc=model["auroc"]["value"],
        auroc_interval=_interval(model["auroc"]),
        auprc=model["auprc"]["value"],
        mcc=signed(model["mcc"]["value"], plus=False),
        compared=say("baselines", n=len(baselines)) if len(baselines) > 1 else say("one_baseline"),
        baseline=escape(scorer_title(delta["baseline"])),
        best=baselines[delta["baseline"]]["auroc"]["value"],
        delta=signed(delta["value"]),
        delta_interval=_interval(delta),
        resamples=number(sample.metrics.get("bootstrap", {}).get("resamples", 1000)),
    )
    if worth := test.get("over_random_twin", {}).get("auroc"):
        yield say(
            "twin",
            twin=baselines[TWIN]["auroc"]["value"],
            delta=signed(worth["value"]),
            delta_interval=_interval(worth),
        )


def _use(sample: SampleResults) -> Iterator[str]:
    if sample.predictions:
        beds = sample.predictions.values()
        scored, called = (
            sum(getattr(bed, n) for bed in beds) for n in ("scored", "super_enhancers")
        )
        yield say("scored", scored=number(scored), called=number(called))
    if sample.explanations:
        explained = list(sample.explanations.values())
        settings = explained[0].summary.get("settings", {})
        alike = [bed for bed in explained if bed.summary.get("settings", {}) == settings]
        errors = np.concatenate([bed.errors for bed in alike])
        yield write_attribution(settings, errors, sum(map(count_incomplete, alike)))
    for bed in list(sample.dissections.values())[:1]:
        yield say(
            "dissected",
            constituents=number(bed["rows"]),
            regions=number(bed["regions"]["dissected"]),
            shuffles=number(bed["settings"]["shuffles"]),
            s=_s(bed["settings"]["shuffles"]),
            stretches=number(bed["settings"]["null_stretches"]),
            **{key: number(bed[key]) for key in ("tested", "stand_out")},
            q=bed["q_at_most"],
        )
    for bed in list(sample.motifs.values())[:1]:
        if "motifs_in_file" in bed.summary:
            one_class = 0 in (bed.summary.get(f"regions_{name}") for name in ("se", "te"))
            yield say(
                "motifs",
                motifs=number(bed.summary["motifs_in_file"]),
                q=bed.summary["max_q"],
                classes="" if one_class else say("between_classes"),
            )


def _judged(sample: SampleResults) -> Iterator[str]:
    """Say how the scores of each file with labels were judged."""
    for judged in sample.judged.values():
        if judged.metrics is None:
            continue
        test, record = judged.metrics["test"], judged.metrics["judged"]
        yield say(
            "judged",
            scores=escape(record["scores"]),
            n=number(test["n"]),
            baselines=number(len(test["baselines"])),
            folds=len(judged.metrics.get("folds", [])),
            folds_of=escape(record["folds_of"]),
            auroc=test["model"]["auroc"]["value"],
            auroc_interval=_interval(test["model"]["auroc"]),
            baseline=escape(scorer_title(test["delta"]["auroc"]["baseline"])),
            delta=signed(test["delta"]["auroc"]["value"]),
            delta_interval=_interval(test["delta"]["auroc"]),
        )


def write_attribution(settings: Mapping[str, Any], errors: np.ndarray, broken: int = 0) -> str:
    """Say how scores were attributed, and how well the attributions add up.

    ``errors`` are the finite completeness errors, ``broken`` counts the regions flagged incomplete.
    """
    method = str(settings.get("method", "integrated_gradients"))
    reference = str(settings.get("reference", "dinucleotide"))
    if method in ("saliency", "input_x_gradient"):
        how = say("no_reference")
    elif reference == "dinucleotide":
        shuffles = int(settings.get("references", 1))
        how = say("shuffles", references=shuffles, s=_s(shuffles))
    else:
        how = say("reference", reference=escape(reference))
    if method == "integrated_gradients":
        how += say("steps", completeness=100 * settings.get("completeness", 0.05))
        if len(errors):
            regions = {"broken": number(broken), "regions": number(len(errors))}
            missed = say("missed", **regions) if broken else ""
            how += say("error", median=100 * np.median(errors), missed=missed)
    elif method not in ("saliency", "input_x_gradient"):
        how += say("no_sum")
    return say("attributed", method=escape(method.replace("_", " ")), how=how)


def _s(n: int) -> str:
    """The end of a plural."""
    return "s" if n != 1 else ""


def _interval(value: Mapping[str, float]) -> str:
    return f"{signed(value['low'], plus=False)} to {signed(value['high'], plus=False)}"
