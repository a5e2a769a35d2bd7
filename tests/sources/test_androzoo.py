"""AndroZoo: a long list, a key that nobody may see, and a server that wants to be asked gently."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("urllib3", reason="addresses are fetched with urllib3")

from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.domain.study import Item, State
from nngauge.errors import AccessError, InputError, MalformedError, TransientError, UnreadableError, UsageError
from nngauge.sources import androzoo as source
from nngauge.sources import source_for
from nngauge.sources._turns import Turns
from tests.builders.androzoo import HEADER, KEY, AndroZoo, androzoo, listed, row
from tests.builders.packages import apk
from tests.builders.studying import Bench, bench
from tests.builders.webserver import Answer

A, B, C = (apk({"assets/x": name.encode() * 1000}) for name in "abc")


@pytest.fixture
def zoo(monkeypatch: pytest.MonkeyPatch) -> Iterator[AndroZoo]:
    with androzoo() as running:
        for data in (A, B, C):
            running.put(data)
        monkeypatch.setenv("ANDROZOO_APIKEY", KEY)
        monkeypatch.setenv("ANDROZOO_API", running.api)
        yield running


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return bench(tmp_path, monkeypatch)


def written(folder: Path, *rows: str | bytes, header: str = HEADER, packed: bool = True) -> str:
    path = folder / ("latest.csv.gz" if packed else "latest.csv")
    path.write_bytes(listed(rows, header, packed=packed))
    return f"androzoo:{path}"


def items(locator: str) -> list[Item]:
    found = source_for(locator)
    assert found.name == "androzoo"
    return list(found.items(locator, {}))


def name_of(data: bytes) -> str:
    return f"androzoo:{hashlib.sha256(data).hexdigest()}"


# --- the list ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [True, False])
def test_rows_are_items(tmp_path: Path, packed: bool) -> None:
    digest = hashlib.sha256(A).hexdigest()
    assert items(written(tmp_path, row(A), packed=packed)) == [
        Item(
            locator=f"androzoo:{digest}", size=len(A), stamp=digest, sha256=digest, package_id="com.example.a",
            version_code="7",
        )
    ]  # fmt: skip


def test_columns_may_stand_in_any_order_and_be_more(tmp_path: Path) -> None:
    header = "added,apk_size,sha256,pkg_name,markets"
    digest = hashlib.sha256(A).hexdigest()
    (found,) = items(written(tmp_path, f'2026-01-02 03:04:05.123,12,{digest},"a,b",x', header=header))
    assert (found.size, found.package_id, found.version_code) == (12, "a,b", None)
    asked = written(tmp_path, f'2026-01-02 03:04:05.123,12,{digest},"a,b",x', header=header)
    assert len(items(f"{asked}?date=added&from=2026-01-02")) == 1
    assert items(f"{asked}?date=added&from=2026-01-03") == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "abcd"), ("market=play.google.com", "abd"), ("market=anzhi", "bc"), ("market=anzhi,play.google.com", "abcd"),
        ("market=anzhi&market=x", "bc"), ("market=google", ""), ("package=com.b&package=com.c", "bc"),
        ("from=2026-01-01", "bc"), ("to=2025-12-31", "a"), ("from=2025-01-01&to=2026-06-30", "ab"),
        ("date=vt_scan_date&from=2026-06-01", "abcd"), ("max_size=200", "ab"), ("max_size=200B", "ab"), ("max_size=0.2", None),
        ("max_size=1k", "abcd"), ("max_detections=0", "abc"), ("sample=0", ""), ("sample=99", "abcd"),
        ("market=anzhi&max_size=200", "b"), ("apikey=S3CRET", None), ("from=yesterday", None), ("date=other", None),
    ],
)  # fmt: skip
def test_settings_choose_rows(tmp_path: Path, query: str, expected: str | None) -> None:
    rows = [
        row(b"a", "com.a", dex_date="2025-12-31 23:59:59", apk_size=100),
        row(b"b", "com.b", dex_date="2026-01-01 00:00:00", apk_size=200, markets="play.google.com|anzhi"),
        row(b"c", "com.c", dex_date="2026-12-31 00:00:00", apk_size=300, markets="anzhi"),
        row(b"d", "com.d", dex_date="", apk_size=400, vt_detection=3),
    ]
    locator = written(tmp_path, *rows) + (f"?{query}" if query else "")
    if expected is None:
        with pytest.raises(UsageError) as caught:
            items(locator)
        assert "S3CRET" not in str(caught.value)
    else:
        assert sorted((item.package_id or "")[-1] for item in items(locator)) == list(expected)


def test_a_sample_depends_on_the_seed_and_the_digests_only(tmp_path: Path) -> None:
    rows = [row(str(number).encode(), f"p{number}") for number in range(300)]
    locator = written(tmp_path, *rows)
    ten, again = items(f"{locator}?sample=10"), items(f"{locator}?sample=10&seed=0")
    assert len(ten) == 10
    assert ten == again
    assert set(map(repr, ten)) <= set(map(repr, items(f"{locator}?sample=20"))), "a part of every larger one"
    assert ten != items(f"{locator}?sample=10&seed=other")
    assert ten == items(written(tmp_path, *reversed(rows)) + "?sample=10"), "whatever the order"
    counts = [0] * 3
    for seed in range(100):
        for item in items(f"{locator}?sample=30&seed={seed}"):
            counts[int((item.package_id or "p0")[1:]) // 100] += 1
    assert all(850 < count < 1150 for count in counts), "all are as likely"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (row(B, sha256="12"), "not 64 hexadecimal"), (row(B, sha256="Z" * 64), "not 64 hexadecimal"),
        (row(B, apk_size="x"), "size is no number"), (row(B, apk_size=""), "size is no number"),
        (row(B, apk_size="9" * 30), "size is no number"), ("a,b", "2 columns, the first row names 11"), ("", "columns"),
        (row(B, pkg_name='"a'), "no CSV"), (b"\xff", "no text"), (b"x" * 70_000, "no text, or too long"),
    ],
)  # fmt: skip
def test_bad_rows_are_items_that_fail(tmp_path: Path, study: Bench, zoo: AndroZoo, line: str | bytes, why: str) -> None:
    locator = written(tmp_path, row(A), line, row(C))
    assert study.add(locator) == (3, 0)
    study.run()
    assert study.states == {State.DONE: 2, State.FAILED: 1}
    assert why in study.items[f"{locator}#row=3"]["reason"]


def test_odd_versions_and_dates_are_no_reason_to_refuse(tmp_path: Path) -> None:
    odd = row(A, vercode="", dex_date="1980-00-00", vt_detection="", vt_scan_date="", markets="")
    assert [item.version_code for item in items(written(tmp_path, odd))] == [None]


def test_what_is_no_list_is_refused(tmp_path: Path) -> None:
    for header in ("", "<html>", "name,size", "\0"):
        with pytest.raises(MalformedError, match="not a list of AndroZoo"):
            items(written(tmp_path, header=header))
    with pytest.raises(MalformedError, match="no column markets"):
        items(written(tmp_path, header="sha256,apk_size") + "?market=x")
    with pytest.raises(UnreadableError):
        items("androzoo:/nowhere/latest.csv.gz")


def test_the_list_behind_an_address(zoo: AndroZoo) -> None:
    zoo.site.files["lists/latest.csv.gz"] = listed([row(A), row(B)])
    place = f"androzoo:{zoo.site.url('lists/latest.csv.gz')}"
    assert len(items(place)) == 2
    assert len(items(f"{place}?sample=1")) == 1
    with pytest.raises(UsageError, match="secret"):
        items("androzoo:https://example.org/latest.csv?apikey=1?sample=1")
    assert not any("apikey" in path for _, path, _ in zoo.site.asked), "nobody needs a key for the list"


# --- packages ---------------------------------------------------------------------------------------------------------


def test_packages_come_with_the_key_and_are_what_was_asked_for(tmp_path: Path, study: Bench, zoo: AndroZoo) -> None:
    study.add(written(tmp_path, row(A), row(B)))
    results = study.run()
    assert {type(result) for result in results.values()} == {Scan}
    assert study.items[name_of(A)]["fetched"] == len(A)
    assert study.items[name_of(A)]["app"] == hashlib.sha256(A).hexdigest()
    assert f"/api/download?apikey={KEY}&sha256={hashlib.sha256(A).hexdigest().upper()}" in [
        p for _, p, _ in zoo.site.asked
    ]
    study.add(written(tmp_path, row(A), row(C)), "2026-12")
    before = zoo.downloads
    study.run()
    assert zoo.downloads == before + 1, "what is known is not fetched again"
    assert study.states[State.DONE] == 2


Fault = Callable[[Answer], None]


def _set(**what: Any) -> Fault:
    def fault(answer: Answer) -> None:
        for name, value in what.items():
            setattr(answer, name, value)

    return fault


def _first(count: int, fault: Fault) -> Fault:
    return lambda answer: fault(answer) if answer.number <= count else None


@pytest.mark.parametrize(
    ("fault", "state", "error", "says"),
    [
        (_set(), State.DONE, None, ""),
        (_first(1, _set(status=429)), State.DONE, None, ""),
        (_first(2, _set(status=503, headers={"Retry-After": "5"})), State.DONE, None, ""),
        (_first(1, _set(status=503, headers={"Retry-After": "60"})), State.DONE, None, ""),
        (_first(3, _set(cut=700)), State.DONE, None, ""),
        (_first(9, _set(status=500)), State.DONE, None, ""),
        (_set(status=503), State.QUARANTINED, "TransientError", "answers 503"),
        (_set(status=429, headers={"Retry-After": "99999"}), State.QUARANTINED, "TransientError", "left alone"),
        (_set(cut=0), State.QUARANTINED, "TransientError", "connection"),
        (_set(status=403), State.FAILED, "AccessError", "refuses (403)"),
        (_set(status=401), State.FAILED, "AccessError", "credentials"),
        (_set(status=404), State.FAILED, "UnreadableError", "no such file"),
        (_set(status=410), State.FAILED, "UnreadableError", "any more"),
        (lambda answer: answer.give(B), State.FAILED, "MalformedError", "promised"),
        (lambda answer: answer.give(A[:-1] + b"\1"), State.FAILED, "MalformedError", "its SHA-256 is"),
        (lambda answer: answer.give(A[:-1]), State.FAILED, "MalformedError", "promised"),
        (_set(status=302, headers={"Location": "/nowhere"}), State.FAILED, "UnreadableError", "no such file"),
        (_set(status=302, headers={"Location": "/api/download"}), State.FAILED, "UnreadableError", "for ever"),
    ],
)
def test_every_fault_ends_in_one_result_or_one_failure(
    tmp_path: Path, study: Bench, zoo: AndroZoo, fault: Fault, state: State, error: str | None, says: str
) -> None:
    data = apk({"assets/x": b"fault"})
    zoo.put(data)
    zoo.fault = lambda answer: fault(answer) if "download" in answer.path else None
    if error == "MalformedError":
        data = A
    study.add(written(tmp_path, row(data)))
    study.run()
    found = study.items[name_of(data)]
    assert (found["state"], found["error"]) == (state, error)
    assert says in (found["reason"] or "")
    zoo.fault = _set()
    with_retry(study)
    assert study.items[name_of(data)]["state"] == "done", "study retry is enough when the server is well again"


def with_retry(study: Bench) -> None:
    from nngauge.study import Study

    study.clock.sleep(200_000)
    with Study.open(study.folder) as opened:
        opened.ledger.retry()
    study.run()


def test_a_redirect_does_not_take_the_key_along_nor_leave_https(
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    study: Bench,
    zoo: AndroZoo,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("cryptography")
    from tests.builders.keys import server_context
    from tests.builders.webserver import served

    context, trust = server_context(tmp_path_factory.mktemp("tls"))
    monkeypatch.setenv("SSL_CERT_FILE", str(trust))
    with served({}, context) as safe:
        safe.fault = _set(status=302, headers={"Location": zoo.site.url("a.apk")})
        monkeypatch.setenv("ANDROZOO_API", safe.url("api/download"))
        study.add(written(tmp_path, row(A)))
        study.run()
    assert "from https to http" in study.items[name_of(A)]["reason"]
    assert zoo.site.asked == []


# --- the key ----------------------------------------------------------------------------------------------------------


def test_the_key_is_nowhere(
    tmp_path: Path, study: Bench, zoo: AndroZoo, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    faults: list[Fault] = [
        _set(), _set(status=403), _set(status=503), _set(cut=10), lambda answer: answer.give(B),
        _set(status=302, headers={"Location": "http://127.0.0.1:1/gone"}), _set(headers={"Content-Encoding": "gzip"}),
        _set(headers={"Bad Header": "x"}),
    ]  # fmt: skip
    rows = []
    for number, fault in enumerate(faults):
        rows.append(row(zoo.put(apk({"assets/x": f"key {number}".encode()}))))
        digest = rows[-1][:64]
        before = zoo.fault
        zoo.fault = lambda answer, digest=digest, fault=fault, before=before: (  # type: ignore[misc]
            fault(answer) if digest in answer.path else before(answer)
        )
    study.add(written(tmp_path, *rows))
    results = study.run()
    assert sum(KEY in path for _, path, _ in zoo.site.asked) > len(faults), "it was used"
    assert {type(result) for result in results.values()} == {Scan, Failure}
    told = repr(results) + repr(study.items) + repr(study.facts) + caplog.text
    assert "urllib3" in caplog.text
    assert KEY not in told
    assert KEY.lower() not in told.lower()
    for path in tmp_path.rglob("*"):
        assert KEY not in path.name
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), path
    assert source.SOURCE.secrets == ("ANDROZOO_APIKEY",)


@pytest.mark.parametrize(
    "key", [None, "", "  ", "short", "has space in it", "has\nnewline", "pass%20word/&?#", "ключ-ключ"]
)
def test_without_a_key_each_package_is_a_failure_that_says_what_to_do(
    tmp_path: Path, study: Bench, zoo: AndroZoo, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    if key is None:
        monkeypatch.delenv("ANDROZOO_APIKEY")
    else:
        monkeypatch.setenv("ANDROZOO_APIKEY", key)
    study.add(written(tmp_path, row(A)))
    problem = study.run()[name_of(A)]
    assert isinstance(problem, Failure)
    assert problem.error == "AccessError"
    assert not (key and key.strip()) or key.strip() not in f"{problem}"
    assert zoo.downloads == 0
    monkeypatch.setenv("ANDROZOO_APIKEY", f" {KEY}\n")
    from nngauge.study import Study

    with Study.open(study.folder) as opened:
        assert opened.ledger.retry(error="AccessError") == 1
    assert isinstance(study.run()[name_of(A)], Scan)


@pytest.mark.parametrize(
    "server", ["http://example.org/api", "ftp://example.org", "https://example.org/api?x=1", "https://u:p@example.org/"]
)
def test_the_key_does_not_travel_unprotected(
    tmp_path: Path, study: Bench, zoo: AndroZoo, monkeypatch: pytest.MonkeyPatch, server: str
) -> None:
    monkeypatch.setenv("ANDROZOO_API", server)
    study.add(written(tmp_path, row(A)))
    assert study.run()[name_of(A)].error == "UsageError"  # type: ignore[union-attr]


def test_the_usual_server_is_androzoo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANDROZOO_API", raising=False)
    assert source._server() == "https://androzoo.uni.lu/api/download"


# --- turns ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"androzoo.parallel": "0"},
        {"androzoo.parallel": "21"},
        {"androzoo.parallel": "x"},
        {"androzoo.per_minute": "-1"},
        {"androzoo.per_minute": "nan"},
    ],
)
def test_settings_that_would_hurt_the_server_are_wrong(
    tmp_path: Path, study: Bench, zoo: AndroZoo, settings: dict[str, str]
) -> None:
    study.add(written(tmp_path, row(A)))
    assert study.run(settings)[name_of(A)].error == "UsageError"  # type: ignore[union-attr]
    assert zoo.downloads == 0


def test_no_more_download_at_a_time_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zoo: AndroZoo
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    lock, gate = threading.Lock(), threading.Event()
    now = most = 0

    def slow(_: Answer) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        gate.wait(0.1)
        with lock:
            now -= 1

    zoo.fault = slow
    found = items(written(tmp_path, *[row(zoo.put(apk({"assets/x": str(number).encode()}))) for number in range(9)]))

    def fetch(item: Item) -> None:
        with source.SOURCE.open(item, {"androzoo.parallel": "2"}) as opened:
            assert opened.fetched == item.size

    threads = [threading.Thread(target=fetch, args=(item,)) for item in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert zoo.downloads == 9
    assert most == 2


def test_a_server_that_asks_for_rest_gets_it_from_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = bench(tmp_path, monkeypatch)
    one, other = Turns("x", 2), Turns("x", 2)
    one.hold(100)
    with other.turn():
        pass
    assert sum(study.clock.pauses) == pytest.approx(100, abs=2)
    one.hold(1000)
    with pytest.raises(TransientError, match="left alone"), other.turn():
        pass
    assert sum(study.clock.pauses) == pytest.approx(220, abs=2), "no queue fails while a server rests"
    with Turns("y", 1).turn():
        assert sum(study.clock.pauses) == pytest.approx(220, abs=2), "another server is another matter"


def test_starts_keep_their_distance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = bench(tmp_path, monkeypatch)
    turns = Turns("x", 5, interval=6.0)
    for _ in range(4):
        with turns.turn():
            pass
    assert sum(study.clock.pauses) == pytest.approx(18, abs=2)


def test_who_waits_too_long_is_put_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = bench(tmp_path, monkeypatch)
    turns = Turns("x", 1, patience=5)
    with turns.turn(), pytest.raises(TransientError, match="all 1 places"), turns.turn():
        pass
    assert sum(study.clock.pauses) == pytest.approx(5, abs=1)
    with turns.turn():
        pass


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = tmp_path / f"nngauge-{os.getuid()}"
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UnreadableError, match="somebody else"):
        Turns("x", 1)
    folder.unlink()
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(UnreadableError, match="somebody else"):
        Turns("x", 1)


def test_nothing_but_input_errors_comes_from_any_list(tmp_path: Path) -> None:
    import random

    chance = random.Random(2)
    good = listed([row(A), row(B)], packed=False)
    for number in range(400):
        data = bytearray(good if number % 3 else listed([row(A)]))
        for _ in range(chance.randrange(5)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "f").write_bytes(bytes(data))
        try:
            items(f"androzoo:{tmp_path / 'f'}?max_size=1G&max_detections=3&from=2020-01-01")
        except InputError:
            continue
    assert issubclass(AccessError, UnreadableError)
