"""OpenVINO, from the wheel ``openvino``: its own IR, and ONNX, TensorFlow, TensorFlow Lite and PaddlePaddle files as they are."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Engine, Request
from nngauge.engines.loaded import Refused, matched, no_delegate, not_fed, op_times

if TYPE_CHECKING:
    from nngauge.engines.loaded import Array

_DEVICES = {"": "CPU", "cpu": "CPU", "cpu-f32": "CPU", "gpu": "GPU", "npu": "NPU", "auto": "AUTO"}


def version() -> str:
    """Of the library, without its build number."""
    import openvino

    return str(openvino.__version__).split("-", maxsplit=1)[0]


class _Model:
    def __init__(self, request: Request, *, counting: bool = False) -> None:
        import openvino

        if request.delegate not in _DEVICES:
            raise no_delegate(request.delegate, ENGINE.delegates)
        self._core = openvino.Core()
        self._request, self._device = request, _DEVICES[request.delegate]
        there = {name.split(".")[0] for name in self._core.available_devices} | {"AUTO"}
        if self._device not in there:
            raise no_delegate(request.delegate, sorted(name.lower() for name in there))
        self._counting = counting
        self._model = self._core.read_model(*_files(request))
        self._fed: Mapping[str, Array] = {}
        self._compiled: Any = None
        self.run: Callable[[], object] = not_fed
        if not self._model.is_dynamic():
            self._compile()

    def _compile(self) -> None:
        from openvino._pyopenvino import InferRequest

        options: dict[str, object] = {"PERFORMANCE_HINT": "LATENCY", "PERF_COUNT": self._counting}
        if self._device == "CPU":
            options["INFERENCE_NUM_THREADS"] = self._request.threads
        if self._request.delegate == "cpu-f32":
            options["INFERENCE_PRECISION_HINT"] = "f32"
        self._compiled = self._core.compile_model(self._model, self._device, options)
        self._made = self._compiled.create_infer_request()
        # `infer` of the Python class copies inputs and outputs; the core runs on the tensors that were set.
        core, nothing = InferRequest.infer, {}  # type: ignore[var-annotated]
        request = self._made
        self.run = lambda: core(request, nothing, share_outputs=True, decode_strings=False)

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """By any of an input's names, else in order; a model with open dimensions is compiled for these shapes."""
        import openvino

        names = [next((name for name in port.names if name in arrays), "") for port in self._model.inputs]
        chosen = matched(names, arrays)
        if self._compiled is None or self._shapes() != [array.shape for array in chosen]:
            self._model.reshape(
                {
                    port: openvino.PartialShape(list(array.shape))
                    for port, array in zip(self._model.inputs, chosen, strict=True)
                }
            )
            self._compile()
        for at, (port, array) in enumerate(zip(self._compiled.inputs, chosen, strict=True)):
            if array.dtype != port.element_type.to_dtype():
                raise Refused(f"input {at} is {port.element_type.to_dtype()} here, {array.dtype} in the file")
            self._made.set_input_tensor(at, openvino.Tensor(array.copy()))
        self._fed = arrays

    def _shapes(self) -> list[tuple[int, ...]]:
        return [tuple(port.shape) for port in self._compiled.inputs]

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Copies."""
        return [
            (min(port.names, default=f"output {at}"), self._made.get_output_tensor(at).data.copy())
            for at, port in enumerate(self._compiled.outputs)
        ]

    def profile(self, runs: int) -> Sequence[OpTime]:
        """The counters of each run, in a model of its own that counts."""
        other = _Model(self._request, counting=True)
        other.feed(self._fed)
        spent: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        for _ in range(runs + 1):
            other.run()
            for info in other._made.profiling_info:
                if str(info.status).endswith("EXECUTED"):
                    key = (info.node_name, info.node_type, self._device.lower())
                    spent[key].append(info.real_time.total_seconds() * 1e9)
        return op_times({key: times[1:] for key, times in spent.items()})

    def delegated(self) -> Mapping[str, int]:
        """Operators that are executed, of the compiled graph: it has fewer than the file, where they were fused."""
        if self._compiled is None:
            return {}
        try:
            graph = self._compiled.get_runtime_model()
        except RuntimeError:
            return {}
        kinds = [op.get_rt_info()["layerType"] for op in graph.get_ops() if "layerType" in op.get_rt_info()]
        count = sum(
            str(getattr(kind, "value", kind)) not in {"Input", "Output", "Const", "Parameter"} for kind in kinds
        )
        return {self._device.lower(): count} if count else {}


def _files(request: Request) -> tuple[str, ...]:
    """A SavedModel is its folder; of other formats the second file has the weights."""
    lead = Path(request.files[0])
    return (str(lead.parent),) if lead.name == "saved_model.pb" else request.files[:2]


def load(request: Request) -> _Model:
    """Reads the model, and compiles it unless its shapes are open."""
    return _Model(request)


ENGINE = Engine(
    name="openvino",
    title="OpenVINO",
    formats=frozenset({"openvino", "onnx", "tflite", "tf_graph", "tf_saved_model", "paddle"}),
    module="nngauge.engines.openvino",
    package="openvino",
    install='pip install "nngauge[openvino]"',
    delegates=("cpu", "cpu-f32", "gpu", "npu", "auto"),
    references=("https://docs.openvino.ai",),
    limitations=(
        "Computes in bfloat16 where the processor has it, as OpenVINO does unless told otherwise; cpu-f32 does not.",
        "Loading a model with open dimensions does not compile it: that is then part of setting the inputs, and of no time.",
        "Runs on no phone: figures tell of this machine.",
    ),
)
