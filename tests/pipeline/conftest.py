"""What takes longest runs beside the other tests: the demo, a folder as backbone, workflows."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from concurrent.futures import Future
from pathlib import Path

import pytest
from beside import runners
from published import write_published

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
RUNNING: dict[str, Future] = {}
DEMO, FOLDER = (
    tempfile.TemporaryDirectory(prefix=f"seformer_{name}_", ignore_cleanup_errors=True)
    for name in ("demo", "folder")
)
# checkpoints that whole runs begin with, where real data are at hand: folder and layout
BACKBONES = {"nt tiny": "nt_v2", "nt_v1": "nt_v1"}
BACKBONES |= {name: name for name in ("gena_supervised", "dnabert_s", "grover")}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a workflow comes after what does not."""
    items.sort(key=lambda item: HERE in item.path.parents)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Start these runs, and the workflows that pytest-workflow has queued, beside the other tests.

    By itself pytest-workflow would run them before any test.
    """
    queue = session.config.workflow_queue
    threads = runners(session.config)
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    # the longest first
    if "demo" in wanted:
        RUNNING["demo"] = threads.submit(run_demo)
    # before any test begins: random numbers are torch's, which the tests seed as well
    if wanted & {"of_folder", "workflow_dir"} or not queue.empty():
        for name, layout in BACKBONES.items():
            if write_published(layout, Path(FOLDER.name) / name):
                os.environ["SEFORMER_BACKBONES"] = FOLDER.name
    if "of_folder" in wanted and "SEFORMER_BACKBONES" in os.environ:
        RUNNING["of_folder"] = threads.submit(run_of_folder, Path(FOLDER.name) / "nt tiny")
    while not queue.empty():
        RUNNING[f"workflow {len(RUNNING)}"] = threads.submit(queue.get().run)
        queue.task_done()


def pytest_sessionfinish() -> None:
    """Those not begun are not wanted any more."""
    for run in RUNNING.values():
        run.cancel()
    DEMO.cleanup()
    FOLDER.cleanup()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """They have ended before any of them is looked at."""
    for run in RUNNING.values():
        run.result()


def run_demo() -> subprocess.CompletedProcess:
    # with the parser that people have by themselves
    environment = {name: value for name, value in os.environ.items() if name != "NXF_SYNTAX_PARSER"}
    return subprocess.run(
        [ROOT / "scripts" / "demo.sh", "-ansi-log", "false"],
        env=environment | {"SEFORMER_DEMO": DEMO.name},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def demo() -> Path:
    done = RUNNING["demo"].result()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"{DEMO.name}/results/multiqc/multiqc_report.html" in done.stdout
    return Path(DEMO.name)


def track(path: Path) -> Path:
    """A bigWig that says of every base which chromosome it is of."""
    import pybigtools
    import pysam

    with pysam.FastxFile(str(ROOT / "tests/data/demo/genome.fa.gz")) as genome:
        sizes = {record.name: len(record.sequence) for record in genome}
    values = ((name, 0, sizes[name], float(rank)) for rank, name in enumerate(sorted(sizes)))
    pybigtools.open(str(path), "w").write(sizes, values)
    return path


def thinned(folder: Path) -> Path:
    """A sample sheet with every third region of the demo: what is shown needs no more."""
    for name in ("super_enhancers.bed", "typical_enhancers.bed"):
        lines = (ROOT / "tests/data/demo" / name).read_text().splitlines(keepends=True)
        (folder / name).write_text("".join(lines[::3]))
    return Path(shutil.copy(ROOT / "tests/data/demo/samplesheet.csv", folder))


def run_of_folder(backbone: Path) -> subprocess.CompletedProcess:
    # other runs name motifs
    unnamed = Path(FOLDER.name) / "unnamed.config"
    unnamed.write_text("params.motifs = null\n")
    command = [
        *(ROOT / "scripts/nextflow.sh", "-c", unnamed, "run", ROOT, "-profile", "test,venv"),
        *("-ansi-log", "false"),
        *("--input", thinned(Path(FOLDER.name)), "--model", backbone, "--outdir", "results"),
        *("--baselines", "length,composition,random_twin"),
        *("--baseline_tracks", f"marks={track(Path(FOLDER.name) / 'all regions.bw')}"),
        *("--pretrain", "genome", "--pretrain_steps", 2, "--pretrain_batch_size", 8),
        *("--window", 128, "--window_pooling", "attention"),
        *("--head_epochs", 2, "--epochs", 1, "--bootstrap", 20, "--max_windows", 2),
        *("--explain_references", 1, "--explain_max_steps", 64, "--explain_faithfulness", 0),
    ]
    return subprocess.run(
        list(map(str, command)), cwd=FOLDER.name, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="session")
def of_folder() -> Path:
    """What the run with a folder as backbone gave."""
    if "of_folder" not in RUNNING:
        pytest.skip("SEFORMER_TEST_DATA does not name the folder of real data")
    done = RUNNING["of_folder"].result()
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Path(FOLDER.name) / "results"


@pytest.fixture(scope="session")
def results(demo) -> Path:
    (sample,) = (path.parent for path in demo.glob("results/*/metrics.json"))
    return sample
