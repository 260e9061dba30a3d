"""Encoders that are classes of the installed transformers (BERT, ModernBERT, BigBird, ESM, …)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import CONFIG_MAPPING, MODEL_FOR_MASKED_LM_MAPPING, MODEL_MAPPING

from seformer.model.backbones.base import (
    ESM_MASKED_HEAD,
    Backbone,
    HeadStyle,
    MaskedHeadStyle,
    key_mask,
    zero_padding,
)
from seformer.model.backbones.registry import fitting
from seformer.model.backbones.sparse import Pattern, attend_gathered
from seformer.util.errors import UserError

# transformers makes a name for each of any number of labels; the head is ours
_NOT_READ = ("auto_map", "num_labels", "id2label", "label2id")
# keys that stand for something a stock BERT does not do
_NOT_STOCK = ("sparse_attention", "sparse_config_cls")


def _head_style(config: Any) -> HeadStyle:
    """Return the names and form of transformers' own sequence classifier of a family."""
    kind = config.model_type
    if kind == "bert":
        return HeadStyle("bert.pooler.dense", "classifier")
    if kind == "big_bird":
        return HeadStyle("classifier.dense", "classifier.out_proj", activation=config.hidden_act)
    if kind == "modernbert":
        return HeadStyle(
            "head.dense",
            "classifier",
            activation=config.classifier_activation,
            norm="head.norm",
            dense_bias=config.classifier_bias,
            norm_bias=config.norm_bias,
            norm_eps=config.norm_eps,
            pooling="cls" if config.classifier_pooling == "cls" else "",
        )
    if kind in ("esm", "roberta"):
        return HeadStyle("classifier.dense", "classifier.out_proj")
    return HeadStyle("seformer_head.dense", "seformer_head.out", pooling="")


# of the tokens, as published: Warner et al. 2024, arXiv:2412.13663; all others as BERT
_MASK_SHARES = {"modernbert": 0.3}


def _masked_head_style(config: Any) -> MaskedHeadStyle:
    """Return the names and form of transformers' own masked-LM head of a family."""
    kind = config.model_type
    if kind == "modernbert":
        return MaskedHeadStyle(
            "head.dense",
            "head.norm",
            "decoder",
            ("decoder.bias",),
            config.classifier_activation,
            config.classifier_bias,
            config.norm_bias,
            config.norm_eps,
        )
    eps = getattr(config, "layer_norm_eps", 1e-12)
    if kind == "esm":
        return ESM_MASKED_HEAD._replace(norm_eps=eps)
    if kind == "roberta":
        bias = ("lm_head.bias", "lm_head.decoder.bias")
        return ESM_MASKED_HEAD._replace(bias=bias, norm_eps=eps)
    return MaskedHeadStyle(activation=getattr(config, "hidden_act", "gelu"), norm_eps=eps)


def _parse(config: dict[str, Any], where: str | Path | None) -> Any:
    """Turn a published configuration into that of the installed class."""
    kind = config.get("model_type")
    code = "; its repository holds code, which seformer never runs" if "auto_map" in config else ""
    if kind is None or kind not in CONFIG_MAPPING:
        raise UserError(
            f"the model type {kind!r} is no class of the installed transformers{code}",
            where=where,
            expected="an encoder such as bert, big_bird, modernbert or esm",
            do=f"choose another; {fitting(kind)}",
        )
    config_class = CONFIG_MAPPING[kind]
    if config_class not in MODEL_FOR_MASKED_LM_MAPPING or config_class not in MODEL_MAPPING:
        raise UserError(
            f"the model type {kind!r} is not an encoder",
            where=where,
            expected="a bidirectional encoder (masked language model)",
        )
    odd = [key for key in _NOT_STOCK if config.get(key)]
    if odd:
        raise UserError(
            f"the configuration asks for {', '.join(odd)}, which the stock {kind} does not do",
            where=where,
            do="if this is a GENA-LM model, use its published config.json (pre_layer_norm = true)",
        )
    try:
        parsed = config_class.from_dict({k: v for k, v in config.items() if k not in _NOT_READ})
    except Exception as error:  # transformers raises many kinds for a bad value
        raise UserError(f"the configuration is not valid ({error})", where=where) from error
    if getattr(parsed, "is_decoder", False) or getattr(parsed, "is_encoder_decoder", False):
        raise UserError("the model is a decoder", where=where, expected="an encoder")
    parsed.use_cache = False
    return parsed


