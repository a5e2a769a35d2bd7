"""How reports are asked, refused, written and shown, whatever they are about."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from nngauge.cli import cli
from nngauge.domain.study import Item
from nngauge.errors import UsageError
from nngauge.page.report import render_page, section, write_page
from nngauge.report import PAPERS, REPORTS, drawing, figures
from nngauge.report._api import Column, MadeReport, Part, Refusal, Report
from nngauge.report.choosing import chosen
from nngauge.report.corpus import Corpus
from nngauge.report.files import draw, write
from nngauge.report.making import make, make_part
from nngauge.report.prepared import PREPARED, used_in
from nngauge.report.shares import high, low
from nngauge.store.rows import StoredResult
from nngauge.store.warehouse import TABLES, Answer, Warehouse
from nngauge.study import Study
from tests.builders import facts

pytest.importorskip("duckdb", reason="the extra `study` is not installed")

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>=cmd()\x1b[31m\u202e"
COLUMNS = (Column("package_id", "which"), Column("size", "bytes", "bytes"))


def part(**changes: Any) -> Part:
    plain: dict[str, Any] = {
        "name": "one", "title": "One", "ask": "SELECT package_id, size FROM editions", "columns": COLUMNS, "counting": "packages",
    }  # fmt: skip
    return Part(**(plain | changes))


def report(*parts: Part) -> Report:
    return Report(id="R0", name="zero", title="Zero", question="What?", origin="here", parts=parts)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of one app, whose package id is as hostile as can be."""
    with Study.create(tmp_path / "study") as study:
        study.ledger.add("2026-11", "folder", "/", [Item(locator="/a")])
        (work,) = study.ledger.lease(1)
        scan = facts.scan()
        study.ledger.finish(
            work.id, "a", "key", StoredResult(scan=replace(scan, app=replace(scan.app, package_id=HOSTILE)))
        )
    return tmp_path / "study"


@pytest.fixture
def corpus(folder: Path) -> Iterator[Corpus]:
    with Study.open(folder) as study, Warehouse(study.folder, study.ledger) as warehouse:
        yield Corpus(warehouse)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(item) for item in ("report", *arguments)])


# --- the set ------------------------------------------------------------------------------------------------------------


def test_ids_names_and_parts_are_told_apart() -> None:
    words = [word for each in (*REPORTS, *PAPERS) for word in {each.id.lower(), each.name.lower()}]
    assert len(words) == len(set(words))
    assert [each.id for each in REPORTS] == sorted((each.id for each in REPORTS), key=lambda name: int(name[1:]))
    for each in (*REPORTS, *PAPERS):
        names = [item.name for item in each.parts]
        assert len(names) == len(set(names))
        assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) for name in (*names, each.name))
        assert each.question.endswith("?") or each in PAPERS
        assert each.origin


def test_needs_are_in_the_schema() -> None:
    known = {table.name: table.names for table in TABLES}
    for each in (*REPORTS, *PAPERS):
        for need in each.needs:
            table, _, column = need.partition(".")
            assert table in known
            assert not column or column in known[table], need


def test_every_question_is_one_select_over_what_there_is(corpus: Corpus) -> None:
    for each in (*REPORTS, *PAPERS):
        for item in each.parts:
            if isinstance(item.ask, str):
                corpus.prepare(item.ask)
                corpus.facts.ask(f"EXPLAIN {item.ask}")


def test_prepared_tables_need_only_those_before_them() -> None:
    names = [table.name for table in PREPARED]
    for at, table in enumerate(PREPARED):
        assert {used.name for used in used_in(table.sql)} <= set(names[:at]) | {table.name}
    assert [table.name for table in used_in("SELECT * FROM technologies")] == [
        "sightings",
        "chosen",
        "editions",
        "technologies",
    ]


def test_reports_are_chosen_by_name_or_id() -> None:
    assert [each.id for each in chosen(["r1", "Popularity", "R1"])] == ["R1", "R2"]
    assert chosen([]) == REPORTS
    with pytest.raises(UsageError, match="no such report"):
        chosen(["R99"])


