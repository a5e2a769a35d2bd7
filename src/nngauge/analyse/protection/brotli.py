"""Is this the beginning of a Brotli stream? It has no magic, so its first header is read, prefix codes and all.

Specification: RFC 7932, sections 3, 4, 7 and 9. Nothing is decompressed. Every prefix code must be complete (its lengths
must add up to exactly one), which noise is for one code in some thousand and never for the dozens of a real header.
"""

from __future__ import annotations

from typing import Final

from nngauge.errors import MalformedError, TruncatedError

_CODE_ORDER: Final = (1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15)
_CODE_LENGTHS: Final = (0, 4, 3, 2, 0, 4, 3, 1, 0, 4, 3, 2, 0, 4, 3, 5)
_CODE_BITS: Final = (2, 2, 2, 3, 2, 2, 2, 4, 2, 2, 2, 3, 2, 2, 2, 4)
"""The fixed code for the lengths of the code that codes the lengths, by the next four bits (section 3.5)."""
_COUNT_EXTRA: Final = (2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 7, 8, 9, 10, 11, 12, 13, 24)
_SIMPLE: Final = ((1,), (1, 1), (1, 2, 2), (2, 2, 2, 2))
_SKEWED: Final = (1, 2, 3, 3)
_COMMANDS: Final = 704
_LITERALS: Final = 256
_FULL: Final = 1 << 15
_ENOUGH_BITS: Final = 300
"""Bits of a header without which it is no evidence."""


class _Bits:
    """Reads bits from the least significant one of each byte on."""

    __slots__ = ("_data", "_end", "at")

    def __init__(self, data: bytes) -> None:
        self._data = int.from_bytes(data, "little")
        self._end = 8 * len(data)
        self.at = 0

    def take(self, count: int) -> int:
        if self.at + count > self._end:
            raise TruncatedError("bits past the end", where=f"@{self.at // 8}")
        value = (self._data >> self.at) & ((1 << count) - 1)
        self.at += count
        return value

    def peek(self, count: int) -> int:
        return (self._data >> self.at) & ((1 << count) - 1)


class _Code:
    """A canonical prefix code."""

    def __init__(self, lengths: dict[int, int]) -> None:
        self._table: dict[tuple[int, int], int] = {}
        used = sorted((length, symbol) for symbol, length in lengths.items() if length)
        self._single = used[0][1] if len(used) == 1 else None
        code = last = 0
        for length, symbol in used:
            code <<= length - last
            last = length
            self._table[length, code] = symbol
            code += 1

    def read(self, bits: _Bits) -> int:
        if self._single is not None:
            return self._single
        code = 0
        for length in range(1, 16):
            code = code << 1 | bits.take(1)
            symbol = self._table.get((length, code))
            if symbol is not None:
                return symbol
        raise MalformedError("no such code")


def is_brotli(head: bytes) -> bool:
    """Does `head` (some kilobytes) begin with a compressed meta-block whose header is sound from end to end?"""
    bits = _Bits(head[:4096])
    try:
        _window(bits)
        if not _compressed_block(bits):
            return False
        _block_header(bits)
    except (MalformedError, TruncatedError):
        return False
    return bits.at >= _ENOUGH_BITS


def _window(bits: _Bits) -> None:
    """WBITS, section 9.1."""
    if bits.take(1) == 0:
        return
    if bits.take(3) == 0 and bits.take(3) == 1:
        raise MalformedError("large window")


def _compressed_block(bits: _Bits) -> bool:
    """ISLAST, MLEN and ISUNCOMPRESSED, section 9.2; False for blocks that are empty, metadata or stored."""
    last = bits.take(1)
    if last and bits.take(1):
        return False
    nibbles = bits.take(2)
    if nibbles == 3:
        return False
    length = bits.take(4 * (nibbles + 4))
    if nibbles and length >> (4 * (nibbles + 3)) == 0:
        raise MalformedError("length with a leading zero")
    return bool(last) or not bits.take(1)


