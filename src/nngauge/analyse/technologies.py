"""From detections to technologies: one line a rule id, with the one grade that its evidence earns.

A detection says what is in one file. Whether it can run is a question to the whole app: TensorFlow Lite's classes
without its library, without Play services' interpreter and without a model are a dead reference; so is a JNI loader that
links a library which is not there. What a technology needs, and which model formats it loads, is data of its rule
(``[needs]`` and ``[models]``, docs/add-a-rule.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from nngauge.analyse.app_facts import AppFacts, RuleIndex, app_facts, formats_of, index_rules
from nngauge.analyse.delivery import named_library, packed_place
from nngauge.detect.ruleset import Rule
from nngauge.domain.app import App
from nngauge.domain.detection import Category, Detection
from nngauge.domain.evidence import Confidence, Evidence, EvidenceKind, Presence
from nngauge.domain.library import Library
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.technology import Grade, Technology
from nngauge.limits import EVIDENCE_PER_FACT

_GRADES: Final = tuple(Grade)
_CONFIDENCE: Final = tuple(Confidence)
_CATEGORY: Final = tuple(Category)
_BY_PRESENCE: Final = {
    Presence.LIBRARY: Grade.LIBRARY,
    Presence.EMBEDDED: Grade.EMBEDDED,
    Presence.FRAMEWORK: Grade.FRAMEWORK,
    Presence.DEFINED: Grade.DEFINED,
    Presence.REFERENCED: Grade.REFERENCED,
    Presence.DECLARED: Grade.DECLARED,
    Presence.ENDPOINT: Grade.ENDPOINT,
    Presence.FILE: Grade.MODELS,
}
_SHIPPED: Final = frozenset({Grade.LIBRARY, Grade.EMBEDDED, Grade.PACKED})


def technologies(
    detections: Sequence[Detection],
    models: Sequence[Model] = (),
    *,
    index: RuleIndex | None = None,
    libraries: Sequence[Library] = (),
    loaders: Sequence[Detection] = (),
    app: App | None = None,
) -> tuple[Technology, ...]:
    """One `Technology` per rule id, runtimes first, then by grade and title; those that are only possible come last.

    `index` brings what technologies need and load; without it nothing is called dead and no model is given to anybody.
    `libraries` are all native binaries of the app, `loaders` what `nngauge.detect.detector.Detector.loaders` found, and
    `app` tells whether the package is the whole app: what is missing in a part of one is not missing.
    """
    facts = app_facts(detections, models, index or index_rules(()), libraries, loaders, app)
    found = [_technology(name, group, facts) for name, group in facts.groups.items()]
    return tuple(sorted([*found, *_models_only(facts)], key=_rank))


def _rank(item: Technology) -> tuple[bool, int, int, str]:
    possible = item.confidence is Confidence.POSSIBLE
    return possible, _CATEGORY.index(item.category), _GRADES.index(item.grade), item.title


# --- one technology -----------------------------------------------------------------------------------------------------


def _technology(name: str, group: Sequence[Detection], facts: AppFacts) -> Technology:
    graded = sorted(((_grade(item, facts), item) for item in group), key=_strength)
    grade, first = graded[0]
    ordered = tuple(item for _, item in graded)
    rule = facts.index.rules.get(name)
    found = Technology(
        id=name,
        title=first.title,
        category=first.category,
        grade=grade,
        presence=first.presence,
        confidence=first.confidence,
        shipped=grade in _SHIPPED or (grade is Grade.DEFINED and name in facts.alive),
        versions=tuple(dict.fromkeys(item.version for item in ordered if item.version)),
        abis=tuple(dict.fromkeys(item.abi for item in ordered if item.abi)),
        host=first.host,
        models=tuple(model.digest for model in facts.loadable(rule) if model.digest),
        location=first.evidence[0].location,
        places=len(group),
        library_bytes=max((item.library_bytes for item in group if item.library_bytes), default=None),
    )
    if grade is Grade.PACKED:
        return replace(found, because=_packed_words(first), evidence=first.evidence[:1])
    if name in facts.alive or grade is Grade.MODELS or rule is None:
        return found
    return _without_code(found, ordered, rule, facts)


def _strength(graded: tuple[Grade, Detection]) -> tuple[bool, int, int]:
    """What is only possible never outranks what counts."""
    grade, item = graded
    return item.confidence is Confidence.POSSIBLE, _GRADES.index(grade), _CONFIDENCE.index(item.confidence)


def _grade(item: Detection, facts: AppFacts) -> Grade:
    if facts.is_hollow(item):
        return Grade.REFERENCED  # the glue names the technology, the technology is not there
    grade = _BY_PRESENCE[item.presence]
    if grade in (Grade.LIBRARY, Grade.EMBEDDED) and item.library_bytes is not None:
        return Grade.PACKED if packed_place(item.evidence[0].location) else grade
    return grade


def _packed_words(item: Detection) -> str:
    return f"its library is in {packed_place(item.evidence[0].location)}, from where no system loads it: it is unpacked first"


def _without_code(found: Technology, ordered: Sequence[Detection], rule: Rule, facts: AppFacts) -> Technology:
    """Neither its own native code nor an alternative is in the app: why, as far as the app tells."""
    needs = rule.needs
    linked = _linked(ordered, facts)
    missing = (linked.value,) if linked else (*needs.libraries, *needs.technologies) if needs else ()
    found = replace(found, shipped=False, missing=missing)
    what = f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} not in the app"
    if linked is not None:
        what = f"{linked.location.name} links {linked.value}, which is not in the app"
    delivered = facts.delivered
    if delivered.partial:
        return replace(found, because=f"{what}, but {delivered.partial}")
    libraries = needs.libraries if needs else ()
    packed = delivered.packing(libraries)
    if packed is not None:
        because = (
            f"{what} in a form that can be read; {packed.evidence[0].value} is where it may be packed ({packed.title})"
        )
        return _regraded(found, Grade.PACKED, because, packed.evidence)
    named = named_library(facts.named, libraries)
    if named is not None:
        because = f"{what}; its code loads {named.value} from a file by its path: downloaded or unpacked at first start"
        return _regraded(found, Grade.FETCHED, because, (named,))
    models = facts.unclaimed(rule)
    if models:
        proofs = tuple(proof for model in models for proof in model.evidence[:1])
        because = f"{what}, though models that it loads are ({models[0].name})"
        return replace(found, because=because, evidence=proofs[:EVIDENCE_PER_FACT])
    files = [item for item in ordered if item.presence is Presence.FILE]
    if files:
        because = f"{what}, though files that belong to it are ({files[0].evidence[0].location.name})"
        return replace(found, because=because, evidence=_proofs(files))
    if delivered.unsure:
        ways = _listed([item.title for item in delivered.unsure])
        because = f"{what}; the app loads code from files ({ways}), whether this too is not known"
        return replace(found, because=because, evidence=_proofs(delivered.unsure))
    because = f"{what}; neither is a model of it, nor code that could fetch it"
    proofs = (linked,) if linked else ordered[0].evidence[:1]
    return replace(_regraded(found, Grade.DEAD, because, proofs), dead=True)


def _linked(ordered: Sequence[Detection], facts: AppFacts) -> Evidence | None:
    """The library that a binary of it links and the app does not have, as that binary's table says it."""
    for item in ordered:
        place = item.evidence[0].location.path
        wanted = facts.hollow.get((item.technology, place))
        if wanted is not None:
            return Evidence(kind=EvidenceKind.NEEDED, location=Location(path=place), value=wanted, rule=item.technology)
    return None


