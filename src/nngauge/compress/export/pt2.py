"""PyTorch programs (``.pt2``, `torch.export.save`) brought to where reading them runs no code of theirs.

`torch.export.load` of PyTorch 2.13 unpickles weights, constants and sample inputs where the file asks for it, evaluates the
sizes and guards that it finds as text, and resolves operators anywhere below ``torch`` (``torch.hub.load``). What a program of
plain tensors needs is its network as JSON and its weights as raw numbers; a copy with only those is made, and whatever else
a file cannot do without is refused. Format: https://docs.pytorch.org/docs/stable/export/pt2_archive.html.
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from nngauge.engines.loaded import Refused
from nngauge.limits import MIB

MOST_BYTES: Final = 2048 * MIB
"""Of all entries, unpacked."""
_MOST_JSON: Final = 256 * MIB
_RAW: Final = re.compile(r"data/(?:weights/weight|constants/tensor)_\d+", re.ASCII)
_CONFIGS: Final = re.compile(r"data/(?:weights|constants)/[\w.-]+_config\.json", re.ASCII)
_NETWORK: Final = re.compile(r"models/[\w.-]+\.json", re.ASCII)
_PLAIN: Final = re.compile(r"archive_format|archive_version|byteorder|\.data/\w+", re.ASCII)
_SAMPLES: Final = re.compile(r"data/sample_inputs/([\w.-]+)\.pt", re.ASCII)
_LEFT_OUT: Final = re.compile(r"extra/.*", re.ASCII)
_OPERATOR: Final = re.compile(r"torch\.ops\.(?:aten|prims|quantized_decomposed)\.\w+\.\w+|_operator\.\w+", re.ASCII)
_SIZE: Final = re.compile(r"-?\d+|[su]\d+", re.ASCII)


def screened(source: Path, target: Path, samples: Callable[[], bytes]) -> None:
    """Writes a copy of `source` without anything that reading could run. `samples`: a pickle of our own for the sample inputs.

    Raises `Refused` where the program needs more than numbers and known operators.
    """
    try:
        with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as copy:
            for name, content in _entries(archive, samples):
                copy.writestr(zipfile.ZipInfo(name), content)
    except (zipfile.BadZipFile, json.JSONDecodeError, UnicodeDecodeError, RecursionError, KeyError) as error:
        raise Refused(f"not a PyTorch program (.pt2): {error}") from None


def _entries(archive: zipfile.ZipFile, samples: Callable[[], bytes]) -> Iterator[tuple[str, bytes]]:
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise Refused(f"unpacks to more than {MOST_BYTES >> 20:,} MiB")
    folders = {entry.filename.split("/")[0] for entry in entries}
    if len(folders) != 1 or archive.read(f"{next(iter(folders))}/archive_format") != b"pt2":
        raise Refused("not a PyTorch program (.pt2)")
    for entry in entries:
        place = entry.filename.partition("/")[2]
        if _SAMPLES.fullmatch(place):
            yield entry.filename, samples()
        elif _RAW.fullmatch(place) or _PLAIN.fullmatch(place):
            yield entry.filename, archive.read(entry)
        elif _CONFIGS.fullmatch(place):
            yield entry.filename, _config(_json(archive, entry))
        elif _NETWORK.fullmatch(place):
            yield entry.filename, _network(_json(archive, entry))
        elif not _LEFT_OUT.fullmatch(place):
            raise Refused(f"has {place[:80]!r}, which is more than a network and its numbers")


def _json(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Any:
    if entry.file_size > _MOST_JSON:
        raise Refused(f"{entry.filename[:80]!r} is larger than {_MOST_JSON >> 20} MiB")
    return json.loads(archive.read(entry))


def _config(config: Any) -> bytes:
    for name, item in config["config"].items():
        if item.get("use_pickle", True):
            raise Refused(f"{name[:80]!r} is a pickle, which is not read")
    return json.dumps(config).encode()


def _network(program: Any) -> bytes:
    """Without guards (texts of code) and metadata; operators and sizes are looked at."""
    program["guards_code"] = []
    for item in _objects(program):
        if "target" in item and isinstance(item["target"], str):
            if "metadata" in item:
                item["metadata"] = {}
            if not _OPERATOR.fullmatch(item["target"]):
                raise Refused(f"operator {item['target'][:80]!r} is none of PyTorch's own")
        if "expr_str" in item and not _SIZE.fullmatch(str(item["expr_str"])):
            raise Refused(f"a size is computed from others ({str(item['expr_str'])[:80]!r}), which is text to be run")
    return json.dumps(program).encode()


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON value, the outer first."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield item
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
