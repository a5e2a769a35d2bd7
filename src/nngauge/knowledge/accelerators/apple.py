"""Accelerators of iOS: Core ML and Metal, alone and under other engines."""

from __future__ import annotations

from typing import Final

from nngauge.domain.acceleration import Hardware
from nngauge.domain.app import Platform
from nngauge.knowledge.accelerators.schema import Accelerator, Compiled, Part

_COREML: Final = "https://developer.apple.com/documentation/coreml/mlmodelconfiguration"
_UNREGISTERED: Final = "The model names a back end that is not registered and cannot be loaded at all."

APPLE: Final = (
    Accelerator(
        id="tflite-coreml-delegate",
        title="TensorFlow Lite's Core ML delegate",
        hardware=Hardware.ANY,
        engine=("tflite",),
        platform=Platform.IOS,
        asks=("tflite-coreml-delegate#asked", "tflite-coreml-delegate#asked-script"),
        parts=(
            Part(
                files=("TensorFlowLiteCCoreML",),
                rules=("tflite-coreml-delegate#delegate",),
                own=True,
                without="The Core ML delegate is not linked, and asking for it fails.",
                advice="Add the pod TensorFlowLiteSwift/CoreML (TensorFlowLiteCCoreML.framework).",
            ),
        ),
        by_system=True,
        sources=("https://ai.google.dev/edge/litert/ios/coreml",),
    ),
    Accelerator(
        id="tflite-metal-delegate",
        title="TensorFlow Lite's Metal delegate",
        hardware=Hardware.GPU,
        engine=("tflite",),
        platform=Platform.IOS,
        asks=("tflite-gpu-delegate#asked-metal",),
        parts=(
            Part(
                files=("TensorFlowLiteCMetal",),
                rules=("tflite-gpu-delegate#delegate-library", "tflite-gpu-delegate#static"),
                own=True,
                without="The Metal delegate is not linked, and asking for it fails.",
                advice="Add the pod TensorFlowLiteSwift/Metal (TensorFlowLiteCMetal.framework).",
            ),
        ),
        by_system=True,
        sources=("https://ai.google.dev/edge/litert/ios/gpu",),
    ),
    Accelerator(
        id="onnxruntime-coreml",
        title="ONNX Runtime's Core ML provider",
        hardware=Hardware.ANY,
        engine=("onnxruntime",),
        platform=Platform.IOS,
        asks=("onnxruntime-coreml#asked-native",),
        hints=("onnxruntime-coreml#built-in",),
        parts=(
            Part(
                rules=("onnxruntime-coreml#built-in",),
                without="This build of ONNX Runtime has no Core ML provider, and adding it fails.",
                advice="Use the pod onnxruntime-objc or a build with --use_coreml.",
            ),
        ),
        by_system=True,
        sources=("https://onnxruntime.ai/docs/execution-providers/CoreML-ExecutionProvider.html",),
    ),
    Accelerator(
        id="executorch-coreml",
        title="ExecuTorch's Core ML back end",
        hardware=Hardware.ANY,
        engine=("executorch",),
        platform=Platform.IOS,
        hints=("executorch-coreml",),
        models=(Compiled(format="executorch", op="delegate:CoreMLBackend"),),
        parts=(
            Part(
                rules=("executorch-coreml",),
                without=_UNREGISTERED,
                advice="Link backend_coreml with -all_load.",
            ),
        ),
        by_system=True,
        sources=("https://docs.pytorch.org/executorch/stable/backends/coreml/coreml-overview.html",),
    ),
    Accelerator(
        id="executorch-mps",
        title="ExecuTorch's Metal (MPS) back end",
        hardware=Hardware.GPU,
        engine=("executorch",),
        platform=Platform.IOS,
        hints=("executorch-mps",),
        models=(Compiled(format="executorch", op="delegate:MPSBackend"),),
        parts=(Part(rules=("executorch-mps",), without=_UNREGISTERED, advice="Link backend_mps with -all_load."),),
        by_system=True,
        sources=("https://docs.pytorch.org/executorch/stable/backends-mps.html",),
    ),
    Accelerator(
        id="executorch-xnnpack-ios",
        title="ExecuTorch's XNNPACK back end",
        hardware=Hardware.CPU,
        engine=("executorch",),
        platform=Platform.IOS,
        models=(Compiled(format="executorch", op="delegate:XnnpackBackend"),),
        parts=(
            Part(rules=("executorch-xnnpack",), without=_UNREGISTERED, advice="Link backend_xnnpack with -all_load."),
        ),
        sources=("https://docs.pytorch.org/executorch/stable/using-executorch-ios.html",),
    ),
    Accelerator(
        id="ggml-metal",
        title="llama.cpp on Metal",
        hardware=Hardware.GPU,
        engine=("ggml", "llama-cpp", "whisper-cpp"),
        platform=Platform.IOS,
        automatic=("ggml-metal",),
        by_system=True,
        sources=("https://github.com/ggml-org/llama.cpp/blob/master/docs/build.md#metal-build",),
    ),
    Accelerator(
        id="coreml",
        title="Core ML",
        hardware=Hardware.ANY,
        engine=("coreml",),
        platform=Platform.IOS,
        asks=("coreml#linked", "coreml#classes"),
        unless=("tflite-coreml-delegate", "onnxruntime-coreml", "executorch-coreml"),
        by_system=True,
        sources=(_COREML,),
    ),
    Accelerator(
        id="metal-performance-shaders-graph",
        title="Metal Performance Shaders Graph",
        hardware=Hardware.GPU,
        engine=("metal-performance-shaders-graph",),
        platform=Platform.IOS,
        asks=("metal-performance-shaders-graph#linked",),
        unless=("executorch-mps",),
        by_system=True,
        sources=("https://developer.apple.com/documentation/metalperformanceshadersgraph",),
    ),
)
