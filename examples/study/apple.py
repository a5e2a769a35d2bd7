"""The few iOS apps of the sample study."""

from __future__ import annotations

import plistlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from examples.builders import lures, macho
from examples.builders.archive import pack
from examples.builders.example import model
from examples.builders.tflite import Form
from examples.study.cast import App
from examples.study.networks import Recipe, made

LAYERS: Final = "shapes_coreml/shapes_classifier.mlmodel"
TREES: Final = "trees/wine_xgboost.json"
_TWIN: Final = 7
"""Every so manyth app with models of its own exists for iOS, too."""


@dataclass(frozen=True, slots=True)
class Plan:
    """An app in each snapshot: the frameworks it links and the files it carries, in August and what November adds."""

    name: str
    category: str
    downloads: int
    frameworks: tuple[str, ...]
    files: tuple[tuple[str, str | Recipe], ...] = ()
    added: tuple[tuple[str, str | Recipe], ...] = ()


PLANS: Final = (
    Plan("Lumen", "PHOTOGRAPHY", 2_400_000, ("CoreML", "Vision"), (("Scene.mlmodel", LAYERS),)),
    Plan("Stride", "HEALTH_AND_FITNESS", 900_000, ("CoreML", "SoundAnalysis"), (("risk.json", TREES),), (("Gait.mlmodel", LAYERS),)),
    Plan("Courier", "COMMUNICATION", 5_100_000, ("NaturalLanguage", "Translation")),
    Plan("Ledger", "FINANCE", 320_000, ("Vision", "VisionKit"), (("ocr_line.tflite", Recipe("reader", Form.INT8, 100)),)),
    Plan("Sudoku", "GAME_PUZZLE", 80_000, ("GameKit",)),
)  # fmt: skip


def apps(snapshot: int) -> Iterator[tuple[App, str, bytes]]:
    """Each as the store lists it, the name of its file, and the IPA."""
    for number, plan in enumerate(PLANS, 9000):
        version = 100 + 10 * snapshot if plan.added else 100
        app = App(
            number=number, package_id=f"org.apfelwerk.{plan.name.lower()}", label=plan.name, developer="apfelwerk",
            category=plan.category, downloads=plan.downloads, version=version, target=17,
        )  # fmt: skip
        yield app, f"{app.package_id}-{version}.ipa", _ipa(app, plan.frameworks, plan.files + plan.added * snapshot)


def twins(listed: Iterable[App]) -> Iterator[tuple[str, bytes]]:
    """A few of the Android apps for iOS, under the same identifier: half of the models, and what Apple's phones bring along."""
    with_models = [
        app for app in listed if app.uses and isinstance(app.uses[0].recipe, Recipe) and not app.uses[0].hidden
    ]
    for app in with_models[::_TWIN]:
        files = tuple((PurePosixPath(use.path).name, use.recipe) for use in app.uses if isinstance(use.recipe, Recipe))
        shared = files[: 1 + len(files) // 2]
        frameworks = ("TensorFlowLiteC", "Vision") if app.number % 2 else ("CoreML", "Vision", "TensorFlowLiteC")
        extra = () if app.number % 2 else (("Scene.mlmodel", LAYERS),)
        yield f"{app.package_id}-{app.version}.ipa", _ipa(app, frameworks, (*shared, *extra))


def _ipa(app: App, frameworks: tuple[str, ...], files: tuple[tuple[str, str | Recipe], ...]) -> bytes:
    """Not signed: a signature needs an Apple certificate."""
    name = app.label.replace(" ", "")
    information = {
        "CFBundleIdentifier": app.package_id,
        "CFBundleName": app.label,
        "CFBundleDisplayName": app.label,
        "CFBundleExecutable": name,
        "CFBundlePackageType": "APPL",
        "CFBundleShortVersionString": f"{app.version // 100}.{app.version % 100}",
        "CFBundleVersion": str(app.version),
        "CFBundleSupportedPlatforms": ["iPhoneOS"],
        "MinimumOSVersion": "17.0",
    }
    executable = macho.executable(
        name=name,
        frameworks=("Foundation", "UIKit", *frameworks),
        weak_frameworks=(),
        imports=("_OBJC_CLASS_$_MLModel",) if "CoreML" in frameworks else (),
        strings=tuple(file for file, _ in files),
    )
    bundle = {
        "Info.plist": plistlib.dumps(information, fmt=plistlib.FMT_BINARY),
        name: executable,
        "AppIcon60x60@2x.png": lures.png(120, 60),
        **{file: made(what) if isinstance(what, Recipe) else model(what) for file, what in files},
    }
    return pack({f"Payload/{name}.app/{file}": content for file, content in bundle.items()})
