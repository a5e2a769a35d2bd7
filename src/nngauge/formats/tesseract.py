"""Tesseract language data (.traineddata): a table of component offsets.

Format: https://github.com/tesseract-ocr/tesseract/blob/main/src/ccutil/tessdatamanager.cpp
"""

from __future__ import annotations

import struct
from itertools import pairwise

from nngauge.domain.graph import Completeness, Graph, Node
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData

_COMPONENTS = (
    "config", "unicharset", "unicharambigs", "inttemp", "pffmtable", "normproto", "punc-dawg", "word-dawg",
    "number-dawg", "freq-dawg", "fixed-length-dawgs", "cube-unicharset", "cube-word-dawg", "shapetable",
    "bigram-dawg", "unambig-dawg", "params-model", "lstm", "lstm-punc-dawg", "lstm-word-dawg", "lstm-number-dawg",
    "lstm-unicharset", "lstm-recoder", "version",
)  # fmt: skip
_MODELS = {"inttemp", "lstm"}
"""Components that recognise: the classic matcher's templates and the network."""
_MIN_ENTRIES = 8


def probe(head: bytes, size: int, _name: str) -> bool:
    """A count of components and, for the first that is present, the offset right behind the table."""
    count = int.from_bytes(head[:4], "little")
    if not _MIN_ENTRIES <= count <= 32 or size < 1024 or len(head) < 4 + 8 * count:
        return False
    offsets = struct.unpack_from(f"<{count}q", head, 4)
    return next((offset for offset in offsets if offset != -1), 0) == 4 + 8 * count


def parse(data: ModelData) -> Graph:
    """Lists the components; see `Format.parse` for the errors."""
    head = bytes(data.buf[:512])
    if not probe(head, len(data.buf), data.name):
        raise NotThisFormat("no component table")
    count = int.from_bytes(head[:4], "little")
    offsets: tuple[int, ...] = struct.unpack_from(f"<{count}q", head, 4)
    present = [(offset, at) for at, offset in enumerate(offsets) if offset != -1]
    if any(first[0] >= second[0] for first, second in pairwise(present)) or present[-1][0] >= len(data.buf):
        raise NotThisFormat("component offsets do not rise inside the file")
    names = [_COMPONENTS[at] if at < len(_COMPONENTS) else f"component {at}" for _, at in present]
    if not _MODELS & set(names) or not {"unicharset", "lstm-unicharset"} & set(names):
        raise MalformedError("neither network nor templates, or no character set")
    version = ""
    if names[-1] == "version":
        version = bytes(data.buf[present[-1][0] : present[-1][0] + 100]).decode("ascii", "replace").strip("\0\n")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        nodes=(Node("LSTM"),) if "lstm" in names else (),
        producer="Tesseract",
        format_version=version.partition(":")[0][:40] or None,
        metadata={"components": ", ".join(names)},
        notes=("the recognition network is not read",),
    )


FORMAT = Format(
    name="tesseract",
    version=1,
    title="Tesseract OCR data",
    suffixes=(".traineddata",),
    parse=parse,
    probe=probe,
    gate=(Magic(1, b"\0\0\0"),),
    references=("https://github.com/tesseract-ocr/tesseract/blob/main/src/ccutil/tessdatamanager.cpp",),
    limitations=("the network inside the lstm component is not read", "big-endian files are not read"),
)
