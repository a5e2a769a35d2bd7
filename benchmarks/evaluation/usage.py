"""Used or merely bundled, on real packages: what their sources say, and dead code put into apps that have no AI."""

from __future__ import annotations

import time
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.evaluation.packages import find_package
from benchmarks.evaluation.tables import share, table
from nngauge.analyse.usage import app_code, usage
from nngauge.domain.usage import UsageVerdict
from nngauge.errors import InputError, NotThisFormat
from nngauge.packages import open_package
from nngauge.pipeline import Scanner

HERE = Path(__file__).parent
DONORS = ("b37d12057229", "f7982bf0dfbe", "d8219044c8b7")
"""Packages that hold the dependencies of an app and nothing of the app: TensorFlow Lite's classes among two thousand."""
PLANTED = "tflite"


@dataclass(frozen=True, slots=True)
class Answer:
    """One question about one package."""

    group: str
    origin: str
    subject: str
    wanted: str
    given: str
    reason: str
    chain: str


@dataclass(frozen=True, slots=True)
class Cost:
    """What reading and searching the code of one package took."""

    origin: str
    code_bytes: int
    classes: int
    seconds: float


def labels(path: Path = HERE / "usage.toml") -> list[dict[str, object]]:
    """The labelled packages."""
    return list(tomllib.loads(path.read_text())["package"])


def judge(scanner: Scanner, path: Path, extra: Iterable[str] = ()) -> tuple[tuple[UsageVerdict, ...], Cost]:
    """Verdicts on everything that a scan finds in the package, and on `extra` technologies."""
    scan = scanner.scan(path)
    wanted = dict.fromkeys([*(item.technology for item in scan.detections), *extra])
    rules = [rule for name in wanted if (rule := scanner.signatures.ruleset.by_id(name)) is not None]
    start = time.process_time()
    package = open_package(path, hash_parts=False)
    try:
        code = app_code(package)
    finally:
        package.close()
    found = usage(code, rules, scan.libraries, scan.models)
    return found, Cost("", 0, len(code.classes), time.process_time() - start)


def compare(scanner: Scanner, folders: Sequence[Path]) -> tuple[list[Answer], list[Cost], int]:
    """Every label with the verdict that it got; what the search cost; how many packages are not at hand.

    `group` of a label: ``hold-out`` for packages that nobody ran while the analysis was written.
    """
    answers: list[Answer] = []
    costs: list[Cost] = []
    absent = 0
    for row in labels():
        path = next((found for folder in folders if (found := find_package(folder, str(row["sha256"])))), None)
        if path is None:
            absent += 1
            continue
        found, cost = judge(scanner, path)
        costs.append(Cost(str(row["origin"]), _code_bytes(path), cost.classes, cost.seconds))
        given = {(item.subject.rpartition("!")[2] if item.model else item.subject): item for item in found}
        for kind in ("technologies", "models"):
            wanted = row.get(kind, {})
            assert isinstance(wanted, dict)
            answers += [
                _answer(str(row.get("group", "known")), str(row["origin"]), name, use, given.get(name))
                for name, use in wanted.items()
            ]
    return answers, costs, absent


def planted(scanner: Scanner, folders: Sequence[Path], negatives: Sequence[str]) -> list[Answer]:
    """Puts the dependencies of other apps, a runtime among them, into apps that never call it: it must not be used."""
    donors = [path for name in DONORS if (path := _beginning(folders, name))]
    answers: list[Answer] = []
    for at, sha256 in enumerate(negatives):
        path = next((found for folder in folders if (found := find_package(folder, sha256))), None)
        if path is None or not donors or not _code_bytes(path):
            continue
        with TemporaryDirectory() as room:
            target = Path(room) / "app.apk"
            try:
                _put_into(path, donors[at % len(donors)], target)
                found, _ = judge(scanner, target, (PLANTED,))
            except (InputError, NotThisFormat, zipfile.BadZipFile):
                continue
        verdict = next(item for item in found if item.subject == PLANTED)
        answers.append(_answer("planted", path.name[:12], PLANTED, "bundled", verdict))
    return answers


def page(answers: Sequence[Answer], costs: Sequence[Cost], dead: Sequence[Answer], absent: int) -> str:
    """The part of the evaluation page."""
    agree = [
        f"{share(sum(item.wanted == item.given for item in part), len(part))} labels of {name} packages agree"
        for name, part in sorted(_groups(answers).items())
    ]
    counts = Counter((item.wanted, item.given) for item in answers)
    kinds = ("used", "bundled", "unknown", "not found")
    rows = [(wanted, *(counts[wanted, given] for given in kinds)) for wanted in kinds[:3]]
    dead_counts = Counter(item.given for item in dead)
    text = [
        "## Used or merely bundled",
        f"{len(costs)} packages whose sources were read first ({absent} more are not at hand): "
        + "; ".join(agree)
        + ".",
        table(("by the sources", *(f"told: {kind}" for kind in kinds)), rows),
        f"Dependencies of another app, TensorFlow Lite among them, put into {len(dead)} apps that never call them: "
        + (", ".join(f"{count} {use}" for use, count in sorted(dead_counts.items())) or "none at hand")
        + ".",
    ]
    wrong = [item for item in (*answers, *dead) if item.wanted != item.given]
    if wrong:
        head = ("package", "subject", "by the sources", "told", "why", "chain")
        text.append(table(head, [(i.origin, i.subject, i.wanted, i.given, i.reason, i.chain) for i in wrong]))
    if costs:
        most = max(costs, key=lambda item: item.seconds)
        speed = sum(item.seconds for item in costs) / max(sum(item.code_bytes for item in costs) / 1e6, 1e-9)
        text.append(
            f"CPU: {speed * 10:.2f} s per 10 MB of Dalvik code; the most for one package {most.seconds:.2f} s "
            f"({most.code_bytes / 1e6:.1f} MB of code, {most.classes} classes)."
        )
    return "\n\n".join(text)


def _groups(answers: Sequence[Answer]) -> dict[str, list[Answer]]:
    found: dict[str, list[Answer]] = {}
    for item in answers:
        found.setdefault(item.group, []).append(item)
    return found


def _answer(group: str, origin: str, name: str, wanted: str, found: UsageVerdict | None) -> Answer:
    if found is None:
        return Answer(group, origin, name, wanted, "not found", "the scan did not find it", "")
    chain = " → ".join(step.method for step in found.chain)
    return Answer(group, origin, name, wanted, found.use.value, found.reason, chain)


def _beginning(folders: Sequence[Path], name: str) -> Path | None:
    return next((path for folder in folders for path in sorted(folder.glob(f"{name}*.apk"))), None)


def _code_bytes(path: Path) -> int:
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(item.file_size for item in archive.infolist() if item.filename.endswith(".dex"))
    except zipfile.BadZipFile:
        return 0


def _put_into(app: Path, donor: Path, target: Path) -> None:
    """A copy of `app` with the dex files of `donor` behind its own."""
    with zipfile.ZipFile(app) as inside, zipfile.ZipFile(donor) as other, zipfile.ZipFile(target, "w") as out:
        names = inside.namelist()
        for name in dict.fromkeys(names):
            out.writestr(name, inside.read(name))
        for name in other.namelist():
            if name.endswith(".dex"):
                out.writestr(f"classes{len(names) + 2}.dex", other.read(name))
                names.append(name)
