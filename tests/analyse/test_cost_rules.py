"""Rules of cost, one operator at a time, against counts written out by hand; and what is said when nothing is known."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from nngauge.analyse.cost import model_cost
from nngauge.analyse.families import family_of
from nngauge.domain.cost import Cost, Family
from nngauge.domain.graph import Completeness, Dim, DType, Graph, Node, Span, Tensor

F = DType.FLOAT32


def _graph(kind: str, inputs: list[Tensor | None], *outputs: tuple[Dim, ...], **attributes: object) -> Graph:
    """One node; constants are weights, the rest the model's inputs. `op` is the kind."""
    present = [tensor for tensor in inputs if tensor is not None]
    tensors = (*present, *(Tensor(f"y{n}", F, shape) for n, shape in enumerate(outputs)))
    places = iter(range(len(present)))
    ends = tuple(range(len(present), len(tensors)))
    node = Node(kind, kind, "", tuple(-1 if t is None else next(places) for t in inputs), ends, attributes)  # type: ignore[arg-type]
    fed = tuple(n for n, tensor in enumerate(present) if not tensor.constant)
    return Graph(format="test", nodes=(node,), tensors=tensors, inputs=fed, outputs=ends)


def _x(*shape: Dim, dtype: DType = F) -> Tensor:
    return Tensor(f"x{shape}", dtype, shape)


def _w(*shape: Dim, dtype: DType = F) -> Tensor:
    return Tensor(f"w{shape}", dtype, shape, constant=True)


