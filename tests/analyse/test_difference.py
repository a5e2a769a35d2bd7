from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from nngauge.analyse.difference import MAX_ALIGNMENT, Weight, align, compare, share_weights, weights_of
from nngauge.domain.cost import Family, Layer
from nngauge.domain.difference import Change
from nngauge.domain.graph import DType, Graph, Span, Tensor
from nngauge.io.source import ByteSource
from tests.builders.analyses import Net, analysis, lenet, residual


def layer(kind: str, at: int = 0, shape: tuple[int, ...] = (1, 8), parameters: int = 0) -> Layer:
    return Layer(index=at, name="", op=kind, kind=kind, family=Family.OTHER, outputs=(shape,), parameters=parameters)


SIGNS = {Change.SAME: "=", Change.CHANGED: "~", Change.ADDED: "+", Change.REMOVED: "-", Change.FUSED: "f"}


def changes(one: str, other: str) -> str:
    steps, _ = align([layer(c, at) for at, c in enumerate(one)], [layer(c, at) for at, c in enumerate(other)])
    return "".join(SIGNS[step.change] for step in steps)


def test_equal_lists_are_the_same() -> None:
    assert changes("abc", "abc") == "==="
    assert changes("", "") == ""


def test_additions_and_removals_keep_the_rest_aligned() -> None:
    assert changes("acbd", "abd") == "=-=="
    assert changes("abd", "acbd") == "=+=="
    assert changes("abc", "") == "---"
    assert changes("", "ab") == "++"
    assert sorted(changes("axxb", "ayyb")) == sorted("=--++=")


def test_layers_of_one_kind_that_differ_are_changed() -> None:
    one = [layer("Conv", 0, (1, 8), 10), layer("Relu", 1)]
    other = [layer("Conv", 0, (1, 16), 20), layer("Relu", 1)]
    steps, _ = align(one, other)
    assert [step.change for step in steps] == [Change.CHANGED, Change.SAME]


def test_axis_order_does_not_count() -> None:
    one = [layer("Conv", 0, (1, 224, 224, 32), 10)]
    other = [layer("Conv", 0, (1, 32, 224, 224), 10)]
    assert align(one, other)[0][0].change is Change.SAME
    assert align(one, [layer("Conv", 0, (32, 224, 224), 10)])[0][0].change is Change.SAME


@settings(max_examples=200, deadline=None)
@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_every_layer_is_there_once_and_in_order(one: str, other: str) -> None:
    steps, _ = align([layer(c, at) for at, c in enumerate(one)], [layer(c, at) for at, c in enumerate(other)])
    assert [step.first.index for step in steps if step.first] == list(range(len(one)))
    assert [step.second.index for step in steps if step.second] == list(range(len(other)))
    same = sum(step.change is Change.SAME for step in steps)
    assert same == _longest_common(one, other)


def _longest_common(one: str, other: str) -> int:
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, a in enumerate(one):
        for j, b in enumerate(other):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def test_activations_that_the_other_model_fuses_are_no_difference() -> None:
    def conv(attributes: str) -> Layer:
        return replace(layer("Conv", 0), attributes=attributes)

    relu = replace(layer("Relu", 1), family=Family.ACTIVATION)
    end = layer("Gemm", 2)
    for one, other in (
        ([conv("3x3"), relu, end], [conv("3x3 +Relu"), end]),
        ([conv("+Relu"), end], [conv(""), relu, end]),
    ):
        assert [step.change for step in align(one, other)[0]] == [Change.SAME, Change.FUSED, Change.SAME]
    plain = align([conv("3x3"), relu, end], [conv("3x3"), end])[0]
    assert [step.change for step in plain] == [Change.SAME, Change.REMOVED, Change.SAME]
    other = align([conv("3x3"), relu, end], [conv("3x3 +Relu6"), end])[0]
    assert other[1].change is Change.REMOVED


def test_too_many_layers_are_not_aligned_and_said_so() -> None:
    count = int(MAX_ALIGNMENT**0.5) + 2
    steps, notes = align([layer("a")] * count, [layer("b")] * count)
    assert steps == ()
    assert "too many to align" in notes[0]


def test_equal_ends_are_free() -> None:
    long = [layer("a", at) for at in range(20_000)]
    started = time.process_time()
    steps, notes = align([*long, layer("x"), *long], [*long, layer("y"), *long])
    assert time.process_time() - started < 5
    assert len(steps) == 40_002
    assert not notes


def test_the_same_network_is_the_same() -> None:
    assert compare(analysis(residual(3)), analysis(residual(3), model={"digest": "00" * 32})).same
    assert compare(analysis(lenet()), analysis(lenet())).same_file
    assert not compare(analysis(residual(3)), analysis(residual(4), model={"digest": "00" * 32})).same


def test_figures_have_ratios() -> None:
    comparison = compare(analysis(residual(1)), analysis(residual(3)))
    ratios = {figure.name: figure.ratio for figure in comparison.costs}
    assert ratios["MACs"] == 7 / 3
    assert {figure.name: (figure.first, figure.second) for figure in comparison.families}["convolution"] == (3, 7)


def test_interfaces_are_compared_by_place() -> None:
    net = Net((1, 3, 16, 16), name="other")
    facts = compare(analysis(lenet()), analysis(net.graph(net.conv(0, 10)))).interface
    assert [(fact.name, fact.same) for fact in facts] == [("input", False), ("output", False)]
    assert facts[0].first == "float32 1×3×32×32"


# --- weights ------------------------------------------------------------------------------------------------------------


def weight(digest: bytes | None, shape: tuple[int, ...] = (4,)) -> Weight:
    return Weight("float32", shape, 4, digest)


def test_weights_are_paired_by_bytes_then_by_shape() -> None:
    one = [weight(b"a"), weight(b"a"), weight(b"b"), weight(b"c", (2, 2)), weight(None, (9,))]
    other = [weight(b"a"), weight(b"x"), weight(b"y", (7,))]
    shared = share_weights(one, other)
    assert (shared.identical, shared.identical_parameters) == (1, 4)
    assert (shared.same_shape, shared.only_first, shared.only_second, shared.unread) == (1, 3, 1, 1)


def test_weights_are_digested_where_they_lie() -> None:
    data = bytes(range(16))
    tensors = (
        Tensor("a", DType.UINT8, (8,), Span(0, 8), constant=True),
        Tensor("b", DType.UINT8, (8,), Span(8, 8), constant=True),
        Tensor("again", DType.UINT8, (8,), Span(0, 8), constant=True),
        Tensor("missing", DType.UINT8, (8,), Span(0, 8, part=7), constant=True),
        Tensor("inline", DType.INT64, (1,), constant=True, values=(3,)),
        Tensor("activation", DType.UINT8, (8,)),
    )
    graph = Graph(format="x", tensors=tensors, subgraphs=(Graph(format="x", tensors=tensors[:1]),))
    found = weights_of(graph, [ByteSource.of_bytes(data, "x")])
    digests = [item.digest for item in found]
    assert len(found) == 6
    assert digests[0] == digests[2] == digests[5] != digests[1]
    assert digests[3] is None
    assert digests[4] is not None
