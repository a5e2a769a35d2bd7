"""What a rule is: an id, words for people, typed options, and a function from facts to hits."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from nngauge.domain.app import App
from nngauge.domain.attribution import Owner
from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.finding import Severity
from nngauge.domain.location import Location
from nngauge.domain.scan import Scan

_UNITS: Final = {
    "": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
}  # fmt: skip
_AMOUNT: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*([A-Za-z]*)\s*")


class Size(int):
    """Bytes; a policy writes ``50_000_000`` or ``"50 MB"`` (10⁶) or ``"50 MiB"`` (2²⁰)."""

    @classmethod
    def read(cls, value: object) -> Size:
        """`value` as a policy file has it. Raises `ValueError`."""
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value)
        found = _AMOUNT.fullmatch(value) if isinstance(value, str) else None
        if found is None or found[2] not in _UNITS:
            raise ValueError(f'not an amount of bytes: {value!r}; write 50_000_000, "50 MB" or "50 MiB"')
        return cls(round(float(found[1]) * _UNITS[found[2]]))


class Share(float):
    """A part of a whole, 0 to 1; a policy writes ``0.4`` or ``"40%"``."""

    @classmethod
    def read(cls, value: object) -> Share:
        """`value` as a policy file has it. Raises `ValueError`."""
        text = value.strip().removesuffix("%") if isinstance(value, str) and value.strip().endswith("%") else None
        try:
            share = float(text) / 100 if text is not None else float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            share = -1.0
        if not 0 <= share <= 1:
            raise ValueError(f'not a share: {value!r}; write 0.4 or "40%"')
        return cls(share)


class Options(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="kebab"):
    """What a policy may say about any rule; rules add their own fields."""

    severity: Severity | None = None
    """Of its findings; a single finding may weigh less. None: that of the rule."""


class Hit(Struct, frozen=True, kw_only=True):
    """One place where a rule is broken, before the policy weighs it. The fields are those of `Finding`."""

    says: str
    location: Location | None = None
    subject: str = ""
    remedy: str = ""
    gain_bytes: int | None = None
    risk: str = ""
    at_most: Severity = Severity.ERROR
    """However strict the policy is, this one weighs no more."""


class Unevaluated(Struct, frozen=True):
    """Why a rule, or a part of it, could not be checked: never the same as keeping it."""

    reason: str


class Subject(Struct, frozen=True):
    """The app that is checked, and the day of the check."""

    dossier: Dossier
    today: date

    @property
    def scan(self) -> Scan:
        """What the scan found."""
        return self.dossier.scan

    @property
    def app(self) -> App:
        """Who the app is."""
        return self.dossier.scan.app

    @property
    def models(self) -> tuple[ModelDossier, ...]:
        """Distinct models, largest first."""
        return self.dossier.models


Check = Callable[[Subject, Any], Iterable[Hit | Unevaluated]]


class Rule(Struct, frozen=True, kw_only=True):
    """One thing that a policy can ask for."""

    id: str
    title: str
    """What holds when the rule is kept: "Models are not shipped in the clear"."""
    broken: str
    """What findings of it are called: "Models in the clear"."""
    why: str
    """Why it matters. Markdown."""
    fix: str
    """What to do about a finding. Markdown."""
    severity: Severity
    """Where the policy says nothing."""
    options: type[Options] = Options
    check: Check
    sources: tuple[str, ...]
    """Addresses of pages; at least one, which SARIF names as the place for help."""
    tags: tuple[str, ...]
    """``size``, ``security``, ``performance``, ``maintenance``, ``compliance``, ``completeness``."""

    @property
    def help(self) -> str:
        """Markdown: why it matters, how to fix it, where that is written."""
        sources = " · ".join(f"<{url}>" for url in self.sources)
        return f"**Why it matters.** {self.why}\n\n**How to fix it.** {self.fix}\n\n**Sources.** {sources}"


def lead(model: ModelDossier) -> Location:
    """Where a model's first file is."""
    return model.model.parts[0].location


def owner(model: ModelDossier) -> Owner:
    """Whose a model is; unknown where nobody asked."""
    return model.model.owner.owner if model.model.owner else Owner.UNKNOWN


def inner(location: Location) -> str:
    """The path inside the package: ``assets/m.tflite`` of ``/tmp/a.apk!assets/m.tflite``; empty for the package itself."""
    return location.path.partition("!")[2]


def package_name(path: str) -> str:
    """What reports call the package: its path below the current folder, with ``/``; elsewhere only its name."""
    place = Path(path)
    if place.is_absolute() or ".." in place.parts:
        try:
            return place.resolve().relative_to(Path.cwd().resolve()).as_posix()
        except ValueError:
            return place.name
    return place.as_posix()


def shown(location: Location) -> str:
    """The path for people, inside the package where there is one."""
    return inner(location) or location.name


def sentence(text: str) -> str:
    """`text` with a full stop, where it has none."""
    return text if text.endswith((".", "!", "?")) else f"{text}."


def listed(names: Iterable[str], limit: int = 4) -> str:
    """``a, b, c and 3 more``."""
    every = list(names)
    return ", ".join(every[:limit]) + (f" and {len(every) - limit} more" if len(every) > limit else "")
