"""GGUF: all versions and byte orders written by hand, vocabularies stepped over, real vocabulary files."""

from __future__ import annotations

import hashlib
import struct

import pytest

from nngauge.domain.graph import Completeness, DType
from nngauge.errors import InputError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import ModelData
from nngauge.formats.gguf import FORMAT
from tests.builders import models
from tests.builders.hostile import MODELS, refuse_lookalikes, refuse_noise, survive


@pytest.mark.parametrize(("order", "version"), [("<", 1), ("<", 2), ("<", 3), (">", 2), (">", 3)])
def test_versions_and_byte_orders(order: str, version: int) -> None:
    data = models.gguf(order=order, version=version)
    graph = FORMAT.parse(ModelData("x", data + b"\x07" * 40))
    assert (graph.name, graph.metadata["general.architecture"]) == ("tiny", "llama")
    assert graph.metadata["llama.context_length"] == "2048"
    assert graph.metadata["llama.rope.freq_base"] == "10000"
    assert graph.metadata["flags"] == "[True, False]"
    blocks, norm = graph.tensors
    assert (blocks.dtype, blocks.shape, norm.shape) == (DType.GGML_Q4_0, (2, 64), (8,))
    assert blocks.data is not None
    assert norm.data is not None
    assert (blocks.data.size, norm.data.offset - blocks.data.offset, norm.data.size) == (72, 96, 32)
    assert (graph.parameters, graph.extent, graph.completeness) == (136, len(data), Completeness.FULL)
    assert graph.format_version == f"{version} big-endian" if order == ">" else str(version)


def test_long_arrays_are_counted_not_kept() -> None:
    graph = FORMAT.parse(ModelData("x", models.gguf(tokens=5000)))
    assert graph.metadata["tokenizer.ggml.tokens"] == "5000 × string"


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def file(pairs: list[bytes], tensors: list[bytes] = [], data: bytes = b"") -> bytes:  # noqa: B006
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(tensors)
    return head + bytes(-len(head) % 32) + data


def test_numbers_for_each_layer_are_kept_and_templates_are_digested() -> None:
    heads = text("x.attention.head_count_kv") + struct.pack("<IIQ", 9, 4, 80) + struct.pack("<80I", *range(80))
    template = text("tokenizer.chat_template") + struct.pack("<I", 8) + text("{{ messages }}" * 1000)
    kind = text("general.file_type") + struct.pack("<II", 4, 15)
    graph = FORMAT.parse(ModelData("x", file([heads, template, kind])))
    assert graph.metadata["x.attention.head_count_kv"] == str(list(range(80)))
    expected = hashlib.sha256(b"{{ messages }}" * 1000).hexdigest()
    assert graph.metadata["tokenizer.chat_template"] == f"14000 bytes, sha256 {expected}"
    assert graph.metadata["file_type"] == "Q4_K_M"


def split(number: int = 0, count: int = 3, name: str = "a") -> bytes:
    pairs = [
        text("general.architecture") + struct.pack("<I", 8) + text("llama"),
        text("split.count") + struct.pack("<IH", 2, count),
        text("split.no") + struct.pack("<IH", 2, number),
    ]
    return file(pairs, [text(name) + struct.pack("<IQIQ", 1, 8, 0, 0)], bytes(32))


def test_split_files() -> None:
    lead, second, third = (f"m/a-{number:05}-of-00003.gguf" for number in (1, 2, 3))
    assert FORMAT.bind is not None
    assert FORMAT.bind(lead, [third, "m/b.gguf", second, lead]) == (second, third)
    assert FORMAT.bind(second, [lead, second, third]) == ()
    assert FORMAT.bind("m/a-00001-of-99999.gguf", [lead]) == ()
    parts = {second: split(1, 3, "b"), third: split(2, 3, "c")}
    graph = FORMAT.parse(ModelData(lead, split(0, 3, "a"), parts))
    assert [(tensor.name, tensor.data and tensor.data.part) for tensor in graph.tensors] == [
        ("a", 0),
        ("b", 1),
        ("c", 2),
    ]
    assert graph.parameters == 24
    assert len(graph.notes) == 1
    alone = FORMAT.parse(ModelData(lead, split(0, 3, "a"), {second: parts[second]}))
    assert alone.notes[1] == "split into 3 files, of which 2 were read"
    with pytest.raises(MalformedError):
        FORMAT.parse(ModelData(lead, split(0, 3, "a"), {second: b"nothing of the kind"}))


@pytest.mark.parametrize("cut", [20, 60, 200, 300, 480])
def test_truncated(cut: int) -> None:
    with pytest.raises(TruncatedError):
        FORMAT.parse(ModelData("x", models.gguf()[:cut]))


def test_absurd_counts_are_refused_at_once() -> None:
    for tensors, values in ((1 << 60, 1), (1, 1 << 60), ((1 << 64) - 1, (1 << 64) - 1)):
        with pytest.raises(InputError):
            FORMAT.parse(ModelData("x", b"GGUF" + struct.pack("<IQQ", 3, tensors, values) + bytes(100)))


def test_rows_must_fill_blocks() -> None:
    data = models.gguf().replace(struct.pack("<IQQ", 2, 64, 2), struct.pack("<IQQ", 2, 63, 2))
    with pytest.raises(MalformedError):
        FORMAT.parse(ModelData("x", data))


def test_types_of_forks_have_no_size() -> None:
    data = models.gguf().replace(struct.pack("<QQIQ", 64, 2, 2, 0), struct.pack("<QQIQ", 64, 2, 139, 0))
    graph = FORMAT.parse(ModelData("x", data))
    assert graph.tensors[0].dtype is DType.UNKNOWN
    assert graph.extent is None


def test_real_vocabularies() -> None:
    paths = sorted((MODELS / "gguf").glob("*.gguf"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    for path in paths:
        data = path.read_bytes()
        graph = FORMAT.parse(ModelData("x", data + b"\x07" * 9))
        assert graph.extent == len(data)
        assert graph.metadata["tokenizer.ggml.tokens"].endswith("× string")
        survive(FORMAT, data, "x.gguf", 5)


def test_not_gguf() -> None:
    with pytest.raises(NotThisFormat):
        FORMAT.parse(ModelData("x", b"GGUF" + struct.pack("<I", 9) + bytes(64)))
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    survive(FORMAT, models.gguf(), "x.gguf", 300)
