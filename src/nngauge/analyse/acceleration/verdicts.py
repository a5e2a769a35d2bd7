"""The verdict on one accelerator in one ABI: requests against parts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Final

from msgspec import Struct, field

from nngauge.analyse.acceleration.facts import Facts, NativeFile
from nngauge.domain.acceleration import Acceleration, Outcome
from nngauge.domain.app import Platform
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.model import Model
from nngauge.knowledge.accelerators import Accelerator, Generations, Part
from nngauge.limits import EVIDENCE_PER_FACT

_DSP: Final = "hexagon"
_PARTIAL: Final = frozenset({"aar"})
"""Packages that are finished by others: what is not in them may still come."""
_UNFINISHED: Final = "What is missing here may come from another part of the app: this package is not all of it."
_INVISIBLE: Final = "It is there to be used; whether the app's code asks for it cannot be seen here."
_MIXED: Final = "{} and {} are mixed: libraries of different versions refuse each other (“Stub lib id mismatch”)."
"""https://github.com/pytorch/executorch/issues/8762."""
_UNTOLD: Final = "No target version could be read: apps for Android 12 and later must declare {} in their manifest."
_PACKED: Final = (
    "It is in the package but stays packed when the app is installed, and a loader that opens files does not find it.",
    'Set jniLibs.useLegacyPackaging = true (android:extractNativeLibs="true"), or unpack it at the first start.',
)
"""https://github.com/microsoft/onnxruntime/issues/31353, https://github.com/google-ai-edge/LiteRT/issues/5592."""


class _Check(Struct):
    """What came of looking for all parts."""

    files: dict[str, NativeFile] = field(default_factory=dict)
    """Found, by location."""
    own: bool = False
    """Some of them serve nothing else."""
    missing: list[str] = field(default_factory=list)
    consequences: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    phones: tuple[str, ...] = ()

    def lacks(self, what: str, consequence: str, advice: str) -> None:
        self.missing.append(what)
        self.consequences.append(consequence)
        self.advice.append(advice)

    def has(self, files: Iterable[NativeFile], *, own: bool) -> None:
        for file in files:
            self.files[file.library.location.path] = file
            self.own = self.own or own


def judge(one: Accelerator, abi: str | None, facts: Facts) -> Acceleration | None:
    """None when the app neither asks for it nor ships it."""
    asked = _requests(one, abi, facts)
    check = _check(one, abi, facts)
    if asked:
        return _verdict(one, abi, _answer(one, check, facts), asked, check)
    hints = _hints(one, abi, facts)
    if hints and not check.missing:
        return _verdict(one, abi, Outcome.UNKNOWN, hints, check)
    if check.own and hints and one.blind:  # whoever ships the back end means to use it
        return _verdict(one, abi, Outcome.MISSING, hints, check)
    if check.own and not hints:
        return _verdict(one, abi, Outcome.UNASKED, (), check)
    return None


def _hints(one: Accelerator, abi: str | None, facts: Facts) -> list[Evidence]:
    """What might be a request, as far as nobody looked closer."""
    if facts.calls is not None and one.calls:
        return []
    return [item.evidence for item in facts.seen(one.hints, abi)]


def _answer(one: Accelerator, check: _Check, facts: Facts) -> Outcome:
    if not check.missing:
        return Outcome.SYSTEM if one.by_system else Outcome.WORKS
    bare = facts.app.platform is Platform.ANDROID and not facts.files
    return Outcome.UNKNOWN if bare or facts.app.container in _PARTIAL else Outcome.MISSING


def _verdict(
    one: Accelerator, abi: str | None, outcome: Outcome, asked: Sequence[Evidence], check: _Check
) -> Acceleration:
    files = [file.library for file in check.files.values()]
    consequence = check.consequences[0] if check.consequences else ""
    if outcome is Outcome.UNKNOWN and check.missing:
        consequence = _UNFINISHED
    elif outcome is Outcome.UNKNOWN:
        consequence = _INVISIBLE
    elif outcome is Outcome.UNASKED:
        consequence = f"{sum(library.size for library in files)} bytes that nothing in the app seems to ask for."
    broken = outcome in (Outcome.MISSING, Outcome.UNKNOWN)
    return Acceleration(
        accelerator=one.id,
        title=one.title,
        engine=one.engine[0] if one.engine else "",
        hardware=one.hardware,
        abi=abi,
        outcome=outcome,
        asked=tuple(dict.fromkeys(asked))[:EVIDENCE_PER_FACT],
        shipped=tuple(library.location for library in files),
        size=sum(library.size for library in files),
        missing=tuple(dict.fromkeys(check.missing)) if broken else (),
        phones=check.phones,
        consequence=consequence,
        advice=tuple(dict.fromkeys(check.advice)) if outcome is Outcome.MISSING else (),
        notes=(*check.notes, *one.notes) if outcome is not Outcome.UNASKED else (),
        sources=one.sources,
    )


# --- requests ---------------------------------------------------------------------------------------------------------


