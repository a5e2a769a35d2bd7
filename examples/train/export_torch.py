"""PyTorch: the shape networks as ONNX, TorchScript (.pt and the lite interpreter's .ptl), state dict and safetensors.

Run: ``python export_torch.py`` in an environment made from requirements-torch.txt (about 20 seconds of CPU).
"""

from __future__ import annotations

import io
import math
from collections import OrderedDict

import onnx
import onnxruntime
import torch
from ground_truth import MODELS, ExportedModel, Port, record
from safetensors.torch import save
from shapes_network import SIDE, ShapeClassifier, parameter_count, trained_classifier, trained_segmenter
from synthetic import SHAPES

SCRIPT = "export_torch.py"
TASKS = {
    "classifier": f"image classification (synthetic shapes, {len(SHAPES)} classes)",
    "segmenter": "image segmentation (synthetic shapes)",
}
SAMPLE = torch.zeros(1, 3, SIDE, SIDE)
PICTURE = Port(name="image", shape=(1, 3, SIDE, SIDE), dtype="float32")
QUALITY = {"classifier": "accuracy", "segmenter": "mean_iou"}


def export_onnx(kind: str, model: torch.nn.Module, quality: float) -> ExportedModel:
    """ONNX by torch's current exporter, checked by onnx and described by ONNX Runtime."""
    name = f"shapes_onnx/shapes_{kind}.onnx"
    program = torch.onnx.export(model, (SAMPLE,), input_names=["image"], output_names=["result"], dynamo=True)
    assert program is not None
    # The exporter writes stack traces with this machine's paths into every node: they are nobody's business.
    for node in program.model.graph:
        node.metadata_props.clear()
    proto = program.model_proto
    onnx.checker.check_model(proto, full_check=True)
    (MODELS / name).write_bytes(proto.SerializeToString(deterministic=True))
    session = onnxruntime.InferenceSession(proto.SerializeToString())
    return ExportedModel(
        files=(name,),
        format="onnx",
        script=SCRIPT,
        packages=("torch", "onnxscript", "onnx"),
        task=TASKS[kind],
        facts_from="torch.nn.Module.parameters, onnx.load, onnxruntime.InferenceSession",
        parameters=parameter_count(model),
        ops=len(proto.graph.node),
        inputs=tuple(_port(value) for value in session.get_inputs()),
        outputs=tuple(_port(value) for value in session.get_outputs()),
        extra={
            "op_names": " ".join(node.op_type for node in proto.graph.node),
            "opset": next(item.version for item in proto.opset_import if item.domain == ""),
            "initializers": len(proto.graph.initializer),
            "constants": sum(math.prod(tensor.dims) for tensor in proto.graph.initializer),
            "producer": f"{proto.producer_name} {proto.producer_version}",
            QUALITY[kind]: quality,
        },
    )


def _port(value: onnxruntime.NodeArg) -> Port:
    return Port(name=value.name, shape=tuple(value.shape), dtype={"tensor(float)": "float32"}[value.type])


def export_torchscript(kind: str, model: torch.nn.Module) -> list[ExportedModel]:
    """A traced module, as PyTorch Mobile apps ship it: the full archive and the lite interpreter's bytecode."""
    traced = torch.jit.freeze(torch.jit.trace(model, SAMPLE))
    written = []
    for suffix, kind_name in (("pt", "torchscript"), ("ptl", "torchscript_lite")):
        name = f"shapes_torch/shapes_{kind}.{suffix}"
        if suffix == "pt":
            torch.jit.save(traced, MODELS / name)
        else:
            traced._save_for_lite_interpreter(str(MODELS / name))  # noqa: SLF001 – the documented way for mobile
        written.append(
            ExportedModel(
                files=(name,),
                format=kind_name,
                script=SCRIPT,
                packages=("torch",),
                task=TASKS[kind],
                facts_from="torch.nn.Module.parameters, the traced graph",
                parameters=parameter_count(model),
                inputs=(PICTURE,),
                extra={"graph_nodes": len(list(traced.graph.nodes()))},
            )
        )
    return written


def export_weights(model: ShapeClassifier) -> list[ExportedModel]:
    """Weights alone: safetensors, and the pickled state dict that no reader should ever unpickle."""
    weights = OrderedDict(model.state_dict())
    shared = {
        "script": SCRIPT,
        "packages": ("torch", "safetensors"),
        "task": TASKS["classifier"],
        "facts_from": "torch.nn.Module.state_dict",
        "parameters": parameter_count(model),
        "extra": {"tensors": len(weights), "tensor_names": " ".join(sorted(weights))},
    }
    (MODELS / "shapes_torch/shapes_classifier.safetensors").write_bytes(save(weights, metadata={"format": "pt"}))
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    (MODELS / "shapes_torch/shapes_classifier.pth").write_bytes(buffer.getvalue())
    return [
        ExportedModel(files=("shapes_torch/shapes_classifier.safetensors",), format="safetensors", **shared),
        ExportedModel(files=("shapes_torch/shapes_classifier.pth",), format="torch_pickle", **shared),
    ]


def main() -> None:
    """Train both networks, export them and record the facts."""
    torch.set_num_threads(1)
    for folder in ("shapes_onnx", "shapes_torch"):
        (MODELS / folder).mkdir(parents=True, exist_ok=True)
    classifier, accuracy = trained_classifier()
    segmenter, overlap = trained_segmenter()
    print("classifier accuracy", accuracy, "segmenter mean IoU", overlap)
    record(
        [
            export_onnx("classifier", classifier, accuracy),
            export_onnx("segmenter", segmenter, overlap),
            *export_torchscript("classifier", classifier),
            *export_torchscript("segmenter", segmenter),
            *export_weights(classifier),
        ]
    )


if __name__ == "__main__":
    main()
