"""Download a published model once, for machines without network, and check it by loading it."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from seformer.model.backbones import registry
from seformer.model.backbones.build import check_vocabulary, load_backbone
from seformer.sequence.tokenizers import load_tokenizer
from seformer.util.atomic import output_folder
from seformer.util.records import write_json
from seformer.util.text import sha256

logger = logging.getLogger(__name__)


def fetch(name: str, to: str | Path) -> Path:
    """Download a model into a folder for machines without network, and check it.

    The model is loaded once, strictly, and the SHA-256 of every file is written to
    checksums.json, which every later loading compares.

    Raises
    ------
    UserError
        If the model is unknown, cannot be downloaded, or does not load; nothing is left then.
    """
    hub, revision, _ = registry.hub_reference(name)
    with output_folder(to) as staging:
        _, commit = registry.download(hub, revision, to=staging)
        shutil.rmtree(staging / ".cache", ignore_errors=True)
        model = load_backbone(staging)
        check_vocabulary(model, load_tokenizer(staging), hub)
        sums = {path.name: sha256(path) for path in sorted(staging.iterdir()) if path.is_file()}
        entry = registry.find(name)
        known = {"name": entry.name} if entry else {}
        record: dict[str, Any] = {**known, "hub": hub, "revision": commit, "sha256": sums}
        write_json(record, staging / registry.CHECKSUMS)
    logger.info("%s at %s: %s, %d files, checked", hub, commit, model.family, len(sums))
    return Path(to)
