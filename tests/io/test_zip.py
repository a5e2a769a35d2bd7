"""The lenient zip reader against `zipfile` on good zips, and against every lie we could think of on bad ones."""

from __future__ import annotations

import contextlib
import io
import os
import random
import struct
import subprocess
import sys
import textwrap
import time
import tracemalloc
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, LimitError, MalformedError, NotThisFormat, TruncatedError, UnsupportedError
from nngauge.io import zip_entries, zip_parse, zip_records
from nngauge.io.certificates import SIGNATURE_V2, SIGNATURE_V3
from nngauge.io.source import ByteSource
from nngauge.io.zip import ZipArchive, ZipEntry, ZipOddity, read_zip
from nngauge.io.zip_signing import find_signing_block
from tests.builders.zips import (
    DEFLATED,
    DEX,
    MANIFEST,
    ORDINARY,
    RESOURCES,
    STORED,
    Member,
    archive,
    deflate,
    end64,
    end_record,
    lay_out,
    local_part,
    ordinary,
    record,
)
from tests.builders.zips import signing_block as build_signing_block

NAMES = [member.name.decode() for member in ORDINARY]


def opened(data: bytes) -> ZipArchive:
    return read_zip(ByteSource.of_bytes(data, "app.apk"))


def kinds(zipped: ZipArchive) -> set[str]:
    return {anomaly.kind for anomaly in zipped.anomalies}


def contents(zipped: ZipArchive) -> dict[str, bytes]:
    """Everything, read in all the ways there are, which must agree."""
    found = {}
    for entry in zipped.entries:
        data = zipped.read(entry)
        assert zipped.head(entry, 100) == data[:100]
        window = zipped.open(entry)
        assert (window is None) == (entry.method == DEFLATED) == (not zipped.is_stored(entry))
        if window is not None:
            assert window.read(0, window.size) == data
        found.setdefault(entry.name, data)
    return found


def _gather(into: bytearray, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        into += piece


EXPECTED = {member.name.decode(): member.data for member in ORDINARY}


# --- well-formed zips ------------------------------------------------------------------------------------------------


def test_an_ordinary_zip_has_no_anomalies() -> None:
    data = ordinary()
    zipped = opened(data)
    assert [entry.name for entry in zipped.entries] == NAMES
    assert contents(zipped) == EXPECTED
    assert zipped.anomalies == ()
    assert zipped.find("classes.dex") == zipped.entries[1]
    assert zipped.find("nothing") is None
    assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None  # the builder writes what others can read


_NAME = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\/:\ufffd"), min_size=1, max_size=40
)
_METHODS = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(
        _NAME.filter(lambda name: ".." not in name), st.tuples(st.binary(max_size=2000), _METHODS), max_size=8
    ),
    st.binary(max_size=50).filter(lambda comment: b"PK" not in comment),
    st.booleans(),
)
def test_equal_to_zipfile(members: dict[str, tuple[bytes, int]], comment: bytes, streamed: bool) -> None:
    out = _Unseekable() if streamed else io.BytesIO()  # an unseekable target makes zipfile write data descriptors
    with zipfile.ZipFile(out, "w") as theirs:
        for name, (data, method) in members.items():
            theirs.writestr(name, data, method)
        theirs.comment = comment
    zipped = opened(out.getvalue())
    with zipfile.ZipFile(io.BytesIO(out.getvalue())) as theirs:
        assert [
            (e.name, e.method, e.flags, e.crc, e.compressed_size, e.size, e.header_offset, e.is_dir)
            for e in zipped.entries
        ] == [
            (i.filename, i.compress_type, i.flag_bits, i.CRC, i.compress_size, i.file_size, i.header_offset, i.is_dir())
            for i in theirs.infolist()
        ]
    assert contents(zipped) == {name: data for name, (data, _) in members.items()}
    assert zipped.anomalies == ()


class _Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation

    def tell(self) -> int:
        raise io.UnsupportedOperation


