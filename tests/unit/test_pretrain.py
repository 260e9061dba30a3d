"""Masked-token training: what is hidden, what is never seen, which head, and how it goes on."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from toys import random_sequence

from seformer.evaluation.findings import judge_pretraining
from seformer.genome.genome import Genome
from seformer.genome.intervals import subtract
from seformer.model.backbones import build_backbone, new_backbone
from seformer.model.backbones.build import load_backbone, read_published
from seformer.model.backbones.presets import PRESETS
from seformer.model.folder import load_model
from seformer.model.masked_head import MaskedModel, masked_head
from seformer.regions.extract import extract
from seformer.report.collect import collect
from seformer.report.sections import pretraining as section
from seformer.sequence.masking import hide_tokens
from seformer.sequence.tokenizers import KmerTokenizer, MixedTokenizer, mixed_vocabulary
from seformer.splits.split import split
from seformer.training import masked_trainer
from seformer.training.checkpoint import Interrupted
from seformer.training.full import finetune_full
from seformer.training.head import finetune_head
from seformer.training.masked_batches import masked_batch, parts_of
from seformer.training.pretrain import pretrain
from seformer.training.pretraining_windows import (
    choose_left_out,
    stretches_of,
    window_bases,
    write_windows,
)
from seformer.training.settings import PretrainCourse
from seformer.util.errors import UserError
from seformer.util.records import read_json
from seformer.util.tables import read_tsv

QUICK = dict(device="cpu", threads=1, window=326, batch_size=8)
# steps enough to learn the few words of the genome below
COURSE = dict(epochs=8, learning_rate=5e-3)


# ------------------------------------------------------------------------- hidden tokens


def test_bert_hides_15_percent_in_three_ways():
    tokenizer = KmerTokenizer(6, 6)
    encoding = tokenizer.encode([random_sequence(60_000)])
    hidden = hide_tokens(encoding, tokenizer, 0.15, np.random.default_rng(1))
    chosen, seen = hidden.chosen, hidden.input_ids
    assert chosen.mean() == pytest.approx(0.15, abs=0.015)
    assert (seen[~chosen] == encoding.input_ids[~chosen]).all()
    masked = (seen == tokenizer.mask_id)[chosen].mean()
    same = (seen == encoding.input_ids)[chosen].mean()
    assert masked == pytest.approx(0.8, abs=0.04)
    assert same == pytest.approx(0.1, abs=0.03)
    assert np.isin(seen[chosen], [tokenizer.mask_id, *tokenizer.base_ids]).all()


@pytest.mark.parametrize("k", [3, 4, 5, 6])
def test_overlapping_kmers_are_hidden_in_runs_that_hide_a_base(k):
    """DNABERT's: a k-mer alone could be read off its neighbours. One fate for a run."""
    tokenizer = KmerTokenizer(k, 1)
    texts = [random_sequence(9_000, seed=k), random_sequence(40, seed=9), "ACGTN" * 30]
    encoding = tokenizer.encode(texts)
    hidden = hide_tokens(encoding, tokenizer, 0.15, np.random.default_rng(k))
    assert hidden.chosen[: encoding.splits[1]].mean() == pytest.approx(0.15, abs=0.03)
    for first, last, text in zip(encoding.splits[:-1], encoding.splits[1:], texts, strict=True):
        chosen, seen = hidden.chosen[first:last], hidden.input_ids[first:last]
        true = encoding.input_ids[first:last]
        edges = np.flatnonzero(np.diff(np.concatenate([[0], chosen.astype(int), [0]])))
        for begin, end in edges.reshape(-1, 2):
            known = true[max(0, begin - 1) : end + 1] != tokenizer.unk_id
            inside = 0 < begin and end < len(chosen) and known.all()
            assert end - begin >= k or not inside
            masks = seen[begin:end] == tokenizer.mask_id
            assert masks.all() or not masks.any()
            if not inside or not masks.all():
                continue
            visible = np.zeros(len(text), bool)
            for token in np.flatnonzero(seen != tokenizer.mask_id):
                visible[token : token + k] = True
            assert not visible[begin : end + k - 1].all()


