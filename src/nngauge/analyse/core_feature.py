"""Is AI the core of an app, or an extra? The question of Table 1 of the WWW'19 study, answered by a heuristic.

Core means there that the function is very likely used every time the app is, and that the app's main purpose fails
without it. Nothing in a package says so; what speaks for it are the app's own words, its permissions, how much of it is
AI and what the AI does. Each piece of evidence adds log-odds; between the two thresholds the answer is unknown.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from nngauge.domain.app import App
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.domain.task import TASK, UNKNOWN, CoreVerdict, Modality, Role, TaskVerdict
from nngauge.limits import EVIDENCE_EXCERPT

_CORE_FROM: Final = 0.7
_EXTRA_TO: Final = 0.3
_MOST_CHARACTERS: Final = 400
_SURE: Final = 0.5
"""A model's task counts from this probability on."""
_RATES: Final[Mapping[str, float]] = {
    "photo beauty": 0.969, "face detection": 0.846, "augmented reality": 0.263, "image classification": 0.545,
    "text recognition": 0.363, "object recognition": 0.9, "face identification": 0.875,
    "word & emoji prediction": 0.98, "auto-correct": 0.98, "translation": 0.428, "text classification": 0.5,
    "smart reply": 0.05, "speech recognition": 0.389, "sound recognition": 0.95, "recommendation": 0.181,
    "movement tracking": 0.444,
}  # fmt: skip
"""Share of apps in which a use is core, Table 1 of the WWW'19 study (100 % and 0 % drawn in)."""
_RATE_WEIGHT: Final = 0.5
"""What their published rates count; the mix of apps has changed since 2018."""
_SUBJECTS: Final[Mapping[str, str]] = {
    "image": (
        "camera cam photo photos selfie beauty beautycam makeup makeover filter filters sticker stickers "
        "hairstyle hair retouch editor pic picture pics cartoon sketch art portrait collage snow snapfilters b612 "
        "facetune airbrush prisma lens scanner detector vision image images enhance enhancer upscale background "
        "cutout faceswap faceapp beautify selfiecamera camera360"
    ),
    "face": (
        "face facial selfie makeup makeover beauty beautycam lipstick skin hair hairstyle faceswap look aging old "
        "attendance liveness"
    ),
    "text": (
        "scan scanner scanners camscanner ocr document documents translate translator receipt card reader lens "
        "text plate sudoku math homework handwriting digit digits"
    ),
    "object": (
        "detector detect recognition identify identifier plant flower bird dog insect classifier vision lens food "
        "mushroom garbage"
    ),
    "pose": "pose fitness workout yoga exercise pilates trainer posture dance gesture sign asl",
    "speech": (
        "voice speech assistant dictation transcribe transcription recorder whisper stt asr subtitle caption "
        "keyboard talkback pronunciation speak"
    ),
    "sound": "sound music tuner pitch bird chord snore cough shazam recognizer karaoke noise",
    "writing": "keyboard ime inputmethod input emoji swiftkey gboard typing",
    "language": "chat chatbot assistant llm gpt ai writer translate translator translation dictionary",
    "sensor": "fitness steps tracker activity sleep heart ecg wearable health pedometer drive driving",
}
"""What an app calls itself when that is its business."""
_OF_TASK: Final[Mapping[str, str]] = {
    "face-detection": "image face", "face-landmarks": "image face", "face-recognition": "face",
    "face-attributes": "image face", "face-liveness": "face", "gaze-estimation": "face pose",
    "pose-estimation": "pose", "hand-tracking": "pose image", "gesture-recognition": "pose",
    "action-recognition": "pose", "object-detection": "object image", "image-classification": "object image",
    "3d-object-detection": "object image", "text-detection": "text", "text-recognition": "text",
    "handwriting-recognition": "text", "barcode-detection": "text", "document-scanning": "text",
    "speech-recognition": "speech", "keyword-spotting": "speech", "voice-activity-detection": "speech",
    "speaker-recognition": "speech", "speech-synthesis": "speech", "sound-recognition": "sound",
    "noise-suppression": "speech sound", "music-analysis": "sound", "word-prediction": "writing",
    "smart-reply": "writing", "language-model": "language", "translation": "language text",
    "text-classification": "language", "text-embedding": "language", "question-answering": "language",
    "activity-recognition": "sensor", "biosignal-analysis": "sensor", "anomaly-detection": "sensor",
    "image-embedding": "object image",
}  # fmt: skip
_OTHER_TRADES: Final = frozenset(
    """
    shop shopping mall store taobao alibaba lazada market deals bank banking pay wallet finance insurance invest
    taxi map maps subway airlines flight travel hotel booking delivery news weather radio podcast messenger talk
    chat line mm social dating community facebook instagram video tv youku watch live webtoon comics books
    goodreads job jobs email mail calendar browser launcher cleaner vpn game games parking classroom school
    pregnancy baby
    """.split()  # noqa: SIM905
)
"""Trades that live without AI."""
_CATEGORIES: Final[Mapping[str, tuple[float, str]]] = {
    "photography": (1.6, "image face object"), "beauty": (1.4, "image face"), "art_and_design": (1.0, "image"),
    "shopping": (-1.4, ""), "finance": (-1.2, ""), "maps_and_navigation": (-1.2, ""), "travel_and_local": (-1.0, ""),
    "news_and_magazines": (-1.0, ""), "communication": (-0.6, ""), "social": (-0.3, ""), "business": (-0.4, ""),
    "video_players": (-0.3, ""), "game": (-0.8, ""), "books_and_reference": (-0.4, ""),
}  # fmt: skip
"""Store categories: weight, and the subjects it needs (empty: any)."""
_WORD: Final = re.compile(r"[a-z]+|\d+")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


