"""The machine-readable forms: JSON with stable schemas; a scan can be read back."""

from __future__ import annotations

from typing import Any

import msgspec

from nngauge.domain.analysis import Analysis
from nngauge.domain.bom import BomDifference
from nngauge.domain.cost import Cost
from nngauge.domain.difference import Comparison, Fact, Figure, SharedWeights, Step
from nngauge.domain.language import LanguageModel
from nngauge.domain.model import Model
from nngauge.domain.optimisation import Optimisation
from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.domain.snapshot_difference import SnapshotDifference
from nngauge.errors import MalformedError

SCHEMA = "nngauge.scan/1"
MODEL_SCHEMA = "nngauge.model/1"
COMPARISON_SCHEMA = "nngauge.comparison/1"
SNAPSHOTS_SCHEMA = "nngauge.snapshots/1"
BOM_SCHEMA = "nngauge.bom-difference/1"
"""Numbers are raised when a field changes its meaning or goes away; additions keep them."""


class ScanDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A scan, or the failure that stands in its place, with the name of the schema."""

    schema: str = SCHEMA
    path: str
    """The file or folder as given."""
    scan: Scan | None = None
    failure: Failure | None = None


def encode_scan(scan: Scan, *, indent: int = 0) -> bytes:
    """One scan as UTF-8 JSON; one line unless `indent` is given."""
    data = msgspec.json.encode(ScanDocument(path=scan.path, scan=scan))
    return msgspec.json.format(data, indent=indent) if indent else data


def encode_failure(path: str, failure: Failure) -> bytes:
    """An app that could not be scanned at all, as UTF-8 JSON."""
    return msgspec.json.encode(ScanDocument(path=path, failure=failure))


def decode_document(data: bytes) -> Scan | Failure:
    """What `encode_scan` or `encode_failure` wrote. Raises `MalformedError`."""
    try:
        document = msgspec.json.decode(data, type=ScanDocument)
    except msgspec.MsgspecError as error:
        raise MalformedError(f"not a scan document: {error}") from None
    result = document.scan or document.failure
    if result is None:
        raise MalformedError("a scan document without scan and failure")
    return result


class ModelDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """One model file and all that is computed about it; the layers are in `cost`."""

    schema: str = MODEL_SCHEMA
    path: str
    """The file or folder as given."""
    model: Model
    cost: Cost
    optimisation: Optimisation
    language: LanguageModel | None
    problems: tuple[str, ...]
    """What shape inference could not make out."""


class ComparisonDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Two models side by side."""

    schema: str = COMPARISON_SCHEMA
    first: Model
    second: Model
    same: bool
    """Nothing that is compared differs, apart from names, digests and sizes of the files."""
    same_file: bool
    identity: tuple[Fact, ...]
    interface: tuple[Fact, ...]
    families: tuple[Figure, ...]
    precision: tuple[Figure, ...]
    costs: tuple[Figure, ...]
    steps: tuple[Step, ...]
    weights: SharedWeights | None
    notes: tuple[str, ...]


class SnapshotsDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Two snapshots of a study side by side."""

    schema: str = SNAPSHOTS_SCHEMA
    difference: SnapshotDifference


def encode_snapshots(difference: SnapshotDifference) -> bytes:
    """A comparison of snapshots as UTF-8 JSON, in one line."""
    return msgspec.json.encode(SnapshotsDocument(difference=difference))


class BomDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """Two bills of materials side by side."""

    schema: str = BOM_SCHEMA
    difference: BomDifference


def encode_bom_difference(difference: BomDifference) -> bytes:
    """A comparison of bills of materials as UTF-8 JSON, in one line."""
    return msgspec.json.encode(BomDocument(difference=difference))


def encode_analysis(analysis: Analysis, path: str, *, indent: int = 2) -> bytes:
    """One analysed model as UTF-8 JSON."""
    document = ModelDocument(
        path=path,
        model=analysis.model,
        cost=analysis.cost,
        optimisation=analysis.optimisation,
        language=analysis.language,
        problems=analysis.problems,
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=indent)


def encode_comparison(comparison: Comparison, *, indent: int = 2) -> bytes:
    """A comparison as UTF-8 JSON."""
    document = ComparisonDocument(
        first=comparison.first.model,
        second=comparison.second.model,
        same=comparison.same,
        same_file=comparison.same_file,
        identity=comparison.identity,
        interface=comparison.interface,
        families=comparison.families,
        precision=comparison.precision,
        costs=comparison.costs,
        steps=comparison.steps,
        weights=comparison.weights,
        notes=comparison.notes,
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=indent)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a scan document."""
    return msgspec.json.schema(ScanDocument)


def model_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `nngauge show --json` prints."""
    return msgspec.json.schema(ModelDocument)


def comparison_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `nngauge compare --json` prints."""
    return msgspec.json.schema(ComparisonDocument)


def bom_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the difference of two bills of materials."""
    return msgspec.json.schema(BomDocument)


def snapshots_json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `nngauge study diff --json` prints."""
    return msgspec.json.schema(SnapshotsDocument)
