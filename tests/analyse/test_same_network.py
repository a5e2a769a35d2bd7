"""One network in several formats has the same MACs and parameters in each, or differs for a reason that is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import nngauge
from benchmarks.evaluation.reading import Entry, lay_out, load_entries, shapes_for
from nngauge.domain.cost import Cost
from tests.builders.hostile import MODELS

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"


class Network(NamedTuple):
    """MACs and parameters, and the files that hold the network, below the collection or the examples."""

    macs: int
    parameters: int
    files: tuple[str, ...]
    weights: tuple[str, ...] = ()
    """Files of its weights alone."""


NETWORKS = {
    # LeNet-5 for colour images, in six formats; what goes by its name in Paddle is another network
    "SampLeNet": Network(
        651_720, 62_006,
        ("caffemodel/*SampLeNet.caffemodel", "mxnet_symbol/*samplenet-symbol.json", "onnx/*samplenet.onnx",
         "openvino_xml/*/SampLeNet.xml", "openvino_xml/*/SampLeNet.bin", "tf_graphdef_pb/*samplenet.pb"),
        ("mxnet_params/*samplenet-0000.params", "torch_pickle/*samplenet.pth"),
    ),
    "SampLeNet of Paddle": Network(4_548_608, 122_570, ("paddle_pdmodel/*samplenet*",)),
    "Linzaer slim 320": Network(81_410_560, 257_916, ("caffe_prototxt/*slim-320*", "caffemodel/*slim-320*")),
    "Linzaer RFB 320": Network(100_418_560, 273_888, ("caffe_prototxt/*RFB-320*", "caffemodel/*RFB-320*")),
    # https://arxiv.org/abs/1512.03385, table 1: 3.8 G with the stride in the 1 × 1
    "ResNet-50": Network(
        3_857_973_248, 25_530_472,
        ("tnn_proto/*resnet50*", "tengine_tmfile/*resnet50*", "ncnn_benchmark_param/resnet50.param",
         "ncnn_benchmark_param/resnet50_int8.param"),
    ),
    "ResNet-18": Network(
        1_826_918_400, 11_688_872,
        ("tengine_tmfile/*resnet18*", "ncnn_benchmark_param/resnet18.param", "ncnn_benchmark_param/resnet18_int8.param"),
    ),
    # https://arxiv.org/abs/1704.04861, table 8: 569 M
    "MobileNetV1": Network(
        568_740_352, 4_221_032,
        ("tnn_proto/*__mobilenet_v1*", "tnn_proto/*quant_mobilenet_v1*", "tengine_tmfile/*__mobilenet_benchmark*",
         "ncnn_benchmark_param/mobilenet.param", "ncnn_benchmark_param/mobilenet_int8.param"),
    ),
    "MobileNetV1 with 1001 classes": Network(568_740_352 + 1_024, 4_221_032 + 1_025, ("mnn/*mobilenet-v1-1.0.mnn",)),
    "MobileNetV1 0.25 at 224, quantised": Network(
        41_030_528, 467_593,
        ("tflite/*53f56a60__mobilenet_v1_0.25_224*", "tflite/*2416460e__mobilenet_v1_0.25_224*"),
    ),
    "MobileNetV2": Network(
        313_619_328, 3_488_872, ("tnn_proto/*mobilenet_v2*", "ncnn_benchmark_param/mobilenet_v2.param")
    ),
    "MobileNetV2, 32 channels at 28 × 28 for one block more": Network(
        429_111_936, 3_488_872, ("tengine_tmfile/*mobilenet_v2*",)
    ),
    # https://arxiv.org/abs/1801.04381, table 4: 300 M
    "MobileNetV2 of TensorFlow, 1001 classes": Network(300_774_272 + 1_280, 3_489_097, ("mnn/*MobileNetV2_224.mnn",)),
    "MobileNet SSD": Network(
        1_148_479_168, 5_783_417,
        ("tengine_tmfile/*mssd*", "ncnn_benchmark_param/mobilenet_ssd.param",
         "ncnn_benchmark_param/mobilenet_ssd_int8.param"),
    ),
    # https://arxiv.org/abs/1409.4842: 1.5 G
    "GoogLeNet": Network(
        1_582_671_872, 6_998_552,
        ("tengine_tmfile/*googlenet*", "ncnn_benchmark_param/googlenet.param", "ncnn_benchmark_param/googlenet_int8.param"),
    ),
    "Inception v3 at 224": Network(3_329_104_768, 23_817_352, ("tengine_tmfile/*inception_v3*",)),
    "Inception v3 at 395": Network(10_399_032_928, 23_817_352, ("tnn_proto/*quant_inception_v3*",)),
    # https://arxiv.org/abs/1512.00567: 5.7 G
    "Inception v3 at 299, 1001 classes": Network(5_713_218_144, 23_817_352 + 2_049, ("mnn/*inception-v3.mnn",)),
    "ShuffleNetV2": Network(
        144_907_992, 2_270_514, ("tengine_tmfile/*shufflenet_v2*", "ncnn_benchmark_param/shufflenet_v2.param")
    ),
    # https://arxiv.org/abs/1602.07360; one set of weights at 227 with and without padding of the last convolution, at 224
    "SqueezeNet 1.1": Network(
        418_467_520, 1_235_496,
        ("mnn/*squeezenetv1.1*", "ncnn_benchmark_param/squeezenet.param", "ncnn_benchmark_param/squeezenet_int8.param"),
    ),
    "SqueezeNet 1.1 without padding": Network(387_747_520, 1_235_496, ("tengine_tmfile/*squeezenet_v1.1*",)),
    "SqueezeNet 1.1 at 224": Network(349_151_936, 1_235_496, ("tnn_proto/*squeezenet_v1.1*",)),
    # https://arxiv.org/abs/1907.05047; TFLite gives depthwise convolutions a bias, of zeros: 1,536 and 978 numbers
    "BlazeFace back": Network(188_749_824, 134_704, ("onnx/*face_detection_back*",)),
    "BlazeFace back, with every bias": Network(188_749_824, 134_704 + 1_536, ("tflite/*face_detection_back*",)),
    "BlazeFace front": Network(30_760_960, 100_412, ("onnx/*face_detection_front*",)),
    "BlazeFace front, with every bias": Network(30_760_960, 100_412 + 978, ("tflite/*face_detection_front*",)),
    "FastestDet": Network(
        121_491_744, 240_301, ("ncnn_param/*FastestDet*/FastestDet.param", "ncnn_benchmark_param/FastestDet.param")
    ),
    "YOLO-Fastest": Network(
        62_571_200, 191_214, ("darknet_cfg/*YOLO-Fastest-voc.cfg",), ("darknet_weights/*YOLO-Fastest-voc.weights",)
    ),
    "YOLO-Fastest 2": Network(
        70_342_688, 209_864, ("darknet_cfg/*YOLO-Fastest-voc-v2.cfg",), ("darknet_weights/*YOLO-Fastest-voc-v2.weights",)
    ),
    "YOLOv3-Nano for COCO": Network(
        274_726_400, 891_070, ("darknet_cfg/*Nano-coco.cfg",), ("darknet_weights/*Nano-coco.weights",)
    ),
    "mini XCEPTION": Network(10_163_392, 58_423, ("keras_h5/*mini_XCEPTION*",)),
    "AutoML labeler": Network(58_012_208, 395_493, ("tflite/*automl_labeler*", "tflite/googlesamples__mlkit*")),
    # trained for the examples
    "digits": Network(
        52_224, 6_586,
        ("digits_frozen/*.pb", "digits_keras/*", "digits_savedmodel/saved_model.pb", "digits_tflite/*.tflite"),
    ),
    "keywords": Network(1_668_144, 3_654, ("keywords_tflite/*.tflite",)),
    "shapes": Network(
        182_000, 3_301,
        ("shapes_coreml/*.mlmodel", "shapes_coreml/*.mlpackage", "shapes_executorch/*.pte",
         "shapes_mnn/*classifier.mnn", "shapes_ncnn/*classifier.*", "shapes_onnx/*classifier*", "shapes_openvino/*classifier*",
         "shapes_ort/*classifier*", "shapes_torch/*classifier.pt", "shapes_torch/*classifier.ptl"),
        ("shapes_torch/*.pth", "shapes_torch/*.safetensors"),
    ),
    "segments": Network(
        2_293_760, 3_137,
        ("shapes_mnn/*segmenter.mnn", "shapes_ncnn/*segmenter.*", "shapes_onnx/*segmenter*", "shapes_openvino/*segmenter*",
         "shapes_ort/*segmenter*", "shapes_torch/*segmenter.pt", "shapes_torch/*segmenter.ptl"),
    ),
}  # fmt: skip
IMAGE = (3, 32, 32)
"""What the example networks are fed, where their files do not tell."""


@pytest.fixture(scope="module")
def entries() -> dict[Path, Entry]:
    """The collection, with the own names and the neighbours of its files."""
    return {entry.path: entry for entry in load_entries(MODELS)} if MODELS.exists() else {}


def found(patterns: tuple[str, ...]) -> Iterator[Path]:
    """Files of a network; a pattern that finds none where it should ends the test."""
    for pattern in patterns:
        base = EXAMPLES if (EXAMPLES / pattern).parent.exists() else MODELS
        paths = sorted(base.glob(pattern))
        if not paths and not MODELS.exists():
            pytest.skip("real models are not beside this checkout")
        assert paths, pattern
        yield from paths


def cost(path: Path, entries: dict[Path, Entry], home: Path) -> Cost:
    """What the file costs, in the company that it has where it comes from."""
    if path not in entries:
        with nngauge.api.open_model(path) as model:
            open_inputs = [
                tensor for tensor in (model.graph.tensors[at] for at in model.graph.inputs)
                if tensor.shape is None or not all(isinstance(dim, int) for dim in tensor.shape[-3:])
            ]  # fmt: skip
            shape = IMAGE if model.graph.format == "ncnn" else (1, *IMAGE)
            fed = {tensor.name: shape for tensor in open_inputs if path.parent.name in ("shapes_ncnn", "shapes_torch")}
        return nngauge.analyse_model(path, fed, weights=False, digest=False).cost
    home.mkdir()
    place = lay_out(entries[path], home)
    with nngauge.api.open_model(place) as model:
        fed = shapes_for(path, model.graph)
    return nngauge.analyse_model(place, fed, weights=False, digest=False).cost


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_costs_the_same_in_every_format(name: str, entries: dict[Path, Entry], tmp_path: Path) -> None:
    network = NETWORKS[name]
    for at, path in enumerate(found(network.files)):
        said = cost(path, entries, tmp_path / str(at))
        assert (path.name, said.macs, said.parameters, said.lower_bound, said.parameters_lower_bound) == (
            path.name, network.macs, network.parameters, False, False,
        )  # fmt: skip
    for at, path in enumerate(found(network.weights)):
        said = cost(path, entries, tmp_path / f"w{at}")
        assert (path.name, said.macs, said.parameters) == (path.name, None, network.parameters)
