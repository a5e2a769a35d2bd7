from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from nngauge.analyse.cost import model_cost
from nngauge.domain.graph import DType, Graph, Node, Tensor
from nngauge.errors import UnsupportedError
from nngauge.picture.layered_layout import MAX_SPAN, Box, Placement, Wire, place
from nngauge.picture.network_plan import MAX_ITEMS, Plan, plan
from nngauge.picture.network_svg import COLOURS, render_svg
from tests.builders.analyses import Net, analysis, lenet, residual

SVG = "{http://www.w3.org/2000/svg}"


def planned(graph: Graph) -> Plan:
    return plan(graph, model_cost(graph).layers)


def texts(svg: str) -> list[str]:
    return [node.text or "" for node in ET.fromstring(svg).iter(f"{SVG}text")]


# --- layout -------------------------------------------------------------------------------------------------------------


def overlap(placed: Placement, boxes: list[Box]) -> bool:
    rectangles = [(x, y, x + box.width, y + box.height) for (x, y), box in zip(placed.corners, boxes, strict=True)]
    return any(
        a[0] < b[2] - 0.01 and b[0] < a[2] - 0.01 and a[1] < b[3] - 0.01 and b[1] < a[3] - 0.01
        for at, a in enumerate(rectangles)
        for b in rectangles[at + 1 :]
    )


