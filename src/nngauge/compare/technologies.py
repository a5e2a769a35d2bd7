"""Technologies, SDKs and accelerators of two snapshots: adopted, dropped, switched, of another version."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nngauge.compare.pairs import MEMBER, counted
from nngauge.compare.version_order import version_change
from nngauge.domain.detection import Category
from nngauge.domain.snapshot_difference import ChangeKind, Shift, Switch, VersionMove
from nngauge.store.warehouse import Warehouse

TECHNOLOGY: Final = "snapshot_technology"
"""Kept table: one technology in one pair, with what both sides say (`first` and `second`: is it there?)."""
MOVE: Final = "snapshot_move"
"""Kept table: technology, first_versions, second_versions, kind: which changes of versions are upgrades."""
SWITCH: Final = "snapshot_switch"
"""Kept table: pair, family, dropped and adopted (lists of technologies)."""
SDK: Final = "snapshot_sdk"
ACCELERATOR: Final = "snapshot_accelerator"

NETWORKS: Final = "neural networks"
"""Family of all runtimes that `FAMILIES` does not name."""
FAMILIES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("llama-cpp", "litert-lm", "mlc-llm", "webllm", "onnxruntime-genai", "cactus", "mlx"), "language models"),
    **dict.fromkeys(("kaldi", "whisper-cpp", "sherpa-onnx", "sherpa-ncnn"), "speech"),
    **dict.fromkeys(("xgboost", "lightgbm", "catboost"), "decision trees"),
}  # fmt: skip
"""Runtimes whose models are of a kind that the general runtimes' are not: leaving one for another is a switch, leaving it
for a general one is not."""


def compare_technologies(facts: Warehouse) -> tuple[Shift, ...]:
    """Makes `TECHNOLOGY`, `MOVE` and `SWITCH`; totals of each technology, most common first."""
    fields = ("versions", "grade", "used", "shipped", "library_bytes")
    sides = ", ".join(
        f"{side}.{name} AS {word}_{name}" for side, word in (("one", "first"), ("other", "second")) for name in fields
    )
    facts.keep(
        f"{TECHNOLOGY}_side",
        f"SELECT pair, side, kept, technology, title, category, {', '.join(fields)} "
        f"FROM technology JOIN {MEMBER} USING (app) WHERE {counted()}",
    )
    facts.keep(
        TECHNOLOGY,
        "SELECT pair, technology, coalesce(one.kept, other.kept) AS kept, coalesce(other.title, one.title) AS title, "
        "coalesce(other.category, one.category) AS category, one.pair IS NOT NULL AS first, "
        f"other.pair IS NOT NULL AS second, {sides} FROM (FROM {TECHNOLOGY}_side WHERE side = 1) AS one "
        f"FULL JOIN (FROM {TECHNOLOGY}_side WHERE side = 2) AS other USING (pair, technology)",
    )
    _keep_moves(facts)
    _keep_switches(facts)
    rows = facts.ask(
        f"SELECT technology, any_value(title), any_value(category), {_COUNTS}, "
        "count(*) FILTER (kind = 'upgraded'), count(*) FILTER (kind = 'downgraded'), "
        "count(*) FILTER (kind = 'version changed') "
        f"FROM {TECHNOLOGY} LEFT JOIN {MOVE} USING (technology, first_versions, second_versions) "
        "GROUP BY technology ORDER BY greatest(count(*) FILTER (first), count(*) FILTER (second)) DESC, technology"
    ).rows
    return tuple(_shift(row) for row in rows)


_COUNTS: Final = (
    "count(*) FILTER (first), count(*) FILTER (second), count(*) FILTER (kept AND first AND second), "
    "count(*) FILTER (kept AND NOT first), count(*) FILTER (kept AND NOT second), "
    "count(*) FILTER (NOT kept AND second), count(*) FILTER (NOT kept AND first)"
)


def _shift(row: Sequence[Any]) -> Shift:
    subject, title, category, before, after, kept, adopted, dropped, new, gone, *versions = row
    upgraded, downgraded, changed = versions or (0, 0, 0)
    return Shift(
        subject=subject, title=title or subject, category=category or "", before=before, after=after, kept=kept,
        adopted=adopted, dropped=dropped, new=new, gone=gone, upgraded=upgraded, downgraded=downgraded,
        version_changed=changed,
    )  # fmt: skip


# --- versions -----------------------------------------------------------------------------------------------------------


def _keep_moves(facts: Warehouse) -> None:
    rows = facts.ask(
        f"SELECT DISTINCT technology, first_versions, second_versions FROM {TECHNOLOGY} "
        "WHERE kept AND first AND second AND first_versions <> second_versions"
    ).rows
    moves = [(*row, kind) for row in rows if (kind := version_change(_listed(row[1]), _listed(row[2]))) is not None]
    facts.keep(
        MOVE,
        "SELECT unnest(?1::VARCHAR[]) AS technology, unnest(?2::VARCHAR[]) AS first_versions, "
        "unnest(?3::VARCHAR[]) AS second_versions, unnest(?4::VARCHAR[]) AS kind",
        [[row[at] for row in moves] for at in range(4)],
    )


def version_moves(facts: Warehouse, most: int) -> tuple[VersionMove, ...]:
    """The `most` frequent moves from versions to versions."""
    rows = facts.ask(
        f"SELECT technology, first_versions, second_versions, kind, count(*) FROM {TECHNOLOGY} "
        f"JOIN {MOVE} USING (technology, first_versions, second_versions) WHERE kept GROUP BY ALL "
        "ORDER BY count(*) DESC, 1, 2, 3 LIMIT ?",
        (most,),
    ).rows
    return tuple(
        VersionMove(
            technology=technology, first=_listed(first), second=_listed(second), kind=ChangeKind(kind), packages=packages
        )
        for technology, first, second, kind, packages in rows
    )  # fmt: skip


def _listed(versions: str) -> tuple[str, ...]:
    return tuple(json.loads(versions))


# --- switches -----------------------------------------------------------------------------------------------------------


def _keep_switches(facts: Warehouse) -> None:
    """Only code that can run counts: classes without their library are no runtime that was left."""
    runtime = f"coalesce(family, CASE category WHEN '{Category.RUNTIME.value}' THEN '{NETWORKS}' END)"
    facts.keep(
        SWITCH,
        f"SELECT pair, {runtime} AS family, list_sort(list(technology) FILTER (first_shipped)) AS dropped, "
        f"list_sort(list(technology) FILTER (second_shipped)) AS adopted FROM {TECHNOLOGY} "
        "LEFT JOIN (SELECT unnest(?1::VARCHAR[]) AS technology, unnest(?2::VARCHAR[]) AS family) USING (technology) "
        "WHERE kept AND coalesce(first_shipped, false) <> coalesce(second_shipped, false) GROUP BY 1, 2 "
        "HAVING family IS NOT NULL AND bool_or(first_shipped) AND bool_or(second_shipped)",
        ([*FAMILIES], [*FAMILIES.values()]),
    )


def switches(facts: Warehouse) -> tuple[Switch, ...]:
    """Who was left for whom, most frequent first."""
    rows = facts.ask(
        f"SELECT family, dropped, adopted, count(*) FROM {SWITCH} GROUP BY ALL ORDER BY count(*) DESC, 1, 2, 3"
    ).rows
    return tuple(
        Switch(family=family, dropped=tuple(dropped), adopted=tuple(adopted), packages=packages)
        for family, dropped, adopted, packages in rows
    )


# --- SDKs and accelerators ----------------------------------------------------------------------------------------------


def compare_sdks(facts: Warehouse) -> tuple[Shift, ...]:
    """Makes `SDK`; totals of every component that brings a technology, a model or a library with AI in it.

    Runtimes that count as their own component are left out: they are among the technologies.
    """
    brought = " UNION ALL ".join((
        f"SELECT app, sdk FROM technology WHERE {counted()} AND sdk IS NOT NULL",
        "SELECT app, sdk FROM model WHERE sdk IS NOT NULL",
        "SELECT app, sdk FROM library WHERE sdk IS NOT NULL AND technologies <> ''",
    ))  # fmt: skip
    itself = f"SELECT DISTINCT technology FROM technology WHERE category <> '{Category.SDK.value}'"
    facts.keep(
        SDK,
        "SELECT pair, sdk, any_value(kept) AS kept, bool_or(side = 1) AS first, bool_or(side = 2) AS second "
        f"FROM (SELECT * FROM ({brought}) WHERE sdk NOT IN ({itself})) JOIN {MEMBER} USING (app) GROUP BY pair, sdk",
    )
    return _shifts(facts, SDK, "sdk", "sdk, ''")


def compare_accelerators(facts: Warehouse) -> tuple[Shift, ...]:
    """Makes `ACCELERATOR`; totals of every accelerator that is asked for or shipped."""
    outcomes = ", ".join(
        f"list_sort(list(DISTINCT outcome) FILTER (side = {side})) AS {word}_outcome"
        for side, word in ((1, "first"), (2, "second"))
    )
    facts.keep(
        ACCELERATOR,
        "SELECT pair, accelerator, any_value(kept) AS kept, any_value(title) AS title, any_value(hardware) AS hardware, "
        f"bool_or(side = 1) AS first, bool_or(side = 2) AS second, {outcomes} "
        f"FROM acceleration JOIN {MEMBER} USING (app) GROUP BY pair, accelerator",
    )
    return _shifts(facts, ACCELERATOR, "accelerator", "any_value(title), any_value(hardware)")


def _shifts(facts: Warehouse, table: str, subject: str, words: str) -> tuple[Shift, ...]:
    rows = facts.ask(
        f"SELECT {subject}, {words}, {_COUNTS} FROM {table} GROUP BY {subject} "
        f"ORDER BY greatest(count(*) FILTER (first), count(*) FILTER (second)) DESC, {subject}"
    ).rows
    return tuple(_shift(row) for row in rows)
