"""The environment of scripts/setup.sh, where there is no network."""

from __future__ import annotations

import pytest
from runs import OFFLINE, assert_complete, backbone, possible

from seformer.util.records import read_json


@pytest.fixture(scope="module")
def offline() -> None:
    if not possible(*OFFLINE, "true"):
        pytest.skip("a network namespace of its own cannot be had here (unshare --net)")


def test_a_run_from_start_to_report(reference):
    assert_complete(reference)
    assert reference.statuses() == {"COMPLETED"}


def test_a_modernbert_dna_goes_the_whole_way(reference):
    if "--model" not in backbone():
        pytest.skip("SEFORMER_TEST_DATA does not name the folder of real data")
    settings = read_json(reference.sample / "model/seformer.json")
    assert settings["backbone"]["family"] == "modernbert"


def test_the_run_had_no_network(offline, reference):
    """The reference run is made inside such a place: it has no route to anywhere."""
    assert "seformer is done" in reference.said
    connect = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=5)"
    assert not possible(*OFFLINE, "python3", "-c", connect)
    assert possible(*OFFLINE, "bash", "-c", "[ $(wc -l < /proc/net/route) -le 1 ]")
