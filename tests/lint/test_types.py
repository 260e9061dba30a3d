"""The package is what its annotations say, as a type checker reads them (pyproject.toml)."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def check(*words: object, at: Path = ROOT) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "ty", "check", "--python", sys.prefix, "--error-on-warning"]
    command += ["--output-format", "concise", *map(str, words)]
    return subprocess.run(command, cwd=at, capture_output=True, text=True, check=False)


def test_the_package_is_typed_as_it_says():
    done = check()
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_type_would_be_found(tmp_path):
    """The settings of the check leave no rule out that would hide this."""
    (tmp_path / "wrong.py").write_text(
        "from seformer.sequence.dna import reverse_complement\nreverse_complement(1)\n"
    )
    done = check("--project", ROOT, tmp_path / "wrong.py")
    assert done.returncode == 1
    assert "wrong.py:2:20: error[invalid-argument-type]" in done.stdout
