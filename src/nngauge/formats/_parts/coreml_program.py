"""From the operations of an ML Program to nodes: constants become weights or attributes, blocks become sub-graphs."""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Completeness, DType, Graph, Node, Quantization, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._parts.coreml_mil import Argument, Block, Literal, Operation, Values
from nngauge.formats.vocabulary.mil import CONTROL, Call, Step, translate
from nngauge.limits import MAX_NODES, MAX_TENSORS

_WIDTHS: Final = {1: DType.UINT1, 2: DType.UINT2, 3: DType.UINT3, 4: DType.UINT4, 6: DType.UINT6, 8: DType.UINT8}
_PACKED: Final = ("indices", "quantized_data", "data", "nonzero_data", "source_val", "indices_nonzero_data")
"""What the compressed weight is called in the ``constexpr_`` operations."""


class Program(Struct):
    """One function, or one block inside it, as a graph."""

    format_name: str
    tensors: list[Tensor]
    nodes: list[Node]
    subgraphs: list[Graph]
    outputs: list[int]


def lower(block: Block, format_name: str, ports: Sequence[Tensor] = ()) -> Program:
    """The graph of a function; `ports` are the model's inputs and outputs, which come first among the tensors.

    Raises `MalformedError` for a function without operations.
    """
    found = _Lowering(format_name, ports).block(block)
    if not found.nodes:
        raise MalformedError("an ML Program without operations")
    return found


