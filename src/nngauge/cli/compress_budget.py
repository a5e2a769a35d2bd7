"""``nngauge compress --budget`` and ``--pareto``: bits for each weight."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from nngauge.cli import EXIT_ERROR, EXIT_OK
from nngauge.cli.screen import write_json

if TYPE_CHECKING:
    from nngauge.compress.ready import Wanted
    from nngauge.compress.subject import Subject
    from nngauge.domain.compression import Refusal
    from nngauge.domain.planning import Plan, Time

_UNITS: Final = {"": 1, "b": 1, "k": 10**3, "kb": 10**3, "kib": 2**10, "m": 10**6, "mb": 10**6, "mib": 2**20, "g": 10**9, "gb": 10**9, "gib": 2**30}  # fmt: skip


def size_of(text: str, whole: int) -> int:
    """``1MB``, ``512KiB``, ``180000`` or ``25%`` of the model as bytes. Raises `UsageError`."""
    from nngauge.errors import UsageError

    found = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]{0,3}|%)\s*", text)
    unit = found[2].lower() if found else "?"
    if found is None or (unit != "%" and unit not in _UNITS):
        raise UsageError(f"{text!r} is no size", hint="for example --budget 1MB, 512KiB, 180000 or 25%")
    number = float(found[1])
    return int(number * whole / 100) if unit == "%" else int(number * _UNITS[unit])


def plan_bits(
    model: Path, subject: Subject, wanted: Wanted, *, budget: str, output: Path | None, bits: str, python: str,
    force: bool, as_json: bool, quiet: bool, device: str = "", latency: float | None = None,
) -> None:  # fmt: skip
    """Plans, writes where there is an `output`, prints, and ends with the exit code."""
    import msgspec

    from nngauge.cli.screen import show
    from nngauge.domain.compression import Refusal
    from nngauge.screen.compress import render_refusal
    from nngauge.screen.planning import render_plan

    time = _time(subject, device, latency) if device else None
    found = _planned(
        model, subject, wanted, budget=budget, output=output, bits=bits, python=python, force=force, quiet=quiet
    )
    if not isinstance(found, Refusal):
        found = msgspec.structs.replace(found, time=time)
    if as_json:
        write_json(msgspec.json.encode(found))
    else:
        show(render_refusal(found) if isinstance(found, Refusal) else render_plan(found))
    failed = isinstance(found, Refusal) or found.refusal is not None or _too_slow(found)
    raise click.exceptions.Exit(EXIT_ERROR if failed else EXIT_OK)


def _too_slow(found: Plan) -> bool:
    from nngauge.domain.planning import Within

    return found.time is not None and found.time.within is Within.NO


def _planned(
    model: Path, subject: Subject, wanted: Wanted, *, budget: str, output: Path | None, bits: str, python: str,
    force: bool, quiet: bool,
) -> Plan | Refusal:  # fmt: skip
    from nngauge.api import open_model
    from nngauge.cli.screen import progress
    from nngauge.compress.placing import check_target
    from nngauge.compress.planned_file import Target, mixed_writer, write_planned
    from nngauge.compress.planning import BITS, Search, plan
    from nngauge.domain.planning import Rounding
    from nngauge.errors import UsageError

    if output is not None and not budget:
        raise UsageError("a sweep writes no file", hint="--budget SIZE -o FILE")
    can_write = mixed_writer(subject.format) is not None
    if output is not None and not can_write:
        raise UsageError(
            f"no tool writes {subject.format} files with other bits for each weight",
            hint="without -o the plan is shown",
        )
    if output is not None:
        check_target(model, output, force=force)
    rounding = Rounding.STORED if can_write and budget else Rounding.LINEAR
    search = Search(
        budget=size_of(budget, subject.size) if budget else None, rounding=rounding,
        bits=_bits(bits, (4, 8, 16) if rounding is Rounding.STORED else tuple(range(2, 9))) or BITS[rounding], wanted=wanted,
    )  # fmt: skip
    with progress(quiet=quiet) as bar:
        task = bar.add_task("weights", total=None, rate="", failed="")
        target = Target(source=model, output=output, opener=open_model, force=force, python=python) if output else None
        return plan(
            subject, search, told=lambda done, total: bar.update(task, completed=done, total=total),
            write=(lambda desk, groups, chosen, most: write_planned(desk, groups, chosen, most, target)) if target else None,
        )  # fmt: skip


def _time(subject: Subject, device: str, latency: float | None) -> Time:
    from nngauge.analyse.cost import model_cost
    from nngauge.compress.planned_time import time_on
    from nngauge.estimate.calibration import own_calibrations

    return time_on(model_cost(subject.graph), subject.format, device, budget=latency, calibrations=own_calibrations())


def _bits(text: str, allowed: tuple[int, ...]) -> tuple[int, ...]:
    from nngauge.errors import UsageError

    numbers = [part.strip() for part in text.split(",") if part.strip()]
    found = tuple(sorted({int(part) for part in numbers if part.isdecimal() and int(part) in allowed}))
    if len(found) != len(set(numbers)):
        raise UsageError(f"--bits {text}: one of {', '.join(map(str, allowed))}, with commas between")
    return found
