"""ncnn, from the wheel ``ncnn``: text and binary ``.param`` files, also without their weights, as `benchncnn` runs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Engine, Request
from nngauge.engines.loaded import Refused, matched, no_delegate

if TYPE_CHECKING:
    from nngauge.engines.loaded import Array

_TEXT: Final = b"7767517"
"""First line of a text ``.param``: https://github.com/Tencent/ncnn/wiki/param-and-model-file-structure"""
_WITHOUT: Final = "cpu-no-weights"
_DELEGATES: Final = ("cpu", _WITHOUT, "vulkan")
_WEIGHTLESS: Final = "weights are not there: all of them are zero, and the outputs mean nothing"


def version() -> str:
    """Of the library."""
    import ncnn

    return str(ncnn.__version__)


class _Model:
    def __init__(self, net: Any, request: Request) -> None:
        self._net, self._request = net, request
        self._inputs: list[Any] = []
        self._results: list[Any] = []
        self._names = (list(net.input_names()), list(net.output_names()))

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """By name, else in order. ncnn has no batch: a first dimension of 1 is left out where there are four."""
        import ncnn
        import numpy as np

        chosen = matched(self._names[0], arrays)
        self._inputs = []
        for name, array in zip(self._names[0], chosen, strict=True):
            if array.dtype != np.float32:
                array = array.astype(np.float32)
            if array.ndim == 4 and array.shape[0] == 1:
                array = array[0]
            if not 1 <= array.ndim <= 4:
                raise Refused(f"input {name!r} has {array.ndim} dimensions, ncnn has up to four")
            # A Mat made from an array points into it; the copy is ncnn's own.
            self._inputs.append(ncnn.Mat(np.ascontiguousarray(array)).clone())

    def run(self) -> None:
        """One inference, of all outputs."""
        extractor = self._net.create_extractor()
        for name, mat in zip(self._names[0], self._inputs, strict=True):
            extractor.input(name, mat)
        results = []
        for name in self._names[1]:
            code, mat = extractor.extract(name)
            if code:
                raise Refused(f"computing {name!r} says code {code}")
            results.append(mat)
        self._results = results

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Copies."""
        import numpy as np

        # Detectors without detections give a Mat without memory, of which numpy cannot make an array.
        return [
            (name, np.zeros(0, np.float32) if mat.empty() else np.array(mat))
            for name, mat in zip(self._names[1], self._results, strict=True)
        ]

    def profile(self, runs: int) -> Sequence[OpTime]:
        """Its own profile needs another build (``NCNN_BENCHMARK``)."""
        del runs
        return ()

    def delegated(self) -> Mapping[str, int]:
        """Layers; with Vulkan ncnn does not tell which of them ran there."""
        return {"cpu": len(self._net.layers())} if self._request.delegate != "vulkan" else {}


def load(request: Request) -> _Model:
    """Reads the structure, and the weights that lie beside it; without them only when that is asked for."""
    import ncnn

    if request.delegate not in ("", *_DELEGATES):
        raise no_delegate(request.delegate, _DELEGATES)
    if request.delegate == "vulkan" and ncnn.get_gpu_count() == 0:
        raise no_delegate("vulkan", ("cpu", _WITHOUT))
    net = ncnn.Net()
    net.opt.num_threads = request.threads
    net.opt.use_vulkan_compute = request.delegate == "vulkan"
    param = Path(request.files[0])
    with param.open("rb") as file:
        text = file.read(len(_TEXT)) == _TEXT
    if not text:
        raise Refused("a binary .param has numbers for names; the Python interface of ncnn has no way to feed it")
    if net.load_param(str(param)):
        raise Refused("the structure cannot be loaded: ncnn prints which layer it does not know")
    weights = _weights(request, param)
    if weights is None:
        if request.delegate != _WITHOUT:
            raise Refused("the weights are missing", hint=f"ask for the delegate {_WITHOUT} to run it without them")
        code = net.load_model(ncnn.DataReaderFromEmpty())
    else:
        code = net.load_model(str(weights))
    if code:
        raise Refused(f"the weights cannot be loaded: code {code}")
    return _Model(net, request)


def _weights(request: Request, param: Path) -> Path | None:
    if request.delegate == _WITHOUT:
        return None
    others = [Path(other) for other in request.files[1:]]
    beside = [param.with_suffix(".bin"), param.with_name(f"{param.name}.bin")]
    return next((path for path in (*others, *beside) if path.is_file()), None)


ENGINE = Engine(
    name="ncnn",
    title="ncnn",
    formats=frozenset({"ncnn"}),
    module="nngauge.engines.ncnn",
    package="ncnn",
    install='pip install "nngauge[ncnn]"',
    delegates=_DELEGATES,
    references=("https://github.com/Tencent/ncnn/tree/master/benchmark",),
    limitations=(
        f"With cpu-no-weights the {_WEIGHTLESS}. Times are those of the structure.",
        "Text .param files only.",
        "No profile of layers: the wheel is built without NCNN_BENCHMARK.",
    ),
)
