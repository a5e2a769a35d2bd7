"""MediaPipe task bundles (.task): a zip of uncompressed TFLite models, bundles within, tokenizers and metadata.

Written by mediapipe/tasks/python/metadata/metadata_writers and bundler.py, read in place by
mediapipe/tasks/cc/metadata/utils/zip_utils.cc (https://github.com/google-ai-edge/mediapipe).
"""

from __future__ import annotations

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import LimitError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
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


def probe(head: bytes, _size: int, name: str) -> bool:
    """A zip whose first member is stored and named like a model of a bundle."""
    if head[:4] != _ZIP or head[8:10] != b"\0\0":
        return False
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    bundled = first.endswith(_MODEL_NAMES) or first.startswith(_LLM_NAMES)
    return b"/" not in first and (bundled or name.lower().endswith(".task"))


def parse(data: ModelData) -> Graph:
    """Checks every member; see `Format.parse` for the errors. An archive that also holds other things is no bundle."""
    if bytes(data.buf[:4]) != _ZIP:
        raise NotThisFormat("not a zip")
    archive = read_zip(ByteSource.of_bytes(data.buf, data.name))
    entries = [entry for entry in archive.entries if not entry.is_dir]
    if len(entries) > _MAX_MEMBERS:
        raise LimitError(f"{len(entries)} members")
    kinds = {entry.name: _kind(archive, entry) for entry in entries}
    models = [name for name, kind in kinds.items() if kind in ("model", "bundle")]
    if not models:
        raise NotThisFormat("no model among the members")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        producer="MediaPipe",
        metadata={"models": ", ".join(models), "task": _task(kinds)},
        notes=(f"a bundle of {len(models)} models, which are reported on their own",),
    )


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
    version=1,
    title="MediaPipe task bundle",
    suffixes=(".task",),
    parse=parse,
    probe=probe,
    gate=(Magic(0, b"PK\x03\x04"),),
    bundle=True,
    references=(
        "https://github.com/google-ai-edge/mediapipe/blob/master/mediapipe/tasks/cc/metadata/utils/zip_utils.cc",
    ),
    limitations=("models inside are reported on their own, not as parts",),
)
