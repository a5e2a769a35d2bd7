"""Accelerators of Google's engines and of the Android platform: NNAPI, the GPU delegate, LiteRT's plug-ins, XNNPACK."""

from __future__ import annotations

from typing import Final

from nngauge.domain.acceleration import Hardware
from nngauge.knowledge.accelerators.schema import Accelerator, Compiled, Part

_NNAPI_GUIDE: Final = "https://developer.android.com/ndk/guides/neuralnetworks/migration-guide"
_USES_NATIVE: Final = "https://developer.android.com/guide/topics/manifest/uses-native-library-element"
_DEPRECATED: Final = (
    "NNAPI is deprecated since Android 15: phones may drop their drivers, and then the CPU does the work."
)
_GPU_GUIDE: Final = "https://ai.google.dev/edge/litert/performance/gpu"
_NPU_GUIDE: Final = "https://ai.google.dev/edge/litert/next/npu"
_LITE: Final = ("tflite", "tflite-play-services", "litert", "mediapipe", "litert-lm")

GOOGLE: Final = (
    Accelerator(
        id="tflite-gpu-delegate",
        title="TensorFlow Lite's GPU delegate",
        hardware=Hardware.GPU,
        engine=("tflite", "tflite-play-services"),
        asks=(
            "tflite-gpu-delegate#java-api",
            "tflite-gpu-delegate#asked-native",
            "tflite-gpu-delegate#asked-script",
        ),
        parts=(
            Part(
                files=(
                    "libtensorflowlite_gpu_jni.so",
                    "libtensorflowlite_gpu_delegate.so",
                    "libgpu_delegate_plugin.so",
                ),
                rules=("tflite-gpu-delegate#delegate-library", "tflite-gpu-delegate#static"),
                elsewhere=("tflite-play-services",),
                own=True,
                without="The delegate's native code cannot be loaded (UnsatisfiedLinkError), and the CPU does the work.",
                advice="Depend on tensorflow-lite-gpu (or litert-gpu) in the same version as the interpreter, not only on its API.",
            ),
            Part(
                system=("libOpenCL.so", "libOpenCL-pixel.so", "libOpenCL-car.so"),
                elsewhere=("tflite-play-services",),
                optional=True,
                without="Android 12 hides OpenCL from this app, so the delegate takes OpenGL ES, about half as fast.",
                advice='Add <uses-native-library android:name="libOpenCL.so" android:required="false"/>.',
            ),
        ),
        sources=(
            _GPU_GUIDE,
            "https://github.com/tensorflow/tensorflow/issues/60825",
            "https://blog.tensorflow.org/2020/08/faster-mobile-gpu-inference-with-opencl.html",
            _USES_NATIVE,
        ),
    ),
    Accelerator(
        id="tflite-nnapi-delegate",
        title="TensorFlow Lite's NNAPI delegate",
        hardware=Hardware.ANY,
        engine=("tflite",),
        asks=("tflite-nnapi-delegate#asked-native",),
        hints=("tflite-nnapi-delegate#java-api",),
        calls=(
            "org.tensorflow.lite.nnapi.NnApiDelegate.<init>",
            "org.tensorflow.lite.Interpreter$Options.setUseNNAPI",
            "org.tensorflow.lite.InterpreterApi$Options.setUseNNAPI",
            "org.tensorflow.lite.support.model.Model$Options$Builder.setDevice",
        ),
        parts=(
            Part(
                rules=("tflite-nnapi-delegate#delegate", "tflite-nnapi-delegate#exports", "nnapi#loaded-at-run-time"),
                without="This build of the interpreter has no NNAPI delegate; asking for it fails.",
                advice="Ask for the GPU delegate or for Google Play services' acceleration instead.",
            ),
        ),
        by_system=True,
        notes=(_DEPRECATED,),
        sources=(_NNAPI_GUIDE,),
    ),
    Accelerator(
        id="onnxruntime-nnapi",
        title="ONNX Runtime's NNAPI provider",
        hardware=Hardware.ANY,
        engine=("onnxruntime",),
        asks=("onnxruntime-nnapi#asked-native",),
        hints=("onnxruntime-nnapi#java-api",),
        calls=("ai.onnxruntime.OrtSession$SessionOptions.addNnapi",),
        parts=(
            Part(
                rules=("onnxruntime-nnapi#built-in",),
                without="This build of ONNX Runtime has no NNAPI provider, and adding it throws an exception.",
                advice="Use onnxruntime-android, or XNNPACK or QNN instead of the deprecated NNAPI.",
            ),
        ),
        by_system=True,
        notes=(_DEPRECATED,),
        sources=("https://onnxruntime.ai/docs/execution-providers/NNAPI-ExecutionProvider.html", _NNAPI_GUIDE),
    ),
    Accelerator(
        id="nnapi",
        title="NNAPI, called directly",
        hardware=Hardware.ANY,
        engine=("nnapi",),
        asks=("nnapi#linked",),
        unless=("tflite-nnapi-delegate", "onnxruntime-nnapi"),
        by_system=True,
        notes=(_DEPRECATED,),
        sources=(_NNAPI_GUIDE,),
    ),
    Accelerator(
        id="litert-gpu",
        title="LiteRT's GPU accelerator",
        hardware=Hardware.GPU,
        engine=("litert", "litert-lm"),
        hints=("litert", "litert-lm"),
        parts=(
            Part(
                files=(
                    "libLiteRtClGlAccelerator.so",
                    "libLiteRtGpuAccelerator.so",
                    "libLiteRtOpenClAccelerator.so",
                    "libLiteRtWebGpuAccelerator.so",
                    "libLiteRtVulkanAccelerator.so",
                ),
                own=True,
                without="LiteRT logs that no GPU accelerator could be loaded, and the CPU does the work.",
                advice="Ship libLiteRtClGlAccelerator.so of the same LiteRT version.",
            ),
            Part(
                system=("libOpenCL.so", "libOpenCL-pixel.so", "libOpenCL-car.so"),
                optional=True,
                without="Android 12 hides OpenCL from this app; only OpenGL ES or WebGPU are left.",
                advice='Add <uses-native-library android:name="libOpenCL.so" android:required="false"/>.',
            ),
        ),
        sources=(
            "https://ai.google.dev/edge/litert/next/gpu",
            "https://github.com/google-ai-edge/LiteRT-LM/issues/1448",
        ),
    ),
    Accelerator(
        id="litert-npu-google-tensor",
        title="LiteRT on Google Tensor",
        hardware=Hardware.NPU,
        engine=("litert", "litert-lm", "mediapipe"),
        abis=("arm64-v8a",),
        asks=("litert-npu#dispatch-google-tensor",),
        parts=(
            Part(
                files=("libLiteRtDispatch_GoogleTensor.so",),
                own=True,
                on_disk=True,
                without="LiteRT finds no dispatch library and runs the model on the CPU, or refuses it.",
                advice="Ship libLiteRtDispatch_GoogleTensor.so of LiteRT's NPU runtime libraries.",
            ),
            Part(
                system=("libedgetpu_litert.so",),
                without="Android 12 hides libedgetpu_litert.so from this app, and the dispatch library cannot start.",
                advice='Add <uses-native-library android:name="libedgetpu_litert.so" android:required="false"/>.',
            ),
        ),
        by_system=True,
        sources=(_NPU_GUIDE, "https://github.com/google-ai-edge/LiteRT/issues/7787", _USES_NATIVE),
    ),
    Accelerator(
        id="litert-npu",
        title="LiteRT on an NPU",
        hardware=Hardware.NPU,
        engine=("litert", "litert-lm", "mediapipe", "tflite"),
        abis=("arm64-v8a",),
        hints=("litert-npu#java-api",),
        models=(Compiled(format="tflite", op="DISPATCH_OP"),),
        unless=("litert-npu-qualcomm", "litert-npu-google-tensor", "litert-npu-mediatek"),
        parts=(
            Part(
                files=("libLiteRtDispatch_*.so",),
                own=True,
                on_disk=True,
                without="The model was compiled for an NPU, but no dispatch library is there to run it, and it is refused.",
                advice="Ship LiteRT's dispatch library of the chip maker, or a model that was not compiled.",
            ),
        ),
        sources=(_NPU_GUIDE, "https://github.com/google-ai-edge/LiteRT-LM/issues/2079"),
    ),
    Accelerator(
        id="edgetpu",
        title="Edge TPU",
        hardware=Hardware.NPU,
        engine=_LITE,
        asks=("edgetpu#client",),
        needed=("libedgetpu.so*",),
        models=(Compiled(format="tflite", op="edgetpu-custom-op"), Compiled(format="tflite", op="edgetpu*")),
        parts=(
            Part(
                files=("libedgetpu.so*", "libedgetpu_util.so", "libedgetpu_client*.so"),
                rules=("edgetpu#static",),
                system=("libedgetpu_client.google.so", "libedgetpu_util.so"),
                own=True,
                without="The interpreter meets the unresolved custom operator edgetpu-custom-op and refuses the model.",
                advice="Ship libedgetpu.so, or a model that was not compiled for the Edge TPU.",
            ),
        ),
        sources=("https://coral.ai/docs/edgetpu/tflite-cpp/",),
    ),
    Accelerator(
        id="tflite-select-ops",
        title="TensorFlow operators for TensorFlow Lite (Flex)",
        hardware=Hardware.CPU,
        engine=("tflite", "litert"),
        hints=("tflite-select-ops#java-api",),
        models=(Compiled(format="tflite", op="Flex*"),),
        parts=(
            Part(
                files=("libtensorflowlite_flex_jni.so", "libtensorflowlite_flex*.so"),
                rules=("tflite-select-ops#library", "tflite-select-ops#static", "tensorflow"),
                own=True,
                without="The interpreter refuses the model: “Select TensorFlow op(s) … not supported by this interpreter”.",
                advice="Depend on tensorflow-lite-select-tf-ops, or convert the model with built-in operators only.",
            ),
        ),
        sources=("https://ai.google.dev/edge/litert/conversion/tensorflow/ops_select",),
    ),
    Accelerator(
        id="xnnpack",
        title="XNNPACK",
        hardware=Hardware.CPU,
        engine=(*_LITE, "pytorch-mobile"),
        automatic=("xnnpack#delegate",),
        within=(*_LITE, "pytorch-mobile"),
        notes=("Used for floating-point and most 8-bit models unless another delegate takes them.",),
        sources=("https://github.com/tensorflow/tensorflow/blob/master/tensorflow/lite/delegates/xnnpack/README.md",),
    ),
    Accelerator(
        id="onnxruntime-xnnpack",
        title="ONNX Runtime's XNNPACK provider",
        hardware=Hardware.CPU,
        engine=("onnxruntime",),
        hints=("onnxruntime-xnnpack#java-api",),
        calls=("ai.onnxruntime.OrtSession$SessionOptions.addXnnpack",),
        parts=(
            Part(
                rules=("onnxruntime-xnnpack#built-in",),
                without="This build of ONNX Runtime has no XNNPACK provider, and adding it throws an exception.",
                advice="Use onnxruntime-android 1.13 or later, or a build with --use_xnnpack.",
            ),
        ),
        sources=("https://onnxruntime.ai/docs/execution-providers/Xnnpack-ExecutionProvider.html",),
    ),
    Accelerator(
        id="executorch-xnnpack",
        title="ExecuTorch's XNNPACK back end",
        hardware=Hardware.CPU,
        engine=("executorch",),
        models=(Compiled(format="executorch", op="delegate:XnnpackBackend"),),
        parts=(
            Part(
                files=("libxnnpack_executorch_backend.so",),
                rules=("executorch-xnnpack",),
                own=True,
                without="The model names a back end that is not registered and cannot be loaded at all.",
                advice="Link xnnpack_backend, or export the model without the partitioner.",
            ),
        ),
        sources=("https://github.com/pytorch/executorch/issues/3696",),
    ),
)
