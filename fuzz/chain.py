"""Everything that ``nngauge show`` and ``nngauge compare`` do with a damaged model, and what must hold of the result."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple
from xml.etree import ElementTree as ET

from rich.console import Console, RenderableType

from fuzz.sample import Sample
from nngauge.analyse.difference import Weight, compare, weights_of
from nngauge.api import _analyse
from nngauge.domain.analysis import Analysis
from nngauge.domain.graph import Completeness, Graph
from nngauge.domain.location import Location
from nngauge.errors import UnsupportedError
from nngauge.extract.attempt import Extracted, Piece
from nngauge.formats import Format, ModelData
from nngauge.io.source import ByteSource
from nngauge.picture.network_svg import render_svg
from nngauge.screen.layers import chosen_layers, layers_csv, render_layers
from nngauge.screen.model_card import render_analysis
from nngauge.screen.model_comparison import render_comparison
from nngauge.screen.safe import Safe
from nngauge.words.documents import encode_analysis, encode_comparison
from nngauge.words.safe import printable

_WIDTH = 120
_SMALL = 20_000
"""Bytes of models whose comparison is printed with all layers; tables of thousands of rows take rich a second."""


class _Whole(NamedTuple):
    """One analysed model and its weights."""

    analysis: Analysis
    weights: list[Weight]


def chain(form: Format, first: Sample, sample: Sample) -> None:
    """Reads, analyses, shows and draws `sample`, and compares it with the undamaged `first`."""
    damaged = _analysed(form, sample)
    _honest(damaged.analysis)
    _shown(damaged.analysis)
    whole = _first(form, first.name, first.data, tuple(first.parts.items()))
    for left, right in ((whole, damaged), (damaged, whole)):
        comparison = compare(left.analysis, right.analysis, left.weights, right.weights)
        encode_comparison(comparison)
    _printed(render_comparison(comparison, everything=len(sample.data) < _SMALL))


@cache
def _first(form: Format, name: str, data: bytes, parts: tuple[tuple[str, bytes], ...]) -> _Whole:
    return _analysed(form, Sample(name, data, dict(parts)))


def _analysed(form: Format, sample: Sample) -> _Whole:
    lead = Piece(Location(path=sample.name), ByteSource.of_bytes(sample.data, sample.name))
    companions = [Piece(Location(path=name), ByteSource.of_bytes(part, name)) for name, part in sample.parts.items()]
    pieces = (lead, *companions)
    sources: Sequence[ByteSource] = [piece.source for piece in pieces]
    views = {piece.location.path: piece.source.view() for piece in companions}
    graph = form.parse(ModelData(sample.name, lead.source.view(), views))
    _referring(graph, [source.size for source in sources])
    analysis = _analyse(Extracted(form, graph, pieces), {}, (), weights=True, digest=None)
    return _Whole(analysis, weights_of(analysis.graph, sources))


def _referring(graph: Graph, sizes: Sequence[int]) -> None:
    """References stay inside: tensors that exist, bytes that are there, sub-graphs that end."""
    count = len(graph.tensors)
    for node in graph.nodes:
        assert all(-1 <= index < count for index in (*node.inputs, *node.outputs)), f"node {node.name!r}"
    assert all(0 <= index < count for index in (*graph.inputs, *graph.outputs)), "ports"
    for tensor in graph.tensors:
        span = tensor.data
        assert span is None or (span.offset >= 0 and span.size >= 0), f"span of {tensor.name!r}"
        assert span is None or span.offset + span.size <= sizes[span.part], f"span of {tensor.name!r}"
    for inner in graph.subgraphs:
        _referring(inner, sizes)


def _honest(analysis: Analysis) -> None:
    """What was read in part is marked, and its totals are lower bounds."""
    graph, cost = analysis.graph, analysis.cost
    if graph.completeness is Completeness.FULL:
        return
    assert graph.notes, "a partial model without a reason"
    if graph.completeness is not Completeness.TOPOLOGY:
        assert cost.parameters_lower_bound, "parameters of a partial model are no lower bound"
        assert cost.lower_bound or cost.macs is None, "MACs of a partial model are no lower bound"


def _shown(analysis: Analysis) -> None:
    _printed(render_analysis(analysis))
    rows = chosen_layers(analysis, sort="macs")
    _printed(render_layers(analysis, rows))
    table = layers_csv(rows)
    assert sum(1 for _ in csv.reader(io.StringIO(table))) == len(rows) + 1, "rows of the CSV"
    encode_analysis(analysis, analysis.model.name)
    try:
        picture = render_svg(analysis)
    except UnsupportedError:
        return
    root = ET.fromstring(picture)
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert not tags & {"script", "foreignObject", "image", "a", "use"}, "markup of a name became an element"


def _printed(renderable: RenderableType) -> None:
    stream = io.StringIO()
    Console(file=stream, width=_WIDTH, highlight=False, emoji=False, markup=False).print(Safe(renderable))
    text = stream.getvalue()
    assert printable(text) == text, "control characters on the screen"
