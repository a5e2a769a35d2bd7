"""Any graph of known kinds ends, and raises nothing but declared errors."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes import infer_shapes
from nngauge.analyse.shapes.rules import RULES
from nngauge.domain.graph import Attribute, DType, Graph, Node, Tensor
from nngauge.errors import UsageError
from nngauge.limits import MAX_RANK

KINDS = sorted({*RULES, "If", "Loop", "Scan", "Call", "NotAKind"})
NAMES = [
    "kernel_shape", "strides", "pads", "dilations", "group", "auto_pad", "data_layout", "weight_layout", "channels", "axis",
    "axes", "perm", "shape", "sizes", "scales", "split", "starts", "ends", "steps", "repeats", "keepdims", "blocksize",
    "blocks", "hidden_size", "direction", "layout", "num_heads", "kv_num_heads", "to", "body", "cond", "then_branch",
    "else_branch", "ceil_mode", "output_shape", "output_padding", "output_size", "transA", "transB", "equation", "batch_dims",
    "new_axis", "squeeze", "new_axes", "num_outputs", "end_axis", "rank", "num_priors", "n_fft", "power", "value",
    "value_ints", "value_float", "start", "end", "allowzero", "function", "num_scan_inputs", "N", "pooled_shape", "k",
    "keep_aspect_ratio_policy", "onesided", "inverse", "ngram_indexes", "targets", "cats_int64s", "classlabels_ints",
    "q_num_heads", "qkv_hidden_sizes", "boxes", "stopwords", "bits", "gather_axis", "reduction", "noop_with_empty_axes",
]  # fmt: skip
WORDS = [
    "NCHW", "NHWC", "CHW", "NWC", "N", "C", "", "OIHW", "OHWI", "1HWO", "HWIM", "HWIO", "IOHW", "M1", "SAME_UPPER", "VALID",
    "bidirectional", "ij,jk->ik", "...ij->ji...", "i->", "int32", "float16", "bool", "not_larger", "graph", "none",
]  # fmt: skip
SYMBOLS = ["batch", "L", "H + 1", "floor(H/2)", "odd name", "?", "a*b*c*d", "-"]

numbers = st.integers(-3, 9) | st.sampled_from([2**31 - 1, 2**63 - 1, -(2**63), 2**64, 10**400])
reals = st.floats() | st.sampled_from([0.5, 2.0, 1e308])
attributes = st.one_of(
    numbers, reals, st.sampled_from(WORDS), st.booleans(),
    st.lists(st.integers(-2, 5), max_size=8).map(tuple), st.lists(numbers, max_size=4).map(tuple),
    st.lists(reals, max_size=4).map(tuple), st.lists(st.sampled_from(WORDS), max_size=3).map(tuple),
)  # fmt: skip
dims = st.integers(0, 9) | st.none() | st.sampled_from(SYMBOLS) | st.sampled_from([-1, 224, 2**40, 2**64, 10**400])
shapes = st.none() | st.lists(st.integers(1, 8), max_size=5).map(tuple) | st.lists(dims, max_size=6).map(tuple)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    values = draw(st.none() | st.lists(st.integers(-3, 8) | numbers | reals, max_size=6).map(tuple))
    constant = values is not None or draw(st.booleans())
    shape = draw(shapes) if values is None or draw(st.booleans()) else (len(values),)
    return Tensor(
        draw(st.sampled_from("abcdef")), draw(st.sampled_from(DType)), shape, constant=constant, values=values
    )


@st.composite
def graphs(draw: st.DrawFn, depth: int = 2) -> Graph:
    found = draw(st.lists(tensors(), min_size=1, max_size=12))
    places = st.integers(-1, len(found) - 1)
    nodes = []
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(KINDS))
        inputs = tuple(draw(st.lists(places, max_size=7)))
        outputs = tuple(draw(st.lists(places, max_size=3)))
        found_attributes: dict[str, Attribute] = draw(st.dictionaries(st.sampled_from(NAMES), attributes, max_size=8))
        nodes.append(Node(kind, kind, "", inputs, outputs, found_attributes))
    bodies = draw(st.lists(graphs(depth - 1), max_size=2)) if depth else []
    ends = st.lists(st.integers(0, len(found) - 1), max_size=3).map(tuple)
    return Graph(
        format="test", name="graph", nodes=tuple(nodes), tensors=tuple(found), inputs=draw(ends), outputs=draw(ends),
        subgraphs=tuple(bodies),
    )  # fmt: skip


def check(graph: Graph) -> None:
    """What inference promises of every shape."""
    for tensor in graph.tensors:
        assert tensor.shape is None or len(tensor.shape) <= MAX_RANK
    for body in graph.subgraphs:
        check(body)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    graphs(),
    st.dictionaries(st.sampled_from("abcdef"), st.lists(st.integers(-1, 300), max_size=5).map(tuple), max_size=2),
)
def test_any_graph(graph: Graph, inputs: dict[str, tuple[int, ...]]) -> None:
    try:
        found = infer_shapes(graph, Constants(), inputs)
    except UsageError:
        found = infer_shapes(graph, Constants())
    check(found.graph)
    assert len(found.graph.nodes) == len(graph.nodes)
    # What came out can go in again.
    infer_shapes(found.graph, Constants())


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.lists(tensors(), max_size=7),
    st.dictionaries(st.sampled_from(NAMES), attributes, max_size=10),
    st.integers(1, 4),
)
def test_any_node(kind: str, inputs: list[Tensor], given_attributes: dict[str, Attribute], outputs: int) -> None:
    results = tuple(range(len(inputs), len(inputs) + outputs))
    graph = Graph(
        format="test",
        nodes=(Node(kind, kind, "", tuple(range(len(inputs))), results, given_attributes),),
        tensors=(*inputs, *(Tensor(f"y{place}") for place in range(outputs))),
        inputs=tuple(place for place, tensor in enumerate(inputs) if not tensor.constant),
        outputs=results,
    )
    check(infer_shapes(graph, Constants()).graph)