@pytest.mark.parametrize("descriptor", ["", "signed", "bare", "zip64"])
@pytest.mark.parametrize("zip64", [False, True])
def test_descriptors_and_zip64(descriptor: str, zip64: bool) -> None:
    members = [replace(member, descriptor=descriptor, zip64=zip64) for member in ORDINARY]
    zipped = opened(archive(members, zip64=zip64))
    assert contents(zipped) == EXPECTED
    assert zipped.anomalies == ()


def test_zip64_with_prepended_bytes() -> None:
    zipped = opened(b"x" * 77 + archive([replace(m, zip64=True) for m in ORDINARY], zip64=True))
    assert contents(zipped) == EXPECTED
    assert kinds(zipped) == {ZipOddity.SHIFTED, ZipOddity.PREPENDED}


def test_directories_and_extra_fields() -> None:
    padding = struct.pack("<HH", 0xD935, 6) + bytes(6)  # what zipalign writes
    zipped = opened(archive([Member(name=b"res/", method=STORED), replace(DEX, local_extra=padding, extra=padding)]))
    assert [entry.is_dir for entry in zipped.entries] == [True, False]
    assert zipped.read(zipped.entries[1]) == DEX.data
    assert zipped.anomalies == ()


def test_sixty_five_thousand_entries_without_zip64() -> None:
    members = [Member(name=b"%d" % i, method=STORED) for i in range(0xFFFF)]
    zipped = opened(archive(members))
    assert len(zipped.entries) == 0xFFFF
    assert zipped.anomalies == ()


def test_a_zip_in_a_zip_is_read_in_place() -> None:
    inner = ordinary()
    outer = opened(archive([DEX, Member(name=b"base.apk", data=inner, method=STORED)]))
    assert outer.anomalies == ()  # the inner end record near the end of the file is no second end
    window = outer.open(outer.entries[1])
    assert window is not None
    assert contents(read_zip(window)) == EXPECTED


def test_an_archive_without_entries() -> None:
    zipped = opened(end_record(0, 0, 0))
    assert not zipped.entries
    assert zipped.anomalies == ()


# --- what is no zip --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [b"", b"P", b"PK", b"PK\x03\x04", b"PK\x05\x06", b"dex\n035\0" * 100, b"PK\x03\x04" + bytes(100), bytes(70_000)],
)
def test_other_things_are_not_zips(data: bytes) -> None:
    with pytest.raises(NotThisFormat):
        opened(data)


def test_a_zip_in_the_middle_of_something_is_not_a_truncated_zip() -> None:
    with pytest.raises(NotThisFormat):
        opened(b"x" * 100 + ordinary()[:600])


# --- lies that Android does not mind ---------------------------------------------------------------------------------

