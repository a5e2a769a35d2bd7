"""Compression tables of what is at a path: one model, or every distinct model of a study, most used first."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import tempfile
import time
from collections import deque
from collections.abc import Generator, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nngauge.compress.patching import FORMATS, no_weights
from nngauge.compress.ready import INPUTS, SECONDS, Wanted
from nngauge.compress.samples.reading import files_in, plain
from nngauge.compress.subject import Subject, subject_of
from nngauge.compress.table import compression_table, refusal_of
from nngauge.compress.trial import TrialError, engine_for
from nngauge.domain.compression import SCHEMA, Making, Refusal, StudyTable, Table
from nngauge.domain.graph import Graph
from nngauge.domain.task import TaskVerdict
from nngauge.errors import LimitError, NngaugeError, UsageError
from nngauge.runners.apart import Ended, run_apart
from nngauge.store.compressed import COMPRESSED
from nngauge.store.kept import note, save
from nngauge.store.models import KeptModel, distinct_models, kept_models
from nngauge.store.warehouse import Warehouse
from nngauge.study import LEDGER, look
from nngauge.version import __version__

_FILES: Final = 10_000
"""Of the user's inputs, those that are looked at to tell whether they are the same as last time."""


class StudyPlan(Struct, frozen=True, kw_only=True):
    """What is to be made of a study's models."""

    folder: Path | None = None
    """The user's inputs; models that can use none of them get samples of our own."""
    inputs: int = INPUTS
    seconds: float = SECONDS
    """Processor time for each table, more or less."""
    prune: bool = False
    top: int | None = None
    """So many tables at most, those that are there counted."""
    budget: float | None = None
    """Seconds after which no other model is begun."""
    timeout: float = 600.0
    """Seconds after which a model is given up."""
    workers: int = 1


class Done(Struct, frozen=True):
    """One model of the study."""

    found: StudyTable
    known: bool
    """It was there before."""


def subject_at(model: Path) -> Subject:
    """The model at a path with its bytes, task and shapes. Raises as `analyse_model`."""
    from nngauge.api import analyse_model, open_model

    analysis = analyse_model(model, weights=False, digest=True)
    with open_model(model) as extracted:
        return subject_of(extracted, analysis.graph, analysis.model.task, analysis.model.digest)


def models_of(study: Path) -> int:
    """How many distinct models a study has. Raises `UsageError` when it is none."""
    with look(study) as ledger, Warehouse(study, ledger) as facts:
        return distinct_models(facts)


def compress_study(study: Path, plan: StudyPlan) -> Generator[Done, None, None]:
    """The table of each distinct model whose files the study keeps, or why it has none; models of most apps first.

    Each is kept as a file below ``compressed/`` as soon as it is made, and not made again: this can be stopped at any time.
    What lacked an engine is tried again once that is there, what took too long when it may take longer. Raises `UsageError`
    when there is no study, or no file among the inputs; `StoreError` when nothing can be written.
    """
    making = _making(plan)
    with (
        tempfile.TemporaryDirectory(prefix="nngauge-") as scratch,
        look(study) as ledger,
        Warehouse(study, ledger) as facts,
    ):
        queue = _Queue(study / COMPRESSED, plan, making, kept_models(study, facts, Path(scratch)))
        replies = run_apart(queue.next_job, perform, workers=plan.workers, seconds=plan.timeout)
        try:
            with closing(replies):
                for job, answer in replies:
                    done = queue.ended(job, answer)
                    yield from queue.told()
                    yield done
            yield from queue.told()
        finally:
            if queue.written:
                note(study / LEDGER, "compressed")


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")


def _making(plan: StudyPlan) -> Making:
    making = Making(inputs=plan.inputs, seconds=plan.seconds, prune=plan.prune)
    if plan.folder is None:
        return making
    files = [Path(file) for file in files_in(plan.folder, _FILES)]
    if not files:
        raise UsageError("there is no file", where=str(plan.folder), hint="pictures, WAV or .npy files")
    stands = [(os.fsencode(file.relative_to(plan.folder)), _size(file)) for file in files]
    digest = hashlib.blake2b(msgspec.msgpack.encode(stands), digest_size=12).hexdigest()
    return replace(making, folder=plain(plan.folder.resolve().name), files=digest)


def _size(file: Path) -> int | None:
    try:
        return file.stat().st_size
    except OSError:  # a link that leads nowhere is told by whoever reads it
        return None


class _Job(Struct, frozen=True, kw_only=True):
    """One model, as a worker is told of it."""

    digest: str
    name: str
    format: str
    file: str
    task: TaskVerdict | None
    """As the study has it: it saw the app around the model."""
    folder: bytes
    """As the file system has it; empty: samples of our own."""
    inputs: int
    seconds: float
    prune: bool


