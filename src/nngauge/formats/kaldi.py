"""Kaldi acoustic models (final.mdl of Vosk and others) and nnet3 networks, binary.

Format: https://kaldi-asr.org/doc/io.html and https://github.com/kaldi-asr/kaldi/blob/master/src/nnet3/nnet-nnet.cc
"""

from __future__ import annotations

import re

from nngauge.domain.graph import Completeness, DType, Graph, Node, Tensor
from nngauge.errors import MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.values import Values
from nngauge.io.binary import Buffer
from nngauge.limits import MIB

_BINARY = b"\0B"
_TRANSITIONS, _NETWORK = b"<TransitionModel> ", b"<Nnet3> "
_GAUSSIANS = b"<DIMENSION> "
_MAX_SEARCH = 64 * MIB
"""Transition models, which come first, take a few megabytes."""
_MAX_CONFIG = 4 * MIB
_LINE = re.compile(r"(input-node|component-node|dim-range-node|output-node) (.*)")
_SETTING = re.compile(r"([\w-]+)=(.*?)(?= [\w-]+=|$)")


def parse(data: ModelData) -> Graph:
    """Reads the network's configuration lines; see `Format.parse` for the errors."""
    head = bytes(data.buf[:64])
    if head[:2] != _BINARY or not head[2:].startswith((_TRANSITIONS, _NETWORK)):
        raise NotThisFormat("no Kaldi model token")
    acoustic = head[2:].startswith(_TRANSITIONS)
    start = _find(data.buf, _NETWORK)
    if start is None:
        return _without_network(data.buf)
    content = bytes(data.buf[start + len(_NETWORK) : start + len(_NETWORK) + _MAX_CONFIG])
    config, found, rest = content.partition(b"<NumComponents> ")
    if not found or rest[:1] != b"\x04":
        raise MalformedError("an nnet3 network without components")
    components = int.from_bytes(rest[1:5], "little")
    values = Values()
    nodes, inputs, outputs = _config(config.decode("utf-8", "replace"), values)
    if not nodes or not outputs or not 0 < components <= 100_000:
        raise MalformedError(f"{len(nodes)} nodes, {components} components")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        nodes=tuple(nodes),
        tensors=tuple(values.tensors),
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        format_version="nnet3",
        producer="Kaldi",
        metadata={"kind": "acoustic model" if acoustic else "network", "components": str(components)},
        notes=("the parameters of the components are not read",),
    )


def _without_network(buf: Buffer) -> Graph:
    if _find(buf, b"<DiagGMM> ") is None or _find(buf, _GAUSSIANS) is None:
        raise MalformedError("an acoustic model with neither a network nor Gaussians")
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.STRUCTURE,
        format_version="gmm",
        producer="Kaldi",
        metadata={"kind": "Gaussian acoustic model"},
        notes=("not a neural network: Gaussian mixtures, not read",),
    )


def _find(buf: Buffer, token: bytes) -> int | None:
    end = min(len(buf), _MAX_SEARCH)
    for start in range(0, end, MIB):
        at = bytes(buf[start : min(start + MIB + len(token), end)]).find(token)
        if at >= 0:
            return start + at
    return None


def _config(config: str, values: Values) -> tuple[list[Node], list[int], list[int]]:
    nodes, inputs, outputs = [], [], []
    for line in config.splitlines():
        found = _LINE.fullmatch(line.strip()[:8192])
        if found is None:
            continue
        settings = dict(_SETTING.findall(found[2]))
        name = settings.get("name", "")
        if found[1] == "input-node":
            dim = settings.get("dim", "")
            size = int(dim) if dim.isdecimal() and len(dim) < 9 else None
            inputs.append(values.add(Tensor(name, DType.FLOAT32, (None, size))))
        elif found[1] == "output-node":
            outputs.append(values.use(name))
        else:
            nodes.append(Node(str(settings.get("component") or found[1]), None, name, (), (values.use(name),)))
    return nodes, inputs, outputs


FORMAT = Format(
    name="kaldi",
    version=1,
    title="Kaldi acoustic model",
    suffixes=(".mdl",),
    parse=parse,
    magics=(Magic(0, _BINARY + _TRANSITIONS), Magic(0, _BINARY + _NETWORK)),
    references=("https://kaldi-asr.org/doc/io.html",),
    limitations=("parameters and the expressions between nodes are not read", "text files are not read"),
)
