"""Full disks, signals, damage: afterwards the result is whole and right, or not there.

The long series, of every stage at many moments, is `tests/systems/test_faults_long.py`.
"""

from __future__ import annotations

import errno
import os
import re
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

from seformer import cli
from seformer.model.folder import load_model
from seformer.scoring.predict import predict
from seformer.scoring.score import Scorer
from seformer.splits.dataset import open_dataset
from seformer.training import feature_cache as frozen_module
from seformer.util import atomic, logs, verified_tensors
from seformer.util.atomic import output_folder, temporary_folder
from seformer.util.errors import UserError
from seformer.util.records import write_json
from seformer.util.text import existing_file


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    return sound_inputs(tmp_path_factory.mktemp("good"))


WORKS = {
    "split": ["comparing k-mers"],
    "finetune-head": ["tokenising|frozen features"],
    "finetune-full": ["tokenising", "validating", "stage 2, batches of epoch 2 of at most 2"],
    "evaluate": ["scoring", "resampling the loci"],
    "predict": ["scoring"],
    "explain": ["explaining"],
    "faithfulness": ["checking attributions"],
    "variants": ["scoring variants"],
    "dissect": ["dissecting"],
    "pretrain": ["reading windows", "pre-training"],
}


@pytest.mark.parametrize("stage", WORKS)
def test_progress_says_of_how_many(stage, good, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(logs, "SECONDS_BETWEEN_LINES", 0)
    assert run(words(stage, good, tmp_path / "out")) == 0
    said = re.findall(r"^[\d:]+ ([a-z][^:;]+): (\d+)( of \d+)?$", capfd.readouterr().err, re.M)
    assert all(total for _, _, total in said), said
    for work in WORKS[stage]:
        assert any(re.fullmatch(work, name) for name, *_ in said), said


@pytest.mark.parametrize("stage", ["extract", "predict"])
def test_no_room_leaves_nothing_and_says_so(stage, good, tmp_path):
    """No file may grow beyond a few kilobytes: what a full disk does, in the middle of a file."""
    out = tmp_path / "results/out"
    done = limited(words(stage, good, out), file_limit(3_000), "pandas, pysam")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "What to do: make room on the disk" in done.stderr
    assert ".staging-" not in done.stderr
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
    assert "Traceback" not in done.stderr and ".staging-" not in done.stderr
    assert not list(full_disk.iterdir())


def test_a_full_disk_is_told_of_the_folder_that_was_given(tmp_path, monkeypatch, capsys):
    def full() -> None:
        with output_folder(tmp_path / "out") as staging:
            raise OSError(errno.ENOSPC, "No space", str(staging / ".x.tsv.staging-1/x.tsv"))

    monkeypatch.setattr(cli, "build_app", full)
    assert run(["extract"]) == 1
    assert f"error: {tmp_path}/out: No space. What to do: make room" in capsys.readouterr().err


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
        with output_folder(tmp_path / "out") as staging:
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
    with output_folder(tmp_path / "out") as staging:
        (staging / "a").write_text("a")
        (staging / "sub").mkdir()
        (staging / "sub/b").write_text("b")
    assert renamed == [tmp_path / "out"]
    assert (tmp_path / "out/sub/b").read_text() == "b"
    plain = tmp_path / "plain"
    plain.mkdir()
    assert (tmp_path / "out").stat().st_mode == plain.stat().st_mode


OLD = {"regions.tsv": "old", "shard_0001/x.tsv": "old", "shard_0002/x.tsv": "old"}
NEW = {"regions.tsv": "new", "shard_0001/x.tsv": "new", "summary.json": "new"}
OWN = ("regions.tsv", "shard_*/x.tsv")
# what lies beside the old result, by whether the folder can be swapped with it inside
STRANGERS = {"swapped": {"notes.txt": "mine"}, "one by one": {"mine/regions.tsv": "mine"}}


def put(folder: Path, content: dict[str, str]) -> None:
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


@pytest.mark.parametrize("how", STRANGERS)
def test_an_older_result_is_replaced_whole(how, tmp_path):
    """Nothing of the old, longer result is left, and nothing of the user's is lost."""
    out = tmp_path / "out"
    put(out, OLD | STRANGERS[how])
    out.chmod(0o750)
    before = out.stat().st_ino
    with output_folder(out, own=OWN) as staging:
        put(staging, NEW)
    assert content(out) == NEW | STRANGERS[how]
    assert not (out / "shard_0002").exists()
    assert (out.stat().st_ino != before) == (how == "swapped")
    assert out.stat().st_mode & 0o777 == 0o750
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("how", STRANGERS)
def test_a_run_that_is_killed_leaves_one_result_or_a_mark(how, tmp_path, monkeypatch):
    """Killed before every step of putting a result in an older one's place."""
    steps = ["rename", "replace", "link", "unlink", "rmdir"]
    real = {name: getattr(os, name) for name in steps} | {"_exchange": atomic._exchange}
    count = 0

    def step(name: str, last: int) -> Callable:
        def call(*arguments, **options):
            nonlocal count
            count += 1
            if count == last:
                os._exit(9)
            return real[name](*arguments, **options)

        return call

    marked = 0
    for last in range(1, 100):
        out = tmp_path / str(last) / "out"
        put(out, OLD | STRANGERS[how])
        child = os.fork()
        if not child:
            for name in real:
                where = atomic if name == "_exchange" else os
                setattr(where, name, step(name, last))
            with output_folder(out, own=OWN) as staging:
                put(staging, NEW)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if (out / atomic.INCOMPLETE).exists():
            marked += 1
            with pytest.raises(UserError, match="the results are incomplete"):
                existing_file(out / "shard_0001/x.tsv")
        else:
            assert content(out) in (OLD | STRANGERS[how], NEW | STRANGERS[how])
        if not status:
            break
        with output_folder(out, own=OWN) as staging:
            put(staging, NEW)
        assert content(out) == NEW | STRANGERS[how]
        assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert status == 0 and last > 5
    assert bool(marked) == (how == "one by one")


def test_results_of_two_commands_in_one_folder_stay(tmp_path):
    for name in ("predictions.tsv", "attributions.tsv"):
        with output_folder(tmp_path / "out") as staging:
            put(staging, {name: name})
    assert set(content(tmp_path / "out")) == {"predictions.tsv", "attributions.tsv"}


def test_the_current_folder_stays_that_of_the_shell(tmp_path, monkeypatch):
    put(tmp_path / "out", OLD)
    monkeypatch.chdir(tmp_path / "out")
    with output_folder(".", own=OWN) as staging:
        put(staging, NEW)
    assert set(os.listdir(".")) == {"regions.tsv", "shard_0001", "summary.json"}


@pytest.mark.parametrize("name", ["regions.tsv", "shard_0007/summary.json"])
def test_no_result_takes_the_place_of_what_is_read(name, good, tmp_path, capfd):
    """Neither by its own name nor as what an earlier run left; of a link only the link would go."""
    mine, out = tmp_path / "out" / name, tmp_path / "out"
    mine.parent.mkdir(parents=True)
    shutil.copy(good / "all.csv", mine)
    (tmp_path / "link").symlink_to(mine)
    before = listing(tmp_path)
    words = ["extract", "--fasta", good / "genome.fa", "--unlabelled", "--out", out, "--regions"]
    assert run([*words, tmp_path / "link"]) == 2
    assert f"{mine}: a result would take the place of this file" in capfd.readouterr().err
    assert listing(tmp_path) == before
    shutil.rmtree(out)
    (out / name).parent.mkdir(parents=True)
    (out / name).symlink_to(good / "all.csv")
    assert run([*words, out / name]) == 0 and (good / "all.csv").is_file()


@pytest.mark.parametrize("option", ["--labelled-fasta", "--pass-over"])
def test_no_single_file_takes_the_place_of_what_is_read(option, good, tmp_path, capfd):
    """Told before anything is read; the file of an earlier run is no input."""
    mine = Path(shutil.copy(good / "all.csv", tmp_path))
    words = ["extract", "--regions", mine, "--out", tmp_path / "out", option]
    assert run([*words, mine, "--fasta", tmp_path / "none.fa"]) == 2
    assert f"{mine}: a result would take the place of this file" in capfd.readouterr().err
    (tmp_path / "earlier").touch()
    assert run([*words, tmp_path / "earlier", "--fasta", good / "genome.fa"]) == 0


@pytest.mark.parametrize("stage", ["finetune-full --model", "split --extracted"])
def test_no_folder_that_is_read_takes_the_results(stage, good, tmp_path, capfd):
    """Of a model and its next stage, whose files have the same names, the first would be lost."""
    (tmp_path / "model").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "model")
    others = {"finetune-full": ["--extracted", good, "--splits", good / "all.csv"], "split": []}
    command, read = stage.split()
    words = [command, read, tmp_path / "model", *others[command], "--out", tmp_path / "link"]
    assert run(words) == 2
    said = capfd.readouterr().err
    assert f"{tmp_path}/link: the results would go into a folder that the command reads" in said
    assert not list((tmp_path / "model").iterdir())


