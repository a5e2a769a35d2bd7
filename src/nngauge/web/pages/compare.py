"""Two apps, or two snapshots, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from nngauge.compare.snapshots import compare_snapshots
from nngauge.domain.model import Model
from nngauge.domain.scan import Scan
from nngauge.domain.snapshot_difference import SnapshotDifference
from nngauge.domain.technology import Technology
from nngauge.errors import UsageError
from nngauge.web.asked import Asked
from nngauge.web.pages.app import stored_result
from nngauge.web.pages.apps import AppRow, app_rows
from nngauge.web.view import Desk, Missing, View

_CHANGES: Final = 50
"""Changes of each kind that are named."""


class Choose(Struct, frozen=True, kw_only=True):
    """The page where two things are chosen."""

    title: str
    snapshots: list[str]
    first: str
    second: str
    """The last two snapshots."""


class TechnologyChange(Struct, frozen=True, kw_only=True):
    """One technology in two apps; empty where it is in one only."""

    technology: str
    title: str
    change: str
    """added, removed, changed or same."""
    first_grade: str
    second_grade: str
    first_versions: list[str]
    second_versions: list[str]


class ModelChange(Struct, frozen=True, kw_only=True):
    """One model in two apps; None where it is in one only. Changed: other bytes under the same file name."""

    name: str
    change: str
    format: str
    first_digest: str | None
    second_digest: str | None
    first_size: int | None
    second_size: int | None


class Figure(Struct, frozen=True):
    """One number of both."""

    title: str
    first: int | None
    second: int | None
    unit: str
    """bytes or count."""


class TwoApps(Struct, frozen=True, kw_only=True):
    """The page of two apps."""

    title: str
    first: AppRow
    second: AppRow
    figures: list[Figure]
    verdicts: list[tuple[str, bool, bool]]
    technologies: list[TechnologyChange]
    models: list[ModelChange]
    same_models: int


class TwoSnapshots(Struct, frozen=True, kw_only=True):
    """The page of two snapshots: `difference` as `nngauge study diff --json` prints it, with the first changes of each kind."""

    title: str
    difference: SnapshotDifference
    seconds: float


def make(desk: Desk, asked: Asked) -> Choose:
    """The page where two things are chosen."""
    snapshots = desk.snapshots()
    first, second = snapshots[-2:] if len(snapshots) > 1 else ["", ""]
    return Choose(title="Compare", snapshots=snapshots, first=asked.text("first") or first, second=second)


# --- two apps -------------------------------------------------------------------------------------------------------------


def make_apps(desk: Desk, asked: Asked) -> TwoApps:
    """The page of two apps."""
    first, second = _entry(desk, asked.text("first")), _entry(desk, asked.text("second"))
    one, other = (_scan(desk, entry.app) for entry in (first, second))
    technologies, models = _technologies(one, other), _models(one, other)
    return TwoApps(
        title=f"{first.name} {first.version_name or ''} and {second.name} {second.version_name or ''}",
        first=first,
        second=second,
        figures=[
            Figure("Size as shipped", first.size, second.size, "bytes"),
            Figure("Models", first.models, second.models, "count"),
            Figure("Bytes of models", first.model_bytes, second.model_bytes, "bytes"),
            Figure("Bytes of libraries with AI", first.ai_library_bytes, second.ai_library_bytes, "bytes"),
        ],
        verdicts=[
            ("Runtime present", first.runtime, second.runtime),
            ("Model present", first.model, second.model),
            ("Model elsewhere", first.elsewhere, second.elsewhere),
        ],
        technologies=technologies,
        models=[model for model in models if model.change != "same"],
        same_models=sum(model.change == "same" for model in models),
    )


def _entry(desk: Desk, name: str) -> AppRow:
    """An app by its SHA-256, or the highest version of a package by its application id."""
    if not name:
        raise UsageError("two apps, please", hint="first=…&second=…: SHA-256 or application id")
    row = desk.row("SELECT n FROM app_entry WHERE app = ?", name) or desk.row(
        "SELECT max(n) FROM app_entry WHERE package_id = ?", name
    )
    if row is None or row[0] is None:
        raise Missing("no such app in this study")
    return app_rows(desk, [row[0]])[0]


def _scan(desk: Desk, app: str) -> Scan:
    scan = stored_result(desk, app).scan
    if scan is None:
        raise Missing("no such app in this study")
    return scan


def _technologies(one: Scan, other: Scan) -> list[TechnologyChange]:
    first = {item.id: item for item in one.technologies}
    second = {item.id: item for item in other.technologies}
    found = [_technology(first.get(name), second.get(name)) for name in dict.fromkeys((*first, *second))]
    return sorted(found, key=lambda item: (("removed", "added", "changed", "same").index(item.change), item.title))


def _technology(first: Technology | None, second: Technology | None) -> TechnologyChange:
    either = first or second
    if either is None:
        raise UsageError("a technology of neither app")
    change = "added" if first is None else "removed" if second is None else "same"
    if first is not None and second is not None and (first.grade, first.versions) != (second.grade, second.versions):
        change = "changed"
    return TechnologyChange(
        technology=either.id,
        title=either.title,
        change=change,
        first_grade=first.grade.value if first else "",
        second_grade=second.grade.value if second else "",
        first_versions=list(first.versions) if first else [],
        second_versions=list(second.versions) if second else [],
    )


def _models(one: Scan, other: Scan) -> list[ModelChange]:
    """The same bytes are the same model; what is left is paired by file name."""
    first = {model.digest: model for model in one.models}
    second = {model.digest: model for model in other.models}
    both = [digest for digest in first if digest in second]
    found = [_model("same", first[digest], second[digest]) for digest in both]
    left = {model.name: model for digest, model in first.items() if digest not in second}
    right = {model.name: model for digest, model in second.items() if digest not in first}
    unnamed = _beside(first.values(), second, left), _beside(second.values(), first, right)
    found += [_model("changed", left[name], right[name]) for name in left if name in right]
    found += [_model("removed", model, None) for name, model in left.items() if name not in right]
    found += [_model("removed", model, None) for model in unnamed[0]]
    found += [_model("added", None, model) for name, model in right.items() if name not in left]
    return found + [_model("added", None, model) for model in unnamed[1]]


def _beside(models: Iterable[Model], other: dict[str, Model], named: dict[str, Model]) -> list[Model]:
    """Further models of the same file name as one that is paired already."""
    return [model for model in models if model.digest not in other and named.get(model.name) is not model]


def _model(change: str, first: Model | None, second: Model | None) -> ModelChange:
    either = second or first
    return ModelChange(
        name=either.name if either else "",
        change=change,
        format=either.title if either else "",
        first_digest=first.digest if first else None,
        second_digest=second.digest if second else None,
        first_size=first.size if first else None,
        second_size=second.size if second else None,
    )


# --- two snapshots --------------------------------------------------------------------------------------------------------


def make_snapshots(desk: Desk, asked: Asked) -> TwoSnapshots:
    """The page of two snapshots; a large study takes a while."""
    first, second = asked.text("first"), asked.text("second")
    known = desk.snapshots()
    if first not in known or second not in known or first == second:
        raise UsageError("two different snapshots of this study, please", hint=", ".join(known))
    made = desk.slowly(
        f"snapshots {first!r} {second!r}", lambda facts: compare_snapshots(facts, first, second, most=_CHANGES)
    )
    return TwoSnapshots(title=f"{first} and {second}", difference=made.answer, seconds=round(made.seconds, 2))


VIEW: Final = View(
    path="/compare",
    name="compare",
    title="Compare",
    says="where two apps or two snapshots are chosen",
    template="web/compare.html",
    make=make,
    step="overview",
    parameters=(("first", "SHA-256 or application id to begin with"),),
    section="/compare",
    cached=False,
)
APPS: Final = View(
    path="/compare/apps",
    name="two-apps",
    title="Two apps",
    says="verdicts, technologies and models of two apps, or of two versions of one",
    template="web/two_apps.html",
    make=make_apps,
    step="models",
    parameters=(("first, second", "SHA-256 of an app, or an application id: its highest version"),),
    section="/compare",
)
SNAPSHOTS: Final = View(
    path="/compare/snapshots",
    name="two-snapshots",
    title="Two snapshots",
    says="check-ins and check-outs, technologies, versions, switches, SDKs, accelerators, models; the first changes of each kind",
    template="web/two_snapshots.html",
    make=make_snapshots,
    step="overview",
    parameters=(("first, second", "names of snapshots"),),
    section="/compare",
)
