"""ggml files from before GGUF: whisper.cpp models, its Silero voice detector, and old llama.cpp models (ggml, ggmf, ggjt).

Layouts: https://github.com/ggml-org/whisper.cpp/blob/master/models/convert-pt-to-ggml.py,
convert-silero-vad-to-ggml.py beside it, and llama.cpp's llama.cpp before August 2023.
"""

from __future__ import annotations

import math

from msgspec import Struct

from nngauge.domain.graph import Completeness, DType, Graph, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat, UnsupportedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.io.binary import Cursor
from nngauge.limits import MAX_TENSORS

_PLAIN, _VERSIONED, _ALIGNED = b"lmgg", b"fmgg", b"tjgg"
"""0x67676d6c, 0x67676d66 and 0x67676a74 as they lie in the file."""
_TYPES = {
    0: (1, 4, DType.FLOAT32), 1: (1, 2, DType.FLOAT16), 2: (32, 18, DType.GGML_Q4_0), 3: (32, 20, DType.GGML_Q4_1),
    6: (32, 22, DType.GGML_Q5_0), 7: (32, 24, DType.GGML_Q5_1), 8: (32, 34, DType.GGML_Q8_0),
    10: (256, 84, DType.GGML_Q2_K), 11: (256, 110, DType.GGML_Q3_K), 12: (256, 144, DType.GGML_Q4_K),
    13: (256, 176, DType.GGML_Q5_K), 14: (256, 210, DType.GGML_Q6_K),
}  # fmt: skip
"""Type number → elements of a block, bytes of a block, name."""
_WHISPER = (
    "n_vocab", "n_audio_ctx", "n_audio_state", "n_audio_head", "n_audio_layer", "n_text_ctx", "n_text_state",
    "n_text_head", "n_text_layer", "n_mels", "ftype",
)  # fmt: skip
_LLAMA = ("n_vocab", "n_embd", "n_mult", "n_head", "n_layer", "n_rot", "ftype")
_SILERO = b"\x0a\0\0\0silero-16k"
_MAX_TOKEN = 1 << 16
_ALIGNMENT = 32
"""Of tensor data in ggjt files."""


class _Family(Struct, frozen=True):
    """What the header says."""

    name: str
    facts: dict[str, int]
    scores: bool
    aligned: bool
    version: str


def parse(data: ModelData) -> Graph:
    """Reads hyperparameters, skips the vocabulary, lists the tensors; see `Format.parse` for the errors."""
    magic = bytes(data.buf[:4])
    if magic not in (_PLAIN, _VERSIONED, _ALIGNED):
        raise NotThisFormat("no ggml magic")
    if bytes(data.buf[4:18]) == _SILERO:
        return _silero(data)
    cursor = Cursor(data.buf, 4)
    family = _header(cursor, magic)
    if family.name == "whisper":
        _skip_filters(cursor, family.facts["n_mels"])
        _skip_tokens(cursor, _bounded(cursor.u32(), "tokens"), scores=False)
    else:
        _skip_tokens(cursor, family.facts["n_vocab"], scores=family.scores)
    tensors: list[Tensor] = []
    while cursor.left >= 12:
        tensors.append(_tensor(cursor, aligned=family.aligned))
        if len(tensors) > MAX_TENSORS:
            raise LimitError(f"more than {MAX_TENSORS} tensors")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.FULL if tensors else Completeness.STRUCTURE,
        tensors=tuple(tensors),
        format_version=family.version,
        producer="whisper.cpp" if family.name == "whisper" else "llama.cpp",
        metadata={"architecture": family.name} | {key: str(value) for key, value in family.facts.items()},
        notes=() if tensors else ("vocabulary only: the file holds no tensors",),
    )


