"""The watching itself: a bad page is told to be bad."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.watch import Watch, assert_sound, faults

if TYPE_CHECKING:
    from playwright.sync_api import Browser

BAD = """<!DOCTYPE html><html><head><title>bad</title></head><body>
<img src="http://127.0.0.1:9/x.png"><p style="color:#aaa;background:#fff">pale</p><script>window.pwned=1; fail()</script>"""


def test_a_bad_page_is_seen(browser: Browser, axe: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.html").write_text(BAD)
    address = (tmp_path / "bad.html").as_uri()
    page = browser.new_page()
    watch = Watch(address)
    watch.follow(page)
    page.goto(address)
    said = "\n".join(watch.said)
    assert "asks http://127.0.0.1:9/x.png" in said
    assert "page error: fail is not defined" in said
    rules = {line.split()[1].rstrip(":") for line in faults(page)}
    assert {"image-alt", "color-contrast", "html-has-lang"} <= rules
    with pytest.raises(AssertionError, match="executed"):
        assert_sound(page)
    page.close()
