"""``nngauge scan --html``: one page about one app, beside the usual answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from examples.apps import photo_studio
from examples.apps.plain import BROKEN
from nngauge.cli import cli
from nngauge.errors import UsageError
from tests.page.outline import read_page


def run(*arguments: object) -> Result:
    return CliRunner(env={"COLUMNS": "140"}).invoke(cli, [str(item) for item in arguments])


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("apps") / photo_studio.APP.file_name
    made.write_bytes(photo_studio.APP.build())
    return made


def test_a_page_beside_the_screen(app: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = run("scan", app, "--html", page)
    assert done.exit_code == 0, done.output
    assert "runtime present: yes" in done.stdout
    assert f"{page}: " in done.stderr
    text = read_page(page.read_text(encoding="utf-8")).text
    assert "Photo Studio 4.2.1" in text
    assert "What could be better" in text


def test_json_stays_as_it_is(app: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    done = run("scan", app, "--html", page, "--json")
    assert json.loads(done.stdout) == json.loads(run("scan", app, "--json").stdout)
    assert page.exists()


def test_models_can_be_extracted_at_the_same_time(app: Path, tmp_path: Path) -> None:
    assert run("scan", app, "--html", tmp_path / "p.html", "--extract", tmp_path / "models").exit_code == 0
    assert sum(path.is_file() for path in (tmp_path / "models").rglob("*")) >= 8


def test_the_same_app_gives_the_same_page(app: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        run("scan", app, "--html", tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_parts_that_could_not_be_read_are_an_exit_code_and_a_section(tmp_path: Path) -> None:
    broken, page = tmp_path / "broken.apk", tmp_path / "p.html"
    broken.write_bytes(BROKEN.build())
    done = run("scan", broken, "--html", page)
    assert done.exit_code == 3
    assert "could not be read" in read_page(page.read_text(encoding="utf-8")).text


@pytest.mark.parametrize("more", [("--study", "study"), ("again",)])
def test_many_apps_have_no_page(app: Path, tmp_path: Path, more: tuple[str, ...]) -> None:
    others = [tmp_path / "other.apk"] if more == ("again",) else ["--study", tmp_path / "study"]
    (tmp_path / "other.apk").write_bytes(app.read_bytes())
    done = run("scan", app, "--html", tmp_path / "p.html", *others)
    assert isinstance(done.exception, UsageError)
    assert "--html is about one app" in str(done.exception)
    assert not (tmp_path / "p.html").exists()


def test_a_page_that_cannot_be_written_is_a_clear_error(app: Path, tmp_path: Path) -> None:
    done = run("scan", app, "--html", tmp_path / "nowhere" / "p.html")
    assert isinstance(done.exception, UsageError)
    assert "nowhere" in str(done.exception)


def test_an_app_that_cannot_be_opened_leaves_no_page(tmp_path: Path) -> None:
    bad, page = tmp_path / "bad.apk", tmp_path / "p.html"
    bad.write_bytes(b"PK\x03\x04 nothing")
    done = run("scan", bad, "--html", page)
    assert done.exit_code == 1
    assert not page.exists()
