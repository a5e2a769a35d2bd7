"""The screen about a model that was shrunk."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nngauge.domain.cost import Amount
from nngauge.domain.shrinking import Attempt, Gate, Outcome, Shrunk
from nngauge.screen.measurement import nanoseconds
from nngauge.units import format_bytes
from nngauge.words.amounts import byte_amount, short_amount
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
        blocks += [Text(), _table(found)]
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


def _table(found: Shrunk) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, side in (("", "left"), ("before", "right"), ("after", "right"), ("", "right")):
        table.add_column(name, justify="right" if side == "right" else "left")
    for name, before, after, change in _rows(found):
        table.add_row(name, before, after, change)
    return table


def _rows(found: Shrunk) -> Iterator[tuple[str, str, str, str]]:
    one, other = found.before, found.after
    if other is None:
        return
    yield "file", byte_amount(one.file), byte_amount(other.file), _change(one.file, other.file)
    yield "deflated", byte_amount(one.deflated), byte_amount(other.deflated), _change(one.deflated, other.deflated)
    yield (
        "parameters",
        short_amount(one.parameters),
        short_amount(other.parameters),
        _change(one.parameters, other.parameters),
    )
    yield "MACs", short_amount(one.macs), short_amount(other.macs), _change(one.macs, other.macs)
    yield "peak activations", byte_amount(one.peak), byte_amount(other.peak), _change(one.peak, other.peak)
    before, after = found.median_ns.get("before"), found.median_ns.get("after")
    if before and after:
        yield (
            "time here, 1 thread",
            nanoseconds(before),
            nanoseconds(after),
            f"{after / before - 1:+.0%}, a hint".replace("-", "−"),
        )


def _change(before: Amount | None, after: Amount | None) -> str:
    if not isinstance(before, int) or not isinstance(after, int) or not before:
        return ""
    return f"{after / before - 1:+.1%}".replace("-", "−") if after != before else "same"


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
