"""NNEF: a network of many operations against the shapes that Khronos' own tools give, tensor files, damaged texts."""

from __future__ import annotations

import struct

import pytest

from nngauge.domain.graph import Completeness, DType, Graph, Span
from nngauge.errors import InputError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import ModelData
from nngauge.formats.nnef import FORMAT
from tests.builders.hostile import accepts, matches, refuse_lookalikes, refuse_noise, survive

GRAPH = """# Made for this test.
version 1.0;
extension KHR_enable_fragment_definitions;
fragment mine( x: tensor<scalar> ) -> ( y: tensor<scalar> )
{
    y = relu(x) * 2.0;
}
graph net( input ) -> ( scores, parts )
{
    input = external<scalar>(shape = [1, 3, 33, 33]);
    w1 = variable<scalar>(shape = [8, 3, 3, 3], label = 'conv/w1');
    b1 = variable<scalar>(shape = [1, 8], label = 'conv/b1');
    c1 = conv(input, w1, b1, padding = [(1, 1), (1, 1)], stride = [2, 2], border = 'constant', dilation = [1, 1], groups = 1);
    r1 = relu(c1);
    w2 = variable<scalar>(shape = [8, 1, 3, 3], label = 'dw');
    c2 = conv(r1, w2, 0.0, padding = [], stride = [2, 2], groups = 0);
    m = variable<scalar>(shape = [1, 8], label = 'm');
    n = batch_normalization(c2, m, m, m, m, epsilon = 0.001);
    p = max_pool(n, size = [1, 1, 2, 2], stride = [1, 1, 2, 2], padding = [(0, 0), (0, 0), (0, 0), (0, 0)]);
    q = avg_pool(n, size = [1, 1, 3, 3], stride = [1, 1, 2, 2], padding = []);
    u = nearest_upsample(p, factor = [2, 2]);
    w3 = variable<scalar>(shape = [8, 4, 2, 2], label = 'up');
    d = deconv(p, w3, 0.0, padding = [(0, 0), (0, 0)], stride = [2, 2]);
    k = concat([u, d], axis = 1);
    g = mean_reduce(k, axes = [2, 3]);
    f = reshape(g, shape = [1, -1]);
    w4 = variable<scalar>(shape = [10, 12], label = 'fc');
    b4 = variable<scalar>(shape = [1, 10], label = 'fcb');
    l = linear(f, w4, b4);
    scores = softmax(l, axes = [1]);
    t = transpose(k, axes = [0, 2, 3, 1]);
    s = slice(t, axes = [1, 3], begin = [1, 0], end = [0, 6]);
    z = pad(s, padding = [(0, 0), (1, 1), (2, 0), (0, 0)], border = 'constant', value = 0.0);
    [s1, s2] = split(z, axis = 3, ratios = [1, 1]);
    h = clamp(s1, 0.0, 6.0);
    parts = stack([h, s2], axis = 0);
}
"""
VARIABLES = {
    "conv/w1": (8, 3, 3, 3), "conv/b1": (1, 8), "dw": (8, 1, 3, 3), "m": (1, 8), "up": (8, 4, 2, 2), "fc": (10, 12),
    "fcb": (1, 10),
}  # fmt: skip


