"""Damages well-formed samples: overwritten bytes and integers, cut ends, spliced pieces."""

from __future__ import annotations

from hypothesis import strategies as st

_EXTREMES = (
    b"\0\0\0\0",
    b"\xff\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\1\0\0\0",
    b"\0\0\0\x80",
    b"\xff",
    b"\0",
    b"\xff\xff",
)


def damaged(*samples: bytes) -> st.SearchStrategy[bytes]:
    """Strategy: one of `samples` with up to eight edits and possibly a cut end."""
    piece = st.one_of(st.sampled_from(_EXTREMES), st.binary(min_size=1, max_size=8))
    edits = st.lists(st.tuples(st.floats(0, 1), piece), max_size=8)
    return st.builds(_apply, st.sampled_from(samples), edits, st.one_of(st.just(1.0), st.floats(0, 1)))


def _apply(sample: bytes, edits: list[tuple[float, bytes]], kept: float) -> bytes:
    data = bytearray(sample)
    for place, piece in edits:
        at = int(place * max(0, len(data) - len(piece)))
        data[at : at + len(piece)] = piece
    return bytes(data[: int(len(data) * kept)])
