"""Which of several options for each of many things, so that the sum of errors is least and the sum of costs within a budget.

The multiple-choice knapsack problem (Kellerer, Pferschy, Pisinger, "Knapsack Problems", 2004, chapter 11). With a price λ for each
unit of cost every thing has one best option; a bisection finds the lowest price at which the budget suffices. What is left of
the budget is filled greedily, and a search that the same price bounds from below closes the gap where it can. A front is a
sweep over λ. Pure arithmetic: no model is looked at here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

_HALVINGS: Final = 100
"""Of the interval of λ: far below what a float can tell apart."""
_VISITS: Final = 50_000
"""Partial choices that the exact search looks at; beyond that the best one found stays."""


class Option(NamedTuple):
    """One way to treat a thing."""

    cost: int
    error: float


class Chosen(NamedTuple):
    """An option for each thing."""

    places: tuple[int, ...]
    """Index of the option of each group."""
    cost: int
    error: float


Group = Sequence[Option]


def choose(groups: Sequence[Group], budget: int) -> Chosen | None:
    """The choice with the least error among those that cost at most `budget`; None where even the cheapest costs more.

    Exact for small problems, and nearly always for those of a network; never above the budget.
    """
    least = cheapest(groups)
    if least.cost > budget:
        return None
    price, found = _priced(groups, budget, least)
    found = _filled(groups, found, budget)
    return _searched(groups, budget, price, found)


def cheapest(groups: Sequence[Group]) -> Chosen:
    """The cheapest option of each thing."""
    return _chosen(groups, [min(range(len(group)), key=lambda at: group[at]) for group in groups])


def smallest(groups: Sequence[Group]) -> int:
    """What the cheapest choice costs."""
    return sum(min(option.cost for option in group) for group in groups)


def front(groups: Sequence[Group]) -> list[Chosen]:
    """Choices of which none is both cheaper and better, the cheapest first: one for each price at which the choice changes."""
    hulls = [_hull(group) for group in groups]
    places = [hull[0] for hull in hulls]
    steps = sorted(_steps(groups, hulls), key=lambda step: (-step[0], step[1], step[2]))
    found = [_chosen(groups, places)]
    for _, thing, place in steps:
        places[thing] = place
        found.append(_chosen(groups, places))
    return found


def _chosen(groups: Sequence[Group], places: Sequence[int]) -> Chosen:
    picked = [group[at] for group, at in zip(groups, places, strict=True)]
    return Chosen(tuple(places), sum(option.cost for option in picked), sum(option.error for option in picked))


def _hull(group: Group) -> list[int]:
    """Options on the lower convex hull of error over cost, from the cheapest to the best."""
    order = sorted(range(len(group)), key=lambda at: group[at])
    hull: list[int] = []
    for at in order:
        if hull and group[at].error >= group[hull[-1]].error:
            continue
        while len(hull) > 1 and _slope(group, hull[-1], at) >= _slope(group, hull[-2], hull[-1]):
            hull.pop()
        hull.append(at)
    return hull


def _slope(group: Group, one: int, other: int) -> float:
    """Error that goes for each unit of cost that comes."""
    return (group[one].error - group[other].error) / (group[other].cost - group[one].cost)


def _steps(groups: Sequence[Group], hulls: Sequence[Sequence[int]]) -> Iterator[tuple[float, int, int]]:
    for thing, (group, hull) in enumerate(zip(groups, hulls, strict=True)):
        for one, other in itertools.pairwise(hull):
            yield _slope(group, one, other), thing, other


def _at_price(groups: Sequence[Group], price: float) -> Chosen:
    return _chosen(groups, [min(range(len(group)), key=lambda at: _dear(group[at], price)) for group in groups])


def _dear(option: Option, price: float) -> tuple[float, int]:
    return option.error + price * option.cost, option.cost


def _priced(groups: Sequence[Group], budget: int, cheapest: Chosen) -> tuple[float, Chosen]:
    """The lowest price at which the budget suffices, and the choice at it."""
    free = _at_price(groups, 0.0)
    if free.cost <= budget:
        return 0.0, free
    low, high, found = 0.0, 1.0, cheapest
    for _ in range(_HALVINGS):  # up to a price at which it does
        at_high = _at_price(groups, high)
        if at_high.cost <= budget:
            found = at_high
            break
        low, high = high, high * 16
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        chosen = _at_price(groups, middle)
        if chosen.cost <= budget:
            high, found = middle, chosen
        else:
            low = middle
    return high, found


def _filled(groups: Sequence[Group], chosen: Chosen, budget: int) -> Chosen:
    """Better options as long as one fits, the one first that takes away most error."""
    while True:
        left = budget - chosen.cost
        better = [
            (group[at].error - option.error, thing, place)
            for thing, (group, at) in enumerate(zip(groups, chosen.places, strict=True))
            for place, option in enumerate(group)
            if option.error < group[at].error and option.cost - group[at].cost <= left
        ]
        if not better:
            return chosen
        _, thing, place = max(better)
        places = list(chosen.places)
        places[thing] = place
        chosen = _chosen(groups, places)


def _searched(groups: Sequence[Group], budget: int, price: float, found: Chosen) -> Chosen:
    """Depth first over all choices, without those that cannot be better: at a price, no choice of the rest is below its bound."""
    order = sorted(
        range(len(groups)), key=lambda at: -max(o.cost for o in groups[at]) + min(o.cost for o in groups[at])
    )
    ranked = [sorted(range(len(groups[at])), key=lambda place: _dear(groups[at][place], price)) for at in order]
    least = [min(_dear(option, price)[0] for option in groups[at]) for at in order]
    least_cost = [min(option.cost for option in groups[at]) for at in order]
    bounds, costs = [0.0], [0]
    for bound, cost in zip(reversed(least), reversed(least_cost), strict=True):
        bounds.append(bounds[-1] + bound)
        costs.append(costs[-1] + cost)
    bounds.reverse()
    costs.reverse()
    best, places, visits = found, [0] * len(groups), 0
    stack: list[tuple[int, int, float, int]] = [(0, 0, 0.0, -1)]
    while stack and visits < _VISITS:
        depth, cost, error, place = stack.pop()
        visits += 1
        if depth:
            places[order[depth - 1]] = place
        if depth == len(groups):
            if (error, cost) < (best.error, best.cost):
                best = _chosen(groups, places)
            continue
        group = groups[order[depth]]
        for at in reversed(ranked[depth]):
            spent, wrong = cost + group[at].cost, error + group[at].error
            bound = wrong + bounds[depth + 1] + price * (spent - budget)
            if spent + costs[depth + 1] <= budget and bound < best.error:
                stack.append((depth + 1, spent, wrong, at))
    return best
