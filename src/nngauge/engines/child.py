"""``python -m nngauge.engines.child ENGINE [SECONDS]``: one launch of one model, in so many seconds of processor time.

A `Request` comes on standard input, a `Reply` goes to standard output.

Whatever libraries print goes to standard error, so that the reply is the only thing on standard output. What the engine
refuses is part of the reply; when it crashes, there is none, and whoever started this process sees how it ended.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from nngauge.domain.measurement import OpTime, Stage
from nngauge.engines._api import Feed, Reply, Request, Trouble, Written
from nngauge.engines.loaded import InStages, Loaded, Refused
from nngauge.engines.timing import Times, peak, resident, sample_cost, take, timed, warm_up

if TYPE_CHECKING:
    from nngauge.engines.loaded import Array


def main() -> None:
    """One request, one reply."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
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


class _Taken(msgspec.Struct):
    """What the timed part of a launch gave."""

    warm: list[int] = msgspec.field(default_factory=list)
    settled: bool = True
    times: Times = msgspec.field(default_factory=Times)
    cost: float | None = None
    stages: tuple[Stage, ...] = ()
    ops: tuple[OpTime, ...] = ()


def _launch(engine: str, version: str, load: Callable[[Request], Loaded], request: Request) -> Reply:
    before = resident()
    made: list[Loaded] = []
    load_ns, _ = timed(lambda: made.append(load(request)))
    (loaded,) = made
    load_bytes = max(0, resident() - before)
    first_ns, results = _first(loaded, _sets(request))
    taken = _Taken(ops=tuple(loaded.profile(request.least_runs))) if request.profile else _steady(loaded, request)
    return Reply(
        engine=engine, version=version, load_ns=load_ns, first_ns=first_ns, warmup_ns=tuple(taken.warm),
        wall_ns=tuple(taken.times.wall), cpu_ns=tuple(taken.times.cpu), interrupted=tuple(taken.times.interrupted),
        inferences_per_sample=taken.times.per_sample, sample_cost_ns=taken.cost, settled=taken.settled,
        load_bytes=load_bytes, peak_bytes=peak(), stages=taken.stages, ops=taken.ops, delegated=loaded.delegated(),
        digests=tuple(_digest(one) for one in results),
        finite=all(_finite(array) for one in results for _, array in one), outputs=_written(results, request.outputs),
    )  # fmt: skip


def _first(loaded: Loaded, sets: Sequence[Mapping[str, Array]]) -> tuple[int, list[list[tuple[str, Array]]]]:
    """Nanoseconds of the first inference, and the outputs for each set; the first set is left in place."""
    results: list[list[tuple[str, Array]]] = []
    first_ns = 0
    for arrays in sets:
        loaded.feed(arrays)
        spent, _ = timed(loaded.run)
        first_ns = first_ns or spent
        results.append(list(loaded.outputs()))
    if len(sets) > 1:
        loaded.feed(sets[0])
    return first_ns, results


def _steady(loaded: Loaded, request: Request) -> _Taken:
    """Warm-up and samples, without the garbage collector."""
    gc.collect()
    gc.disable()
    run = loaded.run
    warm, steady = warm_up(run, request)
    if isinstance(loaded, InStages):
        loaded.forget()
    times = take(run, request, median(warm[len(warm) // 2 :]))
    stages = tuple(loaded.stages()) if isinstance(loaded, InStages) else ()
    return _Taken(warm=warm, settled=steady, times=times, cost=sample_cost(), stages=stages)


def _sets(request: Request) -> list[dict[str, Array]]:
    """Arrays of each set of feeds."""
    count = max((len(feeds) for feeds in request.feeds.values()), default=1)
    return [
        {name: array(feeds[min(at, len(feeds) - 1)]) for name, feeds in request.feeds.items()} for at in range(count)
    ]


def array(feed: Feed) -> Array:
    """The numbers of a feed."""
    import numpy as np

    return np.frombuffer(Path(feed.path).read_bytes(), dtype=np.dtype(feed.dtype)).reshape(feed.shape).copy()


def _digest(result: Sequence[tuple[str, Array]]) -> str:
    digest = hashlib.sha256()
    for _, array in result:
        digest.update(_bytes(array))
    return digest.hexdigest()


def _bytes(array: Array) -> bytes:
    """Of the numbers; of texts, which numpy holds as references, their words."""
    return repr(array.tolist()).encode() if array.dtype.kind == "O" else array.tobytes()


def _finite(array: Array) -> bool:
    import numpy as np

    return array.dtype.kind not in "fc" or bool(np.isfinite(array).all())


def _written(results: Sequence[Sequence[tuple[str, Array]]], path: str) -> tuple[Written, ...]:
    """Writes the outputs of all sets; what lies there of the first."""
    if path:
        with Path(path).open("wb") as file:
            for result in results:
                file.writelines(_bytes(array) for _, array in result)
    return tuple(
        Written(name=name, dtype=str(array.dtype), shape=tuple(map(int, array.shape)), size=len(_bytes(array)))
        for name, array in results[0]
    )


if __name__ == "__main__":
    main()
