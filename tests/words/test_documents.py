from __future__ import annotations

import json

import pytest

from nngauge.errors import MalformedError
from nngauge.words.documents import SCHEMA, decode_document, encode_failure, encode_scan, json_schema
from tests.builders import facts


def test_a_scan_comes_back_as_it_was() -> None:
    assert decode_document(encode_scan(facts.scan())) == facts.scan()


def test_one_line_unless_indented_and_the_schema_is_named() -> None:
    data = encode_scan(facts.scan())
    assert b"\n" not in data
    assert json.loads(data)["schema"] == SCHEMA
    assert json.loads(encode_scan(facts.scan(), indent=2)) == json.loads(data)


def test_a_failure_is_a_document_too() -> None:
    failure = facts.scan().failures[0]
    data = encode_failure("a.apk", failure)
    assert json.loads(data)["path"] == "a.apk"
    assert decode_document(data) == failure


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"path": "x"}', b'{"path": "x", "scan": {}}'])
def test_other_json_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_document(data)


def test_the_schema_describes_the_nouns() -> None:
    definitions = json_schema()["$defs"]
    assert {"Scan", "App", "Detection", "Model", "Evidence", "Failure"} <= set(definitions)
    assert (
        "Uncompressed size" in definitions["Detection"]["description"]
        or "library_bytes" in definitions["Detection"]["properties"]
    )
