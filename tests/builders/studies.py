"""Studies for tests: apps made in code, and all that a study knows, in a form to compare."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from nngauge.store.schema import FACT_TABLES
from nngauge.store.warehouse import Warehouse
from nngauge.study import Study
from tests.builders.samples import model
from tests.builders.zips import Member, archive


def app(folder: Path, name: str) -> str:
    """An app with one model, whose format depends on the name; its path."""
    kind = ["tflite", "onnx", "gguf", "ort", "mnn"][sum(name.encode()) % 5]
    target = folder / f"{name}.apk"
    target.write_bytes(archive([Member(name=f"assets/{name}".encode(), data=model(kind))]))
    return str(target)


def facts_of(study: Path) -> dict[str, list[str]]:
    """All facts, sorted, and what is said of the items, apart from how often they were tried.

    With whose result the facts of a model came is left out: which of its apps ends first is a matter of chance.
    """
    with Study.open(study) as opened, Warehouse(opened.folder, opened.ledger) as facts:
        found = {
            table.name: facts.ask(
                f"SELECT {'* EXCLUDE app' if table.key.startswith('digest') else '*'} FROM {table.name}"
            )
            for table in FACT_TABLES
        }
        found["listing"] = facts.ask("SELECT * EXCLUDE attempts FROM listing")
    return {name: sorted(map(str, answer.rows)) for name, answer in found.items()}


def settled(study: Path) -> int:
    """Items with a result, as another process sees them."""
    try:
        connection = sqlite3.connect(f"file:{study / 'ledger.sqlite'}?mode=ro", uri=True)
        return int(connection.execute("SELECT count(*) FROM item WHERE state IN ('done', 'failed')").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet, or killed before the tables were made
        return 0
