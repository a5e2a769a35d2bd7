"""Writes minimal Mach-O files, thin and fat, with symbols, an export trie and the load commands that identify them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(kw_only=True)
class MachoSpec:
    bits: int = 64
    order: str = "<"
    cpu: int = 0x0100000C
    subtype: int = 0
    filetype: int = 6
    install_name: str | None = "@rpath/X.framework/X"
    version: tuple[int, int, int] = (1, 31, 1)
    dylibs: Sequence[tuple[str, tuple[int, int, int], int]] = ()
    rpaths: Sequence[str] = ()
    uuid: bytes = b""
    build: tuple[int, tuple[int, int, int], tuple[int, int, int]] | None = None
    version_min: int | None = None
    imports: Sequence[str] = ()
    exports: Sequence[str] = ()
    locals: Sequence[str] = ()
    trie: Sequence[str] = ()
    classes: Sequence[str] = ()
    text: bytes = b""
    crypt_id: int | None = None


def build_macho(spec: MachoSpec | None = None, **settings: object) -> bytes:
    """The bytes of one slice; `settings` are the fields of `MachoSpec`."""
    spec = spec or MachoSpec(**settings)  # type: ignore[arg-type]
    wide = spec.bits == 64
    head = 32 if wide else 28
    size = head + len(b"".join(_commands(spec, 0)))
    commands = _commands(spec, size)
    magic = 0xFEEDFACF if wide else 0xFEEDFACE
    whole = struct.pack(
        spec.order + "7I", magic, spec.cpu, spec.subtype, spec.filetype, len(commands), len(b"".join(commands)), 0
    )
    return whole + bytes(head - 28) + b"".join(commands) + b"".join(_blobs(spec))


def build_fat(slices: Sequence[tuple[int, bytes]], *, wide: bool = False) -> bytes:
    """A fat file of (cpu type, slice)."""
    step = 32 if wide else 20
    at = 8 + step * len(slices)
    head = struct.pack(">II", 0xCAFEBABF if wide else 0xCAFEBABE, len(slices))
    body = b""
    for cpu, data in slices:
        place = at + len(body)
        head += struct.pack(">IIQQII" if wide else ">IIIII", cpu, 0, place, len(data), 0, *([0] if wide else []))
        body += data
    return head + body


def export_trie(names: Sequence[str]) -> bytes:
    """A trie with one root and one leaf a name, but for a shared first edge ``_`` when all have it."""
    leaves = [name.encode() for name in names]
    if leaves and all(name.startswith(b"_") for name in leaves):
        root = b"\0\1_\0\x05"
        return root + _node([name[1:] for name in leaves], len(root))
    return _node(leaves, 0)


def _node(leaves: list[bytes], base: int) -> bytes:
    size = 2 + sum(len(name) + 1 + 3 for name in leaves)
    out = bytes([0, len(leaves)])
    for index, name in enumerate(leaves):
        at = base + size + index * 4
        out += name + b"\0" + bytes([at & 0x7F | 0x80, at >> 7 & 0x7F | 0x80, at >> 14])
    return out + b"\2\0\x10\0" * len(leaves)


def _blobs(spec: MachoSpec) -> tuple[bytes, ...]:
    """Text, class names, symbols, strings, trie."""
    texts = b" \0"
    symbols = b""
    for names, kind, section in ((spec.locals, 0x0E, 1), (spec.exports, 0x0F, 1), (spec.imports, 0x01, 0)):
        for name in names:
            tail = "BBHQ" if spec.bits == 64 else "BBHI"
            symbols += struct.pack(spec.order + "I" + tail, len(texts), kind, section, 0, 0)
            texts += name.encode() + b"\0"
    classes = b"".join(name.encode() + b"\0" for name in spec.classes)
    return spec.text, classes, symbols, texts, export_trie(spec.trie) if spec.trie else b""


def _commands(spec: MachoSpec, base: int) -> list[bytes]:
    text, classes, symbols, strings, trie = _blobs(spec)
    step = 16 if spec.bits == 64 else 12
    sections = [("__TEXT", "__const", base, len(text)), ("__TEXT", "__objc_classname", base + len(text), len(classes))]
    symbols_at = base + len(text) + len(classes)
    strings_at = symbols_at + len(symbols)
    out = [_segment(spec, sections)]
    out.append(_command(spec, 2, "4I", symbols_at, len(symbols) // step, strings_at, len(strings)))
    if spec.install_name is not None:
        out.append(_dylib(spec, 0xD, spec.install_name, spec.version))
    out += [_dylib(spec, kind, name, version) for name, version, kind in spec.dylibs]
    out += [_command(spec, 0x8000001C, "I", 12, tail=path.encode()) for path in spec.rpaths]
    if spec.uuid:
        out.append(_command(spec, 0x1B, "16s", spec.uuid))
    if spec.build:
        platform, minimum, sdk = spec.build
        out.append(_command(spec, 0x32, "4I", platform, _packed(minimum), _packed(sdk), 0))
    if spec.version_min is not None:
        out.append(_command(spec, spec.version_min, "II", _packed((9, 0, 0)), _packed((12, 1, 0))))
    if spec.crypt_id is not None:
        wide = spec.bits == 64
        out.append(_command(spec, 0x2C if wide else 0x21, "4I" if wide else "3I", base, 64, spec.crypt_id, *[0] * wide))
    if trie:
        out.append(_command(spec, 0x80000033, "II", strings_at + len(strings), len(trie)))
    return out


def _segment(spec: MachoSpec, sections: list[tuple[str, str, int, int]]) -> bytes:
    wide = spec.bits == 64
    word = "Q" if wide else "I"
    body = b""
    for segment, name, offset, size in sections:
        body += struct.pack(
            f"{spec.order}16s16s{word}{word}{8 if wide else 7}I", name.encode(), segment.encode(), 0, size, offset,
            *[0] * (7 if wide else 6)
        )  # fmt: skip
    layout = f"16s{word * 4}4I"
    return _command(spec, 0x19 if wide else 1, layout, b"__TEXT", 0, 0, 0, 0, 0, 0, len(sections), 0, tail=body)


def _dylib(spec: MachoSpec, kind: int, name: str, version: tuple[int, int, int]) -> bytes:
    return _command(spec, kind, "4I", 24, 0, _packed(version), 0, tail=name.encode() + b"\0")


def _packed(version: tuple[int, int, int]) -> int:
    return version[0] << 16 | version[1] << 8 | version[2]


def _command(spec: MachoSpec, kind: int, layout: str, *values: object, tail: bytes = b"") -> bytes:
    body = struct.pack(spec.order + layout, *values) + tail
    body += b"\0" * (-len(body) % 8)
    return struct.pack(spec.order + "II", kind, 8 + len(body)) + body
