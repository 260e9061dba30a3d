"""The images that a run needs, as Nextflow names them before it runs."""

import json
import os
import subprocess

import pytest
from runs import BASE, IMAGES, ROOT, command, docker_is_whole


@pytest.mark.parametrize(
    ("answers", "scripts", "whole"),
    [
        ("info", True, False),
        ("info", False, True),
        (f"info|image inspect {BASE}", True, True),
        (f"image inspect {BASE}", True, False),
    ],
)
def test_an_engine_is_whole_with_what_images_are_built_on(
    answers, scripts, whole, tmp_path, monkeypatch
):
    """An engine that says yes to these alone; without scripts it fetches the base itself."""
    engine = tmp_path / "docker"
    engine.write_text(f'#!/bin/sh\ncase "|{answers}|" in *"|$*|"*) ;; *) exit 1 ;; esac\n')
    engine.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("SEFORMER_FIXTURES", raising=False)
    if scripts:
        monkeypatch.setenv("SEFORMER_FIXTURES", str(tmp_path))
    assert docker_is_whole() is whole


def test_nextflow_inspect_lists_the_images(tmp_path):
    words = command("test,docker")
    words[words.index("run") :] = ["inspect", str(ROOT), "-profile", "test,docker"]
    words += ["-format", "json", "--outdir", "results"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(done.stdout[done.stdout.index("{") :])
    named = {row["name"].rpartition(":")[2]: row["container"] for row in said["processes"]}
    # with the strict parser also what only a parameter calls for
    assert named.pop("MODISCO", "seformer-modisco:1.0.0") == "seformer-modisco:1.0.0"
    assert set(named.values()) == set(IMAGES)
    assert [name for name in named if "multiqc" in named[name]] == ["MULTIQC"]
    assert {"EXTRACT", "FINETUNE_FULL", "PREDICT", "EXPLAIN", "MOTIFS", "REPORT"} <= set(named)
