"""One session: models in configurations on one device, from files to measurements.

Every launch is a process of its own that gets a `Request` and gives a `Reply`; who starts it, and where, is the `Bench`'s
business: this machine, a phone, a test.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.energy import Energy, EnergyRefusal
from nngauge.domain.graph import Graph
from nngauge.domain.measurement import (
    Configuration,
    Device,
    Launch,
    Measurement,
    ModelEnergy,
    OpTime,
    OutputCheck,
    Refusal,
    Session,
    State,
)
from nngauge.engines import Feed, Reply, Request, Trouble, Written
from nngauge.errors import InputError, TransientError, UsageError
from nngauge.measure.doubts import doubts
from nngauge.measure.inputs import Input, inputs_of
from nngauge.measure.outputs import check, difference
from nngauge.measure.protocol import Cell, Course, Plan, Progress, run
from nngauge.measure.summary import summary
from nngauge.version import __version__

GONE: Final = "device"
"""Kind of the refusals of what a device that is gone would have measured."""
_COMPARED: Final = 64 * 2**20
"""Bytes of outputs that are compared with the reference's."""


class Subject(Struct, frozen=True, kw_only=True):
    """One model to measure."""

    digest: str
    name: str
    format: str
    files: tuple[Path, ...]
    """The lead file first."""
    graph: Graph
    macs: int | None = None
    shapes: Mapping[str, tuple[int, ...]] = {}
    """Dimensions that the model leaves open."""
    feeds: Mapping[str, Path] = {}
    """Files to feed instead of random numbers, by input."""
    unread: str = ""
    """Why its network could not be read: then it is not measured."""


class Bench(Protocol):
    """A device with engines on it."""

    @property
    def device(self) -> Device:
        """What it is."""

    def state(self) -> State | None:
        """How it is now."""

    def place(self, file: Path) -> str:
        """Puts a file where the engines can read it; its path there. The same file is put there once."""

    def launch(self, configuration: Configuration, request: Request) -> Reply:
        """One process, one reply. A crash or a timeout is a reply with trouble."""

    def fetch(self, remote: str, target: Path) -> None:
        """Brings a file that a launch wrote."""

    def scratch(self, name: str) -> str:
        """A path there that a launch may write."""

    def library(self, configuration: Configuration) -> str:
        """SHA-256 of the library that runs the model, where it is a file of its own; else empty."""


Metered = Callable[[Mapping[str, tuple[Configuration, Request]]], Mapping[str, Energy | EnergyRefusal]]
"""Energy of several loops that take turns, by their names."""


class _Made(Struct):
    """What a subject needs on the bench in one configuration, and what its launches said besides times."""

    request: Request
    ops: tuple[OpTime, ...] = ()
    reply: Reply | None = None
    outputs: bytes = b""


def measure(
    subjects: Sequence[Subject],
    configurations: Sequence[Configuration],
    bench: Bench,
    plan: Plan,
    *,
    reference: Callable[[Subject, Request], tuple[Reply, bytes] | None] = lambda _subject, _request: None,
    profile: bool = False,
    metered: Metered | None = None,
    told: Callable[[Progress], None] = lambda _: None,
) -> Session:
    """Measures every subject in every configuration whose engine says it reads the format.

    `reference` runs the model once on an engine that is trusted, with the same inputs; its outputs are compared. A subject whose
    inputs cannot be made becomes refusals. `metered` measures the energy of what ran, after all times were taken. A device that is
    gone ends the session: what it had measured stays, the rest are refusals of the kind `GONE`. Raises `InputError` where it had nothing.
    """
    with TemporaryDirectory(prefix="nngauge-measure-") as folder:
        return _Session(subjects, configurations, bench, plan, Path(folder)).run(
            reference, profile=profile, metered=metered, told=told
        )


