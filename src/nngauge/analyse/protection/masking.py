"""XOR with a repeating key, told from the distances at which bytes are equal, and taken off when it can be checked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

_WORDS: Final = (1, 2, 4)
"""Distances at which plain weights repeat themselves (float16 and float32 lanes): they must not, under a longer key."""
_PEAK: Final = 8.0
"""Excess of equal bytes at a key's multiples, in standard deviations; noise stays below 4."""
_BESIDE: Final = 0.35
"""Share of a peak that the word distances may reach."""
_MULTIPLES: Final = 3
_UNSURE: Final = 4
_COLUMN: Final = 4096
"""Bytes of a column that show its most frequent one."""


def key_length(coincidences: Sequence[float]) -> int | None:
    """The length of a repeating XOR key of 3 to 85 bytes, from `profile.coincidences` alone; None when nothing shows one.

    Where the plain text has lanes (float weights), keys of odd length show at twice or four times their length.

    Friedman's index of coincidence (1922) at each distance: bytes masked with the same key byte are equal as often as
    in the plain text, all others as often as in noise.
    """
    excess = (0.0, *coincidences)
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


def likely_keys(sample: bytes, length: int) -> Iterator[bytes]:
    """Keys under which zero is the most frequent byte of (nearly) every column, the likeliest first.

    Where two bytes of a column are about as frequent, both are tried: at most `_UNSURE` columns, 2 to the power of it keys.
    """
    columns = [Counter(sample[at : _COLUMN * length : length]).most_common(2) for at in range(length)]
    key = [column[0][0] if column else 0 for column in columns]
    unsure = sorted(
        (column[1][1] / column[0][1], at) for at, column in enumerate(columns) if len(column) > 1
    )[-_UNSURE:]  # fmt: skip
    for choice in product((0, 1), repeat=len(unsure)):
        tried = list(key)
        for which, (_, at) in zip(choice, reversed(unsure), strict=True):
            tried[at] = columns[at][which][0]
        yield bytes(tried)


def unmasked(data: bytes, key: bytes) -> bytes:
    """`data` XORed with the repeating `key`; one operation on long numbers, so a megabyte takes a millisecond."""
    stream = (key * (len(data) // len(key) + 1))[: len(data)]
    return (int.from_bytes(data, "little") ^ int.from_bytes(stream, "little")).to_bytes(len(data), "little")


def shortest(key: bytes) -> bytes:
    """The part of `key` of which it is a repetition."""
    at = (key + key).find(key, 1)
    return key[:at]
