"""What the store says of the apps, as scrapers write it down: one CSV for a snapshot."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from pathlib import Path

from examples.study.cast import App

COLUMNS = (
    "appId", "title", "genreId", "chart", "rank", "minInstalls", "realInstalls", "score", "ratings", "reviews", "developer",
    "developerId", "price", "currency", "free", "offersIAP", "containsAds", "released", "updated", "version",
)  # fmt: skip


def write(path: Path, apps: Iterable[App], month: str) -> None:
    """One row for each app; the 50 with most downloads of a category are in its chart."""
    everything = sorted(apps, key=lambda app: (-app.downloads, app.number))
    places: dict[str, int] = {}
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for app in everything:
            places[app.category] = places.get(app.category, 0) + 1
            rows.writerow(_row(app, places[app.category], month))


def _row(app: App, rank: int, month: str) -> tuple[object, ...]:
    rng = random.Random(f"listing {app.number}")
    ratings = int(app.downloads * rng.uniform(0.004, 0.02))
    paid = rng.random() < 0.06
    return (
        app.package_id, app.label, app.category, "topselling_paid" if paid else "topselling_free", rank,
        10 ** (len(str(app.downloads)) - 1), app.downloads, round(rng.triangular(2.4, 4.9, 4.3), 2) if ratings else "",
        ratings, ratings // 12, f"{app.developer[0].upper()}{app.developer[1:]} Ltd.", app.developer, rng.choice((0.99, 2.49, 4.99)) if paid else 0,
        "USD", not paid, rng.random() < 0.5, rng.random() < 0.55, f"{rng.randrange(2013, 2026)}-0{rng.randrange(1, 10)}-15",
        f"{month}-{rng.randrange(1, 15):02d}", f"{app.version // 100}.{app.version // 10 % 10}.{app.version % 10}",
    )  # fmt: skip
