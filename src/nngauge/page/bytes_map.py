"""Where the bytes of an app go: its uncompressed content by kind, as areas of a map (a squarified treemap).

Every entry is counted once: archives inside the app are opened and not counted, their entries are. A model inside another
file (a library, an archive that is read as a model) is part of that file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from nngauge.domain.location import Location
from nngauge.domain.outcome import Treatment
from nngauge.domain.protection import AuditedModel
from nngauge.domain.scan import Scan
from nngauge.io.content import MEDIA, Kind

_NATIVE: Final = frozenset({Kind.ELF, Kind.MACHO, Kind.PE})
_CODE: Final = frozenset({Kind.DEX, Kind.ODEX, Kind.HERMES, Kind.IL2CPP, Kind.WASM, Kind.CLASS, Kind.BITCODE})
_RESOURCES: Final = frozenset({
    Kind.AXML, Kind.ARSC, Kind.PLIST, Kind.CAR, Kind.NIB, Kind.CERTIFICATE, Kind.JSON, Kind.XML, Kind.HTML, Kind.TEXT,
    Kind.ART_PROFILE,
})  # fmt: skip
_NAMED: Final = 24
"""Files of one area that are drawn on their own."""
_SMALLEST: Final = 0.0004
"""Share of the map below which a file is not drawn on its own: some pixels."""


class Tile(Struct, frozen=True):
    """One rectangle of the map, in pixels."""

    title: str
    size: int
    colour: str
    x: float
    y: float
    width: float
    height: float

    def label(self, per_character: float = 7.2) -> str:
        """As much of the title, of a file's path the name, as fits; empty where nothing does."""
        room = int((self.width - 12) / per_character)
        name = self.title.rpartition("!")[2].rpartition("/")[2] or self.title
        if room < 3 or self.height < 20:
            return ""
        return name if len(name) <= room else f"{name[: room - 1]}…"


class Area(Struct, frozen=True, kw_only=True):
    """One kind of content."""

    title: str
    meaning: str
    colour: str
    size: int
    files: tuple[tuple[str, int], ...] = ()
    """Names with bytes, largest first, where single files are known; they need not add up to `size`."""
    ai: bool = False
    """It is there for AI."""


class BytesMap(Struct, frozen=True, kw_only=True):
    """All areas, largest first."""

    areas: tuple[Area, ...]
    total: int

    @property
    def ai(self) -> int:
        """Bytes that are there for AI: models, and libraries in which AI was found."""
        return sum(area.size for area in self.areas if area.ai)

    def tiles(self, width: float, height: float) -> list[Tile]:
        """The map drawn into a rectangle."""
        found: list[Tile] = []
        for area, place in zip(
            self.areas, _squarified([area.size for area in self.areas], (0, 0, width, height)), strict=True
        ):
            found += _tiles_of(area, place, self.total)
        return found


def bytes_map(scan: Scan, hidden: Sequence[AuditedModel] = ()) -> BytesMap:
    """The map of one app; `hidden` are files that hold a model which nobody could read."""
    kinds: dict[str, int] = {}
    for item in scan.coverage:
        if item.treatment is not Treatment.OPENED and item.treatment is not Treatment.PARSED:
            kinds[item.kind] = kinds.get(item.kind, 0) + item.size
    parsed = sum(item.size for item in scan.coverage if item.treatment is Treatment.PARSED)
    models = _largest_first(_model_files(scan))
    libraries = _largest_first((_inner(item.location), item.size) for item in scan.libraries if item.technologies)
    native = sum(size for kind, size in kinds.items() if kind in _NATIVE)
    ai_native = min(native, sum(size for _, size in libraries))
    others = _largest_first((_inner(item.location), item.size) for item in scan.libraries if not item.technologies)
    grouped = _NATIVE | _CODE | _RESOURCES | MEDIA
    rest = sum(size for kind, size in kinds.items() if kind not in grouped)
    masked = _largest_first({_inner(item.location): item.size for item in hidden}.items())
    veiled = min(rest, sum(size for _, size in masked))
    areas = [
        Area(title="Models", meaning="validated model files", colour="c1", size=parsed, files=models, ai=True),
        Area(
            title="Libraries with AI", meaning="native code in which AI technologies were found", colour="c5",
            size=ai_native, files=libraries, ai=True,
        ),
        Area(
            title="Hidden models", meaning="encrypted, masked or packed files that hold a model", colour="c6", size=veiled,
            files=masked, ai=True,
        ),
        Area(
            title="Other native code", meaning="libraries without a trace of AI", colour="c8", size=native - ai_native,
            files=others,
        ),
        Area(title="App code", meaning="Dalvik, JavaScript and other byte code", colour="c3", size=_sum(kinds, _CODE)),
        Area(title="Media", meaning="pictures, sound, video, fonts", colour="c2", size=_sum(kinds, MEDIA)),
        Area(title="Resources and texts", meaning="layouts, tables, JSON, texts", colour="c4", size=_sum(kinds, _RESOURCES)),
        Area(
            title="Everything else", meaning="data of kinds that have no name here", colour="c0",
            size=rest - veiled,
        ),
    ]  # fmt: skip
    shown = sorted((area for area in areas if area.size > 0), key=lambda area: -area.size)
    return BytesMap(areas=tuple(shown), total=sum(area.size for area in shown))


