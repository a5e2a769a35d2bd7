"""One package as a task: what a worker is told, what it does, and what it sends back. The same for every engine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Final

import msgspec
from msgspec import Struct, field

from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.outcome import Failure, Stage
from nngauge.domain.scan import Depth
from nngauge.domain.study import UNOPENED, Item
from nngauge.errors import MalformedError, NngaugeError, TransientError
from nngauge.extract.attempt import Extracted, failure
from nngauge.io.source import ByteSource
from nngauge.limits import APP_MEMORY, APP_SECONDS
from nngauge.pipeline import Scanner
from nngauge.pipeline.contents import Sink
from nngauge.runners.networks import Collector, Sent
from nngauge.sources import REACH, source_named
from nngauge.store.rows import StoredResult

_TAIL: Final = 65_536
"""Bytes at the end of a package that make its finger-print: the directory of a zip names every entry's checksum."""


class Limits(Struct, frozen=True, kw_only=True):
    """What one app may use."""

    seconds: float = APP_SECONDS
    memory: int = APP_MEMORY
    """Bytes of private memory of its worker."""


class Settings(Struct, frozen=True, kw_only=True):
    """What all tasks of a run have in common."""

    limits: Limits = Limits()
    depth: Depth = Depth.DEFAULT
    extract_to: str | None = None
    """Folder for the models that are found."""
    blobs: str | None = None
    """Folder for one copy of every file of a model, by its digest."""
    networks: bool = False
    """Whether the facts of each distinct model (`domain.network`) go with the result."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Settings of sources; no secrets, which workers read from their environment."""


class Task(Struct, frozen=True, kw_only=True):
    """One package to look at."""

    id: int
    source: str
    """Name of the kind of source."""
    item: Item
    look_alikes: tuple[str, ...] = ()
    """Apps with the same finger-print or promised digest whose facts are known: when the digest of the package says so
    too, nothing is scanned."""


class Reply(Struct, frozen=True, kw_only=True):
    """What became of a task."""

    id: int
    app: str
    """Identity of the app; of a package that could not be opened, one made from its locator."""
    result: StoredResult | None
    """None: it is one of the task's look-alikes."""
    transient: bool = False
    """A failure that another attempt may not meet."""
    fetched: int = 0
    """Bytes that came over a network."""
    fingerprint: tuple[int, bytes] | None = None


def fingerprint(source: ByteSource) -> tuple[int, bytes]:
    """Size and digest of the last 64 KiB: what equal packages share and different ones hardly ever."""
    tail = source.read(max(0, source.size - _TAIL), _TAIL)
    return source.size, hashlib.blake2b(tail, digest_size=16).digest()


# --- inside a worker ----------------------------------------------------------------------------------------------------

_state = threading.local()


def start(settings: Settings) -> None:
    """Prepares this worker; once, before its first task."""
    _state.scanner = Scanner(depth=settings.depth)
    _state.settings = settings
    _state.sent = Sent()


def perform(data: bytes) -> bytes:
    """Does the `Task` in `data` (MessagePack, which is cheaper than a pickle) and gives its `Reply`."""
    task = msgspec.msgpack.decode(data, type=Task)
    return msgspec.msgpack.encode(attempt(_state.scanner, task, _state.settings, _state.sent))


def attempt(scanner: Scanner, task: Task, settings: Settings, sent: Sent | None = None) -> Reply:
    """Does a task; whatever goes wrong is in the reply. `sent`: models whose facts need not be sent again."""
    known = Sent() if sent is None else sent
    return guarded(task, lambda: _perform(scanner, task, settings, known))


def _perform(scanner: Scanner, task: Task, settings: Settings, sent: Sent) -> Reply:
    item, source = task.item, source_named(task.source)
    promised = item.sha256.lower() if item.sha256 else ""
    if source.keeps_promises and promised in task.look_alikes:
        return Reply(id=task.id, app=promised, result=None)
    with ExitStack() as stack:
        opened = stack.enter_context(source.open(item, for_source(settings)))
        package = opened.package
        seen = fingerprint(package.source) if package.source is not None else None
        if promised and package.app.sha256 != promised:
            raise MalformedError(
                f"its SHA-256 is {package.app.sha256}, the source promised {promised}",
                where=item.locator, hint="fetch it again, or ask the source's owner",
            )  # fmt: skip
        if package.app.sha256 in task.look_alikes:
            return Reply(id=task.id, app=package.app.sha256, result=None, fetched=opened.fetched, fingerprint=seen)
        collector = Collector(package.app.sha256, sent) if settings.networks else None
        sink, audit = sink_of(settings, item.locator, collector), None
        if settings.depth is Depth.AUDIT:
            from nngauge.auditing import audit_package

            scan, audit = audit_package(scanner, package, item.locator, sink)
        else:
            scan = scanner.scan_package(package, item.locator, sink)
        networks = collector.networks() if collector is not None else ()
        sent.add(networks, package.app.sha256)
        result = StoredResult(scan=scan, networks=networks, audit=audit)
        return Reply(id=task.id, app=scan.app.sha256, result=result, fetched=opened.fetched, fingerprint=seen)


def for_source(settings: Settings) -> Mapping[str, str]:
    """A scan that leaves something out spares its source the bytes of it."""
    return {**settings.sources, REACH: "models"} if settings.depth is Depth.MODELS else settings.sources


def guarded(task: Task, work: Callable[[], Reply]) -> Reply:
    """What `work` gives, or the failure that it met as a reply."""
    place = task.item.locator
    try:
        return work()
    except NngaugeError as error:
        problem = failure(Stage.PACKAGE, Location(path=place), error)
        return failed(task, problem, transient=isinstance(error, TransientError))
    except MemoryError:
        return failed(task, run_failure(place, "OutOfMemory", "not enough memory for this app"))
    except TimeUp:
        return failed(task, time_out(place))
    except Exception as error:  # noqa: BLE001 - the last line of defence: one app must not end the run
        reason = f"{type(error).__name__}: {error}"
        return failed(task, run_failure(place, "InternalError", reason, "please report this file"))


def failed(task: Task, problem: Failure, *, transient: bool = False) -> Reply:
    """The reply for a package that failed as a whole."""
    name = hashlib.blake2b(
        f"{task.source}\n{task.item.locator}\n{task.item.stamp}".encode(), digest_size=16
    ).hexdigest()
    return Reply(id=task.id, app=f"{UNOPENED}{name}", result=StoredResult(failure=problem), transient=transient)


def run_failure(path: str, what: str, reason: str, hint: str = "raise --timeout or --memory") -> Failure:
    """A failure of running, not of the app."""
    return Failure(stage=Stage.RUN, location=Location(path=path), error=what, reason=reason, hint=hint)


def time_out(path: str) -> Failure:
    """The time of an app was over."""
    return run_failure(path, "Timeout", "not finished in time")


class TimeUp(BaseException):
    """Raised by an alarm; not an `Exception`, so that no parser's handler can swallow it."""


def sink_of(settings: Settings, app: str, collector: Collector | None) -> Sink | None:
    """What is to be done with the bytes of each model; None: nothing."""
    sinks: list[Sink] = [] if collector is None else [collector.collect]
    if settings.extract_to is not None:
        from nngauge.extract.save import Saver

        sinks.append(Saver(settings.extract_to, app).save)
    if settings.blobs is not None:
        from nngauge.store.blobs import Blobs

        sinks.append(Blobs(settings.blobs).keep)
    if len(sinks) < 2:
        return sinks[0] if sinks else None

    def all_of_them(model: Model, extracted: Extracted) -> None:
        for sink in sinks:
            sink(model, extracted)

    return all_of_them
