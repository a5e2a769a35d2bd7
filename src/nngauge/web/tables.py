"""Prepared tables: what pages of a million apps ask instead of the facts.

They are arrangements of facts, nothing else: sorted by what pages look for, so that DuckDB skips all row groups but the
ones it needs (https://duckdb.org/docs/stable/guides/performance/indexing), and counted once.
"""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct

from nngauge.compare.pairs import counted

_CODE: Final = "[try_cast(part AS HUGEINT) FOR part IN string_split(version_code, '.')]"
KEPT_WEIGHTS: Final = 6
"""Weights of each model whose sketches are kept to find relatives: the largest ones."""


SEPARATOR: Final = "\x1f"
"""Between values in one text: DuckDB fetches single rows faster when they hold no lists."""


def _joined(column: str) -> str:
    """SQL for the different values of a column as one text."""
    return f"array_to_string(list_sort(list(DISTINCT {column})), chr({ord(SEPARATOR)}))"


class Step(Struct, frozen=True):
    """Tables that are made together; pages that need them wait for it."""

    name: str
    title: str
    """What goes on, for people who wait."""
    tables: tuple[tuple[str, str], ...]
    """Name and SELECT of each, in order; names that begin with ``own_`` are the preparing session's alone."""


def _marks(kind: str) -> str:
    """SQL for the totals of one kind of mark: value, apps and packages."""
    return (
        f"SELECT '{kind}' AS kind, value, count(*) AS apps, count(DISTINCT package) AS packages "
        f"FROM by_{kind} JOIN own_number USING (n) GROUP BY value"
    )


def _marks_by_snapshot(kind: str) -> str:
    return (
        f"SELECT '{kind}' AS kind, marked.value, seen.value AS snapshot, count(*) AS apps "
        f"FROM by_{kind} AS marked JOIN by_snapshot AS seen USING (n) GROUP BY ALL"
    )


_ENTRY: Final = (
    "SELECT own_model.number, digest, name, format, model.title, model.size, completeness, parameters::DOUBLE AS parameters, "
    "model.nodes, producer, plugin, task, task_probability, modality, own_model.owner, "
    "own_model.sdk, known, likeness, own_model.apps, packages, own_network.* EXCLUDE (number), "
    "own_network.number IS NOT NULL AS analysed, "
    "if(structure IS NULL, NULL, hash(structure)) AS structure_key, if(layers IS NULL, NULL, hash(layers)) AS layers_key, "
    "if(trunk IS NULL, NULL, hash(trunk)) AS trunk_key, "
    "lower(concat_ws(' ', name, producer, known, lm_family)) AS words "
    "FROM model JOIN own_number USING (app) JOIN own_model ON own_model.number = model.number AND own_model.n = own_number.n "
    "LEFT JOIN own_packages ON own_packages.number = own_model.number "
    "LEFT JOIN own_network ON own_network.number = own_model.number"
)
"""A row for each place of a model in the first app that has it, `often`: in more than one place of it."""

KIN: Final = ("structure", "layers", "trunk")
"""Digests that models may have in common, from closest to farthest: the kinds of `model_kin`."""


def _kin(kind: int, column: str) -> str:
    return f"SELECT {kind}::UTINYINT AS kind, {column}_key AS key, number, apps FROM model_entry WHERE {column}_key IS NOT NULL"


