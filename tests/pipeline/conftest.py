"""The demo, run once for all that looks at it; workflows, run beside the tests before theirs."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
RUNNING: list[Future] = []


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a workflow comes after what does not."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Start the workflows that pytest-workflow has queued; it would run them before any test."""
    queue = session.config.workflow_queue
    runners = ThreadPoolExecutor(session.config.getoption("workflow_threads"))
    while not queue.empty():
        RUNNING.append(runners.submit(queue.get().run))
        queue.task_done()


def pytest_sessionfinish() -> None:
    """Those not begun are not wanted any more."""
    for workflow in RUNNING:
        workflow.cancel()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """They have ended before any of them is looked at."""
    for workflow in RUNNING:
        workflow.result()


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [ROOT / "scripts" / "demo.sh", "-ansi-log", "false"],
        env=os.environ | {"SEFORMER_DEMO": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"{folder}/results/multiqc/multiqc_report.html" in done.stdout
    return folder


@pytest.fixture(scope="session")
def results(demo) -> Path:
    (sample,) = (path.parent for path in demo.glob("results/*/metrics.json"))
    return sample
