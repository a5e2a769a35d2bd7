"""Accelerators in whole constructed apps: package → rules → verdict. Each case is one way to get it right or wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from nngauge.detect.ruleset import load_rules
from nngauge.domain.acceleration import Acceleration, Outcome
from nngauge.domain.app import Platform
from nngauge.knowledge.accelerators import ACCELERATORS
from tests.builders.accelerated import (
    ARM,
    X86_64,
    android,
    apple,
    bundle,
    judged,
    library,
    onnx_context,
    onnx_runtime,
    placed,
    pte,
    qnn,
    skel,
    tflite_custom,
    tflite_runtime,
)
from tests.builders.macho import build_macho
from tests.builders.packages import apk, zipped

ARM64 = "arm64-v8a"
GPU_LIBRARY = "libtensorflowlite_gpu_jni.so"
CDSP = "libcdsprpc.so"
MISSING, WORKS, SYSTEM = Outcome.MISSING, Outcome.WORKS, Outcome.SYSTEM


def gpu_delegate(machine: tuple[str, int, int] = ("arm64-v8a", 183, 64)) -> dict[str, bytes]:
    return {GPU_LIBRARY: library(GPU_LIBRARY, machine=machine, exports=["TfLiteGpuDelegateV2Create"])}


# --- the GPU delegate of TensorFlow Lite ------------------------------------------------------------------------------


def test_gpu_delegate_with_its_library(tmp_path: Path) -> None:
    found = android(
        tmp_path,
        placed(tflite_runtime() | gpu_delegate()),
        java=["org.tensorflow.lite.gpu.GpuDelegate"],
        declares=["libOpenCL.so"],
    )
    verdict = found["tflite-gpu-delegate", ARM64]
    assert (verdict.outcome, verdict.missing, verdict.notes) == (WORKS, (), ())
    assert verdict.asked[0].value == "Lorg/tensorflow/lite/gpu/GpuDelegate;"
    assert [place.name for place in verdict.shipped] == [GPU_LIBRARY]
    assert verdict.size > 0


def test_gpu_delegate_without_its_library(tmp_path: Path) -> None:
    found = android(tmp_path, placed(tflite_runtime()), java=["org.tensorflow.lite.gpu.GpuDelegateFactory"])
    verdict = found["tflite-gpu-delegate", ARM64]
    assert (verdict.outcome, verdict.missing) == (MISSING, (GPU_LIBRARY,))
    assert "UnsatisfiedLinkError" in verdict.consequence
    assert verdict.advice
    assert verdict.sources


def test_gpu_delegate_that_google_play_services_bring(tmp_path: Path) -> None:
    client = {"libtensorflowlite_jni_gms_client.so": library("libtensorflowlite_jni_gms_client.so")}
    java = ["org.tensorflow.lite.gpu.GpuDelegateFactory", "com.google.android.gms.tflite.java.TfLite"]
    found = android(tmp_path, placed(client), java=java)
    assert found["tflite-gpu-delegate", ARM64].outcome is WORKS


def test_gpu_delegate_that_hides_opencl_from_itself(tmp_path: Path) -> None:
    files, java = placed(tflite_runtime() | gpu_delegate()), ["org.tensorflow.lite.gpu.GpuDelegate"]
    new = android(tmp_path, files, java=java, target=31)["tflite-gpu-delegate", ARM64]
    assert new.outcome is WORKS
    assert any("OpenGL ES" in note and "uses-native-library" in note for note in new.notes)
    assert android(tmp_path, files, java=java, target=30)["tflite-gpu-delegate", ARM64].notes == ()


def test_gpu_delegate_that_nobody_asks_for(tmp_path: Path) -> None:
    verdict = android(tmp_path, placed(tflite_runtime() | gpu_delegate()))["tflite-gpu-delegate", ARM64]
    assert verdict.outcome is Outcome.UNASKED
    assert verdict.size == len(gpu_delegate()[GPU_LIBRARY])
    assert str(verdict.size) in verdict.consequence
    assert not verdict.notes


def test_gpu_delegate_that_is_missing_for_one_processor_only(tmp_path: Path) -> None:
    files = placed(tflite_runtime() | gpu_delegate()) | placed(tflite_runtime(X86_64), "lib/x86_64")
    found = android(tmp_path, files, java=["org.tensorflow.lite.gpu.GpuDelegate"], target=30)
    assert found["tflite-gpu-delegate", ARM64].outcome is WORKS
    assert found["tflite-gpu-delegate", "x86_64"].outcome is MISSING


def test_gpu_delegate_looked_up_by_a_library_of_the_app(tmp_path: Path) -> None:
    dart = {"libapp.so": library("libapp.so", ["TfLiteGpuDelegateV2Create"])}
    assert android(tmp_path, placed(tflite_runtime() | dart))["tflite-gpu-delegate", ARM64].outcome is MISSING
    found = android(tmp_path, placed(tflite_runtime() | dart | gpu_delegate()), target=30)
    assert found["tflite-gpu-delegate", ARM64].outcome is WORKS


def test_gpu_delegate_asked_for_in_javascript(tmp_path: Path) -> None:
    script = {"assets/index.android.bundle": b"var m=loadTensorflowModel(require('x'),['android-gpu']);" * 4}
    found = android(tmp_path, placed(tflite_runtime()) | script)
    assert found["tflite-gpu-delegate", ARM64].outcome is MISSING


# --- NNAPI ------------------------------------------------------------------------------------------------------------


def test_nnapi_delegate_linked_by_the_app(tmp_path: Path) -> None:
    app = {"libapp.so": library("libapp.so", imports=["TfLiteNnapiDelegateCreate"])}
    verdict = android(tmp_path, placed(tflite_runtime() | app))["tflite-nnapi-delegate", ARM64]
    assert verdict.outcome is SYSTEM
    assert any("deprecated since Android 15" in note for note in verdict.notes)
    bare = {"libtensorflowlite_jni.so": library("libtensorflowlite_jni.so", exports=["TfLiteInterpreterCreate"])}
    assert android(tmp_path, placed(bare | app))["tflite-nnapi-delegate", ARM64].outcome is MISSING


def test_nnapi_delegate_whose_classes_every_interpreter_has(tmp_path: Path) -> None:
    java = ["org.tensorflow.lite.nnapi.NnApiDelegate"]
    files = placed(tflite_runtime())
    assert android(tmp_path, files, java=java)["tflite-nnapi-delegate", ARM64].outcome is Outcome.UNKNOWN
    called = {"org.tensorflow.lite.nnapi.NnApiDelegate.<init>"}
    assert android(tmp_path, files, java=java, calls=called)["tflite-nnapi-delegate", ARM64].outcome is SYSTEM
    assert ("tflite-nnapi-delegate", ARM64) not in android(tmp_path, files, java=java, calls=())


def test_nnapi_provider_of_onnx_runtime(tmp_path: Path) -> None:
    app = {"libapp.so": library("libapp.so", imports=["OrtSessionOptionsAppendExecutionProvider_Nnapi"])}
    with_it = android(tmp_path, placed(onnx_runtime("NnapiExecutionProvider") | app))
    assert with_it["onnxruntime-nnapi", ARM64].outcome is SYSTEM
    without = android(tmp_path, placed(onnx_runtime() | app))["onnxruntime-nnapi", ARM64]
    assert (without.outcome, "no NNAPI provider" in without.consequence) == (MISSING, True)


def test_nnapi_linked_directly(tmp_path: Path) -> None:
    app = {"libapp.so": library("libapp.so", needed=["libneuralnetworks.so"], imports=["ANeuralNetworksModel_create"])}
    assert android(tmp_path, placed(app))["nnapi", ARM64].outcome is SYSTEM


# --- QNN under ONNX Runtime -------------------------------------------------------------------------------------------

ORT_QNN = onnx_runtime("QNNExecutionProvider")


def ort_qnn(tmp_path: Path, files: dict[str, bytes], **settings: Any) -> Acceleration:
    settings = {"strings": ["backend_path", "libQnnHtp.so"], "declares": [CDSP], "extract": True} | settings
    return android(tmp_path, files, **settings)["onnxruntime-qnn", ARM64]


def test_qnn_with_everything(tmp_path: Path) -> None:
    verdict = ort_qnn(tmp_path, placed(ORT_QNN | qnn(73, 75, 79)))
    assert verdict.outcome is WORKS
    assert verdict.phones == (
        "Snapdragon 8 Gen 2 (V73)", "Snapdragon 8 Gen 3 (V75)", "Snapdragon 8 Elite (V79)",
    )  # fmt: skip


QNN_FAULTS: dict[str, tuple[dict[str, bytes], dict[str, Any], str, str]] = {
    "no skeleton at all": (placed(ORT_QNN | qnn(stubs=[73, 75])), {}, "libQnnHtpV75Skel.so", "error 14001"),
    "no stub": (placed(ORT_QNN | qnn(75, stubs=[])), {}, "libQnnHtpV75Stub.so", "error 14001"),
    "stub and skeleton of different generations": (
        placed(ORT_QNN | qnn(79, stubs=[73])), {}, "libQnnHtpV79Stub.so", "error 14001"),
    "neither stub nor skeleton": (placed(ORT_QNN | qnn()), {}, "libQnnHtpV*Skel.so", "error 14001"),
    "no back end": (
        placed(ORT_QNN | {name: data for name, data in qnn(75).items() if name != "libQnnHtp.so"}), {},
        "libQnnHtp.so", "falls back to the CPU"),
    "no system interface": (
        placed(ORT_QNN | {name: data for name, data in qnn(75).items() if name != "libQnnSystem.so"}), {},
        "libQnnSystem.so", "cannot be opened"),
    "no compiler for a model that needs one": (
        placed(ORT_QNN | qnn(75, prepare=False)), {}, "libQnnHtpPrepare.so", "cannot be compiled"),
    "a build without the provider": (
        placed(onnx_runtime() | qnn(75)), {}, "libonnxruntime_providers_qnn.so", "no QNN provider"),
    "a library of the phone that is not asked for": (
        placed(ORT_QNN | qnn(75)), {"declares": ()}, "<uses-native-library> libcdsprpc.so", "Android 12 hides"),
    "skeletons that stay in the package": (
        placed(ORT_QNN | qnn(75)), {"extract": False}, "libQnnHtpV75Skel.so as a file", "stays packed"),
    "a skeleton that is code for the wrong processor": (
        placed(ORT_QNN | qnn(stubs=[75]) | {"libQnnHtpV75Skel.so": library("libQnnHtpV75Skel.so")}), {},
        "libQnnHtpV75Skel.so", "error 14001"),
}  # fmt: skip


@pytest.mark.parametrize("name", QNN_FAULTS)
def test_qnn_with_a_fault(tmp_path: Path, name: str) -> None:
    files, settings, missing, consequence = QNN_FAULTS[name]
    verdict = ort_qnn(tmp_path, files, **settings)
    assert verdict.outcome is MISSING
    assert verdict.missing == (missing,)
    assert consequence in verdict.consequence
    assert verdict.advice


def test_qnn_needs_no_declaration_before_android_12(tmp_path: Path) -> None:
    assert ort_qnn(tmp_path, placed(ORT_QNN | qnn(75)), declares=(), target=30).outcome is WORKS


def test_qnn_skeletons_in_assets_are_unpacked_by_the_app(tmp_path: Path) -> None:
    own = {name: data for name, data in qnn(75).items() if "Skel" not in name}
    files = placed(ORT_QNN | own) | {"assets/dsp/libQnnHtpV75Skel.so": skel("libQnnHtpV75Skel.so")}
    assert ort_qnn(tmp_path, files, extract=False).outcome is WORKS


def test_qnn_compiled_models_need_no_compiler(tmp_path: Path) -> None:
    files = placed(ORT_QNN | qnn(75, prepare=False)) | {"assets/m.onnx": onnx_context()}
    verdict = ort_qnn(tmp_path, files, strings=())
    assert verdict.outcome is WORKS
    assert "EPContext" in verdict.asked[0].value


def test_qnn_leaves_generations_out(tmp_path: Path) -> None:
    verdict = ort_qnn(tmp_path, placed(ORT_QNN | qnn(75, stubs=[73, 75])))
    assert verdict.outcome is WORKS
    assert "libQnnHtpV73Skel.so is missing: Snapdragon 8 Gen 2 (V73) is left out." in verdict.notes


def test_qnn_of_mixed_versions(tmp_path: Path) -> None:
    old = {"libQnnHtpV75Stub.so": library("libQnnHtpV75Stub.so", ["AISW_VERSION: 2.25.1"], needed=[CDSP])}
    verdict = ort_qnn(tmp_path, placed(ORT_QNN | qnn(75) | old))
    assert any(note.startswith("2.25.1 and 2.37.0 are mixed") for note in verdict.notes)


def test_qnn_that_onnx_runtime_could_use_and_nobody_asks_for(tmp_path: Path) -> None:
    found = android(tmp_path, placed(onnx_runtime() | qnn(75)), declares=[CDSP])
    assert ("onnxruntime-qnn", ARM64) not in found
    assert found["qnn", ARM64].outcome is Outcome.UNASKED
    assert found["qnn", ARM64].size > 1000


def test_qnn_in_an_app_bundle_leaves_unpacking_open(tmp_path: Path) -> None:
    files = placed(ORT_QNN | qnn(75)) | {"assets/m.onnx": onnx_context()}
    assert bundle(tmp_path, files, declares=[CDSP])["onnxruntime-qnn", ARM64].outcome is WORKS
    packed = bundle(tmp_path, files, declares=[CDSP], extract=False)["onnxruntime-qnn", ARM64]
    assert packed.outcome is MISSING


def test_qnn_in_a_split_set(tmp_path: Path) -> None:
    base = apk({"assets/m.onnx": onnx_context()})
    split = apk(placed(ORT_QNN | qnn(stubs=[75])), split="config.arm64_v8a")
    (tmp_path / "app.apks").write_bytes(zipped({"base.apk": base, "split_config.arm64_v8a.apk": split}))
    found = {item.accelerator: item for item in judged(tmp_path / "app.apks")}
    assert found["onnxruntime-qnn"].outcome is MISSING
    (tmp_path / "base.apk").write_bytes(base)
    alone = {item.accelerator: item for item in judged(tmp_path / "base.apk")}
    assert alone["onnxruntime-qnn"].outcome is Outcome.UNKNOWN, "the libraries are in another split"


# --- QNN under other engines, SNPE, the old delegate ------------------------------------------------------------------

EXECUTORCH = {
    "libexecutorch.so": library("libexecutorch.so", ["N10executorch7runtime", "Backend %s is not registered."])
}
ET_QNN = {
    "libqnn_executorch_backend.so": library("libqnn_executorch_backend.so", ["QnnInterface_getProviders", "libQnn"])
}


def test_executorch_program_for_qnn(tmp_path: Path) -> None:
    model = {"assets/m.pte": pte("QnnBackend")}
    settings: dict[str, Any] = {"declares": [CDSP], "extract": True}
    good = android(tmp_path, placed(EXECUTORCH | ET_QNN | qnn(75, prepare=False)) | model, **settings)
    assert good["executorch-qnn", ARM64].outcome is WORKS
    assert ("qnn", ARM64) not in good, "one request, one verdict"
    bare = android(tmp_path, placed(EXECUTORCH) | model, **settings)["executorch-qnn", ARM64]
    assert bare.outcome is MISSING
    assert bare.missing[0] == "libqnn_executorch_backend.so"
    assert "not registered" in bare.consequence
    half = android(tmp_path, placed(EXECUTORCH | ET_QNN | qnn(stubs=[75])) | model, **settings)
    assert half["executorch-qnn", ARM64].missing == ("libQnnHtpV75Skel.so",)


@pytest.mark.parametrize(
    ("backend", "accelerator", "plugin"),
    [
        ("VulkanBackend", "executorch-vulkan", "libvulkan_executorch_backend.so"),
        ("XnnpackBackend", "executorch-xnnpack", "libxnnpack_executorch_backend.so"),
    ],
)
def test_executorch_program_for_a_back_end_in_a_library_of_its_own(
    tmp_path: Path, backend: str, accelerator: str, plugin: str
) -> None:
    model = {"assets/m.pte": pte(backend)}
    good = android(tmp_path, placed(EXECUTORCH | {plugin: library(plugin)}) | model)[accelerator, ARM64]
    assert good.outcome is WORKS
    bad = android(tmp_path, placed(EXECUTORCH) | model)[accelerator, ARM64]
    assert (bad.outcome, bad.missing) == (MISSING, (plugin,))


def test_executorch_program_for_mediatek_and_samsung(tmp_path: Path) -> None:
    neuron = {name: library(name) for name in ("libneuron_backend.so", "libneuron_buffer_allocator.so")}
    files = placed(EXECUTORCH | neuron) | {"assets/m.pte": pte("NeuropilotBackend")}
    good = android(tmp_path, files, declares=["libneuronusdk_adapter.mtk.so"])["executorch-neuron", ARM64]
    assert good.outcome is WORKS
    bad = android(tmp_path, files)["executorch-neuron", ARM64]
    assert bad.missing == ("libneuronusdk_adapter.mtk.so",)
    enn = android(tmp_path, placed(EXECUTORCH) | {"assets/m.pte": pte("EnnBackend")})["executorch-enn", ARM64]
    assert enn.outcome is MISSING


def test_qnn_delegate_of_tensorflow_lite(tmp_path: Path) -> None:
    delegate = {"libQnnTFLiteDelegate.so": library("libQnnTFLiteDelegate.so", exports=["TfLiteQnnDelegateCreate"])}
    settings: dict[str, Any] = {"java": ["com.qualcomm.qti.QnnDelegate"], "declares": [CDSP], "extract": True}
    good = android(tmp_path, placed(tflite_runtime() | delegate | qnn(75)), **settings)
    assert good["tflite-qnn-delegate", ARM64].outcome is WORKS
    bad = android(tmp_path, placed(tflite_runtime() | delegate | qnn(stubs=[75])), **settings)
    assert bad["tflite-qnn-delegate", ARM64].missing == ("libQnnHtpV75Skel.so",)


LITERT = {"libLiteRt.so": library("libLiteRt.so", exports=["LiteRtCreateEnvironment", "LiteRtCreateCompiledModel"])}


def dispatch(maker: str) -> dict[str, bytes]:
    name = f"libLiteRtDispatch_{maker}.so"
    return {name: library(name, exports=["LiteRtDispatchGetApi"])}


def test_litert_dispatch_library_without_the_chip_makers(tmp_path: Path) -> None:
    found = android(tmp_path, placed(LITERT | dispatch("Qualcomm")), declares=[CDSP], extract=True)
    verdict = found["litert-npu-qualcomm", ARM64]
    assert verdict.outcome is MISSING
    assert set(verdict.missing) == {"libQnnHtp.so", "libQnnSystem.so", "libQnnHtpV*Skel.so"}
    assert ("litert-npu", ARM64) not in found
    files = placed(LITERT | dispatch("Qualcomm") | qnn(75))
    assert android(tmp_path, files, declares=[CDSP], extract=True)["litert-npu-qualcomm", ARM64].outcome is WORKS
    packed = android(tmp_path, files, declares=[CDSP], extract=False)["litert-npu-qualcomm", ARM64]
    assert "libLiteRtDispatch_Qualcomm.so as a file" in packed.missing


@pytest.mark.parametrize(
    ("maker", "accelerator", "system"),
    [
        ("MediaTek", "litert-npu-mediatek", "libneuronusdk_adapter.mtk.so"),
        ("GoogleTensor", "litert-npu-google-tensor", "libedgetpu_litert.so"),
    ],
)
def test_litert_on_npus_whose_libraries_the_phone_has(
    tmp_path: Path, maker: str, accelerator: str, system: str
) -> None:
    files = placed(LITERT | dispatch(maker))
    assert android(tmp_path, files, declares=[system], extract=True)[accelerator, ARM64].outcome is SYSTEM
    assert android(tmp_path, files, extract=True)[accelerator, ARM64].outcome is MISSING


def test_litert_model_compiled_for_an_npu(tmp_path: Path) -> None:
    found = android(tmp_path, placed(LITERT) | {"assets/m.tflite": tflite_custom("DISPATCH_OP")})
    verdict = found["litert-npu", ARM64]
    assert (verdict.outcome, verdict.missing) == (MISSING, ("libLiteRtDispatch_*.so",))


def test_litert_gpu_cannot_be_seen(tmp_path: Path) -> None:
    accelerator = {"libLiteRtClGlAccelerator.so": library("libLiteRtClGlAccelerator.so")}
    found = android(tmp_path, placed(LITERT | accelerator), declares=["libOpenCL.so"])
    assert found["litert-gpu", ARM64].outcome is Outcome.UNKNOWN


def test_snpe(tmp_path: Path) -> None:
    engine = {"libSNPE.so": library("libSNPE.so", exports=["Snpe_SNPEBuilder_Build"])}
    stub = {"libSnpeHtpV73Stub.so": library("libSnpeHtpV73Stub.so", needed=[CDSP])}
    settings: dict[str, Any] = {"java": ["com.qualcomm.qti.snpe.SNPE"], "declares": [CDSP], "extract": True}
    dsp = {"libSnpeHtpV73Skel.so": skel("libSnpeHtpV73Skel.so")}
    good = android(tmp_path, placed(engine | stub | dsp), **settings)["snpe", ARM64]
    assert (good.outcome, good.phones) == (WORKS, ("Snapdragon 8 Gen 2 (V73)",))
    bad = android(tmp_path, placed(engine | stub), **settings)["snpe", ARM64]
    assert (bad.outcome, bad.missing) == (MISSING, ("libSnpe*V73Skel.so",))
    app = {"libapp.so": library("libapp.so", needed=["libSNPE.so"])}
    linked = android(tmp_path, placed(app), declares=[CDSP])["snpe", ARM64]
    assert linked.missing[0] == "libSNPE.so"


def test_hexagon_delegate(tmp_path: Path) -> None:
    names = ("libtensorflowlite_hexagon_jni.so", "libhexagon_interface.so")
    delegate = tflite_runtime() | {name: library(name) for name in names}
    skels = {"libhexagon_nn_skel_v66.so": skel("libhexagon_nn_skel_v66.so")}
    java = ["org.tensorflow.lite.HexagonDelegate"]
    good = android(tmp_path, placed(delegate | skels), java=java, extract=True)["tflite-hexagon-delegate", ARM64]
    assert good.outcome is WORKS
    bad = android(tmp_path, placed(delegate), java=java, extract=True)["tflite-hexagon-delegate", ARM64]
    assert (bad.outcome, bad.missing) == (MISSING, ("libhexagon_nn_skel*.so",))
    packed = android(tmp_path, placed(delegate | skels), java=java, extract=False)["tflite-hexagon-delegate", ARM64]
    assert packed.missing == ("libhexagon_nn_skel_v66.so as a file",)
    wasted = android(tmp_path, placed(tflite_runtime() | skels))["tflite-hexagon-delegate", ARM64]
    assert wasted.outcome is Outcome.UNASKED


# --- llama.cpp, MNN, ncnn ---------------------------------------------------------------------------------------------


def test_llama_cpp_on_hexagon(tmp_path: Path) -> None:
    engine = {
        "librnllama.so": library("librnllama.so", ["llama_model_load", "libggml-htp-v%u.so", "ggml_backend_load"])
    }
    kernels = {f"assets/libggml-htp-v{n}.so": skel(f"libggml-htp-v{n}.so") for n in (75, 79)}
    good = android(tmp_path, placed(engine) | kernels, declares=[CDSP], extract=False)["ggml-hexagon", ARM64]
    assert (good.outcome, good.phones) == (WORKS, ("Snapdragon 8 Gen 3 (V75)", "Snapdragon 8 Elite (V79)"))
    bare = android(tmp_path, placed(engine), declares=[CDSP])["ggml-hexagon", ARM64]
    assert (bare.outcome, bare.missing) == (MISSING, ("libggml-htp-v*.so",))
    hidden = android(tmp_path, placed(engine) | kernels)["ggml-hexagon", ARM64]
    assert hidden.missing == (f"<uses-native-library> {CDSP}",)
    engine = {"librnllama.so": library("librnllama.so", ["llama_model_load"])}
    wasted = android(tmp_path, placed(engine) | kernels, declares=[CDSP])["ggml-hexagon", ARM64]
    assert wasted.outcome is Outcome.UNASKED


def test_llama_cpp_on_opencl_links_a_hidden_library(tmp_path: Path) -> None:
    name = "librnllama_opencl.so"
    files = placed({name: library(name, ["ggml-opencl/ggml-opencl.cpp"], needed=["libOpenCL.so"])})
    bad = android(tmp_path, files)["ggml-opencl", ARM64]
    assert (bad.outcome, bad.missing) == (MISSING, ("<uses-native-library> libOpenCL.so",))
    assert android(tmp_path, files, declares=["libOpenCL.so"])["ggml-opencl", ARM64].outcome is WORKS
    assert android(tmp_path, files, target=30)["ggml-opencl", ARM64].outcome is WORKS
    (tmp_path / "damaged.apk").write_bytes(apk(files, manifest=b"no manifest"))
    damaged = next(item for item in judged(tmp_path / "damaged.apk") if item.accelerator == "ggml-opencl")
    assert damaged.outcome is WORKS
    assert "No target version could be read" in damaged.notes[0]


MNN = {"libMNN.so": library("libMNN.so", exports=["_ZN3MNN11Interpreter14createFromFileEPKc"])}


def test_mnn_requests_are_numbers(tmp_path: Path) -> None:
    files = placed(MNN | {"libMNN_CL.so": library("libMNN_CL.so", needed=["libMNN.so"])})
    assert android(tmp_path, files, declares=["libOpenCL.so"])["mnn-opencl", ARM64].outcome is Outcome.UNKNOWN
    hidden = android(tmp_path, files)["mnn-opencl", ARM64]
    assert hidden.outcome is MISSING, "it can never work, whoever asks"
    assert "Android 12 hides OpenCL" in hidden.consequence
    vulkan = placed(MNN | {"libMNN_Vulkan.so": library("libMNN_Vulkan.so")})
    assert android(tmp_path, vulkan)["mnn-vulkan", ARM64].outcome is Outcome.UNKNOWN


def test_mnn_on_huaweis_npu(tmp_path: Path) -> None:
    npu = {"libMNN_NPU.so": library("libMNN_NPU.so", needed=["libMNN.so", "libhiai.so"])}
    bad = android(tmp_path, placed(MNN | npu))["mnn-npu", ARM64]
    assert bad.missing == ("libhiai.so", "libhiai_ir.so")
    ddk = {name: library(name) for name in ("libhiai.so", "libhiai_ir.so", "libhiai_ir_build.so")}
    found = android(tmp_path, placed(MNN | npu | ddk))
    assert found["mnn-npu", ARM64].outcome is WORKS
    assert ("hiai", ARM64) not in found


def test_hiai_linked_by_an_engine(tmp_path: Path) -> None:
    name = "libpaddle_light_api_shared.so"
    engine = {name: library(name, needed=["libhiai.so", "libhiai_ir.so"])}
    verdict = android(tmp_path, placed(engine))["hiai", ARM64]
    assert (verdict.outcome, verdict.missing) == (MISSING, ("libhiai.so",))


def test_ncnn_on_vulkan(tmp_path: Path) -> None:
    app = {"libapp.so": library("libapp.so", needed=["libncnn.so"], imports=["_ZN4ncnn19create_gpu_instanceEPKc"])}
    gpu = {"libncnn.so": library("libncnn.so", exports=["_ZN4ncnn3NetC1Ev", "_ZN4ncnn19create_gpu_instanceEPKc"])}
    cpu = {"libncnn.so": library("libncnn.so", exports=["_ZN4ncnn3NetC1Ev"])}
    assert android(tmp_path, placed(app | gpu))["ncnn-vulkan", ARM64].outcome is WORKS
    assert android(tmp_path, placed(app | cpu))["ncnn-vulkan", ARM64].outcome is MISSING
    name = "libyolo.so"
    static = {name: library(name, ["N4ncnn5LayerE", "N4ncnn12VulkanDeviceE", "N4ncnn11VkAllocatorE"])}
    assert android(tmp_path, placed(static))["ncnn-vulkan", ARM64].outcome is Outcome.UNKNOWN


# --- others -----------------------------------------------------------------------------------------------------------


def test_models_with_operators_of_tensorflow(tmp_path: Path) -> None:
    model = {"assets/m.tflite": tflite_custom("FlexErf")}
    bad = android(tmp_path, placed(tflite_runtime()) | model)["tflite-select-ops", ARM64]
    assert (bad.outcome, bad.missing) == (MISSING, ("libtensorflowlite_flex_jni.so",))
    assert bad.asked[0].value == "FlexErf"
    flex = {"libtensorflowlite_flex_jni.so": library("libtensorflowlite_flex_jni.so")}
    assert android(tmp_path, placed(tflite_runtime() | flex) | model)["tflite-select-ops", ARM64].outcome is WORKS
    wasted = android(tmp_path, placed(tflite_runtime() | flex))["tflite-select-ops", ARM64]
    assert wasted.outcome is Outcome.UNASKED


def test_models_for_an_edge_tpu(tmp_path: Path) -> None:
    model = {"assets/m.tflite": tflite_custom("edgetpu-custom-op")}
    assert android(tmp_path, placed(tflite_runtime()) | model)["edgetpu", ARM64].outcome is MISSING
    runtime = {"libedgetpu.so": library("libedgetpu.so", exports=["edgetpu_create_delegate"])}
    assert android(tmp_path, placed(tflite_runtime() | runtime) | model)["edgetpu", ARM64].outcome is WORKS


def test_xnnpack_is_used_unasked(tmp_path: Path) -> None:
    assert android(tmp_path, placed(tflite_runtime()))["xnnpack", ARM64].outcome is WORKS


def test_rockchip_library_that_is_linked_and_missing(tmp_path: Path) -> None:
    files = placed({"libapp.so": library("libapp.so", needed=["librknnrt.so"])})
    assert android(tmp_path, files)["rknn", ARM64].outcome is MISSING


def test_samsung_libraries_must_be_asked_of_the_phone(tmp_path: Path) -> None:
    files = placed({"libapp.so": library("libapp.so", needed=["libenn_public_api_cpp.so"])})
    assert android(tmp_path, files)["samsung-enn", ARM64].outcome is MISSING
    assert android(tmp_path, files, declares=["libenn_public_api_cpp.so"])["samsung-enn", ARM64].outcome is SYSTEM


def test_other_processors_are_left_alone(tmp_path: Path) -> None:
    files = placed(onnx_runtime("QNNExecutionProvider"), "lib/x86_64") | {"assets/m.onnx": onnx_context()}
    assert not any(name == "onnxruntime-qnn" for name, _ in android(tmp_path, files))
    files = placed(tflite_runtime(ARM), "lib/armeabi-v7a")
    found = android(tmp_path, files, java=["org.tensorflow.lite.gpu.GpuDelegate"])
    assert {abi for _, abi in found} == {"armeabi-v7a"}


def test_an_app_without_any_of_it(tmp_path: Path) -> None:
    files = placed({"libapp.so": library("libapp.so", ["QNN", "NNAPI is not available"], needed=["libc.so"])})
    assert android(tmp_path, files, java=["com.example.Main"], declares=["libOpenCL.so"]) == {}


def test_an_archive_library_is_finished_by_others(tmp_path: Path) -> None:
    text = '<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="com.example"/>'
    files = {
        "AndroidManifest.xml": text.encode(),
        "R.txt": b"",
        "classes.jar": zipped({"a/B.class": b"\xca\xfe\xba\xbe\0\0\0\x34"}),
    }
    jni = placed(tflite_runtime() | {"libapp.so": library("libapp.so", ["TfLiteGpuDelegateV2Create"])}, "jni/arm64-v8a")
    (tmp_path / "x.aar").write_bytes(zipped(files | jni))
    found = {item.accelerator: item for item in judged(tmp_path / "x.aar")}
    assert found["tflite-gpu-delegate"].outcome is Outcome.UNKNOWN
    assert found["tflite-gpu-delegate"].missing == (GPU_LIBRARY,)


# --- iOS --------------------------------------------------------------------------------------------------------------

_COREML = ("/System/Library/Frameworks/CoreML.framework/CoreML", (1, 0, 0), 0xC)


def test_core_ml(tmp_path: Path) -> None:
    found = apple(tmp_path, {"Frameworks/A.framework/A": build_macho(dylibs=[_COREML])})
    assert found["coreml", None].outcome is SYSTEM


def test_core_ml_delegate_of_tensorflow_lite(tmp_path: Path) -> None:
    script = {"main.jsbundle": b"var m=loadTensorflowModel(require('x'),['core-ml']);" * 4}
    lite = {"Frameworks/TensorFlowLiteC.framework/TensorFlowLiteC": build_macho(exports=["_TfLiteInterpreterCreate"])}
    delegate = build_macho(
        install_name="@rpath/TensorFlowLiteCCoreML.framework/TensorFlowLiteCCoreML",
        exports=["_TfLiteCoreMlDelegateCreate"], dylibs=[_COREML],
    )  # fmt: skip
    framework = {"Frameworks/TensorFlowLiteCCoreML.framework/TensorFlowLiteCCoreML": delegate}
    assert apple(tmp_path, lite | script)["tflite-coreml-delegate", None].outcome is MISSING
    found = apple(tmp_path, lite | script | framework)
    assert found["tflite-coreml-delegate", None].outcome is SYSTEM
    assert ("coreml", None) not in found
    assert apple(tmp_path, lite | framework)["tflite-coreml-delegate", None].outcome is Outcome.UNASKED


def test_executorch_on_ios(tmp_path: Path) -> None:
    runtime = b"\0".join([b"N10executorch7runtime", b"Backend %s is not registered."])
    plain = {"Frameworks/E.framework/E": build_macho(text=b"\0" + runtime + b"\0")}
    full = {"Frameworks/E.framework/E": build_macho(text=b"\0" + runtime + b"\0ETCoreMLModelManager\0")}
    model = {"m.pte": pte("CoreMLBackend")}
    assert apple(tmp_path, plain | model)["executorch-coreml", None].outcome is MISSING
    assert apple(tmp_path, full | model)["executorch-coreml", None].outcome is SYSTEM


# --- the table --------------------------------------------------------------------------------------------------------


def test_every_name_in_the_table_exists() -> None:
    clauses = {rule.id: {clause.name for clause in rule.match} for rule in load_rules().rules}
    for one in ACCELERATORS:
        parts = [label for part in one.parts for label in (*part.rules, *part.elsewhere)]
        for label in (*one.asks, *one.hints, *one.automatic, *one.engine, *one.within, *parts):
            rule, _, clause = label.partition("#")
            assert rule in clauses, f"{one.id}: no rule {rule}"
            assert not clause or clause in clauses[rule], f"{one.id}: no clause {label}"


def test_the_table_is_complete_and_in_order() -> None:
    ids = [one.id for one in ACCELERATORS]
    assert len(ids) == len(set(ids))
    for at, one in enumerate(ACCELERATORS):
        assert one.sources, one.id
        assert all(re.fullmatch(r"https://\S+", source) for source in one.sources), one.id
        earlier = {other.id for other in ACCELERATORS[:at]}
        assert earlier.issuperset(one.unless), f"{one.id} gives way to accelerators that are judged later"
        assert one.asks or one.hints or one.automatic or one.models or one.needed, f"{one.id} can never be asked for"
        assert one.platform in (Platform.ANDROID, Platform.IOS)
        for part in one.parts:
            assert part.files or part.rules or part.system, one.id
            assert part.without.endswith("."), part.without
            assert part.advice.endswith("."), part.advice
