"""Finds the weights of a model that are worth compressing, reads them as numbers, and says which bytes others would be.

Bytes are replaced in place: a version has the length, the operators and the element types of the shipped file, so every
engine that runs the one runs the other, and no converter is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from nngauge.analyse.optimisation.channels import channel_axes
from nngauge.analyse.optimisation.scopes import Scope, scopes
from nngauge.compress.patching import ncnn, onnx, plain, tflite
from nngauge.compress.patching._api import Format
from nngauge.compress.subject import Subject
from nngauge.compress.trial import Patch
from nngauge.domain.compression import Refusal, Weight
from nngauge.domain.graph import DType, Node, Span, Tensor

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

__all__ = ["FORMATS", "is_same", "left_alone", "no_weights", "patch_of", "stored_bits", "values_of", "weights_of"]

FORMATS: Final[Mapping[str, Format]] = {
    form.name: form for form in (tflite.FORMAT, onnx.FORMAT, ncnn.FORMAT, *plain.FORMATS)
}
"""By name of the model's format."""
LEAST: Final = 64
"""Elements below which a weight is left as it is: it would gain nothing, and costs as much to look at."""
_READERS: Final = frozenset({
    "Conv", "FusedConv", "ConvTranspose", "DeformConv", "Gemm", "FusedGemm", "MatMul", "FusedMatMul", "QLinearConv", "ConvInteger",
    "QLinearMatMul", "MatMulInteger", "LSTM", "GRU", "RNN", "EmbeddingBag",
})  # fmt: skip
"""Operations whose constant inputs of two dimensions and more are weights."""
_TABLES: Final = frozenset({"Gather"})
"""Operations whose first input is a table of weights."""
_DENSE: Final = frozenset({"Gemm", "FusedGemm", "MatMul", "FusedMatMul"})
_TURNING: Final = frozenset({"Transpose", "Cast", "Identity", "DequantizeLinear"})
_MOST_TURNS: Final = 5
_FLOATS: Final = {DType.FLOAT32: "<f4", DType.FLOAT16: "<f2"}
_WHOLE: Final = {DType.INT8: ("i1", -128, 127), DType.UINT8: ("u1", 0, 255)}


def weights_of(subject: Subject) -> tuple[Weight, ...]:
    """The compressible weights in the order of the operations that read them; each place in the files once."""
    form = FORMATS.get(subject.format)
    if form is None:
        return ()
    found: dict[Span, Weight] = {}
    names: set[str] = set()
    for at, scope in enumerate(scopes(subject.graph)):
        axes = channel_axes(scope)
        for place, node, index, tensor in _candidates(scope):
            span, shape = tensor.data, tensor.shape
            if span is None or span in found or not _fits(subject, tensor):
                continue
            lattice = form.lattice(subject, at, scope, index) if tensor.dtype in _WHOLE else None
            if tensor.dtype in _WHOLE and lattice is None:
                continue
            name = _unique(tensor.name or f"{node.op}_{place}", names)
            found[span] = Weight(
                tensor=index, graph=at, name=name, node=place, op=node.kind or node.op,
                shape=tuple(int(dim) for dim in shape or () if isinstance(dim, int)),
                axes=axes.get(index) or _turned(scope, node, index),
                dtype=tensor.dtype, span=span, elements=tensor.elements or 0,
                scales=lattice.scales if lattice else (), zero_points=lattice.zero_points if lattice else (),
                scale_axis=lattice.axis if lattice else None,
            )  # fmt: skip
    return tuple(weight for weight in found.values() if _finite(subject, weight))


def no_weights(subject: Subject) -> Refusal:
    """Why `weights_of` found none."""
    if subject.format not in FORMATS:
        return Refusal(
            reason="unsupported", explanation=f"weights of {subject.format} files are not changed in place",
            hint=f"formats: {', '.join(sorted(FORMATS))}; nngauge export makes one of them of your own model",
        )  # fmt: skip
    kinds = sorted({tensor.dtype.value for _, _, _, tensor in _all_candidates(subject)})
    if not kinds:
        return Refusal(
            reason="no weights", explanation="no convolution, dense or recurrent layer reads a constant of the file"
        )
    return Refusal(
        reason="no weights",
        explanation=(
            f"no weight that can be changed: what its layers read ({', '.join(kinds)}) has fewer than {LEAST} elements, is stored "
            "sparse, or is integers without scales"
        ),
        hint="nngauge show tells how the weights are stored",
    )


def left_alone(subject: Subject, weights: Sequence[Weight]) -> tuple[int, int]:
    """Number and bytes of the weights that layers read and that `weights_of` did not take: sparse, of other types, with NaN."""
    taken = {weight.span for weight in weights}
    found = {tensor.data for _, _, _, tensor in _all_candidates(subject) if (tensor.elements or 0) >= LEAST}
    others = [span for span in found if span is not None and span not in taken]
    return len(others), sum(span.size for span in others)