def _largest_first(files: Iterable[tuple[str, int]]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(files, key=lambda item: -item[1]))


def _sum(kinds: dict[str, int], wanted: frozenset[Kind]) -> int:
    return sum(size for kind, size in kinds.items() if kind in wanted)


def _model_files(scan: Scan) -> Iterator[tuple[str, int]]:
    """Files of models, once each, but those inside of other files."""
    seen: set[str] = set()
    for model in scan.models:
        for part in model.parts:
            if part.location.offset is None and part.location.path not in seen:
                seen.add(part.location.path)
                yield _inner(part.location), part.size


def _inner(place: Location) -> str:
    return place.path.partition("!")[2] or place.name


# --- drawing ------------------------------------------------------------------------------------------------------------

_Place = tuple[float, float, float, float]
"""x, y, width, height"""


def _tiles_of(area: Area, place: _Place, total: int) -> Iterator[Tile]:
    named = [item for item in area.files[:_NAMED] if item[1] > _SMALLEST * total]
    room = area.size
    kept: list[tuple[str, int]] = []
    for name, size in named:
        if size > room:
            break
        kept.append((name, size))
        room -= size
    if not kept:
        yield Tile(area.title, area.size, area.colour, *place)
        return
    if room > 0:
        kept.append((f"{area.title}: the rest", room))
    kept.sort(key=lambda item: -item[1])
    for (name, size), inner in zip(kept, _squarified([size for _, size in kept], place), strict=True):
        yield Tile(name, size, area.colour, *inner)


def _squarified(sizes: Sequence[int], place: _Place) -> list[_Place]:
    """Rectangles for `sizes` (falling, positive) that are as square as they get.

    Bruls, Huizing, van Wijk, "Squarified Treemaps" (2000), https://vanwijk.win.tue.nl/stm.pdf
    """
    x, y, width, height = place
    scale = width * height / max(1, sum(sizes))
    areas = [size * scale for size in sizes]
    found: list[_Place] = []
    at = 0
    while at < len(areas):
        short = min(width, height)
        stop = at + 1
        while stop < len(areas) and _worst(areas[at : stop + 1], short) <= _worst(areas[at:stop], short):
            stop += 1
        row = areas[at:stop]
        thick = min(sum(row) / short, max(width, height)) if short > 0 else 0.0  # rounding never leaves the map
        along = 0.0
        for area in row:
            length = area / thick if thick > 0 else 0.0
            found.append((x, y + along, thick, length) if width >= height else (x + along, y, length, thick))
            along += length
        if width >= height:
            x, width = x + thick, max(0.0, width - thick)
        else:
            y, height = y + thick, max(0.0, height - thick)
        at = stop
    return found


def _worst(row: Sequence[float], short: float) -> float:
    """The least square side ratio of a row along the side `short`."""
    total = sum(row)
    if total <= 0 or short <= 0:
        return float("inf")
    return max(short * short * max(row) / (total * total), total * total / (short * short * max(min(row), 1e-9)))
