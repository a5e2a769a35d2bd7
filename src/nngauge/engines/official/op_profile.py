"""Operators as TensorFlow's ``StatsCalculator`` prints them: a table, or CSV; the run order of the timed runs.

https://github.com/tensorflow/tensorflow/blob/master/third_party/xla/xla/tsl/util/stats_calculator.cc
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from nngauge.domain.measurement import OpTime
from nngauge.engines.official import _reading as reading
from nngauge.errors import LimitError, MalformedError
from nngauge.limits import MAX_NODES

_SECTION: Final = re.compile(r"={10,} (.{1,80}?) ={10,}")
_TYPE, _AVERAGE, _TIMES, _NAME = "node type", "avg ms", "times called", "name"


def read_ops(text: Sequence[str]) -> tuple[OpTime, ...]:
    """Operators in the order they ran, nothing where there is no such table.

    Of several tables in run order the one with most time counts: the first is of loading. Raises `MalformedError`.
    """
    tables = [_ops(rows) for rows in _tables(text)]
    return max(tables, key=lambda ops: sum(op.nanoseconds for op in ops if op.kind not in _LOADING), default=())


_LOADING: Final = frozenset({"ModifyGraphWithDelegate", "AllocateTensors"})


def _tables(text: Sequence[str]) -> Iterator[list[list[str]]]:
    """Rows of cells under a heading about the run order, the header first."""
    rows: list[list[str]] | None = None
    for line in text:
        if found := _SECTION.search(line):
            if rows:
                yield rows
            rows = [] if found[1].strip().lower() == "run order" else None
        elif rows is not None and (cells := _cells(line)):
            rows.append(cells)
            if len(rows) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} operators")
        elif rows is not None and len(rows) > 1:
            yield rows
            rows = None
    if rows:
        yield rows


def _cells(line: str) -> list[str]:
    """CSV has a comma and a blank, and tabulators for commas in names; a table has tabulators, after a log's prefix."""
    if line.partition("\t")[0].count(", ") >= 5:
        return [cell.strip().replace("\t", ",") for cell in line.split(", ")]
    return [cell.strip() for cell in line.split("\t")[1:]]


def _ops(rows: list[list[str]]) -> tuple[OpTime, ...]:
    head = [cell.strip("[]").replace("_", " ").lower() for cell in rows[0]]
    if not {_TYPE, _AVERAGE, _NAME} <= set(head):
        raise MalformedError("a table of operators without its header")
    at = {name: head.index(name) for name in (_TYPE, _AVERAGE, _TIMES, _NAME) if name in head}
    return tuple(_op(cells, at) for cells in rows[1:] if len(cells) >= len(head))


def _op(cells: list[str], at: dict[str, int]) -> OpTime:
    """The average is of one call; old versions count 0 calls and mean one."""
    calls = max(1, reading.whole(reading.number(cells[at[_TIMES]]))) if _TIMES in at else 1
    average = 1e6 * reading.number(cells[at[_AVERAGE]])
    return OpTime(name=cells[at[_NAME]][:500], kind=cells[at[_TYPE]][:100], calls=calls, nanoseconds=average * calls)
