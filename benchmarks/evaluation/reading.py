"""How far every model file of a collection is read: ``python -m benchmarks.evaluation.reading FOLDER`` prints
docs/models-read.md.
"""

from __future__ import annotations

import csv
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from benchmarks.evaluation.reading_remarks import INPUTS, REMARKS
from benchmarks.evaluation.tables import table
from benchmarks.evaluation.truth import load_notes, note_for
from nngauge.api import analyse_model, open_model
from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Amount
from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import NngaugeError

_BESIDE = re.compile(r"(-symbol|-\d{4})$")
"""What MXNet adds to the common stem of its two files."""
_LIST: Final = frozenset({"SOURCES.csv", "SOURCES.txt"})
_LONG: Final = 48
_SYMBOL: Final = re.compile(r"[A-Za-z_][\w.]*")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the collection: where it lies, what it is called where it comes from, and what lies beside it there."""

    path: Path
    name: str
    label: str
    sha256: str = ""
    beside: tuple[tuple[str, Path], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """How far one file was read. `operations` to `shaped` are 0 when it was refused."""

    entry: Entry
    format: str
    part_of: str = ""
    """The file that leads the model which this one belongs to."""
    operations: int = 0
    named: int = 0
    """Operations with a counterpart among ONNX's and ours."""
    values: int = 0
    """What the operations compute."""
    shaped: int = 0
    """Those of them with a shape, in numbers or names."""
    parameters: str = "–"
    macs: str = "–"
    exact: bool = False
    """Every operation's MACs are known."""
    peak: str = "–"
    completeness: str = ""
    remark: str = ""
    no_model: bool = False
    """The file is no model, although the collection has it."""


def load_entries(folder: Path) -> tuple[Entry, ...]:
    """Every file below `folder`, with its own name and neighbours where ``SOURCES.csv`` tells them."""
    with (folder / "SOURCES.csv").open(newline="") as file:
        listed = {folder.parent / row["file"]: row for row in csv.DictReader(file)}
    groups: dict[tuple[str, str], list[Path]] = {}
    for path, row in listed.items():
        if path.is_file():
            groups.setdefault(_group(row), []).append(path)
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in _LIST)
    return tuple(_entry(path, folder, listed, groups) for path in files)


def _group(row: Mapping[str, str]) -> tuple[str, str]:
    path = PurePosixPath(row["path"])
    return row["repo"], str(path.parent / _BESIDE.sub("", path.stem))


def _entry(
    path: Path, folder: Path, listed: Mapping[Path, Mapping[str, str]], groups: Mapping[tuple[str, str], list[Path]]
) -> Entry:
    row = listed.get(path)
    label = path.relative_to(folder).parts[0]
    if row is None:
        return Entry(path, path.name, label)
    beside = ((PurePosixPath(listed[other]["path"]).name, other) for other in groups[_group(row)])
    return Entry(path, PurePosixPath(row["path"]).name, label, row["sha256"], tuple(beside))


def read_all(entries: Sequence[Entry]) -> list[Row]:
    """Reads every file, under its own name and with its neighbours beside it."""
    notes = load_notes()
    rows = []
    for entry in entries:
        with tempfile.TemporaryDirectory(prefix="nngauge-reading-") as home:
            row = _read(entry, lay_out(entry, Path(home)))
        note = note_for(notes, entry.sha256, entry.label)
        if note and not row.completeness:
            row = replace(row, remark=f"{row.remark}; {note.reason}", no_model=not note.confirmed)
        rows.append(row)
    return rows


def lay_out(entry: Entry, home: Path) -> Path:
    """The file under its own name in `home`, with its neighbours beside it."""
    for name, path in (*entry.beside, (entry.name, entry.path)):
        place = home / name
        if not place.exists():
            place.symlink_to(path.resolve())
    return home / entry.name


def shapes_for(path: Path, graph: Graph) -> dict[str, tuple[int, ...]]:
    """What the makers feed the network, for inputs whose size the file does not tell."""
    inputs = next((shapes for name, shapes in INPUTS.items() if name in str(path)), {})
    names = {graph.tensors[at].name for at in graph.inputs}
    return {name: shape for name, shape in inputs.items() if name in names}


