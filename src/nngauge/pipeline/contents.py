"""One entry whose bytes are at hand: the models it is or holds, the code in it, or why it is neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from nngauge.analyse.findings import Findings
from nngauge.analyse.summary import summarise
from nngauge.detect.binaries import ElfBinary, MachOBinary, elf_binary, library, macho_binary
from nngauge.detect.detector import Detector
from nngauge.detect.ruleset import Scope
from nngauge.detect.signatures import Signatures
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.outcome import Failure, Stage, Treatment
from nngauge.errors import InputError, LimitError, NotThisFormat, UnsupportedError
from nngauge.extract.attempt import Extracted, Piece, Refused, failure, try_format
from nngauge.extract.candidates import FormatIndex, carve_offsets
from nngauge.extract.kinds import Plan
from nngauge.extract.load import Loaded
from nngauge.extract.siblings import Neighbours
from nngauge.extract.suspect import suspicion
from nngauge.formats import Format
from nngauge.io.content import Kind
from nngauge.io.dex import embedded_dex, read_dex
from nngauge.io.source import ByteSource
from nngauge.limits import CARVE_CANDIDATES
from nngauge.packages import Entry

Sink = Callable[[Model, Extracted], None]
"""Called for each model while its bytes are at hand."""


class Seen(Struct, frozen=True):
    """An entry after its head was looked at."""

    entry: Entry
    location: Location
    kind: Kind
    formats: tuple[Format, ...]
    plan: Plan


class Contents(Struct):
    """Treats contents one by one; what is found goes to `found` and `detector`."""

    index: FormatIndex
    signatures: Signatures
    detector: Detector
    found: Findings
    sink: Sink | None
    label: str = ""
    """The app's name for people."""
    around: Neighbours | None = None
    """The files of the container that is being walked."""

    def treat(self, item: Seen, loaded: Loaded) -> None:
        """A file that is no archive: is it a model, does it hold models, is it code?"""
        accepted, refusals = self.whole(item, loaded)
        if accepted is None and item.plan is not Plan.DATA:
            self._code(item, loaded)
        carved = bool(loaded.hits) and self.carve(item, loaded, accepted)
        treatment = Treatment.PARSED if accepted else Treatment.SCANNED
        self.found.account(treatment, accepted.format.name if accepted else item.kind, loaded.source.size)
        if accepted is None and not carved:
            self.suspect(item, loaded, refusals)

    def whole(self, item: Seen, loaded: Loaded) -> tuple[Extracted | None, list[Refused]]:
        """Is the whole file a model?"""
        refusals: list[Refused] = []
        for form in item.formats:
            outcome = try_format(form, Piece(item.location, loaded.source))
            if isinstance(outcome, Extracted):
                self.accept(outcome)
                return outcome, refusals
            refusals.append(outcome)
        return None, refusals

    def carve(self, item: Seen, loaded: Loaded, accepted: Extracted | None) -> bool:
        """Models at an offset inside another file."""
        extra = self.signatures.extra_ids
        hits = [(extra[index], end) for index, end in loaded.hits if index in extra]
        done = _extent(accepted) if accepted else 0
        found = False
        tried = 0
        for start, magic in carve_offsets(hits, self.index.carve):
            if start < done or (start == 0 and accepted is None and magic.format in item.formats):
                continue
            tried += 1
            if tried > CARVE_CANDIDATES:
                break
            source = loaded.source.sub(start, loaded.source.size - start, item.entry.path)
            outcome = try_format(magic.format, Piece(item.location.at(start, source.size), source))
            if isinstance(outcome, Extracted):
                self.accept(outcome)
                done = start + _extent(outcome)
                found = True
        if tried > CARVE_CANDIDATES or loaded.saturated:
            error = LimitError(f"more than {min(tried, CARVE_CANDIDATES)} places look like models; not all were tried")
            self.found.failure(failure(Stage.EXTRACT, item.location, error))
        return found

    def _code(self, item: Seen, loaded: Loaded) -> None:
        """Lets the rules look at binaries, dex files and scripts; what goes wrong is recorded."""
        try:
            self._units(item, loaded)
        except (InputError, NotThisFormat) as error:
            self.found.failure(failure(Stage.DETECT, item.location, error))
        except Exception as error:  # noqa: BLE001 - a reader's bug must not lose the app; it is recorded as what it is
            self.found.failure(
                Failure(
                    stage=Stage.DETECT, location=item.location, error="ReaderError",
                    reason=f"{type(error).__name__}: {error}", hint="please report this file",
                )
            )  # fmt: skip

    def _units(self, item: Seen, loaded: Loaded) -> None:
        source, plan, scope = loaded.source, item.plan, _SCOPES.get(item.plan)
        if scope is not None:
            binary = self._binary(item, source)
            found = self.detector.code(scope, item.location, source.size, loaded.hits, source.read, binary)
            if scope is Scope.NATIVE:
                names = (detection.technology for detection in found)
                self.found.library(library(item.location, source.size, binary, names))
        elif plan is Plan.CLASS:
            self.detector.java_class(item.location, item.entry.path, source.size, loaded.hits, source.read)
        elif plan in (Plan.DEX, Plan.ODEX) and loaded.hits:
            self._dex(item, loaded)

    def _dex(self, item: Seen, loaded: Loaded) -> None:
        """One dex file, or those that the optimising compiler wrapped."""
        source = loaded.source
        if item.plan is Plan.DEX:
            self.detector.dex(item.location, source.size, loaded.hits, source.read, read_dex(source.view()))
            return
        for offset, size in embedded_dex(source.view()):
            dex = read_dex(source.view(offset, size))
            self.detector.dex(item.location, source.size, loaded.hits, source.read, dex)

    def _binary(self, item: Seen, source: ByteSource) -> ElfBinary | MachOBinary | None:
        """The tables of a native binary; without them its strings still count."""
        try:
            if item.plan is Plan.ELF:
                return elf_binary(source.view())
            if item.plan is not Plan.MACHO:
                return None
            binary = macho_binary(source.view())
        except (InputError, NotThisFormat) as error:
            self.found.failure(failure(Stage.DETECT, item.location, error))
            return None
        if binary.file.encrypted:
            sealed = UnsupportedError("encrypted by the App Store: its code and strings cannot be read")
            self.found.failure(failure(Stage.DETECT, item.location, sealed))
        return binary

    def accept(self, extracted: Extracted) -> None:
        """Keeps a model, and hands its bytes to the sink."""
        near = self.around.of(extracted.pieces[0].location.path) if self.around is not None else ()
        model = summarise(extracted, words=(*near, self.label) if self.label else near)
        self.found.model(model)
        if self.sink is not None:
            try:
                self.sink(model, extracted)
            except InputError as error:
                self.found.failure(failure(Stage.EXTRACT, extracted.pieces[0].location, error))

    def suspect(self, item: Seen, loaded: Loaded | None, refusals: Sequence[Refused]) -> None:
        """Keeps a candidate when a file that is no model claims, hides or resembles one."""
        found = suspicion(self.index, item.location, item.kind, item.entry, loaded, refusals)
        if found is not None:
            self.found.candidate(found)
            broken = next((refusal for refusal in refusals if refusal.error == "ParserError"), None)
            if broken is not None:
                self.found.failure(
                    Failure(
                        stage=Stage.PARSE, location=item.location, error=broken.error, reason=broken.reason,
                        hint=broken.hint, plugin=f"{broken.format.name}@{broken.format.version}",
                    )
                )  # fmt: skip


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
