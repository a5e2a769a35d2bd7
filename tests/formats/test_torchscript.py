"""PyTorch files: every kind that is found in apps, and pickles that would do harm if they were loaded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes import infer_shapes
from nngauge.domain.graph import Completeness, Graph, Node
from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats._parts.torch_pickle import collect
from nngauge.formats.torchscript import FORMAT
from nngauge.io.pickle_opcodes import Built, Global, Pairs, walk_pickle
from tests.builders import torch_zip
from tests.builders.hostile import MODELS, accepts, matches, refuse_lookalikes, refuse_noise, survive

FILES = {
    # tensors, parameters
    "torch_pickle/google-ai-edge__mediapipe__cb080b5e__falcon_rw_1b_test_weight.pt": (16, 12_302),
    "torch_pickle/openvinotoolkit__open_model_zoo__e962dba1__samplenet.pth": (10, 62_006),
    "torch_pickle/pytorch__executorch__5a52a033__model.pth": (56, 24_341),
    "torch_pickle/pytorch__executorch__b01b2318__cifar_net.pth": (8, 89_578),
    "torch_pickle/pytorch__executorch__cc143979__demo_rand_params.pth": (53, 395_200),
}


@pytest.mark.parametrize("name", FILES)
def test_real_checkpoint(name: str) -> None:
    path = MODELS / name
    if not path.exists():
        pytest.skip("real models are not beside this checkout")
    data = path.read_bytes()
    assert matches(FORMAT, data, "x.bin")
    graph = FORMAT.parse(ModelData("x.bin", data))
    assert (len(graph.tensors), graph.parameters) == FILES[name]
    assert not any("no model needs" in note for note in graph.notes)
    survive(FORMAT, data, "x.pt", count=12)


def test_real_script() -> None:
    paths = list((MODELS / "torchscript").glob("*"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    graph = FORMAT.parse(ModelData("x", paths[0].read_bytes()))
    assert graph.metadata["class"] == "__torch__.vad.model.vad_annotator.VADRNNJITMerge"
    assert graph.parameters == 545_282
    nodes = list(all_nodes(graph))
    assert {"aten::conv1d", "aten::lstm_cell"} <= {node.op for node in nodes}
    assert sum(node.kind is not None for node in nodes) >= 0.99 * len(nodes)
    assert {"x", "sr"} == {graph.tensors[at].name for at in graph.inputs}


def test_files_of_labels_are_not_models() -> None:
    paths = list((MODELS / "torch_pickle").glob("*labels.pt"))
    for path in paths:
        with pytest.raises(NotThisFormat):
            FORMAT.parse(ModelData(path.name, path.read_bytes()))


@pytest.mark.parametrize("folder", ["m/", "", "archive/"])
def test_checkpoint_in_a_zip(folder: str) -> None:
    data = torch_zip.archive(torch_zip.state_dict(), folder=folder)
    graph = FORMAT.parse(ModelData("x", data))
    assert [tensor.name for tensor in graph.tensors] == ["fc.weight", "fc.bias"]  # "tied" is the same storage
    assert graph.parameters == 10
    span = graph.tensors[1].data
    assert span is not None
    assert data[span.offset : span.offset + span.size] == bytes(8)
    survive(FORMAT, data, "x.pt", count=150)


def test_legacy_pickle() -> None:
    data = torch_zip.legacy(torch_zip.state_dict())
    assert matches(FORMAT, data, "x")
    graph = FORMAT.parse(ModelData("x", data))
    assert (graph.parameters, graph.format_version) == (10, "legacy pickle")
    with pytest.raises(InputError):
        FORMAT.parse(ModelData("x", data[:-12]))
    survive(FORMAT, data, "x.pt", count=300)


def test_scripted() -> None:
    graph = FORMAT.parse(ModelData("x", torch_zip.archive(torch_zip.module(), torch_zip.script())))
    assert [node.op for node in graph.nodes] == ["aten::linear", "aten::relu"]
    assert [graph.tensors[i].name for i in graph.inputs] == ["x", "scale"]
    assert graph.metadata == {"kind": "TorchScript", "class": "__torch__.Net"}


def test_lite_interpreter() -> None:
    records = torch_zip.script() | {"bytecode.pkl": torch_zip.bytecode()}
    graph = FORMAT.parse(ModelData("x.ptl", torch_zip.archive(torch_zip.module(), records)))
    assert [node.kind for node in graph.nodes] == ["MatMul", "Relu"]
    assert (graph.metadata["kind"], graph.completeness) == ("lite interpreter", Completeness.FULL)
    bare = {key: value for key, value in records.items() if not key.startswith("code/")}
    graph = FORMAT.parse(ModelData("x.ptl", torch_zip.archive(torch_zip.module(), bare)))
    assert [(node.op, node.kind) for node in graph.nodes] == [("aten::linear", "MatMul")]
    assert graph.completeness is Completeness.PARTIAL
    broken = bare | {"bytecode.pkl": torch_zip.bytecode(operator=7)}
    with pytest.raises(MalformedError):
        FORMAT.parse(ModelData("x.ptl", torch_zip.archive(torch_zip.module(), broken)))


def all_nodes(graph: Graph) -> Iterator[Node]:
    yield from graph.nodes
    for inner in graph.subgraphs:
        yield from all_nodes(inner)


def scripted(forward: str, functions: str = "") -> Graph:
    """The graph of a module with this ``forward``, an attribute ``weight`` and a submodule ``inner`` of its own class."""
    code = f"class Net(Module):\n  weight : Tensor\n  def forward(self: __torch__.Net,\n{forward}\n{functions}"
    inner = "class Inner(Module):\n  def forward(self: __torch__.Inner,\n    y: Tensor) -> Tensor:\n"
    inner += "    return torch.linear(y, self.weight, None)\n"
    part = Built(Global("__torch__", "Inner"), (), Pairs([("weight", torch_zip.tensor("0", 2, 4))]))
    pairs: list[tuple[object, object]] = [("training", False), ("weight", torch_zip.tensor("0", 2, 4)), ("inner", part)]
    root = Built(Global("__torch__", "Net"), (), Pairs(pairs))
    records = torch_zip.script() | {"code/__torch__.py": (inner + code).encode()}
    return FORMAT.parse(ModelData("x", torch_zip.archive(root, records)))


def test_calls_are_followed_and_weights_bound() -> None:
    graph = scripted(
        """    x: Tensor,
    flag: bool=True) -> Tuple[Tensor, Tensor]:
    training = self.training
    if training:
      x0 = torch.dropout(x, 0.5, True)
    else:
      x0 = x
    if torch.ne(torch.dim(x), 4):
      ops.prim.RaiseException("four axes", "builtins.ValueError")
    else:
      pass
    inner = self.inner
    _0 = (inner).forward(x0, )
    a, b, = torch.chunk(twice(_0), 2, 1)
    _1 = torch.conv2d(a, self.weight, None, [2, 2], [1, 0], [1, 1], 4)
    _2 = torch.view(b, [torch.size(b, 0), -1])
    return (torch.relu_(_1), _2)""".replace("twice(_0)", "__torch__.twice(_0, )"),
        "def twice(z: Tensor) -> Tensor:\n  return torch.mul(z, torch.add(1, 1))\n",
    )
    assert [node.op for node in graph.nodes] == [
        "aten::linear", "aten::mul", "aten::chunk", "aten::conv2d", "aten::size", "prim::ListConstruct", "aten::view",
        "aten::relu_",
    ]  # fmt: skip
    linear, multiply, chunk, conv, size, sizes, view, _ = graph.nodes
    weight = graph.tensors[linear.inputs[1]]
    assert (linear.name, weight.shape, weight.data is not None) == ("inner", (2, 4), True)
    assert graph.tensors[multiply.inputs[1]].values == (2,)
    assert (len(chunk.outputs), chunk.attributes) == (2, {"axis": 1, "num_outputs": 2})
    assert conv.attributes == {"strides": (2, 2), "pads": (1, 0, 1, 0), "dilations": (1, 1), "group": 4}
    assert (size.attributes, sizes.inputs[0], view.inputs) == (
        {"start": 0, "end": 1}, size.outputs[0], (chunk.outputs[1], sizes.outputs[0]),
    )  # fmt: skip
    assert [graph.tensors[at].name for at in graph.inputs] == ["x"]
    assert len(graph.outputs) == 2


def test_axes_change_places_before_their_number_is_known() -> None:
    graph = scripted("""    x: Tensor) -> Tensor:
    a, b, = torch.split(torch.transpose(x, 0, -1), 3)
    return torch.transpose(torch.conv2d(a, self.weight), 1, 2)""")
    first, split, _, second = graph.nodes
    assert (first.attributes, second.attributes) == ({"swap": (0, -1)}, {"perm": (0, 2, 1, 3)})
    assert split.attributes == {"axis": 0, "split": (3, -1)}
    inferred = infer_shapes(replace(graph, nodes=graph.nodes[:2]), Constants(), {"x": (2, 3, 4, 5)}).graph
    assert [inferred.tensors[at].shape for at in split.outputs] == [(3, 3, 4, 2), (2, 3, 4, 2)]


def test_control_flow_becomes_subgraphs() -> None:
    graph = scripted("""    x: Tensor,
    n: int) -> Tensor:
    x0 = x
    for i in range(3):
      x0 = torch.linear(x0, self.weight, None)
    if torch.gt(n, 3):
      x1 = torch.relu(x0)
    else:
      x1 = torch.sigmoid(x0)
    return x1""")
    assert [(node.kind, dict(node.attributes)) for node in graph.nodes] == [
        ("Loop", {"body": 0, "trip_count": 3}),
        ("Greater", {}),
        ("If", {"then_branch": 1, "else_branch": 2}),
    ]
    assert [[node.kind for node in inner.nodes] for inner in graph.subgraphs] == [["MatMul"], ["Relu"], ["Sigmoid"]]
    body = graph.subgraphs[0]
    assert (len(body.inputs), len(body.outputs)) == (3, 2)
    assert body.tensors[body.nodes[0].inputs[1]].constant
    assert graph.parameters == 8


@pytest.mark.parametrize(
    ("forward", "functions"),
    [
        ("    x: Tensor) -> Tensor:\n    return __torch__.f(x, )", "def f(x: Tensor):\n  return __torch__.f(x, )\n"),
        (
            "    x: Tensor) -> Tensor:\n    return __torch__.f0(x, )",
            "".join(
                f"def f{n}(x):\n  y = __torch__.f{n + 1}(x, )\n  return __torch__.f{n + 1}(y, )\n" for n in range(40)
            ),
        ),
        ("    x: Tensor) -> Tensor:\n    return x" + ".a" * 90_000, ""),
        ("    x: Tensor) -> Tensor:\n    return " + "torch.relu(" * 150 + "x" + ")" * 150, ""),
        ("    x: Tensor) -> Tensor:\n    return x +", ""),
        (
            "    x: Tensor) -> Tensor:\n    y = torch.mul(3, 3)\n"
            + "    y = torch.mul(y, y)\n" * 9000
            + "    return x",
            "",
        ),
    ],
)
def test_code_that_never_ends(forward: str, functions: str) -> None:
    try:
        graph = scripted(forward, functions)
    except InputError:
        return
    assert graph.parameters == 8


def test_a_payload_is_named_and_not_run() -> None:
    payload = Built(Global("posix", "system"), ("touch /tmp/nngauge-was-here",))
    root = Pairs([*torch_zip.state_dict().pairs, ("extra", payload)])
    graph = FORMAT.parse(ModelData("x", torch_zip.archive(root)))
    assert any("posix.system" in note for note in graph.notes)


@pytest.mark.parametrize(
    "root",
    [
        torch_zip.tensor("0", 2, 4),
        (torch_zip.tensor("0", 2, 4),),
        Pairs([("epoch", 3)]),
        Pairs([("w", torch_zip.tensor("9", 2, 4))]),
        Pairs([("w", torch_zip.tensor("0", 2, 4000))]),
        Pairs([("w", torch_zip.tensor("0", 2, -4))]),
        Pairs([("w", torch_zip.tensor("0", 2, 4, storage="CowStorage"))]),
        Pairs([("w", Built(Global("torch._utils", "_rebuild_tensor_v2"), ("x",)))]),
    ],
)
def test_refuses(root: object) -> None:
    assert not accepts(FORMAT, torch_zip.archive(root), "x.pt")


def test_pickle_bombs_end_quickly() -> None:
    doubling = b"\x80\x02]" + b"2\x86" * 50_000 + b"."
    walk_pickle(doubling)
    assert not accepts(FORMAT, torch_zip.legacy(Pairs())[:30] + doubling, "x.pt")
    nested = b"\x80\x02" + b"(" * 100_000 + b"t" * 100_000 + b"."
    walk_pickle(nested)
    for bad in (
        b"\x80\x02.",
        b"\x80\x02t.",
        b"\x80\x02h\x05.",
        b"\x80\x02X\xff\xff\xff\xffa.",
        b"I" + b"9" * 9000 + b"\n.",
    ):
        with pytest.raises(InputError):
            walk_pickle(bad)


def test_long_shared_names_do_not_multiply() -> None:
    tensor = torch_zip.emit(torch_zip.tensor("0", 2, 4))
    key = b"X" + (1_000_000).to_bytes(4, "little") + b"k" * 1_000_000 + b"q\x01"
    lists = (b"h\x01](h\x01h\x01e") * 20_000
    root = b"\x80\x02}(" + key + tensor + lists + b"u."
    with pytest.raises(InputError):  # more storages than the file has; the point is that it ends at once
        FORMAT.parse(ModelData("x", torch_zip.legacy(Pairs())[:-60] + root))
    found = collect(walk_pickle(root)[0])
    assert [item.tensor.name for item in found.tensors] == ["k" * 512]


def test_lookalikes_and_noise() -> None:
    refuse_lookalikes(FORMAT)
    refuse_noise(FORMAT)


def test_a_truncated_archive_is_partial() -> None:
    whole = torch_zip.archive(torch_zip.module(), torch_zip.script())
    assert FORMAT.parse(ModelData("x.pt", whole)).completeness is Completeness.FULL
    graph = FORMAT.parse(ModelData("x.pt", whole[: whole.rindex(b"PK\x01\x02") - 1]))
    assert graph.completeness is Completeness.PARTIAL
    assert "cut off" in graph.notes[-1]
