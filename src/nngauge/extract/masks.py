"""Magics behind the simplest masks: XOR with one byte or with a short repeating key.

The first costs one dictionary look-up per entry. The second rests on what model files are full of: zeros. Under a
repeating key they become the key, so the most frequent byte of each of its columns is the key's byte there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct

from nngauge.formats import Format

_WIDTH = 4
_SPREAD = 0x01010101
"""Times a byte: that byte four times."""
_KEY_SIZES = (2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64)
"""Bytes of a repeating key: the usual ones; each costs a pass over the sample."""
_SAMPLE = 16_384
_ENOUGH = 512
"""Bytes of a column that show its most frequent one."""
_HEAD = 64
"""All magics lie in these first bytes."""


class Masks(Struct, frozen=True):
    """Magics by offset and by the differences of their first four bytes, which no XOR key changes."""

    table: dict[int, dict[int, tuple[tuple[bytes, Format], ...]]]

    def find(self, head: bytes) -> tuple[int, Format] | None:
        """The one-byte key and format when `head` is that format's magic under XOR with a constant, non-zero byte."""
        for offset, by_shape in self.table.items():
            if len(head) < offset + _WIDTH:
                continue
            lead = head[offset]
            shape = int.from_bytes(head[offset : offset + _WIDTH], "big") ^ lead * _SPREAD
            for magic, form in by_shape.get(shape, ()):
                key = lead ^ magic[0]
                masked = head[offset : offset + len(magic)]
                if key and bytes(byte ^ key for byte in masked) == magic:
                    return key, form
        return None

    def find_repeating(self, sample: bytes) -> tuple[bytes, Format] | None:
        """The key of 2 to 64 bytes and the format when `sample`, from the start of a file, is masked with it."""
        sample = sample[:_SAMPLE]
        width = max(self.table, default=0) + _WIDTH
        for size in _KEY_SIZES:
            lead = _unmasked(sample[:width], _columns(sample[: size * _ENOUGH], size, width))
            if not any(_shape_at(lead, offset) in by_shape for offset, by_shape in self.table.items()):
                continue  # eight columns instead of up to 64 tell nearly always
            key = _columns(sample, size, size)
            form = self._plain(_unmasked(sample[:_HEAD], key)) if len(set(key)) > 1 else None
            if form is not None:
                return key, form
        return None

    def _plain(self, head: bytes) -> Format | None:
        for offset, by_shape in self.table.items():
            for magic, form in by_shape.get(_shape_at(head, offset), ()):
                if head.startswith(magic, offset):
                    return form
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


def _columns(sample: bytes, size: int, wanted: int) -> bytes:
    """The most frequent byte in each of the first `wanted` of `size` columns."""
    columns = (sample[at::size] for at in range(min(size, wanted, len(sample))))
    return bytes(Counter(column).most_common(1)[0][0] for column in columns)


def _unmasked(head: bytes, key: bytes) -> bytes:
    return bytes(byte ^ key[at % len(key)] for at, byte in enumerate(head))


def _shape_at(head: bytes, offset: int) -> int:
    return _shape(head[offset : offset + _WIDTH].ljust(_WIDTH, b"\0"))


def _shape(piece: bytes) -> int:
    return int.from_bytes(piece, "big") ^ piece[0] * _SPREAD
