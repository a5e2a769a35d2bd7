"""The prebuilt runner as tests call it: a request in, a reply out; libraries of engines that are installed here."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import msgspec
import pytest

from nngauge.api import read_graph
from nngauge.engines import Feed, Reply, Request
from nngauge.engines.native.launch import PREBUILT
from nngauge.measure.inputs import inputs_of
from tests.builders.handset import Handset, qemu

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
KEYWORDS = EXAMPLES / "keywords_tflite" / "keywords_float32.tflite"
QUICK = {
    "least_runs": 5,
    "least_seconds": 0.0,
    "most_seconds": 2.0,
    "warmup_runs": 1,
    "warmup_seconds": 0.0,
    "warmup_most": 0.2,
}
"""A launch of milliseconds."""


def runner() -> Path:
    """The program for this machine."""
    if platform.system() != "Linux" or platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("no runner for this machine")
    return PREBUILT / f"runner-{platform.machine()}-linux-gnu"


def library(engine: str) -> Path:
    """The runtime library in the wheel of an engine."""
    package, pattern = {
        "litert": ("ai_edge_litert", "libLiteRt.so"),
        "onnxruntime": ("onnxruntime", "capi/libonnxruntime.so*"),
    }[engine]
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        pytest.skip(f"{package} is not installed")
    found = sorted(Path(spec.submodule_search_locations[0]).glob(pattern))
    if not found:
        pytest.skip(f"the wheel of {package} has no {pattern}")
    return found[0]


def request_for(model: Path, folder: Path, **settings: object) -> Request:
    """Two sets of seeded inputs in files of `folder`."""
    graph = read_graph(model)
    feeds: dict[str, list[Feed]] = {}
    for seed in (0, 1):
        for item in inputs_of(graph, seed=seed):
            path = folder / item.digest
            path.write_bytes(item.content)
            feeds.setdefault(item.name, []).append(Feed(path=str(path), dtype=item.dtype, shape=item.shape))
    base = Request(files=(str(model),), format=graph.format, feeds={name: tuple(sets) for name, sets in feeds.items()})
    return msgspec.structs.replace(base, **settings)


def ask(words: Sequence[str | Path], given: Request | bytes, *, seconds: float = 60) -> tuple[Reply | None, int]:
    """The reply, None when there is none, and the exit status."""
    text = given if isinstance(given, bytes) else msgspec.json.encode(given)
    ran = subprocess.run([*map(str, words)], input=text, capture_output=True, timeout=seconds, check=False)
    lines = ran.stdout.splitlines()
    assert len(lines) <= 1, ran.stdout
    return (msgspec.json.decode(lines[0], type=Reply) if lines else None), ran.returncode


def reply_of(words: Sequence[str | Path], given: Request | bytes, *, seconds: float = 60) -> Reply:
    """The reply, which must be there."""
    reply, code = ask(words, given, seconds=seconds)
    assert code == 0
    assert reply is not None
    return reply


def arm64_folder() -> Path:
    """$NNGAUGE_ARM64: ``root/`` (Debian's libc6, libgcc-s1 and libstdc++6 for arm64, unpacked) and libraries of wheels beside it."""
    folder = Path(os.environ.get("NNGAUGE_ARM64", "/nowhere"))
    if not (folder / "root").is_dir():
        pytest.skip("NNGAUGE_ARM64 is not set: no libraries for arm64")
    return folder


def arm64_libraries(pattern: str) -> list[Path]:
    """``libLiteRt*.so`` or ``libonnxruntime*.so*`` of the official wheels for arm64."""
    found = sorted(arm64_folder().glob(pattern))
    if not found:
        pytest.skip(f"no {pattern} in NNGAUGE_ARM64")
    return found


def arm64_phone(root: Path) -> Handset:
    """A phone that runs arm64 programs with the libraries of `arm64_folder`."""
    return Handset(root, emulator=qemu(), arm64=arm64_folder() / "root")


def emulated() -> list[str]:
    """How to start the program for arm64 on a machine that is none."""
    emulator = qemu()
    if emulator is None:
        pytest.skip("no qemu-aarch64 of version 10 or newer (NNGAUGE_QEMU)")
    return [str(emulator), "-L", str(arm64_folder() / "root"), str(PREBUILT / "runner-aarch64-linux-gnu")]
