"""Small graphs in code, one operation at a time: only what the classifier of tasks looks at."""

from __future__ import annotations

from nngauge.domain.graph import Attribute, Completeness, Dim, DType, Graph, Node, Tensor
from nngauge.domain.location import Location
from nngauge.domain.model import Model, ModelFile

Shape = tuple[Dim, ...] | None


class Net:
    """A graph being made; methods return indices of tensors."""

    def __init__(self, format_: str = "onnx") -> None:
        self.format = format_
        self.tensors: list[Tensor] = []
        self.nodes: list[Node] = []
        self.inputs: list[int] = []

    def tensor(self, name: str, shape: Shape, dtype: DType = DType.FLOAT32, *, constant: bool = False) -> int:
        self.tensors.append(Tensor(name, dtype, shape, constant=constant))
        return len(self.tensors) - 1

    def input(self, shape: Shape, dtype: DType = DType.FLOAT32, name: str = "x") -> int:
        self.inputs.append(self.tensor(name, shape, dtype))
        return self.inputs[-1]

    def add(
        self,
        kind: str,
        *sources: int,
        shape: Shape = None,
        weight: Shape = None,
        dtype: DType = DType.FLOAT32,
        op: str = "",
        name: str = "y",
        **attributes: Attribute,
    ) -> int:
        taken = list(sources)
        if weight is not None:
            taken.append(self.tensor("w", weight, constant=True))
        made = self.tensor(name, shape, dtype)
        known = None if kind == "?" else kind
        self.nodes.append(Node(op or kind, known, "", tuple(taken), (made,), attributes))
        return made

    def backbone(self, source: int, count: int = 8, channels: int = 32) -> int:
        """Convolutions that halve the resolution now and then."""
        for number in range(count):
            taken = 3 if number == 0 else channels
            source = self.add("Conv", source, weight=(channels, taken, 3, 3), strides=(1 + number % 2, 1 + number % 2))
            source = self.add("Relu", source)
        return source

    def done(self, *outputs: int, metadata: dict[str, str] | None = None, subgraphs: tuple[Graph, ...] = ()) -> Graph:
        return Graph(
            format=self.format,
            nodes=tuple(self.nodes),
            tensors=tuple(self.tensors),
            inputs=tuple(self.inputs),
            outputs=outputs,
            metadata=metadata or {},
            subgraphs=subgraphs,
        )


def model_of(graph: Graph, path: str = "base.apk!assets/m.bin") -> Model:
    """A model record around a graph."""
    place = Location(path=path)
    return Model(
        format=graph.format,
        title=graph.format,
        name=place.name,
        digest="",
        size=1,
        parts=(ModelFile(location=place, sha256="", size=1),),
        completeness=Completeness.FULL,
    )
