"""Runs many versions of one model on the same inputs, in a process of their own that has limits.

::

    with open_trial(subject, inputs) as trial:
        shipped = trial.run()                                    # Outputs
        changed = trial.run([Patch(offset=4096, content=b"…")])

A version is the model's files with some bytes replaced in place. The process stays for the next version, so that only the
first pays for its start. A version that crashes it, hangs or needs too much raises `TrialError`; the next starts a new one.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct

from nngauge.compress.subject import Subject
from nngauge.compress.trial_child import Ask, Stacked, Told
from nngauge.devices import Ran
from nngauge.devices.process import kill_group
from nngauge.engines import Engine, Trouble, Written, engine_named, engines_for, installed
from nngauge.engines.local import ENVIRONMENT, Limits, understood
from nngauge.errors import InputError, UnreadableError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_TOLD: Final = 1 << 16
"""Bytes read at once of an answer, and of the engine's last words."""
_ENGINES: Final = {
    "tflite": "litert", "onnx": "onnxruntime", "ort": "onnxruntime", "ncnn": "ncnn", "openvino": "openvino", "mnn": "mnn",
    "executorch": "executorch",
}  # fmt: skip
"""The engine that apps run a format with."""
_DELEGATES: Final = {"openvino": "cpu-f32"}
"""Where an engine computes in fewer bits than the model has unless told otherwise."""


class TrialError(InputError):
    """A version of the model did not run. `kind` as `nngauge.engines.Trouble` has it: crashed, timeout, memory, failed …"""

    def __init__(self, kind: str, what: str, hint: str = "") -> None:
        super().__init__(what, hint=hint)
        self.kind = kind


def own_operators(what: str) -> bool:
    """Is this an engine's complaint of operators that come with an app (custom, Select TensorFlow)?"""
    return "custom op" in what or "Select TensorFlow" in what


class Patch(Struct, frozen=True, kw_only=True):
    """Bytes that replace as many in one of the model's files."""

    part: int = 0
    offset: int
    content: bytes


class Feeds(Struct, frozen=True, kw_only=True):
    """All inputs for one port of the model."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    """Of one input."""
    content: bytes
    """All inputs, one after the other: little-endian, dense."""

    @property
    def count(self) -> int:
        """How many inputs there are."""
        import numpy as np

        return len(self.content) // max(1, prod(self.shape) * np.dtype(self.dtype).itemsize)


class Outputs(Struct, frozen=True, kw_only=True):
    """What a version answered."""

    names: tuple[str, ...]
    arrays: tuple[tuple[Array, ...], ...]
    """For each output the answers to all inputs; all of one shape unless the model's outputs are open."""
    engine: str
    version: str
    cpu_seconds: float
    """Of the process that ran it, loading included."""
    run_seconds: float
    """Wall time of the inferences."""

    def stacked(self, at: int) -> Array:
        """One output of all inputs, inputs first. Raises `TrialError` where its shape is not always the same."""
        import numpy as np

        if len({array.shape for array in self.arrays[at]}) > 1:
            raise TrialError("dynamic", f"output {self.names[at]!r} has another shape for other inputs")
        return np.stack(self.arrays[at])


def engine_for(format: str, name: str = "") -> Engine:  # noqa: A002 - the noun
    """The engine for a format, installed. Raises `TrialError` with what to install, or that there is none."""
    found = engine_named(name) if name else None
    if found is None:
        usual = [engine for engine in engines_for(format) if engine.name == _ENGINES.get(format)]
        found = usual[0] if usual else None
    if found is None or format not in found.formats:
        raise TrialError(
            "unsupported",
            f"{found.title if found else 'no engine of ours'} runs versions of {format} models",
            hint=f"formats: {', '.join(sorted(_ENGINES))}",
        )
    if not installed(found):
        raise TrialError("missing", f"{found.title} is not installed", hint=found.install)
    return found


