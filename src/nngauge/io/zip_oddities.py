"""What tools disagree about in a zip, collected while it is read and bounded in number."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from nngauge.domain.location import Location
from nngauge.domain.outcome import Anomaly
from nngauge.limits import EVIDENCE_PER_FACT, MAX_PATH_BYTES


class ZipOddity(StrEnum):
    """Stable identifiers of everything the zip reader finds worth saying; `Anomaly.kind` of its anomalies."""

    ENCRYPTED_FLAG = "zip-encrypted-flag"
    """Declared encrypted. Android ignores the flag, and so do we until the content proves it right."""
    ENCRYPTED = "zip-encrypted"
    """Declared encrypted, and it is."""
    UNKNOWN_METHOD = "zip-unknown-method"
    """Neither stored nor deflated; taken as stored, as Android's resource reader does."""
    VERSION_NEEDED = "zip-version-needed"
    """Needs a version of the specification that does not exist."""
    DECLARED_RATIO = "zip-declared-ratio"
    """Declares more than deflate can expand to."""
    DUPLICATE_NAME = "zip-duplicate-name"
    """A later entry of the same name; lookups find the first, Android's libziparchive refuses the archive."""
    OVERLAP = "zip-overlapping-entries"
    """Entries share bytes: a zip bomb without recursion (Fifield, WOOT 2019)."""
    PATH_TRAVERSAL = "zip-path-traversal"
    ABSOLUTE_PATH = "zip-absolute-path"
    BACKSLASH = "zip-backslash-in-name"
    CONTROL_CHARACTER = "zip-control-character-in-name"
    EMPTY_NAME = "zip-empty-name"
    LONG_NAME = "zip-long-name"
    """Cut to `limits.MAX_PATH_BYTES`."""
    BAD_UTF8 = "zip-bad-utf8-name"
    LOCAL_NAME = "zip-local-name-differs"
    LOCAL_SIZE = "zip-local-size-differs"
    LOCAL_METHOD = "zip-local-method-differs"
    LOCAL_CRC = "zip-local-crc-differs"
    WRONG_SIZE = "zip-wrong-size"
    """The declared size is not what came out."""
    BAD_CRC = "zip-bad-crc"
    SHIFTED = "zip-shifted-offsets"
    """All offsets are off by a constant: bytes were put in front or taken away."""
    PREPENDED = "zip-bytes-before-first-entry"
    FAKE_END = "zip-fake-end-record"
    SEVERAL_ENDS = "zip-several-end-records"
    """Two end records lead to two directories; the last one is used, as Android does."""
    COMMENT_LENGTH = "zip-comment-length"
    """The comment does not end where the file ends."""
    ENTRY_COUNT = "zip-entry-count"
    DIRECTORY_SIZE = "zip-directory-size"
    DIRECTORY_BROKEN = "zip-directory-broken"
    """The directory stops early; further entries were found by their local headers."""
    ZIP64_EXTRA = "zip-zip64-extra-missing"
    TRUNCATED = "zip-truncated"
    """No usable directory: entries were recovered from their local headers as far as the bytes go."""
    INCOMPLETE_ENTRY = "zip-incomplete-entry"
    """The last entry of a truncated archive."""


class _Note(NamedTuple):
    detail: str
    entry: str | None


class Oddities:
    """Collects anomalies of one archive: each entry once per kind, a few in full, the rest as a count."""

    __slots__ = ("_count", "_kept", "_place", "_seen")

    def __init__(self, place: str) -> None:
        self._place = Location(path=place)
        self._kept: defaultdict[ZipOddity, list[_Note]] = defaultdict(list)
        self._count: defaultdict[ZipOddity, int] = defaultdict(int)
        self._seen: defaultdict[ZipOddity, set[int]] = defaultdict(set)

    def note(self, kind: ZipOddity, detail: str = "", *, entry: str | None = None, key: int | None = None) -> None:
        """Records one oddity; `key` (the header offset) tells entries apart, so that a second look adds nothing.

        What is looked at only once needs none, and then a million oddities take no memory.
        """
        if key is not None:
            seen = self._seen[kind]
            if key in seen:
                return
            seen.add(key)
        self._count[kind] += 1
        if len(self._kept[kind]) < EVIDENCE_PER_FACT:
            self._kept[kind].append(_Note(detail, entry))

    def has(self, kind: ZipOddity, key: int) -> bool:
        """Whether `note` was called with that kind and key."""
        return kind in self._seen and key in self._seen[kind]

    def lists(self, kind: ZipOddity) -> bool:
        """Whether the next oddity of that kind will be kept in full, not only counted."""
        return len(self._kept[kind]) < EVIDENCE_PER_FACT if kind in self._kept else True

    def report(self) -> tuple[Anomaly, ...]:
        """The anomalies so far; the counts of one kind add up to the number of entries that show it."""
        found: list[Anomaly] = []
        for kind, notes in self._kept.items():
            rest = self._count[kind] - len(notes)
            for index, note in enumerate(notes):
                place = self._place if note.entry is None else self._place.inside(note.entry)
                last = index == len(notes) - 1
                found.append(
                    Anomaly(kind=kind.value, location=place, detail=note.detail, count=1 + (rest if last else 0))
                )
        return tuple(found)


_CONTROLS: Final = bytes(range(0x20)) + b"\x7f"
_TRAVERSAL: Final = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|\Z)")
_ABSOLUTE: Final = re.compile(r"[/\\]|[A-Za-z]:[/\\]")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


def is_doubtful(names: Sequence[str], text: str) -> bool:
    """Whether any of the names (`text`: joined with NULs) may be one that `note_name` has to say something about.

    Ten passes in C over all names instead of one in Python over each.
    """
    raw = text.encode("utf-8", "replace")
    return (
        len(raw) - len(raw.translate(None, _CONTROLS)) != max(len(names) - 1, 0)
        or ".." in text
        or "\\" in text
        or ":" in text
        or "\ufffd" in text
        or "\0/" in text
        or text.startswith(("/", "\0"))
        or "\0\0" in text
        or text.endswith("\0")
        or "" in names[:1]
    )


def note_name(name: str, oddities: Oddities) -> None:
    """Notes a name that would escape a directory or hide in a listing."""
    if not name:
        oddities.note(ZipOddity.EMPTY_NAME, entry=name)
        return
    if _TRAVERSAL.search(name):
        oddities.note(ZipOddity.PATH_TRAVERSAL, entry=name)
    if _ABSOLUTE.match(name):
        oddities.note(ZipOddity.ABSOLUTE_PATH, entry=name)
    if "\\" in name:
        oddities.note(ZipOddity.BACKSLASH, entry=name)
    if _CONTROL.search(name):
        oddities.note(ZipOddity.CONTROL_CHARACTER, ascii(name[:MAX_PATH_BYTES]), entry=name)
    if "\ufffd" in name:
        oddities.note(ZipOddity.BAD_UTF8, entry=name)
