"""ExecuTorch's ETDump, the file with which a traced program tells when each kernel began and ended, read without ExecuTorch.

Schema: https://github.com/pytorch/executorch/blob/main/devtools/etdump/etdump_schema_flatcc.fbs. The file has its length in front
(``flatcc … start_as_root_with_size``). Times are ticks; ExecuTorch's own ports for POSIX and Android tick in nanoseconds
(``et_pal_ticks_to_ns_multiplier`` in runtime/platform/default), and nothing in the file says otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Reply
from nngauge.engines.loaded import op_times
from nngauge.engines.official import _reading as reading
from nngauge.engines.official._api import Told
from nngauge.errors import LimitError, MalformedError, TruncatedError
from nngauge.io.flatbuffer import Table, root
from nngauge.limits import MAX_NODES

IDENTIFIER: Final = b"ED00"
_TOTAL: Final = "Method::execute"
_LOAD: Final = ("Program::load_method", "Method::init")
_KERNEL: Final = "native_call_"
_NAME: Final = 500
_NUMBER: Final = re.compile(r" #\d+$")
"""XNNPACK counts its operators of one kind."""


class _Event(NamedTuple):
    """A `ProfileEvent`, by what stays the same from run to run."""

    chain: int
    instruction: int
    name: str
    delegated: bool


def told(data: bytes) -> Told:
    """Runs as samples, the first apart; operators as means over the runs.

    Raises `MalformedError` for what is no ETDump, `TruncatedError` for one without a run, `LimitError`.
    """
    times = _times(data)
    runs = _named(times, _TOTAL)
    if not runs:
        raise TruncatedError("the ETDump has no run in it: no Method::execute")
    load = next((found[0] for name in _LOAD if (found := _named(times, name))), 0)
    reply = Reply(engine="executorch", version="", load_ns=load, first_ns=runs[0], wall_ns=tuple(runs[1:] or runs))
    return Told(
        samples=reply, ops=tuple(_ops(times, len(runs))),
        notes=("ticks are taken for nanoseconds, as ExecuTorch's ports for POSIX and Android count", "runs were traced"),
    )  # fmt: skip


def operators(data: bytes, *, cold: int = 0) -> list[OpTime]:
    """Kernels, and what delegates report, over all runs but the first `cold`. Raises as `told`."""
    times = _times(data)
    runs = len(_named(times, _TOTAL))
    if runs <= cold:
        raise TruncatedError(f"the ETDump has {runs} runs in it")
    found: list[OpTime] = []
    for event, ticks in times.items():
        if (named := _operator(event)) is not None:
            name, kind, unit = named
            if event.delegated:  # several delegates of a program use the same names
                name, kind = f"{name} in {event.instruction}", _NUMBER.sub("", name)
            found += op_times({(name, kind, unit): _by_run(ticks, runs)[cold:]})
    return found


def _times(data: bytes) -> dict[_Event, list[int]]:
    """Ticks of each event, in the order of the runs."""
    times: dict[_Event, list[int]] = {}
    for event, ticks in _events(data):
        times.setdefault(event, []).append(ticks)
    return times


def _by_run(ticks: list[int], runs: int) -> list[float]:
    """What an event took in each run; the same in all where it is not in all of them alike."""
    calls, rest = divmod(len(ticks), runs)
    if rest:
        return [sum(ticks) / runs] * runs
    return [float(sum(ticks[at * calls : (at + 1) * calls])) for at in range(runs)]


def _events(data: bytes) -> Iterator[tuple[_Event, int]]:
    """All profile events with their ticks, in the order of the file."""
    view = memoryview(reading.bounded(data))
    start = next((at for at in (4, 0) if bytes(view[at + 4 : at + 8]) == IDENTIFIER), None)
    if start is None:
        raise MalformedError("is no ETDump")
    if start == 4 and int.from_bytes(view[:4], "little") + 4 > len(view):
        raise TruncatedError("the ETDump is not whole")
    count = 0
    for run in root(view, start, IDENTIFIER).tables(1):
        for item in run.tables(3):
            count += 1
            if count > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} events")
            if (event := item.table(0)) is not None:
                yield _event(event), _ticks(event)


def _event(event: Table) -> _Event:
    delegate, number = event.string(4), event.integer(3, "i", -1)
    name = delegate or (f"delegate event {number}" if number != -1 else event.string(0))
    return _Event(
        event.integer(1, "i"), event.integer(2, "i", -1), name[:_NAME], delegated=bool(delegate) or number != -1
    )


def _ticks(event: Table) -> int:
    began, ended = event.integer(6, "Q"), event.integer(7, "Q")
    if ended < began:
        raise MalformedError(f"an event that ends before it begins, at {began}")
    return reading.whole(ended - began)


def _named(times: dict[_Event, list[int]], name: str) -> list[int]:
    return [ticks for event, found in times.items() if event.name == name and not event.delegated for ticks in found]


def _ops(times: dict[_Event, list[int]], runs: int) -> Iterator[OpTime]:
    """Means over the runs."""
    for event, found in times.items():
        if (named := _operator(event)) is not None:
            name, kind, unit = named
            calls = max(1, round(len(found) / runs))
            yield OpTime(name=name, kind=kind, calls=calls, nanoseconds=sum(found) / runs, unit=unit)


def _operator(event: _Event) -> tuple[str, str, str] | None:
    """Name, kind and unit of a kernel, or of what a delegate reports; the calls around them are not counted a second time."""
    if event.delegated:
        return event.name, "", "delegate"
    if event.name.startswith(_KERNEL):
        kind = event.name.removeprefix(_KERNEL)
        return f"{kind} {event.instruction}", kind, "cpu"
    return None