def test_what_is_read_is_spared_by_every_writer(tmp_path):
    """Before the work where the names are known: by `own`, or by that of the one file."""
    (tmp_path / "mine.tsv").write_text("mine")
    with atomic.inputs_spared([tmp_path / "mine.tsv"]):
        for writer in (
            output_folder(tmp_path, own=["*.tsv"]),
            atomic.atomic_path(tmp_path / "mine.tsv"),
        ):
            with pytest.raises(UserError, match="take the place of this file"), writer:
                pytest.fail("it was begun")
    assert content(tmp_path) == {"mine.tsv": "mine"}


@pytest.mark.parametrize(
    "stage", ["extract", "pretrain", "predict", "explain", "variants", "dissect"]
)
def test_what_another_command_left_stays(stage, good, tmp_path, capfd):
    """Its summary has the same name; told before the work."""
    out = tmp_path / "out"
    put(out, {"summary.json": "of another", "table.tsv": "of another"})
    before = listing(out)
    assert run(words(stage, good, out)) == 2
    assert f"{out}: summary.json there is not of this command" in capfd.readouterr().err
    assert listing(out) == before


def test_a_shard_is_not_scored_into_itself_but_twice(good, tmp_path, capfd):
    shard = Path(shutil.copytree(good / "cell", tmp_path / "shard"))
    before = listing(shard)
    words = ["predict", "--model", good / "model", "--extracted", shard, "--out"]
    assert run([*words, shard]) == 2 and "a folder that the command reads" in capfd.readouterr().err
    assert listing(shard) == before
    for _ in range(2):
        assert run([*words, tmp_path / "scores"]) == 0


