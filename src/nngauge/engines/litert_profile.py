"""Profile of operators by LiteRT's C library, ``libLiteRt.so`` of the wheel: the Python interface has none.

Declarations: ``litert/c/`` of https://github.com/google-ai-edge/LiteRT (`litert_profiler_event.h` for the layout of an event).
"""

from __future__ import annotations

import ctypes
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, NamedTuple

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Request
from nngauge.engines.loaded import Refused, op_times

_CPU: Final = 1
"""``kLiteRtHwAcceleratorCpu``."""
_WRITE: Final = 1
"""``kLiteRtTensorBufferLockModeWrite``."""
_KERNEL_EVENT: Final = 1 << 1
"""``OPERATOR_INVOKE_EVENT``: one of the interpreter's own kernels."""
_DELEGATE_EVENTS: Final = (1 << 2) | (1 << 3)
"""``DELEGATE_OPERATOR_INVOKE_EVENT`` and ``DELEGATE_PROFILED_OPERATOR_INVOKE_EVENT``, which XNNPACK reports."""
_KERNEL_MODES: Final = {"cpu-builtin": 2, "cpu-reference": 1}
_RANKED_TYPE: Final = 128
"""Bytes kept for a ``LiteRtRankedTensorType``, which has 72 or 76."""


class _Event(ctypes.Structure):
    _fields_ = (
        ("tag", ctypes.c_char_p), ("kind", ctypes.c_int), ("start_us", ctypes.c_uint64), ("elapsed_us", ctypes.c_uint64),
        ("memory", ctypes.c_size_t * 6), ("metadata1", ctypes.c_uint64), ("metadata2", ctypes.c_uint64),
        ("source", ctypes.c_int),
    )  # fmt: skip


class Library:
    """Functions by name; those that are called have a status, which is 0 or `Refused`."""

    def __init__(self) -> None:
        spec = find_spec("ai_edge_litert")
        folder = Path(spec.origin).parent if spec and spec.origin else Path()
        self._library = ctypes.CDLL(str(folder / "libLiteRt.so"))
        self.libc = ctypes.CDLL(None)
        self.libc.strdup.restype = ctypes.c_void_p

    def __call__(self, name: str, *arguments: Any) -> None:
        """Calls a function. Raises `Refused` with its name."""
        status = self.function(name)(*arguments)
        if status:
            raise Refused(f"{name} says status {status}")

    def function(self, name: str) -> Any:
        """A function as it is."""
        return getattr(self._library, name)

    def address(self, name: str) -> ctypes.c_void_p:
        """Where a function is, for callers in C."""
        return ctypes.cast(self.function(name), ctypes.c_void_p)

    def handle(self, name: str, *arguments: Any) -> ctypes.c_void_p:
        """What a function writes through its last argument."""
        made = ctypes.c_void_p()
        self(name, *arguments, ctypes.byref(made))
        return made

    def option(self, options: ctypes.c_void_p, identifier: bytes, text: str) -> None:
        """Adds options in the form that the library reads: TOML under a name."""
        payload = ctypes.c_void_p(self.libc.strdup(text.encode()))
        made = self.handle("LiteRtCreateOpaqueOptions", identifier, payload, self.libc.free)
        self("LiteRtAddOpaqueOptions", options, made)


class Prepared(NamedTuple):
    """A model with its inputs in place."""

    library: Library
    model: ctypes.c_void_p
    arguments: tuple[Any, ...]
    """Of ``LiteRtRunCompiledModel``."""


def profile(request: Request, contents: Sequence[bytes], runs: int) -> list[OpTime]:
    """Time of each operator over `runs`, after one that is not counted. `contents`: bytes of each input, in order.

    Raises `Refused` with the function that failed.
    """
    library, compiled, arguments = prepare(request, contents, profiling=True)
    return _times(library, library.handle("LiteRtCompiledModelGetProfiler", compiled), arguments, runs)