_SHIFT = b"#!/bin/sh\n" * 3


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(ordinary(flags=1, local_flags=0), {ZipOddity.ENCRYPTED_FLAG}, id="encrypted-central"),
        pytest.param(ordinary(flags=1), {ZipOddity.ENCRYPTED_FLAG}, id="encrypted-both"),
        pytest.param(ordinary(local_flags=1), set(), id="encrypted-local"),
        pytest.param(ordinary(needed=255), {ZipOddity.VERSION_NEEDED}, id="version-needed"),
        pytest.param(ordinary(crc=1), {ZipOddity.BAD_CRC}, id="bad-crc"),
        pytest.param(ordinary(local_crc=1), {ZipOddity.LOCAL_CRC}, id="local-crc"),
        pytest.param(ordinary(local_size=7, local_compressed_size=9), {ZipOddity.LOCAL_SIZE}, id="local-sizes"),
        pytest.param(ordinary(local_compressed_size=1 << 31), {ZipOddity.LOCAL_SIZE}, id="local-size-huge"),
        pytest.param(ordinary(local_name=b"other"), {ZipOddity.LOCAL_NAME}, id="local-name"),
        pytest.param(ordinary(local_name=b""), {ZipOddity.LOCAL_NAME}, id="local-name-empty"),
        pytest.param(ordinary(local_method=99), {ZipOddity.LOCAL_METHOD}, id="local-method"),
        pytest.param(
            archive([MANIFEST, DEX, replace(RESOURCES, method=0x1234)]), {ZipOddity.UNKNOWN_METHOD}, id="unknown-method"
        ),
        pytest.param(
            archive([MANIFEST, DEX, replace(RESOURCES, method=0x1234, compressed_size=1, local_compressed_size=1)]),
            {ZipOddity.UNKNOWN_METHOD},
            id="unknown-method-compressed-size-lies",
        ),
        pytest.param(
            archive([MANIFEST, replace(DEX, size=100), RESOURCES]),
            {ZipOddity.WRONG_SIZE, ZipOddity.LOCAL_SIZE},
            id="size-small",
        ),
        pytest.param(
            archive([MANIFEST, replace(DEX, size=20_000), RESOURCES]),
            {ZipOddity.WRONG_SIZE, ZipOddity.LOCAL_SIZE},
            id="size-large",
        ),
        pytest.param(
            archive([MANIFEST, replace(DEX, size=0x7FFFFFFF), RESOURCES]),
            {ZipOddity.WRONG_SIZE, ZipOddity.LOCAL_SIZE, ZipOddity.DECLARED_RATIO},
            id="ratio",
        ),
        pytest.param(_SHIFT + ordinary(), {ZipOddity.SHIFTED, ZipOddity.PREPENDED}, id="prepended"),
        pytest.param(ordinary() + b"tail", {ZipOddity.COMMENT_LENGTH}, id="appended"),
        pytest.param(archive(ORDINARY, comment=b"PK\x05\x06" + b"\xff" * 18), {ZipOddity.FAKE_END}, id="fake-end"),
        pytest.param(archive(ORDINARY, comment=end_record(3, 99, 7)), {ZipOddity.FAKE_END}, id="plausible-fake-end"),
        pytest.param(
            archive(ORDINARY, comment=b"\0" * 9 + end_record(0, 0, 0)), {ZipOddity.FAKE_END}, id="empty-fake-end"
        ),
        pytest.param(archive(ORDINARY, comment=b"\xff" * 500), set(), id="comment-garbage"),
        pytest.param(archive(ORDINARY, comment_size=999), {ZipOddity.COMMENT_LENGTH}, id="comment-length"),
        pytest.param(archive(ORDINARY, count=1), {ZipOddity.ENTRY_COUNT}, id="count-small"),
        pytest.param(archive(ORDINARY, count=9), {ZipOddity.ENTRY_COUNT, ZipOddity.DIRECTORY_BROKEN}, id="count-large"),
    ],
)
def test_lies_change_nothing_but_the_anomalies(data: bytes, expected: set[str]) -> None:
    zipped = opened(data)
    assert [entry.name for entry in zipped.entries] == NAMES
    assert contents(zipped) == EXPECTED
    assert kinds(zipped) == expected


def test_an_anomaly_says_where_and_is_counted_once() -> None:
    zipped = opened(ordinary(crc=1))
    for _ in range(3):
        contents(zipped)
    found = zipped.anomalies
    assert [str(anomaly.location) for anomaly in found] == [f"app.apk!{name}" for name in NAMES]
    assert sum(anomaly.count for anomaly in found) == 3
    assert "00000001" in found[0].detail


def test_anomalies_are_bounded_and_their_counts_are_exact() -> None:
    zipped = opened(archive([Member(name=b"../%d" % i, method=STORED) for i in range(500)]))
    assert len(zipped.anomalies) == 16
    assert sum(anomaly.count for anomaly in zipped.anomalies) == 500


