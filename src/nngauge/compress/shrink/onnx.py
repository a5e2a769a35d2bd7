"""Lossless shrinking of ONNX files. Runs in the process of a writer: whatever the package `onnx` raises is its answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nngauge.compress.shrink._steps import writers
from nngauge.compress.writing._api import Done, Job, Recipe, Writer
from nngauge.engines.loaded import Refused

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_FOLDED: Final = frozenset({
    "Cast", "Concat", "Gather", "Identity", "Reshape", "Shape", "Slice", "Squeeze", "Transpose", "Unsqueeze",
})  # fmt: skip
"""Operations that move numbers: what they make of constants is exact."""
_MOST_FOLDED: Final = 1 << 26
"""Bytes of a constant that is looked at."""
_SMALL: Final = 64
"""Bytes that an operation itself takes at least."""


def build(job: Job, *, negligible: float) -> Done:
    """Writes the file without what its answers do not need; see `nngauge.compress.shrink.tflite.build`."""
    import onnx

    model = onnx.load_model_from_string(Path(job.files[0]).read_bytes())
    if any(item.data_location == onnx.TensorProto.EXTERNAL for item in model.graph.initializer):
        raise Refused("its weights lie in other files")
    done = shrink(model, negligible)
    Path(job.output).write_bytes(model.SerializeToString(deterministic=True))
    changes = tuple(f"{count:,} {_plural(name, count)}" for name, count in done.items())
    return Done(tools={"onnx": version("onnx")}, changes=changes)


def _plural(name: str, count: int) -> str:
    first, _, rest = name.partition(" on ")
    return first + ("s" if count != 1 else "") + (f" on {rest}" if rest else "")


def shrink(model: Any, negligible: float) -> Counter[str]:
    """Shrinks the model, in place; what was removed and how often."""
    done: Counter[str] = Counter()
    done["operation on constants"] = _folded(model)
    done["operation"] = _operations(model)
    if negligible >= 0:
        done["channel"] = _channels(model, negligible)
    done["duplicate constant"] = _duplicates(model)
    done["unread constant"] = _unused(model) - done["duplicate constant"]
    return +done


def _folded(model: Any) -> int:
    """Operations on constants become what they make, where that takes no more room."""
    from onnx import numpy_helper

    from nngauge.compress.shrink._onnx_read import LISTED, Graph

    graph = Graph(model)
    gone = []
    for node in model.graph.node if model.ir_version >= LISTED else ():
        if node.op_type not in _FOLDED or node.domain not in {"", "ai.onnx"} or len(node.output) != 1:
            continue
        given = {name: graph.constant(name) for name in node.input if name}
        known = {name: value for name, value in given.items() if value is not None and value.nbytes <= _MOST_FOLDED}
        if not known or len(known) != len(given) or node.output[0] in graph.outputs:
            continue
        made = _value(model, node, known)
        own = sum(value.nbytes for name, value in known.items() if graph.readers[name] == 1)
        if made is not None and made.nbytes <= max(_SMALL, own):
            model.graph.initializer.append(numpy_helper.from_array(made, node.output[0]))
            graph.initializers[node.output[0]] = model.graph.initializer[-1]
            gone.append(node)
    for node in gone:
        model.graph.node.remove(node)
    return len(gone)


def _value(model: Any, node: Any, known: Mapping[str, Array]) -> Array | None:
    """What an operation makes of constants, by the reference implementation; None where that has none."""
    import numpy as np
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator

    constants = [numpy_helper.from_array(value, name) for name, value in known.items()]
    outputs = [helper.make_empty_tensor_value_info(node.output[0])]
    graph = helper.make_graph([node], "part", [], outputs, constants)
    alone = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    try:
        (made,) = ReferenceEvaluator(alone).run(None, {})
    except (ArithmeticError, LookupError, NotImplementedError, RuntimeError, TypeError, ValueError):
        return None
    return np.asarray(made)


def _channels(model: Any, negligible: float) -> int:
    from nngauge.compress.shrink._onnx_net import Reader
    from nngauge.compress.shrink._onnx_read import Graph
    from nngauge.compress.shrink.channels import solve

    graph = Graph(model)
    reader = Reader(graph, negligible)
    found = solve(reader.net)
    gone = sum(int((~kept).sum()) for kept in found.kept.values())
    if gone:
        for cut in reader.cuts:
            cut(found)
        del model.graph.value_info[:]  # shapes that hold no more; engines infer their own
    return gone


def _operations(model: Any) -> int:
    """Those whose outputs nobody reads."""
    from nngauge.compress.shrink._onnx_read import Graph

    graph = Graph(model)
    read = Counter(graph.readers)
    read.update((*graph.outputs, *graph.nested))
    gone = 0
    for at in range(len(model.graph.node) - 1, -1, -1):
        node = model.graph.node[at]
        if node.output and not any(read[name] for name in node.output if name) and not _has_graphs(node):
            read.subtract(name for name in node.input if name)
            del model.graph.node[at]
            gone += 1
    return gone


def _has_graphs(node: Any) -> bool:
    return any(item.HasField("g") or item.graphs for item in node.attribute)


def _duplicates(model: Any) -> int:
    """Initialisers with the same numbers become one, where no body of a loop or branch names them."""
    from nngauge.compress.shrink._onnx_read import Graph

    graph = Graph(model)
    fixed = {*graph.nested, *graph.outputs}
    first: dict[tuple[object, ...], str] = {}
    other: dict[str, str] = {}
    for name, tensor in graph.initializers.items():
        value = graph.constant(name)
        if value is None or value.dtype.kind == "O" or name in fixed:
            continue
        key = (tensor.data_type, tuple(tensor.dims), sha256(value.tobytes()).digest())
        if first.setdefault(key, name) != name:
            other[name] = first[key]
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            if name in other:
                node.input[place] = other[name]
    return len(other)


def _unused(model: Any) -> int:
    """Initialisers that nobody reads, also where old files list them among the inputs."""
    from nngauge.compress.shrink._onnx_read import Graph

    graph = Graph(model)
    used = {*(name for name, count in graph.readers.items() if count), *graph.outputs, *graph.nested}
    gone = {name for name in graph.initializers if name not in used}
    for items in (model.graph.initializer, model.graph.input):
        for at in range(len(items) - 1, -1, -1):
            if items[at].name in gone:
                del items[at]
    return len(gone)


def _writer(name: str, title: str, negligible: float) -> Writer:
    return Writer(
        name=name,
        title=title,
        formats=frozenset({"onnx"}),
        target="onnx",
        suffix=".onnx",
        recipes=frozenset({Recipe.SHRINK}),
        needs=("onnx", "numpy"),
        install='pip install "nngauge[compress]"',
        build=partial(build, negligible=negligible),
        references=("https://onnx.ai/onnx/operators/",),
        limitations=("Weights in other files are not touched.", "Quantised operators keep their channels."),
    )


WRITERS: tuple[Writer, ...] = writers("onnx", _writer)
