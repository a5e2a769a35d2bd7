"""Everything that is computed about one model."""

from __future__ import annotations

from msgspec import Struct

from nngauge.domain.cost import Cost
from nngauge.domain.graph import Graph
from nngauge.domain.language import LanguageModel
from nngauge.domain.model import Model
from nngauge.domain.optimisation import Optimisation


class Analysis(Struct, frozen=True, kw_only=True):
    """One model with its network, what it costs, and how far it has been optimised."""

    model: Model
    """Identity and interface, with the shapes that inference and `--input` gave its inputs and outputs."""
    graph: Graph
    """The network with inferred shapes."""
    cost: Cost
    optimisation: Optimisation
    language: LanguageModel | None = None
    """None when it is no language model."""
    problems: tuple[str, ...] = ()
    """What shape inference could not make out."""
