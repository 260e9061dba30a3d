"""A real Docker engine: images from a clean clone, and the demo as some user, without network."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from beside import beside
from runs import IMAGES, PLACE, ROOT, Run, assert_complete, assert_same_scores, run

# a container without any network: nothing can be fetched
ALONE = "--network=none"
# nothing in the image may be written; the tasks' own folders are enough
SEALED = f"docker.runOptions = '-u $(id -u):$(id -g) {ALONE} --read-only --tmpfs /tmp'"
# root starts runs as somebody else, so that files of a container's root would show
SOMEBODY = 4321


def as_somebody() -> list[str]:
    """What root puts in front of a command, to be another user who may call the engine."""
    if os.getuid():
        return []
    group = Path("/var/run/docker.sock").stat().st_gid
    return ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", f"--groups={group}"]


def again(bundle: Path) -> Run:
    """Run, or run again what has run there."""
    home = PLACE / "docker"
    return run(
        home.name,
        "test,docker",
        *("-resume", "--fasta", bundle / "genome" / "genome.fa.gz"),
        root=bundle / "seformer",
        config=SEALED,
        within=as_somebody(),
        environment={"HOME": str(home), "NXF_HOME": str(home / ".nextflow")},
    )


@beside()
def sealed(images, bundle) -> Run:
    home = PLACE / "docker"
    home.mkdir()
    if as_somebody():
        os.chown(home, SOMEBODY, SOMEBODY)
    return again(bundle)


@pytest.mark.parametrize("image", IMAGES)
def test_image(images, image):
    words = ["docker", "image", "inspect", "--format", "{{json .Config}}", image]
    config = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    assert '"User":"seformer"' in config
    assert '"org.opencontainers.image.version":"1.0.0"' in config


def test_what_is_inside_works(images):
    words = ["docker", "run", "--rm", ALONE, "-v", f"{ROOT}:/code:ro", "-w", "/code"]
    words += ["seformer:1.0.0", "containers/smoke-test.sh"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the image is sound" in done.stdout


def test_a_run_from_start_to_report(sealed):
    assert_complete(sealed)
    assert (sealed.sample / "motifs/to_explain/motifs.tsv").stat().st_size
    assert "docker run" in sealed.command_file("FINETUNE_FULL", ".command.run")


def test_files_belong_to_the_user(sealed):
    owner = sealed.folder.stat().st_uid
    others = [path for path in sealed.folder.rglob("*") if path.lstat().st_uid != owner]
    assert not others


def test_the_second_run_is_all_from_the_cache(sealed, bundle):
    assert again(bundle).statuses() == {"CACHED"}


def test_scores_are_those_of_the_environment(sealed, reference):
    assert_same_scores(reference, sealed)
