"""Real regions, real bases and real byte-pair tokens: every value of the track on its own base."""

import numpy as np
import pandas as pd
import pybigtools
import pysam
import pytest
import tokenizers
from toys import toy_model

from seformer.explain import explain as module
from seformer.explain.folder import read_attributions
from seformer.explain.tracks import TRACK_FILE
from seformer.sequence.dna import reverse_complement
from seformer.sequence.tokenizers import BpeTokenizer

# assembly gaps of hg19: into the first, out of the second, and single N
AROUND_N = [
    ("chr22", 16_049_400, 16_051_200, "ends_with_bases"),
    ("chr22", 16_696_900, 16_698_400, "ends_with_n"),
    ("chr22", 19_205_100, 19_205_900, "single_n"),
]
GAP_INSIDE = ("chr22", 20_508_900, 20_610_200, "gap_inside")


def deepse_regions(folder, number=3):
    """The shortest regions of a cell line on the part of chr22 that is there."""
    table = pd.read_csv(folder / "u87.csv")
    near = table[(table["chrom"] == "chr22") & table["end"].between(16_050_000, 22_000_000)]
    near = near.sort_values("length").head(number)
    assert len(near) == number
    return [(row.chrom, row.start, row.end, f"deepse_{row.label}") for row in near.itertuples()]


def placed(published, bases):
    """Ids, first and last base of every token without N: found in the text, token by token."""
    encoded, place, found = published.encode(bases, add_special_tokens=False), 0, []
    for number, text in zip(encoded.ids, encoded.tokens, strict=True):
        if text == "-":  # a run of N
            while bases[place : place + 1] == "N":
                place += 1
            continue
        text = "N" if text == "[UNK]" else text
        assert bases[place : place + len(text)] == text
        if "N" not in text:
            found.append((number, place, place + len(text)))
        place += len(text)
    assert place == len(bases)
    return found, len(encoded.ids)


def expected(model, published, bases):
    """What a linear, context-free model gives each base: half of each strand's tokens' shares."""
    backbone, head = model.classifier.backbone, model.classifier.head
    worth = (backbone.embedding.weight @ head.weight).detach().double().numpy()
    total = np.zeros(len(bases))
    for reverse in (False, True):
        text = reverse_complement(bases) if reverse else bases
        tokens, number = placed(published, text)
        values = np.zeros(len(bases))
        for token, start, end in tokens:
            values[start:end] = (worth[token] - worth[model.tokenizer.pad_id]) / number
            values[start:end] /= end - start
        total += (values[::-1] if reverse else values) / 2
    return total


@pytest.mark.real
@pytest.mark.parametrize("name", ["human/BPE_32k", "t2t_1000h_multi_32k"])
def test_track_of_real_tokens_lies_on_their_bases(real_data, tmp_path, monkeypatch, name):
    folder = real_data / "tokenizers" / "gena_lm" / "tokenizers" / name
    published = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    # linear and context-free, so that the share of every token is known
    model = toy_model(tokenizer=BpeTokenizer(folder), window=128)
    monkeypatch.setattr(module, "load_model", lambda folder, device: model)
    genome = real_data / "hg19_chr22" / "chr22_1-22000000.fa.gz"
    regions = [*deepse_regions(real_data / "deepse"), *AROUND_N]
    if name.startswith("t2t"):  # one token for 100 kb of N; the other tokenizer has one a base
        regions.append(GAP_INSIDE)
    bed = tmp_path / "regions.bed"
    bed.write_text("".join("\t".join(map(str, row)) + "\n" for row in regions))
    how = {"reference": "pad", "max_steps": 8, "faithfulness_regions": 0}
    module.explain("model", tmp_path / "out", fasta=genome, regions=bed, **how)
    table = read_attributions(tmp_path / "out")
    assert table["logit"].notna().all()
    letters = ""
    with (
        pybigtools.open(str(tmp_path / "out" / TRACK_FILE)) as track,
        pysam.FastaFile(str(genome)) as fasta,
    ):
        for row in table.itertuples():
            raw = fasta.fetch(row.chrom, row.start, row.end)
            letters += raw
            bases = raw.upper()
            values = track.values(row.chrom, row.start, row.end, fillna=None)
            wanted = expected(model, published, bases)
            scale = np.abs(wanted).max()
            np.testing.assert_allclose(values, wanted, rtol=1e-4, atol=1e-5 * scale)
            assert not values[np.array(list(bases)) == "N"].any()
            # the same values one base off would not do
            assert np.abs(values[1:] - wanted[:-1]).max() > 0.1 * scale
            assert abs(values.sum() - row.attribution_sum) < 1e-4
    assert {"a", "A", "N"} <= set(letters)
