"""Which apps the market has in which snapshot, and what is inside each: decided by seed and number alone.

An app changes from snapshot to snapshot: versions, models, adoption and removal of AI. The shares are meant to be
plausible, not measured: about a fifth of the apps with AI, half of the models from a few hundred that many apps share.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

from examples.builders.parts import BASES, ENGINES

CATEGORIES = (
    "TOOLS", "PHOTOGRAPHY", "FINANCE", "HEALTH_AND_FITNESS", "SHOPPING", "GAME_PUZZLE", "GAME_ACTION", "EDUCATION",
    "COMMUNICATION", "PRODUCTIVITY", "MEDICAL", "TRAVEL_AND_LOCAL",
)  # fmt: skip
PERMISSIONS = ("INTERNET", "CAMERA", "RECORD_AUDIO", "ACCESS_FINE_LOCATION", "POST_NOTIFICATIONS", "READ_MEDIA_IMAGES")
FAULTS = ("empty", "truncated", "page", "zip-in-zip", "bomb", "liar", "traversal", "repeated")
"""What goes wrong with packages; `making.build` makes them."""
FAULTY = 0.015
AI = 0.22
ADOPTS, DROPS, SWITCHES, RETRAINS = 0.08, 0.03, 0.04, 0.4
"""Chances at an upgrade."""
UPGRADED, REMOVED, ARRIVED = 0.25, 0.03, 0.04
"""Shares from one snapshot to the next."""
SHARED = 400
"""Models of SDKs, which many apps carry unchanged."""
_WEIGHTS = {"tflite": 42, "mlkit": 20, "onnxruntime": 11, "cloud": 10, "ncnn": 7, "mnn": 4, "executorch": 3, "llama": 3}
PLACES = ("stored", "deflated", "odd", "nested", "gzip")


@dataclass(frozen=True, slots=True)
class Use:
    """A model in an app: base, variant and how it is put in."""

    base: str
    variant: int
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """One app at one time."""

    number: int
    package_id: str
    version: int
    developer: str
    category: str
    downloads: int
    permissions: tuple[str, ...]
    engines: tuple[str, ...]
    models: tuple[Use, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Market:
    """`size` apps in the first snapshot."""

    size: int
    seed: int = 1

    def snapshot(self, number: int) -> Iterator[App]:
        """The apps of a snapshot, counted from 0, in order."""
        arrived = int(self.size * ARRIVED)
        for app in range(self.size + number * arrived):
            first = 0 if app < self.size else 1 + (app - self.size) // arrived
            found = self._at(app, first, number)
            if found is not None:
                yield found

    def _at(self, number: int, first: int, snapshot: int) -> App | None:
        app = _begin(number, random.Random(f"{self.seed}/{number}"))
        for step in range(first, snapshot):
            rng = random.Random(f"{self.seed}/{number}/{step}")
            if rng.random() < REMOVED:
                return None
            if rng.random() < UPGRADED:
                app = _upgrade(app, rng)
        return app


def _begin(number: int, rng: random.Random) -> App:
    developer = f"dev{int(rng.paretovariate(0.7)) % 40_000}"
    engines = _engines(rng) if rng.random() < AI else ()
    return App(
        number=number,
        package_id=f"com.{developer}.app{number}",
        version=rng.randrange(1, 400),
        developer=developer,
        category=rng.choice(CATEGORIES),
        downloads=10 ** rng.randrange(1, 9),
        permissions=tuple(rng.sample(PERMISSIONS, rng.randrange(1, 5))),
        engines=engines,
        models=_models(number, engines, rng),
        fault=rng.choice(FAULTS) if rng.random() < FAULTY else "",
    )


def _engines(rng: random.Random) -> tuple[str, ...]:
    chosen = rng.choices(tuple(_WEIGHTS), tuple(_WEIGHTS.values()), k=1 if rng.random() < 0.75 else 2)
    return tuple(sorted(set(chosen)))


def _models(number: int, engines: tuple[str, ...], rng: random.Random) -> tuple[Use, ...]:
    uses: list[Use] = []
    for engine in engines:
        bases = ENGINES[engine].bases
        count = rng.choice((1, 1, 1, 2, 3)) if bases else 0
        uses += (_use(number, rng.choice(bases), rng) for _ in range(count))
    return tuple(dict.fromkeys(uses))


def _use(number: int, base: str, rng: random.Random) -> Use:
    shared = rng.random() < 0.5
    # Few SDK models are in most apps: a long tail, and the published model itself (0) leads.
    variant = int(rng.paretovariate(0.6)) % SHARED - 1 if shared else SHARED + number * 8 + rng.randrange(8)
    # The parameters of ncnn find their weights by the file name, so both must lie beside each other.
    place = "stored" if BASES[base].companion else rng.choices(PLACES, (70, 12, 8, 6, 4))[0]
    return Use(base, max(0, variant), place)


def _upgrade(app: App, rng: random.Random) -> App:
    engines, models = app.engines, app.models
    chance = rng.random()
    if not engines and chance < ADOPTS:
        engines = _engines(rng)
        models = _models(app.number, engines, rng)
    elif engines and chance < DROPS:
        engines, models = (), ()
    elif engines and chance < DROPS + SWITCHES:
        engines = _engines(rng)
        models = _models(app.number, engines, rng)
    elif models and chance < DROPS + SWITCHES + RETRAINS:
        models = (_use(app.number, models[0].base, rng), *models[1:])
    return replace(app, version=app.version + rng.randrange(1, 9), engines=engines, models=tuple(dict.fromkeys(models)))
