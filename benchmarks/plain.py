"""The way it is done today: the Trainer of transformers, padded to one length, in file order."""

from __future__ import annotations

from pathlib import Path

import inputs
import numpy as np
import torch
from torch import nn
from transformers import PreTrainedTokenizerFast, PrinterCallback, Trainer, TrainingArguments

from seformer.model.folder import Model
from seformer.sequence.dna import reverse_complement


class PlainClassifier(nn.Module):
    """The same backbone and head as a model that the Trainer takes: one window a sequence."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.classifier = model.classifier
        prefix, suffix = model.tokenizer.wrap
        special = torch.tensor([*prefix, *suffix, model.tokenizer.pad_id])
        self.register_buffer("special", special, persistent=False)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        states = self.classifier.backbone.states(input_ids, attention_mask)
        content = ~torch.isin(input_ids, self.special)
        features = self.classifier.pool_tokens(states, content)
        number = len(input_ids)
        tokens = content.sum(1).float()
        margins = self.classifier.margins(features, tokens, torch.arange(number), number)
        if labels is None:
            return {"logits": margins}
        loss = nn.functional.binary_cross_entropy_with_logits(margins, labels)
        return {"loss": loss, "logits": margins}


def dataset(
    sequences: list[str], padded: int, labels: list[float] | None = None
) -> list[dict[str, torch.Tensor]]:
    """Tokenise every sequence and pad it to so many tokens."""
    folder = inputs.tokenizer_folder()
    known = inputs.tokenizer()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"))
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(known.pad_id)
    encoded = tokenizer(
        sequences,
        padding="max_length",
        max_length=padded,
        return_tensors="pt",
    )
    rows = [
        {"input_ids": ids, "attention_mask": mask}
        for ids, mask in zip(encoded["input_ids"], encoded["attention_mask"], strict=True)
    ]
    for row, label in zip(rows, labels or [], strict=False):
        row["labels"] = torch.tensor(label)
    return rows


def both_strands(sequences: list[str]) -> list[str]:
    return [strand for s in sequences for strand in (s, reverse_complement(s))]


def trainer(model: Model, work: Path, **options) -> Trainer:
    """A Trainer with its own defaults (8 sequences a batch) on the processor."""
    arguments = TrainingArguments(
        output_dir=str(work / "trainer"),
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        label_names=["labels"],
        **{key: value for key, value in options.items() if not key.endswith("_dataset")},
    )
    sets = {key: value for key, value in options.items() if key.endswith("_dataset")}
    made = Trainer(PlainClassifier(model), arguments, **sets)
    made.remove_callback(PrinterCallback)
    return made


def scores(model: Model, sequences: list[str], padded: int, work: Path) -> np.ndarray:
    """Margin of each sequence, both strands averaged: float64 ``[sequences]``."""
    rows = dataset(both_strands(sequences), padded)
    margins = trainer(model, work).predict(rows).predictions
    return np.asarray(margins, dtype=float).reshape(-1, 2).mean(1)
