"""Health: an iOS app with Core ML models, Apple's Foundation Models and Vision frameworks, and a boosted-tree model."""

from __future__ import annotations

import plistlib

from examples.builders import lures, macho
from examples.builders.archive import pack
from examples.builders.example import ExampleApp, Planted, model, model_folder

NAME = "Health"
ROOT = f"Payload/{NAME}.app"
PACKAGE = "shapes_coreml/shapes_classifier.mlpackage"
LAYERS = "shapes_coreml/shapes_classifier.mlmodel"
TREES = "trees/wine_xgboost.json"
PROGRAM = "Data/com.apple.CoreML/model.mlmodel"
WEIGHTS = "Data/com.apple.CoreML/weights/weight.bin"


def build() -> bytes:
    """The IPA, not signed: a signature needs an Apple certificate."""
    bundle = {
        "Info.plist": plistlib.dumps(_information(), fmt=plistlib.FMT_BINARY),
        "PkgInfo": b"APPL????",
        NAME: _executable(),
        "Posture.mlmodel": model(LAYERS),
        "risk.json": model(TREES),
        "AppIcon60x60@2x.png": lures.png(120, 60),
        "Pulse.json": lures.lottie(),
        "en.lproj/Localizable.strings": b'"greeting" = "Hello";\n',
        **{f"Triage.mlpackage/{name}": content for name, content in model_folder(PACKAGE).items()},
    }
    return pack({f"{ROOT}/{name}": content for name, content in bundle.items()})


def _information() -> dict[str, object]:
    return {
        "CFBundleIdentifier": "com.example.health",
        "CFBundleName": NAME,
        "CFBundleDisplayName": NAME,
        "CFBundleExecutable": NAME,
        "CFBundlePackageType": "APPL",
        "CFBundleShortVersionString": "2.5.0",
        "CFBundleVersion": "250",
        "CFBundleSupportedPlatforms": ["iPhoneOS"],
        "MinimumOSVersion": "17.0",
        "UIDeviceFamily": [1, 2],
        "UIRequiredDeviceCapabilities": ["arm64"],
        "NSCameraUsageDescription": "Reads your pulse with the camera.",
    }


def _executable() -> bytes:
    return macho.executable(
        name=NAME,
        frameworks=("Foundation", "UIKit", "CoreML", "Vision"),
        weak_frameworks=("FoundationModels",),
        imports=(
            "_OBJC_CLASS_$_MLModel",
            "_OBJC_CLASS_$_MLModelConfiguration",
            "_OBJC_CLASS_$_VNCoreMLRequest",
            "_$s16FoundationModels20LanguageModelSessionCMa",
        ),
        strings=("Triage", "Posture", "risk", "modelWithContentsOfURL:error:"),
    )


APP = ExampleApp(
    file_name="health.ipa",
    build=build,
    planted=(
        Planted(location=f"{ROOT}/Posture.mlmodel", model=LAYERS),
        Planted(
            location=f"{ROOT}/Triage.mlpackage/{PROGRAM}",
            model=f"{PACKAGE}/{PROGRAM}",
            parts=(f"{ROOT}/Triage.mlpackage/{WEIGHTS}", f"{ROOT}/Triage.mlpackage/Manifest.json"),
        ),
        Planted(location=f"{ROOT}/risk.json", model=TREES),
    ),
    technologies={"coreml": "", "apple-vision": "", "apple-foundation-models": ""},
    lures=(f"{ROOT}/AppIcon60x60@2x.png", f"{ROOT}/Pulse.json"),
)
