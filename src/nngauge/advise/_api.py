"""What advice is given from, and what an adviser is: a name and a function from one model to advice."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Final

from msgspec import Struct

from nngauge.domain.advice import Advice
from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.location import Location
from nngauge.estimate.calibration import Calibration

_DIGITS: Final = 16
"""Of the digest, with which names of extracted models begin."""


class Question(Struct, frozen=True, kw_only=True):
    """What is asked about: an app, or one model file."""

    path: str
    title: str
    size: int
    models: tuple[ModelDossier, ...]
    app: Dossier | None = None
    """None where only a model file was given."""
    devices: tuple[str, ...] = ()
    """Ids of devices that speed is to be estimated for."""
    threads: int = 1
    calibrations: tuple[Calibration, ...] = ()
    """Devices that the user calibrated."""


class Adviser(Struct, frozen=True, kw_only=True):
    """One thing that can be worth doing to a model."""

    name: str
    """The `kind` of its advice."""
    advise: Callable[[Question, ModelDossier], Iterator[Advice]]
    references: tuple[str, ...]


def place(one: ModelDossier) -> Location:
    """Where a model's first file is."""
    return one.model.parts[0].location


def commands(question: Question, one: ModelDossier, words: str, suffix: str = "") -> tuple[str, ...]:
    """Command lines about one model, to be copied: of an app, its models are taken out first.

    `words`: ``compress {model} -o {out}``; `suffix` of the file that is written, that of the model where there is none.
    """
    name = one.model.name or "model"
    stem, dot, end = name.rpartition(".")
    out = f"{stem if dot and stem else name}-small{suffix or (dot + end if dot and stem else '')}"
    if question.app is None:
        return (f"nngauge {words.format(model=shlex.quote(question.path), out=shlex.quote(out))}",)
    taken = f"models/{one.model.digest[:_DIGITS]}-{name}"
    return (
        f"nngauge scan {shlex.quote(question.path)} --extract models",
        f"nngauge {words.format(model=shlex.quote(taken), out=shlex.quote(out))}",
    )
