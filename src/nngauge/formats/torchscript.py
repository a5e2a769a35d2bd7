"""PyTorch files: TorchScript and lite-interpreter archives, state dictionaries in zips, and the older plain pickles.

Layout: https://github.com/pytorch/pytorch/blob/main/torch/csrc/jit/docs/serialization.md and torch/serialization.py.
Pickles are walked, never loaded.
"""

from __future__ import annotations

import re

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.graph import Completeness, Graph, Node, Span, Tensor
from nngauge.errors import LimitError, MalformedError, NotThisFormat
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.formats._parts.torch_pickle import Found, Mark, Stored, collect, suspicious
from nngauge.formats.vocabulary.torch import canonical
from nngauge.io.binary import Buffer
from nngauge.io.pickle_opcodes import Built, Global, Value, walk_pickle
from nngauge.io.source import ByteSource
from nngauge.io.zip import ZipArchive, read_zip
from nngauge.limits import MAX_NODES, MIB

_LEGACY = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e80")
"""Magic number 0x1950a86a20f9469cfc6c as a pickle, and the start of the next (torch/serialization.py, MAGIC_NUMBER)."""
_ZIP = b"PK\x03\x04"
_SUFFIXES = (".pt", ".pth", ".ptl", ".jit", ".ckpt", ".pt2")
_RECORDS = (b"data.pkl", b"/version", b"bytecode.pkl", b"constants.pkl", b"/byteorder", b".format_version")
_MAX_PICKLE = 64 * MIB
_MAX_CODE = 8 * MIB
"""Code of one archive that is searched for operations."""
_CALL = re.compile(r"\b(?:torch|ops\.(\w+))\.([a-z]\w*)\(")
_NOT_OPS = {"jit", "annotate", "append", "len", "format", "unchecked_cast", "Size", "device", "dtype"}


class _Stored(Struct, frozen=True):
    """The tensors of an archive, which of them a pickled one is, and the constants of its code."""

    weights: list[Tensor]
    places: dict[Mark, int]
    constants: Value


class _Archive(Struct, frozen=True):
    """A torch zip and the folder its records lie in."""

    archive: ZipArchive
    prefix: str

    def read(self, name: str, limit: int = _MAX_PICKLE) -> bytes | None:
        """One record, None when it is not there."""
        entry = self.archive.find(self.prefix + name)
        return self.archive.read(entry, limit) if entry is not None else None

    def names(self) -> list[str]:
        """The records, without the folder."""
        return [e.name[len(self.prefix) :] for e in self.archive.entries if e.name.startswith(self.prefix)]


def probe(head: bytes, _size: int, name: str) -> bool:
    """A zip whose first record is one of torch's, or that is named like one."""
    if head[:4] != _ZIP:
        return False
    length = int.from_bytes(head[26:28], "little")
    first, extra = head[30 : 30 + length], head[30 + length : 32 + length]
    # Torch aligns its records with an extra field "FB" full of Z (caffe2/serialize/inline_container.cc).
    return first.endswith(_RECORDS) or extra == b"FB" or name.lower().endswith(_SUFFIXES)


def parse(data: ModelData) -> Graph:
    """Lists the tensors, and the operations of scripted models; see `Format.parse` for the errors."""
    if bytes(data.buf[:16]) == _LEGACY:
        return _legacy(data.buf)
    if bytes(data.buf[:4]) != _ZIP:
        raise NotThisFormat("neither a torch archive nor an old torch pickle")
    archive = read_zip(ByteSource.of_bytes(data.buf, data.name))
    lead = next((e.name for e in archive.entries if e.name.endswith("data.pkl") and e.name.count("/") <= 2), None)
    if lead is None or lead.rpartition("/")[2] != "data.pkl":
        raise NotThisFormat("a zip without data.pkl")
    graph = _zip(_Archive(archive, lead.removesuffix("data.pkl")))
    if archive.directory is not None:
        return graph
    note = f"the archive is cut off: {len(archive.entries)} records were found without its directory"
    return replace(graph, completeness=Completeness.PARTIAL, notes=(*graph.notes, note))


