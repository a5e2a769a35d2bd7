"""A Caffe network as its two encodings give it: text and binary, layers of both versions.

Schema: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, Dim, Tensor
from nngauge.errors import LimitError, NotThisFormat
from nngauge.limits import MAX_RANK

MAX_REPEATED: Final = 256
"""Values kept of a repeated parameter; slices into many parts are the longest that occur."""
_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,80}")


class Layer(Struct):
    """One layer of either encoding."""

    name: str = ""
    op: str = ""
    bottoms: list[str] = field(default_factory=list)
    tops: list[str] = field(default_factory=list)
    attributes: dict[str, Attribute] = field(default_factory=dict)
    shapes: list[tuple[Dim, ...]] = field(default_factory=list)
    """Of the tops of an Input layer."""
    blobs: list[Tensor] = field(default_factory=list)
    training: bool = False


class Net(Struct):
    """A `NetParameter`."""

    name: str = ""
    inputs: list[str] = field(default_factory=list)
    shapes: list[tuple[Dim, ...]] = field(default_factory=list)
    dims: list[int] = field(default_factory=list)
    """Four to an input, the older way to say the shape."""
    layers: list[Layer] = field(default_factory=list)
    old: bool = False
    """V1 layers."""


def checked(layer: Layer) -> Layer:
    """The layer itself, when it has a name and a type that may be one; else this is no file of Caffe's."""
    if not layer.name or not _TYPE.fullmatch(layer.op.replace(" ", "_")):
        raise NotThisFormat(f"layer {layer.name[:40]!r} of type {layer.op[:40]!r}")
    return layer


def shape_of(sizes: Sequence[int]) -> tuple[Dim, ...]:
    """A shape; sizes below zero are unknown ones."""
    if len(sizes) > MAX_RANK:
        raise LimitError(f"blob of {len(sizes)} dimensions")
    return tuple(size if size >= 0 else None for size in sizes)


def put(attributes: dict[str, Attribute], key: str, value: Attribute) -> None:
    """One more value of a parameter; a repeated one becomes a tuple."""
    known = attributes.get(key)
    if known is None or isinstance(known, str | bool) or isinstance(value, str | bool | tuple):
        attributes[key] = value
        return
    before = known if isinstance(known, tuple) else (known,)
    if len(before) < MAX_REPEATED:
        both = (*before, value)
        whole = all(isinstance(item, int) for item in both)
        attributes[key] = tuple(map(int, both)) if whole else tuple(map(float, both))
