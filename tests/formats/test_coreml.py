"""Core ML in its three shapes: one file, package, compiled folder."""

from __future__ import annotations

import json

import pytest

from nngauge.domain.graph import Completeness
from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat
from nngauge.formats import coreml_mlmodel, coreml_mlmodelc, coreml_mlpackage
from nngauge.formats._api import ModelData
from tests.builders import coreml
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive

FILES = {
    # layers, parameters, output
    "tucan9389__PoseEstimation-CoreML__f07aaac6__model_cpm.mlmodel": (757, 577_212, (14, 96, 96)),
    "tucan9389__PoseEstimation-CoreML__fe25d203__model_hourglass.mlmodel": (844, 418_828, (14, 48, 48)),
}


@pytest.mark.parametrize("name", FILES)
def test_real_mlmodel(name: str) -> None:
    path = MODELS / "coreml_mlmodel" / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    assert matches(coreml_mlmodel.FORMAT, data, "x")
    graph = coreml_mlmodel.FORMAT.parse(ModelData("x", data))
    layers, parameters, shape = FILES[name]
    assert (len(graph.nodes), graph.parameters) == (layers, parameters)
    assert graph.tensors[graph.outputs[0]].shape == shape
    survive(coreml_mlmodel.FORMAT, data, "x.mlmodel", count=20)


def test_network() -> None:
    graph = coreml_mlmodel.FORMAT.parse(ModelData("x", coreml.network()))
    assert [(node.op, node.name) for node in graph.nodes] == [("innerProduct", "fc")]
    assert graph.parameters == 8
    assert graph.tensors[graph.inputs[0]].shape == (1, 4)
    survive(coreml_mlmodel.FORMAT, coreml.network(), "x.mlmodel", count=300)


def test_pipelines_are_bounded() -> None:
    graph = coreml_mlmodel.FORMAT.parse(ModelData("x", coreml.pipeline(2)))
    assert graph.parameters == 8
    with pytest.raises(LimitError):
        coreml_mlmodel.FORMAT.parse(ModelData("x", coreml.pipeline(60)))


def test_a_model_without_outputs_or_kind_is_refused() -> None:
    from tests.builders.wire import message, number

    without_kind = number(1, 4) + message(2, coreml.description())
    without_outputs = number(1, 4) + message(2, coreml.description(outputs=0)) + message(900)
    for data in (without_kind, without_outputs, coreml.network() + message(77, "x")):
        with pytest.raises(NotThisFormat):
            coreml_mlmodel.FORMAT.parse(ModelData("x", data))


def test_package() -> None:
    manifest, parts = coreml.package()
    lead = "m.mlpackage/Manifest.json"
    assert matches(coreml_mlpackage.FORMAT, manifest, lead)
    assert coreml_mlpackage.FORMAT.bind is not None
    assert coreml_mlpackage.FORMAT.bind(lead, [lead, "other/Data/x", *parts]) == tuple(sorted(parts))
    graph = coreml_mlpackage.FORMAT.parse(ModelData(lead, manifest, parts))
    assert [node.op for node in graph.nodes] == ["linear"]
    assert graph.parameters == 8
    with pytest.raises(MalformedError):
        coreml_mlpackage.FORMAT.parse(ModelData(lead, manifest))
    survive(coreml_mlpackage.FORMAT, manifest, lead)


def test_a_package_of_something_else() -> None:
    other = {"fileFormatVersion": "1.0.0", "itemInfoEntries": {"A": {"author": "com.acme", "path": "x.mlmodel"}}}
    with pytest.raises(NotThisFormat):
        coreml_mlpackage.FORMAT.parse(ModelData("Manifest.json", json.dumps(other).encode()))


def test_compiled() -> None:
    lead = "m.mlmodelc/coremldata.bin"
    parts = {"m.mlmodelc/model.mil": coreml.MIL.encode(), "m.mlmodelc/metadata.json": b'[{"specificationVersion":6}]'}
    assert matches(coreml_mlmodelc.FORMAT, coreml.compiled(), lead)
    assert not matches(coreml_mlmodelc.FORMAT, coreml.compiled(), "m.mlmodelc/other.bin")
    graph = coreml_mlmodelc.FORMAT.parse(ModelData(lead, coreml.compiled(), parts))
    assert [node.op for node in graph.nodes] == ["linear"]
    assert (graph.parameters, graph.format_version) == (8, "specification 6")
    survive(coreml_mlmodelc.FORMAT, coreml.compiled(), lead, count=300)


def test_compiled_espresso() -> None:
    layers = [{"type": "convolution", "name": "c", "bottom": "x", "top": "y", "C": 3}]
    network = {"format_version": 200, "storage": "model.espresso.weights", "layers": layers}
    lead = "m.mlmodelc/coremldata.bin"
    parts = {"m.mlmodelc/model.espresso.net": json.dumps(network).encode()}
    graph = coreml_mlmodelc.FORMAT.parse(ModelData(lead, coreml.compiled(), parts))
    assert [node.op for node in graph.nodes] == ["convolution"]
    with pytest.raises(InputError):
        coreml_mlmodelc.FORMAT.parse(ModelData(lead, coreml.compiled(), {"model.espresso.net": b'{"layers":[]}'}))


def test_real_compiled_data() -> None:
    folder = MODELS / "coreml_mlmodelc"
    if not folder.exists():
        pytest.skip("real models are not beside this checkout")
    lead = (folder / "apple__coremltools__afec5198__coremldata.bin").read_bytes()
    graph = coreml_mlmodelc.FORMAT.parse(ModelData("coremldata.bin", lead))
    assert graph.completeness is Completeness.STRUCTURE
    assert [graph.tensors[i].name for i in graph.outputs] == ["var_3"]
    assert graph.producer == "coremltools 8.1 from torch==2.5.1"
    details = (folder / "apple__coremltools__00ee0380__coremldata.bin").read_bytes()
    with pytest.raises(NotThisFormat):  # the details file of an inner folder, not a model's lead
        coreml_mlmodelc.FORMAT.parse(ModelData("coremldata.bin", details))


def test_lookalikes_and_noise() -> None:
    for form in (coreml_mlmodel.FORMAT, coreml_mlpackage.FORMAT, coreml_mlmodelc.FORMAT):
        refuse_lookalikes(form)
        refuse_noise(form)
