"""The result of scanning one app: everything that was found, everything that was not, and under which conditions."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from nngauge.domain.acceleration import Acceleration
from nngauge.domain.app import App
from nngauge.domain.detection import Detection
from nngauge.domain.library import Library
from nngauge.domain.model import Candidate, Model
from nngauge.domain.outcome import Anomaly, Coverage, Failure
from nngauge.domain.task import CoreVerdict
from nngauge.domain.technology import Technology
from nngauge.domain.usage import UsageVerdict


class Depth(StrEnum):
    """How closely apps are looked at; other depths give other facts."""

    MODELS = "models-only"
    """No code, and nothing that by its name and size is no model: of a package far away a small part is fetched."""
    DEFAULT = "default"
    USAGE = "usage"
    """The code of apps with AI is read again, to tell what is used from what is merely bundled. Takes about twice as long."""
    AUDIT = "audit"
    """As `USAGE`, and every file is asked how well it is protected: studies keep an `Audit` beside each scan."""


class Verdict(Struct, frozen=True, kw_only=True):
    """The three answers that are never collapsed into one."""

    runtime_present: bool
    """Code that executes learned models is shipped."""
    model_present: bool
    """A validated model is shipped."""
    model_elsewhere: bool
    """System model, Play services, AI pack, download or cloud: AI without a model in the package."""
    because: tuple[str, ...]
    """One sentence per answer that is true, naming the facts behind it."""


class Provenance(Struct, frozen=True, kw_only=True):
    """Under which conditions a result was made; with the same provenance and bytes the facts are the same."""

    tool: str
    """``nngauge <version>``."""
    rules: str
    """Digest of the rule set."""
    plugins: str
    """Digest of the names and versions of all formats and packages."""
    configuration: str
    """Digest of the options that change facts."""


class Scan(Struct, frozen=True, kw_only=True):
    """One app, scanned."""

    path: str
    """The file or folder as given."""
    app: App
    verdict: Verdict
    technologies: tuple[Technology, ...] = ()
    """What the detections add up to: one a rule, with its grade."""
    detections: tuple[Detection, ...]
    models: tuple[Model, ...]
    candidates: tuple[Candidate, ...]
    libraries: tuple[Library, ...] = ()
    """Every native binary, with AI in it or without."""
    accelerations: tuple[Acceleration, ...] = ()
    """Accelerators that are asked for or shipped, and what comes of it."""
    usage: tuple[UsageVerdict, ...] = ()
    """Is each technology and model used, or merely bundled? Empty unless the scan was asked to read the code for it."""
    core: CoreVerdict | None = None
    """Is AI the app's core feature? None where no model says what it is for."""
    failures: tuple[Failure, ...]
    anomalies: tuple[Anomaly, ...]
    coverage: tuple[Coverage, ...]
    provenance: Provenance

    @property
    def complete(self) -> bool:
        """True when nothing failed."""
        return not self.failures