def _read(entry: Entry, place: Path) -> Row:
    try:
        with open_model(place) as model:
            lead = PurePosixPath(model.pieces[0].location.path).name
            fed = shapes_for(entry.path, model.graph)
        analysis = analyse_model(place, fed, weights=False, digest=False)
    except NngaugeError as error:
        return Row(entry, "–", remark=_refusal(error, place))
    return _row(entry, analysis, "" if lead == entry.name else lead, fed)


def _refusal(error: NngaugeError, place: Path) -> str:
    reason = error.what.removeprefix(f"{place}: ").removeprefix("no known model format: ")
    return f"**{type(error).__name__}**: {reason}"


def _row(entry: Entry, analysis: Analysis, part_of: str, fed: Mapping[str, tuple[int, ...]]) -> Row:
    graphs = list(_graphs(analysis.graph))
    nodes = [node for graph in graphs for node in graph.nodes]
    values = [graph.tensors[at] for graph in graphs for node in graph.nodes for at in node.outputs if at >= 0]
    shaped = [value for value in values if value.shape is not None and None not in value.shape]
    cost = analysis.cost
    network = bool(nodes) and analysis.graph.completeness is not Completeness.STRUCTURE
    return Row(
        entry=entry,
        format=analysis.graph.format,
        part_of=part_of,
        operations=len(nodes),
        named=sum(node.kind is not None for node in nodes),
        values=len(values),
        shaped=len(shaped),
        parameters=_amount(cost.parameters, least=cost.parameters_lower_bound),
        macs=_amount(cost.macs, least=cost.lower_bound) if network or cost.macs is not None else "–",
        exact=network and cost.macs is not None and not cost.lower_bound,
        peak=_amount(cost.peak.bytes, least=False) if cost.peak is not None and network else "–",
        completeness=analysis.graph.completeness.value,
        remark="; ".join(_remarks(entry, analysis, fed)),
    )


def _graphs(graph: Graph) -> Iterator[Graph]:
    yield graph
    for child in graph.subgraphs:
        yield from _graphs(child)


def _amount(amount: Amount | None, *, least: bool) -> str:
    if amount is None or (least and amount == 0):
        return "–"
    if isinstance(amount, int):
        return f"{'≥ ' if least else ''}{amount:,}"
    names = list(dict.fromkeys(name for name in _SYMBOL.findall(amount) if name != "floor"))
    shown = f"`{amount}`" if len(amount) <= _LONG else f"depends on {_listed(names)}"
    return f"{'≥ ' if least else ''}{shown}"


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"`{name}`" for name in names[:3]) + rest


def _remarks(entry: Entry, analysis: Analysis, fed: Mapping[str, tuple[int, ...]]) -> Iterator[str]:
    yield from (text for name, text in REMARKS.items() if name in str(entry.path))
    for name, shape in fed.items():
        yield f"with `{name}` {'×'.join(map(str, shape))}, which the file does not tell"
    if analysis.graph.completeness is not Completeness.TOPOLOGY:
        yield from analysis.graph.notes[:1]
    unknown = analysis.cost.unknown if analysis.graph.nodes else ()
    yield from unknown[:2]
    if len(unknown) > 2:
        yield f"{len(unknown) - 2} more reasons"


def render(rows: Sequence[Row]) -> str:
    """docs/models-read.md."""
    return "\n".join([_HEAD.format(**_totals(rows)), _summary(rows), "\n## File by file\n", _files(rows), ""])


