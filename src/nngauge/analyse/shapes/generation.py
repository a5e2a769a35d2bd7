"""Shapes of operators that make tensors from numbers: Shape, Range, ConstantOfShape, random ones, windows of signals."""

from __future__ import annotations

from math import ceil, isfinite

from nngauge.analyse.shapes import dims
from nngauge.analyse.shapes.operation import Element, Operation, Shapes, UnknownError
from nngauge.domain.graph import Dim


def shape(op: Operation) -> Shapes:
    """`Shape`: one number for each axis from `start` to `end`."""
    rank = len(op.shape())
    return ((len(range(*slice(op.integer("start"), op.integer("end", rank)).indices(rank))),),)


def constant(op: Operation) -> Shapes:
    """`Constant`: its value is a tensor of the graph as a rule; else a list or a number among the attributes."""
    for name in ("value_ints", "value_floats", "value_strings"):
        value = op.attributes.get(name)
        if isinstance(value, tuple):
            return ((len(value),),)
    if any(name in op.attributes for name in ("value_int", "value_float", "value_string")):
        return ((),)
    return stated(op)


def stated(op: Operation) -> Shapes:
    """What attribute `shape` says (`Input`, `Variable`, `RandomNormal`)."""
    found = op.integers("shape")
    if found is None:
        raise UnknownError("shape is missing")
    return (tuple([None if size < 0 else size for size in found]),)


def filled(op: Operation) -> Shapes:
    """`ConstantOfShape`: the shape is input 0."""
    found = op.sizes("shape", 0)
    if found is None:
        raise UnknownError("shape is missing")
    return (found,)


def sequence(op: Operation) -> Shapes:
    """`Range`: from start (0) to limit (1) by delta (2)."""
    bounds = []
    for place in range(3):
        values = op.values(place)
        bounds.append(values[0] if values else None)
    return ((count(*bounds),),)


def count(start: Element, limit: Element, delta: Element) -> Dim:
    """Numbers of a `Range`."""
    if isinstance(start, int | float) and isinstance(limit, int | float) and isinstance(delta, int | float):
        if not delta or not all(map(isfinite, (start, limit, delta))):
            return None
        if isinstance(start, int) and isinstance(limit, int) and isinstance(delta, int):
            return max(-((start - limit) // delta), 0)
        steps = (limit - start) / delta
        return max(ceil(steps), 0) if isfinite(steps) else None
    if isinstance(start, float) or isinstance(limit, float) or not isinstance(delta, int) or delta < 1:
        return None
    return dims.divide_up(dims.subtract(limit, start), delta)


def multinomial(op: Operation) -> Shapes:
    """`Multinomial`: `sample_size` draws for each row; TensorFlow keeps that number in input 1."""
    rows = op.shape()
    size = op.sizes("sample_size", 1)
    return ((*rows[:1], size[0] if size else 1),)


def window(op: Operation) -> Shapes:
    """`HannWindow` and relatives: as long as input 0 says."""
    size = op.sizes("size", 0)
    return ((size[0] if size else None,),)


def mel_weights(op: Operation) -> Shapes:
    """`MelWeightMatrix`: frequencies by mel bins."""
    bins, length = op.sizes("num_mel_bins", 0), op.sizes("dft_length", 1)
    if not bins or not length:
        raise UnknownError("num_mel_bins and dft_length are missing")
    return ((dims.add(dims.divide(length[0], 2), 1), bins[0]),)


def spectrum(op: Operation) -> Shapes:
    """`STFT`: frames by frequencies, real and imaginary part."""
    signal, step = op.shape(0), op.sizes("frame_step", 1)
    length = op.sizes("frame_length", 3)
    size: Dim = length[0] if length else (op.maybe(2) or (None,))[0]
    if len(signal) < 2 or not step:
        raise UnknownError("frame_step is missing")
    frames = dims.add(dims.divide(dims.subtract(signal[1], size), step[0]), 1)
    bins = dims.add(dims.divide(size, 2), 1) if op.integer("onesided", 1) else size
    return ((signal[0], frames, bins, 2),)


def fourier(op: Operation) -> Shapes:
    """`DFT`: along one axis; the last one holds real and imaginary part."""
    signal = op.shape(0)
    rank = len(signal)
    if rank < 2:
        raise UnknownError("fewer dimensions than the operator needs")
    axis = op.axis(1 if "axis" in op.attributes or not op.present(2) else -2, 2)
    if not -rank <= axis < rank:
        raise UnknownError("an axis lies outside the tensor")
    found = list(signal)
    length = op.sizes("dft_length", 1)
    if length:
        found[axis] = length[0]
    inverse, onesided = op.integer("inverse"), op.integer("onesided")
    if onesided and not inverse:
        found[axis] = dims.add(dims.divide(found[axis], 2), 1)
    elif onesided and not length:
        found[axis] = dims.multiply(dims.subtract(found[axis], 1), 2)
    found[-1] = 1 if onesided and inverse else 2
    return (tuple(found),)


def spectrogram(op: Operation) -> Shapes:
    """`Spectrogram` of a vector: frequencies by frames, with a third axis for complex results (`power` 0)."""
    signal = op.shape(0)
    length = op.integer("n_fft")
    step = op.integer("hop_length", length // 4)
    if not signal or length < 1 or step < 1:
        raise UnknownError("n_fft is missing")
    room = dims.add(signal[-1], length // 2 * 2 if op.integer("center", 1) else 0)
    frames = dims.add(dims.divide(dims.subtract(room, length), step), 1)
    bins = length // 2 + 1 if op.integer("onesided", 1) else length
    return ((*signal[:-1], bins, frames, *(() if op.integer("power", 1) else (2,))),)


def filler(op: Operation) -> Shapes:
    """`Fill`: to `shape` (attribute, or integers at input 0 with the value at input 1), else like input 0."""
    if "shape" in op.attributes:
        return stated(op)
    values = op.values(0) if op.present(1) else None
    if values is not None and op.length(0) == len(values):
        return filled(op)
    return (op.shape(),)