def _positions(model: nn.Module) -> nn.Embedding | None:
    table = getattr(getattr(model, "embeddings", None), "position_embeddings", None)
    return table if isinstance(table, nn.Embedding) else None


def _first_position(model: nn.Module) -> int | None:
    """Return the first token's position where a model counts from the padding index on.

    RoBERTa and ESM do; they would read padding from the tokens' ids, which an attribution may have
    replaced: here positions come from the attention mask. None for all others.
    """
    table = _positions(model)
    counts = "position_ids" in inspect.signature(model.forward).parameters
    if table is None or table.padding_idx is None or not counts:
        return None
    return table.padding_idx + 1


def _context(model: nn.Module) -> int | None:
    """Return how many tokens the positions of a model allow."""
    table = _positions(model)
    if table is not None:
        reserved = 0 if table.padding_idx is None else table.padding_idx + 1
        return table.num_embeddings - reserved
    return getattr(model.config, "max_position_embeddings", None)


class StockEncoder(Backbone):
    """An encoder class of transformers behind the interface of `Backbone`."""

    hint = "take config.json and the weights from the same place"
    ignored_keys = (*Backbone.ignored_keys, "rotary_emb.inv_freq", "rotary_embeddings.inv_freq")

    @classmethod
    def matches(
        cls, config: dict[str, Any], weights: Mapping[str, torch.Tensor] | None = None
    ) -> bool:
        return True

    @classmethod
    def draw(cls, config: dict[str, Any], where: str | Path | None = None) -> Backbone:
        """Make the encoder of a published configuration with random weights.

        Raises
        ------
        UserError
            If no installed class fits.
        """
        config = {"model_type": "bert", **config}
        parsed = _parse(config, where)
        model_class = MODEL_MAPPING[type(parsed)]
        if isinstance(model_class, tuple):
            model_class = model_class[0]
        options: dict[str, Any] = {}
        if "add_pooling_layer" in inspect.signature(model_class.__init__).parameters:
            options["add_pooling_layer"] = False
        known: Any = model_class  # transformers' own table may say None, for a class of no weights
        attention = "sdpa" if known._supports_sdpa else "eager"
        model = known._from_config(
            parsed, attn_implementation=attention, dtype=torch.float32, **options
        )
        return (BigBird if parsed.model_type == "big_bird" else cls)(config, model)

    def __init__(self, config: dict[str, Any], model: nn.Module) -> None:
        super().__init__({**config, "hidden_size": model.config.hidden_size}, _context(model))
        self.model = model
        self.family = model.config.model_type
        self.prefix = model.base_model_prefix + "."
        self.head_style = _head_style(model.config)
        self.masked_head_style = _masked_head_style(model.config)
        self.mask_share = _MASK_SHARES.get(self.family, self.mask_share)
        self.first_position = _first_position(model)
        self.masks_are_zero = bool(getattr(model.config, "token_dropout", False))
        for name, parameter in model.named_parameters():
            if "contact_head." in name:  # ESM's, which no hidden state depends on
                parameter.requires_grad_(False)

    @property
    def embedding(self) -> nn.Embedding:
        return self.model.get_input_embeddings()

    @property
    def weights(self) -> nn.Module:
        return self.model

    def gradient_checkpointing_enable(self) -> None:
        super().gradient_checkpointing_enable()
        model = self.model
        # transformers renames it; the old name warns
        switch = getattr(
            model, "activation_checkpointing_enable", model.gradient_checkpointing_enable
        )
        switch({"use_reentrant": False})

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        self.check_tokens(input_ids)
        mask = attention_mask.long()
        given = {}
        if self.first_position is not None:
            padding = self.first_position - 1
            given["position_ids"] = mask.cumsum(1) * mask + padding
        hidden = self.model(input_ids=input_ids, attention_mask=mask, **given)
        return zero_padding(hidden.last_hidden_state, attention_mask)


