"""One rule a kind: sizes worked out by hand from the operator's definition, layouts and all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from nngauge.domain.graph import Attribute, Dim, DType, Tensor
from tests.analyse.shapes.graphs import constant, inferred, shape_of, shapes_of, single, weight

Shape = tuple[Dim, ...]
Given = Shape | Tensor | None
PICTURE = (1, 3, 224, 224)
CONVOLUTIONS: Sequence[tuple[str, Sequence[Given], Mapping[str, Attribute], Shape]] = [
    ("Conv", [PICTURE, weight(8, 3, 3, 3)], {}, (1, 8, 222, 222)),
    ("Conv", [PICTURE, weight(8, 3, 7, 7)], {"strides": (2, 2), "pads": (3, 3, 3, 3)}, (1, 8, 112, 112)),
    ("Conv", [PICTURE, weight(8, 3, 3, 3)], {"dilations": (2, 2), "pads": (0, 1, 2, 3)}, (1, 8, 222, 224)),
    ("Conv", [PICTURE], {"kernel_shape": (3, 3), "channels": 16, "auto_pad": "SAME_UPPER", "strides": (2, 2)}, (1, 16, 112, 112)),
    ("Conv", [(1, 225, 225, 3), weight(8, 3, 3, 3)], {"data_layout": "NHWC", "weight_layout": "OHWI", "strides": (2, 2), "auto_pad": "VALID"}, (1, 112, 112, 8)),
    ("Conv", [(1, 56, 56, 32), weight(1, 3, 3, 64)], {"data_layout": "NHWC", "weight_layout": "1HWO", "auto_pad": "SAME_UPPER", "group": 32}, (1, 56, 56, 64)),
    ("Conv", [(1, 56, 56, 32), weight(3, 3, 32, 2)], {"data_layout": "NHWC", "weight_layout": "HWIM", "auto_pad": "SAME_UPPER", "group": 32}, (1, 56, 56, 64)),
    ("Conv", [(1, 56, 56, 32), weight(3, 3, 32, 64)], {"data_layout": "NHWC", "weight_layout": "HWIO", "pads": (1, 1, 1, 1)}, (1, 56, 56, 64)),
    ("Conv", [(1, 100, 16), weight(5, 16, 32)], {"data_layout": "NWC", "weight_layout": "WIO"}, (1, 96, 32)),
    ("Conv", [(1, 16, 100), weight(32, 16, 5)], {"strides": (2,)}, (1, 32, 48)),
    ("Conv", [(1, 8, 20, 20, 3), weight(3, 3, 3, 3, 16)], {"data_layout": "NDHWC", "weight_layout": "DHWIO"}, (1, 6, 18, 18, 16)),
    ("Conv", [(3, 224, 224), weight(8, 3, 3, 3)], {"data_layout": "CHW", "kernel_shape": (3, 3), "pads": (1, 1, 1, 1)}, (8, 224, 224)),
    ("Conv", [(128,), weight(10, 128, 1, 1)], {"data_layout": "CHW", "kernel_shape": (1, 1), "channels": 10}, (10,)),
    ("Conv", [("N", 3, "H", "W"), weight(8, 3, 3, 3)], {"strides": (2, 2), "pads": (1, 1, 1, 1)}, (1, 8, "floor((H + 1)/2)", "floor((W + 1)/2)")),
    ("QLinearConv", [PICTURE, (), (), weight(8, 3, 3, 3), (), (), (), ()], {}, (1, 8, 222, 222)),
    ("ConvInteger", [PICTURE, weight(8, 3, 3, 3)], {}, (1, 8, 222, 222)),
    ("FusedConv", [PICTURE, weight(8, 3, 1, 1)], {"fused_activation": "Relu"}, (1, 8, 224, 224)),
    ("DeformConv", [PICTURE, weight(8, 3, 3, 3), (1, 18, 222, 222)], {}, (1, 8, 222, 222)),
    ("ConvTranspose", [(1, 16, 7, 7), weight(16, 4, 2, 2)], {"strides": (2, 2), "group": 2}, (1, 8, 14, 14)),
    ("ConvTranspose", [(1, 16, 7, 7), weight(16, 8, 3, 3)], {"strides": (2, 2), "pads": (1, 1, 1, 1), "output_padding": (1, 1)}, (1, 8, 14, 14)),
    ("ConvTranspose", [(1, 7, 7, 16), weight(8, 4, 4, 16)], {"strides": (2, 2), "auto_pad": "SAME_UPPER", "data_layout": "NHWC", "weight_layout": "OHWI"}, (1, 14, 14, 8)),
    ("ConvTranspose", [(1, 7, 7, 16), weight(3, 3, 8, 16)], {"strides": (2, 2), "auto_pad": "VALID", "output_shape": (15, 15), "data_layout": "NHWC", "weight_layout": "HWOI"}, (1, 15, 15, 8)),
    ("Col2Im", [(1, 12, 4), constant([4, 4]), constant([2, 2])], {"strides": (2, 2)}, (1, 3, 4, 4)),
    ("MaxPool", [(1, 8, 112, 112)], {"kernel_shape": (3, 3), "strides": (2, 2)}, (1, 8, 55, 55)),
    ("MaxPool", [(1, 8, 112, 112)], {"kernel_shape": (3, 3), "strides": (2, 2), "ceil_mode": 1}, (1, 8, 56, 56)),
    ("MaxPool", [(1, 8, 4, 4)], {"kernel_shape": (1, 1), "strides": (2, 2), "ceil_mode": 1}, (1, 8, 2, 2)),
    ("MaxPool", [(8, 4, 4)], {"kernel_shape": (1, 1), "strides": (2, 2), "ceil_mode": 1, "data_layout": "CHW"}, (8, 3, 3)),
    ("AveragePool", [(1, 7, 7, 64)], {"kernel_shape": (7, 7), "auto_pad": "VALID", "data_layout": "NHWC"}, (1, 1, 1, 64)),
    ("GlobalAveragePool", [(1, 64, 7, 7)], {}, (1, 64, 1, 1)),
    ("GlobalAveragePool", [(1, 7, 7, 64)], {"data_layout": "NHWC", "keepdims": 0}, (1, 64)),
    ("GlobalMaxPool", [(64, 7, 7)], {"data_layout": "CHW"}, (64,)),
    ("AdaptiveAveragePool", [(1, 64, 13, 9)], {"output_size": (6, 6)}, (1, 64, 6, 6)),
    ("MaxUnpool", [(1, 8, 2, 2), (1, 8, 2, 2)], {"kernel_shape": (2, 2), "strides": (2, 2)}, (1, 8, 4, 4)),
    ("RoiAlign", [(1, 8, 50, 50), (30, 4), (30,)], {"output_height": 7, "output_width": 7}, (30, 8, 7, 7)),
    ("PSRoiPool", [(1, 98, 50, 50), (30, 5)], {"pooled_shape": (7, 7)}, (30, 2, 7, 7)),
    ("Im2Col", [(1, 3, 8, 8)], {"kernel_shape": (2, 2), "strides": (2, 2)}, (1, 12, 16)),
    ("MaxRoiPool", [(1, 8, 50, 50), (30, 5)], {"pooled_shape": (6, 7)}, (30, 8, 6, 7)),
]  # fmt: skip
MOVEMENTS: Sequence[tuple[str, Sequence[Given], Mapping[str, Attribute], Shape | None]] = [
    ("Reshape", [(2, 3, 4)], {"shape": (0, -1)}, (2, 12)),
    ("Reshape", [(2, 3, 4), constant([4, 6])], {}, (4, 6)),
    ("Reshape", [(0, 3, 4)], {"shape": (3, 0), "allowzero": 1}, (3, 0)),
    ("Reshape", [(1, "L", 768)], {"shape": (0, -1, 12, 64)}, (1, "L", 12, 64)),
    ("Reshape", [(1, 3, "H", "W")], {"shape": (0, 0, -1)}, (1, 3, "H*W")),
    ("Reshape", [(2, 3, 4)], {"shape": (5, -1)}, None),
    ("Reshape", [(2, 3, 4)], {"shape": (5, 5)}, None),
    ("Flatten", [(2, 3, 4, 5)], {"axis": 2}, (6, 20)),
    ("Flatten", [(2, 3, 4, 5)], {"axis": 4}, (120, 1)),
    ("Flatten", [(3, 4, 5)], {"data_layout": "CHW"}, (60,)),
    ("Flatten", [(2, 3, 4, 5)], {"axis": 1, "end_axis": 2}, (2, 12, 5)),
    ("Transpose", [(2, 3, 4)], {}, (4, 3, 2)),
    ("Transpose", [(2, 3, 4)], {"perm": (0, 2, 1)}, (2, 4, 3)),
    ("Transpose", [(2, 3, 4), constant([1, 0, 2])], {}, (3, 2, 4)),
    ("Transpose", [(2, 3, 4)], {"perm": (0, 0, 1)}, None),
    ("Squeeze", [(1, 3, 1)], {}, (3,)),
    ("Squeeze", [(1, 3, 1), constant([-1])], {}, (1, 3)),
    ("Squeeze", [(1, "L")], {}, None),
    ("Unsqueeze", [(3, 4)], {"axes": (0, -1)}, (1, 3, 4, 1)),
    ("DepthToSpace", [(1, 12, 5, 5)], {"blocksize": 2}, (1, 3, 10, 10)),
    ("DepthToSpace", [(1, 5, 5, 12)], {"blocksize": 2, "data_layout": "NHWC"}, (1, 10, 10, 3)),
    ("SpaceToDepth", [(1, 3, 10, 10)], {"blocksize": 2}, (1, 12, 5, 5)),
    ("Reorg", [(1, 64, 26, 26)], {"blocksize": 2}, (1, 256, 13, 13)),
    ("SpaceToBatch", [(1, 5, 7, 3)], {"blocks": (2, 2), "pads": (0, 0, 1, 1)}, (4, 3, 4, 3)),
    ("BatchToSpace", [(4, 3, 4, 3)], {"blocks": (2, 2), "pads": (0, 0, 1, 1)}, (1, 5, 7, 3)),
    ("Concat", [(1, 2, 3), (1, 5, 3)], {"axis": 1}, (1, 7, 3)),
    ("Concat", [(1, 2), (1, 2)], {"axis": 1, "new_axis": 1}, (1, 2, 2)),
    ("Concat", [(1, "C"), (1, 3)], {"axis": -1}, (1, "C + 3")),
    ("Concat", [(1, 2), (1, 2, 3)], {"axis": 1}, None),
    ("Concat", [(1, 2), (1, 5)], {}, (None, None)),
    ("Stack", [(1, 2), (1, 2)], {"axis": -1}, (1, 2, 2)),
    ("GLU", [(1, 8, 6)], {"axis": 1}, (1, 4, 6)),
    ("MatrixDiag", [(2, 3)], {}, (2, 3, 3)),
    ("Transpose", [(2, 3, 4)], {"swap": (0, -1)}, (4, 3, 2)),
    ("QLinearConcat", [(), (), (1, 2), (), (), (1, 5), (), ()], {"axis": 1}, (1, 7)),
    ("Pad", [(1, 3, 4, 4)], {"pads": (0, 0, 1, 2, 0, 0, 3, 4)}, (1, 3, 8, 10)),
    ("Pad", [(1, 4), constant([1, 1]), None, constant([1])], {}, (1, 6)),
    ("Pad", [(1, 4), None, None, None, constant([0, 1, 2, 3], (2, 2))], {}, (2, 9)),
    ("Tile", [(2, 3)], {"repeats": (2, 3)}, (4, 9)),
    ("Tile", [(3,), constant([2, 3])], {}, (2, 9)),
    ("Expand", [(3, 1), constant([2, 1, 6])], {}, (2, 3, 6)),
    ("Expand", [(3, 1), constant([-1, 6])], {}, (3, 6)),
    ("Crop", [(1, 8, 70, 70), (1, 8, 64, 60)], {"axis": 2}, (1, 8, 64, 60)),
    ("Slice", [(10, 20)], {"starts": (1,), "ends": (-1,), "axes": (1,)}, (10, 18)),
    ("Slice", [(10, 20)], {"starts": (-1,), "ends": (-(1 << 62),), "steps": (-3,)}, (4, 20)),
    ("Slice", [(7, 20), constant([2]), constant([1 << 62]), constant([0])], {}, (5, 20)),
    ("Slice", [(1, "L"), constant([2]), constant([(1 << 31) - 1]), constant([1])], {}, (1, "L - 2")),
    ("Slice", [(1, "L")], {"starts": (0,), "ends": (-1,), "axes": (1,)}, (1, "L - 1")),
    ("Slice", [(4, 5, 6)], {"starts": (1, 0), "ends": (2, 3), "axes": (0, 2), "squeeze": (0,), "new_axes": (0, 3)}, (1, 5, 3, 1)),
    ("Slice", [(4, 5), None, None, None, None, constant([1, 0]), constant([2, -1])], {}, (2, 5)),
    ("Gather", [(30522, 768), (1, 128)], {"axis": 0}, (1, 128, 768)),
    ("Gather", [(2, 5, 7), (2, 3)], {"axis": 1, "batch_dims": 1}, (2, 3, 7)),
    ("Gather", [(2, 5, 7), ()], {"axis": -1}, (2, 5)),
    ("GatherElements", [(2, 5), (2, 3)], {"axis": 1}, (2, 3)),
    ("GatherND", [(2, 5, 7), (4, 2)], {}, (4, 7)),
    ("ScatterND", [None, (4, 1), (4, 9), constant([7, 9])], {}, (7, 9)),
    ("OneHot", [(2, 3), constant([10]), (2,)], {"axis": 1}, (2, 10, 3)),
    ("GridSample", [(1, 3, 10, 10), (1, 5, 6, 2)], {}, (1, 3, 5, 6)),
    ("Resize", [(1, 3, 10, 10), None, constant([1.0, 1.0, 2.0, 1.5], dtype=DType.FLOAT32)], {}, (1, 3, 20, 15)),
    ("Resize", [(1, 10, 10, 3)], {"sizes": (30, 40), "axes": (1, 2), "data_layout": "NHWC"}, (1, 30, 40, 3)),
    ("Resize", [(3, 10, 10)], {"scales": (1.0, 2.0, 2.0), "data_layout": "CHW"}, (3, 20, 20)),
    ("Resize", [(1, 3, "H", "W")], {"scales": (2.0, 2.0)}, (1, 3, "2*H", "2*W")),
    ("Resize", [(1, 3, 9, 9)], {"scales": (0.3333333432674408, 0.3333333)}, (1, 3, 3, 3)),
    ("NonZero", [constant([1, 0, 1])], {}, (1, 2)),
    ("Compress", [(4, 5), (4,)], {"axis": 0}, (None, 5)),
]  # fmt: skip
COMPUTATIONS: Sequence[tuple[str, Sequence[Given], Mapping[str, Attribute], Shape | None]] = [
    ("Relu", [(1, 2)], {}, (1, 2)),
    ("Softmax", [("N", 2)], {}, (1, 2)),
    ("Add", [(2, 1, 3), (4, 1)], {}, (2, 4, 3)),
    ("Add", [(64, 7, 7), (64,)], {}, (64, 7, 7)),
    ("Add", [(1, 64, 7, 7), (64,)], {"axis": 1}, (1, 64, 7, 7)),
    ("Add", [(2, 3), (4, 5)], {}, None),
    ("Where", [(1, 1, 4), (3, 1), ()], {}, (1, 3, 4)),
    ("QLinearAdd", [(2, 3), (), (), (3,), (), ()], {}, (2, 3)),
    ("MatMul", [(2, 1, 3, 4), (5, 4, 6)], {}, (2, 5, 3, 6)),
    ("MatMul", [(4,), (4, 6)], {}, (6,)),
    ("MatMul", [(2, 3, 4), (2, 5, 4)], {"transB": 1}, (2, 3, 5)),
    ("MatMul", [(2, 3), (4, 5)], {}, None),
    ("Gemm", [(1, 784), weight(10, 784)], {"transB": 1}, (1, 10)),
    ("Gemm", [(1, 16, 7, 7), weight(10, 784)], {"transB": 1, "axis": 1}, (1, 10)),
    ("Gemm", [(16, 7, 7)], {"channels": 10, "axis": 0}, (10,)),
    ("Gemm", [(5, 784), weight(10, 784)], {"transB": 1, "axis": 0}, (5, 10)),
    ("Gemm", [(1, 9, 784), weight(10, 784)], {"transB": 1, "axis": -1}, (1, 9, 10)),
    ("MatMulNBits", [(1, "L", 2048)], {"N": 512, "K": 2048, "bits": 4}, (1, "L", 512)),
    ("Einsum", [(2, 3, 4), (2, 4, 5)], {"equation": "bij, bjk -> bik"}, (2, 3, 5)),
    ("Einsum", [(2, 3, 4)], {"equation": "...ij->...ji"}, (2, 4, 3)),
    ("Einsum", [(3, 4), (4, 5)], {"equation": "ij,jk"}, (3, 5)),
    ("ReduceMean", [(1, 64, 7, 7)], {"axes": (2, 3), "keepdims": 0}, (1, 64)),
    ("ReduceSum", [(1, 64, 7, 7), constant([-1])], {}, (1, 64, 7, 1)),
    ("ReduceMax", [(2, 3)], {"keepdims": 0}, ()),
    ("ReduceMax", [(2, 3)], {"noop_with_empty_axes": 1}, (2, 3)),
    ("ArgMax", [(1, 10)], {"axis": 1, "keepdims": 0}, (1,)),
    ("ArgMax", [(1, 10), constant([1])], {"keepdims": 0}, (1,)),
    ("Shape", [(2, "L", 4)], {"start": -2}, (2,)),
    ("Size", [(2, 3)], {}, ()),
    ("Rank", [(2, 3)], {}, ()),
    ("ConstantOfShape", [constant([2, 3])], {"value": 1.0}, (2, 3)),
    ("Range", [constant([0], ()), constant([10], ()), constant([3], ())], {}, (4,)),
    ("Range", [constant([0.0], ()), constant([1.0], ()), constant([0.25], ())], {}, (4,)),
    ("SVDF", [(1, 40), weight(32, 40), weight(32, 8)], {"rank": 2}, (1, 16)),
    ("PriorBox", [(1, 512, 38, 38), (1, 3, 300, 300)], {"num_priors": 4}, (1, 2, 23104)),
    ("PriorBox", [(512, 38, 38), (3, 300, 300)], {"num_priors": 4, "data_layout": "CHW"}, (2, 23104)),
    ("DetectionOutput", [(1, 10), (1, 20), (1, 2, 10)], {}, (1, 1, None, 7)),
    ("NonMaxSuppression", [(1, 10, 4), (1, 2, 10)], {}, (None, 3)),
    ("STFT", [(1, 160, 1), constant([10], ()), (16,)], {}, (1, 15, 9, 2)),
    ("DFT", [(1, 16, 1)], {"axis": 1, "onesided": 1}, (1, 9, 2)),
    ("MelWeightMatrix", [constant([80], ()), constant([400], ())], {}, (201, 80)),
    ("TreeEnsembleRegressor", [(5, 4)], {"n_targets": 2}, (5, 2)),
    ("Custom", [(1, 2)], {}, None),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "inputs", "attributes", "wanted"), [*CONVOLUTIONS, *MOVEMENTS, *COMPUTATIONS])
def test_shape(kind: str, inputs: Sequence[Given], attributes: Mapping[str, Attribute], wanted: Shape | None) -> None:
    assert shape_of(kind, inputs, attributes) == wanted


def test_several_outputs() -> None:
    assert shapes_of("Split", [(10, 4)], {"axis": 0}, 3) == [(4, 4), (4, 4), (2, 4)]
    assert shapes_of("Split", [(10, 4), constant([3, -1])], {"axis": 0}, 2) == [(3, 4), (7, 4)]
    assert shapes_of("Split", [(2, 4)], {"axis": 0, "keepdims": 0}, 2) == [(4,), (4,)]
    assert shapes_of("TopK", [(1, 100), constant([5])], {}, 2) == [(1, 5), (1, 5)]
    assert shapes_of("LayerNormalization", [(1, 128, 768), (768,)], {"axis": -1}, 2) == [(1, 128, 768), (1, 128, 1)]
    assert shapes_of("BatchNormalization", [(1, 8, 4, 4), *[(8,)] * 4], {}, 3) == [(1, 8, 4, 4), (8,), (8,)]
    assert shapes_of("DynamicQuantizeLinear", [(1, 8)], {}, 3) == [(1, 8), (), ()]


def test_detections_of_tensorflow() -> None:
    inputs: Sequence[Given] = [(1, 1917, 4), (1, 1917, 91), (1917, 4)]
    assert shapes_of("DetectionOutput", inputs, {"keep_top_k": 10}, 4) == [(1, 10, 4), (1, 10), (1, 10), (1,)]


def test_recurrent() -> None:
    onnx: Sequence[Given] = [(10, 1, 64), weight(2, 512, 64), weight(2, 512, 128)]
    states = [(2, 1, 128), (2, 1, 128)]
    wanted = [(10, 2, 1, 128), *states]
    assert shapes_of("LSTM", onnx, {"hidden_size": 128, "direction": "bidirectional"}, 3) == wanted
    assert shapes_of("LSTM", [(1, 10, 64), *onnx[1:]], {"direction": "bidirectional", "layout": 1}, 2) == [
        (1, 10, 2, 128), (1, 2, 128),
    ]  # fmt: skip
    assert shape_of("GRU", [(10, 1, 64), weight(1, 384, 64)]) == (10, 1, 1, 128)
    assert shape_of("LSTM", [(1, 28, 28), weight(20, 28)], {"hidden_size": 20, "layout": 1}) == (1, 28, 20)
    assert shapes_of("LSTM", [(1, 64), weight(512, 64)], {"cell": 1}, 2) == [(1, 128), (1, 128)]
    assert shape_of("LSTM", [(28, 28)], {"hidden_size": 20, "direction": "bidirectional"}) == (28, 40)


def test_attention() -> None:
    query = (1, 128, 768)
    packed: Sequence[Given] = [query, weight(768, 2304), weight(2304), None, (2, 1, 12, 7, 64)]
    assert shapes_of("Attention", packed, {"num_heads": 12}, 2) == [query, (2, 1, 12, 135, 64)]
    heads = (1, 12, 128, 64)
    assert shapes_of("Attention", [heads, heads, heads], {}, 3) == [heads, heads, heads]
    cache = (1, 12, "P", 64)
    grown = (1, 12, "P + 128", 64)
    attributes: Mapping[str, Attribute] = {"num_heads": 12}
    assert shapes_of("MultiHeadAttention", [query, query, query, None, None, None, cache, cache], attributes, 3) == [
        query, grown, grown,
    ]  # fmt: skip
    grouped: Mapping[str, Attribute] = {"num_heads": 8, "kv_num_heads": 2}
    assert shapes_of("GroupQueryAttention", [(1, 5, 512), (1, 5, 128), (1, 5, 128), (1, 2, 9, 64)], grouped, 2) == [
        (1, 5, 512), (1, 2, 14, 64),
    ]  # fmt: skip
    assert shape_of("GroupQueryAttention", [(1, 5, 768)], grouped) == (1, 5, 512)


def test_element_types() -> None:
    for kind, wanted in {"Shape": DType.INT64, "Equal": DType.BOOL, "Relu": DType.FLOAT16}.items():
        graph = single(kind, [Tensor("x", DType.FLOAT16, (2,))] * (2 if kind == "Equal" else 1))
        assert inferred(graph).graph.tensors[-1].dtype is wanted
    cast = single("Cast", [(2,)], {"to": "int8"})
    assert inferred(cast).graph.tensors[-1].dtype is DType.INT8
    quantised = single("DequantizeLinear", [Tensor("x", DType.INT8, (2,)), Tensor("scale", DType.FLOAT16, ())])
    assert inferred(quantised).graph.tensors[-1].dtype is DType.FLOAT16
