"""Checkpoints in the layouts that families publish: two layers, random weights, real vocabularies.

Whole runs that would do with any model take one of these, so that each family passes once from
regions to report.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

SMALL = {
    "hidden_size": 32,
    "num_attention_heads": 2,
    "num_hidden_layers": 2,
    "intermediate_size": 64,
    "initializer_range": 0.05,
}
# GENA-LM's stands in for the vocabulary of ModernBERT-DNA, which is not at hand
PAIRS = "tokenizers/gena_lm/tokenizers/t2t_1000h_multi_32k"
MODERNBERT = {
    "model_type": "modernbert",
    "vocab_size": 32000,
    "local_attention": 8,
    "max_position_embeddings": 512,
    **{f"{name}_token_id": number for name, number in
       (("cls", 1), ("bos", 1), ("sep", 2), ("eos", 2), ("pad", 3))},
}  # fmt: skip
# of each layout the folder of its vocabulary, and its configuration
LAYOUTS: dict[str, tuple[str, str | dict[str, Any]]] = {
    "nt_v1": ("reference_models/nt_v1", "reference_models/nt_v1/config.json"),
    "nt_v2": ("reference_models/nt_v2", "reference_models/nt_v2/config.json"),
    "modernbert_dna": (PAIRS, MODERNBERT),
}


def write_published(layout: str, to: Path) -> Path | None:
    """Write the checkpoint of a layout; None without real data, whose vocabulary it takes."""
    given = os.environ.get("SEFORMER_TEST_DATA")
    if not given or not Path(given).is_dir():
        return None
    from seformer.model.backbones import random_backbone
    from seformer.sequence.tokenizers import load_tokenizer

    vocabulary, config = LAYOUTS[layout]
    if isinstance(config, str):
        config = json.loads((Path(given) / config).read_text())
    random_backbone(config | SMALL, load_tokenizer(Path(given) / vocabulary), to=to)
    return to
