"""MLIR bytecode of one Core AI function, written section by section as the specification has it.

https://mlir.llvm.org/docs/BytecodeFormat/. The function takes ``x`` (1×2×4×4), convolves it with a 3×2×1×1 kernel of floats
by steps of two, and applies relu, which carries its decomposition in a region.
"""

from __future__ import annotations

import struct


def number(value: int) -> bytes:
    """A number with its length in the low bits of the first byte."""
    for extra in range(8):
        if value < 1 << 7 * (extra + 1):
            return ((value << 1 | 1) << extra).to_bytes(extra + 1, "little")
    return b"\0" + value.to_bytes(8, "little")


def numbers(*values: int) -> bytes:
    return b"".join(number(value) for value in values)


def zigzag(value: int) -> bytes:
    return number(value << 1 if value >= 0 else ~value << 1 | 1)


def section(code: int, content: bytes) -> bytes:
    return bytes([code]) + number(len(content)) + content


STRINGS = ("aicode", "primitive.constant_v1", "dataflow.graph_v1", "primitive.conv2d_v1", "relu_v1",
           "primitive.maximum_v1", "dataflow.yield_v1", "dataflow.output_v1", "serialization.asset", "main", "x",
           "aicode.name")  # fmt: skip
KERNEL = struct.pack("<6f", *range(6))
FLOAT, WHOLE = 0, 1
_DIMENSIONS = ((1, 2, 4, 4), (3, 2, 1, 1), (2,), (), (1, 3, 2, 2))


def tensor(shape: tuple[int, ...], element: int) -> bytes:
    return numbers(2, len(shape)) + b"".join(zigzag(size) for size in shape) + number(element)


TYPES = (number(6), number(24), *(tensor(shape, WHOLE if place in (2, 3) else FLOAT)
                                  for place, shape in enumerate(_DIMENSIONS)))  # fmt: skip
IMAGE, FILTER, PAIR, SCALAR, RESULT = range(2, 7)


def dense(content: bytes, *, splat: bool = False) -> bytes:
    return number(6) + bytes([splat]) + number(len(content)) + content


ATTRIBUTES = (
    numbers(1, 9),  # "main"
    numbers(1, 10),  # "x"
    numbers(9, 11, 1, 1),  # aicode.name = "x"
    numbers(5, 1, 2),  # [aicode.name = "x"]
    numbers(5, 1, 3),  # one list for each argument
    dense(KERNEL),
    dense(struct.pack("<I", 2), splat=True),
    dense(struct.pack("<I", 1)),
)
PROPERTIES = (numbers(0, 4), numbers(5), numbers(6), numbers(7))
_RESULTS, _OPERANDS, _REGIONS, _PROPERTIES = 2, 4, 16, 64


def operation(
    name: int,
    operands: tuple[int, ...] = (),
    results: tuple[int, ...] = (),
    properties: int | None = None,
    region: bytes = b"",
) -> bytes:
    mask = (_RESULTS if results else 0) | (_OPERANDS if operands else 0) | (_REGIONS if region else 0)
    mask |= _PROPERTIES if properties is not None else 0
    body = number(name) + bytes([mask]) + number(0)
    body += number(properties) if properties is not None else b""
    body += numbers(len(results), *results) if results else b""
    body += numbers(len(operands), *operands) if operands else b""
    return body + region


def isolated(arguments: tuple[int, ...], values: int, *operations: bytes) -> bytes:
    """One region of one block in a section of its own."""
    header = number(len(operations) << 1 | bool(arguments))
    header += numbers(len(arguments), *(kind << 1 for kind in arguments)) + b"\0" if arguments else b""
    return numbers(1 << 1 | 1) + section(4, numbers(1, values) + header + b"".join(operations))


def program(version: int = 6) -> bytes:
    """The whole file."""
    inner = isolated((RESULT,), 2, operation(4, (0, 0), (RESULT,)), operation(5, (1,)))
    function = isolated(
        (IMAGE,),
        7,
        operation(0, (), (FILTER,), 1),
        operation(0, (), (PAIR,), 2),
        operation(0, (), (SCALAR,), 3),
        operation(2, (0, 1, 2, 2, 3), (RESULT,)),
        operation(3, (4,), (RESULT,), None, inner),
        operation(6, (5,)),
    )
    module = isolated((), 0, operation(1, (), (), 0, function))
    names = numbers(8, 0, 8, *(place << 1 for place in range(1, 9)))
    groups = [ATTRIBUTES, TYPES]
    offsets = numbers(len(ATTRIBUTES), len(TYPES))
    offsets += b"".join(numbers(0, len(group), *(len(entry) << 1 for entry in group)) for group in groups)
    lengths = numbers(len(STRINGS), *(len(text) + 1 for text in reversed(STRINGS)))
    sections = {
        0: lengths + b"".join(text.encode() + b"\0" for text in STRINGS),
        1: numbers(1, 0) + names,
        2: b"".join(entry for group in groups for entry in group),
        3: offsets,
        4: number(1 << 1) + operation(7, region=module),
        8: number(len(PROPERTIES)) + b"".join(number(len(entry)) + entry for entry in PROPERTIES),
    }
    return b"ML\xefR" + number(version) + b"MLIR22.0.0git\0" + b"".join(section(*item) for item in sections.items())
