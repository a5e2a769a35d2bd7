"""Things that look like a technology and are not, and technologies that contain each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from nngauge.detect.ruleset import load_rules
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.technology import Grade, Technology
from nngauge.pipeline import Scanner
from tests.builders.dex import build_dex
from tests.builders.elf import ElfSpec, build_elf
from tests.builders.engines import graded, made_library
from tests.builders.packages import apk, zipped

RULES = load_rules()
RUNTIMES = Path(__file__).resolve().parents[3] / "corpus" / "runtimes"
"""Real libraries, unpacked by `python -m benchmarks.evaluation --fetch`."""
WORDS = (
    "tensorflow TensorFlow Lite org.tensorflow.lite onnxruntime ONNX Runtime ncnn MNN PyTorch torch caffe2 ExecuTorch "
    "mediapipe OpenCV llama.cpp whisper.cpp ggml mxnet xgboost dmlc tvm Core ML CoreML QNN XNNPACK ML Kit tesseract vosk"
)


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner()


def native(*strings: str, exports: Sequence[str] = (), soname: str = "libapp0.so", needed: Sequence[str] = ()) -> bytes:
    texts = b"\0".join([b"", *(text.encode() for text in strings), b""])
    return build_elf(ElfSpec(soname=soname, exports=tuple(exports), needed=tuple(needed), rodata=texts))


def example(technology: str, *strings: str) -> bytes:
    """A library of the technology (its rule's first native example), with more texts inside."""
    rule = RULES.by_id(technology)
    assert rule is not None
    facts = next(item.native for item in rule.example if item.native)
    return native(
        *facts.get("strings", ()), *strings, exports=facts.get("exports", ()), soname=facts.get("soname", "libapp0.so")
    )


def seen(scanner: Scanner, **files: bytes) -> Mapping[str, Technology]:
    """The technologies of an app; `lib_x` is a native library, `dex` Java code, the others are entries."""
    entries = {}
    for name, data in files.items():
        if name.startswith("lib_"):
            entries[f"lib/arm64-v8a/lib{name.removeprefix('lib_')}.so"] = data
        else:
            entries["classes2.dex" if name == "dex" else name] = data
    return graded(scanner, apk(entries))


def shipped(found: Mapping[str, Technology]) -> set[str]:
    return {item.id for item in found.values() if item.shipped and item.confidence is not Confidence.POSSIBLE}


def runtimes(found: Mapping[str, Technology]) -> set[str]:
    return {name for name in shipped(found) if found[name].category is Category.RUNTIME}


# --- mentions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "dex",
    [
        build_dex(
            referenced=["Landroid/view/textclassifier/TextClassifier;", "Landroid/view/textclassifier/TextLinks;"],
            methods=[("Landroid/view/textclassifier/TextClassificationManager;", "getTextClassifier")],
            defined=["Landroidx/core/view/textclassifier/Compat;"],
        ),
        build_dex(strings=WORDS.split(), defined=["Lcom/example/About;"]),
        build_dex(strings=[WORDS, "Apache License, TensorFlow Authors"], defined=["Lcom/example/Licences;"]),
        build_dex(defined=["Lcom/example/tensorflow/lite/Interpreters;", "Lorg/pytorchlike/Module;"]),
    ],
    ids=["text classifier", "words", "licence", "similar packages"],
)
def test_java_code_that_means_nothing(scanner: Scanner, dex: bytes) -> None:
    assert seen(scanner, dex=dex) == {}


@pytest.mark.parametrize(
    ("entry", "data"),
    [
        ("assets/licenses.txt", f"Licences\n\n{WORDS}\n".encode()),
        (
            "res/raw/third_party_licenses",
            b"TensorFlow\nCopyright 2019 The TensorFlow Authors. All rights reserved.\n" * 9,
        ),
        ("assets/open_source_licenses.html", f"<html><body><h1>Notices</h1><p>{WORDS}</p></body></html>".encode()),
        ("assets/www/blog.html", b"<html><script>var title='Why TensorFlow.js and onnxruntime-web?'</script></html>"),
        ("assets/flutter_assets/NOTICES", f"tflite_flutter\nonnxruntime\n{WORDS}\n".encode()),
        ("assets/index.android.bundle", b"\xc6\x1f\xbc\x03\xc1\x03\x19\x1f" + bytes(64) + WORDS.encode() + bytes(64)),
        ("assets/bin/Data/Managed/Metadata/global-metadata.dat", b"\xaf\x1b\xb1\xfa" + bytes(64) + WORDS.encode()),
        (
            "assets/dex_open_source.json",
            b'{"libraries":["org.tensorflow:tensorflow-lite:2.14.0","com.microsoft.onnxruntime"]}',
        ),
    ],
)
def test_words_in_other_files_mean_nothing(scanner: Scanner, entry: str, data: bytes) -> None:
    assert graded(scanner, apk({entry: data})) == {}


def test_words_in_native_code_mean_nothing(scanner: Scanner) -> None:
    """The licence screen of a game engine, and Dart code that only mentions."""
    assert seen(scanner, lib_app=native(WORDS, *WORDS.split(), soname="libapp.so")) == {}
    assert seen(scanner, lib_unity=native("Unity Sentis model viewer", WORDS, soname="libunity.so")) == {}


