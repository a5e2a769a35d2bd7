"""From a result to rows of facts, in the order of the schema's columns."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan

Row = tuple[Any, ...]


class StoredResult(Struct, frozen=True, omit_defaults=True):
    """A result as it is kept: one of the two."""

    scan: Scan | None = None
    failure: Failure | None = None


def rows_of(app: str, key: str, result: StoredResult) -> dict[str, list[Row]]:
    """Rows by table of one app's result. A package that failed as a whole has a failure and a document, no `app` row."""
    document = [(app, key, msgspec.json.encode(result).decode())]
    if result.scan is None:
        failures = [_failure(app, result.failure)] if result.failure is not None else []
        return {"failure": failures, "document": document}
    scan = result.scan
    return {
        "app": [_app(app, scan)],
        "detection": [
            (
                app, item.technology, item.title, item.category, item.presence, item.confidence, item.version, item.host,
                item.abi, item.library_bytes, item.evidence[0].location.path, item.evidence_count,
            )
            for item in scan.detections
        ],
        "library": [
            (app, item.location.path, item.size, item.abi, item.soname, item.build_id, ",".join(item.technologies))
            for item in scan.libraries
        ],
        "model": [_model(app, item) for item in scan.models],
        "candidate": [
            (app, *_place(item.location, item.size), item.suspicion, ",".join(item.formats), item.reason)
            for item in scan.candidates
        ],
        "failure": [_failure(app, item) for item in scan.failures],
        "anomaly": [(app, item.kind, item.location.path, item.detail, item.count) for item in scan.anomalies],
        "coverage": [(app, item.treatment, item.kind, item.entries, item.size) for item in scan.coverage],
        "document": document,
    }  # fmt: skip


def _app(app: str, scan: Scan) -> Row:
    facts, verdict = scan.app, scan.verdict
    return (
        app, facts.platform, facts.container, facts.package_id, facts.version_name, facts.version_code, facts.label,
        facts.min_os, facts.target_os, facts.signers[0] if facts.signers else None, facts.size, verdict.runtime_present,
        verdict.model_present, verdict.model_elsewhere, scan.complete,
    )  # fmt: skip


def _model(app: str, model: Model) -> Row:
    def text(value: object) -> str:
        return msgspec.json.encode(value).decode()

    return (
        app, model.digest, model.name, *_place(model.parts[0].location, model.size), model.format, model.title,
        model.completeness, model.parameters, model.nodes, text(model.inputs), text(model.outputs), text(model.ops),
        text(model.weights), model.producer, model.plugin,
    )  # fmt: skip


def _place(location: Location, size: int | None) -> Row:
    return location.path, location.offset, size if size is not None else location.size


def _failure(app: str, item: Failure) -> Row:
    return app, *_place(item.location, None), item.stage, item.error, item.reason, item.plugin