_OVERVIEW: Final = Step(
    "overview",
    "counting packages and apps",
    (
        ("item_state", "SELECT snapshot, state, count(*) AS items FROM listing GROUP BY ALL ORDER BY ALL"),
        (
            "failed_item",
            ("SELECT row_number() OVER ()::UINTEGER AS id, * FROM (SELECT coalesce(error, '') AS error, state, snapshot, locator, "
            "coalesce(reason, '') AS reason, attempts, package_id FROM listing "
            "WHERE state IN ('failed', 'quarantined') OR (state = 'waiting' AND error IS NOT NULL) "
            "ORDER BY error, state, snapshot, locator)"),
        ),
        (
            "verdict",
            ("SELECT snapshot, count(*) AS apps, count(DISTINCT hash(platform, coalesce(package_id, app))) AS packages, "
            "count(*) FILTER (runtime_present) AS runtime, count(*) FILTER (model_present) AS model, "
            "count(*) FILTER (model_elsewhere) AS elsewhere, "
            "count(*) FILTER (runtime_present OR model_present OR model_elsewhere) AS any_of_them, "
            "count(*) FILTER (NOT complete) AS incomplete, sum(models)::BIGINT AS models, sum(model_bytes)::BIGINT AS model_bytes "
            "FROM (SELECT DISTINCT snapshot, app FROM listing WHERE state = 'done') JOIN app USING (app) "
            "GROUP BY snapshot ORDER BY snapshot"),
        ),
    ),
)  # fmt: skip

_APPS: Final = Step(
    "apps",
    "sorting apps",
    (
        (
            "own_seen",
            (
                f"SELECT app, {_joined('snapshot')} AS snapshots, regexp_extract(min(locator), '[^/]*$') AS file "
                "FROM listing WHERE state = 'done' GROUP BY app"
            ),
        ),
        (
            "own_said",
            ("SELECT package_id, max_by({'title': title, 'category': category, 'developer': developer, 'downloads': downloads}, "
            "snapshot) AS said FROM market GROUP BY package_id"),
        ),
        (
            "own_runtimes",
            (f"SELECT app, {_joined('title')} AS runtimes FROM technology "
            f"WHERE category = 'runtime' AND {counted()} GROUP BY app"),
        ),
        (
            "app_entry",
            ("SELECT row_number() OVER ()::UINTEGER AS n, * FROM ("
            "SELECT app, platform, container, package_id, version_name, version_code, label, coalesce(min_os, '') AS min_os, "
            "coalesce(target_os, '') AS target_os, signer, size, runtime_present, model_present, model_elsewhere, complete, role, "
            "models, model_bytes, library_bytes, ai_library_bytes, coalesce(snapshots, '') AS snapshots, "
            "coalesce(runtimes, '') AS runtimes, coalesce(file, '') AS file, said.title AS title, said.category AS category, said.developer AS developer, "
            "said.downloads AS downloads, hash(platform, coalesce(package_id, app)) AS package, "
            "lower(concat_ws(' ', package_id, label, said.title, said.developer, file)) AS words "
            "FROM app LEFT JOIN own_seen USING (app) LEFT JOIN own_said USING (package_id) LEFT JOIN own_runtimes USING (app) "
            f"ORDER BY package_id NULLS LAST, platform, coalesce({_CODE}, []), app)"),
        ),
        ("app_total", "SELECT count(*) AS apps, count(DISTINCT package) AS packages FROM app_entry"),
        ("own_number", "SELECT app, n, package FROM app_entry"),
        (
            "by_snapshot",
            ("SELECT snapshot AS value, n FROM (SELECT DISTINCT snapshot, app FROM listing WHERE state = 'done') "
            "JOIN own_number USING (app) ORDER BY ALL"),
        ),
        ("by_category", "SELECT category AS value, n FROM app_entry WHERE category IS NOT NULL ORDER BY ALL"),
        ("by_signer", "SELECT signer AS value, n FROM app_entry WHERE signer IS NOT NULL ORDER BY ALL"),
        ("mark", f"{_marks('snapshot')} UNION ALL {_marks('category')}"),
        ("mark_snapshot", _marks_by_snapshot("category")),
    ),
)  # fmt: skip

