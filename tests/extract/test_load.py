"""Entries at hand: the same bytes and hits whatever way they come, and memory that is never used twice at once."""

from __future__ import annotations

from nngauge.detect.literals import Literals
from nngauge.extract.load import Arena, load
from nngauge.io.source import ByteSource
from nngauge.limits import MIB
from nngauge.packages import open_container
from tests.builders.zips import Member, archive

LITERAL = b"needle in pieces"


def test_the_arena_is_used_again_only_when_nobody_looks_at_it() -> None:
    arena = Arena()
    first = id(arena.take(100))
    assert id(arena.take(50)) == first
    view = memoryview(arena.take(50))[3:5]
    second = id(arena.take(50))
    assert second != first
    assert id(arena.take(50)) == second
    assert len(arena.take(60 * MIB)) >= 60 * MIB
    assert view.tobytes() == b"\0\0"


def test_dropping_the_arena_leaves_what_others_hold() -> None:
    arena = Arena()
    memory = memoryview(arena.take(100))
    memory[:4] = b"kept"
    arena.drop()
    memoryview(arena.take(100))[:4] = b"more"
    assert memory[:4].tobytes() == b"kept"


def test_large_entries_are_found_whole_with_hits_across_pieces() -> None:
    large = bytearray(5 * MIB)
    places = [0, 512 * 1024 - 7, MIB - 3, 3 * MIB + 1, 5 * MIB - len(LITERAL)]
    for place in places:
        large[place : place + len(LITERAL)] = LITERAL
    other = bytes(3 * MIB)
    files = [Member(name=b"a", data=bytes(large)), Member(name=b"b", data=other)]
    container = open_container(ByteSource.of_bytes(archive(files), "x.zip"), "x.zip")
    arena = Arena()
    literals = Literals([LITERAL], [False])
    first, second = (load(entry, literals, arena=arena) for entry in container.entries)
    assert [end - len(LITERAL) for _, end in first.hits] == places
    assert first.source.view() == large  # not overwritten by the second
    assert second.source.view() == other
    assert second.hits == ()
