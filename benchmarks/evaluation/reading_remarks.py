"""What a person found out about single files of the collection: inputs that they do not tell, and figures that look odd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

INPUTS: Final[Mapping[str, Mapping[str, tuple[int, ...]]]] = {
    "mobilefacenets_benchmark": {"data": (1, 3, 112, 112)},
    "retinaface_benchmark": {"data": (1, 3, 320, 1024)},
    "mobilenet_v3_benchmark": {"data": (1, 3, 224, 224)},
    "ncnn_param/dog-qiuqiu__FastestDet": {"input.1": (3, 352, 352)},
    "benchmark_param/FastestDet": {"in0": (3, 352, 352)},
    "vision_transformer": {"input": (3, 384, 384)},
    "Silent-Face-Anti-Spoofing-APK": {"data": (3, 80, 80)},
    "samplenet-symbol": {"data": (1, 3, 32, 32)},
    "samplenet-0000": {"data": (1, 3, 32, 32)},
}
"""Part of a path → shapes by input name: what the makers feed these networks, where the file does not say how large it
is, or says something that cannot be."""
REMARKS: Final[Mapping[str, str]] = {
    "samplenet.pdmodel": "not the SampLeNet of the other formats: three convolutions of 32, 64 and 64 channels",
    "__light_": "ONNX's test networks make up their weights with ConstantOfShape: nothing learnt is in the file",
    "e50605c7__mobilenet_v2_benchmark": "its 32-channel blocks keep 28×28 for one block longer than TNN's and ncnn's",
    "dad14d2c__squeezenet_v1.1": "its last convolution has no padding (14×14), that of ncnn and MNN has (16×16)",
    "c20c8314__quant_squeezenet_v1.1": "fed 224×224, those of ncnn, MNN and Tengine 227×227",
    "e63f246f__quant_inception_v3": "fed 395×395, where MNN's is fed 299×299 and Tengine's 224×224",
}
"""Part of a path → why a figure is as it is."""
