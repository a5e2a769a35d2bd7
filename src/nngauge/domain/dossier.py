"""Everything that is known about one app, in one place: what pages, bills of materials and policies are made from."""

from __future__ import annotations

from msgspec import Struct

from nngauge.domain.cost import Cost, Layer
from nngauge.domain.model import Model
from nngauge.domain.network import Network
from nngauge.domain.optimisation import Optimisation
from nngauge.domain.protection import Audit, AuditedModel
from nngauge.domain.scan import Scan


class ModelDossier(Struct, frozen=True, kw_only=True):
    """One distinct model of an app."""

    model: Model
    places: tuple[str, ...]
    """Locations of its lead file, all of them."""
    network: Network | None = None
    """Cost, precision, structure; None where nobody analysed it."""
    cost: Cost | None = None
    """With at most `auditing.dossier.MAX_LAYERS` of its layers; None where the file was not at hand."""
    layers_left_out: int = 0
    optimisation: Optimisation | None = None
    """None where the file was not at hand."""
    picture: str = ""
    """The network as SVG; empty where the file was not at hand or too large to draw."""
    protection: AuditedModel | None = None
    """None where nobody audited it."""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """In the order of execution; empty where the file was not at hand."""
        return self.cost.layers if self.cost else ()


class Dossier(Struct, frozen=True, kw_only=True):
    """One app."""

    scan: Scan
    models: tuple[ModelDossier, ...] = ()
    """Largest first."""
    audit: Audit | None = None
    """How well its models are protected; None where nobody asked."""
