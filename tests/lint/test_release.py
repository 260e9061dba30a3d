"""A release: its recipe, its crate, and the workflow that publishes when it is turned on."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import seformer

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
# PyPI's name to conda's
CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def test_the_recipe_holds_the_package_with_the_versions_of_the_lock():
    recipe = yaml.safe_load((ROOT / "recipes/seformer/meta.yaml").read_text())
    lock = dict(
        line.split("==") for line in (ROOT / "containers/seformer.lock").read_text().split()
    )
    assert recipe["package"] == {"name": "seformer", "version": seformer.__version__}
    python = f"python {PROJECT['requires-python']}"
    names = [re.match(r"[\w-]+", text)[0] for text in PROJECT["dependencies"]]
    wanted = {f"{CONDA.get(name, name)} =={lock[name]}" for name in names}
    assert {*recipe["requirements"]["run"]} == {python, *wanted}
    setuptools = f"setuptools =={lock['setuptools']}"
    assert {*recipe["requirements"]["host"]} == {python, "pip", setuptools}
    assert recipe["build"]["entry_points"] == [
        f"{name} = {place}" for name, place in PROJECT["scripts"].items()
    ]
    about = recipe["about"]
    assert about["license"] == PROJECT["license"] and about["summary"] == PROJECT["description"]
    place = ROOT / "recipes/seformer" / recipe["source"]["path"]
    assert (place / "pyproject.toml").is_file() and (place / about["license_file"]).is_file()


def test_the_crate_is_that_of_its_sources():
    specification = importlib.util.spec_from_file_location("crate", ROOT / "scripts/ro_crate.py")
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    written = json.loads(script.TARGET.read_text(encoding="utf-8"))
    assert written == script.crate(script.published()), "call scripts/ro_crate.py"
    parts = {part["@id"]: part for part in written["@graph"]}
    assert len(parts) == len(written["@graph"])
    root = parts["./"]
    assert root["version"] == seformer.__version__
    for part in root["hasPart"]:
        place = ROOT / part["@id"]
        assert part["@id"] in parts
        assert place.is_dir() if part["@id"].endswith("/") else place.is_file(), part
    # whatever is pointed at is there
    pointed = re.findall(r'\{"@id": "([^"]+)"\}', json.dumps(written["@graph"]))
    assert {name for name in pointed if "://" not in name} <= parts.keys()


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_may_read_alone_and_run_no_action_that_can_change(path):
    text = path.read_text()
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    uses = re.findall(r"uses: (.*)", text)
    assert uses and all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v[\d.]+", use) for use in uses)


def test_nothing_is_published_unless_an_owner_turns_it_on():
    jobs = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())["jobs"]
    assert {name: job["if"] for name, job in jobs.items()} == {
        "images": "vars.REGISTRY != ''",
        "package": "vars.PUBLISH_PACKAGE == 'true'",
    }
    assert {name: job["permissions"] for name, job in jobs.items()} == {
        "images": {"contents": "read", "packages": "write"},
        "package": {"contents": "read", "id-token": "write"},
    }


def publish(**environment: str) -> subprocess.CompletedProcess:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [ROOT / "scripts/publish_images.sh"],
        env=kept | {"DOCKER": "echo"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_images_are_built_and_pushed_under_the_version():
    done = publish(REGISTRY="host.example/Our-Lab", REGISTRY_USER="we", REGISTRY_TOKEN="secret")
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == "login --username we --password-stdin host.example"
    assert "secret" not in done.stdout + done.stderr
    files = {re.search(r"-f (\S+)", line)[1] for line in said if line.startswith("build ")}
    assert files == {f"containers/{path.name}" for path in ROOT.glob("containers/*ockerfile")}
    pushed = [line.removeprefix("push ") for line in said if line.startswith("push ")]
    assert len(pushed) == len(files)
    version = re.escape(seformer.__version__)
    assert all(re.fullmatch(rf"host\.example/our-lab/seformer[a-z-]*:{version}", p) for p in pushed)


def test_without_a_registry_nothing_is_built():
    done = publish()
    assert done.returncode == 2 and not done.stdout
    assert "REGISTRY is not set. What to do:" in done.stderr