def tensor_file(shape: tuple[int, ...], *, item: int = 0, bits: int = 32) -> bytes:
    count = 1
    for size in shape:
        count *= size
    padded = (*shape, *(0,) * (8 - len(shape)))
    header = struct.pack("<2s2B2I8I2I", b"N\xef", 1, 0, count * bits // 8, len(shape), *padded, bits, item)
    return header.ljust(128, b"\0") + bytes(count * bits // 8)


def parse(text: str = GRAPH, parts: dict[str, bytes] | None = None) -> Graph:
    return FORMAT.parse(ModelData("m/graph.nnef", text.encode(), parts or {}))


def whole() -> Graph:
    return parse(parts={f"m/{label}.dat": tensor_file(shape) for label, shape in VARIABLES.items()})


def test_network() -> None:
    assert matches(FORMAT, GRAPH.encode(), "m/graph.nnef")
    graph = whole()
    assert (graph.completeness, graph.name, graph.format_version) == (Completeness.FULL, "net", "1.0")
    assert all(node.kind for node in graph.nodes)
    by_name = {node.name: node for node in graph.nodes}
    conv = by_name["c1"]
    assert conv.attributes == {
        "pads": (1, 1, 1, 1),
        "strides": (2, 2),
        "dilations": (1, 1),
        "group": 1,
        "kernel_shape": (3, 3),
    }
    assert [graph.tensors[place].name for place in conv.inputs] == ["input", "w1", "b1"]
    depthwise = by_name["c2"]
    assert (depthwise.attributes["group"], depthwise.attributes["auto_pad"], len(depthwise.inputs)) == (
        8,
        "SAME_UPPER",
        2,
    )
    assert by_name["d"].kind == "ConvTranspose"
    assert by_name["p"].attributes == {"pads": (0, 0, 0, 0), "strides": (2, 2), "kernel_shape": (2, 2)}
    assert by_name["s"].attributes["ends"] == ((1 << 31) - 1, 6)
    assert [graph.tensors[place].name for place in graph.outputs] == ["scores", "parts"]


def test_weights_lie_in_their_files() -> None:
    graph = whole()
    # The two bounds of the clamp are constants, too.
    assert graph.parameters == 216 + 8 + 72 + 8 + 128 + 120 + 10 + 2
    place = 1 + list(VARIABLES).index("fc")
    fully = next(tensor for tensor in graph.tensors if tensor.name == "w4")
    assert (fully.dtype, fully.data) == (DType.FLOAT32, Span(128, 480, place))


def test_files_that_do_not_fit() -> None:
    assert "7 variables are missing, first conv/w1" in parse().notes[0]
    assert parse().completeness is Completeness.TOPOLOGY
    files = {f"m/{label}.dat": tensor_file(shape) for label, shape in VARIABLES.items()}
    for damaged in (tensor_file((10, 11)), tensor_file((10, 12))[:-1], b"N", bytes(200)):
        graph = parse(parts=files | {"m/fc.dat": damaged})
        assert (graph.completeness, len(graph.notes)) == (Completeness.PARTIAL, 1)
        assert graph.notes[0].startswith("fc.dat")


def test_companions() -> None:
    assert FORMAT.bind is not None
    paths = ["m/graph.nnef", "m/b.dat", "m/a/c.dat", "n/d.dat", "m/readme"]
    assert FORMAT.bind("m/graph.nnef", paths) == ("m/a/c.dat", "m/b.dat")


def test_calls_inside_calls_and_own_fragments() -> None:
    text = "version 1.0; graph g(x) -> (y) { x = external<scalar>(shape = [2]); z = relu(neg(x)); y = mine(z, 3); }"
    graph = parse(text)
    assert [(node.op, node.kind) for node in graph.nodes] == [("neg", "Neg"), ("relu", "Relu"), ("mine", None)]
    assert graph.nodes[1].inputs == graph.nodes[0].outputs
    assert graph.nodes[2].attributes == {"1": 3}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("version 1.0; graph g(x) -> (y) { y = x + 1.0; }", UnsupportedError),
        ("version 1.0; graph g(x) -> (y) { y = relu(z); }", MalformedError),
        ("version 1.0; graph g(x) -> (y) { y = relu(x)", MalformedError),
        ("version 1.0; graph g(x) -> (y) { y = relu(" + "[" * 200 + "x", MalformedError),
        ("version 1.0; fragment f { } } graph", MalformedError),
        ("version 1.0; graph g(x) -> (q) { y = relu(x); }", MalformedError),
        ("version 1.0; graph g(x) -> (y) { y = relu($); }", MalformedError),
        ("version 1.0;", MalformedError),
    ],
)
def test_refuses(text: str, kind: type[InputError]) -> None:
    with pytest.raises(kind):
        parse(text)
    assert not accepts(FORMAT, text.encode(), "notes.txt")


def test_other_texts() -> None:
    for text in (b"version 3", b"versions: 1.0;", b"# version 1.0;\n" * 40):
        with pytest.raises(NotThisFormat):
            FORMAT.parse(ModelData("x", text))
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)
    survive(FORMAT, GRAPH.encode(), "graph.nnef", count=200)
