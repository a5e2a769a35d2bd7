"""Neural processors of MediaTek, Samsung, Huawei, Rockchip, VeriSilicon, and Arm's libraries."""

from __future__ import annotations

from typing import Final

from nngauge.domain.acceleration import Hardware
from nngauge.knowledge.accelerators.schema import Accelerator, Compiled, Part

_ARM64: Final = ("arm64-v8a",)
_ARM: Final = ("arm64-v8a", "armeabi-v7a")
_USES_NATIVE: Final = "https://developer.android.com/guide/topics/manifest/uses-native-library-element"
_NEURON_MANIFEST: Final = "https://github.com/google-ai-edge/gallery/pull/893"
_NEURON: Final = Part(
    files=("libneuronusdk_adapter.mtk.so", "libneuron_adapter*.so"),
    system=("libneuronusdk_adapter.mtk.so", "libneuron_adapter.so", "libneuron_adapter_mgvi.so"),
    without="Android 12 hides MediaTek's Neuron adapter from this app; the NPU is not found, or the app crashes.",
    advice='Add <uses-native-library android:name="libneuronusdk_adapter.mtk.so" android:required="false"/>.',
)
_ENN: Final = Part(
    files=("libenn_public_api*.so",),
    system=("libenn_user.samsung_slsi.so", "libenn_public_api_cpp.so", "libenn_public_api_ndk_v1.so"),
    without="Android 12 hides Samsung's ENN libraries from this app, and the NPU is not found.",
    advice='Add <uses-native-library android:name="libenn_user.samsung_slsi.so" android:required="false"/>.',
)
_UNREGISTERED: Final = "The model names a back end that is not registered and cannot be loaded at all."

