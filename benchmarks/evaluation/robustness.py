"""Each real runtime in an app, put through what builds do: what of it is still recognised, and graded right?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.evaluation.fetch import locate
from benchmarks.evaluation.truth import Runtime
from nngauge.domain.technology import Grade, Technology
from nngauge.pipeline import Scanner
from tests.builders.engines import ABSENT, INSTALLED, NAMES, PACKED, Engine, engine, graded

MAX_LIBRARY: Final = 48 << 20
"""Larger libraries are left out: every transformation writes an app of that size."""
ANDROID: Final[Mapping[str, str]] = {
    "arcsoft-face": "libarcsoft_face_engine.so",
    "hiai": "libhiai.so",
    "mace": "libmace.so",
    "opencv": "libgesture.so",
    "paddle-lite": "libpaddle_lite_jni.so",
    "snowboy": "libsnowboy-detect-android.so",
    "tesseract": "libtess.so",
    "tnn": "libTNN.so",
    "whisper-cpp": "libwhisper.so",
}
"""Libraries of apps in public repositories (``packages-dev.csv``), unpacked as ``git-<owner>+<name>`` below a root."""
_SHIPPED: Final = frozenset({Grade.LIBRARY, Grade.EMBEDDED})
_RIGHT: Final[Mapping[str, frozenset[Grade]]] = {
    **dict.fromkeys(INSTALLED, _SHIPPED),
    **dict.fromkeys(PACKED, frozenset({Grade.PACKED})),
    "brotli": frozenset({Grade.PACKED}),
    "superpack": frozenset({Grade.PACKED}),
    "downloaded": frozenset({Grade.FETCHED}),
    "downloaded, repackaged": frozenset({Grade.FETCHED}),
    "left over": frozenset({Grade.DEAD}),
}
TRANSFORMATIONS: Final[Mapping[str, Callable[[Engine], bytes]]] = {**INSTALLED, **PACKED, **ABSENT}


@dataclass(frozen=True, slots=True)
class Outcome:
    """One runtime under one transformation."""

    title: str
    technology: str
    transformation: str
    grade: str
    """Empty when it was not found at all."""
    right: bool
    version_kept: bool | None
    """Whether the version is that of the app as built; None where none is to be had."""
    wrong: tuple[str, ...]
    """Technologies that the app as built does not show."""


def evaluate(runtimes: Iterable[Runtime], roots: Sequence[Path], *, every: bool = False) -> Iterator[Outcome]:
    """Every transformation of the newest library of each technology, or of `every` one that is on disk."""
    scanner = Scanner()
    for title, made in engines(runtimes, roots, every=every):
        yield from transformed(scanner, title, made)


def engines(runtimes: Iterable[Runtime], roots: Sequence[Path], *, every: bool = False) -> Iterator[tuple[str, Engine]]:
    """Apps around real ELF libraries that are not too large: title and parts."""
    seen: set[str] = set()
    for runtime in reversed(list(runtimes)):  # the table goes from old to new
        for library in runtime.libraries:
            if library.role != "library" or not library.expect or (library.expect in seen and not every):
                continue
            path = locate(runtime, library, roots)
            if path is None or path.stat().st_size > MAX_LIBRARY:
                continue
            data = path.read_bytes()
            if data[:4] == b"\x7fELF":
                seen.add(library.expect)
                yield runtime.title, engine(library.expect, data, path.name)
    for technology, name in ANDROID.items():
        found = (path for root in roots for path in sorted(root.glob(f"git-*/**/arm*/{name}")) if path.is_file())
        place = next(found, None)
        if place is not None:
            yield f"Android, {name}", engine(technology, place.read_bytes(), name)


def transformed(scanner: Scanner, title: str, made: Engine) -> Iterator[Outcome]:
    """The outcomes of one engine; transformations of what it does not have are left out."""
    built = graded(scanner, INSTALLED["as built"](made))
    for name, transform in TRANSFORMATIONS.items():
        if applies(name, made):
            yield _outcome(title, made, name, built, graded(scanner, transform(made)))


def applies(transformation: str, made: Engine) -> bool:
    """Without Java classes nothing is left over, and without a known file name nothing is downloaded by name."""
    needs_classes = transformation in {"brotli", "superpack", "left over"}
    if needs_classes:
        return bool(made.classes)
    return not transformation.startswith("downloaded") or made.technology in NAMES


def _outcome(
    title: str, made: Engine, name: str, built: Mapping[str, Technology], seen: Mapping[str, Technology]
) -> Outcome:
    before, found = built.get(made.technology), seen.get(made.technology)
    version = before.versions[:1] if before else ()
    return Outcome(
        title=title,
        technology=made.technology,
        transformation=name,
        grade=found.grade.value if found else "",
        right=found is not None and found.grade in _RIGHT[name],
        version_kept=None if not version or name in ABSENT else found is not None and found.versions[:1] == version,
        wrong=tuple(sorted(set(seen) - set(built))),
    )


# --- the table ----------------------------------------------------------------------------------------------------------


def table(outcomes: Iterable[Outcome]) -> str:
    """Technology × transformation in Markdown: ✓ graded right, ✓v with its version, the grade where another was given."""
    rows: dict[str, dict[str, Outcome]] = {}
    for outcome in outcomes:
        rows.setdefault(f"{outcome.technology} ({outcome.title})", {})[outcome.transformation] = outcome
    lines = ["| runtime | " + " | ".join(TRANSFORMATIONS) + " |", "|---|" + "---|" * len(TRANSFORMATIONS)]
    lines += [
        f"| {title} | " + " | ".join(_cell(cells.get(name)) for name in TRANSFORMATIONS) + " |"
        for title, cells in sorted(rows.items())
    ]
    return "\n".join(lines) + "\n"


def _cell(outcome: Outcome | None) -> str:
    if outcome is None:
        return "–"
    text = "✓" + ("v" if outcome.version_kept else "") if outcome.right else outcome.grade or "lost"
    return text + (f" + {', '.join(outcome.wrong)}" if outcome.wrong else "")