def _header(cursor: Cursor, magic: bytes) -> _Family:
    """Hyperparameters have no type in these files; only plausible numbers tell one model from another."""
    if magic != _PLAIN:
        version = cursor.u32()
        facts = dict(zip(_LLAMA, (cursor.u32() for _ in _LLAMA), strict=True))
        if not 1 <= version <= 3 or not _is_llama(facts):
            raise MalformedError("implausible hyperparameters")
        name = f"{'ggjt' if magic == _ALIGNED else 'ggmf'} v{version}"
        return _Family("llama", facts, scores=True, aligned=magic == _ALIGNED, version=name)
    start = cursor.pos
    facts = dict(zip(_WHISPER, (cursor.u32() for _ in _WHISPER), strict=True))
    if _is_whisper(facts):
        return _Family("whisper", facts, scores=False, aligned=False, version="ggml")
    cursor.seek(start)
    facts = dict(zip(_LLAMA, (cursor.u32() for _ in _LLAMA), strict=True))
    if not _is_llama(facts):
        raise UnsupportedError("hyperparameters of no known model")
    return _Family("llama", facts, scores=False, aligned=False, version="ggml")


def _is_whisper(facts: dict[str, int]) -> bool:
    return (
        50_000 <= facts["n_vocab"] <= 60_000
        and facts["n_mels"] in (80, 128)
        and all(1 <= facts[key] <= 64 for key in ("n_audio_layer", "n_text_layer", "n_audio_head", "n_text_head"))
        and all(64 <= facts[key] <= 8192 for key in ("n_audio_state", "n_text_state", "n_audio_ctx", "n_text_ctx"))
    )


def _is_llama(facts: dict[str, int]) -> bool:
    return (
        1000 <= facts["n_vocab"] <= 1_000_000
        and 64 <= facts["n_embd"] <= 65_536
        and 1 <= facts["n_head"] <= 1024
        and facts["n_embd"] % facts["n_head"] == 0
        and 1 <= facts["n_layer"] <= 1024
    )


def _bounded(count: int, what: str) -> int:
    if count > 2_000_000:
        raise LimitError(f"{count} {what}")
    return count


def _skip_filters(cursor: Cursor, mels: int) -> None:
    rows, columns = cursor.u32(), cursor.u32()
    if rows != mels or not 1 <= columns <= 4096:
        raise MalformedError(f"mel filters of {rows} × {columns}")
    cursor.skip(4 * rows * columns)


def _skip_tokens(cursor: Cursor, count: int, *, scores: bool) -> None:
    for _ in range(count):
        size = cursor.u32()
        if size > _MAX_TOKEN:
            raise MalformedError(f"token of {size} bytes", where=f"@{cursor.pos}")
        cursor.skip(size + (4 if scores else 0))


def _tensor(cursor: Cursor, *, aligned: bool) -> Tensor:
    at = cursor.pos
    rank, length, code = cursor.u32(), cursor.u32(), cursor.u32()
    if not 0 < rank <= 4 or not 0 < length <= 512 or code not in _TYPES:
        raise MalformedError(f"tensor of rank {rank} and type {code}", where=f"@{at}")
    dims = [cursor.u32() for _ in range(rank)]
    name = cursor.bytes(length).decode("utf-8", "replace")
    if aligned:
        cursor.align(_ALIGNMENT)
    block, width, dtype = _TYPES[code]
    elements = math.prod(dims)
    if elements % block:
        raise MalformedError(f"{elements} elements in blocks of {block}", where=f"@{at}")
    start, size = cursor.pos, elements // block * width
    cursor.skip(size)
    # The first number is the innermost dimension.
    return Tensor(name, dtype, tuple(reversed(dims)), Span(start, size), constant=True)


def _silero(data: ModelData) -> Graph:
    cursor = Cursor(data.buf, 18)
    version = (cursor.u32(), cursor.u32(), cursor.u32())
    if any(part > 100 for part in version):
        raise MalformedError("implausible version")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        format_version="ggml",
        producer="whisper.cpp",
        metadata={"architecture": "silero-vad", "version": ".".join(map(str, version))},
        notes=("tensors of the voice detector are not listed",),
    )


FORMAT = Format(
    name="ggml_legacy",
    version=1,
    title="ggml (before GGUF)",
    suffixes=(),
    parse=parse,
    magics=(Magic(0, _PLAIN), Magic(0, _VERSIONED), Magic(0, _ALIGNED)),
    references=("https://github.com/ggml-org/whisper.cpp/blob/master/models/convert-pt-to-ggml.py",),
    limitations=("models other than Whisper, Silero and LLaMA are refused",),
)
