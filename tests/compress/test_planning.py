"""Bits for each weight of small networks: within the budget, better than uniform bits where that can be, verified on held-out inputs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert", reason="the models are run with LiteRT")

import numpy as np

from nngauge.api import open_model
from nngauge.compress import planned_file
from nngauge.compress.patching import weights_of
from nngauge.compress.planned_file import Target, write_planned
from nngauge.compress.planning import Search, plan, symmetric
from nngauge.compress.ready import Wanted
from nngauge.compress.writing import Done, Job
from nngauge.compressing import subject_at
from nngauge.domain.compression import Refusal
from nngauge.domain.planning import Plan, Rounding
from nngauge.errors import UsageError
from tests.builders.layered_tflite import Layers

WANTED = Wanted(seconds=2, inputs=40)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One layer that does little, one that matters: the second is cheap to keep."""
    net = Layers()
    first = net.conv(net.input(1, 16, 16, 3), net.weights(8, 3, 3, 3), net.weights(8))
    wide = net.conv(first, net.weights(64, 3, 3, 8), net.weights(64))
    out = net.conv(wide, net.weights(12, 3, 3, 64) / 24, net.weights(12))
    path = tmp_path_factory.mktemp("planning") / "model.tflite"
    path.write_bytes(net.done(net.softmax(net.dense(net.flatten(net.pool(out)), net.weights(10, 12), net.weights(10)))))
    return path


def planned(model: Path, budget: int | None, rounding: Rounding = Rounding.LINEAR, **more: object) -> Plan:
    found = plan(subject_at(model), Search(budget=budget, rounding=rounding, wanted=WANTED, **more))  # type: ignore[arg-type]
    assert isinstance(found, Plan), found
    return found


def test_it_stays_within_the_budget_and_uses_it(model: Path) -> None:
    budget = int(model.stat().st_size * 0.2)
    found = planned(model, budget)
    first = found.points[0]
    assert first.fits
    assert 0.9 * budget < first.size <= budget
    assert found.searched + found.held == found.inputs.count
    assert found.evaluations >= len(found.sensitivities)
    uniform = [point for point in found.points if point.label.startswith("uniform") and point.fits]
    assert uniform
    assert first.search is not None
    for point in uniform:
        assert point.search is not None
        assert (first.search.sqnr or 0) >= (point.search.sqnr or 0)


def test_fewer_bits_disturb_more(model: Path) -> None:
    found = planned(model, int(model.stat().st_size * 0.2))
    for name in {item.weight for item in found.sensitivities}:
        errors = [item.error for item in found.sensitivities if item.weight == name and item.bits in {2, 4, 8}]
        assert errors == sorted(errors, reverse=True)


def test_an_impossible_budget_says_the_smallest(model: Path) -> None:
    found = planned(model, 500)
    assert not found.points
    assert found.refusal is not None
    assert f"{found.smallest:,} bytes" in found.refusal.explanation
    again = planned(model, found.smallest)
    assert again.refusal is None
    assert again.points[0].size == found.smallest


def test_a_budget_that_the_model_keeps_changes_nothing(model: Path) -> None:
    found = planned(model, model.stat().st_size)
    assert found.points[0].choices == ()
    assert found.points[0].held is not None
    assert found.points[0].held.identical


def test_a_sweep_is_sorted_and_ends_with_the_model(model: Path) -> None:
    found = planned(model, None, bits=(2, 4, 8))
    sizes = [point.size for point in found.points]
    assert sizes == sorted(sizes)
    assert sizes[0] == found.smallest
    assert sizes[-1] == found.size
    expected = [point.expected for point in found.points if point.label == "planned"]
    assert all(one >= other for one, other in pairwise(expected) if one is not None and other is not None)


