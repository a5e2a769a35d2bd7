"""Shapes against what others say: the files themselves, ONNX's own inference, and what the runtimes compute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes import Inferred, infer_shapes
from nngauge.api import open_model
from nngauge.domain.graph import DType, Graph, Tensor
from nngauge.errors import NngaugeError
from tests.analyse.shapes.graphs import forgotten
from tests.builders.hostile import MODELS

OPAQUE = {"Custom", "Delegate", "Calculator"}
"""What these do is not in the file; so nothing is known behind them."""
EXPLAINED = {
    "google-ai-edge__LiteRT__2983b125__max_unpooling_2d.tflite": "a test of the parser: it states the input's shape",
}


def files(folder: str, ending: str) -> list[Path]:
    return sorted((MODELS / folder).glob(f"*{ending}"))


def parametrize(folder: str, ending: str) -> pytest.MarkDecorator:
    """One test a file; none, with a reason, where the files are not there."""
    found: list[Any] = [pytest.param(path, id=path.name) for path in files(folder, ending)]
    skipped = pytest.mark.skip(reason="real models are not beside this checkout")
    return pytest.mark.parametrize("path", found or [pytest.param(Path(), marks=skipped)])


def without_stated_shapes(path: Path) -> tuple[Graph, Inferred]:
    """The graph as it is, and what inference makes of it without the shapes of what it computes."""
    try:
        with open_model(path) as model:
            return model.graph, infer_shapes(
                forgotten(model.graph), Constants([piece.source for piece in model.pieces])
            )
    except NngaugeError as error:
        pytest.skip(f"not read: {error}")


def computed(graph: Graph, other: Graph) -> Iterator[tuple[Tensor, Tensor, bool]]:
    """``(stated, inferred, behind something opaque)`` of every value that a node computes."""
    hidden: set[int] = set()
    for node in other.nodes:
        opaque = node.kind in OPAQUE or node.kind is None or bool(hidden.intersection(node.inputs))
        for place in node.outputs:
            if opaque:
                hidden.add(place)
            if not graph.tensors[place].constant:
                yield graph.tensors[place], other.tensors[place], opaque
    for one, two in zip(graph.subgraphs, other.subgraphs, strict=True):
        yield from computed(one, two)


@parametrize("tflite", ".tflite")
def test_tflite_states_the_same(path: Path) -> None:
    graph, found = without_stated_shapes(path)
    if path.name in EXPLAINED:
        pytest.skip(EXPLAINED[path.name])
    for stated, inferred, opaque in computed(graph, found.graph):
        if stated.shape is None or opaque:
            continue
        assert inferred.shape is not None, stated
        assert len(inferred.shape) == len(stated.shape), stated
        for one, other in zip(stated.shape, inferred.shape, strict=True):
            assert not isinstance(one, int) or one == other, (stated, inferred.shape)


@parametrize("onnx", ".onnx")
def test_onnx_infers_the_same(path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the onnx package is an optional oracle")
    _, found = without_stated_shapes(path)
    inferred = {tensor.name: tensor.shape for tensor in found.graph.tensors}
    theirs = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True)
    for value in [*theirs.graph.value_info, *theirs.graph.output]:
        sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in value.type.tensor_type.shape.dim]
        ours = inferred[value.name]
        assert ours is not None, value.name
        assert len(ours) == len(sizes), value.name
        assert all(size in (None, dim) for size, dim in zip(sizes, ours, strict=True)), (value.name, ours, sizes)


@parametrize("onnx", ".onnx")
def test_onnx_runtime_computes_the_same(path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the onnx package is an optional oracle")
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is an optional oracle")
    numpy = pytest.importorskip("numpy")
    _, found = without_stated_shapes(path)
    inferred = {tensor.name: tensor for tensor in found.graph.tensors}
    model = onnx.load(path)
    known = {value.name for value in model.graph.output}
    names = [name for node in model.graph.node for name in node.output if name and name not in known]
    model.graph.output.extend([onnx.ValueInfoProto(name=name) for name in names])
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except runtime.capi.onnxruntime_pybind11_state.NotImplemented as error:
        pytest.skip(f"older than the runtime: {error}")
    feed = {
        value.name: numpy.zeros(
            [dim if isinstance(dim, int) else 1 for dim in inferred[value.name].shape or ()], "float32"
        )
        for value in session.get_inputs()
    }
    outputs = [value.name for value in session.get_outputs()]
    for name, value in zip(outputs, session.run(outputs, feed), strict=True):
        assert (name, inferred[name].shape, str(inferred[name].dtype)) == (name, value.shape, str(value.dtype))


NETWORKS = (
    "blazeface",
    "mobilenet_v3",
    "shufflenet_v2",
    "squeezenet",
    "nanodet_m",
    "efficientnet_b0",
    "yolo-fastestv2",
)


@pytest.mark.parametrize("name", NETWORKS)
def test_ncnn_computes_the_same(name: str) -> None:
    """Every blob of ncnn's own benchmark networks, which run without weights."""
    ncnn = pytest.importorskip("ncnn", reason="the ncnn package is an optional oracle")
    numpy = pytest.importorskip("numpy")
    path = MODELS / "ncnn_benchmark_param" / f"{name}.param"
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    graph, found = without_stated_shapes(path)
    network = ncnn.Net()
    network.opt.lightmode = network.opt.use_packing_layout = False
    network.opt.num_threads = 1
    assert network.load_param(str(path)) == 0
    network.load_model(ncnn.DataReaderFromEmpty())
    extractor = network.create_extractor()
    for place in graph.inputs:
        tensor = found.graph.tensors[place]
        extractor.input(tensor.name, ncnn.Mat(numpy.zeros(tensor.shape, "float32")).clone())
    for node in found.graph.nodes:
        for place in node.outputs:
            tensor = found.graph.tensors[place]
            mat = extractor.extract(tensor.name)[1]
            sizes = {1: (mat.w,), 2: (mat.h, mat.w), 3: (mat.c, mat.h, mat.w)}[mat.dims]
            assert (node.name, tensor.shape) == (node.name, sizes)


