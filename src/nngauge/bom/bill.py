"""Makes the bill of an app out of its dossier."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from nngauge.bom.cleaning import SHORT, clean, inside
from nngauge.bom.identity import app_purl
from nngauge.bom.inventory import APP_REF, Bill, Item, ItemKind, Link, LinkKind, Place
from nngauge.bom.models import model_items
from nngauge.bom.software import listed, sdk_items, software_items, software_links
from nngauge.detect.ruleset import Rule
from nngauge.domain.app import App
from nngauge.domain.dossier import Dossier
from nngauge.domain.location import Location
from nngauge.domain.scan import Scan

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


def bill_of(
    dossier: Dossier, rules: Mapping[str, Rule], *, supplier: str = "", digests: Mapping[str, str] | None = None
) -> Bill:
    """The bill of one app.

    `rules` by technology: vendor, licence and homepage come from there. `supplier`: who publishes the app, which no
    package says. `digests`: SHA-256 of libraries by their location, see `nngauge.bom.digests`.
    """
    scan = dossier.scan
    models = tuple(model_items(dossier, clean(supplier), digests or {}))
    software = (*software_items(scan, rules, digests or {}), *sdk_items(scan))
    return Bill(
        app=_app(scan, clean(supplier)),
        items=tuple(sorted((*models, *software), key=lambda item: item.ref)),
        links=tuple(sorted(set(_links(scan, models, software)))),
        properties=tuple(_made(dossier)),
        complete=scan.complete and (dossier.audit is None or dossier.audit.complete),
    )


def _app(scan: Scan, supplier: str) -> Item:
    app = scan.app
    single = _one_file(app)
    return Item(
        ref=APP_REF,
        kind=ItemKind.APP,
        name=clean(app.label or app.package_id or "", SHORT) or "unnamed app",
        version=clean(app.version_name or app.version_code or "", SHORT),
        supplier=supplier,
        purl=app_purl(app) if single else app_purl(_without_digest(app)),
        sha256=app.sha256 if single else "",
        places=()
        if single
        else tuple(
            Place(
                path=inside(Location(path=part.path), scan.path),
                size=part.size,
                sha256=part.sha256 or "",
                says=clean(part.role),
            )
            for part in app.parts
        ),
        properties=tuple((name, clean(value)) for name, value in _facts(app) if value),
    )


def _one_file(app: App) -> bool:
    """Is `App.sha256` that of a file, rather than that of all parts' digests?"""
    return bool(_DIGEST.fullmatch(app.sha256)) and sum(bool(part.sha256) for part in app.parts) <= 1


def _without_digest(app: App) -> App:
    from msgspec.structs import replace

    return replace(app, sha256="")


def _facts(app: App) -> Iterator[tuple[str, str]]:
    yield "app:id", app.package_id or ""
    yield "app:platform", app.platform.value
    yield "app:container", app.container
    yield "app:version-code", app.version_code or ""
    yield "app:min-os", app.min_os or ""
    yield "app:target-os", app.target_os or ""
    yield "app:team", app.team or ""
    yield "app:size", str(app.size)
    yield "app:digest", "" if _one_file(app) else app.sha256
    for abi in app.abis:
        yield "app:abi", abi
    for signer in app.signers:
        yield "app:signer-sha256", signer


def _links(scan: Scan, models: tuple[Item, ...], software: tuple[Item, ...]) -> Iterator[Link]:
    refs = {item.ref.partition(":")[2]: item.ref for item in software}
    digests = {dict(item.properties).get("model:digest", ""): item.ref for item in models}
    yield from software_links(scan, refs, {digest: ref for digest, ref in digests.items() if digest})
    for item in models:
        sdk = refs.get(dict(item.properties).get("owner:sdk", ""))
        outside = LinkKind.ASKS if item.external else LinkKind.USES
        yield Link(sdk or APP_REF, item.ref, outside)


def _made(dossier: Dossier) -> Iterator[tuple[str, str]]:
    scan = dossier.scan
    yield "scope", "learned models and the code and services that run them; other parts of the app are not listed"
    yield "rules", scan.provenance.rules
    yield "plugins", scan.provenance.plugins
    yield "audited", "no" if dossier.audit is None else "yes"
    yield "failures", str(len(scan.failures))
    for failure in scan.failures[:20]:
        where = inside(failure.location, scan.path)
        yield "failure", clean(f"{failure.stage.value}: {where}: {failure.reason}")
    for technology in scan.technologies:
        if not listed(technology):
            yield "left-out", clean(f"{technology.id}: {technology.grade.value}, {technology.confidence.value}")
    if dossier.audit is not None and dossier.audit.unknown:
        yield "unknown-files", str(len(dossier.audit.unknown))
