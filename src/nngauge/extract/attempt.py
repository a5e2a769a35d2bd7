"""One attempt to read bytes as a model: the only place where a parser's exceptions become an answer."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from nngauge.domain.graph import Graph
from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure, Stage
from nngauge.errors import InputError, NngaugeError, NotThisFormat
from nngauge.formats import Format, ModelData
from nngauge.io.source import ByteSource


class Piece(Struct, frozen=True):
    """One file of a model: where it is and its bytes."""

    location: Location
    source: ByteSource


class Extracted(Struct, frozen=True):
    """A validated model with its bytes at hand; the lead piece first."""

    format: Format
    graph: Graph
    pieces: tuple[Piece, ...]


class Refused(Struct, frozen=True):
    """A format that was tried and said no. `broken` tells a damaged model from something else altogether."""

    format: Format
    error: str
    reason: str
    hint: str
    broken: bool


def try_format(form: Format, lead: Piece, companions: Sequence[Piece] = ()) -> Extracted | Refused:
    """Reads `lead` (and its companions) as `form`."""
    try:
        data = ModelData(
            name=lead.location.path.rpartition("!")[2],
            buf=lead.source.view(),
            parts={piece.location.path.rpartition("!")[2]: piece.source.view() for piece in companions},
        )
        graph = form.parse(data)
    except NotThisFormat as error:
        return Refused(form, "NotThisFormat", error.what, error.hint, broken=False)
    except InputError as error:
        return Refused(form, type(error).__name__, str(error), error.hint, broken=True)
    except (MemoryError, RecursionError) as error:
        return Refused(form, "LimitError", f"parser gave up: {type(error).__name__}", "", broken=True)
    except Exception as error:  # noqa: BLE001 - a parser's bug must not lose the app; it is recorded as what it is
        return Refused(form, "ParserError", f"{type(error).__name__}: {error}", "please report this file", broken=True)
    piece = lead
    carved = lead.location.offset is not None
    if carved and graph.extent is not None and graph.extent < lead.source.size:
        piece = Piece(
            lead.location.at(lead.location.offset or 0, graph.extent),
            lead.source.sub(0, graph.extent, lead.source.name),
        )
    return Extracted(form, graph, (piece, *companions))


def failure(stage: Stage, location: Location, error: NngaugeError, plugin: str = "") -> Failure:
    """An exception as the record that is stored."""
    return Failure(
        stage=stage, location=location, error=type(error).__name__, reason=str(error), hint=error.hint, plugin=plugin
    )
