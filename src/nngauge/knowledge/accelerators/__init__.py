"""What is known of accelerators and delegates: data with sources, one file per maker of the hardware interface.

Values, not TOML: the table is asked in every scan, and reading it as text would cost more than all its answers.
"""

from __future__ import annotations

from typing import Final

from nngauge.knowledge.accelerators.apple import APPLE
from nngauge.knowledge.accelerators.google import GOOGLE
from nngauge.knowledge.accelerators.gpu import GPU
from nngauge.knowledge.accelerators.qualcomm import QUALCOMM
from nngauge.knowledge.accelerators.schema import Accelerator, Compiled, Generations, Part
from nngauge.knowledge.accelerators.vendors import VENDORS

__all__ = ["ACCELERATORS", "Accelerator", "Compiled", "Generations", "Part"]

ACCELERATORS: Final[tuple[Accelerator, ...]] = (*QUALCOMM, *VENDORS, *GOOGLE, *GPU, *APPLE)
"""All, in the order in which they are judged (see `Accelerator.unless`)."""
