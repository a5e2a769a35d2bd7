"""Workers of a Ray cluster: the same tasks, limits and replies as on this machine, on as many machines as there are.

Each worker of the cluster keeps one process of `nngauge.runners.local`, so that a hang, a crash or a full memory ends
exactly as it does there. Only what a whole worker or node does to a task is decided here: it is one lost attempt of the
task at work, and tasks that waited behind it go to another worker.

Packages do not pass through this process: workers open items themselves. Paths must be there on every node; addresses
are where they are. Credentials are read from the environment of the workers.

Ray: https://docs.ray.io/en/latest/ray-core/actors.html
"""

from __future__ import annotations

import logging
import os
import platform
import re
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final

import msgspec
from msgspec import Struct, field

from nngauge.domain.scan import Depth, Provenance
from nngauge.errors import EngineError, UsageError
from nngauge.pipeline import Scanner
from nngauge.runners.local import Crew
from nngauge.runners.tasks import Reply, Settings, Task, failed, perform, run_failure

PREFIX: Final = "ray:"
"""How addresses of this engine begin."""
_AHEAD: Final = 2
"""Tasks a worker has at a time: the next one is there when one is done."""
_LOOK_SECONDS: Final = 5.0
"""How often the size of the cluster is looked at."""
_PATIENCE: Final = 600.0
"""Seconds without any worker after which a run ends; a cluster that grows by itself takes minutes for a machine."""
_REFUSALS: Final = 5
"""Workers in a row that could not start."""
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
_CAUSE: Final = re.compile(r"[\w.]*(Error|Exception)\b")
_EXTRAS: Final = ("obstore", "py7zr", "urllib3", "zstandard")
"""Optional libraries that decide what can be opened."""


class Installation(Struct, frozen=True):
    """What the results of a worker depend on, apart from the package."""

    provenance: Provenance
    extras: tuple[str, ...]


class Worker:
    """Lives on a node of the cluster and keeps one process that does tasks."""

    def __init__(self, settings: bytes, work: Callable[[bytes], bytes]) -> None:
        self._settings = msgspec.msgpack.decode(settings, type=Settings)
        # A process that is spawned imports the main script of its parent: here that is Ray's, and takes seconds.
        vars(sys.modules["__main__"]).pop("__file__", None)
        self._crew = Crew(1, self._settings, work)

    def about(self) -> bytes:
        """`(node, Installation)`, as MessagePack."""
        return msgspec.msgpack.encode((platform.node(), installation(self._settings.depth)))

    def perform(self, data: bytes) -> bytes:
        """See `tasks.perform`; limits and lost processes are in the reply, as with local workers."""
        self._crew.take(msgspec.msgpack.decode(data, type=Task))
        replies: list[tuple[Task, Reply]] = []
        while not replies:
            replies += self._crew.replies()
        return msgspec.msgpack.encode(replies[0][1])


def installation(depth: Depth) -> Installation:
    """What this process would make results with."""
    return Installation(Scanner(depth=depth).provenance, tuple(name for name in _EXTRAS if find_spec(name)))


class _Member(Struct):
    actor: Any
    hello: Any
    """What `Worker.about` will give; None when it was right."""
    tasks: dict[Any, Task] = field(default_factory=dict)
    """By what will be their replies, in the order they are done in."""