def _zip(box: _Archive) -> Graph:
    pickled = box.read("data.pkl")
    if pickled is None:
        raise NotThisFormat("a zip without data.pkl")
    root, _, names = walk_pickle(pickled)
    records = box.names()
    constants = box.read("constants.pkl")
    scripted = constants is not None or any(name.startswith("code/") for name in records)
    found = collect(root)
    weights = _located(box, found, "data/")
    places = dict(found.places)
    values: Value = ()
    if constants is not None:
        values, _, more = walk_pickle(constants)
        names += more
        kept = collect(values)
        # Storages of constants have names of their own, so that the same mark may mean two tensors.
        places |= {mark: len(weights) + at for mark, at in kept.places.items() if mark not in places}
        weights += _located(box, kept, "constants/", "constant")
    bytecode = box.read("bytecode.pkl")
    _require_model(root, weights, scripted=scripted or bytecode is not None)
    if not scripted:
        note = "weights only: the network that uses them is code outside the file"
        plain = Graph(format=FORMAT.name, tensors=tuple(weights), metadata={"kind": "checkpoint"}, notes=(note,))
    else:
        plain = _script(box, root, _Stored(weights, places, values), bytecode)
    return replace(plain, format_version=_version(box), producer="PyTorch", notes=(*_warnings(names), *plain.notes))


def _script(box: _Archive, root: Value, stored: _Stored, bytecode: bytes | None) -> Graph:
    """The network of a scripted model, or its operations only where the code cannot be followed."""
    kind = "lite interpreter" if bytecode is not None else "TorchScript"
    metadata = {"kind": kind} | _class_of(root)
    note = "operations are those written in the code; edges between them are not read"
    try:
        found = _walked(box, root, stored)
    except LimitError as error:
        found, note = None, f"{note}: {error.what}"
    if found is not None and found.nodes:
        return replace(found, metadata=metadata)
    nodes = _bytecode_nodes(bytecode) if bytecode is not None else _code_nodes(box)
    return Graph(
        format=FORMAT.name,
        completeness=Completeness.PARTIAL,
        nodes=nodes,
        tensors=tuple(stored.weights),
        metadata=metadata,
        notes=(note,),
    )


def _walked(box: _Archive, root: Value, stored: _Stored) -> Graph | None:
    """The graph of ``forward``, or else of the first method there is."""
    if not isinstance(root, Built) or not isinstance(root.maker, Global):
        return None
    from nngauge.formats._parts.torchscript_code import ClassCode, Code
    from nngauge.formats._parts.torchscript_run import Program

    code = Code(box.read)
    top = code.find(f"{root.maker.module}.{root.maker.name}")
    if not isinstance(top, ClassCode) or not top.methods:
        return None
    method = "forward" if "forward" in top.methods else next(iter(top.methods))
    constants = stored.constants if isinstance(stored.constants, list | tuple) else ()
    return Program(code, stored.weights, stored.places, constants).graph(root, method)


def _require_model(root: Value, weights: list[Tensor], *, scripted: bool) -> None:
    """A pickled tensor, list of labels or optimiser setting is not a model."""
    if scripted:
        return
    if not weights:
        raise NotThisFormat("a torch file without tensors")
    bare = isinstance(root, Built) and isinstance(root.maker, Global) and root.maker.module == "torch._utils"
    if bare or isinstance(root, tuple | list):
        raise NotThisFormat("loose tensors, not a model")


def _warnings(names: tuple[str, ...]) -> tuple[str, ...]:
    odd = suspicious(names)
    if not odd:
        return ()
    return (f"the pickle names globals that no model needs: {', '.join(odd[:8])} (not imported, not called)",)


def _class_of(root: Value) -> dict[str, str]:
    maker = root.maker if isinstance(root, Built) else None
    return {"class": str(maker)[:200]} if isinstance(maker, Global) else {}


def _version(box: _Archive) -> str | None:
    for name in ("version", ".data/version"):
        content = box.read(name, limit=64)
        if content is not None:
            return content.decode("ascii", "replace").strip()[:16]
    return None


def _located(box: _Archive, found: Found, folder: str, label: str = "") -> list[Tensor]:
    """The tensors with their place in the file, after checking that each storage is as long as the pickle says."""
    tensors = []
    places: dict[str, int | None] = {}
    for item in found.tensors:
        if item.storage not in places:
            places[item.storage] = _storage_offset(box, folder + item.storage, item)
        base = places[item.storage]
        tensor = item.tensor
        size = (tensor.elements or 0) * item.width
        span = Span(base + item.offset * item.width, size) if base is not None else None
        tensors.append(replace(tensor, name=label + tensor.name, data=span))
    return tensors


