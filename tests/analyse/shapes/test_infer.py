"""Whole graphs: what is assumed, what the user says, in which order, and what flows through sub-graphs."""

from __future__ import annotations

import time
from collections.abc import Mapping

import pytest
from msgspec.structs import replace

from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes import infer_shapes
from nngauge.domain.graph import Attribute, Dim, DType, Graph, Node, Span, Tensor
from nngauge.errors import UsageError
from nngauge.io.source import ByteSource
from tests.analyse.shapes.graphs import constant, inferred, weight

Shape = tuple[Dim, ...]


def network(
    tensors: Mapping[str, Tensor | Shape | None],
    nodes: list[tuple[str, str, str, Mapping[str, Attribute]]],
    inputs: str = "x",
    outputs: str = "y",
    subgraphs: tuple[Graph, ...] = (),
) -> Graph:
    """Nodes as ``(kind, input names, output names, attributes)``; names that are not in `tensors` are computed."""
    known = {
        name: replace(given, name=name) if isinstance(given, Tensor) else Tensor(name, DType.FLOAT32, given)
        for name, given in tensors.items()
    }
    for _, sources, targets, _ in nodes:
        for name in (*sources.split(), *targets.split()):
            known.setdefault(name, Tensor(name))
    places = {name: place for place, name in enumerate(known)} | {"-": -1}
    return Graph(
        format="test",
        tensors=tuple(known.values()),
        nodes=tuple(
            Node(kind, kind, "", tuple(places[n] for n in i.split()), tuple(places[n] for n in o.split()), attributes)
            for kind, i, o, attributes in nodes
        ),
        inputs=tuple(places[name] for name in inputs.split()),
        outputs=tuple(places[name] for name in outputs.split()),
        subgraphs=subgraphs,
    )


def shapes(graph: Graph) -> dict[str, Shape | None]:
    return {tensor.name: tensor.shape for tensor in graph.tensors}


def classifier(shape: Shape | None, stated: Shape | None = None) -> Graph:
    return network(
        {"x": shape, "w": weight(8, 3, 3, 3), "y": stated},
        [("Conv", "x w", "c", {"strides": (2, 2), "pads": (1, 1, 1, 1)}), ("GlobalAveragePool", "c", "y", {})],
    )


# --- inputs ----------------------------------------------------------------------------------------------------------


def test_leading_dimension_is_taken_as_one() -> None:
    found = inferred(classifier(("batch", 3, None, 64)))
    assert found.assumptions == ("first dimension of `x` (`batch`) taken as 1",)
    assert shapes(found.graph)["x"] == (1, 3, "x.2", 64)
    assert shapes(found.graph)["c"] == (1, 8, "floor((x.2 + 1)/2)", 32)
    assert inferred(classifier((None, 3, 8, 8))).assumptions == ("first dimension of `x` (dynamic) taken as 1",)


def test_given_shapes() -> None:
    found = infer_shapes(classifier(("batch", 3, None, 64)), Constants(), {"x": (4, 3, 32, 64)})
    assert found.assumptions == ()
    assert shapes(found.graph)["c"] == (4, 8, 16, 32)


def test_what_the_file_states_stays_unless_contradicted() -> None:
    stated = classifier((1, 3, 64, 64), (1, 9, 1, 1))
    assert shapes(inferred(stated).graph)["y"] == (1, 9, 1, 1)
    assert shapes(inferred(stated, {"x": (1, 3, 64, 64)}).graph)["y"] == (1, 9, 1, 1)
    assert shapes(inferred(stated, {"x": (2, 3, 64, 64)}).graph)["y"] == (2, 8, 1, 1)


def test_symbols_of_the_file_are_one_number_everywhere() -> None:
    graph = network({"x": ("N", "L"), "z": ("N", "L"), "y": ("N", "other")}, [("Add", "x z", "y", {})], inputs="x z")
    assert shapes(inferred(graph).graph)["y"] == (1, "L")
    assert inferred(graph).assumptions == ("first dimension of `x` (`N`) taken as 1",)
    assert shapes(inferred(graph, {"x": (2, 7)}).graph)["z"] == (2, 7)


