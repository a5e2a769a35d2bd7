"""Why Netron's counts differ from ours, checked by arithmetic: a reason counts only when it makes the numbers equal.

``python -m benchmarks.netron.differences FOLDER`` prints the table of docs/netron.md.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from msgspec.structs import replace

from benchmarks import netron
from benchmarks.netron import Reading
from nngauge.domain.graph import Graph, Node, Tensor

_CONSTANTS = ("Const", "Constant", "MemoryData")
_BOOKKEEPING = (
    "Identity",
    "NoOp",
    "Noop",
    "ReadVariableOp",
    "VarHandleOp",
    "StatefulPartitionedCall",
    "Result",
    "AssignVariableOp",
)
_BODIES = "bodies of loops and functions, which Netron does not list"
_ARRAYS = ("Weights", "Module", "tokenizer")


@dataclass(frozen=True, slots=True)
class Count:
    """One count by both, and what explains a difference: empty when they are equal, None when nothing does."""

    ours: int
    netron: int
    reasons: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One file, read by both."""

    file: str
    format: str
    nodes: Count
    parameters: Count

    @property
    def explained(self) -> bool:
        """Equal, or different for reasons that add up."""
        return self.nodes.reasons is not None and self.parameters.reasons is not None


def compare(graph: Graph, reading: Reading) -> Comparison:
    """Both counts of one file."""
    nodes = list(_nodes(graph))
    boxes = sum(reading.ops.values())
    return Comparison(
        file=Path(reading.file).name,
        format=graph.format,
        nodes=Count(len(nodes), boxes, _node_reasons(nodes, graph, reading)),
        parameters=Count(graph.parameters or 0, reading.parameters, _parameter_reasons(graph, reading)),
    )


def _node_reasons(nodes: Sequence[Node], graph: Graph, reading: Reading) -> tuple[str, ...] | None:
    boxes = sum(reading.ops.values())
    if len(nodes) == boxes:
        return ()
    if len(nodes) == reading.nodes:
        return ("Netron draws what is fused, or follows at once, inside the box before it",)
    ours = Counter(node.op for node in nodes)
    if not boxes:
        return ("Netron shows no operation of this file",)
    if not nodes and reading.ops.keys() <= set(_ARRAYS):
        return ("weights or a vocabulary without a network: Netron draws each array or table as a box",)
    outer = Counter(node.op for node in graph.nodes)
    bodies = (len(graph.nodes) - len(nodes), _BODIES)
    for target in (boxes, reading.nodes):
        reasons = _sum_up(target - len(nodes), _node_shifts(ours, reading)) or _sum_up(
            target - len(graph.nodes), _node_shifts(outer, reading), bodies
        )
        if reasons is not None:
            return reasons
    rest = Counter(reading.ops)
    for name in (*_BOOKKEEPING, *_CONSTANTS):
        del rest[name]
    if reading.ops.get("StatefulPartitionedCall") and not rest - ours:
        return ("functions are calls in Netron and stand in their callers' place with us",)
    if graph_of_calls(reading) and len(nodes) < boxes:
        return ("Netron draws the checks and decided branches of the code, which are no operations of the network",)
    return None


def graph_of_calls(reading: Reading) -> bool:
    """TorchScript: Netron interprets the Python source of the archive."""
    return reading.format.startswith("TorchScript")


def _node_shifts(ours: Counter[str], reading: Reading) -> Iterator[tuple[int, str]]:
    """Numbers of boxes that Netron has more than we, each with its reason."""
    theirs = Counter(reading.ops) + Counter(reading.chained)
    folded = sum(ours[name] - theirs[name] for name in _CONSTANTS if ours[name] > theirs[name])
    yield -folded, "Netron folds constants into the operations that use them"
    drawn = sum(theirs[name] - ours[name] for name in _CONSTANTS if theirs[name] > ours[name])
    yield drawn, "Netron draws constants as boxes"
    kept = sum(theirs[name] - ours[name] for name in _BOOKKEEPING if theirs[name] > ours[name])
    yield kept, "Netron draws results, identities and reads of variables, which compute nothing"
    yield theirs["scaler"] - ours["scaler"], "Netron draws the preprocessing of the image as a box"
    for name in theirs:
        if ours[name] > theirs[name] and name not in _CONSTANTS:
            yield theirs[name] - ours[name], f"a layer of the source that is several operations with us: {name}"
    yield -ours["Input"] if ours["Input"] and not theirs["Input"] else 0, "inputs are no boxes in Netron"


def _parameter_reasons(graph: Graph, reading: Reading) -> tuple[str, ...] | None:
    ours = graph.parameters or 0
    if ours == reading.parameters:
        return ()
    if not reading.parameters:
        return ("Netron shows no weights of this file",)
    if ours == reading.parameters + reading.constants:
        return ("Netron shows constants as boxes",)
    outer = replace(graph, subgraphs=())
    if outer.parameters == reading.parameters + reading.constants:
        return (_BODIES, "Netron shows constants as boxes")
    if graph.format == "tf_saved_model" and ours > reading.parameters:
        return ("Netron does not show the constants of the functions that are called",)
    graphs = list(_graphs(graph))
    return _sum_up(reading.parameters - ours, _parameter_shifts(graphs)) or _sum_up(
        reading.parameters - (outer.parameters or 0), _parameter_shifts([outer]), (1, _BODIES)
    )


