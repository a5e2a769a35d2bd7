"""Shapes of classical learners and text operators: https://onnx.ai/onnx/operators/index.html#ai-onnx-ml."""

from __future__ import annotations

from nngauge.analyse.shapes.operation import Operation, Shape, Shapes, UnknownError
from nngauge.domain.graph import Dim

_LABELS = ("classlabels_ints", "classlabels_int64s", "classlabels_strings")
_CATEGORIES = ("cats_int64s", "cats_strings")


def _rows(op: Operation) -> Dim:
    """Samples: the first axis of a matrix, one for a vector."""
    shape = op.shape()
    return shape[0] if len(shape) > 1 else 1


def _listed(op: Operation, names: tuple[str, ...]) -> int:
    """Length of the list that one of `names` holds."""
    for name in names:
        value = op.attributes.get(name)
        if isinstance(value, tuple) and value:
            return len(value)
    raise UnknownError(f"{names[0]} is missing")


def classifier(op: Operation) -> Shapes:
    """A label, and a score for each class."""
    rows = _rows(op)
    return ((rows,), (rows, _listed(op, _LABELS)))


def regressor(op: Operation) -> Shapes:
    """A number for each target."""
    targets = op.integer("n_targets", op.integer("targets", 1))
    return ((_rows(op), targets),)


def one_hot(op: Operation) -> Shapes:
    """`OneHotEncoder`: a new last axis, one place for each category."""
    return ((*op.shape(), _listed(op, _CATEGORIES)),)


def joined_features(op: Operation) -> Shapes:
    """`FeatureVectorizer`: the columns of all inputs."""
    return ((_rows(op), sum(op.integers("inputdimensions") or ())),)


def word_counts(op: Operation) -> Shapes:
    """`TfIdfVectorizer`: a place for each n-gram."""
    shape, places = op.shape(), op.integers("ngram_indexes")
    if not places:
        raise UnknownError("ngram_indexes is missing")
    return ((*shape[:-1], max(places) + 1),)


def words(op: Operation) -> Shapes:
    """`StringSplit`: as many columns as the longest text has words, and how many each has."""
    shape = op.shape()
    return ((*shape, None), shape)


def filtered(op: Operation) -> Shapes:
    """`StringNormalizer`: stop words go."""
    shape = op.shape()
    if not op.attributes.get("stopwords"):
        return (shape,)
    return ((*shape[:-1], None),)


def picture(op: Operation) -> Shapes:
    """`ImageDecoder`: height and width lie in the encoded bytes."""
    channels = 1 if op.text("pixel_format", "RGB") == "Grayscale" else 3
    found: Shape = (None, None, channels)
    return (found,)


def dictionary(op: Operation) -> Shapes:
    """`DictVectorizer`: a column for each word."""
    size: Dim = _listed(op, ("string_vocabulary", "int64_vocabulary"))
    return ((1, size),)