def _storage_offset(box: _Archive, name: str, item: Stored) -> int | None:
    """Where a storage's bytes lie in the file; None when they are compressed."""
    entry = box.archive.find(box.prefix + name)
    if entry is None:
        raise MalformedError(f"storage {name[:80]!r} is not in the archive")
    if entry.size < item.storage_elements * item.width and item.tensor.elements:
        raise MalformedError(f"storage {name[:80]!r} is shorter than its tensor")
    return box.archive.data_offset(entry) if box.archive.is_stored(entry) else None


def _bare(op: str) -> Node:
    """An operation of which nothing but its name is known."""
    known = canonical(op, ())
    return Node(op, known.kind if known is not None else None)


def _code_nodes(box: _Archive) -> tuple[Node, ...]:
    nodes: list[Node] = []
    left = _MAX_CODE
    for name in box.names():
        if not (name.startswith("code/") and name.endswith(".py")):
            continue
        content = box.read(name, limit=left)
        left -= len(content or b"")
        for space, op in _CALL.findall((content or b"").decode("utf-8", "replace")):
            if op not in _NOT_OPS:
                nodes.append(_bare(f"{space or 'aten'}::{op}"))
            if len(nodes) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} operations")
    return tuple(nodes)


def _bytecode_nodes(content: bytes) -> tuple[Node, ...]:
    """The OP instructions of every function: ``(version, (name, (("instructions", …), ("operators", …), …)), …)``."""
    root, _, _ = walk_pickle(content)
    nodes: list[Node] = []
    for function in root if isinstance(root, tuple) else ():
        if not isinstance(function, tuple) or len(function) < 2 or not isinstance(function[1], tuple):
            continue
        table = {item[0]: item[1] for item in function[1] if _is_pair(item)}
        operators = [op for op in table.get("operators", ()) if isinstance(op, tuple) and op]
        for step in table.get("instructions", ()):
            if isinstance(step, tuple) and len(step) > 1 and step[0] in ("OP", "OPN") and type(step[1]) is int:
                if not 0 <= step[1] < len(operators):
                    raise MalformedError("instruction names an operator that does not exist")
                name = operators[step[1]][0]
                nodes.append(_bare(name[:200] if isinstance(name, str) else "unknown"))
            if len(nodes) > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} operations")
    return tuple(nodes)


def _is_pair(item: Value) -> bool:
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and isinstance(item[1], tuple)


def _legacy(buf: Buffer) -> Graph:
    """Five pickles (magic, protocol, system, object, storage keys), then the storages."""
    at = 0
    names: tuple[str, ...] = ()
    root: Value = None
    for index in range(5):
        value, at, found = walk_pickle(buf, at)
        names += found
        if index == 3:
            root = value
    weights = collect(root)
    _require_model(root, [item.tensor for item in weights.tensors], scripted=False)
    extent = at + sum(
        8 + elements * width
        for elements, width in {w.storage: (w.storage_elements, w.width) for w in weights.tensors}.values()
    )
    if extent > len(buf):
        raise MalformedError(f"storages reach to {extent}, the file to {len(buf)}")
    return Graph(
        format=FORMAT.name,
        tensors=tuple(item.tensor for item in weights.tensors),
        format_version="legacy pickle",
        producer="PyTorch",
        metadata={"kind": "checkpoint"},
        notes=(*_warnings(names), "weights only: the network that uses them is code outside the file"),
    )


FORMAT = Format(
    name="torchscript",
    version=3,
    title="PyTorch (TorchScript, lite interpreter, checkpoint)",
    suffixes=_SUFFIXES,
    parse=parse,
    magics=(Magic(0, _LEGACY, carve=True),),
    probe=probe,
    gate=(Magic(0, b"PK\x03\x04"),),
    references=("https://github.com/pytorch/pytorch/blob/main/torch/csrc/jit/docs/serialization.md",),
    limitations=(
        "checks and branches that plain attributes decide are left out of scripted models",
        "of archives with bytecode only, and of code that takes too many steps, operations are listed without edges",
    ),
)
