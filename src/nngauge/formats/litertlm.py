"""LiteRT-LM bundles (.litertlm): models, tokenizer and metadata of a language model in one file.

Header and schema: https://github.com/google-ai-edge/LiteRT-LM/tree/main/schema
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import LimitError, MalformedError, NotThisFormat, TruncatedError
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.bundle import inner_model, messages, numbers, pieces
from nngauge.formats._parts.model_config import digest
from nngauge.io import flatbuffer
from nngauge.io.binary import Buffer, Cursor
from nngauge.io.flatbuffer import Table
from nngauge.io.meter import Meter

_MAGIC = b"LITERTLM"
_HEADER = 32
"""Magic, three version numbers, padding, end of the header."""
_SECTIONS = {
    1: "binary data", 2: "deprecated", 3: "TFLite model", 4: "SentencePiece tokenizer", 5: "LLM metadata",
    6: "Hugging Face tokenizer", 7: "TFLite weights", 8: "embedding metadata", 9: "executor metadata",
    10: "text-to-speech metadata", 11: "speech-to-text metadata", 12: "text-to-image metadata",
    13: "any-to-any metadata",
}  # fmt: skip
_MODEL, _SENTENCEPIECE, _LLM_METADATA, _HUGGING_FACE = 3, 4, 5, 6
_MODEL_TYPES = {
    1: "generic", 2: "gemma3n", 3: "function_gemma", 4: "gemma3", 5: "qwen3", 7: "qwen2p5", 8: "gemma4", 9: "fast_vlm",
    11: "lfm2", 12: "minicpm5", 13: "gemma3",
}  # fmt: skip
"""Members of `LlmModelType` in runtime/proto/llm_model_type.proto; 13 is Gemma 3 with 270 million parameters."""
_MAX_NOTES = 16
_TEXT = 9
"""`VData` member that holds a string."""
_MAX_SECTIONS = 4096
_MAX_PAIRS = 256
"""Key-value pairs of one section; writers put one to ten."""


class _Section(Struct, frozen=True):
    kind: int
    begin: int
    end: int
    name: str
    """``model_type`` of a model (``tf_lite_prefill_decode``), empty elsewhere."""


def parse(data: ModelData) -> Graph:
    """Checks every section and reads the models inside as sub-graphs; see `Format.parse` for the errors."""
    buf = data.buf
    version, end = _header(buf)
    root = flatbuffer.root(memoryview(buf)[_HEADER:end])
    sections = _sections(buf, root, end)
    facts = _texts(root.table(0), 0)
    facts["sections"] = ", ".join(_SECTIONS[section.kind] for section in sections)
    models = [section for section in sections if section.kind == _MODEL]
    if any(section.name for section in models):
        facts["models"] = ", ".join(section.name for section in models if section.name)
    inner, notes = _models(buf, models)
    if not models:
        notes.append("the bundle holds no model")
    for section in sections:
        facts |= _facts(buf, section)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.FULL if models and len(inner) == len(models) else Completeness.PARTIAL,
        subgraphs=tuple(inner),
        format_version=version,
        producer="LiteRT-LM",
        metadata={key: value[:500] for key, value in facts.items()},
        extent=max(section.end for section in sections),
        notes=tuple(notes),
    )


def _header(buf: Buffer) -> tuple[str, int]:
    """Version of the format, and where the header ends."""
    if bytes(buf[:8]) != _MAGIC:
        raise NotThisFormat("no LITERTLM magic")
    cursor = Cursor(buf, 8)
    version = f"{cursor.u32()}.{cursor.u32()}.{cursor.u32()}"
    cursor.skip(4)
    end = cursor.u64()
    if not _HEADER + 8 <= end <= len(buf):
        raise TruncatedError(f"the header ends at {end}, the file at {len(buf)}")
    return version, end


def _sections(buf: Buffer, root: Table, header_end: int) -> list[_Section]:
    listing = root.table(1)
    tables = listing.tables(0) if listing else []
    if not tables:
        raise MalformedError("no sections")
    if len(tables) > _MAX_SECTIONS:
        raise LimitError(f"{len(tables)} sections")
    return [_section(buf, table, header_end) for table in tables]


def _section(buf: Buffer, table: Table, header_end: int) -> _Section:
    begin, end, kind = table.integer(1, "Q"), table.integer(2, "Q"), table.integer(3, "B")
    if kind not in _SECTIONS or not header_end <= begin <= end:
        raise MalformedError(f"section of kind {kind} from {begin} to {end}")
    if end > len(buf):
        raise TruncatedError(f"a section ends at {end}, the file at {len(buf)}")
    if kind == _MODEL and bytes(buf[begin + 4 : begin + 8]) != b"TFL3":
        raise MalformedError("a model section without a TFLite model", where=f"@{begin}")
    return _Section(kind, begin, end, _texts(table, 0).get("model_type", "") if kind == _MODEL else "")


def _models(buf: Buffer, sections: Sequence[_Section]) -> tuple[list[Graph], list[str]]:
    """`(models, why others cannot be read)`; sections that share bytes over and over raise `LimitError`."""
    inner: list[Graph] = []
    notes: list[str] = []
    meter = Meter.for_size(len(buf))
    for number, section in enumerate(sections):
        meter.spend(section.end - section.begin)
        found = inner_model(buf, section.begin, section.end, section.name or f"model {number}")
        if isinstance(found, Graph):
            inner.append(found)
        elif len(notes) < _MAX_NOTES:
            notes.append(f"unreadable model {found}")
    return inner, notes


def _facts(buf: Buffer, section: _Section) -> dict[str, str]:
    """What tokenizer and metadata sections tell about the language model."""
    if section.kind == _SENTENCEPIECE:
        count = pieces(buf, section.begin, section.end)
        return {"llm.tokenizer": "SentencePiece"} | ({"llm.vocab_size": str(count)} if count else {})
    if section.kind == _HUGGING_FACE:
        return {"llm.tokenizer": "Hugging Face"}
    return _llm_metadata(buf, section.begin, section.end) if section.kind == _LLM_METADATA else {}


def _llm_metadata(buf: Buffer, begin: int, end: int) -> dict[str, str]:
    """`LlmMetadata` of runtime/proto/llm_metadata.proto."""
    whole, nested = numbers(buf, begin, end), messages(buf, begin, end)
    found = {"llm.max_num_tokens": str(whole[5])} if whole.get(5) else {}
    for field in nested.get(6, ())[-1:]:
        kinds = messages(buf, field.start, field.end)
        found["llm.model_type"] = next((name for number, name in _MODEL_TYPES.items() if number in kinds), "unknown")
    for field in nested.get(7, ())[-1:]:
        found["llm.jinja_prompt_template"] = digest(bytes(buf[field.start : field.end]))
    if 3 in nested:
        found["llm.prompt_templates"] = "present"
    return found


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
    version=3,
    title="LiteRT-LM bundle",
    suffixes=(".litertlm",),
    parse=parse,
    magics=(Magic(0, _MAGIC, carve=True),),
    references=("https://github.com/google-ai-edge/LiteRT-LM/tree/main/schema",),
    limitations=("external weight sections are listed, not bound to the model that uses them",),
)
