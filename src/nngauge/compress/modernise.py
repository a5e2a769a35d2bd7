"""Old TFLite files as the tools of today expect them, with the same answers bit for bit.

Quantisers return most models from apps unchanged, without a word: their operator codes are in the field that was
deprecated in 2020, they have no signature, tensors share a name, or 16-bit weights hide behind a ``DEQUANTIZE``. None of
that changes what a model computes, so it can be repaired:

- operator codes in the present field (https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs,
  ``OperatorCode.deprecated_builtin_code``);
- a signature for the first sub-graph where none is;
- a name for every tensor, none of them twice;
- constants of 16-bit floats that a ``DEQUANTIZE`` turns into 32-bit ones are stored as such, and the operation goes;
- the archive behind the model (labels of TFLite metadata) is kept, its offsets moved with it.

Needs the schema that the wheel ``ai-edge-litert`` brings; runs in the process of a writer.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Final

from msgspec import Struct, field

from nngauge.engines.loaded import Refused

MOST_BYTES: Final = 1 << 30
"""Larger files are refused: beyond 2 GiB a FlatBuffer cannot be written in one piece, and folding may double a file."""
_IDENTIFIER: Final = b"TFL3"
_ALIGNMENT: Final = 16
"""Of buffers, as the schema demands (``force_align: 16``); the writer that the schema generates does not do it."""
_FLOAT32, _FLOAT16 = 0, 1
_DEQUANTIZE: Final = 6
_PLACEHOLDER: Final = 127
"""Largest code that fits the deprecated field, and what it holds for larger ones."""
_BY_OPERATOR: Final = b"model_control_dependencies"
"""Metadata that names operators by their number."""
_SIGNATURE: Final = b"serving_default"
_END, _END_SIZE = b"PK\x05\x06", 22
_RECORD, _RECORD_SIZE = b"PK\x01\x02", 46
_MOST_COMMENT: Final = 0xFFFF


Place = tuple[int, int]
"""Number of the sub-graph and of a tensor in it."""


class Modernised(Struct, frozen=True, kw_only=True):
    """The new file and what was done."""

    content: bytes
    changes: tuple[str, ...]
    """For people, empty where there was nothing to do: ``31 operator codes``."""
    moved: Mapping[Place, Place] = field(default_factory=dict)
    """Where tensors of the old file are in the new one, those that are elsewhere; of a folded constant, where it is used."""


def modernise(content: bytes) -> Modernised:
    """The same model for the tools of today; the same bytes where there is nothing to do.

    Raises `Refused` for what is no TFLite file, and whatever the schema's code raises on damaged ones: call it in a
    process of its own.
    """
    if content[4:8] != _IDENTIFIER:
        raise Refused("not a TFLite file: its identifier is not TFL3")
    if len(content) > MOST_BYTES:
        raise Refused(f"larger than {MOST_BYTES >> 20:,} MiB, which cannot be written anew")
    archive = archive_start(content)
    model = read(content)
    moved: dict[Place, Place] = {}
    changes = tuple(_changes(model, moved))
    if not changes:
        return Modernised(content=content, changes=())
    return Modernised(content=append(write(model), content, archive), changes=changes, moved=moved)


def read(content: bytes) -> Any:
    """The model as the schema's objects, large constants brought in from behind the FlatBuffer."""
    schema = import_module("ai_edge_litert.schema_py_generated")
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    for buffer in model.buffers or ():
        if buffer.offset > 1:  # 0: none, 1: an empty one; https://ai.google.dev/edge/litert: buffers beyond 2 GiB
            buffer.data = _view(content, buffer.offset, buffer.size)
        buffer.offset = buffer.size = 0
    for graph in model.subgraphs or ():
        for op in graph.operators or ():
            if op.largeCustomOptionsOffset > 1:
                op.customOptions = _view(content, op.largeCustomOptionsOffset, op.largeCustomOptionsSize)
            op.largeCustomOptionsOffset = op.largeCustomOptionsSize = 0
    return model


def _view(content: bytes, offset: int, size: int) -> Any:
    import numpy as np

    if offset + size > len(content):
        raise Refused(f"a buffer of {size:,} bytes at {offset:,} lies outside of the file")
    return np.frombuffer(content, np.uint8, size, offset)


def write(model: Any) -> bytes:
    """The schema's objects as a file, buffers aligned."""
    flatbuffers = import_module("flatbuffers")

    class Builder(flatbuffers.Builder):  # type: ignore[name-defined,misc] # the library has no types
        """Aligns vectors of bytes."""

        def CreateNumpyVector(self, x: Any) -> Any:  # noqa: N802 - the library's name
            if x.dtype.itemsize == 1:
                self.Prep(_ALIGNMENT, x.size)
            return super().CreateNumpyVector(x)

    builder = Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    return bytes(builder.Output())


