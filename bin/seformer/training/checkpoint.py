"""Checkpoints of a training: written now and then, and at once when the task is told to stop."""

from __future__ import annotations

import logging
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from seformer.util import verified_tensors

logger = logging.getLogger(__name__)


class Interrupted(SystemExit):
    """Training was told to stop; a checkpoint has been written."""


class Checkpoints:
    """The checkpoints of one training in ``folder``; with None there are none.

    Parameters
    ----------
    folder
        Outlives the task; its name stands for everything that determines the training's course.
    seconds
        Between two checkpoints within an epoch.
    stem
        How their files' names begin.
    """

    def __init__(self, folder: Path | None, seconds: float, stem: str = "stage2") -> None:
        self.folder, self.stem = folder, stem
        self.seconds = seconds
        # of several processes one alone writes
        self.writes = True
        self.last = time.monotonic()
        self.told_to_stop = False

    def __enter__(self) -> Checkpoints:
        if self.folder is not None:
            self.previous = signal.signal(signal.SIGTERM, self._stop)
        return self

    def __exit__(self, *_: object) -> None:
        if self.folder is not None:
            signal.signal(signal.SIGTERM, self.previous)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.told_to_stop = True

    def due(self) -> bool:
        """Tell whether it is time for one, or the task was told to stop."""
        return self.folder is not None and (
            self.told_to_stop or time.monotonic() - self.last >= self.seconds
        )

    def save(self, tensors: dict[str, torch.Tensor], record: dict[str, Any]) -> None:
        """Write a checkpoint; raise `Interrupted` if the task was told to stop."""
        if self.folder is not None and self.writes:
            try:
                verified_tensors.save(self.folder, self.stem, tensors, record)
            except OSError as error:
                # a full disk must not end a training that can go on
                logger.warning("no checkpoint can be written (%s): the one before stays", error)
        self.last = time.monotonic()
        if self.told_to_stop:
            logger.warning("told to stop: run again to go on from the last checkpoint")
            raise Interrupted(128 + signal.SIGTERM)

    def load(self) -> verified_tensors.Stored | None:
        return None if self.folder is None else verified_tensors.load(self.folder, self.stem)

    def clear(self) -> None:
        """Remove the checkpoints of a finished training."""
        if self.folder is not None and self.folder.is_dir():
            for path in self.folder.glob(f"{self.stem}-*.safetensors"):
                path.unlink(missing_ok=True)
            if not any(self.folder.iterdir()):
                self.folder.rmdir()