class _Lowering:
    def __init__(self, format_name: str, ports: Sequence[Tensor]) -> None:
        self.format_name = format_name
        self.tensors = list(ports)
        self.nodes: list[Node] = []
        self.subgraphs: list[Graph] = []
        self.places = {tensor.name: at for at, tensor in enumerate(ports)}
        self.literals: ChainMap[str, Literal] = ChainMap()
        """Constants by name, those of the blocks around this one included."""

    def block(self, block: Block) -> Program:
        """All operations of a block."""
        for tensor in block.inputs:
            self._define(tensor)
        for operation in block.operations:
            self._operation(operation)
            if len(self.nodes) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} operations")
        outputs = [self._place(name) for name in block.outputs]
        return Program(self.format_name, self.tensors, self.nodes, self.subgraphs, outputs)

    def _define(self, tensor: Tensor) -> int:
        """A value with its type; the ports keep the type of the interface and get the shape that it leaves out."""
        at = self.places.get(tensor.name)
        if at is None:
            return self._append(tensor)
        known = self.tensors[at]
        shape = tensor.shape if tensor.shape is not None else known.shape
        dtype = known.dtype if known.dtype is not DType.UNKNOWN else tensor.dtype
        self.tensors[at] = replace(known, shape=shape, dtype=dtype)
        return at

    def _append(self, tensor: Tensor, *, named: bool = True) -> int:
        if len(self.tensors) >= MAX_TENSORS:
            raise LimitError(f"more than {MAX_TENSORS} tensors")
        if named:
            self.places[tensor.name] = len(self.tensors)
        self.tensors.append(tensor)
        return len(self.tensors) - 1

    def _place(self, argument: Argument) -> int:
        """The tensor of an argument; a constant becomes one when it is first used as a value."""
        if isinstance(argument, Literal):
            return self._append(argument.tensor, named=False)
        at = self.places.get(argument)
        if at is not None:
            return at
        literal = self.literals.get(argument)
        return self._append(literal.tensor if literal is not None else Tensor(argument))

    def _operation(self, operation: Operation) -> None:
        if operation.kind == "const":
            self._constant(operation)
        elif operation.kind in CONTROL:
            self._control(operation)
        elif operation.kind.startswith("constexpr_"):
            self._compressed(operation)
        else:
            self._node(operation)

    def _constant(self, operation: Operation) -> None:
        value = next(
            (bound[0] for bound in operation.arguments.values() if bound and isinstance(bound[0], Literal)), None
        )
        if not operation.outputs or not isinstance(value, Literal):
            return
        made = operation.outputs[0]
        # The value's type may be told only once, on either side.
        dtype = made.dtype if made.dtype is not DType.UNKNOWN else value.tensor.dtype
        shape = made.shape if made.shape is not None else value.tensor.shape
        tensor = replace(value.tensor, name=made.name, dtype=dtype, shape=shape)
        self.literals[made.name] = Literal(tensor, value.values)
        if made.name in self.places:  # a constant that is an output of the model
            self.tensors[self.places[made.name]] = tensor

    def _node(self, operation: Operation) -> None:
        step = translate(operation.kind, self._call(operation))
        if step is None:
            step = Step(None, tuple(key for key, bound in operation.arguments.items() if self._is_value(bound)))
        inputs = self._inputs(operation, step)
        outputs = tuple(self._define(tensor) for tensor in operation.outputs)
        name = operation.name or (operation.outputs[0].name if operation.outputs else "")
        self.nodes.append(Node(operation.kind, step.kind, name, inputs, outputs, step.attributes))

    def _inputs(self, operation: Operation, step: Step) -> tuple[int, ...]:
        """Indices in ONNX's order; −1 for absent ones in front of others."""
        found: list[int] = []
        for name in step.operands:
            bound = operation.arguments.get(name)
            found += [self._place(argument) for argument in bound] if bound else [-1]
        while found and found[-1] < 0:
            found.pop()
        return tuple(found)

    def _is_value(self, bound: list[Argument]) -> bool:
        """Whether an argument of an unknown operation is data rather than a setting."""
        return any(isinstance(argument, str) and argument in self.places for argument in bound)

    def _literal(self, argument: Argument) -> Literal | None:
        return argument if isinstance(argument, Literal) else self.literals.get(argument)

    def _call(self, operation: Operation) -> Call:
        constants: dict[str, Values] = {}
        shapes = {}
        for key, bound in operation.arguments.items():
            known = [self._literal(argument) for argument in bound]
            values = [literal.values for literal in known if literal is not None and literal.values is not None]
            if bound and len(values) == len(bound):
                constants[key] = values[0] if len(values) == 1 else tuple(v[0] for v in values if v)  # type: ignore[assignment]
            if bound:
                shapes[key] = self._shape(bound[0], known[0])
        return Call(constants, shapes)

    def _shape(self, argument: Argument, literal: Literal | None) -> tuple[int | str | None, ...] | None:
        if literal is not None:
            return literal.tensor.shape
        at = self.places.get(argument) if isinstance(argument, str) else None
        return self.tensors[at].shape if at is not None else None

    def _control(self, operation: Operation) -> None:
        kind, operands, branches = CONTROL[operation.kind]
        attributes: dict[str, Attribute] = {}
        for attribute, block in zip(branches, operation.blocks, strict=False):
            attributes[attribute] = len(self.subgraphs)
            self.subgraphs.append(self._inner(block, f"{operation.name or operation.kind}.{attribute}"))
        inputs = self._inputs(operation, Step(kind, operands))
        outputs = tuple(self._define(tensor) for tensor in operation.outputs)
        self.nodes.append(Node(operation.kind, kind, operation.name, inputs, outputs, attributes))

    def _inner(self, block: Block, name: str) -> Graph:
        inner = _Lowering(self.format_name, ())
        inner.literals = self.literals.new_child()
        found = inner.block(block)
        # Values of the outside that the block reads are tensors of its own, with their types.
        tensors = [self._outer(tensor) for tensor in found.tensors]
        return Graph(
            format=self.format_name,
            completeness=Completeness.FULL,
            name=name,
            nodes=tuple(found.nodes),
            tensors=tuple(tensors),
            inputs=tuple(range(len(block.inputs))),
            outputs=tuple(found.outputs),
            subgraphs=tuple(found.subgraphs),
        )

    def _outer(self, tensor: Tensor) -> Tensor:
        at = self.places.get(tensor.name)
        if at is None or tensor.constant or tensor.shape is not None or tensor.dtype is not DType.UNKNOWN:
            return tensor
        return replace(self.tensors[at], constant=False, data=None, values=None)

    def _compressed(self, operation: Operation) -> None:
        """Weights that are unpacked when the model is loaded: the packed ones are the constants."""
        dense = operation.outputs[-1] if operation.outputs else Tensor("")
        for key in _PACKED:
            bound = operation.arguments.get(key)
            literal = self._literal(bound[0]) if bound else None
            if literal is not None:
                operation.arguments[key] = [self._described(operation, key, literal, dense)]
                break
        self._node(operation)

    def _described(self, operation: Operation, key: str, literal: Literal, dense: Tensor) -> Argument:
        """The packed weight with its real width, shape and quantisation."""
        bound = operation.arguments[key][0]
        packed = replace(literal.tensor, name=bound if isinstance(bound, str) else f"{dense.name}.{key}")
        scale, zero, table = (self._of(operation, name) for name in ("scale", "zero_point", "lut"))
        if zero is None:
            zero = self._of(operation, "offset")
        if table is not None and table.tensor.elements:
            packed = _indices(packed, table, dense)
        elif scale is not None:
            packed = replace(packed, quantization=self._affine(operation, scale, zero))
        if isinstance(bound, str):
            self.literals[bound] = Literal(packed)
        return bound if isinstance(bound, str) else Literal(packed)

    def _of(self, operation: Operation, key: str) -> Literal | None:
        bound = operation.arguments.get(key)
        return self._literal(bound[0]) if bound else None

    def _affine(self, operation: Operation, scale: Literal, zero: Literal | None) -> Quantization:
        count = scale.tensor.elements or 1
        first = scale.values[0] if scale.values and not isinstance(scale.values[0], str) else None
        channel = _integer(self._of(operation, "axis"))
        if channel is None and scale.tensor.shape is not None and count > 1:
            wide = [at for at, dim in enumerate(scale.tensor.shape) if isinstance(dim, int) and dim > 1]
            channel = wide[0] if len(wide) == 1 else None
        scales = None if first is None else float(first)
        return Quantization(count, scales, _integer(zero), channel if count > 1 else None)


def _integer(literal: Literal | None) -> int | None:
    """Its first value, where that is a whole number."""
    first = literal.values[0] if literal is not None and literal.values else None
    return first if isinstance(first, int) else None


def _indices(packed: Tensor, table: Literal, dense: Tensor) -> Tensor:
    """Indices into a look-up table: as many bits as the table needs, in the shape of what they stand for.

    Before iOS 18 they are a flat row of bytes with the indices packed into them.
    """
    shape = table.tensor.shape or ()
    modern = len(shape) > 1 and isinstance(shape[-2], int)
    entries = shape[-2] if modern else table.tensor.elements
    if not isinstance(entries, int) or entries < 1:
        return packed
    bits = max(math.ceil(math.log2(entries)), 1)
    quantization = Quantization(table=entries)
    if packed.dtype is DType.UINT8 and not modern and bits in _WIDTHS:
        return replace(packed, dtype=_WIDTHS[bits], shape=dense.shape, quantization=quantization)
    return replace(packed, quantization=quantization)
