"""Every page, as HTML and as JSON, says what is in the study; nothing in it is taken for markup."""

from __future__ import annotations

import html
import re
import time
from html.parser import HTMLParser
from typing import Any

import pytest
from starlette.testclient import TestClient

from nngauge.auditing.dossier import dossier_from
from nngauge.policy import RULE, findings
from nngauge.web.pages import VIEWS
from tests.web.made import HOSTILE, KEPT, SHARED, SNAPSHOTS, hostile_app, sha

APP = hostile_app().app.sha256
PAGES = (
    "/", "/apps", f"/apps/{APP}", "/models", f"/models/{SHARED}", f"/models/{KEPT}", f"/models/{KEPT}/graph", "/technologies",
    "/technologies/tflite", "/sdks", "/sdks/mlkit-face", "/compare", f"/compare/apps?first={APP}&second=com.example.p005",
    f"/compare/snapshots?first={SNAPSHOTS[0]}&second={SNAPSHOTS[1]}", "/reports", "/reports/prevalence", "/failures",
    "/failures?stage=package&error=TruncatedError", "/sql", "/sql?q=SELECT+label+FROM+app", "/addresses",
    "/apps?q=%3Cscript%3E", f"/apps?snapshot={SNAPSHOTS[0]}&verdict=model&technology=tflite&format=tflite&sort=size",
)  # fmt: skip
"""At least one of each kind."""


def patient(client: TestClient, address: str, **options: Any) -> Any:
    """The answer, once it is worked out."""
    for _ in range(200):
        answer = client.get(address, **options)
        if answer.status_code != 202:
            return answer
        assert answer.headers["retry-after"]
        time.sleep(0.1)
    return answer


def data(client: TestClient, address: str) -> dict[str, Any]:
    """What is in the JSON of a page."""
    path, mark, query = address.partition("?")
    answer = patient(client, f"{'/index' if path == '/' else path}.json{mark}{query}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()["data"]
    return found


def as_path(view_path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(view_path)))


def test_every_view_is_asked_here() -> None:
    asked = [page.partition("?")[0] for page in PAGES]
    left = [
        view.path for view in VIEWS if view.template and not any(as_path(view.path).fullmatch(page) for page in asked)
    ]
    assert left == []


