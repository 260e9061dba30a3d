"""Checkpoints in the layouts that families publish: two layers, random weights, real vocabularies.

Whole runs that would do with any model take one of these, so that each family passes once from
regions to report.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

SMALL = {
    "hidden_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "initializer_range": 0.05,
}
# GENA-LM's byte pairs stand in for vocabularies that are not at hand: that of ModernBERT-DNA, and
# cut to the first merges those of DNABERT-S and GROVER
PAIRS = "tokenizers/gena_lm/tokenizers/t2t_1000h_multi_32k"
HUMAN_PAIRS = "tokenizers/gena_lm/tokenizers/human/BPE_32k"
GENA = "tokenizers/gena_lm/configs/L12-H768-A12-V32k-preln-lastln.json"
MODERNBERT = {
    "model_type": "modernbert",
    "vocab_size": 32000,
    "local_attention": 8,
    "max_position_embeddings": 512,
    **{f"{name}_token_id": number for name, number in
       (("cls", 1), ("bos", 1), ("sep", 2), ("eos", 2), ("pad", 3))},
}  # fmt: skip
BERT = {"model_type": "bert", "max_position_embeddings": 512, "type_vocab_size": 2}


class Layout(NamedTuple):
    """Where a layout's vocabulary and configuration lie, and what else its checkpoint holds.

    Attributes
    ----------
    vocabulary
        Folder of the tokeniser.
    config
        A file, or what would stand in it.
    tokens
        So many of the byte pairs, the first; None: all.
    empty
        A token of no letters behind them, and a merge with it.
    heads
        Shapes of the weights that its own classes put beside the encoder; None: none are there.
    """

    vocabulary: str
    config: str | dict[str, Any]
    tokens: int | None = None
    empty: bool = False
    heads: dict[str, tuple[int, ...]] | None = None


LAYOUTS = {
    "nt_v1": Layout("reference_models/nt_v1", "reference_models/nt_v1/config.json"),
    "nt_v2": Layout("reference_models/nt_v2", "reference_models/nt_v2/config.json"),
    "modernbert_dna": Layout(PAIRS, MODERNBERT),
    # as DeepSEA's branch: 919 marks
    "gena_supervised": Layout(PAIRS, GENA, heads={
        "bert.pooler.dense.weight": (32, 32), "bert.pooler.dense.bias": (32,),
        "classifier.weight": (919, 32), "classifier.bias": (919,),
    }),
    "dnabert_s": Layout(
        HUMAN_PAIRS,
        {**BERT, "vocab_size": 4096, "alibi_starting_size": 512, "pad_token_id": 3},
        tokens=4096,
    ),
    "grover": Layout(
        HUMAN_PAIRS, {**BERT, "vocab_size": 609, "pad_token_id": 3}, tokens=609, empty=True
    ),
}  # fmt: skip


def write_published(layout: str, to: Path) -> Path | None:
    """Write the checkpoint of a layout; None without real data, whose vocabulary it takes."""
    given = os.environ.get("SEFORMER_TEST_DATA")
    if not given or not Path(given).is_dir():
        return None
    import torch
    from safetensors.torch import load_file, save_file

    from seformer.model.backbones import random_backbone
    from seformer.sequence.tokenizers import load_tokenizer

    of = LAYOUTS[layout]
    vocabulary, config = Path(given) / of.vocabulary, of.config
    if isinstance(config, str):
        config = json.loads((Path(given) / config).read_text())
    random_backbone(config | SMALL, None if of.tokens else load_tokenizer(vocabulary), to=to)
    if of.tokens:
        shorten(vocabulary / "tokenizer.json", of, to / "tokenizer.json")
    if of.heads:
        weights = to / "model.safetensors"
        heads = {name: torch.zeros(shape) for name, shape in of.heads.items()}
        save_file(load_file(weights) | heads, weights)
    return to


def shorten(given: Path, of: Layout, to: Path) -> None:
    """Write byte pairs again with their first tokens alone."""
    tokenizer = json.loads(given.read_text())
    model = tokenizer["model"]
    vocab = {name: number for name, number in model["vocab"].items() if number < of.tokens}
    model["merges"] = [pair for pair in model["merges"] if pair.replace(" ", "") in vocab]
    if of.empty:
        vocab[""] = of.tokens
        model["merges"].append(["A", ""])
    model["vocab"] = vocab
    to.write_text(json.dumps(tokenizer))
