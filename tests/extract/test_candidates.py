"""Which formats a file might be, and what asking costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from nngauge.formats import deferred_formats
from tests.builders.models import tflite

_OTHERS = """
import sys, nngauge
nngauge.read_graph(sys.argv[1])
print(*sorted(name for name in sys.modules if name.startswith("nngauge.formats.") and name.count(".") == 2))
"""


def test_a_magic_that_is_right_imports_no_other_parser(tmp_path: Path) -> None:
    deferred_formats()  # the first call after a change imports all formats and remembers what they say of themselves
    (tmp_path / "net.tflite").write_bytes(tflite())
    command = [sys.executable, "-c", _OTHERS, str(tmp_path / "net.tflite")]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    parsers = {name for name in run.stdout.split() if not name.rpartition(".")[2].startswith("_")}
    assert parsers == {"nngauge.formats.tflite", "nngauge.formats.vocabulary"}