def test_what_is_unknown_or_read_off_a_neighbour_is_never_asked_for():
    tokenizer = KmerTokenizer(6, 6)
    # 62 bases: the last 6-mer begins at base 56 and shares four with the one before
    texts = [random_sequence(62, seed=s) for s in range(200)] + ["ACGTAN" * 20]
    encoding = tokenizer.encode(texts, phase=2)
    asked = np.zeros(len(encoding.input_ids), bool)
    for seed in range(20):
        asked |= hide_tokens(encoding, tokenizer, 0.5, np.random.default_rng(seed)).chosen
    shared = np.concatenate(
        [np.isin(np.arange(n), [0, 1, n - 2, n - 1]) for n in np.diff(encoding.splits)]
    )
    blank = encoding.input_ids == tokenizer.unk_id
    assert blank.any() and not asked[blank].any()
    overlap = encoding.starts[1:] < encoding.ends[:-1]
    overlap &= (
        np.repeat(np.arange(len(texts)), np.diff(encoding.splits))[1:]
        == np.repeat(np.arange(len(texts)), np.diff(encoding.splits))[:-1]
    )
    apart = ~(np.append(overlap, False) | np.append(False, overlap))
    assert (asked == (apart & ~blank)).all() and not asked[shared & ~apart].any()
    mixed = MixedTokenizer(mixed_vocabulary(6))
    encoding = mixed.encode(["ACGTACNNA" * 50])
    hidden = hide_tokens(encoding, mixed, 0.5, np.random.default_rng(1))
    assert not hidden.chosen[np.isin(encoding.input_ids, mixed.blank_ids)].any()


def test_what_is_measured_is_not_to_be_seen():
    """One in ten chosen tokens stays in training: copied, it would count as told."""
    tokenizer = KmerTokenizer(6, 6)
    encoding = tokenizer.encode([random_sequence(6_000)])
    hidden = hide_tokens(encoding, tokenizer, 0.15, np.random.default_rng(1), masked=1.0)
    assert hidden.chosen.any()
    assert (hidden.input_ids[hidden.chosen] == tokenizer.mask_id).all()


# ------------------------------------------------------------------------- what is seen


def test_subtract_equals_base_by_base():
    rng = np.random.default_rng(3)

    def drawn(number):
        start = rng.integers(0, 180, number)
        chrom = rng.choice(["a", "b"], number)
        return pd.DataFrame(
            {"chrom": chrom, "start": start, "end": start + rng.integers(1, 25, number)}
        )

    def covered(table):
        line = np.zeros((2, 210), bool)
        for row in table.itertuples():
            line["ab".index(row.chrom), row.start : row.end] = True
        return line

    for number in (0, 1, 5, 12):
        regions, taken = drawn(9), drawn(number)
        left = subtract(regions, taken)
        assert (covered(left) == covered(regions) & ~covered(taken)).all()
        assert (left["end"] > left["start"]).all()


@pytest.fixture(scope="module")
def genome(tmp_path_factory):
    """Four chromosomes of 6 kb, one of them half N, and labelled regions on all."""
    folder = tmp_path_factory.mktemp("genome")
    texts = {f"chr{i}": random_sequence(6_000, seed=i) for i in range(1, 5)}
    texts["chr4"] = texts["chr4"][:3_000] + "N" * 3_000
    lines = "".join(f">{name}\n{text}\n" for name, text in texts.items())
    (folder / "genome.fa").write_text(lines)
    return folder / "genome.fa", texts


def write_splits(path, parts):
    rows = [(*place.split(":"), part) for place, part in parts.items()]
    table = pd.DataFrame(rows, columns=["chrom", "start", "end", "split"])
    table.assign(label=1, drop_reason="").to_csv(path, sep="\t", index=False)
    return path


def seen(path, course=None, splits=(), regions=None, length=300):
    with Genome(path) as opened:
        left_out = choose_left_out(course or PretrainCourse(), splits, opened)
        stretches = stretches_of(opened, regions, left_out)
        windows = write_windows(opened, stretches, length, 0.1)
        return left_out, windows, "|".join(windows.bases(np.arange(len(windows.start))))


def test_held_out_chromosomes_and_regions_are_never_seen(genome, tmp_path):
    path, texts = genome
    splits = write_splits(
        tmp_path / "splits.tsv",
        {
            "chr1:100:900": "train",
            "chr1:2000:2600": "test",
            "chr1:2500:2900": "validation",
            "chr2:10:500": "test",
            "chr3:10:500": "train",
        },
    )
    left_out, windows, text = seen(path, splits=[splits])
    assert left_out.chromosomes == ["chr2"] and left_out.by == "splits"
    assert left_out.regions.to_numpy().tolist() == [["chr1", 2000, 2900]]
    for chrom, start, end in (("chr1", 2000, 2900), ("chr2", 0, 6000)):
        for place in range(start, end - 30, 7):
            assert texts[chrom][place : place + 30] not in text
    assert texts["chr1"][1970:2000] in text and texts["chr1"][2900:2930] in text
    sizes = windows.stop - windows.start
    assert windows.dropped["n_rich"] == 10 and sizes.sum() == 2000 + 3100 + 6000 + 3000
    with Genome(path) as opened:
        assert left_out.record(opened)["bases"] == 6_900


