"""Is a device fit for measuring, and what stands in the way? Two minutes at most; nothing is left on it."""

from __future__ import annotations

import getpass
import socket
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from msgspec.structs import replace

from nngauge.devices import checks_of_state, checks_of_work
from nngauge.devices._api import OpenDevice
from nngauge.devices._look import Look, Patient, Seen
from nngauge.domain.checkup import Check, Checkup, Verdict
from nngauge.domain.measurement import Device
from nngauge.errors import InputError, TransientError
from nngauge.version import __version__

LOOKS: Final = (*checks_of_work.LOOKS[:2], *checks_of_state.LOOKS, *checks_of_work.LOOKS[2:])
"""What is looked at, in this order: whether anything works at all comes first, what makes the device busy last."""
_LAST_START: Final = 85.0
"""Seconds after which nothing more is begun: one look may wait for half a minute."""
_HIDDEN: Final = "…"
_SHORTEST: Final = 3
"""Names that are shorter are not hidden: they would be found everywhere."""


def examine(
    address: str,
    open_device: Callable[[str], OpenDevice],
    *,
    looks: tuple[Look, ...] = LOOKS,
    clock: Callable[[], float] = time.monotonic,
    tell: Callable[[str], object] = str,
) -> Checkup:
    """Looks at the device with this address. A device that cannot be reached is a finding, too.

    `tell` hears what is looked at. Raises `UsageError` for an address that is none.
    """
    began = clock()
    device = Device(id="", kind=address.partition(":")[0])
    try:
        with open_device(address) as opened:
            device = opened.facts()
            patient = Patient(opened, device)
            checks = [_check(look, patient, clock() - began, tell) for look in looks]
    except InputError as error:
        checks = [_unreachable(error)]
    secrets = _secrets(address)
    return Checkup(
        tool=f"nngauge {__version__}",
        date=datetime.now(UTC).date().isoformat(),
        seconds=round(clock() - began, 1),
        device=_anonymous(device, secrets),
        checks=tuple(_cleaned(check, secrets) for check in checks),
    )


def _check(look: Look, patient: Patient, spent: float, tell: Callable[[str], object]) -> Check:
    if spent > _LAST_START:
        seen = Seen(Verdict.UNKNOWN, "no time left to look", "run it again when the device answers faster")
    else:
        tell(look.title)
        try:
            seen = look.see(patient)
        except TransientError as error:
            seen = Seen(Verdict.BLOCKS, error.what, error.hint or "plug it in again, and run this again")
        except InputError as error:
            seen = Seen(look.failing, error.what, error.hint)
    return Check(
        name=look.name, title=look.title, verdict=seen.verdict, found=seen.found, why=look.why, advice=seen.advice
    )


def _unreachable(error: InputError) -> Check:
    return Check(
        name="reachable",
        title="can be reached",
        verdict=Verdict.BLOCKS,
        found=error.what,
        why="nothing can be measured on a device that is not there",
        advice=error.hint,
    )


# --- nothing that tells one device, or its user, from another ----------------------------------------------------------


def _secrets(address: str) -> list[str]:
    """Parts of the address, and names of this machine and its user, longest first."""
    _, _, rest = address.partition(":")
    user, _, host = rest.rpartition("@")
    known = [rest, user, host, host.partition(":")[0], socket.gethostname(), _user()]
    return sorted({word for word in known if len(word) >= _SHORTEST}, key=len, reverse=True)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # a container's user without a name


def _hide(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return text


def _cleaned(check: Check, secrets: list[str]) -> Check:
    return replace(check, found=_hide(check.found, secrets), advice=_hide(check.advice, secrets))


def _anonymous(device: Device, secrets: list[str]) -> Device:
    return replace(device, id=device.kind, model=_hide(device.model, secrets), system=_hide(device.system, secrets))