def bigbird_pattern(heads: int, blocks: int, block: int, random_blocks: int) -> Pattern:
    """Return which blocks see which in BigBird's stock class outside training.

    First and last block are global, a block sees its neighbours, and the "random" blocks are all
    the first one: transformers draws them in training only. So the first block counts
    1 + ``random_blocks`` times for every block of queries but the global ones.
    """
    rows = torch.arange(1, blocks - 1)
    first, last = torch.zeros_like(rows), torch.full_like(rows, blocks - 1)
    seen = [first] * (1 + random_blocks) + [rows - 1, rows, rows + 1, last]
    index = torch.stack(seen, dim=1)
    valid = torch.ones_like(index, dtype=torch.bool)
    # the neighbour of the second block and of the last but one is global, and counted there
    valid[0, -4] = valid[-1, -2] = False
    everything = torch.ones(heads, blocks, blocks, dtype=torch.bool)
    ends = torch.tensor([0, blocks - 1])
    return Pattern(
        everything, block, rows, ends, index.expand(heads, -1, -1), valid.expand(heads, -1, -1)
    )


class BigBird(StockEncoder):
    """BigBird whose attention depends on a sequence's own length only.

    The stock class scores a lone sequence with full attention up to (5 + 2·random blocks)·block
    tokens (704 as published) and block-sparse attention beyond, but it stays with full attention
    for good after the first short input, and its last block (global) moves with the padding. Here
    every sequence of a batch gets what the stock class, fresh, gives it alone: sequences are
    grouped by their own number of blocks. All attention runs on SDPA, in a fifth of the stock
    class's memory. Training uses the pattern of scoring.
    """

    def gradient_checkpointing_enable(self) -> None:
        self.gradient_checkpointing = True

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        self.check_tokens(input_ids)
        hidden = self.model.embeddings(input_ids=input_ids)
        config = self.model.config
        lengths = attention_mask.sum(1).long()
        blocks = -(-lengths // config.block_size)
        limit = (5 + 2 * config.num_random_blocks) * config.block_size
        full = lengths <= limit
        if config.attention_type == "original_full":
            full = torch.ones_like(full)
        blocks[full] = 0
        out = torch.zeros_like(hidden)
        for number in blocks.unique().tolist():
            rows = torch.nonzero(blocks == number).squeeze(1)
            tokens = int(lengths[rows].max()) if number == 0 else number * config.block_size
            part = hidden[rows, :tokens]
            mask = attention_mask[rows, :tokens]
            missing = tokens - part.shape[1]
            part, mask = F.pad(part, (0, 0, 0, missing)), F.pad(mask, (0, missing))
            # long sequences one at a time, so that memory does not grow with their number
            size = len(rows) if number == 0 else 1
            pairs = zip(part.split(size), mask.split(size), strict=True)
            part = torch.cat([self._encode(*pair, number) for pair in pairs])
            part = part[:, : hidden.shape[1]]
            part = F.pad(part, (0, 0, 0, hidden.shape[1] - part.shape[1]))
            out = out.index_copy(0, rows, part.to(out.dtype))
        return zero_padding(out, attention_mask)

    def _encode(
        self, hidden: torch.Tensor, attention_mask: torch.Tensor, blocks: int
    ) -> torch.Tensor:
        """Run the layers, with full attention if ``blocks`` is 0."""
        config = self.model.config
        keep, mask = attention_mask.bool(), key_mask(attention_mask)
        dropout = config.attention_probs_dropout_prob if self.training else 0.0
        pattern = None
        if blocks:
            sizes = config.num_attention_heads, blocks, config.block_size
            drawn = bigbird_pattern(*sizes, config.num_random_blocks)
            on_device: Any = (x.to(hidden.device) if torch.is_tensor(x) else x for x in drawn)
            pattern = Pattern(*on_device)

        def one(layer: nn.Module, hidden: torch.Tensor) -> torch.Tensor:
            attention = layer.attention.self
            query, key, value = (
                part(hidden).unflatten(-1, (config.num_attention_heads, -1)).transpose(1, 2)
                for part in (attention.query, attention.key, attention.value)
            )
            if pattern is None:
                mixed = F.scaled_dot_product_attention(query, key, value, mask, dropout)
            else:
                mixed = attend_gathered(query, key, value, keep, pattern)
            mixed = layer.attention.output(mixed.transpose(1, 2).flatten(2), hidden)
            return layer.feed_forward_chunk(mixed)

        for layer in self.model.encoder.layer:
            hidden = self.run(one, layer, hidden)
        return hidden
