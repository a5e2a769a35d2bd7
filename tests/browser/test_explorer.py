"""The explorer of a study, clicked through."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from examples.study import hostile
from tests.browser.conftest import Opened
from tests.browser.sample import LISTED
from tests.browser.watch import assert_sound

if TYPE_CHECKING:
    from playwright.sync_api import Page

KINDS = (
    "", "apps", "models", "technologies", "technologies/tflite", "sdks", "sdks/mlkit-face-detection", "reports", "reports/R1",
    "reports/R3", "reports/R14", "compare", "compare/snapshots?first=2026-08&second=2026-11", "failures", "sql",
    "sql?q=SELECT+name,+path,+size+FROM+model", "addresses",
)  # fmt: skip


def ready(page: Page) -> Page:
    """After the pages that say that something is being worked out and come again by themselves."""
    heading = page.locator("h1", has_not_text=re.compile("^(Being|Preparing)"))
    heading.first.wait_for()
    return page


def rows_are(page: Page, count: int) -> None:
    """Waits until the list has `count` rows: one locator, since the page's policy forbids to evaluate texts."""
    page.locator(f"#results tbody:has(> tr:nth-child({count}):last-child)").wait_for()


@pytest.mark.parametrize("address", KINDS)
def test_every_kind_of_page_is_sound(address: str, explorer: str, visit: Opened, axe: Path) -> None:
    page = ready(visit(f"{explorer}/{address}"))
    assert page.locator("h1").count() == 1
    assert_sound(page)


@pytest.mark.parametrize("words", ["photo", "hostile"])
def test_apps_and_their_models_are_sound(words: str, explorer: str, visit: Opened, axe: Path) -> None:
    page = ready(visit(f"{explorer}/apps?q={words}"))
    page.locator("#results a[href^='/apps/']").first.click()
    ready(page)
    page.get_by_role("button", name="Open everything").click()
    assert_sound(page)
    page.locator("main a[href^='/models/']").first.click()
    ready(page)
    assert_sound(page)
    page.locator("a[href$='/graph']").first.click()
    ready(page)
    assert_sound(page)


def test_two_apps_are_compared(explorer: str, visit: Opened, axe: Path) -> None:
    page = ready(visit(f"{explorer}/apps?verdict=model"))
    first, second = [
        link.get_attribute("href").rpartition("/")[2] for link in page.locator("#results a[href^='/apps/']").all()[:2]
    ]
    page = ready(visit(f"{explorer}/compare/apps?first={first}&second={second}"))
    assert_sound(page)


def test_typing_searches(explorer: str, visit: Opened) -> None:
    page = ready(visit(f"{explorer}/apps"))
    shown = page.locator("#results tbody tr")
    before = shown.count()
    page.get_by_role("searchbox").fill("photostudio")
    rows_are(page, 1)
    assert before > 1
    assert "com.example.photostudio" in shown.inner_text()
    assert "q=photostudio" in page.url
    page.get_by_role("searchbox").fill("nothing is called like this")
    page.get_by_text("No app is like that").wait_for()


def test_choosing_filters_and_the_address_keeps_it(explorer: str, visit: Opened) -> None:
    page = ready(visit(f"{explorer}/apps"))
    page.get_by_label("Platform").select_option("ios")
    page.wait_for_url(re.compile("platform=ios"))
    page.locator("#results:not([aria-busy])").wait_for()
    assert page.locator("#results tbody tr").count() >= 1
    assert "com.example.health" in page.locator("#results").inner_text()
    again = ready(visit(page.url))
    assert again.get_by_label("Platform").input_value() == "ios"
    assert again.locator("#results").inner_text() == page.locator("#results").inner_text()


def test_from_a_search_to_evidence(explorer: str, visit: Opened) -> None:
    page = ready(visit(f"{explorer}/apps?q=photostudio"))
    page.locator("#results a[href^='/apps/']").first.click()
    ready(page)
    assert page.get_by_role("heading", level=1).inner_text().startswith("Photo Studio")
    technology = page.locator("details.technology", has_text="TensorFlow Lite").first
    proof = technology.get_by_text("TfLiteInterpreterCreate").first
    technology.locator("summary").first.click()
    assert not proof.is_visible()
    technology.locator("summary", has_text="lib/arm64-v8a/libtensorflowlite_jni.so").first.click()
    assert proof.is_visible()


def test_with_the_keyboard_alone(explorer: str, visit: Opened) -> None:
    page = ready(visit(f"{explorer}/apps"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").startswith("Skip")
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    page.keyboard.type("photostudio")
    page.keyboard.press("Enter")
    rows_are(page, 1)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("!!document.activeElement.closest('#results a')"):
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", "the focus is not seen"
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("/apps/[0-9a-f]{64}"))
    ready(page)
    assert page.get_by_role("heading", level=1).inner_text().startswith("Photo Studio")


def test_dark_is_dark(explorer: str, visit: Opened) -> None:
    page = ready(visit(f"{explorer}/", color_scheme="dark"))
    shade = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => +a + +b, 0)"
    )
    assert shade < 180


def test_it_works_without_scripts(explorer: str, visit: Opened) -> None:
    page = visit(f"{explorer}/apps", java_script_enabled=False)
    page.locator("#q").fill("photostudio")
    page.get_by_role("button", name="Search").click()
    assert page.locator("#results tbody tr").count() == 1


def test_sql_is_answered_and_only_reads(explorer: str, visit: Opened) -> None:
    page = ready(visit(f"{explorer}/sql"))
    page.locator("textarea").fill("SELECT count(*) AS apps FROM app")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(re.compile("q="))
    assert page.locator("main table").last.inner_text().split()[0] == "apps"


@pytest.mark.parametrize("width", [360, 768])
@pytest.mark.parametrize("address", ["", "apps", "models", "apps?q=hostile", "reports/R1", "sql?q=SELECT+*+FROM+model"])
def test_nothing_is_wider_than_the_screen(address: str, width: int, explorer: str, visit: Opened) -> None:
    page = ready(visit(f"{explorer}/{address}", viewport={"width": width, "height": 800}))
    assert page.evaluate("document.documentElement.scrollWidth") <= width


HOSTILE = (
    "apps?q=hostile", f"apps?category={quote(LISTED.category)}", "failures", "models?q=pwned",
    f"apps?q={quote(hostile.SCRIPT)}", "sql?q=SELECT+*+FROM+model", "reports/R6",
)  # fmt: skip


@pytest.mark.parametrize("address", HOSTILE)
def test_hostile_names_stay_texts(address: str, explorer: str, visit: Opened) -> None:
    page = ready(visit(f"{explorer}/{address}"))
    assert_sound(page, axe=False)
    assert page.locator("img[src=x], svg[onload], a[href^='javascript:']").count() == 0
    assert "\u202e" not in page.content()


def test_every_page_of_the_hostile_app(explorer: str, visit: Opened) -> None:
    page = ready(visit(f"{explorer}/apps?q=com.example.hostile"))
    page.locator("#results a[href^='/apps/']").first.click()
    ready(page)
    assert hostile.SCRIPT in page.locator("body").inner_text()
    links = [link.get_attribute("href") for link in page.locator("main a[href^='/models/']").all()]
    assert len(links) >= 5
    for link in list(dict.fromkeys(links))[:4]:  # what all of them say is looked at in tests/hostile
        for end in ("", "/graph"):
            shown = ready(visit(f"{explorer}{link.partition('#')[0]}{end}"))
            assert_sound(shown, axe=False)
            assert shown.locator("img[src=x], svg[onload]").count() == 0
            shown.context.close()
