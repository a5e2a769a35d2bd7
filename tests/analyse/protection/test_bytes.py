"""What bytes tell: statistics, masks, encodings, words."""

from __future__ import annotations

import base64
import gzip
import lzma
import random
import zlib

import pytest

from nngauge.analyse.protection.brotli import is_brotli
from nngauge.analyse.protection.explained import explained
from nngauge.analyse.protection.masking import key_length, likely_keys, shortest, unmasked
from nngauge.analyse.protection.profile import Profile, profile
from nngauge.analyse.protection.unpacking import unpack, unpack_whole
from nngauge.analyse.protection.wrappers import wrapper_of
from nngauge.io.source import ByteSource
from tests.builders import weighty

MODEL = weighty.tflite()


def measured(data: bytes) -> Profile:
    return profile(ByteSource.of_bytes(data, "f"))


@pytest.mark.parametrize("seed", range(6))
def test_noise_is_uniform_and_nothing_else_is(seed: int) -> None:
    assert measured(weighty.noise(100_000 + seed, seed)).uniform
    assert measured(weighty.noise(5_000, seed)).uniform
    assert not measured(zlib.compress(weighty.weights(60_000, seed))).uniform
    assert not measured(weighty.weights(30_000, seed)).uniform


def test_float_weights_have_lanes() -> None:
    assert measured(weighty.weights(30_000)).lanes > 0.6
    assert measured(weighty.noise(120_000)).lanes < 0.1


def test_one_plain_window_is_enough_not_to_be_noise() -> None:
    data = weighty.noise(200_000)
    assert not measured(data[:100_000] + bytes(4096) + data[100_000:]).uniform


