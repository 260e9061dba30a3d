"""What only a running Galaxy shows, beyond the tools' own tests.

    python server_checks.py URL ADMIN_KEY TEST_DATA EXPECTED... [--planemo PLANEMO --workflow FILE]

1. Data sets with hostile names are scored, and nothing in the names is run.
2. The scores equal each EXPECTED (predictions of the command, of the pipeline) to 1e-6.
3. Bad input ends with seformer's message where Galaxy shows errors.
4. The workflow runs from upload to report.

Runs with Galaxy's own Python environment, which has requests.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import logging
import subprocess
import sys
import time
from pathlib import Path

import requests

logger = logging.getLogger("server_checks")
TOLERANCE = 1e-6
COMPARED = ("logit", "probability", "coverage")
# each would leave this file, if a shell ever saw it
TRACE = Path.cwd() / "trace"
HOSTILE = {
    "regions": f'it\'s "odd" $(touch {TRACE}) `touch {TRACE}`; touch {TRACE} & more.bed',
    "genome": f"$(touch {TRACE})' ; touch {TRACE} ; '.fa",
    "model": f"../../../model \\'; touch {TRACE}; \\.tar",
}
FAILED = ("error", "failed", "paused", "deleted", "discarded")
TIMEOUT = 1200  # s; a busy machine takes minutes to take in a file


class Galaxy:
    """As much of Galaxy's API as is needed here."""

    def __init__(self, url: str, key: str) -> None:
        self.url, self.headers = url, {"x-api-key": key}

    def ask(self, method: str, path: str, **kwargs):
        answer = requests.request(
            method, f"{self.url}/api/{path}", headers=self.headers, timeout=60, **kwargs
        )
        if not answer.ok:
            raise SystemExit(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer

    def user_key(self) -> str:
        """Make a user for these checks: the admin's key has none behind it."""
        user = {"email": "checks@seformer.test", "username": "checks", "password": "not-secret-1"}
        made = self.ask("POST", "users", json=user | {"remote_user_email": user["email"]}).json()
        return self.ask("POST", f"users/{made['id']}/api_key").json()

    def upload(self, history: str, path: Path, name: str, extension: str) -> str:
        element = {"src": "files", "name": name, "ext": extension, "dbkey": "?"}
        targets = [{"destination": {"type": "hdas"}, "elements": [element]}]
        with open(path, "rb") as content:
            data = {"history_id": history, "targets": json.dumps(targets)}
            files = {"files_0|file_data": content}
            made = self.ask("POST", "tools/fetch", data=data, files=files).json()
        return made["outputs"][0]["id"]

    def run(self, history: str, tool: str, inputs: dict) -> dict:
        """Run a tool; returns its job, ended."""
        body = {"history_id": history, "tool_id": tool, "inputs": inputs}
        made = self.ask("POST", "tools", json=body).json()
        job = made["jobs"][0]["id"]
        for _ in range(TIMEOUT // 3):
            found = self.ask("GET", f"jobs/{job}", params={"full": "true"}).json()
            if found["state"] == "ok" or found["state"] in FAILED:
                break
            time.sleep(3)
        outputs = {output["output_name"]: output["id"] for output in made["outputs"]}
        return found | {"made": outputs}

    def content(self, dataset: str) -> str:
        return self.ask("GET", f"datasets/{dataset}/display", params={"raw": "true"}).text


def data(dataset: str) -> dict:
    return {"src": "hda", "id": dataset}


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter="\t"))


def compare(found: str, expected: Path) -> float:
    """Return the largest difference of the scores; everything else must be the same."""
    ours, theirs = rows(found), rows(expected.read_text())
    assert len(ours) == len(theirs) > 0, f"{len(ours)} rows, not {len(theirs)}"
    largest = 0.0
    for one, other in zip(ours, theirs, strict=True):
        assert list(one) == list(other), f"columns {list(one)}, not {list(other)}"
        for name in one:
            if name in COMPARED:
                largest = max(largest, abs(float(one[name]) - float(other[name])))
            else:
                assert one[name] == other[name], f"{name}: {one[name]!r}, not {other[name]!r}"
    return largest


def check_scores(galaxy: Galaxy, folder: Path, expected: list[Path]) -> None:
    history = galaxy.ask("POST", "histories", json={"name": "checks"}).json()["id"]
    regions = galaxy.upload(history, folder / "to_score.bed", HOSTILE["regions"], "bed")
    genome = galaxy.upload(history, folder / "genome.fa.gz", HOSTILE["genome"], "fasta.gz")
    model = galaxy.upload(history, folder / "model.tar", HOSTILE["model"], "tar")
    inputs = {
        "regions": data(regions),
        "genome|source": "history",
        "genome|fasta": data(genome),
        "trained|source": "history",
        "trained|model": data(model),
    }
    job = galaxy.run(history, "seformer_predict", inputs)
    assert job["state"] == "ok", job.get("stderr")
    named = galaxy.ask("GET", f"datasets/{regions}").json()["name"]
    assert named == HOSTILE["regions"], f"the name arrived as {named!r}"
    table = galaxy.content(job["made"]["table"])
    for path in expected:
        difference = compare(table, path)
        logger.info("largest difference from %s: %.3g", path.name, difference)
        assert difference <= TOLERANCE, f"{path}: differs by {difference}"
    # the same with an archive that is cut off
    cut = galaxy.upload(history, folder / "model_cut.tar", f"cut $(touch {TRACE}).tar", "tar")
    job = galaxy.run(history, "seformer_predict", inputs | {"trained|model": data(cut)})
    assert job["state"] == "error", job["state"]
    message = job["stderr"]
    assert "seformer: error: trained_model: " in message, message
    assert "What to do: " in message and "Traceback" not in message, message
    shown = galaxy.ask("GET", f"datasets/{job['made']['table']}").json()["misc_info"]
    assert "trained_model" in shown, f"shown at the data set: {shown!r}"
    assert not TRACE.exists(), "a name was run"


def check_workflow(galaxy: Galaxy, admin: str, planemo: str, workflow: Path, work: Path) -> None:
    command = [planemo, "test", "--galaxy_url", galaxy.url, "--galaxy_admin_key", admin]
    command += ["--galaxy_user_key", galaxy.headers["x-api-key"], "--no_shed_install"]
    command += ["--test_output", work / "workflow.html"]
    command += ["--test_output_json", work / "workflow.json", workflow]
    done = subprocess.run(
        list(map(str, command)), cwd=work, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit("the workflow failed:\n" + done.stdout[-3000:] + done.stderr[-3000:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("folder", type=Path)
    parser.add_argument("expected", nargs="*", type=Path)
    parser.add_argument("--planemo")
    parser.add_argument("--workflow", type=Path)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
    galaxy = Galaxy(given.url, Galaxy(given.url, given.key).user_key())
    began = time.monotonic()
    check_scores(galaxy, given.folder, given.expected)
    logger.info("PASSED scores, hostile names, message: %.0f s", time.monotonic() - began)
    if given.workflow:
        began = time.monotonic()
        check_workflow(galaxy, given.key, given.planemo, given.workflow, Path.cwd())
        logger.info("PASSED workflow: %.0f s", time.monotonic() - began)


if __name__ == "__main__":
    main()
