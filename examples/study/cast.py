"""Which apps there are, and what is inside each in August and in November: decided by seed and number alone.

The shares are meant to be plausible, not measured. What happens between the snapshots: AI is adopted or dropped, a framework
is exchanged for another, runtimes are updated, models are trained again (all weights, or the last layers), quantised, added
or left out; apps arrive and go.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from examples.builders.stubs import ARM32, ARM64
from examples.builders.tflite import Form
from examples.study.networks import Recipe

SNAPSHOTS: Final = ("2026-08", "2026-11")
SEED: Final = 6
APPS: Final = 290
"""In August; `ARRIVING` more come until November, and about 4 % go."""
ARRIVING: Final = 28
DEVELOPERS: Final = 90


@dataclass(frozen=True, slots=True)
class Variant:
    """An example model, one of `parts.BASES`, with its weights exchanged; 0 is the model itself."""

    base: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Use:
    """A model in an app."""

    recipe: Recipe | Variant | str
    """How it is made; as a text, its path below `examples/models`."""
    path: str
    hidden: bool = False
    """Encrypted by the app."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One app at one time."""

    number: int
    package_id: str
    label: str
    developer: str
    category: str
    downloads: int
    version: int
    target: int
    engines: tuple[str, ...] = ()
    uses: tuple[Use, ...] = ()
    abis: tuple[str, ...] = (ARM64,)


@dataclass(frozen=True, slots=True)
class Feature:
    """What an app may do with AI: the model that does it, and where it lies."""

    kind: str
    path: str


_F: Final[Mapping[str, Feature]] = {
    name: Feature(kind, path)
    for name, (kind, path) in {
        "portrait": ("portrait", "assets/models/selfie_segmentation.tflite"),
        "beauty": ("mesh", "assets/models/face_mesh.tflite"),
        "sharper": ("sharper", "assets/models/espcn_x2.tflite"),
        "style": ("style", "assets/styles/style_transfer.tflite"),
        "labels": ("labels", "assets/labels/food_labels.tflite"),
        "classifier": ("classifier", "assets/mobilenet_v2_1.0_224.tflite"),
        "detector": ("detector", "assets/ssd_mobilenet_v2.tflite"),
        "hand": ("hand", "assets/ar/hand_landmark.tflite"),
        "depth": ("depth", "assets/ar/midas_depth.tflite"),
        "pose": ("pose", "assets/coach/movenet_lightning.tflite"),
        "motion": ("motion", "assets/sensors/activity.tflite"),
        "keyword": ("keyword", "assets/voice/wake_word.tflite"),
        "sounds": ("sounds", "assets/audio/yamnet.tflite"),
        "spam": ("spam", "assets/text/spam_filter.tflite"),
        "words": ("words", "assets/keyboard/next_word.tflite"),
        "ranking": ("ranking", "assets/feed/recommender.tflite"),
        "embedding": ("embedding", "assets/id/mobilefacenet.tflite"),
        "liveness": ("liveness", "assets/id/anti_spoofing.tflite"),
        "reader": ("reader", "assets/ocr/ocr_line.tflite"),
        "moderation": ("moderation", "assets/safety/nsfw_mobilenet.tflite"),
        "emotion": ("emotion", "assets/mood/emotion.tflite"),
        "faces": ("faces", "assets/models/blazeface.tflite"),
    }.items()
}


@dataclass(frozen=True, slots=True)
class Category:
    """A category of the store: how common it is, the share of apps with AI, words for names, what AI does there."""

    weight: int
    ai: float
    words: str
    features: str


_CATEGORIES: Final[Mapping[str, Category]] = {
    "PHOTOGRAPHY": Category(14, 0.75, "Pixel Snap Lumen Portrait Collage Lens", "portrait beauty sharper style faces"),
    "BEAUTY": Category(5, 0.65, "Glow Mirror Makeup Palette", "beauty portrait faces emotion"),
    "FINANCE": Category(14, 0.45, "Wallet Bank Ledger Coin Budget", "embedding liveness reader"),
    "SHOPPING": Category(12, 0.40, "Market Bazaar Basket Outlet", "classifier ranking detector labels"),
    "COMMUNICATION": Category(8, 0.50, "Chat Dial Courier Mail", "spam words keyword moderation"),
    "HEALTH_AND_FITNESS": Category(10, 0.45, "Stride Pulse Yoga Coach", "pose motion labels sounds"),
    "MEDICAL": Category(5, 0.35, "Clinic Derma Cardio", "classifier sounds reader"),
    "SOCIAL": Category(7, 0.60, "Friends Clips Stories Live", "faces beauty moderation ranking"),
    "PRODUCTIVITY": Category(10, 0.35, "Notes Scan Desk Planner", "reader keyword words"),
    "EDUCATION": Category(10, 0.25, "Lingo Maths Campus Tutor", "reader keyword classifier"),
    "TOOLS": Category(16, 0.15, "Cleaner Torch Files Compass", "reader keyword"),
    "GAME_ACTION": Category(14, 0.10, "Blaster Dragon Arena Racer", "hand depth"),
    "GAME_PUZZLE": Category(12, 0.05, "Gems Tiles Sudoku Blocks", "ranking"),
    "TRAVEL_AND_LOCAL": Category(8, 0.25, "Trail City Ferry Hostel", "reader detector"),
    "FOOD_AND_DRINK": Category(6, 0.35, "Recipe Bistro Barista", "labels classifier"),
    "AUTO_AND_VEHICLES": Category(5, 0.30, "Drive Parking Garage", "detector sounds"),
    "WEATHER": Category(5, 0.02, "Sky Radar Storm", "sounds"),
    "NEWS_AND_MAGAZINES": Category(6, 0.20, "Daily Gazette Herald", "ranking spam"),
}
_ENDINGS: Final = ("", " Pro", " Lite", " Go", " Plus", " One", " Studio", " Now", " Kit", " Lab")
_HOUSES: Final = (
    "north",
    "blue",
    "quiet",
    "paper",
    "river",
    "amber",
    "little",
    "open",
    "seven",
    "green",
    "bright",
    "iron",
)
_TRADES: Final = ("works", "labs", "apps", "soft", "studio", "mobile", "forge", "house")

