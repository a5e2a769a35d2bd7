"""Shapes of matrix products: https://onnx.ai/onnx/operators/onnx__MatMul.html, `Gemm`, `Einsum`, and contrib ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.elementwise import together
from nngauge.analyse.shapes.operation import Operation, Shape, Shapes, UnknownError, merged, place_of
from nngauge.domain.graph import Dim
from nngauge.limits import MAX_RANK

_MAX_EQUATION: Final = 512


def matmul(left: int, right: int) -> Callable[[Operation], Shapes]:
    """The product of inputs `left` and `right`, as numpy has it; `transA` and `transB` swap the last two axes."""

    def rule(op: Operation) -> Shapes:
        first = _swapped(op.shape(left), op.integer("transA"))
        if not op.present(right) and "channels" in op.attributes:
            return ((*first[:-1], op.integer("channels")),)
        return (_product(first, _swapped(op.shape(right), op.integer("transB"))),)

    return rule


def _swapped(shape: Shape, flag: int) -> Shape:
    return (*shape[:-2], shape[-1], shape[-2]) if flag and len(shape) > 1 else shape


def _product(left: Shape, right: Shape) -> Shape:
    if not left or not right:
        raise UnknownError("a scalar is no matrix")
    inner = left[-1], right[-2] if len(right) > 1 else right[-1]
    if not dims.same(*inner):
        raise UnknownError("the matrices do not fit each other")
    rows, columns = left[-2:-1], right[-1:] if len(right) > 1 else ()
    return (*together([left[:-2], right[:-2]]), *rows, *columns)


def dense(left: int, right: int) -> Callable[[Operation], Shapes]:
    """`Gemm`: rows of input `left` by weights `right`. With `axis`, axes from there on are one row."""

    def rule(op: Operation) -> Shapes:
        return (_dense(op, left, right),)

    return rule


def _dense(op: Operation, left: int, right: int) -> Shape:
    shape, width, channels = op.shape(left), *_weights(op, right)
    if "axis" in op.attributes and not op.integer("transA"):
        axis = op.integer("axis")
        if axis == 0 and len(shape) == 2 and width is not None and shape[1] == width:
            # ncnn multiplies each row of a matrix when it is as wide as the weights.
            return (shape[0], channels)
        return (*shape[: place_of(axis, len(shape))], channels)
    if op.integer("transA"):
        shape = _swapped(shape, 1)
    if len(shape) == 2:
        return (shape[0], channels)
    if len(shape) < 2:
        return (channels,)
    return (dims.divide(dims.product(shape), width), channels)


def _weights(op: Operation, place: int) -> tuple[Dim, Dim]:
    """Columns of the left side, and of the result."""
    shape = op.maybe(place)
    stated = op.integer("channels") if "channels" in op.attributes else None
    if shape is None or len(shape) != 2:
        if stated is None:
            raise UnknownError("the weights have an unknown shape")
        return None, stated
    width, channels = shape[::-1] if op.integer("transB") else shape
    return width, channels if stated is None else stated


def blocks(op: Operation) -> Shapes:
    """`MatMulNBits` and `MatMulBnb4`: weights of N columns, packed; the attribute tells."""
    shape = op.shape()
    if not shape:
        raise UnknownError("a scalar is no matrix")
    return ((*shape[:-1], op.integer("N")),)


def einsum(op: Operation) -> Shapes:
    """`Einsum`: letters name axes; the dots stand for axes that are broadcast."""
    equation = op.text("equation").replace(" ", "")
    if not equation or len(equation) > _MAX_EQUATION:
        raise UnknownError("equation is missing")
    inputs, arrow, wanted = equation.partition("->")
    terms = inputs.split(",")
    sizes: dict[str, Dim] = {}
    dotted: list[Shape] = []
    for place, term in enumerate(terms):
        dotted.append(_named(term, op.shape(place), sizes))
    if not arrow:
        letters = sorted(letter for letter in sizes if inputs.count(letter) == 1)
        wanted = ("..." if "..." in inputs else "") + "".join(letters)
    before, dots, after = wanted.partition("...")
    if not all(letter in sizes for letter in before + after):
        raise UnknownError("equation names an axis that no input has")
    middle = together(dotted) if dots else ()
    found = (*(sizes[letter] for letter in before), *middle, *(sizes[letter] for letter in after))
    if len(found) > MAX_RANK:
        raise UnknownError("too many dimensions")
    return (found,)


def _named(term: str, shape: Shape, sizes: dict[str, Dim]) -> Shape:
    """Notes the size of each letter of `term`, and returns the axes under the dots."""
    before, dots, after = term.partition("...")
    if len(before) + len(after) > len(shape) or (not dots and len(before) != len(shape)):
        raise UnknownError("equation does not fit the number of axes")
    end = len(shape) - len(after)
    for letter, size in zip(before + after, shape[: len(before)] + shape[end:], strict=True):
        known = sizes.get(letter)
        sizes[letter] = size if known is None or known == 1 else merged(known, size) if size != 1 else known
    return shape[len(before) : end]
