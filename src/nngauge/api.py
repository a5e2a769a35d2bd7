"""The public functions: scan one app, scan many, read one model file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from nngauge.analyse.summary import summarise
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.errors import UnsupportedError
from nngauge.extract.attempt import Extracted, Piece, try_format
from nngauge.extract.candidates import index_formats
from nngauge.formats import FORMATS
from nngauge.io.content import content_kind
from nngauge.io.source import ByteSource
from nngauge.limits import APP_MEMORY, APP_SECONDS, HEAD_BYTES
from nngauge.packages import discover as discover_packages
from nngauge.pipeline import Scanner
from nngauge.runner import Limits, Outcome, scan_each


def scan(path: str | Path) -> Scan:
    """Scans one app: a package file (APK, XAPK, APKS, APKM, AAB, IPA, OBB, AAR, any archive) or a folder.

    Raises `UnreadableError` when `path` cannot be opened, `NotThisFormat` or `MalformedError` when it is no package.
    Whatever goes wrong inside the package is in `Scan.failures`.
    """
    return Scanner().scan(path)


def scan_many(
    paths: Sequence[str | Path], *, workers: int = 1, seconds: float = APP_SECONDS, memory: int = APP_MEMORY
) -> Iterator[tuple[str, Scan | Failure]]:
    """Scans apps in worker processes, yielding `(path, result)` as they finish.

    An app that hangs, crashes its worker or needs more than `memory` bytes becomes one `Failure`; the others go on.
    """
    limits = Limits(seconds=seconds, memory=memory)
    for outcome in scan_each([str(path) for path in paths], workers=workers, limits=limits):
        yield outcome.path, _result(outcome)


def _result(outcome: Outcome) -> Scan | Failure:
    return outcome.result


def discover(path: str | Path) -> Iterator[Path]:
    """The apps under `path`: itself when it is one, else every package file and split-set folder below it."""
    return discover_packages(Path(path))


def read_model(path: str | Path) -> Model:
    """Reads one model file (or directory-shaped model) without an app around it.

    Raises `UnsupportedError` with each format's reason when no format accepts it.
    """
    lead = Path(path)
    if lead.is_dir():
        return _read_directory(lead)
    siblings = {entry.name: entry for entry in lead.parent.iterdir() if entry.is_file()} if lead.parent.is_dir() else {}
    return _read_file(lead, siblings, lead.name)


def _read_directory(folder: Path) -> Model:
    root = folder.parent
    files = {str(item.relative_to(root)): item for item in sorted(folder.rglob("*")) if item.is_file()}
    refusals = []
    for name, item in files.items():
        try:
            return _read_file(item, files, name)
        except UnsupportedError as error:
            refusals.append(f"{name}: {error.what}")
    raise UnsupportedError("no file in the folder is a model", where=str(folder), hint="; ".join(refusals[:3]))


def _read_file(lead: Path, siblings: dict[str, Path], name: str) -> Model:
    with ByteSource.open(lead) as source:
        head = source.read(0, HEAD_BYTES)
        index = index_formats(FORMATS)
        reasons = []
        for form in index.matching(head, source.size, name, content_kind(head)):
            bound = form.bind(name, tuple(siblings)) if form.bind else ()
            companions = [Piece(Location(path=other), ByteSource.open(siblings[other])) for other in bound]
            outcome = try_format(form, Piece(Location(path=name), source), companions)
            if isinstance(outcome, Extracted):
                proof = Evidence(
                    kind=EvidenceKind.STRUCTURE,
                    location=Location(path=name),
                    value=f"validated as {form.title}",
                    rule=f"{form.name}@{form.version}",
                )
                pieces = [(piece.location, piece.source) for piece in outcome.pieces]
                return summarise(form, outcome.graph, pieces, [proof])
            reasons.append(f"{form.title}: {outcome.reason}")
    raise UnsupportedError(
        "no known model format" + (": " + "; ".join(reasons) if reasons else ""),
        where=str(lead),
        hint="docs/reference/formats.md lists what is read",
    )


