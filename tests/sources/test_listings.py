"""Tables of store listings: published ones as they are, cells in all their spellings, and rows that are none."""

from __future__ import annotations

import gzip
import json
import random
import tracemalloc
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from nngauge.domain.market import FIELDS
from nngauge.errors import InputError, LimitError, MalformedError, NngaugeError, UnreadableError, UsageError
from nngauge.sources import _listing_cells as cells
from nngauge.sources import listings as module
from nngauge.sources.listings import Listings, plain_name

NAMES = [field.name for field in FIELDS]


def table(place: Path, text: str | bytes, **told: Any) -> tuple[list[dict[str, Any]], Listings]:
    """Rows as dictionaries of what is not None, and the table after it was read."""
    file = place / "table"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = Listings(str(file), **told)
    rows = [
        {name: value for name, value in zip([*NAMES, "line"], row, strict=True) if value is not None} for row in found
    ]
    return rows, found


# --- published tables ---------------------------------------------------------------------------------------------------


def test_the_python_scraper(tmp_path: Path) -> None:
    """Keys and values of google-play-scraper's documented example."""
    row = {
        "title": "Pokémon GO", "appId": "com.nianticlabs.pokemongo", "description": "NEW!\r\nIt’s time", "installs":
        "100,000,000+", "minInstalls": 100000000, "realInstalls": 123456789, "score": 4.126332, "ratings": 12001843,
        "reviews": 4772986, "histogram": [1, 2, 3, 4, 5], "price": 0, "free": True, "currency": "USD", "offersIAP": True,
        "developer": "Niantic, Inc.", "developerId": "Niantic,+Inc.", "developerInternalID": "7632469272431224129",
        "genre": "Adventure", "genreId": "GAME_ADVENTURE", "familyGenre": None, "adSupported": False,
        "containsAds": False, "released": "Jul 6, 2016", "updated": 1563814423, "version": "0.149.0", "comments": ["no"],
    }  # fmt: skip
    rows, found = table(tmp_path, json.dumps(row), snapshot="2026-11")
    assert rows == [{
        "package_id": "com.nianticlabs.pokemongo", "snapshot": "2026-11", "title": "Pokémon GO",
        "category": "GAME_ADVENTURE", "downloads": 100_000_000, "downloads_exact": 123_456_789, "rating": 4.126332,
        "ratings": 12_001_843, "reviews": 4_772_986, "developer": "Niantic, Inc.", "developer_id": "Niantic,+Inc.",
        "price": 0.0, "currency": "USD", "free": True, "in_app": True, "ads": False, "released": "2016-07-06",
        "updated": "2019-07-22", "version": "0.149.0", "line": 1,
    }]  # fmt: skip
    assert (found.read, found.refused, found.unreadable.total()) == (1, 0, 0)
    (full,), _ = table(tmp_path, json.dumps(row), snapshot="2026-11", descriptions=True)
    assert full["description"] == "NEW!\r\nIt’s time"


def test_the_node_scraper(tmp_path: Path) -> None:
    row = {
        "appId": "com.dxco.pandavszombies", "title": "Panda vs Zombie", "minInstalls": 10000, "maxInstalls": 50000,
        "score": 4.9, "reviews": 2312, "developer": "DxCo Games", "updated": "May 26, 2015", "genreId": "GAME_ACTION",
        "price": "0", "free": True, "containsAds": True, "version": "1.4",
    }  # fmt: skip
    rows, _ = table(tmp_path, json.dumps(row), snapshot="s")
    assert rows[0]["downloads"] == 10_000
    assert "downloads_exact" not in rows[0], "the end of a bracket is no exact number"
    assert (rows[0]["updated"], rows[0]["price"], rows[0]["ads"]) == ("2015-05-26", 0.0, True)


