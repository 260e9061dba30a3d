"""Results that are there whole or not at all: what is unfinished has a folder of its own.

Such a folder is locked for as long as its process lives, so that the next run knows those that a
killed one left, and removes them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import glob
import os
import secrets
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from seformer.util.errors import UserError

STAGING = "staging-"
# stands in a results folder whose files are replaced one by one, and stays if that is cut short
INCOMPLETE = "INCOMPLETE"
# names that results of several commands have: they say nothing of whose a folder is
SHARED = frozenset({Path("summary.json"), Path("seqlets.bed")})
MOST_BYTES = 200  # of a name that a staging folder's name holds; file systems take 255
LONGEST_WAIT = 60.0  # seconds for another run that is publishing into the same folder
RENAME_EXCHANGE, AT_FDCWD = 2, -100  # linux/fs.h, linux/fcntl.h
_unfinished: set[Path] = set()
_inputs: frozenset[tuple[int, int]] = frozenset()  # device and inode of each, see `inputs_spared`


@contextlib.contextmanager
def staging_folder(place: Path, name: str) -> Iterator[Path]:
    """Yield a new folder in ``place``, for what is to become ``name``, and remove it at the end.

    Those that killed processes left there for the same name are removed first.
    """
    name = name.encode(errors="surrogateescape")[:MOST_BYTES].decode(errors="ignore")
    _remove_abandoned(place, name)
    folder, lock = _locked_folder(place, name)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _unfinished.discard(folder)
        os.close(lock)


def _locked_folder(place: Path, name: str) -> tuple[Path, int]:
    for _ in range(100):
        folder = place / f".{name}.{STAGING}{secrets.token_hex(4)}"
        # known before it is made: a signal may come at any moment
        _unfinished.add(folder)
        try:
            folder.mkdir(mode=0o700)
            lock = os.open(folder, os.O_RDONLY)
        except OSError as error:
            _unfinished.discard(folder)
            if isinstance(error, FileNotFoundError) and place.is_dir():
                continue  # another run took it for an abandoned one before it was locked
            with contextlib.suppress(OSError):
                folder.rmdir()
            raise
        with contextlib.suppress(OSError):  # some file systems have no locks
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if folder.is_dir():
            return folder, lock
        os.close(lock)
        _unfinished.discard(folder)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(place))


def _remove_abandoned(place: Path, name: str) -> None:
    """Remove what killed processes of this user left: they cannot do it themselves."""
    for folder in place.glob(f".{glob.escape(name)}.{STAGING}*"):
        with contextlib.suppress(OSError):
            with _opened(folder, os.O_NOFOLLOW) as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid():
                    shutil.rmtree(folder, ignore_errors=True)


def remove_unfinished() -> None:
    """Remove all that this process has not finished, for it is about to end."""
    for folder in list(_unfinished):
        # another thread may still be writing
        for _ in range(100):
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.01)


def end_at_once(number: int, frame: object = None) -> None:
    """End this process and its children for a signal, and leave nothing unfinished.

    Nothing is raised: libraries would swallow it or say it in words of their own, and work in
    other threads would be waited for.
    """
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        for listed in Path("/proc/self/task").glob("*/children"):
            for child in listed.read_text().split():
                os.kill(int(child), signal.SIGTERM)
    remove_unfinished()
    if number == signal.SIGINT:
        with contextlib.suppress(OSError):
            os.write(2, b"seformer: error: Stopped.\n")
    os._exit(128 + number)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder in the system's temporary folder (``TMPDIR``), and remove it at the end.

    Raises
    ------
    UserError
        If there is none that can be written.
    """
    try:
        staging = contextlib.ExitStack()
        folder = staging.enter_context(staging_folder(Path(tempfile.gettempdir()), "seformer"))
    except OSError as error:
        raise UserError(
            f"no temporary folder can be made ({error.strerror})",
            where="TMPDIR",
            do="set TMPDIR to a folder that can be written and has room",
        ) from error
    with staging:
        yield folder


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path to write to; what is there is renamed onto ``path`` on success.

    A reader sees the old file or the whole new one, never a part.

    Raises
    ------
    UserError
        If the command reads the file that would be replaced.
    """
    path = Path(path)
    require_spared([path])
    path.parent.mkdir(parents=True, exist_ok=True)
    with staging_folder(path.parent, path.name) as folder:
        partial = folder / path.name
        yield partial
        sync(partial)
        os.replace(partial, path)
        sync(path.parent)


@contextlib.contextmanager
def inputs_spared(paths: Iterable[Path]) -> Iterator[None]:
    """Let no result take the place of these files, whatever links lead there.

    For a command, which has its user's own files; in Python one call's result is another's input.
    """
    global _inputs
    before = _inputs
    # `os.path` says no of what cannot be looked at: who reads it says why
    _inputs = frozenset(map(_identity, filter(os.path.isfile, map(os.path.realpath, paths))))
    try:
        yield
    finally:
        _inputs = before


def _identity(path: str | os.PathLike[str]) -> tuple[int, int]:
    status = os.lstat(path)
    return status.st_dev, status.st_ino


def require_spared(paths: Iterable[Path]) -> None:
    """Refuse to replace one of these if it is an input, see `inputs_spared`.

    Raises
    ------
    UserError
        Naming the first such file.
    """
    # of a link only the link would go
    if lost := next((p for p in paths if os.path.lexists(p) and _identity(p) in _inputs), None):
        raise UserError(
            "a result would take the place of this file, which the command reads",
            where=lost,
            do="choose another place for the result, or rename the file",
        )


@contextlib.contextmanager
def output_folder(out: str | os.PathLike[str], own: Sequence[str] = ()) -> Iterator[Path]:
    """Yield a staging folder that becomes ``out`` at once on success; else nothing is changed.

    A new ``out`` appears by one rename, and an older one is swapped with it by one rename. Files
    that seformer did not write stay. Where a file system cannot swap folders, or folders of others
    lie inside, files are replaced one by one, and `INCOMPLETE` stands there until all are.

    Parameters
    ----------
    out
        The folder for the results. That it can be written is known before anything is computed.
    own
        Patterns of files, relative to ``out``, that an earlier run of the same command may have
        left: those that the new result does not have go. A folder that has of these only what is
        `SHARED` is another command's.

    Raises
    ------
    UserError
        If ``out`` cannot be written, or a result would replace a file that the command reads or
        that is of another command.
    """
    given, out = out, Path(os.path.realpath(out))
    if out.exists() and not out.is_dir():
        expected = "a folder for the results"
        raise UserError("this is no folder", where=given, expected=expected, do="name another")
    opened = contextlib.ExitStack()
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        staging = _staging_for(out, opened)
    except OSError as error:
        raise UserError(
            f"the results cannot be written here ({error.strerror})",
            where=given,
            do="choose another --out folder",
        ) from error
    with opened:
        earlier = [path for pattern in own for path in out.glob(pattern)]
        require_spared(earlier)
        if earlier and SHARED.issuperset(path.relative_to(out) for path in earlier):
            raise UserError(
                f"{earlier[0].name} there is not of this command, and would be replaced",
                where=given,
                expected="a new folder, or one with results of this command",
                do="choose another --out folder",
            )
        yield staging
        _publish(staging, out, own)


def require_writable(out: str | os.PathLike[str], own: Sequence[str] = ()) -> None:
    """Refuse a folder that cannot take results, before a long work begins.

    Raises
    ------
    UserError
        As `output_folder` does before anything is computed.
    """
    with output_folder(out, own):
        pass


def _staging_for(out: Path, opened: contextlib.ExitStack) -> Path:
    """Make a folder from which files can be renamed into ``out``, which may be a mount."""
    if not out.exists():
        return opened.enter_context(staging_folder(out.parent, out.name))
    _remove_abandoned(out, out.name)
    try:
        staging = opened.enter_context(staging_folder(out.parent, out.name))
        inside = out / staging.name
        os.rename(staging, inside)
        os.rename(inside, staging)
        return staging
    except OSError:
        return opened.enter_context(staging_folder(out, out.name))


# ------------------------------------------------------------------------- publishing


def sync(path: Path) -> None:
    """Have a file's content on the disk before it gets its final name, or a folder's names."""
    with _opened(path) as descriptor:
        os.fsync(descriptor)


@contextlib.contextmanager
def _opened(path: Path, flags: int = 0) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _publish(staging: Path, out: Path, own: Sequence[str]) -> None:
    files = sorted(p for p in staging.rglob("*") if p.is_file())
    if not files:
        return
    for path in files:
        sync(path)
    for folder in {path.parent for path in files}:
        sync(folder)
    names = [path.relative_to(staging) for path in files]
    require_spared(out / name for name in names)
    _take_rights(staging, out)
    if not _published_at_once(staging, out, own):
        _replace_each(staging, out, names, own)
    sync(out.parent)


def _take_rights(staging: Path, out: Path) -> None:
    """Staging folders are private; results have the rights of the folder that was there."""
    if out.exists():
        with contextlib.suppress(OSError):
            os.chown(staging, -1, out.stat().st_gid)
        shutil.copymode(out, staging)
        return
    staging.chmod(0o777 & ~umask())


def umask() -> int:
    """Rights that this process's user takes from new files."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _is_worked_in(out: Path) -> bool:
    """Tell whether a shell would be left in a folder that is gone (``--out .``)."""
    try:
        return Path(os.path.realpath(os.getcwd())).is_relative_to(out)
    except OSError:
        return False


