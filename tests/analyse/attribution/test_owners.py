"""Whose models, libraries and technologies are: from content down to rules of thumb, with the evidence."""

from __future__ import annotations

import time
from typing import Any

import pytest

from nngauge.analyse.attribution.owners import Context, attribute, context_of, shares
from nngauge.analyse.attribution.traces import PathTraces, Traces, own_traces
from nngauge.domain.app import App, Platform
from nngauge.domain.attribution import Owner, SdkKind
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, EvidenceKind, Presence
from nngauge.domain.library import Library
from nngauge.domain.model import Model
from nngauge.knowledge.sdks import Sdk
from tests.builders import facts

APP = App(platform=Platform.ANDROID, container="apk", package_id="com.example.birdwatch")
LIB = "a.apk!lib/arm64-v8a/"


def library(name: str, **changes: Any) -> Library:
    path = name if "!" in name else LIB + name
    return Library(location=facts.place(path), size=1000, **changes)


def found(technology: str, path: str, **changes: Any) -> Any:
    changes = {"category": Category.SDK, **changes}
    return facts.detection(technology=technology, title=technology, evidence=(facts.proof("x", path),), **changes)


def model(path: str, **changes: Any) -> Model:
    return facts.model(path=f"a.apk!{path}", digest=changes.pop("digest", "00" * 32), metadata={}, **changes)


def context(
    *detections: Any, libraries: tuple[Library, ...] = (), models: tuple[Model, ...] = (), **more: Any
) -> Context:
    return context_of(APP, detections, libraries, models, **more)


def test_the_same_bytes_under_another_name_are_of_the_component() -> None:
    digest = own_traces().by_id["mlkit-face-detection"].digest[0].sha256
    whose = attribute(model("assets/renamed.bin", digest=digest), context())
    assert (whose.owner, whose.sdk, whose.confidence) == (Owner.SDK, "mlkit-face-detection", Confidence.CERTAIN)
    assert whose.vendor == "Google"
    assert whose.evidence[0].value == f"sha256 {digest}"


@pytest.mark.parametrize(
    ("path", "sdk"),
    [
        ("assets/mlkit_barcode_models/oned_auto_regressor_mobile.tflite", "mlkit-barcode"),
        ("assets/models_bundled/fssd_medium_8bit_v5.tflite", "mlkit-face-detection"),
        ("assets/mlkit-google-ocr-models/gocr/models/line.tflite", "mlkit-text-recognition"),
        ("assets/mlkit_pose/pose_39kp_lite.tflite", "mlkit-pose"),
        ("Payload/A.app/GoogleMVFaceDetectorResources.bundle/face.tflite", "mlkit-face-detection"),
        ("res/raw/darknite_1_1_1_16.tflite", "stripe-card-scan"),
        ("assets/cardrecognizer/model/NumberRecognition/NumberRecognition.caffemodel", "paycards"),
        ("assets/microblink/blinkid/model.rtttl", "microblink"),
        ("assets/model/ai_face_processor.bundle", "faceunity"),
        ("assets/resource/ModelResource.bundle/ttfacemodel/tt_face_v10.0.model", "bytedance-effects"),
        ("assets/models/M_SenseME_Face_Video_5.3.3.model", "sensetime"),
        ("assets/hey_computer.ppn", "picovoice"),
        ("assets/tessdata/eng.traineddata", "tesseract"),
        ("assets/graphs/face_detection_short_range.tflite", "mediapipe"),
        ("Payload/A.app/Frameworks/FaceTecSDK.framework/f.mlmodelc/coremldata.bin", "facetec"),
    ],
)
def test_paths_that_components_use(path: str, sdk: str) -> None:
    whose = attribute(model(path), context())
    assert (whose.owner, whose.sdk, whose.confidence) == (Owner.SDK, sdk, Confidence.LIKELY)
    assert whose.evidence[0].kind is EvidenceKind.FILE_NAME


@pytest.mark.parametrize(
    "path",
    [
        "assets/model.tflite", "assets/my_mlkit_barcode_models/x.tflite", "assets/mlkit_pose", "assets/pose/model.tflite",
        "assets/notdarknite.tflite", "res/raw/tessdata", "assets/contours.tflite",
    ],
)  # fmt: skip
def test_paths_that_only_look_like_them(path: str) -> None:
    assert attribute(model(path), context()).owner is not Owner.SDK


def test_a_convention_is_sure_where_the_component_s_code_is() -> None:
    barcode = found("mlkit-barcode", LIB + "libbarhopper_v3.so", presence=Presence.LIBRARY)
    whose = attribute(model("assets/mlkit_barcode_models/x.tflite"), context(barcode))
    assert whose.confidence is Confidence.CERTAIN
    assert len(whose.evidence) == 2


def test_metadata_names_the_maker() -> None:
    named = facts.model(
        path="a.apk!assets/x.bin", digest="00" * 32, metadata={"name": "image_understanding/classifier/mobile_ica_V1"}
    )
    whose = attribute(named, context())
    assert (whose.sdk, whose.confidence) == ("mlkit-image-labeling", Confidence.LIKELY)