def values_of(subject: Subject, weight: Weight) -> Array:
    """The weight's numbers as float32, in its shape. Integers are multiplied with their scales."""
    import numpy as np

    raw = _stored(subject, weight)
    if weight.dtype in _FLOATS:
        return raw.astype(np.float32)
    scale, zero = _factors(weight)
    found: Array = ((raw.astype(np.float32) - zero) * scale).astype(np.float32)
    return found


def patch_of(weight: Weight, values: Array) -> Patch:
    """The bytes with which the file holds `values`, in the weight's own type: halves are rounded, integers kept on their grid."""
    import numpy as np

    if weight.dtype is DType.FLOAT16:
        content = np.clip(values, -65504, 65504).astype("<f2").tobytes()
    elif weight.dtype is DType.FLOAT32:
        content = values.astype("<f4").tobytes()
    else:
        code, least, most = _WHOLE[weight.dtype]
        scale, zero = _factors(weight)
        steps = np.divide(values, scale, out=np.zeros_like(values), where=scale != 0)
        content = np.clip(np.rint(steps + zero), least, most).astype(code).tobytes()
    return Patch(part=weight.span.part, offset=weight.span.offset, content=content)


def stored_bits(weight: Weight) -> int:
    """Bits of one element in the file."""
    return {DType.FLOAT32: 32, DType.FLOAT16: 16}.get(weight.dtype, 8)


def is_same(subject: Subject, patch: Patch) -> bool:
    """Whether the file holds these bytes already."""
    content = subject.files[patch.part].content
    return content[patch.offset : patch.offset + len(patch.content)] == patch.content


def _all_candidates(subject: Subject) -> Iterator[tuple[int, Node, int, Tensor]]:
    for scope in scopes(subject.graph):
        yield from _candidates(scope)


def _candidates(scope: Scope) -> Iterator[tuple[int, Node, int, Tensor]]:
    """`(place of the node, node, index of the constant, constant)`."""
    for place, node in enumerate(scope.graph.nodes):
        if node.kind in _READERS:
            inputs: Sequence[int] = node.inputs
        elif node.kind in _TABLES:
            inputs = node.inputs[:1]
        else:
            continue
        for index in inputs:
            source = scope.constant_behind(index)
            if source is not None and not source.palette and len(source.tensor.shape or ()) >= 2:
                yield place, node, source.index, source.tensor


def _turned(scope: Scope, node: Node, index: int) -> tuple[int, ...]:
    """The axis of output channels of a matrix that a dense layer reads through transpositions; none where that is not so."""
    tensor = scope.tensor(index)
    if node.kind not in _DENSE or tensor is None or len(tensor.shape or ()) != 2 or len(node.inputs) < 2:
        return ()
    at, turns = node.inputs[1], 0
    for _ in range(_MOST_TURNS):
        if at == index:
            return ((0 if node.attributes.get("transB") else 1) ^ (turns % 2),)
        maker = scope.producers.get(at)
        if maker is None or not maker.inputs or maker.kind not in _TURNING:
            return ()
        turns += maker.kind == "Transpose"
        at = maker.inputs[0]
    return ()


def _fits(subject: Subject, tensor: Tensor) -> bool:
    """Whether the bytes are there, dense, and worth it."""
    span, count = tensor.data, tensor.elements
    if span is None or count is None or count < LEAST:
        return False
    width = {DType.FLOAT32: 4, DType.FLOAT16: 2, DType.INT8: 1, DType.UINT8: 1}.get(tensor.dtype)
    if width is None or span.size != count * width or not 0 <= span.part < len(subject.files):
        return False
    return 0 <= span.offset <= len(subject.files[span.part].content) - span.size


def _unique(name: str, names: set[str]) -> str:
    found, number = name, 2
    while found in names:
        found, number = f"{name}#{number}", number + 1
    names.add(found)
    return found


def _stored(subject: Subject, weight: Weight) -> Array:
    import numpy as np

    code = _FLOATS.get(weight.dtype) or _WHOLE[weight.dtype][0]
    content = subject.files[weight.span.part].content
    return np.frombuffer(content, code, weight.elements, weight.span.offset).reshape(weight.shape)


def _factors(weight: Weight) -> tuple[Array, Array]:
    """Scales and zero points, shaped so that they go with the weight."""
    import numpy as np

    scales, zeros = np.array(weight.scales, np.float32), np.array(weight.zero_points or (0,), np.float32)
    if len(scales) == 1 or weight.scale_axis is None:
        return scales[:1], zeros[:1]
    shape = [1] * len(weight.shape)
    shape[weight.scale_axis] = len(scales)
    return scales.reshape(shape), (zeros if len(zeros) == len(scales) else zeros[:1].repeat(len(scales))).reshape(shape)


def _finite(subject: Subject, weight: Weight) -> bool:
    """Weights with NaN or infinity have no least and no largest value."""
    import numpy as np

    return weight.dtype not in _FLOATS or bool(np.isfinite(_stored(subject, weight)).all())
