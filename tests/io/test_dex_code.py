"""The code of dex files: made by hand, and held against dexdump on real ones."""

from __future__ import annotations

import re
import shutil
import struct
import subprocess
import time
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from nngauge.errors import InputError, LimitError, MalformedError, NngaugeError, TruncatedError
from nngauge.io.dex_code import CodePart, MethodId, References, read_code
from tests.builders import dex_code as b
from tests.builders.corpus import corpus_files
from tests.builders.dex_code import Call, Class, Lambda, Literal, Method, New, Raw, Static, Text, build_code

A, B = "Lcom/a/A;", "Lcom/a/B;"


def _only(data: bytes) -> CodePart:
    (part,) = read_code(data)
    return part


def _first(*body: b.Instruction) -> tuple[CodePart, References]:
    part = _only(build_code([Class(A, [b.static("go", *body)])]))
    (known,) = part.classes()
    return part, part.references(part.members(known.data).direct[0].code)


def test_classes_with_their_parents_and_interfaces() -> None:
    part = _only(build_code([Class(A, parent=B, interfaces=["Ljava/lang/Runnable;", "Lx/Y;"], access=0x401), Class(B)]))
    first, second = part.classes()
    assert (first.name, first.parent, first.interfaces, first.access) == (
        A,
        B,
        ("Ljava/lang/Runnable;", "Lx/Y;"),
        0x401,
    )
    assert (second.name, second.parent, second.interfaces) == (B, b.OBJECT, ())


def test_methods_with_flags_and_signatures() -> None:
    methods = [b.init(), b.static("s", proto="(I[J)Lx/Y;"), b.virtual("v"), b.native("n", "(Ljava/lang/String;D)Z")]
    part = _only(build_code([Class(A, methods, fields=["one", "two"])]))
    (known,) = part.classes()
    members = part.members(known.data)
    assert [part.method(m.row) for m in members.direct] == [
        MethodId(A, "<init>", "()V"),
        MethodId(A, "s", "(I[J)Lx/Y;"),
    ]
    assert [part.method(m.row).name for m in members.virtual] == ["n", "v"]
    assert [(m.native, m.static, bool(m.code)) for m in (*members.direct, *members.virtual)] == [
        (False, False, True), (False, True, True), (True, False, False), (False, False, True),
    ]  # fmt: skip


def test_every_kind_of_reference() -> None:
    part, found = _first(
        Text("plain"), Text("far", jumbo=True), New(B), Literal("Lx/C;"), Static("Lx/R;", "f"), Call(B, "m", "(I)V", "virtual"),
        Call(B, "wide", range=True), Raw(b"\x14\x00\x01\x00\x02\x7f"), Raw(b"\x14\x00\x01\x00\x02\x01"), Raw(b"\x15\x00\x0d\x7f"), Raw(b"\x15\x00\x80\x3f"), Call(B, "m", "(I)V", "virtual"),
    )  # fmt: skip
    assert [part.string(index) for index in found.strings] == ["plain", "far"]
    assert [part.type(index) for index in found.created] == [B]
    assert [part.type(index) for index in found.literals] == ["Lx/C;"]
    assert [part.field(index) for index in found.fields] == [("Lx/R;", "f")]
    assert [part.method(index) for index in found.calls] == [MethodId(B, "m", "(I)V"), MethodId(B, "wide", "()V")]
    assert found.resources == (0x7F020001, 0x7F0D0000)


def test_payloads_are_stepped_over() -> None:
    packed = struct.pack("<BBHi", 0, 1, 3, 0) + b"\x1a\x00\x01\x00" * 3
    sparse = struct.pack("<BBH", 0, 2, 2) + b"\x1a\x00\x01\x00" * 4
    filled = struct.pack("<BBHI", 0, 3, 1, 5) + b"\x1a\x00\x01\x00\x00\x00"
    part, found = _first(Raw(b"\0\0"), Raw(packed), Text("a"), Raw(sparse), Text("b"), Raw(filled), Text("c"))
    assert [part.string(index) for index in found.strings] == ["a", "b", "c"]


def test_operands_are_not_taken_for_instructions() -> None:
    wide = Raw(b"\x18\x00" + b"\x1a\x00\x01\x00\x6e\x00\x00\x00")
    part, found = _first(wide, Raw(b"\x13\x00\x1a\x00"), Call(B, "real"))
    assert not found.strings
    assert [part.method(index).name for index in found.calls] == ["real"]


def test_lambdas_of_invoke_custom() -> None:
    part, found = _first(Lambda(A, "lambda$0"))
    assert [part.method(target).name for site in found.sites for target in part.site_methods(site)] == ["lambda$0"]


@pytest.mark.parametrize("index", [70_000, 5])
def test_indices_outside_their_table(index: int) -> None:
    part = _only(build_code([Class(A, [b.static("go")])]))
    for ask in (part.method, part.field, part.string, part.type):
        with pytest.raises(MalformedError):
            ask(index if ask != part.string else index * 100)


