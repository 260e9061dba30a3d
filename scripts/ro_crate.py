#!/usr/bin/env python3
"""The pipeline as a Workflow RO-Crate (1.1): ro-crate-metadata.json, for registries and archives.

Name, version, licence and keywords come from nextflow.config and pyproject.toml: call it after one
of them, or the list of files here, has changed. With the date of a release, as in
scripts/ro_crate.py 2027-01-31, that is the date of publication; without one that stays.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "ro-crate-metadata.json"
# a part of the crate: what it is, and its format if people do not see it at once
PARTS = {
    "README.md": ("What it is, how to begin", "text/markdown"),
    "CHANGELOG.md": ("Changes by version", "text/markdown"),
    "CITATION.cff": ("How to cite", "application/yaml"),
    "CITATIONS.md": ("What it is built on", "text/markdown"),
    "LICENSE": ("Licence", "text/plain"),
    "nextflow.config": ("Configuration and profiles", "text/plain"),
    "nextflow_schema.json": ("All parameters", "application/schema+json"),
    "containers/Dockerfile": ("The image of all processes", "text/plain"),
    "containers/seformer.lock": ("Its packages with their versions", "text/plain"),
    "docs/sbom.json": ("Bill of materials of the images", "application/json"),
    "bin/": ("What the processes call, and the Python package", None),
    "conf/": ("Resources, options of processes, executors", None),
    "docs/": ("Documentation", None),
    "galaxy/": ("Tools and a workflow for Galaxy", None),
    "lib/": ("Checks of parameters and sample sheets", None),
    "modules/": ("Processes", None),
    "subworkflows/": ("Groups of processes", None),
    "tests/": ("Tests and demonstration data", None),
    "workflows/": ("The way of the data", None),
}
# terms of the specification are named by addresses
PROFILE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
SPECIFICATION = "https://w3id.org/ro/crate/1.1"


def manifest(name: str) -> str:
    """A line of the manifest in nextflow.config."""
    text = (ROOT / "nextflow.config").read_text(encoding="utf-8")
    return re.search(rf"^ +{name} += '(.*)'$", text[text.index("manifest {") :], re.M)[1]


def published() -> str:
    """The date in the crate as it is."""
    graph = json.loads(TARGET.read_text(encoding="utf-8"))["@graph"]
    return next(part["datePublished"] for part in graph if part["@id"] == "./")


def crate(date: str) -> dict:
    """Read the sources; the same sources and date give the same crate."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = manifest("version")
    licence = {"@id": f"https://spdx.org/licenses/{project['license']}"}
    about = {
        "name": project["name"],
        "description": manifest("description"),
        "version": version,
        "license": licence,
        "keywords": project["keywords"],
        "creator": {"@id": "#authors"},
    }
    files = [
        {
            "@id": path,
            "@type": "Dataset" if path.endswith("/") else "File",
            "description": description,
            **({"encodingFormat": form} if form else {}),
        }
        for path, (description, form) in PARTS.items()
    ]
    graph = [
        {
            "@id": "ro-crate-metadata.json",
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": SPECIFICATION}, {"@id": PROFILE}],
        },
        {
            "@id": "./",
            "@type": "Dataset",
            **about,
            "datePublished": date,
            "mainEntity": {"@id": "main.nf"},
            "hasPart": [{"@id": "main.nf"}, *({"@id": path} for path in PARTS)],
        },
        {
            "@id": "main.nf",
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            **about,
            "programmingLanguage": {"@id": "#nextflow"},
            "runtimePlatform": f"Nextflow {manifest('nextflowVersion').removeprefix('!')}",
        },
        {
            "@id": "#nextflow",
            "@type": "ComputerLanguage",
            "name": "Nextflow",
            "identifier": "https://www.nextflow.io/",
            "url": "https://www.nextflow.io/",
        },
        {"@id": "#authors", "@type": "Organization", "name": project["authors"][0]["name"]},
        {"@id": licence["@id"], "@type": "CreativeWork", "name": f"{project['license']} licence"},
        *files,
    ]
    return {"@context": f"{SPECIFICATION}/context", "@graph": graph}


def main() -> int:
    """Write the crate."""
    date = datetime.date.fromisoformat(sys.argv[1]).isoformat() if sys.argv[1:] else published()
    text = json.dumps(crate(date), indent=2, ensure_ascii=False) + "\n"
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