def prepare(request: Request, contents: Sequence[bytes], *, profiling: bool) -> Prepared:
    """Loads the model on the processor and sets its inputs. Raises `Refused`."""
    library = Library()
    environment = library.handle("LiteRtCreateEnvironment", 0, None)
    options = library.handle("LiteRtCreateOptions")
    library("LiteRtSetOptionsHardwareAccelerators", options, _CPU)
    kernel = _KERNEL_MODES.get(request.delegate)
    mode = f"kernel_mode = {kernel}\n" if kernel else ""
    library.option(options, b"xnnpack", f"num_threads = {request.threads}\n{mode}")
    library.option(options, b"runtime_options_string", f"enable_profiling = {str(profiling).lower()}\n")
    model = library.handle("LiteRtCreateModelFromFile", environment, request.files[0].encode())
    compiled = library.handle("LiteRtCreateCompiledModel", environment, model, options)
    inputs = _buffers(library, environment, model, compiled, "Input")
    outputs = _buffers(library, environment, model, compiled, "Output")
    for buffer, content in zip(inputs, contents, strict=True):
        _write(library, buffer, content)
    return Prepared(library, compiled, (compiled, 0, len(inputs), inputs, len(outputs), outputs))


def _buffers(library: Library, environment: Any, model: Any, compiled: Any, side: str) -> Any:
    signature = library.handle("LiteRtGetModelSignature", model, 0)
    count = ctypes.c_size_t()
    library(f"LiteRtGetNumSignature{side}s", signature, ctypes.byref(count))
    made = (ctypes.c_void_p * count.value)()
    for at in range(count.value):
        tensor = library.handle(f"LiteRtGetSignature{side}TensorByIndex", signature, at)
        kind = ctypes.create_string_buffer(_RANKED_TYPE)
        library("LiteRtGetRankedTensorType", tensor, kind)
        wanted = library.handle(f"LiteRtGetCompiledModel{side}BufferRequirements", compiled, 0, at)
        made[at] = library.handle("LiteRtCreateManagedTensorBufferFromRequirements", environment, kind, wanted).value
    return made


def _write(library: Library, buffer: int, content: bytes) -> None:
    size = ctypes.c_size_t()
    library("LiteRtGetTensorBufferPackedSize", ctypes.c_void_p(buffer), ctypes.byref(size))
    if size.value != len(content):
        raise Refused(f"an input has {size.value} bytes in the profiled model, {len(content)} are there")
    address = ctypes.c_void_p()
    library("LiteRtLockTensorBuffer", ctypes.c_void_p(buffer), ctypes.byref(address), _WRITE)
    ctypes.memmove(address, content, len(content))
    library("LiteRtUnlockTensorBuffer", ctypes.c_void_p(buffer))


def _times(library: Library, profiler: Any, arguments: tuple[Any, ...], runs: int) -> list[OpTime]:
    """Events are read after each run: the profiler keeps only so many, and restarts its clock for delegates."""
    spent: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    library("LiteRtRunCompiledModel", *arguments)
    for _ in range(runs):
        library("LiteRtResetProfiler", profiler)
        library("LiteRtStartProfiler", profiler)
        library("LiteRtRunCompiledModel", *arguments)
        ops = [event for event in _events(library, profiler) if event.kind & (_KERNEL_EVENT | _DELEGATE_EVENTS)]
        for at, event in enumerate(ops):
            name = event.tag.decode(errors="replace")
            unit = "xnnpack" if event.kind & _DELEGATE_EVENTS else "cpu"
            spent[f"{name} #{at}", name, unit].append(event.elapsed_us * 1000)
    return op_times(spent)


def _events(library: Library, profiler: Any) -> Sequence[_Event]:
    count = ctypes.c_int()
    library("LiteRtGetNumProfilerEvents", profiler, ctypes.byref(count))
    events = (_Event * max(count.value, 1))()
    library("LiteRtGetProfilerEvents", profiler, count.value, events)
    return list(events)[: count.value]
