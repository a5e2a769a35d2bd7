"""Models run on the phone by our runner, with real runtime libraries: the outputs are this machine's.

For arm64: NNGAUGE_QEMU and NNGAUGE_ARM64, as docs/devices.md describes them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest
from msgspec.structs import replace

from nngauge.devices import OpenDevice, open_device
from nngauge.engines import Reply, Request
from nngauge.engines.local import Limits
from nngauge.engines.native import native_launch, runtime_of
from tests.builders.adbd import FakeDaemon
from tests.builders.handset import PROPERTIES, Handset
from tests.builders.native_runner import arm64_libraries, arm64_phone, emulated
from tests.builders.samples import MODELS
from tests.engines.launching import request

LIMITS = Limits(seconds=120.0)
SAMPLES = ["digits_tflite/digits_int8.tflite", "keywords_tflite/keywords_float32.tflite"]


def library() -> Path:
    """LiteRT's, of this machine."""
    spec = find_spec("ai_edge_litert")
    folders = (spec.submodule_search_locations or []) if spec else []
    found = [file for folder in folders for file in (Path(folder, "libLiteRt.so"),) if file.is_file()]
    if not found or os.uname().machine != "x86_64":
        pytest.skip("no LiteRT for x86-64 here")
    return found[0]


def run(device: OpenDevice, wanted: Request, runtime: Path) -> Reply:
    feeds = {
        name: tuple(replace(feed, path=device.push(Path(feed.path))) for feed in sets)
        for name, sets in wanted.feeds.items()
    }
    files = tuple(device.push(Path(file)) for file in wanted.files)
    return native_launch(device, replace(wanted, files=files, feeds=feeds), runtime_of(runtime), LIMITS)


def here(wanted: Request) -> Reply:
    with open_device("host") as device:
        return run(device, wanted, library())


@pytest.mark.parametrize("sample", SAMPLES)
def test_outputs_are_those_of_this_machine(adb: Callable[..., str], sample: str, tmp_path: Path) -> None:
    wanted = request(MODELS / sample, tmp_path)
    properties = {**PROPERTIES, "ro.product.cpu.abi": "x86_64"}
    with Handset(tmp_path / "phone", properties=properties) as handset, FakeDaemon(handset) as daemon:
        handset.tool("uname", "echo x86_64")
        handset.set("/fake/cpuinfo", Path("/proc/cpuinfo").read_text())
        adb("connect", daemon.address)
        with open_device(f"adb:{daemon.address}") as device:
            reply = run(device, wanted, library())
        assert (handset.left(), handset.processes()) == ([], [])
    assert reply.trouble is None
    assert len(reply.wall_ns) >= wanted.least_runs
    assert reply.digests == here(wanted).digests


@pytest.mark.parametrize("sample", SAMPLES)
def test_arm64_gives_the_same_outputs_and_no_times_to_believe(
    adb: Callable[..., str], sample: str, tmp_path: Path
) -> None:
    emulated()
    runtime = arm64_libraries("libLiteRt*.so")[-1]
    wanted = request(MODELS / sample, tmp_path, outputs="outputs")
    with arm64_phone(tmp_path / "phone") as handset, FakeDaemon(handset) as daemon:
        handset.set("/fake/cpuinfo", Path("/proc/cpuinfo").read_text())
        adb("connect", daemon.address)
        with open_device(f"adb:{daemon.address}") as device:
            assert device.facts().emulated
            reply = run(device, wanted, runtime)
            assert reply.trouble is None
            device.pull("outputs", tmp_path / "there", most=1 << 20)
        assert (handset.left(), handset.processes()) == ([], [])
    assert reply.finite
    if "int8" in sample:  # integers are the same on every processor
        assert reply.digests == here(replace(wanted, outputs="")).digests
    else:
        ours = here(replace(wanted, outputs=str(tmp_path / "here")))
        assert ours.trouble is None
        there, mine = ((tmp_path / name).read_bytes() for name in ("there", "here"))
        values = [memoryview(data).cast("f").tolist() for data in (there, mine)]
        assert values[0] == pytest.approx(values[1], rel=1e-3, abs=1e-4)