def test_duplicates_are_kept_and_the_first_one_is_found() -> None:
    junk = replace(MANIFEST, data=b"junk")
    zipped = opened(archive([MANIFEST, DEX, junk]))
    assert len(zipped.entries) == 3
    first = zipped.find("AndroidManifest.xml")
    assert first is not None
    assert zipped.read(first) == MANIFEST.data
    assert zipped.read(zipped.entries[2]) == b"junk"
    (anomaly,) = zipped.anomalies
    assert (anomaly.kind, anomaly.count) == (ZipOddity.DUPLICATE_NAME, 1)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"../../etc/passwd", ZipOddity.PATH_TRAVERSAL),
        (b"a/../../b", ZipOddity.PATH_TRAVERSAL),
        (b"a/..", ZipOddity.PATH_TRAVERSAL),
        (b"..\\b", ZipOddity.PATH_TRAVERSAL),
        (b"/etc/passwd", ZipOddity.ABSOLUTE_PATH),
        (b"C:\\x", ZipOddity.ABSOLUTE_PATH),
        (b"a\\b", ZipOddity.BACKSLASH),
        (b"classes.dex\0.txt", ZipOddity.CONTROL_CHARACTER),
        (b"\x1b[2J", ZipOddity.CONTROL_CHARACTER),
        (b"a\nb", ZipOddity.CONTROL_CHARACTER),
        (b"", ZipOddity.EMPTY_NAME),
        (b"a\xff\xfe", ZipOddity.BAD_UTF8),
        (b"n" * 5000, ZipOddity.LONG_NAME),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_names_that_mean_harm(name: bytes, kind: str, place: int) -> None:
    members = [DEX, RESOURCES]
    members.insert(place, replace(MANIFEST, name=name))
    zipped = opened(archive(members))
    assert zipped.read(zipped.entries[place]) == MANIFEST.data
    assert kind in kinds(zipped)
    assert ZipOddity.LOCAL_NAME not in kinds(zipped)
    assert len(zipped.entries[place].name) <= 4096


@pytest.mark.parametrize("name", ["a..b", "..a", "ü/日本.txt", "a:b", "res/x.xml", "%2e%2e/", "a b"])
def test_harmless_names(name: str) -> None:
    assert opened(archive([replace(MANIFEST, name=name.encode())])).anomalies == ()


def test_overlapping_entries_are_noted_in_any_order() -> None:
    members = [DEX, replace(DEX, name=b"other", header_offset=0), RESOURCES]
    for order in (members, members[::-1]):
        zipped = opened(
            archive(order) if order is members else archive([RESOURCES, DEX, replace(DEX, name=b"o", header_offset=0)])
        )
        assert ZipOddity.OVERLAP in kinds(zipped)
    shuffled = lay_out(ORDINARY)
    directory = b"".join(record(m, o) for m, o in list(zip(ORDINARY, shuffled.offsets, strict=True))[::-1])
    zipped = opened(shuffled.local + directory + end_record(3, len(directory), len(shuffled.local)))
    assert zipped.anomalies == ()  # out of order is not overlapping
    assert contents(zipped) == EXPECTED


def test_the_quoted_overlap_bomb_is_noted_and_bounded() -> None:
    kernel = Member(name=b"kernel", data=bytes(1 << 16))
    zipped = opened(archive([kernel] + [replace(kernel, name=b"%d" % i, header_offset=0) for i in range(999)]))
    (first, *_) = [anomaly for anomaly in zipped.anomalies if anomaly.kind == ZipOddity.OVERLAP]
    assert sum(anomaly.count for anomaly in zipped.anomalies if anomaly.kind == first.kind) == 999


def test_two_directories_in_one_file() -> None:
    inner = lay_out([replace(MANIFEST, name=b"hidden")])
    outer = lay_out(ORDINARY)
    start = len(outer.local) + len(inner.local)
    second = b"".join(record(replace(MANIFEST, name=b"hidden"), len(outer.local)) for _ in range(1))
    comment_at = start + len(outer.directory) + 22
    comment = second + end_record(1, len(second), comment_at)
    body = outer.local + inner.local + outer.directory
    zipped = opened(body + end_record(3, len(outer.directory), start, comment))
    assert [entry.name for entry in zipped.entries] == ["hidden"]  # Android takes the last end record
    assert ZipOddity.SEVERAL_ENDS in kinds(zipped)


# --- lies that go too far --------------------------------------------------------------------------------------------


def _zipcrypto(data: bytes) -> bytes:
    """Traditional PKWARE encryption of `data` with the password `x` (APPNOTE 6.1)."""
    table = [0] * 256
    for i in range(256):
        value = i
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        table[i] = value
    keys = [0x12345678, 0x23456789, 0x34567890]

    def update(byte: int) -> None:
        keys[0] = keys[0] >> 8 ^ table[(keys[0] ^ byte) & 0xFF]
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        keys[2] = keys[2] >> 8 ^ table[(keys[2] ^ keys[1] >> 24) & 0xFF]

    update(ord("x"))
    out = bytearray()
    for byte in bytes(12) + data:
        mix = keys[2] | 2
        out.append(byte ^ (mix * (mix ^ 1) >> 8 & 0xFF))
        update(byte)
    return bytes(out)


