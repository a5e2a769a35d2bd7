"""llama.cpp, from the wheel ``xllamacpp`` (``llama-cpp-python`` has no wheels): prefill and decode of a language model.

One inference is a prompt of `PROMPT` tokens, read, and `DECODED` tokens, written one by one, without the cache of the one
before. The times of both parts are llama.cpp's own.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, Any, Final

from nngauge.domain.measurement import OpTime, Stage
from nngauge.engines._api import Engine, Request
from nngauge.engines.loaded import Refused, no_delegate

if TYPE_CHECKING:
    from nngauge.engines.loaded import Array

PROMPT: Final = 64
DECODED: Final = 16
_LOWEST: Final = 3
"""First number that is an ordinary token in most vocabularies: unknown, beginning and end of a text come before."""
_HIGHEST: Final = 256
"""No vocabulary of a language model is smaller."""
_ALL_LAYERS: Final = 999


def version() -> str:
    """Of the wheel. Imports the library, so that loading a model does not."""
    import_module("xllamacpp")
    return installed("xllamacpp")


class _Model:
    def __init__(self, request: Request) -> None:
        xllamacpp = import_module("xllamacpp")
        params = xllamacpp.CommonParams()
        params.model.path = request.files[0]
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = request.threads
        params.n_ctx = PROMPT + DECODED + 1
        params.n_parallel = 1
        params.n_gpu_layers = _ALL_LAYERS if request.delegate == "gpu" else 0
        params.warmup = params.fit_params = params.ui = params.endpoint_metrics = False
        try:
            self._server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise Refused(str(error) or "the model cannot be loaded: llama.cpp prints why") from None
        self._asked: dict[str, object] = {}
        self._answer: Mapping[str, Any] = {}
        self._timings: list[Mapping[str, float]] = []

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """The tokens of the first array; without one, seeded numbers. Another set of them is another prompt."""
        tokens = next((list(map(int, array.ravel())) for array in arrays.values()), None)
        if tokens is None:
            chance = random.Random(PROMPT)  # noqa: S311 - no secret
            tokens = [chance.randrange(_LOWEST, _HIGHEST) for _ in range(PROMPT)]
        self._asked = {
            "prompt": tokens[:PROMPT], "n_predict": DECODED, "ignore_eos": True, "temperature": 0.0, "cache_prompt": False,
        }  # fmt: skip

    def run(self) -> None:
        """One prompt and its answer."""
        answer = self._server.handle_completions(self._asked)
        if "timings" not in answer:
            raise Refused(str(answer.get("error", "llama.cpp gives no answer")))
        self._answer = answer
        self._timings.append(answer["timings"])

    def forget(self) -> None:
        """Drops the times of the warm-up."""
        self._timings.clear()

    def stages(self) -> Sequence[Stage]:
        """Prefill and decode."""
        return [
            Stage(
                name=name,
                tokens=int(self._timings[0][f"{key}_n"]),
                wall_ns=tuple(round(one[f"{key}_ms"] * 1e6) for one in self._timings),
            )
            for name, key in (("prefill", "prompt"), ("decode", "predicted"))
            if self._timings
        ]

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """The text of the answer, as bytes."""
        import numpy as np

        text = str(self._answer["choices"][0]["text"]).encode()
        return [("text", np.frombuffer(text, np.uint8).copy())]

    def profile(self, runs: int) -> Sequence[OpTime]:
        """Not by this interface."""
        del runs
        return ()

    def delegated(self) -> Mapping[str, int]:
        """Not by this interface."""
        return {}


def load(request: Request) -> _Model:
    """Reads the model and makes a context for one sequence."""
    if request.delegate not in ("", "cpu", "gpu"):
        raise no_delegate(request.delegate, ("cpu", "gpu"))
    return _Model(request)


ENGINE = Engine(
    name="llamacpp",
    title="llama.cpp",
    formats=frozenset({"gguf"}),
    module="nngauge.engines.llamacpp",
    package="xllamacpp",
    install='pip install "nngauge[llamacpp]"',
    also=("llama.cpp",),
    delegates=("cpu", "gpu"),
    references=("https://github.com/ggml-org/llama.cpp", "https://github.com/xorbitsai/xllamacpp"),
    limitations=(
        "By its server's interface, so decoding includes choosing the token; llama-bench leaves that out.",
        f"Prompts have {PROMPT} tokens, answers {DECODED}: longer ones are slower a token.",
    ),
)