CASES = {
    "conv": (_graph("Conv", [_x(1, 8, 10, 10), _w(16, 8, 3, 3), _w(16)], (1, 16, 10, 10)), 1600 * 72, 1152 + 16),
    "conv 1-D": (_graph("Conv", [_x(1, 8, 10), _w(16, 8, 3)], (1, 16, 10)), 160 * 24, 384),
    "conv 3-D": (_graph("Conv", [_x(1, 2, 4, 4, 4), _w(3, 2, 2, 2, 2)], (1, 3, 3, 3, 3)), 81 * 16, 48),
    "conv batch": (_graph("Conv", [_x(4, 8, 10, 10), _w(16, 8, 1, 1)], (4, 16, 10, 10)), 4 * 1600 * 8, 128),
    "grouped": (
        _graph("Conv", [_x(1, 8, 10, 10), _w(16, 2, 3, 3)], (1, 16, 10, 10), group=4),
        1600 * 18,
        288,
    ),
    "dilated": (
        _graph("Conv", [_x(1, 8, 10, 10), _w(16, 8, 3, 3)], (1, 16, 6, 6), dilations=(2, 2)),
        16 * 36 * 72,
        1152,
    ),
    "TFLite conv": (
        _graph("Conv", [_x(1, 10, 10, 8), _w(16, 3, 3, 8)], (1, 10, 10, 16), weight_layout="OHWI", data_layout="NHWC"),
        1600 * 72,
        1152,
    ),
    "TensorFlow conv": (
        _graph("Conv", [_x(1, 10, 10, 8), _w(3, 3, 8, 16)], (1, 10, 10, 16), weight_layout="HWIO", data_layout="NHWC"),
        1600 * 72,
        1152,
    ),
    "TFLite depthwise": (
        _graph("Conv", [_x(1, 10, 10, 8), _w(1, 3, 3, 16)], (1, 10, 10, 16), weight_layout="1HWO", data_layout="NHWC", group=8),
        1600 * 9,
        144,
    ),
    "TensorFlow depthwise": (
        _graph("Conv", [_x(1, 10, 10, 8), _w(3, 3, 8, 2)], (1, 10, 10, 16), weight_layout="HWIM", data_layout="NHWC", group=8),
        1600 * 9,
        144,
    ),
    "flat kernel": (_graph("Conv", [_x(8, 10, 10), _w(1152)], (16, 10, 10), channels=16, data_layout="CHW"), 1600 * 72, 1152),
    "conv without weights": (
        _graph("Conv", [_x(1, 8, 10, 10)], (1, 16, 10, 10), kernel_shape=(3, 3), channels=16, group=2, bias=1),
        1600 * 36,
        576 + 16,
    ),
    "quantised conv": (
        _graph(
            "QLinearConv",
            [_x(1, 8, 10, 10, dtype=DType.UINT8), _w(), _w(dtype=DType.UINT8), _w(16, 8, 3, 3, dtype=DType.INT8), _w(16),
             _w(16, dtype=DType.INT8), _w(), _w(dtype=DType.UINT8), _w(16, dtype=DType.INT32)],
            (1, 16, 10, 10),
        ),
        1600 * 72,
        1152 + 16,
    ),
    "integer conv": (_graph("ConvInteger", [_x(1, 8, 10, 10), _w(16, 8, 3, 3, dtype=DType.UINT8)], (1, 16, 10, 10)), 1600 * 72, 1152),
    "fused conv": (_graph("FusedConv", [_x(1, 8, 10, 10), _w(16, 8, 3, 3), _w(16)], (1, 16, 10, 10)), 1600 * 72, 1168),
    "deformable": (
        _graph("DeformConv", [_x(1, 8, 10, 10), _w(16, 8, 3, 3), _x(1, 18, 10, 10)], (1, 16, 10, 10)),
        1600 * 72,
        1152,
    ),
    "transposed": (
        _graph("ConvTranspose", [_x(1, 8, 5, 5), _w(8, 4, 3, 3), _w(16)], (1, 16, 10, 10), group=4, strides=(2, 2)),
        200 * 36,
        288 + 16,
    ),
    "TFLite transposed": (
        _graph("ConvTranspose", [_x(1, 5, 5, 8), _w(16, 3, 3, 8)], (1, 10, 10, 16), weight_layout="OHWI", data_layout="NHWC"),
        200 * 144,
        1152,
    ),
    "transposed without weights": (
        _graph("ConvTranspose", [_x(1, 8, 5, 5)], (1, 16, 10, 10), kernel_shape=(3, 3), channels=16, bias=1),
        200 * 144,
        1152 + 16,
    ),
    "gemm": (_graph("Gemm", [_x(3, 20), _w(20, 7), _w(7)], (3, 7)), 420, 147),
    "gemm transposed": (_graph("Gemm", [_x(3, 20), _w(7, 20)], (3, 7), transB=1), 420, 140),
    "inner product": (_graph("Gemm", [_x(8, 5, 5)], (7,), channels=7, bias=1, axis=0, transB=1), 1400, 1407),
    "quantised gemm": (
        _graph("QGemm", [_x(3, 20), _w(), _w(), _w(20, 7, dtype=DType.INT8), _w(), _w(), _w(7, dtype=DType.INT32)], (3, 7)),
        420,
        147,
    ),
    "matmul": (_graph("MatMul", [_x(2, 3, 20), _w(20, 7)], (2, 3, 7)), 840, 140),
    "batch matmul": (_graph("MatMul", [_x(2, 3, 20), _x(2, 20, 7)], (2, 3, 7)), 840, 0),
    "broadcast matmul": (_graph("MatMul", [_x(5, 1, 3, 20), _x(4, 20, 7)], (5, 4, 3, 7)), 5 * 4 * 3 * 7 * 20, 0),
    "transposed matmul": (_graph("MatMul", [_x(2, 20, 3), _x(2, 7, 20)], (2, 3, 7), transA=1, transB=1), 840, 0),
    "quantised matmul": (_graph("QLinearMatMul", [_x(3, 20), _w(), _w(), _w(20, 7, dtype=DType.INT8)], (3, 7)), 420, 140),
    "4-bit matmul": (
        _graph("MatMulNBits", [_x(1, 5, 64), _w(32, 2, 16, dtype=DType.UINT8), _w(64)], (1, 5, 32), K=64, N=32, bits=4),
        5 * 32 * 64,
        32 * 64,
    ),
    "einsum": (_graph("Einsum", [_x(2, 3, 4, 5), _x(2, 6, 4, 5)], (2, 4, 3, 6), equation="bqhd,bkhd->bhqk"), 2 * 3 * 4 * 5 * 6, 0),
    "einsum ellipsis": (_graph("Einsum", [_x(2, 9, 3, 4), _w(4, 5)], (2, 9, 3, 5), equation="...ij,jk->...ik"), 2 * 9 * 3 * 4 * 5, 20),
    "einsum of one": (_graph("Einsum", [_x(2, 3)], (3, 2), equation="ij->ji"), 0, 0),
    "lstm": (
        _graph("LSTM", [_x(10, 2, 8), _w(2, 64, 8), _w(2, 64, 16), _w(2, 128)], (10, 2, 2, 16), hidden_size=16, direction="bidirectional"),
        10 * 2 * 2 * 64 * 24,
        2 * 64 * 24 + 256,
    ),
    "gru": (_graph("GRU", [_x(10, 1, 8), _w(1, 48, 8), _w(1, 48, 16)], (10, 1, 1, 16), hidden_size=16), 10 * 48 * 24, 48 * 24),
    "rnn without weights": (_graph("RNN", [_x(10, 1, 8)], (10, 1, 1, 16), hidden_size=16), 10 * 16 * 24, 16 * 24),
    "TFLite lstm": (
        _graph(
            "LSTM",
            [_x(1, 10, 8), *[_w(16, 8)] * 4, *[_w(16, 16)] * 4, None, None, None, *[_w(16)] * 4, _w(6, 16)],
            (1, 10, 6),
        ),
        10 * (4 * 16 * 8 + 4 * 16 * 16 + 96),
        4 * 128 + 4 * 256 + 64 + 96,
    ),
    "svdf": (_graph("SVDF", [_x(1, 8), _w(16, 8), _w(16, 10), _w(16)], (1, 16)), 16 * 18, 16 * 18 + 16),
    "attention": (
        _graph("Attention", [_x(1, 12, 10, 64), _x(1, 12, 20, 64), _x(1, 12, 20, 32)], (1, 12, 10, 32)),
        12 * 10 * 20 * (64 + 32),
        0,
    ),
    "attention with projection": (
        _graph("Attention", [_x(1, 10, 48), _w(48, 144), _w(144)], (1, 10, 48), num_heads=4),
        10 * 48 * 144 + 2 * 10 * 10 * 48,
        48 * 144 + 144,
    ),
    "multi-head": (_graph("MultiHeadAttention", [_x(1, 10, 48), _x(1, 20, 48), _x(1, 20, 48)], (1, 10, 48), num_heads=4), 2 * 10 * 20 * 48, 0),
    "multi-head packed": (_graph("MultiHeadAttention", [_x(1, 10, 4, 3, 12)], (1, 10, 48), num_heads=4), 2 * 10 * 10 * 48, 0),
    "multi-head of ncnn": (
        _graph("MultiHeadAttention", [_x(10, 48), *[_w(48, 48), _w(48)] * 4], (10, 48), num_heads=4),
        4 * 10 * 48 * 48 + 2 * 10 * 10 * 48,
        4 * (48 * 48 + 48),
    ),
    "grouped queries with a cache": (
        _graph(
            "GroupQueryAttention",
            [_x(1, 1, 48), _x(1, 1, 12), _x(1, 1, 12), _x(1, 1, 99, 12), _x(1, 1, 99, 12)],
            (1, 1, 48), (1, 1, 100, 12), (1, 1, 100, 12), num_heads=4, kv_num_heads=1,
        ),
        2 * 100 * 48,
        0,
    ),
    "attention of ncnn with a cache": (  # no axis of the batch: the first dimension stays a name
        _graph(
            "Attention",
            [_x(4, "tokens", 12), _x(4, "tokens", 12), _x(4, "tokens", 12), _x("tokens", 100), _x(4, 99, 12), _x(4, 99, 12)],
            (4, "tokens", 12), (4, 100, 12), (4, 100, 12), data_layout="CHW",
        ),
        "9600*tokens",
        0,
    ),
    "batch-norm": (_graph("BatchNormalization", [_x(1, 8, 10, 10), _w(8), _w(8), _w(8), _w(8)], (1, 8, 10, 10)), 0, 32),
    "scalar": (_graph("Mul", [_x(1, 8), _w()], (1, 8)), 0, 0),
    "reshape": (_graph("Reshape", [_x(1, 8), _w(2, dtype=DType.INT64)], (2, 4)), 0, 0),
    "table": (_graph("Gather", [_w(100, 16), _x(1, 5, dtype=DType.INT64)], (1, 5, 16)), 0, 1600),
    "symbolic": (_graph("Gemm", [_x("rows", 20), _w(20, 7)], ("rows", 7)), 140, 140),
    "symbolic matmul": (_graph("MatMul", [_x(1, "seq", 20), _x(1, 20, "seq")], (1, "seq", "seq")), "20*seq*seq", 0),
}  # fmt: skip


