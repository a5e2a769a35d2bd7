"""The listing as a file: made again after every change of the ledger, and only then."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nngauge.domain.study import Item
from nngauge.store import listing
from nngauge.store.ledger import Ledger
from nngauge.store.warehouse import Warehouse

pytest.importorskip("duckdb")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where listings were written, in place of links and copies."""
    places: list[Path] = []
    write = listing.write_parquet

    def counted(*arguments: object) -> None:
        places.append(arguments[-1])  # type: ignore[arg-type]
        write(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(listing, "write_parquet", counted)
    return places


def states(study: Path) -> list[tuple[str, str]]:
    with Ledger(study / "ledger.sqlite") as ledger, Warehouse(study, ledger) as facts:
        return facts.ask("SELECT locator, state FROM listing ORDER BY 1").rows


def test_it_is_made_again_after_a_change_and_only_then(tmp_path: Path, made: list[Path]) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add("2026-11", "folder", "apps", [Item(locator="a"), Item(locator="b")])
    assert states(tmp_path) == states(tmp_path) == [("a", "waiting"), ("b", "waiting")]
    assert len(made) == 1
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.lease(1)
        assert "changes" not in ledger.facts()
    assert states(tmp_path) == [("a", "leased"), ("b", "waiting")]
    assert len(made) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_is_kept_may_be_deleted_at_any_time(tmp_path: Path, made: list[Path]) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.add("2026-11", "folder", "apps", [Item(locator="a")])
        with Warehouse(tmp_path, ledger) as facts:
            shutil.rmtree(tmp_path / "cache")
            assert facts.ask("SELECT count(*) FROM listing").rows == [(1,)]
    (tmp_path / "cache").write_text("in the way")
    assert states(tmp_path) == states(tmp_path) == [("a", "waiting")]
    assert len(made) == 3


def test_a_reader_sees_one_moment(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as writer, Ledger(tmp_path / "ledger.sqlite") as reader:
        writer.add("2026-11", "folder", "apps", [Item(locator="a")])
        with reader.unchanging() as before:
            writer.lease(1)
            assert [row[6] for row in reader.listing()] == ["waiting"]
        with reader.unchanging() as after:
            assert [row[6] for row in reader.listing()] == ["leased"]
        assert after == before + 1
