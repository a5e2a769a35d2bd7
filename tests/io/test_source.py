"""Byte sources: files, windows, memory and spooled data behave alike and never load what nobody asked for."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngauge.errors import LimitError, TruncatedError, UnreadableError
from nngauge.io.source import ByteSource

DATA = bytes(range(256)) * 40


@pytest.fixture(params=["file", "memory", "spooled memory", "spooled file", "window"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ByteSource]:
    path = tmp_path / "data"
    path.write_bytes(b"before" + DATA + b"after" if request.param == "window" else DATA)
    pieces = [DATA[:100], DATA[100:5000], DATA[5000:]]
    match request.param:
        case "file":
            made = ByteSource.open(path)
        case "memory":
            made = ByteSource.of_bytes(DATA, "m")
        case "spooled memory":
            made = ByteSource.spool(pieces, "s")
        case "spooled file":
            made = ByteSource.spool(pieces, "s", memory=1000)
        case _:
            with ByteSource.open(path) as whole:
                yield whole.sub(6, len(DATA), "w")
            return
    with made:
        yield made


def test_reads_views_chunks_and_windows_agree(source: ByteSource) -> None:
    assert source.size == len(DATA)
    assert source.read(0, len(DATA)) == DATA
    assert source.read(100, 7) == DATA[100:107]
    assert source.view(100, 7) == DATA[100:107]
    assert source.view() == DATA
    assert b"".join(bytes(piece) for piece in source.chunks(3, 1000, chunk=64)) == DATA[3:1003]
    assert b"".join(bytes(piece) for piece in source.chunks()) == DATA
    window = source.sub(10, 50, "inner")
    assert (window.name, window.size, window.read(0, 99)) == ("inner", 50, DATA[10:60])
    assert window.sub(5, 1000, "deep").read(0, 1000) == DATA[15:60]


def test_everything_is_clipped_at_the_end(source: ByteSource) -> None:
    end = len(DATA)
    assert source.read(end - 3, 100) == DATA[-3:]
    assert source.read(end, 5) == source.read(end + 1000, 5) == source.read(0, 0) == source.read(0, -1) == b""
    assert source.view(end - 3, 100) == DATA[-3:]
    assert source.view(end + 1, 1) == b""
    assert list(source.chunks(end + 5, 10)) == []
    assert source.sub(end + 5, 10, "beyond").size == 0
    assert source.sub(end + 5, 10, "beyond").read(0, 10) == b""
    with pytest.raises(TruncatedError):
        source.read(-1, 5)
    with pytest.raises(TruncatedError):
        source.sub(-1, 5, "before")


def test_views_are_read_only(source: ByteSource) -> None:
    assert source.view(0, 4).readonly


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(-5, 400), st.integers(1, 70))
def test_memory_source_is_a_slice(data: bytes, offset: int, count: int, chunk: int) -> None:
    source = ByteSource.of_bytes(data, "m")
    wanted = data[offset : offset + max(count, 0)]
    assert source.read(offset, count) == wanted
    assert source.view(offset, count) == wanted
    assert b"".join(bytes(piece) for piece in source.chunks(offset, count, chunk)) == wanted


def test_an_empty_file_is_a_source(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with ByteSource.open(path) as source:
        assert source.size == 0
        assert source.read(0, 10) == b""
        assert source.view() == b""
        assert list(source.chunks()) == []


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "missing", tmp_path / "pipe", "/dev/zero", "a\0b"):
        with pytest.raises(UnreadableError):
            ByteSource.open(path)


def test_an_unreadable_file_is_a_typed_error(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    path = tmp_path / "secret"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(UnreadableError):
        ByteSource.open(path)


def test_after_close_reads_are_typed_errors_and_views_live_on(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    source = ByteSource.open(path)
    window, view = source.sub(0, 10, "w"), source.view(0, 10)
    window.close()  # a window does not own the file
    assert source.read(0, 1) == DATA[:1]
    source.close()
    source.close()
    assert view == DATA[:10]
    for read in (
        lambda: source.read(0, 1),
        lambda: window.read(0, 1),
        source.view,
        lambda: next(window.chunks()),
    ):
        with pytest.raises(UnreadableError):
            read()


def test_a_file_that_shrinks_comes_up_short(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    with ByteSource.open(path) as source:
        os.truncate(path, 100)
        assert source.read(0, 1000) == DATA[:100]
        assert b"".join(bytes(piece) for piece in source.chunks()) == DATA[:100]
        with pytest.raises(UnreadableError):
            source.view()


def test_offsets_beyond_four_gibibytes(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    far = 5 << 30
    with path.open("wb") as out:
        out.seek(far)
        out.write(b"end")
    with ByteSource.open(path) as source:
        assert source.size == far + 3
        assert source.read(far, 10) == b"end"
        assert source.view(far - 1, 10) == b"\0end"
        assert [bytes(piece) for piece in source.chunks(far - 1)] == [b"\0end"]
        assert source.sub(far, 3, "w").read(1, 5) == b"nd"


def test_spool_is_bounded_and_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with ByteSource.spool([b"x" * 1000] * 50, "s", memory=100) as source:
        assert source.size == 50_000
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(LimitError):
        ByteSource.spool([b"x" * 1000] * 50, "s", memory=100, limit=49_999)


def test_streaming_a_large_file_does_not_grow_memory(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as out:
        out.truncate(1 << 29)
    script = textwrap.dedent("""
        import resource, sys
        from nngauge.io.source import ByteSource
        with ByteSource.open(sys.argv[1]) as source:
            next(source.chunks())
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(sum(len(piece) for piece in source.chunks()))
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """)
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    total, grown = map(int, run.stdout.split())
    assert total == 1 << 29
    assert grown * (1 if sys.platform == "darwin" else 1024) < 8 << 20


def test_spool_without_memory_goes_to_disk_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """SpooledTemporaryFile takes 0 for "no bound": a bomb would be held whole."""
    rolled: list[int] = []
    original = tempfile.SpooledTemporaryFile.rollover
    monkeypatch.setattr(
        tempfile.SpooledTemporaryFile, "rollover", lambda self: (rolled.append(self.tell()), original(self))[1]
    )
    with ByteSource.spool(iter([b"a" * 10, b"b" * 10]), "x", memory=0) as source:
        assert source.read(5, 10) == b"aaaaabbbbb"
    assert rolled[0] == 10
