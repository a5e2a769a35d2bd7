"""Is this a published model, or made from one? Digest first, then fingerprints of weights, then the layers."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import median
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.analyse.attribution.layers import Structure, structure, weight_layers
from nngauge.analyse.attribution.sketch import BITS, Sketch, alike, distance, sketches
from nngauge.analyse.summary import summarise
from nngauge.domain.attribution import KnownModel, Likeness
from nngauge.domain.evidence import Confidence, Evidence, EvidenceKind
from nngauge.domain.graph import Graph
from nngauge.domain.model import Model
from nngauge.extract.attempt import Extracted
from nngauge.io.source import ByteSource
from nngauge.knowledge.published import Fingerprint, Published, PublishedModels, published_models

SAME: Final = 0.95
"""Share of the weights, on both sides, that must be near before the models are called the same."""
CLOSE: Final = 0.09
"""Median distance of the same weights after a conversion; docs/evaluation.md has the measured ones. Checkpoints of one
training are farther apart."""
PART: Final = 0.2
"""Share of the weights on both sides from which on a model is called derived."""
LINEAGE: Final = 8.0
"""Standard deviations by which the mean distance of aligned tensors must fall below one half before all of them together
tell a common origin where few are near."""
_KEPT: Final = 32
"""Fingerprints kept of one published model."""
_MOST_HASHED: Final = 128 << 20
_FULL: Final = (1 << BITS) - 1
_RULE: Final = "published-models"


def known_model(
    model: Model,
    graph: Graph | None = None,
    parts: Sequence[ByteSource] = (),
    index: PublishedModels | None = None,
) -> KnownModel | None:
    """The published model that `model` is or comes from, None when the index has none like it.

    Without `graph` only digests are looked up: nanoseconds. With it the layers are compared, too: a millisecond. With
    `parts`, the bytes of the model's files, up to 100,000 weights are read and compared: tens of milliseconds.
    """
    index = index or published_models()
    for digest in (model.digest, *(part.sha256 for part in model.parts)):
        entry = index.by_digest(digest)
        if entry is not None:
            return _known(model, entry, Likeness.FILE, Confidence.CERTAIN, f"sha256 {digest}")
    if graph is None:
        return None
    entry = _by_blob(parts, index)
    if entry is not None:
        return _known(model, entry, Likeness.FILE, Confidence.CERTAIN, f"git object {entry.blob}")
    layers = weight_layers(graph)
    return known_network(model, structure(graph, layers), sketches(layers, parts) if parts else (), index)


def known_network(
    model: Model, form: Structure, found: Sequence[Sketch], index: PublishedModels | None = None
) -> KnownModel | None:
    """The published model with these layers and fingerprints of weights; the files' digests are not looked at."""
    index = index or published_models()
    return (_by_weights(model, form, found, index) if found else None) or _by_layers(model, form, index)


def fingerprint(graph: Graph, parts: Sequence[ByteSource]) -> tuple[Structure, int, tuple[Fingerprint, ...]]:
    """What the index keeps of a model: digests of its structure, weights that can be told, fingerprints of the largest."""
    layers = weight_layers(graph)
    found = sketches(layers, parts)
    floor = sorted((sketch.elements for sketch in found), reverse=True)[min(_KEPT, len(found)) - 1] if found else 0
    kept = [sketch for sketch in found if sketch.elements >= floor][:_KEPT]
    prints = tuple(
        Fingerprint(*sketch.shape, f"{sketch.bits:032x}", "" if sketch.known == _FULL else f"{sketch.known:032x}")
        for sketch in kept
    )
    return structure(graph, layers), sum(sketch.elements for sketch in found), prints


def _by_blob(parts: Sequence[ByteSource], index: PublishedModels) -> Published | None:
    """A file that is published in a Git repository and of which the index has the object id alone."""
    if len(parts) != 1 or parts[0].size > _MOST_HASHED or not index.by_blob:
        return None
    digest = hashlib.sha1(b"blob %d\0" % parts[0].size, usedforsecurity=False)
    for chunk in parts[0].chunks():
        digest.update(chunk)
    return index.by_blob.get(digest.hexdigest())


