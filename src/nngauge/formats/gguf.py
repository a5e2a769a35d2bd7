"""GGUF models (llama.cpp, whisper.cpp and relatives): key-value metadata, tensor table, aligned data.

Specification: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Versions 1 to 3, both byte orders, files split
in parts.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from nngauge.domain.graph import Completeness, DType, Graph, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.progress import telling
from nngauge.formats.vocabulary.gguf import BLOCKS, FILE_TYPES
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_ITEMS, MAX_TENSORS

_MAGIC: Final = b"GGUF"
_VERSIONS: Final = (1, 2, 3)
_SCALARS: Final = "BbHhIif?"
"""`struct` codes of value types 0–7; 8 is a string, 9 an array."""
_STRING, _ARRAY = 8, 9
_WIDE: Final = {10: "Q", 11: "q", 12: "d"}
_TYPE_NAMES: Final = (
    "uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "bool", "string", "array", "uint64", "int64",
    "float64",
)  # fmt: skip
_MAX_RANK: Final = 8
"""`GGML_MAX_DIMS` is 4; room for successors."""
_MAX_ALIGNMENT: Final = 1 << 20
_DEFAULT_ALIGNMENT: Final = 32
_MAX_KEY: Final = 65_535
"""The specification's bound on a key, 2^16 − 1 bytes; tensor names are far below it."""
_MAX_TEXT: Final = 4096
"""Characters kept of one string value."""
_FEW: Final = 16
_SHOWN: Final = 512
"""Arrays up to these lengths are written out: texts and tokenizers' lists, and numbers, of which there may be one for each layer."""
_TEMPLATE: Final = "tokenizer.chat_template"
_SPLIT: Final = re.compile(r"(.*)-(\d{5})-of-(\d{5})\.gguf")
_MAX_PARTS: Final = 1024
"""Parts of one model; the largest public ones have about forty."""


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The other parts of a file that was split (``name-00001-of-00003.gguf``), for the first of them."""
    found = _SPLIT.fullmatch(lead)
    if found is None or int(found[2]) != 1 or not 1 < int(found[3]) <= _MAX_PARTS:
        return ()
    names = [f"{found[1]}-{number:05}-of-{found[3]}.gguf" for number in range(2, int(found[3]) + 1)]
    present = set(paths)
    return tuple(name for name in names if name in present)


class _Part(Struct, frozen=True):
    """One file's content."""

    metadata: dict[str, str]
    tensors: list[Tensor]
    unknown: set[int]
    version: str
    end: int
    unit: int


def parse(data: ModelData) -> Graph:
    """Reads metadata as text and tensors by offset, of all parts; see `Format.parse` for the errors.

    Shapes are outermost dimension first as everywhere else, the reverse of the order in the file. Chat templates are
    given as length and digest.
    """
    lead = _part(data.buf, 0)
    parts = [lead]
    for place, buf in enumerate(data.parts.values(), 1):
        try:
            parts.append(_part(buf, place))
        except NotThisFormat as error:
            raise MalformedError(f"part {place + 1}: {error}") from None
    tensors = [tensor for part in parts for tensor in part.tensors]
    if len(tensors) > MAX_TENSORS:
        raise LimitError(f"{len(tensors)} tensors")
    unknown = set().union(*(part.unknown for part in parts))
    metadata = lead.metadata
    file_type = metadata.get("general.file_type", "")
    if file_type.isdecimal() and int(file_type[:9]) in FILE_TYPES:
        metadata["file_type"] = FILE_TYPES[int(file_type[:9])]
    return Graph(
        format="gguf",
        completeness=_completeness(metadata, len(parts), unknown),
        name=metadata.get("general.name", ""),
        tensors=tuple(tensors),
        format_version=lead.version,
        metadata=metadata,
        extent=None if lead.unknown else _padded(data.buf, lead.end, lead.unit if lead.tensors else 1),
        notes=tuple(_notes(metadata, len(parts), unknown)),
    )


def _completeness(metadata: Mapping[str, str], parts: int, unknown: set[int]) -> Completeness:
    return Completeness.PARTIAL if len(list(_notes(metadata, parts, unknown))) > 1 else Completeness.FULL


