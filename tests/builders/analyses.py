"""Analysed models without any file behind them."""

from __future__ import annotations

from typing import Any

from nngauge.analyse.cost import model_cost
from nngauge.domain.analysis import Analysis
from nngauge.domain.graph import DType, Graph, Node, Tensor
from nngauge.domain.optimisation import BatchNorm, Optimisation, Scheme, Verdict
from tests.builders import facts


def state(**changes: Any) -> Optimisation:
    given: dict[str, Any] = {
        "verdict": Verdict(scheme=Scheme.FLOAT, label="float32", share=1.0), "weights": (), "activations": (), "tensors": (),
        "batch_norm": BatchNorm(),
    }  # fmt: skip
    return Optimisation(**(given | changes))


def analysis(graph: Graph, **changes: Any) -> Analysis:
    """The analysis of `graph`, whose shapes are given; `changes` to it, and `model` facts."""
    model = facts.model(
        inputs=tuple(facts.Port(name=graph.tensors[at].name, dtype=graph.tensors[at].dtype, shape=graph.tensors[at].shape)
                     for at in graph.inputs),
        outputs=tuple(facts.Port(name=graph.tensors[at].name, dtype=graph.tensors[at].dtype, shape=graph.tensors[at].shape)
                      for at in graph.outputs),
        nodes=len(graph.nodes), parameters=graph.parameters, **changes.pop("model", {}),
    )  # fmt: skip
    return Analysis(**({"model": model, "graph": graph, "cost": model_cost(graph), "optimisation": state()} | changes))


class Net:
    """Builds a graph step by step: `at = net.conv(at, 8)`."""

    def __init__(self, shape: tuple[int | str | None, ...] = (1, 3, 32, 32), name: str = "image") -> None:
        self.tensors = [Tensor(name, DType.FLOAT32, shape)]
        self.nodes: list[Node] = []

    def _tensor(self, name: str, shape: Any, *, constant: bool = False) -> int:
        self.tensors.append(Tensor(name, DType.FLOAT32, shape, constant=constant))
        return len(self.tensors) - 1

    def conv(self, source: int, channels: int, name: str = "") -> int:
        """A 1×1 convolution without bias."""
        shape = self.tensors[source].shape
        assert shape is not None
        weight = self._tensor("w", (channels, shape[1], 1, 1), constant=True)
        out = self._tensor(name or f"t{len(self.tensors)}", (shape[0], channels, *shape[2:]))
        self.nodes.append(Node("Conv", "Conv", name, (source, weight), (out,), {"kernel_shape": (1, 1), "group": 1}))
        return out

    def op(self, kind: str, *sources: int, name: str = "", op: str = "") -> int:
        """Any operation that keeps the shape of its first input."""
        out = self._tensor(f"t{len(self.tensors)}", self.tensors[sources[0]].shape)
        self.nodes.append(Node(op or kind, kind, name, sources, (out,)))
        return out

    def graph(self, *outputs: int) -> Graph:
        return Graph(format="onnx", nodes=tuple(self.nodes), tensors=tuple(self.tensors), inputs=(0,), outputs=outputs)


def lenet() -> Graph:
    net = Net()
    at = net.op("Relu", net.conv(0, 8, "first"))
    return net.graph(net.op("Softmax", net.conv(at, 10, "second")))


def residual(blocks: int) -> Graph:
    """`blocks` equal blocks: conv, relu, conv, add."""
    net = Net((1, 8, 8, 8))
    at = net.conv(0, 8)
    for _ in range(blocks):
        at = net.op("Add", net.conv(net.op("Relu", net.conv(at, 8)), 8), at)
    return net.graph(at)
