"""The manifest of the example models: what the *framework* says about each file it exported.

The training scripts call `record` with facts taken from the training side (Keras, torch, the converter or the runtime
that loads the result back), never from nngauge's own parsers: the manifest is the oracle that the tests compare with.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

MODELS = Path(__file__).resolve().parent.parent / "models"
MANIFEST = MODELS / "MANIFEST.toml"

HEADER = """\
# Ground truth of the example models, written by the scripts in ../train (do not edit by hand).
# Every figure comes from the framework, converter or runtime named in `facts_from`, never from nngauge.
#   parameters  weights the framework counts in the trained model (before any folding by a converter)
#   constants   elements of all constant tensors in the file: the parameters plus shapes, axes, scales and the like
#   ops         operators as the named converter or runtime counts them in the exported file; `op_names` lists them, so
#               that whoever counts without Input, Const, Parameter, Result, feed or fetch can leave those out
#   parts       further files of the same model; sha256 and bytes are given for each of them
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """One input or output as the runtime reports it; a dynamic dimension is -1."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedModel:
    """One exported model, its files and what its framework knows about it."""

    files: tuple[str, ...]
    """Paths below `examples/models`; the first one is the model, the others are its parts."""
    format: str
    script: str
    packages: tuple[str, ...]
    """Distributions whose installed versions made the file; one that is not Python's carries its version after a space."""
    task: str
    facts_from: str
    """Who told the figures, for example ``tf.lite.Interpreter``."""
    parameters: int | None = None
    ops: int | None = None
    inputs: tuple[Port, ...] = ()
    outputs: tuple[Port, ...] = ()
    extra: Mapping[str, str | int | float | bool] = field(default_factory=dict)


def record(models: Iterable[ExportedModel]) -> None:
    """Put `models` into the manifest, replacing entries of the same file; entries of vanished files are dropped."""
    entries = {entry["file"]: entry for entry in _existing()}
    for model in models:
        entries[model.files[0]] = _entry(model)
    kept = [entries[name] for name in sorted(entries) if (MODELS / name).exists()]
    MANIFEST.write_text(HEADER + "".join(_render(entry) for entry in kept), encoding="utf-8")


def _existing() -> list[dict[str, object]]:
    if not MANIFEST.exists():
        return []
    found: list[dict[str, object]] = tomllib.loads(MANIFEST.read_text(encoding="utf-8")).get("model", [])
    return found


def _entry(model: ExportedModel) -> dict[str, object]:
    main = MODELS / model.files[0]
    entry: dict[str, object] = {
        "file": model.files[0],
        "format": model.format,
        "task": model.task,
        "script": model.script,
        "frameworks": [name if " " in name else f"{name} {version(name)}" for name in model.packages],
        "facts_from": model.facts_from,
        "bytes": main.stat().st_size,
        "sha256": _digest(main),
    }
    if len(model.files) > 1:
        entry["parts"] = [_part(name) for name in model.files[1:]]
    counts = {"parameters": model.parameters, "ops": model.ops}
    entry |= {key: value for key, value in counts.items() if value is not None}
    for key, ports in (("inputs", model.inputs), ("outputs", model.outputs)):
        if ports:
            entry[key] = [{"name": p.name, "shape": list(p.shape), "dtype": p.dtype} for p in ports]
    return entry | dict(model.extra)


def _part(name: str) -> dict[str, object]:
    path = MODELS / name
    return {"file": name, "bytes": path.stat().st_size, "sha256": _digest(path)}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _render(entry: Mapping[str, object]) -> str:
    lines = ["", "[[model]]", *(f"{key} = {_value(value)}" for key, value in entry.items()), ""]
    return "\n".join(lines)


def _value(value: object) -> str:
    """TOML for the few value types the manifest holds; TOML basic strings and JSON strings agree on ASCII output."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return _list(value)
    return json.dumps(value)


def _list(values: list[object]) -> str:
    if values and isinstance(values[0], dict):
        return "[\n" + "".join(f"    {_value(item)},\n" for item in values) + "]"
    return "[" + ", ".join(_value(item) for item in values) + "]"
