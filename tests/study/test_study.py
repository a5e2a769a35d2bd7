"""Runs of a study: what is looked at, what again, what a source or an engine does to it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.domain.study import Item, State
from nngauge.errors import TransientError, UsageError
from nngauge.packages import open_package
from nngauge.pipeline import Scanner
from nngauge.runners.tasks import Limits, Reply, Settings, Task, attempt, failed, run_failure
from nngauge.sources import Source, source_for
from nngauge.store import shards
from nngauge.store.blobs import blob_path
from nngauge.study import Engine, Outcome, Study, look
from tests.builders.samples import model

SCANNER = Scanner()


@pytest.fixture(autouse=True)
def _journal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "installed", lambda: False)


def here(tasks: Iterator[Task]) -> Iterator[tuple[Task, Reply]]:
    """An engine without processes."""
    for task in tasks:
        yield task, attempt(SCANNER, task, Settings())


def app(folder: Path, name: str, text: str = "text") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", text)
    return path


def run(study: Path, engine: Engine = here, **settings: object) -> list[Outcome]:
    with Study.open(study) as opened:
        return list(opened.run(engine=engine, sleep=lambda _: None, settings=Settings(**settings)))  # type: ignore[arg-type]


def states(study: Path) -> dict[State, int]:
    with look(study) as ledger:
        return ledger.progress()[0].counts


@pytest.fixture
def study(tmp_path: Path) -> Path:
    apps = tmp_path / "apps"
    apps.mkdir()
    for name in ("a.apk", "b.apk"):
        app(apps, name, name)
    with Study.create(tmp_path / "study") as made:
        assert made.add(str(apps), "2026-11") == (2, 0)
    return tmp_path / "study"


# --- what is looked at --------------------------------------------------------------------------------------------------


def test_every_item_is_looked_at_once(study: Path) -> None:
    assert sorted(Path(item.work.item.locator).name for item in run(study)) == ["a.apk", "b.apk"]
    assert run(study) == []


def test_other_rules_mean_looking_again(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(study)
    monkeypatch.setattr("nngauge.study.scan_key", lambda _: "other rules")
    assert len(run(study)) == 2


def test_the_next_snapshot_shares_what_is_known(study: Path, tmp_path: Path) -> None:
    run(study)
    with Study.open(study) as opened:
        opened.add(str(tmp_path / "apps"), "2026-12")
    assert [item.result for item in run(study)] == [None, None]
    with look(study) as ledger:
        assert ledger.counts()["result"] == 2


def test_a_package_that_cannot_be_opened_is_one_failure(study: Path, tmp_path: Path) -> None:
    (tmp_path / "apps" / "c.apk").write_bytes(b"no package")
    with Study.open(study) as opened:
        opened.add(str(tmp_path / "apps"), "2026-11")
    outcomes = run(study)
    assert sum(isinstance(item.result, Failure) for item in outcomes) == 1
    assert states(study) == {State.DONE: 2, State.FAILED: 1}


def test_a_package_that_is_gone_is_one_failure(study: Path, tmp_path: Path) -> None:
    (tmp_path / "apps" / "a.apk").unlink()
    assert {type(item.result) for item in run(study)} == {Scan, Failure}


# --- limits and lost workers --------------------------------------------------------------------------------------------


def failing(error: str, *, transient: bool) -> Callable[[Iterator[Task]], Iterator[tuple[Task, Reply]]]:
    def engine(tasks: Iterator[Task]) -> Iterator[tuple[Task, Reply]]:
        for task in tasks:
            yield task, failed(task, run_failure(task.item.locator, error, "stopped"), transient=transient)

    return engine


def test_what_a_limit_ended_is_tried_again_with_other_limits(study: Path) -> None:
    slow = failing("Timeout", transient=False)
    assert len(run(study, slow, limits=Limits(seconds=1))) == 2
    assert run(study, slow, limits=Limits(seconds=1)) == []
    assert len(run(study, limits=Limits(seconds=2))) == 2
    assert states(study) == {State.DONE: 2}
    assert run(study, limits=Limits(seconds=1)) == [], "a finished scan is kept whatever the limits"


def test_lost_workers_are_forgiven_twice(study: Path) -> None:
    outcomes = run(study, failing("WorkerDied", transient=True))
    assert [item.again for item in outcomes] == [True] * 4 + [False] * 2
    assert states(study) == {State.QUARANTINED: 2}
    with Study.open(study) as opened:
        assert opened.ledger.retry() == 2
    assert len(run(study)) == 2
    assert states(study) == {State.DONE: 2}


# --- sources ------------------------------------------------------------------------------------------------------------


def source(items: list[Item], opener: Callable[[Item], Path]) -> Source:
    @contextmanager
    def opened(item: Item, _: Mapping[str, str]) -> Iterator[object]:
        package = open_package(opener(item))
        yield SimpleNamespace(package=package, fetched=77)
        package.close()

    return Source(
        name="fake", title="Fake", example="fake://x", claims=lambda text: text.startswith("fake:"),
        items=lambda *_: iter(items), open=opened,
    )  # type: ignore[arg-type]  # fmt: skip


def with_source(study: Path, monkeypatch: pytest.MonkeyPatch, made: Source) -> None:
    monkeypatch.setattr("nngauge.sources.SOURCES", (made,))
    with Study.open(study) as opened:
        opened.add("fake://x", "2026-11")


def test_a_source_that_fails_for_now_is_asked_again_after_a_pause(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(study)
    fails = iter([True, True, False])

    def open_it(item: Item) -> Path:
        if next(fails):
            raise TransientError("503", where=item.locator)
        return tmp_path / "apps" / "a.apk"

    with_source(study, monkeypatch, source([Item(locator="fake://x/1")], open_it))
    clock = [1000.0]
    monkeypatch.setattr("time.time", lambda: clock[0])
    pauses: list[float] = []

    def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    with Study.open(study) as opened:
        outcomes = list(opened.run(engine=here, sleep=sleep, settings=Settings()))
    assert [item.again for item in outcomes] == [True, True, False]
    assert pauses == [10.0, 120.0]


def test_another_digest_than_promised_is_a_failure(
    study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = app(tmp_path, "c.apk", "c")
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    offered = [Item(locator="fake://x/1", sha256=right.upper()), Item(locator="fake://x/2", sha256="00" * 32)]
    with_source(study, monkeypatch, source(offered, lambda _: path))
    outcomes = {item.work.item.locator: item.result for item in run(study) if item.work.source == "fake"}
    assert isinstance(outcomes["fake://x/1"], Scan)
    assert isinstance(bad := outcomes["fake://x/2"], Failure)
    assert "promised" in bad.reason
    with look(study) as ledger:
        assert [row[11] for row in ledger.listing() if row[2] == "fake"] == [77, 0]


def test_a_locator_of_no_source_is_wrong_use() -> None:
    with pytest.raises(UsageError, match="no kind of source"):
        source_for("gopher://x")


# --- folders ------------------------------------------------------------------------------------------------------------


def test_a_study_is_made_once_and_opened_when_it_is_one(tmp_path: Path, study: Path) -> None:
    with pytest.raises(UsageError, match="is a study already"):
        Study.create(study)
    with pytest.raises(UsageError, match="is no study"):
        Study.open(tmp_path / "nothing")
    with Study.open(study), pytest.raises(UsageError, match="another run"):
        Study.open(study)
    with Study.open(study), look(study) as ledger:
        assert ledger.progress()[0].total == 2, "looking on is always possible"


# --- models -------------------------------------------------------------------------------------------------------------


def test_one_copy_of_a_model_that_many_apps_carry(tmp_path: Path) -> None:
    data = model("tflite")
    apps = tmp_path / "apps"
    apps.mkdir()
    for name in ("a", "b"):
        with zipfile.ZipFile(apps / f"{name}.apk", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"assets/{name}.tflite", data)
    settings = Settings(blobs=str(tmp_path / "study" / "blobs"))
    with Study.create(tmp_path / "study") as made:
        made.add(str(apps), "2026-11")
        list(
            made.run(
                engine=lambda tasks: ((task, attempt(SCANNER, task, settings)) for task in tasks), settings=settings
            )
        )
    kept = [path for path in (tmp_path / "study" / "blobs").rglob("*") if path.is_file()]
    assert kept == [blob_path(tmp_path / "study" / "blobs", hashlib.sha256(data).hexdigest())]
    assert kept[0].read_bytes() == data
    assert len(run(tmp_path / "study")) == 2, "without the models the results are others"
