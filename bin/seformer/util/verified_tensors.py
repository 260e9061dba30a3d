"""Tensors on disk that are either whole or not used: caches and checkpoints."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from seformer.util.atomic import staging_folder, sync, umask
from seformer.util.text import sha256

logger = logging.getLogger(__name__)
DIGEST_LENGTH = 32


class Stored(NamedTuple):
    """Tensors and the JSON record beside them."""

    tensors: dict[str, torch.Tensor]
    record: dict[str, Any]


def write_safetensors(
    tensors: dict[str, torch.Tensor], path: Path, metadata: dict[str, str]
) -> None:
    """Write a safetensors file.

    Raises
    ------
    OSError
        If it cannot be written; safetensors' own error hides which.
    """
    try:
        save_file(tensors, path, metadata=metadata)
        # the library makes private files; results follow the user's umask
        path.chmod(0o666 & ~umask())
    except SafetensorError as error:
        code = re.search(r"os error (\d+)", str(error))
        number = int(code[1]) if code else errno.EIO
        raise OSError(number, os.strerror(number), str(path)) from error


def save(folder: Path, stem: str, tensors: dict[str, torch.Tensor], record: dict[str, Any]) -> Path:
    """Write ``<stem>-<digest>.safetensors`` and then remove older files of the same stem.

    The name carries the SHA-256 of the content, so a file that was cut short or changed is
    recognised, and the one before it stays until the new one is whole.

    Raises
    ------
    OSError
        If it cannot be written, for instance since the disk is full.
    """
    # earlier versions left partial files, if they were killed
    older = [p for kept in (f"{stem}-*.safetensors", ".*.partial") for p in folder.glob(kept)]
    folder.mkdir(parents=True, exist_ok=True)
    # of whatever stem, so that what was left for other data goes as well
    with staging_folder(folder, "partial") as staging:
        partial = staging / stem
        write_safetensors(tensors, partial, {"record": json.dumps(record)})
        sync(partial)
        target = folder / f"{stem}-{sha256(partial)[:DIGEST_LENGTH]}.safetensors"
        os.replace(partial, target)
        sync(folder)
    for path in older:
        if path != target:
            path.unlink(missing_ok=True)
    return target


def load(folder: Path, stem: str) -> Stored | None:
    """Load the newest whole file of ``stem``; None if there is none.

    A damaged file is said in the log and passed over; the caller computes it anew.
    """
    paths = folder.glob(f"{stem}-*.safetensors")
    for path in sorted(paths, key=lambda p: p.stat().st_mtime_ns, reverse=True):
        digest = path.stem.removeprefix(f"{stem}-")
        try:
            if sha256(path)[:DIGEST_LENGTH] != digest:
                raise OSError("its checksum does not fit")
            with safe_open(path, framework="pt") as handle:
                record = json.loads((handle.metadata() or {})["record"])
                return Stored({key: handle.get_tensor(key) for key in handle.keys()}, record)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            logger.warning("%s is damaged (%s): it is not used and is made anew", path, error)
    return None
