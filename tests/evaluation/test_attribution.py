"""The evaluation's own arithmetic: what counts as right, and what the changes to models do."""

from __future__ import annotations

import random

import pytest

from benchmarks.evaluation.attribution import Owned, owners_table, wrong_table
from benchmarks.evaluation.reworked import CHANGES, per_tensor, pruned, reworked
from nngauge.analyse.attribution.layers import weight_layers
from nngauge.domain.attribution import Attribution, Owner
from nngauge.domain.evidence import Confidence
from tests.builders.networks import as_onnx, as_tensorflow, network


def owned(wanted: str, owner: Owner, sdk: str | None = None) -> Owned:
    return Owned("p", wanted, Attribution(owner=owner, sdk=sdk, confidence=Confidence.LIKELY, because=""))


@pytest.mark.parametrize(
    ("item", "right"),
    [
        (owned("app", Owner.APP), True), (owned("app", Owner.UNKNOWN), False), (owned("a", Owner.SDK, "a"), True),
        (owned("a", Owner.SDK, "b"), False), (owned("?", Owner.UNKNOWN), True), (owned("?", Owner.APP), False),
    ],
)  # fmt: skip
def test_what_is_right(item: Owned, *, right: bool) -> None:
    assert item.right is right


def test_tables_count() -> None:
    items = [owned("app", Owner.APP), owned("a", Owner.SDK, "b"), owned("?", Owner.UNKNOWN), owned("a", Owner.SDK, "a")]
    row = owners_table({"g": items}).splitlines()[2]
    assert row == "| g | 4 | 3 of 4 (75 %) | 2 of 3 (67 %) | 1 of 2 (50 %) | 1 of 3 (33 %) |"
    assert wrong_table({"g": items}).splitlines()[2:] == ["| g | p | a | b (likely) | 1 |"]


def test_changes_keep_shapes_and_change_bytes() -> None:
    for graph, parts in (as_onnx(network(1)), as_tensorflow(network(1))):
        shapes = [layer.shape for layer in weight_layers(graph)]
        for name, (change, share) in CHANGES.items():
            made, sources = reworked(graph, parts, change, share)
            layers = weight_layers(made)
            assert [layer.shape for layer in layers] == shapes, name
            assert len(sources) == 2
            moved = sum(layer.tensor.data is not None and layer.tensor.data.part == 1 for layer in layers)
            assert moved == round(len(shapes) * share), name


def test_values_are_what_the_change_says() -> None:
    numbers, _ = per_tensor([-1.0, 0.0, 1.0], 1, random.Random(1))
    assert numbers == [0.0, 128.0, 255.0]
    halved, _ = pruned([0.1, -2.0, 3.0, 0.2], 1, random.Random(1))
    assert halved == [0.0, -2.0, 3.0, 0.0]