# --- names of others --------------------------------------------------------------------------------------------------


def test_onnx_runtime_names_its_providers(scanner: Scanner) -> None:
    library = example(
        "onnxruntime", "CoreMLExecutionProvider", "QNNExecutionProvider", "XnnpackExecutionProvider", "XNNPACK", "QNN",
        "NnapiExecutionProvider", "Core ML", "MLModel", "onnxruntime/core/providers/xnnpack",
    )  # fmt: skip
    found = seen(scanner, lib_onnxruntime=library)
    assert shipped(found) == {"onnxruntime"}


def test_tensorflow_lite_is_not_tensorflow(scanner: Scanner) -> None:
    lite = seen(scanner, lib_lite=example("tflite", "tensorflow/lite/kernels/conv.cc", "N10tensorflow6StatusE"))
    assert runtimes(lite) == {"tflite"}
    assert runtimes(seen(scanner, lib_tf=example("tensorflow"))) == {"tensorflow"}
    assert runtimes(seen(scanner, lib_tf=example("tensorflow-mobile", "N10tensorflow13DirectSessionE"))) == {
        "tensorflow-mobile"
    }


def test_the_children_of_pytorch(scanner: Scanner) -> None:
    torch = native("org/pytorch/NativePeer", "N5torch3jit6ModuleE", "N6caffe28TypeMetaE", "caffe2/core/net.cc")
    assert runtimes(seen(scanner, lib_torch=torch)) == {"pytorch-mobile"}
    pte = example("executorch", "torch/csrc/distributed/c10d", "c10::Error")
    assert runtimes(seen(scanner, lib_et=pte)) == {"executorch"}
    assert runtimes(seen(scanner, lib_c2=example("caffe2"))) == {"caffe2"}
    assert runtimes(seen(scanner, lib_caffe=native("N5caffe3NetIfEE", "caffe.NetParameter"))) <= {"caffe"}


def test_dmlc_is_shared(scanner: Scanner) -> None:
    xgboost = seen(scanner, lib_x=example("xgboost", "DMLC_LOG_DEBUG", "N4dmlc6StreamE", "dmlc-core"))
    assert shipped(xgboost) == {"xgboost"}
    assert shipped(seen(scanner, lib_m=example("mxnet", "N4dmlc6StreamE"))) == {"mxnet"}
    assert shipped(seen(scanner, lib_t=example("tvm", "N4dmlc6StreamE"))) == {"tvm"}


def test_opencv_with_and_without_dnn(scanner: Scanner) -> None:
    plain = native("General configuration for OpenCV 4.9.0 ====", "modules/imgproc/src/canny.cpp")
    assert shipped(seen(scanner, lib_cv=plain)) == {"opencv"}
    assert shipped(seen(scanner, lib_cv=native("General configuration for OpenCV", "N2cv3dnn14dnn4_v20231225", "cv::dnn::Net"))) == {
        "opencv", "opencv-dnn",
    }  # fmt: skip


# --- one inside the other ---------------------------------------------------------------------------------------------

INTERPRETER = ("not supported by this interpreter. Make sure you apply", "Encountered unresolved custom op: %s.")


@pytest.mark.parametrize(
    ("soname", "host"),
    [
        ("libface_detector_v2_jni.so", "mlkit-face-detection"),
        ("libbarhopper_v3.so", "mlkit-barcode"),
        ("libmlkit_google_ocr_pipeline.so", "mlkit-text-recognition"),
        ("liblanguage_id_jni.so", "mlkit-language-id"),
    ],
)
def test_ml_kit_contains_tensorflow_lite(scanner: Scanner, soname: str, host: str) -> None:
    found = seen(
        scanner, **{f"lib_{soname.removeprefix('lib').removesuffix('.so')}": native(*INTERPRETER, soname=soname)}
    )
    assert found[host].grade is Grade.LIBRARY
    assert (found["tflite"].grade, found["tflite"].host) == (Grade.EMBEDDED, host)


def test_ggml_nests(scanner: Scanner) -> None:
    llama = seen(
        scanner,
        lib_llama=example("llama-cpp", "GGML_ASSERT(%s) failed", "not enough space in the context's memory pool"),
    )
    assert (llama["ggml"].grade, llama["ggml"].host) == (Grade.EMBEDDED, "llama-cpp")
    whisper = seen(
        scanner, lib_w=example("whisper-cpp", "GGML_ASSERT(%s) failed", "not enough space in the context's memory pool")
    )
    assert (whisper["ggml"].host, "llama-cpp" in whisper) == ("whisper-cpp", False)
    picture = seen(scanner, lib_sd=example("stable-diffusion-cpp"))
    assert "stable-diffusion-cpp" in shipped(picture)
    assert {"llama-cpp", "whisper-cpp"}.isdisjoint(picture)
    apart = seen(scanner, lib_llama=example("llama-cpp"), lib_ggml=example("ggml"))
    assert (apart["ggml"].grade, apart["ggml"].host) == (Grade.LIBRARY, None)


