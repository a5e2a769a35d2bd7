"""One app: its stored result as the app page shows it, and where else it is in the study."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from nngauge.auditing.dossier import dossier_from
from nngauge.domain.dossier import Dossier
from nngauge.domain.finding import Finding
from nngauge.domain.protection import Audit
from nngauge.domain.scan import Scan
from nngauge.page.app import app_page
from nngauge.page.environment import Frame
from nngauge.policy import assess
from nngauge.store.rows import StoredResult
from nngauge.web.asked import Asked
from nngauge.web.listing import among
from nngauge.web.networks import networks_of
from nngauge.web.pages.apps import AppRow, app_rows
from nngauge.web.view import Desk, Missing, Shown, View

_OTHERS: Final = 50
_NETWORKS: Final = 200
"""Models of which cost and structure are shown."""


class Reuse(Struct, frozen=True):
    """In how many apps a model of this app is."""

    digest: str
    name: str
    apps: int
    packages: int


class AppPage(Struct, frozen=True, kw_only=True):
    """The page. `scan` is the document that `nngauge scan --json` prints."""

    title: str
    app: AppRow
    versions: list[AppRow]
    """The other apps with the same application id."""
    same_signer: int
    """Other packages with the same signing certificate."""
    reuse: list[Reuse]
    """Its models, the most frequent first."""
    findings: tuple[Finding, ...]
    """What the default policy says of it, as far as the study knows enough to tell."""
    unchecked: tuple[str, ...]
    """Rules that could not be evaluated, and why."""
    scan: Scan


def stored_result(desk: Desk, app: str) -> StoredResult:
    """What is stored of an app. Raises `Missing`."""
    result = desk.state.prepared.result(desk.facts, app)
    if result is None or result.scan is None:
        raise Missing("no such app in this study")
    return result


def make(desk: Desk, asked: Asked) -> Shown:
    """The page."""
    app = asked.digest("app")
    row = desk.row("SELECT n, package, signer FROM app_entry WHERE app = ?", app) if app else None
    if row is None or app is None:
        raise Missing("no such app in this study")
    number, package, signer = row
    (entry,) = app_rows(desk, [number])
    others = desk.rows(
        "SELECT n FROM app_entry WHERE package = ? AND n <> ? ORDER BY n LIMIT ?", package, number, _OTHERS
    )
    result = stored_result(desk, app)
    scan = result.scan
    if scan is None:
        raise Missing("no such app in this study")
    dossier = _dossier(desk, scan, result.audit)
    assessed = assess(dossier)
    page = AppPage(
        title=entry.name,
        app=entry,
        versions=app_rows(desk, [other for (other,) in others]),
        same_signer=_same_signer(desk, signer, package),
        reuse=_reuse(desk, [model.digest for model in scan.models if model.digest]),
        findings=assessed.counting,
        unchecked=assessed.unchecked,
        scan=scan,
    )

    def draw(frame: Frame) -> str:
        more = {"page": page}
        return app_page(
            dossier, page.findings, unchecked=page.unchecked, frame=frame, template=VIEW.template, more=more
        )

    return Shown(page, {"draw": draw})


def _same_signer(desk: Desk, signer: str | None, package: int) -> int:
    if signer is None:
        return 0
    row = desk.row(
        "SELECT count(DISTINCT package) FROM app_entry WHERE package <> ? AND n IN (SELECT n FROM by_signer WHERE value = ?)",
        package,
        signer,
    )
    return row[0] if row else 0


def _reuse(desk: Desk, digests: list[str]) -> list[Reuse]:
    if not digests:
        return []
    numbers = [int(digest[:16], 16) for digest in dict.fromkeys(digests[:_NETWORKS])]
    rows = desk.rows(
        f"SELECT digest, coalesce(name, ''), apps, packages FROM model_entry WHERE {among('model_entry', 'number', numbers)} "
        "ORDER BY packages DESC, apps DESC"
    )
    return [Reuse(*row) for row in rows]


def _dossier(desk: Desk, scan: Scan, audit: Audit | None) -> Dossier:
    """What the app page is made from: the stored result, and what the study knows of each of its models."""
    digests = [model.digest for model in scan.models if model.digest]
    return dossier_from(scan, networks_of(desk, digests[:_NETWORKS]), audit)


VIEW: Final = View(
    path="/apps/{app}",
    name="app",
    title="One app",
    says="verdict, what could be better, bytes, technologies, models, what could not be read; other versions; in how many apps its models are",
    template="web/app.html",
    make=make,
    step="models",
    section="/apps",
)
