"""Full disks, signals, damage: afterwards the result is whole and right, or not there.

The long series, of every stage at many moments, is `tests/systems/test_faults_long.py`.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from corpus import listing, run, sound_inputs
from stages import check_after, file_limit, interrupted, limited, reference, words

from seformer import atomic, checked, files
from seformer import frozen as frozen_module
from seformer.dataset import open_dataset
from seformer.errors import UserError
from seformer.predict import predict


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return sound_inputs(tmp_path_factory.mktemp("good"))


@pytest.mark.parametrize("stage", ["extract", "predict"])
def test_no_room_leaves_nothing_and_says_so(stage, good, tmp_path):
    """No file may grow beyond a few kilobytes: what a full disk does, in the middle of a file."""
    out = tmp_path / "results/out"
    done = limited(words(stage, good, out), file_limit(3_000), "pandas, pysam")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "What to do: make room on the disk" in done.stderr
    assert not out.exists() and not list((tmp_path / "results").iterdir())
    assert run(words(stage, good, out)) == 0
    assert any(out.iterdir())


@pytest.fixture
def full_disk(tmp_path) -> Iterator[Path]:
    """A file system of 256 kB, where this process may mount one."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_file_system(good, full_disk):
    out = full_disk / "out"
    command = [sys.executable, "-m", "seformer.cli", *words("simulate", good, out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1, done.stderr
    assert "What to do: make room on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(full_disk.iterdir())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["TERM", "KILL"])
@pytest.mark.parametrize("stage", ["extract", "predict"])
def test_a_stage_that_is_stopped(stage, number, good, tmp_path):
    """One random moment here; every stage at many moments in the long series."""
    whole = reference(stage, good, tmp_path / "whole")
    random = np.random.default_rng([number, len(stage)])
    out = tmp_path / "results/out"
    status = interrupted(words(stage, good, out), number, float(random.uniform(0.3, 3)))
    check_after(stage, status, good, out, whole)
    left = {path.name for path in (tmp_path / "results").iterdir()} - {"out"}
    # a killed process cannot clean up; its folder is removed by a later run
    assert number == signal.SIGKILL or not left


def test_what_a_killed_run_left_is_removed_and_a_running_ones_is_not(tmp_path):
    """At once, whatever its age: a running one is known by its lock."""
    with atomic.staging_folder(tmp_path, "out") as running:
        old = tmp_path / f".out.{atomic.STAGING}old"
        old.mkdir()
        with files.output_folder(tmp_path / "out") as staging:
            (staging / "x").write_text("x")
            assert not old.exists() and running.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["x"]


def test_a_new_folder_appears_at_once(tmp_path, monkeypatch):
    """A reader never sees half of it: it comes by one rename."""
    renamed: list[Path] = []
    rename = os.rename
    monkeypatch.setattr(os, "rename", lambda a, b: (renamed.append(b), rename(a, b)))
    monkeypatch.setattr(os, "replace", lambda *_: pytest.fail("file by file"))
    with files.output_folder(tmp_path / "out") as staging:
        (staging / "a").write_text("a")
        (staging / "sub").mkdir()
        (staging / "sub/b").write_text("b")
    assert renamed == [tmp_path / "out"]
    assert (tmp_path / "out/sub/b").read_text() == "b"
    plain = tmp_path / "plain"
    plain.mkdir()
    assert (tmp_path / "out").stat().st_mode == plain.stat().st_mode


def test_all_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    """fsync of content and folder first: a power cut leaves no empty file of the right name."""
    order: list[tuple[str, int]] = []
    real_sync, real_rename, real_replace = os.fsync, os.rename, os.replace

    def fsync(descriptor: int) -> None:
        order.append(("sync", os.fstat(descriptor).st_ino))
        real_sync(descriptor)

    def moved(real: Callable) -> Callable:
        def move(source, target) -> None:
            order.append(("name", os.stat(source).st_ino))
            real(source, target)

        return move

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "rename", moved(real_rename))
    monkeypatch.setattr(os, "replace", moved(real_replace))
    with files.output_folder(tmp_path / "out") as staging:
        files.write_json({"a": 1}, staging / "a.json")
        (staging / "b").write_text("b")
    final = order.index(("name", (tmp_path / "out").stat().st_ino))
    for name in ("a.json", "b"):
        assert ("sync", (tmp_path / "out" / name).stat().st_ino) in order[:final]
    assert order[final + 1] == ("sync", tmp_path.stat().st_ino)


def test_two_runs_into_one_folder(good, tmp_path):
    """Both finish, and what is there is whole, whoever was last."""
    whole = reference("predict", good, tmp_path / "whole")
    out = tmp_path / "out"
    command = [sys.executable, "-m", "seformer.cli", *words("predict", good, out)]
    both = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait(300) for process in both] == [0, 0]
    assert {k: v for k, v in listing(out).items() if k in whole} == whole
    assert {path.name for path in tmp_path.iterdir()} == {"out", "whole"}