def _block_header(bits: _Bits) -> None:
    types = [_block_types(bits) for _ in range(3)]
    postfix = bits.take(2)
    direct = bits.take(4) << postfix
    bits.take(2 * types[0])
    literal_trees = _context_map(bits, 64 * types[0])
    distance_trees = _context_map(bits, 4 * types[2])
    distances = 16 + direct + (48 << postfix)
    for count, alphabet in ((literal_trees, _LITERALS), (types[1], _COMMANDS), (distance_trees, distances)):
        for _ in range(count):
            _prefix_code(bits, alphabet)


def _block_types(bits: _Bits) -> int:
    """NBLTYPES and, with more than one, the codes that switch between them."""
    count = _count(bits)
    if count > 1:
        _prefix_code(bits, count + 2)
        lengths = _prefix_code(bits, 26)
        bits.take(_COUNT_EXTRA[min(lengths.read(bits), 25)])
    return count


def _count(bits: _Bits) -> int:
    """1 to 256."""
    if not bits.take(1):
        return 1
    extra = bits.take(3)
    return (1 << extra) + 1 + bits.take(extra)


def _context_map(bits: _Bits, size: int) -> int:
    """Number of trees; the map itself is read over."""
    trees = _count(bits)
    if trees == 1:
        return 1
    longest = bits.take(4) + 1 if bits.take(1) else 0
    code = _prefix_code(bits, trees + longest)
    done = 0
    while done < size:
        symbol = code.read(bits)
        done += (1 << symbol) + bits.take(symbol) if 0 < symbol <= longest else 1
    if done != size:
        raise MalformedError("context map of another size")
    bits.take(1)
    return trees


def _prefix_code(bits: _Bits, alphabet: int) -> _Code:
    """Section 3.4 and 3.5."""
    kind = bits.take(2)
    return _simple(bits, alphabet) if kind == 1 else _complex(bits, alphabet, kind)


def _simple(bits: _Bits, alphabet: int) -> _Code:
    count = bits.take(2) + 1
    symbols = [bits.take((alphabet - 1).bit_length()) for _ in range(count)]
    if len(set(symbols)) != count or max(symbols) >= alphabet:
        raise MalformedError("symbols that repeat or are none")
    skewed = count == 4 and bits.take(1)
    return _Code(dict(zip(symbols, _SKEWED if skewed else _SIMPLE[count - 1], strict=True)))


def _complex(bits: _Bits, alphabet: int, skipped: int) -> _Code:
    outer: dict[int, int] = {}
    space = 32
    for symbol in _CODE_ORDER[skipped:]:
        pattern = bits.peek(4)
        length = _CODE_LENGTHS[pattern]
        bits.take(_CODE_BITS[pattern])
        if length:
            outer[symbol] = length
            space -= 32 >> length
            if space <= 0:
                break
    if space < 0 or (space and len(outer) != 1):
        raise MalformedError("code of code lengths is not complete")
    return _Code(_lengths(bits, _Code(outer), alphabet))


def _lengths(bits: _Bits, outer: _Code, alphabet: int) -> dict[int, int]:
    """The run-length coded lengths of an alphabet; they must add up to exactly one."""
    lengths: dict[int, int] = {}
    at = repeat = repeated = 0
    previous, space = 8, _FULL
    while at < alphabet and space > 0:
        symbol = outer.read(bits)
        if symbol < 16:
            repeat = 0
            if symbol:
                lengths[at], previous = symbol, symbol
                space -= _FULL >> symbol
            at += 1
            continue
        width = symbol - 14
        length = previous if symbol == 16 else 0
        if not repeat or repeated != length:
            repeat, repeated = 0, length
        before = repeat
        repeat = ((repeat - 2) << width if repeat else 0) + bits.take(width) + 3
        count = repeat - before
        if at + count > alphabet:
            raise MalformedError("more lengths than symbols")
        if length:
            lengths.update(dict.fromkeys(range(at, at + count), length))
            space -= count * (_FULL >> length)
        at += count
    if space:
        raise MalformedError("code is not complete")
    return lengths