def published_entry(
    extracted: Extracted,
    *,
    title: str,
    source: str,
    id: str = "",  # noqa: A002  (the field of the entry)
    license: str = "",  # noqa: A002
    task: str = "",
    architecture: str = "",
) -> Published:
    """The index entry of a model whose bytes are at hand; `id`: its file name unless given."""
    model = summarise(extracted)
    form, weights, prints = fingerprint(extracted.graph, [piece.source for piece in extracted.pieces])
    return Published(
        id=id or f"{model.name}@{model.digest[:8]}",
        title=title,
        source=source,
        file=model.name,
        format=model.format,
        bytes=model.size,
        sha256=model.digest,
        license=license,
        task=task,
        architecture=architecture,
        parameters=model.parameters or 0,
        structure=form.exact,
        layers=form.layers,
        trunk=form.trunk,
        weights=weights,
        sketches=prints,
    )


# --- weights ----------------------------------------------------------------------------------------------------------


class _Shelf:
    """The fingerprints of the index by shape."""

    def __init__(self, index: PublishedModels) -> None:
        self.by_entry = [tuple(_sketch(item) for item in entry.sketches) for entry in index.entries]
        self.by_shape: dict[tuple[int, int, int], list[tuple[int, int]]] = defaultdict(list)
        for at, kept in enumerate(self.by_entry):
            for place, sketch in enumerate(kept):
                self.by_shape[sketch.shape].append((at, place))


def _sketch(item: Fingerprint) -> Sketch:
    return Sketch((item.out, item.into, item.space), int(item.bits, 16), int(item.known, 16) if item.known else _FULL)


@lru_cache(maxsize=4)
def _shelf(index: PublishedModels) -> _Shelf:
    return _Shelf(index)


def similar_entries(entry: Published, index: PublishedModels | None = None) -> list[tuple[Published, float, float]]:
    """Other entries that share at least `PART` of their weights with `entry`, and the shares of both."""
    found = [_sketch(item) for item in entry.sketches]
    matches = _matches(found, entry.layers, index or published_models()) if found else []
    return [
        (match.entry, match.ours, match.theirs)
        for match in matches
        if match.entry.id != entry.id and min(match.ours, match.theirs) >= PART
    ]


class _Match(Struct):
    """How one published model compares."""

    entry: Published
    ours: float
    """Share of this model's weights that are near one of the published model's."""
    theirs: float
    """Share of the published model's kept weights that are near one of this model's."""
    distances: list[float]

    def score(self, form: Structure, name: str) -> tuple[float, bool, bool, float]:
        """The more is alike the better; of equals, the one with the same structure, then the same name."""
        named = self.entry.file.rpartition("/")[2].lower() == name.lower()
        return self.ours * self.theirs, self.entry.structure == form.exact, named, -median(self.distances)


def _by_weights(model: Model, form: Structure, found: Sequence[Sketch], index: PublishedModels) -> KnownModel | None:
    matches = _matches(found, form.layers, index)
    best = max(matches, key=lambda match: match.score(form, model.name), default=None)
    if best is not None and min(best.ours, best.theirs) >= PART:
        same = min(best.ours, best.theirs) >= SAME and median(best.distances) <= CLOSE
        likeness = Likeness.WEIGHTS if same else Likeness.DERIVED
        text = f"{len(best.distances)} of {len(found)} weight tensors, {best.ours:.0%} of the weights compared"
        known = _known(model, best.entry, likeness, Confidence.CERTAIN, text)
        return _with_shares(known, best.ours, len(found))
    return _by_lineage(model, form, found, index)


def _matches(found: Sequence[Sketch], layers: str, index: PublishedModels) -> list[_Match]:
    """The published models with at least one tensor near one of `found`; `layers`: digest of the model's structure."""
    shelf = _shelf(index)
    near: dict[int, dict[int, float]] = defaultdict(dict)  # entry → its tensor → smallest distance
    ours: dict[int, set[int]] = defaultdict(set)  # entry → our tensors
    for number, sketch in enumerate(found):
        for at, place in shelf.by_shape.get(sketch.shape, ()):
            apart = alike(sketch, shelf.by_entry[at][place])
            if apart is not None:
                ours[at].add(number)
                near[at][place] = min(apart, near[at].get(place, 1.0))
    return [
        _match(found, ours[at], shelf.by_entry[at], places, index.entries[at], layers) for at, places in near.items()
    ]


