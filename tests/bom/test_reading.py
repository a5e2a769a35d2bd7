"""Reading bills back: both formats say the same, other tools' bills are understood, and nothing hostile gets through."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nngauge.bom import reading
from nngauge.bom.cyclonedx import cyclonedx
from nngauge.bom.inventory import Bill, ItemKind
from nngauge.bom.reading import is_document, parse_document, read_document
from nngauge.bom.spdx import spdx
from nngauge.domain.attribution import Likeness
from nngauge.errors import InputError, LimitError, MalformedError, UnreadableError, UnsupportedError
from tests.bom.bills import TIME, bill
from tests.bom.test_cyclonedx import known
from tests.builders import facts

OTHERS = {
    "bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1,
    "metadata": {"component": {"type": "application", "name": "shop", "version": "3"}},
    "components": [
        {"type": "library", "name": "tensorflow-lite", "version": "2.14.0", "licenses": [{"expression": "Apache-2.0 OR MIT"}],
         "purl": "pkg:maven/org.tensorflow/tensorflow-lite@2.14.0?type=aar", "components": [{"type": "library", "name": "inner"}]},
        {"type": "machine-learning-model", "name": "net", "hashes": [{"alg": "MD5", "content": "0"}, {"alg": "SHA-256", "content": "12"}]},
    ],
}  # fmt: skip


def test_both_formats_say_the_same(bills: dict[str, Bill]) -> None:
    made = (
        *bills.values(),
        bill(facts.model(known=known(Likeness.DERIVED)), network=facts.network(), audit=facts.audit()),
    )
    for one in made:
        first, second = parse_document(cyclonedx(one, timestamp=TIME)), parse_document(spdx(one, timestamp=TIME))
        assert set(first.entries) == set(second.entries)
        assert (first.app, first.app_id, first.version, first.size) == (
            second.app,
            second.app_id,
            second.version,
            second.size,
        )
        assert (first.rules, first.audited) == (second.rules, second.audited)
        assert len(first.entries) == len(one.items)


def test_another_tools_bill() -> None:
    document = parse_document(json.dumps(OTHERS).encode())
    library, inner, model = document.entries
    assert (document.source, document.app, document.version, document.audited) == ("CycloneDX 1.4", "shop", "3", False)
    assert (library.key, library.versions) == ("pkg:maven/org.tensorflow/tensorflow-lite", ("2.14.0",))
    assert library.license == "Apache-2.0 OR MIT"
    assert inner.key == "inner"
    assert (model.kind, model.sha256, model.facts) == (ItemKind.MODEL, "12", None)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", MalformedError),
        (b"{", MalformedError),
        (b"[" * 100_000, MalformedError),
        (b'{"bomFormat": "CycloneDX", "components": ' + b"[" * 100_000, MalformedError),
        (b'{"bomFormat": "CycloneDX", "components": {}}', MalformedError),
        (b'{"bomFormat": "CycloneDX", "components": [{"name": 3}]}', MalformedError),
        (b'{"bomFormat": ["CycloneDX"]}', MalformedError),
        (b'{"spdxVersion": "SPDX-2.3", "name": "x"}', UnsupportedError),
        (b'{"@context": "https://schema.org"}', UnsupportedError),
        (b"\xff\xfe{}", MalformedError),
    ],
)
def test_what_is_no_bill_is_refused(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_document(data)


def test_components_in_components_in_components_end_somewhere() -> None:
    component: dict[str, Any] = {"type": "library", "name": "x"}
    for _ in range(200):
        component = {"type": "library", "name": "x", "components": [component]}
    document = parse_document(json.dumps(OTHERS | {"components": [component]}).encode())
    assert len(document.entries) == reading.MAX_DEPTH + 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted({
        "type", "name", "version", "purl", "hashes", "licenses", "license", "properties", "value", "components", "services",
        "metadata", "component", "evidence", "modelCard", "@graph", "spdxId", "comment", "to", "from", "relationshipType",
        "verifiedUsing", "suppliedBy", "externalRef", "locator", "ai_hyperparameter", "key",
    })), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


@given(
    JSON, st.sampled_from([{"bomFormat": "CycloneDX"}, {"@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"}])
)
def test_any_json_is_read_or_refused(data: Any, head: dict[str, str]) -> None:
    whole = (data if isinstance(data, dict) else {"components": data, "@graph": data}) | head
    with contextlib.suppress(InputError):
        parse_document(json.dumps(whole).encode())


def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "bom.json"
    file.write_bytes(b"\xef\xbb\xbf \n" + json.dumps(OTHERS).encode())
    assert is_document(file)
    assert read_document(file).app == "shop"
    (tmp_path / "app.apk").write_bytes(b"PK\x03\x04")
    assert not is_document(tmp_path / "app.apk")
    assert not is_document(tmp_path)
    with pytest.raises(UnreadableError):
        is_document(tmp_path / "none")
    monkeypatch.setattr(reading, "MAX_BYTES", 8)
    with pytest.raises(LimitError):
        read_document(file)
