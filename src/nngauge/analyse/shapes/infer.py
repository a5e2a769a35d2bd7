"""Shapes and element types of all values of a model, from those of its inputs and weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from nngauge.analyse.constants import Constants
from nngauge.analyse.shapes.guesses import guessed
from nngauge.analyse.shapes.scope import Scope
from nngauge.analyse.shapes.starts import starts
from nngauge.analyse.shapes.work import Work
from nngauge.domain.graph import Graph

_MAX_REASONS: Final = 64
"""Different reasons and assumptions listed; the rest is counted together."""


class Inferred(Struct, frozen=True, kw_only=True):
    """A graph with what follows from its inputs."""

    graph: Graph
    """All tensors with shapes and element types filled in where they follow, sub-graphs included."""
    assumptions: tuple[str, ...] = ()
    """What was taken for granted: "first dimension of `input` (dynamic) taken as 1"."""
    problems: tuple[str, ...] = ()
    """Why shapes are missing: `reason × count`, the most frequent first."""


def infer_shapes(graph: Graph, constants: Constants, inputs: Mapping[str, tuple[int, ...]] | None = None) -> Inferred:
    """Fills in the shapes and element types that follow from the inputs.

    What the file states stays, unless `inputs` contradicts it: then everything is computed anew. Leading unknown
    dimensions of inputs are taken as 1, others become symbols (``<input>.<axis>``) unless the file names them. Bodies
    of `If`, `Loop`, `Scan` and `Call` get what flows into them. Raises `UsageError` when `inputs` names an input that
    is not there or has another rank.
    """
    graph, guesses = guessed(graph, (inputs or {}).keys())
    begin = starts(graph, inputs or {})
    work = Work(graph, constants, begin.symbols, afresh=begin.contradicted)
    scope = Scope(work, graph)
    scope.run(begin.shapes)
    found = scope.finished()
    assumptions = tuple(dict.fromkeys((*guesses, *begin.assumptions, *work.assumptions)))
    return Inferred(graph=found, assumptions=_first(assumptions), problems=_listed(work.problems))


def _first(assumptions: tuple[str, ...]) -> tuple[str, ...]:
    """Not more than a reader can take in; a file may declare a million inputs."""
    rest = len(assumptions) - _MAX_REASONS
    return (*assumptions[:_MAX_REASONS], f"and so on for {rest} others") if rest > 0 else assumptions


def _listed(problems: Counter[str]) -> tuple[str, ...]:
    found = [f"{reason} × {count}" for reason, count in problems.most_common(_MAX_REASONS)]
    rest = sum(problems.values()) - sum(count for _, count in problems.most_common(_MAX_REASONS))
    return (*found, f"others × {rest}") if rest else tuple(found)
