"""A process of its own for what others' input could make dangerous: SQL of users, pictures of models from apps.

It has a bound on memory that the operating system keeps, is ended when it takes too long, and another one takes its place.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from nngauge.domain.dossier import ModelDossier
from nngauge.errors import UnsupportedError, UsageError
from nngauge.limits import GIB, MIB

if TYPE_CHECKING:
    from pebble import ProcessPool

    from nngauge.store.warehouse import Warehouse

SQL_SECONDS: Final = 10.0
SQL_ROWS: Final = 1_000
SQL_CELL: Final = 2_000
"""Characters of one cell; the rest is cut off."""
_SQL_MEMORY: Final = 1 * GIB
"""As DuckDB counts it."""
_MEMORY: Final = 3 * GIB
"""Private memory that the process may take for its work."""
_GRACE: Final = 5.0
"""Seconds that a process may take to stop by itself, and to open a study."""
DRAWING_SECONDS: Final = 20.0
MAX_DRAWN: Final = 512 * MIB
"""Bytes of a model that is drawn."""
_PLAIN: Final = frozenset(
    (
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "FLOAT",
        "DOUBLE",
    )
)
"""Types whose values are shown as they are; all others as texts."""
_WORD: Final = re.compile(r"[^A-Za-z0-9._-]")


class Table(Struct, frozen=True):
    """The answer to a question in SQL."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    more: bool
    """There are more rows than are kept."""
    seconds: float


class Part(Struct, frozen=True):
    """A file of a model: where it is kept, and what it was called in the app."""

    file: str
    name: str


