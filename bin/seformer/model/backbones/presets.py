"""The presets trained from scratch, and their tokenisers."""

from __future__ import annotations

from typing import Any

from seformer.sequence.tokenizers import KmerTokenizer

__all__ = ["PRESETS", "preset_tokenizer"]

_SIX_MERS: dict[str, Any] = {
    "model_type": "seformer_kmer",
    "k": 6,
    "stride": 1,
    # six neighbouring k-mers are one position
    "pool": 6,
    "vocab_size": 4101,
    # 512 positions: 3,070 k-mers and two special tokens, 3,075 bp in one window
    "max_position_embeddings": 3072,
    # dropout inside the layers costs a third of the time on a CPU; random strand, k-mers left out
    # and dropout of the embeddings regularise as well
    "hidden_dropout_prob": 0.0,
    "token_dropout_prob": 0.5,
    "embedding_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "rotary_base": 10000.0,
    "pad_token_id": 0,
}

PRESETS: dict[str, dict[str, Any]] = {
    "tiny": _SIX_MERS
    | {
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 512,
    },
    "small": _SIX_MERS
    | {
        "hidden_size": 256,
        "num_hidden_layers": 4,
        "num_attention_heads": 8,
        "intermediate_size": 1024,
    },
    "bases": {
        "model_type": "seformer_stem",
        "k": 1,
        "stride": 1,
        "vocab_size": 9,
        "embedding_width": 4,
        "stem_width": 48,
        # as long as motifs are
        "stem_kernel": 13,
        "pool": 8,
        "mixing_kernel": 5,
        # 4,096 bases and two special tokens in one window
        "max_position_embeddings": 4098,
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 128,
        "hidden_dropout_prob": 0.0,
        "embedding_dropout_prob": 0.1,
        "initializer_range": 0.1,
        "rotary_base": 1000.0,
        "pad_token_id": 0,
    },
}


def preset_tokenizer(config: dict[str, Any]) -> KmerTokenizer:
    """Return the k-mer tokeniser of a preset's configuration."""
    return KmerTokenizer(config["k"], config["stride"])
