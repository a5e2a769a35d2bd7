"""The rule linter: checks what the schema cannot, and runs every example. ``nngauge rules lint [FOLDER]`` runs it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from nngauge.detect.detector import Detector
from nngauge.detect.ruleset import (
    SCOPE_KINDS,
    Clause,
    Example,
    Mark,
    Rule,
    RuleSet,
    Scope,
    VersionRule,
    VersionSource,
    parse_rule,
    rule_files,
    rules_digest,
)
from nngauge.detect.signatures import Signatures, class_descriptor, compile_signatures
from nngauge.detect.versions import release_key
from nngauge.domain.detection import Detection
from nngauge.domain.location import Location
from nngauge.errors import RuleError

MIN_LITERAL = 6
"""Shorter literals occur by chance in tens of megabytes of code."""
MIN_MARK = 12
"""A dated text must be one project's own wording."""
MAX_WINDOW = 400
"""Bytes around an anchor; larger windows would not fit the overlap of streamed chunks."""


class _ExampleBinary(Struct, frozen=True):
    """An ELF or Mach-O file as an example describes it."""

    facts: dict[str, Any]

    @property
    def install_name(self) -> str | None:
        return self.facts.get("soname")

    @property
    def needed(self) -> tuple[str, ...]:
        return tuple(self.facts.get("needed", ()))

    @property
    def abi(self) -> str | None:
        return "arm64-v8a"

    def exports(self, name: bytes) -> bool:
        return name.decode() in self.facts.get("exports", ())

    def imports(self, name: bytes) -> bool:
        return name.decode() in self.facts.get("imports", ())

    def symbol_versions(self) -> tuple[str, ...]:
        return tuple(self.facts.get("symbol_versions", ()))

    def getter(self, name: bytes) -> str | None:
        return self.facts.get("getters", {}).get(name.decode())  # type: ignore[no-any-return]

    def variable(self, name: bytes) -> int | None:
        return self.facts.get("variables", {}).get(name.decode())  # type: ignore[no-any-return]

    @property
    def build_id(self) -> str | None:
        return self.facts.get("build_id")


class _ExampleDex(Struct, frozen=True):
    """Dex code as an example describes it."""

    defined: tuple[str, ...]
    referenced: tuple[str, ...]
    methods: tuple[str, ...]

    def defines(self, prefix: bytes) -> tuple[str, ...]:
        return tuple(name for name in self.defined if name.startswith(prefix.decode()))

    def references(self, prefix: bytes) -> tuple[str, ...]:
        return tuple(name for name in self.referenced if name.startswith(prefix.decode()))

    def method_refs(self, class_prefix: bytes) -> Iterable[tuple[str, str]]:
        for method in self.methods:
            owner, _, name = method.rpartition(".")
            if class_descriptor(owner).startswith(class_prefix.decode()):
                yield class_descriptor(owner), name


class _ExampleElement(Struct, frozen=True):
    """A manifest element as an example describes it."""

    name: str
    attributes: dict[str, str]
    children: tuple[_ExampleElement, ...] = ()

    def get(self, name: str) -> str | None:
        return self.attributes.get(name)


def detect_example(signatures: Signatures, example: Example) -> tuple[Detection, ...]:
    """What the rule set says about a made-up app."""
    detector = Detector(signatures, Location(path="example"))
    if example.native is not None:
        facts = example.native
        symbols = [*facts.get("exports", ()), *facts.get("imports", ())]
        blob = _blob([*symbols, *facts.get("strings", ()), *facts.get("symbol_versions", ())])
        location = Location(path=f"example!lib/arm64-v8a/{facts.get('name', 'libexample.so')}")
        _scan(detector, signatures, Scope.NATIVE, location, blob, _ExampleBinary(facts))
    for scope, text in ((Scope.SCRIPT, example.script), (Scope.DOTNET, example.dotnet)):
        if text is not None:
            location = Location(path=f"example!{text.get('name', scope.value)}")
            _scan(detector, signatures, scope, location, _blob(text.get("strings", ())), None)
    if example.dex is not None:
        _dex(detector, signatures, example.dex)
    if example.file is not None:
        location = Location(path=f"example!{example.file['path']}")
        if detector.path(location, example.file["path"]):
            detector.content(location, example.file.get("content", "").encode())
    if example.manifest is not None:
        detector.manifest(Location(path="example!AndroidManifest.xml"), _manifest(example.manifest))
    if example.plist is not None:
        keys, strings = example.plist.get("keys", ()), example.plist.get("strings", ())
        properties = dict.fromkeys(keys, "") | {"strings": list(strings)}
        detector.plist(Location(path="example!Info.plist"), properties)
    return (*detector.finish(), *detector.loaders())