class _Session:
    def __init__(
        self,
        subjects: Sequence[Subject],
        configurations: Sequence[Configuration],
        bench: Bench,
        plan: Plan,
        folder: Path,
    ) -> None:
        self._subjects = {subject.digest: subject for subject in subjects}
        self._bench, self._plan, self._folder = bench, plan, folder
        self._cells = [
            Cell(model=subject.digest, configuration=item) for subject in subjects for item in configurations
        ]
        self._made: dict[Cell, _Made] = {}
        self._references: dict[tuple[str, int], tuple[Reply, bytes] | None] = {}
        self._inputs: dict[tuple[str, int], tuple[Input, ...]] = {}
        self._lost: Trouble | None = None

    def run(
        self,
        reference: Callable[[Subject, Request], tuple[Reply, bytes] | None],
        *,
        profile: bool,
        metered: Metered | None,
        told: Callable[[Progress], None],
    ) -> Session:
        started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        courses = run(self._cells, self._launch, self._plan, told=told)
        measurements, refusals = [], []
        for cell, course in zip(self._cells, courses, strict=True):
            if course.refusal is not None:
                refusals.append(course.refusal)
            if len(course.launches) < 1:
                continue
            launches = [_timeless(item) if self._bench.device.emulated else item for item in course.launches]
            if profile and not self._bench.device.emulated and self._lost is None:
                launches[-1] = replace(launches[-1], ops=self._profile(cell))
            measurements.append(self._measurement(cell, launches, started, reference))
        energies = tuple(self._energies(metered, courses)) if metered is not None and self._lost is None else ()
        return Session(measurements=tuple(measurements), refusals=tuple(refusals), energies=energies)

    def _energies(self, metered: Metered, courses: Sequence[Course]) -> Iterator[ModelEnergy]:
        ran = [cell for cell, course in zip(self._cells, courses, strict=True) if course.launches]
        loops = {str(at): (cell.configuration, self._made[cell].request) for at, cell in enumerate(ran)}
        found = metered(loops) if loops else {}
        for at, cell in enumerate(ran):
            energy = found[str(at)]
            yield ModelEnergy(
                model=cell.model, name=self._subjects[cell.model].name, configuration=cell.configuration,
                energy=energy if isinstance(energy, Energy) else None,
                refusal=energy if isinstance(energy, EnergyRefusal) else None,
            )  # fmt: skip

    # --- a launch ---------------------------------------------------------------------------------------------------------

    def _launch(self, cell: Cell, block: int) -> Launch | Refusal:
        if self._lost is None:
            try:
                return self._launched(cell, block)
            except TransientError as error:
                if not any(made.reply for made in self._made.values()):
                    raise
                self._lost = Trouble(kind=GONE, reason=error.what, hint=error.hint or "the same command again")
        return self._refusal(cell, self._lost)

    def _launched(self, cell: Cell, block: int) -> Launch | Refusal:
        try:
            made = self._made.get(cell)
            if made is None:
                made = self._made[cell] = _Made(self._request(cell))
        except UsageError as error:
            return self._refusal(cell, Trouble(kind="unsupported", reason=str(error)))
        before = self._bench.state()
        reply = self._bench.launch(cell.configuration, made.request)
        if reply.trouble is not None:
            return self._refusal(cell, reply.trouble)
        if not reply.wall_ns:
            return self._refusal(cell, Trouble(kind="failed", reason="the engine gave no times"))
        if made.reply is None:
            made.reply, made.outputs = reply, self._fetched(made.request, reply)
        return Launch(
            block=block, load_ns=reply.load_ns, first_ns=reply.first_ns, warmup_ns=reply.warmup_ns, wall_ns=reply.wall_ns,
            cpu_ns=reply.cpu_ns, interrupted=reply.interrupted, load_bytes=reply.load_bytes, peak_bytes=reply.peak_bytes,
            inferences_per_sample=reply.inferences_per_sample, stages=reply.stages,
            delegated=reply.delegated, before=before, after=self._bench.state(), settled=reply.settled,
        )  # fmt: skip

    def _refusal(self, cell: Cell, trouble: Trouble) -> Refusal:
        return Refusal(
            model=cell.model, name=self._subjects[cell.model].name, configuration=cell.configuration,
            reason=trouble.reason, kind=trouble.kind, hint=trouble.hint,
        )  # fmt: skip

    def _request(self, cell: Cell) -> Request:
        configuration = cell.configuration
        return replace(
            self._asked(self._subjects[cell.model], configuration.batch, self._bench.place),
            threads=configuration.threads,
            delegate=configuration.delegate,
            outputs=self._bench.scratch(f"{hashlib.sha256(repr(cell).encode()).hexdigest()[:16]}.out"),
        )

    def _asked(self, subject: Subject, batch: int, place: Callable[[Path], str]) -> Request:
        """One run of both input sets, with the files where `place` says."""
        feeds: dict[str, list[Feed]] = {}
        for seed in (self._plan.seed, self._plan.seed + 1):
            for item in self._input_set(subject, batch, seed):
                feed = Feed(path=place(self._file(item)), dtype=item.dtype, shape=item.shape)
                feeds.setdefault(item.name, []).append(feed)
        files = tuple(place(file) for file in subject.files)
        return Request(
            files=files, format=subject.format, batch=batch, feeds={name: tuple(sets) for name, sets in feeds.items()}
        )

    def _input_set(self, subject: Subject, batch: int, seed: int) -> tuple[Input, ...]:
        key = (f"{subject.digest}/{batch}", seed)
        if key not in self._inputs:
            self._inputs[key] = inputs_of(
                subject.graph, seed=seed, shapes=subject.shapes, batch=batch,
                files=subject.feeds if seed == self._plan.seed else {},
            )  # fmt: skip
        return self._inputs[key]

    def _file(self, item: Input) -> Path:
        path = self._folder / item.digest
        if not path.exists():
            path.write_bytes(item.content)
        return path

    def _fetched(self, request: Request, reply: Reply) -> bytes:
        """The outputs of the first set."""
        size = sum(item.size for item in reply.outputs)
        if not request.outputs or not 0 < size <= _COMPARED:
            return b""
        target = self._folder / "outputs"
        try:
            self._bench.fetch(request.outputs, target)
            with target.open("rb") as file:
                return file.read(size)
        except (InputError, OSError):
            return b""

    def _profile(self, cell: Cell) -> tuple[OpTime, ...]:
        """Operators from a launch of its own: profiling costs time."""
        asked = replace(self._made[cell].request, profile=True, outputs="")
        try:
            return self._bench.launch(cell.configuration, asked).ops
        except TransientError as error:
            self._lost = Trouble(kind=GONE, reason=error.what, hint=error.hint)
            return ()

    # --- what is said of it -----------------------------------------------------------------------------------------------

    def _measurement(
        self,
        cell: Cell,
        launches: Sequence[Launch],
        started: str,
        reference: Callable[[Subject, Request], tuple[Reply, bytes] | None],
    ) -> Measurement:
        subject, made = self._subjects[cell.model], self._made[cell]
        reply = made.reply
        assert reply is not None  # noqa: S101 - a launch came of it
        inputs = self._input_set(subject, cell.configuration.batch, self._plan.seed)
        bare = Measurement(
            model=subject.digest, name=subject.name, format=subject.format, configuration=cell.configuration,
            engine_version=reply.version, library=self._bench.library(cell.configuration), device=self._bench.device, started=started, tool=f"nngauge {__version__}",
            seed=self._plan.seed, macs=subject.macs, launches=tuple(launches),
            summary=summary(launches, cell.configuration.threads, cell.configuration.delegate), output=self._output(subject, made, reply, reference),
            notes=(*(f"input {item.name}: {item.says}" for item in inputs), *reply.notes),
        )  # fmt: skip
        return replace(bare, doubts=doubts(bare, self._plan))

    def _output(
        self,
        subject: Subject,
        made: _Made,
        reply: Reply,
        reference: Callable[[Subject, Request], tuple[Reply, bytes] | None],
    ) -> OutputCheck | None:
        trusted = self._trusted(subject, made.request.batch, reference) if made.outputs else None
        if trusted is None:
            return check(reply)
        theirs, content = trusted
        apart = difference(made.outputs, content[: _size(theirs.outputs)], reply.outputs, theirs.outputs)
        return check(reply, f"{theirs.engine} {theirs.version}", apart)

    def _trusted(
        self, subject: Subject, batch: int, reference: Callable[[Subject, Request], tuple[Reply, bytes] | None]
    ) -> tuple[Reply, bytes] | None:
        """What the reference says, asked once for all configurations that are fed the same."""
        key = (subject.digest, batch)
        if key not in self._references:
            self._references[key] = reference(subject, self._asked(subject, batch, _here))
        return self._references[key]


def _size(written: Sequence[Written]) -> int:
    return sum(item.size for item in written)


def _here(file: Path) -> str:
    return str(file.resolve())


def _timeless(launch: Launch) -> Launch:
    """A launch on an emulated processor: it ran, and its times say nothing about any device."""
    return replace(launch, load_ns=0, first_ns=0, warmup_ns=(), wall_ns=(), cpu_ns=(), interrupted=())
