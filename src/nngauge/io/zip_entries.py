"""A million entries in little memory: where each stands is kept, what it says is read when it is asked for.

A tuple with its name takes 260 bytes, a record's offset four; and of most entries nobody asks twice.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import overload

from msgspec import Struct, field

from nngauge.io.zip_oddities import Oddities, ZipOddity, note_name
from nngauge.io.zip_records import ZipEntry
from nngauge.limits import KEPT_ENTRIES


class ZipEntries(Sequence[ZipEntry]):
    """Entries that are made when they are asked for, and kept when there are few; a slice is a list of them.

    Asking may raise `TruncatedError` or `UnreadableError` when the file has changed meanwhile or is closed.
    """

    __slots__ = ("_decode", "_kept", "_places")

    def __init__(self, places: array[int], decode: Callable[[int], ZipEntry]) -> None:
        """`decode` makes the entry of a place."""
        self._places = places
        self._decode = decode
        self._kept: list[ZipEntry] | None = None

    @overload
    def __getitem__(self, index: int) -> ZipEntry: ...
    @overload
    def __getitem__(self, index: slice) -> list[ZipEntry]: ...
    def __getitem__(self, index: int | slice) -> ZipEntry | list[ZipEntry]:
        if self._kept is not None:
            return self._kept[index]
        if isinstance(index, slice):
            return [self._decode(place) for place in self._places[index]]
        return self._decode(self._places[index])

    def __iter__(self) -> Iterator[ZipEntry]:
        if len(self._places) > KEPT_ENTRIES:
            return map(self._decode, self._places)
        if self._kept is None:
            self._kept = [self._decode(place) for place in self._places]
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._places)

    def without(self, dropped: array[int]) -> ZipEntries:
        """All but those at the indices `dropped`, which ascend."""
        if not dropped:
            return self
        places = array(self._places.typecode)
        start = 0
        for index in dropped:
            places.extend(self._places[start:index])
            start = index + 1
        places.extend(self._places[start:])
        return ZipEntries(places, self._decode)

    def joined(self, other: ZipEntries, chosen: array[int]) -> ZipEntries:
        """These and those of `other` at the indices `chosen`."""
        mine, theirs = self._decode, other._decode
        places = array("q", self._places)
        places.extend(-1 - other._places[index] for index in chosen)
        return ZipEntries(places, lambda place: mine(place) if place >= 0 else theirs(-1 - place))


_PER_BUCKET = 16
_HASHES_AT_ONCE = 1 << 17
"""A set of a million integers takes 65 MB; of so many, 8 MB."""


class Listing(Struct):
    """The entries of a zip and what finds one by its name."""

    entries: ZipEntries
    hashes: array[int]
    """`hash` of each name, 64 bits: 10⁶ different ones collide once in 10⁷ archives."""
    slashed: array[int]
    """The indices of names that end in a slash."""
    _buckets: list[array[int]] = field(default_factory=list)

    def find(self, name: str) -> ZipEntry | None:
        """The first entry of that name."""
        if not self._buckets:
            self._fill()
        wanted = hash(name)
        for index in self._buckets[wanted & (len(self._buckets) - 1)]:
            if self.hashes[index] == wanted:
                entry = self.entries[index]
                if entry.name == name:
                    return entry
        return None

    def files(self, is_file: Callable[[ZipEntry], bool]) -> ZipEntries:
        """The entries without those whose name ends in a slash, unless they are files for `is_file`."""
        return self.entries.without(array("I", (at for at in self.slashed if not is_file(self.entries[at]))))

    def joined(self, other: Listing, wanted: Callable[[ZipEntry], bool]) -> Listing:
        """These entries and the wanted ones of `other`."""
        chosen = array("I", (at for at, entry in enumerate(other.entries) if wanted(entry)))
        count = len(self.hashes)
        slashed = set(other.slashed)
        return Listing(
            self.entries.joined(other.entries, chosen),
            self.hashes + array("q", (other.hashes[at] for at in chosen)),
            self.slashed + array("I", (count + to for to, at in enumerate(chosen) if at in slashed)),
        )

    def _fill(self) -> None:
        """Indices by the low bits of the hash; a dictionary of integers takes ten times the memory."""
        count = 1 << (len(self.hashes) // _PER_BUCKET).bit_length()
        buckets = [array("I") for _ in range(count)]
        mask = count - 1
        for index, value in enumerate(self.hashes):
            buckets[value & mask].append(index)
        self._buckets = buckets

    def note_names(self, doubtful: Iterable[range], oddities: Oddities) -> None:
        """Notes doubtful names, which are at these indices if anywhere, and those that come twice."""
        for indices in doubtful:
            for index in indices:
                note_name(self.entries[index].name, oddities)
        for index, first in self._repeated():
            name = self.entries[index].name if oddities.lists(ZipOddity.DUPLICATE_NAME) else None
            oddities.note(ZipOddity.DUPLICATE_NAME, f"first is entry {first}", entry=name)

    def _repeated(self) -> Iterator[tuple[int, int]]:
        """The indices of entries whose name came before, each with the index of the first of that name."""
        first = dict.fromkeys(self._repeated_hashes(), -1)
        if not first:
            return
        for index, value in enumerate(self.hashes):
            before = first.get(value)
            if before is None:
                continue
            if before < 0:
                first[value] = index
            else:
                yield index, before

    def _repeated_hashes(self) -> Iterator[int]:
        parts = 1 + len(self.hashes) // _HASHES_AT_ONCE
        for part in range(parts):
            values: Sequence[int] = self.hashes
            if parts > 1:
                values = [value for value in values if value % parts == part]
            met = set(values)
            if len(met) == len(values):
                continue
            for value in values:
                if value in met:
                    met.discard(value)
                else:
                    yield value
