"""A worker's part in the facts of models: each distinct model once, and none for longer than it may take."""

from __future__ import annotations

import signal
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from nngauge.domain.model import Model
from nngauge.domain.network import Network
from nngauge.errors import InputError
from nngauge.extract.attempt import Extracted

_REMEMBERED: Final = 100_000
"""Digests of models whose facts a worker has sent: about 20 MB."""
_SECONDS: Final = 10.0
"""Processor time for one model. Real ones take 0.01 to 2 s."""


class Sent:
    """Whose result a model's facts went out with.

    Within one run a result is stored once, so what a worker has sent is known; another worker may send it again, and
    questions take one of both.
    """

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._apps: OrderedDict[str, str] = OrderedDict()
        self._most = most

    def has(self, digest: str, app: str) -> bool:
        """Was it sent with another app than `app`? One that is looked at again gets all of its facts again."""
        return self._apps.get(digest, app) != app

    def add(self, networks: tuple[Network, ...], app: str) -> None:
        """Remembers what goes out with the result of `app`."""
        for item in networks:
            self._apps.setdefault(item.digest, app)
            self._apps.move_to_end(item.digest)
        while len(self._apps) > self._most:
            self._apps.popitem(last=False)


class Collector:
    """A scanner's sink that keeps the facts of one app's models."""

    def __init__(self, app: str, sent: Sent, seconds: float = _SECONDS) -> None:
        self._app = app
        self._sent = sent
        self._seconds = seconds
        self._found: dict[str, Network] = {}

    def collect(self, model: Model, extracted: Extracted) -> None:
        """The sink."""
        if model.digest not in self._found and not self._sent.has(model.digest, self._app):
            self._found[model.digest] = facts(model, extracted, self._seconds)

    def networks(self) -> tuple[Network, ...]:
        """All that was found, in order of the digests."""
        return tuple(network for _, network in sorted(self._found.items()))


def facts(model: Model, extracted: Extracted, seconds: float = _SECONDS) -> Network:
    """The facts of one model; what goes wrong is their `reason`."""
    from nngauge.analyse.network import network

    try:
        with _processor_time(seconds):
            return network(model, extracted)
    except _TooSlow:
        reason = f"not analysed within {seconds:g} s"
    except InputError as error:
        reason = f"{type(error).__name__}: {error}"
    except (MemoryError, RecursionError) as error:
        reason = f"gave up: {type(error).__name__}"
    except Exception as error:  # noqa: BLE001 - a bug in the analysis must not lose the app; it is recorded as what it is
        reason = f"InternalError: {type(error).__name__}: {error}"
    return Network(digest=model.digest, plugin=model.plugin, reason=reason)


class _TooSlow(BaseException):
    """Not an `Exception`, so that no handler on the way swallows it."""


@contextmanager
def _processor_time(seconds: float) -> Iterator[None]:
    """Ends what takes longer, where signals can (main thread, POSIX): elsewhere only the app's own limit holds.

    User time rather than the clock: other limits use the clock's alarm, and a busy machine is not the model's fault.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
