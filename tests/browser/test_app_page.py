"""The page of one app, opened from disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.study import hostile
from tests.browser.conftest import Opened
from tests.browser.sample import nngauge
from tests.browser.watch import assert_sound


@pytest.fixture(scope="module")
def pages(folder: Path) -> Path:
    for name in ("photo-studio.apk", "health.ipa", "hostile.apk"):
        nngauge("scan", folder / "2026-08" / name, "--html", folder / f"{name}.html", "--quiet")
    return folder


@pytest.mark.parametrize("name", ["photo-studio.apk", "health.ipa", "hostile.apk"])
def test_it_is_sound_with_everything_open(name: str, pages: Path, visit: Opened, axe: Path) -> None:
    page = visit((pages / f"{name}.html").as_uri())
    assert page.locator("h1").count() == 1
    page.get_by_role("button", name="Open everything").click()
    assert page.locator("main details:not([open])").count() == 0
    assert_sound(page)


def test_evidence_opens_on_click(pages: Path, visit: Opened) -> None:
    page = visit((pages / "photo-studio.apk.html").as_uri())
    technology = page.locator("details.technology", has_text="TensorFlow Lite").first
    proof = technology.get_by_text("TfLiteInterpreterCreate").first
    technology.locator("summary").first.click()
    assert not proof.is_visible()
    technology.locator("summary", has_text="lib/arm64-v8a/libtensorflowlite_jni.so").first.click()
    assert proof.is_visible()


def test_evidence_opens_by_keyboard(pages: Path, visit: Opened) -> None:
    page = visit((pages / "photo-studio.apk.html").as_uri())
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    where = page.evaluate_handle("document.activeElement.parentElement")
    assert not where.evaluate("item => item.open")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    assert where.evaluate("item => item.open")


def test_tables_are_sorted_by_keyboard(pages: Path, visit: Opened) -> None:
    page = visit((pages / "photo-studio.apk.html").as_uri())
    page.get_by_role("button", name="Open everything").click()
    head = page.locator("table[data-sortable] thead th button").first
    head.focus()
    page.keyboard.press("Enter")
    assert head.locator("..").get_attribute("aria-sort") in ("ascending", "descending")


def test_a_link_opens_what_it_leads_to(pages: Path, visit: Opened) -> None:
    page = visit((pages / "photo-studio.apk.html").as_uri())
    link = page.get_by_role("navigation").get_by_role("link", name="Models")
    link.click()
    assert page.url.endswith("#models")
    assert page.locator("#models").is_visible()


def test_dark_is_dark_and_light_is_light(pages: Path, visit: Opened) -> None:
    page = visit((pages / "photo-studio.apk.html").as_uri())
    shades = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        shades.append(
            page.evaluate(
                "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).reduce((a, b) => +a + +b, 0)"
            )
        )
    assert shades[0] > 600 > 180 > shades[1]


def test_paper_shows_what_was_closed(pages: Path, visit: Opened) -> None:
    page = visit((pages / "photo-studio.apk.html").as_uri())
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details[data-print]:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[data-print]:not([open])").count() > 0
    assert page.pdf()[:5] == b"%PDF-"


@pytest.mark.parametrize("width", [360, 768, 1600])
def test_nothing_is_wider_than_the_screen(pages: Path, visit: Opened, width: int) -> None:
    for name in ("photo-studio.apk", "hostile.apk"):
        page = visit((pages / f"{name}.html").as_uri(), viewport={"width": width, "height": 800})
        page.get_by_role("button", name="Open everything").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_is_complete_without_scripts(pages: Path, visit: Opened) -> None:
    page = visit((pages / "photo-studio.apk.html").as_uri(), java_script_enabled=False)
    assert page.get_by_role("heading", name="Verdict").is_visible()
    page.locator("summary").first.click()


def test_hostile_names_stay_texts(pages: Path, visit: Opened) -> None:
    page = visit((pages / "hostile.apk.html").as_uri())
    page.get_by_role("button", name="Open everything").click()
    assert_sound(page, axe=False)
    assert page.locator("img[src=x], svg[onload], a[href^='javascript:']").count() == 0
    assert hostile.SCRIPT in page.locator("body").inner_text()
    assert hostile.TEMPLATE in page.locator("body").inner_text()
    assert "\u202e" not in page.content()
