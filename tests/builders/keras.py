"""Keras files: an HDF5 superblock with attribute messages, and a Keras 3 zip."""

from __future__ import annotations

import io
import json
import struct
import zipfile

SIGNATURE = b"\x89HDF\r\n\x1a\n"
CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "s",
        "layers": [
            {"class_name": "InputLayer", "config": {"name": "in", "batch_input_shape": [None, 4], "dtype": "float32"}},
            {"class_name": "Dense", "config": {"name": "d", "units": 2}},
        ],
    },
}


def attribute(name: str, value: str) -> bytes:
    """A version 1 attribute message with a fixed-length string, padded as the specification wants."""
    raw = value.encode()
    label = name.encode() + b"\0"
    head = struct.pack("<BxHHH", 1, len(label), 8, 8)
    kind = struct.pack("<BBHI", 0x13, 0, 0, len(raw))
    return head + label + bytes(-len(label) % 8) + kind + bytes(8) + raw + bytes(16)


def heap_attribute(name: str, value: str, heap: int) -> bytes:
    """The same with a variable-length string in a global heap at offset `heap`."""
    label = name.encode() + b"\0"
    head = struct.pack("<BxHHH", 1, len(label), 16, 8)
    kind = struct.pack("<BBHI", 0x19, 1, 0, 16) + bytes(8)
    return head + label + bytes(-len(label) % 8) + kind + bytes(8) + struct.pack("<IQI", len(value), heap, 1)


def hdf5(*attributes: bytes) -> bytes:
    return SIGNATURE + bytes(88) + b"".join(item + bytes(-len(item) % 8) for item in attributes) + bytes(64)


def model(config: object = CONFIG) -> bytes:
    text = json.dumps(config)
    first = attribute("keras_version", "2.9.0")
    reference = heap_attribute("model_config", text, 1024)
    front = hdf5(first, reference)
    heap = b"GCOL" + struct.pack("<B3xQ", 1, 4096) + struct.pack("<HHxxxxQ", 1, 1, len(text)) + text.encode()
    return front + bytes(1024 - len(front)) + heap + bytes(64)


def archive(config: object = CONFIG, weights: bytes = SIGNATURE + bytes(64), **extra: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as box:
        box.writestr("metadata.json", json.dumps({"keras_version": "3.4.1", "date_saved": "2026-01-01@00:00:00"}))
        box.writestr("config.json", json.dumps(config))
        box.writestr("model.weights.h5", weights)
        for name, content in extra.items():
            box.writestr(name, content)
    return buffer.getvalue()
