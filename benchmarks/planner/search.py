"""The planner beside uniform bits and beside Optuna's TPE with as many evaluations.

``python benchmarks/planner/search.py OUT.jsonl 4,5 MODEL…`` needs `optuna` (4.x). For each model and each budget (what uniform bits
take): uniform bits, the knapsack over single errors, the planner (which refines it), and TPE with three seeds, all in the same process on the same inputs.

How TPE is treated: it starts with the uniform assignment; what it asks for is first brought to the budget (the largest weights lose
bits until it fits, then the cheapest upgrades fill what is left), and the repaired assignment is what is run and what it is told. So
each of its evaluations is a legal plan that uses the budget, as the planner's is. It has the same number of evaluations on the same
search inputs; the best one is run on the inputs that were held out.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nngauge.cli.compress import subject_at
from nngauge.compress.patching import weights_of
from nngauge.compress.planner import choose
from nngauge.compress.planning import Desk, Search, error_of, planned_bits
from nngauge.compress.ready import Wanted, ready
from nngauge.compress.versions import Versions
from nngauge.domain.compression import Agreement
from nngauge.domain.planning import Rounding

SEEDS = (1, 2, 3)
SECONDS = 600.0
Bits = dict[str, int]


def main() -> None:
    budgets = tuple(int(number) for number in sys.argv[2].split(","))
    with Path(sys.argv[1]).open("a") as out:
        for path in sys.argv[3:]:
            compare(Path(path), lambda row: print(json.dumps(row), file=out, flush=True), budgets)


def compare(path: Path, put: Any, budgets: tuple[int, ...]) -> None:
    """All rows of one model."""
    subject = subject_at(path)
    weights = weights_of(subject)
    search = Search(rounding=Rounding.LINEAR, wanted=Wanted(seconds=SECONDS))
    with ready(subject, search.wanted, 1000) as at_hand:
        desk = Desk(Versions(subject, weights), at_hand, search)
        begun = time.monotonic()
        groups = desk.groups()
        spent, alone = time.monotonic() - begun, desk.evaluations
        reference = desk.judge(desk.held).reference
        about = {
            "model": path.name, "weights": len(weights), "searched": len(desk.searched), "held_out": len(desk.held),
            "rule": reference.rule.value, "inputs": at_hand.inputs.name, "distinct": reference.distinct, "chance": reference.chance,
        }  # fmt: skip
        for uniform in budgets:
            same = desk.uniform(uniform)
            budget = desk.size(same)
            about["budget"] = uniform
            put({**about, "method": f"uniform {uniform}", "evaluations": 1, **row(desk, same)})
            chosen = choose(groups, budget - desk.rest)
            assert chosen is not None
            put(
                {
                    **about,
                    "method": "knapsack",
                    "evaluations": alone + 1,
                    "seconds": spent,
                    **row(desk, desk.of(chosen)),
                }
            )
            begun, before = time.monotonic(), desk.evaluations
            found = planned_bits(desk, groups, budget, search.rounds)
            assert found is not None
            evaluations = alone + desk.evaluations - before
            taken = spent + time.monotonic() - begun
            put({**about, "method": "planner", "evaluations": evaluations, "seconds": taken, **row(desk, found[0])})
            for seed in SEEDS:
                begun = time.monotonic()
                best = tpe(desk, budget, evaluations, seed, same)
                taken = time.monotonic() - begun
                put(
                    {
                        **about,
                        "method": "tpe",
                        "seed": seed,
                        "evaluations": evaluations,
                        "seconds": taken,
                        **row(desk, best),
                    }
                )


def row(desk: Desk, bits: Mapping[str, int]) -> dict[str, object]:
    """What an assignment takes and answers."""
    return {
        "bytes": desk.size(bits),
        "search": told(desk.run(bits, desk.searched)),
        "held": told(desk.run(bits, desk.held)),
    }


def told(agreement: Agreement) -> dict[str, object]:
    return {
        "sqnr": agreement.sqnr,
        "share": agreement.share,
        "low": agreement.low,
        "high": agreement.high,
        "error": agreement.error,
    }


def tpe(desk: Desk, budget: int, evaluations: int, seed: int, start: Bits) -> Bits:
    """The best assignment that TPE finds."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(24, evaluations // 6))
    )
    options = {weight.name: [bits for bits in desk.bits(weight) if bits <= 8] for weight in desk.weights}
    space: dict[str, Any] = {
        name: optuna.distributions.IntDistribution(0, len(bits) - 1) for name, bits in options.items()
    }
    best, least = start, float("inf")
    for at in range(evaluations):
        if at == 0:
            asked, bits = None, start
        else:
            asked = study.ask(space)
            bits = repaired(desk, {name: options[name][place] for name, place in asked.params.items()}, options, budget)
        error = error_of(desk.run(bits, desk.searched))
        if error < least:
            best, least = bits, error
        if asked is not None:
            study.tell(asked, state=optuna.trial.TrialState.FAIL)
        params = {name: options[name].index(number) for name, number in bits.items()}
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=10 * log10(error)))
    return best


def log10(value: float) -> float:
    from math import log10 as log

    return log(max(value, 1e-30))


def repaired(desk: Desk, bits: Bits, options: Mapping[str, list[int]], budget: int) -> Bits:
    """An assignment within the budget that uses it up."""
    bits, sizes = dict(bits), {weight.name: weight for weight in desk.weights}
    cost = desk.size(bits)
    while cost > budget:  # the largest weight that can lose a step does
        name = max(
            (one for one in bits if bits[one] > options[one][0]), key=lambda one: desk.bytes(sizes[one], bits[one])
        )
        fewer = options[name][options[name].index(bits[name]) - 1]
        cost += desk.bytes(sizes[name], fewer) - desk.bytes(sizes[name], bits[name])
        bits[name] = fewer
    while True:  # the cheapest step that fits
        steps = []
        for name, number in bits.items():
            place = options[name].index(number)
            if place + 1 < len(options[name]):
                more = desk.bytes(sizes[name], options[name][place + 1]) - desk.bytes(sizes[name], number)
                steps.append((more, name, options[name][place + 1]))
        more, name, number = min(steps, default=(budget, "", 0))
        if cost + more > budget or not name:
            return bits
        bits[name] = number
        cost += more


if __name__ == "__main__":
    main()
