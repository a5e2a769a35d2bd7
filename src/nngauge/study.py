"""A study: a folder that keeps the facts of many apps, and runs that can be killed and resumed."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from nngauge.domain.outcome import Failure, Stage
from nngauge.domain.scan import Provenance
from nngauge.errors import UnreadableError, UsageError
from nngauge.pipeline import Scanner
from nngauge.runner import Limits, Outcome, scan_each
from nngauge.store.ledger import Ledger


class Study:
    """Use as a context manager; one process at a time may write."""

    def __init__(self, folder: Path, ledger: Ledger, lock: IO[str]) -> None:
        self.folder = folder
        self.ledger = ledger
        self._lock = lock

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Opens or creates a study. Raises `UsageError` when another run holds it, `UnreadableError` for a bad folder."""
        root = Path(folder)
        try:
            root.mkdir(parents=True, exist_ok=True)
            lock = (root / "lock").open("w")
        except OSError as error:
            raise UnreadableError(f"cannot use as study: {error.strerror}", where=str(root)) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise UsageError("another run is using this study", where=str(root), hint="wait for it to end") from None
        return cls(root, Ledger(root / "study.sqlite"), lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.ledger.__exit__(kind, error, trace)
        self._lock.close()

    def run(
        self, apps: Iterable[str], *, workers: int, limits: Limits, extract_to: str | None = None
    ) -> Iterator[Outcome]:
        """Scans what is not in the store yet; stored results of the same rules and bytes come back as they are.

        An app that a limit ended is tried again when the limits are others.
        """
        key = scan_key(Scanner().provenance)
        bounded = f"{key} within {limits.seconds:g} s and {limits.memory} bytes"
        pending: list[str] = []
        for app in dict.fromkeys(str(Path(path).resolve()) for path in apps):
            if self._settled(app, (key, bounded)):
                yield Outcome(app, self.ledger.result(app), stored=True)
            else:
                pending.append(app)
        stamps: dict[str, tuple[int, int]] = {}

        def begun() -> Iterator[str]:
            for app in pending:
                stamps[app] = _stamp(app)
                self.ledger.begin(app)
                yield app

        for outcome in scan_each(begun(), workers=workers, limits=limits, extract_to=extract_to):
            stopped = isinstance(outcome.result, Failure) and outcome.result.stage is Stage.RUN
            self.ledger.record(outcome.path, bounded if stopped else key, stamps.pop(outcome.path), outcome.result)
            yield outcome

    def _settled(self, app: str, keys: tuple[str, str]) -> bool:
        """Is there a result of the same bytes, rules and, where limits ended the scan, the same limits?"""
        known = self.ledger.state(app)
        if known is None or known[0] == "running":
            return False
        return known[1] in keys and known[2:] == _stamp(app)


def scan_key(provenance: Provenance) -> str:
    """Results with the same key and the same bytes are the same."""
    text = f"{provenance.tool}\n{provenance.rules}\n{provenance.plugins}\n{provenance.configuration}"
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _stamp(path: str) -> tuple[int, int]:
    """Size and modification time; folders add up their files. Zeros when the path is gone."""
    place = Path(path)
    total = newest = 0
    with contextlib.suppress(OSError):
        for item in [place] if place.is_file() else sorted(place.rglob("*")):
            status = item.stat()
            total += status.st_size if item.is_file() else 0
            newest = max(newest, status.st_mtime_ns)
    return total, newest
