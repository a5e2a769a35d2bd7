"""Everything about one app, made in this process: what a page about it shows."""

from __future__ import annotations

from nngauge.auditing.dossier import dossier_of_package
from nngauge.domain.dossier import Dossier
from nngauge.domain.outcome import Failure
from nngauge.domain.study import Item
from nngauge.pipeline import Scanner
from nngauge.runners.local import alarm
from nngauge.runners.tasks import Reply, Settings, Task, for_source, guarded, sink_of
from nngauge.sources import source_for, source_named
from nngauge.store.rows import StoredResult


def dossier_here(path: str, settings: Settings) -> Dossier | Failure:
    """The app at a path or address; the failure that stands in its place when it cannot be opened or takes too long."""
    task = Task(id=0, source=source_for(path).name, item=Item(locator=path))
    made: list[Dossier] = []

    def work() -> Reply:
        with source_named(task.source).open(task.item, for_source(settings)) as opened:
            scanner = Scanner(depth=settings.depth)
            dossier = dossier_of_package(scanner, opened.package, path, sink_of(settings, path, None))
        made.append(dossier)
        return Reply(id=task.id, app=dossier.scan.app.sha256, result=StoredResult(scan=dossier.scan))

    with alarm(settings.limits.seconds):
        reply = guarded(task, work)
    if made:
        return made[0]
    if reply.result is None or reply.result.failure is None:
        raise ValueError("a task without a dossier has a failure")
    return reply.result.failure
