"""Registry: names, suggestions, and downloads from a hub made of a folder."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import seformer
from seformer.model.backbones import build_backbone, random_backbone, registry
from seformer.model.backbones.fetch import fetch
from seformer.model.backbones.presets import PRESETS
from seformer.sequence.tokenizers import (
    KmerTokenizer,
    MixedTokenizer,
    load_tokenizer,
    mixed_vocabulary,
)
from seformer.training.common import recommended_rates
from seformer.util.errors import UserError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SMALL = {
    "hidden_size": 16,
    "num_attention_heads": 2,
    "num_hidden_layers": 1,
    "intermediate_size": 32,
    "vocab_size": 69,
    "max_position_embeddings": 32,
    "model_type": "bert",
    "alibi_starting_size": 32,
}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Stand in for the hub: one repository in a folder, and what was asked of it."""
    import huggingface_hub

    repository = tmp_path / "repository"
    random_backbone(SMALL, KmerTokenizer(3), to=repository)
    (repository / "bert_layers.py").write_text("raise SystemExit")
    (repository / "tf_model.h5").write_bytes(b"")
    (repository / "pytorch_model.bin").write_bytes(b"")
    asked = []

    def model_info(self, hub, revision=None):
        asked.append((hub, revision))
        names = [path.name for path in repository.iterdir()]
        siblings = [SimpleNamespace(rfilename=name) for name in names]
        return SimpleNamespace(sha=revision or COMMIT, siblings=siblings)

    def snapshot_download(hub, revision, allow_patterns, local_dir=None, local_files_only=False):
        folder = Path(local_dir or tmp_path / "cache" / revision)
        folder.mkdir(parents=True, exist_ok=True)
        for name in allow_patterns:
            shutil.copy(repository / name, folder)
        return str(folder)

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return SimpleNamespace(asked=asked, repository=repository)


@pytest.fixture
def no_network(monkeypatch):
    """Fail every request at once."""
    import huggingface_hub

    def unreachable(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)


def test_entries_are_complete_and_unique():
    entries = registry.entries()
    names = [entry.name for entry in entries]
    assert len(set(names)) == len(names) and set(PRESETS) <= set(names)
    for entry in entries:
        assert (entry.hub is None) == (entry.name in PRESETS)
        assert entry.revision is None or re.fullmatch("[0-9a-f]{40}", entry.revision)
        assert set(entry.learning_rates) == {"head", "full"}
        assert all(re.fullmatch(r"chr(\d+|[XY])", name) for name in entry.held_out)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_as_the_registry_says(name):
    entry, (model, tokenizer, _) = registry.find(name), build_backbone(name)
    assert entry.parameters == sum(p.numel() for p in model.parameters())
    assert entry.context_tokens == model.context
    special = sum(map(len, tokenizer.wrap))
    bases = (model.context - special) * tokenizer.stride
    assert entry.context_bp == bases + tokenizer.k - tokenizer.stride


def test_t2t_models_hold_out_chromosomes_7_and_10():
    assert registry.find("gena-lm-bert-large-t2t").held_out == ["chr7", "chr10"]
    assert registry.find("AIRI-Institute/gena-lm-bert-base").held_out == ["chr22", "chrY"]


@pytest.mark.parametrize(
    ("typo", "name"),
    [
        ("tinny", "tiny"),
        ("gena-lm-bert-base-t2", "gena-lm-bert-base-t2t"),
        ("DNABERT2", "dnabert-2"),
    ],
)
def test_a_typo_suggests_the_right_name(typo, name):
    with pytest.raises(UserError, match=f"did you mean {name}"):
        build_backbone(typo)


def test_a_missing_folder_is_not_taken_for_a_hub_id(tmp_path):
    with pytest.raises(UserError, match="no model or folder"):
        build_backbone(tmp_path / "model")


def test_a_registry_name_loads_at_its_pinned_revision(hub):
    pinned = registry.find("dnabert-2").revision
    model, tokenizer, origin = build_backbone("dnabert-2")
    assert hub.asked == [("zhihan1996/DNABERT-2-117M", pinned)]
    assert origin == ("dnabert-2", "registry", pinned, "dnabert2")
    assert model.family == "dnabert2" and tokenizer.k == 3


def test_a_hub_id_takes_a_revision(hub):
    assert build_backbone("someone/model")[2] == ("someone/model", "hub", COMMIT, "dnabert2")
    build_backbone("someone/model@v1.0")
    assert hub.asked[-1] == ("someone/model", "v1.0")


