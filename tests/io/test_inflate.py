"""Inflate in bounded steps: equal to zlib on good streams, everything that can be had on bad ones, and no bombs."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, LimitError, MalformedError, TruncatedError
from nngauge.io import inflate
from nngauge.io.inflate import inflate_chunks, inflate_head
from nngauge.io.source import ByteSource
from nngauge.limits import CHUNK_BYTES
from tests.builders.zips import deflate


@pytest.fixture(params=["isal", "zlib"])
def _engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Runs a test with ISA-L and as if it were not installed."""
    if request.param == "isal":
        pytest.importorskip("isal")
    else:
        monkeypatch.setitem(sys.modules, "isal", None)
    inflate.engine.cache_clear()
    yield
    inflate.engine.cache_clear()


def _text(size: int, seed: int = 1) -> bytes:
    chance = random.Random(seed)
    return b"".join(chance.randbytes(20) + b"hello world " * chance.randrange(4) for _ in range(size // 38 + 1))[:size]


def _collect(packed: bytes, **bounds: int) -> tuple[bytes, InputError | None]:
    """What came out and the error at the end."""
    out = bytearray()
    try:
        for piece in inflate_chunks(ByteSource.of_bytes(packed, "t"), 0, len(packed), **bounds):
            assert 0 < len(piece) <= CHUNK_BYTES
            out += piece
    except InputError as error:
        return bytes(out), error
    return bytes(out), None


@pytest.mark.usefixtures("_engine")
@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("size", [0, 1, 1000, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES])
def test_good_streams(size: int, level: int) -> None:
    for data in (_text(size), bytes(size)):
        packed = b"junk" + deflate(data, level) + b"trailing"
        source = ByteSource.of_bytes(packed, "t")
        assert b"".join(inflate_chunks(source, 4, len(packed) - 4, expected=size)) == data
        assert inflate_head(source, 4, len(packed) - 4, 512) == data[:512]


@given(st.binary(max_size=5000), st.integers(0, 9), st.integers(0, 600))
def test_equal_to_zlib(data: bytes, level: int, count: int) -> None:
    packed = deflate(data, level)
    source = ByteSource.of_bytes(packed, "t")
    assert b"".join(inflate_chunks(source, 0, len(packed))) == data
    assert inflate_head(source, 0, len(packed), count) == data[:count]


@pytest.mark.usefixtures("_engine")
def test_truncated_streams_give_all_that_zlib_gives() -> None:
    data = _text(400_000)
    packed = deflate(data)
    for cut in (0, 1, 10, 5000, len(packed) // 2, len(packed) - 1):
        out, error = _collect(packed[:cut], expected=len(data))
        assert type(error) is TruncatedError
        assert out == zlib.decompressobj(-15).decompress(packed[:cut])
        assert f"{len(out)} of {len(data)}" in str(error)


@pytest.mark.usefixtures("_engine")
def test_corrupt_streams_give_the_good_part_first() -> None:
    data = _text(3_000_000)
    packer = zlib.compressobj(6, zlib.DEFLATED, -15)
    good = packer.compress(data) + packer.flush(zlib.Z_FULL_FLUSH)
    out, error = _collect(good + b"\xff" * 500)  # a block of the reserved type 3
    assert type(error) is MalformedError
    assert len(out) > len(data) - 64
    assert data.startswith(out)


@pytest.mark.usefixtures("_engine")
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_engines_agree_on_broken_streams(data: st.DataObject) -> None:
    packed = bytearray(deflate(_text(20_000)))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    out, error = _collect(bytes(packed))
    stream = zlib.decompressobj(-15)
    try:
        wanted = stream.decompress(packed)
    except zlib.error:
        assert type(error) is MalformedError
    else:
        assert out == wanted
        assert (error is None) == stream.eof


@given(st.binary(max_size=2000))
def test_any_bytes_raise_only_declared_errors(data: bytes) -> None:
    _collect(data, limit=1 << 20)
    with contextlib.suppress(MalformedError):
        assert len(inflate_head(ByteSource.of_bytes(data, "t"), 0, len(data), 100)) <= 100


@pytest.mark.usefixtures("_engine")
@pytest.mark.parametrize("limit", [0, 1, 1000, CHUNK_BYTES, CHUNK_BYTES + 1, 5_000_000 - 1])
def test_the_limit_is_exact(limit: int) -> None:
    packed = deflate(bytes(5_000_000))
    out, error = _collect(packed, limit=limit)
    assert isinstance(error, LimitError)
    assert out == bytes(limit)
    out, error = _collect(packed, limit=5_000_000)
    assert error is None
    assert len(out) == 5_000_000


def test_a_head_comes_out_of_damage_and_behind_empty_blocks() -> None:
    data = _text(5000)
    packed = deflate(data)
    assert (
        inflate_head(ByteSource.of_bytes(packed[:300], "t"), 0, 300, 512)
        == (zlib.decompressobj(-15).decompress(packed[:300])[:512])
    )
    empty_blocks = b"\0\0\0\xff\xff" * 1000 + packed
    assert inflate_head(ByteSource.of_bytes(empty_blocks, "t"), 0, len(empty_blocks), 512) == data[:512]
    broken = b"\0\x05\0\xfa\xffhello" + b"\xff" * 1000
    assert (
        inflate_head(ByteSource.of_bytes(broken, "t"), 0, len(broken), 512) == b"hell"
    )  # zlib drops the byte before the error
    with pytest.raises(MalformedError):
        inflate_head(ByteSource.of_bytes(b"\xff" * 600, "t"), 0, 600, 512)


def test_a_bomb_allocates_a_chunk() -> None:
    script = textwrap.dedent("""
        import resource, zlib
        from nngauge.io.inflate import inflate_chunks
        from nngauge.io.source import ByteSource
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
        source = ByteSource.of_bytes(packed, "bomb")
        next(inflate_chunks(source, 0, len(packed)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(sum(len(piece) for piece in inflate_chunks(source, 0, len(packed))))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """)
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    total, grown = map(int, run.stdout.split())
    assert total == 1 << 30
    assert grown * (1 if sys.platform == "darwin" else 1024) < 30 << 20
