"""Core ML's neural networks: layers over named values, with the weights inside the messages.

Specification: https://github.com/apple/coremltools/blob/main/mlmodel/format/NeuralNetwork.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Dim, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._parts.coreml_message import Message, weight
from nngauge.formats._parts.coreml_names import LAYER_KINDS
from nngauge.formats._parts.values import Values
from nngauge.formats.vocabulary.coreml import Context, Step, Weight, constant, translate
from nngauge.io.binary import Buffer
from nngauge.io.protobuf import BYTES, Field, fields
from nngauge.limits import MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH

_ARRAY_MAPPING, _IMAGE_MAPPING = 5, 6
_NAME, _INPUT, _OUTPUT, _INPUT_TENSOR, _OUTPUT_TENSOR = 1, 2, 3, 4, 5
_RECURRENT = {"LSTM", "GRU", "RNN"}
_BRANCHES = {"branch": ("If", {"then_branch": 1, "else_branch": 2}), "loop": ("Loop", {"cond": 3, "body": 4})}
"""Layers with networks inside: ONNX name, and the field of each network by its attribute."""


class Network:
    """The graph of one network, and of those inside it."""

    def __init__(
        self, buf: Buffer, format_name: str, ports: Sequence[Tensor], *, batched: bool, depth: int = 0
    ) -> None:
        self.buf = buf
        self.format_name = format_name
        self.batched = batched
        self.depth = depth
        self.values = Values(ports)
        self.nodes: list[Node] = []
        self.subgraphs: list[Graph] = []

    def read(self, where: Field) -> None:
        """Takes the layers of the network in `where`; `MalformedError` when there are none."""
        for item in fields(self.buf, where.start, where.end):
            if item.number == 1 and item.wire == BYTES:
                self._layer(Message.of(self.buf, item))
            if len(self.nodes) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} layers")
        if not self.nodes:
            raise MalformedError("a neural network without layers", where=f"@{where.start}")

    def graph(self) -> Graph:
        """What has been read."""
        return Graph(
            format=self.format_name,
            nodes=tuple(self.nodes),
            tensors=tuple(self.values.tensors),
            subgraphs=tuple(self.subgraphs),
        )

    def _layer(self, layer: Message) -> None:
        label = layer.text(_NAME)
        number = next((number for number in layer.numbers() if number in LAYER_KINDS), 0)
        op = LAYER_KINDS.get(number, "unknown")
        params = layer.message(number) or Message(self.buf, 0, 0)
        inputs = self.values.use_all(layer.texts(_INPUT))
        outputs = self.values.use_all(layer.texts(_OUTPUT))
        self._describe(inputs, layer, _INPUT_TENSOR)
        self._describe(outputs, layer, _OUTPUT_TENSOR)
        loaded = constant(op, params)
        if loaded is not None and outputs:
            self._load(outputs[0], params, loaded)
        elif op in _BRANCHES:
            self._control(op, label, params, inputs, outputs)
        else:
            steps = translate(op, Context(params, self.batched, len(inputs)))
            self._steps(op, label, params, steps, (inputs, outputs))
            if op == "custom":
                self._custom_weights(params)

    def _describe(self, places: tuple[int, ...], layer: Message, number: int) -> None:
        """Shapes that the converter wrote beside the names of values."""
        for place, item in zip(places, layer.all(number), strict=False):
            described = Message.of(self.buf, item)
            dims = described.wholes(2)
            tensor = self.values.tensors[place]
            if tensor.shape is None and described.whole(1) == len(dims) <= MAX_RANK and dims:
                shape: tuple[Dim, ...] = tuple(dim if dim > 0 else None for dim in dims)
                self.values.tensors[place] = replace(tensor, shape=shape)

    def _load(self, place: int, params: Message, loaded: Weight) -> None:
        """A layer that only loads its weights makes its output a constant."""
        inner = params.message(loaded.path[0])
        tensor = weight(inner, self.values.tensors[place].name, loaded.shape) if inner is not None else None
        if tensor is not None:
            self.values.tensors[place] = tensor

    def _steps(
        self,
        op: str,
        label: str,
        params: Message,
        steps: tuple[Step, ...],
        edges: tuple[tuple[int, ...], tuple[int, ...]],
    ) -> None:
        """The operations of one layer; all but the last write values of their own."""
        current, outputs = edges
        for place, step in enumerate(steps):
            last = place == len(steps) - 1
            name = label if last else f"{label}.{place}"
            weights = self._weights(label, params, step.weights)
            inputs = (*weights, *current) if step.weights_first else (*current, *weights)
            made = outputs if last else (self.values.use(f"{label}.{place}"),)
            self.nodes.append(Node(op, step.kind, name, inputs, made, step.attributes))
            if step.kind in _RECURRENT and not self.batched:
                self._steps_in_time(made, step.attributes)
            current = made

    def _steps_in_time(self, outputs: tuple[int, ...], attributes: Mapping[str, Attribute]) -> None:
        """In networks without batch axis time has no axis either: the outputs of one step are vectors."""
        hidden = attributes.get("hidden_size")
        sides = 2 if attributes.get("direction") == "bidirectional" else 1
        for place, output in enumerate(outputs):
            tensor = self.values.tensors[output]
            if tensor.shape is None and isinstance(hidden, int):
                self.values.tensors[output] = replace(tensor, shape=(hidden if place else sides * hidden,))

    def _weights(self, label: str, params: Message, wanted: tuple[Weight, ...]) -> tuple[int, ...]:
        """Indices of a step's weights; −1 for absent ones in front of others."""
        found: list[int] = []
        for want in wanted:
            inner = _follow(params, want)
            numbers = ".".join(str(number) for number in (*want.path, *([want.which] if want.which else ())))
            tensor = weight(inner, f"{label}.{numbers}", want.shape) if inner is not None else None
            found.append(-1 if tensor is None else self.values.add(tensor))
        while found and found[-1] < 0:
            found.pop()
        return tuple(found)

    def _custom_weights(self, params: Message) -> None:
        """A custom layer lists its weights without shapes."""
        node = self.nodes[-1]
        found = []
        for place, item in enumerate(params.all(20)):
            tensor = weight(Message.of(self.buf, item), f"{node.name}.20.{place}", None)
            if tensor is not None:
                found.append(self.values.add(tensor))
        self.nodes[-1] = replace(node, inputs=(*node.inputs, *found))

    def _control(self, op: str, label: str, params: Message, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> None:
        kind, networks = _BRANCHES[op]
        attributes: dict[str, Attribute] = {}
        for attribute, number in networks.items():
            found = params.all(number)
            if found and found[-1].end > found[-1].start:
                attributes[attribute] = len(self.subgraphs)
                self.subgraphs.append(self._inside(found[-1], f"{label}.{attribute}"))
        bounded = kind == "Loop" and "cond" not in attributes and not params.text(2) and not inputs
        if bounded and params.whole(1) > 0:
            attributes["trip_count"] = params.whole(1)
        self.nodes.append(Node(op, kind, label, inputs, outputs, attributes))

    def _inside(self, where: Field, label: str) -> Graph:
        if self.depth >= MAX_STRUCT_DEPTH // 4:
            raise LimitError("networks nested too deeply", where=f"@{where.start}")
        inner = Network(self.buf, self.format_name, (), batched=self.batched, depth=self.depth + 1)
        inner.read(where)
        return replace(inner.graph(), name=label)


def is_batched(network: Message) -> bool:
    """Whether arrays and images come with all their axes (from iOS 13 on), or as channels, height and width."""
    return network.flag(_ARRAY_MAPPING) or network.flag(_IMAGE_MAPPING)


def batched_images(network: Message) -> bool:
    """Whether images have a batch axis."""
    return network.flag(_IMAGE_MAPPING)


def _follow(params: Message, want: Weight) -> Message | None:
    """The message at the end of a path of fields."""
    found: Message | None = params
    for depth, number in enumerate(want.path):
        if found is None:
            return None
        items = found.all(number)
        which = want.which if depth == 0 and len(want.path) > 1 else len(items) - 1
        found = Message.of(params.buf, items[which]) if 0 <= which < len(items) else None
    return found
