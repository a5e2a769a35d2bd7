"""A list of addresses: text with one address a row, and maybe its SHA-256 behind it, or CSV with a line of names.

::

    # apps of the survey                              url,sha256,package,version_code
    https://example.org/a.apk                         https://example.org/a.apk,9f86d0…,com.example.a,12
    https://example.org/b.apk  9f86d081884c7d65…      https://example.org/b.apk,,,

A package with a SHA-256 is fetched as a whole, because only that proves it; of one without, only what a scan needs.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from nngauge.domain.study import Item
from nngauge.errors import MalformedError, UsageError
from nngauge.io.web import require_plain
from nngauge.sources import web
from nngauge.sources._api import Opened, Source
from nngauge.sources._download import Download, opened
from nngauge.sources._lists import BadRows, numbered_lines, refuse_bad_row

_PREFIX: Final = "urls:"
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")
_COLUMNS: Final = {
    "address": ("url", "address", "link", "uri"),
    "sha256": ("sha256", "sha-256", "sha256sum"),
    "size": ("size", "bytes", "apk_size"),
    "package": ("package", "package_id", "package_name", "pkg_name"),
    "version": ("version_code", "versioncode", "vercode"),
}
"""What a row tells → how its column may be called."""
_DELIMITERS: Final = ",;\t"


class _Bad(Exception):
    """Why a row is bad."""


class _Form(Struct, frozen=True):
    """How the rows are written."""

    delimiter: str
    columns: dict[str, int]
    """What → which column."""
    width: int


def _items(locator: str, _settings: Mapping[str, str]) -> Iterator[Item]:
    place = locator.removeprefix(_PREFIX)
    if not place.startswith(("http://", "https://")):
        place = str(Path(place).resolve())
    bad = BadRows("urls", place)
    form: _Form | None = None
    begun = good = False
    for number, text in numbered_lines(place):
        if text is not None and (not text.strip() or text.lstrip().startswith("#")):
            continue
        if not begun and text is not None:
            begun, form = True, _form(text)
            if form is not None:
                continue
        try:
            item = _item(_cells(text, form))
        except _Bad as problem:
            yield from bad.item(number, str(problem))
        else:
            good = True
            yield item
    if bad.count and not good:
        raise MalformedError(f"none of its {bad.count} rows is an address", where=place, hint="see docs/sources.md")
    yield from bad.rest()


def _form(line: str) -> _Form | None:
    """How a list is written that begins with `line`; None when that is no line of names."""
    for delimiter in _DELIMITERS:
        names = [name.strip().strip('"').lower() for name in line.split(delimiter)]
        columns = {
            what: next(names.index(name) for name in called if name in names)
            for what, called in _COLUMNS.items()
            if any(name in names for name in called)
        }
        if "address" in columns:
            return _Form(delimiter, columns, len(names))
    return None


def _cells(text: str | None, form: _Form | None) -> dict[str, str]:
    """What a row tells, by the keys of `_COLUMNS`."""
    if text is None:
        raise _Bad("it is no text, or too long")
    if form is None:
        address, _, rest = text.strip().partition(" ")
        return {"address": address, "sha256": rest.strip()}
    try:
        cells = next(csv.reader([text], delimiter=form.delimiter, strict=True))
    except csv.Error as error:
        raise _Bad(f"it is no CSV ({error})") from None
    if len(cells) != form.width:
        raise _Bad(f"{len(cells)} columns, the first row names {form.width}")
    return {what: cells[at].strip() for what, at in form.columns.items()}


def _item(cells: Mapping[str, str]) -> Item:
    address = cells["address"]
    if not address.isprintable() or " " in address:
        raise _Bad("the address has characters that addresses do not have")
    try:
        require_plain(address)
    except UsageError as error:
        raise _Bad(error.what) from None
    digest, size = cells.get("sha256", ""), cells.get("size", "")
    if digest and not _SHA256.fullmatch(digest):
        raise _Bad("what stands for the SHA-256 is not 64 hexadecimal digits")
    if size and not (size.isascii() and size.isdigit() and len(size) < 19):
        raise _Bad("the size is no number")
    return Item(
        locator=address,
        size=int(size) if size else None,
        stamp=digest.lower() or None,
        sha256=digest.lower() or None,
        package_id=cells.get("package") or None,
        version_code=cells.get("version") or None,
    )


@contextmanager
def _open(item: Item, settings: Mapping[str, str]) -> Iterator[Opened]:
    refuse_bad_row(item)
    if item.sha256 is None:
        with web.SOURCE.open(item, settings) as package:
            yield package
    else:
        download = Download(require_plain(item.locator), size=item.size, sha256=item.sha256)
        with opened(item, download) as package:
            yield package


SOURCE = Source(
    name="urls",
    title="List of addresses",
    example="urls:list.txt",
    claims=lambda locator: locator.startswith(_PREFIX),
    items=_items,
    open=_open,
    references=("https://www.rfc-editor.org/rfc/rfc4180",),
    limitations=(
        "Rows of CSV do not go on over line breaks.",
        "An address that is listed twice with different digests is looked at with the last one.",
        "Without digests, a package that changed behind its address is not noticed in the same snapshot.",
    ),
)
