"""The explorer of a study with a hundred thousand apps and as many models, which nobody scanned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.market import questions
from tests.browser.conftest import Opened
from tests.browser.sample import served
from tests.browser.test_explorer import ready, rows_are
from tests.browser.watch import assert_sound

if TYPE_CHECKING:
    from playwright.sync_api import Browser

APPS = 100_000


@pytest.fixture(scope="module")
def address(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("uvicorn")
    study = tmp_path_factory.mktemp("large") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "_MODELS", 1)
        questions.make(study, APPS)
    with served(study) as explorer:
        yield explorer


def test_a_search_among_all_is_narrow_and_sound(address: str, visit: Opened, axe: Path) -> None:
    page = ready(visit(f"{address}/apps"))
    assert "100,000" in page.locator(".found").inner_text()
    assert page.locator("#results tbody tr").count() <= 200
    page.get_by_role("searchbox").fill("com.example.p4711")
    rows_are(page, 22)  # p4711 and p47110 to p47119, each in two versions
    assert_sound(page)


def test_filters_and_pages_go_together(address: str, visit: Opened) -> None:
    page = ready(visit(f"{address}/apps?snapshot=2026-11"))
    first = page.locator("#results tbody").inner_text()
    page.get_by_role("link", name="Next").first.click()
    page.wait_for_url(re.compile("after="))
    assert "snapshot=2026-11" in page.url
    assert page.locator("#results tbody").inner_text() != first
    page.get_by_role("link", name="Previous").first.click()
    page.wait_for_url(re.compile("before=|apps\\?snapshot=2026-11$"))
    assert page.locator("#results tbody").inner_text() == first


@pytest.mark.parametrize("kind", ["", "models", "technologies", "reports/R1"])
def test_other_lists_are_sound(kind: str, address: str, visit: Opened, axe: Path) -> None:
    assert_sound(ready(visit(f"{address}/{kind}")))