def test_boxes_do_not_overlap_and_wires_run_down() -> None:
    boxes = [Box(60 + 17 * (at % 5), 30 + 9 * (at % 3)) for at in range(60)]
    wires = [Wire(at // 3, at, at // 3) for at in range(1, 60)] + [Wire(at, at + 7, 100 + at) for at in range(50)]
    placed = place(boxes, wires)
    assert not overlap(placed, boxes)
    assert all(
        x >= 0 and x + box.width <= placed.width + 0.01 for (x, _), box in zip(placed.corners, boxes, strict=True)
    )
    for wire, route in zip(wires, placed.routes, strict=True):
        assert route is not None
        assert route[0][1] == pytest.approx(placed.corners[wire.source][1] + boxes[wire.source].height)
        assert route[-1][1] == pytest.approx(placed.corners[wire.target][1])
        assert [y for _, y in route] == sorted(y for _, y in route)


def test_a_chain_is_a_straight_line() -> None:
    boxes = [Box(50 + 10 * (at % 4), 20) for at in range(20)]
    placed = place(boxes, [Wire(at, at + 1, at) for at in range(19)])
    middles = {round(x + box.width / 2, 3) for (x, _), box in zip(placed.corners, boxes, strict=True)}
    assert len(middles) == 1


def test_blocks_with_a_wire_around_them_do_not_drift() -> None:
    """Residual networks stay a column, however deep."""
    boxes = [Box(100, 20) for _ in range(151)]
    wires = [Wire(at, at + 1, at) for at in range(150)] + [Wire(at, at + 3, at) for at in range(0, 150, 3)]
    placed = place(boxes, wires)
    assert placed.width < 300


def test_wires_backwards_and_very_long_ones_are_not_drawn() -> None:
    boxes = [Box(10, 10)] * (MAX_SPAN + 3)
    wires = [Wire(at, at + 1, at) for at in range(MAX_SPAN + 2)]
    placed = place(boxes, [*wires, Wire(0, MAX_SPAN + 2, 0), Wire(5, 2, 5), Wire(3, 3, 3), Wire(0, 999, 0)])
    assert placed.routes[-4:] == (None, None, None, None)
    assert None not in placed.routes[:-4]


def test_nothing_has_a_place() -> None:
    assert place([], []).corners == ()


# --- what is drawn ------------------------------------------------------------------------------------------------------


def test_every_operation_of_a_small_network_has_a_box() -> None:
    picture = planned(lenet())
    assert [[item.node for item in box] for box in picture.boxes] == [[-1], [0], [1], [2], [3], [-1]]
    assert [(link.source, link.target) for link in picture.links] == [(at, at + 1) for at in range(5)]
    assert picture.roomy
    assert not picture.blocks


def test_repeated_blocks_are_drawn_once() -> None:
    picture = planned(residual(40))
    (block,) = picture.blocks
    assert block.times == 40
    assert block.parameters == 40 * 2 * 64
    assert len(picture.boxes) == 1 + 1 + 4 + 1  # input, first convolution, one block, output
    assert {link.target for link in picture.links} == set(range(1, 7))  # everything hangs together


def test_symbols_of_each_block_do_not_hide_that_they_repeat() -> None:
    net = Net((1, 8, 8, 8))
    at = net.conv(0, 8)
    for number in range(40):
        at = net.op("Add", net.op("Tanh", net.op("Relu", at)), at)
        net.tensors[at] = Tensor(f"t{at}", DType.FLOAT32, (1, 8, 8, f"past_{number}"))
    picture = planned(net.graph(at))
    assert sum(block.times for block in picture.blocks) >= 39


def test_blocks_that_differ_are_all_drawn() -> None:
    net = Net((1, 8, 8, 8))
    at = 0
    for number in range(60):
        at = net.op("Add", net.conv(net.conv(at, 9 + number), 8), at)
    picture = planned(net.graph(at))
    assert not picture.blocks
    assert sum(len(box) for box in picture.boxes) == 180 + 2


def test_a_mask_that_all_blocks_use_does_not_hide_that_they_repeat() -> None:
    net = Net((1, 8, 8, 8))
    mask = net.op("Sigmoid", 0)
    at = net.conv(0, 8)
    for _ in range(40):
        at = net.op("Add", net.op("Mul", net.conv(at, 8), mask), at)
    picture = planned(net.graph(at))
    assert [block.times for block in picture.blocks] == [40]


def test_runs_share_a_box_in_a_large_network() -> None:
    net = Net((1, 8, 8, 8))
    at = 0
    for number in range(200):
        at = net.conv(at, 3 + number)
    picture = planned(net.graph(at))
    assert not picture.roomy
    assert len(picture.boxes) < 12
    assert [item.node for box in picture.boxes for item in box if not item.port] == list(range(200))


def test_identities_and_computed_constants_are_left_out_and_said_so() -> None:
    net = Net()
    at = net.op("Relu", net.op("Identity", 0))
    net.tensors.append(Tensor("c", DType.FLOAT32, (1,), constant=True))
    folded = net.op("Sqrt", len(net.tensors) - 1)
    picture = planned(net.graph(net.op("Add", at, folded)))
    assert [item.node for box in picture.boxes for item in box] == [-1, 1, 3, -1]
    assert picture.notes == ("not drawn: 1 operation on constants alone", "not drawn: 1 × Identity")


def test_a_network_of_constants_alone_is_drawn_all_the_same() -> None:
    tensors = (Tensor("a", DType.FLOAT32, (1,), constant=True), Tensor("b", DType.FLOAT32, (1,)))
    graph = Graph(format="x", nodes=(Node("Sqrt", "Sqrt", "", (0,), (1,)),), tensors=tensors, outputs=(1,))
    assert len(planned(graph).boxes) == 2


def test_cycles_and_huge_networks_end() -> None:
    tensors = tuple(Tensor(f"t{at}", DType.FLOAT32, (1,)) for at in range(3))
    nodes = (Node("A", None, "", (1,), (0,)), Node("B", None, "", (0,), (1,)), Node("C", None, "", (1,), (2,)))
    cyclic = Graph(format="x", nodes=nodes, tensors=tensors, outputs=(2,))
    assert sum(len(box) for box in planned(cyclic).boxes) == 4
    ET.fromstring(render_svg(analysis(cyclic)))
    net = Net()
    at = 0
    for number in range(MAX_ITEMS + 50):
        at = net.op(f"Op{number}", at)
    picture = planned(net.graph(at))
    assert picture.notes == ("not drawn: 52 more operations",)


# --- the document -------------------------------------------------------------------------------------------------------


def test_the_picture_says_what_is_there() -> None:
    found = texts(render_svg(analysis(lenet())))
    for wanted in ("m.tflite", "image", "float32 1×3×32×32", "Conv 1x1", "first", "24 params · 24.6 k MACs", "1×8×32×32",
                   "Softmax", "convolution", "2 · 100% of MACs", "activation"):  # fmt: skip
        assert wanted in found, wanted


def test_tiny_shares_are_said_in_well_formed_words() -> None:
    net = Net((1, 3, 64, 64))
    at = net.conv(0, 500)
    net.tensors.append(Tensor("w", DType.FLOAT32, (2, 3), constant=True))
    net.tensors.append(Tensor("y", DType.FLOAT32, (1, 2)))
    net.tensors.append(Tensor("x", DType.FLOAT32, (1, 3)))
    weight, out, source = (len(net.tensors) - place for place in (3, 2, 1))
    net.nodes.append(Node("Gemm", "Gemm", "", (source, weight), (out,), {"transB": 1}))
    assert "1 · <1% of MACs" in texts(render_svg(analysis(net.graph(at, out))))


def test_the_same_graph_gives_the_same_picture() -> None:
    assert render_svg(analysis(residual(12))) == render_svg(analysis(residual(12)))


def test_every_family_has_a_colour() -> None:
    from nngauge.domain.cost import Family

    assert set(COLOURS) == set(Family)


HOSTILE = "<script>alert(1)</script>&\"'\x1b[31m\x00\ud800\ufffe]]>" + "x" * 100_000


def test_hostile_names_stay_text() -> None:
    net = Net(name=HOSTILE)
    graph = net.graph(net.op("Relu", net.conv(0, 4, HOSTILE), name=HOSTILE, op=HOSTILE))
    svg = render_svg(analysis(graph, model={"path": "a!" + HOSTILE, "title": HOSTILE}))
    root = ET.fromstring(svg.encode())
    assert not list(root.iter(f"{SVG}script"))
    assert "\x1b" not in svg
    assert len(svg) < 30_000


def test_blocks_have_a_frame_with_their_number() -> None:
    svg = render_svg(analysis(residual(40)))
    assert "× 40" in texts(svg)
    assert 'class="block"' in svg


def test_weights_without_a_network_are_refused() -> None:
    with pytest.raises(UnsupportedError, match="no network to draw"):
        render_svg(analysis(Graph(format="safetensors")))
