"""The ways a model can be set up, by name; without torch, so that the options can name them."""

from __future__ import annotations

from typing import Literal

TokenPooling = Literal["mean", "cls"]
WindowPooling = Literal["mean", "lse", "attention"]
CalibrationMethod = Literal["temperature", "isotonic", "none"]
