"""Plain: an app without any AI whose file names promise a lot of it; and a download that broke off."""

from __future__ import annotations

from examples.apps import photo_studio
from examples.builders import lures, stubs
from examples.builders.archive import pack
from examples.builders.example import ExampleApp
from examples.builders.manifest import app_manifest, binary_xml
from examples.builders.signing import sign

PACKAGE = "com.example.plain"

DECOYS = {
    "assets/neural/model.json": lures.lottie(),
    "assets/neural/resnet-symbol.json": lures.graph_settings(),
    "assets/neural/haarcascade_frontalface.xml": lures.haar_cascade(),
    "assets/icudt/ai.res": lures.icu_resource(),
    "assets/config/features.lite": lures.lite_text(),
    "assets/maps/weights.bin": lures.map_tiles(),
    "assets/maps/graph.pb": b"not a protobuf, and not a graph either\n" * 20,
    "assets/neural/labels.txt": b"cat\ndog\nmouse\n",
    "assets/empty.tflite": b"",
    "DebugProbesKt.bin": lures.debug_probes(),
    "res/font/onnx_sans.ttf": lures.font(),
    "res/drawable/tensorflow_logo.png": lures.png(96, 20),
}


def build() -> bytes:
    """The signed APK."""
    manifest = app_manifest(PACKAGE, version=(12, "1.2"), label="Plain", permissions=("android.permission.INTERNET",))
    library = stubs.Library(
        soname="libplain.so",
        exports=("JNI_OnLoad", "Java_com_example_plain_Native_sharpen", "model_view_matrix", "tensor_product"),
        strings=("libplain 1.0", "neural network", "inference rule", "model"),
    )
    return sign(
        pack(
            {
                "AndroidManifest.xml": binary_xml(manifest),
                "classes.dex": stubs.dex((f"{PACKAGE}.MainActivity", f"{PACKAGE}.Model", f"{PACKAGE}.Interpreter")),
                f"lib/{stubs.ARM64}/libplain.so": library.build(),
                **DECOYS,
            }
        )
    )


def build_broken() -> bytes:
    """Photo Studio, broken off at two thirds: no central directory, and one entry cut in the middle."""
    whole = photo_studio.build()
    return whole[: len(whole) * 2 // 3]


APP = ExampleApp(file_name="plain.apk", build=build, lures=tuple(DECOYS))
BROKEN = ExampleApp(file_name="broken.apk", build=build_broken, technologies=photo_studio.APP.technologies)
