"""What must and what must not be in the app: tasks, technologies and services, licences, owners."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Final

from nngauge.domain.attribution import Likeness, Owner
from nngauge.domain.detection import Category
from nngauge.domain.evidence import Presence
from nngauge.domain.finding import Severity
from nngauge.domain.task import TASK
from nngauge.domain.technology import Technology
from nngauge.policy._api import Hit, Options, Rule, Subject, Unevaluated, lead, listed, owner
from nngauge.units import format_bytes


class Tasks(Options, frozen=True, kw_only=True):
    """Options of ``required-task`` and ``forbidden-task``."""

    tasks: tuple[str, ...] = ()
    """Ids of tasks (docs/tasks.md): ``face-detection``."""
    at_least: float = 0.5
    """Verdicts on a model's task that are less probable do not count."""

    def __post_init__(self) -> None:
        for task in self.tasks:
            if task not in TASK:
                near = get_close_matches(task, TASK, n=1)
                raise ValueError(f"unknown task {task!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
        if not 0 <= self.at_least <= 1:
            raise ValueError("at-least must be between 0 and 1")


class Forbidden(Options, frozen=True, kw_only=True):
    """Options of ``forbidden-technology`` and ``cloud-ai``."""

    technologies: tuple[str, ...] = ()
    """Ids or globs (``aws-*``); ``category:cloud`` stands for a whole category (docs/reference/technologies.md)."""
    allow: tuple[str, ...] = ()
    """Ids or globs that are fine all the same."""

    def __post_init__(self) -> None:
        known = {f"category:{category}" for category in Category}
        for name in (*self.technologies, *self.allow):
            if name.startswith("category:") and name not in known:
                raise ValueError(f"unknown category {name!r}; known: {', '.join(sorted(known))}")


class Cloud(Options, frozen=True, kw_only=True):
    """Options of ``cloud-ai``."""

    allow: tuple[str, ...] = ()
    """Ids or globs of services that are known and wanted."""


class Licences(Options, frozen=True, kw_only=True):
    """Options of ``model-licence``."""

    licences: tuple[str, ...] = ("CC-BY-NC*", "*-NC-*", "AGPL-*")
    """SPDX identifiers or globs that the app must not contain."""


def _tasks(subject: Subject, at_least: float) -> dict[str, list[str]]:
    """Task → names of models that do it."""
    found: dict[str, list[str]] = {}
    for one in subject.models:
        task = one.model.task
        if task is not None and task.task in TASK and task.probability >= at_least:
            found.setdefault(task.task, []).append(one.model.name)
    return found


def _required(subject: Subject, options: Tasks) -> Iterator[Hit]:
    done = _tasks(subject, options.at_least)
    for task in options.tasks:
        if task not in done:
            others = listed(TASK[name].title for name in done) or "none"
            yield Hit(
                says=f"No model in the app does {TASK[task].title}; tasks found: {others}.",
                subject=task,
                remedy="Ship the model, or take the task off the list where it moved out of the package.",
            )


def _forbidden_tasks(subject: Subject, options: Tasks) -> Iterator[Hit | Unevaluated]:
    for one in subject.models:
        task = one.model.task
        if task is not None and task.task in options.tasks and task.probability >= options.at_least:
            yield Hit(
                says=f"{one.model.name} does {task.title} ({task.probability:.0%} sure), which the policy forbids.",
                location=lead(one),
                subject=task.task,
                remedy="Leave the model out, or exempt it with the reason why it is needed.",
            )
    unknown = sum(one.model.task is None or one.model.task.task not in TASK for one in subject.models)
    if unknown and options.tasks:
        yield Unevaluated(f"what {unknown} of {len(subject.models)} models do is not known")


def _matches(technology: Technology, names: Iterable[str]) -> bool:
    return any(
        fnmatchcase(technology.id, name) or name == f"category:{technology.category}" for name in names
    )  # fmt: skip


def _forbidden(subject: Subject, options: Forbidden) -> Iterator[Hit]:
    for technology in subject.scan.technologies:
        if _matches(technology, options.technologies) and not _matches(technology, options.allow):
            yield Hit(
                says=f"{technology.title} is in the app ({technology.grade}), which the policy forbids.",
                location=technology.location,
                subject=technology.id,
                remedy="Remove what brings it, or allow it in the policy.",
                gain_bytes=technology.library_bytes if technology.presence is Presence.LIBRARY else None,
            )


def _cloud(subject: Subject, options: Cloud) -> Iterator[Hit]:
    for technology in subject.scan.technologies:
        if technology.category is Category.CLOUD and not technology.dead and not _matches(technology, options.allow):
            how = "names the address of" if technology.presence is Presence.ENDPOINT else "has the client of"
            yield Hit(
                says=f"The app {how} {technology.title}, an AI service over the network.",
                location=technology.location,
                subject=technology.id,
                remedy="Check what is sent, tell users, keep keys out of the package; then add it to `allow`.",
            )


def _licences(subject: Subject, options: Licences) -> Iterator[Hit]:
    for one in subject.models:
        known = one.model.known
        if known is None or known.likeness is Likeness.ARCHITECTURE or known.likeness is Likeness.TRUNK:
            continue  # the same layers with other weights are no copy
        if any(fnmatchcase(known.license, glob) for glob in options.licences):
            yield Hit(
                says=f"{one.model.name} is {known.sentence}, published under {known.license}.",
                location=lead(one),
                subject=one.model.digest,
                remedy="Ask for another licence, or use a model whose licence allows it.",
                risk="The licence is that of the place of publication; weights may have one of their own.",
            )


def _owners(subject: Subject, _: Options) -> Iterator[Hit]:
    for one in subject.models:
        if owner(one) is Owner.UNKNOWN:
            why = one.model.owner.because if one.model.owner else "nobody asked."
            yield Hit(
                says=f"Whose {one.model.name} ({format_bytes(one.model.size)}) is cannot be told: {why}",
                location=lead(one),
                subject=one.model.digest,
                remedy="Find out which dependency brings it, and note the answer as an exemption.",
            )


REQUIRED_TASK: Final = Rule(
    id="required-task",
    title="Models for the required tasks are in the app",
    broken="A required task is missing",
    why="A build that silently lost its model passes every test that does not open the camera.",
    fix="Ship the model, or move the task off the list when it is delivered in another way.",
    severity=Severity.ERROR,
    options=Tasks,
    check=_required,
    sources=("https://doi.org/10.1145/3308558.3313591",),
    tags=("completeness",),
)
FORBIDDEN_TASK: Final = Rule(
    id="forbidden-task",
    title="No model does what the policy forbids",
    broken="A task that the policy forbids",
    why="Some uses need consent or an assessment first: face recognition, emotion recognition and biometric categorisation "
    "are regulated in the European Union and elsewhere, whoever's component they come with.",
    fix="Leave the model out, or exempt it with the reason and the date of the next review.",
    severity=Severity.ERROR,
    options=Tasks,
    check=_forbidden_tasks,
    sources=("https://eur-lex.europa.eu/eli/reg/2024/1689/oj",),
    tags=("compliance",),
)
FORBIDDEN_TECHNOLOGY: Final = Rule(
    id="forbidden-technology",
    title="Nothing is in the app that the policy forbids",
    broken="A technology that the policy forbids",
    why="Which services and runtimes an app may contain is often decided by contracts, privacy statements or a platform "
    "team; dependencies do not know about it.",
    fix="Remove the dependency that brings it (`nngauge why` shows the evidence), or allow it in the policy.",
    severity=Severity.ERROR,
    options=Forbidden,
    check=_forbidden,
    sources=("https://support.google.com/googleplay/android-developer/answer/10787469",),
    tags=("compliance",),
)
CLOUD_AI: Final = Rule(
    id="cloud-ai",
    title="Every AI service over the network is known",
    broken="An AI service over the network that nobody declared",
    why="What is sent to an AI service leaves the phone; users, stores and regulators ask for it to be declared, and clients "
    "of such services have often carried their keys in the package.",
    fix="Check what is sent, declare it, keep keys on a server, and list the service in `allow`.",
    severity=Severity.NOTE,
    options=Cloud,
    check=_cloud,
    sources=(
        "https://support.google.com/googleplay/android-developer/answer/10787469",
        "https://developer.apple.com/app-store/app-privacy-details/",
    ),
    tags=("compliance",),
)
MODEL_LICENCE: Final = Rule(
    id="model-licence",
    title="Published models may be used in an app",
    broken="A licence that does not allow this",
    why="Models that are free to download are often not free to ship: non-commercial licences forbid it, and network "
    "copyleft asks for more than most apps give.",
    fix="Replace the model or obtain a licence. Recognised are models of the index (`nngauge knowledge`), also renamed, "
    "converted or quantised ones.",
    severity=Severity.WARNING,
    options=Licences,
    check=_licences,
    sources=("https://spdx.org/licenses/",),
    tags=("compliance",),
)
UNKNOWN_OWNER: Final = Rule(
    id="unknown-owner",
    title="It is known who brought each model",
    broken="Models of unknown origin",
    why="A model that nobody can place has no one who updates it, licenses it or answers for it.",
    fix="Find the dependency that brings it; `docs/add-an-sdk.md` tells how to teach the tool.",
    severity=Severity.NOTE,
    check=_owners,
    sources=("https://cyclonedx.org/capabilities/mlbom/",),
    tags=("compliance", "maintenance"),
)