class _Reason(Struct, frozen=True):
    """One piece of evidence: by how much it speaks for core, and why."""

    weight: float
    rule: str
    text: str
    kind: EvidenceKind = EvidenceKind.STATISTICS


class Surroundings(Struct, frozen=True, kw_only=True):
    """What is known about the app beyond its identity; everything is optional."""

    ai_bytes: int = 0
    """Bytes of its models and runtimes."""
    own_models: int | None = None
    """Models attributed to the app itself; None when nobody asked."""
    launcher: str | None = None
    """Class of the activity that the launcher starts."""
    category: str | None = None
    """Of the store."""
    description: str | None = None
    """First lines of the store's page."""


def core_feature(app: App, verdicts: Sequence[TaskVerdict], around: Surroundings | None = None) -> CoreVerdict:
    """Core feature, extra, or unknown, from the tasks of the app's models and what the app says about itself.

    Without a model whose task is known the answer is unknown.
    """
    around = around or Surroundings()
    tasks = tuple(dict.fromkeys(item.task for item in verdicts if item.task != UNKNOWN and item.probability >= _SURE))
    reasons = tuple(_reasons(app, tasks, around)) if tasks else ()
    chance = 1 / (1 + math.exp(-sum(reason.weight for reason in reasons)))
    role = Role.CORE if chance >= _CORE_FROM else Role.EXTRA if chance <= _EXTRA_TO else Role.UNKNOWN
    if not tasks:
        role = Role.UNKNOWN
    return CoreVerdict(
        role=role,
        probability=round(1 - chance if role is Role.EXTRA else chance, 3),
        tasks=tasks,
        because=_evidence(app, reasons, role),
    )


def _reasons(app: App, tasks: Sequence[str], around: Surroundings) -> Iterator[_Reason]:
    subjects = frozenset(subject for task in tasks for subject in _OF_TASK.get(task, "image").split())
    yield from _rates(tasks)
    yield from _own_words(app, subjects, around)
    yield from _permissions(app, tasks)
    yield from _category(around, subjects)
    yield from _weight(app, around)
    if around.own_models == 0:
        yield _Reason(-1.2, "sdk-models", "all models come with SDKs")
    modelled = len(tasks)
    if modelled >= 4:
        yield _Reason(0.5, "many-tasks", f"models for {modelled} tasks")


def _rates(tasks: Sequence[str]) -> Iterator[_Reason]:
    rates = [(_RATES[row], row) for task in tasks if task in TASK and (row := TASK[task].www19) in _RATES]
    if rates:
        rate, row = max(rates)
        weight = _RATE_WEIGHT * math.log(rate / (1 - rate))
        yield _Reason(weight, "published-rate", f"{row} was core in {rate:.0%} of the apps of 2018")


