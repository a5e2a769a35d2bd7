"""What a target is given: the bytes of one file and of those that belong to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sample:
    """The bytes of one file and of those that belong to it."""

    name: str
    data: bytes
    parts: Mapping[str, bytes] = field(default_factory=dict)
