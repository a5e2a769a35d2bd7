"""ExecuTorch, from the wheel ``executorch``, which needs PyTorch beside it to be imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from nngauge.domain.measurement import OpTime
from nngauge.engines._api import Engine, Request
from nngauge.engines.loaded import Refused, no_delegate
from nngauge.engines.official import etdump

if TYPE_CHECKING:
    from nngauge.engines.loaded import Array


_LIBRARY: Final = "executorch.extension.pybindings.portable_lib"
_COLD: Final = 1
"""First inferences that a profile leaves out."""


def version() -> str:
    """Of the wheel. Imports the library, so that loading a model does not: PyTorch takes seconds."""
    import_module(_LIBRARY)
    return installed("executorch")


class _Model:
    def __init__(self, request: Request) -> None:
        runtime = import_module("executorch.runtime")
        # There is no public way to the number of threads, nor to running without fetching the outputs.
        import_module(_LIBRARY)._unsafe_reset_threadpool(request.threads)  # noqa: SLF001
        self._file = request.files[0]
        self._program = runtime.Runtime.get().load_program(
            self._file, verification=runtime.Verification.InternalConsistency
        )
        names = self._program.method_names
        if not names:
            raise Refused("the program has no method")
        self._name = "forward" if "forward" in names else min(names)
        self._method = self._program.load_method(self._name)
        self._core: Any = self._method._method  # noqa: SLF001
        self._fed: list[Any] = []
        self.run = self._core.execute

    def feed(self, arrays: Mapping[str, Array]) -> None:
        """In the order of the method: inputs of a program have no names."""
        torch = import_module("torch")
        wanted = self._method.metadata.num_inputs()
        if wanted != len(arrays):
            raise Refused(f"the method wants {wanted} inputs, there are {len(arrays)}")
        self._fed = [torch.from_numpy(array.copy()) for array in arrays.values()]
        self._core.set_inputs(self._fed)

    def outputs(self) -> Sequence[tuple[str, Array]]:
        """Copies."""
        torch = import_module("torch")
        return [
            (f"output {at}", value.numpy().copy() if isinstance(value, torch.Tensor) else torch.tensor(value).numpy())
            for at, value in enumerate(self._core.get_outputs())
        ]

    def profile(self, runs: int) -> Sequence[OpTime]:
        """By ExecuTorch's own trace (ETDump) of the program loaded once more; kernels, and what delegates report.

        The wheel writes the file without its developer tools, which are only for reading it: `etdump` reads it here.
        """
        program = import_module(_LIBRARY)._load_program(self._file, enable_etdump=True)  # noqa: SLF001
        if not program.has_etdump():
            return ()
        method = program.load_method(self._name)
        method.set_inputs(self._fed)
        for _ in range(_COLD + runs):
            method.execute()
        with TemporaryDirectory(prefix="nngauge-") as folder:
            file = Path(folder) / "trace.etdp"
            program.write_etdump_result_to_file(str(file), str(file.with_suffix(".debug")))
            return etdump.operators(file.read_bytes(), cold=_COLD)

    def delegated(self) -> Mapping[str, int]:
        """The program was partitioned when it was exported; the file tells, not the engine."""
        return {}


def load(request: Request) -> _Model:
    """Loads the program and its method ``forward``."""
    if request.delegate:
        raise no_delegate(request.delegate, ())
    return _Model(request)


ENGINE = Engine(
    name="executorch",
    title="ExecuTorch",
    formats=frozenset({"executorch"}),
    module="nngauge.engines.executorch",
    package="executorch",
    install='pip install "nngauge[executorch]"',
    references=("https://docs.pytorch.org/executorch/stable/runtime-python-api-reference.html",),
    limitations=(
        "Needs PyTorch beside it (200 MB to download): the wheel cannot be imported without.",
        "Delegates are part of the file: there is nothing to choose when it is run.",
        "Kernels of delegates are told where the delegate tells them (XNNPACK does), in whole microseconds.",
    ),
)
