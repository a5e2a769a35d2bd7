"""Detection rules: the TOML schema as types, and the loader. See docs/add-a-rule.md for the guide."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import msgspec

from nngauge.domain.detection import Category
from nngauge.domain.evidence import Confidence, Presence
from nngauge.errors import RuleError

RULES: Final = Path(__file__).parent / "rules"
"""nngauge's own rules."""


class Scope(StrEnum):
    """What a clause looks at: one unit of this kind at a time."""

    NATIVE = "native"
    """One ELF or Mach-O binary."""
    DEX = "dex"
    """All Dalvik and Java class files of the app together."""
    SCRIPT = "script"
    """One script, script bundle, Hermes bytecode or HTML file."""
    DOTNET = "dotnet"
    """One .NET assembly or IL2CPP metadata file."""
    CODE = "code"
    """Any of the four above."""
    MANIFEST = "manifest"
    """AndroidManifest.xml."""
    PLIST = "plist"
    """Info.plist."""
    FILE = "file"
    """One entry, by its path."""


CODE_SCOPES = frozenset({Scope.NATIVE, Scope.DEX, Scope.SCRIPT, Scope.DOTNET})


class Features(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Features by kind. Strings are literal bytes; the others are exact names or globs as the guide says."""

    string: tuple[str, ...] = ()
    host: tuple[str, ...] = ()
    export: tuple[str, ...] = ()
    imports: tuple[str, ...] = msgspec.field(default=(), name="import")
    soname: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    classes: tuple[str, ...] = msgspec.field(default=(), name="class")
    method: tuple[str, ...] = ()
    permission: tuple[str, ...] = ()
    meta: tuple[str, ...] = ()
    component: tuple[str, ...] = ()
    feature: tuple[str, ...] = ()
    library: tuple[str, ...] = ()
    query: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    path: tuple[str, ...] = ()

    def items(self) -> Iterator[tuple[str, str]]:
        """`(kind, text)` of every feature; kinds are the TOML names."""
        if self is NO_FEATURES:
            return
        for kind, texts in msgspec.to_builtins(self).items():  # the kinds that are set
            for text in texts:
                yield kind, text


NO_FEATURES = Features()
"""What a clause has that names none."""


SCOPE_KINDS: dict[Scope, frozenset[str]] = {
    Scope.NATIVE: frozenset({"string", "host", "export", "import", "soname", "needed", "name"}),
    Scope.DEX: frozenset({"class", "method", "string", "host"}),
    Scope.SCRIPT: frozenset({"string", "host"}),
    Scope.DOTNET: frozenset({"string", "host"}),
    Scope.CODE: frozenset({"string", "host"}),
    Scope.MANIFEST: frozenset({"permission", "meta", "component", "feature", "library", "query"}),
    Scope.PLIST: frozenset({"key", "string"}),
    Scope.FILE: frozenset({"path"}),
}
"""Which feature kinds a clause of each scope may use."""


class Clause(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way to recognise a technology in one unit."""

    name: str
    scope: Scope
    presence: Presence | None = None
    confidence: Confidence = Confidence.CERTAIN
    min: int = 1
    any: Features = NO_FEATURES
    all: Features = NO_FEATURES
    none: Features = NO_FEATURES
    unless: tuple[str, ...] = ()


class VersionSource(StrEnum):
    """Where a version is read."""

    STRING = "string"
    SYMBOL_VERSION = "symbol-version"
    SONAME = "soname"
    GETTER = "getter"
    """What an exported function returns, or stores where its arguments point."""
    VARIABLE = "variable"
    """An exported integer."""
    PATH = "path"


class VersionRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way to read the technology's version out of a unit in which it matched."""

    scope: Scope
    source: VersionSource = VersionSource.STRING
    anchor: str = ""
    pattern: str = r"(\d+\.\d+(?:\.\d+)*)"
    before: int = 64
    after: int = 160
    export: str = ""
    base: int = 0
    """The number read packs the parts of the version in this base: 10901 is 1.9.1 in base 100."""
    prefix: str = ""
    """Put before the version: numbers that projects write with a letter (``b6096``)."""


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A text in native code that only some releases have. Its absence says nothing: builds leave code out."""

    text: str
    after: str = ""
    """Newest release that is known to be older than the text; empty when no release is."""
    before: str = ""
    """Oldest release that is known to have lost it; empty when none has."""


class Needs(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Native code without which a technology's classes, loaders and mentions are dead: any one of these will do.

    Native code that the technology's own clauses recognise always will, unless no library is named: then the technology
    is a binding, and only what it binds does the work.
    """

    libraries: tuple[str, ...] = ()
    """File names or sonames (globs)."""
    technologies: tuple[str, ...] = ()
    """Rule ids; such a technology must itself be alive."""
    alone: tuple[str, ...] = ()
    """Names of clauses whose findings need none of this: an engine for the web brings its own WebAssembly."""


class ModelFormats(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Names of the model formats that a technology can load. Formats and engines are many-to-many."""

    own: tuple[str, ...] = ()
    """Formats that stand for this technology: where nothing in the app loads such a model, it is named for it."""
    reads: tuple[str, ...] = ()
    """Formats of others that it loads as well."""


class Delivery(StrEnum):
    """How code reaches the phone other than as a library that the installer puts in place."""

    PACKED = "packed"
    """In the app, in a form that something unpacks."""
    FETCHED = "fetched"
    """From elsewhere, or not known from where: loaded from a file by its path."""
    SPLIT = "split"
    """In another package of the same app, which the installer puts beside this one."""


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A small made-up app that the linter runs the rule on."""

    name: str
    version: str | None = None
    native: dict[str, Any] | None = None
    dex: dict[str, list[str]] | None = None
    script: dict[str, Any] | None = None
    dotnet: dict[str, Any] | None = None
    file: dict[str, str] | None = None
    manifest: dict[str, list[str]] | None = None
    plist: dict[str, list[str]] | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One technology."""

    id: str
    title: str
    category: Category
    references: tuple[str, ...]
    match: tuple[Clause, ...]
    vendor: str = ""
    license: str = ""
    homepage: str = ""
    elsewhere: bool = False
    inside: tuple[str, ...] = ()
    needs: Needs | None = None
    models: ModelFormats = ModelFormats()
    delivers: Delivery | None = None
    """Set for loaders: no AI, never reported as such; they tell how a missing library may still reach the phone."""
    notes: str = ""
    version: tuple[VersionRule, ...] = ()
    mark: tuple[Mark, ...] = ()
    example: tuple[Example, ...] = ()
    counterexample: tuple[Example, ...] = ()


class RuleSet(msgspec.Struct, frozen=True):
    """All rules, in order of their ids, and the digest of the files they came from."""

    rules: tuple[Rule, ...]
    digest: str

    def by_id(self, technology: str) -> Rule | None:
        """The rule of a technology."""
        return next((rule for rule in self.rules if rule.id == technology), None)


def rule_files(folder: Path | None = None) -> list[tuple[str, bytes]]:
    """`(file name, bytes)` of every rule file, sorted; nngauge's own folder unless another is given."""
    return [(path.name, path.read_bytes()) for path in sorted((folder or RULES).glob("*.toml"))]


def rules_digest(sources: list[tuple[str, bytes]]) -> str:
    """Digest of a rule set: changes whenever any rule does."""
    digest = hashlib.blake2b(digest_size=16)
    for name, data in sources:
        digest.update(f"{name}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


def parse_rule(name: str, data: bytes) -> Rule:
    """One rule file. Raises `RuleError` that names the file and the place."""
    import tomllib  # costs 2 ms, and the rules usually come from the cache

    try:
        rule = msgspec.convert(tomllib.loads(data.decode("utf-8")), Rule)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise RuleError(str(error), where=name, hint="docs/add-a-rule.md describes the schema") from None
    if f"{rule.id}.toml" != name:
        raise RuleError(f"id {rule.id!r} is not the file name", where=name)
    return rule


def load_rules(folder: Path | None = None) -> RuleSet:
    """Parses every rule file. Raises `RuleError` for the first that breaks the schema."""
    sources = rule_files(folder)
    return RuleSet(tuple(parse_rule(name, data) for name, data in sources), rules_digest(sources))