@pytest.mark.parametrize(("graph", "macs", "parameters"), CASES.values(), ids=CASES.keys())
def test_rules(graph: Graph, macs: int | str, parameters: int) -> None:
    cost = model_cost(graph)
    assert cost.unknown == ()
    assert (cost.macs, cost.parameters) == (macs, parameters)
    assert not cost.lower_bound


def test_batch_is_an_assumption() -> None:
    cost = model_cost(_graph("Gemm", [_x("batch", 20), _w(20, 7)], ("batch", 7)))
    assert cost.macs == 140
    assert cost.assumptions == ("batch (batch) taken as 1",)
    assert cost.read_bytes == 80


def test_bytes_and_words_of_a_layer() -> None:
    graph = _graph(
        "Conv", [_x(1, 8, 10, 10), _w(16, 2, 3, 3), _w(16)], (1, 16, 5, 5),
        kernel_shape=(3, 3), strides=(2, 2), dilations=(2, 2), group=4, fused_activation="Relu",
    )  # fmt: skip
    (layer,) = model_cost(graph).layers
    assert (layer.read_bytes, layer.written_bytes, layer.weight_bytes) == (3200, 1600, 4 * 304)
    assert layer.attributes == "3x3 s2 d2 g4 +Relu"
    assert layer.inputs == ((1, 8, 10, 10),)
    assert (layer.dtype, layer.weight_dtype) == ("float32", "float32")


