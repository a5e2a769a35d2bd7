"""Few bytes that unpack to very many, to fill memory, disk or time.

Deflate packs zeros 1032:1; nesting multiplies (42.zip: 42 kB, 4.5 PB), and entries that share the same compressed bytes
multiply without nesting (David Fifield, "A better zip bomb", WOOT '19). One entry of 2 GB of zeros took androguard to
3.9 GB of memory and a rule scanner past 150 s; decompose-everything tools write all of it to disk.

nngauge unpacks in pieces of 1 MiB, searches them on the way, keeps at most 24 MiB of one entry in memory, opens archives
four levels deep, and stops when one app has unpacked to 1 GiB and to a hundred times its own size (`limits.BOMB_FLOOR`,
`BOMB_RATIO`); what was not looked at is listed.
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from pathlib import Path

from attacks._api import Attack, all_of, failed, models, scanned
from tests.builders.zips import Member, archive, deflate

_GIB = 1 << 30


def zeros(size: int) -> bytes:
    """`size` zeros, deflated, without ever holding them."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = bytes(1 << 20)
    return b"".join([*(packer.compress(piece) for _ in range(size >> 20)), packer.flush()])


def bomb(size: int, name: bytes = b"assets/zeros") -> Member:
    """An entry of `size` zeros that declares its size honestly."""
    crc = 0
    for _ in range(size >> 20):
        crc = zlib.crc32(bytes(1 << 20), crc)
    return Member(name=name, packed=zeros(size), size=size, local_size=size, crc=crc)


def plain(folder: Path) -> Path:
    return _write(folder, archive([bomb(_GIB)]))


def lying(folder: Path) -> Path:
    """Declares 10 bytes."""
    return _write(folder, archive([Member(name=b"assets/a", packed=zeros(_GIB), size=10, crc=0)]))


def nested(folder: Path) -> Path:
    """16 zips in each of 16 zips …, as in 42.zip; the innermost hold 64 MiB each."""
    data = archive([bomb(64 << 20)])
    for _ in range(5):
        packed = deflate(data)
        data = archive([Member(name=b"lib %x.zip" % index, data=data, packed=packed) for index in range(16)])
    return _write(folder, data)


def quine(folder: Path) -> Path:
    """Zips in zips, 40 deep, with a model at the bottom that is beyond the bound."""
    data = archive([Member(name=b"end", data=b"hello")])
    for _ in range(40):
        data = archive([Member(name=b"in", data=data)])
    return _write(folder, data)


def overlapping(folder: Path) -> Path:
    """4,000 directory records that all name the same 64 MiB of zeros: 250 GiB declared in 65 kB + 300 kB."""
    size = 64 << 20
    first = bomb(size, b"assets/0000")
    members = [first] + [
        Member(name=b"assets/%04d" % index, packed=first.packed, size=size, crc=first.crc, header_offset=0)
        for index in range(1, 4000)
    ]
    return _write(folder, archive(members))


def gzipped(folder: Path) -> Path:
    return _write(folder, archive([Member(name=b"assets/a.gz", data=_gzip(_GIB))]))


def gzip_layers(folder: Path) -> Path:
    data = _gzip(_GIB)
    for _ in range(3):
        data = gzip.compress(data)
    return _write(folder, archive([Member(name=b"assets/a.gz", data=data)]))


def xz(folder: Path) -> Path:
    packer = lzma.LZMACompressor(preset=1)
    piece = bytes(1 << 20)
    data = b"".join([*(packer.compress(piece) for _ in range(512)), packer.flush()])
    return _write(folder, archive([Member(name=b"assets/a.xz", data=data)]))


def _gzip(size: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(1 << 20)
    return b"".join([*(packer.compress(piece) for _ in range(size >> 20)), packer.flush()])


def _write(folder: Path, data: bytes) -> Path:
    target = folder / "app.apk"
    target.write_bytes(data)
    return target


ATTACKS = (
    Attack(name="bomb", title="1 GiB of zeros in 1 MB", build=plain, check=all_of(scanned, models(0)), entries=1),
    Attack(name="bomb-lying", title="the same, declared as 10 bytes", build=lying, check=models(0), entries=1),
    Attack(
        name="bomb-nested", title="16 zips in each of 16 zips, six levels", build=nested,
        check=failed("LimitError"), entries=None,
    ),
    Attack(name="bomb-deep", title="zips in zips, 40 deep", build=quine, check=failed("LimitError", "nested"), entries=5),
    Attack(
        name="bomb-overlapping", title="4,000 entries that share 64 MiB of zeros", build=overlapping,
        check=failed("LimitError"), entries=4000,
    ),
    Attack(name="bomb-gzip", title="gzip of 1 GiB of zeros", build=gzipped, check=models(0), entries=2),
    Attack(name="bomb-gzip-layers", title="gzip in gzip in gzip in gzip", build=gzip_layers, check=models(0), entries=5),
    Attack(name="bomb-xz", title="xz of 512 MiB of zeros", build=xz, check=models(0), entries=2),
)  # fmt: skip
