"""The rule set made ready for scanning: one table of literals, and for each of them the clauses it can support."""

from __future__ import annotations

import fnmatch
import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from msgspec import Struct, field

from nngauge.detect.literals import Hit, Literals
from nngauge.detect.ruleset import CODE_SCOPES, Clause, Rule, RuleSet, Scope, VersionSource
from nngauge.io.binary import Buffer

LITERAL_KINDS = frozenset({"string", "host", "export", "import", "class", "method"})
"""Feature kinds that the byte search finds; the others are looked up by name."""

Key = tuple[str, str]
"""A feature: `(kind, text)`."""


class ClauseRef(Struct, frozen=True):
    """A clause with the rule it belongs to. Identity is what counts: `index` is unique in the set."""

    index: int
    rule: Rule
    clause: Clause

    @property
    def label(self) -> str:
        """As evidence names it: ``onnxruntime#c-api``."""
        return f"{self.rule.id}#{self.clause.name}"


class Globs(Struct, frozen=True):
    """Finds which of many globs match a name: exact ones by look-up, the others behind their longest fixed part.

    Nothing is compiled beforehand: most scans meet only a handful of the globs (and `fnmatch` keeps what it compiled).
    """

    exact: frozenset[str]
    wild: tuple[tuple[str, str], ...]
    """`(longest part without wildcards, glob)`: a name that matches contains the part."""
    runs: tuple[str, ...]
    """The fixed parts of all globs."""

    def possible(self, names: Sequence[str]) -> set[int]:
        """The indices of the names worth a call of `matching`: a superset of those that match or whose tails do.

        Searching the joined names for fifty strings takes a twentieth of the time of two expressions per name.
        """
        found: set[int] = set()
        for start in range(0, len(names), _BATCH):
            batch = names[start : start + _BATCH]
            found.update(start + index for index in self._possible(batch))
        return found

    def _possible(self, names: Sequence[str]) -> Iterable[int]:
        if "" in self.runs:
            return range(len(names))
        text = "\0".join(names)
        hits = [at for run in self.runs for at in _occurrences(text, run)]
        if not hits:
            return ()
        ends = list(accumulate(len(name) + 1 for name in names))
        return (bisect_right(ends, at) for at in hits)

    def matching(self, name: str) -> list[str]:
        """The globs that match `name` (case-sensitive)."""
        found = [name] if name in self.exact else []
        found += [text for run, text in self.wild if run in name and fnmatch.fnmatchcase(name, text)]
        return found


_BATCH = 4096
"""Names joined at a time: with the longest names 16 MiB."""
_WILD = re.compile(r"[*?]|\[!?\]?[^]]*\]|\[")


def _occurrences(text: str, run: str) -> Iterator[int]:
    """Offsets of `run`, at most one in each of the names that NULs separate."""
    at = text.find(run)
    while at >= 0:
        yield at
        end = text.find("\0", at)
        at = text.find(run, end) if end >= 0 else -1


def _longest_run(glob: str) -> str:
    return max(_WILD.split(glob), key=len)


def compile_globs(texts: Iterable[str]) -> Globs:
    """Prepares globs for `Globs.matching`."""
    unique = tuple(dict.fromkeys(texts))
    exact = frozenset(text for text in unique if not any(char in text for char in "*?["))
    wild = tuple((_longest_run(text), text) for text in unique if text not in exact)
    return Globs(exact, wild, tuple(dict.fromkeys((*sorted(exact), *(run for run, _ in wild)))))


class Signatures(Struct):
    """What the scanner searches for. Build with `compile_signatures`; one per process."""

    ruleset: RuleSet
    clauses: tuple[ClauseRef, ...]
    literals: Literals
    literal_index: dict[bytes, int]
    features_of: tuple[tuple[Key, ...], ...]
    """For each literal the features it may stand for."""
    clauses_of: dict[Key, tuple[ClauseRef, ...]]
    """Clauses that name a feature in `any` or `all`."""
    anchor_ids: dict[bytes, int]
    """Literal index of each version anchor."""
    extra_ids: dict[int, int]
    """Literal index → position in the `extra` sequence (carving magics)."""
    globs: dict[str, Globs] = field(default_factory=dict)
    """By feature kind: soname, needed, name, path, and the manifest and plist kinds."""

    def scan(self, buf: Buffer) -> list[Hit]:
        """Raw hits of all literals in `buf`."""
        return self.literals.scan(buf)


