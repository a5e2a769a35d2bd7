"""Writes the file of a plan: with the format's writer, smaller by what it takes more than planned, until it is within the budget."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from nngauge.compress.placing import check_target, place
from nngauge.compress.planner import Option, cheapest, choose
from nngauge.compress.planning import Desk, too_small
from nngauge.compress.verify import Looked, Opener, alike, look
from nngauge.compress.writing import Done, Job, Recipe, Writer, write, writer_for
from nngauge.compress.writing._api import Bits
from nngauge.domain.compression import Refusal
from nngauge.domain.written import Written
from nngauge.errors import InputError, UnreadableError

_ROUNDS: Final = 6
"""Files that are written until one is small enough."""


class Target(Struct, frozen=True, kw_only=True):
    """What is to be written."""

    source: Path
    output: Path
    opener: Opener
    """`nngauge.api.open_model`."""
    force: bool = False
    python: str = ""
    """The interpreter of another environment that the writer's tool is installed in."""


def mixed_writer(format: str) -> Writer | None:  # noqa: A002 - the noun
    """Who writes files of a format with other bits for each weight."""
    return writer_for(format, Recipe.MIXED)


def write_planned(
    desk: Desk, groups: Sequence[Sequence[Option]], bits: Mapping[str, int], budget: int, target: Target,
    tell: Callable[[str], None] = lambda _: None,
) -> Written | Refusal:  # fmt: skip
    """The file with these bits at `target.output`, or with fewer where that file is above the budget.

    Raises `UsageError` where it must not be written there.
    """
    writer = mixed_writer(desk.versions.subject.format)
    if writer is None:
        return Refusal(
            reason="unsupported", explanation=f"no tool of ours writes {desk.versions.subject.format} files with mixed bits",
            hint="without -o the plan is shown",
        )  # fmt: skip
    check_target(target.source, target.output, force=target.force)
    try:
        with tempfile.TemporaryDirectory(dir=target.output.parent.resolve(), prefix=".partial-") as folder:
            return _rounds(desk, groups, bits, budget, target, writer, Path(folder) / target.output.name, tell)
    except OSError as error:
        raise UnreadableError(f"cannot be written: {error.strerror or error}", where=str(target.output)) from None


def _rounds(
    desk: Desk, groups: Sequence[Sequence[Option]], bits: Mapping[str, int], budget: int, target: Target,
    writer: Writer, made: Path, tell: Callable[[str], None],
) -> Written | Refusal:  # fmt: skip
    before = look(target.source, target.opener)
    original = made.with_name("original")
    original.write_bytes(before.subject.files[0].content)
    least = desk.of(cheapest(groups))
    limit, size = budget, 0
    for at in range(_ROUNDS):
        tell(f"writing with {writer.title}, {at + 1}")
        done = write(writer, _job(desk, bits, original, made), python=target.python)
        if done.trouble is not None:
            hint = done.trouble.hint or (writer.install if done.trouble.kind == "missing" else "")
            return Refusal(reason=done.trouble.kind, explanation=f"{writer.title}: {done.trouble.reason}", hint=hint)
        size = made.stat().st_size
        if size <= budget:
            return _finished(desk, before, done, made, target)
        if bits == least:
            break
        limit -= size - budget
        chosen = choose(groups, limit - desk.rest) if at + 2 < _ROUNDS else None
        bits = desk.of(chosen) if chosen is not None else least
    return too_small(budget, size)


def _job(desk: Desk, bits: Mapping[str, int], original: Path, made: Path) -> Job:
    wanted = tuple(
        Bits(weight=weight.name, graph=weight.graph, tensor=weight.tensor, bits=bits[weight.name])
        for weight in desk.weights
        if bits[weight.name] < desk.bits(weight)[-1]
    )
    return Job(files=(str(original),), output=str(made), recipe=Recipe.MIXED, bits=wanted)


def _finished(desk: Desk, before: Looked, done: Done, made: Path, target: Target) -> Written | Refusal:
    """Read again with our parser, run on the inputs that were held out, and put where it belongs."""
    try:
        after = look(made, target.opener)
    except InputError as error:
        return Refusal(reason="failed", explanation=f"what was written cannot be read: {error.what}")
    found = alike(desk.at_hand, before.subject, after.subject, desk.held)
    if isinstance(found, Refusal):
        return found
    place(made, target.output, force=target.force)
    return Written(
        source=str(target.source), output=str(target.output), files=(target.output.name,), recipe=str(Recipe.MIXED),
        format=after.subject.format, digest=after.subject.digest, tools=done.tools, changes=done.changes, notes=done.notes,
        before=before.figures, after=after.figures, likeness=found, cpu_seconds=done.cpu_seconds,
    )  # fmt: skip
