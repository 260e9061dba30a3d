"""Broken results of earlier stages: shards, explanations, scores of a test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bad_case import case, row


def scores(*rows: tuple[object, ...], summary: str = "{}") -> Callable[[Path, Path], None]:
    """What `predict` writes of a shard: a row a region."""

    def make(here: Path, good: Path) -> None:
        header = ("line", "logit", "probability", "prediction", "coverage", "flags")
        (here / "scores.tsv").write_text("".join(row(*cells) for cells in (header, *rows)))
        (here / "summary.json").write_text(summary)

    return make


def values(**changed: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path, Path], None]:
    """An explained folder with other tensors in its attributions.safetensors."""

    def make(here: Path, good: Path) -> None:
        from safetensors.numpy import load_file, save_file

        shutil.copytree(good / "explained", here / "explained")
        path = here / "explained/attributions.safetensors"
        tensors = load_file(path)
        save_file(tensors | {k: change(tensors[k]) for k, change in changed.items()}, path)

    return make


def explained(file: str, old: str, new: str) -> Callable[[Path, Path], None]:
    """An explained folder with some text of a file replaced."""

    def make(here: Path, good: Path) -> None:
        shutil.copytree(good / "explained", here / "explained")
        path = here / "explained" / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return make


def _other_logits(here: Path, good: Path) -> None:
    shutil.copytree(good / "explained", here / "explained")
    path = here / "explained/attributions.tsv"
    header, *rows = (line.split("\t") for line in path.read_text().splitlines())
    for cells in rows:
        cells[header.index("logit")] = "9.5"
    path.write_text("".join(row(*cells) for cells in (header, *rows)))


S = (0.5, 0.6, "SE", 1.0, "")
MERGE = "merge-predictions {here} --regions {good}/few.bed --out {out}"
TRACKS = "merge-attributions {here}/explained --fasta {good}/genome.fa --out {out}"
OF_TEST = "evaluate --extracted {good}/cell --splits {good}/splits.tsv --bootstrap 10 --out {out}"
TOGETHER = OF_TEST.replace("evaluate", "calibrate") + " --model {here}/model"
CHECKS = "faithfulness --model {good}/model --attributions {here}/explained --out {out}"
SHARDS = [
    case("scores/cut", MERGE, scores((1, *S), (2, *S), (3, 0.5)), "line 4", "6 columns"),
    case("scores/text_line", MERGE, scores(("x", *S)), "line 2", "no row of scores"),
    case("scores/missing", MERGE, scores((1, *S), (2, *S)), "1 of the 3 regions"),
    case("scores/many", MERGE, scores(*((i, *S) for i in (1, 2, 3, 4))), "more scores than"),
    case("scores/nan", MERGE, scores(*((i, *S[:1], "nan", *S[2:]) for i in (1, 2, 3))), "from 0"),
    case(
        "scores/summary",
        MERGE,
        scores(*((i, *S) for i in (1, 2, 3)), summary='{"rows": "x"}'),
        "summary.json: rows is 'x'",
    ),
    case("scores/list", MERGE, scores(*((i, *S) for i in (1, 2, 3)), summary="[]"), "no object"),
    case("explained/negative", TRACKS, values(offsets=lambda o: -o), "damaged"),
    case("explained/too_far", TRACKS, values(offsets=lambda o: o * 1000), "damaged"),
    case("explained/no_letters", TRACKS, values(bases=lambda b: b * 0 + 99), "damaged"),
    case("explained/nan", TRACKS, values(values=lambda v: v * np.float32("nan")), "no numbers"),
    case(
        "explained/text",
        TRACKS,
        explained("attributions.tsv", "chr1\t100", "chr1\tx"),
        "column start",
    ),
    case(
        "explained/other_place",
        TRACKS,
        explained("attributions.tsv", "chr1\t100", "chr1\t150"),
        "not those of the regions",
    ),
    case(
        "explained/summary",
        TRACKS,
        explained("summary.json", '"settings"', '"settnigs"'),
        "settings is missing",
    ),
    case("held_out/neither", OF_TEST, "", "--model and --calibrated were not given"),
    case("held_out/none", OF_TEST + " --calibrated {here}", "", "there is no held_out.tsv"),
    case(
        "held_out/no_baselines",
        OF_TEST + " --model {good}/model --baseline-scores {here}",
        "",
        "baselines.json",
        "no such file",
    ),
    case(
        "held_out/baselines",
        "baselines --extracted {good}/cell --splits {good}/splits.tsv --baselines luck --out {out}",
        "",
        "the baseline 'luck' is not known",
    ),
    case("held_out/model", TOGETHER.replace(" --bootstrap 10", ""), "", "not a model folder"),
    case("held_out/no_folds", "ensemble {here} {good} --out {out}", "", "there is no held_out.tsv"),
    case("checks/none", CHECKS, None, "attributions.tsv", "no such file"),
    case("checks/nan", CHECKS, values(values=lambda v: v * np.float32("nan")), "no numbers"),
    case(
        "checks/other_model",
        CHECKS,
        _other_logits,
        "with this model",
        "that they were made with",
    ),
    case(
        "checks/method",
        CHECKS,
        explained("summary.json", '"saliency"', '"guessing"'),
        "settings: guessing is no method",
        "run `seformer explain` again",
    ),
]