def test_sub_byte_elements_are_packed_and_rounded_up() -> None:
    (layer,) = model_cost(_graph("Add", [_x(3, dtype=DType.INT4), _x(3, dtype=DType.INT4)], (3,))).layers
    assert layer.read_bytes == 4


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("Delegate", "what a delegate runs cannot be seen"),
        ("Custom", "no rule"),
        ("STFT", "the multiplications of a Fourier transform depend on the algorithm"),
        ("NewOperator", "the operator is unknown"),
    ],
)
def test_unknown_operators_make_lower_bounds(kind: str, reason: str) -> None:
    cost = model_cost(_graph(kind, [_x(1, 8)], (1, 8)))
    assert cost.macs is None
    assert cost.lower_bound
    assert cost.unknown == (f"{kind}: {reason} × 1",)
    assert cost.layers[0].note == f"{kind}: {reason}"


def test_unknown_shapes_make_lower_bounds() -> None:
    cost = model_cost(_graph("Conv", [_x(1, 8, 10, 10), _w(16, 8, 3, 3)], (1, None, None, None)))
    assert (cost.macs, cost.parameters, cost.lower_bound) == (None, 1152, True)
    assert cost.written_bytes is None
    assert cost.unknown == ("Conv: a dimension of output 0 is unknown × 1",)


def test_partial_graphs_are_lower_bounds() -> None:
    graph = replace(_graph("Gemm", [_x(3, 20), _w(20, 7)], (3, 7)), completeness=Completeness.PARTIAL)
    assert model_cost(graph).lower_bound
    assert model_cost(graph).parameters_lower_bound


