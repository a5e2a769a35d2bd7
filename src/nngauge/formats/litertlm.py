"""LiteRT-LM bundles (.litertlm): models, tokenizer and metadata of a language model in one file.

Header and schema: https://github.com/google-ai-edge/LiteRT-LM/tree/main/schema
"""

from __future__ import annotations

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.io import flatbuffer
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.flatbuffer import Table

_MAGIC = b"LITERTLM"
_HEADER = 32
"""Magic, three version numbers, padding, end of the header."""
_SECTIONS = {
    1: "binary data", 2: "deprecated", 3: "TFLite model", 4: "SentencePiece tokenizer", 5: "LLM metadata",
    6: "Hugging Face tokenizer", 7: "TFLite weights", 8: "embedding metadata", 9: "executor metadata",
    10: "text-to-speech metadata", 11: "speech-to-text metadata", 12: "text-to-image metadata",
    13: "any-to-any metadata",
}  # fmt: skip
_MODEL = 3
_TEXT = 9
"""`VData` member that holds a string."""
_MAX_SECTIONS = 4096
_MAX_PAIRS = 256
"""Key-value pairs of one section; writers put one to ten."""


def parse(data: ModelData) -> Graph:
    """Checks every section; see `Format.parse` for the errors."""
    buf = data.buf
    if bytes(buf[:8]) != _MAGIC:
        raise NotThisFormat("no LITERTLM magic")
    cursor = Cursor(buf, 8)
    version = f"{cursor.u32()}.{cursor.u32()}.{cursor.u32()}"
    cursor.skip(4)
    end = cursor.u64()
    if not _HEADER + 8 <= end <= len(buf):
        raise TruncatedError(f"the header ends at {end}, the file at {len(buf)}")
    root = flatbuffer.root(memoryview(buf)[_HEADER:end])
    listing = root.table(1)
    sections = listing.tables(0) if listing else []
    if not sections:
        raise MalformedError("no sections")
    if len(sections) > _MAX_SECTIONS:
        raise LimitError(f"{len(sections)} sections")
    kinds = [_check(buf, section, end) for section in sections]
    facts = _texts(root.table(0), 0)
    models = [_texts(s, 0).get("model_type", "") for s in sections if s.integer(3, "B") == _MODEL]
    facts["sections"] = ", ".join(kinds)
    if any(models):
        facts["models"] = ", ".join(model for model in models if model)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        format_version=version,
        producer="LiteRT-LM",
        metadata={key: value[:500] for key, value in facts.items()},
        extent=max(section.integer(2, "Q") for section in sections),
        notes=(f"a bundle of {len(models)} TFLite models, which are reported on their own",),
    )


def _check(buf: Buffer, section: Table, header_end: int) -> str:
    begin, end, kind = section.integer(1, "Q"), section.integer(2, "Q"), section.integer(3, "B")
    if kind not in _SECTIONS or not header_end <= begin <= end:
        raise MalformedError(f"section of kind {kind} from {begin} to {end}")
    if end > len(buf):
        raise TruncatedError(f"a section ends at {end}, the file at {len(buf)}")
    if kind == _MODEL and bytes(buf[begin + 4 : begin + 8]) != b"TFL3":
        raise MalformedError("a model section without a TFLite model", where=f"@{begin}")
    return _SECTIONS[kind]


def _texts(owner: Table | None, field: int) -> dict[str, str]:
    """Key-value pairs whose value is text."""
    found: dict[str, str] = {}
    if owner is None or owner.vector(field, 4)[1] > _MAX_PAIRS:
        return found
    for pair in owner.tables(field):
        value = pair.table(2)
        if value is not None and pair.integer(1, "B") == _TEXT:
            found[pair.string(0)[:80]] = value.string(0)[:500]
    return found


FORMAT = Format(
    name="litertlm",
    version=1,
    title="LiteRT-LM bundle",
    suffixes=(".litertlm",),
    parse=parse,
    magics=(Magic(0, _MAGIC, carve=True),),
    references=("https://github.com/google-ai-edge/LiteRT-LM/tree/main/schema",),
    limitations=("models inside are reported on their own, not as parts",),
)
