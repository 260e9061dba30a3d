"""The demo, run once for all that looks at it; workflows, run beside the tests before theirs."""

from __future__ import annotations

import os
import subprocess
import tempfile
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
RUNNING: list[Future] = []
DEMO = tempfile.TemporaryDirectory(prefix="seformer_demo_", ignore_cleanup_errors=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a workflow comes after what does not."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Start the demo and the workflows that pytest-workflow has queued, beside the other tests.

    By itself pytest-workflow would run them before any test.
    """
    queue = session.config.workflow_queue
    runners = ThreadPoolExecutor(session.config.getoption("workflow_threads"))
    if any("demo" in getattr(item, "fixturenames", ()) for item in session.items):
        RUNNING.append(runners.submit(run_demo))
    while not queue.empty():
        RUNNING.append(runners.submit(queue.get().run))
        queue.task_done()


def pytest_sessionfinish() -> None:
    """Those not begun are not wanted any more."""
    for workflow in RUNNING:
        workflow.cancel()
    DEMO.cleanup()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """They have ended before any of them is looked at."""
    for workflow in RUNNING:
        workflow.result()


def run_demo() -> subprocess.CompletedProcess:
    return subprocess.run(
        [ROOT / "scripts" / "demo.sh", "-ansi-log", "false"],
        env=os.environ | {"SEFORMER_DEMO": DEMO.name},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def demo() -> Path:
    done = RUNNING[0].result()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"{DEMO.name}/results/multiqc/multiqc_report.html" in done.stdout
    return Path(DEMO.name)


@pytest.fixture(scope="session")
def results(demo) -> Path:
    (sample,) = (path.parent for path in demo.glob("results/*/metrics.json"))
    return sample