def test_code_outside_the_file() -> None:
    data = build_code([Class(A, [b.static("go")])])
    for at in (0, len(data), 1 << 31, -4):
        with pytest.raises(TruncatedError):
            _only(data).references(at)


def test_methods_that_share_code_are_decoded_once_and_overlapping_ones_not_for_ever() -> None:
    body = [Raw(b"\x00\x00" * 40_000)]
    data = build_code([Class(A, [b.static("go", *body)])])
    part = _only(data)
    (known,) = part.classes()
    at = part.members(known.data).direct[0].code
    assert part.references(at) is part.references(at)
    image = bytearray(data)
    for step in range(0, 4_000, 20):
        struct.pack_into("<I", image, at + 16 + step + 12, 30_000)
    part = _only(bytes(image))
    with pytest.raises(LimitError):
        _decode_all(part, range(at + 16, at + 4_016, 20))


def _decode_all(part: CodePart, places: range) -> None:
    for at in places:
        part.references(at)


def test_a_class_with_a_billion_members() -> None:
    data = bytearray(build_code([Class(A, [b.static("go")])]))
    (known,) = _only(bytes(data)).classes()
    data[known.data : known.data + 4] = b"\x00\x00\xff\xff"
    with pytest.raises(InputError):
        _only(bytes(data)).members(known.data)


def test_any_damage_gives_a_typed_error_and_soon() -> None:
    methods = [b.static("go", Text("a"), New(B), Call(B, "m"), Lambda(A, "go"))]
    data = build_code([Class(A, methods, interfaces=["Lx/Y;"]), Class(B)])
    start = time.monotonic()
    for at in range(0x20, len(data)):
        for value in (0x00, 0x7F, 0xFF):
            image = bytearray(data)
            image[at] = value
            _exercise(bytes(image))
    for size in range(len(data)):
        _exercise(data[:size])
    assert time.monotonic() - start < 20


def _exercise(data: bytes) -> None:
    try:
        for part in read_code(data):
            for known in part.classes():
                for group in part.members(known.data):
                    for method in group:
                        part.method(method.row)
                        found = part.references(method.code) if method.code else References()
                        [part.site_methods(site) for site in found.sites]
                        [part.string(text) for text in found.strings]
    except NngaugeError:
        return


# --- against dexdump ------------------------------------------------------------------------------------------------------

_INVOKE = re.compile(r"\|\w+: invoke-(?!custom)\S+ .*// method@([0-9a-f]+)")
_STRING = re.compile(r"\|\w+: const-string\S* .*// string@([0-9a-f]+)")
_NEW = re.compile(r"\|\w+: new-instance .*// type@([0-9a-f]+)")


def _sample_dexes() -> list[bytes]:
    found: list[bytes] = []
    for path in corpus_files("packages/*.apk", magic=b"PK", largest=3_000_000)[:12]:
        try:
            with zipfile.ZipFile(path) as archive:
                found += [archive.read(name) for name in archive.namelist() if name.endswith(".dex")][:2]
        except (zipfile.BadZipFile, OSError):
            continue
    return [data for data in found if data[:4] == b"dex\n" and len(data) < 1_500_000]


@pytest.mark.skipif(shutil.which("dexdump") is None, reason="dexdump is not installed")
def test_the_same_references_as_dexdump(tmp_path: Path) -> None:
    compared = 0
    for data in _sample_dexes():
        place = tmp_path / "x.dex"
        place.write_bytes(data)
        text = subprocess.run(["dexdump", "-d", str(place)], capture_output=True, check=False).stdout.decode(
            "utf-8", "replace"
        )
        if "|" not in text:
            continue  # dexdump refuses more than the runtime does
        theirs = [set(), set(), set()]  # type: list[set[int]]
        for expression, into in zip((_INVOKE, _STRING, _NEW), theirs, strict=True):
            into.update(int(index, 16) for index in expression.findall(text))
        ours = Counter[str]()
        calls, strings, created = set[int](), set[int](), set[int]()
        part = _only(data)
        for known in part.classes():
            for group in part.members(known.data):
                for method in group:
                    if method.code:
                        found = part.references(method.code)
                        calls.update(found.calls)
                        strings.update(found.strings)
                        created.update(found.created)
                        ours["methods"] += 1
        assert [calls, created] == [theirs[0], theirs[2]]
        assert strings >= theirs[1]  # texts with line breaks spoil dexdump's lines
        compared += ours["methods"]
    assert compared > 1_000


def test_methods_without_code_have_none() -> None:
    part = _only(build_code([Class(A, [Method("a", None, access=0x401)])]))
    (known,) = part.classes()
    assert part.members(known.data).virtual[0].code == 0
