"""Writes torch files opcode by opcode, so that no test needs torch, and hostile pickles never exist as objects."""

from __future__ import annotations

import io
import struct
import zipfile

from nngauge.io.pickle_opcodes import Built, Global, Pairs, Persistent, Value


def emit(value: Value) -> bytes:
    """The opcodes that build `value`, without STOP."""
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, str):
        raw = value.encode()
        return b"X" + struct.pack("<I", len(raw)) + raw
    if isinstance(value, tuple):
        return b"(" + b"".join(map(emit, value)) + b"t"
    if isinstance(value, Global):
        return f"c{value.module}\n{value.name}\n".encode()
    if isinstance(value, Persistent):
        return emit(value.key) + b"Q"
    if isinstance(value, Pairs):
        return b"}(" + b"".join(emit(key) + emit(item) for key, item in value.pairs) + b"u"
    if isinstance(value, Built):
        state = emit(value.state) + b"b" if value.state is not None else b""
        return emit(value.maker) + emit(value.args) + b"R" + state
    raise TypeError(type(value))


def pickled(value: Value) -> bytes:
    return b"\x80\x02" + emit(value) + b"."


def tensor(key: str, *shape: int, storage: str = "FloatStorage", elements: int | None = None) -> Built:
    total = 1
    for dim in shape:
        total *= dim
    reference = ("storage", Global("torch", storage), key, "cpu", total if elements is None else elements)
    ordered = Built(Global("collections", "OrderedDict"), ())
    maker = Global("torch._utils", "_rebuild_tensor_v2")
    return Built(maker, (Persistent(reference), 0, shape, shape, False, ordered))


def state_dict() -> Pairs:
    return Pairs([("fc.weight", tensor("0", 2, 4)), ("fc.bias", tensor("1", 2)), ("tied", tensor("0", 2, 4))])


def archive(root: Value, records: dict[str, bytes] | None = None, *, folder: str = "m/") -> bytes:
    """A torch zip: data.pkl first, storages 0 (32 bytes) and 1 (8 bytes), then `records`."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as box:
        box.writestr(folder + "data.pkl", pickled(root))
        for name, content in {"data/0": bytes(32), "data/1": bytes(8), "version": b"3\n", **(records or {})}.items():
            box.writestr(folder + name, content)
    return buffer.getvalue()


CODE = b"""class Net(Module):
  weight : Tensor
  def forward(self: __torch__.Net,
    x: Tensor,
    scale: float) -> Tensor:
    _0 = torch.linear(x, self.weight, None)
    return torch.relu(_0)
"""


def module() -> Built:
    """A scripted module as its data.pkl holds it."""
    return Built(Global("__torch__", "Net"), (), Pairs([("training", False), ("weight", tensor("0", 2, 4))]))


def script() -> dict[str, bytes]:
    return {"code/__torch__.py": CODE, "constants.pkl": pickled(())}


def bytecode(operator: int = 0) -> bytes:
    steps = (("LOADC", 0, 0), ("OP", operator, 0), ("RET", 0, 0))
    table = (("instructions", steps), ("operators", (("aten::linear", "", 3),)), ("constants", ()), ("types", ()))
    return pickled((8, ("__torch__.Net.forward", table)))


def legacy(root: Value) -> bytes:
    """The five pickles and the storages of files before torch 1.6."""
    magic = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")
    storages = struct.pack("<Q", 8) + bytes(32) + struct.pack("<Q", 2) + bytes(8)
    return magic + pickled(1001) + pickled(Pairs()) + pickled(root) + pickled(("0", "1")) + storages
