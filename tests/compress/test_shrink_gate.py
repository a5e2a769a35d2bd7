"""What is not the same is discarded; what cannot be tried is refused; nothing is written over."""

from __future__ import annotations

import random
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("ai_edge_litert", reason="the schema comes with the wheel ai-edge-litert")

import numpy as np

from nngauge.api import open_model
from nngauge.compress.shrink import gate, run, tflite
from nngauge.compress.shrink.gate import compare, feeds_for
from nngauge.compress.trial import Outputs
from nngauge.compress.writing import Job, Recipe, write
from nngauge.domain.graph import DType, Graph, Tensor
from nngauge.domain.shrinking import Outcome
from nngauge.errors import NngaugeError, UsageError
from tests.builders.layered_tflite import Layers


def small_net(gone: bool = True, least: float = 1e-30) -> bytes:
    net = Layers()
    weight, bias = net.weights(8, 3, 3, 3), net.weights(8)
    if gone:
        weight[[1, 4]] = least
        bias[[1, 4]] = -0.5 if least < 1e-9 else 0
    first = net.conv(net.input(1, 8, 8, 3), weight, bias)
    return net.done(net.conv(first, net.weights(4, 3, 3, 8), net.weights(4)))


def answers(*arrays: np.ndarray) -> Outputs:  # type: ignore[type-arg]
    return Outputs(names=("y",), arrays=(arrays,), engine="e", version="1", cpu_seconds=0, run_seconds=0)


def test_floats_may_differ_by_a_hundred_thousandth_of_their_range() -> None:
    one = [np.linspace(-1, 3, 10, dtype=np.float32) + at for at in range(8)]
    assert compare(answers(*one), answers(*one)).identical
    assert compare(answers(*one), answers(*[item + np.float32(2e-5) for item in one])).passed
    wrong = compare(answers(*one), answers(*one[:-1], one[-1] + np.float32(2e-4)))
    assert not wrong.passed
    assert not wrong.outputs[0].same


@pytest.mark.parametrize(
    ("dtype", "step", "passes"), [("int8", 1, True), ("int8", 2, False), ("int64", 1, False), ("int64", 0, True)]
)
def test_integers_may_differ_by_one_step_where_they_are_quantised(dtype: str, step: int, passes: bool) -> None:
    one = [np.arange(6, dtype=dtype) for _ in range(8)]
    assert compare(answers(*one), answers(*one[:-1], one[-1] + np.array(step, dtype))).passed is passes


def test_nan_has_to_be_in_the_same_places() -> None:
    one = [np.array([1, np.nan, 2], np.float32)] * 4
    assert compare(answers(*one), answers(*one)).passed
    other = [np.array([1, 2, np.nan], np.float32)] * 4
    assert not compare(answers(*one), answers(*other)).passed
    assert not compare(answers(*one), answers(*[np.zeros(4, np.float32)] * 4)).passed


def test_a_constant_output_is_compared_with_itself() -> None:
    one = [np.full(3, 7, np.float32)] * 4
    assert compare(answers(*one), answers(*one)).passed
    assert not compare(answers(*one), answers(*[item + np.float32(0.01) for item in one])).passed


def test_inputs_are_of_four_kinds_and_the_same_each_time() -> None:
    graph = Graph(
        format="tflite",
        tensors=(Tensor("x", DType.FLOAT32, (1, 6, 6, 3)), Tensor("n", DType.INT8, (1, 4))),
        inputs=(0, 1),
    )
    first, second = feeds_for(graph)
    assert (first.count, second.count) == (32, 32)
    assert first.content == feeds_for(graph)[0].content
    values = np.frombuffer(first.content, "<f4").reshape(32, -1)
    assert values[0::4].min() >= 0
    assert values[1::4].min() < -0.5
    assert values[3::4].max() > 1


def test_a_shrink_that_answers_otherwise_is_discarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that takes small weights for none: the gate has to see it, and nothing is left behind."""
    source, output = tmp_path / "m.tflite", tmp_path / "small.tflite"
    source.write_bytes(small_net(least=0.02))
    wrong = tflite.WRITERS[0]

    def careless(writer: object, job: Job) -> object:
        return partial(tflite.build, negligible=0.05)(job)

    monkeypatch.setattr(run, "ladder", lambda _: (wrong,))
    monkeypatch.setattr(run, "write", careless)
    found = run.shrink_model(source, output, open_model, timed=False)
    assert found.outcome is Outcome.DISCARDED
    assert "differs" in found.explanation
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.tflite"]


def test_the_next_rung_is_tried_when_one_is_discarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = tmp_path / "m.tflite", tmp_path / "small.tflite"
    source.write_bytes(small_net())
    shares = iter((0.9, 1e-9))
    monkeypatch.setattr(run, "write", lambda writer, job: tflite.build(job, negligible=next(shares)))
    found = run.shrink_model(source, output, open_model, timed=False)
    assert found.outcome is Outcome.WRITTEN
    assert len(found.attempts) == 2
    assert output.exists()


def test_nothing_is_written_over(tmp_path: Path) -> None:
    source, output = tmp_path / "m.tflite", tmp_path / "small.tflite"
    source.write_bytes(small_net())
    output.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        run.shrink_model(source, output, open_model, timed=False)
    with pytest.raises(UsageError, match="the model itself"):
        run.shrink_model(source, source, open_model, force=True, timed=False)
    assert output.read_text() == "mine"
    assert run.shrink_model(source, output, open_model, force=True, timed=False).outcome is Outcome.WRITTEN
    assert output.read_bytes()[4:8] == b"TFL3"


def test_other_formats_are_refused_with_a_reason(tmp_path: Path) -> None:
    from tests.builders.models import gguf

    source = tmp_path / "m.gguf"
    source.write_bytes(gguf())
    found = run.shrink_model(source, None, open_model, timed=False)
    assert found.outcome is Outcome.REFUSED
    assert "gguf" in found.explanation


def test_what_does_not_run_is_refused(tmp_path: Path) -> None:
    net = Layers()
    x = net.input(1, 8, 8, 3)
    content = net.done(net.add(x, net.tensor((1, 8, 8, 5), data=net.weights(1, 8, 8, 5))))  # shapes that do not fit
    source = tmp_path / "m.tflite"
    source.write_bytes(content)
    found = run.shrink_model(source, None, open_model, timed=False)
    assert found.outcome is Outcome.REFUSED
    assert "does not run" in found.explanation


def test_damaged_files_end_as_answers(tmp_path: Path) -> None:
    """In the writer's process anything may be raised; here it is a reason."""
    content, chance = small_net(), random.Random(1)
    for at in range(6):
        damaged = bytearray(content)
        for _ in range(8):
            damaged[chance.randrange(8, len(damaged))] = chance.randrange(256)
        source = tmp_path / f"{at}.tflite"
        source.write_bytes(bytes(damaged[: chance.randrange(len(damaged) // 2, len(damaged))]))
        done = write(
            tflite.WRITERS[0], Job(files=(str(source),), output=str(tmp_path / f"{at}.out"), recipe=Recipe.SHRINK)
        )
        assert done.trouble is None or done.trouble.kind in {"failed", "memory", "unsupported", "crashed"}
        try:
            found = run.shrink_model(source, None, open_model, timed=False)
        except NngaugeError:
            continue
        assert found.outcome in set(Outcome)


def test_the_tolerance_is_what_the_page_says() -> None:
    assert gate.TOLERANCE == 1e-5
    assert gate.INPUTS == 32
