#!/usr/bin/env python3
"""The image's software bill of materials (CycloneDX 1.6) from its locks: docs/sbom.json.

Every Python package of the images with its version and package URL; the base image's own packages
are those of its distribution. Call it after a lock has changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "docs/sbom.json"
# lock and what it is installed into
LOCKS = {
    "containers/requirements.lock": "environment",
    "containers/seformer.lock": "seformer image",
    "containers/multiqc.lock": "multiqc image",
}


def component(name: str, version: str, uses: list[str]) -> dict:
    """One package with its package URL, and the locks that hold it."""
    url = f"pkg:pypi/{re.sub('[-_.]+', '-', name).lower()}@{version.replace('+', '%2B')}"
    uses_ = [{"name": "seformer:in", "value": use} for use in uses]
    record = {"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url}
    return record | {"properties": uses_}


def bill() -> dict:
    """Read the locks; the same locks give the same bill."""
    found: dict[tuple[str, str], list[str]] = {}
    for lock, use in LOCKS.items():
        for line in (ROOT / lock).read_text(encoding="utf-8").splitlines():
            if match := re.match(r"([A-Za-z0-9._-]+)==([^\s;#]+)", line.strip()):
                found.setdefault((match[1], match[2]), []).append(use)
    parts = [component(*key, uses) for key, uses in sorted(found.items())]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    serial = "-".join(digest[a:b] for a, b in ((0, 8), (8, 12), (12, 16), (16, 20), (20, 32)))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": "seformer"}},
        "components": parts,
    }


def main() -> int:
    """Write the bill."""
    text = json.dumps(bill(), indent=1) + "\n"
    TARGET.write_text(text, encoding="utf-8")
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.info("%s: %d packages", TARGET.relative_to(ROOT), text.count('"bom-ref"'))
    return 0


if __name__ == "__main__":
    sys.exit(main())
