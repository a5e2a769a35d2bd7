"""Scanning one app: package → detect → extract → parse → analyse, entry by entry. The wiring and nothing else."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nngauge.analyse.summary import summarise
from nngauge.analyse.verdict import judge
from nngauge.detect.binaries import elf_binary, macho_binary
from nngauge.detect.compiled import load_signatures
from nngauge.detect.detector import Detector
from nngauge.detect.ruleset import Scope
from nngauge.detect.signatures import Signatures
from nngauge.detect.units import Binary
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.domain.model import Candidate, Model, Suspicion
from nngauge.domain.outcome import Anomaly, Coverage, Failure, Stage, Treatment
from nngauge.domain.scan import Provenance, Scan
from nngauge.errors import InputError, LimitError, NotThisFormat
from nngauge.extract.attempt import Extracted, Piece, Refused, failure, try_format
from nngauge.extract.candidates import FormatIndex, carve_offsets, index_formats
from nngauge.extract.kinds import Plan, plan_for
from nngauge.extract.load import Loaded, load
from nngauge.extract.suspect import suspicion
from nngauge.formats import FORMATS, Format
from nngauge.io.content import ARCHIVES, Kind, content_kind
from nngauge.io.dex import read_dex
from nngauge.io.source import ByteSource
from nngauge.limits import CARVE_CANDIDATES, MAX_NESTED_TOTAL, MAX_NESTING
from nngauge.packages import PACKAGES, Container, Entry, Package, PackagePart, open_container, open_package
from nngauge.version import __version__

Sink = Callable[[Model, Sequence[tuple[Location, ByteSource]]], None]
"""Called for each model while its bytes are at hand."""


class Scanner:
    """Holds what all apps share: the compiled rules and the formats. Make one per process.

    `formats` replaces the built-in formats, for plug-ins and tests.
    """

    def __init__(self, formats: Sequence[Format] = FORMATS) -> None:
        self.index: FormatIndex = index_formats(formats)
        self.signatures: Signatures = load_signatures(tuple(magic.literal for magic in self.index.carve))
        self.elsewhere = frozenset(rule.id for rule in self.signatures.ruleset.rules if rule.elsewhere)
        self.provenance = Provenance(
            tool=f"nngauge {__version__}",
            rules=self.signatures.ruleset.digest,
            plugins=_plugins_digest(formats),
            configuration="default",
        )

    def scan(self, path: str | Path, sink: Sink | None = None) -> Scan:
        """Scans one app: a package file, or a folder with the parts of one.

        Raises `UnreadableError` when the path cannot be opened and `NotThisFormat` or `MalformedError` when it is no
        package at all; everything that goes wrong inside is part of the result.
        """
        package = open_package(path)
        try:
            return _AppScan(self, package, sink).run(str(path))
        finally:
            package.close()


def _plugins_digest(formats: Sequence[Format]) -> str:
    names = [f"{form.name}@{form.version}" for form in formats] + [f"{kind.name}@{kind.version}" for kind in PACKAGES]
    return hashlib.blake2b("\n".join(sorted(names)).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class _Seen:
    """An entry after its head was looked at."""

    entry: Entry
    location: Location
    kind: Kind
    formats: tuple[Format, ...]


@dataclass(slots=True)
class _AppScan:
    """The state of one scan."""

    scanner: Scanner
    package: Package
    sink: Sink | None
    detector: Detector = field(init=False)
    models: list[Model] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    coverage: Counter[tuple[Treatment, str]] = field(default_factory=Counter)
    sizes: Counter[tuple[Treatment, str]] = field(default_factory=Counter)
    inflated: int = 0

    def __post_init__(self) -> None:
        self.detector = Detector(self.scanner.signatures, self.package.parts[0].location)
        self.failures += self.package.failures
        self.anomalies += self.package.anomalies

    def run(self, path: str) -> Scan:
        for part in self.package.parts:
            self._part(part)
        detections = self.detector.finish()
        models = tuple(sorted(self.models, key=lambda model: (model.parts[0].location.path, model.digest)))
        return Scan(
            path=path,
            app=self.package.app,
            verdict=judge(detections, models, self.scanner.elsewhere),
            detections=detections,
            models=models,
            candidates=tuple(sorted(self.candidates, key=lambda item: str(item.location))),
            failures=tuple(self.failures),
            anomalies=tuple(self.anomalies),
            coverage=tuple(
                Coverage(treatment=treatment, kind=kind, entries=count, size=self.sizes[treatment, kind])
                for (treatment, kind), count in sorted(self.coverage.items())
            ),
            provenance=self.scanner.provenance,
        )

    def _part(self, part: PackagePart) -> None:
        if part.manifest is not None:
            self.detector.manifest(part.location.inside("AndroidManifest.xml"), part.manifest)
        if part.properties:
            self.detector.plist(part.location.inside("Info.plist"), part.properties)
        entries = [entry for entry in part.container.entries if entry.path not in part.consumed]
        self._walk(entries, part.location, 0)

    # --- entries ------------------------------------------------------------------------------------------------------

    def _walk(self, entries: Sequence[Entry], place: Location, depth: int) -> None:
        """All entries of one container: leads of multi-file models first, so that their companions are known."""
        seen = [item for entry in entries if (item := self._look(entry, place)) is not None]
        by_path = {item.entry.path: item for item in seen}
        paths = tuple(by_path)
        bound: set[str] = set()
        for item in seen:
            if any(form.bind for form in item.formats) and item.entry.path not in bound:
                bound |= self._lead(item, by_path, paths)
        for item in seen:
            if item.entry.path not in bound:
                self._entry(item, depth)

    def _look(self, entry: Entry, place: Location) -> _Seen | None:
        location = place.inside(entry.path)
        wanted = self.detector.path(location, entry.path)
        try:
            head = entry.head()
            if wanted:
                self.detector.content(location, entry.head(4096))
        except InputError as error:
            self._unread(location, entry.size, error)
            return None
        kind = content_kind(head)
        return _Seen(entry, location, kind, tuple(self.scanner.index.matching(head, entry.size, entry.path, kind)))

    def _lead(self, item: _Seen, by_path: dict[str, _Seen], paths: Sequence[str]) -> set[str]:
        """Tries the multi-file formats on a lead file; the paths that became part of a model."""
        for form in item.formats:
            names = form.bind(item.entry.path, paths) if form.bind else ()
            companions = [by_path[name] for name in names if name in by_path]
            if not companions:
                continue
            loaded = [(other, self._load(other.entry, other.location, scan=False)) for other in (item, *companions)]
            pieces = [Piece(other.location, there.source) for other, there in loaded if there is not None]
            if len(pieces) != len(loaded):
                continue
            outcome = try_format(form, pieces[0], pieces[1:])
            if isinstance(outcome, Extracted):
                self._accept(outcome)
                for other, there in loaded:
                    self._account(Treatment.PARSED, form.name, there.source.size if there else other.entry.size)
                return {other.entry.path for other, _ in loaded}
        return set()

    def _entry(self, item: _Seen, depth: int) -> None:
        plan = plan_for(item.kind, item.entry.path, item.entry.head) if not item.formats else Plan.DATA
        if item.kind in ARCHIVES:
            self._archive(item, depth)
        elif item.kind is Kind.EMPTY:
            self._account(Treatment.SCANNED, item.kind, 0)
        elif plan is Plan.SKIP:
            self._account(Treatment.HEAD_ONLY, item.kind, max(0, item.entry.size))
            self._suspect(item, None, ())
        else:
            self._content(item, plan)

    def _content(self, item: _Seen, plan: Plan) -> None:
        loaded = self._load(item.entry, item.location, scan=True)
        if loaded is None:
            return
        accepted, refusals = self._whole(item, loaded)
        if accepted is None:
            self._code(item, plan, loaded)
        carved = self._carve(item, loaded, accepted)
        treatment = Treatment.PARSED if accepted else Treatment.SCANNED
        self._account(treatment, accepted.format.name if accepted else item.kind, loaded.source.size)
        if accepted is None and not carved:
            self._suspect(item, loaded, refusals)

    def _whole(self, item: _Seen, loaded: Loaded) -> tuple[Extracted | None, list[Refused]]:
        """Is the whole file a model?"""
        refusals: list[Refused] = []
        for form in item.formats:
            outcome = try_format(form, Piece(item.location, loaded.source))
            if isinstance(outcome, Extracted):
                self._accept(outcome)
                return outcome, refusals
            refusals.append(outcome)
        return None, refusals

    def _carve(self, item: _Seen, loaded: Loaded, accepted: Extracted | None) -> bool:
        """Models at an offset inside another file."""
        extra = self.scanner.signatures.extra_ids
        hits = [(extra[index], end) for index, end in loaded.hits if index in extra]
        if not hits:
            return False
        done = _extent(accepted) if accepted else 0
        found = False
        for start, magic in list(carve_offsets(hits, self.scanner.index.carve))[:CARVE_CANDIDATES]:
            if start < done or (start == 0 and accepted is None and magic.format in item.formats):
                continue
            source = loaded.source.sub(start, loaded.source.size - start, item.entry.path)
            outcome = try_format(magic.format, Piece(item.location.at(start, source.size), source))
            if isinstance(outcome, Extracted):
                self._accept(outcome)
                done = start + _extent(outcome)
                found = True
        return found

    def _code(self, item: _Seen, plan: Plan, loaded: Loaded) -> None:
        """Lets the rules look at binaries, dex files and scripts."""
        source = loaded.source
        try:
            if plan is Plan.DEX:
                if loaded.hits:
                    self.detector.dex(item.location, source.size, loaded.hits, source.read, read_dex(source.view()))
                return
            if plan is Plan.CLASS:
                self.detector.java_class(item.location, item.entry.path, source.size, loaded.hits, source.read)
                return
            scope = _SCOPES.get(plan)
            if scope is not None:
                binary = _binary(plan, source)
                self.detector.code(scope, item.location, source.size, loaded.hits, source.read, binary)
        except InputError as error:
            self.failures.append(failure(Stage.DETECT, item.location, error))

    # --- archives -----------------------------------------------------------------------------------------------------

    def _archive(self, item: _Seen, depth: int) -> None:
        loaded = self._load(item.entry, item.location, scan=False)
        if loaded is None:
            return
        accepted, refusals = self._whole(item, loaded)
        if accepted is not None and not accepted.format.bundle:
            self._account(Treatment.PARSED, accepted.format.name, loaded.source.size)
            return
        try:
            if depth >= MAX_NESTING:
                raise LimitError(f"archives nested deeper than {MAX_NESTING}", where=str(item.location))
            container = open_container(loaded.source, item.entry.path)
        except (InputError, NotThisFormat) as error:
            self.failures.append(failure(Stage.PACKAGE, item.location, error))
            rest = self._load(item.entry, item.location, scan=True)
            if rest is not None:
                self._carve(item, rest, None)
                self._account(Treatment.SCANNED, item.kind, rest.source.size)
            return
        self._account(Treatment.OPENED, item.kind, loaded.source.size)
        if accepted is None:
            self._suspect(item, loaded, refusals)
        self._nested(container, item.location, depth)

    def _nested(self, container: Container, location: Location, depth: int) -> None:
        try:
            self._walk(container.entries, location, depth + 1)
        finally:
            self.anomalies += container.anomalies
            container.close()

    # --- results ------------------------------------------------------------------------------------------------------

    def _load(self, entry: Entry, location: Location, *, scan: bool) -> Loaded | None:
        """The bytes of an entry; None, and a recorded failure, when there are none at all."""
        try:
            if self.inflated > MAX_NESTED_TOTAL:
                raise LimitError(f"more than {MAX_NESTED_TOTAL} bytes unpacked from one app", where=str(location))
            loaded = load(entry, self.scanner.signatures.literals if scan else None)
        except InputError as error:
            self._unread(location, entry.size, error)
            return None
        if entry.window() is None:
            self.inflated += loaded.source.size
        if loaded.error is not None:
            self.failures.append(failure(Stage.PACKAGE, location, loaded.error))
        return loaded

    def _accept(self, extracted: Extracted) -> None:
        pieces = [(piece.location, piece.source) for piece in extracted.pieces]
        form = extracted.format
        proof = Evidence(
            kind=EvidenceKind.STRUCTURE,
            location=pieces[0][0],
            value=f"validated as {form.title}",
            rule=f"{form.name}@{form.version}",
        )
        model = summarise(form, extracted.graph, pieces, [proof])
        self.models.append(model)
        if self.sink is not None:
            self.sink(model, pieces)

    def _suspect(self, item: _Seen, loaded: Loaded | None, refusals: Sequence[Refused]) -> None:
        found = suspicion(self.scanner.index, item.location, item.kind, item.entry, loaded, refusals)
        if found is not None:
            self.candidates.append(found)
            broken = next((refusal for refusal in refusals if refusal.error == "ParserError"), None)
            if broken is not None:
                self.failures.append(
                    Failure(
                        stage=Stage.PARSE, location=item.location, error=broken.error, reason=broken.reason,
                        hint=broken.hint, plugin=f"{broken.format.name}@{broken.format.version}",
                    )
                )  # fmt: skip

    def _unread(self, location: Location, size: int, error: InputError) -> None:
        self.failures.append(failure(Stage.PACKAGE, location, error))
        self._account(Treatment.UNREAD, "unread", max(0, size))

    def _account(self, treatment: Treatment, kind: str, size: int) -> None:
        self.coverage[treatment, str(kind)] += 1
        self.sizes[treatment, str(kind)] += size


_SCOPES = {
    Plan.ELF: Scope.NATIVE,
    Plan.MACHO: Scope.NATIVE,
    Plan.SCRIPT: Scope.SCRIPT,
    Plan.DOTNET: Scope.DOTNET,
}


def _extent(extracted: Extracted) -> int:
    """Bytes of the lead file that the model takes up."""
    extent = extracted.graph.extent
    return extracted.pieces[0].source.size if extent is None else extent


def _binary(plan: Plan, source: ByteSource) -> Binary | None:
    if plan is Plan.ELF:
        return elf_binary(source.view())
    if plan is Plan.MACHO:
        return macho_binary(source.view())
    return None