def test_androzoo(tmp_path: Path) -> None:
    row = {
        "docid": "com.example.app", "backendDocid": "com.example.app", "title": "Example", "creator": "Example Ltd",
        "descriptionHtml": "<b>x</b>", "offer": [{"micros": "1990000", "currencyCode": "EUR", "formattedAmount": "1,99 €"}],
        "details": {"appDetails": {
            "packageName": "com.example.app", "numDownloads": "1,000,000+ downloads", "uploadDate": "Aug 26, 2023",
            "versionString": "1.2", "versionCode": 12, "containsAds": "Contains ads",
        }},
        "aggregateRating": {"starRating": 4.25, "ratingsCount": "1234", "commentCount": "56"},
        "relatedLinks": {"categoryInfo": {"appType": "APPLICATION", "appCategory": "TOOLS"}},
        "az_metadata_date": "2023-09-01T12:34:56.789012",
    }  # fmt: skip
    rows, found = table(tmp_path, gzip.compress(json.dumps(row).encode()))
    assert rows == [{
        "package_id": "com.example.app", "snapshot": "2023-09", "date": "2023-09-01", "title": "Example",
        "category": "TOOLS", "downloads": 1_000_000, "rating": 4.25, "ratings": 1234, "reviews": 56,
        "developer": "Example Ltd", "price": 1.99, "currency": "EUR", "free": False, "ads": True,
        "updated": "2023-08-26", "version": "1.2", "line": 1,
    }]  # fmt: skip
    assert found.used["category"] == "relatedLinks.categoryInfo.appCategory"


KAGGLE = (
    "App Name,App Id,Category,Rating,Rating Count,Installs,Minimum Installs,Maximum Installs,Free,Price,Currency,Size,"
    "Minimum Android,Developer Id,Developer Website,Developer Email,Released,Last Updated,Content Rating,Privacy Policy,"
    "Ad Supported,In App Purchases,Editors Choice,Scraped Time\n"
)
GAKONDO = (
    "Gakondo,com.ishakwe.gakondo,Adventure,0.0,0,10+,10,15,True,0,USD,10M,7.1 and up,Jean Confident Irénée NIYIZIBYOSE,"
    'https://x,a@b.c,"Feb 26, 2020","Feb 26, 2020",Everyone,https://x,False,False,False,2021-06-15 20:19:35\n'
)


def test_the_large_table_of_kaggle(tmp_path: Path) -> None:
    rows, found = table(tmp_path, KAGGLE + GAKONDO)
    assert rows == [{
        "package_id": "com.ishakwe.gakondo", "snapshot": "2021-06", "date": "2021-06-15", "title": "Gakondo",
        "category": "Adventure", "downloads": 10, "downloads_exact": 15, "ratings": 0, "price": 0.0, "currency": "USD",
        "developer_id": "Jean Confident Irénée NIYIZIBYOSE", "free": True, "in_app": False, "ads": False,
        "released": "2020-02-26", "updated": "2020-02-26", "line": 2,
    }]  # fmt: skip
    assert found.refused == 0


def test_a_table_without_package_ids_is_refused(tmp_path: Path) -> None:
    """The small table of Kaggle names apps by their titles only."""
    header = "App,Category,Rating,Reviews,Size,Installs,Type,Price,Content Rating,Genres,Last Updated,Current Ver,Android Ver"
    with pytest.raises(MalformedError, match=r"no column names a package: App, Category.*--column package_id=NAME"):
        table(tmp_path, f'{header}\nPhoto Editor,ART,4.1,159,19M,"10,000+",Free,0,E,Art,x,1,4\n', snapshot="s")


def test_our_own_names_are_understood(tmp_path: Path) -> None:
    values = {
        "package_id": "a.b", "snapshot": "2026-11", "date": "2026-11-20", "title": "T", "category": "TOOLS",
        "chart": "TOP_FREE", "rank": 3, "downloads": 1000, "downloads_exact": 1234, "rating": 4.5, "ratings": 10,
        "reviews": 2, "developer": "D", "developer_id": "1", "price": 0.0, "currency": "USD", "free": True,
        "in_app": False, "ads": True, "released": "2020-01-01", "updated": "2026-01-01", "version": "1",
        "description": "text",
    }  # fmt: skip
    assert set(values) == set(NAMES)
    for text in (json.dumps(values), ",".join(values) + "\n" + ",".join(map(str, values.values())) + "\n"):
        (row,), _ = table(tmp_path, text, descriptions=True)
        assert {**row, "line": 0} == {**values, "line": 0}


