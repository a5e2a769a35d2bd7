"""What a study keeps of the layers of a distinct model, so that it can be estimated when its file is not at hand any more."""

from __future__ import annotations

from msgspec import Struct

from nngauge.domain.cost import Amount, Family
from nngauge.domain.graph import Dim
from nngauge.domain.language import LanguageModel

Shapes = tuple[tuple[Dim, ...] | None, ...]


class LayerWork(Struct, frozen=True, array_like=True):
    """One layer: the fields of `nngauge.domain.cost.Layer` of the same names, without what only people read."""

    kind: str | None
    family: Family
    inputs: Shapes
    outputs: Shapes
    dtype: str
    weight_dtype: str
    attributes: str
    macs: Amount | None
    parameters: Amount | None
    weight_bytes: int | None
    read_bytes: Amount | None
    written_bytes: Amount | None
    repeats: int
    constant: bool
    """Computed from constants, before any inference."""


class Workload(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The layers of one model, with the totals that estimates ask for besides. Numbers of 2⁶³ and more are texts."""

    macs: Amount | None = None
    weight_bytes: int | None = None
    peak_bytes: Amount | None = None
    lower_bound: bool = False
    assumptions: tuple[str, ...] = ()
    layers: tuple[LayerWork, ...] = ()
    language: LanguageModel | None = None
    """Without its tokenizer and template."""