def _notes(metadata: Mapping[str, str], parts: int, unknown: set[int]) -> Iterator[str]:
    yield "the operations are implied by the architecture, the file holds none"
    if unknown:
        yield "sizes of tensors of unknown type: " + ", ".join(map(str, sorted(unknown)))
    declared = metadata.get("split.count", "")
    if declared.isdecimal() and int(declared[:9]) > parts:
        yield f"split into {declared[:9]} files, of which {parts} were read"


def _part(buf: Buffer, place: int) -> _Part:
    """Header and tensor table of one file, part `place` of the model."""
    reader = _Reader(buf)
    tensor_count, value_count = reader.count(), reader.count()
    if value_count > min(MAX_ITEMS, len(buf) // 8) or tensor_count > min(MAX_TENSORS, len(buf) // 16):
        raise TruncatedError(f"{value_count} values and {tensor_count} tensors declared", where="@8")
    if not value_count and not tensor_count:
        raise NotThisFormat("neither metadata nor tensors behind the magic")
    metadata: dict[str, str] = {}
    entries: list[tuple[str, tuple[int, ...], int, int]] = []
    with telling(lambda: f"{len(metadata)} of {value_count} values, {len(entries)} of {tensor_count} tensors"):
        metadata.update(reader.pair() for _ in range(value_count))
        entries.extend(reader.tensor() for _ in range(tensor_count))
    alignment = metadata.get("general.alignment", "")
    unit = int(alignment[:9]) if alignment.isdecimal() else _DEFAULT_ALIGNMENT
    if not 0 < unit <= _MAX_ALIGNMENT:
        raise MalformedError(f"alignment {alignment}")
    tensors, unknown, end = _place(entries, reader.pos, unit, place)
    if end > len(buf):
        what = f"{tensor_count} tensors reach to {end}, the file to {len(buf)}"
        raise TruncatedError(what, where=f"@{reader.pos}")
    version = str(reader.version) + (" big-endian" if reader.order == ">" else "")
    return _Part(metadata, tensors, unknown, version, end, unit)


def _place(
    entries: list[tuple[str, tuple[int, ...], int, int]], header_end: int, unit: int, part: int
) -> tuple[list[Tensor], set[int], int]:
    """`(tensors, unknown types, end of the data)`."""
    start = -(-header_end // unit) * unit
    tensors, unknown, end = [], set(), header_end
    for name, shape, code, offset in entries:
        dtype, block, size = BLOCKS.get(code, (DType.UNKNOWN, 1, 0))
        tensor = Tensor(name, dtype, shape, constant=True)
        elements = tensor.elements or 0
        if not size:
            unknown.add(code)
            tensors.append(tensor)
            continue
        if shape and shape[-1] % block:
            raise MalformedError(f"tensor {name[:80]!r}: rows of {shape[-1]} in blocks of {block}")
        bytes_ = elements // block * size
        tensors.append(Tensor(name, dtype, shape, Span(start + offset, bytes_, part), constant=True))
        end = max(end, start + offset + bytes_)
    return tensors, unknown, end


def _padded(buf: Buffer, end: int, unit: int) -> int:
    """The end with the zeros that writers add after the last tensor."""
    padded = -(-end // unit) * unit
    return padded if padded <= len(buf) and not any(buf[end:padded]) else end


class _Reader:
    """Position, byte order and width of lengths of one file."""

    def __init__(self, buf: Buffer) -> None:
        if len(buf) < 16 or bytes(buf[:4]) != _MAGIC:
            raise NotThisFormat("no GGUF magic")
        little, big = struct.unpack_from("<I", buf, 4)[0], struct.unpack_from(">I", buf, 4)[0]
        if little not in _VERSIONS and big not in _VERSIONS:
            raise NotThisFormat(f"GGUF version {little}")
        self.order = "<" if little in _VERSIONS else ">"
        self.version = min(little, big)
        self.buf = buf
        self.pos = 8
        self._shown = _SHOWN
        width = "I" if self.version == 1 else "Q"
        self._length = struct.Struct(self.order + width)
        codes = {**dict(enumerate(_SCALARS)), **_WIDE}
        self._scalars = {kind: struct.Struct(self.order + code) for kind, code in codes.items()}

    def _take(self, form: struct.Struct) -> Any:
        try:
            value = form.unpack_from(self.buf, self.pos)[0]
        except struct.error:
            raise TruncatedError("value outside the data", where=f"@{self.pos}") from None
        self.pos += form.size
        return value

    def count(self) -> int:
        """A length or number of items."""
        return int(self._take(self._length))

    def text(self, limit: int) -> str:
        """A string, the first `limit` bytes of it."""
        size = self.count()
        at = self.pos
        if size > len(self.buf) - at:
            raise TruncatedError(f"string of {size} bytes", where=f"@{at}")
        self.pos = at + size
        return str(self.buf[at : at + min(size, limit)], "utf-8", "replace")

    def name(self) -> str:
        """A key or tensor name: not empty, no control characters."""
        at = self.pos
        name = self.text(_MAX_KEY)
        if not name.isprintable() or not name:
            raise MalformedError(f"name {name[:40]!r}", where=f"@{at}")
        return name

    def pair(self) -> tuple[str, str]:
        """One metadata entry as text."""
        key = self.name()
        kind = int(self._take(self._scalars[4]))
        # A tokenizer's lists have an entry for each token, the others one for each layer.
        self._shown = _FEW if key.startswith("tokenizer.") else _SHOWN
        if kind == _STRING and key.startswith(_TEMPLATE):
            return key, self._digest()
        return key, self._value(kind, 0)

    def _digest(self) -> str:
        """Length and SHA-256 of a string."""
        size, at = self.count(), self.pos
        if size > len(self.buf) - at:
            raise TruncatedError(f"string of {size} bytes", where=f"@{at}")
        self.pos = at + size
        return f"{size} bytes, sha256 {hashlib.sha256(self.buf[at : at + size]).hexdigest()}"

    def _value(self, kind: int, depth: int) -> str:
        if kind == _STRING:
            return self.text(_MAX_TEXT)
        if kind == _ARRAY:
            return self._array(depth)
        form = self._scalars.get(kind)
        if form is None:
            raise MalformedError(f"value type {kind}", where=f"@{self.pos}")
        value = self._take(form)
        return f"{value:.8g}" if isinstance(value, float) else str(value)

    def _array(self, depth: int) -> str:
        """Short arrays written out, long ones counted and stepped over."""
        kind, count = int(self._take(self._scalars[4])), self.count()
        at = self.pos
        form = self._scalars.get(kind)
        smallest = form.size if form is not None else self._length.size
        if form is None and kind not in (_STRING, _ARRAY):
            raise MalformedError(f"array of type {kind}", where=f"@{at}")
        if count * smallest > len(self.buf) - at:
            raise TruncatedError(f"array of {count} values", where=f"@{at}")
        if count <= (_FEW if kind == _STRING else self._shown) and depth == 0 and kind != _ARRAY:
            return "[" + ", ".join(self._value(kind, 1) for _ in range(count)) + "]"
        if form is not None:
            self.pos = at + count * form.size
        elif kind == _STRING:
            self._skip_strings(count)
        elif depth:
            raise LimitError("arrays nested too deeply", where=f"@{at}")
        else:
            for _ in range(count):
                self._array(1)
        return f"{count} × {_TYPE_NAMES[kind]}"

    def _skip_strings(self, count: int) -> None:
        """Steps over `count` strings; vocabularies have hundreds of thousands, so nothing but lengths is read."""
        unpack, buf, pos, width = self._length.unpack_from, self.buf, self.pos, self._length.size
        try:
            for _ in range(count):
                pos += width + unpack(buf, pos)[0]
        except (struct.error, OverflowError):
            raise TruncatedError("array of strings outside the data", where=f"@{self.pos}") from None
        if pos > len(buf):
            raise TruncatedError("array of strings outside the data", where=f"@{self.pos}")
        self.pos = pos

    def tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        """`(name, shape outermost first, type, offset from the start of the data)`."""
        name = self.name()
        rank = int(self._take(self._scalars[4]))
        if rank > _MAX_RANK:
            raise MalformedError(f"tensor of {rank} dimensions", where=f"@{self.pos}")
        shape = tuple(self.count() for _ in range(rank))[::-1]
        return name, shape, int(self._take(self._scalars[4])), int(self._take(self._scalars[10]))


FORMAT = Format(
    name="gguf",
    version=3,
    title="GGUF (llama.cpp, ggml)",
    suffixes=(".gguf",),
    magics=(Magic(0, _MAGIC, carve=True),),
    parse=parse,
    bind=bind,
    references=("https://github.com/ggml-org/ggml/blob/master/docs/gguf.md",),
    limitations=(
        "operations are implied by the architecture and not listed",
        "tensor types of forks (numbers above 41) have no size, so such files have no extent",
    ),
)
