"""Measures what is at a path: a model file, the models of an app, those that a study keeps. Where models, engines and devices meet."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nngauge.analyse.constants import Constants
from nngauge.analyse.cost import model_cost
from nngauge.analyse.shapes import infer_shapes
from nngauge.devices import OpenDevice
from nngauge.domain.energy import Energy, EnergyRefusal
from nngauge.domain.graph import Graph
from nngauge.domain.measurement import Configuration, Device, Refusal, Session, State
from nngauge.domain.model import Model
from nngauge.engines import Engine, Reply, Request, Trouble, engine_named, engines_for, installed
from nngauge.engines.local import Limits, launch_here, launch_on
from nngauge.engines.native import FORMATS, Runtime, app_runtimes, native_launch, runtime_of
from nngauge.errors import InputError, NotThisFormat, UnsupportedError
from nngauge.extract.attempt import Extracted
from nngauge.extract.save import Saver, safe_name
from nngauge.instruments import Meter, SystemClock
from nngauge.measure.energy import EnergyPlan, bench_loop, measure_energies
from nngauge.measure.protocol import Plan, Progress
from nngauge.measure.session import GONE, Metered, Subject, measure
from nngauge.measure.untethered import uncabled
from nngauge.study import LEDGER, look
from nngauge.study import is_study as is_study  # noqa: PLC0414 - who measures asks here
from nngauge.version import __version__

if TYPE_CHECKING:
    from nngauge.store.models import KeptModel

_DAMAGED: Final = "damaged"
"""Kind of refusal of a model whose network cannot be read."""
_SECONDS: Final = 120.0
"""Wall time of one launch, loading included, beyond what the plan says."""
_FETCHED: Final = 256 * 2**20
"""Bytes of outputs that are brought from a device."""
_REFERENCE: Final[Mapping[str, tuple[Configuration, ...]]] = {
    "tflite": (Configuration(engine="litert", delegate="cpu-reference"),),
    "onnx": (Configuration(engine="onnxruntime"), Configuration(engine="openvino")),
    "ort": (Configuration(engine="onnxruntime"),),
    "openvino": (Configuration(engine="openvino"),),
    "ncnn": (Configuration(engine="ncnn"),),
}
"""Who is believed about a format's outputs: the engine that defines it, with its plainest kernels where it has them."""


class HostBench:
    """This machine, with the engines that are installed in this Python."""

    def __init__(self, device: OpenDevice, folder: Path) -> None:
        self._open = device
        self._folder = folder
        self.device: Device = device.facts()

    def state(self) -> State | None:
        """How it is now."""
        return self._open.state()

    def place(self, file: Path) -> str:
        """It is here already."""
        return str(file.resolve())

    def scratch(self, name: str) -> str:
        """A file of this session."""
        return str(self._folder / name)

    def fetch(self, remote: str, target: Path) -> None:
        """A copy."""
        target.write_bytes(Path(remote).read_bytes())

    def library(self, configuration: Configuration) -> str:
        """Engines here are packages, not one file."""
        del configuration
        return ""

    def launch(self, configuration: Configuration, request: Request) -> Reply:
        """A Python process that imports the engine and nothing else of weight."""
        engine = engine_named(configuration.engine)
        if not installed(engine):
            return _missing(engine)
        limits = Limits(seconds=_SECONDS + request.most_seconds + request.warmup_most, cpus=configuration.cpus)
        return launch_on(self._open, engine, request, limits)


class Waiting(Struct, frozen=True, kw_only=True):
    """A model that is opened when its turn comes."""

    digest: str
    name: str
    format: str
    shapes: Mapping[str, tuple[int, ...]] = {}
    feeds: Mapping[str, Path] = {}
    read: Callable[[], Subject]

    def opened(self) -> Subject:
        """With its network."""
        return replace(self.read(), shapes=self.shapes, feeds=self.feeds)


def subjects_at(
    path: Path, scratch: Path, *, shapes: Mapping[str, Sequence[int]], feeds: Mapping[str, Path]
) -> Iterator[Waiting]:
    """The distinct models at `path`; those of apps are written to `scratch`. Raises as `analyse_model` and `Scanner.scan` do.

    `shapes` and `feeds` are for a model that is the only one.
    """
    every = (
        _of_study(path, scratch) if is_study(path) else map(_ready, _of_file(path, shapes) or _of_app(path, scratch))
    )
    first = list(islice(every, 2))
    if len(first) == 1:
        given = {name: tuple(shape) for name, shape in shapes.items()}
        first = [replace(first[0], shapes=given, feeds=dict(feeds))]
    yield from first
    yield from every


def _ready(subject: Subject) -> Waiting:
    return Waiting(digest=subject.digest, name=subject.name, format=subject.format, read=lambda: subject)


