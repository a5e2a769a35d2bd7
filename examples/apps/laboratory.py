"""Laboratory: one model in every other format of the examples, under its ordinary name."""

from __future__ import annotations

from examples.builders import stubs
from examples.builders.archive import pack
from examples.builders.example import ExampleApp, Planted, model
from examples.builders.manifest import app_manifest, binary_xml
from examples.builders.signing import sign

PACKAGE = "com.example.laboratory"

MODELS = {
    "digits_frozen/digits_frozen.pb": (),
    "digits_keras/digits.h5": (),
    "digits_keras/digits.keras": (),
    "digits_paddle/digits.pdmodel": ("digits_paddle/digits.pdiparams",),
    "digits_savedmodel/saved_model.pb": (
        "digits_savedmodel/variables/variables.data-00000-of-00001",
        "digits_savedmodel/variables/variables.index",
    ),
    "gestures_tfjs/model.json": ("gestures_tfjs/group1-shard1of1.bin",),
    "shapes_executorch/shapes_classifier_portable.pte": (),
    "shapes_mnn/shapes_classifier.mnn": (),
    "shapes_ncnn/shapes_classifier.param.bin": ("shapes_ncnn/shapes_classifier.bin",),
    "shapes_openvino/shapes_segmenter.xml": ("shapes_openvino/shapes_segmenter.bin",),
    "shapes_torch/shapes_classifier.pth": (),
    "shapes_torch/shapes_classifier.ptl": (),
    "shapes_torch/shapes_classifier.safetensors": (),
    "shapes_torch/shapes_segmenter.pt": (),
    "story_gguf/story_llama_q4_0.gguf": (),
    "trees/tumour_catboost.cbm": (),
    "trees/tumour_lightgbm.txt": (),
    "trees/wine_xgboost.ubj": (),
}
"""The models and their further files."""

LIBRARIES = (stubs.PYTORCH_LITE, stubs.EXECUTORCH, stubs.MNN)


def build() -> bytes:
    """The signed APK."""
    manifest = app_manifest(PACKAGE, version=(1, "0.1"), label="Laboratory")
    code = stubs.dex((f"{PACKAGE}.MainActivity", *stubs.PYTORCH_CLASSES, *stubs.EXECUTORCH_CLASSES))
    names = [name for main, parts in MODELS.items() for name in (main, *parts)]
    return sign(
        pack(
            {
                "AndroidManifest.xml": binary_xml(manifest),
                "classes.dex": code,
                **{f"lib/{stubs.ARM64}/{library.soname}": library.build() for library in LIBRARIES},
                **{f"assets/{name}": model(name) for name in names},
            }
        )
    )


APP = ExampleApp(
    file_name="laboratory.apk",
    build=build,
    planted=tuple(
        Planted(location=f"assets/{main}", model=main, parts=tuple(f"assets/{part}" for part in parts))
        for main, parts in MODELS.items()
    ),
    technologies={"pytorch-mobile": "", "executorch": "", "mnn": "3.2.0"},
)