def test_sherpa_onnx_contains_onnx_runtime(scanner: Scanner) -> None:
    found = seen(scanner, lib_sherpa=example("sherpa-onnx", "ORT Build Info: ", "session.disable_prepacking"))
    assert (found["onnxruntime"].grade, found["onnxruntime"].host) == (Grade.EMBEDDED, "sherpa-onnx")
    assert found["sherpa-onnx"].grade is Grade.LIBRARY


# --- engines without a library of their own ---------------------------------------------------------------------------


def test_unity_sentis_in_metadata(scanner: Scanner) -> None:
    metadata = b"\xaf\x1b\xb1\xfa" + bytes(64) + b"\0Unity.Sentis.dll\0Unity.Sentis\0ModelLoader\0" + bytes(64)
    found = graded(scanner, apk({"assets/bin/Data/Managed/Metadata/global-metadata.dat": metadata}))
    assert {name: item.grade for name, item in found.items()} == {"unity-sentis": Grade.DEFINED}
    assert found["unity-sentis"].shipped


def test_a_flutter_binding_needs_its_library(scanner: Scanner) -> None:
    code = native(
        "package:tflite_flutter/src/interpreter.dart", "_kDartIsolateSnapshotInstructions", soname="libapp.so"
    )
    alone = seen(scanner, lib_app=code)
    assert (alone["flutter-tflite"].grade, "tflite" in alone) == (Grade.DEAD, False)
    both = seen(scanner, lib_app=code, lib_tensorflowlite_c=example("tflite"))
    assert both["flutter-tflite"].dead is False
    assert runtimes(both) == {"tflite"}


def test_a_react_native_bundle_needs_its_library(scanner: Scanner) -> None:
    texts = b"\0__loadTensorflowModel\0react-native-fast-tflite\0useTensorflowModel\0"
    bundle = b"\xc6\x1f\xbc\x03\xc1\x03\x19\x1f" + bytes(64) + texts + bytes(64)
    alone = graded(scanner, apk({"assets/index.android.bundle": bundle}))
    assert alone["react-native-fast-tflite"].grade is Grade.DEAD
    both = graded(
        scanner,
        apk({"assets/index.android.bundle": bundle, "lib/arm64-v8a/libtensorflowlite_jni.so": example("tflite")}),
    )
    assert both["react-native-fast-tflite"].dead is False


def test_web_engines_need_no_library(scanner: Scanner) -> None:
    script = b"var a=function(){};'tflite_web_api_client_setWasmPath';'TFLiteWebModelRunner.create';"
    found = graded(scanner, apk({"assets/www/tf-tflite.min.js": script}))
    assert (found["tflite"].grade, found["tflite"].shipped) == (Grade.DEFINED, True)


def test_play_services_run_the_classes(scanner: Scanner) -> None:
    dex = build_dex(
        defined=["Lorg/tensorflow/lite/InterpreterFactoryImpl;", "Lcom/google/android/gms/tflite/java/TfLite;"]
    )
    found = seen(scanner, dex=dex)
    assert (found["tflite"].dead, found["tflite-play-services"].dead) == (False, False)


# --- real libraries ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("onnxruntime-1.22.0-*/**/libonnxruntime.so.*", {"onnxruntime"}),
        ("xgboost-2*/**/libxgboost.so", {"xgboost"}),
        ("npm-llama.rn-0.8.3/**/arm64-v8a/librnllama.so", {"llama-cpp", "ggml", "react-native-llama"}),
        ("apache_tvm-*/**/libtvm_runtime.so", {"tvm"}),
        ("npm-react-native-executorch-0.6.0/**/arm64-v8a/libexecutorch.so", {"executorch", "xnnpack"}),
        ("deb-libopencv-core406*/**/libopencv_core.so*", {"opencv"}),
        ("deb-libopencv-dnn406*/**/libopencv_dnn.so*", {"opencv", "opencv-dnn"}),
        ("vosk-0.3.45-*/**/libvosk.so", {"vosk", "kaldi"}),
    ],
)
def test_real_libraries_are_what_they_are(scanner: Scanner, pattern: str, allowed: set[str]) -> None:
    path = next((path for path in sorted(RUNTIMES.glob(pattern)) if path.is_file() and not path.is_symlink()), None)
    if path is None:
        pytest.skip(f"{pattern} is not unpacked beside the repository")
    found = graded(scanner, apk({f"lib/arm64-v8a/{path.name}": path.read_bytes()}))
    inside = {name for name, item in found.items() if item.presence in (Presence.LIBRARY, Presence.EMBEDDED)}
    counted = {name for name in inside if found[name].category is not Category.ACCELERATOR}
    assert counted
    assert counted <= allowed


def test_a_zip_in_assets_is_no_place_for_words(scanner: Scanner) -> None:
    assert graded(scanner, apk({"assets/docs.zip": zipped({"notice.txt": WORDS.encode()})})) == {}


def test_examples_are_made_from_rules() -> None:
    """Made-up libraries stand for real ones in CI: they must hold what the rule describes."""
    rule = RULES.by_id("ncnn")
    assert rule is not None
    made = made_library(rule)
    assert made is not None
    assert b"param is too old" in made