def _of_file(path: Path, shapes: Mapping[str, Sequence[int]]) -> list[Subject]:
    """A model file alone; nothing when it is no model."""
    from nngauge.api import analyse_model

    try:
        given = {name: tuple(shape) for name, shape in shapes.items()}
        analysis = analyse_model(path, given, weights=False, digest=True)
    except UnsupportedError:
        return []
    folder = path if path.is_dir() else path.parent
    files = tuple(folder / part.location.path for part in analysis.model.parts)
    macs = analysis.cost.macs
    return [
        Subject(
            digest=analysis.model.digest, name=path.name, format=analysis.model.format, graph=analysis.graph,
            files=files if all(file.is_file() for file in files) else (path,), macs=macs if isinstance(macs, int) else None,
        )
    ]  # fmt: skip


def _of_app(path: Path, scratch: Path) -> Iterator[Subject]:
    from nngauge.pipeline import Scanner

    saver, found = Saver(str(scratch), str(path)), dict[str, Subject]()

    def keep(model: Model, extracted: Extracted) -> None:
        if model.digest not in found:
            saver.save(model, extracted)
            files = [scratch / f"{model.digest[:16]}-{safe_name(piece.location.name)}" for piece in extracted.pieces]
            if all(file.is_file() for file in files):
                found[model.digest] = _subject(model, extracted, tuple(files))

    Scanner().scan(path, keep)
    yield from found.values()


def _of_study(path: Path, scratch: Path) -> Iterator[Waiting]:
    """The distinct models whose files a study keeps, those of most apps first."""
    from nngauge.store.models import kept_models
    from nngauge.store.warehouse import Warehouse

    with look(path) as ledger, Warehouse(path, ledger) as facts:
        for kept in kept_models(path, facts, scratch):
            model = kept.model
            yield Waiting(digest=model.digest, name=model.name, format=model.format, read=partial(_of_kept, kept))


def _of_kept(kept: KeptModel) -> Subject:
    """With its network, or why there is none."""
    from nngauge.api import open_model

    try:
        with open_model(kept.files[0]) as extracted:
            return _subject(kept.model, extracted, kept.files)
    except InputError as error:  # parts that only make sense in the folders they had
        return _unread(kept.model, error.what)


def _unread(model: Model, reason: str) -> Subject:
    """A model that will be refused."""
    return Subject(
        digest=model.digest,
        name=model.name,
        format=model.format,
        files=(),
        graph=Graph(format=model.format),
        unread=reason,
    )


def _subject(model: Model, extracted: Extracted, files: tuple[Path, ...]) -> Subject:
    inferred = infer_shapes(extracted.graph, Constants([piece.source for piece in extracted.pieces])).graph
    macs = model_cost(inferred).macs
    return Subject(
        digest=model.digest, name=model.name, format=model.format, files=files, graph=inferred,
        macs=macs if isinstance(macs, int) else None,
    )  # fmt: skip


def _missing(engine: Engine) -> Reply:
    trouble = Trouble(kind="missing", reason=f"{engine.title} is not installed", hint=engine.install)
    return Reply(engine=engine.name, version="", trouble=trouble)


class NativeBench:
    """A device with runtime libraries that our runner opens: a phone, a board, or this machine."""

    def __init__(self, device: OpenDevice, runtimes: Mapping[str, Runtime]) -> None:
        self._open = device
        self._runtimes = runtimes
        self.device: Device = device.facts()

    def state(self) -> State | None:
        """How it is now."""
        return self._open.state()

    def place(self, file: Path) -> str:
        """Sent once."""
        return self._open.push(file)

    def scratch(self, name: str) -> str:
        """Below the session's folder there."""
        return name

    def fetch(self, remote: str, target: Path) -> None:
        """From the session's folder."""
        self._open.pull(remote, target, most=_FETCHED)

    def launch(self, configuration: Configuration, request: Request) -> Reply:
        """The runner with the library that the configuration names."""
        limits = Limits(seconds=_SECONDS + request.most_seconds + request.warmup_most, cpus=configuration.cpus)
        return native_launch(self._open, request, self._runtimes[configuration.engine], limits)

    def library(self, configuration: Configuration) -> str:
        """SHA-256 of it."""
        return self._runtimes[configuration.engine].sha256


