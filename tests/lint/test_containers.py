"""Images, definition files and the environment of conda hold the same, and say what they are."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml

import seformer

ROOT = Path(__file__).parents[2]
PLACE = ROOT / "containers"
# the definition file and the Dockerfile of each image; the Galaxy tools run in Docker alone
PAIRS = {"seformer": "Dockerfile", "multiqc": "multiqc.Dockerfile", "modisco": "modisco.Dockerfile"}
DOCKERFILES = [*PAIRS.values(), "galaxy.Dockerfile"]


def dockerfile(name: str) -> str:
    """Return a Dockerfile's text with its continued lines joined."""
    return (PLACE / name).read_text().replace("\\\n", " ")


def labels(text: str) -> dict[str, str]:
    found = re.findall(r'(org\.opencontainers\.image\.\w+)[= ]"?([^"\n]*?)"?\s*(?=\n| org)', text)
    return {name: value.replace("${VERSION}", version(text)) for name, value in found}


def version(text: str) -> str:
    return (re.findall(r"^ARG VERSION=(\S+)", text, re.M) or [""])[0]


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_runs_as_nobody_special_and_says_what_it_is(name):
    text = dockerfile(name)
    assert re.findall(r"^USER (\w+)", text, re.M)[-1] == "seformer"
    said = labels(text)
    assert {key.rpartition(".")[2] for key in said} == {
        "title",
        "description",
        "version",
        "licenses",
    }
    assert said["org.opencontainers.image.version"] == seformer.__version__


@pytest.mark.parametrize("name", DOCKERFILES)
def test_what_an_image_is_built_on_has_a_version(name):
    text = dockerfile(name)
    arguments = dict(re.findall(r"^ARG (\w+)=(.*)$", text, re.M))
    stages = set(re.findall(r"^FROM \S+ AS (\w+)", text, re.M))
    for base in set(re.findall(r"^FROM (\S+)", text, re.M)) - stages:
        image = re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], base)
        assert re.fullmatch(r"[\w-]+:[\w.-]+", image) and not image.endswith(":latest"), image


@pytest.mark.parametrize("name", PAIRS)
def test_a_definition_file_builds_what_the_dockerfile_builds(name):
    definition, image = (PLACE / f"{name}.def").read_text(), dockerfile(PAIRS[name])
    assert labels(definition) == labels(image)
    base = re.search(r"^ARG BASE=(\S+)", image, re.M)[1]
    if base.startswith("seformer:"):  # one of our own is a file there
        assert f"Bootstrap: localimage\nFrom: {base.replace(':', '-')}.sif\n" in definition
    else:
        assert f"Bootstrap: docker\nFrom: {base}\n" in definition

    def packages(text: str) -> set[str]:
        found = re.findall(r"install -y --no-install-recommends ([\w -]+)", text)
        return {word for words in found for word in words.split()}

    assert packages(definition) == packages(image)
    for environment in re.findall(r"^ENV ((?:PATH|NUMBA_CACHE_DIR)=\S+ .*)$", image, re.M):
        assert f"export {environment}\n" in definition.partition("%environment\n")[2]
    # what uv is told; an image of several stages leaves uv itself behind
    told = re.findall(r"^(?:ENV|    export) (UV_.*)$", image + definition, re.M)
    assert len(told) in (0, 2) and len(set(told)) <= 1
    definition = definition.replace("    rm -rf /opt/uv\n", "")
    assert f"containers/{name}.lock" in definition and f"containers/{name}.lock" in image
    # what is installed, left out and removed, line by line
    commands = [line.strip() for line in definition.partition("%post\n")[2].splitlines()]
    does = [
        text
        for text in commands
        if re.match(r"(grep|rm -rf /opt|find|echo) |NUMBA|.*pip install ", text)
    ]
    image = re.sub(r"\$\{TORCH_INDEX:.*?\}\s*", "", image)
    assert (
        does
        and [text for text in does if " ".join(text.split()) not in " ".join(image.split())] == []
    )
    verbs = r"pip install|find /opt|rm -rf /opt|grep -"
    assert len(re.findall(verbs, image)) == len(re.findall(verbs, "\n".join(commands)))


def test_the_image_brings_what_motifs_are_named_with_as_it_is_read():
    """Compiled for the processor, and in the folder, that numba looks for where it runs."""
    text = dockerfile("Dockerfile")
    told = re.findall(r"^(?:ENV|RUN) (NUMBA_CACHE_DIR=(\S+) NUMBA_CPU_NAME=generic)\b", text, re.M)
    assert len(told) == 2 and len(set(told)) == 1
    place = told[0][1]
    assert f"COPY --from=compiled {place} {place}\n" in text
    # the context of the build holds it all
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for path in re.findall(r"^COPY (?!--)(\S+) ", text, re.M):
        assert {f"!{path}", f"!{Path(path).parts[0]}"} & set(ignored), path


def test_the_two_layers_of_the_image_hold_the_lock_but_for_what_is_not_needed():
    """Torch with its CUDA is a layer apart; the names of packages tell which these are."""
    lock = (PLACE / "seformer.lock").read_text().splitlines()
    kept, left = re.findall(r"grep -v?E '(\S+)' /tmp/seformer.lock", dockerfile("Dockerfile"))
    torch = [line for line in lock if re.match(kept, line)]
    others = [line for line in lock if not re.match(left, line)]
    assert "torch" in {line.partition("==")[0] for line in torch} and len(torch) > 10
    assert [line for line in lock if line not in torch + others] == [
        line for line in lock if line.startswith("triton==")
    ]
    assert not set(torch) & set(others)


def test_the_environment_of_conda_holds_what_the_images_hold():
    environment = yaml.safe_load((PLACE / "environment.yml").read_text())
    assert environment["name"] == f"seformer-{seformer.__version__}"
    *conda, pip = environment["dependencies"]
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert conda == [f"python={required.removeprefix('>=')}", "pip"]
    assert pip == {"pip": ["--requirement seformer.lock", "--requirement multiqc.lock"]}


def test_the_image_of_modisco_adds_to_the_pipelines_own():
    """No package twice: what it shares is there already, in the same version."""

    def packages(name: str) -> set[str]:
        lines = (PLACE / f"{name}.lock").read_text().splitlines()
        return {line.partition("==")[0] for line in lines}

    assert {"finemo", "modisco-lite"} <= packages("modisco")
    assert not packages("modisco") & packages("seformer")


def test_one_uv_installs_the_environment_and_the_images():
    (locked,) = re.findall(r"^uv==\S+$", (PLACE / "requirements.lock").read_text(), re.M)
    texts = [path.read_text() for path in PLACE.iterdir() if path.suffix != ".lock"]
    named = re.findall(r"\buv==[\w.]+", "\n".join(texts))
    assert len(named) == 2 and set(named) == {locked}


@pytest.mark.parametrize("name", ["seformer", "multiqc"])
def test_an_image_holds_what_the_tests_ran_with(name):
    tested = (PLACE / "requirements.lock").read_text().splitlines()
    locked = (PLACE / f"{name}.lock").read_text().splitlines()
    assert len(locked) > 50 and set(locked) <= set(tested)


@pytest.mark.parametrize("path", sorted(ROOT.glob(".github/workflows/*")), ids=lambda p: p.name)
def test_workflows_run_what_people_run(path):
    jobs = yaml.safe_load(path.read_text())["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.M)
    for command in commands:
        for part in command.split(" && "):
            first, second, *_ = [*part.split(), ""]
            assert (
                first == "sudo"
                or (first == "make" and second in targets)
                or (ROOT / first).is_file()
            ), part
