from __future__ import annotations

import contextlib
import plistlib
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.io.plist import read_plist
from nngauge.limits import MAX_STRUCT_DEPTH
from tests.builders.mutations import damaged

INFO = {
    "CFBundleIdentifier": "org.example.app",
    "CFBundleName": "日本 🤖",
    "MinimumOSVersion": "15.0",
    "UIDeviceFamily": [1, 2, -5, 1 << 40, (1 << 63) + 5],
    "flag": True,
    "off": False,
    "ratio": 0.25,
    "raw": b"\0\1\2",
    "nested": {"list": [{"deep": []}], "long": "x" * 300},
}
BINARY = plistlib.dumps(INFO, fmt=plistlib.FMT_BINARY)
XML = plistlib.dumps(INFO)


@pytest.mark.parametrize("data", [BINARY, XML, b"\xef\xbb\xbf" + XML, memoryview(BINARY)])
def test_reads_both_forms(data: bytes) -> None:
    assert read_plist(data) == INFO


def test_dates_and_uids() -> None:
    when = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    data = plistlib.dumps({"a": when.replace(tzinfo=None), "b": plistlib.UID(7)}, fmt=plistlib.FMT_BINARY)
    assert read_plist(data) == {"a": when, "b": plistlib.UID(7)}


def raw(objects: list[bytes], top: int = 0, count: int | None = None, ref: int = 1) -> bytes:
    """A binary list out of already encoded objects."""
    body, offsets = b"bplist00", []
    for piece in objects:
        offsets.append(len(body))
        body += piece
    table = b"".join(struct.pack(">H", at) for at in offsets)
    count = len(objects) if count is None else count
    return body + table + struct.pack(">6xBBQQQ", 2, ref, count, top, len(body))


KEY = b"\x51k"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotThisFormat),
        (b"{}", NotThisFormat),
        (b"bplist00", TruncatedError),
        (raw([b"\x09"]), MalformedError),
        (raw([b"\xd1\1\1", b"\x10\1"]), MalformedError),
        (raw([b"\xd1\1\0", KEY]), LimitError),
        (raw([b"\xd1\1\7", KEY]), MalformedError),
        (raw([b"\xd1\1\2", KEY, b"\xff"]), MalformedError),
        (raw([b"\xd1\1\2", KEY, b"\x33" + struct.pack(">d", 1e300)]), MalformedError),
        (raw([b"\xd1\1\2", KEY, b"\x33" + struct.pack(">d", float("nan"))]), MalformedError),
        (raw([b"\xaf\x13" + b"\xff" * 8]), TruncatedError),
        (raw([b"\xd0"], count=1 << 60), TruncatedError),
        (raw([b"\xd0"], top=5), MalformedError),
        (b"<?xml version='1.0'?><plist><dict><key>a</key></dict></plist>", MalformedError),
        (b"<plist><dict><key>a</key><integer>x</integer></dict></plist>", MalformedError),
        (b"<plist><array/></plist>", MalformedError),
        (b"<plist><dict", MalformedError),
        (b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "b">]><plist><dict/></plist>', MalformedError),
        (b"<plist>" + b"<dict><key>a</key>" * 100 + b"<dict/>" + b"</dict>" * 100 + b"</plist>", LimitError),
    ],
)
def test_refuses(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_plist(data)


def test_shared_values_count_each_time() -> None:
    lists = [b"\xaa" + bytes([index + 1]) * 10 for index in range(1, 12)]
    with pytest.raises(LimitError, match="values"):
        read_plist(raw([b"\xd1\1\2", KEY, *lists[1:], b"\x09", b"\x09"]))


def test_shared_text_counts_each_time() -> None:
    text = b"\x5f\x12" + struct.pack(">I", 20_000) + b"x" * 20_000
    many = b"\xaf\x11" + struct.pack(">H", 5_000) + b"\3" * 5_000
    with pytest.raises(LimitError, match="bytes"):
        read_plist(raw([b"\xd1\1\2", KEY, many, text]))


@pytest.mark.parametrize("form", [plistlib.FMT_BINARY, plistlib.FMT_XML])
def test_depth_is_bounded(form: plistlib.PlistFormat) -> None:
    def nested(depth: int) -> dict[str, object]:
        value: dict[str, object] = {}
        for _ in range(depth - 1):
            value = {"a": value}
        return value

    read_plist(plistlib.dumps(nested(MAX_STRUCT_DEPTH - 1), fmt=form))
    with pytest.raises(LimitError):
        read_plist(plistlib.dumps(nested(MAX_STRUCT_DEPTH + 2), fmt=form))


VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(1 << 63), (1 << 64) - 1), st.floats(allow_nan=False), st.binary(max_size=40),
              st.text(st.characters(codec="utf-8"), max_size=40)),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(st.text(max_size=5), inner, max_size=5)),
)  # fmt: skip


@settings(max_examples=200, deadline=2000)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=8))
def test_reads_what_the_standard_library_writes(value: dict[str, object]) -> None:
    assert read_plist(plistlib.dumps(value, fmt=plistlib.FMT_BINARY)) == value


@settings(max_examples=500, deadline=2000)
@given(damaged(BINARY, XML))
def test_damaged_files_raise_only_declared_errors(data: bytes) -> None:
    with contextlib.suppress(InputError, NotThisFormat):
        read_plist(data)


@settings(max_examples=200)
@given(st.sampled_from([b"", b"bplist00", b"<plist>"]), st.binary(max_size=200))
def test_any_bytes_raise_only_declared_errors(head: bytes, data: bytes) -> None:
    with contextlib.suppress(InputError, NotThisFormat):
        read_plist(head + data)