class _Queue:
    """Which model is next, and what became of those before it."""

    def __init__(self, folder: Path, plan: StudyPlan, making: Making, models: Iterator[KeptModel]) -> None:
        self.written = False
        self._folder, self._plan, self._making, self._models = folder, plan, making, models
        self._told: deque[Done] = deque()
        self._tables = 0
        self._at_work = 0
        self._end = time.monotonic() + plan.budget if plan.budget is not None else None

    def next_job(self) -> bytes | None:
        """The next model that has to be run; those that are known or cannot be run are `told`."""
        while not self._enough():
            kept = next(self._models, None)
            if kept is None:
                return None
            known = self._known(kept)
            if known is not None:
                self._tell(Done(known, known=True))
                continue
            refusal = _beforehand(kept.model.format)
            if refusal is not None:
                self._tell(Done(self._keep(self._job(kept), None, refusal), known=False))
                continue
            self._at_work += 1
            return msgspec.msgpack.encode(self._job(kept))
        return None

    def ended(self, job: bytes, answer: bytes | Ended) -> Done:
        """What a worker said of a job, or how it ended; it is kept."""
        self._at_work -= 1
        told = msgspec.msgpack.decode(job, type=_Job)
        if isinstance(answer, Ended):
            hint = (
                "a larger --timeout"
                if answer.kind == "timeout"
                else f"another chance: delete {COMPRESSED}/{self._file(told.digest).name}"
            )
            reply = _Reply(refusal=Refusal(reason=answer.kind, explanation=answer.reason, hint=hint))
        else:
            reply = msgspec.msgpack.decode(answer, type=_Reply)
        done = Done(self._keep(told, reply.table, reply.refusal), known=False)
        self._tables += reply.table is not None
        return done

    def told(self) -> Iterator[Done]:
        """Models that needed no worker, since the last time."""
        while self._told:
            yield self._told.popleft()

    def _enough(self) -> bool:
        late = self._end is not None and time.monotonic() >= self._end
        return late or (self._plan.top is not None and self._tables + self._at_work >= self._plan.top)

    def _tell(self, done: Done) -> None:
        self._tables += done.found.table is not None
        self._told.append(done)

    def _job(self, kept: KeptModel) -> _Job:
        plan, model = self._plan, kept.model
        return _Job(
            digest=model.digest, name=model.name, format=model.format, file=str(kept.files[0]), task=model.task,
            folder=os.fsencode(plan.folder) if plan.folder is not None else b"", inputs=plan.inputs, seconds=plan.seconds,
            prune=plan.prune,
        )  # fmt: skip

    def _file(self, digest: str) -> Path:
        """The same for the same model, making and version of nngauge."""
        stands = msgspec.json.encode([self._making, __version__, SCHEMA])
        return self._folder / f"{digest[:16]}-{hashlib.blake2b(stands, digest_size=8).hexdigest()}.json"

    def _known(self, kept: KeptModel) -> StudyTable | None:
        """What was made before; None when it is to be made, or tried again."""
        try:
            found = msgspec.json.decode(self._file(kept.model.digest).read_bytes(), type=StudyTable)
        except (OSError, msgspec.DecodeError):
            return None
        refusal = found.refusal
        if found.model != kept.model.digest or (refusal is None and found.table is None):
            return None
        if refusal is not None and refusal.reason == "missing":
            return found if _beforehand(found.format) is not None else None
        if refusal is not None and refusal.reason == "timeout":
            return found if found.timeout >= self._plan.timeout else None
        return found

    def _keep(self, job: _Job, table: Table | None, refusal: Refusal | None) -> StudyTable:
        found = StudyTable(
            model=job.digest, name=job.name, format=job.format, made=_now(), tool=f"nngauge {__version__}",
            making=self._making, timeout=self._plan.timeout, table=table, refusal=refusal,
        )  # fmt: skip
        save(self._file(job.digest), found, hint="what was made before is kept")
        self.written = True
        return found


def _beforehand(form: str) -> Refusal | None:
    """Why no model of a format can have a table here."""
    if form not in FORMATS:
        return no_weights(Subject(name="", format=form, graph=Graph(format=form), files=()))
    if find_spec("numpy") is None:
        return Refusal(reason="missing", explanation="numpy is not installed", hint='pip install "nngauge[compress]"')
    try:
        engine_for(form)
    except TrialError as error:
        return refusal_of(error)
    return None


# --- in a worker ----------------------------------------------------------------------------------------------------------


class _Reply(Struct, frozen=True, kw_only=True):
    table: Table | None = None
    refusal: Refusal | None = None


def perform(data: bytes) -> bytes:
    """The table of one model, or why there is none."""
    found = _made(msgspec.msgpack.decode(data, type=_Job))
    return msgspec.msgpack.encode(_Reply(refusal=found) if isinstance(found, Refusal) else _Reply(table=found))


def _made(job: _Job) -> Table | Refusal:
    try:
        subject = subject_at(Path(job.file))
        subject = replace(subject, name=job.name, digest=job.digest, task=job.task or subject.task)
        return _ladder(subject, job)
    except UsageError as error:
        return Refusal(reason="inputs", explanation=error.what, hint=error.hint)
    except LimitError as error:
        return Refusal(reason="too large", explanation=error.what, hint=error.hint)
    except NngaugeError as error:
        return Refusal(reason="unreadable", explanation=error.what, hint=error.hint)


def _ladder(subject: Subject, job: _Job) -> Table | Refusal:
    """On the user's inputs where the model can use them, else on our own. Raises `UsageError` where there are none."""
    wanted = Wanted(inputs=job.inputs, seconds=job.seconds)
    if job.folder:
        try:
            return compression_table(subject, replace(wanted, folder=Path(os.fsdecode(job.folder))), prune=job.prune)
        except UsageError:  # pictures are no sounds
            pass
    return compression_table(subject, wanted, prune=job.prune)
