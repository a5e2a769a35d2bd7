"""PyTorch files: every kind that is found in apps, and pickles that would do harm if they were loaded."""

from __future__ import annotations

import pytest

from nngauge.errors import InputError, MalformedError, NotThisFormat
from nngauge.formats._api import ModelData
from nngauge.formats._torch_pickle import collect
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
    assert {"aten::conv1d", "aten::lstm"} & {node.op for node in graph.nodes}


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
    assert [graph.tensors[i].name for i in graph.inputs] == ["x"]
    assert graph.metadata == {"kind": "TorchScript", "class": "__torch__.Net"}


def test_lite_interpreter() -> None:
    records = torch_zip.script() | {"bytecode.pkl": torch_zip.bytecode()}
    graph = FORMAT.parse(ModelData("x.ptl", torch_zip.archive(torch_zip.module(), records)))
    assert [node.op for node in graph.nodes] == ["aten::linear"]
    assert graph.metadata["kind"] == "lite interpreter"
    broken = torch_zip.script() | {"bytecode.pkl": torch_zip.bytecode(operator=7)}
    with pytest.raises(MalformedError):
        FORMAT.parse(ModelData("x.ptl", torch_zip.archive(torch_zip.module(), broken)))


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
