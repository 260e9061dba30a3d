"""Stage 1: train the classifier on the frozen backbone, whose features are computed once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from seformer.genome import assemblies
from seformer.model.backbones import build_backbone
from seformer.model.classifier import check_pooling
from seformer.model.folder import OWN_FILES, Model, new_model, save_model
from seformer.model.settings import Assembly, TrainingRange
from seformer.scoring.score import Scorer, WindowFeatures
from seformer.scoring.views import STRANDS
from seformer.sequence.kmers import KmerScale
from seformer.splits.dataset import LabelledDataset, open_dataset
from seformer.splits.record import record_split
from seformer.training.common import (
    EarlyStopping,
    Progress,
    check_finite,
    class_weights,
    recommended_rates,
    validate,
    weighted_loss,
    write_history,
)
from seformer.training.feature_cache import first_windows, frozen_features, strands_of, take_strands
from seformer.training.kmer_linear import fit_spectrum, set_spectrum, weigh_spectrum
from seformer.training.settings import HeadSettings, looked_up
from seformer.util.atomic import output_folder, require_writable
from seformer.util.devices import resolve_device
from seformer.util.errors import UserError
from seformer.util.labels import TRAINING_PARTS
from seformer.util.optimisers import AdamW
from seformer.util.settings import takes

# what a k-mer counts, by the choice of --features
SPECTRUM_SCALES: dict[str, KmerScale] = {"kmer": "frequency", "kmer_density": "log_density"}
# added to the spread of a feature, as part of the features' size: a head that lives on smaller
# differences than this would be thrown off by the first steps of stage 2
SPREAD_FLOOR = 0.1
WEIGHT_DECAY = 0.01
# of more "chromosomes" (contigs, one a region) the names say nothing
MOST_CHROMOSOMES = 100


@takes(HeadSettings)
def finetune_head(
    extracted: Sequence[Path], splits: Sequence[Path], model: str, out: Path, settings: HeadSettings
) -> None:
    """Train a new head and write the model folder and ``history.tsv`` into ``out``.

    With ``features`` = ``kmer`` or ``kmer_density`` the margin of a k-mer spectrum, fitted here, is
    added to the transformer's, see `seformer.training.kmer_linear`.

    The backbone's features of the training and validation regions are computed once (and kept
    in ``cache`` if given); the test regions are not read. With 0 ``epochs`` the new head is written
    as it is: a backbone without pre-training has little to offer before stage 2.

    Raises
    ------
    UserError
        If the data, the model or an option cannot be used.
    """
    require_writable(out)
    data = open_dataset(extracted, splits)
    device = resolve_device(settings.device)
    backbone, tokenizer, origin = build_backbone(
        model, seed=settings.seed, random_weights=settings.random_weights
    )
    check_pooling(settings.token_pooling, tokenizer.wrap)
    scale = SPECTRUM_SCALES.get(settings.features)
    fitted = fit_spectrum(data, scale) if scale else None
    torch.manual_seed(settings.seed)
    special = sum(map(len, tokenizer.wrap))
    fresh = new_model(
        backbone,
        tokenizer,
        origin,
        device=device,
        sample=settings.sample or str(data.regions["sample"].iloc[0]),
        window=check_window(settings.window, settings.overlap, backbone.context, special),
        overlap=settings.overlap,
        phases=tokenizer.phases,
        token_pooling=settings.token_pooling,
        window_pooling=settings.window_pooling,
        spectrum=fitted.k if fitted else None,
        spectrum_scale=scale or "frequency",
        seeds=[settings.seed],
        assembly=assembly(data),
        splits=record_split(data, splits),
        training_range=training_range(data),
        training={"class_weights": settings.weights, "dropout": settings.dropout}
        | ({"random_weights": True} if settings.random_weights else {}),
    )
    if fitted:
        set_spectrum(fresh.classifier.spectrum, fitted)
    settings = settings.but(
        learning_rate=settings.learning_rate or recommended_rates(origin.name).head
    )
    scorer, history = Scorer(fresh, settings.batch_tokens), []
    if settings.epochs:
        features = frozen_features(scorer, data, settings.cache)
        trainer = HeadTrainer(fresh, data, features, settings)
        trainer.fit()
        history = trainer.progress.rows
    fresh.settings.training["head"] = {
        name: getattr(settings, name) for name in ("learning_rate", "epochs", "patience")
    }
    if fitted:
        weight = weigh_spectrum(scorer, data)
        fresh.settings.training["spectrum"] = {"C": fitted.strength, "weight": weight}
    with output_folder(out, own=OWN_FILES) as staging:
        save_model(fresh, staging)
        write_history(history, staging / "history.tsv")


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


def training_range(data: LabelledDataset) -> TrainingRange:
    """Describe the training regions, so that prediction can flag what lies outside."""
    train = data.regions.iloc[data.select("train")]
    edges = [0.005, 0.995]
    chromosomes = sorted(map(str, data.regions["chrom"].unique()))
    return TrainingRange(
        length=tuple(np.quantile(train["length"], edges)),
        gc=tuple(np.quantile(train["gc"], edges)),
        prevalence=float(train["label"].mean()),
        regions=len(train),
        chromosomes=chromosomes if len(chromosomes) <= MOST_CHROMOSOMES else [],
    )


def assembly(data: LabelledDataset) -> Assembly:
    """Record the genome, so that prediction can flag another one.

    Raises
    ------
    UserError
        If the samples were extracted from different genomes.
    """
    genomes = [source.summary.get("genome", {}) for source in data.store.sources]
    if any(assemblies.differ(genomes[0], genome) for genome in genomes[1:]):
        raise UserError(
            "the samples were extracted from different genomes",
            where=data.store.sources[0].folder,
            do="extract all samples from one FASTA",
        )
    first = genomes[0]
    return Assembly(
        name=first.get("assembly"),
        fingerprint=first.get("fingerprint"),
        sequences=first.get("sequences", {}),
    )


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


class HeadTrainer:
    """Trains the head, and the window attention if there is one, on frozen features.

    Parameters
    ----------
    pooled
        Features of the windows over both strands of the training and validation regions.
    """

    def __init__(
        self, model: Model, data: LabelledDataset, pooled: WindowFeatures, settings: HeadSettings
    ) -> None:
        self.model, self.settings = model, settings
        self.weights = class_weights(data.labels("train"), settings.weights)
        parts = data.regions["split"].to_numpy()[data.select(*TRAINING_PARTS)]
        self.labels = torch.from_numpy(data.labels(*TRAINING_PARTS))
        self.train = strands_of(torch.from_numpy(np.flatnonzero(parts == "train")))
        self.validation = torch.from_numpy(np.flatnonzero(parts == "validation"))
        self.first = first_windows(pooled)
        classifier = model.classifier
        self.trained = nn.ModuleList([classifier.head])
        layers = [classifier.head.dense]
        if classifier.window_pooling == "attention":
            self.trained.append(classifier.attention)
            layers += [classifier.attention.value, classifier.attention.gate]
        training = take_strands(pooled, self.train, self.first)
        self.standardiser = Standardiser(training.features, layers)
        self.pooled = pooled._replace(features=self.standardiser.apply(pooled.features))
        self.validated = take_strands(self.pooled, strands_of(self.validation), self.first)
        self.optimizer = AdamW(
            self.trained.parameters(),
            lr=looked_up(settings.learning_rate),
            weight_decay=WEIGHT_DECAY,
        )
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.progress = Progress(1, settings.epochs, EarlyStopping(settings.patience))
        self.step = 0

    def fit(self) -> None:
        """Train; leaves the weights of the best epoch by validation, for raw features."""
        for epoch in range(1, self.settings.epochs + 1):
            began = time.monotonic()
            loss = self.train_epoch(epoch)
            self.progress.end_epoch(
                self.trained,
                epoch,
                self.validate(),
                step=self.step,
                train_loss=loss,
                learning_rate=looked_up(self.settings.learning_rate),
                seconds=time.monotonic() - began,
            )
            if self.progress.stopping.stop:
                break
        self.progress.restore_best(self.trained)
        self.standardiser.fold()

    def train_epoch(self, epoch: int) -> float:
        """Train on every strand once, in random order; returns the mean loss."""
        self.trained.train()
        device, total = self.model.device, 0.0
        order = self.train[torch.randperm(len(self.train), generator=self.generator)]
        for chosen in order.split(STRANDS * self.settings.batch_size):
            batch = (tensor.to(device) for tensor in take_strands(self.pooled, chosen, self.first))
            margins = self.model.classifier.margins(*batch, len(chosen))
            truth = self.labels[chosen // STRANDS].to(device)
            loss = weighted_loss(margins, truth, self.weights.to(device)).mean()
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            self.step += 1
            check_finite(loss.item(), stage=1, epoch=epoch, step=self.step)
            total += loss.item() * len(chosen)
        return total / len(order)

    def validate(self) -> dict[str, float]:
        """Loss and AUROC of the validation part, both strands averaged."""
        margins = Scorer(self.model).margins(self.validated, STRANDS * len(self.validation))
        return validate(
            margins.reshape(-1, STRANDS).mean(1), self.labels[self.validation].numpy(), self.weights
        )
