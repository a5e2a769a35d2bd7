"""How an accelerator is described: how apps ask for it, and what must be in the package for the request to succeed."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from nngauge.domain.acceleration import Hardware
from nngauge.domain.app import Platform


class Part(Struct, frozen=True, kw_only=True):
    """Something that must be there. Any one of `files`, `rules` and `system` satisfies it."""

    files: tuple[str, ...] = ()
    """Globs on names of native libraries (file name or soname)."""
    rules: tuple[str, ...] = ()
    """Detections, as ``technology`` or ``technology#clause``, that show it linked into a library of the same ABI."""
    elsewhere: tuple[str, ...] = ()
    """Technologies whose presence anywhere in the app means that somebody else brings it (Play services)."""
    system: tuple[str, ...] = ()
    """Libraries of the phone. Apps that target Android 12 see them only through ``<uses-native-library>``."""
    own: bool = False
    """The files serve nothing but this accelerator: without a request they are wasted."""
    on_disk: bool = False
    """Opened as a file by its path, so it must be unpacked when the app is installed."""
    compiles: bool = False
    """Only needed to compile models on the phone, not for models compiled before."""
    optional: bool = False
    """Without it the accelerator works, worse: `without` becomes a note."""
    without: str
    """One sentence: what happens when it is not there."""
    advice: str


class Generations(Struct, frozen=True, kw_only=True):
    """Files of which each serves one generation of a digital signal processor."""

    skel: str
    """Name of the side that runs on the processor, with ``{}`` for the generation."""
    stub: str = ""
    """Name of the side that runs on the CPU; empty when there is only one for all."""
    phones: Mapping[int, str] = field(default_factory=dict)
    own: bool = False
    """As `Part.own`."""
    without: str
    advice: str


class Compiled(Struct, frozen=True, kw_only=True):
    """Models that can only run on this accelerator."""

    format: str
    op: str = "*"
    """Glob on the names of operations, one of which the model must have."""


class Accelerator(Struct, frozen=True, kw_only=True):
    """One way to run models faster."""

    id: str
    title: str
    hardware: Hardware
    engine: tuple[str, ...] = ()
    """Technologies that use it; the first gives its name. ABIs without them are not judged."""
    platform: Platform = Platform.ANDROID
    abis: tuple[str, ...] = ()
    """Android ABIs it exists for; empty: all."""
    asks: tuple[str, ...] = ()
    """Detections (``technology`` or ``technology#clause``) that are requests."""
    hints: tuple[str, ...] = ()
    """Detections that every app with the engine has: a request only if the app's own code calls one of `calls`."""
    calls: tuple[str, ...] = ()
    """Java methods (``a.b.C.method``) by which app code asks."""
    needed: tuple[str, ...] = ()
    """Libraries (globs) that a library of the app links: the linker asks for them."""
    models: tuple[Compiled, ...] = ()
    automatic: tuple[str, ...] = ()
    """Detections of its code in the engine, which uses it unasked."""
    within: tuple[str, ...] = ()
    """Engines: `automatic` then only counts in files in which one of them was found."""
    unless: tuple[str, ...] = ()
    """Left out when one of these accelerators was reported for the same ABI: they use the same libraries."""
    blind: bool = False
    """Requests are numbers in native code and cannot be seen."""
    parts: tuple[Part, ...] = ()
    generations: Generations | None = None
    by_system: bool = False
    """The work itself is done by the phone's own libraries."""
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...]