def test_a_file_that_changes_while_it_is_read(good, tmp_path, monkeypatch):
    """The bases end in the middle: nothing is written, and the file is named."""
    shutil.copytree(good / "cell", tmp_path / "cell")
    sequences = tmp_path / "cell/sequences.fa.gz"
    with open(sequences, "r+b") as handle:
        handle.seek(sequences.stat().st_size // 2)
        handle.write(b"\xff" * 64)
    with pytest.raises(UserError, match=r"sequences\.fa\.gz"):
        predict(good / "model", tmp_path / "out", extracted=tmp_path / "cell", device="cpu")
    assert not (tmp_path / "out").exists()


def test_a_damaged_cache_is_said_and_made_anew(good, tmp_path, caplog):
    data = open_dataset([good / "cell"], [good / "splits.tsv"])
    from seformer.modelfolder import load_model

    model = load_model(good / "model")
    first = frozen_module.frozen_features(model, data, 4096, tmp_path)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    again = frozen_module.frozen_features(model, data, 4096, tmp_path)
    assert "is damaged (its checksum does not fit): it is not used and is made anew" in caplog.text
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert checked.load(tmp_path, path.stem.rpartition("-")[0]) is not None


def test_a_checkpoint_that_cannot_be_written_ends_no_training(good, tmp_path, capfd):
    """The disk of the checkpoints is full, that of the results is not."""
    checkpoints = tmp_path / "checkpoints"
    checkpoints.write_text("no folder")
    out = tmp_path / "out"
    arguments = [
        w.replace(f"{out}-checkpoints", f"{checkpoints}/x")
        for w in words("finetune-full", good, out)
    ]
    assert run(arguments) == 0
    assert "no checkpoint can be written" in capfd.readouterr().err
    assert (out / "model.safetensors").is_file()


@pytest.mark.parametrize("seconds", [-3600, 3600], ids=["behind", "ahead"])
def test_a_clock_that_is_wrong(seconds, fasta, random_bases, caplog):
    """Dates of the index cannot be trusted: what is read is right whatever they say."""
    from seformer.genome import Genome

    bases = random_bases(400)
    path = fasta({"chr1": bases, "chr2": bases[::-1]})
    Genome(path).close()
    index = path.with_name(path.name + ".fai")
    other = fasta({"chr1": "A" * 7 + bases, "chr2": bases[::-1]})
    assert other == path
    moment = path.stat().st_mtime + seconds
    os.utime(index, (moment, moment))
    with Genome(path) as genome:
        assert genome.fetch("chr1", 0, 407) == "A" * 7 + bases
        assert genome.fetch("chr2", 0, 400) == bases[::-1]
    assert "making it anew" in caplog.text
    future = time.time() + 10**6
    os.utime(path, (future, future))
    with Genome(path) as genome:
        assert genome.fetch("chr2", 5, 9) == bases[::-1][5:9]