class Markup(HTMLParser):
    """Collects what a page must not have."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.ids += [value or "" for name, value in attrs if name == "id"]


@pytest.mark.parametrize("page", PAGES)
def test_page_as_html(client: TestClient, page: str) -> None:
    answer = patient(client, page)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    markup = Markup()
    markup.feed(answer.text)
    for tag, attributes in markup.tags:
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
        assert "style" not in attributes, (tag, attributes)
        assert tag != "style"
        addresses = [value or "" for name, value in attributes.items() if name in {"src", "href", "action"}]
        assert not [value for value in addresses if re.match("//|(?!data:image/)[a-z]+:", value.lower())], (
            tag,
            attributes,
        )
    scripts = [attributes for tag, attributes in markup.tags if tag == "script"]
    assert [set(attributes) for attributes in scripts] == [{"src", "defer"}]
    assert len(markup.ids) == len(set(markup.ids))
    assert "\x1b" not in answer.text
    assert "\u202e" not in answer.text
    assert {"main", "nav", "header", "footer", "h1"} <= {tag for tag, _ in markup.tags}


@pytest.mark.parametrize("page", PAGES)
def test_page_as_json(client: TestClient, page: str) -> None:
    found = data(client, page)
    assert found["title"]
    by_header = patient(client, page, headers={"Accept": "application/json"}).json()
    assert by_header["schema"] == "nngauge.explorer/1"
    assert set(by_header["data"]) == set(found)


def test_overview_counts_with_denominators(client: TestClient) -> None:
    first, second = data(client, "/")["snapshots"]
    assert (first["snapshot"], first["apps"], second["apps"]) == ("2026-08", 65, 129)
    assert second["states"] == {"done": 129, "failed": 1}
    with_runtime = second["shares"][0]
    assert (with_runtime["apps"], with_runtime["whole"]) == (129 - 43, 129)


def test_search_and_filters(client: TestClient) -> None:
    assert data(client, "/apps?q=app+004")["total"] == 3  # App 004, and com.example.p004 twice
    assert data(client, "/apps?q=COM.EXAMPLE.P005")["total"] == 2
    assert data(client, "/apps?q=nothing+like+it")["apps"] == []
    assert data(client, "/apps?verdict=none")["total"] == 43
    assert data(client, f"/apps?snapshot={SNAPSHOTS[0]}")["total"] == 65
    assert data(client, "/apps?technology=tflite&verdict=none")["total"] == 0
    assert data(client, "/apps?sdk=mlkit-face")["total"] == 86
    assert data(client, "/apps?platform=ios")["total"] == 1
    titles = {item["name"]: item for item in data(client, "/apps")["filters"]}
    assert (
        titles["format"]["choices"] == [{"value": "tflite", "title": HOSTILE, "count": 86}]
        or titles["format"]["choices"][0]["count"] == 86
    )


@pytest.mark.parametrize("sort", ["package", "size", "models", "model_bytes"])
def test_walking_forth_and_back_shows_everything_once(client: TestClient, sort: str) -> None:
    address, seen = f"/apps?sort={sort}&rows=20", []
    while address:
        found = data(client, address)
        seen.append([app["app"] for app in found["apps"]])
        address, last = found["pages"]["after"], found
    flat = [app for part in seen for app in part]
    assert len(flat) == len(set(flat)) == 129
    back = []
    found = last
    while found["pages"]["before"]:
        found = data(client, found["pages"]["before"])
        back.append([app["app"] for app in found["apps"]])
    assert back == seen[-2::-1]
    assert not found["pages"]["first"]


def test_a_model_in_two_places_of_an_app_is_one(client: TestClient) -> None:
    found = data(client, f"/models/{KEPT}")
    assert (found["row"]["apps"], found["row"]["packages"], len(found["uses"])) == (1, 1, 1)
    assert found["uses"][0]["places"] == 2
    shared = data(client, f"/models/{SHARED}")
    assert shared["row"]["apps"] == 86
    assert shared["by_snapshot"] == [["2026-08", 43], ["2026-11", 86]]
    rest = data(client, shared["more_uses"].partition("#")[0])
    assert len(shared["uses"]) + len(rest["uses"]) == 86


def test_a_model_that_was_measured_says_so(client: TestClient) -> None:
    (run,) = data(client, f"/models/{KEPT}")["runs"]
    assert (run["engine"], run["threads"], run["launches"], run["joules"]) == ("litert", 1, 6, None)
    assert run["steady_low"] <= run["steady_seconds"] <= run["steady_high"]
    page = client.get(f"/models/{KEPT}").text
    assert "interval wider than asked for; outputs were not compared" in page
    assert "<img src=x" not in page
    assert data(client, f"/models/{SHARED}")["runs"] == []
    assert "Measurements" not in client.get(f"/models/{SHARED}").text


def test_models_by_the_beginning_of_their_digest(client: TestClient) -> None:
    assert [row["digest"] for row in data(client, f"/models?q={SHARED[:10]}")["models"]] == [SHARED]
    assert data(client, "/models?q=m10.tflite")["total"] == 1
    assert sha("model 128") in [row["digest"] for row in data(client, "/models?sort=size&rows=3")["models"]]


def test_relatives_by_structure_and_by_weights(client: TestClient) -> None:
    kin = {item["relation"]: item for item in data(client, f"/models/{SHARED}")["kin"]}
    assert (kin["same graph"]["count"], len(kin["same graph"]["models"])) == (88, 12)
    assert kin["near weights"]["shares"][0] == 1.0
    assert "same layers" not in kin  # each only in its closest relation


def test_graph_of_a_kept_model(client: TestClient) -> None:
    found = data(client, f"/models/{KEPT}/graph")
    assert found["layers"]
    picture = patient(client, found["picture"])
    assert picture.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in picture.headers["content-security-policy"]
    assert picture.text.startswith("<svg")
    assert client.get(f"/models/{SHARED}/graph").status_code == 404


def test_technology_with_versions_by_snapshot(client: TestClient) -> None:
    found = data(client, "/technologies/tflite")
    assert (found["by_snapshot"], found["of_snapshot"]) == ([43, 86], [65, 129])
    assert {row["version"]: row["apps"] for row in found["versions"]}["2.17.0"] == [42, 85]


def test_two_apps(client: TestClient) -> None:
    found = data(client, f"/compare/apps?first={sha('app 4')}&second={sha('app 5')}")
    assert [(item["change"], item["name"]) for item in found["models"]] == [
        ("removed", "m4.tflite"),
        ("added", "m5.tflite"),
    ]
    assert found["same_models"] == 1
    assert [item["change"] for item in found["technologies"]] == ["same"]


def test_snapshots(client: TestClient) -> None:
    difference = data(client, f"/compare/snapshots?first={SNAPSHOTS[0]}&second={SNAPSHOTS[1]}")["difference"]
    assert difference["first"]["name"] == SNAPSHOTS[0]
    assert client.get(f"/compare/snapshots?first={SNAPSHOTS[0]}&second=other").status_code == 400


def test_report_and_its_data(client: TestClient) -> None:
    report = data(client, "/reports/prevalence")["report"]
    assert report["schema"] == "nngauge.report/1"
    page = patient(client, "/reports/prevalence").text
    address = re.search(r'href="(data/[^"]+\.csv)"', page)
    assert address
    table = patient(client, f"/reports/{address[1]}")
    assert table.headers["content-type"] == "text/csv; charset=utf-8"
    assert table.text.splitlines()[0].split(",")[0] == "snapshot"
    assert client.get("/reports/data/../../../etc/passwd").status_code == 404
    assert client.get("/reports/data/nothing.csv").status_code == 404


def test_failures_with_reasons(client: TestClient) -> None:
    found = data(client, "/failures")
    assert [(item["error"], item["packages"]) for item in found["kinds"]] == [("NotThisFormat", 1)]
    assert found["items"][0]["reason"] == HOSTILE  # JSON says what is; pages make it harmless
    parts = data(client, "/failures?stage=package&error=TruncatedError")
    assert len(parts["part_rows"]) == 86


def test_an_app_is_told_what_could_be_better(client: TestClient) -> None:
    found = data(client, f"/apps/{APP}")
    wanted = findings(dossier_from(hostile_app()))
    told = {item["rule"] for item in found["findings"]}
    assert told >= {item.rule for item in wanted} != set(), (
        "the study knows more than the scan: it has analysed the models"
    )
    assert any(line.startswith("unused-runtime: ") for line in found["unchecked"]), "the study did not read the code"
    page = client.get(f"/apps/{APP}").text
    assert "What could be better" in page
    assert all(RULE[rule].broken in html.unescape(page) for rule in told)


def test_hostile_names_are_shown_as_texts(client: TestClient) -> None:
    page = client.get(f"/apps/{APP}").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert data(client, f"/apps/{APP}")["app"]["label"] == HOSTILE


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/nothing", 404), ("/nothing.json", 404), ("/apps/" + "0" * 64, 404), ("/apps/../../etc/passwd", 404), ("/apps/x", 404),
        ("/models/" + "g" * 64, 404), ("/technologies/none", 404), ("/sdks/none", 404), ("/reports/none", 404),
        ("/static/..%2f..%2fpyproject.toml", 404), ("/static/nothing", 404), ("/apps?sort=evil", 400), ("/apps?verdict=x", 400),
        ("/apps?rows=0", 400), ("/apps?rows=1e9", 400), ("/apps?rows=99999999999999", 400), ("/apps?after=1", 400), ("/apps?q=%00", 400),
        ("/apps?q=" + "a" * 201, 400), ("/compare/apps", 400), ("/compare/apps?first=a", 404), ("/models?after=%27", 400), ("/apps?q=" + "a" * 20_000, 414),
    ],
)  # fmt: skip
def test_what_is_not_there_or_out_of_bounds(client: TestClient, address: str, status: int) -> None:
    answer = client.get(address)
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize("value", ["' OR 1=1 --", '"; DROP TABLE app; --', "%", "_", "\\", "🙂" * 50, "a\u202eb"])
def test_words_are_never_sql(client: TestClient, value: str) -> None:
    for name in ("q", "technology", "category", "platform", "snapshot"):
        assert client.get("/apps", params={name: value}).status_code == 200
    for name in ("q", "format", "grade", "sdk"):
        assert client.get("/models", params={name: value}).status_code == 200
    assert data(client, "/apps")["whole"] == 129
