"""LiteRT's interpreter (formerly TensorFlow Lite), from the wheel ``ai-edge-litert``: XNNPACK unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Engine, Request
from nngauge.engines.loaded import matched, no_delegate, not_fed

if TYPE_CHECKING:
    from nngauge.engines.loaded import Array

_RESOLVERS = {
    "": "AUTO",
    "cpu-xnnpack": "AUTO",
    "cpu-builtin": "BUILTIN_WITHOUT_DEFAULT_DELEGATES",
    "cpu-reference": "BUILTIN_REF",
}
"""Delegate → name of the operator resolver in `ai_edge_litert.interpreter.OpResolverType`."""


def version() -> str:
    """Of the wheel. Imports the library, so that loading a model does not."""
    from ai_edge_litert import interpreter  # noqa: F401

    return installed("ai-edge-litert")


class _Model:
    def __init__(self, interpreter: Any, asked: int) -> None:
        self._interpreter = interpreter
        self._asked = asked
        self._inputs = interpreter.get_input_details()
        self._outputs = interpreter.get_output_details()
        self.run: Callable[[], object] = not_fed

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """By name, else in order; resizes inputs whose shape differs."""
        chosen = matched([item["name"] for item in self._inputs], arrays)
        self.run = not_fed  # the interpreter refuses to allocate while anybody holds its core
        resized = False
        for item, array in zip(self._inputs, chosen, strict=True):
            if tuple(item["shape"]) != array.shape:
                self._interpreter.resize_tensor_input(item["index"], array.shape)
                resized = True
        if resized:
            self._interpreter.allocate_tensors()
            self._inputs = self._interpreter.get_input_details()
        for item, array in zip(self._inputs, chosen, strict=True):
            self._interpreter.set_tensor(item["index"], array)
        # `invoke` of the Python class looks for references to tensors before each run; the core does not.
        self.run = self._interpreter._interpreter.Invoke  # noqa: SLF001

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Copies."""
        return [(item["name"], self._interpreter.get_tensor(item["index"])) for item in self._outputs]

    def profile(self, runs: int) -> Sequence[OpTime]:
        """The Python interface has no profile."""
        del runs
        return ()

    def delegated(self) -> Mapping[str, int]:
        """Operators that a delegate took over, and those left to the built-in kernels.

        Parts that were handed to a delegate are appended to the operators of the file as one ``DELEGATE`` each; those that it
        replaced stay in the list. So what is left is counted on the tensors that the delegates' parts do not make.
        """
        # There is no public way to the list of operators.
        ops = self._interpreter._get_ops_details()  # noqa: SLF001
        parts = [op for op in ops if op["op_name"] == "DELEGATE"]
        own = ops[: self._asked] if parts else ops
        if not parts:
            return {"cpu": len(own)}
        left = _left(own, parts)
        return {name: count for name, count in (("xnnpack", len(own) - left), ("cpu", left)) if count}


def _left(ops: Sequence[Mapping[str, Any]], parts: Sequence[Mapping[str, Any]]) -> int:
    """How many operators no part of a delegate holds.

    A part makes its outputs from its inputs; every operator on the way from one to the other belongs to it.
    """
    makers = {int(tensor): at for at, op in enumerate(ops) for tensor in op["outputs"]}
    taken: set[int] = set()
    for part in parts:
        borders = {int(tensor) for tensor in part["inputs"]}
        waiting = [int(tensor) for tensor in part["outputs"]]
        while waiting:
            tensor = waiting.pop()
            at = makers.get(tensor)
            if tensor in borders or at is None or at in taken:
                continue
            taken.add(at)
            waiting.extend(int(value) for value in ops[at]["inputs"])
    return len(ops) - len(taken)


def load(request: Request) -> _Model:
    """Reads the model and allocates its tensors."""
    from ai_edge_litert import interpreter as litert

    if request.delegate not in _RESOLVERS:
        raise no_delegate(request.delegate, [name for name in _RESOLVERS if name])
    resolver = getattr(litert.OpResolverType, _RESOLVERS[request.delegate])
    made = litert.Interpreter(request.files[0], num_threads=request.threads, experimental_op_resolver_type=resolver)
    before = len(made._get_ops_details())  # noqa: SLF001
    made.allocate_tensors()
    return _Model(made, before)


ENGINE = Engine(
    name="litert",
    title="LiteRT interpreter",
    formats=frozenset({"tflite"}),
    module="nngauge.engines.litert",
    package="ai_edge_litert",
    install='pip install "nngauge[litert]"',
    also=("tflite",),
    delegates=("cpu-xnnpack", "cpu-builtin", "cpu-reference"),
    references=("https://ai.google.dev/edge/litert",),
    limitations=("No profile of operators: the Python interface has none. The compiled model has one.",),
)
