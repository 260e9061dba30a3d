"""A task that runs out of GPU memory is tried again with half the batch, and scores the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from beside import beside
from runs import DEMO, TOLERANCE, Run, run

from seformer.util.tables import read_tsv

SMALL_GPU = Path(__file__).parent / "small_gpu"


@beside()
def small_gpu(reference) -> Run:
    """The reference's model on a GPU that is too small for its batches."""
    return run(
        "small_gpu",
        "venv",
        *("--trained_model", reference.sample / "model", "--fasta", DEMO / "genome.fa.gz"),
        *("--predict", DEMO / "to_score.bed", "--batch_tokens", 2048, "--max_cpus", 2),
        environment={"PYTHONPATH": str(SMALL_GPU)},
    )


def test_smaller_batches_after_too_little_gpu_memory(reference, small_gpu):
    assert (
        small_gpu.said.count("terminated with an error exit status (75) -- Execution is retried")
        == 2
    )
    assert "--batch-tokens 512 " in small_gpu.command_file("PREDICT", ".command.sh")
    name = "predictions/to_score.tsv"
    here, there = (read_tsv(ran.sample / name)["logit"] for ran in (reference, small_gpu))
    np.testing.assert_allclose(there, here, rtol=0, atol=TOLERANCE)
