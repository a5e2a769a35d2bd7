"""Our runner on a phone: pushed, run, its outputs fetched, everything removed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from nngauge.devices import open_device
from nngauge.engines import Feed
from nngauge.engines.local import Limits
from nngauge.engines.native import native_launch, runtime_of
from tests.builders.adbd import FakeDaemon
from tests.builders.handset import missing
from tests.builders.native_runner import (
    EXAMPLES,
    QUICK,
    arm64_libraries,
    arm64_phone,
    emulated,
    library,
    reply_of,
    request_for,
    runner,
)

INT8 = EXAMPLES / "keywords_tflite" / "keywords_int8.tflite"


def test_on_a_phone_behind_the_real_adb(adb: Callable[..., str], tmp_path: Path) -> None:
    """Push, run, pull, clean: our program and LiteRT's official library on an arm64 phone."""
    emulated()
    if problem := missing():
        pytest.skip(problem)
    with arm64_phone(tmp_path / "phone") as handset, FakeDaemon(handset) as daemon:
        # What qemu's user mode shows to programs that are not emulated themselves: the host's.
        handset.set("/fake/cpuinfo", "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R)\n")
        adb("connect", daemon.address)
        here = request_for(INT8, tmp_path, **QUICK)
        with open_device(f"adb:{daemon.address}") as device:
            feeds = {
                name: tuple(Feed(path=device.push(Path(one.path)), dtype=one.dtype, shape=one.shape) for one in sets)
                for name, sets in here.feeds.items()
            }
            request = replace(here, files=(device.push(INT8),), feeds=feeds, outputs="out")
            runtime = runtime_of(arm64_libraries("libLiteRt*.so")[-1])
            reply = native_launch(device, request, runtime, Limits(seconds=120))
            assert reply.trouble is None
            device.pull("out", tmp_path / "came", most=1 << 20)
            assert device.facts().emulated
        assert handset.left() == []
    assert reply.digests == reply_of([runner()], replace(here, library=str(library("litert")))).digests
    assert (tmp_path / "came").stat().st_size == 2 * sum(one.size for one in reply.outputs)
