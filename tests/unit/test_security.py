"""What is never done with what others wrote: no pickle, no code, no shell, no token on the disk."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import make_bad
import pytest
from corpus import run, sound_inputs

from seformer import cli
from seformer.model.backbones import registry

ROOT = Path(__file__).parents[2]
# what runs on a user's machine; scripts/run_notebook.py runs our own notebook, in tests only
SOURCES = sorted(ROOT.glob("bin/**/*.py"))
FORBIDDEN = {
    r"^\s*(import|from) (pickle|dill|joblib|marshal|shelve)\b(?!.* UnpicklingError$)": ("pickle"),
    r"(?<![\w.])(eval|exec|compile|__import__)\(": "code from text",
    r"shell\s*=\s*True|os\.(system|popen)\(|subprocess\.getoutput": "a shell",
    r"trust_remote_code": "code of a repository",
    r"allow_pickle\s*=\s*True|read_pickle|to_pickle": "pickle",
    r"yaml\.(load|unsafe_load|full_load)\(": "objects from YAML",
    r"extractall\(": "unpacking without looking",
    r"verify\s*=\s*False": "connections without certificates",
    r"\bmktemp\(": "files that others can write",
}
TOKEN = "hf_thisTokenMustNeverBeSeenAnywhere"
HARD_NAMES = [
    "with space.bed", "it's.bed", 'a"b.bed', "new\nline.bed", "$(touch ran).bed", "`touch ran`.bed",
    "-rf.bed", "--help", "a;touch ran;.bed", "a|b&c.bed", "Verstärker 超級.bed", "\x1b[31mred.bed",
    "%s%n.bed", "{0}{x}.bed", "..bed", "a" * 200 + ".bed", "\\..\\x.bed", "*.bed", "~", "#x.bed",
]  # fmt: skip
HARD_SAMPLES = [
    "", " ", "a b", "a/b", "../a", "..", ".", ".a", "-a", "a\nb", "a\tb", "$(x)", "`x`", "a;b",
    "a'b", 'a"b', "a\\b", "a\0b", "ä", "a\u202eb", "a\u2028b", "a%0ab", "*", "~",
    "a\x1b[31m", "<b>a</b>",
]  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return sound_inputs(tmp_path_factory.mktemp("good"))


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_sources_never(pattern):
    wanted = re.compile(pattern, re.M)
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()}"
        for path in SOURCES
        for line in path.read_text(encoding="utf-8").splitlines()
        if wanted.search(line) and not line.lstrip().startswith("#") and "re.compile(" not in line
    ]
    assert not found, f"{FORBIDDEN[pattern]}: {found}"


def test_torch_loads_weights_only():
    calls = [
        (path.name, call)
        for path in SOURCES
        for call in re.findall(r"torch\.load\([^)]*\)", path.read_text(encoding="utf-8"))
    ]
    assert calls
    assert all("weights_only=True" in call for _, call in calls)


def test_the_patterns_find_what_they_are_for():
    """A grep that never matches proves nothing."""
    bad = [
        "import pickle",
        "x = eval(text)",
        "subprocess.run(x, shell=True)",
        "trust_remote_code=True",
        "np.load(x, allow_pickle=True)",
        "yaml.load(x)",
        "tar.extractall(x)",
        "get(verify=False)",
        "tempfile.mktemp()",
    ]
    for pattern, line in zip(FORBIDDEN, bad, strict=True):
        assert re.search(pattern, line)


@pytest.mark.parametrize("name", HARD_NAMES)
def test_hostile_file_names_are_only_names(name, good, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "regions"
    folder.mkdir()
    (folder / name).write_bytes((good / "few.bed").read_bytes())
    out = tmp_path / "out"
    arguments = ["extract", "--unlabelled", "--fasta", good / "genome.fa", "--out", out]
    assert run([*arguments, "--regions", folder / name]) == 0
    rows = (out / "regions.tsv").read_text().splitlines()
    assert len(rows) == (4 if "\n" not in name else len(rows))
    capfd.readouterr()
    (folder / name).write_text("chr1\t9\t5\n")
    assert run([*arguments, "--regions", folder / name]) == 2
    log = capfd.readouterr().err
    assert log.count("seformer: error: ") == 1 and "\x1b" not in log
    assert len(log.splitlines()) == 1
    assert not list(tmp_path.rglob("ran"))
    assert {path.name for path in tmp_path.iterdir()} == {"regions", "out"}


@pytest.mark.parametrize("name", HARD_SAMPLES)
def test_hostile_sample_names_are_refused(name, good, tmp_path, capfd):
    arguments = ["extract", "--fasta", good / "genome.fa", "--regions", good / "all.csv"]
    assert run([*arguments, "--out", tmp_path / "out", "--sample", name]) == 2
    log = capfd.readouterr().err
    assert "cannot name a sample" in log and "\x1b" not in log
    assert not list(tmp_path.iterdir())


def test_sample_names_are_those_of_the_sample_sheet():
    from seformer.util.labels import SAMPLE_NAME

    schema = (ROOT / "assets/schema_input.json").read_text()
    assert f'"pattern": "^{SAMPLE_NAME}$"' in schema


def test_downloads_are_pinned():
    """Every published model of the registry names a commit, not a branch."""
    pinned = [entry for entry in registry.entries() if entry.revision]
    assert pinned
    assert not [e.name for e in pinned if not re.fullmatch(r"[0-9a-f]{40}", e.revision)]
    # where no commit is given, the one that was found is fetched and recorded
    source = (ROOT / "bin/seformer/model/backbones/registry.py").read_text()
    assert "revision=info.sha" in source


def test_a_token_is_never_seen(good, tmp_path, monkeypatch, capfd):
    """HF_TOKEN stays in the environment: not in the log, not in a result, not in a message."""
    secret = {"HF_TOKEN": TOKEN, "HUGGING_FACE_HUB_TOKEN": TOKEN, "HF_HUB_OFFLINE": "1"}
    for name, value in {**secret, "SEFORMER_DEBUG": "1"}.items():
        monkeypatch.setenv(name, value)
    training = ["--extracted", good / "cell", "--splits", good / "splits.tsv", "--head-epochs", "1"]
    command = ["finetune-head", *training, "--device", "cpu", "--out"]
    assert run([*command, tmp_path / "a", "--model", "tiny"]) == 0
    private = ["models", "fetch", "someone/private-model", "--to", str(tmp_path / "b")]
    done = subprocess.run(
        [sys.executable, "-m", "seformer.cli", *private],
        env=os.environ | {"HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2, done.stderr
    log = capfd.readouterr()
    assert TOKEN not in log.out + log.err + done.stdout + done.stderr
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written
    assert not [path for path in written if TOKEN.encode() in path.read_bytes()]


def test_every_command_has_a_stage_here_or_is_named():
    """A new command is to be looked at: does it open what others wrote?"""
    seen = {one.command.split()[0] for one in make_bad.CASES}
    harmless = {"init", "index", "models", "merge-predictions", "merge-attributions"}
    rest = set(cli.COMMANDS) - seen - harmless
    own = {"finetune-full", "evaluate", "explain", "simulate", "pack", "unpack", "pool"}
    # these read what our own commands wrote, as those do that have a case
    assert rest <= own | {"transfer", "modisco"}