# --- names of columns ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Last Updated", "lastUpdated", "last_updated", " LAST-UPDATED "])
def test_spellings_of_a_name_are_one(name: str) -> None:
    assert plain_name(name) == "lastupdated"


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_marks_between_cells_are_found(tmp_path: Path, mark: str) -> None:
    rows, _ = table(tmp_path, f"package{mark}rank\r\na.b{mark}7\r\n", snapshot="s")
    assert rows == [{"package_id": "a.b", "snapshot": "s", "rank": 7, "line": 2}]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("handle,Place\na.b,7\n", {"package_id": "handle", "rank": "place"}),
        ('{"handle": "a.b", "where": {"is": [{"it": 7}]}}\n', {"package_id": "handle", "rank": "where.is.0.it"}),
        ('{"handle": "a.b", "where.is": 7}\n', {"package_id": "handle", "rank": "where.is"}),
        ("package,rank,other\na.b,1,7\n", {"rank": "other"}),
    ],
)
def test_names_can_be_told(tmp_path: Path, text: str, columns: Mapping[str, str]) -> None:
    rows, _ = table(tmp_path, text, snapshot="s", columns=columns)
    assert [(row["package_id"], row["rank"]) for row in rows] == [("a.b", 7)]


def test_told_names_that_are_not_there_are_the_users_mistake(tmp_path: Path) -> None:
    for text in ("package,x\na.b,1\n", '{"package": "a.b"}\n'):
        with pytest.raises(UsageError, match="nothing in the table is called 'placement'"):
            table(tmp_path, text, snapshot="s", columns={"rank": "placement"})
    with pytest.raises(UsageError, match=r"no field is called 'ranks'.*package_id"):
        Listings("x", columns={"ranks": "x"})


def test_where_the_best_column_is_empty_the_next_is_read(tmp_path: Path) -> None:
    lines = [{"package": "a.b", "minInstalls": None, "installs": "1,000+"}, {"package": "a.c", "installs": "10+"}]
    rows, _ = table(tmp_path, "\n".join(map(json.dumps, lines)), snapshot="s")
    assert [row["downloads"] for row in rows] == [1000, 10]
    rows, _ = table(tmp_path, 'package,installs,minInstalls\na.b,"1,000+",\n', snapshot="s")
    assert rows[0]["downloads"] == 1000


# --- cells --------------------------------------------------------------------------------------------------------------

COUNTS = {
    "1,000,000+": 1_000_000, "1.000.000+": 1_000_000, "1 000 000+": 1_000_000, "1\u00a0000": 1000, "1'000": 1000,
    "5,00,000+": 500_000, "10M+": 10_000_000, "1.5K": 1500, "2,5k": 2500, "1B+": 10**9, "1000.0": 1000, "1000000": 10**6,
    "500,000 - 1,000,000": 500_000, "500 – 1,000": 500, ">1000": 1000, "0+": 0, "0": 0, 7: 7, 8.0: 8,
    "1,000+ downloads": 1000, "10,000+ installs": 10_000, "12.345": 12_345,
}  # fmt: skip


@pytest.mark.parametrize(("value", "number"), COUNTS.items())
def test_counts(value: str | float, number: int) -> None:
    assert cells.count(value) == number


@pytest.mark.parametrize(
    "value", ["many", "-5", "1.5", "1e9", "10T", 1.5, True, "9" * 30, -1, 10**30, float("inf"), "1" * 200]
)
def test_what_is_no_count(value: str | float) -> None:
    with pytest.raises((ValueError, OverflowError)):
        cells.count(value)


def test_numbers_are_not_taken_for_flags_remembered_before() -> None:
    assert cells.flag(True) is True
    assert cells.count(1.0) == 1
    with pytest.raises(ValueError, match="not a count"):
        cells.count(True)


DAYS = {
    "2026-11-05": "2026-11-05", "2026/11/5": "2026-11-05", "2021-06-15 20:19:35": "2021-06-15",
    "2023-09-01T12:34:56.789Z": "2023-09-01", "Feb 26, 2020": "2020-02-26", "February 26, 2020": "2020-02-26",
    "26 Aug. 2023": "2023-08-26", "26-Aug-2023": "2023-08-26", "26.8.2023": "2023-08-26", 1563814423: "2019-07-22",
    1563814423000: "2019-07-22", "1563814423": "2019-07-22", "Sept 1, 2020": "2020-09-01",
}  # fmt: skip


@pytest.mark.parametrize(("value", "day"), DAYS.items())
def test_days(value: str | int, day: str) -> None:
    assert cells.day(value) == day


