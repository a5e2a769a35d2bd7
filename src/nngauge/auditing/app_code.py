"""All code of an app, read again for what it says about model files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from nngauge.analyse.protection.code import ClassFacts, Url, dex_facts, urls_in
from nngauge.analyse.protection.integrity import CodeSeen
from nngauge.analyse.protection.native import NativeFacts, native_facts
from nngauge.analyse.protection.signals import RULE
from nngauge.auditing.survey import File, Survey
from nngauge.detect.literals import Literals
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.errors import InputError, NotThisFormat
from nngauge.io.content import Kind
from nngauge.io.dex import read_dex
from nngauge.limits import MIB

_NATIVE_BYTES: Final = 512 * MIB
"""Native code searched for names in one app."""
_URLS: Final = 200
_CLASSES: Final = 20_000
_MIN_NAME: Final = 6
_MAX_NAME: Final = 255
_NAMES: Final = 4096
"""Names that native code is searched for."""


class AppCode(Struct):
    """What was found in all dex files, libraries and scripts."""

    classes: list[ClassFacts] = field(default_factory=list)
    natives: list[NativeFacts] = field(default_factory=list)
    urls: dict[str, Url] = field(default_factory=dict)
    digests: dict[str, Evidence] = field(default_factory=dict)
    readable: bool = False

    def seen(self) -> CodeSeen:
        """As the checks of integrity want it."""
        names = {name: facts.mention(name) for facts in self.natives for name in facts.files}
        digests = {name: facts.digests[0] for facts in self.natives if facts.digests for name in facts.files}
        return CodeSeen(
            classes=self.classes, urls=tuple(self.urls.values()), digests=self.digests, native_names=names,
            native_digests=digests, readable=self.readable,
        )  # fmt: skip

    def named_by(self) -> dict[str, list[str]]:
        """File name → classes that name it."""
        found: dict[str, list[str]] = {}
        for item in self.classes:
            for name in item.files:
                found.setdefault(name, []).append(item.name)
        return found

    def naming(self, name: str) -> list[ClassFacts]:
        """The classes that name the file `name`."""
        return [item for item in self.classes if name in item.files]


class Mentions:
    """What native code may name: files, and digests as text or as bytes. One search of a library finds all of it."""

    def __init__(self, names: Sequence[str], digests: Mapping[str, str]) -> None:
        self._names = [name for name in names if _MIN_NAME <= len(name) <= _MAX_NAME][:_NAMES]
        self._digests = list(digests.items())
        texts = [text.encode() for text, _ in self._digests]
        literals = [
            *(name.encode() for name in self._names),
            *texts,
            *(bytes.fromhex(text) for text, _ in self._digests),
        ]
        self._literals = Literals(literals, [True] * len(literals))

    def files(self, content: bytes) -> tuple[dict[str, int], list[tuple[str, str]]]:
        """Base name → place of its first mention; digests with the files that they are of."""
        files: dict[str, int] = {}
        digests: dict[int, None] = {}
        hits = self._literals.scan(content, len(self._literals.lengths) + 1)
        for index, end in sorted(hits, key=lambda hit: hit[1]):
            if index < len(self._names):
                files.setdefault(self._names[index], end - self._literals.lengths[index])
            else:
                digests.setdefault((index - len(self._names)) % len(self._digests))
        return files, [self._digests[index] for index in digests]


def read_code_of(survey: Survey, names: Sequence[str], digests: Mapping[str, str]) -> AppCode:
    """Reads all code for mentions of `names` (base names) and of `digests` (hexadecimal digest → base name)."""
    code = AppCode()
    table = {name.lower(): name for name in names}
    room = _NATIVE_BYTES
    mentions: Mentions | None = None
    for file in survey.files:
        if not file.code or file.depth > 1:
            continue
        try:
            if file.kind is Kind.DEX:
                _dex(code, survey, file, table, digests)
            elif file.entry.size <= room:
                room -= max(0, file.entry.size)
                mentions = mentions or Mentions(names, digests)
                _native(code, survey, file, mentions)
        except (InputError, NotThisFormat):
            continue  # the scan reports what cannot be read
    return code


def _dex(code: AppCode, survey: Survey, file: File, table: Mapping[str, str], digests: Mapping[str, str]) -> None:
    content = bytes(survey.read(file).view())
    for text in read_dex(content).strings():
        if text.startswith("http") and len(code.urls) < _URLS:
            for url in urls_in(text, file.location):
                code.urls.setdefault(url.text, url)
        elif len(text) in _DIGEST_LENGTHS and text.lower() in digests:
            code.digests.setdefault(digests[text.lower()], _digest(file, text))
    code.readable = True
    for facts in dex_facts(content, file.location, table):
        if len(code.classes) < _CLASSES:
            code.classes.append(facts)


_DIGEST_LENGTHS: Final = frozenset({32, 40, 64})


def _native(code: AppCode, survey: Survey, file: File, mentions: Mentions) -> None:
    content = bytes(survey.read(file).view())
    files, digests = mentions.files(content)
    facts = native_facts(content, file.location, files)
    if facts.files or facts.crypto or facts.generated:
        code.natives.append(facts)
    if b"http" in content and len(code.urls) < _URLS:
        for url in _urls(content, file):
            code.urls.setdefault(url.text, url)
    for text, name in digests:
        code.digests.setdefault(name, _digest(file, text))


def _urls(content: bytes, file: File) -> list[Url]:
    found: list[Url] = []
    at = content.find(b"http")
    while at >= 0 and len(found) < _URLS:
        end = at + 320
        text = content[at:end].split(b"\0", 1)[0].decode("ascii", "replace")
        found += urls_in(text, file.location.at(at))
        at = content.find(b"http", at + 4)
    return found


def _digest(file: File, text: str) -> Evidence:
    return Evidence(
        kind=EvidenceKind.STRING, location=file.location, value=f"digest {text[:16]}…", rule=f"{RULE}#digest"
    )
