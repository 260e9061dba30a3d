"""What the tests on a GPU share. Without one they are skipped, and say so.

``SEFORMER_TEST_DEVICE=cpu`` runs them on the processor, to see that they themselves are right.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

UNIT = Path(__file__).parents[1] / "unit"
# the families and the data of the unit tests
sys.path.insert(0, str(UNIT))


@pytest.fixture(scope="session")
def device() -> str:
    wanted = os.environ.get("SEFORMER_TEST_DEVICE", "cuda")
    if wanted == "cuda" and not torch.cuda.is_available():
        pytest.skip("there is no CUDA here")
    return wanted


@pytest.fixture
def no_tf32() -> Iterator[None]:
    """Convolutions in float32 as well; products are already."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture(scope="session")
def real_data() -> Path:
    folder = os.environ.get("SEFORMER_TEST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SEFORMER_TEST_DATA does not name the folder of real data")
    return Path(folder)
