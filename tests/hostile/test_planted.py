"""Models under hostile circumstances are found, byte for byte; masked ones are reported as opaque."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import random
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from nngauge import limits
from nngauge.domain.model import Suspicion
from nngauge.domain.scan import Scan
from nngauge.pipeline import Scanner
from tests.builders.dex import build_dex
from tests.builders.elf import build_elf
from tests.builders.samples import CARVED, WHOLE, model
from tests.builders.zips import DEFLATED, STORED, Member, archive

NOISE = random.Random(1).randbytes(3 << 20)
"""Bytes without meaning, to hide models in."""


@pytest.fixture(scope="module")
def scanner() -> Scanner:
    return Scanner()


def tar(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(name: bytes, data: bytes, method: int = DEFLATED) -> bytes:
    return archive([Member(name=b"readme.txt", data=b"hello"), Member(name=name, data=data, method=method)])


WHOLE_DISGUISES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "no suffix": ("assets/x7f3a", bytes),
    "wrong suffix": ("assets/logo.png", bytes),
    "text suffix": ("assets/licence.txt", bytes),
    "res/raw": ("res/raw/tone", bytes),
    "class suffix": ("kotlin/coroutines/A.class", bytes),
    "library suffix": ("lib/arm64-v8a/libnet.so", bytes),
    "zip in assets": ("assets/pack.dat", lambda data: zipped(b"a/b", data)),
    "zip in zip": ("assets/pack.dat", lambda data: zipped(b"inner.jpg", zipped(b"a/b", data))),
    "stored zip in zip": (
        "assets/pack.dat",
        lambda data: zipped(b"inner.jpg", zipped(b"a/b", data, STORED), STORED),
    ),
    "gzip": ("assets/weights", gzip.compress),
    "bzip2": ("assets/weights", bz2.compress),
    "tar.xz": ("assets/weights.txz", lambda data: lzma.compress(tar("deep/file", data))),
    "gzip in tar in zip": ("assets/w", lambda data: zipped(b"t", tar("deep/file.gz", gzip.compress(data)))),
}

INSIDE_DISGUISES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "at an offset": ("assets/blob.bin", lambda data: NOISE[:12_345] + data + NOISE[:777]),
    "behind a private header": ("assets/a.model", lambda data: b"MYHD\1\0\0\0" + data),
    "in .rodata": ("lib/arm64-v8a/liba.so", lambda data: build_elf(rodata=bytes(512) + data + bytes(64))),
    "in .data": ("lib/arm64-v8a/liba.so", lambda data: build_elf(data=NOISE[:400] + data)),
    "behind a library": ("lib/armeabi-v7a/liba.so", lambda data: build_elf(bits=32, machine=40) + data),
    "behind a dex": ("classes7.dex", lambda data: build_dex(defined=["La/B;"], strings=["x"]) + bytes(8) + data),
    "across a border": ("assets/big", lambda data: NOISE[: (1 << 20) - 6] + data + NOISE[: 1 << 20]),
    "magic across a border": ("assets/big", lambda data: NOISE[: (2 << 20) - 2] + data),
}


def scan(scanner: Scanner, tmp_path: Path, entry: str, data: bytes, method: int) -> Scan:
    target = tmp_path / "app.apk"
    target.write_bytes(archive([Member(name=entry.encode(), data=data, method=method)]))
    return scanner.scan(target)


def found(result: Scan) -> list[tuple[str, str]]:
    return [(model.format, model.parts[0].sha256) for model in result.models]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("method", [STORED, DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("disguise", WHOLE_DISGUISES)
@pytest.mark.parametrize("kind", WHOLE)
def test_whole(scanner: Scanner, tmp_path: Path, kind: str, disguise: str, method: int) -> None:
    entry, hide = WHOLE_DISGUISES[disguise]
    data = model(kind)
    result = scan(scanner, tmp_path, entry, hide(data), method)
    assert found(result) == [(kind, sha256(data))]


@pytest.mark.parametrize("method", [STORED, DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("disguise", INSIDE_DISGUISES)
@pytest.mark.parametrize("kind", CARVED)
def test_inside(scanner: Scanner, tmp_path: Path, kind: str, disguise: str, method: int) -> None:
    entry, hide = INSIDE_DISGUISES[disguise]
    data = model(kind)
    hidden = hide(data)
    result = scan(scanner, tmp_path, entry, hidden, method)
    assert found(result) == [(kind, sha256(data))]
    assert result.models[0].parts[0].location.offset == hidden.find(data)


@pytest.mark.parametrize("kind", CARVED)
def test_spooled(scanner: Scanner, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries that do not fit into memory go through a temporary file; nothing changes."""
    monkeypatch.setattr(limits, "MEMORY_ENTRY", 1 << 16)
    data = model(kind)
    result = scan(scanner, tmp_path, "assets/big", NOISE[: (1 << 20) - 6] + data + NOISE[:777], DEFLATED)
    assert found(result) == [(kind, sha256(data))]
    assert result.models[0].parts[0].location.offset == (1 << 20) - 6


@pytest.mark.parametrize("second", CARVED)
@pytest.mark.parametrize("first", CARVED)
def test_one_behind_the_other(scanner: Scanner, tmp_path: Path, first: str, second: str) -> None:
    glue = bytes(16) if first != "ncnn" else b"\n\0" + bytes(14)
    data = model(first) + glue + model(second)
    result = scan(scanner, tmp_path, "assets/two", data, DEFLATED)
    # The file as a whole is the first model, with bytes behind its end; the second one is cut out.
    assert sorted(found(result)) == sorted([(first, sha256(data)), (second, sha256(model(second)))])


@pytest.mark.parametrize("kind", WHOLE)
def test_truncated_download(scanner: Scanner, tmp_path: Path, kind: str) -> None:
    """The directory is gone; what came before the cut is found, what was cut is reported."""
    data = model(kind)
    whole = archive([Member(name=b"assets/first", data=data), Member(name=b"assets/rest", data=NOISE)])
    target = tmp_path / "app.apk"
    target.write_bytes(whole[: len(whole) // 2])
    result = scanner.scan(target)
    assert found(result) == [(kind, sha256(data))]
    assert not result.complete
    assert "zip-truncated" in {anomaly.kind for anomaly in result.anomalies}


@pytest.mark.parametrize("key", [0x01, 0x5A, 0xFF])
@pytest.mark.parametrize("kind", ["tflite", "gguf", "ort", "executorch", "ncnn", "keras_h5"])
def test_masked(scanner: Scanner, tmp_path: Path, kind: str, key: int) -> None:
    data = bytes(byte ^ key for byte in model(kind))
    result = scan(scanner, tmp_path, "assets/cfg", data, DEFLATED)
    assert not result.models
    opaque = [item for item in result.candidates if item.suspicion is Suspicion.OPAQUE]
    assert len(opaque) == 1
    assert "XORed with one byte" in opaque[0].reason
    assert kind in opaque[0].formats


@pytest.mark.parametrize("entry", ["assets/face_model.bin", "assets/net.tflite", "res/raw/detector"])
def test_encrypted(scanner: Scanner, tmp_path: Path, entry: str) -> None:
    result = scan(scanner, tmp_path, entry, NOISE[: 200 << 10], STORED)
    assert not result.models
    assert [item.suspicion for item in result.candidates] == [Suspicion.OPAQUE]
    assert "random" in result.candidates[0].reason
