"""Time of integrated gradients: enforced completeness against 700 fixed steps one at a time.

    python benchmarks/explain_speed.py MODEL FASTA BED [REGIONS]

Both attribute the same regions, strands and references (one shuffle each). Printed are seconds
of processor time a region and the median completeness error.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from captum.attr import LayerIntegratedGradients

from seformer.attribute import Settings, attribute
from seformer.genome import Genome
from seformer.gradients import (
    Job,
    StrandMargin,
    make_examples,
    reference_margins,
    with_reference,
)
from seformer.modelfolder import load_model
from seformer.references import make_references
from seformer.regions import read_regions
from seformer.score import both_strands

FIXED_STEPS = 700


def one_at_a_time(model, sequence: str, key: str, seed: int) -> float:
    """Attribute one region with `FIXED_STEPS` and one step per pass; return its error."""
    strands = model.tokenizer.encode(both_strands([sequence]))
    ids = make_references(
        model.tokenizer, strands, [sequence], [key], reference="dinucleotide", number=1, seed=seed
    )[0]
    examples = make_examples(model, strands)
    jobs = [
        with_reference(e, ids[strands.splits[s] : strands.splits[s + 1]])
        for s, e in enumerate(examples)
    ]
    own = [Job(e, e.batch.input_ids) for e in examples]
    difference = (
        reference_margins(model, own, 10**9) - reference_margins(model, jobs, 10**9)
    ).mean()
    function, total = StrandMargin(model, 10**9), 0.0
    method = LayerIntegratedGradients(function, function.lookup)
    for job in jobs:
        batch = job.example.batch
        values = method.attribute(
            batch.input_ids[None],
            baselines=job.reference[None],
            additional_forward_args=(batch.attention_mask[None], batch.content_mask[None]),
            n_steps=FIXED_STEPS,
            method="gausslegendre",
            internal_batch_size=1,
        )
        total += float(values.detach().double().sum()) / 2
    return abs(total - difference) / abs(difference)


def main(model_folder: str, fasta: str, bed: str, number: str = "5") -> None:
    torch.set_num_threads(1)
    model = load_model(model_folder, torch.device("cpu"))
    rows = read_regions(bed, labels=False).regions.head(int(number))
    with Genome(fasta) as genome:
        sequences = genome.fetch_many(rows)
    keys = [f"{c}:{s}-{e}" for c, s, e in rows[["chrom", "start", "end"]].itertuples(index=False)]
    began = time.process_time()
    results = attribute(model, sequences, keys, Settings(references=1))
    ours = (time.process_time() - began) / len(rows)
    began = time.process_time()
    pairs = zip(sequences, keys, strict=True)
    errors = [one_at_a_time(model, sequence, key, 1) for sequence, key in pairs]
    theirs = (time.process_time() - began) / len(rows)
    own = np.array([result.completeness_error for result in results])
    sys.stdout.write(
        f"regions\t{len(rows)}\nseformer\t{ours:.3f} s\tmedian error {np.median(own):.2g}"
        f"\tlargest {own.max():.2g}\n{FIXED_STEPS} steps\t{theirs:.3f} s\tmedian error"
        f" {np.median(errors):.2g}\tlargest {max(errors):.2g}\nratio\t{theirs / ours:.1f}\n"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
