"""Caffe's text form, ``.prototxt``: a `NetParameter` without weights.

Schema: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto.
"""

from __future__ import annotations

from typing import Final

from nngauge.domain.graph import Attribute, Dim
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._parts.caffe_net import Layer, Net, checked, put, shape_of
from nngauge.formats.vocabulary.caffe import V1_NAMES
from nngauge.io import textproto
from nngauge.io.textproto import Message
from nngauge.limits import MAX_NODES, MAX_RANK

_TOP_LEVEL: Final = frozenset(
    {"name", "input", "input_dim", "input_shape", "layer", "layers", "state", "force_backward", "debug_info"}
)
_TRAIN: Final = "TRAIN"


def text_net(text: str) -> Net:
    """Inputs and layers. Raises as `nngauge.formats.Format.parse`."""
    message = textproto.read(text)
    if not all(key in _TOP_LEVEL for key, _ in message):
        raise NotThisFormat("fields that NetParameter lacks")
    net = Net()
    for key, value in message:
        if key == "name" and isinstance(value, str):
            net.name = value
        elif key == "input" and isinstance(value, str):
            net.inputs.append(value)
        elif key == "input_dim":
            net.dims.append(_integer(value))
        elif key == "input_shape" and isinstance(value, list):
            net.shapes.append(_shape(value))
        elif key in ("layer", "layers"):
            net.old = net.old or key == "layers"
            net.layers.append(_layer(value))
    if len(net.layers) > MAX_NODES:
        raise LimitError(f"{len(net.layers)} layers")
    return net


def _layer(message: textproto.Value) -> Layer:
    if isinstance(message, str):
        raise NotThisFormat("a layer that is no message")
    layer = Layer()
    for key, value in message:
        if key == "name" and isinstance(value, str):
            layer.name = value
        elif key == "type" and isinstance(value, str):
            layer.op = V1_NAMES.get(value, value)
        elif key in ("bottom", "top") and isinstance(value, str):
            (layer.bottoms if key == "bottom" else layer.tops).append(value)
        elif key == "include" and isinstance(value, list):
            layer.training = layer.training or ("phase", _TRAIN) in value
        elif key == "input_param" and isinstance(value, list):
            layer.shapes += [_shape(shape) for name, shape in value if name == "shape" and isinstance(shape, list)]
        elif key.endswith("_param") and isinstance(value, list) and key != "transform_param":
            _attributes(layer.attributes, value)
    return checked(layer)


def _attributes(attributes: dict[str, Attribute], message: Message) -> None:
    """Numbers and names of a parameter message; a repeated field becomes a tuple, a shape its dimensions."""
    for key, value in message:
        if isinstance(value, list):
            if key == "shape":
                attributes[key] = tuple(_integer(size) for name, size in value[:MAX_RANK] if name == "dim")
            continue
        put(attributes, key, _scalar(value))


def _scalar(text: str) -> Attribute:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text[:40])
        except ValueError:
            continue
    return text


def _integer(value: textproto.Value) -> int:
    try:
        return int(value[:20]) if isinstance(value, str) else 0
    except ValueError:
        raise MalformedError(f"not a number: {str(value)[:40]!r}") from None


def _shape(message: Message) -> tuple[Dim, ...]:
    return shape_of([_integer(value) for key, value in message if key == "dim"])
