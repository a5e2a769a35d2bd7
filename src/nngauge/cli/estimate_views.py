"""What ``nngauge estimate`` tells beside times: coverage of the phones in use, and scenarios of daily use with modelled energy."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nngauge.cli.fit import amount

if TYPE_CHECKING:
    from nngauge.domain.cost import Cost
    from nngauge.estimate.answers import Answers
    from nngauge.estimate.coverage import Smaller
    from nngauge.estimate.scenario import Modelled
    from nngauge.estimating import Covered


def covered_by(latency: str, shares: Path | None) -> Covered:
    """What a study is asked with ``--coverage``."""
    from nngauge.domain.coverage import Budget
    from nngauge.estimating import Covered
    from nngauge.knowledge.phones import read_shares

    limit = amount(latency, "time", "--budget")
    return Covered(shares=read_shares(shares), milliseconds=limit if limit is not None else Budget().milliseconds)


def tell_coverage(
    costs: Sequence[tuple[str, str, Cost]], path: Path, *, latency: str, shares: Path | None, task: str, precision: str, as_json: bool
) -> None:  # fmt: skip
    """Which part of the phones runs each model within `latency`; `task` names the catalogue for smaller networks."""
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.domain.coverage import Budget
    from nngauge.estimate.coverage import coverage
    from nngauge.estimate.features import precision_of
    from nngauge.knowledge.phones import read_shares
    from nngauge.screen.coverage import render_coverages

    table = read_shares(shares)
    limit = amount(latency, "time", "--budget")
    budget = Budget() if limit is None else Budget(milliseconds=limit)
    size = path.stat().st_size if len(costs) == 1 and path.is_file() else None
    smaller = _smaller(task)
    found = [
        (
            name,
            coverage(
                cost, table, budget=budget, precision=precision or precision_of(cost), size_bytes=size, smaller=smaller
            ),
        )
        for name, _, cost in costs
    ]
    if as_json:
        write_json(msgspec.json.encode([{"name": name, "coverage": one} for name, one in found]))
        return
    show(render_coverages(found))


def _smaller(task: str) -> tuple[Smaller, ...]:
    """The front of the catalogue for a task, largest first. Raises `UsageError` for a task that it does not have."""
    from nngauge.errors import UsageError
    from nngauge.estimate.coverage import Smaller
    from nngauge.knowledge.architectures import architectures, front, tasks

    if not task:
        return ()
    if task not in tasks():
        raise UsageError(f"there is no task {task!r} in the catalogue", hint=f"--task {', '.join(tasks())}")
    known = front(one for one in architectures(task) if not one.extra_data)
    return tuple(Smaller(name=one.name, macs=one.macs) for one in reversed(known) if one.macs is not None)


def tell_scenarios(found: Answers, *, name: str, fps: str, as_json: bool) -> None:
    """A scenario with the estimated times of each setting; nothing of it was measured."""
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.screen.coverage import render_modelled
    from nngauge.screen.estimate import render_answers

    rows = _scenarios(found, name, fps)
    if as_json:
        write_json(msgspec.json.encode(rows))
    else:
        show(render_modelled(rows) if rows else render_answers(found))  # without a time the answers tell why


def _scenarios(found: Answers, name: str, fps: str) -> tuple[Modelled, ...]:
    from nngauge.domain.estimate import Estimate
    from nngauge.errors import UsageError
    from nngauge.estimate.scenario import modelled
    from nngauge.knowledge.scenarios import read_battery, read_preset
    from nngauge.knowledge.scenarios.daily import at_fps

    preset, battery = read_preset(name), read_battery()
    try:
        presets = [at_fps(preset, float(rate)) for rate in fps.split(",")] if fps else [preset]
    except ValueError:
        raise UsageError(f"--fps {fps!r} is no list of numbers", hint="for example --fps 30,1") from None
    answers = [answer for model in found.models for answer in model.answers]
    return tuple(
        modelled(answer.latency, one, battery)
        for one in presets
        for answer in answers
        if isinstance(answer.latency, Estimate)
    )