def _published_at_once(staging: Path, out: Path, own: Sequence[str]) -> bool:
    """By one rename: a new folder takes its name, or is swapped with the older one.

    Files of others are taken along. False where it cannot be, and nothing is changed.
    """
    if _is_worked_in(out):
        return False
    with contextlib.suppress(OSError):
        os.rename(staging, out)
        return True
    try:
        _take_along(out, staging, own)
        _exchange(staging, out)
    except OSError:
        return False
    # what came while the others were taken along
    _take_along(staging, out, own)
    return True


def _take_along(source: Path, target: Path, own: Sequence[str]) -> None:
    """Link what seformer did not write into ``target``; fails where that has no such subfolder."""
    for name in _strangers(source, own):
        if not os.path.lexists(target / name):
            os.link(source / name, target / name, follow_symlinks=False)


def _strangers(folder: Path, own: Sequence[str]) -> Iterator[Path]:
    """Yield what lies in a folder, relative to it, but for what ``own`` names."""

    def stop(error: OSError) -> None:
        raise error

    for place, subfolders, names in os.walk(folder, onerror=stop):
        here = Path(place).relative_to(folder)
        links = [name for name in subfolders if os.path.islink(os.path.join(place, name))]
        if not subfolders and not names:
            yield here
        for name in (*names, *links):
            if not _is_own(here / name, own):
                yield here / name