def test_fetch_downloads_checks_and_records(hub, tmp_path):
    folder = fetch("someone/model", tmp_path / "model")
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "vocab.txt", "checksums.json"} <= names
    assert not names & {"bert_layers.py", "tf_model.h5", "pytorch_model.bin"}
    record = json.loads((folder / "checksums.json").read_text())
    assert (record["hub"], record["revision"]) == ("someone/model", COMMIT)
    assert build_backbone(folder)[2] == ("someone/model", "folder", COMMIT, "dnabert2")
    with open(folder / "vocab.txt", "a") as handle:
        handle.write("\n")
    with pytest.raises(UserError, match="not what was downloaded"):
        build_backbone(folder)


def test_a_fetched_folder_is_known_by_its_registry_name(hub, tmp_path):
    """So that a run from it takes the model's own rates and names it in the report."""
    origin = build_backbone(fetch("dnabert-2", tmp_path / "backbone"))[2]
    assert origin.name == "dnabert-2"
    assert recommended_rates(origin.name).full == registry.find("dnabert-2").learning_rates["full"]


@pytest.mark.parametrize("name", ["tiny", "small", "dnabert-6", "zhihan1996/DNA_bert_6"])
def test_recommended_rates_are_the_registrys(name):
    rates = registry.find(name).learning_rates
    assert recommended_rates(name)._asdict() == rates
    assert recommended_rates("folder/of/mine") == recommended_rates(None) == (1e-3, 2e-5)


def test_a_model_that_does_not_load_leaves_nothing(hub, tmp_path):
    config = json.loads((hub.repository / "config.json").read_text())
    (hub.repository / "config.json").write_text(json.dumps({**config, "hidden_size": 32}))
    with pytest.raises(UserError, match="has the shape"):
        fetch("someone/model", tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_weights_of_a_bin_only_repository_are_taken():
    names = ["config.json", "pytorch_model.bin", "modeling.py", "sub/model.safetensors"]
    assert registry.wanted_files(names) == ["config.json", "pytorch_model.bin"]
    assert "pytorch_model.bin" not in registry.wanted_files([*names, "model.safetensors"])


def test_a_tokeniser_too_large_for_the_model_is_refused(tmp_path):
    random_backbone(SMALL, KmerTokenizer(4), to=tmp_path)
    with pytest.raises(UserError, match="261 tokens, the model embeds 69"):
        build_backbone(tmp_path)


@pytest.mark.usefixtures("no_network")
def test_without_network_the_way_out_is_named(tmp_path):
    for ask in (lambda: build_backbone("dnabert-2"), lambda: fetch("dnabert-2", tmp_path)):
        with pytest.raises(UserError, match="seformer models fetch NAME --to DIR"):
            ask()


def test_presets_cannot_be_fetched(tmp_path):
    with pytest.raises(UserError, match="made from scratch"):
        fetch("tiny", tmp_path)


def test_the_list_is_shown_without_torch():
    """The command answers within a second only if torch stays out."""
    code = (
        "import sys; from seformer.commands import models\n"
        "models.command(args=['--json'], standalone_mode=False)\n"
        "assert not {'torch', 'transformers', 'pandas'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(seformer.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {entry["name"] for entry in json.loads(done.stdout)} >= {"tiny", "dnabert-6"}


def listed(*options):
    from typer.testing import CliRunner

    from seformer.commands.models import command

    shown = CliRunner().invoke(command, options)
    if shown.exception and not isinstance(shown.exception, SystemExit):
        raise shown.exception
    assert shown.exit_code == 0
    return shown.stdout


def names_in(text):
    return [line.split()[0] for line in text.splitlines()[1:] if line[:1].strip() and "  " in line]


def test_the_table_names_every_model_within_80_columns():
    text = listed()
    assert names_in(text) == [entry.name for entry in registry.entries()]
    assert max(map(len, text.splitlines())) <= 80
    assert "chr7, chr10" in text and "not checked here: revision" in text
    told = {entry.licence for entry in registry.entries() if entry.licence}
    assert all(f"licence: {name}" in text for name in told)
    transformers = [e for e in registry.entries() if e.licence == "CC-BY-NC-SA-4.0"]
    assert len(transformers) == 6 == text.count("(NOT FOR COMMERCIAL USE)")


@pytest.mark.parametrize(
    ("options", "keeps", "left_out"),
    [
        (["--licence", "commercial"], lambda e: e.licence in ("MIT", "Apache-2.0"), "4 left out"),
        (["--licence", "cc-by-nc-sa-4.0"], lambda e: e.licence == "CC-BY-NC-SA-4.0", "4 left out"),
        (["--context", "6000"], lambda e: (e.context_bp or 0) >= 6000, "1 left out: context not"),
        (["--cpu"], lambda e: e.parameters <= 50_000_000, ""),
        (["--cpu", "--licence", "MIT"], lambda e: e.hub is None, ""),
    ],
)
def test_models_are_chosen_by_licence_context_and_size(options, keeps, left_out):
    known = registry.entries()
    kept = [entry.name for entry in known if keeps(entry)]
    text = listed(*options)
    assert kept and names_in(text) == kept
    last = text.splitlines()[-1]
    assert last.startswith(f"{len(kept)} of {len(known)} models.") and left_out in last
    chosen = json.loads(listed("--json", *options))
    assert [entry["name"] for entry in chosen] == kept


def test_cpu_shows_the_presets_and_the_first_small_pre_trained_model():
    shown = names_in(listed("--cpu"))
    assert set(PRESETS) < set(shown) and "modernbert-dna-v1-37m-hg38" in shown


def test_an_unknown_licence_is_refused_with_the_known_ones():
    with pytest.raises(UserError, match=r"licence 'GPL'.*commercial or Apache-2.0 or CC-BY"):
        listed("--licence", "GPL")


def test_what_is_not_known_of_a_model_is_in_its_row():
    for entry in registry.entries():
        if entry.hub is None:
            assert not entry.unchecked
            continue
        for field, word in (("revision", "revision"), ("licence", "licence")):
            assert (getattr(entry, field) is not None) or word in entry.unchecked, entry.name
        assert (entry.context_bp is not None) or "context" in entry.unchecked


@pytest.mark.parametrize("task", ["deepstarr", "deepsea"])
def test_a_branch_of_a_repository_is_a_model_of_its_own(hub, tmp_path, task):
    name = f"gena-lm-bert-base-t2t-{task}"
    repository = registry.find(name).hub
    assert registry.find(repository).name == "gena-lm-bert-base-t2t"
    assert registry.find(f"{repository}@gena_web_{task}").name == name
    folder = fetch(name, tmp_path / "model")
    assert hub.asked == [(repository, f"gena_web_{task}")]
    origin = build_backbone(folder)[2]
    assert origin.name == name and origin.revision == f"gena_web_{task}"


@pytest.mark.parametrize(
    ("version", "rows"), [("v1", 4105), ("v2", 4107)]
)  # fmt: skip
def test_context_of_the_nucleotide_transformer_is_exact(version, rows):
    """A window of all tokens but the one in front, six bases each."""
    tokenizer = MixedTokenizer(mixed_vocabulary(6))
    own = [e for e in registry.entries() if e.tokenizer.startswith("6-mers and")]
    own = [e for e in own if (e.family == "nt_v2") == (version == "v2")]
    assert len(own) == {"v1": 2, "v2": 4}[version]
    for entry in own:
        content = entry.context_tokens - sum(map(len, tokenizer.wrap))
        encoding = tokenizer.encode(["ACGTTG" * content])
        assert len(encoding.input_ids) == content
        assert entry.context_bp == encoding.ends[-1] == 6 * content


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        ("nucleotide-transformer-v2-50m-multi-species", (512, 12, 2048)),
        ("nucleotide-transformer-v2-500m-multi-species", (1024, 29, 4096)),
    ],
)
def test_weights_of_version_2_by_its_published_sizes(name, sizes):
    import torch

    from seformer.model.backbones.nt_v2 import NucleotideTransformerV2

    fields = ("hidden_size", "num_hidden_layers", "intermediate_size")
    config = dict(zip(fields, sizes, strict=True))
    with torch.device("meta"):
        model = NucleotideTransformerV2({**config, "num_attention_heads": 16, "vocab_size": 4107})
    entry = registry.find(name)
    assert entry.parameters == sum(p.numel() for p in model.parameters())
    assert entry.context_tokens == model.context


