"""Headers that promise more than there is: 4 GB of weights declared in 20 bytes, counts of billions, tables in circles.

Generated readers allocate what a header declares (a 20-byte GGUF that announces 2^60 entries, a safetensors header of
8 EB, a protobuf length of 2 GB), follow offsets for ever (a FlatBuffers table whose child is itself), or recurse until
the stack ends (a protobuf message in a message in a message …).

nngauge compares each count with the bytes that are left before it acts on it, meters references that are shared, and
bounds every recursion; such files are candidates with the reason, or plain data.
"""

from __future__ import annotations

import struct
from pathlib import Path

from attacks._api import Attack, all_of, doubted, models, scanned
from examples.builders.flat import flatbuffer
from tests.builders.wire import message, varint
from tests.builders.zips import Member, archive


def _attack(name: str, title: str, entry: bytes, data: bytes, *, is_candidate: bool = True) -> Attack:
    def build(folder: Path) -> Path:
        target = folder / "app.apk"
        target.write_bytes(archive([Member(name=entry, data=data)]))
        return target

    check = all_of(models(0), doubted()) if is_candidate else all_of(scanned, models(0))
    return Attack(name=name, title=title, build=build, check=check, entries=1)


def _cycle() -> bytes:
    """A TFLite file whose list of sub-graphs names its own root table, over and over."""
    data = bytearray(flatbuffer({0: ("I", 3), 2: [{} for _ in range(64)], 4: [{} for _ in range(64)]}, b"TFL3"))
    root = struct.unpack_from("<I", data)[0]
    for at in range(8, len(data) - 4, 4):
        if at + struct.unpack_from("<I", data, at)[0] < len(data) and at > root + 16:
            struct.pack_into("<I", data, at, (root - at) & 0xFFFFFFFF)
    return bytes(data)


def _endless(field: int, depth: int) -> bytes:
    """Messages within messages; lengths are right."""
    data = b""
    for _ in range(depth):
        data = varint(field << 3 | 2) + varint(len(data)) + data
    return data


def _onnx(inner: bytes) -> bytes:
    return b"\x08\x08\x12\x07pytorch" + message(7, inner) + message(8, b"\x10\x11")


ATTACKS = (
    _attack("gguf-counts", "GGUF: 2^60 values in 24 bytes", b"a.gguf", b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 1 << 60)),
    _attack("gguf-string", "GGUF: a key of 2^62 bytes", b"a.gguf", b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62) + bytes(40)),
    _attack(
        "gguf-tensor", "GGUF: a tensor of 4 GB", b"a.gguf",
        b"GGUF" + struct.pack("<IQQ", 3, 1, 0) + struct.pack("<Q1sIQIQ", 1, b"w", 1, 1 << 30, 0, 0),
    ),
    _attack(
        "gguf-nested-arrays", "GGUF: arrays of arrays of arrays", b"a.gguf",
        b"GGUF" + struct.pack("<IQQQ1sI", 3, 0, 1, 1, b"k", 9) + struct.pack("<IQ", 9, 1) * 5000,
    ),
    _attack("safetensors-header", "safetensors: a header of 2^62 bytes", b"a.safetensors", struct.pack("<Q", 1 << 62) + b'{"a":{}}'),
    _attack(
        "safetensors-offsets", "safetensors: 4 GB of data in 80 bytes", b"a.safetensors",
        struct.pack("<Q", 72) + b'{"w":{"dtype":"F32","shape":[1073741824],"data_offsets":[0,4294967296]}}'.ljust(72),
    ),
    _attack("onnx-length", "ONNX: a graph of 4 GB in 20 bytes", b"a.onnx", b"\x08\x08\x12\x07pytorch\x3a\xff\xff\xff\xff\x0f"),
    _attack("onnx-endless", "ONNX: graphs in attributes of graphs, 3,000 deep", b"a.onnx", _onnx(_endless(1, 3000))),
    _attack("protobuf-endless", "protobuf: messages nested 200,000 deep", b"a.pb", _endless(1, 3000), is_candidate=False),
    _attack("tflite-root", "TFLite: the root lies 4 GB away", b"a.tflite", b"\xf0\xff\xff\xffTFL3" + bytes(32)),
    _attack("tflite-cycle", "TFLite: tables in circles", b"a.tflite", _cycle()),
    _attack("tflite-counts", "TFLite: a vector of 4 billion sub-graphs", b"a.tflite",
            flatbuffer({0: ("I", 3), 2: [{}]}, b"TFL3").replace(b"\1\0\0\0", b"\xff\xff\xff\xff")),
    _attack("ncnn-counts", "ncnn: a billion layers", b"a.param", b"7767517\n999999999 999999999\nInput a 0 1 a\n"),
    _attack("ncnn-line", "ncnn: a line of 8 MiB", b"a.param", b"7767517\n2 2\nInput a 0 1 " + b"x" * (8 << 20)),
    _attack("mnn-garbage", "MNN: offsets into nowhere", b"a.mnn", b"\x20\0\0\0" + b"\xf0\xff\xff\x7f" * 400),
    _attack("hdf5-garbage", "HDF5: a superblock before noise", b"a.h5", b"\x89HDF\r\n\x1a\n" + b"\xff" * 4000, is_candidate=False),
)  # fmt: skip
