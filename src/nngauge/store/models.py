"""The distinct models of a study whose files it keeps (`nngauge study run --keep-models`), for whatever runs them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from nngauge.domain.model import Model
from nngauge.extract.save import safe_name
from nngauge.store.blobs import FOLDER, blob_path
from nngauge.store.warehouse import Warehouse


class KeptModel(Struct, frozen=True, kw_only=True):
    """One distinct model."""

    model: Model
    """As one of its apps tells it."""
    apps: int
    """How many apps have it."""
    files: tuple[Path, ...]
    """The lead file first, under the names they have in the app."""


def distinct_models(facts: Warehouse) -> int:
    """How many there are, kept or not."""
    return int(facts.ask("SELECT count(DISTINCT digest) FROM model WHERE digest <> ''").rows[0][0])


def kept_models(study: Path, facts: Warehouse, scratch: Path) -> Iterator[KeptModel]:
    """The models whose files the `study` keeps, those of most apps first; links to the files are made in `scratch`."""
    rows = facts.ask(
        "SELECT digest, min(app), count(*) AS apps FROM model WHERE digest <> '' GROUP BY 1 ORDER BY apps DESC, 1"
    ).rows
    known: dict[str, Model] = {}
    read: set[str] = set()
    for digest, app, apps in rows:
        if app not in read:
            read.add(app)
            result = facts.result(app)
            scan = result.scan if result is not None else None
            known |= {item.digest: item for item in (scan.models if scan else ())}
        model = known.pop(digest, None)
        files = _linked(study, model, scratch / digest[:16]) if model is not None else ()
        if model is not None and files:
            yield KeptModel(model=model, apps=apps, files=files)


def _linked(study: Path, model: Model, target: Path) -> tuple[Path, ...]:
    """Links to the files of a model; none when one of them is not kept."""
    kept = [blob_path(study / FOLDER, part.sha256) for part in model.parts]
    if not all(file.is_file() for file in kept):
        return ()
    target.mkdir(parents=True, exist_ok=True)
    links = tuple(target / safe_name(part.location.name) for part in model.parts)
    for link, file in zip(links, kept, strict=True):
        if not link.exists():
            link.symlink_to(file.resolve())
    return links
