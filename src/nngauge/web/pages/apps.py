"""All apps: found by words, filtered, sorted."""

from __future__ import annotations

import re
from typing import Any, Final

from msgspec import Struct

from nngauge.web import titles
from nngauge.web.asked import Asked
from nngauge.web.listing import (
    MOST_ROWS,
    ROWS,
    Choice,
    Condition,
    Filter,
    Order,
    Pages,
    SortLink,
    filters,
    pages_around,
    rows_of,
    slice_of,
    sort_links,
)
from nngauge.web.tables import SEPARATOR
from nngauge.web.view import Desk, View

_KINDS: Final = {
    "snapshot": "Snapshot",
    "technology": "Technology",
    "sdk": "SDK",
    "format": "Model format",
    "task": "Task of a model",
    "category": "Category in the store",
    "accelerator": "Accelerator",
}
"""Filters that are values of an app; each has a prepared table ``by_…``."""
_VERDICTS: Final = {
    "runtime": ("Runtime present", "runtime_present"),
    "model": ("Model present", "model_present"),
    "elsewhere": ("Model elsewhere", "model_elsewhere"),
    "any": ("Any of the three", "runtime_present OR model_present OR model_elsewhere"),
    "none": ("No AI found", "NOT (runtime_present OR model_present OR model_elsewhere)"),
    "runtime-only": ("Runtime, no model", "runtime_present AND NOT model_present"),
}
ORDERS: Final = {
    "package": Order("Package", "n", falling=False),
    "size": Order("Size", "coalesce(size, -1)"),
    "models": Order("Models", "coalesce(models, -1)"),
    "model_bytes": Order("Bytes of models", "coalesce(model_bytes, -1)"),
    "library_bytes": Order("AI libraries", "coalesce(ai_library_bytes, -1)"),
    "downloads": Order("Downloads", "coalesce(downloads, -1)"),
}
_PREFIX: Final = re.compile(r"[0-9a-f]{8,64}")
COLUMNS: Final = (
    "app, platform, file, package_id, version_name, version_code, label, title, category, developer, downloads, snapshots, runtimes, "
    "size, runtime_present AS runtime, model_present AS model, model_elsewhere AS elsewhere, complete, models, model_bytes, "
    "ai_library_bytes"
)


class AppRow(Struct, frozen=True, kw_only=True):
    """One app in a list."""

    app: str
    """SHA-256: its address is ``/apps/`` and this."""
    platform: str
    file: str
    """Name of one of its packages."""
    package_id: str | None
    version_name: str | None
    version_code: str | None
    label: str | None
    title: str | None
    """In the store."""
    category: str | None
    developer: str | None
    downloads: int | None
    snapshots: list[str]
    runtimes: list[str]
    size: int | None
    runtime: bool
    model: bool
    elsewhere: bool
    complete: bool
    models: int | None
    model_bytes: int | None
    ai_library_bytes: int | None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.label or self.title or self.package_id or self.file or self.app[:12]


class Apps(Struct, frozen=True, kw_only=True):
    """The page."""

    title: str
    total: int
    """Apps that meet the conditions."""
    whole: int
    """All apps of the study."""
    apps: list[AppRow]
    words: str
    filters: list[Filter]
    sorts: list[SortLink]
    pages: Pages


def app_rows(desk: Desk, keys: list[int]) -> list[AppRow]:
    """The apps with these numbers."""
    return [
        AppRow(**{**row, **{name: split(row[name]) for name in ("snapshots", "runtimes")}})
        for row in rows_of(desk, "app_entry", "n", COLUMNS, keys)
    ]


def split(text: str) -> list[str]:
    """The values of a text with `SEPARATOR`."""
    return text.split(SEPARATOR) if text else []


def make(desk: Desk, asked: Asked) -> Apps:
    """The page."""
    chosen = {name: asked.text(name) for name in (*_KINDS, "platform")}
    chosen["verdict"] = asked.choice("verdict", tuple(_VERDICTS))
    sort = asked.choice("sort", tuple(ORDERS), "package")
    rows = asked.number("rows", 1, MOST_ROWS, ROWS)
    after, before = _number(desk, asked.key("after")), _number(desk, asked.key("before"))
    found = slice_of(
        desk, "app_entry", "n", _conditions(asked, chosen), ORDERS[sort], after=after, before=before, rows=rows
    )
    apps = app_rows(desk, found.keys)
    whole = desk.row("SELECT apps FROM app_total")
    return Apps(
        title="Apps",
        total=found.total,
        whole=whole[0] if whole else 0,
        apps=apps,
        words=asked.text("q"),
        filters=_filters(desk, chosen),
        sorts=sort_links(asked, ORDERS, sort),
        pages=pages_around(asked, found, [item.app for item in apps]),
    )


