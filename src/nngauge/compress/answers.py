"""What a network's outputs say, by what it does: a class, points, a box, pixels, a direction. And whether two say the same.

Each kind of answer knows which of its inputs agree with another's (`agrees`), and which of its own agree with each other
(`alike`): of the latter the chance level comes, whatever the kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

POINT_ERROR: Final = 0.02
"""Mean distance of points as a share of their extent."""
BOX_APART: Final = 0.05
"""Of the corners of boxes, as a share of the picture."""
BOX_SCORE: Final = 0.5
"""Below it there is no box."""
OVERLAP: Final = 0.5
"""Intersection over union of boxes in pixels."""
PIXELS: Final = 0.95
"""Share of pixels with the same class."""
COSINE: Final = 0.99
_LOOKED: Final = 4096
"""Pixels compared where every answer is compared with every other."""


class Answers(Protocol):
    """The answers to a number of inputs."""

    def agrees(self, other: Self) -> Array:
        """For each input whether `other` (a variant) answers as this (the reference)."""

    def alike(self) -> Array:
        """Square of booleans: row i, column j says whether answer i would do as an answer to input j."""

    def errors(self, other: Self) -> Array | None:
        """For each input the distance that decides; None where there is none."""


class Classes:
    """The class with the highest score, of one or of each of several places."""

    def __init__(self, scores: Array) -> None:
        self._scores = scores.reshape(len(scores), -1, scores.shape[-1])
        self.best: Array = self._scores.argmax(axis=2)
        self.classes = int(scores.shape[-1])

    def agrees(self, other: Self) -> Array:
        """As `Answers`."""
        found: Array = (self.best == other.best).all(axis=1)
        return found

    def alike(self) -> Array:
        """As `Answers`."""
        found: Array = (self.best[:, None] == self.best[None]).all(axis=2)
        return found

    def errors(self, other: Self) -> Array | None:
        """None: answers are the same or not."""
        del other
        return None

    def in_first_five(self, other: Self) -> float | None:
        """Share of inputs whose class is among the five highest of `other`; None for few classes or several places."""
        import numpy as np

        if self.classes < 10 or self.best.shape[1] != 1:
            return None
        first = np.argpartition(other._scores[:, 0], -5, axis=1)[:, -5:]
        return float((first == self.best).any(axis=1).mean())


class Labels(Classes):
    """Numbers of classes that the network itself gives."""

    def __init__(self, labels: Array) -> None:
        self.best = labels.reshape(len(labels), -1)
        self.classes = 0

    def in_first_five(self, other: Self) -> float | None:
        """None: there are no scores."""
        del other
        return None


class Points:
    """Coordinates, compared by their mean distance as a share of the reference's extent."""

    def __init__(self, values: Array, extent: float | None = None) -> None:
        import numpy as np

        self._values = values.reshape(len(values), -1)
        spread = np.ptp(self._values, axis=1) if extent is None else np.full(len(values), extent)
        self._extent = np.maximum(spread, 1e-9)

    def agrees(self, other: Self) -> Array:
        """As `Answers`."""
        found: Array = self.errors(other) < POINT_ERROR
        return found

    def alike(self) -> Array:
        """As `Answers`."""
        import numpy as np

        rows = [np.abs(self._values - one).mean(axis=1) / self._extent for one in self._values]
        found: Array = np.array(rows) < POINT_ERROR
        return found

    def errors(self, other: Self) -> Array:
        """As `Answers`."""
        import numpy as np

        found: Array = np.abs(self._values - other._values).mean(axis=1) / self._extent
        return found


class Directions:
    """Embeddings, compared by the cosine of the angle between them."""

    def __init__(self, values: Array) -> None:
        import numpy as np

        flat = values.reshape(len(values), -1)
        self._values = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)

    def agrees(self, other: Self) -> Array:
        """As `Answers`."""
        found: Array = self.errors(other) <= 1 - COSINE
        return found

    def alike(self) -> Array:
        """As `Answers`."""
        found: Array = self._values @ self._values.T >= COSINE
        return found

    def errors(self, other: Self) -> Array:
        """As `Answers`."""
        found: Array = 1 - (self._values * other._values).sum(axis=1)
        return found


