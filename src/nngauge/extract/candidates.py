"""Which formats a file might be: by magic, by probe, and (for the record only) by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from nngauge.extract.masks import Masks, index_masks
from nngauge.formats import Format
from nngauge.io.content import MEDIA, Kind

AMBIGUOUS_SUFFIXES: Final = frozenset({
    ".bin", ".cfg", ".conf", ".dat", ".data", ".db", ".h5", ".hdf5", ".index", ".json", ".lite", ".model", ".mil", ".net", ".om",
    "model.json", ".param", ".params", ".pb", ".pbtxt", ".pt", ".pth", ".task", ".txt", ".weights", ".xml", ".zip",
})  # fmt: skip
"""Endings that other files carry more often than models: `.lite` was a model in 3 of 58 cases of a 2021 crawl, `.json`
in 0 of 266 (docs/concepts.md). They never make a file a candidate."""

_NEVER_PROBED: Final = MEDIA | {
    Kind.EMPTY, Kind.ELF, Kind.MACHO, Kind.DEX, Kind.ODEX, Kind.HERMES, Kind.PE, Kind.IL2CPP, Kind.CLASS, Kind.AXML, Kind.ARSC,
    Kind.CERTIFICATE, Kind.ART_PROFILE, Kind.SQLITE, Kind.NIB, Kind.CAR,
}  # fmt: skip
"""Kinds confirmed by a magic of their own; asking forty probes about each icon of an app would be most of the work."""


class CarveMagic(Struct, frozen=True):
    """A magic worth looking for at any offset: `lead` bytes lie between the model's start and the magic."""

    literal: bytes
    lead: int
    format: Format


Probe = Callable[[bytes, int, str], bool]


class Probes(Struct, frozen=True):
    """The probes of all formats, behind their gates."""

    always: tuple[tuple[Format, Probe], ...]
    first: dict[int, tuple[tuple[bytes, Format, Probe], ...]]
    """Behind magics at offset 0, by first byte."""
    elsewhere: tuple[tuple[int, bytes, tuple[tuple[Format, Probe], ...]], ...]
    """Behind magics at other offsets: few, shared by several formats."""

    def open_for(self, head: bytes) -> Iterator[tuple[Format, Probe]]:
        """The probes worth asking about a file that begins with `head`."""
        yield from self.always
        for magic, form, probe in self.first.get(head[0], ()) if head else ():
            if head.startswith(magic):
                yield form, probe
        for offset, magic, pairs in self.elsewhere:
            if head.startswith(magic, offset):
                yield from pairs


class FormatIndex(Struct, frozen=True):
    """The formats, arranged for the two questions asked of every entry."""

    formats: tuple[Format, ...]
    by_first: dict[int, tuple[tuple[bytes, Format], ...]]
    """Magics at offset 0 by their first byte."""
    elsewhere: tuple[tuple[int, int, dict[bytes, tuple[Format, ...]]], ...]
    """Magics at other offsets: `(offset, end, formats by magic)`."""
    probes: Probes
    carve: tuple[CarveMagic, ...]
    suffixes: dict[str, tuple[Format, ...]]
    """Distinctive file name endings."""
    masks: Masks
    endings: tuple[str, ...]
    """The same, as `str.endswith` wants them."""

    def matching(self, head: bytes, size: int, name: str, kind: Kind) -> Iterator[Format]:
        """Formats that the file may be: those whose magic it carries first, then those whose probe says so.

        One by one, since asking a probe imports its parser and the first magic is nearly always right.
        """
        found: list[Format] = []
        if head:
            found += [form for magic, form in self.by_first.get(head[0], ()) if head.startswith(magic)]
        for offset, end, forms in self.elsewhere:
            found += forms.get(head[offset:end], ())
        yield from dict.fromkeys(found)
        if kind not in _NEVER_PROBED:
            for form, probe in self.probes.open_for(head):
                if form not in found and probe(head, size, name):
                    found.append(form)
                    yield form

    def named(self, name: str) -> tuple[Format, ...]:
        """Formats that the distinctive ending of `name` promises."""
        lowered = name.lower()
        if not lowered.endswith(self.endings):  # one question in C instead of thirty: asked of every icon
            return ()
        return next((forms for suffix, forms in self.suffixes.items() if lowered.endswith(suffix)), ())


def index_formats(formats: Sequence[Format]) -> FormatIndex:
    """Arranges `formats` for scanning."""
    first: dict[int, list[tuple[bytes, Format]]] = {}
    elsewhere: dict[tuple[int, int], dict[bytes, tuple[Format, ...]]] = {}
    carve: list[CarveMagic] = []
    suffixes: dict[str, list[Format]] = {}
    for form in formats:
        for magic in form.magics:
            if magic.offset == 0:
                first.setdefault(magic.value[0], []).append((magic.value, form))
            else:
                forms = elsewhere.setdefault((magic.offset, magic.offset + len(magic.value)), {})
                forms[magic.value] = (*forms.get(magic.value, ()), form)
            if magic.carve:
                carve.append(CarveMagic(magic.value, magic.offset, form))
        for suffix in form.suffixes:
            if suffix not in AMBIGUOUS_SUFFIXES:
                suffixes.setdefault(suffix, []).append(form)
    return FormatIndex(
        formats=tuple(formats),
        by_first={byte: tuple(pairs) for byte, pairs in first.items()},
        elsewhere=tuple((offset, end, forms) for (offset, end), forms in elsewhere.items()),
        probes=_index_probes(formats),
        carve=tuple(carve),
        suffixes={suffix: tuple(forms) for suffix, forms in suffixes.items()},
        masks=index_masks(formats),
        endings=tuple(suffixes),
    )


def _index_probes(formats: Sequence[Format]) -> Probes:
    always: list[tuple[Format, Probe]] = []
    first: dict[int, list[tuple[bytes, Format, Probe]]] = {}
    elsewhere: dict[tuple[int, bytes], list[tuple[Format, Probe]]] = {}
    for form in formats:
        if form.probe is None:
            continue
        if not form.gate:
            always.append((form, form.probe))
        for magic in form.gate:
            if magic.offset == 0:
                first.setdefault(magic.value[0], []).append((magic.value, form, form.probe))
            else:
                elsewhere.setdefault((magic.offset, magic.value), []).append((form, form.probe))
    return Probes(
        always=tuple(always),
        first={byte: tuple(gated) for byte, gated in first.items()},
        elsewhere=tuple((offset, value, tuple(pairs)) for (offset, value), pairs in elsewhere.items()),
    )


def carve_offsets(hits: Sequence[tuple[int, int]], magics: Sequence[CarveMagic]) -> Iterator[tuple[int, CarveMagic]]:
    """`(start of the possible model, magic)` for raw hits `(index into magics, end offset)`, in order of offset."""
    for index, end in sorted(hits, key=lambda hit: hit[1]):
        magic = magics[index]
        start = end - len(magic.literal) - magic.lead
        if start >= 0:
            yield start, magic
