"""Access to an ONNX graph: constants as arrays, shapes, who uses what; and how constants are cut.

Channels are the second dimension of every activation: those of pictures (N×C×H×W) and of features (N×F).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from nngauge.compress.shrink.channels import Array

LISTED: Final = 4
"""IR version from which on initialisers need not be listed among the inputs."""


class Graph:
    """The main graph of a model, with inferred shapes."""

    def __init__(self, model: Any) -> None:
        import onnx

        self.model = model
        self.graph = model.graph
        self.initializers = {item.name: item for item in self.graph.initializer}
        self._nodes = {node.output[0]: node for node in self.graph.node if node.op_type == "Constant" and node.output}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.floats: set[str] = set()
        inferred = onnx.shape_inference.infer_shapes(model)
        for value in (*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output):
            tensor = value.type.tensor_type
            dims = tensor.shape.dim
            self.shapes[value.name] = tuple(dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims)
            if tensor.elem_type in {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE}:
                self.floats.add(value.name)
        self.nested = {name for node in self.graph.node for name in _captured(node)}
        """Values that bodies of loops and branches may read."""
        self.readers = Counter(name for node in self.graph.node for name in node.input if name)
        self.inputs = [value.name for value in self.graph.input if value.name not in self.initializers]
        self.outputs = [value.name for value in self.graph.output]

    def constant(self, name: str) -> Array | None:
        """The elements of a constant that lies in the file."""
        from onnx import TensorProto, numpy_helper

        tensor = self.initializers.get(name)
        if tensor is None and name in self._nodes:
            tensor = next((item.t for item in self._nodes[name].attribute if item.name == "value"), None)
        if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
            return None
        return np.asarray(numpy_helper.to_array(tensor))

    def is_constant(self, name: str) -> bool:
        """Does the file hold its elements?"""
        return name in self.initializers or name in self._nodes

    def replace(self, node: Any, place: int, made: Array) -> None:
        """Another constant at an input of `node`; the old one stays for others that read it."""
        from onnx import helper, numpy_helper

        old = node.input[place]
        made = np.ascontiguousarray(made)
        alone = (
            self.readers[old] == 1 and old in self.initializers and old not in self.outputs and old not in self.nested
        )
        name = old if alone else self._free(old)
        tensor = numpy_helper.from_array(made, name)
        if alone:
            self.initializers[old].CopyFrom(tensor)
        else:
            self.graph.initializer.append(tensor)
            self.initializers[name] = self.graph.initializer[-1]
            self.readers[old] -= 1
            self.readers[name] = 1
            node.input[place] = name
        listed = next((value for value in self.graph.input if value.name == name), None)
        info = helper.make_tensor_value_info(name, tensor.data_type, made.shape)
        if listed is not None:
            listed.CopyFrom(info)
        elif self.model.ir_version < LISTED:
            self.graph.input.append(info)

    def _free(self, name: str) -> str:
        taken = self.initializers.keys() | self.shapes.keys() | self.readers.keys()
        number = 1
        while f"{name}_{number}" in taken:
            number += 1
        return f"{name}_{number}"


def attributes(node: Any) -> dict[str, Any]:
    """Of a node, as Python values; graphs are left out."""
    from onnx import AttributeProto, helper

    graphs = {AttributeProto.GRAPH, AttributeProto.GRAPHS}
    return {item.name: helper.get_attribute_value(item) for item in node.attribute if item.type not in graphs}


def _captured(node: Any) -> Iterator[str]:
    """Names that the graphs inside a node read."""
    waiting = [graph for item in node.attribute for graph in (*item.graphs, *([item.g] if item.HasField("g") else []))]
    while waiting:
        graph = waiting.pop()
        yield from (value.name for value in graph.output)
        for inner in graph.node:
            yield from inner.input
            waiting += [
                g for item in inner.attribute for g in (*item.graphs, *([item.g] if item.HasField("g") else []))
            ]
