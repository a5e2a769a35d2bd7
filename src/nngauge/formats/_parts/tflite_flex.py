"""TensorFlow's own operators inside TensorFlow Lite files (``FlexConv3D``).

Their options are a FlexBuffers vector of the operator's name and its `NodeDef`
(https://www.tensorflow.org/lite/guide/ops_select, https://flatbuffers.dev/flexbuffers/).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Node
from nngauge.errors import InputError, NotThisFormat
from nngauge.formats._parts.tf_graphdef import raw_node
from nngauge.formats.vocabulary._operation import Operation, reordered
from nngauge.formats.vocabulary.tensorflow import KINDS, RULES

_PREFIX: Final = "Flex"
_STRING, _VECTOR = 5, 10
"""FlexBuffers types."""


def flex_node(operation: Operation, options: bytes, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Node:
    """An operator of TensorFlow, with the attributes of its `NodeDef` where that can be read."""
    op = operation.op
    operation = replace(operation, op=op.removeprefix(_PREFIX))
    kind = KINDS.get(operation.op)
    if kind is None:
        return Node(op, "Custom", "", inputs, outputs)
    attributes: Mapping[str, Attribute] = {}
    texts = _flex_texts(options)
    if len(texts) == 2:
        try:
            attributes = raw_node(texts[1], 0, len(texts[1]), named=False).attributes
        except (InputError, NotThisFormat):
            attributes = {}
    rule = RULES.get(operation.op)
    if rule is None:
        return Node(op, kind, "", inputs, outputs)
    canonical = rule(replace(operation, attributes=attributes))
    return Node(op, canonical.kind or kind, "", reordered(inputs, canonical.order), outputs, canonical.attributes)


def _flex_texts(data: bytes) -> list[bytes]:
    """The strings of a FlexBuffers root vector; empty for anything else."""
    if len(data) < 4 or data[-1] not in (1, 2, 4, 8) or data[-2] >> 2 != _VECTOR:
        return []
    root = len(data) - 2 - data[-1]
    start, width = root - _number(data, root, data[-1]), 1 << (data[-2] & 3)
    count = _number(data, start - width, width)
    types = start + count * width
    if start < width or types + count > root or count > 2:
        return []
    texts = []
    for index in range(count):
        at = start + index * width
        text, kind = at - _number(data, at, width), data[types + index]
        unit = 1 << (kind & 3)
        if kind >> 2 != _STRING or text < unit:
            return []
        texts.append(data[text : text + _number(data, text - unit, unit)])
    return texts


def _number(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little") if at >= 0 else 0
