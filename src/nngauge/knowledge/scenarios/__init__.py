"""Scenarios of daily use as data: a TOML file each, every parameter with its source. `daily` computes with them."""

from __future__ import annotations

import math
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct

from nngauge.errors import MalformedError, UsageError
from nngauge.io.whole import read_whole
from nngauge.limits import MIB

_MOST: Final = 1 * MIB
_LARGEST: Final = 1e9
_Shape = TypeVar("_Shape")
_HERE: Final = Path(__file__).parent / "presets"


class Events(StrEnum):
    """What an inference is for."""

    STEADY = "steady"
    """So many a second."""
    WINDOWS = "windows"
    """One a window of sound."""
    WORDS = "words"
    """So many a typed word."""
    TOKENS = "tokens"
    """One a token of a language model."""


class Certainty(StrEnum):
    """How well a parameter is known."""

    PUBLISHED = "published"
    MEASURED = "measured"
    ASSUMED = "assumed"
    SET = "set"
    """By whoever asked."""


class Parameter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A number of a scenario, with where it comes from."""

    value: float
    unit: str
    certainty: Certainty
    source: str
    low: float | None = None
    high: float | None = None


class Preset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A scenario: what happens how often."""

    title: str
    events: Events
    parameters: dict[str, Parameter]
    name: str = ""

    def __getitem__(self, name: str) -> float:
        return self.parameters[name].value


class Battery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What joules mean for a battery."""

    voltage: Parameter
    capacity_share: Parameter
    """Of the capacity that the maker tells."""


NEEDED: Final = {
    Events.STEADY: ("seconds", "fps"),
    Events.WINDOWS: ("seconds", "window", "hop"),
    Events.WORDS: ("words", "inferences_per_word", "words_per_minute"),
    Events.TOKENS: ("messages", "prompt_tokens", "answer_tokens", "tokens_per_second"),
}


def preset_names() -> tuple[str, ...]:
    """Of those that come with nngauge."""
    return tuple(sorted(path.stem for path in _HERE.glob("*.toml")))


def read_preset(name: str) -> Preset:
    """A preset by name, or of a file that ends in ``.toml``.

    Raises `UsageError` for an unknown name, `InputError` for a file that cannot be read or is none.
    """
    if name in preset_names():
        return _preset(_HERE / f"{name}.toml", name)
    path = Path(name)
    if path.suffix == ".toml" and path.is_file():
        return _preset(path, path.stem)
    raise UsageError(f"there is no preset {name!r}", hint=f"there are {', '.join(preset_names())}, or a file.toml")


def read_battery() -> Battery:
    """The assumptions about batteries that come with nngauge."""
    path = _HERE.parent / "battery.toml"
    return _shaped(_toml(path), Battery, path)


def _preset(path: Path, name: str) -> Preset:
    found = msgspec.structs.replace(_shaped(_toml(path), Preset, path), name=name)
    names = NEEDED[found.events]
    if set(found.parameters) != set(names):
        raise MalformedError(f"its parameters must be {', '.join(names)}", where=str(path))
    for key, parameter in found.parameters.items():
        if not (math.isfinite(parameter.value) and 0 < parameter.value <= _LARGEST):
            raise MalformedError(f"{key} must be above 0 and at most {_LARGEST:g}", where=str(path))
        if not parameter.source:
            raise MalformedError(f"{key} has no source", where=str(path))
    return found


def _toml(path: Path) -> dict[str, Any]:
    data = read_whole(path, _MOST)
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"is no TOML: {error}", where=str(path)) from None


def _shaped(table: dict[str, Any], shape: type[_Shape], path: Path) -> _Shape:
    try:
        return msgspec.convert(table, type=shape)
    except msgspec.ValidationError as error:
        raise MalformedError(str(error), where=str(path)) from None
