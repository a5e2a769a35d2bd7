"""Rows of numbers in: sensors, tables, games, joints of a hand."""

from __future__ import annotations

from typing import Final

from nngauge.analyse.task.clues import Clue, Rule
from nngauge.analyse.task.language import token_inputs
from nngauge.analyse.task.sketch import Sketch
from nngauge.domain.graph import DType

_TREES: Final = (
    "TreeEnsemble", "TreeEnsembleClassifier", "TreeEnsembleRegressor", "LinearClassifier", "LinearRegressor",
    "SVMClassifier", "SVMRegressor", "GLMClassifier", "GLMRegressor",
)  # fmt: skip
_AXES: Final = frozenset({3, 4, 6, 9, 12})
"""Columns of motion sensors: accelerometer, gyroscope, magnetometer, in x, y and z."""
_DENSE: Final = ("Gemm", "MatMul", "QGemm")


def _row(sketch: Sketch) -> int | None:
    """Features of the only input, when it is one row of floats."""
    if len(sketch.inputs) != 1 or sketch.inputs[0].dtype is DType.STRING:
        return None
    shape = sketch.inputs[0].shape
    if not shape or len(shape) > 2 or (len(shape) == 1 and isinstance(shape[0], int) and shape[0] < 2):
        return None
    last = shape[-1]
    return last if isinstance(last, int) and last > 0 else None


def _trees(sketch: Sketch) -> Clue | None:
    found = [kind for kind in _TREES if kind in sketch.kinds]
    return Clue("classical", f"has {found[0]}", {"tabular-prediction": 4.5}) if found else None


def _joints(sketch: Sketch) -> Clue | None:
    """21 joints of a hand (or some of their past) to a few gestures."""
    length, made = _row(sketch), sketch.heads[0].length if sketch.heads else None
    dims = numbers_of_input(sketch)
    if made is None or made > 60 or sketch.convolutions:
        return None
    if length in (42, 63) or dims in ((21, 3), (21, 2)):
        return Clue(
            "joints", f"21 joints of a hand to {made} classes", {"gesture-recognition": 6.0, "tabular-prediction": 0.5}
        )
    return None


def numbers_of_input(sketch: Sketch) -> tuple[int, ...]:
    """Dimensions of the first input beyond 1."""
    shape = sketch.inputs[0].shape if sketch.inputs else None
    return tuple([dim for dim in shape or () if isinstance(dim, int) and dim > 1])


def _table(sketch: Sketch) -> Clue | None:
    length = _row(sketch)
    if length is None or length > 64 or sketch.convolutions or sketch.recurrent or not 2 <= sketch.nodes <= 60:
        return None
    layers = sketch.count(*_DENSE)
    made = sketch.heads[0].length if len(sketch.heads) == 1 else None
    if layers and length >= 2 and made is not None and made <= 20 and sketch.heads[0].squashed:
        return Clue(
            "plain-features",
            f"{length} features to {made} classes through {layers} dense layers",
            {"tabular-prediction": 3.4, "gesture-recognition": 0.8},
        )
    if layers >= 2 and length >= 4:
        return Clue("plain-row", f"{length} features through {layers} dense layers", {"tabular-prediction": 2.6})
    return None


def _same_row(sketch: Sketch) -> Clue | None:
    """A row comes out as it went in, through a bottleneck."""
    length = _row(sketch)
    made = sketch.heads[0].length if len(sketch.heads) == 1 else None
    if (
        length is None
        or made != length
        or length < 16
        or sketch.count(*_DENSE) < 3
        or sketch.convolutions
        or sketch.recurrent
    ):
        return None
    return Clue(
        "autoencoder", f"{length} numbers in and out through dense layers: an autoencoder", {"anomaly-detection": 6.0}
    )


def _motion(sketch: Sketch) -> Clue | None:
    """Time × sensor axes to a few classes."""
    if len(sketch.inputs) != 1 or not sketch.heads:
        return None
    shape = sketch.inputs[0].shape
    if not shape or len(shape) not in (3, 4):
        return None
    dims = [dim for dim in shape[1:] if dim != 1]
    if len(dims) != 2 or dims[1] not in _AXES or not isinstance(dims[0], int) or dims[0] < 16:
        return None
    made = sketch.heads[0].length or sketch.heads[0].width
    if made is not None and made <= 30 and (sketch.recurrent or sketch.convolutions or sketch.count("Tanh") > 20):
        return Clue(
            "motion",
            f"{dims[0]} moments of {dims[1]} sensor axes",
            {"activity-recognition": 5.0, "biosignal-analysis": 0.6, "gesture-recognition": 0.8},
        )
    return None


def _unrolled(sketch: Sketch) -> Clue | None:
    """Hundreds of recurrent steps written out, few classes: sequences of sensor values."""
    if sketch.pictures or sketch.count("Tanh") < 60 or sketch.count("Sigmoid") < 90 or sketch.count("Softmax") != 1:
        return None
    return Clue(
        "unrolled",
        f"{sketch.count('Tanh')} steps of a recurrent network written out",
        {"activity-recognition": 4.4, "keyword-spotting": 0.3},
    )


def _beats(sketch: Sketch) -> Clue | None:
    """187 samples of a beat to five classes (MIT-BIH as on Kaggle), and similar single-lead signals."""
    dims = numbers_of_input(sketch)
    if dims in ((187,), (180,), (360,), (186,)) and sketch.convolutions:
        return Clue("heart-beat", f"{dims[0]} samples of one lead", {"biosignal-analysis": 4.5})
    return None


def _policy(sketch: Sketch) -> Clue | None:
    """Draws one of the actions, or scores each cell of a board."""
    if sketch.count("Multinomial") and sketch.nodes < 400 and not sketch.pictures:
        return Clue(
            "drawn-action", "draws an action at random by its probability", {"game-agent": 4.5, "language-model": 0.5}
        )
    dims = numbers_of_input(sketch)
    made = sketch.heads[0].length if len(sketch.heads) == 1 else None
    if len(dims) == 2 and dims[0] == dims[1] and made == dims[0] * dims[1] and made <= 400 and sketch.nodes < 100:
        return Clue("board", f"a board of {dims[0]} × {dims[1]} to one number for each cell", {"game-agent": 5.0})
    return None


def _recommended(sketch: Sketch) -> Clue | None:
    """A few identities looked up, to scores over a catalogue."""
    found = token_inputs(sketch)
    if not found or sketch.pictures or sketch.nodes > 400 or not sketch.heads:
        return None
    short = all((tensor.shape or (0,))[-1] in (1, None, -1, 10) or len(tensor.shape or ()) < 2 for tensor in found)
    made = sketch.heads[0].length or sketch.heads[0].width
    looked = sketch.count("Gather", "OneHot")
    if short and len(found) >= 2 and looked and made is not None and (made == 1 or made >= 50):
        return Clue("identities", f"{len(found)} identities to scores for {made} items", {"recommendation": 4.6})
    if sketch.count("TopK") and looked and short:
        return Clue("top-items", "the best items of a catalogue", {"recommendation": 3.6})
    return None


RULES: Final[tuple[Rule, ...]] = (
    _trees, _joints, _table, _same_row, _motion, _unrolled, _beats, _policy, _recommended,
)  # fmt: skip
