"""The registry of published models, and how a name becomes a folder with their files.

Kept free of torch, so that `seformer models` answers at once. Sizes and contexts follow the
authors' documentation; revisions are commits of the hub repositories. Where none is known for
certain the field is empty, and what a download resolves it to is recorded beside the files.
"""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Sequence
from importlib.resources import files as package_files
from pathlib import Path
from typing import NamedTuple

from seformer.util.errors import UserError

logger = logging.getLogger(__name__)
CHECKSUMS = "checksums.json"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?")


class Entry(NamedTuple):
    """One published model or preset.

    Attributes
    ----------
    name, hub, revision
        Name here, repository on the hub (None: preset) and its pinned commit (None: unknown).
    family
        See `seformer.model.backbones.Backbone`.
    context_tokens, context_bp
        One window, special tokens included, and the bases it covers on average; None: not known.
    parameters
        Number of weights.
    tokenizer, licence, pretraining, loads
        In words; licence None: see the model card.
    held_out
        Chromosomes that the pre-training did not see (empty: none known).
    learning_rates
        Recommended, ``head`` for stage 1 and ``full`` for stage 2.
    training_memory_gb
        Estimate for stage 2 with 8 whole windows a batch in float32; None: not known.
    branch
        Of the repository, where no commit is known.
    labels
        What it was trained on with labels after its pre-training; None: nothing.
    unchecked
        What of all this is as others say and could not be checked, in words.
    """

    name: str
    hub: str | None
    revision: str | None
    family: str
    context_tokens: int | None
    context_bp: int | None
    parameters: int
    tokenizer: str
    licence: str | None
    pretraining: str
    held_out: list[str]
    learning_rates: dict[str, float]
    training_memory_gb: int | None
    loads: str
    branch: str | None = None
    labels: str | None = None
    unchecked: Sequence[str] = ()


def entries() -> list[Entry]:
    """Return all entries, presets first."""
    text = (package_files("seformer.model.backbones") / "registry.json").read_text(encoding="utf-8")
    return [Entry(**entry) for entry in json.loads(text)["models"]]


def find(name: str) -> Entry | None:
    """Return the entry of a registry name, or of its hub id with or without revision."""
    bare, _, revision = str(name).partition("@")
    same = [entry for entry in entries() if bare in (entry.name, entry.hub)]
    exact = (entry for entry in same if revision and revision in (entry.revision, entry.branch))
    return next(exact, same[0] if same else None)


def fitting(family: str | None) -> str:
    """Name in words the models that load in place of one that needs its own code.

    Those of ``family``, or where it has none one of each family.
    """
    published = [entry for entry in entries() if entry.hub]
    same = [entry.name for entry in published if entry.family == family]
    first = {entry.family: entry.name for entry in reversed(published)}
    each = (f"{first[name]} (family {name})" for name in reversed(first))
    return "models that load: " + ", ".join(same or each)


def _unknown(name: str) -> UserError:
    names = [entry.name for entry in entries()]
    near = difflib.get_close_matches(str(name).lower(), names, n=1, cutoff=0.5)
    return UserError(
        f"there is no model or folder {str(name)!r}",
        expected="a name that `seformer models` lists, a hub id (owner/name) or a model folder",
        do=f"did you mean {near[0]}?" if near else "list the names with `seformer models`",
    )


def hub_reference(name: str | Path) -> tuple[str, str | None, str]:
    """Return hub id, revision and source (registry or hub) of a name."""
    entry = find(str(name))
    revision = str(name).partition("@")[2] or (entry.revision or entry.branch if entry else None)
    if entry is not None:
        if entry.hub is None:
            raise UserError(
                f"{entry.name} is a preset, made from scratch",
                do="use its name as the model; there is nothing to fetch",
            )
        return entry.hub, revision, "registry" if str(name) == entry.name else "hub"
    if isinstance(name, Path) or not _HUB_ID.fullmatch(str(name)) or Path(name).parent.is_dir():
        raise _unknown(str(name))
    return str(name).partition("@")[0], revision, "hub"


class ModelFiles(NamedTuple):
    """A folder with a model's files; the others are as in `seformer.model.backbones.Origin`."""

    folder: Path
    name: str
    source: str
    revision: str | None


def locate_model(name: str | Path) -> ModelFiles:
    """Find the folder with a model's files, where it came from, and its revision.

    A folder that `fetch` has written keeps the name that it was fetched from.

    Raises
    ------
    UserError
        If there is no such model, or the hub cannot be reached.
    """
    from seformer.util.records import read_object

    folder = Path(name)
    if folder.is_dir():
        record = read_object(folder / CHECKSUMS) if (folder / CHECKSUMS).is_file() else {}
        hub = record.get("hub")
        # of several models of one repository the name tells which
        entry = find(str(record.get("name") or hub)) if hub else None
        known = entry.name if entry else hub or str(name)
        return ModelFiles(folder, known, "folder", record.get("revision"))
    hub, revision, source = hub_reference(name)
    folder, commit = download(hub, revision)
    return ModelFiles(folder, str(name), source, commit)


def wanted_files(names: Sequence[str]) -> list[str]:
    """Choose what to download: settings, tokeniser, and weights as safetensors if there are any.

    Never code, and no weights of other frameworks.
    """
    top = [name for name in names if "/" not in name]
    kept = [name for name in top if name.endswith((".json", ".txt", ".md", "LICENSE"))]
    weights = [name for name in top if re.fullmatch(r"model[\w.-]*\.safetensors", name)]
    if not weights:
        weights = [name for name in top if re.fullmatch(r"pytorch_model[\w.-]*\.bin", name)]
    return sorted(kept + weights)


def download(hub: str, revision: str | None, to: Path | None = None) -> tuple[Path, str]:
    """Download a repository's files (or find them in the local cache).

    Returns
    -------
    The folder and the commit.

    Raises
    ------
    UserError
        If the hub cannot be reached or has no such repository or revision.
    """
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        info = huggingface_hub.HfApi().model_info(hub, revision=revision)
        names = wanted_files([sibling.rfilename for sibling in info.siblings or []])
        folder = huggingface_hub.snapshot_download(
            hub, revision=info.sha, allow_patterns=names, local_dir=to
        )
        return Path(folder), str(info.sha)
    except HfHubHTTPError as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status is not None and 400 <= status < 500:
            raise UserError(
                f"the hub has no open model {hub}" + (f" at {revision}" if revision else ""),
                do="check the name; `seformer models` lists the known ones",
            ) from error
        reason: Exception = error
    except (OSError, LocalEntryNotFoundError, RuntimeError) as error:
        reason = error
    except Exception as error:  # the client's own network errors have no common base
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpcore", "httpx2"):
            raise
        reason = error
    logger.debug("hub not reached", exc_info=reason)
    if to is None:
        try:
            folder = huggingface_hub.snapshot_download(
                hub, revision=revision, local_files_only=True
            )
            return Path(folder), Path(folder).name
        except (LocalEntryNotFoundError, OSError, ValueError):
            pass
    raise UserError(
        f"{hub} cannot be downloaded, since the model hub cannot be reached",
        do="on a machine with network run `seformer models fetch NAME --to DIR`,"
        " copy DIR here and give it as the model",
    ) from reason