def _own_words(app: App, subjects: frozenset[str], around: Surroundings) -> Iterator[_Reason]:
    """The app's name, its id and its first screen name what the AI does, or something else."""
    named = _words(" ".join(filter(None, (app.label, _own_id(app), _simple(around.launcher)))))
    told = _words(around.description or "")
    wanted = {word for subject in subjects for word in _SUBJECTS[subject].split()}
    hits = _found(named, wanted)
    others = sorted(named & _OTHER_TRADES)
    if hits:
        yield _Reason(2.4, "app-words", f"the app calls itself {', '.join(hits[:4])}", EvidenceKind.MANIFEST)
    elif told & wanted:
        yield _Reason(
            1.0, "description", f"its description speaks of {', '.join(sorted(told & wanted)[:4])}", EvidenceKind.STRING
        )
    if others:
        yield _Reason(-1.8, "other-trade", f"its name is about {', '.join(others[:4])}", EvidenceKind.MANIFEST)
    if not hits and not others and (app.label or app.package_id):
        yield _Reason(-0.4, "silent-name", "its name does not speak of it", EvidenceKind.MANIFEST)


def _found(named: frozenset[str], wanted: set[str]) -> list[str]:
    """Words as they stand, and within longer ones (``beautycamera``) from four letters on."""
    exact = named & wanted
    inside = {part for part in wanted if len(part) >= 4 for word in named if len(word) > len(part) and part in word}
    return sorted(exact | inside)


def _own_id(app: App) -> str:
    """The package id without the country and company in front."""
    parts = (app.package_id or "").split(".")
    return " ".join(parts[1:] if len(parts) > 1 else parts)


def _simple(name: str | None) -> str | None:
    return name.rpartition(".")[2] if name else None


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(_CAMEL.sub(" ", text[:_MOST_CHARACTERS]).lower()))


def _permissions(app: App, tasks: Sequence[str]) -> Iterator[_Reason]:
    if not app.permissions:
        return
    held = {permission.rpartition(".")[2] for permission in app.permissions}
    modalities = {TASK[task].modality for task in tasks if task in TASK}
    for modality, permission in ((Modality.IMAGE, "CAMERA"), (Modality.AUDIO, "RECORD_AUDIO")):
        if modality in modalities:
            text = f"{'asks' if permission in held else 'does not ask'} for {permission}"
            yield _Reason(0.5 if permission in held else -0.7, "permission", text, EvidenceKind.MANIFEST)


def _category(around: Surroundings, subjects: frozenset[str]) -> Iterator[_Reason]:
    key = re.sub(r"[^a-z]+", "_", (around.category or "").lower()).strip("_")
    known = _CATEGORIES.get(key.removeprefix("game_") if key not in _CATEGORIES else key)
    if known is not None and (not known[1] or subjects & set(known[1].split())):
        yield _Reason(known[0], "category", f"store category {key}", EvidenceKind.STRING)


def _weight(app: App, around: Surroundings) -> Iterator[_Reason]:
    """How much of the app is AI."""
    if app.size <= 0 or around.ai_bytes <= 0:
        return
    share = around.ai_bytes / app.size
    if share >= 0.3:
        yield _Reason(1.0, "share", f"{min(share, 1):.0%} of its bytes are models and runtimes")
    elif share < 0.04:
        yield _Reason(-0.6, "share", f"{share:.1%} of its bytes are models and runtimes")


def _evidence(app: App, reasons: Sequence[_Reason], role: Role) -> tuple[Evidence, ...]:
    """Strongest first; those that speak for the answer before the others."""
    place = Location(path=app.parts[0].path if app.parts else app.package_id or "app")
    sign = -1.0 if role is Role.EXTRA else 1.0
    ordered = sorted(reasons, key=lambda reason: -sign * reason.weight)
    return tuple(
        [
            Evidence(kind=reason.kind, location=place, value=_printable(reason.text), rule=f"core/{reason.rule}")
            for reason in ordered
        ]
    )


def _printable(text: str) -> str:
    return "".join([char if char.isprintable() else "?" for char in text[:EVIDENCE_EXCERPT]])
