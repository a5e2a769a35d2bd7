"""Models in several files, or in archives, as the tests of the formats build them: samples that no single file gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from fuzz.sample import Sample
from tests.builders import coreml, keras, mlir, models, torch_zip
from tests.formats import (
    test_aimodel,
    test_bundles,
    test_caffe2,
    test_darknet,
    test_gguf,
    test_mediapipe,
    test_mxnet,
    test_nnef,
    test_safetensors,
    test_speech_and_vision,
    test_tensorflow,
    test_tfjs,
    test_tnn,
)

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "models"
_PAIRS = (
    ("paddle_pdmodel/*samplenet.pdmodel", "paddle_params/*samplenet.pdiparams"),
    ("mxnet_symbol/*samplenet*", "mxnet_params/*samplenet*"),
    ("darknet_cfg/*YOLO-Fastest-voc.cfg", "darknet_weights/*YOLO-Fastest-voc.weights"),
)
"""Real files that belong together although their names do not say so."""
_LARGEST = 1 << 20
_CONFIG = {
    "model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
    "max_position_embeddings": 2048, "vocab_size": 1000, "quantization": {"group_size": 64, "bits": 4},
}  # fmt: skip


def joined() -> Iterator[Sample]:
    """Leads with their companions, and single files that need arguments to be built."""
    yield from _texts()
    yield from _pairs()
    yield from _archives()
    yield from _language_models()
    yield from _real()


def _texts() -> Iterator[Sample]:
    yield Sample("m/deploy.prototxt", models.PROTOTXT, {"m/net.caffemodel": models.caffemodel()})
    yield Sample("m/net.cfg", test_darknet.SMALL, {"m/net.weights": bytes(20 + 4 * 142)})
    yield Sample("m/yolo.cfg", test_darknet.YOLO)
    yield Sample("m/net.param", models.NCNN_TEXT, {"m/net.bin": models.ncnn_weights()})
    yield Sample("m/net.param.bin", models.ncnn_binary(), {"m/net.bin": models.ncnn_weights()})
    stored = test_tnn.weights(test_tnn.convolution(), test_tnn.FULLY_CONNECTED)
    yield Sample("m/net.tnnproto", test_tnn.SMALL, {"m/net.tnnmodel": stored})
    yield Sample("m/int.tnnproto", test_tnn.SMALL, {"m/int.tnnmodel": test_tnn.weights(test_tnn.convolution(2, 8))})
    yield Sample("m/task.pbtxt", test_mediapipe.GRAPH)
    variables = {f"m/{name}.dat": test_nnef.tensor_file(shape) for name, shape in test_nnef.VARIABLES.items()}
    yield Sample("m/graph.nnef", test_nnef.GRAPH.encode(), variables)


def _pairs() -> Iterator[Sample]:
    yield Sample("m/predict_net.pb", test_caffe2.PREDICT, {"m/init_net.pb": test_caffe2.INIT})
    yield Sample("m/init_net.pb", test_caffe2.INIT, {"m/predict_net.pb": test_caffe2.PREDICT})
    yield Sample("m/net-symbol.json", test_mxnet.symbol(), {"m/net-0000.params": test_mxnet.params()})
    yield Sample("m/model.onnx", models.onnx(external=True), {"m/model.onnx.data": bytes(16) + models.CONV_WEIGHTS})
    yield Sample("m/saved_model.pb", models.saved_model(), test_tensorflow.checkpoint())
    layers = json.dumps(test_tfjs.MODEL).encode()
    yield Sample("m/model.json", layers, {"m/group1-shard1of1.bin": bytes(36)})
    graph = json.dumps(test_tfjs.graph_model()).encode()
    yield Sample("n/model.json", graph, {"n/a.bin": bytes(4), "n/b.bin": bytes(24)})
    manifest, parts = coreml.package()
    yield Sample("m.mlpackage/Manifest.json", manifest, parts)
    for text in (coreml.MIL, coreml.CONVOLUTION):
        inside = {"m.mlmodelc/model.mil": text.encode(), "m.mlmodelc/weights/weight.bin": coreml.BLOBS}
        yield Sample("m.mlmodelc/coremldata.bin", coreml.compiled(), inside)
    yield Sample("e.mlmodelc/coremldata.bin", coreml.compiled(), _espresso())
    yield Sample("model.mlmodel", coreml.network())
    yield Sample("pipeline.mlmodel", coreml.pipeline(3))
    code = mlir.program()
    yield Sample("m.aimodel/main.mlirb", code, test_aimodel.parts(code))


def _espresso() -> dict[str, bytes]:
    layers = [
        {"type": "convolution", "name": "c", "bottom": "x", "top": "a", "C": 3, "K": 2, "Nx": 3, "Ny": 3, "blob_weights": 1},
        {"type": "inner_product", "name": "f", "bottom": "a", "top": "y", "nB": 4, "nC": 2, "blob_weights": 3},
    ]  # fmt: skip
    network = {"format_version": 200, "storage": "model.espresso.weights", "layers": layers}
    shapes = {"layer_shapes": {"a": {"k": 2, "w": 5, "n": 1, "_rank": 4, "h": 8}}}
    return {
        "e.mlmodelc/model.espresso.net": json.dumps(network).encode(),
        "e.mlmodelc/model.espresso.shape": json.dumps(shapes).encode(),
        "e.mlmodelc/model.espresso.weights": b"".join(
            number.to_bytes(8, "little") for number in (2, 1, 216, 3, 32)
        ) + bytes(248),
    }  # fmt: skip


def _archives() -> Iterator[Sample]:
    yield Sample("a.pt", torch_zip.archive(torch_zip.module(), torch_zip.script()))
    yield Sample(
        "a.ptl", torch_zip.archive(torch_zip.module(), {**torch_zip.script(), "bytecode.pkl": torch_zip.bytecode()})
    )
    yield Sample("state.pt", torch_zip.archive(torch_zip.state_dict()))
    yield Sample("old.pt", torch_zip.legacy(torch_zip.state_dict()))
    yield Sample("functional.h5", keras.model())
    yield Sample("a.keras", keras.archive())
    yield Sample("hand.task", test_bundles.bundle(test_bundles.HAND))
    yield Sample(
        "eng.traineddata", test_speech_and_vision.traineddata(config=100, lstm=1000, lstm_unicharset=50, version=9)
    )


def _language_models() -> Iterator[Sample]:
    config = {"config.json": json.dumps(_CONFIG).encode(), "tokenizer_config.json": b'{"chat_template": "{{ x }}"}'}
    yield Sample("model.safetensors", test_safetensors.file(test_safetensors.GOOD), config)
    shards = {"m/x-00002-of-00002.safetensors": test_safetensors.file({"c": test_safetensors.entry("F32", [6], 0, 24)})}
    yield Sample("m/x-00001-of-00002.safetensors", test_safetensors.file(test_safetensors.GOOD), shards)
    pieces = {f"m/a-{at + 1:05}-of-00003.gguf": test_gguf.split(at, 3, "abc"[at]) for at in (1, 2)}
    yield Sample("m/a-00001-of-00003.gguf", test_gguf.split(0, 3, "a"), pieces)


def _real() -> Iterator[Sample]:
    for lead, companion in _PAIRS:
        leads, companions = sorted(_SHARED.glob(lead))[:1], sorted(_SHARED.glob(companion))[:1]
        if leads and companions and companions[0].stat().st_size <= _LARGEST:
            suffix = companions[0].suffix
            yield Sample(leads[0].name, leads[0].read_bytes(), {f"{leads[0].stem}{suffix}": companions[0].read_bytes()})
