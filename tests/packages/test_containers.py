from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nngauge.domain.location import Location
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.io.source import ByteSource
from nngauge.packages import Container, entry_source, open_container, salvage
from nngauge.packages import _compressed as compressed
from nngauge.packages.containers import open_directory, open_file
from tests.builders import packages as build
from tests.builders.zips import STORED, Member, archive

FILES = {"a/model.tflite": b"\x1c\0\0\0TFL3" + bytes(range(256)) * 40, "b.txt": b"text", "empty": b""}


def opened(data: bytes, name: str = "outer") -> Container:
    return open_container(ByteSource.of_bytes(data, name), name)


def contents(container: Container) -> dict[str, bytes]:
    return {entry.path: b"".join(entry.chunks()) for entry in container.entries}


def seven_zip(files: dict[str, bytes], **options: object) -> bytes:
    py7zr = pytest.importorskip("py7zr", reason="optional dependency of the archives extra")
    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", **options) as out:
        for path, data in files.items():
            out.writef(io.BytesIO(data), path)
    return buffer.getvalue()


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_tar(form: int) -> None:
    files = FILES | {"long/" + "x" * 90 + "/" + "y" * 95: b"deep"}
    container = opened(build.tarred(files, form))
    assert container.kind == "tar"
    assert contents(container) == files
    assert all(entry.window() is not None for entry in container.entries)
    assert container.entries[0].head(8) == FILES["a/model.tflite"][:8]


def test_tar_records_links_and_devices() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as out:
        for name, kind in (("../../etc/passwd", tarfile.SYMTYPE), ("dev", tarfile.CHRTYPE), ("d", tarfile.DIRTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            out.addfile(info)
        out.addfile(tarfile.TarInfo("/absolute"))
    container = opened(buffer.getvalue())
    assert [entry.path for entry in container.entries] == ["/absolute"]
    assert [(anomaly.kind, anomaly.count) for anomaly in container.anomalies] == [("tar-special-member", 2)]


def test_truncated_tar_keeps_what_came_before() -> None:
    data = build.tarred({"a": b"1" * 600, "b": b"2" * 2000})
    container = opened(data[: 512 + 1024 + 512 + 700])
    assert [entry.path for entry in container.entries] == ["a", "b"]
    pieces = container.entries[1].chunks()
    assert next(pieces) == b"2" * 700
    with pytest.raises(TruncatedError):
        next(pieces)


def test_tar_with_hostile_sizes_ends() -> None:
    info = tarfile.TarInfo("a")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    for size in (b"\xff" * 12, b"\x80" + b"\xff" * 11, b"\x80\0\0\0\x7f" + b"\xff" * 7):
        header[124:136] = size
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        container = opened(bytes(header) * 4)
        assert len(container.entries) <= 1


def test_tar_with_a_huge_extended_header() -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 8 << 20
    container = opened(info.tobuf(tarfile.GNU_FORMAT) + b"x" * (8 << 20))
    assert [failure.error for failure in container.failures] == ["LimitError"]


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0), "bzip2": bz2.compress, "xz": lzma.compress,
}  # fmt: skip


@pytest.mark.parametrize("kind", PACKERS)
def test_compressed_file(kind: str) -> None:
    data = os.urandom(700) + bytes(3 << 20)
    pack = PACKERS[kind]
    container = opened(pack(data) + bytes(8) + pack(b"second"), "model.onnx.gz")
    entry = container.entries[0]
    assert (container.kind, entry.path, entry.size, entry.window()) == (kind, "model.onnx", -1, None)
    assert entry.head(700) == data[:700]
    assert b"".join(entry.chunks()) == data + b"second"
    assert max(map(len, entry.chunks())) <= 1 << 20
    assert container.anomalies == ()


@pytest.mark.parametrize("kind", PACKERS)
def test_damaged_compressed_file(kind: str) -> None:
    packed = PACKERS[kind](os.urandom(100_000))
    with pytest.raises(TruncatedError):
        contents(opened(packed[:-20]))
    with pytest.raises(MalformedError):
        contents(opened(packed[:5000] + b"\xff" * 5000 + packed[10_000:]))


@pytest.mark.parametrize("kind", PACKERS)
def test_trailing_bytes_are_an_anomaly(kind: str) -> None:
    container = opened(PACKERS[kind](b"data") + b"hidden")
    assert contents(container).popitem()[1] == b"data"
    contents(container)
    assert [(anomaly.kind, anomaly.location.size) for anomaly in container.anomalies] == [("trailing-bytes", 6)]


def test_gzip_header_names_the_entry() -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile("dir/weights.pb", "wb", fileobj=buffer) as out:
        out.write(b"x")
    assert opened(buffer.getvalue(), "w.gz").entries[0].path == "weights.pb"
    assert opened(gzip.compress(b"x"), "w.tgz").entries[0].path == "w.tar"
    assert opened(gzip.compress(b"x"), "noname").entries[0].path == "noname"


def test_compressed_bomb_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compressed, "MAX_INFLATED_ENTRY", 4 << 20)
    packed = lzma.compress(bytes(64 << 20))
    assert len(packed) < 12_000
    with pytest.raises(LimitError):
        contents(opened(packed))


def test_xz_dictionary_is_bounded() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 1 << 29}]
    with pytest.raises(LimitError, match="memory"):
        contents(opened(lzma.compress(b"x", filters=filters)))


