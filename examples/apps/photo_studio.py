"""Photo Studio: a picture editor with TensorFlow Lite and a statically linked ncnn, whose models hide under odd names."""

from __future__ import annotations

import gzip

from examples.builders import lures, stubs
from examples.builders.archive import pack
from examples.builders.example import ExampleApp, Planted, model
from examples.builders.manifest import Reference, app_manifest, binary_xml, metadata
from examples.builders.resources import reference, resource_table
from examples.builders.signing import sign

PACKAGE = "com.example.photostudio"
FLOAT, HALF, INT8 = (f"digits_tflite/digits_{kind}.tflite" for kind in ("float32", "float16", "int8"))
LABELLED = "digits_tflite/digits_float32_metadata.tflite"
KEYWORDS = "keywords_tflite/keywords_int8.tflite"
NATIVE = "lib/arm64-v8a/libphotostudio.so"
PADDING = 4096
STRINGS = {"action_share": "Share", "app_name": "Photo Studio", "hint_pick": "Pick a photo"}


def build() -> bytes:
    """The signed APK."""
    return sign(pack(_code() | _models() | _decoys()))


def _code() -> dict[str, bytes]:
    manifest = app_manifest(
        PACKAGE,
        version=(421, "4.2.1"),
        label=Reference(reference(STRINGS, "app_name")),
        permissions=(
            "android.permission.CAMERA",
            "android.permission.READ_MEDIA_IMAGES",
            "android.permission.INTERNET",
        ),
        application=(metadata("com.google.mlkit.vision.DEPENDENCIES", "face"),),
    )
    return {
        "AndroidManifest.xml": binary_xml(manifest),
        "resources.arsc": resource_table(PACKAGE, STRINGS),
        "classes.dex": stubs.dex(
            (f"{PACKAGE}.MainActivity", f"{PACKAGE}.Segmenter", "com.google.mlkit.vision.face.internal.FaceRegistrar",
             *stubs.TFLITE_CLASSES),
            referenced=("com.google.mlkit.vision.text.TextRecognizer",),
            methods=(("com.google.mlkit.vision.face.FaceDetection", "getClient"), ("org.tensorflow.lite.Interpreter", "run")),
            strings=("models/portrait.tflite", "filters/sharpen.dat", "seg/segmenter.param"),
        ),
        "lib/arm64-v8a/libtensorflowlite_jni.so": stubs.TFLITE_JNI.build(),
        "lib/armeabi-v7a/libtensorflowlite_jni.so": stubs.TFLITE_JNI.build(stubs.ARM32),
        NATIVE: native_library(),
    }  # fmt: skip


def native_library() -> bytes:
    """The app's own library: a keyword model lies inside its data section."""
    return stubs.PHOTO_NATIVE.with_data(bytes(PADDING) + model(KEYWORDS) + bytes(PADDING)).build()


def _models() -> dict[str, bytes]:
    return {
        "assets/models/portrait.tflite": model(INT8),
        "assets/models/digits_labelled.tflite": model(LABELLED),
        "assets/filters/sharpen.dat": model(FLOAT),
        "assets/cache/wake.bin.gz": gzip.compress(model("keywords_tflite/keywords_float32.tflite"), mtime=0),
        "assets/packs/styles.zip": pack({"readme.txt": b"Style pack 3\n", "style/weights": model(HALF)}),
        "assets/seg/segmenter.param": model("shapes_ncnn/shapes_segmenter.param"),
        "assets/seg/segmenter.bin": model("shapes_ncnn/shapes_segmenter.bin"),
        "res/raw/shapes": model("shapes_onnx/shapes_classifier.onnx"),
    }


def _decoys() -> dict[str, bytes]:
    return {
        "assets/animation/model.json": lures.lottie(),
        "assets/models/labels.txt": model("digits_tflite/labels.txt"),
        "res/drawable/icon.png": lures.png(96, 120),
        "res/font/sans.ttf": lures.font(),
        "DebugProbesKt.bin": lures.debug_probes(),
    }


def _planted() -> tuple[Planted, ...]:
    return (
        Planted(location="assets/models/portrait.tflite", model=INT8),
        Planted(location="assets/models/digits_labelled.tflite", model=LABELLED),
        Planted(location="assets/filters/sharpen.dat", model=FLOAT),
        Planted(location="assets/cache/wake.bin.gz!wake.bin", model="keywords_tflite/keywords_float32.tflite"),
        Planted(location="assets/packs/styles.zip!style/weights", model=HALF),
        Planted(
            location="assets/seg/segmenter.param",
            model="shapes_ncnn/shapes_segmenter.param",
            parts=("assets/seg/segmenter.bin",),
        ),
        Planted(location="res/raw/shapes", model="shapes_onnx/shapes_classifier.onnx"),
        Planted(location=f"{NATIVE}@{native_library().index(model(KEYWORDS))}", model=KEYWORDS),
    )


APP = ExampleApp(
    file_name="photo-studio.apk",
    build=build,
    planted=_planted(),
    technologies={"tflite": "2.16.1", "xnnpack": "", "ncnn": "1.0.20250503", "mlkit-face-detection-thin": ""},
    lures=tuple(_decoys()),
)
