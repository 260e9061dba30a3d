"""A model folder as one file: a plain tar archive, packed the same way each time, read with care.

Archives come from strangers. Headers are walked and members written by this module, never by
`tarfile.open`, which believes any number in them: no path leads outside, nothing is a link or a
device, only the kinds of file that a model folder holds are taken (none of them can run code), and
sizes are bounded.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

from seformer.util.atomic import atomic_path, output_folder, temporary_folder
from seformer.util.errors import UserError, distrusted

__all__ = ["copy_model_files", "opened", "pack_model", "unpack", "unpack_whole"]

# what model folders consist of; weights as safetensors only, since pickles can run code
SUFFIXES = (".json", ".safetensors", ".txt", ".md", ".tsv")
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz")
CONFIG_FILE = "config.json"
# a model of another tokeniser, of weights in another form, or an ensemble of more members, leaves
# none of these behind
OWN_FILES = tuple(
    folder + name
    for folder in ("", "members/*/")
    for name in (
        CONFIG_FILE,
        "vocab.txt",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "seformer.json",
        "model.safetensors",
        "model.safetensors.index.json",
    )
)
MAX_MEMBERS = 500
MAX_DEPTH = 6
# an ensemble of ten of the largest published models
MAX_BYTES = 20 * 2**30
MAX_SMALL_BYTES = 64 * 2**20
# of a long name, or of what else a header says in a block of its own
MAX_EXTENDED = 2**16
MAX_HEADERS = 4 * MAX_MEMBERS
EXTENDED = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME)
COPIED = 2**20
COPY_ANEW = "copy the archive again, or have it made anew with `seformer pack`"


def pack_model(folder: str | os.PathLike[str], archive: str | os.PathLike[str]) -> None:
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
        If the folder is no model folder, or holds a link or a kind of file that `unpack` refuses;
        if ``archive`` is a file of another kind.
    """
    folder = Path(folder)
    if Path(archive).is_symlink() and not Path(archive).exists():
        raise UserError("this is a link to nothing", where=archive, do="name another file")
    if Path(archive).is_dir():
        raise UserError("this is a folder", where=archive, expected="a file to write")
    if Path(archive).is_file() and not _is_tar_or_empty(archive):
        raise UserError(
            "this file, which is no archive, would be replaced",
            where=archive,
            do="name another file",
        )
    if not (folder / CONFIG_FILE).is_file():
        raise UserError("this is not a model folder", where=folder, expected=CONFIG_FILE)
    paths = sorted(p for p in folder.rglob("*") if not _hidden(p.relative_to(folder)))
    for path in paths:
        if path.is_symlink():
            raise UserError("a model folder holds no links", where=path)
        if not path.is_dir():
            _check_kind(path.name, path)
            if not path.is_file():
                raise UserError("this is not a file, so it cannot be packed", where=path)
    with (
        atomic_path(archive) as partial,
        tarfile.open(partial, "w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in paths:
            if path.is_file():
                member = tarfile.TarInfo(path.relative_to(folder).as_posix())
                member.size, member.mode = path.stat().st_size, 0o644
                with open(path, "rb") as content:
                    tar.addfile(member, content)


def _is_tar_or_empty(path: str | os.PathLike[str]) -> bool:
    """Workflow systems make an empty file of each output beforehand."""
    with open(path, "rb") as raw:
        start = raw.read(tarfile.BLOCKSIZE)
    return not start or start[257:262] == tarfile.POSIX_MAGIC[:5]


class Member(NamedTuple):
    """A file in an archive: where its content begins, and its bytes."""

    name: str
    offset: int
    size: int


def unpack(archive: str | os.PathLike[str], folder: str | os.PathLike[str]) -> Path:
    """Unpack a model archive into an empty or missing ``folder``.

    People pack the folder (`tar -cf model.tar model`) or its content: both give the content.

    Returns
    -------
    pathlib.Path
        ``folder``.

    Raises
    ------
    UserError
        If the file is no plain tar archive, is cut off or damaged, or holds anything but the
        files of a model folder. Nothing of it is used then.
    """
    archive, folder = Path(archive), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(archive, "rb") as raw, distrusted(archive):
        members = _checked(raw, archive)
        for path, member in members.items():
            _write(raw, member, folder / path)
            if (folder / path).stat().st_size != member.size:
                raise _damaged(archive)
    return folder


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
    from seformer.util.text import existing_file

    with output_folder(out, own=OWN_FILES) as staging:
        unpack(existing_file(archive), staging)


def copy_model_files(folder: Path, target: Path) -> None:
    """Copy what a model folder consists of (`OWN_FILES`), and nothing that lies beside it."""
    for pattern in OWN_FILES:
        for path in folder.glob(pattern):
            copy = target / path.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def _checked(raw: BinaryIO, archive: Path) -> dict[PurePosixPath, Member]:
    """Look at every member before anything is written; returns the files of the model folder."""
    members: dict[PurePosixPath, Member] = {}
    total = 0
    for number, member in enumerate(_members(raw, archive), 1):
        if number > MAX_MEMBERS:
            raise _refusal(f"there are more than {MAX_MEMBERS} members", archive)
        path = _safe_path(member, archive)
        if path in members:
            raise _refusal(f"the member {member.name!r} is there twice", archive)
        _check_kind(member.name, archive)
        total += member.size
        small = path.suffix.lower() != ".safetensors"
        if total > MAX_BYTES or (small and member.size > MAX_SMALL_BYTES):
            raise _refusal(f"the member {member.name!r} is too large", archive)
        members[path] = member
    inside = {parent for path in members for parent in path.parents}
    if both := sorted(inside & members.keys()):
        raise _refusal(f"the member {str(both[0])!r} is a file and a folder", archive)
    top = {path.parts[0] for path in members}
    if len(top) == 1 and PurePosixPath(*top, CONFIG_FILE) in members:
        members = {path.relative_to(*top): member for path, member in members.items()}
    if PurePosixPath(CONFIG_FILE) not in members:
        raise UserError(
            f"there is no {CONFIG_FILE} in it",
            where=archive,
            expected="an archive of a model folder",
            do="take the model that the fine-tuning made, or pack one with `seformer pack`",
        )
    return members


def _members(raw: BinaryIO, archive: Path) -> Iterator[Member]:
    """Walk the headers of a plain tar archive (ustar, pax, GNU's long names), always forwards."""
    end = os.fstat(raw.fileno()).st_size
    extended: dict[str, str] = {}
    offset = 0
    for number in range(MAX_HEADERS):
        header = _block(raw, offset, tarfile.BLOCKSIZE)
        # a whole archive ends with a block of zeros
        if header == tarfile.NUL * tarfile.BLOCKSIZE:
            return
        try:
            info = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        except (tarfile.HeaderError, ValueError) as error:
            raise _damaged(archive, number > 0) from error
        size = extended.get("size", str(info.size))
        if not re.fullmatch(r"\d{1,15}", size, re.ASCII):
            raise _refusal(f"a member has the size {size[:40]}", archive)
        member = Member(extended.get("path", info.name), offset + tarfile.BLOCKSIZE, int(size))
        offset = member.offset + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        if info.type in EXTENDED:
            if member.size > MAX_EXTENDED:
                raise _refusal(f"a header is {member.size} bytes long", archive)
            text = _block(raw, member.offset, member.size).decode("utf-8", "surrogateescape")
            if info.type == tarfile.GNUTYPE_LONGNAME:
                extended["path"] = text.rstrip("\0")
            elif info.type == tarfile.XHDTYPE:
                extended |= dict(
                    re.findall(r"^\d+ (path|size|GNU\.sparse)(?:\..*)?=(.*)$", text, re.M)
                )
            continue
        if not info.isdir():
            # to tarfile a file stored with holes is a regular one: it would come out without them
            holes = info.type == tarfile.GNUTYPE_SPARSE or "GNU.sparse" in extended
            if holes or not info.isreg():
                raise _refusal(
                    f"the member {member.name!r} is a link, a device or a pipe, or has holes",
                    archive,
                )
            yield member
            if offset > end:
                raise _damaged(archive)
        extended = {}
    raise _refusal(f"there are more than {MAX_HEADERS} headers", archive)


def _write(raw: BinaryIO, member: Member, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    raw.seek(member.offset)
    with open(target, "xb") as out:
        for left in range(member.size, 0, -COPIED):
            out.write(raw.read(min(left, COPIED)))


def _block(raw: BinaryIO, offset: int, size: int) -> bytes:
    raw.seek(offset)
    return raw.read(size)


def _damaged(archive: Path, begun: bool = True) -> UserError:
    return UserError(
        "the archive is cut off or damaged" if begun else "this is no whole tar archive",
        where=archive,
        expected="a plain (not compressed) tar archive of a model folder",
        do=COPY_ANEW,
    )


def _safe_path(member: Member, archive: Path) -> PurePosixPath:
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


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