def _changes(model: Any, moved: dict[Place, Place]) -> Iterator[str]:
    """Does it all; what was done, for people."""
    for count, what in (
        (_operator_codes(model), "operator code"),
        (_names(model), "tensor name"),
        (_folded(model, moved), "16-bit constant"),
        (_signature(model), "signature"),
    ):
        if count:
            yield f"{count} {what}{'s' if count != 1 else ''}"


def _operator_codes(model: Any) -> int:
    """The present field holds the code, also where only the deprecated one did."""
    changed = 0
    for code in model.operatorCodes or ():
        if code.builtinCode < code.deprecatedBuiltinCode:
            code.builtinCode = code.deprecatedBuiltinCode
            changed += 1
        code.deprecatedBuiltinCode = min(code.builtinCode, _PLACEHOLDER)
    return changed


def _names(model: Any) -> int:
    """Every tensor has a name that no other of the file has. The first bearer keeps it."""
    graphs = model.subgraphs or ()
    taken = Counter(bytes(tensor.name or b"") for graph in graphs for tensor in graph.tensors or ())
    seen, changed = set[bytes](), 0
    for number, graph in enumerate(graphs):
        for index, tensor in enumerate(graph.tensors or ()):
            name = bytes(tensor.name or b"")
            if not name or name in seen:
                name = _free(name or b"tensor", b"_%d_%d" % (number, index), taken)
                tensor.name = name
                taken[name] += 1
                changed += 1
            seen.add(name)
    return changed


def _free(name: bytes, end: bytes, taken: Counter[bytes]) -> bytes:
    while name + end in taken:
        end += b"_"
    return name + end


def _folded(model: Any, moved: dict[Place, Place]) -> int:
    """16-bit constants become the 32-bit ones that the model computes with anyway."""
    if any(bytes(item.name or b"") == _BY_OPERATOR for item in model.metadata or ()):
        return 0  # operators are numbered there, and numbers would shift
    codes = [code.builtinCode for code in model.operatorCodes or ()]
    wide: dict[int, int] = {}
    total = sum(_fold_graph(model, number, codes, wide, moved) for number in range(len(model.subgraphs or ())))
    if total:
        _drop_unused(model)
    return total


def _fold_graph(model: Any, number: int, codes: list[int], wide: dict[int, int], moved: dict[Place, Place]) -> int:
    graph = model.subgraphs[number]
    kept: list[Any] = []
    folded: list[Any] = []
    for op in graph.operators or ():
        (folded if _folds(model, graph, op, codes) else kept).append(op)
    if not folded:
        return 0
    became: dict[int, int] = {}
    for op in folded:
        source, target = int(op.inputs[0]), int(op.outputs[0])
        buffer = int(graph.tensors[source].buffer)
        if buffer not in wide:
            wide[buffer] = _widened(model, buffer)
        graph.tensors[target].buffer = wide[buffer]
        became.setdefault(source, target)
    graph.operators = kept
    used = {int(index) for op in kept for index in (*op.inputs, *op.outputs)} | {int(index) for index in graph.outputs}
    _remove(model, number, {source: target for source, target in became.items() if source not in used}, moved)
    return len(folded)


def _remove(model: Any, number: int, became: Mapping[int, int], moved: dict[Place, Place]) -> None:
    """Takes tensors away that nobody uses: calibration fails on them. What uses others counts anew."""
    import numpy as np

    graph = model.subgraphs[number]
    kept = [index for index in range(len(graph.tensors)) if index not in became]
    place = {-1: -1} | {old: new for new, old in enumerate(kept)}
    moved |= {(number, old): (number, new) for old, new in place.items() if old >= 0 and old != new}
    moved |= {(number, old): (number, place[target]) for old, target in became.items()}
    graph.tensors = [graph.tensors[index] for index in kept]
    graph.inputs, graph.outputs = ([place[int(index)] for index in side] for side in (graph.inputs, graph.outputs))
    for op in graph.operators:
        op.inputs = np.array([place[int(index)] for index in op.inputs], np.int32)
        op.outputs = np.array([place[int(index)] for index in op.outputs], np.int32)
        if op.intermediates is not None:
            op.intermediates = np.array([place[int(index)] for index in op.intermediates], np.int32)
    for signature in model.signatureDefs or ():
        if signature.subgraphIndex == number:
            for item in (*(signature.inputs or ()), *(signature.outputs or ())):
                item.tensorIndex = place[int(item.tensorIndex)]


