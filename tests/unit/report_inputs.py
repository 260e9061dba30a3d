"""Invented but plausible results of a run, in the published layout, for tests of the report."""

import json

import numpy as np
import pandas as pd

from seformer.evaluation import curves, verdict
from seformer.evaluation.compare import calibrate_scorer, measure_parts
from seformer.evaluation.signal_ranks import judge_signal
from seformer.evaluation.transfer_verdict import judge_transfer
from seformer.evaluation.uncertainty import measure_sets
from seformer.model.conformal import fit_sets, name_sets
from seformer.scoring.variant_files import COLUMNS


def write_json(value, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def write_table(table, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False)


def regions(rng, n=900, length_gap=0.0):
    labels = (rng.random(n) < 0.45).astype(int)
    drop = rng.choice(
        ["", "te_overlaps_se", "too_many_n", "duplicate"], n, p=[0.94, 0.04, 0.015, 0.005]
    )
    chrom = rng.choice([f"chr{i}" for i in (*range(1, 13), "X")], n)
    split = np.where(
        np.isin(chrom, ["chr7", "chr10"]), "test", np.where(chrom == "chr8", "validation", "train")
    )
    length = np.exp(rng.normal(7.6 + length_gap * labels, 0.5)).astype(int) + 200
    start = rng.integers(0, 10**8, n)
    return pd.DataFrame(
        {
            "sample": "x",
            "chrom": chrom,
            "start": start,
            "end": start + length,
            "name": "",
            "label": labels,
            "length": length,
            "gc": np.clip(rng.normal(0.45 + 0.05 * labels, 0.06), 0.2, 0.8),
            "n_fraction": 0.0,
            "line": np.arange(n) + 1,
            "source": "regions.bed",
            "drop_reason": drop,
            "cluster": [f"c{i // 2}" for i in range(n)],
            "split": np.where(drop == "", split, ""),
        }
    )


def evaluation(rng, table, quality, sample):
    rows = table[table["split"].isin(["validation", "test"])].reset_index(drop=True)
    rows["train_containment"] = rng.random(len(rows)) ** 4 * 0.3
    labels = rows["label"].to_numpy()
    scores = {
        "model": rng.normal(size=len(rows)) + quality * labels,
        "length": np.log(rows["length"].to_numpy()),
        "gc": 20 * rows["gc"].to_numpy() - 9,
        "cpg": rng.normal(size=len(rows)) + 0.5 * labels,
        "cpg_density": rng.normal(size=len(rows)) + 0.6 * labels,
        "n_fraction": np.zeros(len(rows)),
        "composition": rng.normal(size=len(rows)) + 0.7 * labels,
        "kmer_logistic": rng.normal(size=len(rows)) + 1.1 * labels,
        "kmer_boosting": rng.normal(size=len(rows)) + 1.2 * labels,
    }
    # by chance above the weakest super-enhancer, and some without signal
    signal = np.exp(np.random.default_rng(7).normal(size=len(rows)) + 3 * labels)
    rows = rows.assign(signal=np.where(np.arange(len(rows)) % 20 == 0, np.nan, signal))
    validation = (rows["split"] == "validation").to_numpy()
    judged = {
        name: calibrate_scorer(values, labels, validation, "temperature", "mcc")
        for name, values in scores.items()
    }
    found = {"sample": sample, **measure_parts(rows, judged, resamples=200)}
    sets = fit_sets(
        scores["model"][validation], labels[validation], rows["cluster"][validation], 0.9
    )
    named = name_sets(sets, scores["model"][~validation])
    loci = rows["cluster"][~validation].to_numpy()
    found["test"]["conformal"] = measure_sets(labels[~validation], named, loci, 0.9, [], {}, 200, 1)
    found |= {
        "threshold": judged["model"].threshold._asdict(),
        "baseline_choices": {
            "cpg_density": {"per": "known base", "direction": "higher is SE"},
            "composition": {"by": "boosted trees", "trees": 40},
            "kmer_logistic": {"k": 5, "C": 0.001},
            "kmer_boosting": {"trees": 88},
        },
        "bootstrap": {"resamples": 200, "seed": 1},
    }
    findings = [*verdict.judge_test(found), *judge_signal(found["test"])]
    found["verdict"] = [finding._asdict() for finding in findings]
    scorers = {name: j.scored.take(~validation) for name, j in judged.items()}
    return found, {"sample": sample, "test": curves.curve_points(labels[~validation], scorers)}


def history(rng, best):
    rows = []
    for stage, epochs in ((1, 25), (2, 9)):
        start = 0.5 if stage == 1 else best - 0.05
        for epoch in range(1, epochs + 1):
            way = 1 - np.exp(-epoch / (epochs / 3))
            auroc = start + (best - 0.04 * (stage == 1) - start) * way + rng.normal(0, 0.004)
            loss = 0.69 - 0.5 * (auroc - 0.5)
            rows.append(
                {
                    "stage": stage,
                    "epoch": epoch,
                    "step": epoch * 20,
                    "train_loss": loss - 0.02 * epoch / epochs,
                    "validation_loss": loss + 0.03 * (epoch / epochs) ** 2,
                    "validation_auroc": auroc,
                    "learning_rate": 1e-3 * (1 - epoch / (epochs + 1)),
                    "seconds": 3.0,
                }
            )
    return pd.DataFrame(rows)


SETTINGS = {
    "format": 1,
    "sample": "x",
    "backbone": {"name": "tiny", "source": "preset", "revision": None, "family": "tiny"},
    "window": 512,
    "window_pooling": "mean",
    "token_pooling": "mean",
    "calibration": {"method": "temperature", "slope": 1.1, "intercept": 0.0, "regions": 80},
    "training": {"class_weights": "balanced", "full": {"epochs": 20}},
    "seeds": [1],
}


SUMMARY = {
    "rows": 400,
    "scored": 395,
    "unscored": {"all_n": 5},
    "super_enhancers": 120,
    "typical_enhancers": 275,
    "flags": {"length_outside_training": 100},
    "bases": 320_000,
    "windows": 395,
    "smallest_coverage": 1.0,
    "sets": {"SE": 100, "TE": 200, "both": 95},
}
MOTIFS = {
    "motif": ["GATA1", "SP1"],
    "seqlets": [12, 5],
    "positive": [12, 1],
    "negative": [0, 4],
    "best_q": [0.001, 0.02],
    "se_seqlets": [12, 1],
    "te_seqlets": [0, 4],
    "odds_se_te": [3.2, 0.4],
    "q_se_te": [0.01, 0.2],
    "odds_background": [212.6, 1.2],
    "q_background": [1e-7, 0.6],
}
NAMED = {
    "regions": 4,
    "bases": 4000,
    "motifs_in_file": 700,
    "seqlets": 40,
    "matched": 12,
    "background_matched": 1,
    "max_q": 0.1,
    "top": ["GATA1"],
}
FOUND = {
    "pattern": ["pos_1", "neg_1"],
    "speaks_for": ["SE", "TE"],
    "seqlets": [40, 21],
    "consensus": ["cGATAAg", "TTGCgcAA"],
}
PATTERNS = {
    "regions": 4,
    "windows": 30,
    "attribution_in_windows": 0.6,
    "seqlets": 61,
    "instances": 90,
}


def predictions(rng, n=400):
    probability = rng.beta(2, 3, n)
    table = pd.DataFrame({"chrom": "chr1", "start": np.arange(n) * 1000})
    table["end"] = table["start"] + 800
    table["logit"] = np.log(probability / (1 - probability))
    table["probability"] = probability
    table["prediction"] = np.where(probability > 0.55, "SE", "TE")
    table["coverage"] = 1.0
    table["flags"] = np.where(rng.random(n) < 0.3, "length_outside_training", "")
    table.loc[:4, ["logit", "probability"]] = np.nan
    table.loc[:4, "prediction"] = ""
    table.loc[:4, "flags"] = "all_n"
    return table


def explanations(rng, n=120):
    error = np.exp(rng.normal(-4.6, 0.7, n)).clip(0, 0.2)
    table = pd.DataFrame({"chrom": "chr1", "start": np.arange(n) * 1000})
    table["end"] = table["start"] + 800
    table["logit"] = rng.normal(size=n)
    table["completeness_error"] = error
    table["flags"] = np.where(error > 0.05, "incomplete", "")
    x = np.arange(300)

    def peaks():
        values = rng.normal(0, 0.004, 300)
        for centre in rng.integers(10, 290, 5):
            values += rng.normal(0.04, 0.03) * np.exp(-(((x - centre) / 3) ** 2))
        return [float(v) for v in values]

    summary = {
        "settings": {"method": "integrated_gradients", "reference": "dinucleotide"},
        "profile": {
            key: {"regions": 60, "mean": list(sign * (0.002 + 0.001 * np.sin(np.arange(50) / 8)))}
            for key, sign in (("SE", 1), ("TE", -1))
        },
        "faithfulness": {
            "regions": [{}, {}, {}, {}],
            "fractions": [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5],
            "summary": {
                "deletion_top": [0.4, 0.7, 1.0, 1.5, 1.9, 2.2, 2.4],
                "deletion_random": [0.02, 0.05, 0.1, 0.3, 0.5, 0.9, 1.8],
                "deletion_ratio": 14.0,
                "mutagenesis": 0.81,
                "mutagenesis_signed": 0.7,
                "seed_stability": 0.93,
                "randomised_model": None,
            },
        },
        "drawn": [
            {
                "chrom": "chr1",
                "start": 10_000 * i,
                "end": 10_000 * i + 1500,
                "name": f"peak_{i}",
                "logit": 3.0 - i / 3,
                "bases_per_point": 5,
                "values": peaks(),
            }
            for i in range(6)
        ],
    }
    return table, summary


def top_regions(number=2, length=60, apart=10_000):
    """The best regions base by base, as top.json has them, a peak in the middle of each."""
    rng = np.random.default_rng(1)
    places = [
        {"chrom": "chr1", "start": i * apart, "end": i * apart + length} for i in range(number)
    ]
    peak = np.exp(-(((np.arange(length) - length // 2) / 4) ** 2))
    return {
        "explained": number + 3,
        "chromosomes": {"chr1": 10**8},
        "regions": [
            place
            | {"name": f"peak_{i}", "logit": 5 - i / 10, "prediction": "SE", "flags": "incomplete"}
            | {"nearest_gene": f"GENE{i}", "nearest_distance": 1200}
            | {
                "bases": "".join(rng.choice(list("ACGT"), length)),
                "values": [float(v) for v in (peak + rng.normal(0, 0.05, length)).round(4)],
            }
            for i, place in enumerate(places)
        ],
        "windows": [place | {"window": 1, "windows": 1, "difference": 0.5} for place in places],
        "genes": [{"chrom": "chr1", "start": 20, "end": 90, "strand": "+", "name": "GENE0"}],
    }


AUDIT = {
    "split_by": "chromosomes",
    "seed": 1,
    "split_hash": "0" * 24,
    "samples": ["K562"],
    "parts": {},
    "label_conflicts_between_samples": 12,
    "overlapping_regions": {"validation_in_train": 0, "test_in_train": 0, "test_in_validation": 0},
    "clusters": {
        "number": 300,
        "singletons": 240,
        "largest": 9,
        "largest_name": "chr1:1000-9000",
        "largest_share": 0.02,
    },
    "near_copies": {"validation_in_train": 1, "test_in_train": 2, "test_in_validation": 0},
    "similarity": {
        "k": 31,
        "scaled": 1,
        **{
            pair: {
                "regions": 111,
                "with_containment_at_least": {"0.05": 14, "0.5": 2, "0.95": 0},
                "median": 0.003,
                "largest": 0.71,
            }
            for pair in ("validation_in_train", "test_in_train", "test_in_validation")
        },
    },
}


# what metrics.json of judged scores says beside what that of a model does
JUDGED = {
    "scores": "atlas.bed",
    "column": "score",
    "probabilities": "fitted",
    "folds_of": "clusters",
    "rank_correlations": {"gc": 0.4},
    "rows": 90,
    "left_out": {"no_score": 10},
    "training": {"regions": 50, "overlapping": 3},
}


def explained_windows(rng, number=60):
    """Windows of explained regions; the last is small, and the spectrum has a row of its own."""
    return pd.DataFrame(
        {
            "part": ["window"] * (number - 1) + ["kmer_spectrum"],
            "completeness_error": [*np.exp(rng.normal(-4.5, 0.8, number - 2)), 3.0, 0.0],
            "flags": [""] * (number - 2) + ["small_difference", ""],
        }
    )


DISSECTED = {
    "settings": {"shuffles": 4, "null_stretches": 100, "pair_limit": 12, "seed": 1},
    "members": 2,
    "model": {"threshold": 0.5, "test": None},
    "regions": {
        "read": 5,
        "repeated": 1,
        "unusable": {"all_n": 1},
        "without_constituents": 1,
        "dissected": 2,
        "without_pairs": 1,
    },
    "constituents": {"read": 9, "in_no_region": 2, "clipped": 1, "repeated": 1, "overlapping": 2},
    "seconds": 3.5,
    "rows": 3,
    "flags": {"clipped": 1, "no_room": 1, "too_few_bases": 1},
    "stand_out": 1,
    "q_at_most": 0.05,
    "tested": 2,
    "pairs": 1,
    "strongest": [
        {
            "constituent": "chr1:150-250",
            "name": "peak_1",
            "region": "chr1:100-1100",
            "rank": 1,
            "effect": 1.25,
            "effect_sd": 0.125,
            "masked_effect": 3.5,
            "cut_effect": -0.5,
            "alone_effect": 0.75,
            "p": 0.0099,
            "q": 0.0198,
        }
    ],
    "drawn": [
        {
            "region": "chr1:100-1100",
            "name": "SE_1",
            "logit": 2.5,
            "constituents": [
                {"place": "150-250", "effect": 1.25},
                {"place": "900-1000", "effect": -0.25},
            ],
            "pairs": [{"first": 0, "second": 1, "effect": 1.5, "synergy": 0.5}],
        }
    ],
}


def dissection(region="chr1"):
    """A table of constituents, of which the page counts the rows, and its summary."""
    table = {"chrom": region, "start": range(3), "end": range(9, 12)}
    return pd.DataFrame(table | {"name": list("abc"), "effect": [0.5, 0.25, np.nan]}), DISSECTED


def write_results(folder, samples=("K562",), *, use=True, seed=0):
    """Write one folder per sample under ``folder``; qualities fall from sample to sample."""
    write_json(AUDIT, folder / "audit.json")
    for i, name in enumerate(samples):
        rng = np.random.default_rng(seed + i)
        place = folder / name
        table = regions(rng, length_gap=1.5 if i % 3 == 2 else 0.1)
        quality = (1.9, 1.2, 0.9, 0.0)[i % 4]
        write_table(table, place / "regions.tsv")
        metrics, drawn = evaluation(rng, table, quality, name)
        write_json(metrics, place / "metrics.json")
        write_json(drawn, place / "curves.json")
        write_json(SETTINGS | {"sample": name}, place / "model" / "seformer.json")
        write_table(history(rng, 0.55 + 0.15 * quality), place / "history.tsv")
        if use:
            for bed in ("peaks", "candidates"):
                write_table(predictions(rng), place / "predictions" / f"{bed}.tsv")
            write_table(variants(), place / "variants" / "gwas.tsv")
            write_json(VARIED, place / "variants" / "gwas.summary.json")
            table, summary = explanations(rng)
            write_table(table, place / "attributions" / "peaks.tsv")
            write_table(explained_windows(rng), place / "attributions" / "windows" / "peaks.tsv")
            write_json(summary, place / "attributions" / "peaks.summary.json")
            constituents, summary = dissection()
            write_table(constituents, place / "dissect" / "peaks" / "constituents.tsv")
            write_json(summary, place / "dissect" / "peaks" / "summary.json")


VARIED = {
    "read_as": "VCF",
    "records": 42,
    "alleles": 42,
    "status": {"scored": 40, "wrong_reference": 2},
    "unreadable": {},
    "tested": 39,
    "untested": 1,
    "significant": 3,
    "null": {
        "asked": 2000,
        "drawn": 2000,
        "seed": 1,
        "of": {"all": 39},
        "quantiles": [i / 100 for i in range(101)],
    },
}


def variants(number=40):
    """The table of variants, the last of which does not fit the genome."""
    rows = pd.DataFrame(
        {name: "" for name in COLUMNS} | {"chrom": "chr1", "status": "scored", "id": "<b>rs"},
        index=range(number),
    )
    rows["position"] = np.arange(number) + 1000
    rows["reference"], rows["alternative"] = "A", "G"
    rows["difference"] = np.linspace(-1, 1, number)
    rows["p"] = np.linspace(1, 0.001, number)
    rows["q"] = rows["p"]
    rows.loc[0, ["p", "q"]] = np.nan
    rows["motif_gained"] = "AP1; <i>x"
    rows["motif_lost"] = ""
    rows.loc[number] = rows.loc[0]
    rows.loc[number, ["difference", "status"]] = [np.nan, "wrong_reference"]
    return rows


def interval(value):
    return {"value": value, "low": value - 0.1, "high": value + 0.1}


def write_everything(folder):
    """Write one small file of every kind that the report reads; returns the folder."""
    rng = np.random.default_rng(0)
    place = folder / "K562"
    table = regions(rng, 80).assign(parent="", source="random")
    table.loc[:5, "parent"] = "chr1:0-9000"
    metrics, drawn = evaluation(rng, table, 1.2, "K562")
    test = metrics["test"]
    spread = {"mean": 0.8, "sd": 0.05, "values": [0.8, 0.8]}
    test["members"] = {"n": 2} | dict.fromkeys(metrics_of(test), spread)
    test["parts"] = {"transformer": test["model"] | {"delta": interval(0.0)}}
    metrics["folds"] = [
        {"fold": 1, "n": 9, "auroc": test["model"]["auroc"], "delta": test["delta"]["auroc"]}
    ]
    metrics["pretraining"] = {"backbone": "gena", "held_out": ["chr7"], "seen": ["chr1", "chr2"]}
    for kind in ("roc", "precision_recall"):
        drawn["test"][kind] = {name: line[:4] for name, line in drawn["test"][kind].items()}
    conflicts = {"rule": "majority", "regions": 30, "dropped": 21}
    write_json(AUDIT | {"conflicts": conflicts, "folds": [{"fold": 1}]}, folder / "audit.json")
    scores = {name: {"auroc": interval(0.7)} for name in ("K562", "MM1S", "locus_mean")}
    beside = {name: {"gc": {"auroc": interval(0.6)}} for name in ("K562", "MM1S")}
    deltas = {name: {"auroc": interval(0.1) | {"baseline": "gc"}} for name in ("K562", "MM1S")}
    tested = {
        name: {"scores": scores, "known_elsewhere": 0.5, "baselines": beside, "delta": deltas}
        for name in ("K562", "MM1S")
    }
    names = ["K562", "MM1S"]
    verdict = [finding._asdict() for finding in judge_transfer(names, tested)]
    matrix = {"samples": names, "models": names, "tests": tested, "verdict": verdict}
    write_json(matrix, folder / "transfer.json")
    write_table(table, place / "regions.tsv")
    write_json(metrics, place / "metrics.json")
    write_json(drawn, place / "curves.json")
    settings = {"sample": "K562", "phases": 2, "spectrum": 6, "members": 2}
    backbone = {"name": "gena", "source": "hub", "revision": "abc", "family": "bert"}
    write_json(SETTINGS | settings | {"backbone": backbone}, place / "model/seformer.json")
    for run in ("fold_1/seed_1", "fold_2/seed_1"):
        write_table(history(rng, 0.8), place / run / "history.tsv")
    scored = predictions(rng, 60)
    write_table(scored, place / "predictions/peaks.tsv")
    scored[["chrom", "start", "end"]][5:].to_csv(
        place / "predictions/peaks.bed", sep="\t", header=False, index=False
    )
    write_json(SUMMARY | {"rows": 60, "scored": 55}, place / "predictions/peaks.summary.json")
    explained, summary = explanations(rng, 40)
    summary["drawn"] = [summary["drawn"][0] | {"values": [0.1, -0.2, 0.3]}]
    for part in summary["profile"].values():
        part["mean"] = part["mean"][:3]
    curves_of = summary["faithfulness"]["summary"]
    curves_of["insertion_top"], curves_of["insertion_random"] = [0.1] * 7, [0.01] * 7
    summary["settings"] |= {"references": 4, "completeness": 0.05}
    summary |= {"rows": 40, "windows": {"rows": 60, "incomplete": 2}}
    write_table(explained, place / "attributions/peaks.tsv")
    write_table(explained_windows(rng), place / "attributions/windows/peaks.tsv")
    write_json(summary, place / "attributions/peaks.summary.json")
    write_json(top_regions(), place / "attributions/peaks.top.json")
    write_table(pd.DataFrame(MOTIFS), place / "motifs/peaks/motifs.tsv")
    write_json(NAMED, place / "motifs/peaks/summary.json")
    constituents, summary = dissection()
    write_table(constituents, place / "dissect/peaks/constituents.tsv")
    write_json(summary, place / "dissect/peaks/summary.json")
    metrics, drawn = evaluation(rng, table, 0.5, "K562")
    write_json(metrics | {"judged": JUDGED}, place / "judged/atlas/metrics.json")
    write_json(drawn | {"judged": True}, place / "judged/atlas/curves.json")
    write_table(variants(5), place / "variants/gwas.tsv")
    write_json(VARIED, place / "variants/gwas.summary.json")
    write_table(pd.DataFrame(FOUND), place / "modisco/peaks/patterns.tsv")
    write_json(PATTERNS, place / "modisco/peaks/summary.json")
    return folder


def metrics_of(test):
    """The metrics of a row."""
    return list(test["model"])
