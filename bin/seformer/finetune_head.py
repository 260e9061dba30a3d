"""Stage 1: train the classifier on the frozen backbone, whose features are computed once."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from seformer import checked, files
from seformer.backbones import build_backbone
from seformer.classifier import RegionClassifier, check_pooling
from seformer.devices import resolve_device
from seformer.errors import UserError
from seformer.extracted import read_genome
from seformer.logs import progress
from seformer.modelfolder import (
    Assembly,
    Model,
    TrainingRange,
    new_model,
    save_model,
)
from seformer.score import (
    DEFAULT_BATCH_TOKENS,
    STRANDS,
    WindowFeatures,
    both_strands,
    chunks,
    strand_margins,
    window_features,
)
from seformer.training import (
    TRAINING_PARTS,
    EarlyStopping,
    History,
    TrainingData,
    check_finite,
    class_weights,
    fingerprint,
    open_training_data,
    recommended_rates,
    validate,
    weighted_loss,
)

logger = logging.getLogger(__name__)
# added to the spread of a feature, as part of the features' size: a head that lives on smaller
# differences than this would be thrown off by the first steps of stage 2
SPREAD_FLOOR = 0.1


def finetune_head(
    extracted: Sequence[Path],
    splits: Sequence[Path],
    model: str,
    out: Path,
    *,
    sample: str | None = None,
    window: int | None = None,
    overlap: int = 0,
    token_pooling: str = "mean",
    window_pooling: str = "mean",
    epochs: int = 50,
    learning_rate: float | None = None,
    patience: int = 8,
    batch_size: int = 64,
    dropout: float = 0.1,
    weights: str = "balanced",
    batch_tokens: int = DEFAULT_BATCH_TOKENS,
    cache: Path | None = None,
    seed: int = 1,
    device: str = "auto",
) -> None:
    """Train a new head and write the model folder and ``history.tsv`` into ``out``.

    The backbone's features of the training and validation regions are computed once (and kept
    in ``cache`` if given); the test regions are not read.

    Raises
    ------
    UserError
        If the data, the model or an option cannot be used.
    """
    data = open_training_data(extracted, splits)
    place = resolve_device(device)
    backbone, tokenizer, origin = build_backbone(model, seed=seed)
    check_pooling(token_pooling, tokenizer.wrap)
    torch.manual_seed(seed)
    fresh = new_model(
        backbone,
        tokenizer,
        origin,
        device=place,
        sample=sample or str(data.regions["sample"].iloc[0]),
        window=check_window(window, overlap, backbone.context, sum(map(len, tokenizer.wrap))),
        overlap=overlap,
        token_pooling=token_pooling,
        window_pooling=window_pooling,
        seeds=[seed],
        assembly=assembly(data),
        training_range=training_range(data),
        training={"class_weights": weights, "dropout": dropout},
    )
    features = cached_features(fresh, data, batch_tokens, cache)
    rate = learning_rate or recommended_rates(origin.name).head
    history = train_head(
        fresh,
        data,
        features,
        epochs=epochs,
        learning_rate=rate,
        patience=patience,
        batch_size=batch_size,
        weights=class_weights(data.labels("train"), weights),
        seed=seed,
    )
    fresh.settings.training |= {
        "head": {"learning_rate": rate, "epochs": epochs, "patience": patience}
    }
    with files.output_folder(out) as staging:
        save_model(fresh, staging)
        history.write(staging / "history.tsv")


def check_window(window: int | None, overlap: int, context: int | None, special: int) -> int | None:
    """Return the window in tokens, at most the backbone's context.

    Raises
    ------
    UserError
        If it does not fit.
    """
    if window is None:
        window = context
    if window is None:
        return None
    if context is not None and window > context:
        raise UserError(
            f"a window of {window} tokens is longer than the model's context of {context}",
            where="--window",
            do=f"use at most {context}",
        )
    if not 0 <= overlap < window - special:
        raise UserError(
            f"an overlap of {overlap} tokens does not fit a window of {window}",
            where="--overlap",
            expected=f"0 to {window - special - 1}",
        )
    return window


def training_range(data: TrainingData) -> TrainingRange:
    """Describe the training regions, so that prediction can flag what lies outside."""
    train = data.regions.iloc[data.select("train")]
    edges = [0.005, 0.995]
    return TrainingRange(
        length=tuple(np.quantile(train["length"], edges)),
        gc=tuple(np.quantile(train["gc"], edges)),
        prevalence=float(train["label"].mean()),
        regions=len(train),
    )


def assembly(data: TrainingData) -> Assembly:
    """Record the genome, so that prediction can flag another one.

    Raises
    ------
    UserError
        If the samples were extracted from different genomes.
    """
    genomes = [read_genome(folder) for folder in data.folders]
    if len({genome.get("fingerprint") for genome in genomes}) > 1:
        raise UserError(
            "the samples were extracted from different genomes",
            where=data.folders[0],
            do="extract all samples from one FASTA",
        )
    return Assembly(name=genomes[0].get("assembly"), fingerprint=genomes[0].get("fingerprint"))


def cached_features(
    model: Model, data: TrainingData, batch_tokens: int, cache: Path | None
) -> WindowFeatures:
    """Compute the frozen features of the training and validation regions, or read them back."""
    settings = model.settings
    stem = "features-" + fingerprint(
        data=data.digest(),
        backbone=weights_digest(model.classifier),
        window=settings.window,
        overlap=settings.overlap,
        token_pooling=settings.token_pooling,
    )
    if cache is not None and (stored := checked.load(cache, stem)) is not None:
        logger.info("frozen features read from %s", cache)
        return WindowFeatures(**stored.tensors)
    parts = []
    strands = 0
    for group in progress(chunks(data.sequences(*TRAINING_PARTS)), "frozen features"):
        both = both_strands(group)
        pooled = window_features(model, model.tokenizer.encode(both), batch_tokens)
        parts.append(pooled._replace(strand=pooled.strand + strands))
        strands += len(both)
    features = WindowFeatures(*(torch.cat(column) for column in zip(*parts, strict=True)))
    if cache is not None:
        checked.save(cache, stem, features._asdict(), {})
    return features


def weights_digest(classifier: RegionClassifier) -> str:
    """SHA-256 of the backbone's weights (the head's do not change the features)."""
    state = hashlib.sha256()
    for key, value in sorted(classifier.backbone.published_state().items()):
        state.update(key.encode())
        state.update(value.detach().cpu().contiguous().view(torch.uint8).numpy())
    return state.hexdigest()


class Standardiser:
    """Centre and scale of the features, folded into the first linear layers afterwards.

    Mean-pooled features of a frozen backbone vary far less than their mean; a head learns fast
    on standardised features, and folding leaves an ordinary head behind.
    """

    def __init__(self, features: torch.Tensor, layers: Sequence[nn.Linear]) -> None:
        self.scale = features.std(0) + SPREAD_FLOOR * features.square().mean().sqrt()
        centred = all(layer.bias is not None for layer in layers)
        self.centre = features.mean(0) if centred else torch.zeros_like(self.scale)
        self.layers = layers

    def apply(self, features: torch.Tensor) -> torch.Tensor:
        return (features - self.centre) / self.scale

    @torch.no_grad()
    def fold(self) -> None:
        """Make the layers take raw features: W(x − c)/s + b = (W/s) x + (b − (W/s) c)."""
        for layer in self.layers:
            layer.weight.div_(self.scale.to(layer.weight.device))
            if layer.bias is not None:
                layer.bias.sub_(layer.weight @ self.centre.to(layer.weight.device))


def rows_of(strands: torch.Tensor, first: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of the windows of ``strands`` and the position of each row's strand in ``strands``.

    ``first`` int64 ``[strands + 1]`` holds where each strand's windows begin.
    """
    number = first[strands + 1] - first[strands]
    owner = torch.repeat_interleave(torch.arange(len(strands)), number)
    begin = torch.cumsum(number, 0) - number
    rows = first[strands][owner] + torch.arange(len(owner)) - begin[owner]
    return rows, owner


