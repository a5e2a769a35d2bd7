"""Magics behind the simplest mask: XOR with one byte, found in one dictionary look-up per entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nngauge.formats import Format

_WIDTH = 4


@dataclass(frozen=True, slots=True)
class Masks:
    """Magics by offset and by the differences of their first four bytes, which no XOR key changes."""

    table: dict[int, dict[int, tuple[tuple[bytes, Format], ...]]]

    def find(self, head: bytes) -> tuple[int, Format] | None:
        """The one-byte key and format when `head` is that format's magic under XOR with a constant, non-zero byte."""
        for offset, by_shape in self.table.items():
            piece = head[offset : offset + _WIDTH]
            if len(piece) < _WIDTH:
                continue
            for magic, form in by_shape.get(_shape(piece), ()):
                key = piece[0] ^ magic[0]
                masked = head[offset : offset + len(magic)]
                if key and bytes(byte ^ key for byte in masked) == magic:
                    return key, form
        return None


def index_masks(formats: Sequence[Format]) -> Masks:
    """Arranges the magics of four bytes and more."""
    table: dict[int, dict[int, tuple[tuple[bytes, Format], ...]]] = {}
    for form in formats:
        for magic in form.magics:
            if len(magic.value) >= _WIDTH and len(set(magic.value)) > 1:
                by_shape = table.setdefault(magic.offset, {})
                shape = _shape(magic.value[:_WIDTH])
                by_shape[shape] = (*by_shape.get(shape, ()), (magic.value, form))
    return Masks(table)


def _shape(piece: bytes) -> int:
    return int.from_bytes(piece, "big") ^ piece[0] * 0x01010101
