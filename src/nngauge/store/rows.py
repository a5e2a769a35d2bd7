"""From a result to rows of facts, in the order of the schema's columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.attribution import Attribution
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.domain.network import Network
from nngauge.domain.outcome import Failure
from nngauge.domain.protection import Audit
from nngauge.domain.scan import Scan
from nngauge.domain.technology import Technology
from nngauge.domain.usage import UsageVerdict

Row = tuple[Any, ...]


class StoredResult(Struct, frozen=True, omit_defaults=True):
    """A result as it is kept: one of the two."""

    scan: Scan | None = None
    failure: Failure | None = None
    networks: tuple[Network, ...] = ()
    """Facts of models that no earlier result of this worker has."""
    audit: Audit | None = None
    """How well its models are protected, where the study asks for it."""


def rows_of(app: str, key: str, result: StoredResult) -> dict[str, list[Row]]:
    """Rows by table of one app's result. A package that failed as a whole has a failure and a document, no `app` row."""
    document = [(app, key, msgspec.json.encode(replace(result, networks=())).decode())]
    if result.scan is None:
        failures = [_failure(app, result.failure)] if result.failure is not None else []
        return {"failure": failures, "document": document}
    scan = result.scan
    used = {item.subject: item for item in scan.usage if not item.model}
    used_models = {item.subject: item for item in scan.usage if item.model}
    return {
        "app": [_app(app, scan)],
        "technology": [_technology(app, item, used.get(item.id)) for item in scan.technologies],
        "detection": [
            (
                app, item.technology, item.title, item.category, item.presence, item.confidence, item.version, item.host,
                item.abi, item.library_bytes, item.evidence[0].location.path, item.evidence_count,
            )
            for item in scan.detections
        ],
        "library": [
            (
                app, item.location.path, item.size, item.abi, item.soname, item.build_id, ",".join(item.technologies),
                *_owner(item.owner),
            )
            for item in scan.libraries
        ],
        "model": [_model(app, item, used_models.get(str(item.parts[0].location))) for item in scan.models],
        "acceleration": [
            (
                app, item.accelerator, item.title, item.engine, item.hardware, item.abi, item.outcome,
                ",".join(item.missing), item.size,
            )
            for item in scan.accelerations
        ],
        "candidate": [
            (app, *_place(item.location, item.size), item.suspicion, ",".join(item.formats), item.reason)
            for item in scan.candidates
        ],
        "failure": [_failure(app, item) for item in scan.failures],
        "anomaly": [(app, item.kind, item.location.path, item.detail, item.count) for item in scan.anomalies],
        "coverage": [(app, item.treatment, item.kind, item.entries, item.size) for item in scan.coverage],
        "protection": _protections(app, result.audit) if result.audit is not None else [],
        **_networks(app, key, result.networks),
        "document": document,
    }  # fmt: skip


def _app(app: str, scan: Scan) -> Row:
    facts, verdict = scan.app, scan.verdict
    return (
        app, facts.platform, facts.container, facts.package_id, facts.version_name, facts.version_code, facts.label,
        facts.min_os, facts.target_os, facts.signers[0] if facts.signers else None, facts.size, verdict.runtime_present,
        verdict.model_present, verdict.model_elsewhere, scan.complete, scan.core and scan.core.role,
        scan.core and scan.core.probability, len(scan.models), sum(model.size for model in scan.models),
        sum(library.size for library in scan.libraries),
        sum(library.size for library in scan.libraries if library.technologies),
    )  # fmt: skip


def _technology(app: str, item: Technology, usage: UsageVerdict | None) -> Row:
    return (
        app, item.id, item.title, item.category, item.grade, item.presence, item.confidence, item.shipped, item.dead,
        ",".join(item.missing), _text(item.versions), ",".join(item.abis), item.host, *_owner(item.owner),
        usage and usage.use, usage and usage.caller, item.library_bytes, item.places,
    )  # fmt: skip


def _owner(attribution: Attribution | None) -> Row:
    return (attribution and attribution.owner, attribution and attribution.sdk)


def _text(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _model(app: str, model: Model, usage: UsageVerdict | None) -> Row:
    task, known = model.task, model.known
    return (
        app, model.digest, model.name, *_place(model.parts[0].location, model.size), model.format, model.title,
        model.completeness, model.parameters, model.nodes, _text(model.inputs), _text(model.outputs), _text(model.ops),
        _text(model.weights), model.producer, model.plugin, task and task.task, task and task.probability,
        task and task.modality, *_owner(model.owner), known and known.id, known and known.likeness, usage and usage.use,
        _number(model.digest),
    )  # fmt: skip


def _place(location: Location, size: int | None) -> Row:
    return location.path, location.offset, size if size is not None else location.size


def _failure(app: str, item: Failure) -> Row:
    return app, *_place(item.location, None), item.stage, item.error, item.reason, item.plugin


def _protections(app: str, audit: Audit) -> list[Row]:
    return [
        (
            app, item.digest, item.name, *_place(item.location, item.size), item.title, item.places, item.protection.grade,
            ",".join(item.protection.grades), item.protection.confidence, cipher and cipher.name, item.protection.reveals,
            *_owner(item.owner), ",".join(one.check for one in item.integrity if one.good is False), _number(item.digest),
        )
        for item in (*audit.models, *audit.unknown)
        for cipher in (item.protection.cipher,)
    ]  # fmt: skip


def _networks(app: str, key: str, networks: Sequence[Network]) -> dict[str, list[Row]]:
    return {
        "network": [_network(app, key, item) for item in networks],
        "family": [
            (app, item.digest, part.family, part.layers, part.macs, part.parameters, _number(item.digest))
            for item in networks
            for part in item.families
        ],
        "tensor": [
            (
                app, item.digest, part.order, part.elements, part.dtype, part.bytes, part.layer, part.exact,
                *(part.shape or (None, None, None)), *((*part.bits, *part.known) if part.shape else (None,) * 4),
            )
            for item in networks
            for part in item.tensors
        ],
        "workload": [
            (app, item.digest, len(item.workload.layers), _text(item.workload), _number(item.digest))
            for item in networks
            if item.workload is not None
        ],
    }  # fmt: skip


def _network(app: str, key: str, item: Network) -> Row:
    language = item.language
    return (
        app, item.digest, item.plugin, item.reason, *_amount(item.macs), *_amount(item.parameters), item.weight_bytes,
        *_amount(item.peak_bytes), _amount(item.read_bytes)[0], _amount(item.written_bytes)[0], item.lower_bound,
        item.scheme, item.precision, item.sparsity, item.near_zero, item.clustered, item.structure or None,
        item.layers or None, item.trunk or None, item.known, item.likeness, len(item.tensors), item.weights_left_out,
        language and language.role, language and language.family, language and language.architecture,
        language and language.context, language and language.layers, language and language.embedding,
        language and language.vocabulary, language and language.bits_per_weight, language and language.cache_bytes, key,
        _number(item.digest),
    )  # fmt: skip


def _number(digest: str) -> int | None:
    """The first 64 bits of a digest; None for what is none, as where DuckDB derives it."""
    try:
        return int(digest[:16], 16)
    except ValueError:
        return None


def _amount(amount: int | str | None) -> Row:
    """A number and, where there is none, its formula in the free dimensions."""
    return (None, amount) if isinstance(amount, str) else (amount, None)
