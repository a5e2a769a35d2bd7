"""Stand-ins for runtimes: small shared libraries that carry a runtime's public marks, and the classes of its bindings.

They hold no code of the runtimes. Names of exported functions and messages are the public ones: what a linker or a
``strings`` run shows of the published builds, taken down by hand from the sources and builds named beside each.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from examples.builders import elf
from examples.builders.dex import build_dex

ARM64, ARM32 = "arm64-v8a", "armeabi-v7a"


@dataclass(frozen=True, slots=True, kw_only=True)
class Library:
    """What a shared library shows from outside."""

    soname: str
    exports: tuple[str, ...] = ()
    getters: Mapping[str, str] = field(default_factory=dict)
    """Exported functions that return a version."""
    imports: tuple[str, ...] = ()
    needed: tuple[str, ...] = ("liblog.so", "libm.so", "libdl.so", "libc.so")
    strings: tuple[str, ...] = ()
    symbol_version: str = ""
    data: bytes = b""

    def build(self, abi: str = ARM64) -> bytes:
        """The ELF image for `abi`, with an NDK note, a compiler comment and a build id."""
        marks = b"".join(item.encode() + b"\0" for item in self.strings)
        contents = elf.Contents(
            soname=self.soname,
            needed=self.needed,
            imports=self.imports,
            exports=tuple(sorted({*self.exports, *self.getters})),
            getters=self.getters,
            version=self.symbol_version,
            rodata=marks,
            data=self.data,
            comment=b"Android (12027248, +pgo, +bolt, +lto) clang version 18.0.1\0",
            build_id=hashlib.sha1(f"{self.soname} {abi}".encode(), usedforsecurity=False).digest(),
        )
        return elf.build_elf(contents, elf.ARM64 if abi == ARM64 else elf.ARM32)

    def with_data(self, data: bytes) -> Library:
        """The same library with `data` in its data section."""
        return replace(self, data=data)


TFLITE_JNI = Library(
    soname="libtensorflowlite_jni.so",
    # https://github.com/tensorflow/tensorflow/tree/v2.16.1/tensorflow/lite/java/src/main/native and lite/c/c_api.h
    exports=(
        "JNI_OnLoad",
        "Java_org_tensorflow_lite_InterpreterFactoryImpl_nativeRuntimeVersion",
        "Java_org_tensorflow_lite_InterpreterFactoryImpl_nativeSchemaVersion",
        "Java_org_tensorflow_lite_NativeInterpreterWrapper_allocateTensors",
        "Java_org_tensorflow_lite_NativeInterpreterWrapper_createInterpreter",
        "Java_org_tensorflow_lite_NativeInterpreterWrapper_createModelWithBuffer",
        "Java_org_tensorflow_lite_NativeInterpreterWrapper_run",
        "Java_org_tensorflow_lite_TensorFlowLite_nativeDoNothing",
        "TfLiteInterpreterCreate",
        "TfLiteInterpreterInvoke",
        "TfLiteModelCreate",
        "TfLiteModelCreateFromFile",
        "TfLiteXNNPackDelegateCreate",
    ),
    getters={"TfLiteVersion": "2.16.1"},
    strings=(
        "Created TensorFlow Lite XNNPACK delegate for CPU.",
        "Initialized TensorFlow Lite runtime.",
        (
            "Didn't find op for builtin opcode '%s' version '%d'. An older version of this builtin might be supported. "
            "Are you using an old TFLite binary with a newer model?"
        ),
        "AllocateTensors() called on inconsistent model.",
        "Failed to apply the default TensorFlow Lite delegate indexed at %zu.",
        "unsupported datatype (%s) of tensor %d in XNNPACK delegate",
        "N6tflite11InterpreterE",
        "N6tflite8SubgraphE",
    ),
)

PHOTO_NATIVE = Library(
    soname="libphotostudio.so",
    # ncnn is linked statically, as its users do: https://github.com/Tencent/ncnn (src/net.cpp, src/modelbin.cpp)
    exports=(
        "JNI_OnLoad",
        "Java_com_example_photostudio_Segmenter_nativeLoad",
        "Java_com_example_photostudio_Segmenter_nativeRun",
        "_ZN4ncnn3Net10load_modelEPKc",
        "_ZN4ncnn3Net10load_paramEPKc",
        "_ZN4ncnn9Extractor7extractEPKcRNS_3MatEi",
    ),
    getters={"ncnn_version": "1.0.20250503"},
    strings=(
        "param is too old, please regenerate",
        "find_blob_index_by_name %s failed",
        "layer %s not exists or registered",
        "N4ncnn3NetE",
        "N4ncnn5LayerE",
        "N4ncnn3MatE",
        "seg/segmenter.param",
        "seg/segmenter.bin",
    ),
    needed=("libjnigraphics.so", "libandroid.so", "liblog.so", "libm.so", "libdl.so", "libc.so"),
)

LLAMA = Library(
    soname="libllama.so",
    # https://github.com/ggml-org/llama.cpp (include/llama.h, src/llama-model-loader.cpp)
    exports=(
        "llama_backend_init",
        "llama_decode",
        "llama_init_from_model",
        "llama_model_load_from_file",
        "llama_model_n_params",
        "llama_print_system_info",
        "llama_sampler_chain_init",
        "llama_tokenize",
    ),
    imports=("ggml_backend_dev_count", "ggml_backend_load", "gguf_init_from_file"),
    needed=("libggml.so", "libggml-base.so", "liblog.so", "libc.so"),
    strings=(
        "%s: loaded meta data with %d key-value pairs and %d tensors from %s (version %s)\n",
        "unknown model architecture: '",
        "llama-arch.cpp",
        "general.architecture",
        "tokenizer.ggml.model",
    ),
)

GGML = Library(
    soname="libggml-base.so",
    exports=("ggml_backend_load_best", "ggml_init", "ggml_mul_mat", "gguf_init_from_file"),
    getters={"ggml_version": "0.9.4"},
    strings=("GGML_ASSERT(%s) failed", "ggml-cpu.c", "ggml_backend_t", "%s: failed to open GGUF file '%s' (%s)"),
)

ONNXRUNTIME = Library(
    soname="libonnxruntime.so",
    # https://github.com/microsoft/onnxruntime (include/onnxruntime/core/session/onnxruntime_c_api.h)
    exports=(
        "OrtGetApiBase",
        "OrtSessionOptionsAppendExecutionProvider_CPU",
        "OrtSessionOptionsAppendExecutionProvider_Nnapi",
    ),
    symbol_version="VERS_1.22.0",
    strings=(
        "/onnxruntime_src/onnxruntime/core/session/inference_session.cc",
        "session.load_model_format",
        "N11onnxruntime16InferenceSessionE",
        "NnapiExecutionProvider",
        "1.22.0",
    ),
)

ONNXRUNTIME_JNI = Library(
    soname="libonnxruntime4j_jni.so",
    exports=("JNI_OnLoad", "Java_ai_onnxruntime_OnnxRuntime_initialiseAPIBase", "Java_ai_onnxruntime_OrtSession_run"),
    imports=("OrtGetApiBase",),
    needed=("libonnxruntime.so", "liblog.so", "libc.so"),
)

EXECUTORCH = Library(
    soname="libexecutorch.so",
    # https://github.com/pytorch/executorch (runtime/executor/program.cpp, extension/android/jni)
    exports=(
        "JNI_OnLoad",
        "_ZN10executorch7runtime12runtime_initEv",
        "_ZN10executorch7runtime16register_backendERKNS0_7BackendE",
        "_ZN10executorch7runtime6Method7executeEv",
        "_ZN10executorch7runtime7Program4loadEPNS0_10DataLoaderENS1_12VerificationE",
    ),
    strings=(
        "Program identifier '%.4s' != expected '%.4s'",
        "Missing operator: [%zd] %s",
        "N10executorch7runtime10DataLoaderE",
        "XnnpackBackend",
        "org/pytorch/executorch/Module",
    ),
)

PYTORCH_LITE = Library(
    soname="libpytorch_jni_lite.so",
    # https://github.com/pytorch/pytorch/tree/v1.13.1/android/pytorch_android/src/main/cpp
    exports=(
        "JNI_OnLoad",
        "_ZN5torch3jit16_load_for_mobileERKNSt6__ndk112basic_stringIcNS1_11char_traitsIcEENS1_9allocatorIcEEEE",
    ),
    strings=("org/pytorch/LiteNativePeer", "bytecode.pkl", "_load_for_mobile", "N5torch3jit6mobile6ModuleE"),
    needed=("libfbjni.so", "liblog.so", "libm.so", "libdl.so", "libc.so"),
)

MNN = Library(
    soname="libMNN.so",
    # https://github.com/alibaba/MNN (include/MNN/Interpreter.hpp)
    exports=(
        "_ZN3MNN11Interpreter13createSessionERKNS_14ScheduleConfigE",
        "_ZN3MNN11Interpreter14createFromFileEPKc",
        "_ZNK3MNN11Interpreter10runSessionEPNS_7SessionE",
    ),
    getters={"_ZN3MNN10getVersionEv": "3.2.0"},
    strings=("The device supports: i8sdot:%d, fp16:%d, i8mm: %d, sve2: %d, sme2: %d", "N3MNN11InterpreterE"),
)

CRYPTO = Library(
    soname="libvault.so",
    exports=("JNI_OnLoad", "Java_com_example_vault_ModelLoader_openModel"),
    imports=("AAssetManager_open", "TfLiteModelCreate", "TfLiteInterpreterCreate"),
    needed=("libtensorflowlite_jni.so", "libandroid.so", "liblog.so", "libc.so"),
    strings=("models/core.bin", "models/face.tflite.enc", "model key rejected", "AES-128-CTR", "decrypt_model"),
)

TFLITE_CLASSES = (
    "org.tensorflow.lite.DataType",
    "org.tensorflow.lite.Interpreter",
    "org.tensorflow.lite.InterpreterApi",
    "org.tensorflow.lite.InterpreterFactoryImpl",
    "org.tensorflow.lite.NativeInterpreterWrapper",
    "org.tensorflow.lite.Tensor",
    "org.tensorflow.lite.TensorFlowLite",
)
ORT_CLASSES = ("ai.onnxruntime.OnnxTensor", "ai.onnxruntime.OrtEnvironment", "ai.onnxruntime.OrtSession")
EXECUTORCH_CLASSES = ("org.pytorch.executorch.EValue", "org.pytorch.executorch.Module", "org.pytorch.executorch.Tensor")
PYTORCH_CLASSES = (
    "org.pytorch.IValue",
    "org.pytorch.LiteModuleLoader",
    "org.pytorch.LiteNativePeer",
    "org.pytorch.Module",
)
KOTLIN_CLASSES = ("kotlin.Unit", "kotlin.coroutines.Continuation", "androidx.appcompat.app.AppCompatActivity")


def dex(
    defined: tuple[str, ...],
    *,
    referenced: tuple[str, ...] = (),
    methods: tuple[tuple[str, str], ...] = (),
    strings: tuple[str, ...] = (),
) -> bytes:
    """A dex file from dotted class names; `methods` are pairs of class and method that the code calls."""
    return build_dex(
        defined=map(descriptor, (*defined, *KOTLIN_CLASSES)),
        referenced=map(descriptor, referenced),
        methods=((descriptor(owner), name) for owner, name in methods),
        strings=strings,
    )


def descriptor(name: str) -> str:
    """``a.b.C`` as the dex format writes it: ``La/b/C;``."""
    return f"L{name.replace('.', '/')};"
