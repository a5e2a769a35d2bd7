"""What runtimes and SDKs put into the made-up apps: libraries at about an eighth of their real size, classes, marks."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from examples.builders import stubs
from examples.builders.parts import Part, part

_FILLING: Final = random.Random(3).randbytes(1 << 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One runtime, SDK or service, as it shows in a package."""

    libraries: tuple[tuple[stubs.Library, int], ...] = ()
    """Each with the bytes it is filled up with."""
    classes: tuple[str, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()
    strings: tuple[str, ...] = ()


def _tflite(version: str) -> stubs.Library:
    delegate = ("TfLiteNnapiDelegateCreate",) if version < "2.17" else ()
    old = stubs.TFLITE_JNI
    return replace(old, getters={"TfLiteVersion": version}, exports=(*old.exports, *delegate))


def _onnxruntime(version: str) -> stubs.Library:
    old = stubs.ONNXRUNTIME
    return replace(old, symbol_version=f"VERS_{version}", strings=(*old.strings[:-1], version))


_GPU = stubs.Library(
    soname="libtensorflowlite_gpu_jni.so",
    exports=("JNI_OnLoad", "Java_org_tensorflow_lite_gpu_GpuDelegate_createDelegate", "TfLiteGpuDelegateV2Create"),
    strings=("Initialized OpenCL-based API.", "N6tflite3gpu2cl13InferenceContextE"),
)
_FACES = stubs.Library(
    soname="libface_detector_v2_jni.so",
    exports=("JNI_OnLoad", "Java_com_google_android_gms_vision_face_FaceDetectorV2Jni_createDetectorNative"),
    strings=("FaceDetectorV2Jni", "fssd_medium_8bit_v5.tflite"),
)
_NCNN = stubs.Library(
    soname="libncnn.so",
    exports=(
        "ncnn_net_create",
        "ncnn_extractor_extract",
        "_ZN4ncnn3Net10load_modelEPKc",
        "_ZN4ncnn3Net10load_paramEPKc",
    ),
    getters={"ncnn_version": "1.0.20250503"},
    strings=stubs.PHOTO_NATIVE.strings[:6],
)

ENGINES: Mapping[str, Engine] = {
    **{
        f"tflite {version}": Engine(
            libraries=((_tflite(version), 430_000),),
            classes=stubs.TFLITE_CLASSES,
            calls=(("org.tensorflow.lite.Interpreter", "run"),),
        )
        for version in ("2.8.0", "2.14.0", "2.16.1", "2.17.0")
    },
    **{
        f"onnxruntime {version}": Engine(
            libraries=((_onnxruntime(version), 1_700_000), (stubs.ONNXRUNTIME_JNI, 20_000)), classes=stubs.ORT_CLASSES
        )
        for version in ("1.17.1", "1.20.0", "1.22.0")
    },
    "tflite-gpu": Engine(libraries=((_GPU, 260_000),), classes=("org.tensorflow.lite.gpu.GpuDelegate",)),
    "ncnn": Engine(libraries=((_NCNN, 700_000),)),
    "mnn": Engine(libraries=((stubs.MNN, 350_000),)),
    "executorch": Engine(libraries=((stubs.EXECUTORCH, 600_000),), classes=stubs.EXECUTORCH_CLASSES),
    "pytorch": Engine(libraries=((stubs.PYTORCH_LITE, 1_400_000),), classes=stubs.PYTORCH_CLASSES),
    "llama": Engine(libraries=((stubs.LLAMA, 300_000), (stubs.GGML, 150_000))),
    "mlkit-faces": Engine(
        libraries=((_FACES, 800_000),),
        classes=("com.google.mlkit.vision.face.internal.FaceRegistrar",),
        calls=(("com.google.mlkit.vision.face.FaceDetection", "getClient"),),
    ),
    "mlkit-faces-thin": Engine(
        classes=("com.google.mlkit.vision.face.internal.FaceRegistrar",),
        calls=(("com.google.mlkit.vision.face.FaceDetection", "getClient"),),
    ),
    "mlkit-text-thin": Engine(classes=("com.google.mlkit.vision.text.internal.TextRegistrar",)),
    "mlkit-pose": Engine(classes=("com.google.mlkit.vision.pose.PoseDetector",)),
    "card-scan": Engine(
        classes=("com.getbouncer.cardscan.base.ScanActivityImpl", "com.getbouncer.cardscan.base.SSDDetect")
    ),
    "aicore": Engine(classes=("com.google.ai.edge.aicore.GenerativeModel",)),
    "openai": Engine(strings=("https://api.openai.com/v1/chat/completions", "gpt-4o-mini")),
    "gemini": Engine(classes=("com.google.ai.client.generativeai.GenerativeModel",)),
    "google-vision": Engine(strings=("https://vision.googleapis.com/v1/images:annotate",)),
    "azure-speech": Engine(classes=("com.microsoft.cognitiveservices.speech.SpeechRecognizer",)),
    "cipher": Engine(libraries=((stubs.CRYPTO, 90_000),), calls=(("javax.crypto.Cipher", "doFinal"),)),
}
"""By name, and version where several are about. Real ones are described at the stubs."""


@cache
def libraries(engine: str, abi: str) -> tuple[Part, ...]:
    """The native libraries of an engine, stored as app bundles store them."""
    return tuple(
        part(f"lib/{abi}/{library.soname}", library.with_data(_filling(size)).build(abi), packed=False)
        for library, size in ENGINES[engine].libraries
    )


def _filling(size: int) -> bytes:
    return (_FILLING * (size // len(_FILLING) + 1))[:size]


@cache
def code(engines: tuple[str, ...], package_id: str) -> Part:
    """The dex file of an app with these engines."""
    chosen = [ENGINES[name] for name in engines]
    own = tuple(f"{package_id}.{name}" for name in ("MainActivity", "App", "settings.SettingsActivity", "net.Api"))
    data = stubs.dex(
        own + tuple(dict.fromkeys(name for item in chosen for name in item.classes)),
        methods=tuple(dict.fromkeys(call for item in chosen for call in item.calls)),
        strings=tuple(text for item in chosen for text in item.strings),
    )
    return part("classes.dex", data, packed=True)