def test_repeated_blocks_without_chaining() -> None:
    plain = MODEL + bytes(64) + MODEL[:4096] * 4
    seen = measured(weighty.ecb(plain.ljust(len(plain) // 16 * 16)))
    assert seen.repeated_blocks > 3
    assert seen.constant_blocks == 0
    assert seen.distinct_score < 5
    assert measured(plain).distinct_score > 5


@pytest.mark.parametrize("size", [5, 8, 13, 16, 24, 32, 64])
def test_length_of_a_repeating_key(size: int) -> None:
    masked = weighty.xored(MODEL, size, seed=size)
    found = key_length(measured(masked).coincidences)
    assert found == (size if size % 4 == 0 else 4 * size)  # the lanes of float weights join in
    assert unmasked(unmasked(masked, b"key"), b"key") == masked


def test_plain_files_and_noise_show_no_key() -> None:
    assert key_length(measured(MODEL).coincidences) is None
    assert key_length(measured(weighty.weights(30_000)).coincidences) is None
    assert key_length(measured(gzip.compress(MODEL)).coincidences) is None
    assert all(key_length(measured(weighty.noise(80_000, seed)).coincidences) is None for seed in range(8))


def test_a_repetition_is_no_longer_key() -> None:
    assert shortest(b"abcabc") == b"abc"
    assert shortest(b"aaaa") == b"a"
    assert shortest(b"abca") == b"abca"


def test_the_key_shows_where_zeros_were() -> None:
    plain = bytes(4000) + weighty.noise(200)
    assert next(likely_keys(weighty.xored(plain, 16, seed=3), 16)) == weighty.xored(bytes(16), 16, seed=3)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("Base64", base64.b64encode(MODEL)),
        ("Base64", base64.encodebytes(MODEL)),
        ("hexadecimal", MODEL.hex().encode()),
        ("gzip", gzip.compress(MODEL)),
        ("gzip", b"HEAD" + gzip.compress(MODEL)),
        ("zlib", b"\1\2\3" + zlib.compress(MODEL)),
        ("deflate", zlib.compressobj(6, zlib.DEFLATED, -15).compress(MODEL) + bytes(0)),
        ("xz", lzma.compress(MODEL)),
        ("LZMA", lzma.compress(MODEL, lzma.FORMAT_ALONE)),
    ],
)
def test_streams_are_recognised_and_undone(name: str, data: bytes) -> None:
    source = ByteSource.of_bytes(data, "f")
    found = unpack(source)
    assert found is not None
    assert found.name == name
    assert found.content[:1000] == MODEL[:1000]
    whole = unpack_whole(source, found, 1 << 24)
    assert whole[:100_000] == MODEL[:100_000]


@pytest.mark.parametrize("cut", [0, 1, 2, 3])
def test_base64_gives_every_byte_back(cut: int) -> None:
    data = MODEL[: len(MODEL) - cut]
    source = ByteSource.of_bytes(base64.b64encode(data), "f")
    found = unpack(source)
    assert found is not None
    assert unpack_whole(source, found, 1 << 24) == data


def test_lz4_frames() -> None:
    """One block of literals and a match that overlaps itself: 8 bytes, then 20 more of them."""
    block = b"\x8f" + b"12345678" + b"\x08\0" + b"\x01" + b"\x50" + b"ENDED"
    frame = b"\x04\x22\x4d\x18\x60\x40\x82" + len(block).to_bytes(4, "little") + block + bytes(4)
    found = unpack(ByteSource.of_bytes(frame, "f"))
    assert found is not None
    assert found.content == b"12345678" + (b"12345678" * 3)[:20] + b"ENDED"


def test_noise_and_models_are_no_streams() -> None:
    assert unpack(ByteSource.of_bytes(MODEL, "f")) is None
    generator = random.Random(5)
    assert all(unpack(ByteSource.of_bytes(generator.randbytes(70_000), "f")) is None for _ in range(40))


def test_words_are_no_base64() -> None:
    words = " ".join(f"parameter{at}" for at in range(400)).encode()
    names = "\n".join(f"com/example/feature/Parameter{at}Holder" for at in range(400)).encode()
    assert unpack(ByteSource.of_bytes(words, "f")) is None
    assert unpack(ByteSource.of_bytes(names.lower(), "f")) is None


def test_brotli_headers_are_read_and_noise_is_refused() -> None:
    brotli = pytest.importorskip("brotli", reason="the reference encoder is optional")
    for quality in (1, 5, 9, 11):
        assert is_brotli(brotli.compress(MODEL[:60_000], quality=quality)), quality
        assert is_brotli(brotli.compress(str([at * at for at in range(3000)]).encode(), quality=quality)), quality
    generator = random.Random(7)
    assert not any(is_brotli(generator.randbytes(4096)) for _ in range(500))
    assert not is_brotli(MODEL)
    assert not is_brotli(b"")


@pytest.mark.parametrize(
    ("head", "path"),
    [
        (b"\x89PNG\r\n\x1a\n", "a.bin"), (b"\xff\xd8\xff\xe0", "model.bin"), (b"\xabKTX 20\xbb", "x"), (b"OggS", "x"),
        (b"\xfe\xed\xfe\xed\0\0\0\x02", "keys"), (b"SQLite format 3\0", "x"), (b"UnityFS\0", "x"), (b"PKM 10", "a.pkm"),
        (b"\x13\xab\xa1\x5c", "t.astc"), (b"sB\x13\0", "t"), (b"\xf5\xf5\xdc\xdc", "vm_snapshot_data"), (b"DRACO\2", "m"),
        (b"\x20\0\xda\x27", "nn.res"), (b"\x8a\x11\xc0\xde", "cache"), (b"anything", "snapshot_blob.bin"), (b"noise", "a.db"),
    ],
)  # fmt: skip
def test_what_explains_itself(head: bytes, path: str) -> None:
    assert explained(head.ljust(64, b"\x11"), path)


def test_what_does_not() -> None:
    assert not explained(weighty.noise(64), "assets/model.bin")
    assert not explained(MODEL[:64], "assets/model.bin")


def test_wrappers() -> None:
    wrapper = wrapper_of(b"LRTC\2" + bytes(64))
    assert wrapper is not None
    assert wrapper.title == "litert_crypto"
    assert wrapper.cipher is not None
    assert wrapper.cipher.mode == "GCM"
    assert wrapper_of(b"LRTC") is None
    assert wrapper_of(weighty.noise(64)) is None