class Trial:
    """One model with its inputs; made by `open_trial`."""

    def __init__(self, subject: Subject, feeds: Sequence[Feeds], engine: Engine, folder: Path, limits: Limits) -> None:
        self.engine = engine
        self.cpu_seconds = 0.0
        """Of all processes up to now."""
        self._subject, self._folder, self._limits = subject, folder, limits
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._changed: tuple[Patch, ...] = ()
        self._files = [self._write(folder / "model" / file.name, file.content) for file in subject.files]
        self._ports: tuple[Stacked, ...] = ()
        self.count = 0
        self.feed(feeds)

    def feed(self, feeds: Sequence[Feeds]) -> None:
        """Replaces the inputs."""
        self.count = min((item.count for item in feeds), default=1)
        self._ports = tuple(
            Stacked(
                name=item.name, dtype=item.dtype, shape=item.shape,
                path=str(self._write(self._folder / f"{at}.in", item.content)),
            )
            for at, item in enumerate(feeds)
        )  # fmt: skip

    def run(self, patches: Sequence[Patch] = (), places: Sequence[int] | None = None) -> Outputs:
        """The outputs of the model with these bytes replaced, on all inputs or those at `places`.

        Raises `TrialError` where it does not run.
        """
        self._patch(patches)
        target = self._folder / "outputs"
        wanted = tuple(range(self.count)) if places is None else tuple(places)
        ask = Ask(
            files=tuple(map(str, self._files)), format=self._subject.format, ports=self._ports, places=wanted,
            outputs=str(target), delegate=_DELEGATES.get(self.engine.name, ""),
        )  # fmt: skip
        told = self._ask(ask)
        self.cpu_seconds += told.cpu_ns / 1e9
        if told.trouble is not None:
            hint = told.trouble.hint or (self.engine.install if told.trouble.kind == "missing" else "")
            raise TrialError(told.trouble.kind, told.trouble.reason, hint)
        return self._outputs(told, target.read_bytes(), len(wanted))

    def close(self) -> None:
        """Ends the process."""
        process, self._process = self._process, None
        if process is not None:
            kill_group(process.pid)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    @staticmethod
    def _write(path: Path, content: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    def _patch(self, patches: Sequence[Patch]) -> None:
        """Puts back what the last version changed, and changes what this one wants."""
        for patch in patches:
            if not 0 <= patch.part < len(self._files):
                raise TrialError("failed", "a patch is for a file that the model does not have")
            if not 0 <= patch.offset <= len(self._subject.files[patch.part].content) - len(patch.content):
                raise TrialError("failed", "a patch reaches beyond its file")
        before, self._changed = self._changed, tuple(patches)
        for part in {patch.part for patch in (*before, *patches)}:
            original = self._subject.files[part].content
            with self._files[part].open("r+b") as file:
                for patch in before:
                    if patch.part == part:
                        file.seek(patch.offset)
                        file.write(original[patch.offset : patch.offset + len(patch.content)])
                for patch in patches:
                    if patch.part == part:
                        file.seek(patch.offset)
                        file.write(patch.content)

    def _ask(self, ask: Ask) -> Told:
        begun = time.monotonic()
        process = self._started()
        line = b""
        try:
            assert process.stdin is not None and process.stdout is not None  # noqa: S101, PT018 - both are pipes
            process.stdin.write(msgspec.json.encode(ask) + b"\n")
            process.stdin.flush()
            line = _line(process.stdout, begun + self._limits.seconds)
        except (BrokenPipeError, TimeoutError):
            pass  # how it ended is looked at below
        except BaseException:
            self.close()
            raise
        if line.endswith(b"\n"):
            try:
                return msgspec.json.decode(line, type=Told)
            except msgspec.DecodeError:
                self.close()
                return Told(trouble=Trouble(kind="garbage", reason="its answer cannot be read"))
        return self._ended(process, late=time.monotonic() - begun >= self._limits.seconds)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._errors = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with the process
            try:
                self._process = subprocess.Popen(  # noqa: S603 - our own module
                    (sys.executable, "-m", "nngauge.compress.trial_child", self.engine.name, str(self._limits.memory)),
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, start_new_session=True,
                    env={**os.environ, **ENVIRONMENT, "OMP_NUM_THREADS": "1"},
                )  # fmt: skip
            except OSError as error:
                raise UnreadableError(f"cannot be started: {error.strerror or error}", where=sys.executable) from None
        return self._process

    def _ended(self, process: subprocess.Popen[bytes], *, late: bool) -> Told:
        """Why there is no answer."""
        if late:
            kill_group(process.pid)
        code = process.wait()
        words = b""
        if self._errors is not None:
            self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - _TOLD))
            words = self._errors.read(_TOLD)
        self.close()
        ran = Ran(code=code, out=b"", err=words, seconds=0.0, timed_out=late)
        return Told(trouble=understood(self.engine, ran, self._limits).trouble)

    def _outputs(self, told: Told, content: bytes, count: int) -> Outputs:
        import numpy as np

        each: Sequence[tuple[Written, ...]] = told.written * count if len(told.written) == 1 else told.written
        sizes = [item.size for one in each for item in one]
        if sum(sizes) != len(content) or len(each) != count or len({len(one) for one in each}) > 1:
            raise TrialError("garbage", "the outputs are not those that were announced")
        starts = iter((0, *accumulate(sizes)))
        rows: list[list[Array]] = [
            [_array(np.frombuffer(content, np.dtype(item.dtype), prod(item.shape), next(starts)), item) for item in one]
            for one in each
        ]
        names = tuple(item.name for item in each[0]) if each else ()
        return Outputs(
            names=names, arrays=tuple(tuple(row[at] for row in rows) for at in range(len(names))),
            engine=self.engine.name, version=told.version, cpu_seconds=told.cpu_ns / 1e9, run_seconds=told.run_ns / 1e9,
        )  # fmt: skip


def _array(flat: Array, written: Written) -> Array:
    return flat.reshape(written.shape)


def _line(pipe: IO[bytes], until: float) -> bytes:
    """Up to the end of a line, of the answer, or of the time (`TimeoutError`)."""
    found = bytearray()
    while not found.endswith(b"\n"):
        left = until - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            raise TimeoutError
        piece = os.read(pipe.fileno(), _TOLD)
        if not piece:
            break
        found += piece
    return bytes(found)


@contextmanager
def open_trial(
    subject: Subject, feeds: Sequence[Feeds], *, engine: str = "", limits: Limits | None = None
) -> Iterator[Trial]:
    """A trial of `subject` on `feeds`, one for each of the model's inputs.

    `limits.seconds` holds for one version on all inputs. Raises `TrialError` when there is no engine for the format, or it
    is not installed.
    """
    chosen = engine_for(subject.format, engine)
    with tempfile.TemporaryDirectory(prefix="nngauge-") as folder:
        trial = Trial(subject, feeds, chosen, Path(folder), limits or Limits())
        try:
            yield trial
        finally:
            trial.close()