def test_a_model_inside_a_library_is_of_whom_the_library_is() -> None:
    lib = library("libmlkit_google_ocr_pipeline.so")
    inside = facts.model(
        path="x", digest="00" * 32, metadata={},
        parts=(facts.ModelFile(location=lib.location.at(64, 100), sha256="", size=100),),
    )  # fmt: skip
    whose = attribute(inside, context(libraries=(lib,), models=(inside,)))
    assert (whose.sdk, whose.confidence) == ("mlkit-text-recognition", Confidence.LIKELY)
    assert "inside libmlkit_google_ocr_pipeline.so" in whose.because


def test_the_class_that_names_the_file() -> None:
    ours = context(named_by={"m.tflite": ("com.example.birdwatch.ml.Classifier",)})
    whose = attribute(model("assets/m.tflite"), ours)
    assert (whose.owner, whose.confidence) == (Owner.APP, Confidence.LIKELY)
    theirs = context(named_by={"m.tflite": ("com.facetec.sdk.Engine", "org.unknown.A")})
    assert attribute(model("assets/m.tflite"), theirs).sdk == "facetec"
    both = context(named_by={"m.tflite": ("com.facetec.sdk.Engine", "com.example.birdwatch.A")})
    assert attribute(model("assets/m.tflite"), both).sdk is None


def test_neighbours_are_a_rule_of_thumb_and_only_in_folders_of_a_name() -> None:
    known, beside = model("assets/kyc/darknite.tflite"), model("assets/kyc/other.tflite")
    whose = attribute(beside, context(models=(known, beside)))
    assert (whose.sdk, whose.confidence) == ("stripe-card-scan", Confidence.POSSIBLE)
    assert whose.because.startswith("rule of thumb")
    for folder in ("assets/", "res/raw/", "assets/models/", ""):
        known, beside = model(f"{folder}darknite.tflite"), model(f"{folder}other.tflite")
        assert attribute(beside, context(models=(known, beside))).owner is Owner.APP
    third = model("assets/kyc/hey.ppn")
    known, beside = model("assets/kyc/darknite.tflite"), model("assets/kyc/other.tflite")
    assert attribute(beside, context(models=(known, beside, third))).owner is Owner.APP


def test_what_is_left_is_the_app_s_and_says_why() -> None:
    runtime = facts.detection(evidence=(facts.proof("x", LIB + "libtensorflowlite_jni.so"),))
    whose = attribute(model("assets/birds.tflite"), context(runtime))
    assert (whose.owner, whose.sdk, whose.confidence) == (Owner.APP, None, Confidence.LIKELY)
    assert whose.because.startswith("rule of thumb")
    assert attribute(model("assets/birds.tflite"), context()).confidence is Confidence.POSSIBLE


def test_unknown_while_a_component_with_models_is_unexplained() -> None:
    face = found("facetec", "a.apk!classes.dex", presence=Presence.DEFINED)
    whose = attribute(model("assets/q.tflite"), context(face))
    assert whose.owner is Owner.UNKNOWN
    assert "FaceTec" in whose.because
    assert whose.evidence == ()
    card = found("stripe-card-scan", "a.apk!classes.dex", presence=Presence.DEFINED)
    models = (model("res/raw/darknite.tflite"), model("assets/birds.tflite"))
    assert attribute(models[1], context(card, models=models)).owner is Owner.APP


def test_a_module_of_the_system_brings_no_models_into_the_package() -> None:
    thin = found("mlkit-face-detection-thin", "a.apk!classes.dex", presence=Presence.DEFINED, category=Category.SYSTEM)
    assert attribute(model("assets/q.tflite"), context(thin)).owner is Owner.APP
    full = found("mlkit-face-detection", "a.apk!classes.dex", presence=Presence.DEFINED)
    assert attribute(model("assets/q.tflite"), context(thin, full)).owner is Owner.UNKNOWN


def test_references_alone_bring_no_models() -> None:
    face = found("facetec", "a.apk!classes.dex", presence=Presence.REFERENCED)
    assert attribute(model("assets/q.tflite"), context(face)).owner is Owner.APP


@pytest.mark.parametrize(
    ("name", "owner", "sdk"),
    [
        ("libbarhopper_v3.so", Owner.SDK, "mlkit-barcode"), ("libtensorflowlite_gpu_jni.so", Owner.SDK, "tflite"),
        ("libmegface.so", Owner.SDK, "megvii"), ("libc++_shared.so", Owner.SYSTEM, "android-native-toolchain"),
        ("libapp.so", Owner.APP, None), ("libil2cpp.so", Owner.APP, None), ("libexecutorch.so", Owner.SDK, "pytorch"),
        ("libbirdwatch.so", Owner.APP, None), ("libnative-lib.so", Owner.APP, None), ("libstrange.so", Owner.UNKNOWN, None),
        ("i.ipa!Payload/Bird.app/Bird", Owner.APP, None), ("i.ipa!Payload/Bird.app/PlugIns/W.appex/W", Owner.APP, None),
        ("i.ipa!Payload/Bird.app/Frameworks/FaceTecSDK.framework/FaceTecSDK", Owner.SDK, "facetec"),
        ("i.ipa!Payload/Bird.app/Frameworks/App.framework/App", Owner.APP, None),
        ("i.ipa!Payload/Bird.app/Frameworks/libswiftCore.dylib", Owner.SYSTEM, "apple-toolchain"),
    ],
)  # fmt: skip
def test_libraries(name: str, owner: Owner, sdk: str | None) -> None:
    lib = library(name)
    whose = attribute(lib, context(libraries=(lib,)))
    assert (whose.owner, whose.sdk) == (owner, sdk)
    assert bool(whose.evidence) == (owner is not Owner.UNKNOWN)


