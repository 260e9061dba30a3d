"""Broken and hostile model folders."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from bad_case import BACKBONE, PREDICT, STAGE_1, case


def edited(
    file: str, change: Callable[[dict], object] | bytes | str | None, good: str = "model"
) -> Callable[[Path, Path], None]:
    """A copy of the sound model with one file changed, replaced, or (None) removed."""

    def make(here: Path, sound: Path) -> None:
        shutil.copytree(sound / good, here / "model")
        path = here / "model" / file
        if change is None:
            path.unlink()
        elif callable(change):
            record = json.loads(path.read_text())
            changed = change(record)
            path.write_text(json.dumps(record if changed is None else changed))
        else:
            path.write_bytes(change.encode() if isinstance(change, str) else change)

    return make


def weights(change: Callable[[dict], object]) -> Callable[[Path, Path], None]:
    """A copy of the sound model with changed tensors."""

    def make(here: Path, sound: Path) -> None:
        from safetensors.torch import load_file, save_file

        shutil.copytree(sound / "model", here / "model")
        path = here / "model/model.safetensors"
        state = load_file(path)
        change(state)
        save_file(state, path, metadata={"format": "pt"})

    return make


def _cut_weights(here: Path, sound: Path) -> None:
    shutil.copytree(sound / "model", here / "model")
    os.truncate(here / "model/model.safetensors", 5_000)


def _giant_header(here: Path, sound: Path) -> None:
    """A header that says it is 2^60 bytes long."""
    shutil.copytree(sound / "model", here / "model")
    (here / "model/model.safetensors").write_bytes((1 << 60).to_bytes(8, "little") + b"{}")


def giant(file: str) -> Callable[[Path, Path], None]:
    """A gigabyte of a small file, without a byte on the disk."""

    def make(here: Path, sound: Path) -> None:
        shutil.copytree(sound / "model", here / "model")
        os.truncate(here / "model" / file, 1 << 30)

    return make


class Payload:
    """What would run a command if it were unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch '{self.witness}'",)


def _pickle(here: Path, sound: Path) -> None:
    import torch

    shutil.copytree(sound / "model", here / "model")
    (here / "model/model.safetensors").unlink()
    torch.save({"x": Payload(here / "ran")}, here / "model/pytorch_model.bin")


def _outside(here: Path, sound: Path) -> None:
    shutil.copytree(sound / "model", here / "model")
    (here / "model/model.safetensors").unlink()
    index = {"weight_map": {"x": "../../../../etc/passwd"}}
    (here / "model/model.safetensors.index.json").write_text(json.dumps(index))


def _code(here: Path, sound: Path) -> None:
    """A configuration that asks for the repository's own code."""
    shutil.copytree(sound / "model", here / "model")
    witness = here / "ran"
    (here / "model/modeling_x.py").write_text(f"open({str(witness)!r}, 'w')\n")
    config = json.loads((here / "model/config.json").read_text())
    config |= {"model_type": "evo3", "auto_map": {"AutoModel": "modeling_x.Model"}}
    (here / "model/config.json").write_text(json.dumps(config))


def _wrong_sum(here: Path, sound: Path) -> None:
    shutil.copytree(sound / "model", here / "model")
    record = {"hub": "a/b", "revision": "c", "sha256": {"model.safetensors": "0" * 64}}
    (here / "model/checksums.json").write_text(json.dumps(record))


def _sum_outside(here: Path, sound: Path) -> None:
    shutil.copytree(sound / "model", here / "model")
    record = {"hub": "a/b", "revision": "c", "sha256": {"../../../../etc/passwd": "0" * 64}}
    (here / "model/checksums.json").write_text(json.dumps(record))


def _nested_ensemble(here: Path, sound: Path) -> None:
    """An ensemble whose member leads back to itself: it has no end."""
    setting(members=2)(here, sound)
    (here / "model/members").mkdir()
    (here / "model/members/2").symlink_to("..", target_is_directory=True)


def setting(**values: object) -> Callable[[Path, Path], None]:
    return edited("seformer.json", lambda record: record.update(values))


def without(name: str) -> Callable[[Path, Path], None]:
    return edited("seformer.json", lambda record: {k: v for k, v in record.items() if k != name})


def config(**values: object) -> Callable[[Path, Path], None]:
    return edited("config.json", lambda record: record.update(values))


