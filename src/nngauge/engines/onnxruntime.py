"""ONNX Runtime, from the wheel ``onnxruntime``: the CPU execution provider, and others that the installed build has."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Engine, Request
from nngauge.engines.loaded import matched, no_delegate, op_times

if TYPE_CHECKING:
    from nngauge.engines.loaded import Array

_PROVIDERS = {"": "CPUExecutionProvider", "cpu": "CPUExecutionProvider", "xnnpack": "XnnpackExecutionProvider",
              "nnapi": "NnapiExecutionProvider", "coreml": "CoreMLExecutionProvider", "cuda": "CUDAExecutionProvider"}  # fmt: skip


def version() -> str:
    """Of the library."""
    import onnxruntime

    return str(onnxruntime.__version__)


class _Model:
    def __init__(self, request: Request, *, profile: str = "") -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = request.threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0" if request.threads == 1 else "1")
        if request.format == "ort":
            options.add_session_config_entry("session.load_model_format", "ORT")
        if profile:
            options.enable_profiling = True
            options.profile_file_prefix = profile
        provider = _PROVIDERS.get(request.delegate, request.delegate)
        if provider not in onnxruntime.get_available_providers():
            there = {theirs: ours for ours, theirs in _PROVIDERS.items()}
            raise no_delegate(
                request.delegate, [there.get(name, name) for name in onnxruntime.get_available_providers()]
            )
        self._request = request
        self._session = onnxruntime.InferenceSession(request.files[0], options, providers=[provider])
        self._arrays: dict[str, Array] = {}
        self._results: list[Array] = []
        self.names = [item.name for item in self._session.get_outputs()]

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """By name, else in order."""
        wanted = [item.name for item in self._session.get_inputs()]
        self._arrays = dict(zip(wanted, matched(wanted, arrays), strict=True))

    def run(self) -> None:
        """One inference. The outputs before are dropped first, so that their memory is free for it, as in the runner in C."""
        self._results = []
        self._results = self._session.run(None, self._arrays)

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Of the last inference."""
        return list(zip(self.names, self._results, strict=True))

    def delegated(self) -> Mapping[str, int]:
        """Only the profile tells."""
        return {}

    def profile(self, runs: int) -> Sequence[OpTime]:
        """From the profile that ONNX Runtime writes, in a session of its own."""
        with tempfile.TemporaryDirectory() as folder:
            other = _Model(self._request, profile=f"{folder}/ort")
            other._arrays = self._arrays
            for _ in range(runs + 1):
                other.run()
            events = msgspec.json.decode(Path(other._session.end_profiling()).read_bytes())
        return _ops(events)


def _ops(events: Sequence[Mapping[str, Any]]) -> list[OpTime]:
    """From events of kernels, one for each run, without the first run."""
    spent: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for event in events:
        name = str(event.get("name", ""))
        if event.get("cat") == "Node" and name.endswith("_kernel_time"):
            facts = event.get("args", {})
            unit = str(facts.get("provider", "")).removesuffix("ExecutionProvider").lower()
            key = (name.removesuffix("_kernel_time"), str(facts.get("op_name", "")), unit)
            spent[key].append(float(event.get("dur", 0)) * 1000)
    return op_times({key: times[1:] for key, times in spent.items()})


def load(request: Request) -> _Model:
    """Makes a session."""
    return _Model(request)


ENGINE = Engine(
    name="onnxruntime",
    title="ONNX Runtime",
    formats=frozenset({"onnx", "ort"}),
    module="nngauge.engines.onnxruntime",
    package="onnxruntime",
    install='pip install "nngauge[onnxruntime]"',
    also=("ort",),
    delegates=tuple(name for name in _PROVIDERS if name),
    references=("https://onnxruntime.ai/docs/api/python",),
    limitations=("On one thread the pool does not spin, as apps that save energy have it; on more it does.",),
)
