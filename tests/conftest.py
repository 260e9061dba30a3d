"""What the tests of all kinds share."""

import os
from pathlib import Path

ROOT = Path(__file__).parents[1]

# pipeline tests run in copies of the repository, the environment is the repository's own
os.environ["SEFORMER_ROOT"] = str(ROOT)
