"""ggml before GGUF: built Whisper and LLaMA files, real vocabularies, and files of other families."""

from __future__ import annotations

import struct

import pytest

from nngauge.domain.graph import Completeness, DType
from nngauge.errors import InputError, UnsupportedError
from nngauge.formats._api import ModelData
from nngauge.formats.ggml_legacy import FORMAT
from tests.builders.hostile import MODELS, accepts, matches, refuse_lookalikes, refuse_noise, survive


def tensor(name: str, *dims: int, kind: int = 0, size: int) -> bytes:
    raw = name.encode()
    return struct.pack(f"<III{len(dims)}I", len(dims), len(raw), kind, *dims) + raw + bytes(size)


def whisper() -> bytes:
    head = b"lmgg" + struct.pack("<11I", 51865, 1500, 512, 8, 6, 448, 512, 8, 6, 80, 1)
    filters = struct.pack("<II", 80, 3) + bytes(80 * 3 * 4)
    tokens = struct.pack("<I", 3) + b"".join(struct.pack("<I", 1) + token for token in (b"a", b"b", b"c"))
    return head + filters + tokens + tensor("w", 4, 2, size=32) + tensor("h", 4, kind=1, size=8)


def llama(magic: bytes = b"tjgg", version: int = 3) -> bytes:
    head = magic + struct.pack("<I", version) + struct.pack("<7I", 1000, 128, 256, 4, 2, 32, 2)
    tokens = (struct.pack("<I", 1) + b"a" + bytes(4)) * 1000
    start = head + tokens + struct.pack("<IIIII", 2, 1, 2, 32, 2) + b"q"
    return start + bytes(-len(start) % 32) + bytes(36)


def test_whisper() -> None:
    graph = FORMAT.parse(ModelData("x", whisper()))
    assert [(t.name, t.shape, t.dtype) for t in graph.tensors] == [
        ("w", (2, 4), DType.FLOAT32),
        ("h", (4,), DType.FLOAT16),
    ]
    assert (graph.parameters, graph.metadata["architecture"]) == (12, "whisper")
    survive(FORMAT, whisper(), "x.bin", count=200)


def test_llama() -> None:
    graph = FORMAT.parse(ModelData("x", llama()))
    assert (graph.parameters, graph.tensors[0].dtype, graph.format_version) == (64, DType.GGML_Q4_0, "ggjt v3")
    assert not accepts(FORMAT, llama(version=9))
    survive(FORMAT, llama(), "x.bin", count=60)


@pytest.mark.parametrize(
    ("name", "architecture"), [("807666fa__for-tests-ggml-base", "whisper"), ("silero", "silero-vad")]
)
def test_real_file(name: str, architecture: str) -> None:
    paths = [path for path in (MODELS / "ggml_legacy").glob("*") if name in path.name]
    if not paths:
        pytest.skip("real models are not beside this checkout")
    data = paths[0].read_bytes()
    assert matches(FORMAT, data, "x")
    graph = FORMAT.parse(ModelData("x", data))
    assert graph.metadata["architecture"] == architecture
    assert graph.completeness is Completeness.STRUCTURE
    assert graph.parameters is None


def test_unknown_family_is_said() -> None:
    for path in (MODELS / "ggml_legacy").glob("*parakeet*"):
        with pytest.raises(UnsupportedError):
            FORMAT.parse(ModelData("x", path.read_bytes()))
    with pytest.raises(InputError):
        FORMAT.parse(ModelData("x", b"lmgg" + struct.pack("<11I", *range(11)) + bytes(400)))


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
