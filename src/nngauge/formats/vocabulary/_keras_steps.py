"""What a call of a Keras layer is made of: operations in order, and where each takes its inputs from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct, field

from nngauge.domain.graph import Attribute, Dim
from nngauge.formats._parts.json_text import JsonObject, mapping, text

Attributes = dict[str, Attribute]
_LAYOUTS: Final = {1: "NWC", 2: "NHWC", 3: "NDHWC"}
_ACTIVATIONS: Final[Mapping[str, str]] = {
    "celu": "Celu", "elu": "Elu", "exponential": "Exp", "gelu": "Gelu", "glu": "GLU", "hard_shrink": "Shrink",
    "hard_sigmoid": "HardSigmoid", "hard_silu": "HardSwish", "hard_swish": "HardSwish", "hard_tanh": "Clip",
    "leaky_relu": "LeakyRelu", "linear": "Identity", "log_sigmoid": "LogSigmoid", "log_softmax": "LogSoftmax",
    "mish": "Mish", "relu": "Relu", "relu6": "Clip", "selu": "Selu", "sigmoid": "Sigmoid", "silu": "Swish",
    "soft_shrink": "Shrink", "softmax": "Softmax", "softplus": "Softplus", "softsign": "Softsign", "swish": "Swish",
    "tanh": "Tanh",
}  # fmt: skip
_LAYERS: Final[Mapping[str, str]] = {"LeakyReLU": "leaky_relu", "ReLU": "relu", "ELU": "elu", "Softmax": "softmax"}


class Layer(Struct, frozen=True):
    """A layer as its rule sees it."""

    name: str
    """Class."""
    settings: JsonObject
    weights: Mapping[str, tuple[Dim, ...] | None]
    """Shapes of the weights that were found, by what they are."""
    inputs: int = 1
    """How many tensors the call is given."""


class Step(Struct, frozen=True):
    """One operation.

    `inputs` are ``x`` (the step before, or the layer's first input), ``*`` (all inputs of the layer), ``#1`` (one of
    them), ``@name`` (the last step of that part), the role of a weight, or empty for an input that is left out.
    """

    kind: str | None
    attributes: Attributes = field(default_factory=dict)
    inputs: tuple[str, ...] = ("x",)
    part: str = ""
    """Appended to the layer's name, where it stands for several operations."""


def step(layer: Layer, kind: str, attributes: Attributes, *weights: str, made: str = "filters") -> Step:
    """A step with its weights; without any in the file, `made` names the setting with the number of channels."""
    if weights and weights[0] in ("kernel", "pointwise_kernel") and weights[0] not in layer.weights:
        channels = whole(layer.settings.get(made), 0)
        if channels:
            uses_bias = layer.settings.get("use_bias", True) is not False
            attributes = {**attributes, "channels": channels, "bias": int(uses_bias)}
    return Step(kind, attributes, ("x", *weights))


def activation(value: object) -> tuple[str | None, Attributes]:
    """ONNX name of an activation by its Keras name, or by the layer that stands for it; its own name when unknown."""
    name = text(value) or text(mapping(value).get("class_name"))
    if name == "function":
        name = text(mapping(value).get("config"))
    plain = _LAYERS.get(name, name)
    kind = _ACTIVATIONS.get(plain, plain) or None
    bounds: Attributes = {"min": 0.0, "max": 6.0} if plain == "relu6" else {}
    return kind, bounds


def fused(layer: Layer) -> Attributes:
    """The activation that a layer applies to its output."""
    kind, _ = activation(layer.settings.get("activation"))
    return {"fused_activation": kind} if kind and kind != "Identity" else {}


def layout(layer: Layer, rank: int) -> Attributes:
    """Channels are last unless the layer says otherwise (``dim_ordering`` in Keras 1)."""
    order = text(layer.settings.get("data_format")) or text(layer.settings.get("dim_ordering"))
    return {} if order in ("channels_first", "th") else {"data_layout": _LAYOUTS[rank]}


def whole(value: object, default: int) -> int:
    """The value if it is a whole number."""
    return value if type(value) is int else default


def wholes(value: object) -> tuple[int, ...]:
    """A list of whole numbers, empty for anything else."""
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        return ()
    return tuple(value)


def spread(value: object, rank: int, default: int) -> tuple[int, ...]:
    """One number for each spatial axis, from one number or a list."""
    found = wholes(value) or (whole(value, default),) * rank
    return found if len(found) == rank else (default,) * rank
