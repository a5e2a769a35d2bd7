"""LiteRT's compiled model, the interface that replaces the interpreter: from the wheel ``ai-edge-litert``.

The Python interface runs it; the profile of operators comes from the C library in the same wheel (`litert_profile`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any, Final

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Engine, Request
from nngauge.engines.loaded import Refused, matched, no_delegate, not_fed

if TYPE_CHECKING:
    from nngauge.engines.loaded import Array

_KERNELS: Final = {"": None, "cpu-xnnpack": "XNNPACK", "cpu-builtin": "BUILTIN", "cpu-reference": "REFERENCE"}
"""Delegate → name in `ai_edge_litert.cpu_kernel_mode.CpuKernelMode`."""
_ACCELERATORS: Final = {"gpu": "GPU", "npu": "NPU"}


def version() -> str:
    """Of the wheel. Imports the library, so that loading a model does not."""
    from ai_edge_litert import compiled_model  # noqa: F401

    return installed("ai-edge-litert")


class _Model:
    def __init__(self, compiled: Any, request: Request) -> None:
        keys = list(compiled.get_signature_list())
        if not keys:
            raise Refused("the model has no signature and no main graph")
        self._compiled, self._request, self._key = compiled, request, keys[0]
        self._fed: list[Array] = []
        self._names: tuple[list[str], list[str]] = ([], [])
        self._buffers: tuple[list[Any], list[Any]] = ([], [])
        self._index = compiled.get_signature_index(self._key)
        self.run: Callable[[], object] = not_fed

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """By the names of the first signature, else in order; resizes inputs whose shape differs."""
        signature = self._compiled.get_signature_list()[self._key]
        self._names = (list(signature["inputs"]), list(signature["outputs"]))
        chosen = matched(self._names[0], arrays)
        details = self._compiled.get_input_tensor_details(self._key)
        for at, (name, array) in enumerate(zip(self._names[0], chosen, strict=True)):
            if tuple(details[name]["shape"]) != array.shape:
                self._compiled.resize_input_tensor(at, array.shape, self._index, strict=False)
        self._buffers = (
            self._compiled.create_input_buffers(self._index), self._compiled.create_output_buffers(self._index)
        )  # fmt: skip
        for buffer, array in zip(self._buffers[0], chosen, strict=True):
            buffer.write(array)
        self._fed = chosen
        capsules = ([one.capsule for one in self._buffers[0]], [one.capsule for one in self._buffers[1]])
        core, index = self._compiled._model, self._index  # noqa: SLF001 - the wrapper makes these lists anew in each run
        self.run = lambda: core.RunByIndex(index, *capsules)

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Copies."""
        import numpy as np

        details = self._compiled.get_output_tensor_details(self._key)
        found = []
        for name, buffer in zip(self._names[1], self._buffers[1], strict=True):
            shape = tuple(map(int, details[name]["shape"]))
            dtype = np.dtype(details[name]["dtype"])
            found.append((name, buffer.read(int(np.prod(shape)), dtype).reshape(shape)))
        return found

    def profile(self, runs: int) -> Sequence[OpTime]:
        """From the C library, in a model of its own with the same inputs."""
        from nngauge.engines.litert_profile import profile

        return profile(self._request, [array.tobytes() for array in self._fed], runs)

    def delegated(self) -> Mapping[str, int]:
        """Only whether everything is where it was asked for: operators are not counted."""
        return {}


def load(request: Request) -> _Model:
    """Reads and compiles the model."""
    from ai_edge_litert.compiled_model import CompiledModel
    from ai_edge_litert.cpu_kernel_mode import CpuKernelMode
    from ai_edge_litert.hardware_accelerator import HardwareAccelerator
    from ai_edge_litert.options import CpuOptions, Options

    if request.delegate in _KERNELS:
        kernels, where = _KERNELS[request.delegate], HardwareAccelerator.CPU
    elif request.delegate in _ACCELERATORS:
        kernels, where = None, HardwareAccelerator[_ACCELERATORS[request.delegate]] | HardwareAccelerator.CPU
    else:
        raise no_delegate(request.delegate, ENGINE.delegates)
    mode = CpuKernelMode[kernels] if kernels else None
    options = Options(
        hardware_accelerators=where, cpu_options=CpuOptions(num_threads=request.threads, kernel_mode=mode)
    )
    compiled = CompiledModel.from_file(request.files[0], options=options)
    if request.delegate in _ACCELERATORS and not compiled.is_fully_accelerated():
        raise Refused(f"not all operators run on the {request.delegate}, and this engine does not tell which")
    return _Model(compiled, request)


ENGINE = Engine(
    name="litert_compiled",
    title="LiteRT compiled model",
    formats=frozenset({"tflite"}),
    module="nngauge.engines.litert_compiled",
    package="ai_edge_litert",
    install='pip install "nngauge[litert]"',
    delegates=("cpu-xnnpack", "cpu-builtin", "cpu-reference", "gpu", "npu"),
    references=("https://ai.google.dev/edge/litert/next/overview",),
    limitations=(
        "Refuses models with variable tensors (recurrent cells that keep a state); the interpreter runs them.",
        "The profile has whole microseconds: operators that are shorter show up only on average.",
    ),
)
