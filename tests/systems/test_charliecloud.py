"""Charliecloud, which needs no engine of root's: the same images as plain folders."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from beside import beside
from runs import (
    ENVIRONMENT,
    IMAGES,
    UNNAMED,
    Run,
    assert_complete,
    assert_same_scores,
    run,
)

# ch-run wants it, and not every machine sets it
USER = {"USER": getpass.getuser()}


def inspect(container: str, form: str) -> str:
    words = ["docker", "inspect", "--format", form, container]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


@contextmanager
def unpacked() -> Iterator[list[Path]]:
    """Both images as folders, as the engine itself has unpacked them.

    People take ch-convert, whose copy of 7 GB takes minutes.
    """
    if not shutil.which("ch-run"):
        pytest.skip("Charliecloud is not installed here (Debian: apt install charliecloud)")
    if os.getuid():
        pytest.skip("only root may look into the folders of the Docker engine")
    containers, folders = [], []
    try:
        for image in IMAGES:
            words = ["docker", "run", "--detach", "--network=none", image, "sleep", "3600"]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            containers.append(done.stdout.strip())
            folders.append(Path(inspect(containers[-1], "{{.GraphDriver.Data.MergedDir}}")))
            # what ch-convert adds
            variables = inspect(containers[-1], "{{range .Config.Env}}{{println .}}{{end}}")
            (folders[-1] / "ch").mkdir()
            (folders[-1] / "ch" / "environment").write_text(variables + "\n")
        words = ["ch-run", folders[0], "--", "true"]
        tried = subprocess.run(words, env=ENVIRONMENT | USER, capture_output=True, text=True)
        if tried.returncode:
            pytest.skip(f"ch-run does not work here: {tried.stderr.strip()}")
        yield folders
    finally:
        subprocess.run(["docker", "rm", "--force", *containers], check=True, capture_output=True)


@beside()
def ran(images) -> Run:
    with unpacked() as (image, multiqc):
        return run(
            "charliecloud",
            "test,charliecloud",
            *("--container", image, "--multiqc_container", multiqc),
            # Debian's ch-run, 0.31, does not know --write-fake, which Nextflow gives otherwise
            config=UNNAMED + "charliecloud.writeFake = false",
            environment=USER,
        )


def test_a_run_from_start_to_report(ran):
    assert_complete(ran)
    assert "ch-run" in ran.command_file("FINETUNE_FULL", ".command.run")


def test_scores_are_those_of_the_environment(ran, reference):
    assert_same_scores(reference, ran)
