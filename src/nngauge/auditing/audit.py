"""Audits one app: its models while they are scanned, then its code, then the files that nothing else explains."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from nngauge.analyse.attribution.owners import attribute, context_of
from nngauge.analyse.protection.files import MIN_BYTES, protection_of_file
from nngauge.analyse.protection.integrity import model_findings, package_findings
from nngauge.analyse.protection.masking import key_length
from nngauge.analyse.protection.models import corroborated, protection_of_model
from nngauge.analyse.protection.profile import coincidences
from nngauge.analyse.protection.sentences import attack, remedy
from nngauge.analyse.protection.signals import signal
from nngauge.analyse.protection.vocabulary import SPEAKING, words_in
from nngauge.analyse.protection.wrappers import CORE_ML_FOLDER
from nngauge.auditing.app_code import AppCode, read_code_of
from nngauge.auditing.context import Context, gather
from nngauge.auditing.summary import summarise_audit
from nngauge.auditing.survey import File, Survey
from nngauge.domain.evidence import Confidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.outcome import Failure, Stage
from nngauge.domain.protection import Audit, AuditedModel, Grade, Protection, Signal, SignalKind
from nngauge.domain.scan import Scan
from nngauge.errors import InputError
from nngauge.extract.attempt import Extracted
from nngauge.extract.opaque import SAMPLE_BYTES
from nngauge.io.content import Kind
from nngauge.io.source import ByteSource
from nngauge.limits import KIB, MIB
from nngauge.packages import Package, open_package
from nngauge.pipeline import Scanner
from nngauge.pipeline.contents import Sink

_MAX_UNKNOWN: Final = 200
_MAX_FETCHED: Final = 50
_HASHED: Final = 256 * MIB
_CLOSER: Final = 100
"""So many files, the largest, are looked at in full although nothing says that they are models: 0.1 s each."""
_QUICK: Final = 1024
_MASKED: Final = 16 * KIB
_LAGS: Final = 192
"""Enough for keys of 64 bytes; 2 ms."""
_NAMES: Final = 4096
_ORDER: Final = tuple(Grade)


class _Kept(Struct):
    """What is remembered of the models while they are scanned."""

    protections: dict[str, Protection] = field(default_factory=dict)
    """By location of the lead."""
    digests: dict[str, str] = field(default_factory=dict)
    """Hexadecimal digest → base name of the file."""
    parts: tuple[str, ...] = ()
    onward: Sink | None = None

    def keep(self, model: Model, extracted: Extracted) -> None:
        """The scanner's sink."""
        if self.onward is not None:
            self.onward(model, extracted)
        lead = extracted.pieces[0].location
        sources = [piece.source for piece in extracted.pieces]
        depth = _depth(lead, self.parts)
        self.protections[str(lead)] = protection_of_model(model, extracted.format, extracted.graph, sources, depth)
        for piece in extracted.pieces:
            if piece.location.offset is None:
                self.digests.update(_digests(piece.source, piece.location.name))


def audit_app(path: str | Path, scanner: Scanner | None = None) -> Audit:
    """How well the models of the app at `path` are protected, whose they are, and whether they could be swapped.

    Reads the package twice: once to scan it, once for its code and for files that are no readable models. Raises what
    `Scanner.scan` raises; everything that goes wrong inside is part of the result.
    """
    package = open_package(path)
    try:
        return audit_package(scanner or Scanner(), package, str(path))[1]
    finally:
        package.close()


def audit_package(scanner: Scanner, package: Package, path: str, sink: Sink | None = None) -> tuple[Scan, Audit]:
    """The scan and the audit of an app that is open already; `sink` gets its models while they are read."""
    kept = _Kept(parts=tuple(part.location.path for part in package.parts), onward=sink)
    scan = scanner.scan_package(package, path, kept.keep)
    survey = Survey(package)
    try:
        return scan, _Auditor(scanner, scan, survey, kept).run()
    finally:
        survey.close()


