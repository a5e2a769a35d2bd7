"""The core-feature heuristic against the labels of the WWW'19 authors.

Their table ``csv/apps and usages.xlsx`` (https://github.com/xumengwei/MobileDL, no licence: read, never copied) names
package, uses and "as core feature". Of each app only the package id and the uses are known here: no permissions, store
category, name or sizes, so the figures are what words and published rates alone can do.
"""

from __future__ import annotations

import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import unescape
from pathlib import Path
from typing import Final

from benchmarks.evaluation.tables import share, table
from nngauge.analyse.core_feature import core_feature
from nngauge.domain.app import App, Platform
from nngauge.domain.task import TASK, Role, TaskVerdict

_USES: Final[Mapping[str, str]] = {
    "photo beauty": "image-enhancement", "face detection": "face-detection",
    "augmented reality": "3d-object-detection", "image classification": "image-classification",
    "image classigication": "image-classification", "text recognition": "text-recognition",
    "object recognition": "object-detection", "face identification": "face-recognition",
    "word&emoji prediction": "word-prediction", "auto-correct": "word-prediction", "translation": "translation",
    "text classification": "text-classification", "smart reply": "smart-reply",
    "speech recognition": "speech-recognition", "sound recognition": "sound-recognition",
    "recommendation": "recommendation", "movement tracking": "activity-recognition", "simulation": "game-agent",
    "abnormal detection": "anomaly-detection", "video segment": "portrait-segmentation",
    "action detection": "pose-estimation", "scanning": "barcode-detection",
}  # fmt: skip
"""A task of the row that stands for each use."""


@dataclass(frozen=True, slots=True)
class LabelledApp:
    """One app of the table."""

    package: str
    tasks: tuple[str, ...]
    core: bool


def load(path: Path) -> tuple[LabelledApp, ...]:
    """The second sheet (September 2018): apps with a yes or no, each package once."""
    found: dict[str, LabelledApp] = {}
    for package, _, uses, core in _rows(path, "xl/worksheets/sheet2.xml"):
        tasks = tuple(task for use in uses.split(",") if (task := _USES.get(use.strip().lower())))
        if package and core in ("yes", "no") and tasks:
            found[package] = LabelledApp(package, tasks, core == "yes")
    return tuple(found.values())


def _rows(path: Path, sheet: str) -> Iterator[tuple[str, str, str, str]]:
    with zipfile.ZipFile(path) as archive:
        shared = re.findall(r"<si>(.*?)</si>", archive.read("xl/sharedStrings.xml").decode(), re.DOTALL)
        text = archive.read(sheet).decode()
    strings = ["".join(re.findall(r"<t[^>]*>(.*?)</t>", item, re.DOTALL)) for item in shared]
    for row in re.findall(r"<row .*?</row>", text, re.DOTALL):
        cells: dict[str, str] = {}
        for column, marks, body in re.findall(r'<c r="([A-Z]+)\d+"([^>]*?)(?:/>|>(.*?)</c>)', row, re.DOTALL):
            value = re.search(r"<v>(.*?)</v>", body)
            if value:
                cells[column] = unescape(strings[int(value[1])] if 't="s"' in marks else value[1])
        yield cells.get("A", ""), cells.get("B", ""), cells.get("C", ""), cells.get("D", "")


def core_table(apps: Sequence[LabelledApp]) -> str:
    """Answers against labels, for the half that the word lists were made with and for the other."""
    rows = []
    for name, held in (("development", False), ("hold-out", True)):
        part = [app for app in apps if bool(sha256(app.package.encode()).digest()[0] & 1) is held]
        counts = Counter((app.core, _answer(app)) for app in part)
        said_core = counts[True, Role.CORE] + counts[False, Role.CORE]
        said_extra = counts[True, Role.EXTRA] + counts[False, Role.EXTRA]
        rows.append((
            name, len(part), sum(app.core for app in part), share(counts[True, Role.CORE], said_core),
            share(counts[False, Role.EXTRA], said_extra), share(len(part) - said_core - said_extra, len(part)),
        ))  # fmt: skip
    return table(("apps", "number", "core by label", "right of “core”", "right of “extra”", "unknown"), rows)


def _answer(app: LabelledApp) -> Role:
    verdicts = [TaskVerdict(task=task, modality=TASK[task].modality, probability=1.0) for task in app.tasks]
    return core_feature(App(platform=Platform.ANDROID, container="apk", package_id=app.package), verdicts).role
