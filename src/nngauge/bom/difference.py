"""What differs between two bills: lines that came and went, versions, weights, licences, protection."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from nngauge.bom.entries import Document, Entry
from nngauge.bom.inventory import ItemKind
from nngauge.compare.model_change import model_change
from nngauge.compare.version_order import version_change
from nngauge.domain.bom import BomChange, BomChangeKind, BomDifference, BomSide
from nngauge.domain.snapshot_difference import ChangeKind, ModelChange

_VERSIONS: Final = {
    ChangeKind.UPGRADED: BomChangeKind.UPGRADED,
    ChangeKind.DOWNGRADED: BomChangeKind.DOWNGRADED,
    ChangeKind.VERSION: BomChangeKind.VERSION,
}
_KINDS: Final = tuple(ItemKind)
_CHANGES: Final = tuple(BomChangeKind)
_UNREAD: Final = "other bytes, content not read"
_SPLIT: Final = re.compile(r"^(?:[^!]*\.apk!)+")
_STEM: Final = re.compile(r"[0-9_. -]+")

Pair = tuple[Entry | None, Entry | None]


def bom_difference(
    first: Document, second: Document, paths: tuple[str, str], sources: tuple[str, str]
) -> BomDifference:
    """The two bills side by side. `paths` and `sources` say where each came from."""
    changes: list[BomChange] = []
    same = 0
    for before, after in (*_paired_models(first, second), *_paired_rest(first, second)):
        found = list(_changes(before, after))
        changes += found
        same += not found
    return BomDifference(
        first=_side(first, paths[0], sources[0]),
        second=_side(second, paths[1], sources[1]),
        changes=tuple(sorted(changes, key=_order)),
        same=same,
        notes=tuple(_notes(first, second)),
    )


def _order(change: BomChange) -> tuple[int, str, int, str, str]:
    kind = next(at for at, kind in enumerate(_KINDS) if kind.value == change.item)
    return kind, change.name, _CHANGES.index(change.kind), change.first, change.second


def _side(document: Document, path: str, source: str) -> BomSide:
    return BomSide(
        path=path, source=source or document.source, app=document.app, version=document.version,
        items=len(document.entries), models=sum(entry.kind is ItemKind.MODEL for entry in document.entries),
        bytes=document.size,
    )  # fmt: skip


def _notes(first: Document, second: Document) -> Iterator[str]:
    if first.app_id and second.app_id and first.app_id != second.app_id:
        yield f"these are different apps: {first.app_id} and {second.app_id}"
    if first.rules != second.rules:
        yield "made with different rules: what was found or not may differ for that reason alone"
    if first.audited != second.audited:
        yield "only one of them was audited: protection and sealed models are known on one side only"


# --- which became which -------------------------------------------------------------------------------------------------


def _paired_models(first: Document, second: Document) -> list[Pair]:
    """The same bytes; then what is most likely the next version: the same place, file name, name but for numbers and
    ending, or another model made from the same published one. The order of `nngauge.compare.models`.
    """
    left = [entry for entry in first.entries if entry.kind is ItemKind.MODEL]
    right = [entry for entry in second.entries if entry.kind is ItemKind.MODEL]
    pairs: list[Pair] = []
    for key, single in (
        (lambda entry: entry.sha256, False), (_place, False), (lambda entry: entry.name, False), (_stem, True),
        (lambda entry: entry.known, True),
    ):  # fmt: skip
        pairs += _matched(left, right, key, single=single)
    return pairs + [(entry, None) for entry in left] + [(None, entry) for entry in right]


def _paired_rest(first: Document, second: Document) -> list[Pair]:
    left = [entry for entry in first.entries if entry.kind is not ItemKind.MODEL]
    right = [entry for entry in second.entries if entry.kind is not ItemKind.MODEL]
    pairs = _matched(left, right, lambda entry: entry.key, single=False)
    return pairs + [(entry, None) for entry in left] + [(None, entry) for entry in right]


def _matched(left: list[Entry], right: list[Entry], key: Callable[[Entry], str], *, single: bool) -> list[Pair]:
    """Takes what matches by `key` out of both lists, in order; with `single` only what is the only one of its key."""
    others = _grouped(right, key)
    pairs: list[Pair] = []
    for value, entries in _grouped(left, key).items():
        found = others.get(value, [])
        if value and (not single or len(entries) == len(found) == 1):
            pairs += zip(entries, found, strict=False)
    taken = {id(entry) for pair in pairs for entry in pair}
    left[:] = [entry for entry in left if id(entry) not in taken]
    right[:] = [entry for entry in right if id(entry) not in taken]
    return pairs


def _grouped(entries: Iterable[Entry], key: Callable[[Entry], str]) -> dict[str, list[Entry]]:
    groups: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: (entry.places, entry.name, entry.sha256)):
        groups[key(entry)].append(entry)
    return groups


def _place(entry: Entry) -> str:
    """Inside the package, whichever of its splits that is."""
    return _SPLIT.sub("", _lead(entry))


def _lead(entry: Entry) -> str:
    """Of several files the one that it is named for."""
    named = (place for place in entry.places if place.endswith(f"/{entry.name}"))
    return next(named, entry.places[0] if entry.places else "")


def _stem(entry: Entry) -> str:
    return _STEM.sub("", entry.name.lower().rpartition(".")[0] or entry.name.lower())


# --- how they changed ---------------------------------------------------------------------------------------------------


def _changes(before: Entry | None, after: Entry | None) -> Iterator[BomChange]:
    if before is None or after is None:
        yield from _came_or_went(before, after)
        return
    if before.kind is ItemKind.MODEL:
        yield from _model_changes(before, after)
    else:
        yield from _version_changes(before, after)
    for kind, first, second in (
        (BomChangeKind.LICENSE, before.license, after.license),
        (BomChangeKind.PROTECTION, before.protection, after.protection),
        (BomChangeKind.GRADE, before.grade, after.grade),
        (BomChangeKind.ENDPOINTS, ", ".join(before.endpoints), ", ".join(after.endpoints)),
    ):
        if first != second:
            yield _change(kind, before, after, first, second)
    if before.supplier and after.supplier and before.supplier != after.supplier:
        yield _change(BomChangeKind.SUPPLIER, before, after, before.supplier, after.supplier)


def _came_or_went(before: Entry | None, after: Entry | None) -> Iterator[BomChange]:
    if after is not None:
        yield BomChange(
            kind=BomChangeKind.ADDED,
            item=after.kind.value,
            name=after.name,
            second=_told(after),
            second_bytes=after.size,
        )
    elif before is not None:
        yield BomChange(
            kind=BomChangeKind.REMOVED,
            item=before.kind.value,
            name=before.name,
            first=_told(before),
            first_bytes=before.size,
        )


def _told(entry: Entry) -> str:
    """What a reader recognises it by, besides its name."""
    return ", ".join(entry.versions) or _lead(entry)


def _change(kind: BomChangeKind, before: Entry, after: Entry, first: str, second: str, detail: str = "") -> BomChange:
    return BomChange(
        kind=kind, item=after.kind.value, name=after.name, first=first, second=second, detail=detail,
        first_bytes=before.size, second_bytes=after.size,
    )  # fmt: skip


def _model_changes(before: Entry, after: Entry) -> Iterator[BomChange]:
    if before.sha256 == after.sha256:
        if before.places != after.places:
            yield _change(BomChangeKind.MOVED, before, after, _listed(before.places), _listed(after.places))
        return
    says = _UNREAD
    if before.facts is not None and after.facts is not None:
        change, detail = model_change(before.facts, after.facts)
        says = _UNREAD if change is ModelChange.UNKNOWN else f"{change.value}: {detail}" if detail else change.value
    yield _change(BomChangeKind.MODEL, before, after, before.sha256[:12], after.sha256[:12], says)


def _version_changes(before: Entry, after: Entry) -> Iterator[BomChange]:
    change = version_change(before.versions, after.versions)
    if change is not None:
        yield _change(_VERSIONS[change], before, after, ", ".join(before.versions), ", ".join(after.versions))
    elif before.sha256 and after.sha256 and before.sha256 != after.sha256:
        yield _change(BomChangeKind.CONTENT, before, after, before.sha256[:12], after.sha256[:12])


def _listed(places: Sequence[str]) -> str:
    return ", ".join(places[:3]) + (f" and {len(places) - 3:,} more" if len(places) > 3 else "")