@pytest.mark.parametrize("value", ["8/9/2023", "26 août 2023", "2023-13-01", "2023-02-30", "yesterday", -1, True, 1e30])
def test_what_is_no_day(value: str | int) -> None:
    with pytest.raises(ValueError, match=r".+"):
        cells.day(value)


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0", 0), (0, 0), ("Free", 0), ("$4.99", 4.99), ("4,99 €", 4.99), ("US$4.99", 4.99), ("USD 4.99", 4.99),
        ("1.234,56 €", 1234.56), ("₹1,299.00", 1299), ("0.990000", 0.99), ("0.999", 0.999), ("¥1,200", 1200), (1.99, 1.99),
    ],
)  # fmt: skip
def test_prices(value: str | float, amount: float) -> None:
    assert cells.price(value) == amount


@pytest.mark.parametrize(("value", "stars"), [("4.5", 4.5), ("4,5", 4.5), (4.5, 4.5), (5, 5), (0, None), ("0.0", None)])
def test_ratings(value: str | float, stars: float | None) -> None:
    assert cells.rating(value) == stars


@pytest.mark.parametrize("value", ["19", 5.1, -1, "good", True])
def test_what_is_no_rating(value: str | float) -> None:
    with pytest.raises(ValueError, match=r"stars|number"):
        cells.rating(value)


@pytest.mark.parametrize(
    "reader", [cells.count, cells.rating, cells.price, cells.flag, cells.day, cells.text, cells.rank]
)
@pytest.mark.parametrize("value", ["", "NaN", "None", " null ", "N/A", "Varies with device"])
def test_nothing_is_nothing(reader: Any, value: str) -> None:
    assert reader(value) is None


@pytest.mark.parametrize("value", ["None", "NaN", "NULL"])
def test_apps_may_be_called_nothing(value: str) -> None:
    assert cells.title(value) == value


@given(some.one_of(some.text(), some.integers(), some.floats(), some.booleans()))
@settings(max_examples=300, deadline=None)
def test_readers_give_a_value_or_say_why_not(value: Any) -> None:
    for reader in (cells.count, cells.rank, cells.rating, cells.price, cells.flag, cells.day, cells.text, cells.title):
        with suppress(ValueError, OverflowError):
            reader(value)


# --- bad rows -----------------------------------------------------------------------------------------------------------


def test_bad_rows_are_counted_and_kept_with_their_line(tmp_path: Path) -> None:
    text = 'package,title,rank\na.b,"two\nlines",1\nno package here,x,2\na.c,x\n\na.d,x,first\n,x,3\na.e,x,5\n'
    rows, found = table(tmp_path, text, snapshot="s")
    assert [(row["package_id"], row["line"], row.get("rank")) for row in rows] == [
        ("a.b", 2, 1),
        ("a.d", 7, None),
        ("a.e", 9, 5),
    ]
    assert (found.read, found.refused, dict(found.unreadable)) == (6, 3, {"rank": 1})
    assert [(problem.line, problem.column, problem.reason) for problem in found.problems] == [
        (4, "", "no name of a package"),
        (5, "", "2 columns, the header has 3"),
        (7, "rank", "not a number"),
        (8, "", "no name of a package"),
    ]


def test_bad_lines_of_json(tmp_path: Path) -> None:
    lines = [
        '{"package": "a.b", "rank": 1}', '{"package": "a.c"', "[1, 2]", '{"title": "x"}', '{"package": ["a.d"], "rank": {"x": 1}}',
        '{"package": "a.e", "title": [["x"]]}', '{"package": "a.f", "title": "\\ud800"}', "nonsense", "",
        "[" * 5000, '{"package": "a.g", "rank": 1e30}',
    ]  # fmt: skip
    data = "\n".join(lines).encode() + b'\n{"package": "a.h", "title": "\xff"}\n'
    rows, found = table(tmp_path, data, snapshot="s")
    assert {row["package_id"] for row in rows} >= {"a.b", "a.d", "a.e", "a.g"}
    assert found.read == len(lines) == found.refused + len(rows)
    assert {2, 3, 4, 8, 10, 12} <= {problem.line for problem in found.problems if not problem.column}
    assert {(problem.line, problem.column) for problem in found.problems if problem.column} >= {
        (5, "rank"),
        (6, "title"),
        (11, "rank"),
    }
    json.dumps(rows, ensure_ascii=False).encode()


def test_only_the_first_hundred_are_kept_and_all_are_counted(tmp_path: Path) -> None:
    text = "package,rank\n" + "".join(f"a.b{at},x\n" for at in range(1000)) + "no id\n" * 500
    rows, found = table(tmp_path, text, snapshot="s")
    assert len(rows) == 1000
    assert (found.unreadable["rank"], found.refused, len(found.problems)) == (1000, 500, 100)


