"""Qualcomm's Hexagon: QNN (AI Engine Direct) under four engines and alone, SNPE, the old TFLite delegate, ggml."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from nngauge.domain.acceleration import Hardware
from nngauge.knowledge.accelerators.schema import Accelerator, Compiled, Generations, Part

_ARM64: Final = ("arm64-v8a",)
_QNN_DOCS: Final = "https://docs.qualcomm.com/doc/80-63442-10/topic/backend.html"
_DSP_DOCS: Final = "https://docs.qualcomm.com/bundle/publicresource/80-63442-10/topics/dsp_runtime.md"
_FOUR_FIXES: Final = "https://github.com/microsoft/onnxruntime/issues/31353"
"""A declared libcdsprpc.so, ADSP_LIBRARY_PATH, libraries as files, versions that fit: all four were needed."""
_ORT_DOCS: Final = "https://onnxruntime.ai/docs/execution-providers/QNN-ExecutionProvider.html"
_CHIPS: Final = "https://github.com/pytorch/executorch/blob/main/backends/qualcomm/serialization/qc_schema.py"
_USES_NATIVE: Final = "https://developer.android.com/guide/topics/manifest/uses-native-library-element"

HEXAGON: Final = {
    65: "Snapdragon 845 (V65)",
    66: "Snapdragon 855, 865 (V66)",
    68: "Snapdragon 888 (V68)",
    69: "Snapdragon 8 Gen 1 (V69)",
    73: "Snapdragon 8 Gen 2 (V73)",
    75: "Snapdragon 8 Gen 3 (V75)",
    79: "Snapdragon 8 Elite (V79)",
    81: "Snapdragon 8 Elite Gen 5 (V81)",
}
"""Flagship of each generation of the processor; `_CHIPS` lists the systems on chip behind the numbers."""

_CPU: Final = "The model silently runs on the CPU"
_BACKEND: Final = Part(
    files=("libQnnHtp.so",),
    without="QNN's back end for the Hexagon processor cannot be loaded, and everything falls back to the CPU.",
    advice="Ship libQnnHtp.so of the QNN SDK (the Maven artifact com.qualcomm.qti:qnn-runtime).",
)
_SYSTEM_INTERFACE: Final = Part(
    files=("libQnnSystem.so",),
    without="Compiled models (context binaries) cannot be opened.",
    advice="Ship libQnnSystem.so of the same QNN SDK.",
)
_PREPARE: Final = Part(
    files=("libQnnHtpPrepare.so", "libHtpPrepare.so"),
    compiles=True,
    without=f"Models cannot be compiled for the Hexagon processor on the phone. {_CPU}.",
    advice="Ship libQnnHtpPrepare.so, or models that were compiled before (context binaries).",
)
_RPC: Final = Part(
    system=("libcdsprpc.so",),
    without=f"The stub libraries link libcdsprpc.so, which Android 12 hides from this app. {_CPU}.",
    advice='Add <uses-native-library android:name="libcdsprpc.so" android:required="false"/> to the manifest.',
)
_HTP: Final = Generations(
    stub="libQnnHtpV{}Stub.so",
    skel="libQnnHtpV{}Skel.so",
    phones=HEXAGON,
    without=f"The Hexagon processor has no code to load, creating the device fails (error 14001). {_CPU}.",
    advice="Ship libQnnHtpV<n>Skel.so beside libQnnHtpV<n>Stub.so, of the same QNN version, for each generation.",
)
_HTP_SOURCES: Final = (_QNN_DOCS, _FOUR_FIXES, _CHIPS, _USES_NATIVE)

QUALCOMM: Final = (
    Accelerator(
        id="onnxruntime-qnn",
        title="ONNX Runtime's QNN provider",
        hardware=Hardware.NPU,
        engine=("onnxruntime",),
        abis=_ARM64,
        asks=("onnxruntime-qnn#asked-backend", "onnxruntime-qnn#asked-native", "onnxruntime-qnn#plugin"),
        hints=("onnxruntime-qnn#java-api",),
        calls=("ai.onnxruntime.OrtSession$SessionOptions.addQnn",),
        models=(Compiled(format="onnx", op="*EPContext"),),
        parts=(
            Part(
                files=("libonnxruntime_providers_qnn.so",),
                rules=("onnxruntime-qnn#built-in", "onnxruntime-qnn#built-in-stripped"),
                own=True,
                without="This build of ONNX Runtime has no QNN provider, and adding it throws an exception.",
                advice="Use the artifact onnxruntime-android-qnn instead of onnxruntime-android.",
            ),
            _BACKEND,
            _SYSTEM_INTERFACE,
            _PREPARE,
            _RPC,
        ),
        generations=_HTP,
        notes=("With session.disable_cpu_ep_fallback=1 a session that falls back fails instead of running slowly.",),
        sources=(_ORT_DOCS, *_HTP_SOURCES),
    ),
    Accelerator(
        id="executorch-qnn",
        title="ExecuTorch's Qualcomm back end",
        hardware=Hardware.NPU,
        engine=("executorch",),
        abis=_ARM64,
        asks=("executorch-qnn#library",),
        models=(Compiled(format="executorch", op="delegate:QnnBackend"),),
        parts=(
            Part(
                files=("libqnn_executorch_backend.so",),
                rules=("executorch-qnn#static",),
                own=True,
                without="The model names a back end that is not registered and cannot be loaded at all.",
                advice="Build ExecuTorch with EXECUTORCH_BUILD_QNN, or use its QNN flavour.",
            ),
            _BACKEND,
            _SYSTEM_INTERFACE,
            _RPC,
        ),
        generations=replace(
            _HTP,
            without="The Hexagon processor has no code to load (error 14001), and the model cannot be loaded at all.",
        ),
        sources=(
            "https://docs.pytorch.org/executorch/stable/backends-qualcomm.html",
            "https://github.com/meta-pytorch/executorch-examples/pull/81",
            *_HTP_SOURCES,
        ),
    ),
    Accelerator(
        id="tflite-qnn-delegate",
        title="Qualcomm's QNN delegate for TensorFlow Lite",
        hardware=Hardware.NPU,
        engine=("tflite", "tflite-play-services", "litert"),
        abis=_ARM64,
        asks=("tflite-qnn-delegate#java-api", "tflite-qnn-delegate#asked-native"),
        parts=(
            Part(
                files=("libQnnTFLiteDelegate.so",),
                own=True,
                without="The delegate's library cannot be loaded; asking for it throws or is skipped.",
                advice="Ship libQnnTFLiteDelegate.so (com.qualcomm.qti:qnn-litert-delegate).",
            ),
            _BACKEND,
            _PREPARE,
            _RPC,
        ),
        generations=_HTP,
        sources=("https://docs.qualcomm.com/doc/80-63442-10/topic/tflite_delegate.html", *_HTP_SOURCES),
    ),
    Accelerator(
        id="litert-npu-qualcomm",
        title="LiteRT on Qualcomm's NPU",
        hardware=Hardware.NPU,
        engine=("litert", "litert-lm", "mediapipe"),
        abis=_ARM64,
        asks=("litert-npu#dispatch-qualcomm",),
        parts=(
            Part(
                files=("libLiteRtDispatch_Qualcomm.so",),
                own=True,
                on_disk=True,
                without="LiteRT finds no dispatch library and runs the model on the CPU, or refuses it.",
                advice="Ship libLiteRtDispatch_Qualcomm.so of LiteRT's NPU runtime libraries.",
            ),
            _BACKEND,
            _SYSTEM_INTERFACE,
            _RPC,
        ),
        generations=_HTP,
        sources=(
            "https://ai.google.dev/edge/litert/next/qualcomm",
            "https://github.com/google-ai-edge/LiteRT/issues/5592",
            "https://github.com/DenisovAV/flutter_gemma/issues/293",
            *_HTP_SOURCES,
        ),
    ),
    Accelerator(
        id="qnn",
        title="Qualcomm QNN, called directly",
        hardware=Hardware.NPU,
        engine=("qnn",),
        abis=_ARM64,
        asks=("qnn#client",),
        models=(Compiled(format="qnn_context"),),
        unless=("onnxruntime-qnn", "executorch-qnn", "tflite-qnn-delegate", "litert-npu-qualcomm"),
        parts=(
            Part(files=_BACKEND.files, own=True, without=_BACKEND.without, advice=_BACKEND.advice),
            Part(files=_PREPARE.files, own=True, compiles=True, without=_PREPARE.without, advice=_PREPARE.advice),
            _RPC,
        ),
        generations=replace(_HTP, own=True),
        sources=_HTP_SOURCES,
    ),
    Accelerator(
        id="snpe",
        title="Snapdragon Neural Processing Engine on the Hexagon processor",
        hardware=Hardware.NPU,
        engine=("snpe",),
        abis=_ARM64,
        asks=("snpe#java-api", "snpe#client"),
        needed=("libSNPE.so",),
        models=(Compiled(format="snpe_dlc"),),
        parts=(
            Part(
                files=("libSNPE.so", "libsnpe-android.so"),
                own=True,
                without="The engine itself is not there, and its classes fail to load.",
                advice="Ship libSNPE.so of the SDK (com.qualcomm.qti:snpe-release).",
            ),
            _RPC,
        ),
        generations=Generations(
            stub="libSnpe*V{}Stub.so",
            skel="libSnpe*V{}Skel.so",
            phones=HEXAGON,
            own=True,
            without="The DSP and AIP runtimes are reported as not available; only CPU and GPU are left.",
            advice="Ship libSnpeHtpV<n>Skel.so beside libSnpeHtpV<n>Stub.so for each generation.",
        ),
        sources=(_DSP_DOCS, _USES_NATIVE),
    ),
    Accelerator(
        id="tflite-hexagon-delegate",
        title="TensorFlow Lite's Hexagon delegate",
        hardware=Hardware.NPU,
        engine=("tflite",),
        abis=("arm64-v8a", "armeabi-v7a"),
        asks=("tflite-hexagon-delegate#java-api", "tflite-hexagon-delegate#asked-native"),
        parts=(
            Part(
                files=("libtensorflowlite_hexagon_jni.so",),
                rules=("tflite-hexagon-delegate#delegate",),
                own=True,
                without="The delegate's library cannot be loaded.",
                advice="Ship the library of org.tensorflow:tensorflow-lite-hexagon.",
            ),
            Part(
                files=("libhexagon_interface.so",),
                own=True,
                without="Without its interface library the delegate reports that the phone has no such processor.",
                advice="Ship libhexagon_interface.so, which is part of the delegate's archive.",
            ),
            Part(
                files=("libhexagon_nn_skel*.so",),
                own=True,
                on_disk=True,
                without="Creating the delegate throws UnsupportedOperationException, and the app is left with the CPU.",
                advice="Run hexagon_nn_skel.run of the guide and ship libhexagon_nn_skel.so, _v65.so and _v66.so.",
            ),
        ),
        notes=("Made for Snapdragon 820 to 865; the delegate is no longer developed.",),
        sources=("https://www.tensorflow.org/lite/performance/hexagon_delegate",),
    ),
    Accelerator(
        id="ggml-hexagon",
        title="llama.cpp on the Hexagon NPU",
        hardware=Hardware.NPU,
        engine=("ggml", "llama-cpp"),
        abis=_ARM64,
        automatic=("ggml-hexagon#library", "ggml-hexagon#static"),
        parts=(
            Part(
                files=("libggml-hexagon.so",),
                rules=("ggml-hexagon#static",),
                own=True,
                without="The engine has no code for this processor.",
                advice="Build with GGML_HEXAGON.",
            ),
            _RPC,
        ),
        generations=Generations(
            skel="libggml-htp-v{}.so",
            phones=HEXAGON,
            own=True,
            without="No HTP device appears, and the model runs on the CPU or GPU.",
            advice="Ship libggml-htp-v73.so, -v75.so, -v79.so and -v81.so where the DSP's loader finds them.",
        ),
        sources=(
            "https://github.com/ggml-org/llama.cpp/blob/master/docs/backend/snapdragon/README.md",
            "https://github.com/mybigday/llama.rn/pull/247",
        ),
    ),
)
