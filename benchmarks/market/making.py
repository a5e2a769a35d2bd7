"""Makes the packages of the market and the truth about them."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.market.plan import App, Use
from examples.builders import parts
from examples.builders.example import model
from examples.builders.manifest import app_manifest, binary_xml
from examples.builders.parts import Part, part, zipped


@dataclass(frozen=True, slots=True)
class Truth:
    """What a scan has to find. `opens`: is there a result at all, or a failure of the whole package?"""

    opens: bool
    technologies: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    """Digests as `model.digest` has them."""


def build(app: App) -> bytes:
    """The package, broken where it is meant to be."""
    whole = zipped(_entries(app))
    return _break(app, whole) if app.fault else whole


def truth(app: App) -> Truth:
    """What is inside `build(app)`, from the plan alone."""
    if app.fault in {"empty", "page"}:
        return Truth(opens=False)
    technologies = frozenset().union(*(parts.ENGINES[name].technologies for name in app.engines))
    return Truth(opens=True, technologies=technologies, models=frozenset(map(digest, app.models)))


@lru_cache(maxsize=8192)
def digest(use: Use) -> str:
    """SHA-256 of a model; of one in two files, of the sorted digests of both."""
    base = parts.BASES[use.base]
    own = hashlib.sha256(parts.weights(use.base, use.variant)).hexdigest()
    if not base.companion:
        return own
    other = hashlib.sha256(model(base.companion)).hexdigest()
    return hashlib.sha256("".join(sorted((own, other))).encode()).hexdigest()


def _entries(app: App) -> Iterator[Part]:
    rng = random.Random(f"{app.number}/{app.version}/entries")
    yield part("AndroidManifest.xml", _manifest(app), packed=True)
    yield parts.dex(app.engines, app.number % 12)
    yield parts.resources()
    yield from rng.sample(parts.plain_libraries(), rng.randrange(1, 4))
    for engine in app.engines:
        yield from parts.libraries(engine)
    for position, use in enumerate(app.models):
        yield from _model(use, position)
    yield from rng.sample(parts.decoys(), rng.randrange(3))
    yield from rng.sample(parts.pictures(), rng.randrange(12, 40))


def _manifest(app: App) -> bytes:
    return binary_xml(
        app_manifest(
            app.package_id,
            version=(app.version, f"{app.version // 100}.{app.version % 100}"),
            label=f"App {app.number}",
            permissions=tuple(f"android.permission.{name}" for name in app.permissions),
        )
    )


def _model(use: Use, position: int) -> Iterator[Part]:
    base = parts.BASES[use.base]
    yield _placed(use, position)
    if base.companion:
        yield part(f"assets/models/m{position}.param", model(base.companion), packed=True)


@lru_cache(maxsize=1024)
def _placed(use: Use, position: int) -> Part:
    data, suffix = parts.weights(use.base, use.variant), parts.BASES[use.base].suffix
    if use.place == "odd":
        return part(f"assets/cache/{position}f3a.dat", data, packed=True)
    if use.place == "nested":
        inner = zipped([part("readme.txt", b"pack\n", packed=False), part(f"m{suffix}", data, packed=False)])
        return part(f"assets/packs/p{position}.zip", inner, packed=False)
    if use.place == "gzip":
        return part(f"assets/cache/m{position}{suffix}.gz", gzip.compress(data, 6, mtime=0), packed=False)
    return part(f"assets/models/m{position}{suffix}", data, packed=use.place == "deflated")


def _break(app: App, whole: bytes) -> bytes:
    """One of `plan.FAULTS`; what was inside is still to be found, but in packages that do not open at all."""
    if app.fault == "empty":
        return b""
    if app.fault == "page":
        return b"<!DOCTYPE html><html><head><title>403 Forbidden</title></head></html>\n" + str(app.number).encode()
    if app.fault == "truncated":
        return whole[: whole.rindex(b"PK\x01\x02") - 40]
    if app.fault == "liar":  # the directory says another size of its last entry
        at = whole.rindex(b"PK\x01\x02") + 24
        return whole[:at] + b"\xff\xff\xff\x7f" + whole[at + 4 :]
    entries = list(_entries(app))
    if app.fault == "repeated":
        return zipped([*entries, entries[-1], entries[-1]])
    if app.fault == "traversal":
        return zipped([*entries, part("../../../../tmp/evil", b"evil", packed=False)])
    return zipped([*entries, _bomb() if app.fault == "bomb" else _russian_doll()])


@lru_cache(maxsize=1)
def _bomb() -> Part:
    return part("assets/zeros", bytes(16 << 20), packed=True)


@lru_cache(maxsize=1)
def _russian_doll() -> Part:
    data = b"in here\n" * 100
    for level in range(30):
        data = zipped([part(f"level{level}.zip", data, packed=True)])
    return part("assets/doll.zip", data, packed=False)