@pytest.mark.parametrize(
    ("count", "of", "ends"),
    [(0, 10, (0, 0.2775)), (10, 10, (0.7225, 1)), (5, 10, (0.2366, 0.7634)), (0, 0, (None, None))],
)
def test_intervals(corpus: Corpus, count: int, of: int, ends: tuple[float | None, float | None]) -> None:
    found = corpus.facts.ask(f"SELECT {low(str(count), str(of))}, {high(str(count), str(of))}").rows[0]
    assert found == pytest.approx(ends, abs=1e-4)


# --- making -------------------------------------------------------------------------------------------------------------


def test_the_sql_beside_an_answer_gives_it_again(corpus: Corpus) -> None:
    asked = part(ask="WITH few AS (SELECT * FROM editions WHERE latest) SELECT package_id, size FROM few")
    made = make_part(asked, corpus)
    assert isinstance(made.result, Answer)
    assert corpus.facts.ask(made.sql).rows == made.result.rows == [(HOSTILE, 5_000_000)]
    assert make_part(part(ask="SELECT 1 FROM app"), corpus).sql == "SELECT 1 FROM app"


def test_one_bad_part_does_not_stop_the_others(corpus: Corpus) -> None:
    made = make(report(part(name="bad", ask="SELECT nonsense FROM editions"), part()), corpus)
    bad, good = (item.result for item in made.parts)
    assert isinstance(bad, Refusal)
    assert (bad.kind, "nonsense" in bad.reason) == ("failed", True)
    assert isinstance(good, Answer)


def test_what_is_missing_is_said_with_what_to_run(corpus: Corpus) -> None:
    def refused(**changes: Any) -> Refusal:
        result = make_part(part(**changes), corpus).result
        assert isinstance(result, Refusal)
        assert result.kind == "no data"
        return result

    assert "metadata" in refused(needs=("market.category",)).hint
    assert "--usage" in refused(needs=("model.used",)).hint
    assert "2 snapshots" in refused(snapshots=2).reason
    assert refused(ask="SELECT package_id, size FROM editions WHERE size < 0").reason


def test_a_change_of_snapshot_names_cannot_break_out(tmp_path: Path) -> None:
    with Study.create(tmp_path / "s") as study:
        study.ledger.add("a'); SELECT 1; --", "folder", "/", [Item(locator="/a")])
        with Warehouse(study.folder, study.ledger) as warehouse:
            corpus = Corpus(warehouse)
            assert corpus.ask("SELECT snapshot FROM snapshots").rows == [("a'); SELECT 1; --",)]


# --- files and pages ----------------------------------------------------------------------------------------------------


@pytest.fixture
def made(corpus: Corpus) -> MadeReport:
    def chart(answer: Answer, corpus: Corpus) -> Any:
        return figures.bars(answer, corpus, value="size", by="package_id")

    return make(report(part(chart=chart), part(name="bad", ask="SELECT nonsense")), corpus)


def test_a_page_is_whole_and_nothing_from_apps_is_markup(made: MadeReport, corpus: Corpus, tmp_path: Path) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    kinds = ("svg", "png", "pdf", "json")
    files = {
        file.relative_to(tmp_path).as_posix(): file for file in write_page([made], corpus, tmp_path, kinds, study={})
    }
    assert set(files) == {
        "index.html", "data/zero-one.csv", "figures/zero-one.svg", "figures/zero-one.png", "figures/zero-one.pdf",
        "figures/zero-one.vl.json", "figures/zero-one.html", "figures/vega.js",
    }  # fmt: skip
    for name in ("index.html", "figures/zero-one.html", "figures/zero-one.svg"):
        text = files[name].read_text("utf-8")
        assert "<img" not in text
        assert "<script>alert" not in text
        assert "\u202e" not in text or name != "index.html"
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text), "nothing is fetched from elsewhere"
    page = files["index.html"].read_text("utf-8")
    assert 'href="data/zero-one.csv"' in page
    assert "Failed: " in page
    assert "SELECT package_id, size" in page
    assert files["figures/zero-one.png"].read_bytes().startswith(b"\x89PNG")
    assert files["figures/zero-one.pdf"].read_bytes().startswith(b"%PDF")
    (row,) = csv.DictReader(files["data/zero-one.csv"].open(encoding="utf-8"))
    assert row["size"] == "5000000"
    assert "\x1b" not in row["package_id"]


