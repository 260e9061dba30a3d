"""What the pipeline asks of a container engine."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def requests(workflow_dir: str) -> dict[str, str]:
    """Return process to the arguments that the engine was given."""
    found = {}
    for engine in Path(workflow_dir).glob("work/*/*/.engine"):
        name = re.search(r"name: '(\S+)", (engine.parent / ".command.run").read_text())[1]
        found[name.rstrip("'").rpartition(":")[2]] = engine.read_text()
    return found


def gpu_processes() -> set[str]:
    modules = [path.read_text() for path in ROOT.glob("modules/local/*/main.nf")]
    return {re.search(r"process (\w+)", text)[1] for text in modules if "'process_gpu'" in text}


@pytest.mark.workflow("GPUs in Docker")
def test_the_gpu_processes_and_only_they_ask_for_a_gpu(workflow_dir):
    asked = requests(workflow_dir)
    wanted = gpu_processes() & asked.keys()
    assert {name for name, text in asked.items() if "--gpus all" in text} == wanted
    assert {"FINETUNE_FULL", "PREDICT", "EXPLAIN"} <= wanted < asked.keys()


@pytest.mark.workflow("no GPUs in Docker")
def test_without_the_profile_none_asks_for_a_gpu(workflow_dir):
    asked = requests(workflow_dir)
    assert len(asked) > 10
    assert not any("--gpus" in text for text in asked.values())


@pytest.mark.workflow("no GPUs in Docker")
def test_images_and_users(workflow_dir):
    for name, text in requests(workflow_dir).items():
        assert ("seformer-multiqc:" if name == "MULTIQC" else " seformer:") in text
        assert "-u " in text and ":latest" not in text


@pytest.mark.workflow("no GPUs in Docker")
def test_checkpoints_are_mounted_in_stage_2(workflow_dir):
    request = requests(workflow_dir)["FINETUNE_FULL"]
    mounted = [Path(place.split(":")[0]) for place in re.findall(r"-v (\S+)", request)]
    checkpoints = Path(workflow_dir) / "work" / "checkpoints"
    assert any(place == checkpoints or place in checkpoints.parents for place in mounted)


@pytest.mark.workflow("no GPUs in Docker")
def test_who_is_named_gets_a_mail_with_the_report(workflow_dir):
    said = (Path(workflow_dir) / "sent_mail").read_text()
    assert re.search("^To: lab@example.org, ?pi@example.org", said, re.M)
    assert re.search("^Subject: seformer is done", said, re.M)
    assert "multiqc_report.html" in said and "--email lab@example.org" in said
