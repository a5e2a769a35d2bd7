"""What the app says about one of its files: the hints that go with its bytes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from nngauge.analyse.protection.code import ClassFacts, near
from nngauge.analyse.protection.hints import Hints, KeyFound, sealed_name
from nngauge.analyse.protection.native import NativeFacts
from nngauge.analyse.protection.signals import RULE
from nngauge.auditing.app_code import AppCode
from nngauge.auditing.survey import File
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.scan import Scan
from nngauge.extract.candidates import FormatIndex
from nngauge.extract.opaque import model_like_name
from nngauge.formats import Format
from nngauge.limits import EVIDENCE_PER_FACT

_NETWORKS: Final = (".param", ".prototxt", ".pbtxt", ".tnnproto", ".pdmodel", "-symbol.json")
"""Endings of files that describe a network."""
_TEXTS: Final = (".json", ".proto", ".xml", ".cfg", ".yaml", ".yml", ".txt")
_DESCRIBES: Final = re.compile(
    rb"input|output|layer|tensor|shape|conv|anchors?|labels?|classes|threshold|mean|std", re.IGNORECASE
)
_WORDS: Final = 3
"""Different words of `_DESCRIBES` that make a text a description of a model."""


class Context(Struct, frozen=True, kw_only=True):
    """What all files of an app share."""

    index: FormatIndex
    code: AppCode
    starts: Mapping[bytes, Sequence[str]]
    """First 16 bytes → names of the files that begin with them, where there are several."""
    described: Mapping[str, str]
    """Stem of a path → name of a readable description beside it."""
    key_files: Sequence[File]
    runtime: bool
    plain_models: int
    crypto: tuple[Evidence, ...]

    def hints(self, file: File) -> Hints:
        """Everything known about `file` besides its bytes."""
        path = file.location.path.rpartition("!")[2]
        name = file.location.name
        naming = self.code.naming(name)
        around = near(self.code.classes, name) if naming else []
        natives = [facts for facts in self.code.natives if name in facts.files]
        mentions = [item.evidence(item.files[name], EvidenceKind.STRING) for item in naming]
        mentions += [_native_mention(facts, name) for facts in natives]
        crypto = [item.evidence(call) for item in around for call in item.crypto[:1]]
        crypto += [evidence for facts in natives for evidence in facts.crypto[:1]]
        loads = [item.evidence(call) for item in around for call in item.loads[:1]]
        modes = [mode for item in around for mode in item.modes]
        if not modes and not crypto:
            modes = [mode for item in self.code.classes for mode in item.modes if not mode.startswith("RSA")]
        others = [other for other in self.starts.get(file.start, ()) if other != name] if file.start else []
        return Hints(
            promised=tuple(form.title for form in self._promised(path)),
            worded=model_like_name(path),
            sealed=sealed_name(path),
            mentions=tuple(mentions[:EVIDENCE_PER_FACT]),
            crypto=tuple(crypto[:EVIDENCE_PER_FACT]),
            loads=tuple(loads[:EVIDENCE_PER_FACT]),
            crypto_anywhere=self.crypto,
            modes=tuple(dict.fromkeys(modes)),
            keys=tuple(self._keys(file, around)),
            same_start=tuple(others[:4]),
            described_by=tuple(filter(None, [self.described.get(file.stem)])),
            runtime=self.runtime,
            plain_models=self.plain_models,
        )

    def _promised(self, path: str) -> Iterator[Format]:
        yield from self.index.named(path)
        shorter = path
        for _ in range(2):  # model.tflite.enc, model.tflite.aes.bin
            shorter = shorter.rpartition(".")[0]
            if not shorter:
                return
            yield from self.index.named(shorter)

    def _keys(self, file: File, around: Sequence[ClassFacts]) -> Iterator[KeyFound]:
        """Strings in classes that decrypt, around those that name the file; and small files beside it, longest first.

        A string of the shape in a class that decrypts nothing may as well be a digest.
        """
        for item in around:
            for size, form in sorted(item.keys, reverse=True):
                yield KeyFound(
                    bytes=size, form=f"{form} in {item.name}", near=bool(item.crypto), evidence=item.evidence(form)
                )  # fmt: skip
        folder = file.location.path.rpartition("/")[0]
        for other in self.key_files:
            if other.location.path != file.location.path:
                near = other.location.path.rpartition("/")[0] == folder
                form = f"{other.key_file} called {other.location.name}"
                proof = Evidence(
                    kind=EvidenceKind.FILE_NAME, location=other.location, value=other.location.name, rule=f"{RULE}#key"
                )  # fmt: skip
                yield KeyFound(bytes=min(32, other.entry.size), form=form, near=near, evidence=proof)


def _native_mention(facts: NativeFacts, name: str) -> Evidence:
    place = facts.location.at(facts.files[name], len(name))
    return Evidence(kind=EvidenceKind.STRING, location=place, value=name, rule=f"{RULE}#mention")


def gather(index: FormatIndex, code: AppCode, files: Sequence[File], scan: Scan) -> Context:
    """The context of an app's files."""
    return Context(
        index=index,
        code=code,
        starts=_starts(files),
        described=_described(files, scan),
        key_files=tuple(file for file in files if file.key_file is not None),
        runtime=scan.verdict.runtime_present,
        plain_models=len(scan.models),
        crypto=tuple(item.evidence(call) for item in code.classes for call in item.crypto[:1])[:EVIDENCE_PER_FACT],
    )


def _starts(files: Iterable[File]) -> dict[bytes, list[str]]:
    groups: defaultdict[bytes, list[str]] = defaultdict(list)
    for file in files:
        if file.start and file.may_hide:
            groups[file.start].append(file.location.name)
    return {start: names for start, names in groups.items() if len(names) > 1}


def _described(files: Iterable[File], scan: Scan) -> dict[str, str]:
    """Plain descriptions: networks without their weights, and texts about inputs and outputs, by their stem."""
    read = {part.location.path for model in scan.models for part in model.parts}
    return {file.stem: file.location.name for file in files if file.location.path in read or _describes(file)}


def _describes(file: File) -> bool:
    path = file.location.path.lower()
    if path.endswith(_NETWORKS):
        return True
    return path.endswith(_TEXTS) and len({word.lower() for word in _DESCRIBES.findall(file.head)}) >= _WORDS
