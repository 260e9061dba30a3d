"""The package's modules mean something to every Python that is promised and can be had here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# those that every locked package has a wheel for, and what comes
PROMISED, COMING = [11, 12, 13], [14]
# compiles every module, warnings included, and finds all that is imported of the standard library
CHECK = """
import ast, importlib, pathlib, sys, warnings
warnings.simplefilter("error")
count = 0
for path in sorted(pathlib.Path(sys.argv[1]).rglob("*.py")):
    tree = ast.parse(path.read_bytes(), str(path))
    compile(tree, str(path), "exec")
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [(alias.name, None) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [(node.module, alias.name) for alias in node.names]
        for module, name in names:
            if module.split(".")[0] in sys.stdlib_module_names:
                found = importlib.import_module(module)
                if name and not hasattr(found, name):
                    importlib.import_module(f"{module}.{name}")
    count += 1
print(count, *sys.version_info[:2])
"""


def interpreter(minor: int) -> str | None:
    """Return a Python 3.``minor`` of the PATH or of pyenv that runs."""
    name = f"python3.{minor}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    places = [shutil.which(name), *map(str, sorted(pyenv.glob(f"versions/3.{minor}.*/bin/{name}")))]
    for place in filter(None, places):
        if not subprocess.run([place, "-c", ""], capture_output=True, check=False).returncode:
            return place
    return None


@pytest.mark.parametrize("minor", [*PROMISED, *COMING])
def test_every_module_compiles_and_finds_the_standard_library(minor):
    python = interpreter(minor)
    if python is None:
        pytest.skip(f"Python 3.{minor} is not on this machine")
    words = [python, "-I", "-c", CHECK, str(ROOT / "bin/seformer")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    count = len(list(ROOT.glob("bin/seformer/**/*.py")))
    assert done.stdout.split() == [str(count), "3", str(minor)]


def test_set_up_and_package_name_the_pythons_that_are_checked():
    assert PROJECT["requires-python"] == f">=3.{PROMISED[0]}"
    prefix = "Programming Language :: Python :: 3."
    named = [int(text.removeprefix(prefix)) for text in PROJECT["classifiers"] if prefix in text]
    assert named == PROMISED
    (tried,) = re.findall(r"for candidate in (.*); do", (ROOT / "scripts/setup.sh").read_text())
    wanted = [f"python3.{minor}" for minor in [*reversed(PROMISED), *COMING]]
    assert re.findall(r"python3\.\d+", tried) == wanted