def _requests(one: Accelerator, abi: str | None, facts: Facts) -> list[Evidence]:
    found = [item.evidence for item in facts.seen(one.asks, abi)]
    found += [item.evidence for item in facts.together(one.automatic, one.within, abi)]
    found += [proof for pattern in one.needed for proof in facts.linking(pattern, abi)]
    found += [proof for model in facts.models if (proof := _compiled(one, model)) is not None]
    if facts.calls is not None and any(method in facts.calls for method in one.calls):
        hints = [item.evidence for item in facts.seen(one.hints, abi)]
        found += hints
    return found


def _compiled(one: Accelerator, model: Model) -> Evidence | None:
    """The model itself can run nowhere else."""
    for wanted in one.models:
        if model.format == wanted.format:
            op = next((op for op in model.ops if fnmatchcase(op, wanted.op)), None)
            if op is not None or wanted.op == "*":
                value = op or f"{model.title} model {model.name}"
                return Evidence(kind=EvidenceKind.STRUCTURE, location=model.parts[0].location, value=value)
    return None


# --- parts ------------------------------------------------------------------------------------------------------------


def _check(one: Accelerator, abi: str | None, facts: Facts) -> _Check:
    check = _Check()
    for part in one.parts:
        _part(part, one, abi, facts, check)
    if one.generations is not None:
        _generations(one.generations, abi, facts, check)
    return check


def _part(part: Part, one: Accelerator, abi: str | None, facts: Facts, check: _Check) -> None:
    files = [file for file in facts.named(part.files, abi) if file.library.abi != _DSP or "skel" in part.files[0]]
    check.has(files, own=part.own)
    usable = [file for file in files if not part.on_disk or facts.usable(file)]
    if usable or facts.seen(part.rules, abi, shipped=True) or facts.seen(part.elsewhere, None):
        return
    if part.system and facts.visible(part.system):
        if facts.app.platform is Platform.ANDROID and facts.app.target_os is None:
            check.notes.append(_UNTOLD.format(part.system[0]))
        return
    if part.compiles and any(_compiled(one, model) is not None for model in facts.models):
        return
    if part.optional:
        check.notes.append(f"{part.without} {part.advice}")
    elif files:
        check.lacks(f"{files[0].names[0]} as a file", *_PACKED)
    else:
        check.lacks(_wanted(part), part.without, part.advice)


def _wanted(part: Part) -> str:
    if part.files:
        return part.files[0]
    if part.system:
        return f"<uses-native-library> {part.system[0]}"
    return part.rules[0].partition("#")[0]


def _generations(rule: Generations, abi: str | None, facts: Facts, check: _Check) -> None:
    """Pairs of stub and skeleton; one pair is enough for the request, the others are said to be left out."""
    skels = _numbered(rule.skel, abi, facts, dsp=True)
    stubs = _numbered(rule.stub, abi, facts, dsp=False) if rule.stub else skels
    check.has((file for group in (skels, stubs) for files in group.values() for file in files), own=rule.own)
    usable = {number for number, files in skels.items() if any(facts.usable(file) for file in files)}
    covered = sorted(usable & stubs.keys())
    check.phones = tuple(_phone(rule, number) for number in covered)
    for number in sorted(stubs.keys() ^ skels.keys()):
        lost = rule.skel if number in stubs else rule.stub
        check.notes.append(f"{lost.format(number)} is missing: {_phone(rule, number)} is left out.")
    if covered:
        check.notes += _mixed(facts, check)
    elif skels and not usable:
        check.lacks(f"{rule.skel.format(max(skels))} as a file", *_PACKED)
    elif skels:
        check.lacks(rule.stub.format(max(skels)), rule.without, rule.advice)
    else:
        check.lacks(rule.skel.format(max(stubs) if stubs else "*"), rule.without, rule.advice)


def _phone(rule: Generations, number: int) -> str:
    return rule.phones.get(number, f"generation V{number}")


def _numbered(template: str, abi: str | None, facts: Facts, *, dsp: bool) -> dict[int, list[NativeFile]]:
    """Files by the generation in their name; a skeleton must be code for the processor, whatever it is called."""
    glob = template.format("*")
    pattern = re.compile(re.escape(template).replace(r"\*", ".*").replace(r"\{\}", r"(\d{1,3})"))
    found: dict[int, list[NativeFile]] = {}
    for file in facts.named((glob,), abi):
        match = next((match for name in file.names if (match := pattern.fullmatch(name))), None)
        if match is not None and (file.library.abi in (_DSP, None)) is dsp:
            found.setdefault(int(match[1]), []).append(file)
    return found


def _mixed(facts: Facts, check: _Check) -> Iterator[str]:
    """Versions of the vendor's libraries that were found to serve this accelerator."""
    versions = {
        item.version
        for label in ("qnn", "snpe")
        for item in facts.sightings.get(label, ())
        if item.version is not None and item.evidence.location.path in check.files
    }
    if len(versions) > 1:
        yield _MIXED.format(*sorted(versions)[:2])
