"""The screen about a file that was written from a model: what was done, what it takes, how near its answers are."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from nngauge.domain.compression import Inputs, InputSource, Refusal, Rule
from nngauge.domain.written import Likeness, Written
from nngauge.screen.compress import share_text
from nngauge.screen.figures import figures_table, percent_change
from nngauge.units import format_bytes
from nngauge.words.safe import one_line


def render_written(found: Written) -> RenderableType:
    """Everything about one written file."""
    one, other = found.before.file, found.after.file
    gain = f"{format_bytes(one)} → {format_bytes(other)}, {percent_change(other / one - 1)}"
    style = "bold green" if other < one else "bold"
    blocks: list[RenderableType] = [
        Text.assemble((gain, style), f"; {found.recipe}; written to {one_line(found.output)}"),
        Text(),
        figures_table(found.before, found.after),
        Text(),
    ]
    blocks += [Text(one_line(line)) for line in _lines(found)]
    blocks += [Text(f"note       {one_line(note)}", style="yellow") for note in found.notes]
    return Group(*blocks)


def render_not_written(refusal: Refusal) -> RenderableType:
    """Why there is no file."""
    lines = [Text.assemble(("not written", "bold red"), f": {one_line(refusal.explanation)}")]
    return Group(*lines, *([Text(one_line(refusal.hint), style="dim")] if refusal.hint else []))


def _lines(found: Written) -> Iterator[str]:
    if found.changes:
        yield f"done       {', '.join(found.changes)}"
    yield f"weights    {_types(found.before.weights)} → {_types(found.after.weights)}"
    if found.unlike is not None:
        yield f"answers    not compared: {found.unlike.explanation}"
    if found.likeness is not None:
        yield f"answers    {_answers(found.likeness)}"
        yield f"inputs     {_inputs(found.likeness.inputs)}"
        engine = found.likeness.engine
        before = f", the original with {found.likeness.reference}" if found.likeness.reference != engine else ""
        yield f"run        with {engine} {found.likeness.version}{before}"
    tools = ", ".join(f"{name} {version}" for name, version in found.tools.items())
    yield f"written    by {tools or 'nngauge'} in {found.cpu_seconds:.1f} s of processor time"
    if len(found.files) > 1:
        yield f"files      {', '.join(found.files)}"


def _types(weights: dict[str, int] | object) -> str:
    if not isinstance(weights, dict) or not weights:
        return "none"
    total = sum(weights.values())
    shares = {name: count / total for name, count in weights.items()}
    return ", ".join(f"{100 * share:.0f} % {name}" for name, share in shares.items() if share >= 0.005)


def _answers(found: Likeness) -> str:
    if found.identical:
        return "identical bit for bit"
    parts = []
    agreement, answers = found.agreement, found.answers
    if agreement is not None and agreement.matched is not None:
        parts.append(f"{agreement.rule.value} agrees for {share_text(agreement)}")
    elif answers is not None and answers.rule is Rule.NONE:
        parts.append(answers.because)
    elif answers is not None and answers.withheld:
        parts.append(f"{answers.rule.value} agreement withheld ({answers.withheld})")
    if found.sqnr is not None:
        parts.append(f"signal to noise {found.sqnr:.1f} dB")
    if found.max_difference is not None and found.extent is not None:
        parts.append(f"largest difference {found.max_difference:.2g} beside {found.extent:.3g}")
    return ", ".join(parts)


def _inputs(inputs: Inputs) -> str:
    named = {InputSource.USER: f"your files ({inputs.name})"}.get(inputs.source, inputs.name or inputs.source.value)
    return f"{inputs.count} × {named}" + (f", {inputs.prepared}" if inputs.prepared else "")
