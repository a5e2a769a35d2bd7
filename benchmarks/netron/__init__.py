"""Netron without a browser, as an oracle and as a peer: its readers run under node."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

HARNESS = Path(__file__).parent / "headless.mjs"


@dataclass(frozen=True, slots=True)
class Reading:
    """What Netron makes of one file."""

    file: str
    milliseconds: float
    format: str = ""
    parameters: int = 0
    """Elements of all initializers, each once."""
    constants: int = 0
    """Elements of tensors that are attributes: constants drawn as boxes."""
    ops: dict[str, int] = field(default_factory=dict)
    """Boxes by the name of their operation."""
    chained: dict[str, int] = field(default_factory=dict)
    """What is drawn inside the box of another operation."""
    error: str = ""

    @property
    def nodes(self) -> int:
        """Boxes and what is drawn inside them."""
        return sum(self.ops.values()) + sum(self.chained.values())


def missing() -> str:
    """Why Netron cannot run here, empty when it can."""
    if shutil.which("node") is None:
        return "node is not installed"
    return "" if find_spec("netron") is not None else "netron is not installed (requirements/oracles.txt)"


@contextmanager
def _readers() -> Iterator[Path]:
    """The scripts of the wheel, declared to be modules."""
    spec = find_spec("netron")
    if spec is None or spec.origin is None:
        raise FileNotFoundError(missing())
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        for script in Path(spec.origin).parent.glob("*.js*"):
            (home / script.name).symlink_to(script)
        (home / "package.json").write_text('{"type": "module"}')
        yield home


def fresh(file: Path, repeats: int) -> float | None:
    """Best wall seconds of whole processes that read one file, start of node included; None when it refuses."""
    seconds = []
    with _readers() as home:
        for _ in range(repeats):
            started = time.perf_counter()
            (reading,) = _run(home, [file], 600)
            seconds.append(time.perf_counter() - started)
            if reading.error:
                return None
    return min(seconds)


def read(files: Sequence[Path], timeout: float = 600) -> list[Reading]:
    """Reads the files in one process, in order; a file that it refuses has an `error`."""
    with _readers() as home:
        return _run(home, files, timeout)


def _run(home: Path, files: Sequence[Path], timeout: float) -> list[Reading]:
    done = subprocess.run(
        ["node", "--preserve-symlinks", HARNESS, home],
        input="\n".join(map(str, files)),
        capture_output=True,
        text=True,
        check=True,
        timeout=timeout,
    )
    return [Reading(**json.loads(line)) for line in done.stdout.splitlines() if line.startswith("{")]