def test_zstd() -> None:
    zstandard = pytest.importorskip("zstandard", reason="optional dependency of the archives extra")
    data = bytes(5 << 20) + b"end"
    pack = zstandard.ZstdCompressor().compress
    container = opened(pack(data) + pack(b"more"), "m.zst")
    assert (container.kind, container.entries[0].path) == ("zstd", "m")
    assert b"".join(container.entries[0].chunks()) == data + b"more"
    with pytest.raises(InputError):
        contents(opened(pack(os.urandom(9000))[:5000]))


def test_missing_libraries_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("zstandard", "compression", "compression.zstd", "py7zr", "py7zr.exceptions"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UnsupportedError, match=r"nngauge\[archives\]"):
        contents(opened(b"\x28\xb5\x2f\xfd" + bytes(20)))
    with pytest.raises(UnsupportedError, match=r"nngauge\[archives\]"):
        opened(b"7z\xbc\xaf\x27\x1c" + bytes(40))


def test_seven_zip() -> None:
    container = opened(seven_zip(FILES))
    assert container.kind == "7z"
    assert contents(container) == FILES
    assert container.failures == ()
    container.close()


def test_seven_zip_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    from nngauge.packages import _sevenzip as sevenzip

    monkeypatch.setattr(sevenzip, "MAX_SOLID", 1 << 20)
    container = opened(seven_zip({"a": b"small", "bomb": bytes(16 << 20)}))
    assert [failure.error for failure in container.failures] == ["LimitError"]
    assert container.entries[0].head(9) == b"small"


def test_damaged_and_encrypted_seven_zip() -> None:
    data = seven_zip(FILES)
    for at in (3, 12, 20, 40, len(data) // 2, len(data) - 10):
        try:
            contents(opened(data[:at] + b"\xff\0\xff" + data[at + 3 :]))
        except (InputError, NotThisFormat):
            continue
    with pytest.raises(UnsupportedError, match="encrypted"):
        opened(seven_zip(FILES, password="secret", header_encryption=True))


def test_folder(tmp_path: Path) -> None:
    build.write_files(tmp_path, FILES)
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "s"))
    container = open_directory(tmp_path, Location(path="top"))
    assert contents(container) == FILES
    assert container.find("b.txt") is not None
    assert {(anomaly.kind, anomaly.count) for anomaly in container.anomalies} == {
        ("folder-symlink", 2),
        ("folder-special-file", 2),
    }
    window = container.entries[0].window()
    assert window is not None
    assert window.name == "top!a/model.tflite"


def test_folder_bounds(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 70)
    deep.mkdir(parents=True)
    (deep / "file").write_bytes(b"x")
    container = open_directory(tmp_path, Location(path="top"))
    assert not container.entries
    assert [anomaly.kind for anomaly in container.anomalies] == ["folder-too-deep"]
    with pytest.raises(InputError):
        open_directory(tmp_path / "absent", Location(path="absent"))


def test_folder_with_names_that_are_no_text(tmp_path: Path) -> None:
    try:
        (tmp_path / os.fsdecode(b"bad\xff")).write_bytes(b"x")
    except OSError:
        pytest.skip("the file system wants UTF-8")
    container = open_directory(tmp_path, Location(path="top"))
    assert contents(container) == {"bad\ufffd": b"x"}


def test_zip_entries_are_made_on_demand() -> None:
    container = opened(build.zipped(FILES))
    assert contents(container) == FILES
    assert [entry.path for entry in container.entries[1:]] == ["b.txt", "empty"]
    assert container.entries[-1].path == "empty"
    assert container.find("b.txt") is not None
    assert container.find("absent") is None


def test_zip_directories_are_left_out_unless_they_hide_something() -> None:
    data = archive([Member(name=b"d/", method=STORED), Member(name=b"assets/x/", data=b"secret payload")])
    assert contents(opened(data)) == {"assets/x/": b"secret payload"}


def test_zip_behind_other_bytes_by_its_name() -> None:
    data = b"#!/bin/sh\n" + build.zipped(FILES)
    assert contents(opened(data, "x.apk")) == FILES
    with pytest.raises(NotThisFormat):
        opened(data, "x.sh")


def test_sources_of_entries() -> None:
    container = opened(archive([Member(name=b"s", data=b"stored", method=STORED), Member(name=b"d", data=b"deflated")]))
    where = Location(path="outer!d")
    stored, deflated = container.entries
    assert stored.window() is not None
    assert entry_source(stored, where).read(0, 99) == b"stored"
    assert entry_source(deflated, where).read(0, 99) == b"deflated"


def test_salvage_keeps_the_good_part() -> None:
    packed = gzip.compress(os.urandom(200_000))
    entry = opened(packed[:150_000]).entries[0]
    source, error = salvage(entry, Location(path="x"))
    assert source.size > 100_000
    assert isinstance(error, TruncatedError)
    with pytest.raises(InputError):
        salvage(opened(b"\x1f\x8b\x08\0\0\0\0\0\0\0\xff\xff\xff").entries[0], Location(path="x"))


def test_single_file() -> None:
    container = open_file(ByteSource.of_bytes(b"blob", "b"), "b")
    assert (container.kind, container.size, contents(container)) == ("file", 4, {"b": b"blob"})
