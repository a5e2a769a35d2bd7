"""``python -m nngauge.compress.trial_child ENGINE BYTES``: runs versions of one model on one set of inputs, as long as it is asked to.

Each line on standard input is an `Ask`, each line on standard output the `Told` that answers it. Inputs and outputs lie in
files. What an engine refuses is an answer; when it crashes there is none, and whoever started this process sees how it ended.
"""

from __future__ import annotations

import importlib
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import msgspec
from msgspec import Struct

from nngauge.engines import Request, Trouble, Written
from nngauge.engines.loaded import Loaded, Refused

if TYPE_CHECKING:
    from nngauge.engines.loaded import Array

_MAP: Final = 128
"""Least side of a map of a picture of which only every n-th row and column is kept."""
_KEPT: Final = 64
"""Rows and columns that are kept of it, or up to twice as many."""
MOST_OUTPUT: Final = 1 << 30
"""Bytes of outputs that one run may write."""


class Stacked(Struct, frozen=True, kw_only=True):
    """All inputs for one port, one after the other: little-endian, dense."""

    name: str
    path: str
    dtype: str
    shape: tuple[int, ...]
    """Of one of them."""


class Ask(Struct, frozen=True, kw_only=True):
    """Load the files, run these inputs, write what comes out."""

    files: tuple[str, ...]
    format: str
    ports: tuple[Stacked, ...]
    places: tuple[int, ...]
    """Which of the inputs."""
    outputs: str
    """File that the outputs of all inputs are written to, one input after the other."""
    threads: int = 1
    delegate: str = ""


class Told(Struct, frozen=True, kw_only=True):
    """What became of it."""

    version: str = ""
    trouble: Trouble | None = None
    written: tuple[tuple[Written, ...], ...] = ()
    """For each input what lies in the file; one entry where all are alike."""
    cpu_ns: int = 0
    """Processor time of this process since the last answer."""
    run_ns: int = 0
    """Wall time of the inferences alone."""


def main() -> None:
    """Answers until its input ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_OUTPUT, MOST_OUTPUT))
    if sys.platform != "darwin":  # which does not know the limit
        resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    spent = 0
    for line in sys.stdin.buffer:
        told = _answer(sys.argv[1], msgspec.json.decode(line, type=Ask))
        now = time.process_time_ns()
        told, spent = msgspec.structs.replace(told, cpu_ns=now - spent), now
        answers.write(msgspec.json.encode(told) + b"\n")
        answers.flush()
    os._exit(0)  # engines crash in their destructors; everything is written


def _answer(engine: str, ask: Ask) -> Told:
    try:
        module = importlib.import_module(f"nngauge.engines.{engine}")
        version = str(module.version())
    except ImportError as error:
        return Told(trouble=Trouble(kind="missing", reason=str(error)))
    try:
        return _run(module.load, version, ask)
    except Refused as error:
        return Told(version=version, trouble=Trouble(kind=error.kind, reason=_line(error), hint=error.hint))
    except MemoryError:
        return Told(version=version, trouble=Trouble(kind="memory", reason="not enough memory"))
    except Exception as error:  # noqa: BLE001 - engines raise anything; whatever it is, it is their answer
        return Told(version=version, trouble=Trouble(kind="failed", reason=f"{type(error).__name__}: {_line(error)}"))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:500]


def _run(load: Callable[[Request], Loaded], version: str, ask: Ask) -> Told:
    loaded = load(Request(files=ask.files, format=ask.format, threads=ask.threads, delegate=ask.delegate))
    written: list[tuple[Written, ...]] = []
    begun = time.perf_counter_ns()
    with Path(ask.outputs).open("wb") as file:
        for arrays in _sets(ask):
            loaded.feed(arrays)
            loaded.run()
            written.append(_keep(file, loaded.outputs()))
    same = tuple(dict.fromkeys(written))
    return Told(
        version=version, written=same if len(same) == 1 else tuple(written), run_ns=time.perf_counter_ns() - begun
    )


def _sets(ask: Ask) -> Iterator[dict[str, Array]]:
    import numpy as np

    stacks = {
        port.name: np.memmap(port.path, np.dtype(port.dtype), "r").reshape((-1, *port.shape)) if _size(port) else None
        for port in ask.ports
    }
    for place in ask.places:
        yield {
            name: np.array(stack[place]) if stack is not None else np.zeros(0, np.float32)
            for name, stack in stacks.items()
        }


def _size(port: Stacked) -> int:
    return Path(port.path).stat().st_size


def thinned(array: Array) -> Array:
    """Of maps of a picture every n-th row and column: neighbours say the same, and whole maps are megabytes for each input."""
    for axis in range(array.ndim - 1):
        high, wide = array.shape[axis : axis + 2]
        if min(high, wide) >= _MAP and max(high, wide) <= 4 * min(high, wide):
            places = [slice(None)] * array.ndim
            places[axis], places[axis + 1] = slice(None, None, high // _KEPT), slice(None, None, wide // _KEPT)
            return array[tuple(places)]
    return array


def _keep(file: BinaryIO, outputs: Sequence[tuple[str, Array]]) -> tuple[Written, ...]:
    found = []
    for name, array in outputs:
        if array.dtype.kind not in "fiub":
            raise Refused(f"output {name!r} holds {array.dtype}, which cannot be compared")
        array = thinned(array)
        content = array.tobytes()
        file.write(content)
        found.append(Written(name=name, dtype=str(array.dtype), shape=tuple(map(int, array.shape)), size=len(content)))
    return tuple(found)


if __name__ == "__main__":
    main()