def test_missing_weights_alone_make_no_lower_bound() -> None:
    bare = replace(_graph("Gemm", [_x(3, 20)], (3, 7), channels=7, bias=1), completeness=Completeness.TOPOLOGY)
    cost = model_cost(bare)
    assert (cost.macs, cost.parameters, cost.weight_bytes) == (3 * 20 * 7, 20 * 7 + 7, None)
    assert (cost.lower_bound, cost.parameters_lower_bound) == (False, False)
    unsized = model_cost(replace(_graph("LSTM", [_x(5, 1, 8)], (5, 1, 4)), completeness=Completeness.TOPOLOGY))
    assert (unsized.lower_bound, unsized.parameters_lower_bound) == (True, True)


def test_models_of_a_bundle_run_once_each() -> None:
    """The graph of a bundle is empty; what its models call is no model of its own."""
    caller = _block(_control("Loop", body=0, trip_count=3), subgraphs=(_matmul(1),))
    cost = model_cost(Graph(format="test", subgraphs=(caller, _matmul(2))))
    assert (cost.macs, cost.parameters) == ((3 + 2) * 16, 32)
    assert cost.assumptions == ("each of the 2 models runs once",)


def test_outputs_that_are_inputs_cost_nothing() -> None:
    cost = model_cost(Graph(format="test", tensors=(_x(1, 4),), inputs=(0,), outputs=(0,)))
    assert (cost.macs, cost.parameters, cost.unknown) == (0, 0, ())


def test_weights_without_layers() -> None:
    tensors = (Tensor("a", DType.FLOAT16, (3, 4), Span(0, 24), constant=True), Tensor("b", F, (2,), constant=True))
    cost = model_cost(Graph(format="test", tensors=tensors))
    assert (cost.macs, cost.parameters, cost.weight_bytes, cost.lower_bound) == (None, 14, 32, False)


def test_shared_weights_are_counted_once() -> None:
    """By tensor, and by bytes: two tensors of the same span are one weight."""
    span = Span(100, 80)
    tensors = (
        _x(1, 4),
        Tensor("a", F, (4, 4), span, constant=True),
        Tensor("b", F, (4, 4), span, constant=True),
        _x(1, 4),
        _x(1, 4),
        _x(1, 4),
    )
    nodes = tuple(
        Node("MatMul", "MatMul", "", (source, w), (target,)) for source, w, target in ((0, 1, 3), (3, 1, 4), (4, 2, 5))
    )
    cost = model_cost(Graph(format="test", tensors=tensors, nodes=nodes, inputs=(0,), outputs=(5,)))
    assert (cost.parameters, cost.weight_bytes, cost.macs) == (16, 80, 48)
    assert [layer.parameters for layer in cost.layers] == [16, 0, 0]


def test_weights_that_are_dequantised_first() -> None:
    tensors = (_x(1, 4), _w(4, 4, dtype=DType.INT8), _w(4), Tensor("real", F, (4, 4)), _x(1, 4))
    nodes = (Node("DQ", "DequantizeLinear", "", (1, 2), (3,)), Node("MatMul", "MatMul", "", (0, 3), (4,)))
    graph = Graph(format="test", tensors=tensors, nodes=nodes, inputs=(0,), outputs=(4,))
    cost = model_cost(graph)
    assert (cost.macs, cost.parameters, cost.weight_bytes) == (16, 16, 32)
    assert cost.layers[0].note.startswith("computed from constants alone")
    assert cost.layers[1].family is Family.DENSE
    assert (cost.read_bytes, cost.written_bytes) == (16, 16)


def test_families() -> None:
    depthwise = _graph("Conv", [_x(1, 8, 9, 9), _w(8, 1, 3, 3)], (1, 8, 9, 9), group=8)
    assert family_of(depthwise, depthwise.nodes[0]) is Family.DEPTHWISE
    grouped = _graph("Conv", [_x(1, 8, 9, 9), _w(8, 2, 3, 3)], (1, 8, 9, 9), group=4)
    assert family_of(grouped, grouped.nodes[0]) is Family.CONVOLUTION
    bare = _graph("Conv", [_x(8, 9, 9)], (8, 9, 9), group=8, channels=8, data_layout="CHW")
    assert family_of(bare, bare.nodes[0]) is Family.DEPTHWISE
    product = _graph("MatMul", [_x(1, 8), _x(8, 8)], (1, 8))
    assert family_of(product, product.nodes[0]) is Family.MATMUL


