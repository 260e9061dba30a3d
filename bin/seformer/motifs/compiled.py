"""Libraries of motifs, which numba compiles: they want a folder to keep what is compiled."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from seformer.util.atomic import temporary_folder
from seformer.util.errors import UserError

logger = logging.getLogger(__name__)
Tools = TypeVar("Tools")


def load_compiled(tools: Callable[[], Tools]) -> Tools:
    """Call what imports the libraries, with a folder for numba if it finds none to write to.

    What ``NUMBA_CACHE_DIR`` holds is taken along where it can only be read, as in an image: numba
    reads no folder that it cannot write to.

    Raises
    ------
    UserError
        If they are not installed.
    """
    try:
        import numba

        settings = vars(numba.config)
        brought = Path(settings["CACHE_DIR"] or os.devnull)
        if brought.is_dir() and not os.access(brought, os.W_OK):
            settings["CACHE_DIR"] = str(_copied(brought))
        try:
            return tools()
        except RuntimeError:  # numba: "no locator available"
            logger.info("what is compiled cannot be kept: the first match takes some minutes")
            settings["CACHE_DIR"] = str(_scratch())
            return tools()
    except ImportError as error:
        raise UserError(
            f"this environment lacks {error.name}",
            do='install it with: pip install "seformer[motifs]"',
        ) from error


def keep_compiled(library: ModuleType) -> ModuleType:
    """Have numba keep what it compiles of a library that does not ask for it; return the library.

    Raises
    ------
    RuntimeError
        If numba finds no folder to write to.
    """
    from numba.core.dispatcher import Dispatcher

    for found in vars(library).values():
        if isinstance(found, Dispatcher):
            found.enable_caching()
    return library


def _scratch() -> Path:
    """A folder for what numba compiles, where it finds none of its own that can be written."""
    opened = contextlib.ExitStack()
    folder = opened.enter_context(temporary_folder())
    atexit.register(opened.close)
    return folder


def _copied(brought: Path) -> Path:
    folder = _scratch()
    for index_or_code in brought.glob("*/*.nb[ic]"):
        copy = folder / index_or_code.relative_to(brought)
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(index_or_code, copy)
    return folder
