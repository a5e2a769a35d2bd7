"""The public functions: scan one app, scan many, read, analyse and compare model files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from nngauge.analyse.summary import summarise
from nngauge.domain.graph import Graph
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.errors import UnsupportedError, UsageError
from nngauge.extract.attempt import Extracted, Piece, try_format
from nngauge.extract.candidates import FormatIndex, index_formats
from nngauge.extract.surroundings import Surroundings
from nngauge.formats import deferred_formats
from nngauge.io.content import content_kind
from nngauge.io.source import ByteSource
from nngauge.limits import APP_MEMORY, APP_SECONDS, HEAD_BYTES, MAX_WORDS, MIB

if TYPE_CHECKING:
    from nngauge.domain.analysis import Analysis
    from nngauge.domain.difference import Comparison
    from nngauge.domain.outcome import Failure
    from nngauge.domain.protection import Audit
    from nngauge.domain.scan import Scan

_EAGER_DIGEST: Final = 128 * MIB
"""Models up to this size get their SHA-256 unasked; of larger ones that alone would take longer than everything else."""


def scan(path: str | Path, *, usage: bool = False) -> Scan:
    """Scans one app: a package file (APK, XAPK, APKS, APKM, AAB, IPA, OBB, AAR, any archive) or a folder.

    With `usage` the app's code is read again, to tell what is used from what is merely bundled.
    Raises `UnreadableError` when `path` cannot be opened, `NotThisFormat` or `MalformedError` when it is no package.
    Whatever goes wrong inside the package is in `Scan.failures`.
    """
    from nngauge.domain.scan import Depth
    from nngauge.pipeline import Scanner

    return Scanner(depth=Depth.USAGE if usage else Depth.DEFAULT).scan(path)


def audit(path: str | Path) -> Audit:
    """How well the models of one app are protected, whose they are, and whether they could be swapped.

    Raises as `scan` does.
    """
    from nngauge.auditing import audit_app

    return audit_app(path)


def scan_many(
    paths: Sequence[str | Path], *, workers: int = 1, seconds: float = APP_SECONDS, memory: int = APP_MEMORY
) -> Iterator[tuple[str, Scan | Failure]]:
    """Scans apps in worker processes, yielding `(path, result)` as they finish.

    An app that hangs, crashes its worker or needs more than `memory` bytes becomes one `Failure`; the others go on.
    """
    from nngauge.runners.plain import scan_each
    from nngauge.runners.tasks import Limits, Settings

    settings = Settings(limits=Limits(seconds=seconds, memory=memory))
    for outcome in scan_each([str(path) for path in paths], workers=workers, settings=settings):
        yield outcome.path, outcome.result


def discover(path: str | Path) -> Iterator[Path]:
    """The apps under `path`: itself when it is one, else every package file and split-set folder below it."""
    from nngauge.packages import discover as discover_packages

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


def analyse_model(
    path: str | Path,
    inputs: Mapping[str, tuple[int, ...]] | None = None,
    *,
    weights: bool = True,
    digest: bool | None = None,
) -> Analysis:
    """Reads one model file and computes its shapes, cost, precision and, for a language model, its facts.

    `inputs` fixes shapes of inputs by name (``{"image": (1, 224, 224, 3)}``). Without `weights` no weight bytes are
    read: nothing is said about sparsity, clustering and the like. `digest` says whether the SHA-256 is computed, which
    reads every byte; None: of models up to 128 MiB. Finds companions and raises as `read_model`; an input that the
    model does not have is a `UsageError`.
    """
    beside = [name for name in Surroundings(Path(path)).names if "/" not in name][:MAX_WORDS]
    with open_model(path) as extracted:
        return _analyse(extracted, inputs or {}, beside, weights=weights, digest=digest)


def compare_models(first: str | Path, second: str | Path, *, weights: bool = True) -> Comparison:
    """Compares two models, of the same format or not: interface, layers, weights, precision, cost.

    Without `weights`, or when the files are the same, no weights are compared. Raises as `read_model`.
    """
    from nngauge.analyse.difference import compare, weights_of

    with open_model(first) as one, open_model(second) as other:
        sources = [[piece.source for piece in item.pieces] for item in (one, other)]
        sizes = [sorted(source.size for source in part) for part in sources]
        digest = True if weights and sizes[0] == sizes[1] else None  # other sizes cannot be the same file
        left, right = (_analyse(item, {}, (), weights=weights, digest=digest) for item in (one, other))
        if not weights or (left.model.digest and left.model.digest == right.model.digest):
            return compare(left, right)
        return compare(left, right, weights_of(left.graph, sources[0]), weights_of(right.graph, sources[1]))


def _analyse(
    extracted: Extracted,
    inputs: Mapping[str, tuple[int, ...]],
    words: Sequence[str],
    *,
    weights: bool,
    digest: bool | None,
) -> Analysis:
    from nngauge.analyse.attribution.published import known_model
    from nngauge.analyse.constants import Constants
    from nngauge.analyse.cost import model_cost
    from nngauge.analyse.language import language_model
    from nngauge.analyse.optimisation import optimisation_state
    from nngauge.analyse.shapes import infer_shapes
    from nngauge.domain.analysis import Analysis

    _require_inputs(extracted.graph, inputs)
    parts = [piece.source for piece in extracted.pieces]
    inferred = infer_shapes(extracted.graph, Constants(parts), inputs)
    cost = model_cost(inferred.graph)
    if digest is None:
        digest = sum(part.size for part in parts) <= _EAGER_DIGEST
    model = summarise(replace(extracted, graph=inferred.graph), words=words, digests=digest)
    known = known_model(model, extracted.graph, parts) if weights else known_model(model)
    return Analysis(
        model=replace(model, known=known),
        graph=inferred.graph,
        cost=replace(cost, assumptions=tuple(dict.fromkeys((*inferred.assumptions, *cost.assumptions)))),
        optimisation=optimisation_state(inferred.graph, parts, weights=weights),
        language=language_model(inferred.graph),
        problems=inferred.problems,
    )


def _require_inputs(graph: Graph, inputs: Mapping[str, tuple[int, ...]]) -> None:
    names = [graph.tensors[index].name for index in graph.inputs]
    for name in inputs:
        if name not in names:
            raise UsageError(f"the model has no input called {name!r}", hint=f"it has: {', '.join(names) or 'none'}")


@contextmanager
def open_model(path: str | Path) -> Iterator[Extracted]:
    """One model file with its bytes at hand as long as the context lasts; finds companions and raises as `read_model`."""
    around = Surroundings(Path(path))
    reasons: list[str] = []
    given = None if around.is_folder else Path(path).name
    for name in around.leads():
        with ExitStack() as sources:
            wanted = None if name == given else given
            extracted = _read_lead(name, around, wanted, reasons, sources)
            if extracted is not None:
                yield extracted
                return
    raise UnsupportedError(
        "no known model format" + (": " + "; ".join(dict.fromkeys(reasons)) if reasons else ""),
        where=str(path),
        hint="docs/reference/formats.md lists what is read",
    )


@cache
def _index() -> FormatIndex:
    return index_formats(deferred_formats())


def _read_lead(
    name: str,
    around: Surroundings,
    wanted: str | None,
    reasons: list[str],
    sources: ExitStack,
) -> Extracted | None:
    """The model whose lead file is `name`; with `wanted`, only one that has that companion."""
    source = sources.enter_context(ByteSource.open(around.path(name)))
    head = source.read(0, HEAD_BYTES)
    for form in _index().matching(head, source.size, name, content_kind(head)):
        bound = form.bind(name, around.names) if form.bind else ()
        if wanted is not None and wanted not in bound:
            continue
        companions = [
            Piece(Location(path=other), sources.enter_context(ByteSource.open(around.path(other)))) for other in bound
        ]
        outcome = try_format(form, Piece(Location(path=name), source), companions)
        if isinstance(outcome, Extracted):
            return outcome
        place = 0 if outcome.broken else len(reasons)  # damage first, then what it is not
        reasons.insert(place, f"{form.title}: {outcome.reason}")
    return None