def _is_own(name: Path, own: Sequence[str]) -> bool:
    return name == Path(INCOMPLETE) or any(
        name.match(pattern) and len(name.parts) == len(Path(pattern).parts) for pattern in own
    )


def _exchange(one: Path, other: Path) -> None:
    """Swap two folders in one step (renameat2 with RENAME_EXCHANGE)."""
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError) as error:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error
    if call(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _replace_each(staging: Path, out: Path, names: Sequence[Path], own: Sequence[str]) -> None:
    """Put the new files in their places one by one, with a mark there until the last is."""
    for name in names:
        if (out / name).is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(out / name))
    with _waiting(out):
        mark = out / INCOMPLETE
        mark.write_text(
            "The results in this folder are being replaced, or a run that did so was stopped:\n"
            "they are of two runs. Run the command again that writes them.\n"
        )
        sync(mark)
        sync(out)
        new = set(names)
        for path in [p for pattern in own for p in out.glob(pattern) if p.is_file()]:
            if path.relative_to(out) not in new:
                path.unlink()
                with contextlib.suppress(OSError):
                    path.parent.rmdir()
        for name in names:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staging / name, out / name)
        for folder in {(out / name).parent for name in names}:
            sync(folder)
        mark.unlink()
        sync(out)


@contextlib.contextmanager
def _waiting(folder: Path) -> Iterator[None]:
    """Wait until no other run publishes into ``folder``, and keep others out."""
    with _opened(folder) as lock:
        end = time.monotonic() + LONGEST_WAIT
        while time.monotonic() < end:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
                continue
            except OSError:
                pass  # a file system without locks
            break
        yield


def require_whole(path: Path) -> None:
    """Refuse a file of results that are marked as incomplete.

    Raises
    ------
    UserError
        If the mark stands beside it or up to two folders above.
    """
    for folder in list(Path(os.path.abspath(path)).parents)[:3]:
        if (folder / INCOMPLETE).is_file():
            raise UserError(
                f"the results are incomplete ({INCOMPLETE} stands there): of two runs, or being"
                " replaced",
                where=folder,
                expected="the results of one run",
                do="run the command again that writes them",
            )
