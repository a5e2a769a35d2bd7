"""Who may ask: host names, tokens, methods, other sites; and what every answer says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from nngauge.page.environment import SERVED_POLICY
from nngauge.web.explorer import Explorer
from nngauge.web.serving import build

TOKEN = "a-token-of-sufficient-length"


@pytest.fixture(scope="module")
def locked(study: Path) -> Iterator[TestClient]:
    explorer = Explorer(study, keep=False)
    explorer.start(wait=60)
    app = build(explorer, names=("study.example",), any_address=True, token=TOKEN)
    with TestClient(app, base_url="http://192.0.2.7:8321", follow_redirects=False) as found:
        yield found


@pytest.mark.parametrize("host", ["localhost", "localhost:8321", "127.0.0.1:1", "[::1]:8321", "LOCALHOST"])
def test_this_machine_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/apps", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.7", "", "localhost:1:2", "[::1", "@localhost"]
)  # fmt: skip
def test_names_that_were_pointed_here_are_not(client: TestClient, host: str) -> None:
    answer = client.get("/apps", headers={"Host": host})
    assert answer.status_code == 421
    assert "App 0" not in answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(client: TestClient, method: str) -> None:
    assert client.request(method, "/apps").status_code == 405


@pytest.mark.parametrize("address", ["/", "/apps.json", "/nothing", "/static/style.css", "/sql?q=x"])
def test_every_answer_is_strict(client: TestClient, address: str) -> None:
    headers = client.get(address).headers
    assert headers["content-security-policy"] == SERVED_POLICY
    assert "unsafe" not in SERVED_POLICY
    assert "default-src 'none'" in SERVED_POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "set-cookie" not in headers
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


def test_other_sites_may_link_but_not_ask(client: TestClient) -> None:
    def status(address: str, site: str, mode: str) -> int:
        return client.get(address, headers={"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}).status_code

    assert status("/apps", "cross-site", "navigate") == 200
    assert status("/apps", "cross-site", "no-cors") == 403
    assert status("/apps.json", "same-site", "cors") == 403  # another port of this machine
    assert status("/sql?q=SELECT+1", "cross-site", "navigate") == 403
    assert status("/sql?q=SELECT+1", "same-origin", "navigate") == 200
    assert status("/apps", "none", "navigate") == 200


def test_without_the_token_nothing_is_told(locked: TestClient) -> None:
    for address in ("/", "/apps.json", "/static/style.css", "/?token=wrong", f"/?token={TOKEN}x", "/?token=%ff"):
        answer = locked.get(address)
        assert answer.status_code == 401
        assert "script" not in answer.text
        assert "set-cookie" not in answer.headers


def test_the_token_becomes_a_cookie_and_leaves_the_address(locked: TestClient) -> None:
    answer = locked.get(f"/apps?q=a&token={TOKEN}")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/apps?q=a"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    name, _, value = cookie.partition(";")[0].partition("=")
    locked.cookies.clear()
    assert locked.get("/apps", headers={"Cookie": f"a=b; {name}={value}"}).status_code == 200
    assert locked.get("/apps", headers={"Cookie": f"{name}={value[:-1]}"}).status_code == 401


def test_programs_show_it_as_bearer(locked: TestClient) -> None:
    locked.cookies.clear()
    assert locked.get("/apps.json", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert locked.get("/apps.json", headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401


def test_redirects_stay_here(locked: TestClient) -> None:
    for path in ("/a", "//evil.example/", "/\\evil.example/", "/%0d%0aX: y"):
        locked.cookies.clear()
        place = locked.get(f"http://192.0.2.7:8321{path}?token={TOKEN}").headers["location"]
        assert place.startswith("/")
        assert not place.startswith(("//", "/\\"))
        assert "\n" not in place
    locked.cookies.clear()


def test_elsewhere_names_are_named(locked: TestClient) -> None:
    shown = {"Authorization": f"Bearer {TOKEN}"}
    assert locked.get("/apps", headers={**shown, "Host": "study.example"}).status_code == 200
    assert locked.get("/apps", headers={**shown, "Host": "[2001:db8::1]:80"}).status_code == 200
    assert locked.get("/apps", headers={**shown, "Host": "other.example"}).status_code == 421