def test_what_is_listed_twice_counts_for_nothing(good, tmp_path, capfd):
    """Its regions would count twice, as if they were others."""
    again = good / "explained/../explained"
    words = ["merge-attributions", good / "explained", again, "--fasta", good / "genome.fa"]
    assert run([*words, "--out", tmp_path / "out"]) == 2 and not (tmp_path / "out").exists()
    assert f"{good / 'explained'}: this is given twice" in capfd.readouterr().err


def test_fewer_shards_leave_none_of_the_longer_result(good, tmp_path):
    words = ["extract", "--fasta", good / "genome.fa", "--regions", good / "all.bed"]
    words += ["--unlabelled", "--out", tmp_path / "out", "--shard-bases"]
    assert run([*words, "2000"]) == 0
    assert len(list((tmp_path / "out").glob("shard_*"))) > 5
    assert run([*words, "12000"]) == 0
    whole = reference_listing([*words, "12000"], tmp_path)
    assert listing(tmp_path / "out") == whole


def reference_listing(words: list, folder: Path) -> dict[str, str]:
    fresh = [folder / "fresh" if word == folder / "out" else word for word in words]
    assert run(fresh) == 0
    return listing(folder / "fresh")


# Python itself takes a while to come to the first line of ours, longer where others compute
TWICE = [
    (signal.SIGTERM, 0.05),
    (signal.SIGHUP, 0.2),
    (signal.SIGINT, 0.8),
    (signal.SIGTERM, 1.5),
    (signal.SIGINT, 2.2),
    (signal.SIGHUP, 3.0),
]


WHOLE = [
    "out",
    "out/predictions.bb",
    "out/predictions.bed",
    "out/predictions.tsv",
    "out/predictions.ucsc.bed",
    "out/summary.json",
    "out/top.tsv",
]


def test_signals_that_come_twice(good, tmp_path):
    """No staging folder, no copy of the model, no traceback, at whatever moment."""
    archive, temporary = good / "model.tar", tmp_path / "temporary"
    assert run(["pack", "--model", good / "model", "--archive", archive]) == 0
    temporary.mkdir()
    began, running = time.monotonic(), []
    for _ in TWICE:
        out = tmp_path / f"results_{len(running)}/out"
        arguments = words("predict", good, out)
        arguments[arguments.index(str(good / "model"))] = str(archive)
        command = [sys.executable, "-m", "seformer.cli", *arguments]
        environment = os.environ | {"TMPDIR": str(temporary)}
        running.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE))
    for process, (number, seconds) in zip(running, TWICE, strict=True):
        time.sleep(max(0, began + seconds - time.monotonic()))
        for _ in range(2):
            process.send_signal(number)
            time.sleep(0.002)
    for index, (process, (number, _)) in enumerate(zip(running, TWICE, strict=True)):
        said = process.communicate(timeout=60)[1].decode()
        assert "Traceback" not in said and "Exception ignored" not in said, said
        assert process.returncode in (0, 128 + number, -number), said
        parent = tmp_path / f"results_{index}"
        left = sorted(str(path.relative_to(parent)) for path in parent.rglob("*"))
        # a signal may also come between the last rename and the end
        assert left == WHOLE or (process.returncode and not left)
    assert not [path for path in temporary.iterdir() if "seformer" in path.name]
    assert any(process.returncode > 128 for process in running)


