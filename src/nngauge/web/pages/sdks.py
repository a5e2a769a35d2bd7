"""Components that bring models and code: how many apps have them, and what comes with them."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nngauge.web import titles
from nngauge.web.asked import Asked
from nngauge.web.pages.apps import AppRow, app_rows
from nngauge.web.pages.models import ModelRow, model_rows
from nngauge.web.view import Desk, Missing, View

_SHOWN: Final = 25


class SdkRow(Struct, frozen=True, kw_only=True):
    """One component."""

    sdk: str
    """Id: its address is ``/sdks/`` and this."""
    title: str
    vendor: str
    kind: str
    apps: int
    packages: int
    models: int
    """Distinct models that come with it."""


class Sdks(Struct, frozen=True, kw_only=True):
    """The page."""

    title: str
    apps: int
    """All apps of the study."""
    sdks: list[SdkRow]


class WithIt(Struct, frozen=True):
    """A technology that comes with a component."""

    technology: str
    title: str
    apps: int


class SdkPage(Struct, frozen=True, kw_only=True):
    """One component."""

    title: str
    sdk: SdkRow
    homepage: str
    notes: str
    snapshots: list[str]
    by_snapshot: list[int]
    of_snapshot: list[int]
    """All apps by snapshot: the denominators."""
    technologies: list[WithIt]
    models: list[ModelRow]
    """Those in most apps."""
    apps: list[AppRow]
    """Some of them; the list of apps has them all."""


def _row(value: str, apps: int, packages: int, models: int) -> SdkRow:
    known = titles.sdks().get(value)
    return SdkRow(
        sdk=value,
        title=known.title if known else value,
        vendor=known.vendor if known else "",
        kind=known.kind.value if known else "",
        apps=apps,
        packages=packages,
        models=models,
    )


_COUNTED: Final = (
    "SELECT value, mark.apps, packages, coalesce(models, 0) FROM mark LEFT JOIN (SELECT sdk AS value, count(*) AS models "
    "FROM model_entry WHERE sdk IS NOT NULL GROUP BY 1) USING (value) WHERE kind = 'sdk'"
)


def make(desk: Desk, asked: Asked) -> Sdks:
    """The page of all components."""
    del asked
    apps = desk.row("SELECT apps FROM app_total")
    rows = desk.rows(f"{_COUNTED} ORDER BY packages DESC, apps DESC, value LIMIT 2000")
    return Sdks(title="SDKs", apps=apps[0] if apps else 0, sdks=[_row(*row) for row in rows])


def make_one(desk: Desk, asked: Asked) -> SdkPage:
    """The page of one component."""
    name = asked.place("sdk")
    row = desk.row(f"{_COUNTED} AND value = ?", name)
    if row is None:
        raise Missing("no such component in this study")
    sdk, known = _row(*row), titles.sdks().get(name)
    marked = dict(desk.rows("SELECT snapshot, apps FROM mark_snapshot WHERE kind = 'sdk' AND value = ?", name))
    whole = dict(desk.rows("SELECT snapshot, apps FROM verdict"))
    models = desk.rows("SELECT number FROM model_entry WHERE sdk = ? ORDER BY apps DESC, number LIMIT ?", name, _SHOWN)
    apps = desk.rows("SELECT n FROM by_sdk WHERE value = ? ORDER BY n LIMIT ?", name, _SHOWN)
    return SdkPage(
        title=sdk.title,
        sdk=sdk,
        homepage=known.homepage if known else "",
        notes=known.notes if known else "",
        snapshots=desk.snapshots(),
        by_snapshot=[marked.get(snapshot, 0) for snapshot in desk.snapshots()],
        of_snapshot=[whole.get(snapshot, 0) for snapshot in desk.snapshots()],
        technologies=[WithIt(*found) for found in desk.rows(_WITH_IT, name)],
        models=model_rows(desk, [number for (number,) in models]),
        apps=app_rows(desk, [number for (number,) in apps]),
    )


_WITH_IT: Final = (
    "SELECT technology, any_value(title), count(*) FROM technology_use WHERE sdk = ? AND counted "
    "GROUP BY technology ORDER BY 3 DESC, 1 LIMIT 50"
)

VIEW: Final = View(
    path="/sdks",
    name="sdks",
    title="SDKs",
    says="components that bring models or AI code into apps",
    template="web/sdks.html",
    make=make,
    step="models",
    section="/sdks",
)
ONE: Final = View(
    path="/sdks/{sdk}",
    name="sdk",
    title="One SDK",
    says="apps by snapshot, technologies and models that come with it",
    template="web/sdk.html",
    make=make_one,
    step="models",
    section="/sdks",
)
