"""MNN, from the wheel ``MNN``, by its session interface, as its own ``benchmark.out`` does.

``MNN.tools`` is never imported: importing it runs an installer. See docs/engines.md.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Engine, Request
from nngauge.engines.loaded import Refused, matched, no_delegate, op_times

if TYPE_CHECKING:
    from nngauge.engines.loaded import Array

_BACKENDS: Final = {"": "CPU", "cpu": "CPU", "cpu-low": "CPU", "opencl": "OPENCL", "vulkan": "VULKAN", "metal": "METAL"}
_CPU_ONLY: Final = "MNN falls back to the processor without a word where a back end is missing."


def version() -> str:
    """Of the library."""
    return str(import_module("MNN").version())


class _Model:
    def __init__(self, request: Request) -> None:
        self._mnn = mnn = import_module("MNN")
        self._interpreter = mnn.Interpreter(request.files[0])
        precision = "low" if request.delegate == "cpu-low" else "high"
        config = {"backend": _BACKENDS[request.delegate], "numThread": request.threads, "precision": precision}
        self._session = self._interpreter.createSession(config)
        if self._session is None:
            raise Refused("no session can be made: MNN prints why")
        self._dtypes = _dtypes(mnn)

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """By name, else in order; resizes inputs whose shape differs."""
        inputs = self._interpreter.getSessionInputAll(self._session)
        chosen = matched(list(inputs), arrays)
        resized = False
        for tensor, array in zip(inputs.values(), chosen, strict=True):
            if tuple(tensor.getShape()) != array.shape:
                self._interpreter.resizeTensor(tensor, array.shape)
                resized = True
        if resized:
            self._interpreter.resizeSession(self._session)
        for (name, tensor), array in zip(inputs.items(), chosen, strict=True):
            kind = tensor.getDataType()
            dtype = next((dtype for dtype, code in self._dtypes if code == kind), None)
            if dtype is None:
                raise Refused(f"input {name!r} has a type that cannot be set")
            holder = self._mnn.Tensor(array.shape, kind, array.astype(dtype), tensor.getDimensionType())
            if not tensor.copyFrom(holder):
                raise Refused(f"input {name!r} cannot be set: MNN could not prepare the session, and prints why")

    def run(self) -> None:
        """One inference. A model that MNN could not prepare says so by its code, and takes no time."""
        code = self._interpreter.runSession(self._session)
        if code:
            raise Refused(f"running says code {code}")

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Copies, in the layout of the file."""
        import numpy as np

        found = []
        for name, tensor in self._interpreter.getSessionOutputAll(self._session).items():
            shape, kind = tensor.getShape(), tensor.getDataType()
            dtype = next((dtype for dtype, code in self._dtypes if code == kind), "float32")
            layout = self._mnn.Tensor_DimensionType_Caffe
            holder = self._mnn.Tensor(shape, kind, np.zeros(shape, dtype), layout)
            tensor.copyToHostTensor(holder)
            numbers = np.array(holder.getNumpyData(), dtype).ravel()[: math.prod(shape)]
            found.append((name, numbers.reshape(shape)))
        return found

    def profile(self, runs: int) -> Sequence[OpTime]:
        """Time between the calls before and after each operator, which MNN makes on request."""
        spent: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        begun = 0

        def before(_tensors: object, _op: object) -> bool:
            nonlocal begun
            begun = time.perf_counter_ns()
            return True

        def after(_tensors: object, op: Any) -> bool:
            spent[op.getName(), op.getType(), ""].append(time.perf_counter_ns() - begun)
            return True

        for _ in range(runs):
            self._interpreter.runSessionWithCallBackInfo(self._session, before, after)
        return op_times(spent)

    def delegated(self) -> Mapping[str, int]:
        """MNN does not tell."""
        return {}


def _dtypes(mnn: Any) -> Sequence[tuple[str, Any]]:
    """Element type and MNN's object for it, which is no number but can be compared."""
    return (("float32", mnn.Halide_Type_Float), ("int32", mnn.Halide_Type_Int), ("uint8", mnn.Halide_Type_Uint8),
            ("int64", mnn.Halide_Type_Int64))  # fmt: skip


def load(request: Request) -> _Model:
    """Reads the model and makes a session."""
    if request.delegate not in _BACKENDS:
        raise no_delegate(request.delegate, ENGINE.delegates)
    return _Model(request)


ENGINE = Engine(
    name="mnn",
    title="MNN",
    formats=frozenset({"mnn"}),
    module="nngauge.engines.mnn",
    package="MNN",
    install='pip install "nngauge[mnn]"',
    delegates=tuple(name for name in _BACKENDS if name),
    references=("https://mnn-docs.readthedocs.io/en/latest/start/python.html",),
    limitations=(
        _CPU_ONLY,
        "Precision is high (float32); cpu-low computes as MNN's `low`, in 16 bits where the processor has them.",
        "The profile includes the calls back into Python: about a microsecond an operator.",
        "Command-line tools of the wheel are never used: importing MNN.tools installs a package and reports to a server.",
    ),
)
