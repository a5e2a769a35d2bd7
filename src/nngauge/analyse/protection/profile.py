"""The statistics of bytes: how uniform they are, where, and which regularities are left.

Chi-square follows the convention of `ent` (https://www.fourmilab.ch/random/): 255 degrees of freedom, normalised to a
standard score, so that figures of files of different size can be compared. Compressed data keeps a score that grows
with the size of the sample, encrypted data does not; LZMA alone is as uniform as a cipher, and only its magic tells.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from nngauge.io.source import ByteSource

WINDOW: Final = 4096
"""Bytes of one window: 16 expected per value, so chi-square holds, and a header of one page shows."""
WINDOWS: Final = 192
"""Windows looked at, spread over the file: 768 KiB, enough to tell deflate from a cipher."""
HEAD_WINDOW: Final = 512
HEAD_WINDOWS: Final = 8
"""The first 4 KiB are looked at more closely: headers alone may be masked."""
UNIFORM_SCORE: Final = 5.0
"""Standard scores of noise stay below this in all but one of three million windows."""
STRUCTURED_SCORE: Final = 8.0
"""A window above this is certainly not noise."""
LAGS: Final = 256
"""Distances at which equal bytes are counted; longer keys than half of this are rare."""
COINCIDENCE_SIGMA: Final = 6.0
"""Excess of equal bytes, in standard deviations, that noise does not show (0 of 75 files; see docs/protection.md)."""
_BLOCK: Final = 16
_MAX_BLOCKS: Final = 262_144
_LAG_SAMPLE: Final = 65_536


class Window(Struct, frozen=True):
    """One window: where it begins and its score."""

    offset: int
    score: float
    """Chi-square against the uniform distribution, in standard deviations; noise: 0 ± 1."""


class Profile(Struct, frozen=True, kw_only=True):
    """What the bytes of one file look like."""

    size: int
    entropy: float
    """Bits per byte over all windows."""
    score: float
    """Chi-square over all windows, in standard deviations."""
    windows: tuple[Window, ...]
    head: tuple[Window, ...]
    """The first 4 KiB in finer steps."""
    lanes: float
    """Difference of entropy between the bytes at positions modulo 4, in bits: about 1 for float weights, 0 for noise."""
    coincidences: tuple[float, ...]
    """Excess of equal bytes at distance 1, 2, …, in standard deviations of noise."""
    repeated_blocks: int
    """Aligned blocks of 16 bytes that occur before; noise has none."""
    constant_blocks: int
    """Those of them that consist of one byte (padding, zeros)."""
    distinct_score: float
    """Chi-square over the blocks that differ: a block cipher leaves noise there however often blocks repeat."""

    @property
    def uniform(self) -> bool:
        """Indistinguishable from noise, everywhere and at every distance."""
        return (
            -UNIFORM_SCORE < self.score < UNIFORM_SCORE  # a counter is more even than noise ever is
            and not self.repeated_blocks
            and max(self.coincidences, default=0.0) < COINCIDENCE_SIGMA
            and self.structured_share == 0.0
        )

    @property
    def structured_share(self) -> float:
        """Share of the windows that are certainly not noise."""
        return sum(window.score > STRUCTURED_SCORE for window in self.windows) / max(1, len(self.windows))

    @property
    def uniform_share(self) -> float:
        """Share of the windows that may be noise."""
        return sum(window.score < UNIFORM_SCORE for window in self.windows) / max(1, len(self.windows))


def profile(source: ByteSource) -> Profile:
    """Measures `source`; some 768 KiB of it are read, whatever its size."""
    size = source.size
    pieces = [source.read(offset, WINDOW) for offset in _spread(size)]
    total: Counter[int] = Counter()
    windows = []
    for offset, piece in zip(_spread(size), pieces, strict=True):
        counts = Counter(piece)
        total.update(counts)
        if len(piece) >= WINDOW // 2 or len(pieces) == 1:
            windows.append(Window(offset, score(counts, len(piece))))
    joined = b"".join(pieces)
    sample = source.read(_middle(size), _LAG_SAMPLE)
    repeated, constant, distinct = repeats(joined)
    return Profile(
        size=size,
        entropy=entropy(total, len(joined)),
        score=score(total, len(joined)),
        windows=tuple(windows),
        head=tuple(_head(source.read(0, HEAD_WINDOW * HEAD_WINDOWS))),
        lanes=lane_difference(sample),
        coincidences=coincidences(sample, min(LAGS, len(sample) // 8)),
        repeated_blocks=repeated,
        constant_blocks=constant,
        distinct_score=distinct,
    )


def _spread(size: int) -> range | Sequence[int]:
    """Starts of the windows, aligned to blocks: all of a small file, evenly spread over a large one."""
    if size <= WINDOW * WINDOWS:
        return range(0, size, WINDOW)
    step = (size - WINDOW) / (WINDOWS - 1)
    return [int(at * step) // _BLOCK * _BLOCK for at in range(WINDOWS)]


def _middle(size: int) -> int:
    return max(0, (size - _LAG_SAMPLE) // 2) // _BLOCK * _BLOCK


def _head(first: bytes) -> list[Window]:
    pieces = [(at, first[at : at + HEAD_WINDOW]) for at in range(0, len(first), HEAD_WINDOW)]
    return [Window(at, score(Counter(piece), len(piece))) for at, piece in pieces if len(piece) == HEAD_WINDOW]


def entropy(counts: Counter[int], total: int) -> float:
    """Bits per symbol."""
    return -sum(count / total * math.log2(count / total) for count in counts.values()) if total else 0.0


def score(counts: Counter[int], total: int) -> float:
    """Chi-square of byte `counts` against the uniform distribution, in standard deviations from its mean."""
    if not total:
        return 0.0
    expected = total / 256
    chi = sum(count * count for count in counts.values()) / expected - total
    return (chi - 255) / math.sqrt(2 * 255)


def lane_difference(sample: bytes) -> float:
    """Largest minus smallest entropy of the four byte lanes: floats keep sign and exponent in one of them."""
    lanes = [sample[at::4] for at in range(4)]
    values = [entropy(Counter(lane), len(lane)) for lane in lanes if lane]
    return max(values, default=0.0) - min(values, default=0.0)


def coincidences(sample: bytes, lags: int) -> tuple[float, ...]:
    """Excess of equal bytes at distances 1 to `lags`: standard deviations above the 1 in 256 of noise.

    Whole samples are compared as two long numbers, which takes 20 µs per distance.
    """
    number = int.from_bytes(sample, "big")
    found = []
    for lag in range(1, lags + 1):
        pairs = len(sample) - lag
        same = ((number >> (8 * lag)) ^ (number & ((1 << (8 * pairs)) - 1))).to_bytes(pairs, "big").count(0)
        expected = pairs / 256
        found.append((same - expected) / math.sqrt(expected * 255 / 256))
    return tuple(found)


def repeats(data: bytes) -> tuple[int, int, float]:
    """Aligned 16-byte blocks that occurred before, how many of them are one byte repeated, and the score of the others."""
    last = min(len(data), _MAX_BLOCKS * _BLOCK) - _BLOCK + 1
    blocks = Counter(data[at : at + _BLOCK] for at in range(0, last, _BLOCK))
    again = {block: count - 1 for block, count in blocks.items() if count > 1}
    if not again:
        return 0, 0, 0.0
    constant = sum(count for block, count in again.items() if len(set(block)) == 1)
    distinct = b"".join(blocks)
    return sum(again.values()), constant, score(Counter(distinct), len(distinct))
