"""Libraries, dex files and Android documents with absurd counts and offsets, and pickles that would run code.

pyelftools and lief have looped for minutes on crafted symbol tables; androguard crashes on documents whose chunks
overlap. A pickle inside a torch archive runs any code in tools that load it ("pickle.loads").

nngauge reads by name where it can (hash tables instead of all symbols), bounds tables by the file, and walks pickles
without building anything from them.
"""

from __future__ import annotations

import struct
from pathlib import Path

from attacks._api import Attack, Result, all_of, failed, models, scanned
from nngauge.domain.scan import Scan
from tests.builders.dex import build_dex
from tests.builders.elf import build_elf
from tests.builders.zips import Member, archive


def _attack(name: str, title: str, entry: bytes, data: bytes, *, check: object = scanned) -> Attack:
    def build(folder: Path) -> Path:
        target = folder / "app.apk"
        target.write_bytes(archive([Member(name=entry, data=data)]))
        return target

    return Attack(name=name, title=title, build=build, check=all_of(models(0), check), entries=1)  # type: ignore[arg-type]


def _patched(data: bytes, layout: str, at: int, *values: int) -> bytes:
    out = bytearray(data)
    struct.pack_into(layout, out, at, *values)
    return bytes(out)


_LIBRARY = build_elf(exports=("OrtGetApiBase", "b"), imports=("x",), rodata=b"ORT_API_VERSION " * 4)
_DEX = build_dex(defined=["Lorg/tensorflow/lite/Interpreter;"], strings=["x"])


def _hash_cycle() -> bytes:
    """GNU hash: four billion buckets, and chains that never end."""
    data = bytearray(_LIBRARY)
    at = data.find(struct.pack("<III", 1, 2, 1))
    if at > 0:
        struct.pack_into("<IIII", data, at, 0xFFFFFFFF, 1, 0xFFFFFFFF, 31)
    return bytes(data)


def _axml() -> bytes:
    """Start tags without end, one in the other."""
    tag = struct.pack("<HHIIIiiHHHHHH", 0x102, 16, 36, 1, 0xFFFFFFFF, -1, 0, 20, 20, 0, 0, 0, 0)
    pool = struct.pack("<HHIIIIII", 1, 28, 32 + 4, 1, 0, 0, 32, 0) + struct.pack("<IHH", 0, 0, 0)
    body = pool + tag * 100_000
    return struct.pack("<HHI", 3, 8, 8 + len(body)) + body


def _code_runs() -> bytes:
    """``os.system("touch /tmp/…")`` as data.pkl of a torch archive."""
    marker = "nngauge-attack-ran"
    pickle = (
        b"\x80\x02cposix\nsystem\nX"
        + struct.pack("<I", len(marker) + 11)
        + b"touch /tmp/"
        + marker.encode()
        + b"\x85R."
    )
    return archive([Member(name=b"m/data.pkl", data=pickle), Member(name=b"m/version", data=b"3\n")])


def _nothing_ran(result: Result) -> str:
    marker = Path("/tmp/nngauge-attack-ran")
    if marker.exists():
        marker.unlink()
        return "the pickle was executed"
    return "" if isinstance(result, Scan) else f"not scanned: {result!r}"


def _pickle(folder: Path) -> Path:
    target = folder / "app.apk"
    target.write_bytes(archive([Member(name=b"assets/m.ptl", data=_code_runs())]))
    return target


ATTACKS = (
    _attack("elf-sections", "ELF: 65,535 sections at 2^63", b"lib/arm64-v8a/liba.so", _patched(_patched(_LIBRARY, "<Q", 0x28, 1 << 63), "<H", 0x3C, 0xFFFF)),
    _attack("elf-segments", "ELF: 65,535 segments", b"lib/arm64-v8a/liba.so", _patched(_LIBRARY, "<H", 0x38, 0xFFFF)),
    _attack("elf-hash", "ELF: a hash table of four billion buckets", b"lib/arm64-v8a/liba.so", _hash_cycle()),
    _attack("elf-head", "ELF: 20 bytes", b"lib/arm64-v8a/liba.so", _LIBRARY[:20]),
    _attack("macho-fat", "Mach-O: 10^9 slices", b"Payload/a", struct.pack(">II", 0xCAFEBABE, 10**9) + bytes(4000), check=failed("NotThisFormat")),
    _attack("macho-commands", "Mach-O: four billion commands", b"Payload/a", struct.pack("<8I", 0xFEEDFACF, 0x0100000C, 0, 6, 0xFFFFFFFF, 0xFFFFFFFF, 0, 0) + bytes(4000)),
    _attack("dex-counts", "dex: four billion strings, types and methods", b"classes.dex", _patched(_DEX, "<12I", 0x38, *[0xFFFFFFFF, 0x70] * 6)),
    _attack("dex-shared", "dex: every string is the same megabyte", b"classes.dex",
            _patched(_DEX, "<II", 0x38, 200_000, 0x70) + struct.pack("<I", 0x70) * 200_000 + b"x" * (1 << 20)),
    _attack("axml-open", "AXML: 100,000 tags one in the other", b"AndroidManifest.xml", _axml()),
    _attack("axml-chunk", "AXML: a chunk of no bytes, for ever", b"AndroidManifest.xml", struct.pack("<HHI", 3, 8, 4000) + struct.pack("<HHI", 0x102, 0, 0) * 400),
    _attack("arsc-garbage", "resources.arsc of 8 MiB noise", b"resources.arsc", b"\2\0\x0c\0" + struct.pack("<II", 8 << 20, 0xFFFFFFFF) + b"\xff" * (8 << 20)),
    Attack(
        name="pickle-code", title="a pickle that would run a command", build=_pickle, check=all_of(models(0), _nothing_ran),
    ),
)  # fmt: skip
