"""The package as `pip install` gives it: built, installed and used outside the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import seformer

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bin/seformer"


def run(*words: object, at: Path, **environment: str) -> str:
    done = subprocess.run(
        list(map(str, words)),
        cwd=at,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, as building leaves files beside the sources; nothing is fetched."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    no_bytecode = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE, folder / "bin/seformer", ignore=no_bytecode)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    run(*pip, "--no-build-isolation", "--wheel-dir", folder / "dist", folder, at=folder)
    (built,) = folder.glob("dist/*.whl")
    return built


@pytest.fixture(scope="module")
def place(wheel, tmp_path_factory) -> Path:
    """The folder it is installed in; its dependencies are those of the environment."""
    target = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    run(*pip, "--target", target, wheel, at=target)
    return target


def test_it_holds_every_file_of_the_package_and_no_other(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = {name for name in archive.namelist() if ".dist-info/" not in name}
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert inside == {str(path.relative_to(PACKAGE.parent)) for path in files}
    assert {"seformer/py.typed", "seformer/report/style.css"} <= inside


def test_it_is_the_one_that_is_imported(place, tmp_path):
    said = run(
        *(sys.executable, "-c", "import seformer; print(seformer.__file__, seformer.__version__)"),
        at=tmp_path,
        PYTHONPATH=str(place),
    )
    assert said.split() == [str(place / "seformer/__init__.py"), seformer.__version__]


def test_its_command_works_from_anywhere(place, tmp_path):
    command = place / "bin/seformer"
    assert "simulate" in run(command, "--help", at=tmp_path, PYTHONPATH=str(place))
    said = run(command, "models", "--json", at=tmp_path, PYTHONPATH=str(place))
    assert '"tiny"' in said
    run(command, "simulate", "--out", "data", "--size", "tiny", at=tmp_path, PYTHONPATH=str(place))
    assert (tmp_path / "data/genome.fa.gz").stat().st_size
