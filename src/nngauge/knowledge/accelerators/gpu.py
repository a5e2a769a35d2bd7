"""Graphics processors under engines that are not Google's: OpenCL, Vulkan, WebGPU."""

from __future__ import annotations

from typing import Final

from nngauge.domain.acceleration import Hardware
from nngauge.knowledge.accelerators.schema import Accelerator, Compiled, Part

_USES_NATIVE: Final = "https://developer.android.com/guide/topics/manifest/uses-native-library-element"
_DECLARE: Final = 'Add <uses-native-library android:name="libOpenCL.so" android:required="false"/> to the manifest.'
_OPENCL: Final = ("libOpenCL.so", "libOpenCL-pixel.so", "libOpenCL-car.so", "libGLES_mali.so")
_VULKAN_NOTE: Final = "Needs Vulkan 1.0 or later, which Android gives from version 7 on phones that have it."

GPU: Final = (
    Accelerator(
        id="mnn-opencl",
        title="MNN on OpenCL",
        hardware=Hardware.GPU,
        engine=("mnn",),
        hints=("mnn-opencl#library", "mnn-opencl#static"),
        blind=True,
        parts=(
            Part(
                files=("libMNN_CL.so",),
                rules=("mnn-opencl#static",),
                own=True,
                without="MNN prints “Can't Find type=3 backend, use 0 instead” and runs on the CPU.",
                advice="Build MNN with MNN_OPENCL and ship libMNN_CL.so where it is built apart (MNN_SEP_BUILD).",
            ),
            Part(
                system=_OPENCL,
                without="Android 12 hides OpenCL from this app, and MNN falls back to the CPU.",
                advice=_DECLARE,
            ),
        ),
        sources=("https://github.com/alibaba/MNN/issues/2833", _USES_NATIVE),
    ),
    Accelerator(
        id="mnn-vulkan",
        title="MNN on Vulkan",
        hardware=Hardware.GPU,
        engine=("mnn",),
        hints=("mnn-vulkan#library", "mnn-vulkan#static"),
        blind=True,
        parts=(
            Part(
                files=("libMNN_Vulkan.so",),
                rules=("mnn-vulkan#static",),
                own=True,
                without="MNN prints “Can't Find type=7 backend, use 0 instead” and runs on the CPU.",
                advice="Build MNN with MNN_VULKAN and ship libMNN_Vulkan.so where it is built apart.",
            ),
        ),
        notes=(_VULKAN_NOTE,),
        sources=("https://github.com/alibaba/MNN/issues/2833",),
    ),
    Accelerator(
        id="ncnn-vulkan",
        title="ncnn on Vulkan",
        hardware=Hardware.GPU,
        engine=("ncnn",),
        asks=("ncnn-vulkan#asked-native",),
        hints=("ncnn-vulkan#static",),
        blind=True,
        parts=(
            Part(
                rules=("ncnn-vulkan#static", "ncnn-vulkan#library"),
                without="This build of ncnn has no Vulkan, so use_vulkan_compute has no effect and the CPU does the work.",
                advice="Take ncnn's package with -vulkan in its name.",
            ),
        ),
        notes=(_VULKAN_NOTE,),
        sources=("https://github.com/Tencent/ncnn/wiki/FAQ-ncnn-vulkan",),
    ),
    Accelerator(
        id="ggml-opencl",
        title="llama.cpp on OpenCL",
        hardware=Hardware.GPU,
        engine=("ggml", "llama-cpp", "whisper-cpp"),
        abis=("arm64-v8a",),
        automatic=("ggml-opencl#library", "ggml-opencl#static"),
        parts=(
            Part(
                system=("libOpenCL.so",),
                without="The library links libOpenCL.so, which Android 12 hides from this app, so it cannot be loaded.",
                advice=_DECLARE,
            ),
        ),
        notes=("Tuned for Adreno 700 and later; other graphics processors are left out.",),
        sources=(
            "https://github.com/ggml-org/llama.cpp/blob/master/docs/backend/OPENCL.md",
            "https://github.com/mybigday/llama.rn#readme",
            _USES_NATIVE,
        ),
    ),
    Accelerator(
        id="ggml-vulkan",
        title="llama.cpp on Vulkan",
        hardware=Hardware.GPU,
        engine=("ggml", "llama-cpp", "whisper-cpp"),
        automatic=("ggml-vulkan#library", "ggml-vulkan#static"),
        notes=(_VULKAN_NOTE,),
        sources=("https://github.com/ggml-org/llama.cpp/blob/master/docs/build.md#vulkan",),
    ),
    Accelerator(
        id="executorch-vulkan",
        title="ExecuTorch's Vulkan back end",
        hardware=Hardware.GPU,
        engine=("executorch",),
        models=(Compiled(format="executorch", op="delegate:VulkanBackend"),),
        parts=(
            Part(
                files=("libvulkan_executorch_backend.so",),
                rules=("executorch-vulkan",),
                own=True,
                without="The model names a back end that is not registered and cannot be loaded at all.",
                advice="Use the artifact executorch-android-vulkan, or build with EXECUTORCH_BUILD_VULKAN.",
            ),
        ),
        notes=(_VULKAN_NOTE,),
        sources=("https://docs.pytorch.org/executorch/stable/backends/vulkan/vulkan-overview.html",),
    ),
    Accelerator(
        id="onnxruntime-webgpu",
        title="ONNX Runtime's WebGPU provider",
        hardware=Hardware.GPU,
        engine=("onnxruntime",),
        asks=("onnxruntime-webgpu#asked",),
        parts=(
            Part(
                files=("libonnxruntime_providers_webgpu.so",),
                rules=("onnxruntime-webgpu#built-in",),
                own=True,
                without="This build of ONNX Runtime has no WebGPU provider, and adding it throws an exception.",
                advice="Use a build with --use_webgpu.",
            ),
        ),
        sources=("https://onnxruntime.ai/docs/tutorials/web/ep-webgpu.html",),
    ),
)