class Pixels:
    """A class for each pixel. `labels`: number × pixels."""

    def __init__(self, labels: Array) -> None:
        self._labels = labels.reshape(len(labels), -1)

    def agrees(self, other: Self) -> Array:
        """As `Answers`."""
        found: Array = self.errors(other) <= 1 - PIXELS
        return found

    def alike(self) -> Array:
        """As `Answers`."""
        import numpy as np

        few = self._labels[:, :: max(1, self._labels.shape[1] // _LOOKED)]
        found: Array = np.array([(few == one).mean(axis=1) >= PIXELS for one in few])
        return found

    def errors(self, other: Self) -> Array:
        """As `Answers`."""
        found: Array = (self._labels != other._labels).mean(axis=1)
        return found


class Boxes:
    """The best box: its place among the candidates, its class and, where the network gives them, its corners."""

    def __init__(self, place: Array, label: Array, corners: Array | None, *, anchored: bool = True) -> None:
        self._place, self._label, self._corners = place, label, corners
        """Places are −1 where nothing was found."""
        self._anchored = anchored
        """Whether a place stands for a part of the picture: that of a sorted list does not."""

    def agrees(self, other: Self) -> Array:
        """As `Answers`."""
        return self._with(other._place, other._label, other._corners)

    def alike(self) -> Array:
        """As `Answers`."""
        import numpy as np

        size = len(self._place)
        rows = []
        for at in range(size):
            corners = None if self._corners is None else np.repeat(self._corners[at : at + 1], size, axis=0)
            rows.append(self._with(np.full(size, self._place[at]), np.full(size, self._label[at]), corners))
        return np.array(rows)

    def errors(self, other: Self) -> Array | None:
        """None: answers are the same or not."""
        del other
        return None

    def _with(self, place: Array, label: Array, corners: Array | None) -> Array:
        same = (place == self._place) & (self._anchored | (place < 0))
        same_class = (label == self._label) | (place < 0)
        if self._corners is not None and corners is not None:
            same = same | (_near(self._corners, corners) & (place >= 0) & (self._place >= 0))
        found: Array = same & same_class
        return found


def _near(ours: Array, theirs: Array) -> Array:
    """Boxes in shares of the picture by their corners, boxes in pixels by their overlap."""
    import numpy as np

    if float(np.abs(ours).max(initial=0.0)) <= 2:
        found: Array = np.abs(ours - theirs).max(axis=1) <= BOX_APART
        return found
    top, bottom = np.maximum(ours[:, :2], theirs[:, :2]), np.minimum(ours[:, 2:], theirs[:, 2:])
    common = np.maximum(bottom - top, 0).prod(axis=1)
    areas = [np.maximum(box[:, 2:] - box[:, :2], 0).prod(axis=1) for box in (ours, theirs)]
    overlap: Array = common / np.maximum(areas[0] + areas[1] - common, 1e-9) >= OVERLAP
    return overlap


class Scoring(NamedTuple):
    """How scores become probabilities of classes; decided once, by the shipped model."""

    form: str
    """as they are, sigmoid, or margin (the difference of two)."""
    background: bool
    """The first class is nothing."""


def scoring(scores: Array) -> Scoring:
    """What the shipped model's scores (number × candidates × classes) look like."""
    import numpy as np

    if float(scores.min()) < -1e-3 or float(scores.max()) > 1 + 1e-3:
        if scores.shape[2] == 2:
            return Scoring("margin", background=False)
        first = scores[..., 0]
        nothing = scores.shape[2] > 1 and float(first.mean()) > 0 and int(scores.mean(axis=(0, 1)).argmax()) == 0
        return Scoring("sigmoid", background=nothing)
    softmax = scores.shape[2] > 1 and float(np.abs(scores.sum(axis=2) - 1).max()) < 0.02
    return Scoring("as they are", background=softmax)


def best_boxes(scores: Array, boxes: Array | None, how: Scoring | None = None) -> Boxes:
    """The candidate with the highest score of a class that is not the background.

    `scores`: number × candidates × classes; `how`: as `scoring` says of the shipped model's.
    """
    import numpy as np

    chances = _foreground(scores, how or scoring(scores))
    best = chances.reshape(len(chances), -1).argmax(axis=1)
    place, label = best // chances.shape[2], best % chances.shape[2]
    rows = np.arange(len(chances))
    found = chances[rows, place, label] >= BOX_SCORE
    corners = None
    if boxes is not None and boxes.shape[-1] == 4:
        corners = boxes[rows, place]
    return Boxes(np.where(found, place, -1), np.where(found, label, -1), corners)


def _foreground(scores: Array, how: Scoring) -> Array:
    import numpy as np

    if how.form == "margin":
        scores = scores[..., 1:] - scores[..., :1]
    if how.form != "as they are":
        scores = 1 / (1 + np.exp(-np.clip(scores, -60, 60)))
    return scores[..., 1:] if how.background else scores


class Listing(NamedTuple):
    """Which outputs of a post-processing operation are what; decided once, by the shipped model."""

    boxes: int
    scores: int
    labels: int
    """−1 where there are none."""


def listing(outputs: Sequence[Array]) -> Listing:
    """Of boxes (number × n × 4), and classes and scores (number × n): classes are whole numbers."""
    import numpy as np

    boxes = next(at for at, item in enumerate(outputs) if item.ndim == 3 and item.shape[2] == 4)
    flat = [at for at, item in enumerate(outputs) if item.ndim == 2 and item.shape[1] == outputs[boxes].shape[1]]
    broken = [at for at in flat if bool((outputs[at] != np.rint(outputs[at])).any())]
    scores = broken[0] if broken else flat[-1]
    return Listing(boxes, scores, next((at for at in flat if at != scores), -1))


def detections(outputs: Sequence[Array], which: Listing | None = None) -> Boxes:
    """The best box of a post-processing operation's list."""
    import numpy as np

    which = which or listing(outputs)
    scores, boxes = outputs[which.scores], outputs[which.boxes]
    labels = outputs[which.labels] if which.labels >= 0 else np.zeros_like(scores)
    rows, best = np.arange(len(scores)), scores.argmax(axis=1)
    found = scores[rows, best] >= BOX_SCORE
    label = np.where(found, labels[rows, best], -1)
    return Boxes(np.where(found, best, -1), label, boxes[rows, best], anchored=False)
