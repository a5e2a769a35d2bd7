"""Makes the packages of the sample study."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from pathlib import PurePosixPath

from examples.apps.vault import xored
from examples.builders import parts
from examples.builders.example import model
from examples.builders.manifest import app_manifest, binary_xml
from examples.builders.parts import Part, part, zipped
from examples.builders.signing import sign
from examples.study import engines
from examples.study.cast import App, Use, Variant
from examples.study.networks import Recipe, made

_PERMISSIONS = ("INTERNET", "CAMERA", "RECORD_AUDIO", "ACCESS_FINE_LOCATION", "POST_NOTIFICATIONS", "READ_MEDIA_IMAGES")


def build(app: App) -> bytes:
    """The signed APK."""
    return sign(zipped(_entries(app)), app.developer)


def _entries(app: App) -> Iterator[Part]:
    rng = random.Random(f"{app.number}/{app.version}/entries")
    yield part("AndroidManifest.xml", _manifest(app, rng), packed=True)
    yield engines.code(app.engines, app.package_id)
    yield parts.resources()
    yield from rng.sample(parts.plain_libraries(), rng.randrange(4))
    for abi, engine in product(app.abis, app.engines):
        yield from engines.libraries(engine, abi)
    for use in app.uses:
        yield from _files(use)
    yield from rng.sample(parts.decoys(), rng.randrange(3))
    yield from rng.sample(parts.pictures(), rng.randrange(40, 200))


def _manifest(app: App, rng: random.Random) -> bytes:
    chosen = rng.sample(_PERMISSIONS, rng.randrange(1, 5))
    return binary_xml(
        app_manifest(
            app.package_id,
            version=(app.version, f"{app.version // 100}.{app.version // 10 % 10}.{app.version % 10}"),
            label=app.label,
            sdk=(rng.choice((21, 23, 24, 26)), app.target),
            permissions=tuple(f"android.permission.{name}" for name in chosen),
        )
    )


def _files(use: Use) -> Iterator[Part]:
    if isinstance(use.recipe, Recipe):
        data = made(use.recipe)
        yield part(use.path, xored(data) if use.hidden else data, packed=False)
    elif isinstance(use.recipe, Variant):
        yield part(use.path, parts.weights(use.recipe.base, use.recipe.number), packed=False)
        if companion := parts.BASES[use.recipe.base].companion:
            yield part(str(PurePosixPath(use.path).with_suffix(".param")), model(companion), packed=True)
    else:
        yield part(use.path, model(use.recipe), packed=False)
