"""Percentiles of single inferences out of samples that are means of several."""

import random

import pytest
from msgspec.structs import replace

from nngauge.domain.interval import percentile
from nngauge.knowledge.scenarios import read_battery, read_preset
from nngauge.knowledge.scenarios.daily import Terms
from nngauge.measure.primary import Clock, means, singles
from nngauge.measure.scenario import scenario
from nngauge.measure.summary import summary
from tests.measure.sessions import launch, measurement

EACH = 16


def inferences(seed: int, count: int = 16_000) -> list[float]:
    """Nanoseconds with a spread of a tenth."""
    chance = random.Random(seed)
    return [chance.gauss(100_000, 10_000) for _ in range(count)]


def sampled(found: list[float], each: int):
    """A launch that took them `each` at a time."""
    wall = tuple(round(sum(found[at : at + each]) / each) for at in range(0, len(found), each))
    return replace(
        launch(random.Random(0)), wall_ns=wall, cpu_ns=wall, interrupted=(0,) * len(wall), inferences_per_sample=each
    )


@pytest.mark.parametrize("share", [0.05, 0.9, 0.95, 0.99])
def test_means_are_widened_to_single_ones(share: float) -> None:
    found = inferences(1)
    launches = [sampled(found, EACH)]
    true = percentile(found, share)
    assert percentile(singles(launches, Clock.WALL), share) == pytest.approx(true, rel=0.02)
    raw = percentile(launches[0].wall_ns, share)
    assert abs(raw / true - 1) > 0.06  # what the means themselves would have told
    assert means(launches) == EACH


def test_single_ones_are_taken_alone_where_there_are_enough() -> None:
    alone, several = sampled(inferences(2, 200), 1), sampled(inferences(3), EACH)
    assert singles([several, alone], Clock.CPU) == list(alone.cpu_ns)
    assert means([several, alone]) == 1
    few = sampled(inferences(2, 50), 1)
    assert len(singles([several, few], Clock.CPU)) == 1000 + 50
    assert means([several, few]) == EACH


def test_never_below_what_is_possible() -> None:
    wild = replace(sampled([1000.0] * 15_999 + [1e7], EACH))
    assert min(singles([wild], Clock.WALL)) > 0


def test_a_scenario_says_so() -> None:
    item = measurement((sampled(inferences(4), EACH),) * 3)
    outcome = scenario(item, read_preset("video-call"), Terms(), read_battery())
    assert outcome.feasible is not None
    assert outcome.feasible.p95_seconds == pytest.approx(116_450e-9, rel=0.02)
    assert any("mean of up to 16 inferences" in note for note in outcome.notes)
    found = summary(item.launches, 1)
    assert found is not None
    assert found.p95_ns == pytest.approx(116_450, rel=0.02)
    plain = scenario(measurement((sampled(inferences(4), 1),) * 3), read_preset("video-call"), Terms(), read_battery())
    assert not any("mean of" in note for note in plain.notes)
