"""The machine-readable form of a scan: JSON with a stable schema, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from nngauge.domain.model import Model
from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.errors import MalformedError

SCHEMA = "nngauge.scan/1"
"""Raised when a field changes its meaning or goes away; additions keep the number."""


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


def encode_model(model: Model, *, indent: int = 2) -> bytes:
    """One model as UTF-8 JSON."""
    return msgspec.json.format(msgspec.json.encode(model), indent=indent)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a scan document."""
    return msgspec.json.schema(ScanDocument)