def test_a_quote_that_does_not_end_costs_few_rows(tmp_path: Path) -> None:
    good = "".join(f"a.b{at},title,{at + 1}\n" for at in range(40_000))
    rows, found = table(tmp_path, f'package,title,rank\nx.y,"open,1\n{good}', snapshot="s")
    assert found.refused >= 1
    assert "a quote that does not end" in found.problems[0].reason
    assert len(rows) > 30_000


def test_long_lines_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_LISTING_LINE", 200)
    long = "x" * 1000
    rows, found = table(tmp_path, f'package,title\na.b,{long}\na.c,"{long}\na.d,t\n', snapshot="s")
    assert [row["package_id"] for row in rows] == ["a.d"]
    assert [problem.reason for problem in found.problems] == ["a line that is too long"] * 2
    rows, found = table(tmp_path, f'{{"package": "a.b", "title": "{long}"}}\n{{"package": "a.c"}}\n', snapshot="s")
    assert ([row["package_id"] for row in rows], found.refused) == (["a.c"], 1)


def test_a_snapshot_is_needed_from_somewhere(tmp_path: Path) -> None:
    rows, found = table(tmp_path, "package,date\na.b,2026-11-05\na.c,\n")
    assert [row["snapshot"] for row in rows] == ["2026-11"]
    assert found.problems[0].reason == "neither a snapshot nor a date: --snapshot"
    rows, _ = table(tmp_path, "package,date,snapshot\na.b,2026-11-05,autumn\n")
    assert rows[0]["snapshot"] == "autumn"
    rows, _ = table(tmp_path, "package,date,snapshot\na.b,2026-11-05,autumn\n", snapshot="told")
    assert rows[0]["snapshot"] == "told"
    with pytest.raises(UsageError):
        Listings("x", snapshot="a\nb")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", MalformedError), (b"\n\n", MalformedError), (b'[{"package": "a.b"}]', MalformedError),
        (b"package\n", MalformedError), (b"package\nno id\n", MalformedError), (b"\x00\x01\x02", MalformedError),
        (gzip.compress(b"package\n" + b"a.b\n" * 9999)[:60], MalformedError), (b"\x1f\x8b\x08broken", MalformedError),
        (b'{"title": 1}\n', MalformedError), (b"PK\x03\x04" + bytes(100), MalformedError), (b"\xef\xbb\xbf", MalformedError),
    ],
)  # fmt: skip
def test_what_is_no_table(tmp_path: Path, data: bytes, kind: type[InputError]) -> None:
    with pytest.raises(kind):
        table(tmp_path, data, snapshot="s")


def test_no_file_no_rows_and_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableError):
        list(Listings(str(tmp_path / "absent")))
    with pytest.raises(UnreadableError):
        list(Listings(str(tmp_path)))
    monkeypatch.setattr(module, "MAX_LIST_ROWS", 2)
    with pytest.raises(LimitError):
        table(tmp_path, "package\na.b\na.c\na.d\n", snapshot="s")


def test_byte_order_marks_are_no_part_of_a_name(tmp_path: Path) -> None:
    for text in (b"package\na.b\n", b'{"package": "a.b"}\n'):
        rows, _ = table(tmp_path, b"\xef\xbb\xbf" + text, snapshot="s")
        assert rows[0]["package_id"] == "a.b"


def test_any_bytes_end_in_rows_or_a_declared_error(tmp_path: Path) -> None:
    dice = random.Random(5)
    seeds = [KAGGLE + GAKONDO * 3, '{"appId": "a.b", "offer": [{"x": 1}], "score": 4}\n' * 3]
    for at in range(400):
        data = bytearray(dice.choice(seeds).encode())
        for _ in range(dice.randrange(1, 12)):
            data[dice.randrange(len(data))] = dice.choice(b'",;\n\t{}[]:\\\x00\xff09a')
        with suppress(NngaugeError):
            table(tmp_path, bytes(data), snapshot="s" if at % 2 else "")


def test_memory_does_not_grow_with_rows(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text("package,title,developer\n" + "".join(f"a.b{at},Title {at},Dev {at}\n" for at in range(60_000)))
    tracemalloc.start()
    try:
        assert sum(1 for _ in Listings(str(file), snapshot="s")) == 60_000
        assert tracemalloc.get_traced_memory()[1] < 12_000_000
    finally:
        tracemalloc.stop()
