"""The shape networks for four mobile engines: ncnn (text and binary graph), MNN, ONNX Runtime's ORT, OpenVINO IR.

Run: ``python convert_engines.py`` after export_torch.py, in the same environment (a few seconds of CPU).
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import ncnn
import numpy as np
import onnxruntime
import openvino
from ground_truth import MODELS, ExportedModel, Port, record
from ncnn_binary import to_binary

SCRIPT = "convert_engines.py"
SIDE = 32
KINDS = {"classifier": "image classification (synthetic shapes, 5 classes)", "segmenter": "image segmentation"}
PARAMETERS = {"classifier": 3301, "segmenter": 3137}
"""As torch counted them; export_torch.py records the same figures from the living modules."""


def to_ncnn(kind: str) -> list[ExportedModel]:
    """pnnx makes the text graph and the weights (fp16 for the segmenter); the binary graph is loaded back by ncnn."""
    stem = f"shapes_ncnn/shapes_{kind}"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "model.pt")
        source.write_bytes((MODELS / f"shapes_torch/shapes_{kind}.pt").read_bytes())
        pnnx = Path(sys.executable).parent / "pnnx"
        fp16 = int(kind == "segmenter")
        command = [pnnx, "model.pt", f"inputshape=[1,3,{SIDE},{SIDE}]", f"fp16={fp16}"]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        for suffix in ("param", "bin"):
            (MODELS / f"{stem}.{suffix}").write_bytes(Path(folder, f"model.ncnn.{suffix}").read_bytes())
    net = _load_ncnn(MODELS / f"{stem}.param", MODELS / f"{stem}.bin", binary=False)
    numbers = {layer.type: layer.typeindex for layer in net.layers()}
    text = (MODELS / f"{stem}.param").read_text(encoding="ascii")
    (MODELS / f"{stem}.param.bin").write_bytes(to_binary(text, numbers.__getitem__))
    again = _load_ncnn(MODELS / f"{stem}.param.bin", MODELS / f"{stem}.bin", binary=True)
    assert [layer.typeindex for layer in again.layers()] == [layer.typeindex for layer in net.layers()]
    assert np.allclose(_run_ncnn(net), _run_ncnn(again))
    return [
        _ncnn_facts(kind, (f"{stem}.param", f"{stem}.bin"), "ncnn_param", net),
        _ncnn_facts(kind, (f"{stem}.param.bin", f"{stem}.bin"), "ncnn_param_bin", net),
    ]


def _load_ncnn(graph: Path, weights: Path, *, binary: bool) -> ncnn.Net:
    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_packing_layout = False
    failed = net.load_param_bin(str(graph)) if binary else net.load_param(str(graph))
    if failed or net.load_model(str(weights)):
        raise RuntimeError(f"ncnn does not load {graph.name}")
    return net


def _run_ncnn(net: ncnn.Net) -> np.ndarray:
    extractor = net.create_extractor()
    pixels = np.linspace(0, 1, 3 * SIDE * SIDE, dtype=np.float32).reshape(3, SIDE, SIDE)
    extractor.input(net.input_indexes()[0], ncnn.Mat(pixels).clone())  # the Mat alone borrows numpy's buffer
    _, result = extractor.extract(net.output_indexes()[0])
    return np.array(result)


def _ncnn_facts(kind: str, files: tuple[str, str], name: str, net: ncnn.Net) -> ExportedModel:
    return ExportedModel(
        files=files,
        format=name,
        script=SCRIPT,
        packages=("torch", "pnnx", "ncnn"),
        task=KINDS[kind],
        facts_from="torch.nn.Module.parameters, ncnn.Net",
        parameters=PARAMETERS[kind],
        ops=len(net.layers()),
        extra={"op_names": " ".join(layer.type for layer in net.layers()), "blobs": len(net.blobs())},
    )


def to_mnn(kind: str) -> ExportedModel:
    """By the C extension alone: the Python package MNN.tools installs other packages when it is imported."""
    name = f"shapes_mnn/shapes_{kind}.mnn"
    source = MODELS / f"shapes_onnx/shapes_{kind}.onnx"
    target = str(MODELS / name)
    _mnnconvert("-f", "ONNX", "--modelFile", str(source), "--MNNModel", target, "--bizCode", "example")
    with tempfile.NamedTemporaryFile(suffix=".json") as dump:
        _mnnconvert("-f", "MNN", "--modelFile", target, "--JsonFile", dump.name)
        operators = [item["type"] for item in json.loads(Path(dump.name).read_text(encoding="utf-8"))["oplists"]]
    return ExportedModel(
        files=(name,),
        format="mnn",
        script=SCRIPT,
        packages=("MNN", "torch"),
        task=KINDS[kind],
        facts_from="torch.nn.Module.parameters, mnnconvert --JsonFile",
        parameters=PARAMETERS[kind],
        ops=len(operators),
        inputs=(Port(name="image", shape=(1, 3, SIDE, SIDE), dtype="float32"),),
        extra={"op_names": " ".join(operators)},
    )


def _mnnconvert(*arguments: str) -> None:
    """In a process of its own, which MNN's converter ends whenever it likes."""
    call = "import sys, _tools; _tools.mnnconvert(['mnnconvert', *sys.argv[1:]])"
    subprocess.run([sys.executable, "-c", call, *arguments], check=True, capture_output=True)


