"""The knapsack beside brute force; its budget; its front."""

from __future__ import annotations

from itertools import pairwise, product

from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.compress.planner import Option, choose, front, smallest

groups_ = st.lists(
    st.lists(st.builds(Option, st.integers(0, 60), st.floats(0, 10, allow_nan=False)), min_size=1, max_size=4),
    min_size=1, max_size=6,
)  # fmt: skip


def brute(groups: list[list[Option]], budget: int) -> float | None:
    sums = [(sum(o.cost for o in picked), sum(o.error for o in picked)) for picked in product(*groups)]
    return min((error for cost, error in sums if cost <= budget), default=None)


@settings(max_examples=300, deadline=None)
@given(groups_, st.integers(0, 300))
def test_as_good_as_brute_force(groups: list[list[Option]], budget: int) -> None:
    found, best = choose(groups, budget), brute(groups, budget)
    if best is None:
        assert found is None
        assert smallest(groups) > budget
    else:
        assert found is not None
        assert abs(found.error - best) <= 1e-9 * max(1.0, best)
        assert found.cost <= budget
        assert found.cost == sum(group[at].cost for group, at in zip(groups, found.places, strict=True))


@settings(max_examples=100, deadline=None)
@given(groups_)
def test_a_front_only_gets_better_with_its_cost(groups: list[list[Option]]) -> None:
    found = front(groups)
    assert found[0].cost == smallest(groups)
    assert found[-1].error == min(choose(groups, 10**9).error, found[-1].error)  # type: ignore[union-attr]
    for one, other in pairwise(found):
        assert one.cost < other.cost
        assert one.error > other.error or abs(one.error - other.error) < 1e-9
    for point in found:
        best = choose(groups, point.cost)
        assert best is not None
        assert abs(best.error - point.error) <= 1e-9 * max(1.0, point.error)


def test_a_large_problem_is_quick_and_within_its_budget() -> None:
    import random

    chance = random.Random(1)
    groups = [
        [Option(bits * (size := chance.randint(100, 100_000)) // 8, chance.random() * 4.0**-bits * size) for bits in (2, 3, 4, 5, 6, 8)]
        for _ in range(200)
    ]  # fmt: skip
    budget = smallest(groups) * 2
    found = choose(groups, budget)
    assert found is not None
    assert found.cost <= budget
    uniform = [sum(group[at].error for group in groups) for at in range(6) if sum(g[at].cost for g in groups) <= budget]
    assert found.error < min(uniform)
