"""The facts of one model, and no model for longer than it may take."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from nngauge.domain.model import Model
from nngauge.domain.network import Network
from nngauge.errors import InputError
from nngauge.extract.attempt import Extracted

if TYPE_CHECKING:
    from nngauge.domain.analysis import Analysis

SECONDS: Final = 10.0
"""Processor time for one model. Real ones take 0.01 to 2 s."""


def facts(model: Model, extracted: Extracted, seconds: float = SECONDS) -> Network:
    """The facts of one model; what goes wrong is their `reason`."""
    return studied(model, extracted, seconds)[0]


def studied(model: Model, extracted: Extracted, seconds: float = SECONDS) -> tuple[Network, Analysis | None]:
    """The facts of one model, and the analysis that they are taken from; None where it went wrong."""
    from nngauge.analyse.network import network_and_analysis

    try:
        with processor_time(seconds):
            return network_and_analysis(model, extracted)
    except TooSlow:
        reason = f"not analysed within {seconds:g} s"
    except InputError as error:
        reason = f"{type(error).__name__}: {error}"
    except (MemoryError, RecursionError) as error:
        reason = f"gave up: {type(error).__name__}"
    except Exception as error:  # noqa: BLE001 - a bug in the analysis must not lose the app; it is recorded as what it is
        reason = f"InternalError: {type(error).__name__}: {error}"
    return Network(digest=model.digest, plugin=model.plugin, reason=reason), None


class TooSlow(BaseException):
    """A model took longer than it may. Not an `Exception`, so that no handler on the way swallows it."""


@contextmanager
def processor_time(seconds: float) -> Iterator[None]:
    """Ends what takes longer, where signals can (main thread, POSIX): elsewhere only the app's own limit holds.

    User time rather than the clock: other limits use the clock's alarm, and a busy machine is not the model's fault.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGVTALRM, ring)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
