"""Runtime libraries that the runner can open: files, and those that apps ship."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path, PurePosixPath
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.location import Location
from nngauge.errors import InputError, LimitError, NotThisFormat, UnsupportedError
from nngauge.io.elf import MAGIC, Elf, read_elf
from nngauge.io.source import ByteSource
from nngauge.limits import MAX_RUNTIME_LIBRARY
from nngauge.packages import Entry, entry_source, open_package

INTERFACES: Final[Mapping[str, bytes]] = {
    "litert": b"LiteRtCreateCompiledModel",
    "tflite": b"TfLiteInterpreterInvoke",
    "onnxruntime": b"OrtGetApiBase",
}
"""C API → a symbol that only libraries with it export; the first that fits is used, as in ``native/main.c``."""

FORMATS: Final[Mapping[str, frozenset[str]]] = {
    "litert": frozenset({"tflite"}),
    "tflite": frozenset({"tflite"}),
    "onnxruntime": frozenset({"onnx", "ort"}),
}
"""What each C API runs."""

_MOST_NEEDED: Final = 32
"""Libraries of an app that its runtime needs; as ``MOST_NEEDED`` in ``native/runner.h``."""


class Runtime(Struct, frozen=True, kw_only=True):
    """A runtime library as a file here."""

    name: str
    """As it is called where it came from: ``libtensorflowlite_jni.so``."""
    path: Path
    sha256: str
    abi: str
    interface: str
    """Key of `INTERFACES`."""
    bionic: bool
    """Linked against Android's libc, else against glibc."""
    needed: tuple[Path, ...] = ()
    """Libraries of the same app that it needs, the last needed first."""
    location: str = ""
    """Where in the app it was."""


def runtime_of(path: str | Path) -> Runtime:
    """The runtime library in a file. Raises `UnsupportedError` when it has none of the C APIs, and as `read_elf` does."""
    with closing(ByteSource.open(path)) as source:
        data = _whole(source)
    try:
        elf = read_elf(memoryview(data))
        interface = interface_of(elf)
    except NotThisFormat:
        interface = None
    if interface is None:
        raise UnsupportedError("exports no C API that the runner uses", where=str(path), hint=", ".join(INTERFACES))
    return _described(elf, interface, data, Path(path))


def app_runtimes(package: str | Path, abi: str, folder: Path) -> tuple[Runtime, ...]:
    """The runtime libraries that an app ships for an ABI, written to `folder` with what they need of the app.

    Chosen by what they export, not by name. Raises as `open_package` does; what cannot be read inside is passed over.
    """
    with closing(open_package(package, hash_parts=False)) as opened:
        shipped = {
            PurePosixPath(entry.path).name: _Shipped(entry=entry, where=part.location.inside(entry.path), folder=folder)
            for part in opened.parts
            for entry in part.container.entries
            if PurePosixPath(entry.path).parent.name == abi and entry.path.endswith(".so")
        }
        return tuple(_app_runtimes(shipped))


class _Shipped(Struct):
    """A library inside an app that is still open."""

    entry: Entry
    where: Location
    folder: Path
    data: bytes = b""

    def elf(self) -> Elf | None:
        """What it says of itself, None when that cannot be read."""
        try:
            self.data = self.data or _bytes(self.entry, self.where)
            return read_elf(memoryview(self.data))
        except (InputError, NotThisFormat):
            return None

    def write(self) -> Path:
        """Puts it into the folder, named by its content: names inside apps may be hostile."""
        path = self.folder / f"{hashlib.sha256(self.data).hexdigest()[:32]}.so"
        path.write_bytes(self.data)
        return path


def _app_runtimes(shipped: Mapping[str, _Shipped]) -> Iterator[Runtime]:
    for name, item in shipped.items():
        elf = item.elf()
        found = _runtime(elf, item) if elf else None
        if found is not None:
            needed = tuple(shipped[one].write() for one in _needed(name, shipped))
            yield replace(found, name=name, needed=needed)
        item.data = b""  # an app may ship hundreds of libraries


def _runtime(elf: Elf, item: _Shipped) -> Runtime | None:
    interface = interface_of(elf)
    if interface is None:
        return None
    return _described(elf, interface, item.data, item.write(), str(item.where))


def _described(elf: Elf, interface: str, data: bytes, path: Path, location: str = "") -> Runtime:
    return Runtime(
        name=path.name, path=path, sha256=hashlib.sha256(data).hexdigest(), abi=elf.abi or elf.machine_name,
        interface=interface, bionic="libc.so" in elf.needed, location=location,
    )  # fmt: skip


def interface_of(elf: Elf) -> str | None:
    """The C API that the runner would use of a library, None when it exports none of them."""
    try:
        return next((name for name, symbol in INTERFACES.items() if elf.exports(symbol)), None)
    except InputError:
        return None


def _needed(name: str, shipped: Mapping[str, _Shipped]) -> list[str]:
    """Names of the shipped libraries that a library needs, those first that need none of the others."""
    order: list[str] = []
    waiting: list[tuple[str, bool]] = [(name, False)]
    seen: set[str] = set()
    while waiting and len(seen) <= _MOST_NEEDED:
        now, done = waiting.pop()
        if done:
            order.append(now)
        elif now not in seen:
            seen.add(now)
            elf = shipped[now].elf()
            waiting.append((now, True))
            waiting.extend((one, False) for one in (elf.needed if elf else ()) if one in shipped and one not in seen)
    return [one for one in order if one != name]


def _bytes(entry: Entry, where: Location) -> bytes:
    if entry.size > MAX_RUNTIME_LIBRARY or entry.head(4) != MAGIC:
        raise UnsupportedError("no library of a size that is run", where=str(where))
    with closing(entry_source(entry, where)) as source:
        return _whole(source)


def _whole(source: ByteSource) -> bytes:
    if source.size > MAX_RUNTIME_LIBRARY:
        raise LimitError(f"a library of more than {MAX_RUNTIME_LIBRARY} bytes", where=source.name)
    return source.read(0, source.size)
