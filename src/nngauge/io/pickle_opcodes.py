"""Walks a pickle without unpickling it: opcodes build inert records, nothing is imported and nothing is called.

Opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py. Values are never hashed or compared, because
a few bytes of pickle can describe a tuple whose hash takes longer than the universe has time.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from msgspec import Struct, field

from nngauge.errors import MalformedError, UnsupportedError
from nngauge.io.binary import Buffer, Cursor
from nngauge.limits import MAX_STRING

Value = object
"""None, bool, int, float, str, bytes, a tuple or list of values, or one of the records below."""


class Global(Struct, frozen=True):
    """A name that unpickling would import."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


class Built(Struct, eq=False):
    """What a call or instantiation would give: `maker` on `args`, then `state`, items and pairs set on it."""

    maker: Value
    args: Value
    state: Value = None
    items: list[Value] = field(default_factory=list)
    pairs: list[tuple[Value, Value]] = field(default_factory=list)


class Pairs(Struct, eq=False):
    """A dictionary as the list of what is put into it."""

    pairs: list[tuple[Value, Value]] = field(default_factory=list)


class Persistent(Struct, frozen=True):
    """A reference to something outside the pickle; torch keeps its storages behind these."""

    key: Value


_MARK = object()


class Walk(Struct):
    """The state of one walk, and its result."""

    cursor: Cursor
    stack: list[Value] = field(default_factory=list)
    memo: dict[int, Value] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    """Every global the pickle names, in order."""
    stopped: bool = False

    def pop(self) -> Value:
        """Takes the top of the stack."""
        if not self.stack or self.stack[-1] is _MARK:
            raise MalformedError("pickle stack underflow", where=f"@{self.cursor.pos}")
        return self.stack.pop()

    def pop_to_mark(self) -> list[Value]:
        """Takes everything above the last mark, and the mark."""
        taken: list[Value] = []
        while self.stack:
            value = self.stack.pop()
            if value is _MARK:
                taken.reverse()
                return taken
            taken.append(value)
        raise MalformedError("pickle without mark", where=f"@{self.cursor.pos}")

    def line(self) -> str:
        """Takes a text argument that ends with a newline."""
        start = self.cursor.pos
        end = min(self.cursor.end, start + MAX_STRING)
        piece = bytes(self.cursor.buf[start : min(start + 256, end)])
        stop = piece.find(b"\n")
        if stop < 0:
            piece = bytes(self.cursor.buf[start:end])
            stop = piece.find(b"\n")
        if stop < 0:
            raise MalformedError("pickle line without end", where=f"@{start}")
        self.cursor.skip(stop + 1)
        return piece[:stop].decode("utf-8", "replace")

    def name(self, module: Value, name: Value) -> Global:
        """Notes a global."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise MalformedError("pickle global that is not named by text", where=f"@{self.cursor.pos}")
        self.names[f"{module}.{name}"] = None
        return Global(module, name)


def walk_pickle(buf: Buffer, start: int = 0, end: int | None = None) -> tuple[Value, int, tuple[str, ...]]:
    """`(value, offset behind it, names of globals)` of the pickle at `start`; raises `InputError` kinds only."""
    walk = Walk(Cursor(buf, start, end))
    try:
        while not walk.stopped:
            at = walk.cursor.pos
            action = _ACTIONS.get(walk.cursor.u8())
            if action is None:
                raise MalformedError("not a pickle opcode", where=f"@{at}")
            action(walk)
    except (ValueError, struct.error) as error:
        raise MalformedError(f"bad pickle argument: {str(error)[:80]}", where=f"@{walk.cursor.pos}") from None
    return walk.pop(), walk.cursor.pos, tuple(walk.names)


def _push(make: Callable[[Walk], Value]) -> Callable[[Walk], None]:
    def action(walk: Walk) -> None:
        walk.stack.append(make(walk))

    return action


def _text(width: int) -> Callable[[Walk], None]:
    return _push(lambda walk: _counted(walk, width).decode("utf-8", "replace"))


def _counted(walk: Walk, width: int) -> bytes:
    return walk.cursor.bytes(int.from_bytes(walk.cursor.bytes(width), "little"))


def _long(walk: Walk, width: int) -> int:
    return int.from_bytes(_counted(walk, width), "little", signed=True)


def _tuple(count: int) -> Callable[[Walk], None]:
    def action(walk: Walk) -> None:
        values = [walk.pop() for _ in range(count)]
        walk.stack.append(tuple(reversed(values)))

    return action


def _put(walk: Walk, key: int) -> None:
    if not walk.stack:
        raise MalformedError("pickle memo of nothing", where=f"@{walk.cursor.pos}")
    walk.memo[key] = walk.stack[-1]


def _get(walk: Walk, key: int) -> None:
    if key not in walk.memo:
        raise MalformedError(f"pickle memo {key} was never set", where=f"@{walk.cursor.pos}")
    walk.stack.append(walk.memo[key])


def _top(walk: Walk) -> Value:
    value = walk.pop()
    walk.stack.append(value)
    return value


def _extend(walk: Walk, values: list[Value]) -> None:
    target = _top(walk)
    if isinstance(target, list):
        target.extend(values)
    elif isinstance(target, Built):
        target.items.extend(values)


def _append(walk: Walk) -> None:
    value = walk.pop()
    _extend(walk, [value])


def _set(walk: Walk, values: list[Value]) -> None:
    target = _top(walk)
    if isinstance(target, Pairs | Built):
        target.pairs.extend(zip(values[::2], values[1::2], strict=False))


def _set_one(walk: Walk) -> None:
    value, key = walk.pop(), walk.pop()
    _set(walk, [key, value])


def _dictionary(walk: Walk) -> None:
    values = walk.pop_to_mark()
    walk.stack.append(Pairs(list(zip(values[::2], values[1::2], strict=False))))


def _call(walk: Walk) -> None:
    args, maker = walk.pop(), walk.pop()
    walk.stack.append(Built(maker, args))


def _call_keywords(walk: Walk) -> None:
    keywords, args, maker = walk.pop(), walk.pop(), walk.pop()
    walk.stack.append(Built(maker, args, keywords))


def _instance(walk: Walk) -> None:
    module, name = walk.line(), walk.line()
    walk.stack.append(Built(walk.name(module, name), tuple(walk.pop_to_mark())))


def _object(walk: Walk) -> None:
    values = walk.pop_to_mark()
    if not values:
        raise MalformedError("pickle object without class", where=f"@{walk.cursor.pos}")
    walk.stack.append(Built(values[0], tuple(values[1:])))


def _build(walk: Walk) -> None:
    state, target = walk.pop(), _top(walk)
    if isinstance(target, Built):
        target.state = state


def _stack_global(walk: Walk) -> None:
    name, module = walk.pop(), walk.pop()
    walk.stack.append(walk.name(module, name))


def _plain_global(walk: Walk) -> None:
    module = walk.line()
    walk.stack.append(walk.name(module, walk.line()))


def _integer(text: str) -> int | bool:
    return text == "01" if text in ("00", "01") else int(text.removesuffix("L") or "0")


def _drop(walk: Walk) -> None:
    if not walk.stack:
        raise MalformedError("pickle stack underflow", where=f"@{walk.cursor.pos}")
    del walk.stack[-1]


def _drop_to_mark(walk: Walk) -> None:
    walk.pop_to_mark()


def _stop(walk: Walk) -> None:
    walk.stopped = True


def _unsupported(walk: Walk) -> None:
    raise UnsupportedError("pickle extension registry or out-of-band buffer", where=f"@{walk.cursor.pos}")


def _swallow(count: int) -> Callable[[Walk], None]:
    return lambda walk: walk.cursor.skip(count)


_ACTIONS: dict[int, Callable[[Walk], None]] = {
    ord("("): _push(lambda _: _MARK),
    ord("."): _stop,
    ord("0"): _drop,
    ord("1"): _drop_to_mark,
    ord("2"): lambda walk: walk.stack.append(_top(walk)),
    ord("F"): _push(lambda walk: float(walk.line())),
    ord("G"): _push(lambda walk: struct.unpack(">d", walk.cursor.bytes(8))[0]),
    ord("I"): _push(lambda walk: _integer(walk.line())),
    ord("J"): _push(lambda walk: walk.cursor.i32()),
    ord("K"): _push(lambda walk: walk.cursor.u8()),
    ord("L"): _push(lambda walk: _integer(walk.line())),
    ord("M"): _push(lambda walk: walk.cursor.u16()),
    ord("N"): _push(lambda _: None),
    ord("P"): _push(lambda walk: Persistent(walk.line())),
    ord("Q"): _push(lambda walk: Persistent(walk.pop())),
    ord("R"): _call,
    ord("S"): _push(lambda walk: walk.line().strip("'\"")),
    ord("T"): _text(4),
    ord("U"): _text(1),
    ord("V"): _push(Walk.line),
    ord("X"): _text(4),
    ord("a"): _append,
    ord("b"): _build,
    ord("c"): _plain_global,
    ord("d"): _dictionary,
    ord("}"): _push(lambda _: Pairs()),
    ord("e"): lambda walk: _extend(walk, walk.pop_to_mark()),
    ord("g"): lambda walk: _get(walk, int(walk.line())),
    ord("h"): lambda walk: _get(walk, walk.cursor.u8()),
    ord("j"): lambda walk: _get(walk, walk.cursor.u32()),
    ord("i"): _instance,
    ord("l"): _push(Walk.pop_to_mark),
    ord("]"): _push(lambda _: []),
    ord("o"): _object,
    ord("p"): lambda walk: _put(walk, int(walk.line())),
    ord("q"): lambda walk: _put(walk, walk.cursor.u8()),
    ord("r"): lambda walk: _put(walk, walk.cursor.u32()),
    ord("s"): _set_one,
    ord("t"): _push(lambda walk: tuple(walk.pop_to_mark())),
    ord(")"): _push(lambda _: ()),
    ord("u"): lambda walk: _set(walk, walk.pop_to_mark()),
    ord("B"): _push(lambda walk: _counted(walk, 4)),
    ord("C"): _push(lambda walk: _counted(walk, 1)),
    0x80: _swallow(1),
    0x81: _call,
    0x82: _unsupported,
    0x83: _unsupported,
    0x84: _unsupported,
    0x85: _tuple(1),
    0x86: _tuple(2),
    0x87: _tuple(3),
    0x88: _push(lambda _: True),
    0x89: _push(lambda _: False),
    0x8A: _push(lambda walk: _long(walk, 1)),
    0x8B: _push(lambda walk: _long(walk, 4)),
    0x8C: _text(1),
    0x8D: _text(8),
    0x8E: _push(lambda walk: _counted(walk, 8)),
    0x8F: _push(lambda _: []),
    0x90: lambda walk: _extend(walk, walk.pop_to_mark()),
    0x91: _push(lambda walk: tuple(walk.pop_to_mark())),
    0x92: _call_keywords,
    0x93: _stack_global,
    0x94: lambda walk: _put(walk, len(walk.memo)),
    0x95: _swallow(8),
    0x96: _push(lambda walk: _counted(walk, 8)),
    0x97: _unsupported,
    0x98: lambda _: None,
}
"""Opcode → what it does to the stack."""
