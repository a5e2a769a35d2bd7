"""Lists of addresses: every row ends as a result or as a failure that says which row and why."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("urllib3", reason="addresses are fetched with urllib3")

from nngauge.domain.outcome import Failure
from nngauge.domain.scan import Scan
from nngauge.domain.study import Item, State
from nngauge.errors import InputError, MalformedError, UnreadableError, UsageError
from nngauge.limits import MAX_LIST_LINE
from nngauge.sources import _lists, source_for, urls
from nngauge.sources._lists import BadRows
from tests.builders.packages import apk
from tests.builders.studying import Bench, bench
from tests.builders.webserver import Answer, Site, served

A, B = apk({"assets/a": b"a"}), apk({"assets/b": b"b" * 200_000})
DIGEST_A, DIGEST_B = (hashlib.sha256(data).hexdigest() for data in (A, B))


@pytest.fixture
def site() -> Iterator[Site]:
    with served({"a.apk": A, "b.apk": B}) as running:
        yield running


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return bench(tmp_path, monkeypatch)


def listed(folder: Path, *rows: str | bytes, name: str = "list.txt") -> str:
    text = b"".join((row if isinstance(row, bytes) else row.encode()) + b"\n" for row in rows)
    (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return f"urls:{folder / name}"


def items(locator: str) -> list[Item]:
    source = source_for(locator)
    assert source.name == "urls"
    return list(source.items(locator, {}))


# --- how lists are written --------------------------------------------------------------------------------------------


def test_text_with_and_without_digests(tmp_path: Path) -> None:
    rows = ["\ufeff# a list", "", "https://example.org/a,b.apk", f"  https://example.org/c.apk \t {DIGEST_A.upper()}  "]
    assert items(listed(tmp_path, *rows)) == [
        Item(locator="https://example.org/a,b.apk"),
        Item(locator="https://example.org/c.apk", stamp=DIGEST_A, sha256=DIGEST_A),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["list.csv", "list.csv.gz"])
def test_csv_with_names_in_any_order(tmp_path: Path, delimiter: str, name: str) -> None:
    rows = [("note", "SHA256", "URL", "package", "version_code", "size"), ("x", DIGEST_A, '"https://example.org/a.apk"', "a.b", "7", "12"), ("", "", "https://example.org/b.apk", "", "", "")]  # fmt: skip
    assert items(listed(tmp_path, *(delimiter.join(row) for row in rows), name=name)) == [
        Item(
            locator="https://example.org/a.apk", size=12, stamp=DIGEST_A, sha256=DIGEST_A, package_id="a.b",
            version_code="7",
        ),
        Item(locator="https://example.org/b.apk"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("apps/a.apk", "not an http address"),
        ("ftp://example.org/a.apk", "not an http address"),
        ("https://", "not an http address"),
        ("https://[", "not an http address"),
        ("https://user:S3CRET@example.org/a.apk", "holds a secret"),
        ("https://example.org/a.apk?X-Amz-Signature=S3CRET", "holds a secret"),
        ("https://example.org/\u202eapk.a", "characters"),
        ("https://example.org/a.apk 123", "not 64 hexadecimal digits"),
        (f"https://example.org/a.apk {DIGEST_A} more", "not 64 hexadecimal digits"),
        (b"https://example.org/\xff.apk", "no text"),
        (b"https://example.org/\0.apk", "no text"),
        ("https://example.org/" + "a" * MAX_LIST_LINE, "too long"),
    ],
)
def test_bad_rows_are_items_that_fail(tmp_path: Path, row: str | bytes, why: str) -> None:
    locator = listed(tmp_path, "https://example.org/a.apk", row, "https://example.org/z.apk")
    first, bad, last = items(locator)
    assert [first.locator, last.locator] == ["https://example.org/a.apk", "https://example.org/z.apk"]
    assert bad.locator == f"{locator}#row=2"
    assert why in (bad.stamp or "")
    assert "S3CRET" not in f"{bad}"
    with pytest.raises(MalformedError, match=why), urls.SOURCE.open(bad, {}):
        pass


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("https://example.org/a.apk", "1 columns, the first row names 3"),
        ("https://example.org/a.apk,,12a", "size is no number"),
        ("https://example.org/a.apk,,-1", "size is no number"),
        ('https://example.org/a.apk,"x', "no CSV"),
        (",,", "not an http address"),
    ],
)
def test_bad_rows_of_csv(tmp_path: Path, row: str, why: str) -> None:
    good, bad = items(listed(tmp_path, "url,sha256,size", "https://example.org/b.apk,,", row))
    assert good.locator == "https://example.org/b.apk"
    assert why in (bad.stamp or "")


def test_very_many_bad_rows_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_lists, "MAX_BAD_ROWS", 2)
    found = items(listed(tmp_path, "https://example.org/a.apk", *["bad"] * 5))
    assert [item.locator.partition("#")[2] for item in found[1:]] == ["row=2", "row=3", "rows"]
    assert found[-1].stamp == "bad row: 3 more"
    assert BadRows("urls", "x").count == 0


def test_a_list_without_any_address_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(MalformedError, match="none of its 2 rows"):
        items(listed(tmp_path, "<html>", "<body>"))
    assert items(listed(tmp_path, "# nothing yet")) == []


def test_lists_that_cannot_be_read(tmp_path: Path, site: Site) -> None:
    whole = gzip.compress(b"https://example.org/a.apk\n" * 10_000)
    (tmp_path / "cut.gz").write_bytes(whole[:-20])
    (tmp_path / "broken.gz").write_bytes(whole[:30] + b"\xff" * 20 + whole[50:])
    for name in ("cut.gz", "broken.gz"):
        with pytest.raises(MalformedError, match="breaks off or is damaged"):
            items(f"urls:{tmp_path / name}")
    for place in (str(tmp_path / "missing"), site.url("missing"), str(tmp_path)):
        with pytest.raises(UnreadableError):
            items(f"urls:{place}")
    with pytest.raises(UsageError, match="secret"):
        items("urls:https://user:pw@example.org/list")


# --- studies ----------------------------------------------------------------------------------------------------------


def test_each_row_ends_as_a_result_or_a_failure(study: Bench, site: Site, tmp_path: Path) -> None:
    site.files["more"] = b"not an app"
    rows = [
        f"{site.url('a.apk')} {DIGEST_A}", f"{site.url('b.apk')} {DIGEST_A}", site.url("more"), site.url("gone"), "bad row",
    ]  # fmt: skip
    assert study.add(listed(tmp_path, *rows)) == (5, 0)
    results = study.run()
    assert isinstance(results[site.url("a.apk")], Scan)
    assert study.states == {State.DONE: 1, State.FAILED: 4}
    why = {locator.rpartition("/")[2]: item["reason"] or "" for locator, item in study.items.items()}
    assert f"its SHA-256 is {DIGEST_B}, the source promised {DIGEST_A}" in why["b.apk"]
    assert "has no such file (404)" in why["gone"]
    assert "bad row: not an http address" in why["list.txt#row=5"]
    assert study.items[site.url("a.apk")]["fetched"] == len(A)
    assert study.run() == {}, "all is settled"


def test_a_list_behind_an_address(study: Bench, site: Site) -> None:
    site.files["list"] = f"{site.url('a.apk')} {DIGEST_A}\n{site.url('a.apk')} {DIGEST_A}\n".encode()
    assert study.add(f"urls:{site.url('list')}") == (1, 0)
    assert study.add(f"urls:{site.url('list')}") == (0, 0), "nothing changed"
    study.run()
    site.files["list"] = f"{site.url('a.apk')} {DIGEST_B}\n".encode()
    site.files["a.apk"] = B
    assert study.add(f"urls:{site.url('list')}") == (0, 1), "another digest is another package"
    assert isinstance(study.run()[site.url("a.apk")], Scan)


def test_without_a_digest_only_what_a_scan_needs_is_fetched(study: Bench, site: Site, tmp_path: Path) -> None:
    large = apk({"res/raw/film.mp4": b"\0\0\0\x18ftypisom" + random.Random(1).randbytes(2_000_000)})
    site.files["film.apk"] = large
    study.add(listed(tmp_path, site.url("film.apk")))
    assert isinstance(study.run()[site.url("film.apk")], Scan)
    assert study.items[site.url("film.apk")]["fetched"] < len(large) // 4


def test_what_fails_for_now_is_tried_three_times(study: Bench, site: Site, tmp_path: Path) -> None:
    site.fault = lambda answer: setattr(answer, "status", 503)
    study.add(listed(tmp_path, f"{site.url('a.apk')} {DIGEST_A}"))
    study.run()
    assert study.states == {State.QUARANTINED: 1}
    assert study.items[site.url("a.apk")]["attempts"] == 3
    assert "503" in study.items[site.url("a.apk")]["reason"]


def test_a_server_that_comes_back_is_enough(study: Bench, site: Site, tmp_path: Path) -> None:
    def fault(answer: Answer) -> None:
        if answer.number <= 6:
            answer.status = 503

    site.fault = fault
    study.add(listed(tmp_path, f"{site.url('a.apk')} {DIGEST_A}"))
    assert isinstance(study.run()[site.url("a.apk")], Scan)
    assert study.states == {State.DONE: 1}
    assert 10.0 in [round(pause, -1) for pause in study.clock.pauses]


def test_a_digest_that_is_wrong_is_wrong_before_anybody_looks_inside(study: Bench, site: Site, tmp_path: Path) -> None:
    site.files["page"] = b"<html>please log in</html>"
    study.add(listed(tmp_path, f"{site.url('page')} {DIGEST_A}"))
    problem = study.run()[site.url("page")]
    assert isinstance(problem, Failure)
    assert problem.error == "MalformedError"
    assert "promised" in problem.reason


def test_nothing_but_input_errors_comes_from_any_list(tmp_path: Path) -> None:
    chance = random.Random(1)
    seeds = [b"url,sha256\nhttps://a.b/c,\n", gzip.compress(b"https://a.b/c\n"), b"https://a.b/c " + b"0" * 64]
    for number in range(300):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        (tmp_path / "f").write_bytes(bytes(data[: chance.randrange(len(data) + 1)]) if number % 2 else bytes(data))
        try:
            items(f"urls:{tmp_path / 'f'}")
        except InputError:
            continue
