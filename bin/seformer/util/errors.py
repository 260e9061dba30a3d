"""Errors for people: what was found, where, what was expected, what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from os import PathLike


def visible(text: str) -> str:
    """Escape what is no printable character: file names must not move a terminal or break lines."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class UserError(Exception):
    """A mistake in the input that its user can mend.

    The command line prints the message alone, without a traceback, and exits with code 2.

    Parameters
    ----------
    found
        What was found, as a clause without a full stop.
    where
        The file (or option) it was found in.
    line
        1-based line number inside ``where``.
    expected
        What was expected instead.
    do
        What the user can do about it.

    Attributes
    ----------
    found, where, line, expected, do
        As given, so that another door can say it in its own words.
    """

    def __init__(
        self,
        found: str,
        *,
        where: str | PathLike[str] | None = None,
        line: int | None = None,
        expected: str | None = None,
        do: str | None = None,
    ) -> None:
        self.found, self.where, self.line, self.expected, self.do = found, where, line, expected, do
        place = "" if where is None else str(where)
        if line is not None:
            place += f", line {line}"
        parts = [f"{place}: {found}." if place else f"{found}."]
        if expected:
            parts.append(f"Expected: {expected}.")
        if do:
            parts.append(f"What to do: {do}{'' if do.endswith('?') else '.'}")
        super().__init__(visible(" ".join(parts)))


class NothingToReadError(UserError):
    """No region in a file, or none on the genome: among other files it can be spared."""


# faults of the machine, which no file that is read can cause
_MACHINE = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EMFILE, errno.ENFILE),
    *(errno.ENOMEM, errno.EROFS),
)


@contextlib.contextmanager
def distrusted(where: str | PathLike[str]) -> Iterator[None]:
    """Guard the reading of a stranger's model: any unforeseen error in it is one message.

    Memory and disks that are full are told as ever; so is `UserError`.
    """
    try:
        yield
    except (UserError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    # a panic of a library in Rust is no Exception
    except BaseException as error:
        if isinstance(error, OSError) and error.errno in _MACHINE:
            raise
        if "out of memory" in str(error).lower() or "can't allocate memory" in str(error):
            raise
        raise UserError(
            f"this model folder is damaged or hostile: {type(error).__name__}: {error}"[:500],
            where=where,
            do="copy it again from where it was made; do not use it if you do not know its maker",
        ) from error