def _block(*nodes: Node, subgraphs: tuple[Graph, ...] = ()) -> Graph:
    """A graph of three 1 × 4 values and a 4 × 4 weight."""
    tensors = (_x(1, 4), _w(4, 4), _x(1, 4), _x(1, 4))
    return Graph(format="test", tensors=tensors, nodes=nodes, inputs=(0,), outputs=(3,), subgraphs=subgraphs)


def _matmul(count: int) -> Graph:
    return _block(*[Node("MatMul", "MatMul", "", (0, 1), (3,))] * count)


def _control(kind: str, **attributes: int) -> Node:
    return Node(kind, kind, "", (0,), (3,), attributes)


def test_loop_counts_every_turn() -> None:
    cost = model_cost(_block(_control("Loop", body=0, trip_count=7), subgraphs=(_matmul(1),)))
    assert (cost.macs, cost.lower_bound) == (7 * 16, False)
    assert [(layer.graph, layer.repeats, layer.macs) for layer in cost.layers] == [("", 1, 0), ("0", 7, 16)]


def test_loop_of_unknown_length_is_counted_once() -> None:
    cost = model_cost(_block(_control("Loop", body=0), subgraphs=(_matmul(1),)))
    assert (cost.macs, cost.lower_bound) == (16, True)
    assert cost.unknown == ("a loop runs an unknown number of times: its body is counted once × 1",)


def test_if_counts_the_larger_branch_and_all_weights() -> None:
    cost = model_cost(_block(_control("If", then_branch=0, else_branch=1), subgraphs=(_matmul(1), _matmul(3))))
    assert (cost.macs, cost.parameters, cost.lower_bound) == (48, 32, False)
    assert {layer.graph: layer.repeats for layer in cost.layers} == {"": 1, "0": 0, "1": 1}


def test_calls_of_one_sub_graph_add_up_and_nested_loops_multiply() -> None:
    inner = _block(_control("Loop", body=0, trip_count=3), subgraphs=(_matmul(2),))
    cost = model_cost(_block(_control("Call", body=0), _control("Loop", body=0, trip_count=4), subgraphs=(inner,)))
    assert cost.macs == 5 * 3 * 2 * 16


def test_bodies_beside_each_other_are_found_from_within() -> None:
    """TensorFlow Lite keeps all sub-graphs in one list."""
    outer = _block(_control("Loop", body=1, trip_count=2))
    cost = model_cost(_block(_control("Loop", body=0, trip_count=5), subgraphs=(outer, _matmul(1))))
    assert cost.macs == 10 * 16


def test_sub_graphs_that_call_each_other_end() -> None:
    there, back = _block(_control("Call", body=1)), _block(_control("Call", body=0))
    cost = model_cost(_block(_control("Call", body=0), subgraphs=(there, back)))
    assert cost.lower_bound
    assert "sub-graphs that call each other are not counted × 1" in cost.unknown


def test_a_tower_of_calls_is_quick() -> None:
    """Each graph calls the next twice: 2⁶⁰ runs, sixty layers."""
    floors = tuple(_block(*[_control("Call", body=n + 1)] * 2) for n in range(60))
    cost = model_cost(_block(_control("Call", body=0), subgraphs=(*floors, _matmul(1))))
    assert cost.macs == 16 * 2**60


def test_cost_is_additive() -> None:
    """Two networks in one graph cost what both cost."""

    def numbers(cost: Cost) -> tuple[object, ...]:
        return cost.macs, cost.parameters, cost.read_bytes, cost.written_bytes

    one = _matmul(1)
    shifted = tuple(
        Node(n.op, n.kind, "", tuple(i + 4 for i in n.inputs), tuple(i + 4 for i in n.outputs)) for n in one.nodes
    )
    both = Graph(format="test", tensors=one.tensors * 2, nodes=one.nodes + shifted, inputs=(0, 4), outputs=(3, 7))
    assert numbers(model_cost(both)) == (32, 32, 32, 32)
    assert numbers(model_cost(one)) == (16, 16, 16, 16)
