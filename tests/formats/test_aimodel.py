"""Core AI models: MLIR bytecode with its hash and its description."""

from __future__ import annotations

import hashlib
import json
import struct

import pytest

from nngauge.domain.graph import Completeness, DType
from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats import aimodel
from nngauge.formats._api import ModelData
from nngauge.formats._parts.mlir_bytecode import Reader, read_bytecode
from tests.builders import mlir
from tests.builders.hostile import matches, mutations, survive

LEAD = "m.aimodel/main.mlirb"
DESCRIPTION = json.dumps({"producer": "coreai-core 1.0.0b3", "assetVersion": "2.0"}).encode()


def parts(bytecode: bytes) -> dict[str, bytes]:
    return {"m.aimodel/main.hash": hashlib.sha256(bytecode).digest(), "m.aimodel/metadata.json": DESCRIPTION}


def test_asset() -> None:
    bytecode = mlir.program()
    assert matches(aimodel.FORMAT, bytecode, LEAD)
    assert aimodel.FORMAT.bind is not None
    assert aimodel.FORMAT.bind(LEAD, [LEAD, "n/main.hash", *parts(b"")]) == tuple(parts(b""))
    graph = aimodel.FORMAT.parse(ModelData(LEAD, bytecode, parts(bytecode)))
    assert (graph.producer, graph.format_version) == ("coreai-core 1.0.0b3", "asset 2.0")
    assert graph.completeness is Completeness.FULL
    assert graph.metadata["functions"] == "main"
    assert graph.metadata["operations"] == "constant × 3, conv2d × 1, relu × 1, maximum × 1"
    other = aimodel.FORMAT.parse(ModelData(LEAD, bytecode, {**parts(bytecode), "m.aimodel/main.hash": bytes(32)}))
    assert "does not belong" in other.notes[0]
    with pytest.raises(NotThisFormat):
        aimodel.FORMAT.parse(ModelData("x.mlirbc", bytecode))


def test_function() -> None:
    bytecode = mlir.program()
    graph = aimodel.FORMAT.parse(ModelData(LEAD, bytecode, parts(bytecode)))
    conv, relu = graph.nodes
    assert (graph.name, graph.tensors[graph.inputs[0]].name) == ("main", "x")
    assert graph.tensors[graph.inputs[0]].shape == (1, 2, 4, 4)
    assert conv.attributes == {
        "kernel_shape": (1, 1), "auto_pad": "VALID", "strides": (2, 2), "dilations": (2, 2), "group": 1,
    }  # fmt: skip
    kernel = graph.tensors[conv.inputs[1]]
    assert (kernel.dtype, kernel.shape) == (DType.FLOAT32, (3, 2, 1, 1))
    assert kernel.data is not None
    assert bytecode[kernel.data.offset : kernel.data.offset + kernel.data.size] == mlir.KERNEL
    assert (conv.kind, relu.kind, relu.inputs) == ("Conv", "Relu", conv.outputs)
    assert graph.outputs == relu.outputs
    assert graph.tensors[graph.outputs[0]].shape == (1, 3, 2, 2)


def test_unknown_versions_are_told() -> None:
    bytecode = mlir.program(version=9)
    graph = aimodel.FORMAT.parse(ModelData(LEAD, bytecode, parts(bytecode)))
    assert (graph.completeness, graph.notes) == (Completeness.STRUCTURE, ("MLIR bytecode of version 9",))


@pytest.mark.parametrize("value", [0, 1, 127, 128, 16383, 16384, 2**31, 2**49, 2**56, 2**63])
def test_numbers(value: int) -> None:
    assert Reader(mlir.number(value)).number() == value
    assert Reader(mlir.zigzag(-value)).signed() == -value


def test_damage() -> None:
    good = mlir.program()
    survive(aimodel.FORMAT, good, LEAD, count=100)
    for damaged in mutations(good, 300):
        try:
            graph = aimodel.FORMAT.parse(ModelData(LEAD, damaged, parts(damaged)))
        except (InputError, NotThisFormat):
            continue
        assert graph.format == "aimodel"
    with pytest.raises(MalformedError):
        read_bytecode(b"ML\xefR\x0dx\0" + struct.pack("<B", 0) + b"\x01")
