"""Published integers from real files: the same network has the same cost whatever format it is shipped in."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.analyse.constants import Constants
from nngauge.analyse.cost import model_cost
from nngauge.analyse.shapes import infer_shapes
from nngauge.api import open_model
from nngauge.domain.cost import Cost
from nngauge.errors import NngaugeError
from tests.analyse.architectures.mobile import mobilenet_v1

MODELS = Path(__file__).parents[2].parent / "shared" / "models"
NETSCOPE = "https://dgschwend.github.io/netscope/quickstart.html"

FILES = {
    # Folded batch-norms leave a bias: parameters are those of the network without scale, mean and variance.
    "ncnn_benchmark_param/mobilenet.param": (568_740_352, 4_221_032),
    "ncnn_benchmark_param/shufflenet_v2.param": (144_907_992, 2_270_514),
    "ncnn_benchmark_param/mnasnet.param": (314_415_872, 4_364_352),
    "ncnn_benchmark_param/efficientnet_b0.param": (385_814_752, 5_267_540),
    "ncnn_benchmark_param/vgg16.param": (15_470_264_320, 138_357_544),
    "ncnn_benchmark_param/vgg16_int8.param": (15_470_264_320, 138_357_544),
    # Caffe's originals at their own sizes: AlexNet at 227 in two groups, ResNet-50 with the stride in the 1 × 1.
    "ncnn_benchmark_param/alexnet.param": (724_406_816, 60_965_224),
    "ncnn_benchmark_param/resnet50.param": (3_857_973_248, 25_530_472),
    "ncnn_benchmark_param/googlenet.param": (1_582_671_872, 6_998_552),
    "ncnn_benchmark_param/googlenet_int8.param": (1_582_671_872, 6_998_552),
    "ncnn_benchmark_param/squeezenet.param": (418_467_520, 1_235_496),
    "darknet_cfg/huggingface__candle__45fd441a__yolo-v3.cfg": (32_932_037_632, 62_001_757),
    "tengine_tmfile/OAID__Tengine__a3e296b0__resnet50_benchmark.tmfile": (3_857_973_248, 25_530_472),
    "tfjs_model_json/tensorflow__tfjs__5a0efe4f__model.json": (97_133_120, 1_960_689),  # MobileNetV2 0.5, 1001 classes
    "mnn/alibaba__MNN__290f5626__MobileNetV2_224.mnn": (300_774_272 + 1_280, 3_489_097),
    "mnn/alibaba__MNN__7fd09ed8__mobilenet-v1-1.0.mnn": (568_740_352 + 1_024, 4_222_057),
    "mnn/alibaba__MNN__5493ab01__squeezenetv1.1.mnn": (418_467_520, 1_235_496),
}
"""MACs and parameters by file."""
BARE = {
    # The ONNX test suite's networks without weights: only MACs.
    "onnx/onnx__onnx__10abfe0f__light_vgg19.onnx": 19_632_062_464,
    "onnx/onnx__onnx__582d088a__light_squeezenet.onnx": 349_151_936,
    "onnx/onnx__onnx__69931c53__light_densenet121.onnx": 2_834_161_664,
    "onnx/onnx__onnx__c55d87f1__light_resnet50.onnx": 4_089_184_256,
}


def _cost(name: str) -> Cost:
    path = MODELS / name
    if not path.exists():
        pytest.skip("needs ../shared/models")
    return _priced(path)


def _priced(path: Path) -> Cost:
    with open_model(path) as model:
        constants = Constants([piece.source for piece in model.pieces])
        return model_cost(infer_shapes(model.graph, constants).graph)


@pytest.mark.parametrize(("name", "expected"), FILES.items())
def test_published_networks_as_files(name: str, expected: tuple[int, int]) -> None:
    cost = _cost(name)
    assert (cost.macs, cost.parameters) == expected
    assert cost.unknown == ()


@pytest.mark.parametrize(("name", "macs"), BARE.items())
def test_published_networks_without_weights(name: str, macs: int) -> None:
    assert _cost(name).macs == macs


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("google-coral__test_data__fba34c5e__mobilenet_v1_0.25_128_quant.tflite", 128),
        ("tensorflow__tflite-support__53f56a60__mobilenet_v1_0.25_224_quant.tflite", 224),
    ],
)
def test_a_quantised_file_and_its_paper(name: str, size: int) -> None:
    """Same MACs; a folded file has a bias where the network has a shift, and none of the three other vectors."""
    cost, published = _cost(f"tflite/{name}"), model_cost(mobilenet_v1(0.25, size))
    norms = [layer.parameters for layer in published.layers if layer.kind == "BatchNormalization"]
    assert isinstance(published.parameters, int)
    assert cost.macs == published.macs
    assert cost.parameters == published.parameters - sum(count for count in norms if isinstance(count, int)) * 3 // 4
    assert cost.weight_bytes == cost.parameters + 3 * sum(
        layer.outputs[0][-1]
        for layer in cost.layers
        if layer.kind == "Conv" and layer.outputs[0] and isinstance(layer.outputs[0][-1], int)
    )


@pytest.mark.parametrize(
    ("text", "binary"),
    [
        ("caffe_prototxt/*slim-320.prototxt", "caffemodel/*slim-320.caffemodel"),
        ("caffe_prototxt/*RFB-320.prototxt", "caffemodel/*RFB-320.caffemodel"),
    ],
)
def test_a_network_costs_the_same_with_and_without_its_weights(text: str, binary: str) -> None:
    """A prototxt has no weights: its parameters are computed from `num_output` and shapes."""
    files = [next(iter(MODELS.glob(pattern)), None) for pattern in (text, binary)]
    if None in files:
        pytest.skip("needs ../shared/models")
    without, stored = (_cost(str(path.relative_to(MODELS))) for path in files if path is not None)
    assert (without.macs, without.parameters) == (stored.macs, stored.parameters)
    assert without.weight_bytes is None
    assert not without.lower_bound
    assert not without.parameters_lower_bound


def test_every_file_has_a_cost_or_a_reason() -> None:
    """No file of any format breaks the rules; what has no figure says why."""
    if not MODELS.exists():
        pytest.skip("needs ../shared/models")
    priced = 0
    for path in sorted(MODELS.rglob("*")):
        if not path.is_file() or path.stat().st_size > 64 << 20:
            continue
        try:
            cost = _priced(path)
        except NngaugeError:
            continue
        priced += 1
        missing = [layer for layer in cost.layers if layer.macs is None]
        assert not missing or (cost.lower_bound and cost.unknown and all(layer.note for layer in missing)), path
    assert priced > 200
