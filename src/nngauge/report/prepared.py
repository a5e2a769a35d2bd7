"""Tables that questions of reports build on: singular names are facts, plural names are these.

They are made when the first question needs them, once for all reports. What is printed beside an answer is one SELECT
with their definitions in front, so that anyone can ask it again.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from nngauge.domain.evidence import Confidence
from nngauge.domain.measurement import Doubt
from nngauge.domain.technology import Grade

_CODE: Final = "[try_cast(part AS HUGEINT) FOR part IN string_split(app.version_code, '.')]"
_NOT_INSIDE: Final = ", ".join(f"'{grade.value}'" for grade in (Grade.MODELS, Grade.DEAD))


_MODELS: Final = (
    "SELECT snapshot, nth, latest, package, edition, model.number, model.format, model.title, model.size, model.parameters, "
    "model.nodes, model.completeness, model.task, model.task_probability, model.modality, model.owner, model.sdk, model.known, "
    "model.likeness, model.used, editions.role, editions.category FROM editions JOIN model USING (app)"
)
"""Models of editions, those in several places of one several times."""
_CONFIGURATION: Final = (
    "CASE threads WHEN 1 THEN '1 thread' ELSE threads || ' threads' END || CASE batch WHEN 1 THEN '' ELSE ', batch ' || batch END "
    "|| CASE cores WHEN '' THEN '' ELSE ', cores ' || cores END"
)
_PLACE: Final = (
    "device_name || ', ' || CASE WHEN unit IN ('gpu', 'npu') THEN upper(unit) ELSE threads || ' ' || unit || "
    "CASE threads WHEN 1 THEN '' ELSE 's' END END"
)
_BACK_END: Final = "engine || CASE delegate WHEN '' THEN '' ELSE ' (' || delegate || ')' END"


class Prepared(Struct, frozen=True):
    """One such table: name, what its rows are, and the SELECT that makes it."""

    name: str
    meaning: str
    sql: str


SNAPSHOTS: Final = "snapshots"
"""Made by `Corpus` from the snapshots that were asked for: snapshot, nth (from 1), latest."""

PREPARED: Final = (
    Prepared(
        "sightings",
        "one row a snapshot and app with a result: snapshot, nth, latest, package (platform and application id; the app's "
        "digest where it tells none), app, code",
        f"SELECT DISTINCT snapshot, nth, latest, coalesce(app.platform || ' ' || app.package_id, app.app) AS package, app.app, "
        f"coalesce({_CODE}, []) AS code FROM listing JOIN snapshots USING (snapshot) JOIN app ON app.app = listing.app "
        "WHERE listing.state = 'done'",
    ),
    Prepared(
        "chosen",
        "one row a snapshot and package: snapshot, nth, latest, package, and the app with the highest version code",
        "SELECT snapshot, nth, latest, package, app FROM (SELECT nth, package, any_value(snapshot) AS snapshot, "
        "any_value(latest) AS latest, any_value(app) AS app, count(*) AS apps FROM sightings GROUP BY nth, package) WHERE apps = 1 "
        "UNION ALL SELECT any_value(snapshot), nth, any_value(latest), package, arg_max(app, {'code': code, 'app': app}) "
        "FROM sightings SEMI JOIN (SELECT nth, package FROM sightings GROUP BY nth, package HAVING count(*) > 1) "
        "USING (nth, package) GROUP BY nth, package",
    ),
    Prepared(
        "editions",
        "one row a snapshot and package: edition (a number), all columns of `chosen` and of `app`, those of `market` for "
        "that snapshot, and `kind`: 'runtime and model', 'runtime only', 'model only', 'elsewhere only' or 'no AI'",
        "SELECT chosen.snapshot, nth, latest, package, hash(chosen.snapshot, package) AS edition, app.*, "
        "CASE WHEN runtime_present AND model_present THEN 'runtime and model' WHEN runtime_present THEN 'runtime only' "
        "WHEN model_present THEN 'model only' WHEN model_elsewhere THEN 'elsewhere only' ELSE 'no AI' END AS kind, "
        "market.category, market.chart, market.rank, market.downloads, market.rating, market.ratings, market.reviews, "
        "market.developer, coalesce(market.developer_id, market.developer) AS developer_id, market.free, "
        "market.package_id IS NOT NULL AS in_market FROM chosen JOIN app ON app.app = chosen.app "
        "LEFT JOIN market ON market.snapshot = chosen.snapshot AND market.package_id = app.package_id",
    ),
    Prepared(
        "technologies",
        "one row an edition and technology that is inside it (possible ones, dead ones and those of model files alone are "
        "not): snapshot, nth, latest, package, edition, and all columns of `technology`",
        "SELECT snapshot, nth, latest, package, edition, technology.* FROM editions JOIN technology USING (app) "
        f"WHERE confidence <> '{Confidence.POSSIBLE.value}' AND grade NOT IN ({_NOT_INSIDE})",
    ),
    Prepared(
        "repeats",
        "one row an edition and model that lies in several places of it: edition, number",
        "SELECT edition, number FROM editions JOIN model USING (app) GROUP BY edition, number HAVING count(*) > 1",
    ),
    Prepared(
        "models",
        "one row an edition and model in it: snapshot, nth, latest, package, edition, number (the model), format, size, "
        "parameters, nodes, completeness, task, modality, owner, sdk, known, likeness, used, role (of the app), category",
        f"{_MODELS} ANTI JOIN repeats USING (edition, number) "
        f"UNION ALL (SELECT DISTINCT ON (edition, number) * FROM ({_MODELS} SEMI JOIN repeats USING (edition, number)) "
        "ORDER BY edition, number, owner, task)",
    ),
    Prepared(
        "owned_models",
        "one row an edition and owner of models in it: nth, edition, owner (unknown where nobody asked), copies: how many models",
        "SELECT any_value(nth) AS nth, edition, coalesce(owner, 'unknown') AS owner, count(*) AS copies FROM models "
        "GROUP BY edition, coalesce(owner, 'unknown')",
    ),
    Prepared(
        "distinct_models",
        "one row a snapshot and distinct model: all columns of `models` as one package tells them, one that has it as its own if "
        "there is any, and packages: how many have it",
        "SELECT models.*, packages FROM models JOIN (SELECT number, count(*) AS packages, "
        "coalesce(min(edition) FILTER (owner = 'app'), min(edition)) AS edition FROM models GROUP BY nth, number) AS first "
        "USING (edition, number)",
    ),
    Prepared(
        "measurements",
        "one row a distinct model of the latest snapshot, device and configuration: the last measurement (with energy, if any) that was timed and is no "
        "faster than the processor can be, all columns of `measurement`, and back_end (engine and delegate), runs_on (device, back "
        "end, threads …), seconds (of one input, steady), wall_seconds (the same by the clock), task, modality, size, packages",
        f"SELECT DISTINCT ON (number, device_name, engine, delegate, library, threads, batch, cores) measurement.*, "
        f"{_BACK_END} AS back_end, device_name || ', ' || {_BACK_END} || ', ' || {_CONFIGURATION} AS runs_on, "
        "measurement.steady_seconds / batch AS seconds, wall / batch AS wall_seconds, task, modality, size, packages FROM measurement "
        "JOIN (SELECT session, nth, median(steady_seconds) AS wall FROM launch GROUP BY ALL) USING (session, nth) "
        "JOIN (SELECT number, task, modality, size, packages FROM distinct_models WHERE latest) USING (number) "
        f"WHERE measurement.steady_seconds > 0 AND NOT contains(doubts, '{Doubt.BELOW_FLOOR.value}') "
        "ORDER BY number, device_name, engine, delegate, library, threads, batch, cores, joules_mde IS NULL, started DESC, session",
    ),
    Prepared(
        "compressions",
        "one row a distinct model of the latest snapshot with a compression table: the last one, all columns of `compression`, and "
        "task, modality, packages",
        "SELECT DISTINCT ON (number) compression.*, task, modality, packages FROM compression "
        "JOIN (SELECT number, task, modality, packages FROM distinct_models WHERE latest) USING (number) ORDER BY number, made DESC, file",
    ),
    Prepared(
        "compressed_versions",
        "one row such a model and version of fewer bits: all columns of `compression_row`, and version (bits and scheme), told (agreement "
        "of versions that changed), packed (packed size ÷ shipped size), shipped_bytes, shipped_deflated, task, packages",
        "SELECT compression_row.*, bits || ' bit ' || scheme AS version, CASE WHEN NOT identical THEN agreement END AS told, "
        "packed_bytes / nullif(shipped_bytes, 0) AS packed, shipped_bytes, shipped_deflated, task, packages FROM compression_row "
        "JOIN (SELECT file, shipped_bytes, shipped_deflated, task, packages FROM compressions) USING (file) WHERE bits IS NOT NULL",
    ),
    Prepared(
        "estimates_last",
        "one row a distinct model and place that estimates were asked about: number, device, unit (any: nothing is known of it), threads, "
        "last (when it was answered last, and in which file)",
        "SELECT number, device, unit, threads, max({'made': made, 'file': file}) AS last FROM (SELECT number, device, unit, threads, "
        "made, file FROM estimate UNION ALL SELECT number, coalesce(device, 'any'), coalesce(unit, 'any'), coalesce(threads, 1), made, file "
        "FROM estimate_refusal WHERE quantity = 'latency') GROUP BY ALL",
    ),
    Prepared(
        "estimates",
        "one row a distinct model of the latest snapshot and place: the last estimate if it is no refusal, all columns of `estimate`, and "
        "place (phone and unit), task, modality, size, packages. Nothing in it is measured",
        f"SELECT DISTINCT ON (number, device, unit, threads) estimate.*, {_PLACE} AS place, task, modality, size, packages FROM estimate "
        "JOIN estimates_last USING (number, device, unit, threads) "
        "JOIN (SELECT number, task, modality, size, packages FROM distinct_models WHERE latest) USING (number) "
        "WHERE made = last.made AND file = last.file ORDER BY number, device, unit, threads",
    ),
    Prepared(
        "estimates_refused",
        "one row a distinct model of the latest snapshot and place whose last answer is a refusal: number, device, unit (any: the study "
        "does not have its layers), threads, kind, reason, hint, packages",
        "SELECT DISTINCT ON (number, device, unit, threads) * FROM (SELECT number, coalesce(device, 'any') AS device, "
        "coalesce(unit, 'any') AS unit, coalesce(threads, 1) AS threads, kind, reason, hint, packages, made, file FROM estimate_refusal "
        "JOIN (SELECT number, packages FROM distinct_models WHERE latest) USING (number) WHERE quantity = 'latency') "
        "JOIN estimates_last USING (number, device, unit, threads) WHERE made = last.made AND file = last.file "
        "AND (unit <> 'any' OR number NOT IN (SELECT number FROM estimates_last WHERE unit <> 'any')) "
        "ORDER BY number, device, unit, threads",
    ),
    Prepared(
        "reaches",
        "one row a distinct model of the latest snapshot and budget: the last answer, all columns of `reach`, and task, packages",
        "SELECT DISTINCT ON (number, budget_seconds) reach.*, task, packages FROM reach "
        "JOIN (SELECT number, task, packages FROM distinct_models WHERE latest) USING (number) "
        "ORDER BY number, budget_seconds, made DESC, file DESC",
    ),
)  # fmt: skip
"""In an order in which each needs only those before it (and `snapshots`)."""


def used_in(sql: str) -> tuple[Prepared, ...]:
    """The prepared tables that a question needs, those that they need included, in the order they are made."""
    needed: list[Prepared] = []
    texts = [sql]
    for table in reversed(PREPARED):
        if any(re.search(rf"\b{table.name}\b", text) for text in texts):
            needed.append(table)
            texts.append(table.sql)
    return tuple(reversed(needed))
