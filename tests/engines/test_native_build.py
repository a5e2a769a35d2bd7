"""The prebuilt programs are what the sources make, and nothing else."""

import hashlib
import importlib.util
import json
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

import msgspec
import pytest
from msgspec.structs import replace

from nngauge.engines.native.launch import PREBUILT
from nngauge.io.elf import read_elf
from tests.builders.native_runner import EXAMPLES, KEYWORDS, QUICK, library, reply_of, request_for, runner

FOLDER = PREBUILT.parent
MANIFEST = json.loads((PREBUILT / "MANIFEST.json").read_text())


def _build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("native_build", FOLDER / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _zig() -> ModuleType:
    build = _build()
    try:
        there = version("ziglang")
    except PackageNotFoundError:
        pytest.skip("ziglang is not installed")
    if there != build.ZIG:
        pytest.skip(f"ziglang {there} is installed, the programs were made with {build.ZIG}")
    return build


def test_manifest_is_of_these_sources_and_programs() -> None:
    assert _build().manifest(PREBUILT) == MANIFEST, "run native/build.py again"
    assert {path.name for path in PREBUILT.iterdir()} == {"MANIFEST.json", *MANIFEST["programs"]}


def test_every_source_is_built() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.suffix in (".c", ".h")} == set(MANIFEST["sources"])


def test_programs_are_small() -> None:
    assert all(facts["size"] < 70_000 for facts in MANIFEST["programs"].values())


@pytest.mark.parametrize("name", sorted(MANIFEST["programs"]))
def test_programs_load_where_they_should(name: str) -> None:
    data = (PREBUILT / name).read_bytes()
    elf = read_elf(memoryview(data))
    android = name.endswith("-android")
    assert elf.abi == ("arm64-v8a" if "aarch64" in name else "x86_64")
    assert elf.type == "shared"  # position-independent: Android starts nothing else
    loads = [segment for segment in elf.segments if segment.type == 1]
    assert all(segment.align == 16384 and segment.offset % 16384 == segment.address % 16384 for segment in loads)
    assert not any(segment.flags & 3 == 3 for segment in loads), "writable and executable"
    assert set(elf.needed) == ({"libc.so", "libdl.so"} if android else {"libc.so.6", "libdl.so.2"})
    interpreter = next(segment for segment in elf.segments if segment.type == 3)
    path = data[interpreter.offset : interpreter.offset + interpreter.size - 1].decode()
    assert path == (
        "/system/bin/linker64"
        if android
        else {"arm64-v8a": "/lib/ld-linux-aarch64.so.1"}.get(elf.abi or "", "/lib64/ld-linux-x86-64.so.2")
    )
    imported = {symbol for symbol, defined in elf.dynamic_names() if not defined}
    assert not imported & {
        "stdout",
        "stderr",
        "__errno_location",
        "__errno",
        "system",
        "execve",
        "fork",
        "socket",
        "connect",
    }
    assert not any(part in data for part in (b"/tmp", b"/home", b"musl"))


def test_glibc_of_2012_is_enough() -> None:
    for name in MANIFEST["programs"]:
        if name.endswith("-linux-gnu"):
            data = (PREBUILT / name).read_bytes()
            found = {data[at : data.index(b"\0", at)] for at in _places(data, b"GLIBC_2.")}
            assert max(tuple(map(int, text[6:].split(b"."))) for text in found) <= (2, 17)


def _places(data: bytes, text: bytes) -> list[int]:
    places, at = [], data.find(text)
    while at >= 0:
        places.append(at)
        at = data.find(text, at + 1)
    return places


@pytest.mark.parametrize("name", sorted(MANIFEST["programs"]))
def test_rebuilt_programs_have_the_same_bytes(name: str, tmp_path: Path) -> None:
    build = _zig()
    target = next(one for one in build.TARGETS if one.name == name)
    made = build.build(target, tmp_path)
    assert hashlib.sha256(made.read_bytes()).hexdigest() == MANIFEST["programs"][name]["sha256"]


def test_nothing_is_undefined(tmp_path: Path) -> None:
    """A build that stops at undefined behaviour, on good requests and bad ones."""
    build = _zig()
    machine = runner().name
    target = next(one for one in build.TARGETS if one.name == machine)
    checked = build.build(target, tmp_path, ("-fsanitize=undefined", "-fsanitize-trap=undefined", "-O1"))
    good = request_for(KEYWORDS, tmp_path, library=str(library("litert")), outputs=str(tmp_path / "out"), **QUICK)
    other = request_for(
        EXAMPLES / "shapes_onnx" / "shapes_segmenter.onnx", tmp_path, library=str(library("onnxruntime")), **QUICK
    )
    for request in (
        good,
        replace(good, profile=True),
        other,
        replace(other, profile=True, outputs=str(tmp_path / "o")),
    ):
        assert reply_of([checked], request).trouble is None
    whole = msgspec.json.encode(good)
    for end in range(0, len(whole), 29):
        assert reply_of([checked], whole[:end]).trouble is not None
    for at in range(0, len(whole), 31):
        garbled = whole[:at] + b"\xf0\\u" + whole[at + 3 :]
        ran = subprocess.run([checked], input=garbled, capture_output=True, timeout=60, check=False)
        assert ran.returncode == 0


def test_the_wheel_carries_the_programs() -> None:
    pytest.importorskip("hatchling")
    from hatchling.builders.wheel import WheelBuilder

    files = {
        Path(one.distribution_path).name
        for one in WheelBuilder(str(Path(__file__).parents[2])).recurse_included_files()
    }
    assert {*MANIFEST["programs"], "MANIFEST.json", *MANIFEST["sources"], "build.py"} <= files
