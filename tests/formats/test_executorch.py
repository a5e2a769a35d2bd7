"""ExecuTorch programs: with and without extended header, with a delegate; damage and look-alikes."""

from __future__ import annotations

import pytest

from nngauge.domain.graph import Completeness
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