def literal_of(kind: str, text: str) -> bytes:
    """The bytes that stand for a feature in a binary, script or dex file."""
    if kind in ("export", "import"):
        return text[:-1].encode() if text.endswith("*") else text.encode() + b"\0"
    if kind == "class":
        return class_descriptor(text).encode()
    if kind == "method":
        return class_descriptor(text.rpartition(".")[0]).encode()
    return text.encode()


def class_descriptor(name: str) -> str:
    """``a.b.C`` → ``La/b/C;`` and ``a.b.*`` → ``La/b/``."""
    if name.endswith("*"):
        return "L" + name[:-1].replace(".", "/")
    return "L" + name.replace(".", "/") + ";"


def compile_signatures(ruleset: RuleSet, extra: Sequence[bytes] = (), compiled: bytes | None = None) -> Signatures:
    """Prepares `ruleset` for scanning; `extra` literals are reported beside (all their occurrences).

    `compiled` is a database from `Literals.compiled` for exactly this rule set and `extra`, or None.
    """
    clauses = tuple(
        ClauseRef(index, rule, clause)
        for index, (rule, clause) in enumerate((rule, clause) for rule in ruleset.rules for clause in rule.match)
    )
    table = _Table()
    for ref in clauses:
        table.add_clause(ref)
    anchors = {anchor: table.literal(anchor, every=True) for anchor in _anchors(ruleset)}
    for rule in ruleset.rules:
        for mark in rule.mark:
            table.literal(mark.text.encode(), every=False)
    extra_ids = {table.literal(literal, every=True): position for position, literal in enumerate(extra)}
    literals = tuple(table.ids)
    once = [index not in table.every for index in range(len(literals))]
    return Signatures(
        ruleset=ruleset,
        clauses=clauses,
        literals=Literals(literals, once, compiled),
        literal_index=table.ids,
        features_of=tuple(tuple(table.features.get(index, ())) for index in range(len(literals))),
        clauses_of={key: tuple(refs) for key, refs in table.clauses_of.items()},
        anchor_ids=anchors,
        extra_ids=extra_ids,
        globs={kind: compile_globs(texts) for kind, texts in table.names.items()},
    )


def _anchors(ruleset: RuleSet) -> Iterator[bytes]:
    for rule in ruleset.rules:
        for version in rule.version:
            if version.source is VersionSource.STRING and version.anchor and version.scope is not Scope.FILE:
                yield version.anchor.encode()


class _Table:
    """Literals and names while they are collected from the clauses."""

    def __init__(self) -> None:
        self.ids: dict[bytes, int] = {}
        self.every: set[int] = set()
        """Literals of which all occurrences matter."""
        self.features: dict[int, dict[Key, None]] = defaultdict(dict)
        self.clauses_of: dict[Key, list[ClauseRef]] = defaultdict(list)
        self.names: dict[str, list[str]] = defaultdict(list)

    def add_clause(self, ref: ClauseRef) -> None:
        clause = ref.clause
        in_code = clause.scope is Scope.CODE or clause.scope in CODE_SCOPES
        supporting = (*clause.any.items(), *clause.all.items())
        for key in supporting:
            self.clauses_of[key].append(ref)
        for key in (*supporting, *clause.none.items()):
            if in_code and key[0] in LITERAL_KINDS:
                self.features[self.literal(_literal_for(key, clause), every=key[0] == "host")][key] = None
            else:
                self.names[_glob_kind(clause.scope, key[0])].append(key[1])

    def literal(self, literal: bytes, *, every: bool) -> int:
        index = self.ids.setdefault(literal, len(self.ids))
        if every:
            self.every.add(index)
        return index


def _literal_for(key: Key, clause: Clause) -> bytes:
    """The bytes that make a scan ask for a feature.

    A method beside texts that must be there is asked for where the first of them is: that finds `System.load` beside the
    name of a library without asking every dex file of every app for java.lang.System.
    """
    if key[0] == "method" and clause.all.string:
        return literal_of("string", clause.all.string[0])
    return literal_of(*key)


def _glob_kind(scope: Scope, kind: str) -> str:
    """Plist strings are matched by glob and must not be confused with literals."""
    return f"plist-{kind}" if scope is Scope.PLIST else kind
