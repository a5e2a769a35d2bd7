"""MediaPipe task bundles (.task): a zip of uncompressed TFLite models, bundles within, tokenizers and metadata.

Written by mediapipe/tasks/python/metadata/metadata_writers and bundler.py, read in place by
mediapipe/tasks/cc/metadata/utils/zip_utils.cc (https://github.com/google-ai-edge/mediapipe).
"""

from __future__ import annotations

from collections.abc import Mapping

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import InputError, LimitError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.bundle import inner_model, messages, numbers, pieces
from nngauge.io.binary import Buffer
from nngauge.io.source import ByteSource
from nngauge.io.zip import ZipArchive, read_zip
from nngauge.io.zip_records import ZipEntry

_ZIP = b"PK\x03\x04"
_MODEL_NAMES = (b".tflite", b".task")
_LLM_NAMES = (b"TF_LITE_", b"TOKENIZER_MODEL", b"METADATA")
_OTHERS = ("TOKENIZER_MODEL", "METADATA", "SPM_VOCAB")
_SIDE_FILES = (".binarypb", ".txt", ".json", ".pb", ".model", ".pbtxt")
_MAX_MEMBERS = 64
"""Members of one bundle; the largest, holistic, has seven."""
_MAX_DEPTH = 2
"""Bundles inside bundles: gesture recognizer > hand landmarker > models."""
_MAX_NOTES = 16
_LLM_PARAMETERS = {2: "vocab_size", 4: "start_token_id"}
_TRANSFORMER_PARAMETERS = {
    2: "max_seq_length", 3: "embedding_dim", 4: "hidden_dimension", 5: "head_dimension", 6: "num_heads", 7: "num_stacks",
    9: "num_kv_heads", 19: "num_local_layers_per_global",
}  # fmt: skip


def probe(head: bytes, _size: int, name: str) -> bool:
    """A zip whose first member is stored and named like a model of a bundle."""
    if head[:4] != _ZIP or head[8:10] != b"\0\0":
        return False
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    bundled = first.endswith(_MODEL_NAMES) or first.startswith(_LLM_NAMES)
    return b"/" not in first and (bundled or name.lower().endswith(".task"))


def parse(data: ModelData) -> Graph:
    """Checks every member and reads the models, also those of bundles inside, as sub-graphs.

    See `Format.parse` for the errors. An archive that also holds other things is no bundle.
    """
    if bytes(data.buf[:4]) != _ZIP:
        raise NotThisFormat("not a zip")
    archive, kinds = _members(data.buf, data.name)
    models = [name for name, kind in kinds.items() if kind in ("model", "bundle")]
    if not models:
        raise NotThisFormat("no model among the members")
    inner, notes = _models(data.buf, 0, archive, kinds, 0)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL if notes else Completeness.FULL,
        subgraphs=tuple(inner),
        producer="MediaPipe",
        metadata={"models": ", ".join(models), "task": _task(kinds), **_facts(data.buf, archive)},
        notes=tuple(notes[:_MAX_NOTES]),
    )


def _members(buf: Buffer, name: str) -> tuple[ZipArchive, dict[str, str]]:
    """The archive, and what each of its members is."""
    archive = read_zip(ByteSource.of_bytes(buf, name))
    entries = [entry for entry in archive.entries if not entry.is_dir]
    if len(entries) > _MAX_MEMBERS:
        raise LimitError(f"{len(entries)} members")
    return archive, {entry.name: _kind(archive, entry) for entry in entries}


def _models(
    buf: Buffer, base: int, archive: ZipArchive, kinds: Mapping[str, str], depth: int
) -> tuple[list[Graph], list[str]]:
    """`(models, why others cannot be read)`; the archive begins at `base` of `buf`."""
    inner: list[Graph] = []
    notes: list[str] = []
    for name, kind in kinds.items():
        entry = archive.find(name)
        if entry is None or kind == "side file":
            continue
        start = base + archive.data_offset(entry)
        end = start + entry.size
        if kind == "model":
            found = inner_model(buf, start, end, name)
            if isinstance(found, Graph):
                inner.append(found)
            else:
                notes.append(f"unreadable model {found}")
        elif depth < _MAX_DEPTH:
            try:
                below, below_kinds = _members(memoryview(buf)[start:end], name)
                models, reasons = _models(buf, start, below, below_kinds, depth + 1)
            except (InputError, NotThisFormat) as error:
                notes.append(f"unreadable bundle {name[:80]}: {error.what[:200]}")
                continue
            inner += models
            notes += reasons
    return inner, notes


def _facts(buf: Buffer, archive: ZipArchive) -> dict[str, str]:
    """What tokenizer and `LlmParameters` (mediapipe/tasks/cc/genai/inference/proto) tell about a language model."""
    found: dict[str, str] = {}
    for name in ("TOKENIZER_MODEL", "SPM_VOCAB"):
        entry = archive.find(name)
        if entry is not None:
            start = archive.data_offset(entry)
            count = pieces(buf, start, min(start + entry.size, len(buf)))
            found["llm.tokenizer"] = "SentencePiece"
            if count:
                found["llm.vocab_size"] = str(count)
    entry = archive.find("METADATA")
    if entry is None or "llm.tokenizer" not in found:
        return found
    start = archive.data_offset(entry)
    end = min(start + entry.size, len(buf))
    whole = numbers(buf, start, end)
    found |= {f"llm.{key}": str(whole[number]) for number, key in _LLM_PARAMETERS.items() if whole.get(number)}
    for field in messages(buf, start, end).get(1, ())[-1:]:
        shape = numbers(buf, field.start, field.end)
        found |= {
            f"llm.{key}": str(shape[number]) for number, key in _TRANSFORMER_PARAMETERS.items() if shape.get(number)
        }
        for attention in messages(buf, field.start, field.end).get(16, ())[-1:]:
            window = numbers(buf, attention.start, attention.end).get(6)
            found |= {"llm.sliding_window_size": str(window)} if window else {}
    return found


def _kind(archive: ZipArchive, entry: ZipEntry) -> str:
    if "/" in entry.name or entry.method != 0:
        raise NotThisFormat(f"{entry.name[:80]!r} is compressed or in a folder; bundles are flat and stored")
    head = archive.head(entry, 8)
    if head[4:8] == b"TFL3":
        return "model"
    if head[:4] == _ZIP and entry.name.endswith(".task"):
        return "bundle"
    if entry.name in _OTHERS or entry.name.endswith(_SIDE_FILES):
        return "side file"
    raise NotThisFormat(f"{entry.name[:80]!r} does not belong into a task bundle")


def _task(kinds: dict[str, str]) -> str:
    names = " ".join(kinds)
    known = {
        "TF_LITE_PREFILL": "LLM inference", "hand_gesture": "gesture recognizer", "hand_landmark": "hand landmarker",
        "face_landmark": "face landmarker", "pose_landmark": "pose landmarker",
    }  # fmt: skip
    return next((task for part, task in known.items() if part in names), "unknown")


FORMAT = Format(
    name="mediapipe_task",
    version=2,
    title="MediaPipe task bundle",
    suffixes=(".task",),
    parse=parse,
    probe=probe,
    gate=(Magic(0, b"PK\x03\x04"),),
    bundle=True,
    references=(
        "https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/tasks/cc/metadata/utils/zip_utils.cc",
    ),
)
