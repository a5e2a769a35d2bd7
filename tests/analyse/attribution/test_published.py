"""Published models are found again in copies; models that have nothing to do with them are not."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from nngauge.analyse.attribution.layers import structure, weight_layers
from nngauge.analyse.attribution.published import fingerprint, known_model
from nngauge.analyse.attribution.sketch import distance, sketches
from nngauge.domain.attribution import KnownModel, Likeness
from nngauge.domain.graph import Graph, Node, Span, Tensor
from nngauge.domain.model import ModelFile
from nngauge.io.source import ByteSource
from nngauge.knowledge.published import Published, PublishedModels, published_models, write_published
from tests.builders import facts
from tests.builders.networks import Network, as_onnx, as_tensorflow, as_tflite, changed, network


def index(tmp_path: Path, layers: Network, **changes: object) -> PublishedModels:
    graph, parts = as_onnx(layers)
    form, weights, prints = fingerprint(graph, parts)
    entry = Published(
        id="zoo/net", title="Net (Zoo)", source="https://example.org/net.onnx", file="models/net.onnx", format="onnx",
        bytes=4096, sha256="cd" * 32, structure=form.exact, layers=form.layers, trunk=form.trunk, weights=weights,
        sketches=prints, **changes,
    )  # fmt: skip
    write_published(tmp_path / "index.jsonl", [entry])
    return PublishedModels((tmp_path / "index.jsonl").read_bytes(), "index.jsonl")


def ask(made: tuple[Graph, list[ByteSource]], known: PublishedModels) -> KnownModel | None:
    return known_model(facts.model(), made[0], made[1], known)


def test_the_same_bytes_need_no_graph(tmp_path: Path) -> None:
    known = index(tmp_path, network(1))
    found = known_model(facts.model(digest="cd" * 32, path="a.apk!assets/net.onnx"), index=known)
    assert found is not None
    assert found.likeness is Likeness.FILE
    assert not found.renamed
    assert found.sentence == "Net (Zoo), same file"
    assert known_model(facts.model(digest="ce" * 32), index=known) is None


def test_a_part_of_a_bundle_is_found_by_its_digest(tmp_path: Path) -> None:
    part = ModelFile(location=facts.place("a.apk!assets/other.bin"), sha256="cd" * 32, size=1)
    model = facts.model(digest="12" * 32, parts=(facts.model().parts[0], part))
    found = known_model(model, index=index(tmp_path, network(1)))
    assert found is not None
    assert found.renamed


@pytest.mark.parametrize("write", [as_onnx, as_tflite, as_tensorflow])
def test_copies_in_other_layouts_and_types_have_the_same_weights(tmp_path: Path, write: object) -> None:
    layers = network(1)
    assert callable(write)
    found = ask(write(layers), index(tmp_path, layers))
    assert found is not None
    assert found.likeness is Likeness.WEIGHTS
    assert found.same is not None
    assert found.same > 0.99
    assert found.sentence == "Net (Zoo), same weights, renamed"


def test_models_with_more_tensors_than_the_index_keeps(tmp_path: Path) -> None:
    layers = network(6, (3, *[16] * 44))
    known = index(tmp_path, layers)
    assert len(known.entries[0].sketches) == 32
    for write in (as_onnx, as_tflite):
        found = ask(write(layers), known)
        assert found is not None
        assert (found.likeness, found.same, found.tensors) == (Likeness.WEIGHTS, 1.0, 43)


def test_folded_batch_normalisation_changes_nothing(tmp_path: Path) -> None:
    layers = network(1)
    folded = changed(layers, lambda weight, at, out: weight * (-1) ** out * (0.1 + at + out))
    first, second = (sketches(weight_layers(graph), parts) for graph, parts in map(as_onnx, (layers, folded)))
    assert len(first) >= 8
    assert [(one.bits, one.known) for one in first] == [(one.bits, one.known) for one in second]


def test_unrelated_weights_differ_in_half_of_the_bits() -> None:
    first, second = (
        sketches(weight_layers(graph), parts) for graph, parts in (as_onnx(network(1)), as_onnx(network(2)))
    )
    apart = [distance(one, other) for one, other in zip(first, second, strict=True)]
    assert all(0.3 < value < 0.7 for value in apart)


def test_other_weights_are_the_same_architecture_and_no_more(tmp_path: Path) -> None:
    found = ask(as_tflite(network(2)), index(tmp_path, network(1)))
    assert found is not None
    assert found.likeness is Likeness.ARCHITECTURE
    assert found.same is None


def test_another_last_layer_is_the_same_trunk(tmp_path: Path) -> None:
    widths = (3, 8, 16, 16, 20, 24, 24, 28, 32, 36, 40, 25)
    found = ask(as_onnx(network(2, widths)), index(tmp_path, network(1)))
    assert found is not None
    assert found.likeness is Likeness.TRUNK


def test_new_last_layers_leave_the_share_of_the_rest(tmp_path: Path) -> None:
    layers, other = network(1), network(2)
    found = ask(as_tflite([*layers[:-2], *other[-2:]]), index(tmp_path, layers))
    assert found is not None
    assert found.likeness is Likeness.DERIVED
    sizes = [len(w) * len(w[0]) * len(w[0][0]) ** 2 for w in layers if len(w[0]) >= 8]
    assert found.same == pytest.approx(sum(sizes[:-2]) / sum(sizes), abs=0.01)


def test_weights_trained_on_are_derived(tmp_path: Path) -> None:
    layers = network(1)
    noise = random.Random(5)
    moved = changed(layers, lambda weight, _at, _out: weight + noise.gauss(0, 0.07))
    found = ask(as_onnx(moved), index(tmp_path, layers))
    assert found is not None
    assert found.likeness is Likeness.DERIVED


def test_a_network_of_other_layers_is_not_known(tmp_path: Path) -> None:
    widths = (3, 9, 18, 18, 22, 22, 26, 26, 30, 30, 44, 7)
    assert ask(as_onnx(network(3, widths)), index(tmp_path, network(1))) is None


def test_a_file_of_which_only_git_s_object_id_is_published(tmp_path: Path) -> None:
    content = b"bytes that were never at hand"
    graph, _ = as_onnx(network(4))
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    entry = Published(id="z", title="Z", source="s", file="z.onnx", format="onnx", bytes=0, sha256="", blob=blob)
    write_published(tmp_path / "i.jsonl", [entry])
    known = PublishedModels((tmp_path / "i.jsonl").read_bytes(), "i")
    found = known_model(facts.model(), graph, [ByteSource.of_bytes(content, "z")], known)
    assert found is not None
    assert found.likeness is Likeness.FILE
    assert known_model(facts.model(), graph, [ByteSource.of_bytes(content + b"!", "z")], known) is None


def test_structure_is_the_same_in_every_layout_and_tells_widths() -> None:
    forms = [structure(graph) for graph, _ in map(as_onnx, (network(1), network(2), network(1, range(3, 15))))]
    assert forms[0] == forms[1]
    assert forms[0].layers == structure(as_tflite(network(1))[0]).layers
    assert forms[0].exact != structure(as_tflite(network(1))[0]).exact
    assert len({form.layers for form in forms}) == 2


def test_few_layers_say_nothing() -> None:
    form = structure(as_onnx(network(1, (3, 16, 10)))[0])
    assert (form.layers, form.trunk) == ("", "")


@pytest.mark.parametrize(
    ("shape", "span"),
    [
        ((1 << 40, 1 << 40, 3, 3), Span(0, 16)), ((64, 64), Span(1 << 60, 1 << 60)), ((64, 64), Span(-8, 1 << 20)),
        ((64, 64), Span(0, 1 << 20, 7)), ((64, 64), None), ((0, 64), Span(0, 0)), ((64, "n"), Span(0, 64)),
    ],
)  # fmt: skip
def test_tensors_that_lie_have_no_sketch(shape: tuple[int | str, ...], span: Span | None) -> None:
    from nngauge.domain.graph import DType

    tensor = Tensor("w", DType.FLOAT32, shape, span, constant=True)
    graph = Graph(format="x", nodes=(Node("c", "Conv", "", (-1, 0), (1,)),), tensors=(tensor, Tensor("y")))
    assert sketches(weight_layers(graph), [ByteSource.of_bytes(bytes(64), "p")]) == ()


def test_constant_weights_have_no_sketch() -> None:
    layers = changed(network(1), lambda _weight, _at, _out: 0.5)
    graph, parts = as_onnx(layers)
    assert sketches(weight_layers(graph), parts) == ()


def _entries() -> Sequence[Published]:
    return published_models().entries


def test_the_index_is_sorted_has_sources_and_no_weights() -> None:
    entries = _entries()
    assert len(entries) > 500
    ids = [entry.id for entry in entries]
    assert ids == sorted(set(ids))
    assert all(entry.source.startswith("https://") and entry.title for entry in entries)
    assert all(bool(entry.sha256) != bool(entry.blob) for entry in entries)
    assert all(len(entry.sketches) <= 64 for entry in entries)
    assert all(len(item.bits) == 32 for entry in entries for item in entry.sketches)


def test_every_digest_of_the_index_is_found() -> None:
    index_ = published_models()
    for entry in _entries():
        if entry.sha256:
            assert index_.by_digest(entry.sha256) == entry
    assert index_.by_digest("0" * 64) is None
    assert index_.by_digest("") is None