_TECHNOLOGIES: Final = Step(
    "technologies",
    "sorting technologies",
    (
        (
            "technology_use",
            ("SELECT technology, n, title, category, grade, presence, confidence, shipped, dead, "
            "coalesce(try_cast(versions AS VARCHAR[]), []) AS versions, "
            f"owner, sdk, used, library_bytes, host, {counted()} AS counted "
            "FROM technology JOIN own_number USING (app) ORDER BY technology, n"),
        ),
        ("by_technology", "SELECT technology AS value, n FROM technology_use WHERE counted ORDER BY ALL"),
        (
            "by_sdk",
            ("SELECT sdk AS value, n FROM (SELECT app, sdk FROM technology WHERE sdk IS NOT NULL "
            "UNION SELECT app, sdk FROM model WHERE sdk IS NOT NULL UNION SELECT app, sdk FROM library WHERE sdk IS NOT NULL) "
            "JOIN own_number USING (app) WHERE sdk <> '' ORDER BY ALL"),
        ),
        (
            "by_accelerator",
            ("SELECT accelerator AS value, n FROM (SELECT DISTINCT app, accelerator FROM acceleration) "
            "JOIN own_number USING (app) ORDER BY ALL"),
        ),
        (
            "technology_entry",
            ("SELECT technology, any_value(title) AS title, any_value(category) AS category, "
            "count(*) FILTER (counted) AS apps, count(DISTINCT package) FILTER (counted) AS packages, "
            "count(*) FILTER (NOT counted) AS not_counted, count(*) FILTER (counted AND used = 'used') AS used, "
            "count(*) FILTER (counted AND used = 'bundled') AS bundled "
            "FROM technology_use JOIN own_number USING (n) GROUP BY technology"),
        ),
        (
            "technology_version",
            ("SELECT technology, version, snapshot, count(*) AS apps FROM (SELECT technology, n, unnest(versions) AS version "
            "FROM technology_use WHERE counted) JOIN (SELECT value AS snapshot, n FROM by_snapshot) USING (n) GROUP BY ALL"),
        ),
        (
            "mark",
            f"SELECT * FROM mark UNION ALL {_marks('technology')} UNION ALL {_marks('sdk')} UNION ALL {_marks('accelerator')}",
        ),
        (
            "mark_snapshot",
            (f"SELECT * FROM mark_snapshot UNION ALL {_marks_by_snapshot('technology')} "
            f"UNION ALL {_marks_by_snapshot('sdk')} UNION ALL {_marks_by_snapshot('accelerator')}"),
        ),
    ),
)  # fmt: skip

_MODELS: Final = Step(
    "models",
    "sorting models",
    (
        (
            "model_use",
            (
                "SELECT number, n, any_value(name) AS name, any_value(owner) AS owner, any_value(sdk) AS sdk, "
                "any_value(used) AS used, count(*) AS places FROM model JOIN own_number USING (app) "
                "WHERE number IS NOT NULL GROUP BY number, n ORDER BY number, n"
            ),
        ),
        (
            "own_model",
            (
                "SELECT number, count(*) AS apps, min(n) AS n, arg_min(places, n) > 1 AS often, min(owner) AS owner, min(sdk) AS sdk "
                "FROM model_use GROUP BY number"
            ),
        ),
        (
            "own_packages",
            ("SELECT number, count(*) AS packages FROM (SELECT DISTINCT number, package FROM model_use JOIN own_number USING (n)) "
            "GROUP BY number"),
        ),
        (
            "own_network",
            ("SELECT number, any_value(COLUMNS(* EXCLUDE (app, digest, plugin, parameters, known, likeness, key, number))) "
            "FROM network WHERE number IS NOT NULL GROUP BY number"),
        ),
        (
            "model_guard",
            "SELECT number, grade, count(*) AS places FROM protection WHERE number IS NOT NULL GROUP BY ALL ORDER BY number",
        ),
        (
            "model_entry",
            f"{_ENTRY} WHERE NOT often UNION ALL (SELECT DISTINCT ON (number) * FROM ({_ENTRY} WHERE often))",
        ),
        ("model_kin", " UNION ALL ".join(_kin(place, column) for place, column in enumerate(KIN)) + " ORDER BY kind, key"),
        ("by_format", "SELECT DISTINCT format AS value, n FROM model JOIN own_number USING (app) ORDER BY ALL"),
        (
            "by_task",
            "SELECT DISTINCT task AS value, n FROM model JOIN own_number USING (app) WHERE task IS NOT NULL ORDER BY ALL",
        ),
        (
            "model_mark",
            ("SELECT 'format' AS kind, format AS value, any_value(title) AS title, count(*) AS models FROM model_entry GROUP BY format "
            "UNION ALL SELECT 'task', task, NULL, count(*) FROM model_entry WHERE task IS NOT NULL GROUP BY task "
            "UNION ALL SELECT 'modality', modality, NULL, count(*) FROM model_entry WHERE modality IS NOT NULL GROUP BY modality "
            "UNION ALL SELECT 'precision', precision, NULL, count(*) FROM model_entry WHERE precision IS NOT NULL GROUP BY precision "
            "UNION ALL SELECT 'owner', owner, NULL, count(*) FROM model_entry WHERE owner IS NOT NULL GROUP BY owner"),
        ),
        ("mark", f"SELECT * FROM mark UNION ALL {_marks('format')} UNION ALL {_marks('task')}"),
        (
            "mark_snapshot",
            f"SELECT * FROM mark_snapshot UNION ALL {_marks_by_snapshot('format')} UNION ALL {_marks_by_snapshot('task')}",
        ),
    ),
)  # fmt: skip

