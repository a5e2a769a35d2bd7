"""Pictures that nngauge draws itself: landscapes, portraits, still lifes, textures, digits, streets.

Nobody took them: they are shapes, shading and noise, dedicated to the public domain like every output of this program. They
make networks that look at pictures give different answers, which noise does not; they do not replace a user's own pictures.
The same number and size always give the same picture.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]
    Chance = np.random.Generator

_MOST: Final = 160
"""Largest side that is drawn; larger ones are drawn at that size and enlarged."""


def scene(number: int, height: int, width: int, about: str = "") -> Array:
    """One picture, height × width × 3, bytes, red first. `about`: ``faces`` or ``digits`` for hardly anything else."""
    import numpy as np

    chance = np.random.default_rng((20_240_607, number))
    canvas = _Canvas(min(height, _MOST), min(width, _MOST), chance)
    kinds = _ABOUT.get(about, _KINDS)
    kinds[number % len(kinds)](canvas, chance)
    canvas.finish()
    found = (np.clip(canvas.pixels, 0, 1) * 255 + 0.5).astype(np.uint8)
    rows = np.arange(height) * found.shape[0] // height
    columns = np.arange(width) * found.shape[1] // width
    return found if found.shape[:2] == (height, width) else found[rows][:, columns]


class _Canvas:
    """Pixels in 0 to 1, and the coordinates of each: x and y from −1 to 1."""

    def __init__(self, height: int, width: int, chance: Chance) -> None:
        import numpy as np

        self.y, self.x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
        self.pixels: Array = np.zeros((height, width, 3), np.float32)
        self.soft = 2.5 / max(height, width)
        self._chance = chance

    def fill(self, mask: Array, colour: Array, shade: Array | float = 1.0) -> None:
        """Lays a colour over the pixels, as far as `mask` (0 to 1) says; `shade` multiplies it."""
        import numpy as np

        tone = np.asarray(shade, np.float32)
        layer = colour * (tone[..., None] if tone.ndim else tone)
        self.pixels += mask[..., None] * (layer - self.pixels)

    def inside(self, distance: Array) -> Array:
        """1 where a signed distance is negative, with a soft edge."""
        import numpy as np

        found: Array = np.clip(0.5 - distance / self.soft, 0, 1)
        return found

    def ellipse(self, x: float, y: float, wide: float, high: float, turn: float = 0.0) -> Array:
        """Mask of an ellipse."""
        import numpy as np

        along, across = self._turned(x, y, turn)
        return self.inside((np.sqrt((along / wide) ** 2 + (across / high) ** 2) - 1) * min(wide, high))

    def box(self, x: float, y: float, wide: float, high: float, turn: float = 0.0) -> Array:
        """Mask of a rectangle with these half sides."""
        import numpy as np

        along, across = self._turned(x, y, turn)
        return self.inside(np.maximum(np.abs(along) - wide, np.abs(across) - high))

    def _turned(self, x: float, y: float, turn: float) -> tuple[Array, Array]:
        import numpy as np

        across, down = self.x - x, self.y - y
        cosine, sine = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        return across * cosine + down * sine, down * cosine - across * sine

    def clouds(self, least: int = 3) -> Array:
        """Smooth noise with the spectrum 1/f, about −1 to 1."""
        import numpy as np

        height, width = self.x.shape
        found = np.zeros((height, width), np.float32)
        size, weight = least, 1.0
        while size < max(height, width):
            grid = self._chance.standard_normal((size + 1, size + 1)).astype(np.float32)
            rows, columns = (
                np.linspace(0, size, height, dtype=np.float32),
                np.linspace(0, size, width, dtype=np.float32),
            )
            found += weight * _smooth(grid, rows, columns)
            size, weight = size * 3, weight * 0.45
        smooth: Array = found / 1.6
        return smooth

    def finish(self) -> None:
        """Light from one side, and the grain of a camera."""
        import numpy as np

        angle = self._chance.uniform(0, 2 * np.pi)
        strength = self._chance.uniform(0, 0.3)
        self.pixels *= (1 + np.float32(strength) * self._turned(0, 0, angle)[0])[..., None]
        self.pixels += np.asarray(self._chance.normal(0, 0.015, self.pixels.shape), np.float32)


def _smooth(grid: Array, rows: Array, columns: Array) -> Array:
    """The grid between its points, linearly."""
    import numpy as np

    top, left = np.minimum(rows.astype(int), len(grid) - 2), np.minimum(columns.astype(int), len(grid) - 2)
    down, right = (rows - top)[:, None], (columns - left)[None, :]
    upper = grid[top][:, left] * (1 - right) + grid[top][:, left + 1] * right
    lower = grid[top + 1][:, left] * (1 - right) + grid[top + 1][:, left + 1] * right
    found: Array = upper * (1 - down) + lower * down
    return found


def _colour(chance: Chance, bright: float = 0.9, dull: float = 0.2) -> Array:
    """Any colour, neither black nor white."""
    import numpy as np

    return chance.uniform(dull, bright, 3).astype(np.float32)


def _between(canvas: _Canvas, top: Array, bottom: Array) -> None:
    """A background that changes from top to bottom."""
    share = (canvas.y[..., None] + 1) / 2
    canvas.pixels = top * (1 - share) + bottom * share


def _landscape(canvas: _Canvas, chance: Chance) -> None:
    import numpy as np

    _between(canvas, np.array([0.25, 0.5, 0.9], np.float32) * chance.uniform(0.5, 1.1), _colour(chance, 1.0, 0.6))
    canvas.fill(np.clip(canvas.clouds(), 0, 1) * 0.8, np.ones(3, np.float32))
    canvas.fill(
        canvas.ellipse(chance.uniform(-0.8, 0.8), chance.uniform(-0.8, -0.3), 0.12, 0.12),
        np.array([1, 0.95, 0.7], np.float32),
    )
    for depth in range(3):
        steps = np.linspace(-1, 1, 12)
        heights = np.interp(canvas.x[0], steps, chance.normal(0.35 * depth - 0.2, 0.18, 12))
        ground = canvas.inside(heights[None, :].astype(np.float32) - canvas.y)
        canvas.fill(ground, _colour(chance, 0.7) * np.array([0.7, 1.0, 0.6], np.float32), 1 + 0.25 * canvas.clouds(8))
    for _ in range(int(chance.integers(0, 6))):
        x, y, size = chance.uniform(-1, 1), chance.uniform(0.0, 0.7), chance.uniform(0.1, 0.35)
        canvas.fill(canvas.box(x, y, size * 0.08, size), np.array([0.3, 0.2, 0.12], np.float32))
        canvas.fill(
            canvas.ellipse(x, y - size, size * 0.5, size * 0.7),
            np.array([0.12, 0.4, 0.12], np.float32),
            1 + 0.5 * canvas.clouds(12),
        )


def _portrait(canvas: _Canvas, chance: Chance) -> None:
    import numpy as np

    _between(canvas, _colour(chance), _colour(chance))
    canvas.pixels *= (1 + 0.15 * canvas.clouds())[..., None]
    skin = np.array([0.95, 0.75, 0.62], np.float32) * chance.uniform(0.35, 1.0)
    x, y, size, turn = (
        chance.uniform(-0.3, 0.3),
        chance.uniform(-0.25, 0.15),
        chance.uniform(0.3, 0.6),
        chance.normal(0, 0.12),
    )
    hair, dark = _colour(chance, 0.5, 0.02), np.array([0.08, 0.05, 0.05], np.float32)
    canvas.fill(canvas.ellipse(x, y + 2.1 * size, 1.5 * size, 0.9 * size), _colour(chance))
    canvas.fill(canvas.box(x, y + 1.1 * size, 0.32 * size, 0.5 * size), skin, 0.8)
    canvas.fill(canvas.ellipse(x, y - 0.2 * size, 0.88 * size, 1.12 * size, turn), hair)
    light = 1 - 0.35 * np.clip((canvas.x - x) / size * chance.uniform(-1, 1), -1, 1)
    canvas.fill(canvas.ellipse(x, y, 0.74 * size, size, turn), skin, light)
    for side in (-1, 1):
        eye, brow = x + side * 0.3 * size - 0.1 * turn * size, y - 0.12 * size + side * turn * 0.3 * size
        canvas.fill(canvas.ellipse(eye, brow, 0.16 * size, 0.1 * size, turn), skin, 0.7)
        canvas.fill(canvas.ellipse(eye, brow, 0.13 * size, 0.065 * size, turn), np.full(3, 0.93, np.float32))
        canvas.fill(canvas.ellipse(eye, brow, 0.06 * size, 0.065 * size), _colour(chance, 0.5, 0.1))
        canvas.fill(canvas.ellipse(eye, brow, 0.03 * size, 0.032 * size), dark)
        canvas.fill(canvas.box(eye, brow - 0.17 * size, 0.17 * size, 0.03 * size, turn + side * 0.1), hair)
    canvas.fill(canvas.ellipse(x, y + 0.18 * size, 0.1 * size, 0.22 * size, turn) * 0.5, skin, 0.75)
    canvas.fill(canvas.ellipse(x, y + 0.34 * size, 0.14 * size, 0.05 * size, turn) * 0.6, skin, 0.55)
    mouth = canvas.ellipse(x, y + 0.58 * size, 0.27 * size, chance.uniform(0.04, 0.13) * size, turn)
    canvas.fill(mouth, np.array([0.65, 0.25, 0.25], np.float32))


def _still_life(canvas: _Canvas, chance: Chance) -> None:
    import numpy as np

    _between(canvas, _colour(chance), _colour(chance))
    canvas.fill(canvas.box(0, 1.1, 2, 0.8), _colour(chance, 0.8), 1 + 0.2 * canvas.clouds(5))
    for _ in range(int(chance.integers(1, 6))):
        x, y, size = chance.uniform(-0.8, 0.8), chance.uniform(-0.1, 0.7), chance.uniform(0.12, 0.45)
        canvas.fill(
            canvas.ellipse(x + 0.2 * size, y + 0.9 * size, 1.1 * size, 0.25 * size) * 0.6, np.zeros(3, np.float32)
        )
        shine = 1.25 - 0.6 * np.sqrt((canvas.x - x + 0.4 * size) ** 2 + (canvas.y - y + 0.4 * size) ** 2) / size
        shape = chance.integers(0, 3)
        if shape == 0:
            mask = canvas.ellipse(x, y, size, size * chance.uniform(0.8, 1.1))
        elif shape == 1:
            mask = canvas.box(x, y, size * chance.uniform(0.4, 1), size, chance.normal(0, 0.2))
        else:
            mask = np.maximum(
                canvas.box(x, y + 0.3 * size, 0.45 * size, 0.65 * size),
                canvas.box(x, y - 0.6 * size, 0.15 * size, 0.4 * size),
            )
        canvas.fill(mask, _colour(chance), np.clip(shine, 0.25, 1.4))


def _texture(canvas: _Canvas, chance: Chance) -> None:
    import numpy as np

    step, turn = chance.uniform(3, 25), chance.uniform(0, np.pi)
    along = canvas.x * np.cos(turn) + canvas.y * np.sin(turn) + 0.15 * chance.random() * canvas.clouds()
    across = canvas.y * np.cos(turn) - canvas.x * np.sin(turn)
    kind = chance.integers(0, 6)
    if kind == 0:
        wave = np.sin(step * along)
    elif kind == 1:
        wave = np.sign(np.sin(step * along) * np.sin(step * across))
    elif kind == 2:
        wave = np.sin(step * np.hypot(canvas.x - 0.4, canvas.y) + 3 * canvas.clouds())
    elif kind == 3:
        rows = np.floor(across * step / 2)
        wave = np.where(
            (np.abs(np.sin(step / 2 * (across - 0.02))) < 0.2) | (np.abs(np.sin(step / 4 * along + rows * 1.57)) < 0.1),
            -1,
            0.6,
        )
    elif kind == 4:
        wave = np.where(np.hypot(np.sin(step * along), np.sin(step * across)) < 0.6, 1, -1)
    else:
        wave = canvas.clouds(int(step))
    share = (np.clip(wave, -1, 1)[..., None] + 1).astype(np.float32) / 2
    canvas.pixels = _colour(chance) * share + _colour(chance) * (1 - share)
    canvas.pixels *= (1 + 0.15 * canvas.clouds(6))[..., None]


_SEGMENTS: Final = ("abcdef", "bc", "abged", "abgcd", "fgbc", "afgcd", "afgecd", "abc", "abcdefg", "abcfgd")
"""Strokes of the digits, named as those of a display."""


def _digit(canvas: _Canvas, chance: Chance) -> None:
    import numpy as np

    canvas.pixels += _colour(chance, 0.25, 0.0) if chance.random() < 0.5 else np.zeros(3, np.float32)
    ink = _colour(chance, 1.0, 0.75)
    x, y, size, turn = chance.normal(0, 0.1), chance.normal(0, 0.1), chance.uniform(0.4, 0.7), chance.normal(0, 0.1)
    thick = size * chance.uniform(0.1, 0.2)
    places = {
        "a": (0, -1, 1),
        "g": (0, 0, 1),
        "d": (0, 1, 1),
        "f": (-1, -0.5, 0),
        "b": (1, -0.5, 0),
        "e": (-1, 0.5, 0),
        "c": (1, 0.5, 0),
    }
    for stroke in _SEGMENTS[int(chance.integers(0, 10))]:
        across, down, level = places[stroke]
        half = 0.5 * size
        wide, high = (half, thick / 2) if level else (thick / 2, half)
        canvas.fill(
            canvas.box(x + across * half, y + down * size, wide + thick / 2, high, turn + chance.normal(0, 0.05)), ink
        )


def _street(canvas: _Canvas, chance: Chance) -> None:
    import numpy as np

    _between(canvas, np.array([0.5, 0.7, 0.95], np.float32), np.full(3, 0.85, np.float32))
    left = -1.2
    while left < 1.1:
        wide, top = chance.uniform(0.15, 0.4), chance.uniform(-0.8, 0.1)
        canvas.fill(canvas.box(left + wide, (top + 1) / 2, wide, (1 - top) / 2), _colour(chance, 0.7))
        panes = (np.sin(canvas.x * chance.uniform(25, 45)) > 0.2) & (np.sin(canvas.y * chance.uniform(20, 40)) > 0.1)
        canvas.fill(
            canvas.box(left + wide, (top + 1) / 2, wide * 0.85, (1 - top) / 2 * 0.9) * panes, _colour(chance, 0.9), 0.8
        )
        left += 2 * wide
    road = canvas.inside(np.maximum(0.35 - canvas.y, np.abs(canvas.x) - 0.3 - (canvas.y - 0.35) * 1.5))
    canvas.fill(road, np.full(3, 0.32, np.float32), 1 + 0.2 * canvas.clouds(20))
    for _ in range(int(chance.integers(1, 4))):
        x, y, size = chance.uniform(-0.6, 0.6), chance.uniform(0.45, 0.8), chance.uniform(0.12, 0.3)
        paint = _colour(chance)
        canvas.fill(canvas.box(x, y, size, size * 0.25), paint)
        canvas.fill(canvas.box(x, y - 0.35 * size, size * 0.6, size * 0.2), paint, 0.8)
        canvas.fill(canvas.box(x, y - 0.35 * size, size * 0.5, size * 0.13), np.array([0.6, 0.75, 0.85], np.float32))
        for side in (-0.6, 0.6):
            canvas.fill(
                canvas.ellipse(x + side * size, y + 0.28 * size, 0.18 * size, 0.18 * size), np.full(3, 0.06, np.float32)
            )


def _animal(canvas: _Canvas, chance: Chance) -> None:
    import numpy as np

    _between(canvas, _colour(chance), np.array([0.3, 0.5, 0.2], np.float32) * chance.uniform(0.5, 1.4))
    canvas.pixels *= (1 + 0.3 * canvas.clouds(10))[..., None]
    fur, x, y, size, way = (
        _colour(chance, 0.85, 0.1),
        chance.uniform(-0.2, 0.2),
        chance.uniform(0, 0.3),
        chance.uniform(0.3, 0.6),
        chance.choice((-1, 1)),
    )
    coat = 1 + chance.uniform(0.1, 0.5) * canvas.clouds(20)
    for leg in (-0.7, -0.4, 0.4, 0.7):
        canvas.fill(
            canvas.box(x + leg * size, y + 0.6 * size, 0.08 * size, 0.45 * size, chance.normal(0, 0.15)),
            fur,
            0.8 * coat,
        )
    canvas.fill(canvas.ellipse(x, y, size, 0.42 * size), fur, coat)
    canvas.fill(canvas.box(x - way * 1.1 * size, y - 0.2 * size, 0.35 * size, 0.05 * size, way * 0.8), fur, coat)
    head, top, round_ = x + way * 1.05 * size, y - 0.45 * size, 0.34 * size
    for ear in (-0.6, 0.6):
        canvas.fill(
            canvas.ellipse(
                head + ear * round_, top - 0.9 * round_, 0.25 * round_, chance.uniform(0.4, 0.9) * round_, -ear * 0.5
            ),
            fur,
            0.85 * coat,
        )
    canvas.fill(canvas.ellipse(head, top, round_, 0.9 * round_), fur, coat)
    canvas.fill(
        canvas.ellipse(head + way * 0.5 * round_, top + 0.3 * round_, 0.55 * round_, 0.4 * round_),
        np.minimum(fur * 1.3, 1),
    )
    for eye in (-0.3, 0.4):
        canvas.fill(
            canvas.ellipse(head + eye * round_, top - 0.15 * round_, 0.13 * round_, 0.13 * round_),
            np.full(3, 0.04, np.float32),
        )
    canvas.fill(
        canvas.ellipse(head + way * 0.8 * round_, top + 0.2 * round_, 0.15 * round_, 0.1 * round_),
        np.full(3, 0.05, np.float32),
    )


def _flower(canvas: _Canvas, chance: Chance) -> None:
    import numpy as np

    canvas.pixels += np.array([0.15, 0.35, 0.12], np.float32) * chance.uniform(0.5, 1.5)
    canvas.pixels *= (1 + 0.5 * canvas.clouds(6))[..., None]
    for _ in range(int(chance.integers(1, 5))):
        x, y, size, petals = (
            chance.uniform(-0.6, 0.6),
            chance.uniform(-0.6, 0.5),
            chance.uniform(0.2, 0.6),
            int(chance.integers(4, 14)),
        )
        canvas.fill(canvas.box(x, y + 1.0, 0.03, 1.0, chance.normal(0, 0.1)), np.array([0.2, 0.45, 0.15], np.float32))
        angle, far = np.arctan2(canvas.y - y, canvas.x - x), np.hypot(canvas.x - x, canvas.y - y)
        edge = size * (0.7 + 0.3 * np.cos(petals * angle + chance.uniform(0, 6)))
        canvas.fill(canvas.inside(far - edge), _colour(chance, 1.0, 0.3), 0.6 + 0.5 * far / size)
        canvas.fill(
            canvas.ellipse(x, y, 0.25 * size, 0.25 * size),
            _colour(chance, 0.9, 0.3) * np.array([1, 0.9, 0.3], np.float32),
        )


_KINDS: Final[tuple[Callable[[_Canvas, Chance], None], ...]] = (
    _landscape, _portrait, _still_life, _texture, _digit, _street, _animal, _flower, _portrait, _texture,
)  # fmt: skip
_ABOUT: Final = {"faces": (_portrait,) * 7 + (_landscape, _still_life, _texture), "digits": (_digit,)}
