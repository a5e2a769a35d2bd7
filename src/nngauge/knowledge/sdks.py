"""Components that bring models and code into apps: the TOML schema as types, and the loader. docs/add-an-sdk.md."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from nngauge.domain.attribution import Owner, SdkKind
from nngauge.errors import RuleError
from nngauge.io.cache import cache_file, read_cached, state_of, write_cached

SDKS: Final = Path(__file__).parent / "sdks"
"""nngauge's own files, one a vendor or a field."""


class KnownFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of the component by its content."""

    sha256: str
    file: str


class Sdk(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One component."""

    id: str
    title: str
    kind: SdkKind
    vendor: str = ""
    owner: Owner = Owner.SDK
    """APP for what a framework makes of the app's own code, SYSTEM for what compilers and phones bring."""
    models: bool = False
    """It brings models of its own in the package."""
    technologies: tuple[str, ...] = ()
    """Ids of detection rules that find it."""
    homepage: str = ""
    references: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    """Globs of file names (``*.ppn``) or of the last components of paths (``mlkit_pose/**``)."""
    libraries: tuple[str, ...] = ()
    """Globs of file names of native code."""
    classes: tuple[str, ...] = ()
    """Java packages."""
    metadata: tuple[str, ...] = ()
    """``key=glob`` on the metadata of a model."""
    digest: tuple[KnownFile, ...] = ()
    notes: str = ""


class SdkFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file of the knowledge base; `vendor` and `references` hold for components that have none of their own."""

    sdk: tuple[Sdk, ...]
    vendor: str = ""
    references: tuple[str, ...] = ()


def read_sdks(name: str, data: bytes) -> tuple[Sdk, ...]:
    """The components of one file. Raises `RuleError` that names the file and the place."""
    import tomllib

    try:
        whole = msgspec.convert(tomllib.loads(data.decode("utf-8")), SdkFile)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise RuleError(str(error), where=name, hint="docs/add-an-sdk.md describes the schema") from None
    return tuple(_completed(sdk, whole) for sdk in whole.sdk)


def _completed(sdk: Sdk, whole: SdkFile) -> Sdk:
    return msgspec.structs.replace(
        sdk, vendor=sdk.vendor or whole.vendor, references=sdk.references or whole.references
    )


def sdk_files(folder: Path | None = None) -> Iterator[tuple[str, bytes]]:
    """`(file name, bytes)` of every file, sorted; nngauge's own folder unless another is given."""
    for path in sorted((folder or SDKS).glob("*.toml")):
        yield path.name, path.read_bytes()


@cache
def load_sdks(folder: Path | None = None) -> tuple[Sdk, ...]:
    """Every component, in order of the files, kept in the user's cache: parsing TOML takes longer than scanning an app.

    Raises `RuleError` for the first file that breaks the schema.
    """
    place = cache_file("sdks", state_of(folder or SDKS, ".toml"), Sdk.__struct_fields__)
    cached = read_cached(place, tuple[Sdk, ...])
    if cached is not None:
        return cached
    loaded = tuple(sdk for name, data in sdk_files(folder) for sdk in read_sdks(name, data))
    write_cached(place, loaded)
    return loaded


def lint_sdks(folder: Path | None = None, rules: frozenset[str] = frozenset()) -> list[str]:
    """What is wrong with the files, one line each. `rules`: ids of all detection rules."""
    problems: list[str] = []
    seen: dict[str, str] = {}
    traces: dict[tuple[str, str], str] = {}
    for name, data in sdk_files(folder):
        try:
            components = read_sdks(name, data)
        except RuleError as error:
            problems.append(str(error))
            continue
        for sdk in components:
            if sdk.id in seen:
                problems.append(f"{name}: {sdk.id}: also in {seen[sdk.id]}")
            seen[sdk.id] = name
            problems += [f"{name}: {sdk.id}: {text}" for text in (*_lint(sdk, rules), *_repeated(sdk, traces))]
    return problems


def _lint(sdk: Sdk, rules: frozenset[str]) -> Iterator[str]:
    if not sdk.references:
        yield "no references: where are its traces documented or visible?"
    if not any((sdk.paths, sdk.libraries, sdk.classes, sdk.metadata, sdk.digest)):
        yield "no traces"
    for technology in sdk.technologies:
        if rules and technology not in rules:
            yield f"no detection rule {technology!r}"
    for glob in (*sdk.paths, *sdk.libraries):
        if sum(char not in "*?/." for char in glob) < 3:
            yield f"{glob!r} says too little"
    for known in sdk.digest:
        if len(known.sha256) != 64 or set(known.sha256) - set("0123456789abcdef"):
            yield f"digest of {known.file} is no SHA-256"
    for text in sdk.metadata:
        if "=" not in text:
            yield f"metadata {text!r} is not key=glob"


def _repeated(sdk: Sdk, traces: dict[tuple[str, str], str]) -> Iterator[str]:
    fields: dict[str, Any] = {"paths": sdk.paths, "libraries": sdk.libraries, "classes": sdk.classes}
    for field, values in fields.items():
        for value in values:
            other = traces.setdefault((field, value), sdk.id)
            if other != sdk.id:
                yield f"{field}: {value!r} is already a trace of {other}"
            elif values.count(value) > 1:
                yield f"{field}: {value!r} twice"
