"""An app whose names are scripts, formulas and commands of a terminal, through everything that shows names to somebody."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from examples.study import hostile, listing

pytest.importorskip("duckdb")

ACTED_ON = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What a terminal acts on, and what turns text round; tabs and line feeds are layout."""
FORMULA = re.compile(r"\s*[=+\-@]")
NUMBER = re.compile(r"-?\d[\d.,e+\-]*%?")
SNAPSHOT = "2026-08"


def nngauge(*arguments: object, cwd: Path, code: int = 0, **environment: str) -> str:
    command = [sys.executable, "-m", "nngauge", *map(str, arguments)]
    wide = {**os.environ, "COLUMNS": "200", "FORCE_COLOR": "", "NO_COLOR": "1", **environment}
    done = subprocess.run(command, capture_output=True, check=False, cwd=cwd, timeout=120, env=wide)
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert not ACTED_ON.findall(said), said
    return done.stdout.decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`hostile.apk`, and `study` with it and with one more that the store lists."""
    here = tmp_path_factory.mktemp("hostile")
    (here / "hostile.apk").write_bytes(hostile.build())
    (here / "first.tflite").write_bytes(hostile.network(hostile.RED))
    (here / "second.tflite").write_bytes(hostile.network(hostile.SCRIPT))
    (here / "apps").mkdir()
    (here / "apps" / "hostile.apk").write_bytes(hostile.build())
    (here / "apps" / "listed.apk").write_bytes(hostile.build(hostile.APP.package_id))
    listed = replace(hostile.APP, category=f"TOOLS{hostile.PICTURE}{hostile.RED}")
    listing.write(here / "store.csv", [listed], SNAPSHOT)
    nngauge("study", "init", "study", cwd=here)
    nngauge("study", "add", "study", "apps", "--snapshot", SNAPSHOT, cwd=here)
    nngauge("study", "metadata", "study", "store.csv", "--snapshot", SNAPSHOT, cwd=here)
    nngauge("study", "run", "study", "--keep-models", "--workers", 1, cwd=here)
    return here


# --- terminals ----------------------------------------------------------------------------------------------------------

SCREENS = (
    "scan hostile.apk --all", "scan hostile.apk --usage", "scan apps", "why hostile.apk tflite", "audit hostile.apk",
    "compare first.tflite second.tflite", "show first.tflite", "study status study", "study failures study", "study reuse study",
    "study metadata study --problems", "report study",
)  # fmt: skip


@pytest.mark.parametrize("command", SCREENS)
def test_no_name_drives_the_terminal(folder: Path, command: str) -> None:
    shown = nngauge(*command.split(), cwd=folder)
    assert shown.strip()
    assert not ACTED_ON.findall(shown)


def test_no_name_drives_a_coloured_terminal(folder: Path) -> None:
    shown = nngauge("scan", "hostile.apk", "--all", cwd=folder, FORCE_COLOR="1", NO_COLOR="", TERM="xterm-256color")
    ours = re.sub(r"\x1b\[[0-9;]*m", "", shown)  # colours, which no name may bring: those it brings lose their ESC
    assert not ACTED_ON.findall(ours)


def test_answers_in_sql_are_texts(folder: Path) -> None:
    shown = nngauge("study", "sql", "study", "SELECT * FROM model JOIN app USING (app)", cwd=folder)
    assert not ACTED_ON.findall(shown)


def test_long_names_leave_room(folder: Path) -> None:
    shown = nngauge("scan", "hostile.apk", cwd=folder)
    assert hostile.LONG[:200] not in shown.replace("\n", "").replace(" ", "")
    assert shown.count("\n") < 120


# --- spreadsheets -------------------------------------------------------------------------------------------------------


def cells(text: str) -> Iterator[str]:
    for row in csv.reader(text.splitlines()):
        yield from row


def assert_plain(text: str) -> None:
    found = list(cells(text))
    assert found
    for cell in found:
        assert not FORMULA.match(cell) or NUMBER.fullmatch(cell), cell
        assert not ACTED_ON.findall(cell), cell


def test_cells_are_no_formulas(folder: Path) -> None:
    shown = nngauge("study", "sql", "study", "SELECT name, path, inputs FROM model", "--csv", cwd=folder)
    assert hostile.FORMULA.split("(")[0].lstrip("=") in shown
    assert_plain(shown)


def test_exported_and_reported_cells_are_no_formulas(folder: Path) -> None:
    nngauge("study", "export", "study", "--csv", "exported", cwd=folder)
    nngauge("report", "study", "--to", "reported", "--csv", cwd=folder)
    tables = [*(folder / "exported").rglob("*.csv"), *(folder / "reported").rglob("*.csv")]
    assert len(tables) > 20
    for table in tables:
        assert_plain(table.read_text())


# --- pages --------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would make of a page, as far as it could run something."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.wrong: list[str] = []
        self.texts: list[str] = []
        self.scripts: list[str] = []
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open = tag if tag in ("script", "style", "title") else ""
        if tag in ("iframe", "object", "embed", "base", "applet"):
            self.wrong.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name == "style" or "<" in name or '"' in name:
                self.wrong.append(f"<{tag} {name}={value!r}>")
            if name in ("href", "src", "action", "formaction", "xlink:href") and not _harmless(value or ""):
                self.wrong.append(f"<{tag} {name}={value!r}>")

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        (self.scripts if self._open == "script" else self.texts).append(data)
        if self._open == "style" and "pwned" in data:
            self.wrong.append(data[:200])


def _harmless(address: str) -> bool:
    return address.startswith(("#", "data:image/", "data:text/csv", "https://", "./", "../", "/", "?")) or bool(
        re.match(r"[\w.%\-]+(/|$|\.|\?|#)", address)
        and ":" not in address.split("?", maxsplit=1)[0].split("/", maxsplit=1)[0]
    )


def assert_shows(text: str, *wanted: str) -> Page:
    page = Page(text)
    assert not page.wrong, page.wrong[:5]
    assert not any("pwned" in script and not script.lstrip().startswith(("{", "[")) for script in page.scripts)
    assert not ACTED_ON.findall(text)
    shown = " ".join(page.texts)
    for name in wanted:
        assert name in shown, name
    return page


def test_the_report_shows_names_as_texts(folder: Path) -> None:
    nngauge("report", "study", "--html", "paged", cwd=folder)
    assert_shows((folder / "paged" / "index.html").read_text())
    for other in (folder / "paged").rglob("*.html"):
        assert_shows(other.read_text())


def test_the_app_page_shows_names_as_texts(folder: Path) -> None:
    nngauge("scan", "hostile.apk", "--html", "page.html", "--quiet", cwd=folder)
    page = assert_shows(
        (folder / "page.html").read_text(), hostile.PACKAGE, hostile.PICTURE, hostile.TEMPLATE, hostile.WEB
    )
    assert len(page.scripts) == 1  # ours


def assert_drawing(text: str) -> None:
    for element in ET.fromstring(text).iter():
        assert not element.tag.endswith(("script", "foreignObject", "iframe", "image"))
        assert not [name for name in element.attrib if name.startswith("on") or name.endswith("href")]


def explored(folder: Path) -> Iterator[tuple[str, str]]:
    """Every page of the explorer that names something of the hostile app, and every page as JSON."""
    pytest.importorskip("httpx")
    client = pytest.importorskip("starlette.testclient")
    from nngauge.web.explorer import Explorer
    from nngauge.web.serving import build

    explorer = Explorer(folder / "study", keep=False)
    explorer.start(wait=60.0)
    explorer.workshop.warm()
    with client.TestClient(build(explorer, names=("testserver",)), base_url="http://127.0.0.1") as web:
        waiting = [
            "/",
            "/apps",
            "/models",
            "/technologies",
            "/sdks",
            "/failures",
            "/sql?q=SELECT+*+FROM+model",
            "/addresses",
        ]
        seen = set(waiting)
        while waiting:
            address = waiting.pop()
            answer = web.get(address, headers={"Accept": "text/html"})
            for _ in range(60):
                if answer.status_code != 202:
                    break
                time.sleep(0.5)
                answer = web.get(address, headers={"Accept": "text/html"})
            assert answer.status_code == 200, (address, answer.text[:500])
            if address.endswith(".svg"):
                assert_drawing(answer.text)
            if not answer.headers["content-type"].startswith("text/html"):
                assert answer.headers["x-content-type-options"] == "nosniff"
                continue
            assert "script-src 'self'" in answer.headers["content-security-policy"]
            yield address, answer.text
            path, _, query = address.partition("?")
            data = web.get(f"{'/index' if path == '/' else path}.json?{query}", headers={"Accept": "application/json"})
            assert data.headers["content-type"] == "application/json"
            assert data.json()["page"]
            found = set(re.findall(r'href="(/(?:apps|models|technologies|sdks)/[^"#?]+)"', answer.text)) - seen
            waiting += sorted(found)
            seen |= found


def test_the_explorer_shows_names_as_texts(folder: Path) -> None:
    shown = {address: assert_shows(text) for address, text in explored(folder)}
    assert len(shown) > 30
    models = "".join(text for address, page in shown.items() if address.startswith("/models/") for text in page.texts)
    for text in (hostile.SCRIPT, hostile.PICTURE, hostile.CLOSING, hostile.TEMPLATE, hostile.MARKUP):
        assert text in models


# --- for programs -------------------------------------------------------------------------------------------------------


FOR_PROGRAMS = (
    "scan hostile.apk --json", "report study --json", "audit hostile.apk --json", "bom hostile.apk",
    "bom hostile.apk --format spdx", "bom hostile.apk --diff apps/listed.apk --json",
)  # fmt: skip


@pytest.mark.parametrize("command", FOR_PROGRAMS)
def test_json_is_json(folder: Path, command: str) -> None:
    shown = nngauge(*command.split(), cwd=folder)
    for line in shown.splitlines() if command.startswith("scan") else [shown]:
        assert json.loads(line)
    assert not ACTED_ON.findall(shown)


def test_findings_say_names_as_texts(folder: Path) -> None:
    outputs = ("json", "sarif", "junit", "github")
    also = [f"--also={form}={form}.out" for form in outputs]
    shown = nngauge("check", "hostile.apk", "--all", *also, cwd=folder)
    assert not ACTED_ON.findall(shown)
    for form in ("json", "sarif"):
        assert json.loads((folder / f"{form}.out").read_text())
    tests = ET.fromstring((folder / "junit.out").read_text())
    assert tests.tag in ("testsuites", "testsuite")
    for line in (folder / "github.out").read_text().splitlines():
        assert line.startswith(("::error", "::warning", "::notice", "::group", "::endgroup")) or "::" not in line, line
    for form in ("junit", "github"):
        assert not ACTED_ON.findall((folder / f"{form}.out").read_text()), form
