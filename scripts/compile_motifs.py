#!/usr/bin/env python3
"""Has numba compile, and keep beside its libraries, what motifs are named and searched with.

A minute, once an environment: whoever names motifs first there would wait for it, and several tasks
at a time would each compile.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "bin"))

from seformer.motifs.changes import MotifFile
from seformer.motifs.seqlets import find_seqlets, name_seqlets
from seformer.motifs.track import Track

BASES, MOTIFS, WIDTH = 600, 40, 12


def main() -> None:
    random = np.random.default_rng(0)
    values = random.normal(0, 0.01, BASES)
    values[100 : 100 + WIDTH] += 1
    text = "".join(random.choice([*"ACGT"], BASES))
    region = {"chrom": "chr1", "start": 0, "name": "one", "class": "SE", "region": 0}
    track = Track(values, text, np.array([0, BASES]), pd.DataFrame([region]))
    motifs = {f"M{i}": random.dirichlet(np.ones(4), WIDTH).T for i in range(MOTIFS)}
    seqlets, _ = find_seqlets(track, 0.01)
    name_seqlets(seqlets, track, motifs, 1)
    flank = text[: 2 * WIDTH]
    MotifFile(motifs, 1e-4)([(flank, "A", "C", flank)])


if __name__ == "__main__":
    main()
