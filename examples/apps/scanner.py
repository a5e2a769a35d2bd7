"""Scanner: an app bundle with ML Kit's thin clients, ONNX Runtime, and models that come later in an AI pack."""

from __future__ import annotations

from examples.builders import lures, stubs
from examples.builders.archive import pack
from examples.builders.example import ExampleApp, Planted, model
from examples.builders.manifest import Element, app_manifest, metadata, proto_field, proto_xml

PACKAGE = "com.example.scanner"
PACK = "document_models"
ORT = "shapes_ort/shapes_classifier.ort"
PTE = "shapes_executorch/shapes_classifier_xnnpack.pte"
SEGMENTER = "shapes_onnx/shapes_segmenter.onnx"
BUNDLETOOL = "1.18.1"


def build() -> bytes:
    """The bundle; bundles are signed as JARs by their uploader, which this one is not."""
    return pack({"BundleConfig.pb": _bundle_config()} | _base() | _ai_pack())


def _bundle_config() -> bytes:
    """BundleConfig { bundletool { version } }."""
    return proto_field(1, proto_field(2, BUNDLETOOL.encode()))


def _base() -> dict[str, bytes]:
    manifest = app_manifest(
        PACKAGE,
        version=(33, "3.3"),
        label="Scanner",
        sdk=(26, 36),
        permissions=("android.permission.CAMERA",),
        application=(metadata("com.google.mlkit.vision.DEPENDENCIES", "ocr,barcode_ui"),),
    )
    code = stubs.dex(
        (f"{PACKAGE}.MainActivity", "com.google.mlkit.vision.text.internal.TextRegistrar",
         "com.google.mlkit.vision.codescanner.GmsBarcodeScanning", *stubs.ORT_CLASSES, *stubs.EXECUTORCH_CLASSES),
        methods=(("com.google.mlkit.vision.text.TextRecognition", "getClient"),
                 ("com.google.android.play.core.aipacks.AiPackManager", "fetch")),
        referenced=("com.google.android.play.core.aipacks.AiPackManagerFactory",),
        strings=(PACK, "models/edges.ort", "document.pte"),
    )  # fmt: skip
    libraries = (stubs.ONNXRUNTIME, stubs.ONNXRUNTIME_JNI, stubs.EXECUTORCH)
    return {
        "base/manifest/AndroidManifest.xml": proto_xml(manifest),
        "base/dex/classes.dex": code,
        "base/assets/models/edges.ort": model(ORT),
        "base/res/drawable/icon.png": lures.png(64, 200),
        **{f"base/lib/{stubs.ARM64}/{library.soname}": library.build() for library in libraries},
    }


def _ai_pack() -> dict[str, bytes]:
    module = Element(
        "dist:module", {"dist:type": "ai-pack"}, (Element("dist:delivery", {}, (Element("dist:fast-follow"),)),)
    )
    return {
        f"{PACK}/manifest/AndroidManifest.xml": proto_xml(
            Element("manifest", {"package": PACKAGE, "split": PACK}, (module,))
        ),
        f"{PACK}/assets/document.pte": model(PTE),
        f"{PACK}/assets/mask.onnx": model(SEGMENTER),
    }


APP = ExampleApp(
    file_name="scanner.aab",
    build=build,
    planted=(
        Planted(location="base/assets/models/edges.ort", model=ORT),
        Planted(location=f"{PACK}/assets/document.pte", model=PTE),
        Planted(location=f"{PACK}/assets/mask.onnx", model=SEGMENTER),
    ),
    technologies={
        "mlkit-text-recognition-thin": "",
        "mlkit-code-scanner": "",
        "onnxruntime-nnapi": "",
        "onnxruntime": "1.22.0",
        "executorch": "",
    },
    lures=("BundleConfig.pb", "base/res/drawable/icon.png"),
)
