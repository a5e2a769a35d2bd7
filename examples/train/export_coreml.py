"""Core ML: the shape classifier as a neural network (.mlmodel) and as an ML program (.mlpackage).

The conversion runs on Linux; running and compiling Core ML models (.mlmodelc) needs a Mac and is not done here.
Run: ``python export_coreml.py`` in an environment made from requirements-coreml.txt (about 30 seconds of CPU).
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

import coremltools
import torch
from ground_truth import MODELS, ExportedModel, Port, record
from shapes_network import SIDE, ShapeClassifier, parameter_count, trained_classifier
from synthetic import SHAPES

FOLDER = MODELS / "shapes_coreml"
TASK = f"image classification (synthetic shapes, {len(SHAPES)} classes)"


def convert(model: ShapeClassifier, target: str) -> coremltools.models.MLModel:
    """By coremltools from the traced module; `target` is neuralnetwork or mlprogram."""
    traced = torch.jit.trace(model, torch.zeros(1, 3, SIDE, SIDE))
    converted = coremltools.convert(
        traced,
        convert_to=target,
        inputs=[coremltools.TensorType(name="image", shape=(1, 3, SIDE, SIDE))],
        classifier_config=coremltools.ClassifierConfig(list(SHAPES)),
        **({"minimum_deployment_target": coremltools.target.iOS16} if target == "mlprogram" else {}),
    )
    converted.short_description = "Synthetic shapes, an example model"
    return converted


def export_neural_network(model: ShapeClassifier) -> ExportedModel:
    """The older protobuf of layers, one file."""
    converted = convert(model, "neuralnetwork")
    converted.save(str(FOLDER / "shapes_classifier.mlmodel"))
    spec = converted.get_spec()
    layers = spec.neuralNetworkClassifier.layers
    return _facts(
        ("shapes_coreml/shapes_classifier.mlmodel",),
        "coreml_mlmodel",
        model,
        (layer.WhichOneof("layer") for layer in layers),
        spec,
    )


def export_program(model: ShapeClassifier) -> ExportedModel:
    """The newer package: manifest, program and a weight file."""
    converted = convert(model, "mlprogram")
    package = FOLDER / "shapes_classifier.mlpackage"
    shutil.rmtree(package, ignore_errors=True)
    converted.save(str(package))
    _fix_identifiers(package)
    spec = coremltools.models.MLModel(str(package), skip_model_load=True).get_spec()
    block = next(iter(spec.mlProgram.functions["main"].block_specializations.values()))
    found = sorted(path.relative_to(MODELS).as_posix() for path in package.rglob("*") if path.is_file())
    found.sort(key=lambda name: not name.endswith(".mlmodel"))
    return _facts(tuple(found), "coreml_mlpackage", model, (op.type for op in block.operations), spec)


def _fix_identifiers(package: Path) -> None:
    """Random identifiers out of the manifest: the same run gives the same bytes."""
    manifest = package / "Manifest.json"
    text = manifest.read_text(encoding="utf-8")
    for index, key in enumerate(sorted(json.loads(text)["itemInfoEntries"])):
        text = text.replace(key, str(uuid.uuid5(uuid.NAMESPACE_URL, f"shapes_classifier/{index}")).upper())
    manifest.write_text(text, encoding="utf-8")


def _facts(
    files: tuple[str, ...], name: str, model: ShapeClassifier, operations: Iterable[str], spec: object
) -> ExportedModel:
    names = list(operations)
    return ExportedModel(
        files=files,
        format=name,
        script="export_coreml.py",
        packages=("coremltools", "torch"),
        task=TASK,
        facts_from="torch.nn.Module.parameters, coremltools spec",
        parameters=parameter_count(model),
        ops=len(names),
        inputs=(Port(name="image", shape=(1, 3, SIDE, SIDE), dtype="float32"),),
        extra={
            "op_names": " ".join(names),
            "specification_version": spec.specificationVersion,
            "output_names": " ".join(output.name for output in spec.description.output),
            "class_labels": " ".join(SHAPES),
        },
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    classifier, _accuracy = trained_classifier()
    record([export_neural_network(classifier), export_program(classifier)])
