"""Many apps without a study: outcomes by path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct

from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.domain.study import Item
from nngauge.runners.local import run_here, run_local
from nngauge.runners.tasks import Reply, Settings, Task, perform
from nngauge.sources import source_for


class Outcome(Struct, frozen=True):
    """What became of one app."""

    path: str
    result: Scan | Failure
    stored: bool = False
    """Taken from a study, not scanned now."""


def scan_here(path: str, settings: Settings) -> Outcome:
    """Scans one app in this process."""
    return _outcome(path, run_here(_task(0, path), settings))


def scan_each(
    paths: Iterable[str], *, workers: int, settings: Settings, work: Callable[[bytes], bytes] = perform
) -> Iterator[Outcome]:
    """Scans apps in `workers` processes; outcomes come as they finish."""
    tasks = (_task(number, path) for number, path in enumerate(paths))
    for task, reply in run_local(tasks, workers=workers, settings=settings, work=work):
        yield _outcome(task.item.locator, reply)


def _task(number: int, path: str) -> Task:
    return Task(id=number, source=source_for(path).name, item=Item(locator=path))


def _outcome(path: str, reply: Reply) -> Outcome:
    if reply.result is None or (result := reply.result.scan or reply.result.failure) is None:
        raise ValueError("a task without look-alikes has a result")
    return Outcome(path, result)
