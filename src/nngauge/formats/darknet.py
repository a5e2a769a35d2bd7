"""Darknet networks: a cfg of sections, and weights as a bare sequence of floats.

Parser: https://github.com/AlexeyAB/darknet/blob/master/src/parser.c (load_weights_upto for the header of weights).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from nngauge.domain.graph import Completeness, DType, Graph, Node, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, ModelData, starts
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_NODES, MIB

_MAX_TEXT = 4 * MIB
_NETWORK = ("net", "network")
_SHAPELESS = {
    "maxpool",
    "avgpool",
    "upsample",
    "yolo",
    "region",
    "dropout",
    "softmax",
    "cost",
    "detection",
    "scale_channels",
}
_KEEPS = {"shortcut", "sam", "activation", "batchnorm"}
_WEIGHTED = {"convolutional", "connected", "batchnorm"}


class _Section(Struct):
    kind: str
    settings: dict[str, str] = field(default_factory=dict)

    def number(self, key: str, default: int) -> int:
        text = self.settings.get(key, "").strip()
        digits = text.removeprefix("-")
        return int(text) if digits.isdecimal() and len(digits) < 9 else default


def probe(head: bytes, _size: int, _name: str) -> bool:
    """The first section is the network's."""
    return head[:1] in b"[#\r\n " and (b"[net]" in head or b"[network]" in head)


def bind(lead: str, paths: Sequence[str]) -> tuple[str, ...]:
    """The weights of the same name."""
    wanted = lead.rpartition(".")[0] + ".weights"
    return (wanted,) if wanted in paths else ()


def parse(data: ModelData) -> Graph:
    """Reads the sections, and checks the size of the weights; see `Format.parse` for the errors."""
    if not probe(bytes(data.buf[:512]), len(data.buf), data.name):
        raise NotThisFormat("no network section in front")
    net, *layers = _sections(data.buf)
    if net.kind not in _NETWORK or not any(layer.kind in _WEIGHTED for layer in layers):
        raise NotThisFormat("no layers with weights behind the network section")
    sizes = [net.number(key, 0) for key in ("channels", "height", "width")]
    if any(size <= 0 for size in sizes):
        raise NotThisFormat("the network has no input size")
    weights = _parameters(layers, sizes[0])
    tensors = [Tensor("input", DType.FLOAT32, (net.number("batch", 1) or None, *sizes))]
    tensors += [Tensor(f"layer{at}", DType.FLOAT32, (count,), constant=True) for at, count in (weights or {}).items()]
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL,
        nodes=tuple(Node(layer.kind, None, f"layer{at}") for at, layer in enumerate(layers)),
        tensors=tuple(tensors),
        inputs=(0,),
        producer="Darknet",
        notes=tuple(_check(weights, next(iter(data.parts.values()), None))),
    )


def _sections(buf: Buffer) -> list[_Section]:
    if len(buf) > _MAX_TEXT:
        raise LimitError(f"text of {len(buf)} bytes")
    found: list[_Section] = []
    for line in bytes(buf).decode("utf-8", "replace").splitlines():
        line = line.partition("#")[0].partition(";")[0].strip()
        if not line:
            continue
        if line[0] == "[" and line[-1] == "]":
            found.append(_Section(line[1:-1].strip()))
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


def _parameters(layers: list[_Section], channels: int) -> dict[int, int] | None:
    """Weights by layer, following the channels through the network; None at the first layer that is not understood."""
    outputs: list[int] = []
    counts: dict[int, int] = {}
    for at, layer in enumerate(layers):
        if layer.kind == "convolutional":
            filters, groups, size = layer.number("filters", 1), layer.number("groups", 1), layer.number("size", 1)
            if filters <= 0 or groups <= 0 or channels % groups:
                raise MalformedError(f"layer {at}: {filters} filters in {groups} groups over {channels} channels")
            norm = 3 if layer.number("batch_normalize", 0) else 0
            counts[at] = filters * (channels // groups * size * size + 1 + norm)
            channels = filters
        elif layer.kind == "route":
            routed = _route(layer, at, outputs)
            if routed is None:
                return None
            channels = routed
        elif layer.kind not in _SHAPELESS | _KEEPS or layer.kind == "batchnorm":
            return None
        outputs.append(channels)
    return counts


def _route(layer: _Section, at: int, outputs: list[int]) -> int | None:
    sources = [part.strip() for part in layer.settings.get("layers", "").split(",")]
    if not all(part.removeprefix("-").isdecimal() and len(part) < 9 for part in sources):
        return None
    places = [int(part) if int(part) >= 0 else at + int(part) for part in sources]
    if any(not 0 <= place < at for place in places):
        raise MalformedError(f"layer {at} routes from a layer that does not come before it")
    return sum(outputs[place] for place in places) // max(layer.number("groups", 1), 1)


def _check(weights: dict[int, int] | None, stored: Buffer | None) -> list[str]:
    if stored is None:
        return ["the weight file is missing"]
    if weights is None:
        return ["layers of kinds whose weights are not counted"]
    major, minor = (int.from_bytes(bytes(stored[at : at + 4]), "little") for at in (0, 4))
    # From version 0.2 on the number of images seen takes eight bytes.
    header = 20 if major * 10 + minor >= 2 else 16
    floats = (len(stored) - header) // 4
    if floats < sum(weights.values()):
        return [f"the weight file holds {floats} numbers, the network wants {sum(weights.values())}"]
    return []


FORMAT = Format(
    name="darknet",
    version=1,
    title="Darknet",
    suffixes=(".cfg",),
    parse=parse,
    probe=probe,
    gate=starts(b"[#\r\n "),
    bind=bind,
    references=("https://github.com/AlexeyAB/darknet/blob/master/src/parser.c",),
    limitations=("connected, recurrent and local layers are listed without weights",),
)
