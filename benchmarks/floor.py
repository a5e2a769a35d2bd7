"""T_floor: what unpacking and reading alone must cost on this machine.

``inflated bytes ÷ libdeflate rate + stored bytes ÷ read rate``. The libdeflate rate comes from inflating the very
entries of the app with the `deflate` package (libdeflate), the read rate from reading the file once more.
"""

from __future__ import annotations

import os
import struct
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Floor:
    """Bytes and rates (bytes per CPU second) of one app."""

    inflated: int
    stored: int
    inflate_rate: float
    read_rate: float

    @property
    def seconds(self) -> float:
        """T_floor."""
        return self.inflated / self.inflate_rate + self.stored / self.read_rate


def floor_of(app: Path, repeats: int = 3) -> Floor:
    """Measures both rates on `app` itself, best of `repeats`."""
    import deflate

    with zipfile.ZipFile(app) as archive:
        infos = archive.infolist()
    packed = [info for info in infos if info.compress_type == zipfile.ZIP_DEFLATED]
    inflated = sum(info.file_size for info in packed)
    stored = sum(info.file_size for info in infos if info.compress_type == zipfile.ZIP_STORED)
    best_inflate = best_read = float("inf")
    for _ in range(repeats):
        spent = 0.0
        with app.open("rb") as file:
            for info in packed:
                data = _packed(file.fileno(), info)
                started = time.process_time()
                deflate.deflate_decompress(data, info.file_size)
                spent += time.process_time() - started
        best_inflate = min(best_inflate, spent)
        started = time.process_time()
        descriptor = os.open(app, os.O_RDONLY)
        buffer = bytearray(CHUNK)
        while os.readv(descriptor, [buffer]):
            pass
        os.close(descriptor)
        best_read = min(best_read, time.process_time() - started)
    size = app.stat().st_size
    return Floor(inflated, stored, inflated / max(best_inflate, 1e-9), size / max(best_read, 1e-9))


def _packed(descriptor: int, info: zipfile.ZipInfo) -> bytes:
    name, extra = struct.unpack("<HH", os.pread(descriptor, 4, info.header_offset + 26))
    return os.pread(descriptor, info.compress_size, info.header_offset + 30 + name + extra)