def to_ort(kind: str) -> ExportedModel:
    """ONNX Runtime's own flatbuffer, by its mobile conversion tool."""
    name = f"shapes_ort/shapes_{kind}.ort"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "model.onnx").write_bytes((MODELS / f"shapes_onnx/shapes_{kind}.onnx").read_bytes())
        tool = [sys.executable, "-m", "onnxruntime.tools.convert_onnx_models_to_ort", folder]
        options = ["--optimization_style", "Fixed", "--target_platform", "arm"]
        subprocess.run([*tool, *options], check=True, capture_output=True)
        (MODELS / name).write_bytes(Path(folder, "model.ort").read_bytes())
    session = onnxruntime.InferenceSession(MODELS / name)
    return ExportedModel(
        files=(name,),
        format="ort",
        script=SCRIPT,
        packages=("onnxruntime", "torch"),
        task=KINDS[kind],
        facts_from="torch.nn.Module.parameters, onnxruntime.InferenceSession",
        parameters=PARAMETERS[kind],
        inputs=tuple(Port(name=p.name, shape=tuple(p.shape), dtype="float32") for p in session.get_inputs()),
        outputs=tuple(Port(name=p.name, shape=tuple(p.shape), dtype="float32") for p in session.get_outputs()),
    )


def to_openvino(kind: str) -> ExportedModel:
    """OpenVINO's IR pair; weights in float16 for the segmenter, which is OpenVINO's default."""
    stem = f"shapes_openvino/shapes_{kind}"
    model = openvino.convert_model(MODELS / f"shapes_onnx/shapes_{kind}.onnx")
    # conversion_parameters repeats the path of the source model: nobody's business.
    model.set_rt_info("", ["conversion_parameters", "input_model"])
    openvino.save_model(model, MODELS / f"{stem}.xml", compress_to_fp16=kind == "segmenter")
    loaded = openvino.Core().read_model(MODELS / f"{stem}.xml")
    return ExportedModel(
        files=(f"{stem}.xml", f"{stem}.bin"),
        format="openvino_xml",
        script=SCRIPT,
        packages=("openvino", "torch"),
        task=KINDS[kind],
        facts_from="torch.nn.Module.parameters, openvino.Model",
        parameters=PARAMETERS[kind],
        ops=len(loaded.get_ops()),
        inputs=tuple(_openvino_port(port) for port in loaded.inputs),
        outputs=tuple(_openvino_port(port) for port in loaded.outputs),
        extra={
            "op_names": " ".join(op.get_type_name() for op in loaded.get_ordered_ops()),
            "constants": sum(
                math.prod(op.output(0).shape) for op in loaded.get_ops() if op.get_type_name() == "Constant"
            ),
        },
    )


def _openvino_port(port: openvino.Output) -> Port:
    return Port(name=port.any_name, shape=tuple(port.shape), dtype={"f32": "float32"}[port.element_type.to_string()])


def main() -> None:
    """Convert both networks for the four engines and record the facts."""
    for engine in ("ncnn", "mnn", "ort", "openvino"):
        (MODELS / f"shapes_{engine}").mkdir(parents=True, exist_ok=True)
    for kind in KINDS:
        record([*to_ncnn(kind), to_mnn(kind), to_ort(kind), to_openvino(kind)])


if __name__ == "__main__":
    main()
