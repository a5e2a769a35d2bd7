"""``python -m nngauge.engines.child ENGINE``: one launch of one model. A `Request` on standard input, a `Reply` on standard output.

Whatever libraries print goes to standard error, so that the reply is the only thing on standard output. What the engine
refuses is part of the reply; when it crashes, there is none, and whoever started this process sees how it ended.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Feed, Reply, Request, Trouble, Written
from nngauge.engines.timing import Times, peak, resident, take, timed, warm_up

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]


class Refused(Exception):
    """The engine does not run this model; its words."""

    def __init__(self, reason: str, kind: str = "unsupported", hint: str = "") -> None:
        super().__init__(reason)
        self.kind, self.hint = kind, hint


class Loaded(Protocol):
    """A model that is ready to run. The module of an engine has ``version()`` and ``load(request) -> Loaded``."""

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """Sets the inputs, by name; an input of another name takes what is left over, in order. Raises `Refused`."""

    def run(self) -> None:
        """One inference."""

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Name and numbers of each output of the last inference."""

    def profile(self, runs: int) -> Sequence[OpTime]:
        """Time of each operator, over so many runs; empty where the engine has no profile."""

    def delegated(self) -> Mapping[str, int]:
        """Operators by where they run; empty where the engine does not tell."""


def main() -> None:
    """One request, one reply."""
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    reply = launch(sys.argv[1], request)
    answer.write(msgspec.json.encode(reply) + b"\n")
    answer.close()
    os._exit(0)  # engines crash in their destructors; the reply is out, and nothing is left to save


def launch(engine: str, request: Request) -> Reply:
    """Loads and runs the model of `request`; what goes wrong is the reply's `trouble`."""
    try:
        module = importlib.import_module(f"nngauge.engines.{engine}")
        version = str(module.version())
    except ImportError as error:
        return Reply(engine=engine, version="", trouble=Trouble(kind="missing", reason=str(error)))
    try:
        return _launch(engine, version, module.load, request)
    except Refused as error:
        return Reply(
            engine=engine, version=version, trouble=Trouble(kind=error.kind, reason=_line(error), hint=error.hint)
        )
    except MemoryError:
        return Reply(engine=engine, version=version, trouble=Trouble(kind="memory", reason="not enough memory"))
    except Exception as error:  # noqa: BLE001 - engines raise anything; whatever it is, it is their answer
        reason = f"{type(error).__name__}: {_line(error)}"
        return Reply(engine=engine, version=version, trouble=Trouble(kind="failed", reason=reason))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]


def _launch(engine: str, version: str, load: Any, request: Request) -> Reply:
    before = resident()
    made: list[Loaded] = []
    load_ns, _ = timed(lambda: made.append(load(request)))
    (loaded,) = made
    load_bytes = max(0, resident() - before)
    sets = _sets(request)
    loaded.feed(sets[0])
    first_ns, _ = timed(loaded.run)
    results = [list(loaded.outputs())]
    for other in sets[1:]:
        loaded.feed(other)
        loaded.run()
        results.append(list(loaded.outputs()))
    loaded.feed(sets[0])
    ops: tuple[OpTime, ...] = ()
    warm: list[int] = []
    times, steady = Times(), True
    if request.profile:
        ops = tuple(loaded.profile(request.least_runs))
    else:
        gc.collect()
        gc.disable()
        warm, steady = warm_up(loaded.run, request)
        times = take(loaded.run, request)
    return Reply(
        engine=engine, version=version, load_ns=load_ns, first_ns=first_ns, warmup_ns=tuple(warm),
        wall_ns=tuple(times.wall), cpu_ns=tuple(times.cpu), interrupted=tuple(times.interrupted), settled=steady,
        load_bytes=load_bytes,
        peak_bytes=peak(), ops=ops, delegated=loaded.delegated(), digests=tuple(_digest(one) for one in results),
        finite=all(_finite(array) for one in results for _, array in one), outputs=_written(results, request.outputs),
    )  # fmt: skip


def _sets(request: Request) -> list[dict[str, Array]]:
    """Arrays of each set of feeds."""
    count = max((len(feeds) for feeds in request.feeds.values()), default=1)
    return [
        {name: _array(feeds[min(at, len(feeds) - 1)]) for name, feeds in request.feeds.items()} for at in range(count)
    ]


def _array(feed: Feed) -> Array:
    import numpy as np

    return np.frombuffer(Path(feed.path).read_bytes(), dtype=np.dtype(feed.dtype)).reshape(feed.shape).copy()


def _digest(result: Sequence[tuple[str, Array]]) -> str:
    digest = hashlib.sha256()
    for _, array in result:
        digest.update(array.tobytes())
    return digest.hexdigest()


def _finite(array: Array) -> bool:
    import numpy as np

    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _written(results: Sequence[Sequence[tuple[str, Array]]], path: str) -> tuple[Written, ...]:
    """Writes the outputs of all sets; what lies there of the first."""
    if path:
        with Path(path).open("wb") as file:
            for result in results:
                file.writelines(array.tobytes() for _, array in result)
    return tuple(
        Written(name=name, dtype=str(array.dtype), shape=tuple(map(int, array.shape)), size=array.nbytes)
        for name, array in results[0]
    )


if __name__ == "__main__":
    main()
