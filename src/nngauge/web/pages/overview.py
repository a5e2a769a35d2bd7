"""The study at a glance: snapshots, what is in them, how far it has come."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nngauge.domain.study import State
from nngauge.domain.task import UNKNOWN
from nngauge.web import titles
from nngauge.web.asked import Asked
from nngauge.web.view import Desk, View

_SHOWN: Final = 10


class Share(Struct, frozen=True):
    """One answer of the verdict in one snapshot: apps out of all apps with a result."""

    title: str
    verdict: str
    """Value of the filter of the list of apps."""
    apps: int
    whole: int


class SnapshotRow(Struct, frozen=True, kw_only=True):
    """One snapshot."""

    snapshot: str
    packages_listed: int
    states: dict[str, int]
    """Listed packages by state."""
    apps: int
    """Different apps (versions) with a result."""
    packages: int
    """Different application ids among them."""
    incomplete: int
    """Apps of which parts could not be read."""
    models: int
    """Distinct models of each app, summed over apps."""
    model_bytes: int
    shares: list[Share]


class Ranked(Struct, frozen=True):
    """One of the most frequent things of a kind, in the whole study."""

    id: str
    title: str
    category: str
    apps: int
    packages: int


class Overview(Struct, frozen=True, kw_only=True):
    """The page."""

    title: str
    snapshots: list[SnapshotRow]
    apps: int | None
    """Different apps in all snapshots; None while they are being counted."""
    packages: int | None
    models: int | None
    """Distinct models."""
    technologies: list[Ranked]
    formats: list[Ranked]
    tasks: list[Ranked]
    failures: int
    """Packages without a result."""


def make(desk: Desk, asked: Asked) -> Overview:
    """The page; what is not prepared yet is left out."""
    del asked
    ready = desk.state.prepared.progress.done
    apps = desk.row("SELECT apps, packages FROM app_total") if "apps" in ready else None
    models = desk.row("SELECT count(*) FROM model_entry") if "models" in ready else None
    failed = desk.row("SELECT count(*) FROM failed_item")
    return Overview(
        title=desk.explorer.name,
        snapshots=_snapshots(desk),
        apps=apps[0] if apps else None,
        packages=apps[1] if apps else None,
        models=models[0] if models else None,
        technologies=_technologies(desk) if "technologies" in ready else [],
        formats=_marks(desk, "format") if "models" in ready else [],
        tasks=_marks(desk, "task") if "models" in ready else [],
        failures=failed[0] if failed else 0,
    )


def _snapshots(desk: Desk) -> list[SnapshotRow]:
    states: dict[str, dict[str, int]] = {}
    for snapshot, state, items in desk.rows("SELECT snapshot, state, items FROM item_state ORDER BY ALL"):
        states.setdefault(snapshot, {})[state] = items
    verdicts = {row[0]: row for row in desk.rows("SELECT * FROM verdict")}
    rows = []
    for snapshot, found in states.items():
        row = verdicts.get(snapshot, (snapshot, *[0] * 9))
        apps, packages, runtime, model, elsewhere, any_of_them, incomplete, models, model_bytes = row[1:]
        rows.append(
            SnapshotRow(
                snapshot=snapshot, packages_listed=sum(found.values()), apps=apps, packages=packages, incomplete=incomplete,
                states={state.value: found[state.value] for state in State if state.value in found},
                models=models or 0, model_bytes=model_bytes or 0,
                shares=[
                    Share("Runtime present", "runtime", runtime, apps),
                    Share("Model present", "model", model, apps),
                    Share("Model elsewhere", "elsewhere", elsewhere, apps),
                    Share("Any of the three", "any", any_of_them, apps),
                ],
            )
        )  # fmt: skip
    return rows


def _technologies(desk: Desk) -> list[Ranked]:
    return [
        Ranked(*row)
        for row in desk.rows(
            "SELECT technology, title, category, apps, packages FROM technology_entry "
            f"WHERE category = 'runtime' AND apps > 0 ORDER BY packages DESC, apps DESC, technology LIMIT {_SHOWN}"
        )
    ]


def _marks(desk: Desk, kind: str) -> list[Ranked]:
    names = {**titles.tasks(), UNKNOWN: "not known"} if kind == "task" else {}
    rows = desk.rows(
        "SELECT value, coalesce(title, value), apps, packages FROM mark LEFT JOIN model_mark USING (kind, value) "
        f"WHERE kind = ? ORDER BY packages DESC, apps DESC, value LIMIT {_SHOWN}",
        kind,
    )
    return [Ranked(value, names.get(value, title), kind, apps, packages) for value, title, apps, packages in rows]


VIEW: Final = View(
    path="/",
    name="overview",
    title="Overview",
    says="the study at a glance: snapshots, states, what is inside",
    template="web/overview.html",
    make=make,
    step="overview",
    section="/",
    cached=False,
)