@pytest.mark.parametrize("given", [{"image": (1, 3, 8, 8)}, {"x": (3, 8, 8)}, {"x": (1, 3, -1, 8)}, {"x": (1,) * 65}])
def test_wrong_inputs(given: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(UsageError) as caught:
        inferred(classifier((None, 3, 8, 8)), given)
    if "image" in given:
        assert "x" in caught.value.hint


def test_input_without_shape_takes_what_its_reader_tells() -> None:
    found = inferred(classifier(None))
    assert found.assumptions[0] == "shape of `x` taken from the Conv that reads it"
    assert shapes(found.graph)["x"] == (1, 3, "x.2", "x.3")
    assert shapes(inferred(classifier(None), {"x": (1, 3, 8, 8)}).graph)["c"] == (1, 8, 4, 4)


def test_formats_without_batch_axis_have_no_first_dimension_to_assume() -> None:
    graph = network({"x": ("C", 8, 8), "w": weight(8, 3, 1, 1)}, [("Conv", "x w", "y", {"data_layout": "CHW"})])
    found = inferred(graph)
    assert (found.assumptions, shapes(found.graph)["y"]) == ((), (8, 8, 8))


# --- order -----------------------------------------------------------------------------------------------------------


def test_any_order() -> None:
    graph = classifier((1, 3, 64, 64))
    assert shapes(inferred(replace(graph, nodes=graph.nodes[::-1])).graph)["y"] == (1, 8, 1, 1)


def test_a_cycle_is_a_problem() -> None:
    graph = network({"x": (1, 4)}, [("Add", "x b", "a", {}), ("Relu", "a", "b", {}), ("Relu", "x", "y", {})])
    found = inferred(graph)
    assert "on or behind a cycle × 2" in found.problems
    assert shapes(found.graph)["y"] == (1, 4)


def test_an_output_that_is_also_the_input() -> None:
    graph = network({"x": (1, 4)}, [("Relu", "x", "x", {}), ("Sigmoid", "x", "y", {})])
    assert inferred(graph).problems == ()


def test_problems_are_counted() -> None:
    graph = network({"x": (1, 4)}, [("Custom", "x", "a", {}), ("Relu", "a", "b", {}), ("Relu", "b", "y", {})])
    assert inferred(graph).problems == (
        "`Relu`: an input has an unknown shape × 2",
        "`Custom`: what it does is not in the file × 1",
    )


# --- values ----------------------------------------------------------------------------------------------------------


def test_reshape_by_a_computed_shape() -> None:
    """``x.view(x.shape[0], -1, x.shape[2] * 2)`` as PyTorch exports it."""
    graph = network(
        {"x": (1, 6, "L"), "zero": constant([0]), "two": constant([2]), "rest": constant([-1])},
        [
            ("Shape", "x", "s", {}),
            ("Gather", "s zero", "n", {"axis": 0}),
            ("Gather", "s two", "l", {"axis": 0}),
            ("Mul", "l two", "l2", {}),
            ("Concat", "n rest l2", "t", {"axis": 0}),
            ("Reshape", "x t", "y", {}),
        ],
    )
    assert shapes(inferred(graph).graph)["y"] == (1, 3, "2*L")


def test_expand_by_where_and_equal() -> None:
    """``expand(-1, n)``: the −1 is replaced by a comparison that never holds for a dimension."""
    graph = network(
        {"x": (1, "L"), "minus": constant([-1, -1]), "shape": constant([2])},
        [
            ("Shape", "x", "s", {}),
            ("ConstantOfShape", "shape", "ones", {"value": 1}),
            ("Equal", "s minus", "e", {}),
            ("Where", "e ones s", "t", {}),
            ("Expand", "x t", "y", {}),
        ],
    )
    assert shapes(inferred(graph).graph)["y"] == (1, "L")


def test_pads_turned_around() -> None:
    """``F.pad``: pads of the last axis first become ONNX's by slicing backwards and transposing."""
    graph = network(
        {
            "x": (1, 3, 8, 8), "pads": constant([1, 2, 3, 4]), "four": constant([4]), "start": constant([-1]),
            "stop": constant([-(1 << 62)]), "axis": constant([0]), "rows": constant([-1, 2]), "flat": constant([-1]),
        },
        [
            ("ConstantOfShape", "four", "zeros", {"value": 0}),
            ("Concat", "pads zeros", "all", {"axis": 0}),
            ("Reshape", "all rows", "pairs", {}),
            ("Slice", "pairs start stop axis start", "turned", {}),
            ("Transpose", "turned", "columns", {"perm": (1, 0)}),
            ("Reshape", "columns flat", "p", {}),
            ("Pad", "x p", "y", {}),
        ],
    )  # fmt: skip
    assert shapes(inferred(graph).graph)["y"] == (1, 3, 15, 11)


def test_resize_to_a_size_computed_in_floats() -> None:
    graph = network(
        {"x": (1, 3, "H", 8), "scale": constant([1.0, 1.0, 2.0, 2.0], dtype=DType.FLOAT32)},
        [
            ("Shape", "x", "s", {}),
            ("Cast", "s", "f", {"to": "float32"}),
            ("Mul", "f scale", "m", {}),
            ("Floor", "m", "r", {}),
            ("Cast", "r", "t", {"to": "int64"}),
            ("Resize", "x - - t", "y", {}),
        ],
    )
    assert shapes(inferred(graph).graph)["y"] == (1, 3, "2*H", 16)


def test_constants_are_read_where_they_lie() -> None:
    raw = b"junk" + (3).to_bytes(8, "little") + (-1).to_bytes(8, "little", signed=True)
    stored = Tensor("t", DType.INT64, (2,), Span(4, 16, 1), constant=True)
    graph = network({"x": (2, 6), "t": stored}, [("Reshape", "x t", "y", {})])
    parts = [ByteSource.of_bytes(b"", "lead"), ByteSource.of_bytes(raw, "weights")]
    assert shapes(infer_shapes(graph, Constants(parts)).graph)["y"] == (3, 4)
    constants = Constants(parts)
    assert constants.values(stored) == (3, -1)
    for broken in (Span(4, 8, 1), Span(5, 16, 1), Span(4, 16, 2), Span(-4, 16, 1), Span(4, 16, -1)):
        assert constants.values(replace(stored, data=broken)) is None
    assert constants.values(replace(stored, shape=(1 << 40,))) is None
    assert constants.values(replace(stored, dtype=DType.STRING)) is None


# --- sub-graphs ------------------------------------------------------------------------------------------------------


def body(kind: str, attributes: Mapping[str, Attribute]) -> Graph:
    return network({"v": None}, [(kind, "v", "r", attributes)], inputs="v", outputs="r")


def test_if_has_what_both_branches_have() -> None:
    branches = (body("Relu", {}), body("Pad", {"pads": (0, 1, 0, 0)}))
    attributes = {"then_branch": 0, "else_branch": 1}
    graph = network(
        {"c": Tensor("c", DType.BOOL, ()), "x": (1, 4)}, [("If", "c x", "y", attributes)], "c x", "y", branches
    )
    found = inferred(graph)
    assert shapes(found.graph)["y"] == (1, None)
    assert shapes(found.graph.subgraphs[1])["r"] == (1, 5)
    taken = network(
        {"c": constant([0], (), DType.BOOL), "x": (1, 4)}, [("If", "c x", "y", attributes)], "x", "y", branches
    )
    assert shapes(inferred(taken).graph)["y"] == (1, 5)


def test_branches_use_values_of_the_graph_around() -> None:
    """ONNX's branches have no inputs."""
    branch = network({}, [("Relu", "x", "r", {})], inputs="", outputs="r")
    graph = network(
        {"c": Tensor("c", DType.BOOL, ()), "x": (1, 4)},
        [("If", "c", "y", {"then_branch": 0, "else_branch": 1})], "c x", "y", (branch, branch),
    )  # fmt: skip
    assert shapes(inferred(graph).graph)["y"] == (1, 4)


def test_loop() -> None:
    """Carried values keep what no iteration changes; scanned ones gain the axis of iterations."""
    step = network(
        {"i": None, "go": None, "a": None, "b": None, "zeros": (1, 2)},
        [("Identity", "go", "on", {}), ("Relu", "a", "p", {}), ("Concat", "b zeros", "q", {"axis": 0}), ("Relu", "p", "s", {})],
        inputs="i go a b", outputs="on p q s",
    )  # fmt: skip
    graph = network(
        {"n": constant([5], ()), "a": (3, 4), "b": (1, 2)},
        [("Loop", "n - a b", "u v w", {"body": 0})], "a b", "u v w", (step,),
    )  # fmt: skip
    found = inferred(graph)
    assert [shapes(found.graph)[name] for name in "uvw"] == [(3, 4), (None, 2), (5, 3, 4)]
    assert found.graph.nodes[0].attributes["trip_count"] == 5


def test_while_of_tensorflow() -> None:
    condition = network({"v": None, "w": None}, [("Less", "v w", "r", {})], inputs="v w", outputs="r")
    step = network({"v": None, "w": None}, [("Add", "v w", "r", {})], inputs="v w", outputs="r w")
    graph = network(
        {"x": (1, 4), "z": (1, 4)},
        [("Loop", "- - x z", "y u", {"cond": 0, "body": 1})],
        "x z",
        "y u",
        (condition, step),
    )
    found = inferred(graph)
    assert shapes(found.graph)["y"] == (1, 4)
    assert shapes(found.graph.subgraphs[0])["r"] == (1, 4)


def test_scan() -> None:
    step = network({"s": None, "e": None}, [("Add", "s e", "t", {})], inputs="s e", outputs="t t")
    graph = network(
        {"x": (1, 4), "z": (7, 4)}, [("Scan", "x z", "y u", {"body": 0, "num_scan_inputs": 1})], "x z", "y u", (step,)
    )
    assert [shapes(inferred(graph).graph)[name] for name in "yu"] == [(1, 4), (7, 1, 4)]


def test_call_by_place_and_by_name() -> None:
    function = replace(body("Transpose", {}), name="my::Turn")
    for attributes in ({"body": 0}, {"function": "my::Turn"}):
        graph = network({"x": (2, 4)}, [("Call", "x", "y", attributes)], subgraphs=(function,))
        assert shapes(inferred(graph).graph)["y"] == (4, 2)


def test_a_graph_that_nobody_calls_is_inferred_on_its_own() -> None:
    other = network({"v": (None, 4)}, [("Relu", "v", "r", {})], inputs="v", outputs="r")
    found = inferred(network({"x": (2, 4)}, [("Relu", "x", "y", {})], subgraphs=(other,)))
    assert shapes(found.graph.subgraphs[0])["r"] == (1, 4)
    assert found.assumptions == ("first dimension of `v` (dynamic) taken as 1",)


def test_a_graph_that_calls_itself_ends() -> None:
    again = network({"v": None}, [("Call", "v", "r", {"body": 0})], inputs="v", outputs="r")
    found = inferred(network({"x": (2, 4)}, [("Call", "x", "y", {"body": 0})], subgraphs=(again,)))
    assert "nested too deeply" in found.problems[0]


# --- bounds ----------------------------------------------------------------------------------------------------------


def chain(kind: str, shape: Shape, attributes: Mapping[str, Attribute], count: int) -> Graph:
    tensors = [Tensor("x", DType.FLOAT32, shape), *(Tensor(f"t{place}") for place in range(count))]
    nodes = [Node(kind, kind, "", (place,), (place + 1,), attributes) for place in range(count)]
    return Graph(format="test", nodes=tuple(nodes), tensors=tuple(tensors), inputs=(0,), outputs=(count,))


@pytest.mark.parametrize(
    ("kind", "shape", "attributes"),
    [
        ("Relu", (1, 8, 64, 64), {}),
        ("Pad", ("N", 8, "H", "W"), {"pads": (0, 0, 1, 2, 0, 0, 3, 4)}),
        ("Tile", ("N", 8, "H", "W"), {"repeats": (1, 3, 1, 1)}),
        ("Concat", ("N", "C"), {"axis": 1, "new_axis": 1}),
        ("Flatten", tuple("ABCDEFGH"), {"axis": 4}),
        ("Call", (1, 2), {"body": 0}),
    ],
)
def test_work_is_bounded(kind: str, shape: Shape, attributes: Mapping[str, Attribute]) -> None:
    """10⁵ nodes need well under 2 s of a processor; the bound here leaves room for slow machines."""
    graph = chain(kind, shape, attributes, 100_000)
    if kind == "Call":
        graph = replace(graph, subgraphs=(chain("Relu", (1, 2), {}, 1000),))
    start = time.process_time()
    inferred(graph)
    assert time.process_time() - start < 6