class Workshop:
    """One worker process, started when it is first needed, or by `warm`."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder.resolve())
        self._pool: ProcessPool | None = None
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        """Of the process, which may be ended before it can clean up."""
        self._lock = threading.Lock()

    def ask(self, sql: str) -> Table:
        """The first rows of the answer to one SELECT. Raises `UsageError` for anything else, and for what takes too long."""
        late = f"not answered within {SQL_SECONDS:g} s"
        answer = self._do(_answer, (self._folder, sql), SQL_SECONDS + _GRACE, late)
        if not isinstance(answer, Table):
            raise UsageError("no answer")
        return answer

    def dossier(self, parts: Sequence[Part], digest: str) -> ModelDossier:
        """The layers and the picture of a model that is kept. Raises `NngaugeError` when that cannot be done."""
        late = f"not read within {DRAWING_SECONDS:g} s"
        answer = self._do(_dossier, (tuple(parts), digest), DRAWING_SECONDS, late)
        if not isinstance(answer, ModelDossier):
            raise UnsupportedError("this model cannot be read")
        return answer

    def warm(self) -> None:
        """Starts the process and opens the study there, without waiting for it."""
        self._open().schedule(_warm, args=[self._folder], timeout=600)

    def _do(self, work: Any, arguments: tuple[Any, ...], seconds: float, late: str) -> object:
        from pebble import ProcessExpired

        future = self._open().schedule(work, args=arguments, timeout=seconds)
        try:
            return future.result(seconds * 3)
        except TimeoutError:
            future.cancel()  # type: ignore[no-untyped-call]
            raise UsageError(late, hint="ask for less, or use nngauge study sql") from None
        except (ProcessExpired, MemoryError):
            raise UsageError("it needed more memory than it may have", hint="ask for less") from None

    def _open(self) -> ProcessPool:
        import multiprocessing

        from pebble import ProcessPool

        with self._lock:
            if self._pool is None or not self._pool.active:
                context = multiprocessing.get_context("spawn")
                self._scratch = self._scratch or tempfile.TemporaryDirectory(prefix="nngauge-")
                start = [self._scratch.name]
                self._pool = ProcessPool(max_workers=1, initializer=_start, initargs=start, context=context)
            return self._pool

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            pool, self._pool = self._pool, None
            scratch, self._scratch = self._scratch, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()
        if scratch is not None:
            scratch.cleanup()


# --- in the process ------------------------------------------------------------------------------------------------------

_facts: dict[tuple[str, int], Warehouse] = {}
"""The study that is open, by folder and number of changes."""


def _start(scratch: str) -> None:
    tempfile.tempdir = scratch
    _limit_memory(_MEMORY)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business


def _limit_memory(more: int | None) -> None:
    """Lets the operating system refuse private memory beyond `more` bytes from now on; None: no bound. Only on Linux.

    From now on: opening a study may leave gigabytes of addresses behind that nobody uses.
    """
    if sys.platform == "linux":
        most = resource.RLIM_INFINITY if more is None else more + _private_bytes()
        resource.setrlimit(resource.RLIMIT_DATA, (most, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _private_bytes() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(r"VmData:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def _warm(folder: str) -> None:
    _open_facts(folder)


def _open_facts(folder: str) -> Warehouse:
    from nngauge.store.ledger import Ledger
    from nngauge.store.warehouse import Warehouse

    with Ledger(Path(folder) / "ledger.sqlite") as ledger:
        with ledger.unchanging() as changes:
            pass
        if (folder, changes) not in _facts:
            for old in _facts.values():
                old.close()
            _facts.clear()
            _limit_memory(None)  # opening reads results that are not in files yet, and asks for much
            try:
                _facts[folder, changes] = Warehouse(Path(folder), ledger, memory=_SQL_MEMORY)
            finally:
                _limit_memory(_MEMORY)
    return _facts[folder, changes]


def _answer(folder: str, sql: str) -> Table:
    facts = _open_facts(folder)
    clock = threading.Timer(SQL_SECONDS, facts.interrupt)
    clock.start()
    try:
        return _bounded(facts, sql)
    except UsageError as error:
        if "INTERRUPT" in error.what:
            raise UsageError(f"not answered within {SQL_SECONDS:g} s", hint="ask for less") from None
        raise
    finally:
        clock.cancel()


def _bounded(facts: Warehouse, sql: str) -> Table:
    """The answer within the limits: of long texts, lists and the like only the beginning leaves DuckDB."""
    import time

    begun = time.perf_counter()
    text = sql.strip().rstrip("; ")
    facts.check(text)
    if text[:7].upper() == "EXPLAIN":
        answer = facts.ask(text)
        return Table(answer.columns, ("VARCHAR",) * len(answer.columns), answer.rows, more=False, seconds=_since(begun))
    described = facts.ask(f"DESCRIBE ({text}\n)").rows
    names, types = tuple(str(row[0]) for row in described), tuple(str(row[1]) for row in described)
    inner = ", ".join(f"c{place}" for place in range(len(names)))
    shown = ", ".join(_shown(f"c{place}", kind) for place, kind in enumerate(types))
    answer = facts.ask(f"SELECT {shown} FROM ({text}\n) AS answer({inner}) LIMIT {SQL_ROWS + 1}")
    return Table(names, types, answer.rows[:SQL_ROWS], more=len(answer.rows) > SQL_ROWS, seconds=_since(begun))


def _shown(column: str, kind: str) -> str:
    return column if kind in _PLAIN else f"left({column}::VARCHAR, {SQL_CELL + 1}) AS {column}"


def _since(begun: float) -> float:
    import time

    return round(time.perf_counter() - begun, 3)


def _dossier(parts: tuple[Part, ...], digest: str) -> ModelDossier:
    """The files are put together under their names and looked at as an app would be."""
    from nngauge.auditing.dossier import dossier_of

    if sum(Path(part.file).stat().st_size for part in parts) > MAX_DRAWN:
        raise UnsupportedError(f"models of more than {MAX_DRAWN // MIB} MiB are not drawn")
    with tempfile.TemporaryDirectory(prefix="nngauge-") as scratch:
        for place, part in enumerate(parts):
            link = Path(scratch) / (_WORD.sub("_", part.name)[-80:].lstrip(".") or f"part{place}")
            if link.exists():
                raise UnsupportedError("files of this model cannot be told apart by their names")
            _link(Path(part.file), link)
        models = dossier_of(scratch).models
    found = next((item for item in models if item.model.digest == digest), None)
    if found is None:
        raise UnsupportedError("the files that are kept are not read as this model any more")
    return found


def _link(file: Path, target: Path) -> None:
    """Links of names are not followed in packages; a second name for the same bytes is, and a copy anyway."""
    try:
        os.link(file, target)
    except OSError:
        shutil.copyfile(file, target)