_HEAD: Final = """# How far real models are read

Made by `python -m benchmarks.evaluation.reading`; `tests/formats/test_models_read.py` makes it again and fails when it
differs. The collection holds {files} files out of public repositories: {no_model} of them turned out to be no models (a
trace, labels, test data), {parts} are weights or halves of the model that another file leads. Of the {models} models that
remain, {read} are read and {refused} are refused, each with a typed reason. {networks} of those read hold a network;
the others are weights, vocabularies, pipelines or compiled for an accelerator. Of the networks' {operations} operations
{named} have a counterpart in the [vocabulary](operators.md), and {shaped} of {values} computed values have a shape (in
numbers, or in names of dimensions that the file leaves open). The MACs of {exact} networks are exact, of {bounded} a
lower bound, which is marked ≥; what keeps them from being exact stands beside them.

*full*: nothing is missing. *topology*: all operations, but the weights lie elsewhere or were stripped: parameters are
those that the layers declare. *partial*: some operations or weights were not read. *structure*: validated, but the
network is not in the file or not read. How amounts are counted: [cost](cost.md). Peak memory is in bytes.
"""


def _networks(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.operations and row.completeness != Completeness.STRUCTURE and not row.part_of]


def _totals(rows: Sequence[Row]) -> dict[str, str]:
    models = [row for row in rows if not row.part_of and not row.no_model]
    networks = _networks(rows)
    operations, values = sum(row.operations for row in networks), sum(row.values for row in networks)
    exact = sum(row.exact for row in networks)
    return {
        "files": str(len(rows)),
        "no_model": str(sum(row.no_model for row in rows)),
        "parts": str(sum(bool(row.part_of) for row in rows)),
        "models": str(len(models)),
        "read": str(sum(bool(row.completeness) for row in models)),
        "refused": str(sum(not row.completeness for row in models)),
        "networks": str(len(networks)),
        "operations": f"{operations:,}",
        "named": _percent(sum(row.named for row in networks), operations),
        "values": f"{values:,}",
        "shaped": _percent(sum(row.shaped for row in networks), values),
        "exact": str(exact),
        "bounded": str(len(networks) - exact),
    }


def _percent(part: int, whole: int) -> str:
    """Rounded down, so that 100 % means all."""
    return f"{int(1000 * part / whole) / 10:g} %" if whole else "–"


def _summary(rows: Sequence[Row]) -> str:
    head = ("collected as", "files", "no models", "parts", "refused", "read", "networks", "operations", "with kind",
            "values with shape", "MACs exact")  # fmt: skip
    labels = sorted({row.entry.label for row in rows})
    return table(head, [_summary_row(label, [row for row in rows if row.entry.label == label]) for label in labels])


def _summary_row(label: str, rows: Sequence[Row]) -> tuple[object, ...]:
    networks = _networks(rows)
    own = [row for row in rows if not row.part_of and not row.no_model]
    operations = sum(row.operations for row in networks)
    return (
        label, len(rows), sum(row.no_model for row in rows) or "", sum(bool(row.part_of) for row in rows) or "",
        sum(not row.completeness for row in own) or "", sum(bool(row.completeness) for row in own), len(networks) or "",
        f"{operations:,}" if operations else "", _percent(sum(row.named for row in networks), operations),
        _percent(sum(row.shaped for row in networks), sum(row.values for row in networks)),
        f"{sum(row.exact for row in networks)} of {len(networks)}" if networks else "–",
    )  # fmt: skip


def _files(rows: Sequence[Row]) -> str:
    head = ("format", "file", "operations", "with kind", "with shape", "parameters", "MACs", "peak", "read", "remarks")
    return table(head, [_cells(row) for row in rows])


def _cells(row: Row) -> tuple[object, ...]:
    name = row.entry.path.name if row.entry.path.parent.name == row.entry.label else _short(row.entry.path)
    if row.part_of:
        return row.format, name, "", "", "", "", "", "", "", f"read with {row.part_of}"
    state = "no model" if row.no_model else row.completeness or "refused"
    return (
        row.format, name, row.operations or "–", _percent(row.named, row.operations), _percent(row.shaped, row.values),
        row.parameters, row.macs, row.peak, state, row.remark,
    )  # fmt: skip


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def main() -> None:
    """Prints the page."""
    sys.stdout.write(render(read_all(load_entries(Path(sys.argv[1])))))


if __name__ == "__main__":
    main()
