"""Seeded synthetic data for the example models: coloured shapes, spoken-keyword-like spectrograms, and a little text.

Nothing is downloaded; the same seed gives the same arrays on every machine.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float32]
Labels: TypeAlias = npt.NDArray[np.int64]

SHAPES = ("circle", "square", "triangle", "cross", "ring")
KEYWORDS = ("silence", "unknown", "up", "down", "stop", "go")


def shape_images(count: int, side: int, seed: int) -> tuple[Floats, Labels, Floats]:
    """Noisy RGB pictures of one shape each: images (N, 3, side, side) in 0..1, labels (N,), masks (N, 1, side, side)."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32)
    labels = random.integers(0, len(SHAPES), count)
    images = np.empty((count, 3, side, side), np.float32)
    masks = np.empty((count, 1, side, side), np.float32)
    for index, label in enumerate(labels):
        centre = random.uniform(0.35, 0.65, 2) * side
        mask = _shape(SHAPES[label], rows - centre[0], columns - centre[1], random.uniform(0.18, 0.3) * side)
        colour, ground = random.uniform(0.5, 1.0, 3), random.uniform(0.0, 0.4, 3)
        images[index] = ground[:, None, None] + mask * (colour - ground)[:, None, None]
        masks[index, 0] = mask
    images += random.normal(0, 0.05, images.shape).astype(np.float32)
    return images.clip(0, 1), labels, masks


def _shape(name: str, down: Floats, right: Floats, radius: float) -> Floats:
    distance = np.hypot(down, right)
    inside = {
        "circle": distance < radius,
        "square": np.maximum(abs(down), abs(right)) < radius * 0.85,
        "triangle": (down < radius * 0.8) & (down > 2 * abs(right) - radius),
        "cross": (np.minimum(abs(down), abs(right)) < radius * 0.3) & (np.maximum(abs(down), abs(right)) < radius),
        "ring": (distance < radius) & (distance > radius * 0.6),
    }
    return inside[name].astype(np.float32)


def keyword_spectrograms(count: int, seed: int) -> tuple[Floats, Labels]:
    """Spectrogram-like arrays (N, 49, 40, 1), the input of the usual keyword spotters, and labels (N,).

    Each keyword is a pair of rising or falling formants; silence is noise alone, unknown has a random pair.
    """
    random = np.random.default_rng(seed)
    labels = random.integers(0, len(KEYWORDS), count)
    time, band = np.mgrid[0:49, 0:40].astype(np.float32)
    sounds = random.normal(0, 0.35, (count, 49, 40)).astype(np.float32)
    slopes = {2: (0.4, 0.2), 3: (-0.4, -0.2), 4: (0.0, 0.3), 5: (0.3, -0.3)}
    for index, label in enumerate(labels):
        if label == 0:
            continue
        for slope, start in zip(slopes.get(int(label), random.uniform(-0.5, 0.5, 2)), (12.0, 26.0), strict=True):
            centre = start + random.normal(0, 1.5) + slope * (time - 24)
            sounds[index] += np.exp(-((band - centre) ** 2) / 3)
    return sounds[..., None], labels


STORY = (
    "a small model lives in a small phone. it reads a small word and writes a small word. "
    "the phone is warm, the model is quick, and the word is kind. "
    "when the night comes the phone sleeps, and the model dreams of numbers. "
    "one, two, three, four: the numbers walk to the sea. the sea is blue and the sky is wide. "
)
"""What the character model learns: our own text, so that nothing of anybody else's is inside."""
