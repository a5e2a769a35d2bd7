"""Numbers that two studies published, kept as data beside this file: shown as references, never mixed with ours."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Final, Literal

import msgspec
from msgspec import Struct

from nngauge.errors import RuleError
from nngauge.report._api import Column, Part, Reference, Report, Unit

FOLDER: Final = Path(__file__).parent / "published"
Certainty = Literal["printed", "by eye", "abstract", "secondary", "recalled"]
"""How a number was obtained from the publication."""
_SURE: Final[dict[Certainty, str]] = {
    "printed": "printed in the publication",
    "by eye": "read by eye off a figure",
    "abstract": "from the abstract",
    "secondary": "as quoted by another publication",
    "recalled": "recalled, not verified: the full text was not at hand",
}


class PublishedColumn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column of a published table or figure."""

    name: str
    meaning: str
    unit: Unit = ""
    certainty: Certainty | None = None
    """Where it differs from the item's."""


class Item(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table, a figure or a paragraph with numbers."""

    id: str
    label: str
    """As the publication calls it: ``Table 1``, ``§4.2``."""
    certainty: Certainty
    columns: tuple[PublishedColumn, ...]
    rows: tuple[tuple[str | int | float, ...], ...]
    """An empty text: the publication does not say, or it is not known here."""
    note: str = ""
    page: int | None = None
    """Of the publication's own file, from 1."""


class Publication(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One study, and what it published that can be compared with."""

    title: str
    authors: str
    short: str
    venue: str
    doi: str
    read: str
    """What of it was at hand when the numbers were written down."""
    item: tuple[Item, ...]

    def find(self, name: str) -> Item:
        """The item with this id. Raises `KeyError`."""
        return {item.id: item for item in self.item}[name]


@cache
def publication(name: str) -> Publication:
    """``www19`` or ``imc21``. Raises `RuleError` when the file is not as it should be."""
    import tomllib  # read only when a report of that study is made

    file = FOLDER / f"{name}.toml"
    try:
        return msgspec.convert(tomllib.loads(file.read_text("utf-8")), Publication)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise RuleError(f"published numbers cannot be read: {error}", where=str(file)) from None


def reference(name: str, item: str) -> Callable[[], Reference]:
    """What makes the reference to one item of a publication, when it is shown."""
    return partial(_reference, name, item)


def beside(report: Report, part: str, study: str, item: str, *, name: str, title: str) -> Part:
    """A part of another report under a name and title of its own, with the published numbers of `item` beside it."""
    found = next(one for one in report.parts if one.name == part)
    note = f"{found.note} More: report {report.id} ({report.name}).".strip()
    return msgspec.structs.replace(found, name=name, title=title, note=note, reference=reference(study, item))


def _reference(name: str, wanted: str) -> Reference:
    study = publication(name)
    item = study.find(wanted)
    page = f", page {item.page}" if item.page else ""
    return Reference(
        source=f"{study.short}, {item.label}{page}",
        columns=tuple(_column(column, item.certainty) for column in item.columns),
        rows=tuple(tuple(None if cell == "" else cell for cell in row) for row in item.rows),
        note=item.note,
        url=f"https://doi.org/{study.doi}",
        certainty=_certainty(item),
    )


def _column(column: PublishedColumn, certainty: Certainty) -> Column:
    told = column.certainty or certainty
    meaning = f"{column.meaning} ({_SURE[told]})" if told != certainty else column.meaning
    return Column(column.name, meaning, column.unit, "published")


def _certainty(item: Item) -> str:
    others = [column for column in item.columns if column.certainty not in {None, item.certainty}]
    said = "; ".join(f"{column.name}: {_SURE[column.certainty]}" for column in others if column.certainty)
    return f"{_SURE[item.certainty]}; {said}" if said else _SURE[item.certainty]
