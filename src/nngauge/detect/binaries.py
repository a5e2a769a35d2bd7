"""ELF and Mach-O files as rules see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from nngauge.detect.getter import returned_string, stored_numbers, variable_value
from nngauge.domain.library import Library
from nngauge.domain.location import Location
from nngauge.io.binary import Buffer
from nngauge.io.elf import Elf, read_elf
from nngauge.limits import MAX_NEEDED

if TYPE_CHECKING:
    from nngauge.io.macho import MachO


_MAX_METHODS: Final = 4096
"""Native methods looked at of one library."""


class ElfBinary(Struct, frozen=True):
    """Answers for one ELF file; `buf` is the file."""

    elf: Elf
    buf: Buffer

    @property
    def install_name(self) -> str | None:
        """DT_SONAME."""
        return self.elf.soname

    @property
    def needed(self) -> tuple[str, ...]:
        """DT_NEEDED."""
        return self.elf.needed

    @property
    def build_id(self) -> str | None:
        """The GNU build identifier, hexadecimal."""
        return self.elf.build_id

    @property
    def abi(self) -> str | None:
        """Android ABI name, or the machine's name where Android has none (Hexagon)."""
        return self.elf.abi or self.elf.machine_name

    def exports(self, name: bytes) -> bool:
        """Is `name` a defined dynamic symbol?"""
        return self.elf.exports(name)

    def imports(self, name: bytes) -> bool:
        """Is `name` an undefined dynamic symbol?"""
        return self.elf.imports(name)

    def native_methods(self) -> Iterator[str]:
        """Exported functions that Java calls."""
        return islice(self.elf.names_beginning(b"Java_"), _MAX_METHODS)

    def symbol_versions(self) -> tuple[str, ...]:
        """Version definitions such as ``VERS_1.20.1``."""
        return self.elf.symbol_versions()

    def getter(self, name: bytes) -> str | None:
        """The constant that the exported accessor `name` returns, or those that it stores."""
        return returned_string(self.elf, self.buf, name) or stored_numbers(self.elf, self.buf, name)

    def variable(self, name: bytes) -> int | None:
        """The number in the exported variable `name`."""
        return variable_value(self.elf, self.buf, name)


class MachOBinary(Struct, frozen=True):
    """Answers for one Mach-O file; fat files answer for their slices together."""

    file: MachO

    @property
    def install_name(self) -> str | None:
        """LC_ID_DYLIB."""
        return next((part.install_name for part in self.file.slices if part.install_name), None)

    @property
    def needed(self) -> tuple[str, ...]:
        """LC_LOAD_DYLIB and its relatives."""
        return tuple(dict.fromkeys(library.name for part in self.file.slices for library in part.dylibs))

    @property
    def build_id(self) -> str | None:
        """LC_UUID of the first slice that has one, hexadecimal."""
        return next((part.uuid for part in self.file.slices if part.uuid), None)

    @property
    def abi(self) -> str | None:
        """CPU names of the slices."""
        return "+".join(dict.fromkeys(part.cpu for part in self.file.slices)) or None

    def exports(self, name: bytes) -> bool:
        """Is `name` defined and external in any slice?"""
        return self.file.exports(name)

    def imports(self, name: bytes) -> bool:
        """Is `name` undefined in any slice?"""
        return self.file.imports(name)

    def native_methods(self) -> Iterator[str]:
        """IOS has no Java."""
        return iter(())

    def symbol_versions(self) -> tuple[str, ...]:
        """Mach-O has none."""
        return ()

    def getter(self, name: bytes) -> str | None:  # noqa: ARG002 - part of the protocol
        """Not decoded for Mach-O."""
        return None

    def variable(self, name: bytes) -> int | None:  # noqa: ARG002 - part of the protocol
        """Not read for Mach-O."""
        return None


def library(
    location: Location, size: int, binary: ElfBinary | MachOBinary | None, technologies: Iterable[str]
) -> Library:
    """A native binary for the record; without `binary`, its tables could not be read."""
    found = tuple(dict.fromkeys(technologies))
    if binary is None:
        return Library(location=location, size=size, technologies=found)
    return Library(
        location=location,
        size=size,
        abi=binary.abi,
        soname=binary.install_name,
        needed=binary.needed[:MAX_NEEDED],
        build_id=binary.build_id,
        technologies=found,
    )


def elf_binary(buf: Buffer) -> ElfBinary:
    """Raises `InputError` when `buf` is no readable ELF file."""
    return ElfBinary(read_elf(buf), buf)


def macho_binary(buf: Buffer) -> MachOBinary:
    """Raises `InputError` when `buf` is no readable Mach-O file."""
    from nngauge.io.macho import read_macho

    return MachOBinary(read_macho(buf))
