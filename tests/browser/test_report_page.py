"""The page of all reports, from disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.study import hostile
from tests.browser.conftest import Opened
from tests.browser.sample import nngauge
from tests.browser.watch import assert_sound

pytest.importorskip("altair")


@pytest.fixture(scope="module")
def address(folder: Path) -> str:
    nngauge("report", folder / "study", "--html", folder / "report")
    return (folder / "report" / "index.html").as_uri()


def test_all_reports_are_on_one_sound_page(address: str, visit: Opened, axe: Path) -> None:
    page = visit(address, origin=address.rpartition("/")[0])
    assert page.locator("h1").count() == 1
    assert page.locator("main section").count() > 5
    assert_sound(page)


def test_names_from_apps_are_texts(address: str, visit: Opened) -> None:
    page = visit(address, origin=address.rpartition("/")[0])
    assert_sound(page, axe=False)
    assert page.locator("img[src=x]").count() == 0
    assert (
        hostile.SCRIPT not in page.locator("body").inner_text() or page.locator("script:has-text('pwned')").count() == 0
    )


def test_everything_is_reached_by_keyboard(address: str, visit: Opened) -> None:
    page = visit(address, origin=address.rpartition("/")[0])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "A"  # past the navigation, or into it
    for _ in range(3):
        page.keyboard.press("Tab")
    outlined = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outlined != "none", "nobody sees where the focus is"


def test_figures_are_drawn_from_disk(address: str, folder: Path, visit: Opened) -> None:
    figures = sorted((folder / "report" / "figures").glob("*.html"))
    assert len(figures) > 10
    for figure in figures[::5]:
        page = visit(figure.as_uri(), origin=address.rpartition("/")[0])
        page.locator("main svg, main canvas").first.wait_for()
        assert_sound(page, axe=False)
        page.context.close()
