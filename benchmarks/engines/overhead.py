"""What our loop adds to an inference, beside a loop in C over the same loaded model, in one process, taking turns.

The same model, because two that were loaded one after the other differ by 1 to 3 % by where their memory lies.
``python -m benchmarks.engines.overhead MODEL.tflite …`` prints a line for each. Needs `cc` and ``ai-edge-litert``. Processor time,
so that other work on the machine matters little: means of short blocks that take turns, median over the blocks.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import Any

from benchmarks.engines.feeding import request_for
from nngauge.api import read_graph
from nngauge.engines import Request, litert_profile, timing

BLOCKS = 80
BLOCK_SECONDS = 0.05
SOURCE = r"""
#include <stddef.h>
#include <time.h>
int nothing(void *model, size_t signature, size_t inputs, void **in, size_t outputs, void **out) { return 0; }
typedef int (*run_t)(void *, size_t, size_t, void **, size_t, void **);
double loop(run_t run, void *model, size_t inputs, void **in, size_t outputs, void **out, long count) {
  struct timespec begun, ended;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &begun);
  for (long at = 0; at < count; at++) run(model, 0, inputs, in, outputs, out);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ended);
  return ((ended.tv_sec - begun.tv_sec) * 1e9 + (ended.tv_nsec - begun.tv_nsec)) / count;
}
"""


def compiled(folder: Path) -> ctypes.CDLL:
    """The loop in C."""
    (folder / "loop.c").write_text(SOURCE)
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", folder / "loop.so", folder / "loop.c"], check=True)
    library = ctypes.CDLL(str(folder / "loop.so"))
    library.loop.restype = ctypes.c_double
    return library


def compare(model: Path, folder: Path) -> tuple[float, float, float, int]:
    """Nanoseconds of an inference in C and in our loop, ratio of both (median over blocks), inferences in a sample."""
    native = compiled(folder)
    request = request_for(read_graph(model), (model,), folder, most_seconds=BLOCK_SECONDS)
    contents = [Path(feeds[0].path).read_bytes() for feeds in request.feeds.values()]
    prepared = litert_profile.prepare(request, contents, profiling=False)
    return _turns(native, prepared.library.function("LiteRtRunCompiledModel"), prepared.arguments, request)


def nothing(folder: Path) -> tuple[float, float, float, int]:
    """The same for a function that does nothing, with as many arguments: what the loops themselves cost."""
    native = compiled(folder)
    pointers = (ctypes.c_void_p * 1)()
    request = Request(files=(), format="", most_seconds=BLOCK_SECONDS)
    return _turns(native, native.nothing, (ctypes.c_void_p(), 0, 1, pointers, 1, pointers), request)


def _turns(
    native: ctypes.CDLL, function: Any, arguments: tuple[Any, ...], request: Request
) -> tuple[float, float, float, int]:
    handle, _, inputs, in_buffers, outputs, out_buffers = arguments
    address = ctypes.cast(function, ctypes.c_void_p)
    run = partial(function, *arguments)
    sizes = ctypes.c_size_t(inputs), ctypes.c_size_t(outputs)

    def in_c(count: int) -> float:
        return float(native.loop(address, handle, sizes[0], in_buffers, sizes[1], out_buffers, ctypes.c_long(count)))

    in_c(1000)
    single = in_c(1000)
    theirs, ours, per_sample = [], [], 1
    for _ in range(BLOCKS):
        theirs.append(in_c(max(5, round(BLOCK_SECONDS * 1e9 / single))))
        times = timing.take(run, request, single)
        ours.append(fmean(times.cpu))
        per_sample = times.per_sample
    ratio = median(mine / other for mine, other in zip(ours, theirs, strict=True))
    return median(theirs), median(ours), ratio, per_sample


def main(models: list[str]) -> None:
    """Prints the table."""
    print("| model | loop in C, µs | our loop, µs | ratio | inferences in a sample |\n|---|---|---|---|---|")
    for name in ("nothing", *models):
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder)
            theirs, ours, ratio, count = nothing(here) if name == "nothing" else compare(Path(name), here)
        print(f"| {Path(name).name} | {theirs / 1e3:.3f} | {ours / 1e3:.3f} | {ratio:.3f} | {count} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
