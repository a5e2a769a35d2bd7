"""What to do with an entry, from what its first bytes say it is."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from nngauge.io.content import MEDIA, Kind


class Plan(Enum):
    """How an entry is treated. Archives are opened before this question comes up."""

    ELF = auto()
    MACHO = auto()
    DEX = auto()
    ODEX = auto()
    """Dex files behind a header of the optimising compiler."""
    CLASS = auto()
    SCRIPT = auto()
    DOTNET = auto()
    DATA = auto()
    """Searched for models at any offset."""
    SKIP = auto()
    """Only its head is looked at."""


_PLANS: Final = {
    Kind.ELF: Plan.ELF,
    Kind.MACHO: Plan.MACHO,
    Kind.DEX: Plan.DEX,
    Kind.ODEX: Plan.ODEX,
    Kind.CLASS: Plan.CLASS,
    Kind.HERMES: Plan.SCRIPT,
    Kind.WASM: Plan.SCRIPT,
    Kind.HTML: Plan.SCRIPT,
    Kind.PE: Plan.DOTNET,
    Kind.IL2CPP: Plan.DOTNET,
}
_SKIPPED: Final = MEDIA | {
    Kind.AXML, Kind.ARSC, Kind.PLIST, Kind.NIB, Kind.ART_PROFILE, Kind.CERTIFICATE, Kind.XML, Kind.JSON,
}  # fmt: skip
_SCRIPT_SUFFIXES: Final = (".js", ".mjs", ".cjs", ".jsx", ".ts", ".bundle", ".jsbundle", ".py", ".lua")
_SCRIPT_TOKENS: Final = re.compile(rb"function\s*\(|=>|\bvar \w|\bconst \w|\blet \w|require\(|\bimport [\w{*]|__d\(")


def plan_for(kind: Kind, path: str, head: bytes) -> Plan:
    """The treatment of an entry of `kind`; text is a script when it reads or is named like one."""
    if kind in _PLANS:
        return _PLANS[kind]
    if kind in _SKIPPED:
        return Plan.SKIP
    if kind is Kind.TEXT:
        is_script = path.lower().endswith(_SCRIPT_SUFFIXES) or _SCRIPT_TOKENS.search(head) is not None
        return Plan.SCRIPT if is_script else Plan.SKIP
    return Plan.DATA
