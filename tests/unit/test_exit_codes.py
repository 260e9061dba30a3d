"""Exit codes by which a scheduler knows what to do with a task that ran out of memory."""

import os

import pytest
import torch

from seformer import cli
from seformer.util import threads


def exhaust_memory(_threads):
    torch.empty(2**50)


def exhaust_gpu_memory(_threads):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def another_error(_threads):
    raise RuntimeError("shapes do not fit")


@pytest.fixture
def predict(monkeypatch, tmp_path):
    def run(at_start):
        monkeypatch.setattr(cli, "COMMANDS", ("predict",))
        monkeypatch.setattr(threads, "use_threads", at_start)
        cli.main(["predict", "--model", str(tmp_path), "--out", str(tmp_path / "out")])

    return run


@pytest.mark.parametrize("at_start, code", [(exhaust_memory, 137), (exhaust_gpu_memory, 75)])
def test_too_little_memory(predict, at_start, code, capsys):
    with pytest.raises(SystemExit) as stopped:
        predict(at_start)
    assert stopped.value.code == code
    said = capsys.readouterr().err
    assert "memory" in said and "What to do" in said and "Traceback" not in said


def test_other_errors_are_not_hidden(predict):
    with pytest.raises(RuntimeError, match="shapes"):
        predict(another_error)


@pytest.mark.parametrize(
    "given, spins",
    [({}, cli.SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "passive"}, None)],
)
def test_threads_sleep_where_processors_are_shared(monkeypatch, given, spins):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert os.environ.get("GOMP_SPINCOUNT") == spins


@pytest.mark.parametrize("given, kept", [(None, cli.SHAPES), ("1024", "1024")])
def test_code_for_few_shapes_is_kept(monkeypatch, given, kept):
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.delenv(name, raising=False)
    if given is not None:
        monkeypatch.setenv(name, given)
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert os.environ[name] == kept
