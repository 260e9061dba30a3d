"""The presets trained from scratch, and their tokeniser."""

from __future__ import annotations

from typing import Any

from seformer.sequence.tokenizers import KmerTokenizer

__all__ = ["PRESETS", "preset_tokenizer"]

_COMMON: dict[str, Any] = {
    "model_type": "seformer_kmer",
    "k": 6,
    "stride": 6,
    "vocab_size": 4101,
    # 510 k-mers and two special tokens: 3,060 bp in one window
    "max_position_embeddings": 512,
    # dropout inside the layers costs a third of the time on a CPU; random phase and strand and
    # dropout of the embeddings regularise as well
    "hidden_dropout_prob": 0.0,
    "embedding_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "rotary_base": 10000.0,
    "pad_token_id": 0,
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": _COMMON
    | {
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 512,
    },
    "small": _COMMON
    | {
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "intermediate_size": 1024,
    },
}


def preset_tokenizer(config: dict[str, Any]) -> KmerTokenizer:
    """Return the k-mer tokeniser of a preset's configuration."""
    return KmerTokenizer(config["k"], config["stride"])
