"""One fast look at all records of a central directory: how many there are, and which want a second, slower look."""

from __future__ import annotations

from array import array

from msgspec import Struct, field

from nngauge.errors import LimitError
from nngauge.io.zip_oddities import is_doubtful
from nngauge.io.zip_records import (
    BATCH_BYTES,
    DEFLATED,
    HIDING_FLAGS,
    LOCAL,
    MAX32,
    NEWEST_VERSION,
    RECORD,
    RECORD_BYTES,
    RECORD_SIGNATURE,
    Records,
    zip64_values,
)
from nngauge.limits import MAX_DIRECTORY_BYTES, MAX_ENTRIES, MAX_PATH_BYTES, MAX_RATIO


def _indices() -> array[int]:
    return array("I")


def _hashes() -> array[int]:
    return array("q")


class Parsed(Struct):
    """What one pass over a directory tells about its records. Indices are those of entries."""

    reached: int
    """Where the data of the entries so far ends, by the declared offsets."""
    places: array[int] = field(default_factory=_indices)
    """Where the records stand in the directory."""
    hashes: array[int] = field(default_factory=_hashes)
    """`hash` of each name."""
    slashed: array[int] = field(default_factory=_indices)
    """The indices of names that end in a slash."""
    odd: array[int] = field(default_factory=_indices)
    """The indices of records to look at again."""
    doubtful: list[range] = field(default_factory=list)
    """Indices among which there are names to look at again."""
    stop: int = 0
    """Where the records end."""
    is_disordered: bool = False
    """Whether an entry starts before the ones listed before it end."""


def parse_records(records: Records, shift: int, where: str) -> Parsed:
    """Looks at all records; `shift` is to be added to their offsets.

    Raises `LimitError` past `limits.MAX_ENTRIES` entries or `limits.MAX_DIRECTORY_BYTES`.
    """
    found = Parsed(reached=-shift)
    last = min(records.size, MAX_DIRECTORY_BYTES) - RECORD_BYTES
    while found.stop <= last:
        before = len(found.places)
        names = _parse_batch(records, found, last)
        if not names:
            break
        _look_at_names(names, before, found)
        if len(found.places) > MAX_ENTRIES:
            raise LimitError(f"more than {MAX_ENTRIES} entries", where=where)
    if found.stop > last and records.size > MAX_DIRECTORY_BYTES:
        raise LimitError(f"central directory of more than {MAX_DIRECTORY_BYTES} bytes", where=where)
    return found


def _look_at_names(names: list[str], before: int, found: Parsed) -> None:
    found.hashes.extend(map(hash, names))
    text = "\0".join(names)
    if is_doubtful(names, text):
        found.doubtful.append(range(before, before + len(names)))
    if "/\0" in text or text.endswith("/"):
        found.slashed.extend(before + index for index, name in enumerate(names) if name.endswith("/"))


def _parse_batch(records: Records, found: Parsed, last: int) -> list[str]:
    """The names of the next records; none where there is no record."""
    raw, at = records.at(found.stop)
    base = found.stop - at
    last = min(last - base, at + BATCH_BYTES)
    limit = records.size - base
    reached = found.reached
    names: list[str] = []
    unpack, add_name, add_place = RECORD.unpack_from, names.append, found.places.append
    while at <= last:
        signature, needed, flags, method, _, packed, size, name_size, extra_size, comment_size, offset = unpack(raw, at)
        if signature != RECORD_SIGNATURE:
            break
        start = at + RECORD_BYTES
        stop = start + name_size
        after = stop + extra_size + comment_size
        if after > limit:
            break
        if (
            method & ~DEFLATED
            or flags & HIDING_FLAGS
            or needed > NEWEST_VERSION
            or size > packed * MAX_RATIO
            or MAX32 in (size, packed, offset)
            or name_size > MAX_PATH_BYTES
        ):
            found.odd.append(len(found.places))
            packed, size, offset = zip64_values(raw[stop : stop + extra_size], packed, size, offset)
            stop = min(stop, start + MAX_PATH_BYTES)
        add_name(str(raw[start:stop], "utf-8", "replace"))
        add_place(base + at)
        if offset < reached:
            found.is_disordered = True
        end = offset + LOCAL.size + (packed if method == DEFLATED or packed > size else size)
        if end > reached:  # noqa: PLR1730 (max() is three times slower, a million times)
            reached = end
        at = after
    found.reached = reached
    found.stop = base + at
    return names