def _folds(model: Any, graph: Any, op: Any, codes: list[int]) -> bool:
    """Is it a ``DEQUANTIZE`` of a constant of 16-bit floats?"""
    if codes[op.opcodeIndex] != _DEQUANTIZE or len(op.inputs) != 1 or len(op.outputs) != 1:
        return False
    source, target = graph.tensors[op.inputs[0]], graph.tensors[op.outputs[0]]
    data = model.buffers[source.buffer].data
    return (
        source.type == _FLOAT16 and target.type == _FLOAT32
        and source.sparsity is None and not source.isVariable and not target.isVariable
        and data is not None and len(data) > 0 and model.buffers[target.buffer].data is None
    )  # fmt: skip


def _widened(model: Any, index: int) -> int:
    """Number of a new buffer with the same numbers in 32 bits."""
    import numpy as np

    schema = import_module("ai_edge_litert.schema_py_generated")
    made = schema.BufferT()
    narrow = np.asarray(model.buffers[index].data, dtype=np.uint8).tobytes()
    made.data = np.frombuffer(narrow, np.float16).astype(np.float32).view(np.uint8)
    model.buffers.append(made)
    return len(model.buffers) - 1


def _drop_unused(model: Any) -> None:
    """Bytes that no tensor and no metadata names any more."""
    used = {int(tensor.buffer) for graph in model.subgraphs for tensor in graph.tensors or ()}
    used.update(int(item.buffer) for item in model.metadata or ())
    used.update(int(item) for item in (model.metadataBuffer if model.metadataBuffer is not None else ()))
    for index, buffer in enumerate(model.buffers):
        if index not in used:
            buffer.data = None


def _signature(model: Any) -> int:
    """Ways in and out of the first sub-graph by name, where no signature gives them."""
    if not model.subgraphs or any(item.subgraphIndex == 0 for item in model.signatureDefs or ()):
        return 0
    schema = import_module("ai_edge_litert.schema_py_generated")
    made, graph = schema.SignatureDefT(), model.subgraphs[0]
    taken = {bytes(item.signatureKey or b"") for item in model.signatureDefs or ()}
    made.signatureKey, made.subgraphIndex = next(
        name for name in (_SIGNATURE, b"main", b"nngauge_main") if name not in taken
    ), 0  # fmt: skip
    made.inputs = [_map(schema, graph, index) for index in dict.fromkeys(map(int, graph.inputs))]
    made.outputs = [_map(schema, graph, index) for index in dict.fromkeys(map(int, graph.outputs))]
    model.signatureDefs = [*(model.signatureDefs or ()), made]
    return 1


def _map(schema: Any, graph: Any, index: int) -> Any:
    made = schema.TensorMapT()
    made.name, made.tensorIndex = graph.tensors[index].name, index
    return made


def archive_start(content: bytes) -> int | None:
    """Where the ZIP archive behind a model begins; None without one.

    Files of TFLite metadata are ZIP archives with the model in front (https://www.tensorflow.org/lite/models/convert/metadata).
    """
    directory = _directory(content)
    if directory is None:
        return None
    place, _, offsets = directory
    moved = place - _u32(content, content.rfind(_END) + 16)
    starts = [offset + moved for _, offset in offsets]
    start = min(starts, default=place)
    return start if 8 < start <= place else None


def append(model: bytes, content: bytes, start: int | None) -> bytes:
    """`model` with the archive of `content` behind it; its offsets count from where they did before."""
    if start is None:
        return model
    place, end, offsets = _directory(content) or (0, 0, [])
    tail = bytearray(content[start:])
    from_file = place - _u32(content, end + 16) == 0
    delta = len(model) - start if from_file else 0
    for at, offset in [*offsets, (end + 16 - 42, _u32(content, end + 16))]:
        struct.pack_into("<I", tail, at - start + 42, offset + delta)
    return model + bytes(tail)


def _directory(content: bytes) -> tuple[int, int, list[tuple[int, int]]] | None:
    """Place of the archive's directory and of its end record; place and written offset of each entry."""
    end = content.rfind(_END, max(0, len(content) - _END_SIZE - _MOST_COMMENT))
    if end < 0 or end + _END_SIZE > len(content):
        return None
    count, size = struct.unpack_from("<H", content, end + 10)[0], _u32(content, end + 12)
    place = at = end - size
    found: list[tuple[int, int]] = []
    for _ in range(count):
        if place < 0 or at + _RECORD_SIZE > end or content[at : at + 4] != _RECORD:
            return None
        found.append((at, _u32(content, at + 42)))
        at += _RECORD_SIZE + sum(struct.unpack_from("<HHH", content, at + 28))
    return (place, end, found) if place >= 0 else None


def _u32(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "little")
