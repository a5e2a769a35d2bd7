"""No processor multiplies faster than its units can: an engine that seems to did not run the model."""

from __future__ import annotations

from typing import Final

from nngauge.domain.measurement import Configuration, Device

MACS_PER_CYCLE: Final = 2048
"""Of one core, on 8-bit numbers: twice what an AMX or SME tile unit starts a cycle. Ordinary vector units do 16 to 512.

Intel 64 and IA-32 Optimization Reference Manual, chapter 20: one TDPBUSD of 16 × 16 × 64 takes 16 cycles, 1,024 a cycle.
"""
_ACCELERATOR: Final = 1e14
"""Multiply-accumulates a second that no accelerator in a phone of 2026 reaches (200 TOPS)."""
_HZ: Final = 6e9
"""Where a device does not tell its clock: faster than any."""


def floor_ns(macs: int, device: Device, configuration: Configuration) -> float:
    """Nanoseconds that one inference takes at least, of a batch of `configuration.batch`."""
    if configuration.delegate and not configuration.delegate.startswith("cpu"):
        rate = _ACCELERATOR
    else:
        fastest = max((cluster.max_hz or 0 for cluster in device.clusters), default=0) or _HZ
        rate = MACS_PER_CYCLE * fastest * max(1, configuration.threads)
    return 1e9 * macs * configuration.batch / rate
