from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngauge.detect.literals import Literals
from nngauge.detect.stream import PieceScanner

WORDS = [b"N4ncnn5LayerE", b"\0OrtGetApiBase\0", b"TFL3", b"a.b*c", b"\xff\x80\0\x01"]


def test_finds_every_literal_with_its_end() -> None:
    literals = Literals(WORDS, [True] * len(WORDS))
    data = b"..".join(WORDS)
    ends = {index: data.index(word) + len(word) for index, word in enumerate(WORDS)}
    assert dict(literals.scan(data)) == ends


def test_once_reports_the_first_and_every_reports_all() -> None:
    literals = Literals([b"TFL3", b"GGUF"], [True, False])
    hits = literals.scan(b"TFL3 TFL3 GGUF GGUF GGUF")
    assert hits.count((0, 4)) == 1
    assert [hit for hit in hits if hit[0] == 0] == [(0, 4)]
    assert [hit for hit in hits if hit[0] == 1] == [(1, 14), (1, 19), (1, 24)]


def test_limit_stops_the_scan() -> None:
    assert len(Literals([b"abc"], [False]).scan(b"abc" * 1000, limit=10)) == 10


def test_no_literals_and_no_bytes_are_fine() -> None:
    assert Literals([], []).scan(b"abc") == []
    assert Literals([b"abc"], [True]).scan(b"") == []


def test_a_compiled_database_is_reused_and_a_damaged_one_ignored() -> None:
    first = Literals(WORDS, [True] * len(WORDS))
    again = Literals(WORDS, [True] * len(WORDS), first.compiled())
    damaged = Literals(WORDS, [True] * len(WORDS), b"not a database")
    for literals in (again, damaged):
        assert literals.scan(b"xx N4ncnn5LayerE") == first.scan(b"xx N4ncnn5LayerE") != []


@given(st.binary(max_size=400), st.lists(st.integers(1, 60), min_size=1, max_size=30), st.integers(0, 390))
def test_pieces_give_the_same_hits_as_the_whole(noise: bytes, cuts: list[int], at: int) -> None:
    """Whatever the borders, planted literals included."""
    literals = Literals(WORDS, [False] * len(WORDS))
    data = noise[:at] + WORDS[at % len(WORDS)] + noise[at:] + WORDS[0]
    scanner = PieceScanner(literals)
    position = 0
    for size in (*cuts, len(data)):
        scanner.feed(data[position : position + size])
        position += size
    assert sorted(scanner.hits) == sorted(literals.scan(data))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
def test_through_passes_pieces_on(size: int) -> None:
    data = b"." * 50 + b"TFL3" + b"." * 50
    scanner = PieceScanner(Literals([b"TFL3"], [False]))
    assert b"".join(scanner.through(data[at : at + size] for at in range(0, len(data), size))) == data
    assert scanner.hits == [(0, 54)]
