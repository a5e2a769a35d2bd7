"""Real model files planted in apps, under neutral names and under their own: found, and as what?"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from benchmarks.evaluation.planting import plant
from benchmarks.evaluation.truth import Note, Vocabulary, note_for
from nngauge.domain.model import Model
from nngauge.domain.scan import Scan
from nngauge.pipeline import Scanner

_NEUTRAL = "assets/d/c{number:04d}"
_WEIGHTS = "_weights"
_SERIES = re.compile(r"(-symbol|-\d{4})$")
"""What MXNet adds to the common stem of its two files."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A model file of the list: the lead, and the parts that stand beside it."""

    path: Path
    name: str
    """The file's own name, as its repository has it."""
    label: str
    origin: str
    companions: tuple[Path, ...]
    no_model: str
    """Why the file is no model although the list has it; empty for models."""
    excuse: str
    """What a person found out about a miss; empty when nobody looked."""


@dataclass(frozen=True, slots=True)
class ModelResult:
    """One model, planted twice."""

    file: str
    label: str
    origin: str
    size: int
    expected: tuple[str, ...]
    named: str
    """Format it was found as under its own name, with its parts beside it; empty when it was not."""
    neutral: str
    """The same under a name that says nothing and without its parts."""
    completeness: str
    """How far it was read, under its own name."""
    reason: str
    """Why it was not accepted: a person's finding, else as the scan says it."""

    @property
    def right(self) -> bool:
        """Found as what it is, under its own name."""
        return self.named in self.expected

    @property
    def right_neutral(self) -> bool:
        """Found as what it is, by its content alone."""
        return self.neutral in self.expected


def load_list(folder: Path, notes: tuple[Note, ...] = ()) -> tuple[Listed, ...]:
    """The leads of ``SOURCES.csv``. Files of one repository, folder and stem are one another's companions.

    A note that refutes a file's label says that it is no model.
    """
    with (folder / "SOURCES.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if (folder.parent / row["file"]).is_file()]
    groups: dict[tuple[str, str], list[Path]] = {}
    for row in rows:
        groups.setdefault(_group(row), []).append(folder.parent / row["file"])
    leads = {row["format"] for row in rows}
    wanted = [row for row in rows if row["format"].removesuffix(_WEIGHTS) not in leads - {row["format"]}]
    return tuple(_listed(row, folder, groups, notes) for row in wanted)


def _group(row: Mapping[str, str]) -> tuple[str, str]:
    path = PurePosixPath(row["path"])
    return row["repo"], str(path.parent / _SERIES.sub("", path.stem))


def _listed(
    row: Mapping[str, str], folder: Path, groups: Mapping[tuple[str, str], list[Path]], notes: tuple[Note, ...]
) -> Listed:
    path = folder.parent / row["file"]
    note = note_for(notes, row["sha256"], row["format"])
    return Listed(
        path=path,
        name=PurePosixPath(row["path"]).name,
        label=row["format"],
        origin=f"{row['repo']}: {row['path']}",
        companions=tuple(item for item in groups[_group(row)] if item != path),
        no_model=note.reason if note and not note.confirmed else "",
        excuse=note.reason if note and note.confirmed else "",
    )


def evaluate(models: Sequence[Listed], vocabulary: Vocabulary) -> Iterator[ModelResult]:
    """Plants and scans every model."""
    scanner = Scanner()
    with tempfile.TemporaryDirectory(prefix="nngauge-evaluation-") as folder:
        target = Path(folder) / "app.apk"
        for number, model in enumerate(models):
            own = {f"assets/m/{item.name.rpartition('__')[2]}": item for item in model.companions}
            named = scanner.scan(plant(target, {**own, f"assets/m/{model.name}": model.path}))
            neutral = scanner.scan(plant(target, {_NEUTRAL.format(number=number): model.path}))
            yield _result(model, named, neutral, vocabulary.formats)


def _result(model: Listed, named: Scan, neutral: Scan, formats: Mapping[str, tuple[str, ...]]) -> ModelResult:
    expected = () if model.no_model else formats.get(model.label, ())
    entry = f"assets/m/{model.name}"
    own = [item for item in named.models if any(part.location.path.endswith(f"!{entry}") for part in item.parts)]
    best, other = _best(own, expected), _best(neutral.models, expected)
    reasons = [f"{item.suspicion}: {item.reason}" for item in (*named.candidates, *neutral.candidates)]
    return ModelResult(
        file=model.name,
        label=model.label,
        origin=model.origin,
        size=model.path.stat().st_size,
        expected=expected,
        named=best.format if best else "",
        neutral=other.format if other else "",
        completeness=str(best.completeness) if best else "",
        reason=model.no_model or model.excuse or (reasons[0] if reasons else "not recognised"),
    )


def _best(models: Sequence[Model], expected: tuple[str, ...]) -> Model | None:
    return next((item for item in models if item.format in expected), None) or next(iter(models), None)
