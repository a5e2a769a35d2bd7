"""Shrinks one model file: written in a process of its own, read again with our parser, run beside the original, or discarded."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Final

from nngauge.compress.placing import check_target, place
from nngauge.compress.shrink import ladder
from nngauge.compress.shrink.gate import answers, compare, feeds_for
from nngauge.compress.subject import Subject
from nngauge.compress.trial import Feeds, Outputs, TrialError, engine_for, own_operators
from nngauge.compress.verify import Looked, Opener, look
from nngauge.compress.writing import Job, Recipe, Writer, write
from nngauge.domain.compression import Refusal
from nngauge.domain.shrinking import Attempt, Gate, Outcome, Shrunk
from nngauge.engines import Feed, Request
from nngauge.engines.local import Limits, launch_here
from nngauge.errors import InputError, NngaugeError, UnreadableError, UsageError

_SECONDS: Final = 0.5
"""Of inferences that are timed, for the hint."""


def shrink_model(
    source: Path,
    output: Path | None,
    opener: Opener,
    *,
    force: bool = False,
    timed: bool = True,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    limits: Limits | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> Shrunk:
    """The same answers from a smaller file at `output`; without `output` nothing is kept.

    `opener`: `nngauge.api.open_model`. `timed`: both are also timed on this machine, as a hint.
    `shapes`: of inputs that the model leaves open. Raises `UsageError` where `output` is there and not `force`, and what `opener` raises.
    """
    if output is not None:
        check_target(source, output, force=force)
    before = look(source, opener)
    kind = before.subject.format
    writers = ladder(kind)
    if not writers or len(before.subject.files) != 1:
        reason = f"{kind} files" if not writers else "models of several files"
        return _refused(source, before, f"{reason} are not shrunk", "tflite and onnx files are")
    try:
        feeds = feeds_for(before.subject.graph, shapes=shapes)
        tell("running the original")
        reference = answers(before.subject, feeds, limits)
    except (TrialError, UsageError) as error:
        return _refused(
            source,
            before,
            f"the original does not run here, so nothing could be compared: {error.what}",
            _way_on(error),
        )
    return _tried(
        source, output, before, writers, feeds, reference, opener, limits or Limits(), tell, force=force, timed=timed
    )


def _way_on(error: NngaugeError) -> str:
    """What there is to do about an original that does not run: feeding it files is for measuring only."""
    if own_operators(error.what):
        return "its operators come with its app's own runtime; nngauge advise tells what else is worth doing"
    return "only models of numbers can be compared" if "--feed" in error.hint else error.hint


def _tried(
    source: Path, output: Path | None, before: Looked, writers: tuple[Writer, ...], feeds: tuple[Feeds, ...],
    reference: Outputs, opener: Opener, limits: Limits, tell: Callable[[str], None], *, force: bool, timed: bool,
) -> Shrunk:  # fmt: skip
    attempts: list[Attempt] = []
    try:
        with tempfile.TemporaryDirectory(dir=output.parent.resolve() if output else None, prefix=".partial-") as folder:
            for at, writer in enumerate(writers):
                tell(f"shrinking, {writer.title}")
                made = Path(folder) / f"{at}{writer.suffix}"
                attempt, after, tools = _attempt(made, before, writer, feeds, reference, opener, limits)
                attempts.append(attempt)
                if attempt.refusal is not None and attempt.refusal.reason == "missing":
                    return _refused(source, before, attempt.refusal.explanation, attempt.refusal.hint)
                if attempt.refusal is None and attempt.gate is None:
                    break  # not smaller, and what comes leaves out less
                if attempt.gate is None or after is None or not attempt.gate.passed:
                    continue
                times: dict[str, float] = {}
                if timed:
                    tell("timing both")
                    times = _times({source: before, made: after}, feeds, limits)
                if output is not None:
                    place(made, output, force=force)
                return Shrunk(
                    source=str(source), output=str(output or ""), format=before.subject.format, outcome=Outcome.WRITTEN,
                    explanation="the answers are those of the original", before=before.figures, after=after.figures,
                    changes=attempt.changes, digest=after.subject.digest, gate=attempt.gate, attempts=tuple(attempts),
                    median_ns=times, tools=tools,
                )  # fmt: skip
    except OSError as error:
        raise UnreadableError(f"cannot be written: {error.strerror or error}", where=str(output or "")) from None
    return _without(source, before, attempts)


def _without(source: Path, before: Looked, attempts: list[Attempt]) -> Shrunk:
    """Why no file was written."""
    smaller = [item for item in attempts if item.size is not None and item.size < before.figures.file]
    if smaller:
        gate = smaller[0].gate
        why = _unlike(gate) if gate is not None else smaller[0].refusal.explanation if smaller[0].refusal else ""
        outcome, text = Outcome.DISCARDED, f"the smaller file was discarded: {why}"
    elif all(item.refusal is not None for item in attempts):
        refusal = attempts[-1].refusal
        outcome, text = Outcome.REFUSED, refusal.explanation if refusal else "it was not tried"
    else:
        outcome, text = Outcome.NOTHING, "nothing in it that its answers do not need"
    return Shrunk(
        source=str(source), format=before.subject.format, outcome=outcome, explanation=text, before=before.figures,
        attempts=tuple(attempts),
    )  # fmt: skip


def _unlike(gate: Gate) -> str:
    if gate.unlike:
        return gate.unlike
    worst = next((gap for gap in gate.outputs if not gap.same), None)
    if worst is None:
        return "it has no outputs to compare"
    return f"output {worst.name!r} differs by {worst.largest:.3g}; its range is {worst.extent:.3g}, {worst.allowed:.3g} is allowed"


def _attempt(
    made: Path, before: Looked, writer: Writer, feeds: tuple[Feeds, ...], reference: Outputs,
    opener: Opener, limits: Limits,
) -> tuple[Attempt, Looked | None, dict[str, str]]:  # fmt: skip
    """One rung of the ladder."""
    copy = made.with_suffix(".original")
    copy.write_bytes(before.subject.files[0].content)
    done = write(writer, Job(files=(str(copy),), output=str(made), recipe=Recipe.SHRINK))
    tools = dict(done.tools)
    if done.trouble is not None:
        refusal = Refusal(reason=done.trouble.kind, explanation=done.trouble.reason, hint=done.trouble.hint)
        return Attempt(method=writer.title, refusal=refusal), None, tools
    size = made.stat().st_size
    if size >= before.figures.file:
        return Attempt(method=writer.title, size=size, changes=done.changes), None, tools
    try:
        after = look(made, opener)
        gate = compare(reference, answers(after.subject, feeds, limits))
    except InputError as error:
        kind = error.kind if isinstance(error, TrialError) else "failed"
        refusal = Refusal(reason=kind, explanation=f"it cannot be run: {error.what}")
        return Attempt(method=writer.title, size=size, changes=done.changes, refusal=refusal), None, tools
    return Attempt(method=writer.title, size=size, changes=done.changes, gate=gate), after, tools


def _refused(source: Path, before: Looked, why: str, hint: str) -> Shrunk:
    return Shrunk(
        source=str(source), format=before.subject.format, outcome=Outcome.REFUSED, explanation=why, hint=hint, before=before.figures
    )  # fmt: skip


def _times(files: dict[Path, Looked], feeds: tuple[Feeds, ...], limits: Limits) -> dict[str, float]:
    found = [_time(looked.subject, path, feeds, limits) for path, looked in files.items()]
    return {name: value for name, value in zip(("before", "after"), found, strict=True) if value}


def _time(subject: Subject, path: Path, feeds: tuple[Feeds, ...], limits: Limits) -> float:
    """Median nanoseconds of an inference on one thread, 0 where it cannot be told."""
    with tempfile.TemporaryDirectory(prefix="nngauge-") as folder:
        sets: dict[str, tuple[Feed, ...]] = {}
        for at, feed in enumerate(feeds):
            place = Path(folder) / f"{at}.in"
            place.write_bytes(feed.content[: len(feed.content) // feed.count] if feed.count else b"")
            sets[feed.name] = (Feed(path=str(place), dtype=feed.dtype, shape=feed.shape),)
        request = Request(
            files=(str(path),),
            format=subject.format,
            feeds=sets,
            least_runs=10,
            least_seconds=_SECONDS,
            most_seconds=5.0,
        )
        reply = launch_here(engine_for(subject.format), request, limits)
    return float(median(reply.wall_ns)) if reply.wall_ns else 0.0