def test_who_says_what_is_held_out(genome, tmp_path, caplog):
    path, _ = genome
    assert seen(path, PretrainCourse(test_chromosomes=["2"]))[0].chromosomes == ["chr2"]
    with caplog.at_level("WARNING"):
        assert seen(path)[0].by == "nothing"
    assert "give --splits" in caplog.text
    seven = tmp_path / "seven.fa"
    seven.write_text(f">7\n{random_sequence(900)}\n>1\n{random_sequence(900, 1)}\n")
    assert seen(seven)[0].chromosomes == ["7"]
    assert seen(seven, PretrainCourse(leave_out="nothing"))[0].chromosomes == []
    splits = write_splits(tmp_path / "s.tsv", {"chrX:1:9": "test"})
    with pytest.raises(UserError, match="chrX is not in the genome"):
        seen(path, splits=[splits])
    with pytest.raises(UserError, match="chr9 is not in the genome"):
        seen(path, PretrainCourse(validation_chromosomes=["chr9"]))
    with pytest.raises(UserError, match="both given"):
        seen(path, PretrainCourse(test_chromosomes=["chr1"]), splits=[splits])
    with pytest.raises(UserError, match="too"):
        seen(path, PretrainCourse(leave_out="nothing"), splits=[splits])


def test_windows_fit_the_tokens_and_nothing_is_cut(genome):
    """Tokens of a batch are those of its windows, whichever strand and phase."""
    path, _ = genome
    tokenizer = KmerTokenizer(6, 6)
    with Genome(path) as opened:
        stretches = stretches_of(opened, None, choose_left_out(PretrainCourse(), (), opened))
        length = window_bases(opened, stretches, tokenizer, 64, 1)
        windows = write_windows(opened, stretches, length, 0.1)
    assert 250 <= length <= 64 * 6
    rows = np.arange(len(windows.start))
    batch = masked_batch(windows, rows, tokenizer, 64, 0.15, np.random.default_rng(1))
    assert (batch.stop - batch.start).max() <= 64
    assert (batch.stop - batch.start).sum() == len(batch.truth)
    alone = list(parts_of(batch, tokenizer, 200))
    halves = [list(parts_of(batch, tokenizer, 200, (i, 2))) for i in range(2)]
    asked = [sum(len(part.truth) for part in parts) for parts in (alone, [*halves[0], *halves[1]])]
    assert asked == [batch.chosen.sum()] * 2
    for part in alone:
        assert (part.batch.input_ids.numel() <= 200) or len(part.batch.input_ids) == 1
        assert int(part.asked.sum()) == len(part.truth)
    # more processes than windows: the last takes part, and asks for nothing
    extra = list(parts_of(batch, tokenizer, 200, (10_000, 10_001)))
    assert len(extra) == 1 and not extra[0].asked.any()


# ------------------------------------------------------------------------- heads


@pytest.mark.real
@pytest.mark.parametrize("version", ["nt_v1", "nt_v2"])
def test_published_head_gives_the_authors_logits(real_data, version):
    folder = real_data / "reference_models" / version
    backbone, tokenizer, _ = build_backbone(folder)
    head, published = masked_head(backbone, read_published(folder)[1], folder, 1)
    assert published and tokenizer.mask_id is not None
    expected = load_file(folder / "expected.safetensors")
    mask = expected["attention_mask"]
    with torch.inference_mode():
        logits = MaskedModel(backbone, head).eval()(expected["input_ids"], mask, mask.bool())
    torch.testing.assert_close(logits, expected["logits"][mask.bool()], atol=4e-4, rtol=0)
    state = load_file(folder / "model.safetensors")
    written = backbone.published_state() | head.published()
    assert all(torch.equal(written[key], state[key]) for key in head.published())


