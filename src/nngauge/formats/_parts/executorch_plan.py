"""Execution plans of ExecuTorch programs: values, calls with what they read and write, delegates.

Schema: https://github.com/pytorch/executorch/blob/main/schema/program.fbs.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping

from msgspec import Struct

from nngauge.domain.graph import Attribute, Completeness, DType, Graph, Node, Span, Tensor
from nngauge.errors import MalformedError
from nngauge.formats._parts.torch_operands import Numbers, operands, settled
from nngauge.formats._parts.xnnpack import is_xnnpack, read_xnnpack
from nngauge.formats.vocabulary.torch import Arg, Ref, Unknown, canonical
from nngauge.io.binary import Buffer
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter
from nngauge.limits import MAX_RANK

_INT, _BOOL, _DOUBLE, _TENSOR, _STRING, _INTS, _DOUBLES, _BOOLS, _TENSORS, _OPTIONALS = range(2, 12)
"""Members of the union `KernelTypes`."""
_CALL_KERNEL, _CALL_DELEGATE, _CALL_LAST = 1, 2, 5
_MAX_LIST = 4096
"""Elements of an argument list that are looked at."""
_DTYPES = {
    0: DType.UINT8, 1: DType.INT8, 2: DType.INT16, 3: DType.INT32, 4: DType.INT64, 5: DType.FLOAT16, 6: DType.FLOAT32,
    7: DType.FLOAT64, 9: DType.COMPLEX64, 10: DType.COMPLEX128, 11: DType.BOOL, 12: DType.INT8, 13: DType.UINT8,
    14: DType.INT32, 15: DType.BFLOAT16, 16: DType.UINT4, 17: DType.UINT2, 23: DType.FLOAT8_E5M2,
    24: DType.FLOAT8_E4M3, 27: DType.UINT16, 28: DType.UINT32, 29: DType.UINT64,
}  # fmt: skip


class Program(Struct, frozen=True):
    """The root table, how far the file reaches, and `(offset, size)` of its segments."""

    table: Table
    extent: int | None
    segments: tuple[tuple[int, int], ...]


class _Constants(Struct, frozen=True):
    """Absolute offset of each constant buffer, by `data_buffer_idx`; empty when buffers are inline."""

    offsets: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    """The same offsets in order, then the end of the segment."""

    def span(self, index: int) -> Span:
        """Where buffer `index` lies, as far as the next one (which may include padding)."""
        start = self.offsets[index]
        return Span(start, self.ends[min(bisect_right(self.ends, start), len(self.ends) - 1)] - start)


class PlanReader:
    """What the plans of one program share."""

    def __init__(self, program: Program, buf: Buffer) -> None:
        self._program = program
        self._buf = memoryview(buf)
        self._meter = Meter.for_size(len(buf))
        self._inline = program.table.tables(2)
        self._blobs = program.table.tables(3)
        self._constants = _constants(program)
        self._named = _named_data(program)

    def plan(self, plan: Table) -> Graph:
        """One `ExecutionPlan`; networks of its delegates become sub-graphs."""
        # Vectors may be shared by all plans, so their lengths are paid for before they are read.
        self._meter.spend(sum(plan.vector(field, 4)[1] for field in (2, 3, 4, 5, 6, 7)))
        self._meter.spend(len(self._inline))
        values = _Values(plan, self)
        inputs = values.tensors_of(plan.ints(3))
        outputs = values.tensors_of(plan.ints(4))
        nodes, bodies = _Calls(plan, values, inputs, self).read()
        closed = any(node.kind == "Delegate" and "body" not in node.attributes for node in nodes)
        return Graph(
            format="executorch",
            completeness=Completeness.PARTIAL if closed else Completeness.FULL,
            name=plan.string(0),
            nodes=nodes,
            tensors=tuple(values.tensors),
            inputs=inputs,
            outputs=outputs,
            subgraphs=bodies,
        )

    def spend(self, units: int) -> None:
        """Pays for work on the file."""
        self._meter.spend(units)

    def tensor(self, body: Table, name: str) -> Tensor:
        """A `Tensor` table."""
        sizes = body.ints(2)
        if len(sizes) > MAX_RANK or any(size < 0 for size in sizes):
            raise MalformedError("impossible tensor shape", where=f"@{body.pos}")
        code, buffer = body.integer(0, "b"), body.integer(5, "I")
        extra = body.table(9)
        dtype = _DTYPES.get(code, DType.UNKNOWN)
        label = (extra.string(1) if extra else "") or name
        self._meter.spend(len(label) + len(sizes))
        if body.offset(6) or not buffer:
            external = extra is not None and extra.integer(2, "b") == 1
            return Tensor(label, dtype, sizes, constant=external)
        if buffer < len(self._constants.offsets):
            return Tensor(label, dtype, sizes, self._constants.span(buffer), constant=True)
        if buffer < len(self._inline):
            return Tensor(label, dtype, sizes, Span(*self._inline[buffer].vector(0, 1)), constant=True)
        raise MalformedError(f"constant buffer {buffer} does not exist", where=f"@{body.pos}")

    def blob(self, delegate: Table) -> tuple[int, int]:
        """`(offset, size)` of what a backend compiled; 0 bytes when the reference leads nowhere."""
        where = delegate.table(1)
        if where is None:
            return 0, 0
        inside, index = where.integer(0, "b") == 0, where.integer(1, "I")
        if inside:
            return self._blobs[index].vector(0, 1) if index < len(self._blobs) else (0, 0)
        return self._program.segments[index] if index < len(self._program.segments) else (0, 0)

    def network(self, offset: int, size: int) -> Graph | None:
        """The network of a blob, where it can be read."""
        blob = self._buf[offset : offset + size]
        return read_xnnpack(blob, offset, self._named) if is_xnnpack(blob) else None


def _constants(program: Program) -> _Constants:
    segment = program.table.table(5)
    offsets = segment.ints(1, "Q") if segment else ()
    if segment is None or not offsets:
        return _Constants()
    index = segment.integer(0, "I")
    if index >= len(program.segments):
        raise MalformedError(f"constant segment {index} does not exist")
    start, size = program.segments[index]
    if any(offset > size for offset in offsets):
        raise MalformedError("constant outside its segment")
    return _Constants(tuple(start + offset for offset in offsets), (*sorted(start + o for o in offsets), start + size))


def _named_data(program: Program) -> Mapping[str, tuple[int, int]]:
    """`(offset, size)` of data that delegates refer to by name."""
    found = {}
    for item in program.table.tables(7):
        index = item.integer(1, "I")
        if index < len(program.segments):
            found[item.string(0)] = program.segments[index]
    return found


class _Values:
    """The values of one plan: tensors, and the arguments that are plain numbers."""

    def __init__(self, plan: Table, reader: PlanReader) -> None:
        self.tensors: list[Tensor] = []
        self.numbers = Numbers(self.tensors)
        self._values = plan.tables(2)
        self._place: dict[int, int] = {}
        self._reader = reader
        self.memory: dict[int, tuple[int, int, int]] = {}
        """Where the memory plan puts a tensor: area, low and high half of the offset."""
        for index, value in enumerate(self._values):
            body = value.table(1) if value.integer(0, "B") == _TENSOR else None
            if body is not None:
                place = self._place[index] = len(self.tensors)
                self.tensors.append(reader.tensor(body, f"%{index}"))
                planned = body.table(6)
                if planned is not None:
                    self.memory[place] = (planned.integer(0, "I"), planned.integer(1, "I"), planned.integer(2, "I"))

    def tensors_of(self, indices: tuple[int, ...]) -> tuple[int, ...]:
        """Places of the tensors among these values, those in lists too."""
        found: list[int] = []
        for index in indices:
            arg = self.argument(index)
            items = arg if isinstance(arg, tuple) else (arg,)
            found.extend(item.at for item in items if isinstance(item, Ref))
        return tuple(found)

    def argument(self, index: int) -> Arg:
        """Value number `index` as an argument."""
        if index in self._place:
            return Ref(self._place[index])
        if not 0 <= index < len(self._values):
            return Unknown()
        kind, body = self._values[index].integer(0, "B"), self._values[index].table(1)
        if body is None or kind not in range(_INT, _OPTIONALS + 1):
            return None
        if kind in (_INTS, _TENSORS, _OPTIONALS):
            items = self._items(body, "q" if kind == _INTS else "i")
            return tuple(self._element(item) for item in items)
        return self._plain(kind, body)

    def _items(self, body: Table, code: str) -> tuple[int, ...]:
        count = body.vector(0, 8 if code == "q" else 4)[1]
        if count > _MAX_LIST:
            return ()
        self._reader.spend(count)
        return body.ints(0, code)

    def _element(self, index: int) -> Arg:
        """An element of a list, which is itself a value: a tensor or a number."""
        if index in self._place:
            return Ref(self._place[index])
        if not 0 <= index < len(self._values):
            return None
        value = self._values[index]
        body = value.table(1)
        return body.integer(0, "q") if body is not None and value.integer(0, "B") == _INT else None

    @staticmethod
    def _plain(kind: int, body: Table) -> Arg:
        if kind == _INT:
            return body.integer(0, "q")
        if kind == _BOOL:
            return bool(body.integer(0, "?"))
        if kind == _DOUBLE:
            return float(body.scalar(0, "d"))
        if kind == _STRING:
            return body.string(0)[:256]
        code = "d" if kind == _DOUBLES else "?"
        return tuple(body.scalars(0, code)[:_MAX_LIST]) if kind in (_DOUBLES, _BOOLS) else Unknown()


class _Calls:
    """The calls of all chains.

    What a kernel writes is its last argument (functions with ``out`` return it). Delegates do not mark what they write:
    it is what nobody wrote before. Views of planned memory are left out of programs; they come back as ``memory.view``,
    as the exporter calls them, where somebody reads a tensor that nobody wrote and another lies at its place.
    """

    def __init__(self, plan: Table, values: _Values, inputs: tuple[int, ...], reader: PlanReader) -> None:
        self._plan = plan
        self._values = values
        self._reader = reader
        self._owners = {_CALL_KERNEL: plan.tables(6), _CALL_DELEGATE: plan.tables(7)}
        self._produced = {at for at, tensor in enumerate(values.tensors) if tensor.constant}
        self._holder: dict[tuple[int, int, int], int] = {}
        self._bodies: list[Graph] = []
        self._body_of: dict[int, int | None] = {}
        self._nodes: list[Node] = []
        self._wrote(inputs)

    def read(self) -> tuple[tuple[Node, ...], tuple[Graph, ...]]:
        """The nodes, and the networks of delegates that they refer to."""
        for chain in self._plan.tables(5):
            self._reader.spend(8 + chain.vector(2, 4)[1])
            for instruction in chain.tables(2):
                kind, body = instruction.integer(0, "B"), instruction.table(1)
                if body is None or not 1 <= kind <= _CALL_LAST:
                    raise MalformedError(f"instruction kind {kind}", where=f"@{instruction.pos}")
                self._reader.spend(8)
                if kind in self._owners:
                    self._call(kind, body)
        self._views(self._values.tensors_of(self._plan.ints(4)))
        return tuple(self._nodes), tuple(self._bodies)

    def _wrote(self, places: tuple[int, ...]) -> None:
        self._produced.update(places)
        for place in places:
            if place in self._values.memory:
                self._holder[self._values.memory[place]] = place

    def _views(self, places: Iterable[int]) -> None:
        """Adds the views that these tensors are."""
        for place in places:
            memory = self._values.memory.get(place)
            if place in self._produced or memory is None or memory not in self._holder:
                continue
            shape = tuple(dim for dim in self._values.tensors[place].shape or () if isinstance(dim, int))
            source = self._holder[memory]
            self._nodes.append(Node("memory.view", "Reshape", "", (source,), (place,), {"shape": shape}))
            self._wrote((place,))

    def _call(self, kind: int, body: Table) -> None:
        args, at = body.ints(1), body.integer(0, "i")
        self._reader.spend(len(args))
        if not 0 <= at < len(self._owners[kind]):
            raise MalformedError(f"operator {at} does not exist", where=f"@{body.pos}")
        owner = self._owners[kind][at]
        name = owner.string(0)
        self._reader.spend(len(name))
        node = self._delegated(name, at, args) if kind == _CALL_DELEGATE else self._kernel(owner, name, args)
        self._views(place for place in node.inputs if place >= 0)
        self._nodes.append(node)
        self._wrote(node.outputs)

    def _delegated(self, name: str, at: int, args: tuple[int, ...]) -> Node:
        attributes = self._delegate(name, at)
        used = self._values.tensors_of(args)
        body = attributes.get("body")
        if isinstance(body, int):
            count = len(self._bodies[body].inputs)
            return Node(f"delegate:{name}", "Delegate", "", used[:count], used[count:], attributes)
        if used and not any(tensor in self._produced for tensor in used[:-1]):
            # Something must be read; when nothing was written before, the first is a view.
            self._views(used[:1])
        outputs = tuple(dict.fromkeys(tensor for tensor in used if tensor not in self._produced)) or used[-1:]
        inputs = tuple(tensor for tensor in used if tensor not in set(outputs))
        return Node(f"delegate:{name}", "Delegate", "", inputs, outputs, attributes)

    def _kernel(self, owner: Table, name: str, args: tuple[int, ...]) -> Node:
        overload = owner.string(1)
        op = f"{name}.{overload}" if overload else name
        outputs = self._values.tensors_of(args[-1:])
        written = set(outputs)
        read = [self._values.argument(arg) for arg in args[:-1]]
        while read and _is_written(read[-1], written):
            read.pop()
        known = canonical(op, read)
        if known is None:
            inputs = tuple(arg.at for arg in read if isinstance(arg, Ref))
            return Node(op, None, "", inputs, outputs)
        inputs = operands(known.inputs, self._values.numbers, lambda place: place)
        return Node(op, known.kind, "", inputs, outputs, settled(known.attributes, len(outputs)))

    def _delegate(self, name: str, at: int) -> dict[str, Attribute]:
        delegate = self._owners[_CALL_DELEGATE][at]
        offset, size = self._reader.blob(delegate)
        if at not in self._body_of:
            network = self._reader.network(offset, size)
            self._body_of[at] = len(self._bodies) if network is not None else None
            self._bodies += [network] if network is not None else []
        body = self._body_of[at]
        found: dict[str, Attribute] = {"backend": name, "size": size}
        return found if body is None else found | {"body": body}


def _is_written(arg: Arg, outputs: set[int]) -> bool:
    items = arg if isinstance(arg, tuple) else (arg,)
    return bool(items) and all(isinstance(item, Ref) and item.at in outputs for item in items)
