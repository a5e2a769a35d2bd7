"""A page that is watched: what its console says, what it throws, and whom it calls."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, Request

AXE: Final = Path(__file__).parent / "node_modules/axe-core/axe.min.js"
_TAGS: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass  # without slots: playwright leaves its mark on whoever listens
class Watch:
    """Everything that must not happen on a page; `origin` is the only place that it may ask."""

    origin: str
    said: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        """From now on."""
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.said.append(f"page error: {error}"))
        page.on("request", self._request)
        page.on("requestfailed", lambda request: self.said.append(f"failed: {request.url}: {request.failure}"))
        page.on("dialog", lambda dialog: self.said.append(f"dialog: {dialog.message}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.said.append(f"console {message.type}: {message.text}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in ("data", "blob", "about") and not request.url.startswith(self.origin):
            self.said.append(f"asks {request.url}")


def faults(page: Page) -> list[str]:
    """What axe-core calls serious or critical: rule, help and the first elements."""
    page.evaluate(AXE.read_text())  # not a script element: that the page's policy forbids
    found: dict[str, Any] = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})", _TAGS
    )
    return [
        f"{item['impact']} {item['id']}: {item['help']}: "
        + json.dumps([(node["target"], node["html"][:160], node["failureSummary"][:300]) for node in item["nodes"][:3]])
        for item in found["violations"]
        if item["impact"] in ("serious", "critical")
    ]


def assert_sound(page: Page, *, axe: bool = True) -> None:
    """Nothing was executed that came from an app, and, in light and in dark, nothing keeps somebody from reading."""
    assert page.evaluate("window.pwned === undefined"), "something from an app was executed"
    assert page.title().strip()
    if not axe:
        return
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        problems = faults(page)
        assert not problems, f"{scheme} {page.url}:\n" + "\n".join(problems)
    page.emulate_media(color_scheme="light")
