"""Darknet: sections of a cfg and their ONNX counterparts.

Sections and settings: `parse_network_cfg_custom` in https://github.com/AlexeyAB/darknet/blob/master/src/parser.c;
activations: `get_activation` in https://github.com/AlexeyAB/darknet/blob/master/src/activations.c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nngauge.domain.graph import Attribute

KINDS: Final[Mapping[str, str]] = {
    "avg": "GlobalAveragePool",
    "avgpool": "GlobalAveragePool",
    "batchnorm": "BatchNormalization",
    "connected": "Gemm",
    "conn": "Gemm",
    "contrastive": "NoOp",
    "conv": "Conv",
    "convolutional": "Conv",
    "cost": "NoOp",
    "crop": "Crop",
    "deconv": "ConvTranspose",
    "deconvolutional": "ConvTranspose",
    "detection": "Region",
    "dropout": "Dropout",
    "empty": "Identity",
    "Gaussian_yolo": "YoloDetection",
    "gru": "GRU",
    "l2norm": "Normalize",
    "local_avg": "AveragePool",
    "local_avgpool": "AveragePool",
    "logistic": "Sigmoid",
    "lrn": "LRN",
    "lstm": "LSTM",
    "max": "MaxPool",
    "maxpool": "MaxPool",
    "normalization": "LRN",
    "region": "Region",
    "reorg": "Reorg",
    "reorg3d": "SpaceToDepth",
    "rnn": "RNN",
    "sam": "Mul",
    "scale_channels": "Mul",
    "shortcut": "Add",
    "silence": "Identity",
    "soft": "Softmax",
    "softmax": "Softmax",
    "upsample": "Resize",
    "yolo": "YoloDetection",
}
"""Sections that become one node each; `route` and `activation` depend on their settings."""

_ACTIVATIONS: Final[Mapping[str, tuple[str, Mapping[str, Attribute]]]] = {
    "elu": ("Elu", {"alpha": 1.0}),
    "gelu": ("Gelu", {"approximate": "tanh"}),
    "hard_mish": ("Mish", {}),
    "hardtan": ("Clip", {"min": -1.0, "max": 1.0}),
    "leaky": ("LeakyRelu", {"alpha": 0.1}),
    "linear": ("Identity", {}),
    "logistic": ("Sigmoid", {}),
    "loggy": ("Sigmoid", {}),
    "mish": ("Mish", {}),
    "ramp": ("LeakyRelu", {"alpha": 0.1}),
    "relie": ("LeakyRelu", {"alpha": 0.01}),
    "relu": ("Relu", {}),
    "relu6": ("Clip", {"min": 0.0, "max": 6.0}),
    "selu": ("Selu", {}),
    "swish": ("Swish", {}),
    "tanh": ("Tanh", {}),
}


def activation(name: str) -> tuple[str | None, Mapping[str, Attribute]]:
    """ONNX operator and attributes of an activation; `(None, {})` for one that ONNX lacks."""
    return _ACTIVATIONS.get(name, (None, {}))
