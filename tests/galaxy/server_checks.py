"""What only a running Galaxy shows, beyond the tools' own tests.

    python server_checks.py URL ADMIN_KEY DATA EXPECTED... --to FOLDER --planemo P --workflow W...

scores
    The tool's are those of each EXPECTED (of the command, of the pipeline) to 1e-6.
hostile_names
    Names of datasets that a shell would run are names, and nothing else.
messages
    Bad input ends with seformer's message where Galaxy shows errors.
parameters
    Text that a shell would run, or that leads elsewhere, never becomes a job.
viewers
    Results have the types, columns and assembly that genome browsers and Galaxy's own viewers want.
workflow
    From upload to report.

Each leaves a file of its name: empty, or what was wrong. Runs with Galaxy's own Python environment,
which has requests.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import time
import traceback
from pathlib import Path

import requests

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

    def send(self, method: str, path: str, **kwargs) -> requests.Response:
        url = f"{self.url}/api/{path}"
        return requests.request(method, url, headers=self.headers, timeout=600, **kwargs)

    def ask(self, method: str, path: str, **kwargs) -> requests.Response:
        answer = self.send(method, path, **kwargs)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def user_key(self) -> str:
        """Make a user for these checks: the admin's key has none behind it."""
        user = {"email": "checks@seformer.test", "username": "checks", "password": "not-secret-1"}
        made = self.ask("POST", "users", json=user | {"remote_user_email": user["email"]}).json()
        return self.ask("POST", f"users/{made['id']}/api_key").json()

    def upload(self, history: str, content: bytes, name: str, extension: str, dbkey: str) -> str:
        element = {"src": "files", "name": name, "ext": extension, "dbkey": dbkey}
        targets = [{"destination": {"type": "hdas"}, "elements": [element]}]
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


class Checks:
    """The checks of one server, in one history of a user who is no admin."""

    def __init__(self, given: argparse.Namespace) -> None:
        self.given = given
        self.galaxy = Galaxy(given.url, Galaxy(given.url, given.key).user_key())
        self.history = self.galaxy.ask("POST", "histories", json={"name": "checks"}).json()["id"]
        regions = self.upload("to_score.bed", HOSTILE["regions"], "bed")
        genome = self.upload("genome.fa.gz", HOSTILE["genome"], "fasta.gz")
        model = self.upload("model.tar", HOSTILE["model"], "tar")
        self.inputs = {
            "regions": data(regions),
            "genome|source": "history",
            "genome|fasta": data(genome),
            "trained|source": "history",
            "trained|model": data(model),
        }
        self.scored = self.galaxy.run(self.history, "seformer_predict", self.inputs)

    def upload(self, file: str, name: str, extension: str) -> str:
        content = (self.given.folder / file).read_bytes()
        return self.galaxy.upload(self.history, content, name, extension, "?")

    def details(self, dataset: str) -> dict:
        return self.galaxy.ask("GET", f"datasets/{dataset}").json()

    def scores(self) -> None:
        assert self.scored["state"] == "ok", self.scored.get("stderr")
        table = self.galaxy.content(self.scored["made"]["table"])
        for path in self.given.expected:
            difference = compare(table, path)
            assert difference <= TOLERANCE, f"{path}: differs by {difference}"

    def hostile_names(self) -> None:
        assert self.scored["state"] == "ok", self.scored.get("stderr")
        for key, field in (("regions", "regions"), ("genome", "genome|fasta")):
            named = self.details(self.inputs[field]["id"])["name"]
            assert named == HOSTILE[key], f"the name arrived as {named!r}"
        assert not TRACE.exists(), "a name was run"

    def messages(self) -> None:
        cut = self.upload("model_cut.tar", f"cut $(touch {TRACE}).tar", "tar")
        job = self.galaxy.run(
            self.history, "seformer_predict", self.inputs | {"trained|model": data(cut)}
        )
        assert job["state"] == "error", job["state"]
        message = job["stderr"]
        assert "seformer: error: trained_model: " in message, message
        assert "What to do: " in message and "Traceback" not in message, message
        shown = self.details(job["made"]["table"])["misc_info"]
        assert "trained_model" in shown, f"shown at the dataset: {shown!r}"
        assert not TRACE.exists(), "a name was run"

    def parameters(self) -> None:
        enhancers = self.inputs["regions"]
        for name, text in (
            ("sample", f"$(touch {TRACE})"),
            ("sample", "../elsewhere"),
            ("sample", "-rf"),
            ("labelled|random_negatives", f"`touch {TRACE}`"),
            ("labelled|random_negatives", "1; touch trace"),
        ):
            inputs = {
                "labelled|form": "drawn",
                "labelled|super_enhancers": enhancers,
                "genome|source": "history",
                "genome|fasta": self.inputs["genome|fasta"],
                name: text,
            }
            body = {"history_id": self.history, "tool_id": "seformer_extract", "inputs": inputs}
            answer = self.galaxy.send("POST", "tools", json=body)
            assert answer.status_code == 400, f"{name}={text!r}: {answer.status_code}"
            assert name.rpartition("|")[2] in answer.text, answer.text[:500]
        assert not TRACE.exists(), "a parameter was run"

    def viewers(self) -> None:
        """As people do it: the assembly is chosen at upload, results carry it on."""
        region = b"chr7\t4796\t6216\n"
        regions = self.galaxy.upload(self.history, region, "one.bed", "bed", "hg38")
        inputs = self.inputs | {"regions": data(regions), "how|method": "saliency"}
        inputs |= {"advanced|faithfulness": "0"}
        explained = self.galaxy.run(self.history, "seformer_explain", inputs)
        scored = self.galaxy.run(self.history, "seformer_predict", inputs)
        assert explained["state"] == scored["state"] == "ok", explained.get("stderr")
        for job, name, extension in ((explained, "track", "bigwig"), (scored, "bed", "bed")):
            found = self.details(job["made"][name])
            assert found["file_ext"] == extension, found["file_ext"]
            assert found["metadata_dbkey"] == "hg38", found["metadata_dbkey"]
            # UCSC's and IGV's links need lists of assemblies that a Galaxy of packages lacks
            offered = [app["label"] for app in found["display_apps"]]
            assert any("IGB" in label for label in offered), f"{name}: {offered}"
        table = self.details(scored["made"]["table"])
        assert "probability" in table["metadata_column_names"], table["metadata_column_names"]

    def workflow(self) -> None:
        work = self.given.to
        words = [self.given.planemo, "test", "--galaxy_url", self.given.url]
        words += ["--galaxy_admin_key", self.given.key, "--no_shed_install"]
        words += ["--galaxy_user_key", self.galaxy.headers["x-api-key"]]
        words += ["--test_output", "workflow.html", "--test_output_json", "workflow.json"]
        words += self.given.workflow
        done = subprocess.run(
            list(map(str, words)), cwd=work.parent, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


CHECKS = ("scores", "hostile_names", "messages", "parameters", "viewers", "workflow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("folder", type=Path)
    parser.add_argument("expected", nargs="*", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--planemo", required=True)
    parser.add_argument("--workflow", type=Path, required=True, nargs="+")
    given = parser.parse_args()
    given.to.mkdir()
    checks = Checks(given)
    for name in CHECKS:
        began, said = time.monotonic(), ""
        try:
            getattr(checks, name)()
        except Exception:
            said = traceback.format_exc()
        (given.to / name).write_text(said)
        print(f"check {name}: {'failed' if said else 'passed'}, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
