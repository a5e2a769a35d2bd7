"""The example apps and their bills, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.build_apps import build_all
from nngauge.auditing.bill import bill_of_app
from nngauge.bom.inventory import Bill


@pytest.fixture(scope="session")
def apps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("apps")
    build_all(folder)
    return folder


@pytest.fixture(scope="session")
def bills(apps: Path) -> dict[str, Bill]:
    """By file name."""
    return {path.name: bill_of_app(path) for path in sorted(apps.iterdir())}
