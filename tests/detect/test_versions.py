"""How versions are told: outright, by a build that was published, or bounded by dated texts."""

from __future__ import annotations

import struct

import pytest

from nngauge.detect import versions
from nngauge.detect.getter import returned_string, stored_numbers, variable_value
from nngauge.detect.lint import detect_example
from nngauge.detect.ruleset import Clause, Example, Features, Mark, Rule, RuleSet, Scope, VersionRule, VersionSource
from nngauge.detect.signatures import compile_signatures
from nngauge.detect.versions import agree, release_key
from nngauge.domain.detection import Category, Detection
from nngauge.domain.evidence import EvidenceKind
from nngauge.io.elf import read_elf
from tests.builders.elf import BASE, build_elf

MARKS = (
    Mark(text="the first wording of this", before="1.4.0"),
    Mark(text="the second wording of this", after="1.3.0", before="1.9.0"),
    Mark(text="only in recent releases", after="1.6.2"),
)
SOURCES = (
    VersionRule(scope=Scope.NATIVE, source=VersionSource.GETTER, export="engine_version"),
    VersionRule(scope=Scope.NATIVE, anchor="engine release ", pattern=r"release (\d+\.\d+\.\d+)", before=0),
    VersionRule(
        scope=Scope.NATIVE, source=VersionSource.VARIABLE, export="ENGINE_BUILD", prefix="b", pattern=r"^(\d+)$"
    ),
)


def detected(*sources: VersionRule, **native: object) -> Detection:
    rule = Rule(
        id="engine", title="Engine", category=Category.RUNTIME, references=("x",), version=sources, mark=MARKS,
        match=(Clause(name="own", scope=Scope.NATIVE, any=Features(string=("engine of its own",))),),
    )  # fmt: skip
    signatures = compile_signatures(RuleSet((rule,), ""))
    facts = native | {"strings": ["engine of its own", *native.get("strings", ())]}  # type: ignore[misc]
    (found,) = detect_example(signatures, Example(name="it", native=facts))
    return found


@pytest.mark.parametrize(
    ("strings", "bounds"),
    [
        ([], None),
        (["the first wording of this"], "<1.4.0"),
        (["the second wording of this"], ">1.3.0,<1.9.0"),
        (["the second wording of this", "only in recent releases"], ">1.6.2,<1.9.0"),
        (["the first wording of this", "only in recent releases"], None),  # two copies: nothing is bounded
    ],
)
def test_dated_texts_bound_the_version(strings: list[str], bounds: str | None) -> None:
    found = detected(strings=strings)
    assert found.version is None
    assert found.version_range == bounds


def test_a_range_shows_the_text_that_bounds_it() -> None:
    found = detected(strings=["only in recent releases"])
    assert found.version_evidence is not None
    assert found.version_evidence.value == "only in recent releases"


def test_a_version_within_its_bounds_stands_alone() -> None:
    found = detected(*SOURCES, strings=["engine release 1.7.0", "only in recent releases"])
    assert (found.version, found.version_range) == ("1.7.0", None)


@pytest.mark.parametrize(
    ("told", "text"), [("1.2.0", "only in recent releases"), ("2.0.0", "the second wording of this")]
)
def test_a_version_beyond_its_bounds_is_contradicted(told: str, text: str) -> None:
    found = detected(*SOURCES, strings=[f"engine release {told}", text])
    assert found.version == told
    assert found.version_range is not None


def test_sources_that_disagree_are_both_named() -> None:
    found = detected(
        *SOURCES, exports=["engine_version"], getters={"engine_version": "1.2.0"}, strings=["engine release 1.3.0"]
    )
    assert (found.version, found.version_range) == ("1.2.0", "==1.3.0")


def test_sources_that_agree_as_far_as_they_go() -> None:
    found = detected(*SOURCES, getters={"engine_version": "1.3"}, strings=["engine release 1.3.5"])
    assert (found.version, found.version_range) == ("1.3", None)


