"""The public functions: scan one app, scan many, read one model file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from nngauge.analyse.summary import summarise
from nngauge.domain.graph import Graph
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.errors import UnsupportedError
from nngauge.extract.attempt import Extracted, Piece, try_format
from nngauge.extract.candidates import FormatIndex, index_formats
from nngauge.formats import deferred_formats
from nngauge.io.content import content_kind
from nngauge.io.source import ByteSource
from nngauge.limits import APP_MEMORY, APP_SECONDS, HEAD_BYTES
from nngauge.packages import discover as discover_packages
from nngauge.pipeline import Scanner
from nngauge.runner import Limits, scan_each


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
        yield outcome.path, outcome.result


def discover(path: str | Path) -> Iterator[Path]:
    """The apps under `path`: itself when it is one, else every package file and split-set folder below it."""
    return discover_packages(Path(path))


def read_model(path: str | Path) -> Model:
    """Reads one model file (or directory-shaped model) without an app around it.

    Companions are looked for beside it; given a companion (``net.bin``), the model it belongs to is read. Raises
    `UnsupportedError` with each format's reason when no format accepts it.
    """
    with open_model(path) as extracted:
        return summarise(extracted)


def read_graph(path: str | Path) -> Graph:
    """The network of one model file: operations, tensors, sub-graphs. Weights stay where they are.

    Finds companions and raises as `read_model` does.
    """
    with open_model(path) as extracted:
        return extracted.graph


@contextmanager
def open_model(path: str | Path) -> Iterator[Extracted]:
    """One model file with its bytes at hand as long as the context lasts; finds companions and raises as `read_model`."""
    place = Path(path)
    if place.is_dir():
        files = {str(item.relative_to(place.parent)): item for item in sorted(place.rglob("*")) if item.is_file()}
        leads = sorted(files, key=lambda name: (name.count("/"), name))
    else:
        files = {item.name: item for item in sorted(place.parent.iterdir()) if item.is_file()}
        stem = place.name.partition(".")[0]
        leads = [place.name, *(name for name in files if name != place.name and name.startswith(stem))]
    index = index_formats(deferred_formats())
    reasons: list[str] = []
    for name in leads:
        with ExitStack() as sources:
            wanted = None if place.is_dir() or name == place.name else place.name
            extracted = _read_lead(index, name, files, wanted, reasons, sources)
            if extracted is not None:
                yield extracted
                return
    raise UnsupportedError(
        "no known model format" + (": " + "; ".join(dict.fromkeys(reasons)) if reasons else ""),
        where=str(path),
        hint="docs/reference/formats.md lists what is read",
    )


def _read_lead(
    index: FormatIndex,
    name: str,
    files: dict[str, Path],
    wanted: str | None,
    reasons: list[str],
    sources: ExitStack,
) -> Extracted | None:
    """The model whose lead file is `name`; with `wanted`, only one that has that companion."""
    source = sources.enter_context(ByteSource.open(files[name]))
    head = source.read(0, HEAD_BYTES)
    for form in index.matching(head, source.size, name, content_kind(head)):
        bound = form.bind(name, tuple(files)) if form.bind else ()
        if wanted is not None and wanted not in bound:
            continue
        companions = [
            Piece(Location(path=other), sources.enter_context(ByteSource.open(files[other]))) for other in bound
        ]
        outcome = try_format(form, Piece(Location(path=name), source), companions)
        if isinstance(outcome, Extracted):
            return outcome
        reasons.append(f"{form.title}: {outcome.reason}")
    return None
