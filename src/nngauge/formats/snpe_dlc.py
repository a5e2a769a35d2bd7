"""Qualcomm deep learning containers (.dlc): a zip of network, parameters and metadata.

Undocumented; member names and their first bytes (D5 0A and a version, or FlatBuffers ``NETD``/``NETP``) as Netron knows
them (https://github.com/lutzroeder/netron/blob/main/source/dlc.js).
"""

from __future__ import annotations

from nngauge.domain.graph import Completeness, Graph
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.dlc_network import read_network
from nngauge.io.source import ByteSource
from nngauge.io.zip import ZipArchive, read_zip
from nngauge.limits import MIB

_MAX_MEMBER = 64 * MIB
_MEMBERS = (b"model", b"model.params", b"dlc.metadata")
_FACTS = {"model-version": "model version", "converter-command": "converter", "converter-version": "converter version"}


def probe(head: bytes, _size: int, name: str) -> bool:
    """A zip that begins with one of the members, or is named as one."""
    if head[:4] != b"PK\x03\x04":
        return False
    first = head[30 : 30 + int.from_bytes(head[26:28], "little")]
    return first in _MEMBERS or name.lower().endswith(".dlc")


def parse(data: ModelData) -> Graph:
    """Identifies version and converter; see `Format.parse` for the errors."""
    if bytes(data.buf[:4]) != b"PK\x03\x04":
        raise NotThisFormat("not a zip")
    archive = read_zip(ByteSource.of_bytes(data.buf, data.name))
    version = _version(archive, "model", b"NETD")
    if version is None:
        raise NotThisFormat("no network definition in the zip")
    if archive.find("model.params") is not None and _version(archive, "model.params", b"NETP") is None:
        raise MalformedError("the parameters have no known header")
    facts = _metadata(archive)
    converter = facts.get("converter", "").split(" ")[0].rpartition("/")[2]
    network = read_network(_content(archive, "model"), _content(archive, "model.params"), version)
    notes = ["attributes of operations are not read" if network.nodes else "the network is not read"]
    if archive.find("model.params") is None:
        notes.append("the parameters are missing")
    else:
        facts["bytes of weights"] = str(network.weight_bytes)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL if network.nodes else Completeness.STRUCTURE,
        name=network.name,
        nodes=tuple(network.nodes),
        tensors=tuple(network.tensors),
        inputs=tuple(network.inputs),
        format_version=version,
        producer=f"{converter} {facts.get('converter version', '')}".strip() or "SNPE",
        metadata=facts,
        notes=tuple(notes),
    )


def _content(archive: ZipArchive, name: str) -> bytes:
    """A member, empty when it is missing or too large to be unpacked for its list of weights."""
    entry = archive.find(name)
    return archive.read(entry, _MAX_MEMBER) if entry is not None and entry.size <= _MAX_MEMBER else b""


def _version(archive: ZipArchive, name: str, identifier: bytes) -> str | None:
    """The version a member declares, None when its first bytes are something else."""
    entry = archive.find(name)
    if entry is None:
        return None
    head = archive.head(entry, 20)
    if head[:2] == b"\xd5\x0a" and len(head) >= 8 and head[3] == 0 and head[5:7] == b"\0\0":
        if head[2] > 2 and head[12:16] not in (identifier, b"NR64"):
            return None
        return f"{head[2]}.{head[4]}"
    return "3.0" if head[4:8] == identifier else None


def _metadata(archive: ZipArchive) -> dict[str, str]:
    entry = archive.find("dlc.metadata")
    content = archive.read(entry, MIB).decode("utf-8", "replace") if entry is not None else ""
    pairs = (line.partition("=") for line in content.splitlines()[:1000])
    return {_FACTS[key.strip()]: value.strip()[:500] for key, _, value in pairs if key.strip() in _FACTS}


FORMAT = Format(
    name="snpe_dlc",
    version=2,
    title="Qualcomm SNPE container",
    suffixes=(".dlc",),
    parse=parse,
    probe=probe,
    gate=(Magic(0, b"PK\x03\x04"),),
    references=("https://github.com/lutzroeder/netron/blob/main/source/dlc.js",),
    limitations=("undocumented format: layers are named, their attributes and weights are not read",),
)
