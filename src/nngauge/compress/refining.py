"""Makes a plan better where errors do not add up: measures what one step of each weight does to this plan, and plans again.

Errors of single weights are additive as long as they are small. In few bits they are not: what one layer's noise does depends on
the noise that it gets. So the plan itself becomes the point around which steps are measured (a step up and a step down for each
weight), and a knapsack over those steps says which to take together; fewer of them where all together do not help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from nngauge.compress.planner import Option, choose

Bits = dict[str, int]
ROUNDS: Final = 2
"""Times that steps are measured anew."""
_TAMED: Final = (0.0, 0.02, 0.1, 0.3)
"""What a step has to gain to be taken, as a share of the plan's error: from "all steps" to "only the best"."""


def refined(
    start: Bits,
    names: Sequence[str],
    options: Mapping[str, Sequence[int]],
    cost: Callable[[str, int], int],
    error: Callable[[Bits], float],
    budget: int,
    rounds: int = ROUNDS,
) -> tuple[Bits, float]:
    """The best bits that were run, and their error. `cost` and `budget` are of the weights alone; `error` runs the model."""
    best, least = dict(start), error(start)
    for _ in range(rounds):
        steps = {name: _steps(best, name, options[name], least, error) for name in names}
        found = _taken(best, least, names, steps, cost, error, budget)
        if found is None:
            break
        best, least = found
    return best, least


def _steps(
    bits: Bits, name: str, options: Sequence[int], now: float, error: Callable[[Bits], float]
) -> dict[int, float]:
    """Change of the error for the bits that a weight has (none), and for one step up and down."""
    place = list(options).index(bits[name])
    near = [options[at] for at in (place - 1, place + 1) if 0 <= at < len(options)]
    return {bits[name]: 0.0, **{other: error({**bits, name: other}) - now for other in near}}


def _taken(
    bits: Bits, now: float, names: Sequence[str], steps: Mapping[str, Mapping[int, float]],
    cost: Callable[[str, int], int], error: Callable[[Bits], float], budget: int,
) -> tuple[Bits, float] | None:  # fmt: skip
    """The best of several choices of steps; None where none is better than what there is."""
    tried: set[tuple[int, ...]] = {tuple(bits[name] for name in names)}
    best: tuple[Bits, float] | None = None
    for share in _TAMED:
        moves = [list(steps[name]) for name in names]
        groups = [
            [Option(cost(name, to), steps[name][to] + (share * now if to != bits[name] else 0.0)) for to in choices]
            for name, choices in zip(names, moves, strict=True)
        ]
        chosen = choose(groups, budget)
        if chosen is None:
            continue
        made = {name: choices[at] for name, choices, at in zip(names, moves, chosen.places, strict=True)}
        key = tuple(made.values())
        if key in tried:
            continue
        tried.add(key)
        found = error(made)
        if found < (best[1] if best else now):
            best = (made, found)
    return best
