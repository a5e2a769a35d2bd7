"""What the judgement on one technology asks of the whole app: who is alive, what is linked, which models there are."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase, translate
from typing import Final

from msgspec import Struct

from nngauge.analyse.delivery import Delivered, ways_in
from nngauge.detect.ruleset import Delivery, Needs, Rule
from nngauge.domain.app import App
from nngauge.domain.detection import Detection
from nngauge.domain.evidence import Presence
from nngauge.domain.library import Library
from nngauge.domain.model import Model

_NATIVE: Final = frozenset({Presence.LIBRARY, Presence.EMBEDDED, Presence.FRAMEWORK})


class RuleIndex(Struct, frozen=True):
    """What rules say about needs, models and loaders, made ready once for all apps."""

    rules: Mapping[str, Rule]
    loaders: Mapping[str, Delivery]
    owners: Mapping[str, Rule]
    """Model format → the technology that it stands for."""
    libraries: frozenset[str]
    """All libraries that anything needs."""
    wild: re.Pattern[str]
    """Those of them that are globs, as one expression: an app may link millions of names."""

    def wanted(self, library: str) -> bool:
        """Whether anything needs a library of this name."""
        return library in self.libraries or self.wild.match(library) is not None


def index_rules(rules: Iterable[Rule]) -> RuleIndex:
    """The index of a rule set; `Scanner` makes it once."""
    by_id = {rule.id: rule for rule in rules}
    libraries = frozenset(glob for rule in by_id.values() if rule.needs for glob in rule.needs.libraries)
    return RuleIndex(
        rules=by_id,
        loaders={rule.id: rule.delivers for rule in by_id.values() if rule.delivers},
        owners={name: rule for rule in by_id.values() for name in rule.models.own},
        libraries=libraries,
        wild=re.compile("|".join(translate(glob) for glob in sorted(libraries) if "*" in glob) or r"(?!)"),
    )


class AppFacts(Struct):
    """What the judgement on one technology asks of the app."""

    groups: dict[str, list[Detection]]
    index: RuleIndex
    models: dict[str, list[Model]]
    """Distinct ones by format, largest first."""
    libraries: Sequence[Library]
    names: frozenset[str]
    """File names and sonames of those libraries that anything needs."""
    hollow: Mapping[tuple[str, str], str]
    """`(technology, path of a binary)` → a runtime's library which it links and the app does not have."""
    named: Sequence[Detection]
    """Detections outside of binaries, which may name libraries."""
    delivered: Delivered
    alive: set[str]

    def loadable(self, rule: Rule | None) -> list[Model]:
        """The app's models that the technology can load."""
        found = [model for name in (formats_of(rule) if rule else ()) for model in self.models.get(name, ())]
        return sorted(found, key=lambda model: (-model.size, model.digest))

    def unclaimed(self, rule: Rule) -> list[Model]:
        """Those of `loadable` that nothing else in the app loads, and those of formats that stand for it."""
        others = {
            name
            for other in self.alive - {rule.id}
            if other in self.index.rules
            for name in formats_of(self.index.rules[other])
        }
        return [model for model in self.loadable(rule) if model.format in rule.models.own or model.format not in others]

    def has_native(self, name: str, needs: Needs) -> bool:
        """Native code of the technology is there and can be loaded. A binding's own does not do the work."""
        return bool(needs.libraries) and any(
            item.presence in _NATIVE and not self.is_hollow(item) for item in self.groups[name]
        )

    def is_hollow(self, item: Detection) -> bool:
        """Found in a binary that links a library which is not there."""
        return (item.technology, item.evidence[0].location.path) in self.hollow


def app_facts(
    detections: Sequence[Detection],
    models: Sequence[Model],
    index: RuleIndex,
    libraries: Sequence[Library],
    loaders: Sequence[Detection],
    app: App | None,
) -> AppFacts:
    """Everything the judgement needs, gathered once for an app; arguments as of `nngauge.analyse.technologies`."""
    groups: dict[str, list[Detection]] = {}
    for item in detections:
        groups.setdefault(item.technology, []).append(item)
    by_format: dict[str, dict[str, Model]] = {}
    for model in models:
        by_format.setdefault(model.format, {}).setdefault(model.digest or str(model.parts[0].location), model)
    names = frozenset(name for library in libraries for name in (library.location.name, library.soname) if name)
    facts = AppFacts(
        groups=groups,
        index=index,
        models={name: list(found.values()) for name, found in by_format.items()},
        libraries=libraries,
        names=frozenset(filter(index.wanted, names)),
        hollow=dict(_hollow(groups, index, libraries, names)),
        named=[item for item in detections if item.library_bytes is None],
        delivered=ways_in(loaders, index.loaders, app),
        alive=set(),
    )
    facts.alive = _living(facts)
    return facts


def _hollow(
    groups: Mapping[str, Sequence[Detection]],
    index: RuleIndex,
    libraries: Sequence[Library],
    names: Collection[str],
) -> Iterable[tuple[tuple[str, str], str]]:
    """Detections in binaries that link a library of a runtime which the app does not have: they cannot be loaded."""
    linked = {name for library in libraries for name in library.needed}
    absent = set(filter(index.wanted, linked.difference(names)))
    links = {library.location.path: library.needed for library in libraries} if absent else {}
    for technology, group in groups.items():
        for item in group if links else ():
            path = item.evidence[0].location.path
            missing = next((name for name in links.get(path, ()) if name in absent), None)
            if missing is not None:
                yield (technology, path), missing


def _living(facts: AppFacts) -> set[str]:
    """Technologies whose needs are met: by themselves, by a library, or by another one that is alive."""
    alive = {name for name in facts.groups if _lives_alone(name, facts)}
    waiting = [name for name in facts.groups if name not in alive]
    while grown := {name for name in waiting if not alive.isdisjoint(_alternatives(name, facts))} - alive:
        alive |= grown
    return alive


def _lives_alone(name: str, facts: AppFacts) -> bool:
    rule = facts.index.rules.get(name)
    if all(item.presence is Presence.FILE for item in facts.groups[name]):
        return False
    if rule is None or rule.needs is None:
        return not all(facts.is_hollow(item) for item in facts.groups[name])
    if facts.has_native(name, rule.needs):
        return True
    alone = {f"{name}#{clause}" for clause in rule.needs.alone}
    if any(proof.rule in alone for item in facts.groups[name] for proof in item.evidence):
        return True
    return any(_matches(library, rule.needs.libraries) for library in facts.names) and not any(
        facts.is_hollow(item) for item in facts.groups[name]
    )


def _alternatives(name: str, facts: AppFacts) -> tuple[str, ...]:
    rule = facts.index.rules.get(name)
    return rule.needs.technologies if rule and rule.needs else ()


def formats_of(rule: Rule) -> tuple[str, ...]:
    """All model formats that the technology loads."""
    return (*rule.models.own, *rule.models.reads)


def _matches(name: str, globs: Iterable[str]) -> bool:
    return any(fnmatchcase(name, glob) for glob in globs)