def test_signals_are_heard_before_anything_large_is_imported():
    seen = "import seformer.cli, sys; print([m for m in ('typing', 'typer', 'logging', 'pandas')"
    program = f"{seen} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "[]\n"


CLOSED = {"standard error": "2>&-", "all three": "<&- >&- 2>&-"}


@pytest.mark.parametrize("streams", CLOSED.values(), ids=CLOSED)
def test_closed_streams_change_nothing(streams, good, tmp_path):
    line = f'exec "$@" {streams}'
    command = [sys.executable, "-m", "seformer.cli", *words("split", good, tmp_path / "out")]
    done = subprocess.run(["sh", "-c", line, "sh", *command], stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 0
    assert _found_files(tmp_path / "out") == reference("split", good, tmp_path / "whole")


def _found_files(out: Path) -> dict[str, str]:
    return {k: v for k, v in listing(out).items() if k.endswith(".tsv")}


def test_output_that_cannot_be_written_is_said(tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "seformer.cli", "models"], stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert done.stderr.decode().count("\n") == 1 and b"No space left" in done.stderr


@pytest.mark.parametrize("where", ["argument", "current folder"])
def test_names_that_are_not_utf8(where, good, tmp_path, monkeypatch, capfd):
    odd = os.fsdecode(b"se\xff")
    (tmp_path / odd).mkdir()
    if where == "current folder":
        monkeypatch.chdir(tmp_path / odd)
    out = tmp_path / odd / "out" if where == "argument" else "out"
    assert run(words("extract", good, out)) == 2
    said = capfd.readouterr().err
    assert "is not UTF-8" in said and "Traceback" not in said and said.count("\n") == 1
    assert not list((tmp_path / odd).iterdir())


def test_a_current_folder_that_is_gone(tmp_path, monkeypatch, capfd):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run(["models"]) == 2
    assert "the current folder is gone" in capfd.readouterr().err


TRAININGS = ["pretrain", "finetune-head", "finetune-full", "evaluate", "split", "extract", "report"]


@pytest.mark.parametrize("stage", TRAININGS)
def test_an_out_that_cannot_be_written_is_found_before_the_work(stage, good, tmp_path, capfd):
    """Before any input is read, even one that would take hours."""
    out = tmp_path / "file/out"
    (tmp_path / "file").write_text("no folder")
    arguments = [word.replace("{good}", str(tmp_path)) for word in words(stage, good, out)]
    assert run(arguments) == 2
    said = capfd.readouterr().err
    assert "the results cannot be written here" in said and str(out) in said


def test_no_temporary_folder_is_one_message(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "none"))
    with pytest.raises(UserError, match="no temporary folder can be made"):
        with temporary_folder():
            pass


def test_what_is_temporary_is_removed_by_the_next_run(tmp_path, monkeypatch):
    """Of a checkpoint, a file, a results folder and the temporary folder."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    left = [f".{name}.{atomic.STAGING}0" for name in ("partial", "x.json", "out", "seformer")]
    for name in left:
        put(tmp_path / name, {"half": "half"})
    (tmp_path / ".stage2.99999.partial").write_text("half")
    write_json({}, tmp_path / "x.json")
    verified_tensors.save(tmp_path, "stage2", {"a": torch.zeros(1)}, {})
    with temporary_folder(), output_folder(tmp_path / "out") as staging:
        put(staging, NEW)
    kept = {path.name.partition("-")[0] for path in tmp_path.iterdir()}
    assert kept == {"x.json", "stage2", "out"}


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
    with output_folder(tmp_path / "out") as staging:
        write_json({"a": 1}, staging / "a.json")
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
    scorer = Scorer(load_model(good / "model"))
    first = frozen_module.frozen_features(scorer, data, tmp_path)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    again = frozen_module.frozen_features(scorer, data, tmp_path)
    assert "is damaged (its checksum does not fit): it is not used and is made anew" in caplog.text
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert verified_tensors.load(tmp_path, path.stem.rpartition("-")[0]) is not None


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
    from seformer.genome.genome import Genome

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
