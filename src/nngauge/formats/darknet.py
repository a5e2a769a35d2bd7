"""Darknet networks: a cfg of sections, and weights as a bare sequence of floats.

Parser: https://github.com/AlexeyAB/darknet/blob/master/src/parser.c (load_weights_upto for the header of weights).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from nngauge.domain.graph import Completeness, DType, Graph, Span, Tensor
from nngauge.errors import LimitError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData, starts
from nngauge.formats._parts.darknet_layers import Network, Section, Shape
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_NODES, MIB

_MAX_TEXT = 4 * MIB
_NETWORK = ("net", "network")
_WEIGHTED = {"convolutional", "conv", "connected", "conn", "deconvolutional", "deconv", "batchnorm"}
_SAMPLE = 64
"""Weights looked at to tell a weight file from other numbers."""


def probe(head: bytes, size: int, name: str) -> bool:
    """The first section is the network's; or a weight file, by its name and the numbers in front."""
    if head[:1] in b"[#\r\n ":
        return b"[net]" in head or b"[network]" in head
    return name.lower().endswith(".weights") and _header(head, size) is not None


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The weights of the same name."""
    wanted = lead.rpartition(".")[0] + ".weights"
    return (wanted,) if wanted in paths and wanted != lead else ()


def parse(data: ModelData) -> Graph:
    """Reads the sections and lays the weights out; see `Format.parse` for the errors."""
    head = bytes(data.buf[:512])
    if not probe(head, len(data.buf), data.name):
        raise NotThisFormat("no network section in front")
    if head[:1] not in b"[#\r\n ":
        return _weights_alone(data.buf)
    net, *layers = _sections(data.buf)
    if net.kind not in _NETWORK or not any(layer.kind in _WEIGHTED for layer in layers):
        raise NotThisFormat("no layers with weights behind the network section")
    stored = next(iter(data.parts.values()), None)
    start = _header(bytes(stored[:512]), len(stored)) if stored is not None else 0
    network = Network(*_input(net), start or 0, len(stored) if stored is not None else 0)
    for at, layer in enumerate(layers):
        network.section(at, layer)
    notes = _check(network, stored, start)
    return Graph(
        format=FORMAT.name,
        completeness=_completeness(network, notes),
        nodes=tuple(network.nodes),
        tensors=tuple(network.tensors),
        inputs=(0,),
        outputs=_outputs(network),
        producer="Darknet",
        notes=tuple(notes),
    )


def _header(head: bytes, size: int) -> int | None:
    """Bytes in front of the weights: three version numbers and the count of images seen; None when they are none."""
    if len(head) < 20 + 4 * _SAMPLE or size % 4:
        return None
    major, minor, revision = struct.unpack_from("<3i", head)
    if not (0 <= major < 100 and 0 <= minor < 10 and 0 <= revision < 100):
        return None
    # From version 0.2 on the number of images seen takes eight bytes.
    start = 20 if major * 10 + minor >= 2 else 16
    sample = struct.unpack_from(f"<{_SAMPLE}f", head, start)
    plain = all(value == 0 or 1e-12 < abs(value) < 1e6 for value in sample)
    return start if plain and any(sample) else None


def _weights_alone(buf: Buffer) -> Graph:
    """The numbers of a network whose cfg is elsewhere."""
    start = _header(bytes(buf[:512]), len(buf)) or 0
    count = (len(buf) - start) // 4
    tensor = Tensor("weights", DType.FLOAT32, (count,), Span(start, 4 * count), constant=True)
    return Graph(
        format=FORMAT.name,
        tensors=(tensor,),
        producer="Darknet",
        notes=("weights only: the cfg that says how they are used is elsewhere",),
    )


def _sections(buf: Buffer) -> list[Section]:
    if len(buf) > _MAX_TEXT:
        raise LimitError(f"text of {len(buf)} bytes")
    found: list[Section] = []
    for line in bytes(buf).decode("utf-8", "replace").splitlines():
        line = line.partition("#")[0].partition(";")[0].strip()
        if not line:
            continue
        if line[0] == "[" and line[-1] == "]":
            found.append(Section(line[1:-1].strip()))
        elif "=" in line and found:
            key, _, value = line.partition("=")
            found[-1].settings[key.strip()] = value.strip()
        else:
            raise NotThisFormat(f"{line[:40]!r} is neither a section nor a setting")
        if len(found) > MAX_NODES:
            raise LimitError(f"more than {MAX_NODES} sections")
    if not found:
        raise NotThisFormat("no sections")
    return found


def _input(net: Section) -> tuple[Shape | None, int]:
    """Channels, height and width, or the length of the input vector."""
    channels, height, width = (net.number(key, 0) for key in ("channels", "height", "width"))
    flat = net.number("inputs", 0)
    if channels > 0 and height > 0 and width > 0:
        return (channels, height, width), 0
    if flat <= 0 or channels or height or width:
        raise NotThisFormat("the network has no input size")
    return None, flat


def _outputs(network: Network) -> tuple[int, ...]:
    """What no other layer reads."""
    read = {index for node in network.nodes for index in node.inputs}
    return tuple(index for node in network.nodes for index in node.outputs if index not in read)


def _completeness(network: Network, notes: Sequence[str]) -> Completeness:
    if network.unread:
        return Completeness.PARTIAL
    return Completeness.TOPOLOGY if notes else Completeness.FULL


def _check(network: Network, stored: Buffer | None, start: int | None) -> list[str]:
    """What keeps the graph from being whole."""
    if network.unread:
        return [f"weights and sizes behind [{network.unread[0]}] are not known"]
    if stored is None:
        return ["the weight file is missing"]
    if start is None:
        return ["the weight file has no header of Darknet"]
    floats, wanted = (len(stored) - start) // 4, (network.taken - start) // 4
    if floats < wanted:
        return [f"the weight file holds {floats} numbers, the network wants {wanted}"]
    return []


FORMAT = Format(
    name="darknet",
    version=3,
    title="Darknet",
    suffixes=(".cfg", ".weights"),
    parse=parse,
    probe=probe,
    gate=(*starts(b"[#\r\n "), Magic(0, b"\0\0\0\0")),
    bind=bind,
    references=("https://github.com/AlexeyAB/darknet/blob/master/src/parser.c",),
    limitations=("recurrent and local layers are listed without weights",),
)