class _Workforce:
    """The workers of one run. An engine: takes tasks, and gives replies as they finish."""

    def __init__(self, ray: Any, workers: int | None, settings: Settings, work: Callable[[bytes], bytes]) -> None:
        self._ray = ray
        self._workers = workers
        self._settings = settings
        self._work = work
        self._members: list[_Member] = []
        self._back: deque[Task] = deque()
        """Tasks whose worker was lost before it came to them."""
        self._looked = 0.0
        self._refused = 0
        self._alive = time.monotonic()
        self._here: Installation | None = None

    def __call__(self, tasks: Iterator[Task]) -> Iterator[tuple[Task, Reply]]:
        first = next(tasks, None)
        if first is None:
            return
        self._back.append(first)
        self._alive = time.monotonic()
        try:
            while self._hand_out(tasks) or self._back:
                yield from self._collect()
        except ConnectionError as error:
            raise EngineError(f"the cluster is gone: {_line(error)}", hint="run again; nothing is lost") from None
        finally:
            self._back.clear()
            if any(member.tasks for member in self._members):  # the consumer left early
                self.close()

    def _hand_out(self, tasks: Iterator[Task]) -> bool:
        """Gives every worker its tasks, first one each; is any at work?"""
        self._staff()
        ready = [member for member in self._members if member.hello is None]
        for count in range(_AHEAD):
            for member in ready:
                if len(member.tasks) > count:
                    continue
                task = self._back.popleft() if self._back else next(tasks, None)
                if task is None:
                    break
                member.tasks[member.actor.perform.remote(msgspec.msgpack.encode(task))] = task
        return any(member.tasks for member in ready)

    def _staff(self) -> None:
        """As many workers as were asked for, or as the cluster has CPUs now. They start when there is room for them."""
        if time.monotonic() - self._looked < _LOOK_SECONDS and self._members:
            return
        self._looked = time.monotonic()
        wanted = self._workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        settings = msgspec.msgpack.encode(self._settings)
        kind = self._ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Worker)
        while len(self._members) < wanted:
            actor = kind.remote(settings, self._work)
            self._members.append(_Member(actor, actor.about.remote()))

    def _collect(self) -> Iterator[tuple[Task, Reply]]:
        """Waits until something is there, and gives all of it."""
        owners = {ref: member for member in self._members for ref in (member.hello, *member.tasks) if ref is not None}
        refs = list(owners)
        if self._ray.wait(refs, num_returns=1, timeout=_LOOK_SECONDS)[0]:
            for ref in self._ray.wait(refs, num_returns=len(refs), timeout=0)[0]:
                if ref == owners[ref].hello:
                    self._greet(owners[ref])
                elif ref in owners[ref].tasks:
                    yield from self._settle(owners[ref], ref)
        if any(member.hello is None for member in self._members):
            self._alive = time.monotonic()
        elif time.monotonic() - self._alive > _PATIENCE:
            raise EngineError(
                f"no worker has started in {_PATIENCE:g} s", hint="are the cluster's CPUs taken? see: ray status"
            )

    def _greet(self, member: _Member) -> None:
        """A worker says what it is. Raises `EngineError` when its results would differ from those made here."""
        from ray.exceptions import RayError

        try:
            node, there = msgspec.msgpack.decode(self._ray.get(member.hello), type=tuple[str, Installation])
        except RayError as error:
            self._dismiss(member)
            self._refused += 1
            if self._refused >= _REFUSALS:
                raise EngineError(
                    f"workers do not start: {_line(error)}", hint="is the same nngauge installed on every node?"
                ) from None
            return
        self._here = self._here or installation(self._settings.depth)
        if there != self._here:
            raise EngineError(
                f"would give other results: {_difference(there, self._here)}", where=node,
                hint="install the same nngauge with the same extras on every node",
            )  # fmt: skip
        member.hello = None
        self._refused = 0

    def _settle(self, member: _Member, ref: Any) -> Iterator[tuple[Task, Reply]]:
        from ray.exceptions import RayError, RayTaskError

        try:
            data = self._ray.get(ref)
        except RayTaskError as error:
            if isinstance(error.cause, EngineError):
                raise error.cause from None
            # a bug of this module, and no reason to lose the worker
            problem = run_failure(member.tasks[ref].item.locator, "InternalError", _line(error))
            task = member.tasks.pop(ref)
            yield task, failed(task, problem)
        except RayError as error:
            yield from self._lost(member, _line(error))
        else:
            yield member.tasks.pop(ref), msgspec.msgpack.decode(data, type=Reply)

    def _lost(self, member: _Member, reason: str) -> Iterator[tuple[Task, Reply]]:
        """A worker or its node is gone: what it was at work on has lost an attempt, what waited behind goes elsewhere."""
        from ray.exceptions import RayError

        self._dismiss(member)
        at_work = True
        tasks, member.tasks = member.tasks, {}
        for ref, task in tasks.items():
            try:
                data = self._ray.get(ref, timeout=_LOOK_SECONDS)
            except RayError:
                if at_work:
                    problem = run_failure(task.item.locator, "WorkerDied", f"a worker of the cluster is gone: {reason}")
                    yield task, failed(task, problem, transient=True)
                else:
                    self._back.append(task)
                at_work = False
            else:
                yield task, msgspec.msgpack.decode(data, type=Reply)

    def _dismiss(self, member: _Member) -> None:
        self._members.remove(member)
        self._looked = 0.0
        self._ray.kill(member.actor)

    def close(self) -> None:
        """Ends all workers."""
        for member in list(self._members):
            self._dismiss(member)


