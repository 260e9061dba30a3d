"""Masked-token training before stage 1: its curves, what it saw, and what was left out."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from seformer.report.content import Section, say
from seformer.report.draw import BLACK, GREEN, GREY, headed, html, lines, number
from seformer.report.results import Results
from seformer.util.markup import escape
from seformer.util.shapes_of_pretraining import Pretraining

# name of the line -> column of loss.tsv; of the constant what summary.json says
CURVES = {"Loss": ("loss", {"training": "train_loss", "held back": "held_back_loss"})}
CURVES["Tokens told"] = ("accuracy", {"held back": "held_back_accuracy"})
CONSTANT = "best constant guess"
LOOKS = {"training": GREEN, "held back": BLACK, CONSTANT: (GREY, "dash")}


def sections(results: Results) -> Iterator[Section]:
    if not results.pretraining:
        return
    runs = {run.replace("_", " "): found for run, found in results.pretraining.items()}
    tabs, ylabs = {}, {}
    for run, (summary, table) in runs.items():
        last = summary["pretraining"][-1]
        for title, (measure, columns) in CURVES.items():
            tab = f"{title}, {run}" if len(runs) > 1 else title
            tabs[tab] = _lines(table, columns, last["constant"][measure])
            ylabs[tab] = say("pretraining_curves", measure)
    yield lines("pretraining_curves", tabs, LOOKS, ylabs=ylabs)
    told = {
        run: "".join(f"<p>{_told(once, i)}</p>" for i, once in enumerate(summary["pretraining"]))
        for run, (summary, _) in runs.items()
    }
    yield html("pretraining_seen", headed(told))


def _lines(
    table: pd.DataFrame, columns: dict[str, str], constant: float
) -> dict[str, list[list[float]]]:
    drawn = {
        name: table[["step", column]].dropna().to_numpy(float).tolist()
        for name, column in columns.items()
    }
    ends = table["step"].iloc[[0, -1]].to_numpy(float)
    return drawn | {CONSTANT: [[step, constant] for step in dict.fromkeys(ends)]}


def _told(once: Pretraining, before: int) -> str:
    """Say in words what one pre-training was, and whether it learned anything."""
    on, out, dropped = once["on"], once["left_out"], sum(once["dropped"].values())
    named = ", ".join(map(escape, out["chromosomes"]))
    told = {
        "windows": number(once["windows"]),
        "bases": number(once["bases"]),
        "what": say("pretraining_seen", "regions", regions=escape(on["regions"]))
        if on["regions"]
        else say("pretraining_seen", "genome"),
        "fasta": escape(on["fasta"]),
        "dropped": number(dropped),
        "share": once["masking"]["share"],
        "head": say("pretraining_seen", once["head"]),
        "steps": number(once["steps"]),
        "best_step": number(once["best_step"]),
    }
    texts = [say("pretraining_seen", "seen", **told)]
    if out["by"] == "nothing":
        texts.append(say("pretraining_seen", "nothing"))
    else:
        places = []
        if out["whole"]:
            rest = out["whole"] - len(out["chromosomes"])
            more = say("pretraining_seen", "more", n=number(rest)) if rest else ""
            places.append(say("pretraining_seen", "chromosomes", names=named, more=more))
        if out["regions"]:
            places.append(say("pretraining_seen", "others", n=number(out["regions"])))
        said = {"places": " and ".join(places), "bases": number(out["bases"])}
        texts.append(say("pretraining_seen", "left_out" if places else "none_held", **said))
        if out["by"] == "default":
            texts.append(say("pretraining_seen", "default"))
    best, constant = once["best"], once["constant"]
    measured = {
        "loss": best["loss"],
        "constant_loss": constant["loss"],
        "accuracy": 100 * best["accuracy"],
        "constant_accuracy": 100 * constant["accuracy"],
        "held_back": number(once["held_back"]),
    }
    texts.append(say("pretraining_seen", "measured", **measured))
    if best["loss"] >= constant["loss"]:
        texts.append(say("pretraining_seen", "learned_nothing"))
    return (say("pretraining_seen", "again") if before else "") + " ".join(texts)
