"""Core ML packages (.mlpackage): a manifest, the `Model` protobuf and its weight file, bound by the manifest.

Layout: https://apple.github.io/coremltools/docs-guides/source/convert-to-ml-program.html
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.formats._parts.coreml_mil import Files
from nngauge.formats._parts.coreml_spec import read_model
from nngauge.formats._parts.json_text import mapping, read_object, text

_MANIFEST = "Manifest.json"
_AUTHOR = "com.apple.CoreML"


def probe(head: bytes, size: int, _name: str) -> bool:
    """A small JSON object that speaks of package items."""
    return 60 < size < 1 << 20 and head[:1] == b"{" and (b"itemInfoEntries" in head or b"fileFormatVersion" in head)


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """Everything under ``Data/`` beside the manifest, in path order."""
    folder = lead[: -len(_MANIFEST)] if lead.endswith(_MANIFEST) else lead.rpartition("/")[0] + "/"
    return tuple(sorted(path for path in paths if path.startswith(f"{folder}Data/")))


def parse(data: ModelData) -> Graph:
    """Follows the manifest to the model; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:512]), len(data.buf), data.name):
        raise NotThisFormat("not a package manifest")
    manifest = read_object(data.buf)
    items = mapping(manifest.get("itemInfoEntries"))
    models = [
        text(entry.get("path"))
        for entry in map(mapping, items.values())
        if text(entry.get("author")) == _AUTHOR and text(entry.get("path")).endswith(".mlmodel")
    ]
    if not models or not text(manifest.get("fileFormatVersion")):
        raise NotThisFormat("the manifest names no Core ML model")
    model = next((path for path in data.parts if path.endswith(models[0])), None)
    if model is None:
        raise MalformedError(f"the manifest names {models[0]}, which is not there")
    parts = {path: (at, buf) for at, (path, buf) in enumerate(data.parts.items(), 1)}
    graph = read_model(data.parts[model], FORMAT.name, Files(parts[model][0], parts))
    missing = any(tensor.constant for tensor in graph.tensors) and len(parts) == 1
    unplaced = any(t.constant and t.data is None and t.values is None for t in graph.tensors)
    graph = replace(graph, metadata={**graph.metadata, "package": text(manifest["fileFormatVersion"])})
    if not (missing and unplaced):
        return graph
    return replace(graph, completeness=Completeness.PARTIAL, notes=(*graph.notes, "the weight file is missing"))


FORMAT = Format(
    name="coreml_mlpackage",
    version=2,
    title="Core ML package",
    suffixes=(".mlpackage",),
    parse=parse,
    probe=probe,
    gate=starts(b"{"),
    bind=bind,
    references=("https://github.com/apple/coremltools/tree/main/mlmodel/format",),
    limitations=("of a function with blocks for several devices the first is read",),
)
