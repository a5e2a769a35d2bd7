"""Faster, slower, the same or not to be told; by blocks where launches took turns; many comparisons at once."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from nngauge.domain.measurement import Configuration, Doubt, Launch, Measurement
from nngauge.measure.comparison import Compared, Verdict, compare, matching, taking_turns
from nngauge.measure.primary import Clock
from nngauge.measure.statistics import paired_ratio, unpaired_ratio
from tests.measure.sessions import launch, measurement


def session(
    chance: random.Random, factor: float = 1.0, count: int = 10, drift: Sequence[float] = (), **more: object
) -> Measurement:
    own = [1e7 * factor * (drift[at] if drift else 1) for at in range(count)]
    launches: tuple[Launch, ...] = tuple(launch(chance, value, block=at, **more) for at, value in enumerate(own))
    return measurement(launches)


def only(first: Measurement, second: Measurement, **options: bool) -> Compared:
    (row,) = compare([(first, second)], **options)  # type: ignore[arg-type]
    return row


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize(
    ("factor", "verdict"), [(1.05, Verdict.SLOWER), (0.95, Verdict.FASTER), (1.0, Verdict.SAME), (1.01, Verdict.SAME)]
)
def test_verdicts(factor: float, verdict: Verdict, together: bool) -> None:
    chance = random.Random(2)
    row = only(session(chance), session(chance, factor), together=together)
    assert (row.verdict, row.paired, row.clock) == (verdict, together, Clock.WALL)
    assert row.ratio.low <= factor * 1.004
    assert row.ratio.high >= factor * 0.996
    assert row.second_ns / row.first_ns == pytest.approx(factor, abs=0.01)


def test_few_launches_and_noise_cannot_tell() -> None:
    chance = random.Random(2)
    assert only(session(chance, count=3), session(chance, 1.5, count=3)).verdict is Verdict.UNTOLD
    noisy = [session(chance, drift=[chance.uniform(1, 2) for _ in range(10)]) for _ in range(2)]
    assert only(*noisy).verdict is Verdict.UNTOLD


def test_pairs_see_through_a_drift_that_both_share() -> None:
    chance = random.Random(7)
    drift = [1 + at / 5 for at in range(10)]
    first, second = session(chance, drift=drift), session(chance, 1.05, drift=drift)
    assert only(first, second, together=True).verdict is Verdict.SLOWER
    assert only(first, second).verdict is Verdict.UNTOLD


def test_blocks_that_only_one_has_are_left_out() -> None:
    chance = random.Random(7)
    first, second = session(chance), session(chance, 1.05, count=8)
    row = only(first, second, together=True)
    assert row.paired
    assert row.verdict is Verdict.SLOWER


def test_processor_time_counts_for_both_when_one_needs_it() -> None:
    chance = random.Random(7)
    row = only(session(chance), session(chance, waiting=1.5))
    assert (row.clock, row.verdict) == (Clock.CPU, Verdict.SAME)


def test_many_comparisons_of_the_same_raise_no_alarm() -> None:
    chance = random.Random(9)
    alarms = 0
    for _ in range(20):
        rows = compare([(session(chance, runs=3), session(chance, runs=3)) for _ in range(20)], matters=0.0)
        alarms += any(row.verdict in {Verdict.FASTER, Verdict.SLOWER} for row in rows)
    assert alarms <= 4


def test_doubts_of_both_stand_beside_the_verdict() -> None:
    chance = random.Random(2)
    first = replace(session(chance), doubts=(Doubt.CHARGING,))
    second = replace(session(chance), doubts=(Doubt.EMULATED,))
    assert only(first, second).doubts == (Doubt.EMULATED, Doubt.CHARGING)


def test_what_belongs_together_is_found_by_content_then_by_name() -> None:
    chance = random.Random(2)
    base = session(chance)
    moved = replace(base, name="other.tflite")
    changed = replace(base, model="ee" * 32)
    elsewhere = replace(base, configuration=Configuration(engine="ncnn"))
    assert matching([base], [changed, moved]) == [(base, moved)]
    assert matching([base], [changed]) == [(base, changed)]
    assert matching([base], [elsewhere]) == []
    timeless = replace(base, launches=tuple(replace(item, wall_ns=(), cpu_ns=()) for item in base.launches))
    assert matching([base], [timeless]) == []


def test_chances_are_exact() -> None:
    assert paired_ratio([(1.0, 1.1 + at / 100) for at in range(6)]).chance == pytest.approx(2 / 64)
    assert unpaired_ratio([1.0, 1.01, 1.02], [2.0, 2.01, 2.02]).chance == pytest.approx(2 / 20)
    assert paired_ratio([(1.0, 1.0)] * 6).chance == 1


def test_what_neighbours_explain_is_no_difference_unless_launches_took_turns() -> None:
    chance = random.Random(3)

    def disturbed(factor: float) -> Measurement:
        """Samples between what the model takes alone and 30 % more, and a session in which that was more often."""
        own = [
            launch(chance, block=at, cpu_ns=tuple(round(1e7 * factor * chance.uniform(1, 1.3)) for _ in range(40)))
            for at in range(10)
        ]
        return measurement(tuple(replace(one, wall_ns=one.cpu_ns) for one in own), doubts=(Doubt.PREEMPTED,))

    first, second, far = disturbed(1), disturbed(1.08), disturbed(1.5)
    calm = [replace(item, doubts=()) for item in (first, second)]
    assert (only(*calm).verdict, only(*calm).disturbed) == (Verdict.SLOWER, False)
    row = only(first, second)
    assert (row.verdict, row.disturbed) == (Verdict.UNTOLD, True)
    assert row.ratio.low < 1 < row.ratio.middle < row.ratio.high
    assert only(second, first).verdict is Verdict.UNTOLD
    assert only(first, far).verdict is Verdict.SLOWER, "no neighbour explains half as much again"
    assert only(far, first).verdict is Verdict.FASTER
    together = only(first, second, together=True)
    assert (together.verdict, together.disturbed) == (Verdict.SLOWER, False)


def test_configurations_of_one_session_take_turns_with_its_first() -> None:
    chance = random.Random(5)
    one = session(chance)
    others = [
        replace(session(chance, factor), configuration=Configuration(engine="litert", threads=threads), started=started)
        for threads, factor, started in ((2, 0.6, one.started), (4, 0.5, one.started), (8, 0.4, "another day"))
    ]
    pairs = taking_turns([one, *others, replace(one, model="ef" * 32), replace(one, launches=(), model="ee" * 32)])
    assert [(first.configuration.threads, second.configuration.threads) for first, second in pairs] == [(1, 2), (1, 4)]
    rows = compare(pairs, together=True)
    assert [row.verdict for row in rows] == [Verdict.FASTER] * 2
    waiting = replace(one, launches=session(chance, waiting=1.5).launches)
    assert only(waiting, others[0], together=True).clock is Clock.WALL, "processor time of two threads is their sum"
    untold = replace(one, launches=tuple(replace(item, cpu_ns=()) for item in one.launches))
    assert only(replace(waiting, configuration=one.configuration), untold).clock is Clock.WALL
