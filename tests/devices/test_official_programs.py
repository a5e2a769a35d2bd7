"""A maker's benchmark program on a phone: put there by its digest, run, its result file fetched, everything removed."""

from __future__ import annotations

from pathlib import Path

from nngauge.devices import open_device
from nngauge.engines.official import Job, tool_named
from nngauge.engines.official.running import run_tool
from tests.builders.adbd import FakeDaemon
from tests.builders.handset import Handset
from tests.engines.test_official import LATENCY, MISC, bench, message

SCRIPT = """#!/bin/sh
for word in "$@"; do case "$word" in --graph=*) test -s "${word#--graph=}" || exit 3;; --result_file_path=*) file="${word#*=}";; esac; done
test "$LC_ALL" = C || exit 4
printf '@pb@' > "$file"
cat <<'END'
@
END
"""


def test_benchmark_model_on_a_phone(daemon: FakeDaemon, handset: Handset, tmp_path: Path) -> None:
    result = message(f2=LATENCY, f4=MISC)
    octal = "".join(f"\\{byte:03o}" for byte in result)
    program, model = tmp_path / "benchmark_model", tmp_path / "m.tflite"
    program.write_text(SCRIPT.replace("@pb@", octal).replace("\n@\n", f"\n{bench()}\n"))
    model.write_bytes(b"model")
    with open_device(f"adb:{daemon.address}") as device:
        (one,) = run_tool(
            device, tool_named("benchmark_model"), program, model, Job(model="", folder="", runs=50), seconds=30
        )
        assert one.name == "m.tflite"
        assert one.summary is not None
        assert one.summary.median_ns == 13.25e6  # only the file tells it
        assert one.summary.runs == 50
    assert handset.left() == []