DIFFERS = {
    "test_scan_sum": "opset 8 had a batch axis and the lengths first",
    "test_scan_sum_expanded": "the same",
}
UNKNOWN = {"Adagrad", "Adam", "Momentum", "Gradient", "FlexAttention"}
"""Operators of training and of previews, which no phone runs."""
OF_THE_DATA = {"Compress", "ImageDecoder", "Loop", "NonMaxSuppression", "StringNormalizer", "StringSplit", "Unique"}


def test_every_operator_of_onnx(tmp_path: Path) -> None:
    """The standard's own test cases: one node each, with the shape of the result."""
    onnx = pytest.importorskip("onnx", reason="the onnx package is an optional oracle")
    numpy = pytest.importorskip("numpy")
    cases = pytest.importorskip("onnx.backend.test.case.node").collect_testcases(None)
    equal, wrong = 0, []
    for case in cases:
        operator = case.model.graph.node[0].op_type
        if not case.data_sets or operator in UNKNOWN or case.name in DIFFERS:
            continue
        given, wanted = case.data_sets[0]
        onnx.save(case.model, tmp_path / "case.onnx")
        for tensor, value in zip(*results(tmp_path / "case.onnx", given, numpy), wanted, strict=False):
            if not hasattr(value, "shape"):
                continue  # a sequence or an optional
            ours = tensor.shape
            fits = ours is not None and len(ours) == len(value.shape)
            exact = fits and ours == value.shape
            data = operator in OF_THE_DATA or "range_" in case.name
            if exact:
                equal += 1
            elif not (
                fits and data and all(one in (None, two) for one, two in zip(ours or (), value.shape, strict=True))
            ):
                wrong.append((case.name, ours, value.shape))
    assert wrong == []
    assert equal > 1900


def results(path: Path, given: Any, numpy: Any) -> tuple[list[Tensor]]:
    """Outputs of a model of which the inputs are known, the small ones element by element."""
    from msgspec.structs import replace

    with open_model(path) as model:
        graph = model.graph
        tensors = list(graph.tensors)
        for place, value in zip(graph.inputs, given, strict=False):
            if hasattr(value, "shape"):
                array = numpy.asarray(value)
                small = array.size <= 256 and array.dtype.kind in "iubf"
                values = tuple(map(float if array.dtype.kind == "f" else int, array.reshape(-1))) if small else None
                tensors[place] = replace(tensors[place], shape=tuple(map(int, array.shape)), values=values)
        graph = forgotten(replace(graph, tensors=tuple(tensors)))
        found = infer_shapes(graph, Constants([piece.source for piece in model.pieces])).graph
    return ([found.tensors[place] for place in found.outputs],)