def _regraded(found: Technology, grade: Grade, because: str, evidence: tuple[Evidence, ...]) -> Technology:
    """A grade that rests on what is absent is never certain."""
    confidence = max(found.confidence, Confidence.LIKELY, key=_CONFIDENCE.index)
    return replace(found, grade=grade, confidence=confidence, because=because, evidence=evidence)


def _proofs(detections: Iterable[Detection]) -> tuple[Evidence, ...]:
    return tuple(item.evidence[0] for item in detections)[:EVIDENCE_PER_FACT]


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:3])
    if len(names) > len(shown):
        shown[-1] = f"{len(names) - len(shown) + 1} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


# --- models without anything that loads them ------------------------------------------------------------------------------


def _models_only(facts: AppFacts) -> Iterable[Technology]:
    """Technologies that only their models speak for: nothing in the app loads the format."""
    rules = facts.index.rules
    loaded = {name for other in facts.alive if other in rules for name in formats_of(rules[other])}
    alone: dict[str, list[Model]] = {}
    for name in facts.models.keys() - loaded:
        owner = facts.index.owners.get(name)
        if owner is not None and owner.id not in facts.groups:
            alone.setdefault(owner.id, []).extend(facts.models[name])
    for technology, models in alone.items():
        yield _from_models(rules[technology], sorted(models, key=lambda model: (-model.size, model.digest)))


def _from_models(rule: Rule, models: Sequence[Model]) -> Technology:
    count = f"{len(models)} model" + ("s" if len(models) > 1 else "")
    return Technology(
        id=rule.id,
        title=rule.title,
        category=rule.category,
        grade=Grade.MODELS,
        presence=Presence.FILE,
        confidence=Confidence.CERTAIN,
        shipped=False,
        missing=rule.needs.libraries if rule.needs else (),
        because=f"{count} of its format, nothing in the app that loads them",
        models=tuple(model.digest for model in models if model.digest),
        location=models[0].parts[0].location,
        places=len(models),
        evidence=tuple(proof for model in models for proof in model.evidence[:1])[:EVIDENCE_PER_FACT],
    )
