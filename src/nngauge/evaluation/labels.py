"""Reads labels files (docs/labels.md): TOML, checked to the last word, so that a typing error never counts as a label."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from nngauge.domain.evaluation import PRESENCES, SCOPES, LabelSet, PackageLabels, TechnologyLabel
from nngauge.errors import MalformedError, UnsupportedError
from nngauge.io.whole import read_whole
from nngauge.limits import LABELS_BYTES

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_VERSION: Final = 1


def load_labels(path: Path) -> LabelSet:
    """The labels of one file.

    Raises `UnreadableError`, `LimitError`, `UnsupportedError` for a file of a later format, and `MalformedError` that
    names every mistake.
    """
    return parse_labels(read_whole(path, LABELS_BYTES, "the labels file"), str(path))


def parse_labels(data: bytes, where: str = "") -> LabelSet:
    """The labels in `data`, a TOML document. Raises as `load_labels`."""
    import tomllib

    try:
        table = tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"not a TOML file: {error}", where=where) from None
    if table.get("labels") != _VERSION:
        raise UnsupportedError(f"labels = {_VERSION} must come first, with the version of the format", where=where)
    try:
        labels = msgspec.convert(table, LabelSet)
    except (msgspec.ValidationError, RecursionError) as error:
        raise MalformedError(f"not a labels file: {error}", where=where, hint="docs/labels.md") from None
    problems = list(_problems(labels))
    if problems:
        shown = "; ".join(problems[:5]) + (f"; {len(problems) - 5} more" if len(problems) > 5 else "")
        raise MalformedError(shown, where=where, hint="docs/labels.md")
    return labels


def check_names(labels: LabelSet, ids: Iterable[str], formats: Iterable[str]) -> tuple[str, ...]:
    """Names of technologies and formats that nngauge does not know: one sentence each.

    They are no error, for labels may be ahead of the rules; but then they are misses for ever.
    """
    from fnmatch import fnmatchcase

    known, forms = tuple(ids), frozenset(formats)
    wanted = {name for package in labels.package for item in package.technology for name in item.ids}
    strange = [f"no rule is called {name}" for name in sorted(wanted) if not any(fnmatchcase(i, name) for i in known)]
    asked = {name for package in labels.package for item in package.model for name in item.formats}
    return (*strange, *(f"no format is called {name}" for name in sorted(asked - forms)))


def _problems(labels: LabelSet) -> Iterator[str]:
    yield from _scopes("the file", labels.exhaustive)
    counts = Counter(package.sha256 for package in labels.package)
    yield from (f"{digest[:16]} is labelled {count} times" for digest, count in counts.items() if count > 1)
    for package in labels.package:
        where = f"package {package.sha256[:16]}"
        if not _DIGEST.fullmatch(package.sha256):
            yield f"{where}: sha256 is not 64 small hexadecimal digits"
        yield from _scopes(where, package.exhaustive or ())
        yield from _contradictions(where, package)
        for item in package.technology:
            yield from _technology(where, item)
        for model in package.model:
            if not model.entry or not all(model.formats) or not model.formats:
                yield f"{where}: a model needs entry and format"


def _scopes(where: str, names: Iterable[str]) -> Iterator[str]:
    yield from (
        f"{where}: exhaustive = {name!r} is none of {', '.join(sorted(SCOPES))}" for name in names if name not in SCOPES
    )


def _contradictions(where: str, package: PackageLabels) -> Iterator[str]:
    if package.ai:
        return
    claimed = [item.name for item in package.technology if not (item.absent or item.optional)]
    if claimed or any(not model.optional for model in package.model):
        yield f"{where}: ai = false, but {claimed[0] if claimed else 'a model'} is labelled as inside"


def _technology(where: str, item: TechnologyLabel) -> Iterator[str]:
    if not item.ids or not all(item.ids):
        yield f"{where}: a technology needs an id"
        return
    if item.presence not in PRESENCES:
        yield f"{where}: {item.name}: presence = {item.presence!r} is none of {', '.join(PRESENCES)}"
    if item.absent and (item.version or item.optional or item.presence != "shipped"):
        yield f"{where}: {item.name}: what is absent has no version and no presence, and is not optional"
