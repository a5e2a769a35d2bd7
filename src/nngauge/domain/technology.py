"""A technology of an app: all its detections together, and the one grade that its best evidence earns."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, Evidence, Presence
from nngauge.domain.location import Location


class Grade(StrEnum):
    """What the best evidence amounts to, from strongest to weakest. Grades are never merged."""

    LIBRARY = "runtime library"
    """Its own library is shipped where the system loads it from."""
    EMBEDDED = "inside another library"
    """Statically linked into a library or program of another name."""
    PACKED = "packed library"
    """Its library is in the app, but packed into an archive or among the assets: something has to unpack it first."""
    FRAMEWORK = "system framework"
    """A framework of the operating system that a binary links or asks for."""
    DEFINED = "classes defined"
    """Its classes or scripts are part of the app."""
    FETCHED = "fetched library"
    """Its library is not in the app, and the app's code loads it by name from a file: downloaded at first start."""
    REFERENCED = "only referenced"
    """App code names its classes or functions, which are not shipped."""
    DECLARED = "declared"
    """Only configuration speaks of it."""
    ENDPOINT = "endpoint"
    """A network address of the service is in the app's code."""
    MODELS = "model files only"
    """Only models or data files that belong to it."""
    DEAD = "dead reference"
    """Classes, a loader or a mention, but neither the native code that they need nor a model, nor a way to get it."""


class Technology(Struct, frozen=True, kw_only=True):
    """Everything found about one rule id in one app."""

    id: str
    title: str
    category: Category
    grade: Grade
    presence: Presence
    """How the strongest detection is inside, whatever the rest of the app says about it."""
    confidence: Confidence
    """How far the grade can be trusted."""
    shipped: bool
    """Code that can run it is in the app."""
    dead: bool = False
    """Nothing in the app can run it."""
    missing: tuple[str, ...] = ()
    """What it needs and the app does not have: file names of libraries, ids of technologies. Any of them would do."""
    because: str = ""
    """One sentence for grades that more than the detections decided (packed, fetched, dead, models only)."""
    versions: tuple[str, ...] = ()
    abis: tuple[str, ...] = ()
    host: str | None = None
    """Technology whose library contains it (`Grade.EMBEDDED`)."""
    models: tuple[str, ...] = ()
    """Digests of the app's models that it can load, largest first."""
    location: Location
    """Where it was found: the strongest detection, or the largest model."""
    places: int
    """Detections, or models where only they speak for it."""
    library_bytes: int | None = None
    """Bytes of the largest binary it was found in."""
    evidence: tuple[Evidence, ...] = ()
    """What `because` rests on: the packed file, the loader, the models."""
