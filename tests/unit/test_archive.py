"""A model as one archive: packed the same each time, and nothing but a model folder comes out."""

import errno
import io
import pickle
import tarfile
from pathlib import Path

import pytest
from corpus import run

from seformer.model import archive
from seformer.util.errors import UserError

FILES = {
    "config.json": b"{}",
    "model.safetensors": bytes(range(256)) * 40,
    "members/2/config.json": b'{"second": 1}',
}


@pytest.fixture
def folder(tmp_path):
    for name, content in FILES.items():
        path = tmp_path / "model" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return tmp_path / "model"


@pytest.fixture
def made(tmp_path):
    """Write an archive of the given members (name or TarInfo, content), beside a config.json."""

    def make(*members, name="model.tar", mode="w"):
        path = tmp_path / name
        with tarfile.open(path, mode) as tar:
            for member, content in [("config.json", b"{}"), *members]:
                info = tarfile.TarInfo(member) if isinstance(member, str) else member
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return path

    return make


def content(place):
    return {
        p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()
    }


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


def refused(path, tmp_path, words):
    """It ends with one message, and nothing of the archive lies anywhere."""
    with pytest.raises(UserError, match=words):
        archive.unpack(path, tmp_path / "out" / "model")
    assert not list((tmp_path / "out" / "model").iterdir())
    assert not (tmp_path / "out" / "escaped.json").exists()


def test_there_and_back(folder, tmp_path):
    archive.pack_model(folder, tmp_path / "model.tar")
    assert content(archive.unpack(tmp_path / "model.tar", tmp_path / "out")) == FILES
    with archive.opened(tmp_path / "model.tar") as opened:
        assert content(opened) == FILES
    assert not opened.exists()
    archive.unpack_whole(tmp_path / "model.tar", tmp_path / "whole")
    assert content(tmp_path / "whole") == FILES


def test_nothing_of_an_older_model_is_left(folder, tmp_path):
    """A tokeniser or weights of another model would be taken for this one's; notes stay."""
    archive.pack_model(folder, tmp_path / "model.tar")
    for name in ("vocab.txt", "tokenizer.json", "members/3/config.json", "notes.txt"):
        path = tmp_path / "again" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("older")
    archive.unpack_whole(tmp_path / "model.tar", tmp_path / "again")
    assert content(tmp_path / "again") == {**FILES, "notes.txt": b"older"}


def test_same_folder_same_bytes(folder, tmp_path):
    archive.pack_model(folder, tmp_path / "a.tar")
    (folder / "config.json").touch()
    (folder / ".hidden").write_text("left out")
    archive.pack_model(folder, tmp_path / "b.tar")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_a_folder_in_the_archive_is_found(folder, tmp_path):
    with tarfile.open(tmp_path / "model.tar", "w") as tar:
        tar.add(folder, "my model")
    assert content(archive.unpack(tmp_path / "model.tar", tmp_path / "out")) == FILES


def test_what_is_no_file_is_passed_on(folder):
    for model in (folder, "tiny"):
        with archive.opened(model) as opened:
            assert str(opened) == str(model)


@pytest.mark.parametrize("name", ["../escaped.json", "a/../../escaped.json", "/escaped.json"])
def test_members_outside_are_refused(made, tmp_path, name):
    refused(made((name, b"{}")), tmp_path, "lies outside")


def test_windows_paths_are_refused(made, tmp_path):
    refused(made(("..\\escaped.json", b"{}")), tmp_path, "lies outside")


@pytest.mark.parametrize(
    "kind",
    [
        *(tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE),
        tarfile.GNUTYPE_SPARSE,
    ],
)
def test_links_and_devices_are_refused(made, tmp_path, kind):
    refused(made(special("vocab.txt", kind, "/etc/passwd")), tmp_path, "a link, a device or a pipe")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "weights.PT", "sub/model.pkl"])
def test_pickles_are_refused(made, tmp_path, name):
    refused(made((name, pickle.dumps({}))), tmp_path, "pickled objects")


@pytest.mark.parametrize("name", ["modeling.py", "run.sh", "library.so", "model", "a.json.exe"])
def test_unknown_kinds_are_refused(made, tmp_path, name):
    refused(made((name, b"")), tmp_path, "no file of a model folder")


@pytest.mark.parametrize("name", ["a\nb.json", "a/b/c/d/e/f/g.json"])
def test_unusable_names_are_refused(made, tmp_path, name):
    refused(made((name, b"{}")), tmp_path, "unusable name")


def test_the_same_place_twice_is_refused(made, tmp_path):
    refused(made(("a.json", b"1"), ("./a.json", b"2")), tmp_path, "there twice")
    refused(made(("a.json", b"1"), ("a.json/b.json", b"2")), tmp_path, "a file and a folder")


