"""One explorer of one small study for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("duckdb")
pytest.importorskip("starlette")
pytest.importorskip("httpx")

from starlette.testclient import TestClient

from nngauge.web.explorer import Explorer
from nngauge.web.serving import build
from tests.web.made import SNAPSHOTS, an_app, hostile_app, kept_model, store


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 apps; every second of them in both snapshots."""
    folder = tmp_path_factory.mktemp("web") / "study"
    scans = [(an_app(number), SNAPSHOTS if number % 2 else SNAPSHOTS[1:]) for number in range(2, 130)]
    store(folder, [(kept_model(hostile_app()), SNAPSHOTS), *scans])
    return folder


@pytest.fixture(scope="session")
def client(study: Path) -> Iterator[TestClient]:
    """A client of the explorer of that study, prepared."""
    explorer = Explorer(study)
    explorer.start(wait=60)
    with TestClient(build(explorer), base_url="http://localhost", raise_server_exceptions=True) as found:
        yield found
