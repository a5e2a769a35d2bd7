"""What a TFLite file holds and nobody reads: operations, tensors, buffers, operator codes, sub-graphs; and what it holds twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

import numpy as np

from nngauge.compress.shrink._tflite_read import numbers

_STATEFUL: Final = frozenset({16, 24, 27, 31, 32, 35, 44, 46, 51, 52})
"""LSTM, RNN, SVDF, calls, custom operators, delegates …: they keep a state, or nobody knows what they do."""
_CONTROL: Final = 118
"""``IF``; above it are control flow, variables, random numbers and programs, with few exceptions."""
_ORDER: Final = b"CONTROL_DEPENDENCIES"
"""Metadata that counts operations (https://github.com/google-ai-edge/LiteRT/blob/main/tflite/graph_info.h)."""


def drop_unread(model: Any) -> Counter[str]:
    """Removes sub-graphs and operations that no answer needs, in place; what and how often, by its name."""
    done: Counter[str] = Counter()
    done["sub-graph"] = _subgraphs(model)
    if all(bytes(item.name or b"") != _ORDER for item in model.metadata or ()):
        for graph in model.subgraphs:
            done["operation"] += _operations(model, graph)
    return +done


def tidy(model: Any) -> Counter[str]:
    """Removes what nothing names, and what is there twice, in place; what and how often, by its name."""
    done: Counter[str] = Counter()
    done["duplicate constant"] = _duplicates(model)
    for number, graph in enumerate(model.subgraphs):
        done["tensor"] += _tensors(model, graph, number)
    done["operator code"] = _codes(model)
    done["buffer"] = _buffers(model)
    return +done


def _subgraphs(model: Any) -> int:
    """Those that neither start, nor have a signature, nor are run by an operator of one that is."""
    order = sorted(number for number in _reached(model) if number >= 0)
    gone = len(model.subgraphs) - len(order)
    if not gone or _has_custom(model):
        return 0
    place = {number: at for at, number in enumerate(order)}
    model.subgraphs = [model.subgraphs[number] for number in order]
    for graph in model.subgraphs:
        for op in graph.operators or ():
            for options, name in _references(op):
                value = getattr(options, name)
                new = place.get(int(value), value) if isinstance(value, int) else [place[at] for at in numbers(value)]
                setattr(options, name, new)
    for item in model.signatureDefs or ():
        item.subgraphIndex = place[int(item.subgraphIndex)]
    return gone


def _reached(model: Any) -> set[int]:
    """Sub-graphs that are run, beginning with the main one and those of signatures; −1 where an operator says none."""
    reached, waiting = set[int](), [0, *(int(item.subgraphIndex) for item in model.signatureDefs or ())]
    while waiting:
        number = waiting.pop()
        if number in reached:
            continue
        reached.add(number)
        for op in model.subgraphs[number].operators or ():
            for options, name in _references(op):
                value = getattr(options, name)
                waiting.extend([int(value)] if isinstance(value, int) else numbers(value))
    return reached


def _references(op: Any) -> Iterator[tuple[Any, str]]:
    """Options that name sub-graphs."""
    for options in (op.builtinOptions, op.builtinOptions2):
        for name in vars(options) if options is not None else ():
            if "subgraph" in name.lower() or name == "calledComputations":
                yield options, name


def _has_custom(model: Any) -> bool:
    """Operators of which nobody knows whether they run sub-graphs."""
    return any(code.customCode for code in model.operatorCodes or ())


def _operations(model: Any, graph: Any) -> int:
    """Those whose outputs nobody reads, and then those before them."""
    codes = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes or ()]
    read = Counter(index for op in graph.operators or () for index in numbers(op.inputs))
    read.update(numbers(graph.outputs))
    kept = []
    for op in reversed(graph.operators or ()):
        made = numbers(op.outputs)
        code = codes[op.opcodeIndex]
        variable = any(graph.tensors[index].isVariable for index in (*numbers(op.inputs), *made) if index >= 0)
        if made and code < _CONTROL and code not in _STATEFUL and not variable and not any(read[at] for at in made):
            read.subtract(numbers(op.inputs))
        else:
            kept.append(op)
    gone = len(graph.operators or ()) - len(kept)
    if gone:
        graph.operators = kept[::-1]
    return gone


def _duplicates(model: Any) -> int:
    """Constants with the same bytes share one buffer."""
    first: dict[bytes, int] = {}
    shared = 0
    for graph in model.subgraphs:
        for tensor in graph.tensors or ():
            data = model.buffers[tensor.buffer].data
            if tensor.isVariable or data is None or not len(data):
                continue
            digest = sha256(np.asarray(data, dtype=np.uint8).tobytes()).digest()
            found = first.setdefault(digest, int(tensor.buffer))
            shared += found != tensor.buffer
            tensor.buffer = found
    return shared


def _tensors(model: Any, graph: Any, number: int) -> int:
    """Those that no operation, input, output or signature names."""
    entries = [
        entry
        for item in model.signatureDefs or ()
        if int(item.subgraphIndex) == number
        for entry in (*(item.inputs or ()), *(item.outputs or ()))
    ]
    used = {*numbers(graph.inputs), *numbers(graph.outputs), *(int(entry.tensorIndex) for entry in entries)}
    for op in graph.operators or ():
        used.update((*numbers(op.inputs), *numbers(op.outputs), *numbers(op.intermediates)))
    order = sorted(index for index in used if index >= 0)
    gone = len(graph.tensors or ()) - len(order)
    if gone:
        graph.tensors = [graph.tensors[index] for index in order]
        place = {-1: -1, **{index: at for at, index in enumerate(order)}}
        _renumber(graph, place)
        for entry in entries:
            entry.tensorIndex = place[int(entry.tensorIndex)]
    return gone


def _renumber(graph: Any, place: Mapping[int, int]) -> None:
    """What the graph and its operations name by number is named by the new one."""
    for item in (graph, *(graph.operators or ())):
        item.inputs = [place[index] for index in numbers(item.inputs)]
        item.outputs = [place[index] for index in numbers(item.outputs)]
    for op in graph.operators or ():
        if op.intermediates is not None:
            op.intermediates = [place[index] for index in numbers(op.intermediates)]


def _codes(model: Any) -> int:
    """Operator codes that no operation has."""
    every = [op for graph in model.subgraphs for op in graph.operators or ()]
    order = sorted({int(op.opcodeIndex) for op in every})
    gone = len(model.operatorCodes or ()) - len(order)
    if gone:
        place = {index: at for at, index in enumerate(order)}
        model.operatorCodes = [model.operatorCodes[index] for index in order]
        for op in every:
            op.opcodeIndex = place[int(op.opcodeIndex)]
    return gone


def _buffers(model: Any) -> int:
    """Buffers that nothing names; all that hold nothing become the first, which is empty by definition."""
    if not model.buffers or (model.buffers[0].data is not None and len(model.buffers[0].data)):
        return 0
    tensors = [tensor for graph in model.subgraphs for tensor in graph.tensors or ()]
    for tensor in tensors:
        if model.buffers[tensor.buffer].data is None:
            tensor.buffer = 0
    holders = (*tensors, *(model.metadata or ()))
    old = numbers(model.metadataBuffer)
    order = sorted({0, *(int(item.buffer) for item in holders), *old})
    gone = len(model.buffers) - len(order)
    if gone:
        place = {index: at for at, index in enumerate(order)}
        model.buffers = [model.buffers[index] for index in order]
        for item in holders:
            item.buffer = place[int(item.buffer)]
        if model.metadataBuffer is not None:
            model.metadataBuffer = [place[index] for index in old]
    return gone
