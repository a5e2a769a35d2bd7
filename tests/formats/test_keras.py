"""Keras in HDF5 and in zips; HDF5 and zips of anything else are no models."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats import keras_h5, keras_v3
from nngauge.formats._api import Format, ModelData
from tests.builders import keras
from tests.builders.hostile import MODELS, matches, refuse_lookalikes, refuse_noise, survive


def test_real_hdf5() -> None:
    paths = sorted((MODELS / "keras_h5").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    for path in paths:
        data = path.read_bytes()
        graph = keras_h5.FORMAT.parse(ModelData("x", data))
        assert matches(keras_h5.FORMAT, data, "x")
        assert (len(graph.nodes), graph.producer) == (45, "Keras 2.0.5 with tensorflow")
        assert graph.tensors[graph.inputs[0]].shape == (None, 64, 64, 1)
        assert graph.parameters == 58_423
        span = next(tensor.data for tensor in graph.tensors if tensor.data)
        assert span.offset + span.size <= len(data)
    survive(keras_h5.FORMAT, data, "x.h5", count=12)


@pytest.mark.parametrize(("name", "form"), [("digits.h5", keras_h5.FORMAT), ("digits.keras", keras_v3.FORMAT)])
def test_example(name: str, form: Format) -> None:
    data = (Path(__file__).resolve().parents[2] / "examples" / "models" / "digits_keras" / name).read_bytes()
    graph = form.parse(ModelData("x", data))
    assert (graph.nodes[0].op, graph.parameters) == ("Conv2D", 6586)
    assert graph.tensors[graph.inputs[0]].shape == (None, 8, 8, 1)
    survive(form, data, name, count=200)


def test_built_hdf5() -> None:
    graph = keras_h5.FORMAT.parse(ModelData("x", keras.model()))
    assert [node.op for node in graph.nodes] == ["Dense"]
    assert (graph.producer, graph.parameters) == ("Keras 2.9.0", None)
    survive(keras_h5.FORMAT, keras.model(), "x.h5", count=200)


def test_plain_hdf5_is_not_a_model() -> None:
    mention = keras.hdf5(keras.attribute("history", "converted with keras_version\0 2.0, model_config\0"))
    for data in (keras.hdf5(keras.attribute("units", "m/s")), mention, keras.SIGNATURE + b"keras_version\0" * 50):
        with pytest.raises(NotThisFormat):
            keras_h5.FORMAT.parse(ModelData("x.h5", data))


@pytest.mark.parametrize(
    "config", [[], {"class_name": "Sequential"}, {"class_name": "Sequential", "config": {"layers": [{}]}}]
)
def test_bad_configurations(config: object) -> None:
    with pytest.raises(InputError):
        keras_h5.FORMAT.parse(ModelData("x.h5", keras.model(config)))


def test_nesting_is_bounded() -> None:
    config: dict[str, object] = {"class_name": "Dense", "config": {"name": "d"}}
    for _ in range(90):
        config = {"class_name": "Sequential", "config": {"layers": [config]}}
    with pytest.raises(InputError):
        keras_h5.FORMAT.parse(ModelData("x.h5", keras.model(config)))


def test_keras_3() -> None:
    data = keras.archive()
    assert matches(keras_v3.FORMAT, data, "x")
    graph = keras_v3.FORMAT.parse(ModelData("x", data))
    assert ([node.op for node in graph.nodes], graph.producer) == (["Dense"], "Keras 3.4.1")
    survive(keras_v3.FORMAT, data, "x.keras", count=150)
    with pytest.raises(MalformedError):
        keras_v3.FORMAT.parse(ModelData("x", keras.archive(weights=b"not HDF5")))
    with pytest.raises(NotThisFormat):
        keras_v3.FORMAT.parse(ModelData("x", keras.archive(config={"name": "a web app"})))


def test_real_keras_3() -> None:
    paths = list((MODELS / "keras_v3").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    graph = keras_v3.FORMAT.parse(ModelData("x", paths[0].read_bytes()))
    assert [node.op for node in graph.nodes] == ["NestedDenseModel"]
    assert graph.producer == "Keras 3.15.0"


def test_lookalikes_and_noise() -> None:
    for form in (keras_h5.FORMAT, keras_v3.FORMAT):
        refuse_lookalikes(form)
        refuse_noise(form)
