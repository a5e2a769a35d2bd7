"""Any graph of known kinds ends soon, and raises nothing but declared errors; so does any mutant of a real one."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes import Inferred, infer_shapes
from nngauge.api import read_graph
from nngauge.domain.graph import Graph
from nngauge.errors import UsageError
from nngauge.limits import MAX_RANK
from tests.analyse.shapes.random_graphs import NAMES, RandomGraphs
from tests.builders.hostile import MODELS

GRAPHS = 400
MUTANTS = 60


def check(graph: Graph) -> None:
    """What inference promises of every shape."""
    for tensor in graph.tensors:
        assert tensor.shape is None or len(tensor.shape) <= MAX_RANK
    for body in graph.subgraphs:
        check(body)


def run(graph: Graph, inputs: Mapping[str, tuple[int, ...]]) -> Inferred:
    """Inference in bounded time; wrong inputs are refused, and then it goes without them."""
    start = time.process_time()
    try:
        found = infer_shapes(graph, Constants(), inputs)
    except UsageError:
        found = infer_shapes(graph, Constants())
    assert time.process_time() - start < 5
    return found


@pytest.mark.parametrize("seed", range(8))
def test_any_graph(seed: int) -> None:
    stream = RandomGraphs(seed)
    for _ in range(GRAPHS):
        graph = stream.graph()
        found = run(graph, stream.inputs())
        check(found.graph)
        assert len(found.graph.nodes) == len(graph.nodes)
        # What came out can go in again.
        infer_shapes(found.graph, Constants())


@pytest.mark.parametrize(
    "name",
    [
        "ncnn_benchmark_param/shufflenet_v2.param",
        "onnx/onnx__onnx__582d088a__light_squeezenet.onnx",
        "mnn/alibaba__MNN__ba3cd3a8__mobilenetV3.mnn",
        "tfjs_model_json/tensorflow__tfjs__600a6784__model.json",
    ],
)
def test_any_mutant(name: str) -> None:
    """Real graphs with attributes, kinds, inputs, shapes and values exchanged."""
    path = MODELS / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    graph, stream = read_graph(path), RandomGraphs(0)
    for _ in range(MUTANTS):
        check(run(mutant(graph, stream), {}).graph)


def mutant(graph: Graph, stream: RandomGraphs) -> Graph:
    nodes, tensors, source = list(graph.nodes), list(graph.tensors), stream.source
    for _ in range(source.randint(1, 12)):
        place, tensor = source.randrange(len(nodes)), source.randrange(len(tensors))
        node, other = nodes[place], stream.node(len(tensors))
        name = source.choice([*node.attributes, *NAMES[:3]])
        changes = (
            lambda node=node, name=name: replace(node, attributes={**node.attributes, name: stream.attribute()}),
            lambda node=node, other=other: replace(node, kind=other.kind),
            lambda node=node, other=other: replace(node, inputs=other.inputs),
            lambda node=node: replace(node, inputs=node.inputs[:-1]),
        )
        nodes[place] = source.choice(changes)()
        if source.random() < 0.3:
            tensors[tensor] = replace(tensors[tensor], shape=stream.shape())
    return replace(graph, nodes=tuple(nodes), tensors=tuple(tensors))
