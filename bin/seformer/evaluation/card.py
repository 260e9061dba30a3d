"""The model card: README.md of a trained model's folder, in the form the hub reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from seformer.evaluation import metrics
from seformer.evaluation.findings import judge_licence, judge_pretraining
from seformer.evaluation.signal_ranks import GROUPS
from seformer.evaluation.verdict import PROMISE, scorer_title
from seformer.regions.negatives import RANDOM
from seformer.util.markup import escape
from seformer.util.shapes_of_pretraining import Pretraining

# the spectrum beside the transformer, by what its k-mers count
SPECTRUM_WORDS = {
    "frequency": "a linear model of {k}-mer frequencies",
    "log_density": "a regression on the logarithms of {k}-mers a kilobase",
}

if TYPE_CHECKING:
    from seformer.model.settings import ClassLimit, ModelSettings


def model_card(
    settings: ModelSettings, measured: Mapping[str, Any], sizes: Mapping[str, Mapping[str, int]]
) -> str:
    """Return the card as Markdown.

    Parameters
    ----------
    settings
        Of the finished model.
    measured
        The content of metrics.json.
    sizes
        part -> {"SE", "TE"} counts, and of random regions among the latter.
    """
    licence = settings.backbone.get("licence") or ""
    parts = [
        "---\nlibrary_name: seformer\ntags: [genomics, super-enhancer, enhancer]"
        + (f"\nlicense: {licence.lower()}" if re.fullmatch(r"[\w.+-]+", licence) else "")
        + "\n---",
        f"# {escape(settings.sample)}: super-enhancers against typical enhancers",
        *(
            f"> **{finding.topic}: {escape(finding.text)}**"
            for finding in judge_licence(licence) + judge_pretraining(settings.pretraining)
        ),
        "Scores a DNA region of any length: the chance that it is a super-enhancer (SE) rather "
        "than a typical enhancer (TE), from its sequence alone.",
        "## What the test says",
        "\n".join(f"* **{escape(f['topic'])}** {escape(f['text'])}" for f in measured["verdict"]),
        _table(measured["test"]),
        *_by_similarity(measured["test"]),
        *_by_signal(measured["test"].get("signal")),
        "## How it was made",
        _made(settings, sizes, measured.get("grey_zone", {}).get("left_out", 0)),
        "## Use",
        "```bash\nseformer predict --model THIS_FOLDER --fasta genome.fa --regions regions.bed "
        "--out predictions\n```",
        "## Limits",
        _limits(settings, measured, _random_share(sizes)),
    ]
    return "\n\n".join(parts) + "\n"


def _table(test: Mapping[str, Any]) -> str:
    lines = [
        "| | " + " | ".join(metrics.METRICS.values()) + " |",
        "| --- |" + " --- |" * len(metrics.METRICS),
    ]
    rows = {"model": test["model"], **test.get("parts", {}), **test["baselines"]}
    for name, row in rows.items():
        cells = [
            f"{row[metric]['value']:.3f} ({row[metric]['low']:.3f}–{row[metric]['high']:.3f})"
            for metric in metrics.METRICS
        ]
        lines.append(f"| {escape(scorer_title(name))} | " + " | ".join(cells) + " |")
    return (
        f"Held-out test part: {test['n']} regions in {test['loci']} loci, "
        f"{100 * test['prevalence']:.1f} % super-enhancers. In brackets the 95 % bootstrap "
        "interval over loci.\n\n" + "\n".join(lines)
    )


def _by_similarity(test: Mapping[str, Any]) -> Iterator[str]:
    """Tabulate AUROC and Δ by what a test region shares with the training part."""
    bins = test.get("similarity_bins")
    if not bins:
        return
    lines = [
        "| 31-mers in training | regions | SE | TE | AUROC | Δ to the best baseline |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, part in bins.items():
        counts = (part[key] for key in ("n", "n_super_enhancers", "n_typical_enhancers"))
        cells = [name.replace("_", " "), *map(str, counts), "–", "–"]
        if "model" in part:
            auroc, delta = part["model"]["auroc"], part["delta"]["auroc"]
            cells[-2:] = [
                f"{auroc['value']:.3f} ({auroc['low']:.3f}–{auroc['high']:.3f})",
                f"{delta['value']:+.3f} ({delta['low']:+.3f} to {delta['high']:+.3f}), "
                f"{escape(scorer_title(delta['baseline']))}",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    yield "By similarity of a test region to the training part:\n\n" + "\n".join(lines)


def _by_signal(signal: Mapping[str, Any] | None) -> Iterator[str]:
    """Tabulate how far the score follows the signal, over all and within a class."""
    if not signal:
        return
    lines = ["| | regions | the model | best baseline |", "| --- | --- | --- | --- |"]
    for group, name in GROUPS.items():
        rho, best = signal[group], signal["baselines"].get(group)
        cells = [f"{name}", str(rho["n"]), "–", "–"]
        if "value" in rho:
            cells[2] = f"{rho['value']:.3f} ({rho['low']:.3f}–{rho['high']:.3f})"
        if best:
            cells[3] = f"{best['value']:.3f} ({best['low']:.3f}–{best['high']:.3f}), "
            cells[3] += escape(scorer_title(best["baseline"]))
        lines.append("| " + " | ".join(cells) + " |")
    left_out = signal["zero"] + signal["without"]
    yield (
        "Spearman's correlation of score and signal on the test part, with its 95 % interval"
        + (f" ({left_out} regions without signal left out)" if left_out else "")
        + ":\n\n"
        + "\n".join(lines)
    )


def _made(
    settings: ModelSettings, sizes: Mapping[str, Mapping[str, int]], in_grey_zone: int
) -> str:
    backbone, licence = settings.backbone, settings.backbone.get("licence")
    revision = f", revision {escape(backbone['revision'])}" if backbone.get("revision") else ""
    lines = [
        f"* backbone: {escape(backbone.get('name'))} ({escape(backbone.get('family'))}{revision})"
        + (", trained from scratch" if backbone.get("source") == "preset" else "")
        + (", from random weights" if settings.training.get("random_weights") else "")
        + "".join(map(_further, settings.pretraining))
        + (f"; licence of its weights: {escape(licence)}" if licence else ""),
        f"* window of at most {settings.window} tokens, overlap {settings.overlap}; "
        f"{settings.token_pooling} over tokens, {settings.window_pooling} over windows; both "
        "strands averaged"
        + (f", in {settings.phases} phases of the tokens" if settings.phases > 1 else ""),
        f"* calibration: {settings.calibration.method}, fitted on {settings.calibration.regions} "
        f"regions{' unlike those of the training' * settings.calibration.unlike_training}; "
        f"called a super-enhancer from a probability of {settings.threshold:.4g} on",
    ]
    if (sets := settings.conformal) is not None:
        lines.append(
            f"* sets of classes with a coverage of {100 * sets.coverage:.4g} % of each class: "
            f"SE {_from('from', sets.SE)}, TE {_from('up to', sets.TE)}"
        )
    if settings.members > 1:
        lines.append(f"* ensemble of {settings.members} models; the score is their mean logit")
    if settings.spectrum:
        words = SPECTRUM_WORDS[settings.spectrum_scale].format(k=settings.spectrum)
        lines.append(f"* the margin of {words} is added to the transformer's")
    for part, counts in sizes.items():
        lines.append(
            f"* {escape(part)}: {counts['SE']} super-enhancers, {counts['TE']} typical enhancers"
            + (f", {counts[RANDOM]} of them random regions" if counts.get(RANDOM) else "")
        )
    if in_grey_zone:
        lines.append(f"* {in_grey_zone} regions near the cut-off in signal left out of training")
    if settings.splits.test:
        lines.append(
            f"* held out for the test: {escape(', '.join(settings.splits.test))}; for validation: "
            f"{escape(', '.join(settings.splits.validation))}"
        )
    if settings.assembly.name:
        lines.append(f"* assembly: {escape(settings.assembly.name)}")
    lines.append(f"* seeds: {', '.join(map(str, settings.seeds))}")
    return "\n".join(lines)


def _further(once: Pretraining) -> str:
    """Say on what the backbone was pre-trained further, and without what."""
    on, out = once["on"], once["left_out"]
    where = f"{on['regions']} in {on['fasta']}" if on["regions"] else on["fasta"]
    names = ", ".join(out["chromosomes"]) + ", …" * (out["whole"] > len(out["chromosomes"]))
    places = [names] * bool(names) + [f"{out['regions']} held-out regions"] * bool(out["regions"])
    without = f", without {' and '.join(places)}" if places else ", nothing left out"
    return (
        f"; pre-trained further without labels on {once['bases']} bases of {escape(where)}"
        f"{escape(without)}"
    )


def _from(word: str, of_class: ClassLimit) -> str:
    """Say for which logits a set holds a class."""
    limit = "always" if of_class.limit is None else f"{word} a logit of {of_class.limit:.4g}"
    return f"{limit} (by {of_class.regions} held-out regions of the class, in {of_class.loci} loci)"


def _random_share(sizes: Mapping[str, Mapping[str, int]]) -> float:
    """Part of the typical enhancers that are random regions."""
    drawn, typical = (sum(n.get(key, 0) for n in sizes.values()) for key in (RANDOM, "TE"))
    return drawn / max(1, typical)


def _limits(settings: ModelSettings, measured: Mapping[str, Any], drawn: float) -> str:
    lines = []
    if trained := settings.training_range:
        lines.append(
            f"* Trained on regions of {trained.length[0]:.0f} to {trained.length[1]:.0f} bp with "
            f"{100 * trained.gc[0]:.0f} to {100 * trained.gc[1]:.0f} % GC; predictions outside are "
            "flagged."
        )
    share = 100 * settings.calibration.prevalence
    rest = "not" if drawn == 1 else "and only in part"
    lines += [
        "* Probabilities are not calibrated: use them to rank."
        if settings.calibration.method == "none"
        else f"* Probabilities are for regions of which {share:.0f} % are super-enhancers, as of "
        "those they were fitted on; give `--prevalence` where another share is expected.",
        f"* {100 * drawn:.0f} % of its typical enhancers are random regions of the genome: it "
        f"tells super-enhancers from background, {rest} from typical enhancers."
        if drawn
        else "* It compares enhancers with enhancers: it does not find enhancers in a genome.",
        "* Super-enhancers are defined by signal in one cell type. A sequence is the same in all, "
        "so the score is a propensity, not a statement about another cell type.",
        *([f"* Sets: {PROMISE}"] if settings.conformal else []),
    ]
    return "\n".join(lines)