_SHARED: Final[tuple[tuple[str, tuple[Use, ...]], ...]] = (
    ("mlkit-faces", (
        Use(Recipe("faces", Form.INT8, 9001), "assets/models_bundled/blazeface.tfl"),
        Use(Recipe("mesh", Form.INT8, 9002), "assets/models_bundled/contours.tfl"),
    )),
    ("mlkit-pose", (Use(Recipe("pose", Form.INT8, 9003), "assets/mlkit_pose/pose_detection.tflite"),)),
    ("card-scan", (
        Use(Recipe("detector", Form.INT8, 9004, width=8), "assets/darknite_1_1_1_16.tflite"),
        Use(Recipe("reader", Form.FLOAT32, 9005), "assets/fourrecognize.tflite"),
    )),
)  # fmt: skip
"""SDKs that bring the same models into every app."""
_OTHERS: Final[tuple[tuple[str, str, str], ...]] = (
    ("onnxruntime 1.20.0", "shapes_onnx", "assets/onnx/shapes.onnx"),
    ("onnxruntime 1.17.1", "shapes_ort", "assets/onnx/shapes.ort"),
    ("ncnn", "shapes_ncnn", "assets/ncnn/shapes.bin"),
    ("mnn", "shapes_mnn", "assets/mnn/shapes.mnn"),
    ("executorch", "shapes_pte", "assets/shapes.pte"),
    ("pytorch", "shapes_torch/shapes_classifier.ptl", "assets/shapes.ptl"),
)
"""Runtimes beside TensorFlow Lite, what they run, and where it lies."""
_STORIES: Final = (
    "story_gguf/story_llama_q8_0.gguf",
    "story_gguf/story_llama_q4_0.gguf",
    "story_gguf/story_llama_f16.gguf",
)
_CLOUD: Final = ("openai", "gemini", "google-vision", "azure-speech")


def snapshot(number: int) -> Iterator[App]:
    """The apps of a snapshot, by their number."""
    for app in range(APPS + number * ARRIVING):
        begun = begin(app)
        if number == 0 or app >= APPS:
            yield begun
        elif (changed := later(begun)) is not None:
            yield changed


def begin(number: int) -> App:
    """An app as it appears first."""
    rng = random.Random(f"{SEED}/{number}")
    category = rng.choices(tuple(_CATEGORIES), [item.weight for item in _CATEGORIES.values()])[0]
    words = _CATEGORIES[category].words.split()
    label = f"{words[number % len(words)]}{_ENDINGS[number // len(words) % len(_ENDINGS)]}"
    developer = _developer(int(DEVELOPERS * rng.random() ** 2.2))
    downloads = int(10 ** rng.triangular(2.5, 9.1, 5.2))
    app = App(
        number=number,
        package_id=f"com.{developer}.{label.lower().replace(' ', '')}{number}",
        label=label,
        developer=developer,
        category=category,
        downloads=downloads,
        version=rng.randrange(3, 300),
        target=rng.choice((33, 34, 35, 35)),
        abis=(ARM64, ARM32) if number % 8 == 0 else (ARM64,),
    )
    popular = 0.12 if downloads > 5_000_000 else 0.0
    return with_ai(app, rng) if rng.random() < _CATEGORIES[category].ai + popular else _without(app, rng)


def _developer(number: int) -> str:
    return f"{_HOUSES[number % len(_HOUSES)]}{_TRADES[number // len(_HOUSES) % len(_TRADES)]}"


def _without(app: App, rng: random.Random) -> App:
    return replace(app, engines=(rng.choice(_CLOUD),)) if rng.random() < 0.08 else app


