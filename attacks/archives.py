"""Archives other than zip: members that are links or devices, sizes below zero, dictionaries of gigabytes.

`tarfile` has gone round in circles on negative sizes (CVE-2025-8194) and followed links out of the folder
(CVE-2007-4559); decompressors allocate the window that a header asks for.

nngauge lists regular files only, never follows a link, never writes a member by its name, and gives windows a bound.
"""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
from pathlib import Path

from attacks._api import Attack, Check, all_of, failed, models, odd, scanned
from tests.builders.samples import model
from tests.builders.zips import Member, archive


def _attack(name: str, title: str, data: bytes, check: Check, entries: int | None) -> Attack:
    def build(folder: Path) -> Path:
        target = folder / "app.apk"
        target.write_bytes(archive([Member(name=b"assets/pack", data=data)]))
        return target

    return Attack(name=name, title=title, build=build, check=check, entries=entries)


def _links() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, target in (
            ("a", tarfile.SYMTYPE, "/etc/passwd"),
            ("b", tarfile.LNKTYPE, "../../x"),
            ("c", tarfile.CHRTYPE, ""),
            ("d", tarfile.FIFOTYPE, ""),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, target
            tar.addfile(info)
        info = tarfile.TarInfo("../../etc/model")
        data = model("tflite")
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _negative() -> bytes:
    data = bytearray(_links())
    data[124:136] = b"\xff" * 12
    data[148:156] = b"        "
    data[148:156] = b"%06o\0 " % sum(data[:512])
    return bytes(data)


def _long_names() -> bytes:
    """Long names of long names: each header says the next one is its name."""
    header = bytearray(tarfile.TarInfo("././@LongLink").tobuf(tarfile.GNU_FORMAT))
    header[156:157] = b"L"
    header[124:136] = b"00000001000\0"
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    return (bytes(header) + bytes(512)) * 20_000


def _xz_window() -> bytes:
    """LZMA2 with a dictionary of 4 GiB declared."""
    data = bytearray(lzma.compress(b"hello" * 100))
    return bytes(data[:14]) + b"\x28" + bytes(data[15:])


ATTACKS = (
    _attack("tar-links", "tar: links, devices, and a name that climbs out", _links(), all_of(models(1), odd("tar-special-member")), 2),
    _attack("tar-negative", "tar: a member of negative size", _negative(), scanned, None),
    _attack("tar-long-names", "tar: 20,000 names of names", _long_names(), scanned, None),
    _attack("gzip-cut", "gzip: cut in the middle", gzip.compress(model("gguf"))[:20_000], all_of(models(0), failed("TruncatedError")), 2),
    _attack("gzip-noise", "gzip: a header and noise", b"\x1f\x8b\x08\0" + bytes(6) + b"\xff" * 5000, failed("MalformedError"), None),
    _attack("xz-window", "xz: a dictionary of 4 GiB", _xz_window(), failed("MalformedError"), None),
    _attack("zstd-window", "zstd: a window of 3.75 TB", struct.pack("<IBB", 0xFD2FB528, 0, 0xFF) + b"\x01\0\0" + bytes(50), scanned, None),
    _attack("7z-header", "7z: a header of 2^63 bytes", b"7z\xbc\xaf\x27\x1c\0\4" + bytes(4) + struct.pack("<QQI", 0, 1 << 62, 0) + bytes(400), scanned, None),
    _attack("rar", "rar: not read, and said so", b"Rar!\x1a\x07\x01\0" + bytes(600), failed("UnsupportedError", "rar"), 1),
)  # fmt: skip
