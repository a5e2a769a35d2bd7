"""Memory, loading and first inference of TFLite files in LiteRT on this machine, one process for each launch.

    python -m benchmarks.estimator.memory_measure memory_rows.csv FILE…

Resident memory is what loading and inferences added to the process with the engine imported; times are processor time, which a
busy machine does not spoil.
"""

from __future__ import annotations

import csv
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from nngauge.api import analyse_model
from nngauge.errors import NngaugeError

LAUNCHES: Final = 1
_COLUMNS: Final = (
    "name", "bytes", "weight_bytes", "peak_activations", "layers", "macs", "added_bytes", "load_ms", "first_ms", "steady_ms",
)  # fmt: skip


def launch(path: str) -> dict[str, float]:
    """Runs in the child."""
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.process_time()
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    loaded = time.process_time()
    random = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        numbers = random.random(detail["shape"]) * (1 if np.issubdtype(detail["dtype"], np.floating) else 100)
        interpreter.set_tensor(detail["index"], numbers.astype(detail["dtype"]))
    begin = time.process_time()
    interpreter.invoke()
    times = [time.process_time() - begin]
    while len(times) < 5 or (sum(times) < 0.5 and len(times) < 50):
        begin = time.process_time()
        interpreter.invoke()
        times.append(time.process_time() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    steady = sorted(times[2:])[len(times[2:]) // 2]
    return {
        "added": (peak - before) * 1024,
        "load": (loaded - start) * 1e3,
        "first": times[0] * 1e3,
        "steady": steady * 1e3,
    }


def row(path: Path) -> tuple[object, ...] | None:
    """One launch (memory does not vary, processor time little), None where the engine or the parser refuses the file."""
    try:
        cost = analyse_model(path).cost
    except NngaugeError:
        return None
    replies = []
    for _ in range(LAUNCHES):
        command = [sys.executable, "-m", "benchmarks.estimator.memory_measure", "--child", str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if ended.returncode:
            return None
        replies.append(json.loads(ended.stdout.splitlines()[-1]))
    middle = {name: sorted(reply[name] for reply in replies)[LAUNCHES // 2] for name in replies[0]}
    if cost.peak is None or not isinstance(cost.peak.bytes, int) or not isinstance(cost.macs, int):
        return None
    times = (round(middle[name], 4) for name in ("load", "first", "steady"))
    known = (path.stat().st_size, cost.weight_bytes, cost.peak.bytes, len(cost.layers), cost.macs)
    return (path.name, *known, int(middle["added"]), *times)


def main(out: Path, paths: list[Path]) -> None:
    """Measures the files one after the other."""
    with out.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for path in paths:
            found = row(path)
            if found is not None:
                writer.writerow(found)
                text.flush()


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        print(json.dumps(launch(sys.argv[2])))
    else:
        main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