def test_a_figure_is_in_the_colours_of_the_page_and_black_in_files(made: MadeReport, corpus: Corpus) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    drawn = draw(made.parts[0], corpus)
    assert drawn is not None
    assert "currentColor" in drawn.svg
    assert "currentColor" not in drawing.on_paper(drawn.svg)
    assert drawing.zoomable(drawn.specified)["params"][0]["select"]["encodings"] == ["x"]
    assert draw(made.parts[1], corpus) is None


def test_ids_of_figures_do_not_meet(corpus: Corpus) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")

    def chart(answer: Answer, corpus: Corpus) -> Any:
        return figures.tiles(answer, corpus, x="package_id", y="package_id", value="size")

    made = make(report(part(chart=chart), part(name="two", chart=chart)), corpus)
    page = render_page([section(made, corpus)], corpus, title="x")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert all(used in ids for used in re.findall(r"url\(#([^)]+)\)", page))


def test_without_the_libraries_for_figures_there_are_tables(
    made: MadeReport, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "installed", lambda: False)
    assert section(made, corpus).parts[0].figure is None
    with pytest.raises(UsageError) as raised:
        list(write(made, corpus, Path("nowhere"), ["png"]))
    assert raised.value.hint == 'pip install "nngauge[report]"'


# --- the command line ---------------------------------------------------------------------------------------------------


def test_the_screen_is_quiet_about_escapes_and_loud_about_what_is_missing(folder: Path) -> None:
    answer = run(folder, "prevalence", "latency")
    assert answer.exit_code == 0
    assert "runtime present" in answer.output
    assert "no data: " in answer.output
    assert "nngauge study metadata" in answer.output
    assert "\x1b" not in answer.output


def test_json_for_programs(folder: Path) -> None:
    (told,) = msgspec.json.decode(run(folder, "R1", "--json").stdout_bytes)
    assert (told["schema"], told["id"]) == ("nngauge.report/1", "R1")
    first, *_ = (item for item in told["parts"] if item["name"] == "by-snapshot")
    assert first["rows"][0]["packages"] == 1
    assert first["columns"][4]["unit"] == "share"
    (weighted,) = (item for item in told["parts"] if item["name"] == "weighted")
    assert weighted["rows"] is None
    assert weighted["refusal"]["kind"] == "no data"


def test_files_for_a_paper(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("altair", reason="the extra `report` is not installed")
    answer = run(folder, "R1", "--csv", "--svg", "--to", tmp_path / "out")
    assert answer.exit_code == 0
    assert (tmp_path / "out/data/prevalence-kinds.csv").is_file()
    assert (tmp_path / "out/figures/prevalence-kinds.svg").is_file()
    assert run(folder, "R1", "--html", tmp_path / "page", "--quiet").exit_code == 0
    assert "How common AI is" in (tmp_path / "page/index.html").read_text("utf-8")


def test_a_folder_that_cannot_be_written_is_named(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    answer = run(folder, "R1", "--csv", "--to", tmp_path / "taken")
    assert (answer.exit_code, "taken" in answer.output) == (2, True)


def test_the_list_of_reports() -> None:
    told = msgspec.json.decode(run("--list", "--json").stdout_bytes)
    assert [item["id"] for item in told[:3]] == ["R1", "R2", "R3"]
    assert "prevalence" in run("--list").output
    assert isinstance(run().exception, UsageError)
