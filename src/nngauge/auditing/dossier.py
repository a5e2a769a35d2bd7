"""Everything about one app, from one reading of it: facts, protection, and of each distinct model layers and a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct, field
from msgspec.structs import replace

from nngauge.auditing.audit import audit_package
from nngauge.domain.analysis import Analysis
from nngauge.domain.cost import Cost
from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.model import Model
from nngauge.domain.network import Network
from nngauge.domain.optimisation import Optimisation
from nngauge.domain.protection import Audit, AuditedModel
from nngauge.domain.scan import Scan
from nngauge.errors import UnsupportedError
from nngauge.extract.attempt import Extracted
from nngauge.packages import Package, open_package
from nngauge.pipeline import Scanner
from nngauge.pipeline.contents import Sink
from nngauge.pipeline.networks import TooSlow, processor_time, studied
from nngauge.words.grouping import distinct_models

MAX_LAYERS: Final = 2_000
"""Of one model; the rest is counted. Nearly all models of phones have fewer than a thousand."""
MAX_PICTURE: Final = 600_000
"""Characters of one picture: a network of about 2,000 operations that do not repeat."""
_DRAWING: Final = 2.0
"""Seconds of processor time for one picture: 0.01 to 0.3 for usual ones."""
_ALL_LAYERS: Final = 60_000
_ALL_PICTURES: Final = 12_000_000
"""Of one app. What goes beyond is left out and said to be: what a page with hundreds of models shows anyway."""


class _Seen(Struct, frozen=True):
    """What is kept of a model while its bytes are at hand."""

    network: Network
    cost: Cost | None = None
    left_out: int = 0
    optimisation: Optimisation | None = None
    picture: str = ""


class _Collector(Struct):
    """The scanner's sink."""

    seen: dict[str, _Seen] = field(default_factory=dict)
    """By digest."""
    layers: int = _ALL_LAYERS
    """How many may still be kept."""
    characters: int = _ALL_PICTURES
    onward: Sink | None = None

    def collect(self, model: Model, extracted: Extracted) -> None:
        if self.onward is not None:
            self.onward(model, extracted)
        if model.digest in self.seen:
            return
        network, analysis = studied(model, extracted)
        if analysis is None:
            self.seen[model.digest] = _Seen(network)
            return
        layers = analysis.cost.layers[: min(MAX_LAYERS, self.layers)]
        picture = _picture(analysis) if self.characters > 0 else ""
        self.layers -= len(layers)
        self.characters -= len(picture)
        left_out = len(analysis.cost.layers) - len(layers)
        cost = replace(analysis.cost, layers=layers) if left_out else analysis.cost
        self.seen[model.digest] = _Seen(network, cost, left_out, analysis.optimisation, picture)


def dossier_of(path: str | Path, scanner: Scanner | None = None) -> Dossier:
    """Everything about the app at `path`.

    Raises what `Scanner.scan` raises; whatever goes wrong inside the package is in `Scan.failures`.
    """
    package = open_package(path)
    try:
        return dossier_of_package(scanner or Scanner(), package, str(path))
    finally:
        package.close()


def dossier_of_package(scanner: Scanner, package: Package, path: str, sink: Sink | None = None) -> Dossier:
    """Everything about an app that is open already; `sink` gets its models while they are read."""
    collector = _Collector(onward=sink)
    scan, audit = audit_package(scanner, package, path, collector.collect)
    return _assembled(scan, collector.seen, audit)


def dossier_of_model(model: Model, extracted: Extracted) -> ModelDossier:
    """Everything about one model whose bytes are at hand, no app around it."""
    network, analysis = studied(model, extracted)
    return ModelDossier(
        model=model,
        places=(str(model.parts[0].location),),
        network=network,
        cost=analysis.cost if analysis else None,
        optimisation=analysis.optimisation if analysis else None,
    )


def dossier_from(scan: Scan, networks: Iterable[Network] = (), audit: Audit | None = None) -> Dossier:
    """What a store knows of an app: without layers and pictures, which need the models' bytes."""
    return _assembled(scan, {network.digest: _Seen(network) for network in networks}, audit)


def _assembled(scan: Scan, seen: Mapping[str, _Seen], audit: Audit | None) -> Dossier:
    protections = _by_digest(audit)
    models = []
    for item in distinct_models(scan.models):
        found = seen.get(item.model.digest)
        models.append(
            ModelDossier(
                model=item.model,
                places=item.places,
                network=found.network if found else None,
                cost=found.cost if found else None,
                layers_left_out=found.left_out if found else 0,
                optimisation=found.optimisation if found else None,
                picture=found.picture if found else "",
                protection=protections.get(item.model.digest),
            )
        )
    return Dossier(scan=scan, models=tuple(models), audit=audit)


def _by_digest(audit: Audit | None) -> dict[str, AuditedModel]:
    """The least protected place of each model: that is the one that counts."""
    found: dict[str, AuditedModel] = {}
    for item in audit.models if audit else ():
        if item.digest:
            found.setdefault(item.digest, item)
    return found


def _picture(analysis: Analysis) -> str:
    """The network as SVG; empty when there is none, or none that a person could read."""
    from nngauge.picture.network_svg import render_svg

    try:
        with processor_time(_DRAWING):
            picture = render_svg(analysis)
    except (UnsupportedError, TooSlow):
        return ""
    return picture if len(picture) <= MAX_PICTURE else ""