_FAILURES: Final = Step(
    "failures",
    "sorting failures",
    (
        (
            "failure_entry",
            ("SELECT row_number() OVER ()::UINTEGER AS id, * FROM (SELECT coalesce(stage, '') AS stage, coalesce(error, '') AS error, "
            "n, failure.path, reason, plugin FROM failure JOIN own_number USING (app) ORDER BY ALL)"),
        ),
        (
            "failure_kind",
            ("SELECT stage, error, count(*) AS failures, count(DISTINCT n) AS apps, any_value(reason) AS example "
            "FROM failure_entry GROUP BY ALL ORDER BY failures DESC"),
        ),
    ),
)  # fmt: skip

_WEIGHTS: Final = Step(
    "weights",
    "sorting sketches of weights",
    (
        (
            "weight_print",
            ("SELECT hash(out_channels, in_channels, positions) AS shape, number, elements::DOUBLE AS elements, "
            "bits_high AS high, bits_low AS low, known_high, known_low FROM ("
            "SELECT DISTINCT ON (number, tensor) number, tensor, elements, out_channels, in_channels, positions, bits_high, bits_low, "
            "known_high, known_low FROM (SELECT *, try_cast('0x' || left(digest, 16) AS UBIGINT) AS number FROM tensor "
            "WHERE known_high IS NOT NULL) WHERE number IS NOT NULL) "
            f"QUALIFY row_number() OVER (PARTITION BY number ORDER BY elements DESC, tensor) <= {KEPT_WEIGHTS} "
            "ORDER BY shape, number"),
        ),
        ("weight_owner", "SELECT number, shape, elements, high, low, known_high, known_low FROM weight_print ORDER BY number"),
        ("weight_shape", "SELECT shape, count(*) AS weights FROM weight_print GROUP BY shape"),
        (
            "layer_family",
            ("SELECT number, family, any_value(layers) AS layers, any_value(macs) AS macs, any_value(parameters) AS parameters "
            "FROM family WHERE number IS NOT NULL GROUP BY number, family ORDER BY number"),
        ),
    ),
)  # fmt: skip

STEPS: Final = (_OVERVIEW, _APPS, _FAILURES, _TECHNOLOGIES, _MODELS, _WEIGHTS)
"""In an order in which each needs only those before it."""
VERSION: Final = hashlib.blake2b(repr(STEPS).encode(), digest_size=6).hexdigest()
"""Of the definitions above: what was kept under another one is made again."""