def test_depthwise_weights_get_no_four_bits_where_files_are_written(tmp_path: Path) -> None:
    net = Layers()
    first = net.conv(net.input(1, 8, 8, 3), net.weights(16, 3, 3, 3), net.weights(16))
    path = tmp_path / "m.tflite"
    path.write_bytes(
        net.done(
            net.conv(
                net.depthwise(first, net.weights(1, 3, 3, 16), net.weights(16)),
                net.weights(4, 3, 3, 16),
                net.weights(4),
            )
        )
    )
    found = planned(path, path.stat().st_size // 2, Rounding.STORED)
    bits = {
        item.elements: {one.bits for one in found.sensitivities if one.elements == item.elements}
        for item in found.sensitivities
    }
    assert bits[144] == {8, 16}  # 3 × 3 × 16
    assert 4 in bits[432]


def test_symmetric_rounding_has_levels_around_zero() -> None:
    values = np.random.default_rng(1).normal(size=(5, 3, 3, 7)).astype(np.float32)
    rounded = symmetric(values, (0,), 4)
    for one, other in zip(values, rounded, strict=True):
        assert len(np.unique(other)) <= 15
        assert np.isclose(np.abs(other).max(), np.abs(one).max())
        assert np.abs(one - other).max() <= np.abs(one).max() / 7 / 2 + 1e-6
    assert not symmetric(np.zeros((2, 3), np.float32), (0,), 8).any()


def test_a_file_that_is_too_large_is_planned_again(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The writer takes more than was planned: the next file gets fewer bits, until one is within the budget."""
    asked: list[int] = []

    def padded(writer: object, job: Job, python: str = "") -> Done:
        original = Path(job.files[0]).read_bytes()
        weights = weights_of(subject_at(model))
        bits = {item.weight: item.bits for item in job.bits}
        asked.append(sum(weight.elements * bits.get(weight.name, 32) // 8 for weight in weights))
        Path(job.output).write_bytes(original[: asked[-1] + 4000])
        return Done()

    monkeypatch.setattr(planned_file, "write", padded)
    monkeypatch.setattr(
        planned_file,
        "_finished",
        lambda desk, before, done, made, target: Refusal(reason="kept", explanation=str(made.stat().st_size)),
    )
    budget = int(model.stat().st_size * 0.25)
    target = Target(source=model, output=tmp_path / "out.tflite", opener=open_model)
    found = plan(
        subject_at(model), Search(budget=budget, rounding=Rounding.STORED, wanted=WANTED),
        write=lambda desk, groups, bits, most: write_planned(desk, groups, bits, most, target),
    )  # fmt: skip
    assert isinstance(found, Plan)
    assert found.refusal is not None
    assert found.refusal.reason == "kept"
    assert int(found.refusal.explanation) <= budget
    assert len(asked) > 1
    assert asked == sorted(asked, reverse=True)


def test_nothing_is_written_over(model: Path, tmp_path: Path) -> None:
    target = Target(source=model, output=tmp_path / "out.tflite", opener=open_model)
    target.output.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        plan(
            subject_at(model), Search(budget=model.stat().st_size // 4, rounding=Rounding.STORED, wanted=WANTED),
            write=lambda desk, groups, bits, most: write_planned(desk, groups, bits, most, target),
        )  # fmt: skip
    assert target.output.read_text() == "mine"


def test_a_real_file_is_within_its_budget(model: Path, tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_quantizer", reason="files with mixed bits are written with ai-edge-quantizer")
    budget = int(model.stat().st_size * 0.3)
    target = Target(source=model, output=tmp_path / "out.tflite", opener=open_model)
    found = plan(
        subject_at(model), Search(budget=budget, rounding=Rounding.STORED, wanted=WANTED),
        write=lambda desk, groups, bits, most: write_planned(desk, groups, bits, most, target),
    )  # fmt: skip
    assert isinstance(found, Plan)
    assert found.written is not None, found.refusal
    assert target.output.stat().st_size == found.written.after.file <= budget
    assert found.written.likeness is not None
    assert (found.written.likeness.sqnr or 0) > 10


def test_models_without_weights_are_refused(tmp_path: Path) -> None:
    net = Layers()
    path = tmp_path / "m.tflite"
    path.write_bytes(net.done(net.softmax(net.input(1, 8))))
    found = plan(subject_at(path), Search(budget=100, wanted=WANTED))
    assert isinstance(found, Refusal)
    assert found.reason == "no weights"
