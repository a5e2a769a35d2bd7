"""ML Programs as text (`model.mil` of compiled models): the same operations, one statement after the other.

Undocumented; the grammar was read off files of coremlcompiler. A statement is
``tensor<fp16, [1, 8]> y = conv(x = x, weight = w)[name = string("y")];`` and a constant
``tensor<int32, [2]>([1, 1])`` or ``tensor<fp16, [8, 4]>(BLOBFILE(path = string("…"), offset = uint64(64)))``.
"""

from __future__ import annotations

import re
from typing import Final

from nngauge.domain.graph import Dim, DType, Span, Tensor
from nngauge.errors import LimitError, MalformedError
from nngauge.formats._parts.coreml_mil import Argument, Block, Files, Literal, Operation, Values
from nngauge.io.binary import Buffer
from nngauge.limits import MAX_INLINE_VALUES, MAX_NODES, MAX_RANK, MAX_STRUCT_DEPTH, MAX_TEXT_MODEL

_WORD: Final = re.compile(
    r"""\s*(?:
    (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<open>")
    | (?P<number>[-+]?(?:0[xX][0-9a-fA-F]+(?:\.[0-9a-fA-F]*)?(?:[pP][-+]?\d+)?|\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|inf|nan)(?![\w]))
    | (?P<name>[A-Za-z_@][\w.@]*)
    | (?P<mark>->|.)
    )""",
    re.VERBOSE | re.DOTALL,
)
_DTYPES: Final = {
    "fp16": DType.FLOAT16, "fp32": DType.FLOAT32, "fp64": DType.FLOAT64, "bf16": DType.BFLOAT16, "int8": DType.INT8,
    "int16": DType.INT16, "int32": DType.INT32, "int64": DType.INT64, "int4": DType.INT4, "uint8": DType.UINT8,
    "uint16": DType.UINT16, "uint32": DType.UINT32, "uint64": DType.UINT64, "uint6": DType.UINT6,
    "uint4": DType.UINT4, "uint3": DType.UINT3, "uint2": DType.UINT2, "uint1": DType.UINT1, "bool": DType.BOOL,
    "string": DType.STRING, "fp8e4m3fn": DType.FLOAT8_E4M3, "fp8e5m2": DType.FLOAT8_E5M2,
}  # fmt: skip
_OPENING, _CLOSING = "([{<", ")]}>"


def read_text(buf: Buffer, files: Files) -> dict[str, Block]:
    """The functions of a program by name; `MalformedError` when the text is something else."""
    if len(buf) > MAX_TEXT_MODEL:
        raise LimitError(f"MIL text of {len(buf)} bytes")
    content = bytes(buf).decode("utf-8", "replace")
    if not content.startswith("program("):
        raise MalformedError("the text does not begin with a program")
    return _Reader(content, files).program()


