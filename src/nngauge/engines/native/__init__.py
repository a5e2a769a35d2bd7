"""Our on-device runner: one small C program that opens a runtime library and runs a model with it; also with an app's own.

The program speaks `Request` and `Reply`. It is built beforehand for phones and boards (``native/prebuilt``), so measuring with it
takes no compiler; ``native/build.py`` makes the same bytes from ``native/*.c``. See docs/native-runner.md.
"""

from __future__ import annotations

from nngauge.engines.native.launch import NATIVE, native_launch, native_loop, runner_for
from nngauge.engines.native.runtime import FORMATS, INTERFACES, Runtime, app_runtimes, interface_of, runtime_of

__all__ = [
    "FORMATS",
    "INTERFACES",
    "NATIVE",
    "Runtime",
    "app_runtimes",
    "interface_of",
    "native_launch",
    "native_loop",
    "runner_for",
    "runtime_of",
]