def runtimes_for(path: Path, files: Sequence[Path], abi: str, folder: Path) -> dict[str, Runtime]:
    """Engine name → library: those in `files`, else those that the app at `path` ships for the ABI. Raises as `runtime_of`."""
    if files:
        found = [runtime_of(file) for file in files]
    elif path.is_file() and not is_study(path):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            found = list(app_runtimes(path, abi, folder))
        except NotThisFormat:
            found = []
    else:
        found = []
    return {f"native:{item.name}": item for item in found}


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be swept over."""

    engines: tuple[str, ...] = ()
    """Empty: the usual engine of each format."""
    threads: tuple[int, ...] = (1,)
    delegates: tuple[str, ...] = ("",)
    batches: tuple[int, ...] = (1,)
    cpus: tuple[int, ...] = ()


def natively(wanted: Wanted, form: str, runtimes: Mapping[str, Runtime]) -> tuple[Configuration, ...]:
    """Every combination with each library that runs a format."""
    names = tuple(name for name, runtime in runtimes.items() if form in FORMATS[runtime.interface])
    return _combined(wanted, names)


def configurations(wanted: Wanted, form: str) -> tuple[Configuration, ...]:
    """Every combination that makes sense for a format; none when no engine runs it. Raises `UsageError` for unknown engines."""
    able = [engine.name for engine in engines_for(form)]
    names = [name for name in wanted.engines if engine_named(name).name in able] if wanted.engines else _usual(form)
    return _combined(wanted, names)


def _combined(wanted: Wanted, engines: Sequence[str]) -> tuple[Configuration, ...]:
    return tuple(
        Configuration(engine=engine, threads=threads, delegate=delegate, batch=batch, cpus=wanted.cpus)
        for engine in engines for threads in wanted.threads for delegate in wanted.delegates for batch in wanted.batches
    )  # fmt: skip


def _usual(form: str) -> list[str]:
    """The first engine that is installed, else the first that could be."""
    engines = engines_for(form)
    chosen = next((engine for engine in engines if installed(engine)), engines[0] if engines else None)
    return [chosen.name] if chosen is not None else []


def _no_engine(waiting: Waiting, wanted: Wanted, runtimes: Mapping[str, Runtime] | None) -> Refusal:
    """A model whose format nothing runs, or nothing that was asked for."""
    able = [engine.name for engine in engines_for(waiting.format)] if runtimes is None else []
    asked = ",".join(wanted.engines if runtimes is None else runtimes)
    hint = (
        f"--engine {able[0]}" if able else "nngauge show tells what it costs, nngauge export makes another format of it"
    )
    if runtimes:
        hint = f"--runtime: a library that runs {waiting.format}"
    return Refusal(
        model=waiting.digest, name=waiting.name, configuration=Configuration(engine=asked or "any"),
        kind="unsupported", reason=f"no engine{' that was asked for' if asked else ''} runs {waiting.format}", hint=hint,
    )  # fmt: skip


def _damaged(subject: Subject, wanted: Wanted) -> Refusal:
    configuration = Configuration(engine=",".join(wanted.engines) or "any")
    return Refusal(
        model=subject.digest, name=subject.name, configuration=configuration, kind=_DAMAGED, reason=subject.unread
    )


def joined(sessions: Iterable[Session]) -> Session:
    """All in one."""
    found = list(sessions)
    return Session(
        measurements=tuple(item for session in found for item in session.measurements),
        refusals=tuple(item for session in found for item in session.refusals),
        energies=tuple(item for session in found for item in session.energies),
    )


def sessions_here(
    subjects: Iterable[Waiting],
    wanted: Wanted,
    device: OpenDevice,
    plan: Plan,
    folder: Path,
    *,
    runtimes: Mapping[str, Runtime] | None = None,
    profile: bool = False,
    meter: tuple[Meter, EnergyPlan] | None = None,
    usb: tuple[Callable[[bool], None], EnergyPlan] | None = None,
    told: Callable[[Progress], None] = lambda _: None,
    kept: Path | None = None,
    most: int | None = None,
) -> Iterator[Session]:
    """Measures models one after the other, each in all of its configurations; the session of each as soon as it is over.

    A model is opened when its turn comes, and forgotten after it; one whose session is kept is not opened at all.
    `runtimes`: libraries to run them with, by the runner on the device, instead of the engines of this Python. Outputs are
    compared with those of an engine of this machine where it has one.
    `meter`: measures the energy of each inference, too; it is to be open with the clock of `SystemClock`. `usb`, in its place, for a
    phone with `runtimes`: switches its USB power; its own gauge is logged there while the cable is off. `kept`: a folder in which the session of each model is kept, and not measured again when it is there.
    `most`: only so many models; those that no engine runs, or that cannot be opened, are passed over.
    """
    here = HostBench(device, folder)
    bench = NativeBench(device, runtimes) if runtimes is not None else here
    extras = _extras(profile=profile, meter=meter, uncabled=usb)
    keeps_refusals = not wanted.engines and runtimes is None
    metered = _metered(device, bench, runtimes or {}, meter, usb)

    def session_of(waiting: Waiting) -> Session:
        cells = _cells(waiting, wanted, runtimes)
        file = kept / _session_name(waiting, cells, bench.device, plan, extras) if kept is not None else None
        known = _kept_session(file) if file is not None else None
        if known is not None:
            return known
        subject = waiting.opened() if cells else None
        if subject is None or subject.unread:
            refusal = _no_engine(waiting, wanted, runtimes) if subject is None else _damaged(subject, wanted)
            session = Session(refusals=(refusal,))
        else:
            session = measure(
                [subject], cells, bench, plan, profile=profile, metered=metered, told=told,
                reference=lambda item, request: _reference(folder, item, request),
            )  # fmt: skip
        ran = subject is not None and not subject.unread and not _gone(session)
        if file is not None and (ran or keeps_refusals):
            from nngauge.store.kept import save

            save(file, session, hint="what was measured before is kept")
        return session

    measured = 0
    for waiting in subjects:
        if measured == most:
            return
        if most is not None and not engines_for(waiting.format):
            continue
        session = session_of(waiting)
        if most is None or not any(item.kind == _DAMAGED for item in session.refusals):
            measured += 1
            yield session
        if _gone(session):
            return


def _gone(session: Session) -> bool:
    """Was the device lost in it? Then it is no session to be kept: the same command measures it again."""
    return any(item.kind == GONE for item in session.refusals)


def _cells(waiting: Waiting, wanted: Wanted, runtimes: Mapping[str, Runtime] | None) -> tuple[Configuration, ...]:
    if runtimes is not None:
        return natively(wanted, waiting.format, runtimes)
    return configurations(wanted, waiting.format)


def _metered(
    device: OpenDevice,
    bench: HostBench | NativeBench,
    runtimes: Mapping[str, Runtime],
    meter: tuple[Meter, EnergyPlan] | None,
    usb: tuple[Callable[[bool], None], EnergyPlan] | None,
) -> Metered | None:
    """Loops of processes on the bench, which take turns between baselines; or sessions of the phone without its cable."""
    if usb is not None:
        return uncabled(device, runtimes, *usb, clock=SystemClock())
    if meter is None:
        return None
    opened, plan = meter

    def measured(loops: Mapping[str, tuple[Configuration, Request]]) -> Mapping[str, Energy | EnergyRefusal]:
        run = {name: bench_loop(bench, *asked) for name, asked in loops.items()}
        return measure_energies(device, run, opened, plan)

    return measured


def _kept_session(file: Path) -> Session | None:
    """What was measured before; None when it is to be measured again: an engine that was missing is there now."""
    if not file.is_file():
        return None
    try:
        session = msgspec.json.decode(file.read_bytes(), type=Session)
    except (OSError, msgspec.DecodeError):
        return None
    engines = {item.configuration.engine for item in session.refusals if item.kind == "missing"}
    missing = [name for name in engines if not name.startswith("native:")]
    return None if any(installed(engine_named(name)) for name in missing) else session


def note_measured(study: Path) -> None:
    """Tells a study that its measurements changed. Raises `StoreError`."""
    from nngauge.store.kept import note

    note(study / LEDGER, "measured")


def _extras(
    *, profile: bool, meter: tuple[Meter, EnergyPlan] | None, uncabled: tuple[Callable[[bool], None], EnergyPlan] | None
) -> list[object]:
    """What was asked for besides times."""
    energy = (
        [meter[0].name, meter[1]] if meter is not None else ["uncabled", uncabled[1]] if uncabled is not None else []
    )
    return [*(["profile"] if profile else []), *energy]


def _session_name(
    subject: Waiting, cells: Sequence[Configuration], device: Device, plan: Plan, extras: Sequence[object]
) -> str:
    """The same for the same model, configurations, device, plan and version of nngauge."""
    stands = msgspec.json.encode([cells, device, plan, __version__, dict(subject.shapes), *extras])
    return f"{subject.digest[:16]}-{hashlib.blake2b(stands, digest_size=8).hexdigest()}.json"


def _reference(folder: Path, subject: Subject, request: Request) -> tuple[Reply, bytes] | None:
    """Outputs of the engine that is believed, from one run on this machine."""
    for configuration in _REFERENCE.get(subject.format, ()):
        engine = engine_named(configuration.engine)
        if not installed(engine):
            continue
        once = replace(
            request, delegate=configuration.delegate, outputs=str(folder / "reference.out"), least_runs=1, least_seconds=0.0,
            warmup_runs=0, warmup_seconds=0.0, warmup_most=0.0,
        )  # fmt: skip
        reply = launch_here(engine, once)
        if reply.trouble is None and reply.outputs:
            try:
                return reply, Path(once.outputs).read_bytes()
            except OSError as error:
                raise InputError(f"outputs of the reference are gone: {error.strerror}") from None
    return None
