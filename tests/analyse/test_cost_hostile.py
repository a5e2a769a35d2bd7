"""No graph that a parser can make breaks the rules: any operator with any shapes and attributes has a cost or a reason."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.analyse.cost import model_cost
from nngauge.analyse.cost.macs import RULES
from nngauge.analyse.memory import peak_memory
from nngauge.domain.graph import DType, Graph, Node, Span, Tensor

_KINDS = st.sampled_from(
    [*RULES, "BatchNormalization", "Reshape", "Gather", "Loop", "If", "Call", "Add", "Delegate", "?"]
)
_DIMS = st.one_of(st.none(), st.integers(-2, 9), st.sampled_from(["N", "N + 1", "floor(H/2)", "a b", "((", "-"]))
_NAMES = st.sampled_from(
    [
        "kernel_shape",
        "strides",
        "dilations",
        "group",
        "channels",
        "bias",
        "weight_layout",
        "data_layout",
        "transA",
        "transB",
        "axis",
        "equation",
        "hidden_size",
        "direction",
        "num_heads",
        "kv_num_heads",
        "qkv_hidden_sizes",
        "body",
        "cond",
        "then_branch",
        "else_branch",
        "trip_count",
        "K",
        "N",
        "bits",
        "fused_activation",
    ]
)
_VALUES = st.one_of(
    st.integers(-2, 9),
    st.lists(st.integers(-2, 9), max_size=4).map(tuple),
    st.sampled_from(["NHWC", "OHWI", "HWIM", "CHW", "", "ij,jk->ik", "...i,ij", "bidirectional"]),
    st.floats(allow_nan=True),
)
_TENSORS = st.builds(
    Tensor,
    name=st.just("t"),
    dtype=st.sampled_from(DType),
    shape=st.one_of(st.none(), st.lists(_DIMS, max_size=5).map(tuple)),
    data=st.one_of(st.none(), st.builds(Span, st.integers(0, 9), st.integers(0, 9))),
    constant=st.booleans(),
)
_PLACES = st.lists(st.integers(-1, 12), max_size=6).map(tuple)
_NODES = st.builds(
    Node,
    op=st.just("op"),
    kind=st.one_of(st.none(), _KINDS),
    inputs=_PLACES,
    outputs=_PLACES,
    attributes=st.dictionaries(_NAMES, _VALUES, max_size=5),
)


def _graphs(depth: int) -> st.SearchStrategy[Graph]:
    return st.builds(
        Graph,
        format=st.just("test"),
        tensors=st.lists(_TENSORS, max_size=9).map(tuple),
        nodes=st.lists(_NODES, max_size=6).map(tuple),
        inputs=_PLACES,
        outputs=_PLACES,
        subgraphs=st.lists(_graphs(depth - 1), max_size=2).map(tuple) if depth else st.just(()),
    )


@settings(max_examples=60, deadline=None)
@given(_graphs(2))
def test_any_graph(graph: Graph) -> None:
    cost = model_cost(graph)
    for layer in cost.layers:
        assert layer.macs is not None or layer.note
    if any(layer.macs is None for layer in cost.layers):
        assert cost.lower_bound
    if any(layer.parameters is None for layer in cost.layers):
        assert cost.parameters_lower_bound
    assert (cost.flops is None) == (cost.macs is None)
    peak = peak_memory(graph, in_place=False)
    assert (peak is None) == (cost.peak is None)


def _graph(*nodes: Node, subgraphs: tuple[Graph, ...] = (), name: str = "") -> Graph:
    tensors = tuple(Tensor(f"t{at}", DType.FLOAT32, (1, 4)) for at in range(4))
    return Graph(format="x", name=name, nodes=nodes, tensors=tensors, inputs=(0,), outputs=(3,), subgraphs=subgraphs)


def test_operations_in_a_circle_make_totals_lower_bounds() -> None:
    straight = _graph(Node("a", "Relu", inputs=(0,), outputs=(1,)), Node("b", "Relu", inputs=(1,), outputs=(3,)))
    assert not model_cost(straight).lower_bound
    circle = _graph(Node("a", "Relu", inputs=(3,), outputs=(1,)), Node("b", "Relu", inputs=(1,), outputs=(3,)))
    cost = model_cost(circle)
    assert cost.lower_bound
    assert cost.unknown == ("operations wait for each other in a circle × 2",)


def test_sub_graphs_that_are_not_there_make_totals_lower_bounds() -> None:
    body = _graph(Node("r", "Relu", inputs=(0,), outputs=(3,)))
    for attributes in ({}, {"then_branch": 0, "else_branch": 7}, {"then_branch": -1}):
        graph = _graph(Node("i", "If", inputs=(0,), outputs=(3,), attributes=attributes), subgraphs=(body,))
        assert "not there" in model_cost(graph).unknown[0]
    whole = _graph(Node("i", "If", inputs=(0,), outputs=(3,), attributes={"then_branch": 0}), subgraphs=(body,))
    assert not model_cost(whole).lower_bound


def test_functions_called_by_name_inside_of_others_are_counted() -> None:
    weights = Tensor("w", DType.FLOAT32, (4, 4), constant=True)
    dense = _graph(Node("m", "MatMul", inputs=(0, 4), outputs=(3,)), name="d::dense")
    dense = Graph(
        format="x", name="d::dense", nodes=dense.nodes, tensors=(*dense.tensors, weights), inputs=(0,), outputs=(3,)
    )
    twice = _graph(
        Node("c", "Call", inputs=(0,), outputs=(1,), attributes={"function": "d::dense"}),
        Node("c", "Call", inputs=(1,), outputs=(3,), attributes={"function": "d::dense"}),
        name="d::twice",
    )
    main = _graph(Node("t", "Call", inputs=(0,), outputs=(3,), attributes={"body": 1}), subgraphs=(dense, twice))
    cost = model_cost(main)
    assert (cost.macs, cost.lower_bound) == (2 * 4 * 4, False)
    nobody = _graph(Node("c", "Call", inputs=(0,), outputs=(3,), attributes={"function": "d::gone"}))
    assert model_cost(nobody).lower_bound