def test_contrib_operators_of_onnx_runtime(tmp_path: Path) -> None:
    """Operators of ``com.microsoft`` as the runtime computes them."""
    onnx = pytest.importorskip("onnx", reason="the onnx package is an optional oracle")
    runtime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is an optional oracle")
    numpy = pytest.importorskip("numpy")
    for operator, inputs, attributes, outputs in contrib(numpy):
        path = contrib_model(onnx, tmp_path, operator, inputs, attributes, outputs)
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        feed = {value.name: inputs[int(value.name[1:])] for value in session.get_inputs()}
        theirs = session.run(None, feed)
        with open_model(path) as model:
            found = infer_shapes(forgotten(model.graph), Constants([piece.source for piece in model.pieces])).graph
        ours = [found.tensors[place] for place in found.outputs]
        assert [(operator, tensor.shape) for tensor in ours] == [(operator, value.shape) for value in theirs]
        assert [str(tensor.dtype) for tensor in ours] == [str(value.dtype) for value in theirs], operator
        assert DType.UNKNOWN not in {tensor.dtype for tensor in ours}


def contrib_model(
    onnx: Any, folder: Path, operator: str, inputs: list[Any], attributes: dict[str, Any], outputs: int
) -> Path:
    """A model of one node. Arrays of one or two axes called weights become initialisers."""
    helper, convert = onnx.helper, onnx.numpy_helper
    names = [f"i{place}" if value is not None else "" for place, value in enumerate(inputs)]
    fixed = attributes.pop("fixed", ())
    values = [
        helper.make_tensor_value_info(names[place], helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
        for place, value in enumerate(inputs)
        if value is not None and place not in fixed
    ]
    results = [onnx.ValueInfoProto(name=f"o{place}") for place in range(outputs)]
    node = helper.make_node(operator, names, [value.name for value in results], domain="com.microsoft", **attributes)
    graph = helper.make_graph(
        [node], "contrib", values, results, [convert.from_array(inputs[place], names[place]) for place in fixed]
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    path = folder / f"{operator}.onnx"
    onnx.save(model, path)
    return path


def contrib(numpy: Any) -> list[tuple[str, list[Any], dict[str, Any], int]]:
    """``(operator, inputs, attributes, outputs)``; `fixed` names the inputs that are weights."""

    def real(*shape: int) -> Any:
        return numpy.ones(shape, "float32")

    def whole(dtype: str, *shape: int) -> Any:
        return numpy.ones(shape, dtype)

    scale, zero = numpy.array(0.1, "float32"), numpy.array(0, "uint8")
    hidden = real(1, 5, 16)
    return [
        ("FusedMatMul", [real(2, 3, 4), real(2, 5, 4)], {"transB": 1}, 1),
        ("BiasGelu", [hidden, real(16)], {}, 1),
        ("FastGelu", [hidden, real(16)], {}, 1),
        ("QuickGelu", [hidden], {}, 1),
        ("SkipLayerNormalization", [hidden, hidden, real(16), real(16)], {}, 1),
        ("Attention", [hidden, real(16, 48), real(48)], {"num_heads": 4, "fixed": (1, 2)}, 1),
        ("MultiHeadAttention", [hidden, real(1, 7, 16), real(1, 7, 16)], {"num_heads": 4}, 1),
        ("MatMulNBits", [real(1, 5, 32), whole("uint8", 12, 2, 8), real(24)], {"K": 32, "N": 12, "bits": 4, "block_size": 16, "fixed": (1, 2)}, 1),
        ("QLinearAdd", [whole("uint8", 2, 3), scale, zero, whole("uint8", 3), scale, zero, scale, zero], {}, 1),
        ("QLinearConcat", [scale, zero, whole("uint8", 2, 3), scale, zero, whole("uint8", 2, 5), scale, zero], {"axis": 1}, 1),
        ("QLinearGlobalAveragePool", [whole("uint8", 1, 8, 5, 5), scale, zero, scale, zero], {}, 1),
        ("QLinearSigmoid", [whole("uint8", 2, 3), scale, zero, scale, zero], {}, 1),
        ("DynamicQuantizeMatMul", [real(3, 4), whole("uint8", 4, 6), scale, zero], {}, 1),
        ("EmbedLayerNormalization", [whole("int32", 1, 5), whole("int32", 1, 5), real(50, 16), real(20, 16), real(2, 16), real(16), real(16)], {}, 2),
        ("GroupQueryAttention", [real(1, 5, 64), real(1, 5, 32), real(1, 5, 32), real(1, 2, 0, 16), real(1, 2, 0, 16), whole("int32", 1) * 4, numpy.array(5, "int32")], {"num_heads": 4, "kv_num_heads": 2}, 3),
    ]  # fmt: skip