class _Reader:
    """One word of look-ahead over the text."""

    def __init__(self, content: str, files: Files) -> None:
        self._words = _WORD.finditer(content)
        self._files = files
        self._count = 0
        self.kind = ""
        self.word = ""
        self._advance()

    def program(self) -> dict[str, Block]:
        found: dict[str, Block] = {}
        while self.word:
            if self.kind == "name" and self.word == "func":
                self._advance()
                name = self._name()
                self._skip_group()
                found[name] = self._function()
            else:
                self._advance()
        if not any(block.operations for block in found.values()):
            raise MalformedError("a program without functions or operations")
        return found

    def _function(self) -> Block:
        block = Block()
        self._take("(")
        while self.word and self.word != ")":
            block.inputs.append(self._typed())
            self._passes(",")
        self._take(")")
        self._skip_group()
        body = self._body(0)
        body.inputs = block.inputs
        return body

    def _body(self, depth: int) -> Block:
        """``{ statements } -> (names)``."""
        if depth > MAX_STRUCT_DEPTH // 2:
            raise LimitError("blocks nested too deeply")
        block = Block()
        self._take("{")
        while self.word and self.word != "}":
            block.operations.append(self._statement(depth))
            self._count += 1
            if self._count > MAX_NODES:
                raise LimitError(f"more than {MAX_NODES} operations")
        self._take("}")
        if self._passes("->"):
            self._take("(")
            while self.word and self.word != ")":
                block.outputs.append(self._name())
                self._passes(",")
            self._take(")")
        self._passes(";")
        return block

    def _statement(self, depth: int) -> Operation:
        grouped = self._passes("(")
        outputs = [self._typed()]
        while self._passes(","):
            outputs.append(self._typed())
        if grouped:
            self._take(")")
        self._take("=")
        found = Operation(self._name(), outputs=outputs)
        self._take("(")
        self._arguments(found, ")")
        if self.word == "[":
            self._advance()
            self._arguments(found, "]")
        while self.word == "{" or (self.word == "(" and depth < MAX_STRUCT_DEPTH):
            found.blocks.append(self._inner_block(depth))
            self._passes(",")
        self._passes(";")
        return found

    def _inner_block(self, depth: int) -> Block:
        """A block inside an operation, which may list the values it starts from."""
        inputs: list[Tensor] = []
        if self._passes("("):
            while self.word and self.word != ")":
                inputs.append(self._typed())
                self._passes(",")
            self._take(")")
        block = self._body(depth + 1)
        block.inputs = inputs
        return block

    def _arguments(self, found: Operation, end: str) -> None:
        while self.word and self.word != end:
            key = self._name()
            self._take("=")
            bound = self._bound(key)
            if key == "name":
                first = bound[0] if bound else ""
                values = first.values if isinstance(first, Literal) else None
                found.name = str(values[0]) if values else ""
            else:
                found.arguments[key] = bound
            self._passes(",")
        self._take(end)

    def _bound(self, key: str) -> list[Argument]:
        """A name, a constant, or several in brackets."""
        if self._passes("("):
            several: list[Argument] = []
            while self.word and self.word != ")":
                several += [self._argument(key)]
                self._passes(",")
            self._take(")")
            return several
        return [self._argument(key)]

    def _argument(self, key: str) -> Argument:
        if self.kind != "name":
            raise MalformedError(f"{self.word[:40]!r} is no argument")
        if self.word not in _DTYPES and self.word not in ("tensor", "list", "tuple", "dict", "state"):
            return self._name()
        dtype, shape = self._type()
        if self.word != "(":
            raise MalformedError(f"{self.word[:40]!r} is no constant")
        values, place = self._content()
        numbers = values if values and not isinstance(values[0], str) else None
        tensor = Tensor(key, dtype, shape, place, constant=True, values=numbers)
        return Literal(tensor, values)

    def _content(self) -> tuple[Values | None, Span | None]:
        """What stands in the brackets of a constant: elements in any nesting, or the place in a weight file."""
        found: list[int | float | str] = []
        path, offset, blob, depth = "", 0, False, 0
        while self.word:
            if self.kind == "mark" and self.word in _OPENING:
                depth += 1
            elif self.kind == "mark" and self.word in _CLOSING:
                depth -= 1
                if depth == 0:
                    break
            elif self.word == "BLOBFILE":
                blob = True
            elif self.kind in ("text", "number") or self.word in ("true", "false"):
                value = self._plain()
                path = value if blob and isinstance(value, str) else path
                offset = value if blob and isinstance(value, int) else offset
                if len(found) <= MAX_INLINE_VALUES:
                    found.append(value)
            self._advance()
        self._take(")")
        if blob:
            return None, self._files.blob(path, offset)
        return (_uniform(found) if len(found) <= MAX_INLINE_VALUES else None), None

    def _plain(self) -> int | float | str:
        if self.kind == "text":
            return self.word[1:-1]
        if self.word in ("true", "false"):
            return int(self.word == "true")
        return _number(self.word)

    def _typed(self) -> Tensor:
        """A type and the name of a value."""
        dtype, shape = self._type()
        return Tensor(self._name(), dtype, shape)

    def _type(self) -> tuple[DType, tuple[Dim, ...] | None]:
        """``tensor<fp16, [1, ?]>``, ``state<tensor<…>>``, or a scalar's type alone; others have neither."""
        name = self._name()
        if name in _DTYPES:
            return _DTYPES[name], ()
        if name == "state" and self._passes("<"):
            wrapped = self._type()
            self._take(">")
            return wrapped
        if name != "tensor":
            self._skip_group()
            return DType.UNKNOWN, None
        self._take("<")
        dtype = _DTYPES.get(self._name(), DType.UNKNOWN)
        shape = self._shape() if self._passes(",") else ()
        self._take(">")
        return dtype, shape

    def _shape(self) -> tuple[Dim, ...] | None:
        dims: list[Dim] = []
        self._take("[")
        while self.word and self.word != "]":
            dims.append(int(self.word) if self.word.isdecimal() and len(self.word) < 19 else None)
            self._advance()
            self._passes(",")
            if len(dims) > MAX_RANK:
                raise LimitError(f"rank {len(dims)}")
        self._take("]")
        return tuple(dims)

    def _skip_group(self) -> None:
        """Passes over ``<…>`` or ``[…]`` if one stands here."""
        if self.kind != "mark" or self.word not in ("<", "["):
            return
        depth = 0
        while self.word:
            if self.kind == "mark":
                depth += (self.word in _OPENING) - (self.word in _CLOSING)
            self._advance()
            if depth == 0:
                return

    def _name(self) -> str:
        if self.kind != "name":
            raise MalformedError(f"{self.word[:40]!r} is no name")
        found = self.word
        self._advance()
        return found

    def _take(self, mark: str) -> None:
        if self.word != mark:
            raise MalformedError(f"{self.word[:40]!r} in place of {mark!r}")
        self._advance()

    def _passes(self, mark: str) -> bool:
        if self.word != mark:
            return False
        self._advance()
        return True

    def _advance(self) -> None:
        found = next(self._words, None)
        self.kind = found.lastgroup or "" if found is not None else ""
        self.word = found.group(self.kind) if found is not None and self.kind else ""
        if self.kind == "open":
            raise MalformedError("a text without end")


def _number(word: str) -> int | float:
    plain = word.lstrip("+-")
    try:
        if plain[:2].lower() == "0x":
            return float.fromhex(word)
        return int(word) if plain.isdecimal() and len(plain) < 20 else float(word)
    except (ValueError, OverflowError):
        raise MalformedError(f"{word[:40]!r} is no number") from None


def _uniform(found: list[int | float | str]) -> Values:
    """One type for all elements."""
    if any(isinstance(value, str) for value in found):
        return tuple(str(value) for value in found)
    if any(isinstance(value, float) for value in found):
        return tuple(float(value) for value in found)
    return tuple(value for value in found if isinstance(value, int))
