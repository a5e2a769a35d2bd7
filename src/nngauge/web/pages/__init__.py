"""All pages of the explorer, one file a topic."""

from __future__ import annotations

from typing import Final

from nngauge.web.pages import (
    addresses,
    app,
    apps,
    compare,
    failures,
    model,
    models,
    overview,
    reports,
    sdks,
    sql,
    technologies,
)
from nngauge.web.view import View

_PAGES: Final[tuple[View, ...]] = (
    overview.VIEW,
    apps.VIEW,
    app.VIEW,
    models.VIEW,
    model.VIEW,
    model.GRAPH,
    model.PICTURE,
    technologies.VIEW,
    technologies.ONE,
    sdks.VIEW,
    sdks.ONE,
    compare.VIEW,
    compare.APPS,
    compare.SNAPSHOTS,
    reports.VIEW,
    reports.ONE,
    reports.DATA,
    failures.VIEW,
    sql.VIEW,
)
VIEWS: Final[tuple[View, ...]] = (*_PAGES, addresses.listed(_PAGES))
"""In the order of the list of addresses."""
NAVIGATION: Final = (
    ("Overview", "/"),
    ("Apps", "/apps"),
    ("Models", "/models"),
    ("Technologies", "/technologies"),
    ("SDKs", "/sdks"),
    ("Reports", "/reports"),
    ("Compare", "/compare"),
    ("Failures", "/failures"),
    ("SQL", "/sql"),
)
"""Title and path of the entries at the top of every page."""
