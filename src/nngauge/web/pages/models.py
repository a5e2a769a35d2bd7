"""All distinct models: found by words or digest, filtered, sorted."""

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
from nngauge.web.view import Desk, View

_KINDS: Final = {
    "format": "Format",
    "task": "Task",
    "modality": "Modality",
    "precision": "Precision",
    "owner": "Owner",
}
ORDERS: Final = {
    "apps": Order("Apps", "apps"),
    "size": Order("Size", "coalesce(size, -1)"),
    "parameters": Order("Parameters", "coalesce(parameters, -1)"),
    "macs": Order("MACs", "coalesce(macs, -1)"),
    "peak_bytes": Order("Peak memory", "coalesce(peak_bytes, -1)"),
}
COLUMNS: Final = (
    "digest, name, format, title, size, parameters, macs, macs_formula, peak_bytes, precision, task, task_probability, modality, "
    "owner, sdk, known, apps, packages, lm_family"
)
_PREFIX: Final = re.compile(r"[0-9a-f]{6,64}")


class ModelRow(Struct, frozen=True, kw_only=True):
    """One distinct model in a list."""

    digest: str
    """SHA-256: its address is ``/models/`` and this."""
    name: str | None
    format: str
    title: str
    """The format for people."""
    size: int | None
    parameters: float | None
    macs: int | None
    macs_formula: str | None
    peak_bytes: int | None
    precision: str | None
    task: str | None
    task_probability: float | None
    modality: str | None
    owner: str | None
    sdk: str | None
    known: str | None
    """Published model that it is, or was made from."""
    apps: int
    packages: int
    lm_family: str | None

    @property
    def shown_task(self) -> str | None:
        """The task for people; None when it is not known."""
        return titles.tasks().get(self.task or "")


class Models(Struct, frozen=True, kw_only=True):
    """The page."""

    title: str
    total: int
    """Models that meet the conditions."""
    whole: int
    """All distinct models."""
    models: list[ModelRow]
    words: str
    filters: list[Filter]
    sorts: list[SortLink]
    pages: Pages


def model_rows(desk: Desk, keys: list[int]) -> list[ModelRow]:
    """The models with these numbers."""
    return [ModelRow(**row) for row in rows_of(desk, "model_entry", "number", COLUMNS, keys)]


def number_of(digest: str) -> int:
    """The first 64 bits of a SHA-256."""
    return int(digest[:16], 16)


def make(desk: Desk, asked: Asked) -> Models:
    """The page."""
    chosen = {name: asked.text(name) for name in (*_KINDS, "grade", "sdk")}
    sort = asked.choice("sort", tuple(ORDERS), "apps")
    rows = asked.number("rows", 1, MOST_ROWS, ROWS)
    after, before = (number_of(key) if (key := asked.key(name)) else None for name in ("after", "before"))
    conditions = [*_found(asked.words("q")), *_conditions(chosen)]
    found = slice_of(desk, "model_entry", "number", conditions, ORDERS[sort], after=after, before=before, rows=rows)
    models = model_rows(desk, found.keys)
    whole = desk.row("SELECT count(*) FROM model_entry")
    return Models(
        title="Models",
        total=found.total,
        whole=whole[0] if whole else 0,
        models=models,
        words=asked.text("q"),
        filters=_filters(desk, chosen),
        sorts=sort_links(asked, ORDERS, sort),
        pages=pages_around(asked, found, [item.digest for item in models]),
    )


def _found(words: list[str]) -> list[Condition]:
    """A word of six or more hexadecimal digits is the beginning of a digest, too."""
    found = []
    for word in words:
        if _PREFIX.fullmatch(word):
            least, most = word[:16].ljust(16, "0"), word[:16].ljust(16, "f")
            found.append(
                Condition(
                    "(number BETWEEN ? AND ? AND starts_with(digest, ?)) OR contains(words, ?)",
                    (int(least, 16), int(most, 16), word, word),
                )
            )
        else:
            found.append(Condition("contains(words, ?)", (word,)))
    return found


def _conditions(chosen: dict[str, str]) -> list[Condition]:
    found = [Condition(f"{kind} = ?", (chosen[kind],)) for kind in _KINDS if chosen[kind]]
    if chosen["sdk"]:
        found.append(Condition("sdk = ?", (chosen["sdk"],)))
    if chosen["grade"]:
        found.append(Condition("number IN (SELECT number FROM model_guard WHERE grade = ?)", (chosen["grade"],)))
    return found


def _filters(desk: Desk, chosen: dict[str, str]) -> list[Filter]:
    choices: dict[str, list[Choice]] = {}
    names = titles.tasks()
    rows: list[tuple[Any, ...]] = desk.rows(
        "SELECT kind, value, title, models FROM model_mark ORDER BY models DESC, value"
    )
    for kind, value, title, models in rows:
        choices.setdefault(kind, []).append(
            Choice(value, title or (names.get(value) if kind == "task" else None) or value, models)
        )
    grades = desk.rows("SELECT grade, count(DISTINCT number) FROM model_guard GROUP BY 1 ORDER BY 2 DESC")
    choices["grade"] = [Choice(grade, grade, models) for grade, models in grades]
    sdks = desk.rows(
        "SELECT sdk, count(*) FROM model_entry WHERE sdk IS NOT NULL AND sdk <> '' GROUP BY 1 ORDER BY 2 DESC LIMIT 200"
    )
    choices["sdk"] = [Choice(name, titles.sdk_title(name), models) for name, models in sdks]
    return filters(chosen, {**_KINDS, "grade": "Protection", "sdk": "Comes with"}, choices)


VIEW: Final = View(
    path="/models",
    name="models",
    title="Models",
    says="distinct models by words in name, producer or published model, or by the beginning of their SHA-256",
    template="web/models.html",
    make=make,
    step="models",
    parameters=(
        ("q", "words, all of which are in name, producer, published model or language model family, or begin the SHA-256"),
        *((name, f"{title}: its id or value") for name, title in _KINDS.items()),
        ("grade", "grade of protection, where the study was audited"),
        ("sdk", "component that it comes with: its id"),
        ("sort", ", ".join(ORDERS)),
        ("rows", f"1 to {MOST_ROWS}; {ROWS} unless said"),
        ("after, before", "SHA-256 of the model that the list goes on behind, or ends in front of"),
    ),
    section="/models",
)  # fmt: skip
