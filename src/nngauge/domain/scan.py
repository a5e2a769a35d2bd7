"""The result of scanning one app: everything that was found, everything that was not, and under which conditions."""

from __future__ import annotations

from msgspec import Struct

from nngauge.domain.acceleration import Acceleration
from nngauge.domain.app import App
from nngauge.domain.detection import Detection
from nngauge.domain.library import Library
from nngauge.domain.model import Candidate, Model
from nngauge.domain.outcome import Anomaly, Coverage, Failure
from nngauge.domain.technology import Technology


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
    failures: tuple[Failure, ...]
    anomalies: tuple[Anomaly, ...]
    coverage: tuple[Coverage, ...]
    provenance: Provenance

    @property
    def complete(self) -> bool:
        """True when nothing failed."""
        return not self.failures
