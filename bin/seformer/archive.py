"""A model folder as one file: a plain tar archive, packed the same way each time, read with care.

Archives come from strangers. Members are looked at one by one and written by this module, never by
`tarfile.extractall`: no path leads outside, nothing is a link or a device, only the kinds of file
that a model folder holds are taken (none of them can run code), and sizes are bounded.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from seformer.atomic import atomic_path, output_folder, temporary_folder
from seformer.errors import UserError

__all__ = ["opened", "pack", "unpack", "unpack_whole"]

# what model folders consist of; weights as safetensors only, since pickles can run code
SUFFIXES = (".json", ".safetensors", ".txt", ".md", ".tsv")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz")
CONFIG_FILE = "config.json"
MAX_MEMBERS = 500
MAX_DEPTH = 6
# an ensemble of ten of the largest published models
MAX_BYTES = 20 * 2**30
MAX_SMALL_BYTES = 64 * 2**20
COPY_ANEW = "copy the archive again, or have it made anew with `seformer pack`"


def pack(folder: str | os.PathLike[str], archive: str | os.PathLike[str]) -> None:
    """Write a model folder as a plain tar archive; the same folder gives the same bytes.

    Parameters
    ----------
    folder
        A model folder; hidden files are left out.
    archive
        The file to write, at once or not at all.

    Raises
    ------
    UserError
        If the folder is no model folder, or holds a link or a kind of file that `unpack` refuses.
    """
    folder = Path(folder)
    if not (folder / CONFIG_FILE).is_file():
        raise UserError("this is not a model folder", where=folder, expected=CONFIG_FILE)
    found = sorted(p for p in folder.rglob("*") if not _hidden(p.relative_to(folder)))
    for path in found:
        if path.is_symlink():
            raise UserError("a model folder holds no links", where=path)
        if not path.is_dir():
            _check_kind(path.name, path)
    with (
        atomic_path(archive) as partial,
        tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in found:
            if path.is_file():
                member = tarfile.TarInfo(path.relative_to(folder).as_posix())
                member.size, member.mode = path.stat().st_size, 0o644
                with open(path, "rb") as content:
                    tar.addfile(member, content)


def unpack(archive: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Path:
    """Unpack a model archive into an empty or missing ``folder``.

    Returns
    -------
    pathlib.Path
        The model folder: ``folder``, or the one folder in it that all members lie in.

    Raises
    ------
    UserError
        If the file is no plain tar archive, is cut off or damaged, or holds anything but the
        files of a model folder. Nothing of it is used then.
    """
    archive, folder = Path(archive), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with open(archive, "rb") as raw, tarfile.open(fileobj=raw, mode="r:") as tar:
            members = _checked(tar, archive)
            _check_end(tar, raw, archive)
            for path, member in members.items():
                _write(tar, member, folder / path, archive)
    except tarfile.TarError as error:
        raise UserError(
            f"this is no whole tar archive ({error})",
            where=archive,
            expected="a plain (not compressed) tar archive of a model folder",
            do=COPY_ANEW,
        ) from error
    return _model_folder(folder, archive)


@contextlib.contextmanager
def opened(model: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a model's folder: ``model`` itself, or what the archive ``model`` holds, for a while.

    Whatever is no file (a folder, a name of the registry) is passed on as it is.
    """
    model = Path(model)
    if not model.is_file():
        yield model
        return
    with temporary_folder() as temporary:
        yield unpack(model, temporary)


def unpack_whole(archive: str | os.PathLike[str], out: str | os.PathLike[str]) -> None:
    """Unpack a model archive into the folder ``out``, whole or not at all; see `unpack`."""
    # it imports pandas; the command line must not
    from seformer.files import existing_file

    with opened(existing_file(archive)) as folder, output_folder(out) as staging:
        for source in sorted(path for path in folder.rglob("*") if path.is_file()):
            target = staging / source.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def _checked(tar: tarfile.TarFile, archive: Path) -> dict[PurePosixPath, tarfile.TarInfo]:
    """Look at every member before anything is written; returns the files."""
    found: dict[PurePosixPath, tarfile.TarInfo] = {}
    total = 0
    for number, member in enumerate(tar, 1):
        if number > MAX_MEMBERS:
            raise _refusal(f"there are more than {MAX_MEMBERS} members", archive)
        path = _safe_path(member, archive)
        if member.isdir():
            continue
        if not member.isreg() or member.issparse():
            raise _refusal(f"the member {member.name!r} is a link, a device or a pipe", archive)
        if path in found:
            raise _refusal(f"the member {member.name!r} is there twice", archive)
        _check_kind(member.name, archive)
        total += member.size
        small = path.suffix.lower() != ".safetensors"
        if total > MAX_BYTES or (small and member.size > MAX_SMALL_BYTES):
            raise _refusal(f"the member {member.name!r} is too large", archive)
        found[path] = member
    inside = {parent for path in found for parent in path.parents}
    if both := sorted(inside & found.keys()):
        raise _refusal(f"the member {str(both[0])!r} is a file and a folder", archive)
    return found


def _safe_path(member: tarfile.TarInfo, archive: Path) -> PurePosixPath:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise _refusal(f"the member {member.name!r} lies outside the archive", archive)
    if not member.name.isprintable() or len(path.parts) > MAX_DEPTH:
        raise _refusal(f"the member {member.name!r} has an unusable name", archive)
    return path


def _check_kind(name: str, where: Path) -> None:
    lower = name.lower()
    if lower.endswith(PICKLES):
        raise _refusal(f"{name!r} may hold pickled objects, which could run code", where)
    if not lower.endswith(SUFFIXES) and PurePosixPath(name).name != "LICENSE":
        raise _refusal(f"{name!r} is no file of a model folder", where)


def _refusal(found: str, where: Path) -> UserError:
    return UserError(
        f"{found}, so nothing of it is used",
        where=where,
        expected=f"a model folder's files only ({', '.join(SUFFIXES)})",
        do="take an archive that `seformer pack` or the Galaxy tools made",
    )


def _check_end(tar: tarfile.TarFile, raw, archive: Path) -> None:
    """A whole archive ends with a block of zeros; tarfile itself takes any end for the end."""
    raw.seek(tar.offset)
    if raw.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise UserError("the archive is cut off or damaged", where=archive, do=COPY_ANEW)


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path, archive: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tar.extractfile(member) as content, open(target, "xb") as out:
        shutil.copyfileobj(content, out, 2**20)
    if target.stat().st_size != member.size:
        raise UserError(f"{member.name!r} is cut off", where=archive, do=COPY_ANEW)
    target.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)


def _model_folder(folder: Path, archive: Path) -> Path:
    """People pack the folder (`tar -cf model.tar model`) or its content: take both."""
    inside = list(folder.iterdir())
    for place in (folder, *(inside if len(inside) == 1 and inside[0].is_dir() else ())):
        if (place / CONFIG_FILE).is_file():
            return place
    raise UserError(
        f"there is no {CONFIG_FILE} in it",
        where=archive,
        expected="an archive of a model folder",
        do="take the model that the fine-tuning made, or pack one with `seformer pack`",
    )


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
