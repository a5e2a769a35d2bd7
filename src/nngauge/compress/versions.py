"""From a variant to bytes: which numbers each weight becomes, what they take, and the patches that put them into the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from isal import isal_zlib
from msgspec import Struct

from nngauge.compress.kmeans import Spread
from nngauge.compress.patching import FORMATS, is_same, patch_of, stored_bits, values_of
from nngauge.compress.schemes import magnitude_below, pack, pruned, reduced
from nngauge.compress.subject import Subject
from nngauge.compress.trial import Patch
from nngauge.domain.compression import Choice, Scheme, Scope, Sizes, Variant, Weight

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

_KEPT: Final = 16_000_000
"""Weights up to which sorted values are kept from one variant to the next: 32 bytes each."""
_DEFLATED: Final = 64 << 20
"""Bytes of a model up to which it is deflated."""
_LEVEL: Final = 3
"""Of ISA-L's deflate: within 2 % of what zip makes of the models in docs/compression.md, ten times as fast."""


class Version(Struct, frozen=True, kw_only=True):
    """A variant of one model, ready to run."""

    variant: Variant
    patches: tuple[Patch, ...]
    """Bytes that differ from the file's; none: it is the shipped model."""
    sizes: Sizes


class Versions:
    """All variants of one model. Holds the weights' numbers and their sorted values."""

    def __init__(self, subject: Subject, weights: Sequence[Weight]) -> None:
        self.subject, self.weights = subject, tuple(weights)
        self.elements = sum(weight.elements for weight in weights)
        self._values: dict[str, Array] = {}
        self._spreads: dict[str, Spread] = {}
        self._deflated: dict[str, int] = {}
        self._rest = subject.size - sum(weight.span.size for weight in weights)
        self._deflated_rest: int | None = None
        self.shipped = Sizes(packed=subject.size, file=subject.size, deflated=self._deflate_shipped())

    def make(self, variant: Variant) -> Version:
        """The bytes and sizes of a variant."""
        if variant.sparsity is not None:
            return self._pruned(variant, variant.sparsity, variant.scope or Scope.LAYER)
        return self._reduced(variant)

    def values(self, weight: Weight) -> Array:
        """The weight's numbers as they are shipped."""
        if self.elements > _KEPT:
            return values_of(self.subject, weight)
        if weight.name not in self._values:
            self._values[weight.name] = values_of(self.subject, weight)
        return self._values[weight.name]

    def _spread(self, weight: Weight) -> Spread:
        if self.elements > _KEPT:
            return Spread(self.values(weight))
        if weight.name not in self._spreads:
            self._spreads[weight.name] = Spread(self.values(weight))
        return self._spreads[weight.name]

    def _reduced(self, variant: Variant) -> Version:
        chosen = _choices(variant, self.weights)
        patches, packed, storable = [], self._rest, True
        deflated = self._deflated_rest
        for weight in self.weights:
            choice = chosen.get(weight.name)
            if choice is None or choice.bits >= stored_bits(weight):
                packed += weight.span.size
                deflated = None if deflated is None else deflated + self._deflated_raw(weight)
                continue
            storable &= choice.bits in self._storage(choice)
            spread = self._spread(weight) if choice.scheme is Scheme.KMEANS_LUT and choice.bits < 16 else None
            found = reduced(self.values(weight), weight.axes, choice.bits, choice.scheme, spread)
            packed += found.packed
            if deflated is not None:
                content = pack(found.codes, choice.bits) if found.codes is not None else _halves(found.values)
                deflated += _deflated(content) + found.packed - len(content)
            patch = patch_of(weight, found.values)
            if not is_same(self.subject, patch):
                patches.append(patch)
        changed = packed != self.subject.size or bool(patches)
        sizes = Sizes(packed=packed, file=packed if storable else None, deflated=deflated) if changed else self.shipped
        return Version(variant=variant, patches=tuple(patches), sizes=sizes)

    def _storage(self, choice: Choice) -> tuple[int, ...]:
        form = FORMATS[self.subject.format]
        return form.storage.get(choice.scheme.value if choice.bits < 16 else "linear", ())

    def _pruned(self, variant: Variant, sparsity: float, scope: Scope) -> Version:
        threshold = self._threshold(sparsity) if scope is Scope.GLOBAL else None
        patches, packed, deflated = [], self._rest, self._deflated_rest
        for weight in self.weights:
            found = pruned(self.values(weight), sparsity, threshold)
            patch = patch_of(weight, found)
            left = int((found != 0).sum())
            packed += (weight.elements + 7) // 8 + left * weight.span.size // weight.elements
            deflated = self._plus(deflated, patch.content)
            if not is_same(self.subject, patch):
                patches.append(patch)
        sizes = Sizes(packed=packed, file=self.subject.size, deflated=deflated)
        return Version(variant=variant, patches=tuple(patches), sizes=sizes)

    def _threshold(self, sparsity: float) -> float:
        """The magnitude up to which a share of all weights lies."""
        import numpy as np

        return magnitude_below(np.concatenate([self.values(weight).ravel() for weight in self.weights]), sparsity)

    def _raw(self, weight: Weight) -> bytes:
        span = weight.span
        return self.subject.files[span.part].content[span.offset : span.offset + span.size]

    def _deflated_raw(self, weight: Weight) -> int:
        if weight.name not in self._deflated:
            self._deflated[weight.name] = _deflated(self._raw(weight))
        return self._deflated[weight.name]

    def _deflate_shipped(self) -> int | None:
        """Of the shipped files; what is no weight is deflated once for all variants."""
        if self.subject.size > _DEFLATED:
            return None
        self._deflated_rest = _deflated(b"".join(self._gaps()))
        return sum(_deflated(file.content) for file in self.subject.files)

    def _gaps(self) -> Iterator[bytes]:
        for part, file in enumerate(self.subject.files):
            at = 0
            for span in sorted(
                (one.span for one in self.weights if one.span.part == part), key=lambda span: span.offset
            ):
                yield file.content[at : span.offset]
                at = max(at, span.offset + span.size)
            yield file.content[at:]

    @staticmethod
    def _plus(deflated: int | None, content: bytes) -> int | None:
        return None if deflated is None else deflated + _deflated(content)


def _deflated(content: bytes) -> int:
    return len(isal_zlib.compress(content, _LEVEL))


def _choices(variant: Variant, weights: Sequence[Weight]) -> Mapping[str, Choice]:
    """By name of the weight."""
    if variant.choices:
        return {choice.weight: choice for choice in variant.choices}
    if variant.bits is None:
        return {}
    scheme = variant.scheme or Scheme.LINEAR
    return {weight.name: Choice(weight=weight.name, bits=variant.bits, scheme=scheme) for weight in weights}


def _halves(values: Array) -> bytes:
    return values.astype("<f2").tobytes()