def _match(
    found: Sequence[Sketch],
    hits: set[int],
    kept: Sequence[Sketch],
    places: Mapping[int, float],
    entry: Published,
    layers: str,
) -> _Match:
    """How far two models are the same.

    Of networks with the same layers only as many tensors of each shape count as have a fingerprint in both: coarse
    quantisation leaves some without, and the index keeps the largest.
    """
    hit = sum(found[at].elements for at in hits)
    theirs = sum(kept[at].elements for at in places)
    if layers and layers == entry.layers:
        both = Counter(sketch.shape for sketch in found) & Counter(sketch.shape for sketch in kept)
        total = sum(math.prod(shape) * count for shape, count in both.items())
        return _Match(entry, min(1.0, hit / total), min(1.0, theirs / total), list(places.values()))
    # What the index does not keep cannot be found.
    all_kept = sum(sketch.elements for sketch in kept)
    held = min(1.0, all_kept / max(entry.weights, 1))
    total = sum(sketch.elements for sketch in found)
    return _Match(entry, min(1.0, hit / total / held), theirs / all_kept, list(places.values()))


def _by_lineage(model: Model, form: Structure, found: Sequence[Sketch], index: PublishedModels) -> KnownModel | None:
    """All tensors a little alike: trained on from there. Only networks with the same layers can be aligned."""
    best: tuple[float, float, Published] | None = None
    for entry in {
        id(e): e for e in (*index.looking_like("layers", form.layers), *index.looking_like("trunk", form.trunk))
    }.values():
        pairs = _aligned(found, [_sketch(item) for item in entry.sketches])
        if len(pairs) < 4:
            continue
        mean = sum(pairs) / len(pairs)
        deviations = (0.5 - mean) * 2 * math.sqrt(BITS * len(pairs))
        if deviations >= LINEAGE and (best is None or deviations > best[0]):
            best = deviations, mean, entry
    if best is None:
        return None
    text = f"weights differ in {best[1]:.0%} of the compared signs, unrelated ones in 50 % ({best[0]:.0f} σ)"
    return _with_shares(_known(model, best[2], Likeness.DERIVED, Confidence.LIKELY, text), None, len(found))


def _aligned(found: Sequence[Sketch], kept: Sequence[Sketch]) -> list[float]:
    """Distances of tensors of equal shape, in order, where both models have as many of that shape."""
    ours: dict[tuple[int, int, int], list[Sketch]] = defaultdict(list)
    theirs: dict[tuple[int, int, int], list[Sketch]] = defaultdict(list)
    for group, items in ((ours, found), (theirs, kept)):
        for sketch in items:
            group[sketch.shape].append(sketch)
    return [
        distance(one, other)
        for shape, mine in ours.items()
        if len(mine) == len(theirs[shape])
        for one, other in zip(mine, theirs[shape], strict=True)
    ]


# --- layers -----------------------------------------------------------------------------------------------------------


def _by_layers(model: Model, form: Structure, index: PublishedModels) -> KnownModel | None:
    for field, likeness in (
        ("structure", Likeness.ARCHITECTURE), ("layers", Likeness.ARCHITECTURE), ("trunk", Likeness.TRUNK)
    ):  # fmt: skip
        digest = form.exact if field == "structure" else getattr(form, field)
        entries = index.looking_like(field, digest)
        if entries:
            named = next((entry for entry in entries if entry.architecture), entries[0])
            text = f"{field} {digest}, shared by {len(entries)} published model(s)"
            return _known(model, named, likeness, Confidence.LIKELY, text)
    return None


# --- answers ----------------------------------------------------------------------------------------------------------


def _known(model: Model, entry: Published, likeness: Likeness, confidence: Confidence, text: str) -> KnownModel:
    place = model.parts[0].location
    kind = EvidenceKind.MAGIC if likeness is Likeness.FILE else EvidenceKind.STRUCTURE
    names = {entry.file.rpartition("/")[2].lower(), *(other.rpartition("/")[2].lower() for other in entry.also)}
    return KnownModel(
        id=entry.id,
        title=entry.title,
        source=entry.source,
        license=entry.license,
        task=entry.task,
        architecture=entry.architecture,
        sdk=entry.sdk or None,
        likeness=likeness,
        renamed=place.name.lower() not in names,
        confidence=confidence,
        evidence=(Evidence(kind=kind, location=place, value=text, rule=f"{_RULE}#{entry.id}"),),
    )


def _with_shares(known: KnownModel, same: float | None, tensors: int) -> KnownModel:
    return replace(known, same=same, tensors=tensors)
