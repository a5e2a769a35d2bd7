"""Commands that switch ports, a person who does it, and what is refused."""

from __future__ import annotations

import pytest

from nngauge.devices import Command
from nngauge.errors import TransientError, UsageError
from nngauge.instruments.usb_power import MANUAL, UHUBCTL, USB_POWERS, YKUSH, UsbPort, UsbPower, switch, usb_power
from tests.builders.power import ran


@pytest.mark.parametrize(
    ("power", "port", "on", "words"),
    [
        (UHUBCTL, UsbPort(hub="1-1.4", port="2"), False, "uhubctl -l 1-1.4 -p 2 -a off"),
        (UHUBCTL, UsbPort(hub="3", port="1"), True, "uhubctl -l 3 -p 1 -a on"),
        (YKUSH, UsbPort(port="3"), False, "ykushcmd -d 3"),
        (YKUSH, UsbPort(hub="YK12345", port="a"), True, "ykushcmd -s YK12345 -u a"),
    ],
)
def test_commands(power: UsbPower, port: UsbPort, on: bool, words: str) -> None:
    seen: list[Command] = []

    def run(command: Command):
        seen.append(command)
        return ran()

    switch(power, port, on=on, run=run, ask=lambda _text: None)
    assert " ".join(seen[0].words) == words


@pytest.mark.parametrize(
    ("power", "port"),
    [
        (UHUBCTL, UsbPort(port="2")), (UHUBCTL, UsbPort(hub="1-1", port="-a")), (UHUBCTL, UsbPort(hub="1-1;x", port="1")),
        (YKUSH, UsbPort(port="4")), (YKUSH, UsbPort(hub="-l", port="1")), (YKUSH, UsbPort()),
    ],
)  # fmt: skip
def test_ports_that_are_none(power: UsbPower, port: UsbPort) -> None:
    with pytest.raises(UsageError):
        switch(power, port, on=False, run=lambda _c: ran(), ask=lambda _t: None)


def test_a_person_does_it() -> None:
    asked: list[str] = []
    for on in (False, True):
        switch(MANUAL, UsbPort(), on=on, run=lambda _c: ran(code=1), ask=asked.append)
    assert ["out of" in asked[0], "in again" in asked[1]] == [True, True]


def test_a_hub_that_fails_says_why() -> None:
    with pytest.raises(TransientError, match=r"No compatible devices.*"):
        switch(
            UHUBCTL, UsbPort(hub="1-1", port="2"), on=False, ask=lambda _t: None,
            run=lambda _c: ran(code=1, err=b"No compatible devices\x1b[31m detected!\n"),
        )  # fmt: skip


def test_ways_as_they_are_typed() -> None:
    assert usb_power("uhubctl:1-1.4:2") == (UHUBCTL, UsbPort(hub="1-1.4", port="2"))
    assert usb_power("ykush:3") == (YKUSH, UsbPort(port="3"))
    assert usb_power("ykush:YK12:a") == (YKUSH, UsbPort(hub="YK12", port="a"))
    assert usb_power("manual") == (MANUAL, UsbPort())


@pytest.mark.parametrize(
    "text", ["", "hub", "uhubctl", "uhubctl:2", "uhubctl:1-1:2:3", "ykush:7", "ykush", "manual:1", "uhubctl:$(id):2"]
)
def test_ways_that_are_none(text: str) -> None:
    with pytest.raises(UsageError):
        usb_power(text)


def test_all_are_listed() -> None:
    assert {power.name for power in USB_POWERS} == {"uhubctl", "ykush", "manual"}