@pytest.mark.parametrize("seed", range(20))
def test_real_encryption_is_refused(seed: int) -> None:
    data = random.Random(seed).randbytes(200) + b"text " * (seed * 40)
    members = [
        Member(name=b"deflated", data=data, flags=1, packed=_zipcrypto(deflate(data))),
        Member(name=b"stored", data=data, flags=1, packed=_zipcrypto(data), method=STORED),
        Member(name=b"aes", data=data, flags=1, packed=_zipcrypto(data), method=99),
    ]
    zipped = opened(archive(members))
    for entry in zipped.entries:
        for read in (zipped.read, zipped.head, lambda entry: list(zipped.chunks(entry))):
            with pytest.raises(UnsupportedError, match="encrypted"):
                read(entry)
    assert {ZipOddity.ENCRYPTED, ZipOddity.ENCRYPTED_FLAG} <= kinds(zipped)


def test_other_compressions_are_handed_over_as_they_are() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_BZIP2) as theirs:
        theirs.writestr("a", b"text" * 1000)
    zipped = opened(out.getvalue())
    assert zipped.read(zipped.entries[0]).startswith(b"BZh")
    assert kinds(zipped) == {ZipOddity.UNKNOWN_METHOD}


def test_corrupt_data_comes_out_up_to_the_damage() -> None:
    packed = deflate(DEX.data, 0)[:-1] + b"\xff" * 200
    zipped = opened(archive([replace(DEX, packed=b"\0" + packed[1:])]))
    pieces = bytearray()
    with pytest.raises(MalformedError):
        _gather(pieces, zipped.chunks(zipped.entries[0]))
    assert len(pieces) > 5000
    assert DEX.data.startswith(pieces)
    assert zipped.head(zipped.entries[0]) == DEX.data[:512]


def test_header_offsets_into_nowhere() -> None:
    layout = lay_out(ORDINARY)
    records = b"".join(record(m, o) for m, o in zip(ORDINARY, [5, 1 << 30, layout.offsets[2]], strict=True))
    zipped = opened(layout.local + records + end_record(3, len(records), len(layout.local)))
    for entry, error in zip(zipped.entries, (MalformedError, TruncatedError), strict=False):
        for read in (zipped.read, zipped.head, zipped.data_offset, zipped.open):
            if read == zipped.open and entry.method == DEFLATED:
                continue
            with pytest.raises(error):
                read(entry)
    assert zipped.read(zipped.entries[2]) == RESOURCES.data


def test_a_stored_entry_that_ends_outside_the_file() -> None:
    zipped = opened(archive([replace(RESOURCES, size=1 << 30, compressed_size=1 << 30)]))
    pieces = zipped.chunks(zipped.entries[0])
    assert next(pieces).startswith(RESOURCES.data)
    with pytest.raises(TruncatedError):
        next(pieces)


def test_too_much_is_a_limit_error(monkeypatch: pytest.MonkeyPatch) -> None:
    zipped = opened(ordinary())
    for entry in (zipped.entries[0], zipped.entries[2]):
        with pytest.raises(LimitError):
            zipped.read(entry, limit=10)
        got = bytearray()
        with pytest.raises(LimitError):
            _gather(got, zipped.chunks(entry, limit=10))
        assert got == EXPECTED[entry.name][:10]
    monkeypatch.setattr(zip_parse, "MAX_ENTRIES", 2)
    with pytest.raises(LimitError):
        opened(ordinary())
    monkeypatch.setattr(zip_parse, "MAX_ENTRIES", 3)
    assert len(opened(ordinary()).entries) == 3
    monkeypatch.setattr(zip_parse, "MAX_DIRECTORY_BYTES", 150)
    with pytest.raises(LimitError):
        opened(ordinary())