def train_head(
    model: Model,
    data: TrainingData,
    pooled: WindowFeatures,
    *,
    epochs: int,
    learning_rate: float,
    patience: int,
    batch_size: int,
    weights: torch.Tensor,
    seed: int,
) -> History:
    """Train head (and window attention) on cached features; keep the best epoch by validation."""
    classifier = model.classifier
    parts = data.regions["split"].to_numpy()[data.select(*TRAINING_PARTS)]
    labels = torch.from_numpy(data.labels(*TRAINING_PARTS))
    train = torch.from_numpy(np.flatnonzero(parts == "train"))
    validation = torch.from_numpy(np.flatnonzero(parts == "validation"))
    first = torch.searchsorted(pooled.strand, torch.arange(STRANDS * len(parts) + 1))

    train_rows, _ = rows_of(_strands(train), first)
    layers = [classifier.head.dense]
    if classifier.window_pooling == "attention":
        layers += [classifier.attention.value, classifier.attention.gate]
    standardiser = Standardiser(pooled.features[train_rows], layers)
    pooled = pooled._replace(features=standardiser.apply(pooled.features))
    validation_rows, validation_owner = rows_of(_strands(validation), first)
    held = WindowFeatures(
        pooled.features[validation_rows], pooled.tokens[validation_rows], validation_owner
    )

    trained = nn.ModuleList([classifier.head])
    if classifier.window_pooling == "attention":
        trained.append(classifier.attention)
    optimizer = torch.optim.AdamW(trained.parameters(), lr=learning_rate, weight_decay=0.01)
    stopping, history = EarlyStopping(patience), History()
    generator = torch.Generator().manual_seed(seed)
    best = {}
    step = 0
    for epoch in range(1, epochs + 1):
        began = time.monotonic()
        trained.train()
        total = 0.0
        order = _strands(train)
        order = order[torch.randperm(len(order), generator=generator)]
        for chosen in order.split(STRANDS * batch_size):
            rows, owner = rows_of(chosen, first)
            batch = [pooled.features[rows], pooled.tokens[rows], owner]
            margins = classifier.margins(*(b.to(model.device) for b in batch), len(chosen))
            truth = labels[chosen // STRANDS].to(model.device)
            loss = weighted_loss(margins, truth, weights.to(model.device)).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            check_finite(loss.item(), stage=1, epoch=epoch, step=step)
            total += loss.item() * len(chosen)
        margins = strand_margins(model, held, STRANDS * len(validation))
        result = validate(margins.reshape(-1, STRANDS).mean(1), labels[validation].numpy(), weights)
        history.add(
            stage=1,
            epoch=epoch,
            step=step,
            train_loss=total / len(order),
            learning_rate=learning_rate,
            seconds=time.monotonic() - began,
            **result,
        )
        if stopping.update(epoch, result):
            best = {key: value.clone() for key, value in trained.state_dict().items()}
        if stopping.stop:
            break
    trained.load_state_dict(best)
    standardiser.fold()
    classifier.eval()
    logger.info("stage 1: best epoch %d, AUROC %.4f", stopping.best_epoch, stopping.best[0])
    return history


def _strands(regions: torch.Tensor) -> torch.Tensor:
    return (STRANDS * regions[:, None] + torch.arange(STRANDS)).flatten()