def _parameter_shifts(graphs: list[Graph]) -> Iterator[tuple[int, str]]:
    yield -sum(_elements(_unused(inner)) for inner in graphs), "constants that no operation reads"
    yield sum(_elements(_states(inner)) for inner in graphs), "states between runs, which Netron counts as weights"
    yield -sum(_elements(_shared(inner)) for inner in graphs), "constants of several operations, boxes in Netron"
    yield (
        -sum(_elements(t for t in inner.tensors if t.constant and t.shape == ()) for inner in graphs),
        "scalars, which Netron shows as values and not as tensors",
    )
    yield (
        -sum(_elements(t for t in inner.tensors if t.constant and "int" in t.dtype and t.values) for inner in graphs),
        "shapes and axes, which Netron shows as values and not as tensors",
    )


def _unused(graph: Graph) -> list[Tensor]:
    used = {index for node in graph.nodes for index in node.inputs}
    return [tensor for at, tensor in enumerate(graph.tensors) if tensor.constant and at not in used]


def _shared(graph: Graph) -> list[Tensor]:
    uses = Counter(index for node in graph.nodes for index in node.inputs)
    return [tensor for at, tensor in enumerate(graph.tensors) if tensor.constant and uses[at] > 1]


def _states(graph: Graph) -> list[Tensor]:
    """Values that are read, and neither given nor made."""
    made = {index for node in graph.nodes for index in node.outputs} | set(graph.inputs)
    used = {index for node in graph.nodes for index in node.inputs}
    return [t for at, t in enumerate(graph.tensors) if at in used and at not in made and not t.constant]


def _elements(tensors: Iterator[Tensor] | list[Tensor]) -> int:
    return sum(tensor.elements or 0 for tensor in tensors)


def _sum_up(
    difference: int, shifts: Iterator[tuple[int, str]], given: tuple[int, str] | None = None
) -> tuple[str, ...] | None:
    """The fewest reasons that add up to `difference` exactly, beside a `given` one that is counted already."""
    known = (given[1],) if given and given[0] else ()
    candidates = [shift for shift in shifts if shift[0]]
    for count in range(0 if known else 1, len(candidates) + 1):
        for chosen in combinations(candidates, count):
            if sum(amount for amount, _ in chosen) == difference:
                return known + tuple(reason for _, reason in chosen)
    return None


def _graphs(graph: Graph) -> Iterator[Graph]:
    yield graph
    for inner in graph.subgraphs:
        yield from _graphs(inner)


def _nodes(graph: Graph) -> Iterator[Node]:
    for inner in _graphs(graph):
        yield from inner.nodes


def compare_all(files: Sequence[Path]) -> tuple[list[Comparison], list[tuple[str, str, str]]]:
    """Files that both read, and those that only one does with the other's reason."""
    from nngauge import read_graph
    from nngauge.errors import NngaugeError

    both: list[Comparison] = []
    one: list[tuple[str, str, str]] = []
    for file, reading in zip(files, netron.read(files), strict=True):
        try:
            graph = read_graph(file)
        except NngaugeError as error:
            if not reading.error:
                one.append((file.name, f"Netron ({reading.format})", _short(str(error).replace(str(file), file.name))))
            continue
        if reading.error:
            one.append((file.name, f"nngauge ({graph.format})", _short(reading.error)))
        else:
            both.append(compare(graph, reading))
    return both, one


def _short(reason: str) -> str:
    plain = re.sub(r"(?<=['\s])/\S*/", "", " ".join(reason.split())).replace("|", "/")
    return plain if len(plain) <= 160 else plain[:159] + "…"


def render(both: Sequence[Comparison], one: Sequence[tuple[str, str, str]]) -> str:
    """docs/netron.md."""
    same = sum(item.nodes.reasons == () and item.parameters.reasons == () for item in both)
    unexplained = sum(not item.explained for item in both)
    lines = [
        "# Beside Netron",
        "",
        "Operations and parameters of every model file at hand, as nngauge and Netron's own readers (run under node, without",
        "a browser) count them. A reason counts only when it makes the numbers equal: `benchmarks/netron/differences.py` does the",
        "arithmetic, `tests/formats/test_netron.py` makes this page again and fails when it differs.",
        "",
        f"{len(both)} files are read by both: {same} with equal counts, {len(both) - same - unexplained} with a difference that is",
        f"explained, {unexplained} with one that is not.",
        "",
        "| format | file | what | nngauge | Netron | why |",
        "|---|---|---|---|---|---|",
    ]
    for item in sorted(both, key=lambda item: (item.format, item.file)):
        for what, count in (("operations", item.nodes), ("parameters", item.parameters)):
            if count.reasons != ():
                reasons = "; ".join(count.reasons) if count.reasons else "**unexplained**"
                lines.append(
                    f"| {item.format} | {item.file} | {what} | {count.ours:,} | {count.netron:,} | {reasons} |"
                )
    lines += ["", "## Read by one only", "", "| file | by | what the other says |", "|---|---|---|"]
    lines += [f"| {name} | {who} | {reason} |" for name, who, reason in sorted(one)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Prints the page."""
    print(render(*compare_all(model_files(Path(sys.argv[1])))), end="")


def model_files(folder: Path) -> list[Path]:
    """Every file below `folder` that may be a model."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".csv")


if __name__ == "__main__":
    main()
