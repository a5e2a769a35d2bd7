"""The few iOS apps of the sample study."""

from __future__ import annotations

import plistlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from examples.builders import lures, macho
from examples.builders.archive import pack
from examples.builders.example import model
from examples.builders.tflite import Form
from examples.study.cast import App
from examples.study.networks import Recipe, made

LAYERS: Final = "shapes_coreml/shapes_classifier.mlmodel"
TREES: Final = "trees/wine_xgboost.json"


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
        identifier = f"org.apfelwerk.{plan.name.lower()}"
        app = App(
            number=number, package_id=identifier, label=plan.name, developer="apfelwerk", category=plan.category,
            downloads=plan.downloads, version=version, target=17,
        )  # fmt: skip
        yield app, f"{identifier}-{version}.ipa", _ipa(plan, version, plan.files + plan.added * snapshot)


def _ipa(plan: Plan, version: int, files: tuple[tuple[str, str | Recipe], ...]) -> bytes:
    """Not signed: a signature needs an Apple certificate."""
    information = {
        "CFBundleIdentifier": f"org.apfelwerk.{plan.name.lower()}",
        "CFBundleName": plan.name,
        "CFBundleDisplayName": plan.name,
        "CFBundleExecutable": plan.name,
        "CFBundlePackageType": "APPL",
        "CFBundleShortVersionString": f"{version // 100}.{version % 100}",
        "CFBundleVersion": str(version),
        "CFBundleSupportedPlatforms": ["iPhoneOS"],
        "MinimumOSVersion": "17.0",
    }
    executable = macho.executable(
        name=plan.name,
        frameworks=("Foundation", "UIKit", *plan.frameworks),
        weak_frameworks=(),
        imports=("_OBJC_CLASS_$_MLModel",) if "CoreML" in plan.frameworks else (),
        strings=tuple(name for name, _ in files),
    )
    bundle = {
        "Info.plist": plistlib.dumps(information, fmt=plistlib.FMT_BINARY),
        plan.name: executable,
        "AppIcon60x60@2x.png": lures.png(120, 60),
        **{name: made(what) if isinstance(what, Recipe) else model(what) for name, what in files},
    }
    return pack({f"Payload/{plan.name}.app/{name}": content for name, content in bundle.items()})