def with_ai(app: App, rng: random.Random) -> App:
    """The app with AI of one sort or two."""
    engines: list[str] = []
    uses: list[Use] = []
    chance = rng.random()
    if chance < 0.54:
        engines.append(f"tflite {rng.choice(('2.8.0', '2.14.0', '2.14.0', '2.16.1'))}")
        uses += _own(app, rng)
    elif chance < 0.80:
        engine, use = _other(app, rng)
        engines.append(engine)
        uses.append(use)
    elif chance < 0.84:
        engines.append("llama")
        uses.append(Use(rng.choice(_STORIES), "assets/story.gguf"))
    if rng.random() < 0.15 and engines and engines[0].startswith("tflite"):
        engines.append("tflite-gpu")
    if rng.random() < 0.30 or not engines:
        engine, shared = rng.choices(_SHARED, (6, 2, 3))[0]
        engines.append(engine)
        uses += shared
    if rng.random() < 0.14:
        engines.append(rng.choice(("mlkit-text-thin", "mlkit-faces-thin", "aicore")))
    if rng.random() < 0.22:
        engines.append(rng.choice(_CLOUD))
    if rng.random() < 0.12:
        engines.append("cipher")
        uses = [replace(use, hidden=isinstance(use.recipe, Recipe), path=_hide(use)) for use in uses]
    return replace(app, engines=tuple(dict.fromkeys(engines)), uses=tuple(uses))


def _other(app: App, rng: random.Random) -> tuple[str, Use]:
    engine, made, path = rng.choice(_OTHERS)
    recipe = made if "/" in made else Variant(made, app.number if rng.random() < 0.6 else 0)
    return engine, Use(recipe, path)


def _hide(use: Use) -> str:
    return f"{use.path}.enc" if isinstance(use.recipe, Recipe) else use.path


def _own(app: App, rng: random.Random) -> list[Use]:
    names = _CATEGORIES[app.category].features.split()
    chosen = rng.sample(names, min(len(names), rng.choice((1, 1, 1, 2, 2, 3))))
    return [_use(app, _F[name], rng) for name in chosen]


def _use(app: App, feature: Feature, rng: random.Random) -> Use:
    # A third of all apps took the published model as it is; some of those trained its last layers for themselves.
    published = rng.random() < 0.5
    seed = 100 if published else 1000 + app.number
    tuned = app.number if published and rng.random() < 0.3 else 0
    form = rng.choices(tuple(Form), (52, 12, 8, 28))[0]
    return Use(Recipe(feature.kind, form, seed, tuned, rng.choice((12, 16, 16, 24))), feature.path)


# --- three months later ---


def later(app: App) -> App | None:
    """The app in the next snapshot; None when it has left the store."""
    rng = random.Random(f"{SEED}/{app.number}/later")
    if rng.random() < 0.04:
        return None
    app = replace(app, downloads=int(app.downloads * rng.uniform(1.0, 1.25)))
    if rng.random() < 0.45:
        return app
    app = replace(app, version=app.version + rng.randrange(1, 9), target=max(app.target, rng.choice((35, 36))))
    chance = rng.random()
    if not app.uses:
        return with_ai(app, rng) if chance < 0.16 else app
    if chance < 0.06:
        return replace(app, engines=(), uses=())
    if chance < 0.16:
        return _switch(app, rng)
    return _train(_update(app), rng)


def _switch(app: App, rng: random.Random) -> App:
    """Another framework for the same purpose; what SDKs brought goes."""
    if app.engines[0].startswith("tflite"):
        engine, use = ("llama", Use(_STORIES[1], "assets/story.gguf")) if rng.random() < 0.2 else _other(app, rng)
        return replace(app, engines=(engine,), uses=(use,))
    return replace(app, engines=("tflite 2.17.0",), uses=tuple(_own(app, rng)))


_NEWER: Final = {
    "tflite 2.14.0": "tflite 2.17.0",
    "tflite 2.16.1": "tflite 2.17.0",
    "onnxruntime 1.17.1": "onnxruntime 1.20.0",
    "onnxruntime 1.20.0": "onnxruntime 1.22.0",
}


def _update(app: App) -> App:
    return replace(app, engines=tuple(_NEWER.get(name, name) for name in app.engines))


def _train(app: App, rng: random.Random) -> App:
    """Models of the app's own: new weights, other last layers, another precision, one more."""
    at = next((n for n, use in enumerate(app.uses) if isinstance(use.recipe, Recipe) and use.recipe.seed < 9000), None)
    if at is None:
        return app
    use = app.uses[at]
    assert isinstance(use.recipe, Recipe)
    chance = rng.random()
    if chance < 0.3:
        changed = replace(use.recipe, seed=2000 + app.number, tuned=0)
    elif chance < 0.5:
        changed = replace(use.recipe, tuned=5000 + app.number)
    elif chance < 0.75:
        changed = replace(use.recipe, form=Form.INT8)
    elif chance < 0.9:
        return replace(app, uses=(*app.uses, *(new for new in _own(app, rng)[:1] if new.path not in _paths(app))))
    else:
        changed = use.recipe
    return replace(app, uses=(*app.uses[:at], replace(use, recipe=changed), *app.uses[at + 1 :]))


def _paths(app: App) -> set[str]:
    return {use.path.removesuffix(".enc") for use in app.uses}
