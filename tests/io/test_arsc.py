from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, NotThisFormat
from nngauge.io.arsc import proto_resolve, resolve
from tests.builders.arsc import build_arsc, build_resources_pb, config
from tests.builders.axml import pb
from tests.builders.corpus import corpus_files
from tests.builders.mutations import damaged

STRINGS = ("Default", "English", "Deutsch", "Other")
LABEL = 0x7F010001
TYPES = [
    (1, config("de"), {1: (3, 2)}),
    (1, config(), {1: (3, 0), 2: (1, LABEL), 3: (1, 0x7F010003), 4: (0x10, 7), 5: (0x12, 1)}),
    (1, config("en"), {1: (3, 1)}),
]


@pytest.mark.parametrize("form", ["plain", "sparse", "offset16", "compact"])
def test_resolves_in_every_form(form: str) -> None:
    data = build_arsc(STRINGS, TYPES, form=form)
    assert resolve(data, LABEL) == "Default"
    assert resolve(data, 0x7F010002) == "Default"
    assert resolve(data, 0x7F010004) == "7"
    assert resolve(data, 0x7F010005) == "true"
    assert resolve(data, 0x7F010003) is None  # refers to itself
    for absent in (0x7F010000, 0x7F010009, 0x7F020001, 0x01010001):
        assert resolve(data, absent) is None


def test_prefers_english_then_fewest_conditions() -> None:
    assert resolve(build_arsc(STRINGS, [TYPES[0], TYPES[2]]), LABEL) == "English"
    dense = [(1, config(density=480), {1: (3, 0)}), (1, config("fr", density=160), {1: (3, 1)}), TYPES[0]]
    assert resolve(build_arsc(STRINGS, dense), LABEL) == "Default"
    assert resolve(build_arsc(STRINGS, dense[1:]), LABEL) == "Deutsch"


def text(value: str) -> bytes:
    return pb(2, pb(1, value.encode()))


def reference(number: int = 0, name: str = "") -> bytes:
    return pb(1, (pb(2, number) if number else b"") + (pb(3, name.encode()) if name else b""))


RESOURCES = build_resources_pb(
    [
        ("string", 1, "app_name", 1, {"de": text("Deutsch"), "": text("Default")}),
        ("string", 1, "by_id", 2, {"": reference(LABEL)}),
        ("string", 1, "by_name", 3, {"": reference(name="string/app_name")}),
        ("string", 1, "self", 4, {"": reference(name="string/self")}),
    ]
)


def test_resolves_protobuf() -> None:
    assert proto_resolve(RESOURCES, LABEL) == "Default"
    for name in ("app_name", "by_id", "by_name"):
        assert proto_resolve(RESOURCES, f"string/{name}") == "Default"
    assert proto_resolve(RESOURCES, "string/self") is None
    assert proto_resolve(RESOURCES, "string/none") is None
    assert proto_resolve(RESOURCES, 0x7F020001) is None


@pytest.mark.parametrize("data", [b"", b"\3\0\x08\0" + bytes(20)])
def test_refuses(data: bytes) -> None:
    with pytest.raises(NotThisFormat):
        resolve(data, LABEL)


def read_anything(data: bytes) -> None:
    for ask in (
        lambda: resolve(data, LABEL),
        lambda: resolve(data, 0x7F010002),
        lambda: proto_resolve(data, LABEL),
        lambda: proto_resolve(data, "string/by_name"),
    ):
        with contextlib.suppress(InputError, NotThisFormat):
            ask()


@settings(max_examples=400, deadline=2000)
@given(damaged(*(build_arsc(STRINGS, TYPES, form=form) for form in ("plain", "sparse", "compact")), RESOURCES))
def test_damaged_files_raise_only_declared_errors(data: bytes) -> None:
    read_anything(data)


@settings(max_examples=100)
@given(st.sampled_from([b"", b"\2\0\x0c\0", b"\x12"]), st.binary(max_size=300))
def test_any_bytes_raise_only_declared_errors(head: bytes, data: bytes) -> None:
    read_anything(head + data)


def test_agrees_with_androguard() -> None:
    axml = pytest.importorskip("androguard.core.axml", reason="androguard is not installed")
    compared = 0
    for path in corpus_files("apk/**/resources.arsc", magic=b"\2\0", largest=1 << 20):
        data = path.read_bytes()
        other = axml.ARSCParser(data)
        for name in other.get_packages_names():
            strings = other.get_resolved_strings().get(name, {}).get("DEFAULT", {})
            for number, value in strings.items():
                assert resolve(data, number) == value
                compared += 1
    assert compared