def test_a_number_of_a_build_gets_its_letter() -> None:
    assert detected(SOURCES[2], variables={"ENGINE_BUILD": 6096}).version == "b6096"
    assert detected(SOURCES[2], variables={"ENGINE_BUILD": 0}).version is None


def test_a_packed_number_is_unpacked() -> None:
    packed = VersionRule(scope=Scope.NATIVE, source=VersionSource.GETTER, export="get", base=100)
    assert detected(packed, getters={"get": "10901"}).version == "1.9.1"


def test_a_published_build_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        versions, "published_version", lambda rule, build: {("engine", "ab12"): "1.5.1"}.get((rule, build))
    )
    found = detected(build_id="ab12")
    assert found.version == "1.5.1"
    assert found.version_evidence is not None
    assert found.version_evidence.kind is EvidenceKind.BUILD_ID
    assert detected(build_id="cd34").version is None


def test_releases_are_ordered_by_their_numbers() -> None:
    ordered = ["b999", "1.9.0", "1.10.0-rc2", "1.10.1", "2", "20240410"]
    assert sorted(ordered[1:5], key=release_key) == ordered[1:5]
    assert release_key("b6096") == (6096,)
    assert agree("1.8", "1.8.5")
    assert not agree("1.8.4", "1.8.5")
    assert release_key("1" * 400) == release_key("1" * 400)  # of any length, without a large number


def library(machine: int, code: bytes) -> bytes:
    """A library whose exported function has this code."""
    data = bytearray(build_elf(machine=machine, exports=("Version",), rodata=code.ljust(64, b"\0")))
    elf = read_elf(bytes(data))
    section = next(item for item in elf.sections if item.name == ".rodata")
    symbols = next(item for item in elf.sections if item.name == ".dynsym")
    for at in range(symbols.offset + 24, symbols.offset + symbols.size, 24):
        struct.pack_into("<Q", data, at + 8, BASE + section.offset)
    return bytes(data)


def numbers(machine: int, code: bytes) -> str | None:
    data = library(machine, code)
    return stored_numbers(read_elf(data), data, b"Version")


ARM64_STORES = struct.pack(
    "<10I",
    0xB4000060, 0x52800043, 0xB9000003,  # cbz x0; mov w3, #2; str w3, [x0]
    0xB4000061, 0x52800020, 0xB9000020,  # cbz x1; mov w0, #1; str w0, [x1]
    0xB4000042, 0xB900005F,  # cbz x2; str wzr, [x2]
    0xD65F03C0, 0xD503201F,  # ret; nop
)  # fmt: skip
X86_STORES = bytes.fromhex("4885ff7406c707030000004885f67406c706000000004885d27406c70202000000c3")


def test_numbers_stored_through_arguments() -> None:
    assert numbers(183, ARM64_STORES) == "2.1.0"
    assert numbers(62, X86_STORES) == "3.0.2"


def test_one_number_between_calls() -> None:
    code = bytes.fromhex("534889fb488d3dd9b8ee064883ec10e8dc3ba7ffc703952a0000e89198a1ff31c04883c4105bc3")
    assert numbers(62, code) == "10901"


def test_code_that_does_more_tells_nothing() -> None:
    call = struct.pack("<I", 0x94000010)
    assert numbers(183, call + ARM64_STORES) is None
    assert numbers(183, b"") is None
    assert numbers(62, bytes(64)) is None
    assert numbers(62, bytes.fromhex("c70700000080c3")) is None  # no number of a version
    assert numbers(40, ARM64_STORES) is None
    assert returned_string(read_elf(library(183, ARM64_STORES)), library(183, ARM64_STORES), b"Other") is None


def test_a_variable_is_read_where_it_lies() -> None:
    data = library(183, struct.pack("<I", 6096))
    assert variable_value(read_elf(data), data, b"Version") == 6096
    assert variable_value(read_elf(data), data, b"Missing") is None
