"""A real browser, and something to show in it. Everything here skips, with its reason, where a part is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser import sample
from tests.browser.sample import served
from tests.browser.watch import AXE, Watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

Opened = Callable[..., "Page"]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium."""
    library = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (make oracles)")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        pytest.skip("no chromium on the PATH (Debian: apt-get install chromium)")
    with library.sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=program, args=[*arguments, "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def axe() -> Path:
    """axe-core's script."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed (make oracles)")
    return AXE


@pytest.fixture(scope="session")
def folder(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`study`, its packages in `2026-08` and `2026-11`. Asks for the browser: without one there is nothing to make."""
    pytest.importorskip("duckdb")
    here = tmp_path_factory.mktemp("sample")
    sample.build(here)
    return here


@pytest.fixture(scope="session")
def explorer(folder: Path) -> Iterator[str]:
    """The address of the explorer of the small study, without a slash at its end."""
    pytest.importorskip("uvicorn")
    with served(folder / "study") as address:
        yield address


@pytest.fixture
def visit(browser: Browser) -> Iterator[Opened]:
    """Opens an address in a page of its own; at the end nothing may have gone wrong on any of them.

    ``visit(address, origin=…)``: `origin` defaults to the address itself (a file) or to its server.
    """
    watches: list[Watch] = []
    contexts = []

    def opened(address: str, *, origin: str = "", **options: object) -> Page:
        context = browser.new_context(locale="en-GB", **options)
        context.set_default_timeout(60_000)
        contexts.append(context)
        page = context.new_page()
        watch = Watch(origin or _origin(address))
        watches.append(watch)
        watch.follow(page)
        page.goto(address)
        return page

    yield opened
    said = [text for watch in watches for text in watch.said]
    for context in contexts:
        context.close()
    assert not said, "\n".join(said)


def _origin(address: str) -> str:
    return address.partition("#")[0] if address.startswith("file:") else "/".join(address.split("/")[:3])
