from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from nngauge.domain.evidence import Presence
from nngauge.pipeline import Scanner
from tests.builders.dex import build_dex
from tests.builders.elf import ElfSpec, build_elf
from tests.builders.macho import MachoSpec, build_macho

MARKS = b"\0".join(
    (b"N4ncnn5LayerE", b"N4ncnn3NetE", b"layer %s not exists or registered", b"param is too old, please regenerate")
)


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner()


def scan(scanner: Scanner, tmp_path: Path, entries: dict[str, bytes]):  # type: ignore[no-untyped-def]
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return scanner.scan(path)


def test_a_library_is_recognised_under_any_name(scanner: Scanner, tmp_path: Path) -> None:
    result = scan(scanner, tmp_path, {"assets/picture.png": build_elf(ElfSpec(rodata=MARKS))})
    assert [item.technology for item in result.detections] == ["ncnn"]
    assert result.detections[0].presence is Presence.EMBEDDED


def test_strings_count_when_the_tables_of_a_library_are_broken(scanner: Scanner, tmp_path: Path) -> None:
    broken = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\xff" * 48 + MARKS + b"\0"
    result = scan(scanner, tmp_path, {"lib/arm64-v8a/libx.so": broken})
    assert [item.technology for item in result.detections] == ["ncnn"]


def test_every_native_binary_is_listed_with_what_its_tables_say(scanner: Scanner, tmp_path: Path) -> None:
    plain = build_elf(ElfSpec(soname="libplain.so", needed=("libc.so", "libx.so"), build_id=b"\xab" * 20))
    found = scan(
        scanner, tmp_path,
        {"lib/arm64-v8a/libx.so": build_elf(ElfSpec(rodata=MARKS)), "lib/arm64-v8a/liba.so": plain, "b.so": plain[:40]},
    )  # fmt: skip
    listed = {item.location.name: item for item in found.libraries}
    assert sorted(listed) == ["b.so", "liba.so", "libx.so"]
    assert listed["libx.so"].technologies == ("ncnn",)
    assert listed["liba.so"].needed == ("libc.so", "libx.so")
    assert (listed["liba.so"].soname, listed["liba.so"].build_id) == ("libplain.so", "ab" * 20)
    assert (listed["b.so"].abi, listed["b.so"].needed) == (None, ())


def test_every_entry_is_accounted_for(scanner: Scanner, tmp_path: Path) -> None:
    entries = {
        "a.txt": b"text",
        "b.png": b"\x89PNG\r\n\x1a\n" + bytes(99),
        "c.bin": bytes(range(256)) * 9,
        "empty": b"",
    }
    result = scan(scanner, tmp_path, entries)
    assert sum(item.entries for item in result.coverage) == len(entries)
    assert sum(item.size for item in result.coverage) == sum(map(len, entries.values()))


def test_the_same_bytes_give_the_same_facts(scanner: Scanner, tmp_path: Path) -> None:
    entries = {"lib/arm64-v8a/libx.so": build_elf(ElfSpec(rodata=MARKS)), "classes.dex": b"dex\n035\0" + bytes(200)}
    assert scan(scanner, tmp_path, entries) == scan(Scanner(), tmp_path, entries)


def test_an_encrypted_program_is_said_to_be_unreadable(scanner: Scanner, tmp_path: Path) -> None:
    result = scan(scanner, tmp_path, {"Payload/A.app/A": build_macho(MachoSpec(crypt_id=1))})
    assert any("encrypted by the App Store" in item.reason for item in result.failures)


def test_dex_inside_odex_is_read(scanner: Scanner, tmp_path: Path) -> None:
    dex = build_dex(defined=["Lorg/tensorflow/lite/Interpreter;"])
    odex = b"dey\n036\0" + (40).to_bytes(4, "little") + len(dex).to_bytes(4, "little") + bytes(24) + dex
    result = scan(scanner, tmp_path, {"base.odex": odex})
    assert [(item.technology, item.presence) for item in result.detections] == [("tflite", Presence.DEFINED)]


def test_a_library_of_the_app_with_an_engine_inside_is_not_the_engine(scanner: Scanner, tmp_path: Path) -> None:
    exports = ("ncnn_version", "Java_com_example_app_Native_run")
    found = scan(
        scanner, tmp_path,
        {
            "lib/arm64-v8a/libapp.so": build_elf(ElfSpec(soname="libapp.so", exports=exports, rodata=MARKS)),
            "lib/arm64-v8a/librenamed.so": build_elf(ElfSpec(soname="librenamed.so", exports=exports[:1], rodata=MARKS)),
            "lib/arm64-v8a/libncnn.so": build_elf(ElfSpec(soname="libncnn.so", exports=exports, rodata=MARKS)),
        },
    )  # fmt: skip
    how = {item.evidence[0].location.name: item for item in found.detections if item.technology == "ncnn"}
    assert how["libapp.so"].presence is Presence.EMBEDDED
    assert exports[1] in [proof.value for proof in how["libapp.so"].evidence]
    assert how["librenamed.so"].presence is Presence.LIBRARY
    assert how["libncnn.so"].presence is Presence.LIBRARY


def test_models_say_what_they_are_for_and_whose_they_are(scanner: Scanner, tmp_path: Path) -> None:
    model = next((Path(__file__).parents[1] / "examples/models/keywords_tflite").glob("*.tflite"))
    engine = build_elf(ElfSpec(soname="libncnn.so", exports=("ncnn_version",), rodata=MARKS))
    found = scan(scanner, tmp_path, {"assets/x.bin": model.read_bytes(), "lib/arm64-v8a/libncnn.so": engine})
    assert [item.task.task for item in found.models if item.task] == ["keyword-spotting"]
    assert [item.owner.owner for item in found.models if item.owner] == ["app"]
    assert [(item.owner.owner, item.owner.sdk) for item in found.libraries if item.owner] == [("sdk", "ncnn")]
    assert found.core is not None
