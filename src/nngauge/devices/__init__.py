"""Devices that models are run on: this machine, phones, boards, recorded sessions."""

from nngauge.devices._api import Command, DeviceKind, Found, Job, OpenDevice, Ran

__all__ = ["Command", "DeviceKind", "Found", "Job", "OpenDevice", "Ran"]
