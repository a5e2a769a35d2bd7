"""The study that is shown: the newest state that is prepared, and its successor in the making while the study grows."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct

from nngauge.errors import NngaugeError
from nngauge.limits import MIB
from nngauge.store.ledger import Ledger
from nngauge.web.patience import Patience
from nngauge.web.prepared import Prepared, require_duckdb
from nngauge.web.workshop import Workshop

_LOOK: Final = 2.0
"""Seconds between looks at the ledger."""
_REST: Final = 10.0
"""Times the duration of a preparation before the next begins: a study that grows takes at most a tenth of the machine."""
_LEAST_REST: Final = 5.0
_CACHE: Final = 64 * MIB
"""Bytes of pages that are kept."""
_CACHED: Final = 1 * MIB
"""Of one page; larger ones are made anew."""


class State(Struct):
    """One state of the study, and who uses it."""

    prepared: Prepared
    patience: Patience
    users: int = 0
    old: bool = False

    def close(self) -> None:
        """Gives everything back."""
        self.patience.close()
        self.prepared.close()


class Explorer:
    """Shows the study in `folder`. `start` opens it in a thread; everything else may be called by any thread."""

    def __init__(self, folder: Path, *, keep: bool = True) -> None:
        require_duckdb()
        self.folder = folder
        self.name = folder.resolve().name
        self.workshop = Workshop(folder)
        self.problem = ""
        """Why the study cannot be opened."""
        self._keep = keep
        self._state: State | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._hurry = threading.Event()
        self._opened = threading.Event()
        self._thread: threading.Thread | None = None
        self._cache: OrderedDict[tuple[int, str], bytes] = OrderedDict()
        self._cached = 0

    def start(self, *, wait: float = 0.0) -> None:
        """Begins to prepare; waits until pages can be shown, at most `wait` seconds."""
        with Ledger(self.folder / "ledger.sqlite") as ledger:
            self.name = ledger.facts().get("name", self.name)
        self._thread = threading.Thread(target=self._run, name="explorer", daemon=True)
        self._thread.start()
        begun = time.monotonic()
        if self._opened.wait(wait) and self._state is not None:
            self._state.prepared.wait("weights", max(0.0, wait - (time.monotonic() - begun)))

    @contextmanager
    def state(self) -> Iterator[State | None]:
        """What is shown now, kept open as long as the context lasts; None while the first is being opened."""
        with self._lock:
            state = self._state
            if state is not None:
                state.users += 1
        try:
            yield state
        finally:
            if state is not None:
                with self._lock:
                    state.users -= 1
                    done = state.old and not state.users
                if done:
                    state.close()

    def _run(self) -> None:
        rest = 0.0
        while not self._stop.is_set():
            if self._state is None or self._grown(self._state.prepared.changes):
                rest = self._renew()
            self._hurry.wait(max(_LOOK, rest))
            self._hurry.clear()
            rest = 0.0

    def hurry(self) -> None:
        """Looks at the study at once: a run has put its files of facts together, and those that are shown are gone."""
        self._hurry.set()

    def _grown(self, changes: int) -> bool:
        try:
            with Ledger(self.folder / "ledger.sqlite") as ledger, ledger.unchanging() as now:
                return now != changes
        except NngaugeError:
            return False

    def _renew(self) -> float:
        """Prepares the study as it is now; seconds to rest after it. The first is shown at once, later ones when they are ready."""
        try:
            prepared = Prepared(self.folder, keep=self._keep)
        except NngaugeError as error:
            self.problem = str(error)
            return _LEAST_REST
        first = self._state is None
        if first:
            self._show(prepared)
        try:
            prepared.prepare()
        except NngaugeError as error:
            self.problem = str(error)
            if not first:
                prepared.close()
            return _LEAST_REST
        self.problem = ""
        if not first:
            self._show(prepared)
        return max(_LEAST_REST, _REST * prepared.progress.seconds)

    def _show(self, prepared: Prepared) -> None:
        state = State(prepared, Patience(prepared.own_session))
        with self._lock:
            before, self._state = self._state, state
            self._cache.clear()
            self._cached = 0
            if before is not None:
                before.old = True
            unused = before is not None and not before.users
        self._opened.set()
        if before is not None and unused:
            before.close()

    # --- pages that were made before -------------------------------------------------------------------------------------

    def cached(self, changes: int, key: str) -> bytes | None:
        """A page of this state that was made before."""
        with self._lock:
            page = self._cache.get((changes, key))
            if page is not None:
                self._cache.move_to_end((changes, key))
            return page

    def cache(self, changes: int, key: str, page: bytes) -> None:
        """Keeps a page for those who ask for it again."""
        if len(page) > _CACHED:
            return
        with self._lock:
            if self._state is None or self._state.prepared.changes != changes or (changes, key) in self._cache:
                return
            self._cache[changes, key] = page
            self._cached += len(page)
            while self._cached > _CACHE:
                self._cached -= len(self._cache.popitem(last=False)[1])

    def close(self) -> None:
        """Ends all threads and processes."""
        self._stop.set()
        self._hurry.set()
        self.workshop.close()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            state, self._state = self._state, None
        if state is not None:
            state.close()