NAN_SLOPE = {"method": "temperature", "slope": float("nan"), "prevalence": 0.5, "regions": 9}
NO_CURVE = {"method": "isotonic", "logits": [0.0], "probabilities": [], "prevalence": 0.5}
MODELS = [
    case("model/no_settings", PREDICT, edited("seformer.json", None), "not a model folder"),
    case("model/settings_no_json", PREDICT, edited("seformer.json", '{\n"a":'), "line 2", "JSON"),
    case("model/settings_list", PREDICT, edited("seformer.json", "[]"), "seformer.json"),
    case("model/settings_deep", PREDICT, edited("seformer.json", "[" * 200_000), "nested"),
    case("model/settings_giant", PREDICT, giant("seformer.json"), "larger than 64 MiB"),
    case("model/settings_future", PREDICT, setting(format=2), "format", "this version"),
    case("model/settings_unknown", PREDICT, setting(run="rm -rf /"), "run: Extra inputs"),
    case("model/settings_no_threshold", PREDICT, without("threshold"), "threshold is missing"),
    case(
        "model/settings_no_calibration", PREDICT, without("calibration"), "calibration is missing"
    ),
    case("model/members_nested", PREDICT, _nested_ensemble, "is an ensemble itself"),
    case("model/members_missing", PREDICT, setting(members=2), "members/2"),
    case("model/window_text", PREDICT, setting(window="all"), "window", "integer"),
    case("model/window_zero", PREDICT, setting(window=0), "window"),
    case("model/window_only_special", PREDICT, setting(window=2), "window"),
    case("model/overlap_large", PREDICT, setting(overlap=10**6), "overlap"),
    case("model/threshold_nan", PREDICT, setting(threshold=float("nan")), "threshold"),
    case("model/calibration_nan", PREDICT, setting(calibration=NAN_SLOPE), "calibration.slope"),
    case("model/calibration_short", PREDICT, setting(calibration=NO_CURVE), "calibration"),
    case("model/dropout_text", PREDICT, setting(training={"dropout": "x"}), "dropout"),
    case("model/no_config", PREDICT, edited("config.json", None), "no such file", "config.json"),
    case("model/config_list", PREDICT, edited("config.json", "[1]"), "config.json", "no object"),
    case("model/config_not_text", PREDICT, edited("config.json", b"\xff\xfe{"), "not valid JSON"),
    case("model/config_text_size", PREDICT, config(hidden_size="x"), "config.json"),
    case("model/config_negative", PREDICT, config(hidden_size=-4), "config.json"),
    case("model/config_giant", PREDICT, config(vocab_size=10**15), "config.json"),
    case("model/config_layers", PREDICT, config(num_hidden_layers=10**9), "config.json"),
    case("model/config_heads", PREDICT, config(num_attention_heads=3), "a divisor of hidden_size"),
    case("model/config_odd_heads", PREDICT, config(num_attention_heads=16), "even width"),
    case("model/config_other_size", PREDICT, config(hidden_size=32), "has the shape"),
    case(
        "model/config_lacks",
        PREDICT,
        edited("config.json", lambda c: {k: v for k, v in c.items() if k != "hidden_size"}),
        "lacks 'hidden_size'",
    ),
    case("model/config_code", PREDICT, _code, "seformer never runs"),
    case("model/config_decoder", PREDICT, config(model_type="gpt2"), "is not an encoder"),
    case("model/no_weights", PREDICT, edited("model.safetensors", None), "has no weights"),
    case("model/weights_cut", PREDICT, _cut_weights, "damaged", "model.safetensors"),
    case("model/weights_empty", PREDICT, edited("model.safetensors", b""), "damaged"),
    case("model/weights_text", PREDICT, edited("model.safetensors", "<html>" * 99), "damaged"),
    case("model/weights_giant_header", PREDICT, _giant_header, "damaged"),
    case("model/weights_pickle", BACKBONE, _pickle, "could run code", "safetensors"),
    case("model/weights_outside", PREDICT, _outside, "names files outside the folder"),
    case("model/weights_sum", PREDICT, _wrong_sum, "not what was downloaded"),
    case("model/sums_outside", PREDICT, _sum_outside, "outside the folder"),
    case("model/sums_list", PREDICT, edited("checksums.json", "[]"), "checksums.json"),
    case(
        "model/weights_nan",
        PREDICT,
        weights(lambda s: [t.fill_(float("nan")) for t in s.values()]),
        "not finite",
    ),
    case(
        "model/weights_extra",
        PREDICT,
        weights(lambda s: s.update(extra=next(iter(s.values())).clone())),
        "unknown key",
    ),
    case(
        "model/weights_no_head",
        PREDICT,
        weights(lambda s: [s.pop(k) for k in list(s) if k.startswith("head.")]),
        "are missing",
    ),
    case("model/no_tokenizer", PREDICT, edited("vocab.txt", None), "no tokeniser"),
    case("model/tokenizer_giant", PREDICT, giant("vocab.txt"), "larger than 64 MiB"),
    case("model/tokenizer_binary", PREDICT, edited("vocab.txt", b"\xff\0\xff"), "not text"),
    case(
        "model/tokenizer_stride",
        PREDICT,
        edited("tokenizer_config.json", lambda c: c.update(kmer={"stride": 0})),
        "stride",
    ),
    case(
        "model/tokenizer_kmer_list",
        PREDICT,
        edited("tokenizer_config.json", lambda c: c.update(kmer=[])),
        "tokenizer_config.json",
    ),
    case(
        "model/tokenizer_larger",
        PREDICT,
        edited(
            "vocab.txt",
            "\n".join(
                ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
                + [f"{i:04d}" for i in range(9000)]
                + ["ACG"]
            ),
        ),
        "tokeniser has",
    ),
    case(
        "model/backbone_folder_empty", BACKBONE, lambda h, _: (h / "model").mkdir(), "config.json"
    ),
    case("model/name_unknown", STAGE_1 + " --model gena-lm-bert-bsae", None, "did you mean"),
    case("model/name_option", STAGE_1 + " --model=--help", None, "no model or folder"),
]
