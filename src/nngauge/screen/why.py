"""The evidence behind one line of a report: what was seen, where, by which rule, and the bytes themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec import Struct
from rich.console import Group, RenderableType
from rich.text import Text

from nngauge.analyse.task import task_line
from nngauge.domain.attribution import Attribution
from nngauge.domain.evidence import Evidence
from nngauge.domain.location import Location
from nngauge.domain.scan import Scan
from nngauge.units import format_bytes
from nngauge.words.safe import one_line

_SHOWN = 48
_ROW = 16
_BLOCKS = 8
Peek = Callable[[Location, int, int], bytes]
"""`(location, offset, count)` → bytes."""


class Fact(Struct, frozen=True):
    """A line of a report with its evidence."""

    title: str
    summary: str
    evidence: tuple[Evidence, ...]
    version: Evidence | None = None
    """Where the version was read."""
    more: int = 0
    """Pieces of evidence that were counted but not kept."""
    lines: tuple[str, ...] = ()
    """What is to be said besides."""


def find_facts(scan: Scan, wanted: str) -> list[Fact]:
    """Facts that `wanted` names: a technology (id or title), a model or file (name, path or digest prefix)."""
    needle = wanted.lower()
    return [
        *_technologies(scan, needle),
        *_detections(scan, needle),
        *_accelerations(scan, needle),
        *_models(scan, needle),
        *_doubts(scan, needle),
    ]


def fact_names(scan: Scan) -> list[str]:
    """Everything that can be asked about."""
    names = [item.id for item in scan.technologies] + [model.name for model in scan.models]
    names += [item.accelerator for item in scan.accelerations]
    return sorted({*names, *(item.location.name for item in scan.candidates)})


def _technologies(scan: Scan, needle: str) -> Iterator[Fact]:
    """What all detections together amount to."""
    for item in scan.technologies:
        if needle in (item.id.lower(), item.title.lower()):
            summary = f"{item.grade}, {item.confidence}" + (f": {item.because}" if item.because else "")
            yield Fact(f"{item.title}, all in all", summary, item.evidence)
            yield from _owner(item.owner)
            yield from _use(scan, item.id)


def _owner(owner: Attribution | None) -> Iterator[Fact]:
    if owner is not None:
        name = f" {owner.title}" if owner.title else ""
        yield Fact(f"whose: {owner.owner}{name}", f"{owner.confidence}: {owner.because}", owner.evidence)


def _use(scan: Scan, subject: str) -> Iterator[Fact]:
    for item in scan.usage:
        if item.subject == subject:
            steps = tuple(f"{step.how}: {step.method}" for step in item.chain)
            yield Fact(f"used: {item.use}", f"{item.confidence}: {item.reason}", item.evidence, lines=steps)


def _accelerations(scan: Scan, needle: str) -> Iterator[Fact]:
    for item in scan.accelerations:
        if needle in (item.accelerator.lower(), item.title.lower()):
            lines = [f"missing: {name}" for name in item.missing] + list(item.advice)
            abi = f" for {item.abi}" if item.abi else ""
            consequence = f": {item.consequence}" if item.consequence else ""
            yield Fact(item.title, f"{item.outcome}{abi}{consequence}", item.asked, lines=tuple(lines))


def _detections(scan: Scan, needle: str) -> Iterator[Fact]:
    for item in scan.detections:
        if needle in (item.technology.lower(), item.title.lower()):
            version = f" {item.version}" if item.version else ""
            summary = f"{item.presence}, {item.confidence}" + (f", inside {item.host}" if item.host else "")
            more = item.evidence_count - len(item.evidence)
            yield Fact(f"{item.title}{version}", summary, item.evidence, item.version_evidence, more)


def _models(scan: Scan, needle: str) -> Iterator[Fact]:
    for model in scan.models:
        if needle == model.name.lower() or model.digest.startswith(needle) or _names(model.parts[0].location, needle):
            summary = f"{model.title}, {format_bytes(model.size)}, sha256 {model.digest}"
            yield Fact(model.name, summary, model.evidence)
            if model.task is not None:
                yield Fact(
                    f"what for: {task_line(model.task).partition(':')[0]}", model.task.modality, model.task.because
                )
            yield from _owner(model.owner)
            if model.known is not None:
                yield Fact(f"known: {model.known.sentence}", model.known.source, model.known.evidence)
            yield from _use(scan, str(model.parts[0].location))


def _doubts(scan: Scan, needle: str) -> Iterator[Fact]:
    for item in scan.candidates:
        if _names(item.location, needle):
            yield Fact(item.location.name, f"{item.suspicion}, {item.confidence}: {item.reason}", ())
    for failure in scan.failures:
        if _names(failure.location, needle):
            yield Fact(failure.location.name, f"{failure.error} while {failure.stage}: {failure.reason}", ())
    for anomaly in scan.anomalies:
        if needle == anomaly.kind:
            yield Fact(anomaly.kind, f"{anomaly.detail} ({anomaly.count} entries) at {anomaly.location}", ())


def _names(location: Location, needle: str) -> bool:
    path = location.path.lower()
    return needle == location.name.lower() or path == needle or path.endswith(("!" + needle, "/" + needle))


def render_facts(facts: list[Fact], peek: Peek) -> RenderableType:
    """All facts with hex dumps of the first pieces of evidence."""
    blocks: list[RenderableType] = []
    for fact in facts:
        blocks += [Text(fact.title, style="bold"), Text(f"  {fact.summary}", style="dim")]
        blocks += [Text(f"  {one_line(line)}") for line in fact.lines]
        for number, proof in enumerate(fact.evidence):
            blocks += _proof(proof.kind, proof, peek if number < _BLOCKS else None)
        if fact.version is not None:
            blocks += _proof(f"version from {fact.version.kind}", fact.version, peek)
        if fact.more > 0:
            blocks.append(Text(f"  … and {fact.more} more pieces of evidence", style="dim"))
        blocks.append(Text())
    return Group(*blocks)


def _proof(title: str, proof: Evidence, peek: Peek | None) -> Iterator[RenderableType]:
    line = Text(f"  {title}  ", style="cyan")
    line.append(proof.value, style="default")
    place = str(proof.location).partition("!")[2] or str(proof.location)
    line.append(f"\n    {place}" + (f"  rule {proof.rule}" if proof.rule else ""), style="dim")
    yield line
    if proof.location.offset is not None and peek is not None:
        yield _dump(proof.location, peek)


def _dump(location: Location, peek: Peek) -> Text:
    """The rows of 16 bytes that hold the evidence, its own bytes emphasised."""
    offset = location.offset or 0
    start = offset // _ROW * _ROW
    size = min(location.size or 4, _SHOWN)
    end = -(-(offset + size) // _ROW) * _ROW
    data = peek(location, start, end - start)
    text = Text()
    for at in range(0, len(data), _ROW):
        row = data[at : at + _ROW]
        text.append(f"    {start + at:08x}  ", style="dim")
        for index, byte in enumerate(row):
            inside = offset <= start + at + index < offset + size
            text.append(f"{byte:02x} ", style="bold green" if inside else "dim")
        text.append(" " * (3 * (_ROW - len(row)) + 1))
        text.append("".join(chr(byte) if 32 <= byte < 127 else "." for byte in row) + "\n", style="dim")
    text.rstrip()
    return text