def test_zip64_fields_without_their_extra_field() -> None:
    zipped = opened(ordinary(size=0xFFFFFFFF))
    assert ZipOddity.ZIP64_EXTRA in kinds(zipped)
    zipped = opened(ordinary(size=0xFFFFFFFF, extra=struct.pack("<HHI", 1, 4, 5)))
    assert ZipOddity.ZIP64_EXTRA in kinds(zipped)


# --- broken downloads ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("descriptor", ["", "signed", "bare", "zip64"])
def test_a_truncated_download_is_recovered_as_far_as_it_goes(descriptor: str) -> None:
    members = [replace(member, descriptor=descriptor) for member in ORDINARY]
    whole = archive(members)
    layout = lay_out(members)
    ends = [*layout.offsets[1:], len(layout.local)]
    for cut in range(60, len(whole) - 22, 37):
        zipped = opened(whole[:cut])
        assert ZipOddity.TRUNCATED in kinds(zipped)
        # A bare descriptor is only believed before the next signature.
        complete = sum(end + 4 * (descriptor == "bare") <= cut for end in ends)
        for entry, member in zip(zipped.entries[:complete], members, strict=False):
            assert entry.name.encode() == member.name
            assert zipped.read(entry) == member.data
            assert entry.size == len(member.data)
        assert len(zipped.entries) <= complete + 1
        for entry in zipped.entries[complete:]:
            _check_incomplete(zipped, entry, members[complete])


def _check_incomplete(zipped: ZipArchive, entry: ZipEntry, member: Member) -> None:
    got = bytearray()
    with contextlib.suppress(TruncatedError):
        _gather(got, zipped.chunks(entry))
    tail = 24 if member.descriptor else 0  # a cut descriptor cannot be told from data
    assert member.data.startswith(got[: len(got) - tail] if member.method == STORED else got)


def test_a_directory_that_breaks_off_is_completed() -> None:
    layout = lay_out(ORDINARY)
    first = len(record(MANIFEST, 0))
    directory = layout.directory[:first] + b"XX" + layout.directory[first + 2 :]
    zipped = opened(layout.local + directory + end_record(3, len(directory), len(layout.local)))
    assert contents(zipped) == EXPECTED
    assert {ZipOddity.DIRECTORY_BROKEN, ZipOddity.DIRECTORY_SIZE, ZipOddity.ENTRY_COUNT} == kinds(zipped)


def test_stored_zips_inside_do_not_confuse_the_recovery() -> None:
    inner = Member(name=b"base.apk", data=ordinary(), method=STORED, descriptor="signed")
    layout = lay_out([inner, DEX])
    zipped = opened(layout.local)
    assert [entry.name for entry in zipped.entries] == ["base.apk", "classes.dex"]
    assert zipped.read(zipped.entries[0]) == inner.data


def test_alignment_headers_of_androids_build_tools_are_no_entries() -> None:
    padding = local_part(Member(name=b"", method=STORED, local_extra=bytes(102)))
    layout = lay_out(ORDINARY)
    moved = b"".join(record(m, o + len(padding)) for m, o in zip(ORDINARY, layout.offsets, strict=True))
    whole = padding + layout.local + moved + end_record(3, len(moved), len(padding) + len(layout.local))
    zipped = opened(whole)
    assert contents(zipped) == EXPECTED
    assert zipped.anomalies == ()
    zipped = opened(whole[:-30])
    assert contents(zipped) == EXPECTED
    assert kinds(zipped) == {ZipOddity.TRUNCATED}
    with pytest.raises(NotThisFormat):
        opened(padding)


def test_recovery_takes_linear_time() -> None:
    header = local_part(Member(name=b"a", data=b"", flags=8, packed=b""))
    started = time.process_time()
    zipped = opened(header * 100_000)
    assert len(zipped.entries) == 100_000
    assert time.process_time() - started < 15


# --- signing block ---------------------------------------------------------------------------------------------------


def test_the_signing_block_is_found() -> None:
    block = build_signing_block([(SIGNATURE_V2, b"two"), (SIGNATURE_V3, b"three"), (SIGNATURE_V2, b"late"), (7, b"")])
    for front in (b"", b"prepended"):
        data = front + archive(ORDINARY, between=block)
        zipped = opened(data)
        found = find_signing_block(zipped)
        assert found is not None
        assert data[found[0] : sum(found)] == block
        assert contents(zipped) == EXPECTED
    assert find_signing_block(opened(ordinary())) is None
    assert find_signing_block(opened(ordinary()[:-30])) is None


