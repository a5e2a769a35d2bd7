from __future__ import annotations

import random

import pytest

from nngauge.domain.graph import Graph
from nngauge.extract.masks import index_masks
from nngauge.extract.opaque import measure_noise, model_like_name
from nngauge.formats import Format, Magic, ModelData


def parse(_: ModelData) -> Graph:
    raise AssertionError("never called")


MODEL = Format(name="m", version=1, title="M", suffixes=(".m",), parse=parse, magics=(Magic(4, b"TFL3"),))
OTHER = Format(
    name="o", version=1, title="O", suffixes=(".o",), parse=parse, magics=(Magic(0, b"GGUF"), Magic(0, bytes(8)))
)
MASKS = index_masks((MODEL, OTHER))


def masked(data: bytes, key: bytes) -> bytes:
    return bytes(byte ^ key[at % len(key)] for at, byte in enumerate(data))


def model(seed: int = 1) -> bytes:
    """Magic, then offsets with many zeros among weights."""
    noise = random.Random(seed)
    body = b"".join(noise.randrange(5000).to_bytes(4, "little") + noise.randbytes(3) for _ in range(3000))
    return bytes.fromhex("1c000000") + b"TFL3" + body


@pytest.mark.parametrize("key", [1, 0x5A, 0xFF])
def test_one_byte_keys_are_found(key: int) -> None:
    assert MASKS.find(masked(model(), bytes([key]))[:64]) == (key, MODEL)
    assert MASKS.find(masked(b"GGUF" + bytes(60), bytes([key]))) == (key, OTHER)


def test_the_plain_model_and_noise_are_not_masked() -> None:
    assert MASKS.find(model()[:64]) is None
    noise = random.Random(3)
    assert all(MASKS.find(noise.randbytes(64)) is None for _ in range(2000))


@pytest.mark.parametrize("size", [2, 3, 8, 16, 32, 64])
def test_repeating_keys_are_found(size: int) -> None:
    key = random.Random(size).randbytes(size)
    assert MASKS.find_repeating(masked(model(), key)) == (key, MODEL)


def test_noise_has_no_repeating_key() -> None:
    noise = random.Random(4)
    assert all(MASKS.find_repeating(noise.randbytes(20_000)) is None for _ in range(5))
    assert MASKS.find_repeating(b"") is None
    assert MASKS.find_repeating(bytes(9)) is None


def test_noise_is_told_from_text_and_weights() -> None:
    random_bytes = measure_noise(random.Random(5).randbytes(65_536))
    assert random_bytes.encrypted_like
    assert not measure_noise(b"the quick brown fox " * 3000).encrypted_like
    assert not measure_noise(model()).encrypted_like
    assert measure_noise(b"").entropy == 0


@pytest.mark.parametrize("path", ["assets/model.dat", "res/raw/face_detect", "assets/nn/a.bin", "data/ocr-v2.bin"])
def test_names_that_speak_of_models(path: str) -> None:
    assert model_like_name(path)


@pytest.mark.parametrize("path", ["assets/surface.bin", "res/raw/sound", "assets/modeling.txt2", "lib/internet.so"])
def test_names_that_do_not(path: str) -> None:
    assert not model_like_name(path)
