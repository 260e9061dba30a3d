"""A damaged cache or checkpoint is said and not used; an old one stays until a new one is whole."""

import torch

from seformer.util import verified_tensors

TENSORS = {"a": torch.arange(4.0)}


def test_round_trip_and_replacement(tmp_path):
    first = verified_tensors.save(tmp_path, "x", TENSORS, {"step": 1})
    second = verified_tensors.save(tmp_path, "x", {"a": torch.zeros(2)}, {"step": 2})
    assert not first.exists()
    stored = verified_tensors.load(tmp_path, "x")
    assert stored.record == {"step": 2}
    assert torch.equal(stored.tensors["a"], torch.zeros(2))
    assert [p.name for p in tmp_path.iterdir()] == [second.name]


def test_nothing_there(tmp_path):
    assert verified_tensors.load(tmp_path / "none", "x") is None


def test_damage_is_said_and_not_used(tmp_path, caplog):
    path = verified_tensors.save(tmp_path, "x", TENSORS, {})
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with caplog.at_level("WARNING"):
        assert verified_tensors.load(tmp_path, "x") is None
    assert "damaged" in caplog.text


def test_a_cut_file_is_not_used(tmp_path):
    path = verified_tensors.save(tmp_path, "x", TENSORS, {})
    path.write_bytes(path.read_bytes()[:-4])
    assert verified_tensors.load(tmp_path, "x") is None


def test_stems_do_not_mix(tmp_path):
    verified_tensors.save(tmp_path, "x", TENSORS, {"which": "x"})
    verified_tensors.save(tmp_path, "y", TENSORS, {"which": "y"})
    assert verified_tensors.load(tmp_path, "x").record == {"which": "x"}
