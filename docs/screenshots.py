"""Takes the pictures of docs/reports.md from the sample study: ``make demo-study``, then ``python docs/screenshots.py``.

Needs playwright and chromium (``make oracles``). The same study, browser and fonts give the same pictures,
but for the times that pages tell of themselves.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.browser.sample import served  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES: Final = ROOT / "docs/images"
STUDY, REPORT = ROOT / "out/demo-study", ROOT / "out/demo-report/index.html"
LARGEST: Final = 150_000
WIDE: Final = 1120


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: of a part in the page of reports, or of a page of the explorer."""

    name: str
    part: str = ""
    """Id of the part."""
    address: str = ""
    """Below the explorer's."""
    follow: tuple[str, ...] = ()
    """What is clicked, one after the other: selectors."""
    dark: bool = False
    high: int = 700


SHOTS: Final = (
    Shot("report-tasks", part="tasks-by-category", high=716),
    Shot("report-costs", part="costs-macs-and-memory", high=545),
    Shot("explorer-overview", address=""),
    Shot(
        "explorer-model",
        address="models?q=blazeface",
        follow=("#results a[href^='/models/']", "a[href$='/graph']"),
        dark=True,
    ),
    Shot("explorer-snapshots", address="compare/snapshots?first=2026-08&second=2026-11"),
)


def take(browser: Browser, shot: Shot, explorer: str) -> bytes:
    """The picture as PNG."""
    scheme: Literal["light", "dark"] = "dark" if shot.dark else "light"
    page = browser.new_page(viewport={"width": WIDE, "height": shot.high}, color_scheme=scheme, reduced_motion="reduce")
    page.set_default_timeout(60_000)
    data = _of_report(page, shot) if shot.part else _of_explorer(page, shot, explorer)
    page.close()
    return data


def _of_report(page: Page, shot: Shot) -> bytes:
    """The part's card, as far down as the picture is high."""
    page.goto(REPORT.as_uri())
    top = page.evaluate(
        "id => document.getElementById(id).closest('.card').getBoundingClientRect().top + scrollY", shot.part
    )
    return page.screenshot(full_page=True, clip={"x": 0, "y": top - 10, "width": WIDE, "height": shot.high})


def _of_explorer(page: Page, shot: Shot, explorer: str) -> bytes:
    page.goto(f"{explorer}/{shot.address}")
    for selector in ("", *shot.follow):
        if selector:
            page.locator(selector).first.click()
        page.locator("h1", has_not_text=re.compile("^(Being|Preparing)")).first.wait_for()
        page.wait_for_load_state("networkidle")
    return page.screenshot()


def main() -> None:
    """Writes all pictures into docs/images."""
    from playwright.sync_api import sync_playwright

    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if program is None or not REPORT.exists():
        sys.exit("run `make oracles` and `make demo-study` first, and install chromium")
    IMAGES.mkdir(exist_ok=True)
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright, served(STUDY) as explorer:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        for shot in SHOTS:
            data = take(browser, shot, explorer)
            (IMAGES / f"{shot.name}.png").write_bytes(data)
            print(f"{len(data):>9,} B  {shot.name}.png" + ("  TOO LARGE" if len(data) > LARGEST else ""))
        browser.close()


if __name__ == "__main__":
    main()