VENDORS: Final = (
    Accelerator(
        id="litert-npu-mediatek",
        title="LiteRT on MediaTek's NPU",
        hardware=Hardware.NPU,
        engine=("litert", "litert-lm", "mediapipe"),
        abis=_ARM64,
        asks=("litert-npu#dispatch-mediatek",),
        parts=(
            Part(
                files=("libLiteRtDispatch_MediaTek.so", "libLiteRtDispatch_Mediatek.so"),
                own=True,
                on_disk=True,
                without="LiteRT finds no dispatch library and runs the model on the CPU, or refuses it.",
                advice="Ship libLiteRtDispatch_MediaTek.so of LiteRT's NPU runtime libraries.",
            ),
            _NEURON,
        ),
        by_system=True,
        sources=("https://ai.google.dev/edge/litert/next/mediatek", _NEURON_MANIFEST, _USES_NATIVE),
    ),
    Accelerator(
        id="executorch-neuron",
        title="ExecuTorch's MediaTek back end",
        hardware=Hardware.NPU,
        engine=("executorch",),
        abis=_ARM64,
        asks=("executorch-neuron#library",),
        models=(Compiled(format="executorch", op="delegate:NeuropilotBackend"),),
        parts=(
            Part(
                files=("libneuron_backend.so",),
                rules=("executorch-neuron#static",),
                own=True,
                without=_UNREGISTERED,
                advice="Build and ship libneuron_backend.so.",
            ),
            Part(
                files=("libneuron_buffer_allocator.so",),
                own=True,
                without="The back end cannot allocate its buffers, and the model cannot be loaded.",
                advice="Ship libneuron_buffer_allocator.so of the NeuroPilot Express SDK.",
            ),
            _NEURON,
        ),
        sources=("https://docs.pytorch.org/executorch/stable/backends-mediatek.html", _USES_NATIVE),
    ),
    Accelerator(
        id="neuropilot",
        title="MediaTek NeuroPilot",
        hardware=Hardware.NPU,
        engine=("neuropilot",),
        abis=_ARM,
        asks=("neuropilot#client", "neuropilot#java-api"),
        needed=("libneuron*.mtk.so", "libneuron_adapter*.so", "libneuron_runtime*.so"),
        unless=("litert-npu-mediatek", "executorch-neuron"),
        parts=(_NEURON,),
        by_system=True,
        sources=("https://ai.google.dev/edge/litert/next/mediatek", _USES_NATIVE),
    ),
    Accelerator(
        id="executorch-enn",
        title="ExecuTorch's Samsung Exynos back end",
        hardware=Hardware.NPU,
        engine=("executorch",),
        abis=_ARM64,
        asks=("executorch-enn#library",),
        models=(Compiled(format="executorch", op="delegate:EnnBackend"),),
        parts=(
            Part(
                files=("libenn_backend.so",),
                rules=("executorch-enn#static",),
                own=True,
                without=_UNREGISTERED,
                advice="Build ExecuTorch with EXECUTORCH_BUILD_ENN.",
            ),
            _ENN,
        ),
        sources=("https://docs.pytorch.org/executorch/stable/backends/samsung/samsung-overview.html", _USES_NATIVE),
    ),
    Accelerator(
        id="samsung-enn",
        title="Samsung ENN",
        hardware=Hardware.NPU,
        engine=("samsung-enn",),
        abis=_ARM,
        asks=("samsung-enn#client", "samsung-enn#manifest"),
        needed=("libenn_public_api*.so", "libenn_user*.so"),
        unless=("executorch-enn",),
        parts=(_ENN,),
        by_system=True,
        sources=("https://soc-developer.semiconductor.samsung.com/global/development/enn-sdk", _USES_NATIVE),
    ),
    Accelerator(
        id="mnn-npu",
        title="MNN on Huawei's NPU",
        hardware=Hardware.NPU,
        engine=("mnn",),
        abis=_ARM,
        asks=("mnn-npu#library",),
        parts=(
            Part(
                files=("libhiai.so", "libhiai_foundation*.so"),
                without="libMNN_NPU.so cannot be loaded, and MNN falls back to the CPU.",
                advice="Ship libhiai.so of the HiAI DDK.",
            ),
            Part(
                files=("libhiai_ir.so", "libhiai_foundation*.so"),
                without="libMNN_NPU.so cannot be loaded, and MNN falls back to the CPU.",
                advice="Ship libhiai_ir.so and libhiai_ir_build.so beside libhiai.so.",
            ),
        ),
        sources=("https://github.com/alibaba/MNN/blob/master/docs/contribute/backend.md",),
    ),
    Accelerator(
        id="hiai",
        title="Huawei HiAI Foundation",
        hardware=Hardware.NPU,
        engine=("hiai", "paddle-lite", "mindspore-lite", "tnn", "bolt"),
        abis=_ARM,
        asks=("hiai#client",),
        needed=("libhiai.so", "libhiai_ir.so", "libhiai_ir_build.so"),
        models=(Compiled(format="hiai_om"),),
        unless=("mnn-npu",),
        parts=(
            Part(
                files=("libhiai.so", "libhiai_foundation*.so"),
                own=True,
                without="The library that links it cannot be loaded (UnsatisfiedLinkError), and the engine does not start.",
                advice="Ship libhiai.so, libhiai_ir.so and libhiai_ir_build.so of the HiAI DDK.",
            ),
        ),
        notes=("Only phones with a Kirin NPU have the service behind it.",),
        sources=("https://developer.huawei.com/consumer/en/doc/hiai-guides/introduction-0000001051486804",),
    ),
    Accelerator(
        id="rknn",
        title="Rockchip NPU",
        hardware=Hardware.NPU,
        engine=("rknn",),
        abis=_ARM,
        asks=("rknn#client",),
        needed=("librknnrt.so", "librknn_api.so", "librknn_runtime.so"),
        models=(Compiled(format="rknn"),),
        parts=(
            Part(
                files=("librknnrt.so", "librknn_api.so", "librknn_runtime.so"),
                own=True,
                without="The model is compiled for Rockchip's NPU and nothing in the app can run it.",
                advice="Ship librknnrt.so of the version that the model was compiled with.",
            ),
        ),
        sources=("https://github.com/airockchip/rknn-toolkit2",),
    ),
    Accelerator(
        id="tim-vx",
        title="VeriSilicon NPU (TIM-VX)",
        hardware=Hardware.NPU,
        engine=("tengine", "paddle-lite", "tflite"),
        abis=_ARM,
        asks=("tim-vx#client",),
        needed=("libtim-vx.so", "libovxlib.so"),
        parts=(
            Part(
                files=("libtim-vx.so", "libtim_vx.so", "libovxlib.so"),
                rules=("tim-vx#library", "tim-vx#static"),
                own=True,
                without="The library that links it cannot be loaded.",
                advice="Ship libtim-vx.so and the driver's libraries.",
            ),
        ),
        sources=("https://github.com/VeriSilicon/TIM-VX",),
    ),
    Accelerator(
        id="onnxruntime-acl",
        title="ONNX Runtime's Arm Compute Library provider",
        hardware=Hardware.CPU,
        engine=("onnxruntime",),
        abis=_ARM,
        asks=("onnxruntime-acl#asked-native",),
        hints=("onnxruntime-acl#java-api",),
        calls=("ai.onnxruntime.OrtSession$SessionOptions.addACL",),
        parts=(
            Part(
                rules=("onnxruntime-acl#built-in",),
                without="This build of ONNX Runtime has no such provider, and adding it throws an exception.",
                advice="Build with --use_acl, or use XNNPACK.",
            ),
        ),
        sources=("https://onnxruntime.ai/docs/execution-providers/community-maintained/ACL-ExecutionProvider.html",),
    ),
)
