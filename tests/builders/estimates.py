"""A study in code whose models can be estimated: no package, only the facts that a scan leaves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nngauge.analyse.workload import workload
from nngauge.domain.cost import Cost
from nngauge.domain.language import LanguageModel
from nngauge.domain.study import Item
from nngauge.store.ledger import Ledger
from nngauge.store.rows import StoredResult
from tests.builders import facts


def digest(name: str) -> str:
    """Of the model of this name, 64 hexadecimal digits."""
    return name.encode().hex().ljust(64, "0")[:64]


def study(
    folder: Path,
    models: Mapping[str, Cost | LanguageModel | str | None],
    *,
    tasks: Mapping[str, Any] | None = None,
    locator: str = "/a",
) -> Path:
    """A study of one app with models. A text: why its layers were not read; None: nobody looked."""
    networks = []
    for name, one in models.items():
        if isinstance(one, str):
            networks.append(facts.network(digest=digest(name), reason=one, workload=None))
        elif isinstance(one, LanguageModel):
            empty = Cost(
                macs=None, parameters=None, weight_bytes=None, read_bytes=None, written_bytes=None, peak=None, layers=()
            )
            networks.append(facts.network(digest=digest(name), reason=None, workload=workload(empty, one)))
        elif one is not None:
            networks.append(facts.network(digest=digest(name), reason=None, workload=workload(one)))
    told = tuple(
        facts.model(digest=digest(name), path=f"a.apk!assets/{name}.tflite", task=(tasks or {}).get(name))
        for name in models
    )
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.add("2026-11", "folder", "/", [Item(locator=locator)])
        (work,) = ledger.lease(1)
        ledger.finish(work.id, locator, "key", StoredResult(scan=facts.scan(models=told), networks=tuple(networks)))
    return folder
