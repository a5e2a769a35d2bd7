"""Runtimes and other technologies: how many apps have them, in which versions, how they are inside."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nngauge.domain.detection import Category
from nngauge.web.asked import Asked
from nngauge.web.pages.apps import AppRow, app_rows
from nngauge.web.view import Desk, Missing, View

_SHOWN: Final = 25
_VERSIONS: Final = 200
_CATEGORIES: Final = {
    Category.RUNTIME: "Runtimes",
    Category.SDK: "SDKs with AI inside",
    Category.ACCELERATOR: "Delegates and accelerators",
    Category.CLASSICAL: "Classical machine learning",
    Category.WRAPPER: "Wrappers and bindings",
    Category.SYSTEM: "Of the system and Play services",
    Category.CLOUD: "Cloud services",
}


class TechnologyRow(Struct, frozen=True, kw_only=True):
    """One technology."""

    technology: str
    """Rule id: its address is ``/technologies/`` and this."""
    title: str
    category: str
    apps: int
    """Apps that have it; possible ones, dead ones and those known by model files alone are not counted."""
    packages: int
    not_counted: int
    """Apps where it is only possible, dead or known by model files alone."""
    used: int
    """Of the counted: apps whose code was read and uses it."""
    bundled: int


class Group(Struct, frozen=True):
    """The technologies of one category."""

    category: str
    title: str
    technologies: list[TechnologyRow]


class Technologies(Struct, frozen=True, kw_only=True):
    """The page."""

    title: str
    apps: int
    """All apps of the study."""
    groups: list[Group]


class Count(Struct, frozen=True):
    """How many apps have one value of something."""

    value: str
    apps: int


class VersionRow(Struct, frozen=True):
    """One version, or range where no binary tells one, by snapshot."""

    version: str
    apps: list[int]
    """By snapshot, in their order."""


class TechnologyPage(Struct, frozen=True, kw_only=True):
    """One technology."""

    title: str
    technology: TechnologyRow
    snapshots: list[str]
    by_snapshot: list[int]
    """Apps by snapshot."""
    of_snapshot: list[int]
    """All apps by snapshot: the denominators."""
    versions: list[VersionRow]
    versions_left_out: int
    grades: list[Count]
    owners: list[Count]
    hosts: list[Count]
    """Technologies whose libraries contain it."""
    apps: list[AppRow]
    """Some of them; the list of apps has them all."""


_COLUMNS: Final = "technology, title, category, apps, packages, not_counted, used, bundled"


def _row(row: tuple[object, ...]) -> TechnologyRow:
    return TechnologyRow(**dict(zip(_COLUMNS.split(", "), row, strict=True)))  # type: ignore[arg-type]


def make(desk: Desk, asked: Asked) -> Technologies:
    """The page of all technologies."""
    del asked
    rows = [
        _row(row)
        for row in desk.rows(f"SELECT {_COLUMNS} FROM technology_entry ORDER BY packages DESC, apps DESC, title")
    ]
    found = {category: [row for row in rows if row.category == category] for category in _CATEGORIES}
    apps = desk.row("SELECT apps FROM app_total")
    return Technologies(
        title="Technologies",
        apps=apps[0] if apps else 0,
        groups=[Group(category.value, title, found[category]) for category, title in _CATEGORIES.items() if found[category]],
    )  # fmt: skip


def make_one(desk: Desk, asked: Asked) -> TechnologyPage:
    """The page of one technology."""
    name = asked.place("technology")
    row = desk.row(f"SELECT {_COLUMNS} FROM technology_entry WHERE technology = ?", name)
    if row is None:
        raise Missing("no such technology in this study")
    technology = _row(row)
    snapshots = desk.snapshots()
    marked = _by_snapshot(desk, "technology", name)
    whole = dict(desk.rows("SELECT snapshot, apps FROM verdict"))
    versions = _versions(desk, name, snapshots)
    return TechnologyPage(
        title=technology.title,
        technology=technology,
        snapshots=snapshots,
        by_snapshot=[marked.get(snapshot, 0) for snapshot in snapshots],
        of_snapshot=[whole.get(snapshot, 0) for snapshot in snapshots],
        versions=versions[:_VERSIONS],
        versions_left_out=max(0, len(versions) - _VERSIONS),
        grades=_counts(desk, name, "grade"),
        owners=_counts(desk, name, "owner"),
        hosts=_counts(desk, name, "host"),
        apps=app_rows(desk, [key for (key,) in desk.rows(_FIRST, name)]),
    )


_FIRST: Final = f"SELECT n FROM by_technology WHERE value = ? ORDER BY n LIMIT {_SHOWN}"


def _by_snapshot(desk: Desk, kind: str, value: str) -> dict[str, int]:
    return dict(desk.rows("SELECT snapshot, apps FROM mark_snapshot WHERE kind = ? AND value = ?", kind, value))


def _counts(desk: Desk, technology: str, column: str) -> list[Count]:
    sql = (
        f"SELECT {column}, count(*) FROM technology_use WHERE technology = ? AND {column} IS NOT NULL "
        "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 20"
    )
    return [Count(*row) for row in desk.rows(sql, technology)]


def _versions(desk: Desk, technology: str, snapshots: list[str]) -> list[VersionRow]:
    """Newest first."""
    from nngauge.detect.versions import release_key

    found: dict[str, dict[str, int]] = {}
    rows = desk.rows("SELECT version, snapshot, apps FROM technology_version WHERE technology = ?", technology)
    for version, snapshot, apps in rows:
        found.setdefault(version, {})[snapshot] = apps
    ordered = sorted(found, key=lambda text: (release_key(text.lstrip("<>=")), text), reverse=True)
    return [VersionRow(version, [found[version].get(snapshot, 0) for snapshot in snapshots]) for version in ordered]


VIEW: Final = View(
    path="/technologies",
    name="technologies",
    title="Technologies",
    says="runtimes, SDKs, accelerators, system AI and cloud services, by category",
    template="web/technologies.html",
    make=make,
    step="technologies",
    section="/technologies",
)
ONE: Final = View(
    path="/technologies/{technology}",
    name="technology",
    title="One technology",
    says="apps by snapshot, versions, grades, whose it is",
    template="web/technology.html",
    make=make_one,
    step="technologies",
    section="/technologies",
)
