"""Inputs and outputs as the runtimes themselves report them: names, order, element types and shapes.

LiteRT and ONNX Runtime run each model, ncnn runs it on an input of our shape, OpenVINO infers shapes by its own rules.
Ours are inferred from the inputs on: the shapes that a file states for its results are forgotten first.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes import infer_shapes
from nngauge.api import open_model
from nngauge.domain.graph import Dim, Graph, Tensor
from nngauge.errors import NngaugeError
from tests.analyse.shapes.graphs import forgotten
from tests.builders.hostile import MODELS
from tests.builders.runtimes import FREE, Interface, Port, ask, missing

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
FILES = {
    "LiteRT": ("tflite/*.tflite", "*_tflite/*.tflite"),
    "ONNX Runtime": ("onnx/*.onnx", "shapes_onnx/*.onnx", "shapes_ort/*.ort"),
    "OpenVINO": (
        "openvino_xml/*/*.xml", "onnx/*.onnx", "tflite/*.tflite", "tf_graphdef_pb/*.pb",
        "shapes_openvino/*.xml", "shapes_onnx/*.onnx", "*_tflite/*.tflite", "digits_frozen/*.pb", "digits_paddle/*.pdmodel",
    ),
    "ncnn": ("ncnn_param/*/*.param", "ncnn_benchmark_param/*.param", "shapes_ncnn/*.param"),
}  # fmt: skip
LOADED = {"LiteRT": 67, "ONNX Runtime": 18, "OpenVINO": 82, "ncnn": 56}
"""How many files each runtime loads at least, of those beside this checkout and the examples."""
HEAVY = 12_000_000
"""Parameters above which a network is not run: ncnn makes up all weights."""
IMAGES = {
    "FastestDet": (3, 352, 352),
    "vision_transformer": (3, 384, 384),
    "shapes_": (3, 32, 32),
    "model_": (3, 80, 80),
}
"""Inputs of ncnn networks whose files do not tell them, or tell something that cannot be."""
OPAQUE = {"Custom", "Delegate"}
"""What these do is not in the file, but it may state the shape of their results."""
COUNTED_BY_THE_DATA = {"DetectionOutput", "YoloDetection", "NonMaxSuppression"}
EXPLAINED = {
    (
        "LiteRT",
        "google-ai-edge__LiteRT__2983b125__max_unpooling_2d.tflite",
    ): "a test of the parser: it states the input's shape",
    (
        "OpenVINO",
        "google-ai-edge__LiteRT__06d6459c__constant_output_tensor.tflite",
    ): "outputs that are constants are left out",
    (
        "OpenVINO",
        "google-ai-edge__mediapipe__d40ecd0d__frozen_graph_def.pb",
    ): "outputs of a frozen graph, sorted by name",
    ("ncnn", "mobilenet_yolo.param"): "with weights of 0 nothing is found, and the layer leaves its input in place",
}
"""Runtime and file, and why they differ."""


@cache
def found(runtime: str) -> tuple[tuple[Path, Interface], ...]:
    """The files of a runtime with what it says about them."""
    if missing(runtime):
        pytest.skip(missing(runtime))
    if not MODELS.exists():
        pytest.skip("real models are not beside this checkout")
    files = [path for pattern in FILES[runtime] for base in (MODELS, EXAMPLES) for path in sorted(base.glob(pattern))]
    sizes = {path: size for path in files if (size := image(path))} if runtime == "ncnn" else {}
    return tuple(zip(files, ask(runtime, files, sizes), strict=True))


def image(path: Path) -> tuple[int, ...]:
    """What an ncnn network is fed; empty where that is not to be run."""
    given = next((size for name, size in IMAGES.items() if path.name.startswith(name)), None)
    with open_model(path) as model:
        weights = sum(tensor.elements or 0 for tensor in model.graph.tensors if tensor.constant)
        shapes = [model.graph.tensors[at].shape for at in model.graph.inputs]
    if weights > HEAVY or len(shapes) != 1:
        return ()
    return given or tuple(dim for dim in shapes[0] or () if isinstance(dim, int))


def ours(path: Path, interface: Interface) -> Graph:
    """Our graph, inferred from the inputs that the runtime took; open dimensions are `FREE` where it ran."""
    with open_model(path) as model:
        opaque = any(node.kind in OPAQUE for node in model.graph.nodes)
        graph = model.graph if opaque else forgotten(model.graph)
        constants = Constants([piece.source for piece in model.pieces])
        inputs = {
            tensor.name: tuple(FREE if size is None else size for size in port.shape)
            for tensor in (graph.tensors[at] for at in graph.inputs)
            for port in interface.inputs
            if interface.ran and tensor.name in port.names and port.shape is not None
        }
        return infer_shapes(graph, constants, inputs).graph


def differences(graph: Graph, interface: Interface) -> Iterator[str]:
    """What the runtime says otherwise."""
    inputs, outputs = ([graph.tensors[at] for at in side] for side in (graph.inputs, graph.outputs))
    if sorted(t.name for t in inputs) != sorted(_own_name(inputs, port) for port in interface.inputs):
        yield f"inputs {[t.name for t in inputs]}, there {[port.names for port in interface.inputs]}"
    if [t.name for t in outputs] != [_own_name(outputs, port) for port in interface.outputs]:
        yield f"outputs {[t.name for t in outputs]}, there {[port.names for port in interface.outputs]}"
    counted = {
        graph.tensors[at].name for node in graph.nodes if node.kind in COUNTED_BY_THE_DATA for at in node.outputs
    }
    for tensors, ports in ((inputs, interface.inputs), (outputs, interface.outputs)):
        for port in ports:
            tensor = next((tensor for tensor in tensors if tensor.name in port.names), None)
            if tensor is not None:
                yield from _difference(tensor, port, counted=tensor.name in counted)


def _own_name(tensors: list[Tensor], port: Port) -> str:
    return next((tensor.name for tensor in tensors if tensor.name in port.names), "/".join(port.names))


def _difference(tensor: Tensor, port: Port, *, counted: bool) -> Iterator[str]:
    if port.dtype not in ("dynamic", tensor.dtype.value):
        yield f"{tensor.name}: {tensor.dtype.value}, there {port.dtype}"
    if port.shape is not None and not _fits(tensor.shape, port.shape, counted=counted):
        yield f"{tensor.name}: {tensor.shape}, there {port.shape}"


def _fits(shape: tuple[Dim, ...] | None, wanted: list[int | None], *, counted: bool) -> bool:
    """Equal, but for what the runtime leaves open, and for numbers of findings (`counted`)."""
    if shape is None or len(shape) != len(wanted):
        return False
    return all(size in (None, dim) or (counted and dim is None) for dim, size in zip(shape, wanted, strict=True))


@pytest.mark.parametrize("runtime", FILES)
def test_interfaces_agree(runtime: str) -> None:
    told = {}
    for path, interface in found(runtime):
        if interface.error:
            continue
        try:
            said = list(differences(ours(path, interface), interface))
        except NngaugeError as error:
            said = [f"not read: {error}"]
        if said:
            told[path.name] = said
    explained = {name for asked, name in EXPLAINED if asked == runtime}
    assert {name: said for name, said in told.items() if name not in explained} == {}
    assert explained <= told.keys()


@pytest.mark.parametrize("runtime", FILES)
def test_most_files_are_loaded(runtime: str) -> None:
    loaded = [path for path, interface in found(runtime) if not interface.error]
    assert len(loaded) >= LOADED[runtime], [(path.name, item.error) for path, item in found(runtime) if item.error]
