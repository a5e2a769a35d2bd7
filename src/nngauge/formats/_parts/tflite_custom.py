"""Custom operators of TensorFlow Lite files: TensorFlow's own (``Flex…``), MediaPipe's, and those only the file knows.

Options of MediaPipe's are C structures
(https://github.com/google-ai-edge/LiteRT/blob/main/tflite/core/c/builtin_op_data.h).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from nngauge.domain.graph import Attribute, Node
from nngauge.formats.vocabulary._operation import Operation, reordered
from nngauge.formats.vocabulary._tflite_rules import CUSTOM_RULES
from nngauge.formats.vocabulary.tflite import CUSTOM_KINDS

_STRUCTURES: Final[Mapping[str, tuple[str, ...]]] = {
    "Convolution2DTransposeBias": ("padding", "stride_w", "stride_h"),
    "LiteRtMaxUnpooling2D": ("padding", "stride_w", "stride_h", "filter_width", "filter_height"),
    "MaxPoolingWithArgmax2D": ("padding", "stride_w", "stride_h", "filter_width", "filter_height"),
    "MaxUnpooling2D": ("padding", "stride_w", "stride_h", "filter_width", "filter_height"),
}
"""`TfLiteTransposeConvParams` and `TfLitePoolParams`, as far as they are needed: 32-bit integers in this order."""
_PADDINGS: Final = ("", "SAME", "VALID")


def custom_node(operation: Operation, options: bytes, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> Node:
    """The node of a custom operator; `Custom` when nothing is known about it."""
    op = operation.op
    if op.startswith("Flex"):
        # TensorFlow's vocabulary is large, and few models need it.
        from nngauge.formats._parts.tflite_flex import flex_node

        return flex_node(operation, options, inputs, outputs)
    kind = CUSTOM_KINDS.get(op)
    if kind is None:
        return Node(op, "Custom", "", inputs, outputs)
    rule = CUSTOM_RULES.get(op)
    if rule is None:
        return Node(op, kind, "", inputs, outputs)
    canonical = rule(replace(operation, attributes=_structure(_STRUCTURES.get(op, ()), options)))
    return Node(op, kind, "", reordered(inputs, canonical.order), outputs, canonical.attributes)


def _structure(names: tuple[str, ...], options: bytes) -> dict[str, Attribute]:
    if len(options) < 4 * len(names):
        return {}
    found: dict[str, Attribute] = dict(zip(names, struct.unpack_from(f"<{len(names)}i", options), strict=True))
    code = found.get("padding")
    found["padding"] = _PADDINGS[code] if isinstance(code, int) and 0 <= code < len(_PADDINGS) else ""
    return found