SMALL = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24)
KINDS = {
    "bert": {},
    "roberta": {"pad_token_id": 1},
    "esm": {"pad_token_id": 0, "mask_token_id": 4, "token_dropout": False},
    "modernbert": {"cls_token_id": 2, "sep_token_id": 3, "pad_token_id": 0},
    "big_bird": {"attention_type": "original_full"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_published_head_equals_transformers(kind, tmp_path):
    from transformers import AutoConfig, AutoModelForMaskedLM

    torch.manual_seed(1)
    config = AutoConfig.for_model(
        kind, vocab_size=69, max_position_embeddings=64, **SMALL, **KINDS[kind]
    )
    stock = AutoModelForMaskedLM.from_config(config).eval()
    for parameter in stock.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    stock.save_pretrained(tmp_path / "stock")
    KmerTokenizer(3).save(tmp_path / "stock")
    backbone = load_backbone(tmp_path / "stock")
    head, published = masked_head(backbone, read_published(tmp_path / "stock")[1], "stock", 1)
    assert published
    ids = torch.randint(5, 69, (2, 20))
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        theirs = stock(input_ids=ids, attention_mask=mask).logits
        ours = MaskedModel(backbone, head).eval()(ids, mask, mask.bool())
    torch.testing.assert_close(ours.view_as(theirs), theirs, atol=1e-4, rtol=1e-4)
    # written again, transformers reads it
    state = backbone.published_state() | head.published()
    again = AutoModelForMaskedLM.from_config(config).eval()
    lost = again.load_state_dict(state, strict=False)
    assert not [key for key in lost.unexpected_keys if "bias" not in key]
    with torch.inference_mode():
        torch.testing.assert_close(again(input_ids=ids, attention_mask=mask).logits, theirs)


def test_part_of_a_head_is_refused_and_none_makes_a_new_one(tmp_path):
    backbone = new_backbone(PRESETS["tiny"] | {"stride": 6, "pool": 1}, seed=1)
    assert masked_head(backbone, {}, "tiny", 1)[1] is False
    head, _ = masked_head(backbone, {}, "tiny", 1)
    assert head.decoder.weight is backbone.embedding.weight
    state = head.published()
    state.pop("lm_head.dense.weight")
    with pytest.raises(UserError, match=r"lacks lm_head.dense.weight"):
        masked_head(backbone, state, tmp_path, 1)
    state = head.published() | {"lm_head.bias": torch.zeros(7)}
    with pytest.raises(UserError, match=r"lm_head.bias has the shape \(7,\)"):
        masked_head(backbone, state, tmp_path, 1)


@pytest.mark.parametrize(("preset", "places"), [("tiny", 6), ("bases", 8)])
def test_each_place_of_a_shared_state_is_told_apart_by_one_decoder(preset, places):
    """Several tokens have one hidden state: what is learned of a token serves all places."""
    backbone, tokenizer, _ = build_backbone(preset)
    head, _ = masked_head(backbone, {}, preset, 1)
    assert backbone.tokens_a_state == places and head.bias.shape == (tokenizer.vocab_size,)
    assert (head.decoder.weight is backbone.embedding.weight) == (preset == "tiny")
    logits = head(torch.ones(places + 1, backbone.hidden_size), torch.arange(places + 1))
    assert logits.shape == (places + 1, tokenizer.vocab_size)
    torch.testing.assert_close(logits[0], logits[places])
    assert not torch.allclose(logits[0], logits[1])


# ------------------------------------------------------------------------- the training


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A genome whose sequence repeats itself, so that a few steps tell hidden tokens."""
    folder = tmp_path_factory.mktemp("data")
    unit = random_sequence(36, seed=5)
    beds = {1: [], 0: []}
    with open(folder / "genome.fa", "w") as fasta:
        for chromosome in range(1, 5):
            fasta.write(f">chr{chromosome}\n{unit * 150}\n")
            for i in range(12):
                beds[i % 2].append(f"chr{chromosome}\t{i * 400 + 20}\t{i * 400 + 250}\n")
    (folder / "se.bed").write_text("".join(beds[1]))
    (folder / "te.bed").write_text("".join(beds[0]))
    classes = dict(
        super_enhancers=folder / "se.bed", typical_enhancers=folder / "te.bed", min_length=50
    )
    extract(folder / "genome.fa", folder / "cell", sample="cell", **classes)
    split(
        [folder / "cell"],
        folder / "split",
        test_chromosomes=["chr1"],
        validation_chromosomes=["chr2"],
    )
    return folder


@pytest.fixture(scope="module")
def pretrained(data):
    """`tiny` after sixteen steps, and the folder of its checkpoints, which is empty again."""
    pretrain(
        "tiny",
        data / "pretrained",
        fasta=data / "genome.fa",
        splits=[data / "split/cell/splits.tsv"],
        **COURSE,
        checkpoints=data / "checkpoints",
        checkpoint_minutes=0,
        **QUICK,
    )
    return data / "pretrained"


def test_it_learns_and_says_what_it_saw(pretrained):
    summary = read_json(pretrained / "summary.json")
    (once,) = summary["pretraining"]
    assert summary["backbone"]["name"] == "tiny" and once["head"] == "new"
    assert once["left_out"] == {
        "by": "splits",
        "chromosomes": ["chr1", "chr2"],
        "whole": 2,
        "regions": 0,
        "bases": 2 * 5_400,
    }
    assert once["best"]["loss"] < once["constant"]["loss"] < once["start"]["loss"]
    assert once["bases"] + once["held_back"] * 324 == pytest.approx(2 * 5_400, abs=400)
    loss = read_tsv(pretrained / "loss.tsv")
    assert loss["step"].iloc[0] == 0 and pd.isna(loss["train_loss"].iloc[0])
    assert loss["step"].is_monotonic_increasing and loss["step"].iloc[-1] == once["steps"]
    assert loss["held_back_loss"].min() == pytest.approx(once["best"]["loss"], rel=1e-6)


def test_stage_1_and_2_take_it_as_any_encoder(pretrained, data, tmp_path):
    paths = [data / "cell"], [data / "split/cell/splits.tsv"]
    finetune_head(*paths, str(pretrained), tmp_path / "head", epochs=0, device="cpu")
    settings = load_model(tmp_path / "head").settings
    assert settings.backbone["name"] == "tiny" and settings.backbone["source"] == "folder"
    assert settings.backbone["licence"] == "MIT"
    (once,) = settings.pretraining
    assert once["left_out"]["chromosomes"] == ["chr1", "chr2"]
    weights = load_file(pretrained / "model.safetensors")
    head = load_file(tmp_path / "head/model.safetensors")
    key = "backbone.layers.0.qkv.weight"
    assert torch.equal(weights[key], head[key])
    finetune_full(tmp_path / "head", *paths, tmp_path / "full", epochs=1, device="cpu")
    # the recommended rate is that of tiny, whose name it keeps
    trained = load_model(tmp_path / "full").settings
    assert trained.training["full"]["learning_rate"] == 1e-3 and trained.pretraining == [once]
    finetune_head(
        *paths, str(pretrained), tmp_path / "twin", epochs=0, device="cpu", random_weights=True
    )
    assert load_model(tmp_path / "twin").settings.pretraining == []


def test_an_interrupted_one_goes_on_to_the_same_weights(pretrained, data, tmp_path, monkeypatch):
    options = dict(
        fasta=data / "genome.fa",
        splits=[data / "split/cell/splits.tsv"],
        **COURSE,
        checkpoints=tmp_path / "checkpoints",
        checkpoint_minutes=0,
        **QUICK,
    )
    step = masked_trainer.MaskedTrainer.train_step

    def told_to_stop(self, batch):
        step(self, batch)
        if self.step == 5:
            self.checkpoints.told_to_stop = True

    fit = masked_trainer.MaskedTrainer.fit

    def watched(self, checkpoints):
        self.checkpoints = checkpoints
        fit(self, checkpoints)

    with monkeypatch.context() as patch:
        patch.setattr(masked_trainer.MaskedTrainer, "train_step", told_to_stop)
        patch.setattr(masked_trainer.MaskedTrainer, "fit", watched)
        with pytest.raises(Interrupted):
            pretrain("tiny", tmp_path / "out", **options)
    assert not (tmp_path / "out").exists() and list(
        (tmp_path / "checkpoints").rglob("*.safetensors")
    )
    pretrain("tiny", tmp_path / "out", **options)
    for name in ("model.safetensors", "config.json", "vocab.txt"):
        assert (tmp_path / "out" / name).read_bytes() == (pretrained / name).read_bytes()
    columns = ["step", "train_loss", "held_back_loss", "learning_rate"]
    first, second = (read_tsv(folder / "loss.tsv") for folder in (pretrained, tmp_path / "out"))
    pd.testing.assert_frame_equal(first[columns], second[columns])
    assert not list((tmp_path / "checkpoints").rglob("*.safetensors"))
    assert not list((data / "checkpoints").rglob("*.safetensors"))


def test_it_goes_on_from_its_own_head(pretrained, data, tmp_path):
    summary = pretrain(
        str(pretrained),
        tmp_path / "again",
        fasta=data / "genome.fa",
        steps=1,
        leave_out="nothing",
        **QUICK,
    )
    first, second = summary["pretraining"]
    assert (first["head"], second["head"]) == ("new", "published")
    assert summary["backbone"]["name"] == "tiny"
    assert second["start"]["loss"] == pytest.approx(first["best"]["loss"], abs=1.5)
    assert [f.topic for f in judge_pretraining([first])] == []
    assert [f.topic for f in judge_pretraining([first, second])] == ["Pre-training saw the test"]


@pytest.mark.parametrize(("preset", "window"), [("bases", 130), ("small", 34)])
def test_other_presets_from_regions(preset, window, data, tmp_path):
    """Only the regions are seen, and of regions past a chromosome's end none."""
    (tmp_path / "some.bed").write_text("chr3\t0\t900\nchr3\t800\t1400\nchr4\t5000\t9000\n")
    summary = pretrain(
        preset,
        tmp_path / "out",
        fasta=data / "genome.fa",
        regions=tmp_path / "some.bed",
        invalid_regions="drop",
        steps=2,
        device="cpu",
        window=window,
        precision="bf16",
    )
    (once,) = summary["pretraining"]
    assert once["on"]["regions"] == "some.bed" and once["dropped"]["past_chromosome_end"] == 1
    assert once["bases"] < 1_400 and once["steps"] == 2
    assert np.isfinite(once["best"]["loss"])
    load_backbone(tmp_path / "out")


def test_mistakes_are_told(data, tmp_path):
    options = dict(fasta=data / "genome.fa", steps=1, **QUICK)
    (tmp_path / "held.bed").write_text("chr1\t0\t900\n")
    with pytest.raises(UserError, match="all of it is left out"):
        pretrain(
            "tiny",
            tmp_path / "out",
            regions=tmp_path / "held.bed",
            test_chromosomes=["chr1"],
            **options,
        )
    (tmp_path / "short.bed").write_text("chr1\t0\t30\n")
    with pytest.raises(UserError, match="1 are too short"):
        pretrain("tiny", tmp_path / "out", regions=tmp_path / "short.bed", **options)
    with pytest.raises(UserError, match="learning rate"):
        pretrain("tiny", tmp_path / "out", **(options | {"steps": 3}), learning_rate=1e30)
    with pytest.raises(UserError, match="context of 3072"):
        pretrain("tiny", tmp_path / "out", **(options | {"window": 4000}))
    config = read_json(data / "genome.json") if (data / "genome.json").exists() else None
    assert config is None and not (tmp_path / "out").exists()


# ------------------------------------------------------------------------- the report


def test_report_says_what_was_seen(pretrained, tmp_path):
    for fold in (1, 2):
        folder = tmp_path / "results/pretraining" / f"fold_{fold}"
        folder.mkdir(parents=True)
        for name in ("summary.json", "loss.tsv"):
            (folder / name).write_bytes((pretrained / name).read_bytes())
    results = collect([tmp_path / "results"])
    assert list(results.pretraining) == ["fold_1", "fold_2"]
    figure, told = section.sections(results)
    assert len(figure.data) == 4 and figure.config["data_labels"][0]["name"] == "Loss, fold 1"
    constants = figure.data[0]["best constant guess"]
    assert len(constants) == 2 and constants[0][1] == constants[1][1]
    assert "chr1, chr2: 10,800 bases" in told.data and "15% of the tokens" in told.data
    damaged = json.loads((folder / "summary.json").read_text())
    damaged["pretraining"][0]["best"]["loss"] = "low"
    (folder / "summary.json").write_text(json.dumps(damaged))
    with pytest.raises(UserError, match=r"summary.json: pretraining.0.best.loss is 'low'"):
        collect([tmp_path / "results"])


def test_a_damaged_summary_is_told_when_the_folder_is_used(pretrained, tmp_path):
    for path in pretrained.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    summary = json.loads((tmp_path / "summary.json").read_text())
    del summary["pretraining"][0]["left_out"]
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(UserError, match="left_out is missing"):
        build_backbone(tmp_path)
    # of another tool's it is none of our business
    (tmp_path / "summary.json").write_text('{"rows": 1}')
    assert build_backbone(tmp_path)[0].pretraining == ()