def _scan(
    detector: Detector,
    signatures: Signatures,
    scope: Scope,
    location: Location,
    blob: bytes,
    binary: _ExampleBinary | None,
) -> None:
    hits = signatures.scan(blob)
    detector.code(scope, location, len(blob), hits, lambda at, count: blob[at : at + count], binary)


def _dex(detector: Detector, signatures: Signatures, facts: dict[str, list[str]]) -> None:
    defined = tuple(class_descriptor(name) for name in facts.get("defines", ()))
    referenced = tuple(class_descriptor(name) for name in facts.get("references", ()))
    methods = tuple(facts.get("methods", ()))
    owners = [class_descriptor(method.rpartition(".")[0]) for method in methods]
    blob = _blob([*defined, *referenced, *owners, *facts.get("strings", ())])
    dex = _ExampleDex(defined, (*referenced, *owners), methods)
    location = Location(path="example!classes.dex")
    detector.dex(location, len(blob), signatures.scan(blob), lambda at, count: blob[at : at + count], dex)


def _blob(texts: Iterable[str]) -> bytes:
    return b"\0" + b"".join(text.encode() + b"\0" for text in texts)


_MANIFEST_ELEMENTS = {
    "permissions": "uses-permission", "components": "service", "features": "uses-feature",
    "libraries": "uses-native-library", "queries": "package", "meta": "meta-data",
}  # fmt: skip


def _manifest(facts: dict[str, list[str]]) -> _ExampleElement:
    children = []
    for kind, texts in facts.items():
        for text in texts:
            name, _, value = text.partition("=") if kind == "meta" else (text, "", "")
            children.append(_ExampleElement(_MANIFEST_ELEMENTS[kind], {"name": name, "value": value}))
    return _ExampleElement("manifest", {}, tuple(children))


def lint_rules(folder: Path | None = None) -> list[str]:
    """All complaints about the rule files in `folder`, each as ``file: what``. Empty means good."""
    problems: list[str] = []
    rules: list[Rule] = []
    sources = rule_files(folder)
    for name, data in sources:
        try:
            rules.append(parse_rule(name, data))
        except RuleError as error:
            problems.append(str(error))
    known = {rule.id for rule in rules}
    for rule in rules:
        problems += [f"{rule.id}.toml: {what}" for what in _rule_problems(rule, known)]
    problems += _owner_problems(rules)
    ruleset = RuleSet(tuple(rules), rules_digest(sources))
    signatures = compile_signatures(ruleset)
    for rule in rules:
        problems += [f"{rule.id}.toml: {what}" for what in _example_problems(signatures, rule)]
    return problems


def _rule_problems(rule: Rule, known: set[str]) -> Iterator[str]:
    if not rule.references:
        yield "no references"
    if not rule.example or not rule.counterexample:
        yield "needs at least one example and one counterexample"
    if len({clause.name for clause in rule.match}) != len(rule.match):
        yield "clause names are not unique"
    for other in (*rule.inside, *(name for clause in rule.match for name in clause.unless)):
        if other not in known:
            yield f"names the unknown technology {other!r}"
    yield from _need_problems(rule, known)
    for clause in rule.match:
        yield from (f"clause {clause.name!r}: {what}" for what in _clause_problems(clause))
    for source in rule.version:
        yield from _version_problems(source)
    for mark in rule.mark:
        yield from _mark_problems(mark)


