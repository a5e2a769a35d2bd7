"""XOR with a repeating key, told from the distances at which bytes are equal, and taken off when it can be checked."""

from __future__ import annotations

from collections import Counter
from typing import Final

from nngauge.analyse.protection.profile import Profile

_WORDS: Final = (1, 2, 4)
"""Distances at which plain weights repeat themselves (float16 and float32 lanes): they must not, under a longer key."""
_PEAK: Final = 8.0
"""Excess of equal bytes at a key's multiples, in standard deviations; noise stays below 4."""
_BESIDE: Final = 0.35
"""Share of a peak that the word distances may reach."""
_MULTIPLES: Final = 3
_COLUMN: Final = 4096
"""Bytes of a column that show its most frequent one."""


def key_length(found: Profile) -> int | None:
    """The length of a repeating XOR key of 3 to 85 bytes, from coincidences alone; None when nothing shows one.

    Where the plain text has lanes (float weights), keys of odd length show at twice or four times their length.

    Friedman's index of coincidence (1922) at each distance: bytes masked with the same key byte are equal as often as
    in the plain text, all others as often as in noise.
    """
    excess = (0.0, *found.coincidences)
    words = max((excess[lag] for lag in _WORDS if lag < len(excess)), default=0.0)
    for lag in range(3, (len(excess) - 1) // _MULTIPLES + 1):
        if lag in _WORDS:
            continue
        peaks = [excess[lag * times] for times in range(1, _MULTIPLES + 1)]
        if (
            min(peaks) >= max(_PEAK, max(peaks) / 2)
            and words <= _BESIDE * min(peaks)
            and _alone(excess, lag, min(peaks))
        ):
            return lag
    return None


def _alone(excess: tuple[float, ...], lag: int, peak: float) -> bool:
    """Are the distances around the multiples quiet? Strides of tensors raise their neighbourhood too."""
    others = [excess[at] for at in range(3, min(len(excess), 3 * lag)) if at % lag]
    others.sort()
    return not others or others[len(others) // 2] <= _BESIDE * peak


def likely_key(sample: bytes, length: int) -> bytes:
    """The most frequent byte of every column: the key, where zero is the most frequent byte of the plain text."""
    columns = (sample[at : _COLUMN * length : length] for at in range(length))
    return bytes(Counter(column).most_common(1)[0][0] if column else 0 for column in columns)


def unmasked(data: bytes, key: bytes) -> bytes:
    """`data` XORed with the repeating `key`; one operation on long numbers, so a megabyte takes a millisecond."""
    stream = (key * (len(data) // len(key) + 1))[: len(data)]
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(len(data), "little")


def shortest(key: bytes) -> bytes:
    """The part of `key` of which it is a repetition."""
    at = (key + key).find(key, 1)
    return key[:at]