def test_a_renamed_library_is_found_by_its_soname_and_by_rules() -> None:
    lib = library("libq.so", soname="libbarhopper_v3.so")
    assert attribute(lib, context(libraries=(lib,))).sdk == "mlkit-barcode"
    lib = library("libq.so")
    rule = found("megvii-faceid", lib.location.path, presence=Presence.LIBRARY)
    whose = attribute(lib, context(rule, libraries=(lib,)))
    assert (whose.sdk, whose.confidence) == ("megvii", Confidence.CERTAIN)
    embedded = found("tflite", lib.location.path, presence=Presence.EMBEDDED, category=Category.RUNTIME)
    assert attribute(lib, context(embedded, libraries=(lib,))).owner is Owner.UNKNOWN


def test_what_only_one_component_is_linked_with_is_its_own() -> None:
    user, used = library("libbdface_sdk.so", needed=("libhelper.so",)), library("libhelper.so")
    whose = attribute(used, context(libraries=(user, used)))
    assert (whose.sdk, whose.evidence[0].kind) == ("baidu-face", EvidenceKind.NEEDED)
    other = library("libnobody.so", needed=("libhelper.so",))
    assert attribute(used, context(libraries=(user, used, other))).owner is Owner.UNKNOWN


def test_native_methods_tell_the_owner() -> None:
    lib = library("libq.so")
    ours = context(libraries=(lib,), natives={"libq.so": ("com.example.birdwatch.Native",)})
    assert attribute(lib, ours).owner is Owner.APP


def test_technologies() -> None:
    lib = library("libmlkitcommonpipeline.so")
    inside = facts.detection(presence=Presence.EMBEDDED, evidence=(facts.proof("x", lib.location.path),))
    whose = attribute(inside, context(inside, libraries=(lib,)))
    assert (whose.owner, whose.sdk) == (Owner.SDK, "mlkit-vision-pipeline")
    whole = facts.detection(evidence=(facts.proof("x", LIB + "libtensorflowlite_jni.so"),))
    assert attribute(whole, context(whole)).kind is SdkKind.RUNTIME
    system = found("coreml", "i.ipa!A", category=Category.RUNTIME, presence=Presence.FRAMEWORK)
    assert attribute(system, context(system)).owner is Owner.SYSTEM
    cloud = found("openai", "a.apk!classes.dex", category=Category.CLOUD, presence=Presence.ENDPOINT)
    assert (attribute(cloud, context(cloud)).owner, attribute(cloud, context(cloud)).sdk) == (Owner.SDK, "openai")


def test_models_counted_with_and_without_components() -> None:
    models = (model("res/raw/darknite.tflite"), model("assets/mlkit_pose/p.tflite"), model("assets/birds.tflite"))
    around = context(models=models)
    counted = shares(attribute(item, around) for item in models)
    assert (counted.all, counted.app, counted.sdk) == (3, 1, 2)
    assert counted.kinds == {SdkKind.CARD: 1, SdkKind.ML: 1}


def test_the_trace_that_says_most_wins() -> None:
    def sdk(name: str, *paths: str) -> Sdk:
        return Sdk(id=name, title=name, kind=SdkKind.OTHER, references=("r",), paths=paths)

    sdks = [sdk("short", "lib*.so"), sdk("long", "libface*.so"), sdk("folder", "a/*-x/**", "*.zz")]
    traces = PathTraces((item, glob) for item in sdks for glob in item.paths)
    names = {path: trace.sdk.id if (trace := traces.best(path)) else None for path in (
        "libface1.so", "libfoo.so", "a/b-x/c/d", "a/b-y/c", "b-x/c", "q/w.zz", "zz",
    )}  # fmt: skip
    assert names == {
        "libface1.so": "long", "libfoo.so": "short", "a/b-x/c/d": "folder", "a/b-y/c": None, "b-x/c": None,
        "q/w.zz": "folder", "zz": None,
    }  # fmt: skip


def test_the_longest_package_wins() -> None:
    traces = own_traces()
    ads = traces.of_class("com.google.android.gms.ads.AdView")
    services = traces.of_class("com.google.android.gms.common.api.GoogleApi")
    assert (ads and ads.id, services and services.id) == ("google-ads", "play-services")
    assert traces.of_class("com.googlex.A") is None
    assert traces.of_class("") is None


def test_many_traces_on_a_long_path_take_little_time() -> None:
    traces: Traces = own_traces()
    path = "/".join(["a" * 20] * 190)
    start = time.process_time()
    for _ in range(100):
        assert traces.paths.best(path) is None
    assert time.process_time() - start < 2
