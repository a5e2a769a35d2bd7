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
