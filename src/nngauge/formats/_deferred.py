"""The formats without their parsers: declarations from the user's cache, modules imported when they are needed.

Importing forty parsers takes several times as long as scanning a small app, which needs two or three of them. What the
scanner asks before it parses (magics, gates, names) is plain data; probe, bind and parse import their module when they
are called. The cache is keyed by the state of all format files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from nngauge.domain.graph import Graph
from nngauge.formats._api import Format, Magic, ModelData
from nngauge.io.cache import cache_file, read_cached, state_of, write_cached


class _Declaration(msgspec.Struct, frozen=True, kw_only=True):
    """A `Format` without functions."""

    name: str
    version: int
    title: str
    suffixes: tuple[str, ...]
    magics: tuple[Magic, ...]
    gate: tuple[Magic, ...]
    probes: bool
    binds: bool
    bundle: bool
    references: tuple[str, ...]
    limitations: tuple[str, ...]


class _Module(Struct, frozen=True):
    """The functions of one format, imported at the first call."""

    name: str

    def _format(self) -> Format:
        found: Any = import_module(f"nngauge.formats.{self.name}").FORMAT
        return found  # type: ignore[no-any-return]

    def parse(self, data: ModelData) -> Graph:
        return self._format().parse(data)

    def probe(self, head: bytes, size: int, name: str) -> bool:
        probe = self._format().probe
        return probe is not None and probe(head, size, name)

    def bind(self, lead: str, paths: Sequence[str]) -> tuple[str, ...]:
        bind = self._format().bind
        return bind(lead, paths) if bind is not None else ()


def parser_of(name: str) -> Callable[[ModelData], Graph]:
    """The parser of one format, imported when it is called: for bundles, whose members are models of other formats."""
    return _Module(name).parse


def deferred_formats() -> tuple[Format, ...]:
    """All of `nngauge.formats.FORMATS`, in the same order, importing only what is called."""
    place = cache_file("formats", state_of(Path(__file__).parent, ".py"), _Declaration.__struct_fields__)
    declared = read_cached(place, tuple[_Declaration, ...])
    if declared is None:
        from nngauge.formats import FORMATS

        declared = tuple(_declaration(form) for form in FORMATS)
        write_cached(place, declared)
    return tuple(_format(item) for item in declared)


def _declaration(form: Format) -> _Declaration:
    return _Declaration(
        name=form.name, version=form.version, title=form.title, suffixes=form.suffixes, magics=form.magics, gate=form.gate,
        probes=form.probe is not None, binds=form.bind is not None, bundle=form.bundle, references=form.references,
        limitations=form.limitations,
    )  # fmt: skip


def _format(item: _Declaration) -> Format:
    module = _Module(item.name)
    return Format(
        name=item.name, version=item.version, title=item.title, suffixes=item.suffixes, magics=item.magics, gate=item.gate,
        parse=module.parse, probe=module.probe if item.probes else None, bind=module.bind if item.binds else None,
        bundle=item.bundle, references=item.references, limitations=item.limitations,
    )  # fmt: skip
