"""Values that no option takes, and what a pre-training cannot learn from."""

from __future__ import annotations

from bad_case import PREDICT, PRETRAIN, SPLIT, STAGE_1, TRAIN, VARIANTS, case, row

SOUND = PREDICT.replace("{here}", "{good}")
FULL = (
    STAGE_1.replace("finetune-head", "finetune-full").replace("--head-", "--")
    + " --model {good}/model"
)
WIDTH = VARIANTS.replace("{here}/%s", "{good}/few.vcf") + " --width 9"
ALL_OF_IT = PRETRAIN.replace(" --regions {here}/%s", "")
PRETRAINING = [
    case("pretrain/empty.bed", PRETRAIN, "", "has no regions"),
    case(
        "pretrain/short.bed", PRETRAIN, row("chr1", 0, 20), "nothing to pre-train on", "too short"
    ),
    case("pretrain/elsewhere.bed", PRETRAIN, row("chr99", 0, 900), "no chromosome of this file"),
    case("pretrain/past.bed", PRETRAIN, row("chr1", 0, 9999), "passes the end of chr1"),
    case(
        "pretrain/held_out.bed",
        PRETRAIN + " --test-chromosomes chr1",
        row("chr1", 0, 5000),
        "all of it is left out",
    ),
    case(
        "pretrain/not_there",
        ALL_OF_IT + " --test-chromosomes chr99",
        None,
        "chr99 is not in the genome",
        "some of chr1",
    ),
    case(
        "pretrain/splits_and_names",
        ALL_OF_IT + " --splits {good}/splits.tsv --test-chromosomes chr1",
        None,
        "both given",
    ),
    case(
        "pretrain/nothing_and_splits",
        ALL_OF_IT + " --leave-out nothing --splits {good}/splits.tsv",
        None,
        "--leave-out nothing",
    ),
    case(
        "pretrain/splits_of_another.tsv",
        ALL_OF_IT + " --splits {here}/%s",
        row("chrom", "start", "end", "split") + row("chrX", 1, 9, "test"),
        "chrX is not in the genome",
    ),
    case("pretrain/no_splits.tsv", ALL_OF_IT + " --splits {here}/%s", row("a", "b"), "Expected"),
    case("pretrain/share", ALL_OF_IT + " --mask-share 1", None, "--mask-share"),
    case("pretrain/window", ALL_OF_IT + " --window 4000", None, "context of 3072"),
    case("pretrain/no_model", ALL_OF_IT.replace("tiny", "teeny"), None, "did you mean tiny"),
    case(
        "pretrain/no_encoder",
        ALL_OF_IT.replace("tiny", "{here}"),
        None,
        "config.json",
    ),
]
PARAMETERS = [
    case("option/unknown", SOUND + " --treshold 1", None, "No such option"),
    case("option/no_command", "predcit --out {out}", None, "No such command"),
    case("option/missing", "predict --out {out}", None, "Missing option"),
    case("option/prevalence", SOUND + " --prevalence 2", None, "--prevalence 2"),
    case("option/prevalence_nan", SOUND + " --prevalence nan", None, "--prevalence nan"),
    case("option/width", WIDTH, None, "--width", "equal to 10"),
    case("option/batch", SOUND + " --batch-tokens 0", None, "--batch-tokens"),
    case("option/device", SOUND + " --device quantum", None, "quantum"),
    case("option/invalid", SOUND + " --invalid-regions ignore", None, "ignore", "error or drop"),
    case("option/both", SOUND + " --extracted {good}/cell", None, "either"),
    case("option/seed", "simulate --out {out} --seed -1", None, "--seed"),
    case("option/size", "simulate --out {out} --size huge", None, "huge"),
    case("option/rate_nan", FULL + " --learning-rate nan", None, "learning rate"),
    case("option/rate_negative", FULL + " --learning-rate -1", None, "learning rate"),
    case("option/rate_zero", FULL + " --learning-rate 0", None, "learning rate"),
    case("option/epochs", FULL.replace("--epochs 1", "--epochs 0"), None, "--epochs"),
    case("option/fp16", FULL + " --precision fp16", None, "fp16 needs a GPU"),
    case(
        "option/sample",
        TRAIN.replace("{here}/%s", "{good}/all.csv") + " --sample ../x",
        None,
        "cannot name a sample",
    ),
    case(
        "option/sample_line",
        TRAIN.replace("{here}/%s", "{good}/all.csv") + " --sample a\u2028b",
        None,
        "cannot name a sample",
    ),
    case("option/fractions", SPLIT + "--test-fraction 0.9 --validation-fraction 0.9", None, "0.9"),
    case("option/folds", SPLIT + "--folds 1000000", None, "--folds 1000000", "fewer folds"),
    case("option/fraction_nan", SPLIT + "--test-fraction nan", None, "nan"),
    case("option/chromosome", SPLIT + "--test-chromosomes chr99", None, "chr99"),
    case(
        "option/both_parts",
        SPLIT + "--test-chromosomes chr1 --validation-chromosomes chr1",
        None,
        "for test and for validation",
    ),
    case("option/threads", SOUND + " --threads 99999999", None, "--threads"),
    case("option/out_empty", SOUND.replace("--out {out}", "--out="), None, "it is empty"),
    case("option/file_empty", SOUND + " --gtf=", None, "'--gtf': it is empty"),
    case(
        "option/model_empty", SOUND.replace("--model {good}/model", "--model="), None, "'--model'"
    ),
    case("option/argument_empty", "pool {good}/cell --ensemble= --out {out}", None, "it is empty"),
    case("option/out_is_a_file", SOUND.replace("{out}", "{good}/genome.fa"), None, "genome.fa"),
    case(
        "option/out_below_a_file",
        SOUND.replace("{out}", "{good}/genome.fa/x"),
        None,
        "cannot be written here",
    ),
    case("option/out_no_place", SOUND.replace("{out}", "/proc/x/y"), None, "cannot be written"),
]
