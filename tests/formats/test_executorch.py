"""ExecuTorch programs: with and without extended header, with a delegate; damage and look-alikes."""

from __future__ import annotations

from typing import Any

import pytest

from examples.builders.flat import flatbuffer
from nngauge.analyse.cost import model_cost
from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import MalformedError
from nngauge.formats._api import ModelData
from nngauge.formats.executorch import FORMAT
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

FILES = {
    # ops, inputs, parameters, completeness
    "pytorch__executorch__0200fdfb__model.pte": (("aten::add.out",), ((3,),), 1, Completeness.FULL),
    "pytorch__executorch__44bbe78f__add.pte": (("aten::add.out",), ((1,), (1,)), 0, Completeness.FULL),
    "pytorch__executorch__1a0fe468__stories260k_hybrid_llama_qnn.pte": (
        ("delegate:QnnBackend",),
        ((1, 1), (1, 1, 1, 128), (1, 1)),
        None,
        Completeness.PARTIAL,
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_real_file(name: str) -> None:
    path = MODELS / "executorch_pte" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    ops, inputs, parameters, completeness = FILES[name]
    assert matches(FORMAT, data, "x.bin")
    graph = FORMAT.parse(ModelData("x.bin", data + b"trailing bytes of the container"))
    assert tuple(node.op for node in graph.nodes) == ops
    assert tuple(graph.tensors[i].shape for i in graph.inputs)[: len(inputs)] == inputs
    assert graph.parameters == parameters
    assert graph.completeness is completeness
    assert graph.extent is None or graph.extent <= len(data)
    survive(FORMAT, data, "x.pte", count=120)


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)


def tensor(*sizes: int, buffer: int = 0, memory: int | None = None) -> dict[int, Any]:
    fields: dict[int, Any] = {0: ("b", 6), 2: ("i", list(sizes)), 5: ("I", buffer)}
    if memory is not None:
        fields[6] = {0: ("I", 1), 1: ("I", memory)}
    return {0: ("B", 5), 1: fields}


def call(kind: int, index: int, *args: int) -> dict[int, Any]:
    return {0: ("B", kind), 1: {0: ("i", index), 1: ("i", list(args))}}


def xnnpack(weight: int = 1) -> bytes:
    """``y = clip(conv(x, w))`` of 4×4×3 pixels, with its constants behind it."""

    def value(key: int, dims: list[int], buffer: int = 0) -> dict[int, Any]:
        return {0: ("B", 1), 1: {0: ("h", 1), 2: ("I", dims), 3: ("I", buffer), 6: ("I", key)}}

    window = {4: ("I", 3), 5: ("I", 3), 6: ("I", 2), 7: ("I", 2), 8: ("I", 1), 9: ("I", 1), 12: ("I", 1)}
    conv = window | {0: ("I", 1), 1: ("I", 2), 15: ("I", 0), 16: ("I", 1), 17: ("I", 0xFFFFFFFF), 18: ("I", 2)}
    node = {0: ("B", 7), 1: conv, 3: {0: ("f", 0.0), 1: ("f", 6.0)}}
    values = [value(0, [1, 4, 4, 3]), value(1, [8, 3, 3, 3], weight), value(2, [1, 2, 2, 8])]
    constants = [{}, {0: ("Q", 16), 1: ("Q", 864)}]
    body = flatbuffer({1: [node], 2: values, 4: ("I", [0]), 5: ("I", [2]), 8: constants}, b"XN01")
    start = 32
    head = bytes(4) + b"XH00" + (30).to_bytes(2, "little")
    for number in (start, len(body), start + len(body)):
        head += number.to_bytes(4, "little")
    return (head + bytes(8)).ljust(start, b"\0") + body + bytes(16 + 864)


def program(blob: bytes) -> bytes:
    """A view of the input is normalised, then a delegate works on it."""
    stored = [{0: bytes(4)}, {0: bytes(12)}]
    values = [
        tensor(1, 3, 4, 4),
        tensor(1, 3, 4, 4, memory=16),
        {0: ("B", 2), 1: {0: ("q", 2)}},
        tensor(1, 4, 4, 3, memory=16),
        tensor(1, 2, 2, 8),
        {0: ("B", 1), 1: {}},
    ]
    kernel = call(1, 0, 0, 2, 1, 1)
    plan = {
        0: "forward", 2: values, 3: ("i", [0]), 4: ("i", [4]), 5: [{2: [kernel, call(2, 0, 3, 4)]}],
        6: [{0: "aten::mul", 1: "Scalar_out"}], 7: [{0: "XnnpackBackend", 1: {0: ("b", 0), 1: ("I", 0)}}],
    }  # fmt: skip
    return flatbuffer({1: [plan], 2: stored, 3: [{0: blob}]}, b"ET12")


def parse(data: bytes) -> Graph:
    return FORMAT.parse(ModelData("x.pte", data))


def test_kernels_views_and_the_network_inside_a_delegate() -> None:
    data = program(xnnpack())
    graph = parse(data)
    multiply, view, delegate = graph.nodes
    assert (multiply.op, multiply.kind, multiply.outputs) == ("aten::mul.Scalar_out", "Mul", (1,))
    assert graph.tensors[multiply.inputs[1]].values == (2,)
    assert (view.op, view.kind, view.inputs, view.outputs) == ("memory.view", "Reshape", (1,), (2,))
    assert (delegate.kind, delegate.inputs, delegate.outputs) == ("Delegate", (2,), (3,))
    assert delegate.attributes["body"] == 0
    conv = graph.subgraphs[0].nodes[0]
    assert (conv.kind, conv.inputs, conv.outputs) == ("Conv", (0, 1), (2,))
    assert conv.attributes["pads"] == (1, 0, 0, 2)
    assert conv.attributes["strides"] == (2, 2)
    assert (conv.attributes["weight_layout"], conv.attributes["fused_activation"]) == ("OHWI", "Clip")
    weight = graph.subgraphs[0].tensors[1]
    assert weight.data is not None
    assert (weight.data.size, weight.data.offset + weight.data.size <= len(data)) == (864, True)
    assert (graph.completeness, graph.parameters) == (Completeness.FULL, 216)
    cost = model_cost(graph)
    assert (cost.macs, cost.lower_bound) == (2 * 2 * 8 * 27, False)
    survive(FORMAT, data, "x.pte", count=300)


def test_a_delegate_nobody_knows_stays_closed() -> None:
    graph = parse(program(b"compiled for some accelerator"))
    assert graph.completeness is Completeness.PARTIAL
    assert graph.nodes[2].attributes == {"backend": "XnnpackBackend", "size": 29}


def test_constants_that_a_delegate_lacks() -> None:
    with pytest.raises(MalformedError):
        parse(program(xnnpack(weight=7)))
