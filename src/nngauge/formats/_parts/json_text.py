"""JSON out of hostile bytes: bounded in size, depth-safe, and typed on the way out."""

from __future__ import annotations

import json

from nngauge.errors import LimitError, MalformedError
from nngauge.io.binary import Buffer

JsonObject = dict[str, object]
MAX_JSON = 10 << 20
"""Bytes of one JSON document. Real headers and topologies stay below; parsed, the document takes fifteen times as much."""


def read_json(buf: Buffer, start: int = 0, end: int | None = None) -> object:
    """The document in `buf[start:end]`; raises `MalformedError` or `LimitError`."""
    stop = len(buf) if end is None else end
    if stop - start > MAX_JSON:
        raise LimitError(f"JSON of {stop - start} bytes")
    try:
        return json.loads(bytes(buf[start:stop]))
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"not JSON: {str(error)[:120]}") from None


def read_object(buf: Buffer, start: int = 0, end: int | None = None) -> JsonObject:
    """The document, which must be an object."""
    found = read_json(buf, start, end)
    if not isinstance(found, dict):
        raise MalformedError("the JSON document is not an object")
    return found


def objects(value: object) -> list[JsonObject]:
    """The objects of a list, `[]` for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def mapping(value: object) -> JsonObject:
    """The value if it is an object, `{}` for anything else."""
    return value if isinstance(value, dict) else {}


def text(value: object) -> str:
    """The value if it is a string, ``""`` for anything else."""
    return value if isinstance(value, str) else ""


def whole_numbers(value: object) -> tuple[int, ...] | None:
    """A list of integers as a tuple, None for anything else."""
    if not isinstance(value, list) or not all(type(item) is int for item in value):
        return None
    return tuple(value)