@pytest.mark.parametrize(
    "block",
    [
        build_signing_block([(1, b"x" * 50)])[8:],
        b"\0" + build_signing_block([(1, b"x" * 50)])[1:],
        struct.pack("<Q", 1 << 62) + struct.pack("<Q", 1 << 62) + b"APK Sig Block 42",
        struct.pack("<Q", 5) + struct.pack("<Q", 5) + b"APK Sig Block 42",
    ],
)
def test_signing_blocks_that_lie(block: bytes) -> None:
    zipped = opened(archive(ORDINARY, between=block))
    with pytest.raises(InputError):
        find_signing_block(zipped)
    assert contents(zipped) == EXPECTED


# --- any bytes -------------------------------------------------------------------------------------------------------


def _exercise(data: bytes) -> None:
    """Reads everything; only declared errors may come."""
    try:
        zipped = opened(data)
    except (InputError, NotThisFormat):
        return
    for entry in zipped.entries[:50]:
        for read in (
            zipped.head,
            zipped.data_offset,
            zipped.open,
            lambda entry: Counter(zipped.chunks(entry, 1 << 20)),
        ):
            with contextlib.suppress(InputError):
                read(entry)
    with contextlib.suppress(InputError):
        find_signing_block(zipped)
    assert all(anomaly.count > 0 for anomaly in zipped.anomalies)


