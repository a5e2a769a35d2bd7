"""Everything one scan brings to light, in lists that hostile input cannot make endless."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field

from nngauge.domain.library import Library
from nngauge.domain.location import Location
from nngauge.domain.model import Candidate, Model
from nngauge.domain.outcome import Anomaly, Coverage, Failure, Stage, Treatment
from nngauge.limits import MAX_ANOMALIES, MAX_CANDIDATES, MAX_FAILURES, MAX_LIBRARIES, MAX_MODELS


class Findings(Struct):
    """Collects models, candidates, libraries, failures, anomalies and the account of bytes of one app.

    What does not fit the bounds in `nngauge.limits` is counted, and the count is a failure of its own.
    """

    place: Location
    models: list[Model] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    libraries: list[Library] = field(default_factory=list)
    anomalies: dict[Anomaly, None] = field(default_factory=dict)
    """Each once, in order."""
    _failures: list[Failure] = field(default_factory=list)
    _failed: Counter[tuple[Stage, str]] = field(default_factory=Counter)
    _lost: Counter[str] = field(default_factory=Counter)
    _account: dict[tuple[Treatment, str], list[int]] = field(default_factory=dict)
    """Entries and bytes."""

    def model(self, model: Model) -> None:
        """Adds a model."""
        if len(self.models) < MAX_MODELS:
            self.models.append(model)
        else:
            self._lost["models"] += 1

    def candidate(self, candidate: Candidate) -> None:
        """Adds a candidate."""
        if len(self.candidates) < MAX_CANDIDATES:
            self.candidates.append(candidate)
        else:
            self._lost["candidates"] += 1

    def library(self, library: Library) -> None:
        """Adds a native binary."""
        if len(self.libraries) < MAX_LIBRARIES:
            self.libraries.append(library)
        else:
            self._lost["libraries"] += 1

    def oddities(self, anomalies: Iterable[Anomaly]) -> None:
        """Adds anomalies that are not there yet."""
        for anomaly in anomalies:
            if len(self.anomalies) < MAX_ANOMALIES:
                self.anomalies[anomaly] = None
            elif anomaly not in self.anomalies:
                self._lost["anomalies"] += 1

    def failure(self, failure: Failure) -> None:
        """Adds a failure; of each kind (stage and error) the first `limits.MAX_FAILURES` are kept."""
        kind = failure.stage, failure.error
        self._failed[kind] += 1
        if self._failed[kind] <= MAX_FAILURES:
            self._failures.append(failure)

    def failures(self) -> tuple[Failure, ...]:
        """The failures kept, and one more for each list that was cut."""
        return (
            *self._failures,
            *(
                self._more(stage, error, f"{count - MAX_FAILURES} more entries failed like the {MAX_FAILURES} listed")
                for (stage, error), count in self._failed.items()
                if count > MAX_FAILURES
            ),
            *(
                self._more(Stage.EXTRACT, "LimitError", f"{count} more {what} were found and not listed")
                for what, count in self._lost.items()
            ),
        )

    def _more(self, stage: Stage, error: str, reason: str) -> Failure:
        return Failure(stage=stage, location=self.place, error=error, reason=reason)

    def account(self, treatment: Treatment, kind: str, size: int) -> None:
        """Notes what was done with one entry of `size` bytes."""
        sums = self._account.setdefault((treatment, kind), [0, 0])
        sums[0] += 1
        sums[1] += size

    def coverage(self) -> tuple[Coverage, ...]:
        """The account, sorted."""
        return tuple(
            Coverage(treatment=treatment, kind=str(kind), entries=entries, size=size)
            for (treatment, kind), (entries, size) in sorted(self._account.items())
        )
