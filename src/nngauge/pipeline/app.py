"""One app: its parts, their entries, and the archives inside."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from msgspec.structs import replace

from nngauge.analyse.findings import Findings
from nngauge.detect.detector import Detector
from nngauge.domain.location import Location
from nngauge.domain.outcome import Anomaly, Stage, Treatment
from nngauge.domain.scan import Depth, Scan, Verdict
from nngauge.errors import InputError, LimitError, NotThisFormat, TruncatedError
from nngauge.extract.attempt import Extracted, Piece, failure, try_format
from nngauge.extract.kinds import Plan, plan_for
from nngauge.extract.load import Loaded, load
from nngauge.extract.reach import is_wanted, is_worth_reading
from nngauge.extract.siblings import Neighbours, Siblings
from nngauge.formats import Format
from nngauge.io.content import ARCHIVES, UNREADABLE_ARCHIVES, Kind, content_kind
from nngauge.io.zip_oddities import ZipOddity
from nngauge.limits import BOMB_FLOOR, BOMB_RATIO, MAX_NESTED_TOTAL, MAX_NESTING
from nngauge.packages import Container, Entry, Package, PackagePart, open_container
from nngauge.packages.containers import open_file
from nngauge.pipeline.ahead import contents_ahead, heads_ahead
from nngauge.pipeline.conclusions import Found, conclude, examined
from nngauge.pipeline.contents import Contents, Seen, Sink

if TYPE_CHECKING:
    from nngauge.pipeline.scanner import Scanner

_BATCH = 4096
"""Entries that are made together."""
_MODELS_ONLY = "Only models were looked for: nothing is said about code."
_Look = tuple[Kind, tuple[Format, ...], Plan]
"""What the head of an entry tells."""


class AppScan:
    """The state of one scan."""

    def __init__(self, scanner: Scanner, package: Package, sink: Sink | None) -> None:
        self.scanner = scanner
        self.package = package
        place = package.parts[0].location
        self.detector = Detector(scanner.signatures, place)
        self.found = Findings(place)
        label = package.app.label or ""
        self.contents = Contents(scanner.index, scanner.signatures, self.detector, self.found, sink, label)
        self.looks: dict[_Look, _Look] = {}
        """One instance of each; a million entries share a handful."""
        self.room = min(MAX_NESTED_TOTAL, max(BOMB_FLOOR, BOMB_RATIO * package.app.size))
        """Bytes that may still be unpacked."""
        for problem in package.failures:
            self.found.failure(problem)

    def run(self, path: str) -> Scan:
        """Walks all parts, and draws the conclusions."""
        for part in self.package.parts:
            self._part(part)
        self.found.oddities(self.package.anomalies)  # now: some show only when entries are read
        detections = self.detector.finish()
        models = tuple(sorted(self.found.models, key=lambda model: (model.parts[0].location.path, model.digest)))
        libraries = tuple(sorted(self.found.libraries, key=lambda item: item.location.path))
        app = self.package.app
        found = Found(
            app=app,
            manifests=[part.manifest for part in self.package.parts if part.manifest is not None],
            detections=detections,
            loaders=self.detector.loaders(),
            models=models,
            libraries=libraries,
        )
        concluded = conclude(found, self.scanner.known, self.scanner.elsewhere)
        if self.scanner.depth in {Depth.USAGE, Depth.AUDIT}:
            concluded = examined(found, concluded, self.package, self.scanner.known)
        return Scan(
            path=path,
            app=app,
            verdict=self._said(concluded.verdict),
            technologies=concluded.technologies,
            detections=detections,
            models=concluded.models,
            candidates=tuple(sorted(self.found.candidates, key=lambda item: str(item.location))),
            libraries=concluded.libraries,
            accelerations=concluded.accelerations,
            usage=concluded.usage,
            core=concluded.core,
            failures=self.found.failures(),
            anomalies=tuple(self.found.anomalies),
            coverage=self.found.coverage(),
            provenance=self.scanner.provenance,
        )

    def _said(self, verdict: Verdict) -> Verdict:
        if self.scanner.depth is not Depth.MODELS:
            return verdict
        return replace(verdict, because=(*verdict.because, _MODELS_ONLY))

    def _part(self, part: PackagePart) -> None:
        if part.manifest is not None:
            self.detector.manifest(part.location.inside("AndroidManifest.xml"), part.manifest)
        if part.properties:
            self.detector.plist(part.location.inside("Info.plist"), part.properties)
        entries: Sequence[Entry] = part.container.entries
        if part.consumed:
            entries = [entry for entry in entries if entry.path not in part.consumed]
        self._walk(entries, part.location, 0)
        self._cut(part.container.anomalies, part.location)

    def _cut(self, anomalies: Sequence[Anomaly], place: Location) -> None:
        """A truncated archive: what came behind the cut is not even known by name."""
        detail = next((item.detail for item in anomalies if item.kind == ZipOddity.TRUNCATED), None)
        if detail is not None:
            error = TruncatedError(f"the archive ends early: {detail}", where=str(place))
            self.found.failure(failure(Stage.PACKAGE, place, error))

    # --- entries --------------------------------------------------------------------------------------------------------

    def _walk(self, entries: Sequence[Entry], place: Location, depth: int) -> None:
        """All entries of one container: leads of multi-file models first, so that their companions are known.

        Between the two passes only what a head told is kept: there may be a million entries, made when asked for.
        """
        if len(entries) == 1 and entries[0].size < 0:
            entries = self._measured(entries[0], place)
        self.contents.around = Neighbours(entries)
        looks: list[_Look | None] = []
        made = iter(entries)
        while batch := list(islice(made, _BATCH)):
            named = self.detector.promising([entry.path for entry in batch])
            wanted = (
                [self._is_wanted(entry) for entry in batch]
                if self.scanner.depth is Depth.MODELS
                else [True] * len(batch)
            )
            heads_ahead(batch, wanted)
            looks += [self._look(entry, place, named=at in named, wanted=wanted[at]) for at, entry in enumerate(batch)]
        bound = self._bind(entries, looks, place)
        for entry, look in contents_ahead(self._rest(entries, looks, bound), entries, self._is_read):
            item = Seen(entry, place.inside(entry.path), *look)
            try:
                self._entry(item, depth)
            except (InputError, NotThisFormat) as error:
                self._unread(item.location, entry.size, error)

    def _is_wanted(self, entry: Entry) -> bool:
        """Whether its head is worth a look when only models are asked for."""
        return is_wanted(entry.path, entry.size) or bool(self.scanner.index.named(entry.path))

    def _rest(
        self, entries: Sequence[Entry], looks: Sequence[_Look | None], bound: set[int]
    ) -> Iterator[tuple[Entry, _Look]]:
        """The entries that have to be treated one by one."""
        for at, (entry, look) in enumerate(zip(entries, looks, strict=True)):
            if look is not None and at not in bound and not self._passed(entry, look):
                yield entry, look

    def _is_read(self, entry: Entry, look: _Look) -> bool:
        """Whether all bytes of an entry will be read, rather than some of them or none."""
        kind, formats, plan = look
        if kind in ARCHIVES and not formats:
            return entry.size != entry.stored_size  # a stored zip is walked where it is
        return kind is not Kind.EMPTY and plan is not Plan.SKIP and self._is_worth(entry, look)

    def _is_worth(self, entry: Entry, look: _Look) -> bool:
        """Whether its content is worth reading: always, unless only models are asked for."""
        if self.scanner.depth is not Depth.MODELS:
            return True
        kind, formats, plan = look
        promised = bool(self.scanner.index.named(entry.path))
        return is_worth_reading(entry.path, kind, plan, matched=bool(formats), promised=promised)

    def _passed(self, entry: Entry, look: _Look) -> bool:
        """Pictures, sounds and the like that do not even promise to be a model: most entries of most apps."""
        kind, _, plan = look
        if plan is not Plan.SKIP or kind in ARCHIVES or kind is Kind.EMPTY or self.scanner.index.named(entry.path):
            return False
        self.found.account(Treatment.HEAD_ONLY, kind, max(0, entry.size))
        return True

    def _measured(self, entry: Entry, place: Location) -> Sequence[Entry]:
        """An entry of unknown size (gzip and its like), unpacked: formats without a magic ask for the size."""
        loaded = self._load(entry, place.inside(entry.path), scan=False)
        return open_file(loaded.source, entry.path).entries if loaded is not None else ()

    def _look(self, entry: Entry, place: Location, *, named: bool, wanted: bool) -> _Look | None:
        path = entry.path
        asked = named and self.detector.path(place.inside(path), path)
        if not wanted:
            self.found.account(Treatment.LEFT_OUT, "unseen", max(0, entry.size))
            return None
        try:
            head = entry.head()
            if asked:
                self.detector.content(place.inside(path), entry.head(4096))
        except InputError as error:
            self._unread(place.inside(path), entry.size, error)
            return None
        kind = content_kind(head)
        formats = tuple(self.scanner.index.matching(head, entry.size, path, kind))
        look = kind, formats, Plan.DATA if formats else plan_for(kind, path, head)
        return self.looks.setdefault(look, look)

    def _bind(self, entries: Sequence[Entry], looks: Sequence[_Look | None], place: Location) -> set[int]:
        """The entries (by their index) that were accepted as parts of multi-file models."""
        leading = {id(look) for look in self.looks if any(form.bind for form in look[1])}
        leads = array("I", (at for at, look in enumerate(looks) if id(look) in leading) if leading else ())
        bound: set[int] = set()
        if not leads:
            return bound
        siblings = Siblings((entry.path for entry in entries), (entries[at].path for at in leads))
        for at in leads:
            if at not in bound:
                bound |= self._lead(at, entries, looks, siblings, place)
        if siblings.exhausted:
            error = LimitError("too many files to bring together, see MAX_BINDING and MAX_SIBLINGS", where=str(place))
            self.found.failure(failure(Stage.EXTRACT, place, error))
        return bound

    def _lead(
        self,
        lead: int,
        entries: Sequence[Entry],
        looks: Sequence[_Look | None],
        siblings: Siblings,
        place: Location,
    ) -> set[int]:
        """Tries the multi-file formats on a lead file; the entries that became part of a model."""
        path = entries[lead].path
        look = looks[lead]
        for form in look[1] if look else ():
            others = [siblings.index[name] for name in form.bind(path, siblings.of(path))] if form.bind else []
            parts = [lead, *(at for at in others if looks[at] is not None)]
            if len(parts) == 1:
                continue
            pieces = self._pieces([entries[at] for at in parts], place)
            if pieces is None:
                continue
            outcome = try_format(form, pieces[0], pieces[1:])
            if isinstance(outcome, Extracted):
                self.contents.accept(outcome)
                for piece in pieces:
                    self.found.account(Treatment.PARSED, form.name, piece.source.size)
                return set(parts)
        return set()

    def _pieces(self, entries: Sequence[Entry], place: Location) -> list[Piece] | None:
        """All entries at hand; None when one is damaged, which is reported when it is treated on its own."""
        pieces: list[Piece] = []
        for entry in entries:
            try:
                loaded = self._bytes(entry, place)
            except InputError:
                return None
            if loaded.error is not None:
                return None
            pieces.append(Piece(place.inside(entry.path), loaded.source))
        return pieces

    def _entry(self, item: Seen, depth: int) -> None:
        if item.kind in ARCHIVES or item.kind in UNREADABLE_ARCHIVES:
            self._archive(item, depth)
        elif item.kind is Kind.EMPTY:
            self.found.account(Treatment.SCANNED, item.kind, 0)
        elif not self._is_worth(item.entry, (item.kind, item.formats, item.plan)):
            self.found.account(Treatment.LEFT_OUT, item.kind, max(0, item.entry.size))
        elif item.plan is Plan.SKIP:
            self.found.account(Treatment.HEAD_ONLY, item.kind, max(0, item.entry.size))
            self.contents.suspect(item, None, ())
        elif (loaded := self._load(item.entry, item.location, scan=True)) is not None:
            self.contents.treat(item, loaded)

    # --- archives -------------------------------------------------------------------------------------------------------

    def _archive(self, item: Seen, depth: int) -> None:
        loaded = self._load(item.entry, item.location, scan=False)
        if loaded is None:
            return
        accepted, refusals = self.contents.whole(item, loaded)
        if accepted is not None and not accepted.format.bundle:
            self.found.account(Treatment.PARSED, accepted.format.name, loaded.source.size)
            return
        try:
            if depth >= MAX_NESTING:
                raise LimitError(f"archives nested deeper than {MAX_NESTING}", where=str(item.location))
            container = open_container(loaded.source, item.entry.path)
        except (InputError, NotThisFormat) as error:
            self.found.failure(failure(Stage.PACKAGE, item.location, error))
            rest = self._load(item.entry, item.location, scan=True)
            if rest is not None:
                self.contents.carve(item, rest, None)
                self.found.account(Treatment.SCANNED, item.kind, rest.source.size)
            return
        self.found.account(Treatment.OPENED, item.kind, loaded.source.size)
        if accepted is None:
            self.contents.suspect(item, loaded, refusals)
        self._nested(container, item.location, depth)

    def _nested(self, container: Container, location: Location, depth: int) -> None:
        for problem in container.failures:
            self.found.failure(problem)
        outer = self.contents.around
        try:
            self._walk(container.entries, location, depth + 1)
        finally:
            self.contents.around = outer
            self.found.oddities(container.anomalies)
            self._cut(container.anomalies, location)
            container.close()

    # --- bytes ----------------------------------------------------------------------------------------------------------

    def _load(self, entry: Entry, location: Location, *, scan: bool) -> Loaded | None:
        """The bytes of an entry; None, and a recorded failure, when there are none at all."""
        try:
            loaded = self._bytes(entry, location, scan=scan)
        except InputError as error:
            self._unread(location, entry.size, error)
            return None
        if loaded.error is not None:
            self.found.failure(failure(Stage.PACKAGE, location, loaded.error))
        return loaded

    def _bytes(self, entry: Entry, location: Location, *, scan: bool = False) -> Loaded:
        if self.room < 0:
            raise LimitError("unpacks to more than an app of its size may", where=str(location))
        loaded = load(entry, self.scanner.signatures.literals if scan else None, self.room, self.scanner.arena)
        if not loaded.in_place:
            self.room -= loaded.source.size
        return loaded

    def _unread(self, location: Location, size: int, error: InputError | NotThisFormat) -> None:
        self.found.failure(failure(Stage.PACKAGE, location, error))
        self.found.account(Treatment.UNREAD, "unread", max(0, size))
