"""LiteRT's interpreter (formerly TensorFlow Lite), from the wheel ``ai-edge-litert``: XNNPACK unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Engine, Request
from nngauge.engines.child import Refused

if TYPE_CHECKING:
    from nngauge.engines.child import Array

_RESOLVERS = {
    "": "AUTO",
    "cpu-xnnpack": "AUTO",
    "cpu-builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "cpu-reference": "BUILTIN_REF",
}
"""Delegate → name of the operator resolver in `ai_edge_litert.interpreter.OpResolverType`."""


def version() -> str:
    """Of the wheel."""
    return installed("ai-edge-litert")


class _Model:
    def __init__(self, interpreter: Any) -> None:
        self._interpreter = interpreter
        self._inputs = interpreter.get_input_details()
        self._outputs = interpreter.get_output_details()
        self.run = interpreter.invoke

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """By name, else in order; resizes inputs whose shape differs."""
        rest = [array for name, array in arrays.items() if name not in {item["name"] for item in self._inputs}]
        chosen = [(item, arrays[item["name"]] if item["name"] in arrays else rest.pop(0)) for item in self._inputs]
        resized = False
        for item, array in chosen:
            if tuple(item["shape"]) != array.shape:
                self._interpreter.resize_tensor_input(item["index"], array.shape)
                resized = True
        if resized:
            self._interpreter.allocate_tensors()
        for item, array in chosen:
            self._interpreter.set_tensor(item["index"], array)

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Copies."""
        return [(item["name"], self._interpreter.get_tensor(item["index"])) for item in self._outputs]

    def profile(self, runs: int) -> Sequence[OpTime]:
        """The Python interface has no profile."""
        del runs
        return ()

    def delegated(self) -> Mapping[str, int]:
        """Operators left to the built-in kernels, and parts that a delegate took over."""
        ops = self._interpreter._get_ops_details()  # noqa: SLF001 - the only way to the execution plan
        taken = sum(item["op_name"] == "DELEGATE" for item in ops)
        return {"delegate": taken} if taken else {}


def load(request: Request) -> _Model:
    """Reads the model and allocates its tensors."""
    from ai_edge_litert import interpreter as litert

    if request.delegate not in _RESOLVERS:
        raise Refused(f"no delegate {request.delegate!r} here", hint=f"there are {', '.join(filter(None, _RESOLVERS))}")
    resolver = getattr(litert.OpResolverType, _RESOLVERS[request.delegate])
    made = litert.Interpreter(request.files[0], num_threads=request.threads, experimental_op_resolver_type=resolver)
    made.allocate_tensors()
    return _Model(made)


ENGINE = Engine(
    name="litert",
    title="LiteRT interpreter",
    formats=frozenset({"tflite"}),
    module="nngauge.engines.litert",
    package="ai_edge_litert",
    install='pip install "nngauge[litert]"',
    delegates=("cpu-xnnpack", "cpu-builtin", "cpu-reference"),
    references=("https://ai.google.dev/edge/litert",),
    limitations=("No profile of operators: the Python interface has none.",),
)
