"""Writes a smaller (or another) file of a model: a tool in a process of its own, then our parser, a run and a comparison.

Nothing is written over without being told so, and nothing appears under its name before it was read, run and compared.
"""

from __future__ import annotations

import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.compress.placing import place
from nngauge.compress.ready import Ready, Wanted
from nngauge.compress.trial import Feeds
from nngauge.compress.verify import Looked, Opener, alike, as_witnessed, at_hand, look
from nngauge.compress.writing import CALIBRATED, Done, Job, Limits, Recipe, Writer, write
from nngauge.compress.writing._api import Bits
from nngauge.domain.compression import InputSource, Refusal
from nngauge.domain.written import Figures, Likeness, Written
from nngauge.engines import Feed
from nngauge.errors import InputError, UnreadableError, UsageError

PROGRAMS: Final = frozenset({"pt2"})
"""Formats that no parser of ours reads, only their own tool."""
_MANIFEST: Final = "Manifest.json"
"""What a Core ML package holds: the only folder that may be written over."""
MOST_CALIBRATION: Final = 500
"""Sets of inputs that a tool is calibrated with, at most."""


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be written."""

    writer: Writer
    recipe: Recipe
    output: Path
    bits: tuple[Bits, ...] = ()
    """For `Recipe.MIXED`."""
    wanted: Wanted = Wanted()
    """What both files are run on. Recipes that need ranges of activations take every other input for that."""
    force: bool = False
    """Replace what is there."""
    limits: Limits = Limits()


def build(source: Path, plan: Plan, opener: Opener, *, python: str = "") -> Written | Refusal:
    """Writes `plan.output` from the model at `source`; why nothing was written, where it could not be.

    Raises `UsageError` where `plan` cannot be followed, and as `opener` does for the model. `python`: see `launch.write`.
    """
    _allowed(source, plan)
    before = None if plan.writer.formats == PROGRAMS else look(source, opener)
    if before is not None and before.subject.format not in plan.writer.formats:
        raise UsageError(
            f"{plan.writer.title} does not read {before.subject.format}", where=str(source),
            hint=f"it reads {', '.join(sorted(plan.writer.formats))}",
        )  # fmt: skip
    try:
        with tempfile.TemporaryDirectory(dir=plan.output.parent, prefix=".partial-") as folder:
            (Path(folder) / "made").mkdir()
            if before is None:
                return _from_program(source, plan, opener, Path(folder), python)
            return _from_model(source, before, plan, opener, Path(folder), python)
    except OSError as error:
        raise UnreadableError(f"cannot be written: {error.strerror or error}", where=str(plan.output)) from None


def _allowed(source: Path, plan: Plan) -> None:
    """Raises `UsageError` for what would write over something, and for plans that lack what their recipe needs."""
    output = plan.output
    if output.exists() and source.exists() and output.samefile(source):
        raise UsageError("that is the model itself", where=str(output), hint="write to another name: -o small")
    if not output.parent.is_dir():
        raise UsageError("no such folder", where=str(output.parent), hint="make it first")
    _free(output, plan)
    if plan.recipe is Recipe.MIXED:
        for item in plan.bits:
            if item.bits not in plan.writer.bits:
                raise UsageError(
                    f"{plan.writer.title} cannot store {item.weight!r} in {item.bits} bits",
                    hint=f"it can: {', '.join(map(str, plan.writer.bits)) or 'no mixed precision'}",
                )


def _free(target: Path, plan: Plan) -> None:
    if target.is_dir() and not (target / _MANIFEST).is_file():
        raise UsageError("is a folder", where=str(target), hint="give the name of a file")
    if not plan.force and (target.exists() or target.is_symlink()):
        raise UsageError("is there already", where=str(target), hint="--force writes over it")


def _from_model(
    source: Path, before: Looked, plan: Plan, opener: Opener, folder: Path, python: str
) -> Written | Refusal:
    lead = folder / "made" / plan.output.name
    with at_hand(before.subject, plan.wanted) as reference:
        if isinstance(reference, Refusal) and plan.recipe in CALIBRATED:
            return reference
        done = write(plan.writer, _job(source, before, reference, plan, folder, lead), plan.limits, python=python)
        like = [] if isinstance(reference, Refusal) else [feed.shape for feed in reference.feeds]
        after = _read(lead, done, plan, opener, like)
        if isinstance(after, Refusal):
            return after
        found = _likeness(reference, before, after, plan)
    if like:
        before = look(source, opener, like)
    doubts = tuple(_doubts(reference, plan))
    return _kept(source, before.figures, after, found, replace(done, notes=(*done.notes, *doubts)), plan, lead)


def _from_program(source: Path, plan: Plan, opener: Opener, folder: Path, python: str) -> Written | Refusal:
    """No parser of ours reads the source: its size is known, and what its own tool saw it answer."""
    content = source.read_bytes()
    given, lead = folder / source.name, folder / "made" / plan.output.name
    given.write_bytes(content)
    job = Job(files=(str(given.resolve()),), output=str(lead.resolve()), recipe=plan.recipe)
    done = write(plan.writer, job, plan.limits, python=python)
    witness = done.witness
    after = _read(lead, done, plan, opener, [feed.shape for feed in witness.feeds] if witness else [])
    if isinstance(after, Refusal):
        return after
    figures = Figures(
        file=len(content),
        deflated=len(zlib.compress(content, 6)),
        weight_bytes=None,
        parameters=None,
        macs=None,
        peak=None,
    )
    found: Likeness | Refusal = Refusal(reason="unsupported", explanation="the converter did not run the program")
    if witness is not None:
        found = as_witnessed(witness, "torch", after.subject)
    return _kept(source, figures, after, found, done, plan, lead)


def _read(lead: Path, done: Done, plan: Plan, opener: Opener, like: Sequence[tuple[int, ...]]) -> Looked | Refusal:
    """What the tool wrote, or why it did not."""
    if done.trouble is not None:
        hint = done.trouble.hint or (plan.writer.install if done.trouble.kind == "missing" else "")
        explanation = f"{plan.writer.title}: {done.trouble.reason}"
        return Refusal(reason=done.trouble.kind, explanation=explanation, hint=hint)
    try:
        return look(lead, opener, like)
    except InputError as error:
        return Refusal(reason="failed", explanation=f"what {plan.writer.title} wrote cannot be read: {error.what}")


def _kept(
    source: Path, before: Figures, after: Looked, found: Likeness | Refusal, done: Done, plan: Plan, lead: Path
) -> Written | Refusal:
    """Puts the file under its name, unless it does not run though the original does."""
    if isinstance(found, Refusal) and _broken(found):
        return replace(found, explanation="; ".join((found.explanation, *done.notes)))
    names = _moved(lead.parent, plan)
    return Written(
        source=str(source), output=str(plan.output), files=names, recipe=str(plan.recipe), format=after.subject.format,
        digest=after.subject.digest, tools=done.tools, changes=done.changes, notes=done.notes, before=before, after=after.figures,
        likeness=found if isinstance(found, Likeness) else None, unlike=found if isinstance(found, Refusal) else None,
        cpu_seconds=done.cpu_seconds,
    )  # fmt: skip


def _doubts(reference: Ready | Refusal, plan: Plan) -> Iterator[str]:
    if (
        plan.recipe in CALIBRATED
        and not isinstance(reference, Refusal)
        and reference.inputs.source is not InputSource.USER
    ):
        count = len(_calibrating(reference))
        yield (
            f"ranges of activations come from {count} {reference.inputs.source.value}: "
            "--calibration DIR with inputs of the app gives better ones"
        )


def _broken(refusal: Refusal) -> bool:
    """Did the original run and the written file not? Then nothing is put under its name."""
    return refusal.reason == "not finite" or (
        refusal.explanation.startswith("the written file") and refusal.reason not in {"missing", "unsupported"}
    )


def _likeness(reference: Ready | Refusal, before: Looked, after: Looked, plan: Plan) -> Likeness | Refusal:
    if isinstance(reference, Refusal):
        return reference
    places = None
    if plan.recipe in CALIBRATED and reference.trial.count > 1:
        places = range(1, reference.trial.count, 2)
    found = alike(reference, before.subject, after.subject, places)
    if plan.recipe is Recipe.MODERNISE and isinstance(found, Likeness) and not found.identical:
        return Refusal(
            reason="failed", explanation="the written file answers differently, which modernising must not do"
        )
    return found


def _calibrating(reference: Ready) -> range:
    """Places of the inputs that ranges come from: every other, so that the rest can tell how well they fit."""
    return range(0, min(reference.trial.count, 2 * MOST_CALIBRATION), 2)


def _job(source: Path, before: Looked, reference: Ready | Refusal, plan: Plan, folder: Path, lead: Path) -> Job:
    """The tool gets a copy of the model, so that it cannot change the original."""
    files = _copied(source, before, folder / "given")
    calibration: tuple[tuple[Feed, ...], ...] = ()
    if plan.recipe in CALIBRATED and not isinstance(reference, Refusal):
        calibration = _calibration(reference.feeds, _calibrating(reference), folder)
    ports: tuple[Feed, ...] = ()
    if not isinstance(reference, Refusal):
        ports = tuple(Feed(path="", dtype=item.dtype, shape=item.shape) for item in reference.feeds)
    return Job(
        files=files,
        output=str(lead.resolve()),
        recipe=plan.recipe,
        bits=plan.bits,
        ports=ports,
        calibration=calibration,
    )


def _copied(source: Path, before: Looked, given: Path) -> tuple[str, ...]:
    """Paths of a folder-shaped model, or of its files, the lead first."""
    if source.is_dir():
        shutil.copytree(source, given / source.name, symlinks=True)
        return (str((given / source.name).resolve()),)
    files = []
    for file in before.subject.files:
        target = given / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.content)
        files.append(str(target.resolve()))
    return tuple(files)


def _calibration(feeds: Sequence[Feeds], places: Sequence[int], folder: Path) -> tuple[tuple[Feed, ...], ...]:
    """A file for each input of each set."""
    sets = []
    for at in places:
        ports = []
        for port, item in enumerate(feeds):
            size = len(item.content) // item.count
            path = folder / f"calibration-{at}-{port}"
            path.write_bytes(item.content[at * size : (at + 1) * size])
            ports.append(Feed(path=str(path.resolve()), dtype=item.dtype, shape=item.shape))
        sets.append(tuple(ports))
    return tuple(sets)


def _moved(made: Path, plan: Plan) -> tuple[str, ...]:
    """Everything that was made, under its name. Raises `UsageError` where something is there meanwhile."""
    entries = sorted(made.iterdir(), key=lambda entry: (entry.name != plan.output.name, entry.name))
    for entry in entries:
        _free(plan.output.parent / entry.name, plan)
    for entry in entries:
        _move(entry, plan.output.parent / entry.name, plan)
    return tuple(entry.name for entry in entries)


def _move(entry: Path, target: Path, plan: Plan) -> None:
    """In one step: a reader sees what was there or what is new."""
    if entry.is_dir():
        old = entry.with_name(f"{entry.name}.old")
        if plan.force and target.exists():
            target.rename(old)  # goes with the temporary folder
        entry.rename(target)
        shutil.rmtree(old, ignore_errors=True)
        return
    place(entry, target, force=plan.force)