def _number(desk: Desk, app: str) -> int | None:
    row = desk.row("SELECT n FROM app_entry WHERE app = ?", app) if app else None
    return row[0] if row else None


def _conditions(asked: Asked, chosen: dict[str, str]) -> list[Condition]:
    found = [_found(word) for word in asked.words("q")]
    found += [
        Condition(f"n IN (SELECT n FROM by_{kind} WHERE value = ?)", (chosen[kind],)) for kind in _KINDS if chosen[kind]
    ]
    if chosen["verdict"]:
        found.append(Condition(_VERDICTS[chosen["verdict"]][1]))
    if chosen["platform"]:
        found.append(Condition("platform = ?", (chosen["platform"],)))
    return found


def _found(word: str) -> Condition:
    """Eight or more hexadecimal digits may begin a digest, too."""
    if not _PREFIX.fullmatch(word):
        return Condition("contains(words, ?)", (word,))
    return Condition("contains(words, ?) OR starts_with(app, ?) OR starts_with(signer, ?)", (word, word, word))


def _filters(desk: Desk, chosen: dict[str, str]) -> list[Filter]:
    choices: dict[str, list[Choice]] = {"verdict": [Choice(name, title) for name, (title, _) in _VERDICTS.items()]}
    named = _named(desk)
    for kind, value, apps in _counts(desk, chosen["snapshot"]):
        title = named.get((kind, value), value)
        choices.setdefault(kind, []).append(Choice(value, title, apps))
    platforms = desk.rows("SELECT platform, count(*) FROM app_entry GROUP BY 1 ORDER BY 2 DESC")
    if len(platforms) > 1:
        choices["platform"] = [Choice(name, name, apps) for name, apps in platforms]
    choices["snapshot"] = sorted(choices.get("snapshot", []), key=lambda choice: choice.value)
    return filters(chosen, {"verdict": "Verdict", **_KINDS, "platform": "Platform"}, choices)


def _counts(desk: Desk, snapshot: str) -> list[tuple[Any, ...]]:
    """Apps by kind and value: of the study, or of one snapshot."""
    if not snapshot:
        return desk.rows("SELECT kind, value, apps FROM mark ORDER BY apps DESC, value")
    return desk.rows(
        "SELECT kind, value, apps FROM mark_snapshot WHERE snapshot = ? "
        "UNION ALL SELECT kind, value, apps FROM mark WHERE kind = 'snapshot' ORDER BY apps DESC, value",
        snapshot,
    )


def _named(desk: Desk) -> dict[tuple[str, str], str]:
    """Titles of what facts call by ids."""
    ready = desk.state.prepared.progress.done
    found = {("task", name): title for name, title in titles.tasks().items()}
    found |= {("sdk", name): sdk.title for name, sdk in titles.sdks().items()}
    if "technologies" in ready:
        rows = desk.rows("SELECT technology, title FROM technology_entry")
        found |= {("technology", name): title for name, title in rows}
    if "models" in ready:
        rows = desk.rows("SELECT value, title FROM model_mark WHERE kind = 'format'")
        found |= {("format", name): title for name, title in rows}
    return found


VIEW: Final = View(
    path="/apps",
    name="apps",
    title="Apps",
    says="apps by words in package, label, developer, signer or SHA-256, filtered and sorted",
    template="web/apps.html",
    make=make,
    step="models",
    parameters=(
        (
            "q",
            "words, all of which are in package id, label, store title, developer or file name, or begin the signer or the SHA-256",
        ),
        ("verdict", ", ".join(_VERDICTS)),
        *((name, f"{title}: its id or value") for name, title in _KINDS.items()),
        ("platform", "android or ios"),
        ("sort", ", ".join(ORDERS)),
        ("rows", f"1 to {MOST_ROWS}; {ROWS} unless said"),
        ("after, before", "SHA-256 of the app that the list goes on behind, or ends in front of"),
    ),
    section="/apps",
)
