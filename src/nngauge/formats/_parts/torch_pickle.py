"""Finds torch tensors in a walked pickle, and names that have no business in a model.

Conventions: torch/_utils.py (`_rebuild_*`) and torch/serialization.py of https://github.com/pytorch/pytorch.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from nngauge.domain.graph import DType, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.io.meter import Meter
from nngauge.io.pickle_opcodes import Built, Global, Pairs, Persistent, Value
from nngauge.limits import MAX_RANK, MAX_TENSORS, MIB

_STORAGES = {
    "DoubleStorage": (8, DType.FLOAT64), "FloatStorage": (4, DType.FLOAT32), "HalfStorage": (2, DType.FLOAT16),
    "BFloat16Storage": (2, DType.BFLOAT16), "LongStorage": (8, DType.INT64), "IntStorage": (4, DType.INT32),
    "ShortStorage": (2, DType.INT16), "CharStorage": (1, DType.INT8), "ByteStorage": (1, DType.UINT8),
    "BoolStorage": (1, DType.BOOL), "QInt8Storage": (1, DType.INT8), "QUInt8Storage": (1, DType.UINT8),
    "QInt32Storage": (4, DType.INT32), "ComplexFloatStorage": (8, DType.COMPLEX64),
    "ComplexDoubleStorage": (16, DType.COMPLEX128), "UntypedStorage": (1, DType.UINT8),
}  # fmt: skip
_V3_DTYPES = {
    "float8_e4m3fn": (1, DType.FLOAT8_E4M3), "float8_e5m2": (1, DType.FLOAT8_E5M2), "uint16": (2, DType.UINT16),
    "uint32": (4, DType.UINT32), "uint64": (8, DType.UINT64), "bfloat16": (2, DType.BFLOAT16),
}  # fmt: skip
_TENSOR_MAKERS = {"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_qtensor"}
_MAX_NAME = 512
"""Characters of one name; longer ones end early."""
_MAX_NAMES = 256 * MIB
"""Characters of all names together."""
_USUAL = (
    "torch.", "torch", "__torch__", "collections", "numpy", "_codecs", "argparse", "pathlib", "typing", "enum",
    "torchvision", "torchaudio", "timm", "ultralytics", "models", "transformers", "pytorch_lightning", "lightning",
    "omegaconf", "copyreg", "datetime", "functools", "dataclasses", "fractions", "decimal", "__main__",
)  # fmt: skip
_USUAL_BUILTINS = {
    "set",
    "frozenset",
    "list",
    "dict",
    "tuple",
    "bytearray",
    "complex",
    "int",
    "float",
    "slice",
    "object",
}


class Stored(Struct, frozen=True):
    """A tensor and the storage it is a view of."""

    tensor: Tensor
    storage: str
    offset: int
    """Elements from the start of the storage."""
    width: int
    """Bytes of one element."""
    storage_elements: int


Mark = tuple[str, int, tuple[int, ...]]
"""Storage, offset and sizes: what makes two tensors the same view."""


class Found(Struct):
    """All tensors below a value, each view of a storage once."""

    tensors: list[Stored] = field(default_factory=list)
    repeated: int = 0
    """Tensors that are another name for one already listed (tied weights)."""
    places: dict[Mark, int] = field(default_factory=dict)
    """Which of `tensors` a view of a storage is."""


def suspicious(names: tuple[str, ...]) -> tuple[str, ...]:
    """Globals that an honest model does not import, such as ``posix.system``."""
    odd = []
    for name in names:
        module, _, last = name.rpartition(".")
        root = name.partition(".")[0]
        if root in ("builtins", "__builtin__"):
            usual = last in _USUAL_BUILTINS
        else:
            usual = root in _USUAL or module.startswith("torch.")
        if not usual:
            odd.append(name[:120])
    return tuple(odd)


def collect(root: Value) -> Found:
    """Tensors reachable from `root`, named by the keys on the way; shared values are visited once."""
    found = Found()
    visited: set[int] = {id(root)}
    meter = Meter(_MAX_NAMES)
    queue: list[tuple[str, Value]] = [("", root)]
    while queue:
        path, value = queue.pop()
        if is_tensor(value) and isinstance(value, Built):
            _add(found, path, value)
            continue
        fresh: list[tuple[str, Value]] = []
        for key, child in _children(value):
            # Only what can hold a tensor gets a name, and only once: keys may be long and shared a million times.
            if isinstance(child, Built | Pairs | list | tuple) and id(child) not in visited:
                visited.add(id(child))
                fresh.append((_join(path, key), child))
                meter.spend(len(fresh[-1][0]) + 1)
        queue.extend(reversed(fresh))
    return found


def is_tensor(value: Value) -> bool:
    """Whether unpickling would give a tensor."""
    return isinstance(value, Built) and _is_maker(value, _TENSOR_MAKERS)


def mark_of(value: Built) -> Mark | None:
    """The view that a tensor is; None when its description is broken."""
    args = value.args
    if not isinstance(args, tuple) or len(args) < 3 or not isinstance(args[0], Persistent):
        return None
    key, offset, shape = args[0].key, args[1], args[2]
    if not isinstance(key, tuple) or len(key) < 3 or not isinstance(key[2], str) or not isinstance(shape, tuple):
        return None
    if type(offset) is not int or not all(type(dim) is int for dim in shape):
        return None
    return key[2], offset, tuple(shape)


def _is_maker(value: Built, names: set[str]) -> bool:
    maker = value.maker
    return isinstance(maker, Global) and maker.module == "torch._utils" and maker.name in names


def _children(value: Value) -> Iterator[tuple[str, Value]]:
    """What a value holds, by key; the key is empty for parts that do not add to the name."""
    if isinstance(value, list | tuple):
        yield from ((str(at), item) for at, item in enumerate(value))
    elif isinstance(value, Pairs):
        yield from ((key if isinstance(key, str) else "?", item) for key, item in value.pairs)
    elif isinstance(value, Built):
        args = value.args if isinstance(value.args, tuple) else ()
        yield from (("", item) for item in args)
        yield from ((key if isinstance(key, str) else "?", item) for key, item in value.pairs)
        yield from ((str(at), item) for at, item in enumerate(value.items))
        yield "", value.state


_INVISIBLE = {"_parameters", "_buffers", "_modules"}
"""Attributes of a pickled `torch.nn.Module` that state dictionaries leave out of names."""


def _join(path: str, key: str) -> str:
    if not key or key in _INVISIBLE or len(path) > _MAX_NAME:
        return path
    return f"{path}.{key[:_MAX_NAME]}" if path else key[:_MAX_NAME]


def _add(found: Found, path: str, value: Built) -> None:
    args = value.args
    if not isinstance(args, tuple) or len(args) < 3 or not isinstance(args[0], Persistent):
        raise MalformedError(f"tensor {path[:80]!r} without storage")
    key, width, dtype, elements = _storage(args[0].key)
    offset, shape = args[1], args[2]
    if isinstance(value.maker, Global) and value.maker.name == "_rebuild_tensor_v3":
        named = next((arg for arg in args[3:] if isinstance(arg, Global) and arg.module == "torch"), None)
        width, dtype = _V3_DTYPES.get(named.name, (width, dtype)) if named else (width, dtype)
    if type(offset) is not int or offset < 0 or not isinstance(shape, tuple) or len(shape) > MAX_RANK:
        raise MalformedError(f"tensor {path[:80]!r} with impossible place or shape")
    dims = tuple(dim for dim in shape if type(dim) is int and dim >= 0)
    if len(dims) != len(shape):
        raise MalformedError(f"tensor {path[:80]!r} with impossible shape")
    mark = (key, offset, dims)
    if mark in found.places:
        found.repeated += 1
        return
    found.places[mark] = len(found.tensors)
    if len(found.tensors) >= MAX_TENSORS:
        raise LimitError(f"more than {MAX_TENSORS} tensors")
    found.tensors.append(Stored(Tensor(path, dtype, dims, constant=True), key, offset, width, elements))


def _storage(key: Value) -> tuple[str, int, DType, int]:
    """`(name, bytes an element, type, elements)` of a storage reference ``("storage", type, name, device, elements)``."""
    if not isinstance(key, tuple) or len(key) < 5 or key[0] != "storage" or not isinstance(key[2], str):
        raise MalformedError("a persistent reference that is not a storage")
    kind = key[1]
    width, dtype = _STORAGES.get(kind.name, (0, DType.UNKNOWN)) if isinstance(kind, Global) else (0, DType.UNKNOWN)
    elements = key[4]
    if not width or type(elements) is not int or elements < 0:
        raise MalformedError("a storage of unknown type or size")
    return key[2], width, dtype, elements
