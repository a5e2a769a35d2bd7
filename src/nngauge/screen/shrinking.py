"""The screen about a model that was shrunk."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from nngauge.domain.shrinking import Attempt, Gate, Outcome, Shrunk
from nngauge.screen.figures import figures_table
from nngauge.screen.measurement import nanoseconds
from nngauge.units import format_bytes
from nngauge.words.safe import one_line

_STYLE = {
    Outcome.WRITTEN: "bold green",
    Outcome.NOTHING: "bold",
    Outcome.DISCARDED: "bold yellow",
    Outcome.REFUSED: "bold red",
}


def render_shrunk(found: Shrunk) -> RenderableType:
    """What became of it, the cost before and after, how the answers were compared."""
    blocks: list[RenderableType] = [_verdict(found)]
    if found.hint:
        blocks.append(Text(one_line(found.hint), style="dim"))
    if found.after is not None:
        blocks += [Text(), figures_table(found.before, found.after, _time(found))]
    if found.changes:
        blocks += [Text(), Text(f"left out   {', '.join(map(one_line, found.changes))}")]
    if found.gate is not None:
        blocks.append(Text(f"answers    {_gate(found.gate)}"))
    for attempt in found.attempts:
        if attempt.gate is not found.gate or found.gate is None:
            blocks.append(Text(f"tried      {_attempt(attempt)}", style="dim"))
    return Group(*blocks)


def _verdict(found: Shrunk) -> Text:
    if found.outcome is Outcome.WRITTEN and found.after is not None:
        less = found.before.file - found.after.file
        share = f"−{less / found.before.file:.1%}" if less >= 0.001 * found.before.file else f"{less:,} bytes less"
        gain = f"{format_bytes(found.before.file)} → {format_bytes(found.after.file)}, {share}"
        where = f"written to {one_line(found.output)}" if found.output else "not kept: -o FILE writes it"
        return Text.assemble((gain, "bold green"), f"; {found.explanation}; {where}")
    return Text.assemble((found.outcome.value, _STYLE[found.outcome]), f": {one_line(found.explanation)}")


def _time(found: Shrunk) -> Iterator[tuple[str, str, str, str]]:
    before, after = found.median_ns.get("before"), found.median_ns.get("after")
    if before and after:
        change = f"{after / before - 1:+.0%}, a hint".replace("-", "−")
        yield "time here, 1 thread", nanoseconds(before), nanoseconds(after), change


def _gate(gate: Gate) -> str:
    with_what = f"on {gate.inputs} inputs, {gate.engine} {gate.version}"
    if gate.outputs and not any(gap.extent for gap in gate.outputs):
        with_what += "; they are the same for all inputs, so that this says little"
    if gate.identical:
        return f"identical bit for bit {with_what}"
    worst = max(gate.outputs, key=lambda gap: gap.largest / gap.allowed if gap.allowed else gap.largest, default=None)
    if worst is None:
        return f"{one_line(gate.unlike) or 'none'}, {with_what}"
    return f"largest difference {worst.largest:.2g} of a range of {worst.extent:.3g}, up to {worst.allowed:.2g} is allowed; {with_what}"


def _attempt(attempt: Attempt) -> str:
    if attempt.refusal is not None:
        return f"{attempt.method}: {one_line(attempt.refusal.explanation)}"
    size = f"{format_bytes(attempt.size)}" if attempt.size is not None else "no file"
    if attempt.gate is None:
        return f"{attempt.method}: {size}, not smaller"
    return f"{attempt.method}: {size}, {one_line(attempt.gate.unlike) or _gate(attempt.gate)}"