def _need_problems(rule: Rule, known: set[str]) -> Iterator[str]:
    if rule.needs is not None and not (rule.needs.libraries or rule.needs.technologies):
        yield "[needs] names neither a library nor a technology"
    for name in rule.needs.alone if rule.needs is not None else ():
        if name not in {clause.name for clause in rule.match}:
            yield f"[needs] alone: there is no clause {name!r}"
    for other in rule.needs.technologies if rule.needs is not None else ():
        if other not in known:
            yield f"needs the unknown technology {other!r}"
        if other == rule.id:
            yield "needs itself: its own native code always counts"
    if len({*rule.models.own, *rule.models.reads}) != len(rule.models.own) + len(rule.models.reads):
        yield "names a model format twice"
    if rule.delivers is not None and (rule.needs is not None or rule.models != type(rule.models)()):
        yield "a loader needs and loads nothing by itself"


def _owner_problems(rules: Iterable[Rule]) -> Iterator[str]:
    """A format stands for one technology."""
    owners: dict[str, str] = {}
    for rule in rules:
        for name in rule.models.own:
            if owners.setdefault(name, rule.id) != rule.id:
                yield f"{rule.id}.toml: model format {name!r} is {owners[name]}'s own"


def _version_problems(source: VersionRule) -> Iterator[str]:
    if source.source is VersionSource.STRING and not source.anchor and source.scope is not Scope.FILE:
        yield "a version from a string needs an anchor"
    if source.source in (VersionSource.GETTER, VersionSource.VARIABLE) and not source.export:
        yield "a version from a getter or variable needs its export"
    if max(source.before, source.after) > MAX_WINDOW:
        yield f"version window beyond {MAX_WINDOW} bytes"
    try:
        groups = re.compile(source.pattern).groups
    except re.error as error:
        yield f"version pattern: {error}"
    else:
        if groups != 1:
            yield f"version pattern has {groups} groups, not one"


def _mark_problems(mark: Mark) -> Iterator[str]:
    if not (mark.after or mark.before):
        yield f"mark {mark.text!r} bounds nothing"
    if len(mark.text) < MIN_MARK:
        yield f"mark {mark.text!r} is shorter than {MIN_MARK} bytes"
    if mark.after and mark.before and release_key(mark.after) >= release_key(mark.before):
        yield f"mark {mark.text!r} is after {mark.after} and before {mark.before}"


def _clause_problems(clause: Clause) -> Iterator[str]:
    positive = [*clause.any.items(), *clause.all.items()]
    if not positive:
        yield "asks for nothing"
    if clause.min > len(list(clause.any.items())) and clause.any != type(clause.any)():
        yield f"min = {clause.min} can never be reached"
    for kind, text in [*positive, *clause.none.items()]:
        if kind not in SCOPE_KINDS[clause.scope]:
            yield f"feature {kind!r} does not exist in scope {clause.scope}"
        if kind == "string" and clause.scope is not Scope.PLIST and len(text) < MIN_LITERAL:
            yield f"string {text!r} is shorter than {MIN_LITERAL} bytes"
        if kind in ("export", "import") and "*" in text[:-1]:
            yield f"{kind} {text!r}: only a trailing * is possible"
        if kind == "class" and ("/" in text or (text.startswith("L") and text.endswith(";"))):
            yield f"class {text!r}: write a.b.C or a.b.*"


def _example_problems(signatures: Signatures, rule: Rule) -> Iterator[str]:
    for example in rule.example:
        found = [item for item in detect_example(signatures, example) if item.technology == rule.id]
        if not found:
            yield f"example {example.name!r} is not detected"
        elif example.version is not None and example.version not in {item.version for item in found}:
            yield f"example {example.name!r}: version {[item.version for item in found]}, expected {example.version!r}"
    for example in rule.counterexample:
        for item in detect_example(signatures, example):
            if item.technology == rule.id:
                proof = item.evidence[0]
                yield f"counterexample {example.name!r} is detected by {proof.rule} ({proof.value!r})"