def _line(error: BaseException) -> str:
    """The line of an error that says most: Ray adds the worker's traceback, whose last line is the cause."""
    lines = [line.strip() for line in _COLOUR.sub("", str(error)).splitlines() if line.strip()] or [
        type(error).__name__
    ]
    return next((line for line in reversed(lines) if _CAUSE.match(line)), lines[0])


def _difference(there: Installation, here: Installation) -> str:
    names = (name for name in ("tool", "rules", "plugins", "configuration")
             if getattr(there.provenance, name) != getattr(here.provenance, name))  # fmt: skip
    parts = [f"{name} {getattr(there.provenance, name)} instead of {getattr(here.provenance, name)}" for name in names]
    if there.extras != here.extras:
        parts.append(f"libraries {' '.join(there.extras) or 'none'} instead of {' '.join(here.extras) or 'none'}")
    return ", ".join(parts)


# --- the cluster --------------------------------------------------------------------------------------------------------


@contextmanager
def cluster(
    address: str, *, workers: int | None = None, settings: Settings, work: Callable[[bytes], bytes] = perform
) -> Iterator[Callable[[Iterator[Task]], Iterator[tuple[Task, Reply]]]]:
    """An engine on the cluster at `address`, or on that which this process is connected to already.

    ``ray://HOST:PORT`` (Ray client), ``ray:HOST:PORT`` (this machine is a node of it), ``ray:auto`` and ``ray://`` (the
    cluster this machine is a node of, else a new one), ``ray:local`` (a new one of this machine alone). `workers`: at most so many; None: one a CPU,
    also of nodes that join later. `work`: see `run_local`. Raises `UsageError` without Ray or for another address, and
    `EngineError` for a cluster that is not there.
    """
    place = _place(address)
    ray = _imported()
    ours = not ray.is_initialized()
    if ours:
        _connect(ray, place)
    crew = _Workforce(ray, workers, settings, work)
    try:
        yield crew
    finally:
        try:
            crew.close()
        finally:
            if ours:
                ray.shutdown()


def _place(address: str) -> str | None:
    """What Ray calls the address; None: it looks for one itself."""
    rest = address.removeprefix(PREFIX)
    if rest == address:
        raise UsageError(f"no engine is written like {address!r}", hint="local, ray://HOST:10001 or ray:auto")
    if rest.startswith("//"):
        return address if rest != "//" else None
    return rest if rest not in ("", "auto") else None


def _imported() -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # else a cluster that is started here reports on itself
    try:
        import ray
    except ImportError:
        raise UsageError(
            "Ray is not installed, which runs studies on clusters", hint='pip install "nngauge[ray]"'
        ) from None
    return ray


def _connect(ray: Any, place: str | None) -> None:
    settings = {} if place and place.startswith("ray://") else {"include_dashboard": False}
    try:
        ray.init(address=place, log_to_driver=False, logging_level=logging.CRITICAL, **settings)
    except (ConnectionError, RuntimeError, TimeoutError, OSError, ValueError) as error:
        hint = "same versions of Ray and Python? does it want a token (RAY_AUTH_MODE, RAY_AUTH_TOKEN)?"
        raise EngineError(f"no cluster answers: {_line(error)}", where=place or "ray:auto", hint=hint) from None
