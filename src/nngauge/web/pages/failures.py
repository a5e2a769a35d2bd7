"""What has no result, and what could not be read inside of apps: kinds first, then each."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nngauge.web.asked import Asked
from nngauge.web.listing import among
from nngauge.web.view import Desk, View

_ROWS: Final = 100


class ItemKind(Struct, frozen=True):
    """Packages without a result, by state and error."""

    state: str
    error: str
    packages: int


class FailedItem(Struct, frozen=True):
    """One of them."""

    id: int
    error: str
    state: str
    snapshot: str
    locator: str
    reason: str
    attempts: int
    package_id: str | None


class PartKind(Struct, frozen=True):
    """Parts of apps that could not be read, by stage and error."""

    stage: str
    error: str
    failures: int
    apps: int
    example: str | None


class FailedPart(Struct, frozen=True):
    """One of them."""

    id: int
    stage: str
    error: str
    app: str
    app_name: str
    path: str | None
    reason: str | None
    plugin: str | None


class Failures(Struct, frozen=True, kw_only=True):
    """The page."""

    title: str
    kinds: list[ItemKind]
    items: list[FailedItem]
    more_items: str
    """Address of the next part; empty: these are the last ones."""
    parts: list[PartKind] | None
    """None while they are being counted."""
    part_rows: list[FailedPart]
    more_parts: str
    error: str
    """The one that is asked for."""
    stage: str


def make(desk: Desk, asked: Asked) -> Failures:
    """The page."""
    error, stage = asked.text("error"), asked.text("stage")
    items, more_items = _items(desk, asked, error) if not stage else ([], "")
    ready = "failures" in desk.state.prepared.progress.done
    parts, more_parts = _parts(desk, asked, stage, error) if ready and stage else ([], "")
    return Failures(
        title="Failures",
        kinds=[ItemKind(*row) for row in desk.rows(_KINDS)],
        items=items,
        more_items=more_items,
        parts=[PartKind(*row) for row in desk.rows("SELECT stage, error, failures, apps, example FROM failure_kind ORDER BY failures DESC LIMIT 500")] if ready else None,
        part_rows=parts,
        more_parts=more_parts,
        error=error,
        stage=stage,
    )  # fmt: skip


_KINDS: Final = "SELECT state, error, count(*) FROM failed_item GROUP BY ALL ORDER BY 3 DESC, 1, 2 LIMIT 200"
_ITEM: Final = "id, error, state, snapshot, locator, reason, attempts, package_id"


def _items(desk: Desk, asked: Asked, error: str) -> tuple[list[FailedItem], str]:
    after = asked.number("after", 0, 2**32 - 1, 0)
    rows = desk.rows(
        f"SELECT {_ITEM} FROM failed_item WHERE id > ? AND (? = '' OR error = ?) ORDER BY id LIMIT {_ROWS + 1}",
        after,
        error,
        error,
    )
    items = [FailedItem(*row) for row in rows[:_ROWS]]
    return items, asked.href(after=items[-1].id) if len(rows) > _ROWS else ""


def _parts(desk: Desk, asked: Asked, stage: str, error: str) -> tuple[list[FailedPart], str]:
    after = asked.number("after", 0, 2**32 - 1, 0)
    rows = desk.rows(
        "SELECT id, stage, error, n, path, reason, plugin FROM failure_entry WHERE id > ? AND stage = ? AND (? = '' OR error = ?) "
        f"ORDER BY id LIMIT {_ROWS + 1}",
        after, stage, error, error,
    )  # fmt: skip
    listed = among("app_entry", "n", {row[3] for row in rows[:_ROWS]})
    apps = {
        number: (app, name)
        for number, app, name in desk.rows(
            f"SELECT n, app, coalesce(nullif(label, ''), nullif(title, ''), package_id, nullif(file, ''), left(app, 12)) FROM app_entry WHERE {listed}"
        )
    }
    parts = [FailedPart(row[0], row[1], row[2], *apps[row[3]], *row[4:]) for row in rows[:_ROWS]]
    return parts, asked.href(after=parts[-1].id) if len(rows) > _ROWS else ""


VIEW: Final = View(
    path="/failures",
    name="failures",
    title="Failures",
    says="packages without a result, and parts of apps that could not be read, with reasons",
    template="web/failures.html",
    make=make,
    step="overview",
    parameters=(
        ("error", "only those with this error"),
        ("stage", "parts of apps that failed in this stage, instead of packages"),
        ("after", "id that the list goes on behind"),
    ),
    section="/failures",
    cached=False,
)