class _Auditor:
    """The state of one audit, after the scan."""

    def __init__(self, scanner: Scanner, scan: Scan, survey: Survey, kept: _Kept) -> None:
        self._scan = scan
        self._survey = survey
        self._kept = kept
        self._claimed = {part.location.path for model in scan.models for part in model.parts}
        walked = {file.location.path.rpartition("!")[0] for file in survey.files if file.depth}
        hidden = [file for file in survey.files if file.location.path not in walked and self._open(file)]
        names = [part.location.name for model in scan.models for part in model.parts]
        names += [file.location.name for file in hidden]
        names = list(dict.fromkeys(names))[:_NAMES]
        self._code: AppCode = read_code_of(survey, names, kept.digests)
        self._context: Context = gather(scanner.index, self._code, survey.files, scan)
        self._hidden = hidden
        closer = sorted(hidden, key=lambda file: -file.entry.size)[:_CLOSER]
        self._closer = {file.location.path for file in closer}
        self._around = context_of(
            scan.app, scan.detections, scan.libraries, scan.models, named_by=self._code.named_by()
        )  # fmt: skip
        self._roles = {part.location.path: part.role for part in _parts(survey)}

    def run(self) -> Audit:
        """Everything."""
        models = [*self._models(), *self._files(), *self._libraries(), *self._fetched()]
        unknown = [item for item in models if item.protection.grade is Grade.UNIFORM]
        found = [item for item in models if item.protection.grade is not Grade.UNIFORM]
        found.sort(key=lambda item: (_ORDER.index(item.protection.grade), -item.size, str(item.location)))
        integrity = package_findings(self._scan.app, self._code.seen())
        return Audit(
            path=self._scan.path,
            app=self._scan.app,
            models=tuple(found),
            unknown=tuple(unknown[:_MAX_UNKNOWN]),
            integrity=integrity,
            summary=summarise_audit(found, unknown, integrity, self._scan, code_read=self._code.readable),
            failures=(*self._scan.failures, *self._cut()),
        )

    def _open(self, file: File) -> bool:
        """Data that no model claims, large enough to be one."""
        path = file.location.path
        inside = any(path.startswith(claimed + "!") for claimed in self._claimed_archives(path))
        return file.may_hide and path not in self._claimed and not inside and not 0 <= file.entry.size < MIN_BYTES

    def _claimed_archives(self, path: str) -> Iterator[str]:
        """Archives around `path` that were read as models themselves (``.pt``)."""
        at = path.rfind("!")
        while at > 0:
            if path[:at] in self._claimed:
                yield path[:at]
            at = path.rfind("!", 0, at)

    # --- readable models ----------------------------------------------------------------------------------------------

    def _models(self) -> Iterator[AuditedModel]:
        groups: dict[tuple[str, Grade | None], list[Model]] = {}
        for model in self._scan.models:
            protection = self._kept.protections.get(str(model.parts[0].location))
            groups.setdefault((model.digest, protection.grade if protection else None), []).append(model)
        for same in groups.values():
            found = self._model(same[0], len(same))
            if found is not None:
                yield found

    def _model(self, model: Model, places: int) -> AuditedModel | None:
        lead = model.parts[0].location
        protection = self._kept.protections.get(str(lead))
        if protection is None:
            return None
        if protection.grade is Grade.ENCRYPTED_WEIGHTS:
            file = next((file for file in self._survey.files if file.location.path == lead.path), None)
            if file is not None:
                protection = corroborated(protection, lead, self._context.hints(file))
        return AuditedModel(
            name=model.name,
            title=model.title,
            location=lead,
            places=places,
            size=model.size,
            digest=model.digest,
            protection=protection,
            owner=attribute(model, self._around),
            integrity=model_findings(lead.name, self._role(lead), self._code.seen()),
        )

    def _role(self, location: Location) -> str:
        return next((role for path, role in self._roles.items() if location.path.startswith(path + "!")), "")

    # --- everything else ----------------------------------------------------------------------------------------------

    def _files(self) -> Iterator[AuditedModel]:
        done: set[str] = set()
        for file in self._hidden:
            folder = file.location.path.partition(CORE_ML_FOLDER)[0]
            if CORE_ML_FOLDER in file.location.path and folder not in done:
                done.add(folder)
                yield self._core_ml(file, folder)
            elif any(file.location.path.startswith(place + ".mlmodelc") for place in done):
                continue
            else:
                protection = self._protection(file)
                if protection is not None:
                    yield self._audited(file, protection)

    def _protection(self, file: File) -> Protection | None:
        hints = self._context.hints(file)
        try:
            source = self._survey.read(file)
            told = hints.about_models or hints.mentions or file.location.path in self._closer
            if not told and not self._worth(file, source):
                return None
            protection = protection_of_file(self._context.index, file.location, source, hints)
        except InputError:
            return None  # the scan reports what cannot be read
        if protection is None or not file.depth or protection.grade is Grade.UNIFORM:
            return protection
        outer = file.location.path.split("!")[-2].rpartition("/")[2]
        packed = signal(
            SignalKind.STRUCTURE, file.location, f"inside the archive {outer}", EvidenceKind.FILE_NAME, outer
        )
        return replace(
            protection, grades=(*protection.grades, Grade.COMPRESSED), signals=(*protection.signals, packed)
        )  # fmt: skip

    def _worth(self, file: File, source: ByteSource) -> bool:
        """Cheap questions before the statistics, for files of which nothing says that they are models."""
        if self._context.index.masks.find(file.head) is not None:
            return True
        if file.kind is Kind.TEXT:
            return b" " not in file.head and len(set(file.head)) <= 66
        sample = source.read(max(0, source.size // 2 - _QUICK // 2), _QUICK)
        if len(zlib.compress(sample, 1)) > 0.97 * len(sample):
            return True
        first = source.read(0, SAMPLE_BYTES)
        if key_length(coincidences(first[:_MASKED], _LAGS)) is not None:
            return True
        return len(words_in(first)) >= SPEAKING

    def _audited(self, file: File, protection: Protection) -> AuditedModel:
        return AuditedModel(
            name=file.location.name, title=protection.reveals or "", location=file.location, places=1,
            size=max(0, file.entry.size), digest="", protection=protection,
            integrity=()
            if protection.grade is Grade.UNIFORM
            else model_findings(file.location.name, file.role, self._code.seen()),
        )  # fmt: skip

    def _core_ml(self, file: File, folder: str) -> AuditedModel:
        """A compiled Core ML model with the folder that only encrypted ones have."""
        place = Location(path=folder + ".mlmodelc")
        says = "the compiled Core ML model holds an encryptionInfo folder"
        signals = [signal(SignalKind.WRAPPER, place, says, EvidenceKind.FILE_NAME, file.location.name)]
        grades = [Grade.ENCRYPTED]
        for key in self._context.key_files:
            if key.location.path.lower().endswith(".mlmodelkey"):
                beside = signal(
                    SignalKind.KEY, key.location, "a .mlmodelkey is shipped", EvidenceKind.FILE_NAME, key.location.name
                )
                signals.append(beside)
                grades.insert(0, Grade.KEY_BESIDE)
                break
        size = sum(
            max(0, one.entry.size) for one in self._survey.files if one.location.path.startswith(place.path + "/")
        )
        return self._listed(place, "Core ML compiled model", size, grades, signals, Confidence.LIKELY)

    def _libraries(self) -> Iterator[AuditedModel]:
        """Models that were compiled into libraries."""
        for facts in self._code.natives:
            if facts.generated:
                proof = facts.generated[0]
                found = Signal(
                    kind=SignalKind.CODE, says=f"exports what model compilers generate: {proof.value}", evidence=proof
                )
                size = next((file.entry.size for file in self._survey.files if file.location == facts.location), 0)
                yield self._listed(facts.location, "", size, [Grade.CODE], [found], Confidence.LIKELY)

    def _fetched(self) -> Iterator[AuditedModel]:
        """Addresses of models in the code."""
        for url in list(self._code.urls.values())[:_MAX_FETCHED]:
            name = url.text.partition("?")[0].rpartition("/")[2]
            found = signal(
                SignalKind.CODE,
                url.location,
                f"the code holds the address {url.text[:90]}",
                EvidenceKind.STRING,
                url.text,
            )
            place = replace(url.location, offset=url.location.offset)
            item = self._listed(place, "", 0, [Grade.FETCHED], [found], Confidence.LIKELY)
            yield replace(item, name=name)

    def _listed(
        self,
        place: Location,
        title: str,
        size: int,
        grades: Sequence[Grade],
        signals: Sequence[Signal],
        sure: Confidence,
    ) -> AuditedModel:
        protection = Protection(
            grades=tuple(grades), confidence=sure, signals=tuple(signals), attack=attack(grades[0]), remedy=remedy(grades[0])
        )  # fmt: skip
        return AuditedModel(
            name=place.name, title=title, location=place, places=1, size=max(0, size), digest="", protection=protection
        )  # fmt: skip

    def _cut(self) -> Iterator[Failure]:
        if self._survey.cut:
            yield Failure(
                stage=Stage.ANALYSE, location=Location(path=self._scan.path), error="LimitError",
                reason="more files or bytes than one audit looks at; some were left out",
            )  # fmt: skip


def _depth(location: Location, parts: Sequence[str]) -> int:
    """Archives between the package part and `location`."""
    part = max((part for part in parts if location.path.startswith(part + "!")), key=len, default="")
    return location.path[len(part) + 1 :].count("!")


def _digests(source: ByteSource, name: str) -> Iterator[tuple[str, str]]:
    """The digests of a file that code may compare, each with the file's name."""
    if source.size > _HASHED:
        return
    content = source.view()
    for digest in (
        hashlib.sha256(content),
        hashlib.sha1(content, usedforsecurity=False),
        hashlib.md5(content, usedforsecurity=False),
    ):
        yield digest.hexdigest(), name


class _Role(Struct, frozen=True):
    location: Location
    role: str


def _parts(survey: Survey) -> Iterator[_Role]:
    seen: dict[str, str] = {}
    for file in survey.files:
        if not file.depth:
            seen.setdefault(file.location.path[: -len(file.entry.path) - 1], file.role)
    for path, role in seen.items():
        yield _Role(Location(path=path), role)
