"""Things that are not models but have fooled scanners: every one is a real structure of its own kind, made in code."""

from __future__ import annotations

import json
import struct
import zlib


def png(side: int, tint: int) -> bytes:
    """A gradient as an RGB PNG of `side` x `side`."""
    rows = b"".join(
        b"\0" + bytes(value for x in range(side) for value in (x * 255 // side, y * 255 // side, tint))
        for y in range(side)
    )
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def lottie() -> bytes:
    """An animation: JSON with "layers" and "nm", which suffix-based crawls took for MXNet and Keras models."""
    spin = {"a": 1, "k": [{"t": 0, "s": [0], "e": [360]}, {"t": 60}]}
    layers = [
        {"ddd": 0, "ind": index, "ty": 4, "nm": f"conv{index}", "sr": 1, "ks": {"r": spin}, "ip": 0, "op": 60, "st": 0,
         "shapes": [{"ty": "el", "p": {"a": 0, "k": [0, 0]}, "s": {"a": 0, "k": [40 + index, 40 + index]}}]}
        for index in range(12)
    ]  # fmt: skip
    animation = {
        "v": "5.7.4",
        "fr": 30,
        "ip": 0,
        "op": 60,
        "w": 512,
        "h": 512,
        "nm": "Neural network",
        "layers": layers,
    }
    return json.dumps(animation).encode()


def debug_probes() -> bytes:
    """Kotlin's ``DebugProbesKt.bin``: a Java class file under a suffix that belongs to weights."""
    names = [b"kotlin/coroutines/jvm/internal/DebugProbesKt", b"java/lang/Object", b"probeCoroutineCreated", b"Code"]
    pool = b"".join(struct.pack(">BH", 1, len(name)) + name for name in names)
    pool += struct.pack(">BH", 7, 1) + struct.pack(">BH", 7, 2)
    return (
        struct.pack(">IHHH", 0xCAFEBABE, 0, 50, len(names) + 3) + pool + struct.pack(">HHHHHHH", 0x31, 5, 6, 0, 0, 0, 0)
    )


def icu_resource() -> bytes:
    """An ICU resource bundle (``.res``): binary tables with a magic of its own."""
    info = struct.pack("<HHBBBB4s4B4B", 20, 0, 0, 0, 2, 0, b"ResB", 3, 0, 0, 0, 1, 4, 0, 0)
    header = struct.pack("<HBB", 4 + len(info), 0xDA, 0x27) + info
    return (
        header
        + bytes(-len(header) % 16)
        + struct.pack("<9I", 0x20000000, 8, 9, 9, 9, 2, 0, 0, 0)
        + bytes(range(256)) * 8
    )


def haar_cascade() -> bytes:
    """The XML layout of OpenCV's cascade classifiers: trained once, but no neural network."""
    stages = "".join(
        f"<_><maxWeakCount>3</maxWeakCount><stageThreshold>-{index}.25</stageThreshold><weakClassifiers>"
        f"<_><internalNodes>0 -1 {index} -3.1e-02</internalNodes><leafValues>0.83 -0.94</leafValues></_>"
        "</weakClassifiers></_>"
        for index in range(20)
    )
    text = (
        '<?xml version="1.0"?>\n<opencv_storage>\n<cascade type_id="opencv-cascade-classifier"><stageType>BOOST</stageType>'
        f"<featureType>HAAR</featureType><height>24</height><width>24</width><stages>{stages}</stages></cascade>\n"
        "</opencv_storage>\n"
    )
    return text.encode()


def graph_settings() -> bytes:
    """JSON with "nodes", "heads" and "arg_nodes" as MXNet symbols have, but describing a level of a game."""
    nodes = [{"op": "door", "name": f"room{index}", "inputs": [[index, 0, 0]]} for index in range(30)]
    return json.dumps({"nodes": nodes, "heads": [[29, 0]], "arg_nodes": [], "attrs": {"difficulty": "easy"}}).encode()


def font() -> bytes:
    """A TrueType container with the tables that a font starts with."""
    tables = {b"head": bytes(54), b"hhea": bytes(36), b"maxp": struct.pack(">IH", 0x00010000, 64), b"name": bytes(6)}
    at, directory, body = 12 + 16 * len(tables), b"", b""
    for tag, content in tables.items():
        padded = content + bytes(-len(content) % 4)
        directory += struct.pack(">4sIII", tag, 0, at + len(body), len(content))
        body += padded
    return struct.pack(">IHHHH", 0x00010000, len(tables), 64, 2, 0) + directory + body


def map_tiles() -> bytes:
    """Records of small integers, like the map data that sits in ``.bin`` files."""
    return b"".join(
        struct.pack("<HHi", zoom, tile, (zoom * 7919 + tile * 104729) % 65521)
        for zoom in range(16)
        for tile in range(64)
    )


def lite_text() -> bytes:
    """A ``.lite`` file that is text: 55 of 58 such files in a public crawl were no models."""
    return b"# Lite edition feature switches\nads=off\nthemes=3\nmodel=basic\n" * 8
