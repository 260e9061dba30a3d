"""Which profile of the pipeline works on this machine, as it is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import seformer

# those whose images can be asked for, and those that take a file or a folder
DAEMONS, OTHERS = ("docker", "podman"), ("singularity", "apptainer", "charliecloud", "conda")
SECONDS = 10.0  # for an engine to answer


def profile_at_hand(root: Path | None = None) -> str:
    """Return the profile to recommend, as lib/Software.groovy does it for the pipeline's help.

    An engine that has the image, else the environment of scripts/setup.sh in the pipeline's folder
    ``root``, else an engine for which an image can be made, else docker.
    """
    root = root or Path(seformer.__file__).parents[2]
    for engine in DAEMONS:
        if shutil.which(engine) and _has_image(engine):
            return engine
    if (root / ".venv/bin/python").exists():
        return "venv"
    programs = {"charliecloud": "ch-run"}
    engines = (engine for engine in DAEMONS + OTHERS if shutil.which(programs.get(engine, engine)))
    return next(engines, "docker")


def _has_image(engine: str) -> bool:
    words = [engine, "image", "inspect", f"seformer:{seformer.__version__}"]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
