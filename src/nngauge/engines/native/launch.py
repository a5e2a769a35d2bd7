"""One launch on a device with a runtime library: the program, its request, its reply."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec
from msgspec.structs import replace

from nngauge.devices import Command, OpenDevice
from nngauge.devices.script import mask
from nngauge.engines._api import Engine, Reply, Request, Trouble
from nngauge.engines.local import Limits, understood
from nngauge.engines.native.runtime import FORMATS, Runtime
from nngauge.errors import LimitError, UnsupportedError

PREBUILT: Final = Path(__file__).parent / "prebuilt"
_MACHINES: Final = {"arm64-v8a": "aarch64", "x86_64": "x86_64"}


def runner_for(runtime: Runtime) -> Path | None:
    """The prebuilt program that can open a library, None when there is none for its processor."""
    machine = _MACHINES.get(runtime.abi)
    if machine is None:
        return None
    return PREBUILT / f"runner-{machine}-{'android' if runtime.bionic else 'linux-gnu'}"


def native_launch(
    device: OpenDevice,
    request: Request,
    runtime: Runtime,
    limits: Limits | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Reply:
    """One launch of a model on a device with a runtime library. Whatever happens to it is the reply: see `Trouble.kind`.

    Files of `request` are paths on the device. The program and the libraries are put there, once. `environment`: variables that
    a maker's accelerator wants (``ADSP_LIBRARY_PATH``). Raises `InputError` as the device's verbs do.
    """
    limits = limits or Limits()
    runner = _fitting(device, request, runtime)
    if isinstance(runner, Trouble):
        return Reply(engine=runtime.interface, version="", trouble=runner)
    words = (device.push(runner),)
    try:
        ran = device.run(
            Command(
                words=words,
                environment=environment or {},
                given=_asked(device, request, runtime),
                cpus=limits.cpus,
                seconds=limits.seconds,
                memory=limits.memory,
            )
        )
    except LimitError as error:
        return Reply(engine=runtime.interface, version="", trouble=Trouble(kind="garbage", reason=error.what))
    return understood(NATIVE, ran, limits)


def native_loop(device: OpenDevice, request: Request, runtime: Runtime, cpus: tuple[int, ...] = ()) -> tuple[str, ...]:
    """A process for the device that runs a model as long as the request says, for when nobody is connected.

    It prints ``inferences N seconds S``, and the beginning of its reply, which says why when it did not run. Everything it needs is put
    there. Raises `UnsupportedError` for what cannot run there, and as the device's verbs do.
    """
    runner = _fitting(device, request, runtime)
    if isinstance(runner, Trouble):
        raise UnsupportedError(f"the engine did not run: {runner.reason}")
    with TemporaryDirectory(prefix="nngauge-") as folder:
        file = Path(folder) / "request"
        file.write_bytes(_asked(device, replace(request, counted=True, outputs=""), runtime))
        asked = device.push(file)
    binding = f"taskset {mask(cpus)} " if cpus else ""
    # A device of which only the log comes back has no use for a hundred kilobytes of samples.
    return ("sh", "-c", f'{binding}"$0" < "$1" | cut -c 1-600', device.push(runner), asked)


def _fitting(device: OpenDevice, request: Request, runtime: Runtime) -> Path | Trouble:
    """The program, or why this library does not run this model there."""
    runner = runner_for(runtime)
    if runner is None:
        return _unsupported(f"there is no runner for {runtime.abi}")
    if device.facts().abi not in ("", runtime.abi):
        return _unsupported(f"a library for {runtime.abi} on a device with {device.facts().abi}")
    if request.format not in FORMATS[runtime.interface]:
        return _unsupported(f"{runtime.name} does not run {request.format}")
    return runner


def _unsupported(reason: str) -> Trouble:
    return Trouble(kind="unsupported", reason=reason)


def _asked(device: OpenDevice, request: Request, runtime: Runtime) -> bytes:
    """The request with the libraries' places there. ONNX Runtime's profile needs a place, too: the session's folder."""
    return msgspec.json.encode(
        replace(
            request,
            library=device.push(runtime.path),
            needed=tuple(device.push(path) for path in runtime.needed),
            outputs=request.outputs or ("native" if request.profile else ""),
        )
    )


NATIVE: Final = Engine(
    name="native",
    title="Runner for runtime libraries",
    formats=frozenset[str]().union(*FORMATS.values()),
    module="",
    package="",
    install="",
    delegates=("cpu-xnnpack", "cpu-builtin", "cpu-reference", "xnnpack", "gpu", "npu", "nnapi"),
    references=("docs/native-runner.md",),
    limitations=(
        "Processors: arm64 and x86-64.",
        "Inputs and outputs that are numbers of at least a byte; no texts, no resources.",
        "TensorFlow Lite's C API has no profile of operators, and delegates only with their default options.",
    ),
)
"""Not one of `nngauge.engines.ENGINES`: it has no Python module, and needs a library."""