@given(st.binary(max_size=400), st.sampled_from([b"", b"PK\x03\x04", b"PK\x05\x06"]))
def test_any_bytes_raise_only_declared_errors(data: bytes, start: bytes) -> None:
    _exercise(start + data)
    _exercise(data + end_record(len(data) % 5, len(data) // 2, len(data) // 3))


_SEEDS = [
    ordinary(),
    archive([replace(m, descriptor="signed") for m in ORDINARY], between=build_signing_block([(SIGNATURE_V2, b"v2")])),
    archive([replace(m, zip64=True, flags=1) for m in ORDINARY], zip64=True),
    lay_out([replace(m, descriptor="bare") for m in ORDINARY]).local,
]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutations_of_good_zips_raise_only_declared_errors(data: st.DataObject) -> None:
    mutant = bytearray(data.draw(st.sampled_from(_SEEDS)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(mutant) - 1))
        match data.draw(st.sampled_from(["set", "fill", "cut", "double"])):
            case "set":
                mutant[at] = data.draw(st.integers(0, 255))
            case "fill":
                mutant[at : at + 4] = data.draw(st.sampled_from([b"\xff" * 4, bytes(4), b"PK\x03\x04", b"\0\0\0\x80"]))
            case "cut":
                del mutant[at : at + data.draw(st.integers(1, 40))]
            case _:
                mutant[at:at] = mutant[at : at + 60]
        if not mutant:
            return
    _exercise(bytes(mutant))


def test_mutations_of_every_directory_byte() -> None:
    base = ordinary()
    start = len(lay_out(ORDINARY).local)
    for at in range(start, len(base)):
        for value in (0, 0xFF, base[at] ^ 1):
            _exercise(base[:at] + bytes([value]) + base[at + 1 :])


# --- size ------------------------------------------------------------------------------------------------------------


def _many(count: int) -> bytes:
    data = bytearray()
    directory = bytearray()
    for i in range(count):
        member = Member(name=b"res/drawable-xxhdpi/image_%07d.png" % i, data=b"%d" % i, method=STORED)
        directory += record(member, len(data))
        data += local_part(member)
    return bytes(data + directory + end64(count, len(directory), len(data), len(data) + len(directory)))


def test_two_hundred_thousand_entries_open_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    path.write_bytes(_many(200_000))
    script = textwrap.dedent("""
        import sys, tracemalloc
        from nngauge.io.source import ByteSource
        from nngauge.io.zip import read_zip
        with ByteSource.open(sys.argv[1]) as source:
            tracemalloc.start()
            zipped = read_zip(source)
            print(len(zipped.entries), tracemalloc.get_traced_memory()[0], zipped.anomalies)
            assert zipped.read(zipped.entries[123456]) == b"123456"
    """)
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    count, memory, anomalies = run.stdout.split(maxsplit=2)
    assert (int(count), anomalies.strip()) == (200_000, "()")
    assert int(memory) / 200_000 < 32  # bytes an entry
    with zipfile.ZipFile(path) as theirs:
        assert theirs.infolist()[123456].filename == "res/drawable-xxhdpi/image_0123456.png"


def test_a_directory_is_the_same_whole_and_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    data = _many(3000)
    whole = list(opened(data).entries)
    monkeypatch.setattr(zip_records, "_COPIED_DIRECTORY", 0)
    monkeypatch.setattr(zip_records, "_PIECE", 280_000)
    monkeypatch.setattr(zip_entries, "KEPT_ENTRIES", 10)
    zipped = opened(data)
    assert list(zipped.entries) == whole
    assert zipped.entries[2990:] == whole[2990:]
    for index in (2999, 0, 1234, 17, -1):
        assert zipped.entries[index] == whole[index] == zipped.find(whole[index].name)
    assert zipped.find("res/drawable-xxhdpi/image_3000.png") is None
    assert zipped.anomalies == ()


def test_a_directory_that_is_cut_off_later_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_records, "_COPIED_DIRECTORY", 0)
    monkeypatch.setattr(zip_records, "_PIECE", 280_000)
    monkeypatch.setattr(zip_entries, "KEPT_ENTRIES", 10)
    path = tmp_path / "many.zip"
    path.write_bytes(_many(10_000))
    with ByteSource.open(path) as source:
        zipped = read_zip(source)
        os.truncate(path, path.stat().st_size - 1000)
        with pytest.raises(TruncatedError):
            list(zipped.entries)


def test_equal_names_are_found_whatever_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    members = [Member(name=b"%d" % (i % 40), data=b"%d" % i, method=STORED) for i in range(100)]
    monkeypatch.setattr(zip_entries, "_HASHES_AT_ONCE", 9)
    zipped = opened(archive(members))
    found = [item for item in zipped.anomalies if item.kind == ZipOddity.DUPLICATE_NAME]
    assert sum(item.count for item in found) == 60
    assert (found[0].detail, found[0].location.path.rpartition("!")[2]) == ("first is entry 0", "0")
    first = zipped.find("19")
    assert first is not None
    assert zipped.read(first) == b"19"


def test_recovered_entries_take_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_entries, "KEPT_ENTRIES", 0)
    data = _many(50_000)
    data = data[: data.index(b"PK\x01\x02")]
    source = ByteSource.of_bytes(data, "cut.zip")
    tracemalloc.start()
    try:
        zipped = read_zip(source)
        memory = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert memory / len(zipped.entries) < 64  # bytes an entry
    assert zipped.entries[49_999].name == "res/drawable-xxhdpi/image_0049999.png"


def test_a_bomb_streams_in_little_memory(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b"".join(packer.compress(bytes(1 << 20)) for _ in range(1024)) + packer.flush()
    crc = 0
    for _ in range(1024):
        crc = zlib.crc32(bytes(1 << 20), crc)
    path = tmp_path / "bomb.zip"
    path.write_bytes(
        archive([Member(name=b"bomb", packed=packed, size=1 << 30, crc=crc, local_crc=crc, local_size=1 << 30)])
    )
    script = textwrap.dedent("""
        import resource, sys
        from nngauge.io.source import ByteSource
        from nngauge.io.zip import read_zip
        with ByteSource.open(sys.argv[1]) as source:
            zipped = read_zip(source)
            next(zipped.chunks(zipped.entries[0]))
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(sum(map(len, zipped.chunks(zipped.entries[0]))))
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, zipped.anomalies)
    """)
    run = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    total, grown, anomalies = run.stdout.split(maxsplit=2)
    assert (int(total), anomalies.strip()) == (1 << 30, "()")
    assert int(grown) * (1 if sys.platform == "darwin" else 1024) < 30 << 20
