"""Sounds that nngauge makes itself, and noise whose spectrum falls as 1/f.

Tones, sweeps, vowels of a synthetic voice, beats and bands of noise: public domain like every output of this program. The
same number and length always give the same sound.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]
    Chance = np.random.Generator

RATE: Final = 16_000
"""Samples a second."""
_FORMANTS: Final = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))
"""Of five vowels in Hz: Peterson and Barney, "Control methods used in a study of the vowels", 1952."""


def sound(number: int, length: int) -> Array:
    """`length` samples in −1 to 1."""
    import numpy as np

    chance = np.random.default_rng((20_240_608, number))
    time = np.arange(length) / RATE
    kinds = (_tones, _sweep, _voice, _beat, _band)
    wave = kinds[number % len(kinds)](time, chance)
    wave += chance.normal(0, 0.005, length)
    peak = float(np.abs(wave).max()) if length else 0.0
    return (wave / max(peak, 1e-9) * chance.uniform(0.2, 0.9)).astype(np.float32)


def _tones(time: Array, chance: Chance) -> Array:
    import numpy as np

    found = np.zeros(len(time))
    for _ in range(int(chance.integers(1, 6))):
        begin, end, pitch = chance.uniform(0, 0.6), chance.uniform(0.7, 1), 110 * 2 ** (chance.integers(0, 48) / 12)
        inside = (time >= begin * time[-1]) & (time <= end * time[-1])
        for over in range(1, 6):
            found += inside * np.sin(2 * np.pi * pitch * over * time) / over ** chance.uniform(1, 2.5)
    return found


def _sweep(time: Array, chance: Chance) -> Array:
    import numpy as np

    low, high = sorted(chance.uniform(100, 6000, 2))
    long = max(time[-1], 1e-3)
    found: Array = np.sin(2 * np.pi * (low * time + (high - low) / (2 * long) * time**2))
    return found


def _voice(time: Array, chance: Chance) -> Array:
    """Harmonics of a pitch, as loud as two vowels' formants let them be, in syllables."""
    import numpy as np

    found = np.zeros(len(time))
    pitch = chance.uniform(90, 260) * (1 + 0.03 * np.sin(2 * np.pi * 5 * time))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    syllables = np.clip(np.sin(2 * np.pi * chance.uniform(1.5, 4) * time), 0, 1)
    vowel = _FORMANTS[int(chance.integers(0, len(_FORMANTS)))]
    for over in range(1, 25):
        tone = over * pitch.mean()
        loud = sum(np.exp(-(((tone - formant) / 120) ** 2)) for formant in vowel) + 0.02
        found += loud * np.sin(over * phase)
    spoken: Array = found * syllables
    return spoken


def _beat(time: Array, chance: Chance) -> Array:
    import numpy as np

    period = chance.uniform(0.1, 0.5)
    decay = np.exp(-(time % period) * chance.uniform(10, 80))
    strike = chance.normal(0, 1, len(time)) * 0.5 + np.sin(2 * np.pi * chance.uniform(50, 900) * time)
    found: Array = decay * strike
    return found


def _band(time: Array, chance: Chance) -> Array:
    import numpy as np

    spectrum = np.fft.rfft(chance.normal(0, 1, len(time)))
    pitch = np.fft.rfftfreq(len(time), 1 / RATE)
    centre, wide = chance.uniform(200, 5000), chance.uniform(50, 2000)
    found: Array = np.fft.irfft(spectrum * np.exp(-(((pitch - centre) / wide) ** 2)), len(time))
    return found


def pink(number: int, shape: Sequence[int]) -> Array:
    """Noise of this shape whose amplitude falls as 1/f along all dimensions longer than 4, in 0 to 1."""
    import numpy as np

    chance = np.random.default_rng((20_240_609, number))
    white = chance.normal(0, 1, tuple(shape)).astype(np.float32)
    axes = tuple(axis for axis, size in enumerate(shape) if size > 4)
    if not axes or not prod(shape):
        return (1 / (1 + np.exp(-white))).astype(np.float32)
    spectrum = np.fft.fftn(white, axes=axes)
    square: Array = np.zeros((1,) * len(shape), np.float32)
    for axis in axes:
        steps = np.fft.fftfreq(shape[axis]) * shape[axis]
        square = square + (steps**2).reshape([-1 if at == axis else 1 for at in range(len(shape))])
    found = np.fft.ifftn(spectrum / np.sqrt(np.maximum(square, 1)), axes=axes).real
    least, most = float(found.min()), float(found.max())
    return ((found - least) / max(most - least, 1e-9)).astype(np.float32)