@pytest.mark.real
@pytest.mark.parametrize("k", [3, 6])
def test_context_of_dnabert_is_exact(real_data, k):
    tokenizer = load_tokenizer(real_data / "tokenizers" / "dnabert" / f"config-{k}")
    entry = registry.find(f"dnabert-{k}")
    tokens = len(tokenizer.encode(["ACGT" * 200]).input_ids[: entry.context_tokens - 2])
    assert tokens + k - 1 == entry.context_bp


@pytest.mark.real
@pytest.mark.parametrize("name", ["human/BPE_32k", "t2t_1000h_multi_32k"])
def test_context_of_byte_pairs_on_a_chromosome(real_data, name):
    """The authors' figures are of whole genomes; on a stretch of chr22 a window holds less."""
    import pysam

    folder = real_data / "hg19_chr22"
    with pysam.FastaFile(str(folder / "chr22_1-22000000.fa.gz")) as fasta:
        bases = fasta.fetch("chr22", 17_000_000, 17_500_000)
    tokenizer = load_tokenizer(real_data / "tokenizers" / "gena_lm" / "tokenizers" / name)
    per_token = len(bases) / len(tokenizer.encode([bases]).input_ids)
    assert 510 * per_token == pytest.approx(3_360, rel=0.01)
    assert 4_094 * per_token == pytest.approx(26_900, rel=0.01)