def test_bounds(made, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    refused(made(*((f"{i}.json", b"") for i in range(3))), tmp_path, "more than 3 members")
    monkeypatch.setattr(archive, "MAX_SMALL_BYTES", 100)
    refused(made(("vocab.txt", b"A" * 101)), tmp_path, "too large")
    monkeypatch.setattr(archive, "MAX_BYTES", 1000)
    path = made(("model.safetensors", b"A" * 600), ("second.safetensors", b"A" * 600))
    refused(path, tmp_path, "too large")


def test_a_size_that_only_the_header_claims_is_refused(tmp_path):
    info = tarfile.TarInfo("model.safetensors")
    info.size = archive.MAX_BYTES + 1
    (tmp_path / "model.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    refused(tmp_path / "model.tar", tmp_path, "too large|no whole tar archive")


def test_every_cut_is_seen(folder, tmp_path):
    """Wherever it is cut off, at the border of a member too."""
    archive.pack_model(folder, tmp_path / "whole.tar")
    whole = (tmp_path / "whole.tar").read_bytes()
    end = len(whole.rstrip(b"\0"))
    for length in [0, 100, *range(512, end + 1, 512), 700, end - 1]:
        (tmp_path / "model.tar").write_bytes(whole[:length])
        refused(tmp_path / "model.tar", tmp_path, "no whole tar archive|cut off")


def test_damage_between_members_is_seen(folder, tmp_path):
    """tarfile takes an unreadable header for the end."""
    archive.pack_model(folder, tmp_path / "model.tar")
    raw = bytearray((tmp_path / "model.tar").read_bytes())
    raw[1024:1536] = b"\x01" * 512
    (tmp_path / "model.tar").write_bytes(raw)
    refused(tmp_path / "model.tar", tmp_path, "cut off or damaged")


def test_what_is_no_archive_is_refused(made, tmp_path):
    (tmp_path / "model.tar").write_text("chr1\t0\t100\n" * 100)
    refused(tmp_path / "model.tar", tmp_path, "no whole tar archive")
    # compressed: could unpack to any size
    refused(made(name="model.tar.gz", mode="w:gz"), tmp_path, "no whole tar archive")
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    refused(tmp_path / "empty.tar", tmp_path, "no config.json")


def test_only_model_folders_are_packed(folder, tmp_path):
    with pytest.raises(UserError, match="not a model folder"):
        archive.pack_model(tmp_path, tmp_path / "model.tar")
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match="pickled objects"):
        archive.pack_model(folder, tmp_path / "model.tar")
    (folder / "pytorch_model.bin").unlink()
    (folder / "link.json").symlink_to("/etc/passwd")
    with pytest.raises(UserError, match="no links"):
        archive.pack_model(folder, tmp_path / "model.tar")
    assert not (tmp_path / "model.tar").exists()


def with_size(field):
    """An archive whose first header says ``field`` for its size, with a right checksum."""
    header = bytearray(tarfile.TarInfo("config.json").tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = field.ljust(12, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (with_size((-512).to_bytes(12, "big", signed=True)), "has the size -512"),
        (with_size((-(2**60)).to_bytes(12, "big", signed=True)), "has the size -"),
        (with_size(b"\x80" + b"\xff" * 11), "has the size"),
        (with_size(b"77777777777"), "too large"),
        (with_size(b"7777777"), "cut off"),
        (with_size(b"99999999999"), "no whole tar archive"),
    ],
)
def test_sizes_that_lead_backwards_or_nowhere(tmp_path, content, message):
    (tmp_path / "model.tar").write_bytes(content + b"\0" * 2048)
    refused(tmp_path / "model.tar", tmp_path, message)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"size": "-512"}, "has the size -512"),
        ({"size": "9" * 5_000}, "has the size 999"),
        ({"GNU.sparse.realsize": "9" * 30, "GNU.sparse.major": "1"}, "a link, a device or a pipe"),
        ({"path": "../escaped.json"}, "lies outside"),
        ({"path": "a" * 70_000}, "a header is 7.* bytes long"),
    ],
)
def test_what_extended_headers_claim(made, tmp_path, headers, message):
    info = tarfile.TarInfo("vocab.txt")
    info.pax_headers = headers
    refused(made((info, b"x")), tmp_path, message)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_other_tools(folder, tmp_path, form):
    """With long names, owners and dates, as their forms keep them."""
    long = "members/" + "long" * (20 if form == tarfile.USTAR_FORMAT else 40) + "/config.json"
    (folder / long).parent.mkdir(parents=True)
    (folder / long).write_bytes(b"{}")
    with tarfile.open(tmp_path / "model.tar", "w", format=form) as tar:
        tar.add(folder, "model")
    got = content(archive.unpack(tmp_path / "model.tar", tmp_path / "out"))
    assert got == FILES | {long: b"{}"}


def test_a_folder_is_not_packed_to(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # of an unset variable of a shell, the path of the current folder is left
    for name in (tmp_path, Path("")):
        with pytest.raises(UserError, match="this is a folder"):
            archive.pack_model(folder, name)


def test_a_link_to_nothing_is_not_packed_to(folder, tmp_path):
    for name, target in (("loop", "loop"), ("dangling", "none/there")):
        (tmp_path / name).symlink_to(target)
        with pytest.raises(UserError, match="a link to nothing"):
            archive.pack_model(folder, tmp_path / name)


def test_no_room_leaves_nothing(folder, tmp_path, monkeypatch):
    """Written once, into the folder that becomes the result; the fault stays one of the disk."""
    archive.pack_model(folder, tmp_path / "model.tar")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "model.safetensors")

    monkeypatch.setattr(archive, "_write", full)
    with pytest.raises(OSError, match="No space left") as error:
        archive.unpack_whole(tmp_path / "model.tar", tmp_path / "whole")
    assert error.value.errno == errno.ENOSPC
    assert {path.name for path in tmp_path.iterdir()} == {"model", "model.tar"}


def test_only_an_archive_or_an_empty_file_is_packed_to(folder, tmp_path):
    data = tmp_path / "genome.fa"
    data.write_bytes(b">chr1\n" + b"ACGT\n" * 200)
    with pytest.raises(UserError, match="no archive, would be replaced"):
        archive.pack_model(folder, data)
    assert data.read_bytes().startswith(b">chr1")
    # a workflow system's output, and the archive of an earlier time
    data.write_bytes(b"")
    for _ in range(2):
        assert run(["pack", "--model", folder, "--archive", data]) == 0
        assert tarfile.is_tarfile(data)
