"""Object stores: against a real S3 server (moto), and against a server with faults that speaks just enough of S3."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nngauge.domain.study import Item
from nngauge.errors import AccessError, InputError, TransientError, UnreadableError, UnsupportedError, UsageError
from nngauge.io import remote
from nngauge.io.source import ByteSource
from nngauge.packages import PARTIAL, open_source
from nngauge.pipeline import Scanner
from nngauge.sources import source_for, store
from tests.builders import models, packages
from tests.builders.webserver import Answer, Clock, Site, served

obstore = pytest.importorskip("obstore", reason="the extra 'cloud' is not installed")
from obstore.store import S3Store  # noqa: E402

DATA = random.Random(5).randbytes(600_000)
SECRETS = {"AWS_ACCESS_KEY_ID": "AKIDS3CRET", "AWS_SECRET_ACCESS_KEY": "S3CRET", "AWS_SESSION_TOKEN": "S3CRETTOKEN"}


def app() -> bytes:
    chance = random.Random(9)
    pictures = {f"res/p{at}.png": b"\x89PNG\r\n\x1a\n" + chance.randbytes(30_000) for at in range(30)}
    return packages.apk({**pictures, "assets/model.tflite": models.tflite()})


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for names in store._CREDENTIALS.values():
        for name in names:
            monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setattr(remote, "_FIRST_PAUSE", 0.001)


# --- a real server ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server_module = pytest.importorskip("moto.server", reason="moto is not installed: no S3 server to talk to")
    server = server_module.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    import urllib3

    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    urllib3.request("POST", f"{endpoint}/moto-api/reset")
    urllib3.request("PUT", f"{endpoint}/apps")
    return S3Store("apps", client_options={"allow_http": True})


def test_a_prefix_is_listed_with_stamps(bucket: Any) -> None:
    for key in (
        "2026/a.apk",
        "2026/deep/b.XAPK",
        "2026/list.csv",
        "2026/" + "ab" * 32,
        "2026/empty.apk",
        "other/c.apk",
    ):
        obstore.put(bucket, key, b"" if "empty" in key else key.encode())
    source = source_for("s3://apps/2026/")
    items = {item.locator: item for item in source.items("s3://apps/2026/", {})}
    assert sorted(items) == sorted(f"s3://apps/2026/{name}" for name in ("a.apk", "deep/b.XAPK", "ab" * 32))
    first = items["s3://apps/2026/a.apk"]
    assert first.size == len("2026/a.apk")
    assert first.stamp == f'"{hashlib.md5(b"2026/a.apk").hexdigest()}"'
    obstore.put(bucket, "2026/a.apk", b"another")
    again = {item.locator: item for item in source.items("s3://apps/2026/", {})}
    assert again["s3://apps/2026/a.apk"].stamp != first.stamp


def test_more_objects_than_a_page_are_listed(bucket: Any) -> None:
    for at in range(1200):
        obstore.put(bucket, f"many/{at}.apk", b"x")
    assert len(list(store.SOURCE.items("s3://apps/many", {}))) == 1200


def test_one_object_is_one_item(bucket: Any) -> None:
    obstore.put(bucket, "x/a.apk", b"abc")
    (item,) = store.SOURCE.items("s3://apps/x/a.apk", {})
    assert (item.locator, item.size) == ("s3://apps/x/a.apk", 3)


def test_an_app_in_a_bucket_is_scanned_in_ranges(bucket: Any) -> None:
    data = app()
    obstore.put(bucket, "a.apk", data)
    scanner = Scanner()
    (item,) = store.SOURCE.items("s3://apps/a.apk", {})
    with store.SOURCE.open(item, {}) as opened:
        scan = scanner.scan_package(opened.package, "x")
        assert opened.fetched < 0.5 * len(data)
    local = scanner.scan_package(open_source(ByteSource.of_bytes(data, "s3://apps/a.apk")), "x")
    assert (scan.models, scan.detections, scan.coverage) == (local.models, local.detections, local.coverage)
    assert scan.app.sha256.startswith(PARTIAL)


def test_what_is_not_there_is_said(bucket: Any) -> None:
    with pytest.raises(UnreadableError, match="no such object"):
        store.open_object("s3://apps/none.apk")
    with pytest.raises(InputError):
        list(store.SOURCE.items("s3://nobody-has-this-bucket/x/", {}))
    assert list(store.SOURCE.items("s3://apps/empty/", {})) == []


def test_an_object_that_changes_is_put_off(bucket: Any) -> None:
    obstore.put(bucket, "a.bin.apk", DATA)
    source, _ = store.open_object("s3://apps/a.bin.apk", sleep=Clock())
    with source:
        assert source.read(0, 10) == DATA[:10]
        obstore.put(bucket, "a.bin.apk", bytes(len(DATA)))
        with pytest.raises(TransientError, match="changed"):
            source.read(100_000, 10)


def test_an_object_that_changed_since_it_was_listed_is_refused(bucket: Any) -> None:
    obstore.put(bucket, "a.apk", DATA)
    item = Item(locator="s3://apps/a.apk", size=5)
    with pytest.raises(UnreadableError, match="when it was listed"), store.SOURCE.open(item, {}):
        pass


# --- a server with faults -----------------------------------------------------------------------------------------------


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with served({"apps/a.apk": DATA}) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.address)
        yield running


def opened(clock: Clock | None = None) -> ByteSource:
    return store.open_object("s3://apps/a.apk", sleep=clock or Clock())[0]


def test_the_faulty_server_can_do_it_right(site: Site) -> None:
    with opened() as source:
        assert source.view() == DATA
    assert all(item[0] in ("HEAD", "GET") for item in site.asked)


def test_without_credentials_requests_are_anonymous(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened() as source:
        source.read(0, 10)
    assert {item["Authorization"] for item in site.headers} == {None}
    site.headers.clear()
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with opened() as source:
        source.read(0, 10)
    assert all("AKIDS3CRET" in (item["Authorization"] or "") for item in site.headers)


def cut(answer: Answer) -> None:
    answer.cut = 10


def refuse(answer: Answer) -> None:
    answer.status = 403


def unknown(answer: Answer) -> None:
    answer.status = 401


def broken(answer: Answer) -> None:
    answer.status = 500


def slow_down(answer: Answer) -> None:
    answer.status = 503


def gone(answer: Answer) -> None:
    answer.status = 404


def changed(answer: Answer) -> None:
    answer.etag = '"other"'


def whole(answer: Answer) -> None:
    answer.whole()


def shift(answer: Answer) -> None:
    answer.first += 1
    answer.last += 1
    answer.content_range = f"bytes {answer.first}-{answer.last}/{answer.size}"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (cut, TransientError), (refuse, AccessError), (unknown, AccessError), (broken, TransientError),
        (slow_down, TransientError), (gone, UnreadableError), (changed, TransientError), (whole, InputError), (shift, InputError),
    ],
)  # fmt: skip
def test_faults_have_their_kind(
    site: Site, monkeypatch: pytest.MonkeyPatch, fault: Callable[[Answer], None], error: type[InputError]
) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with opened() as source:
        site.fault = fault
        with pytest.raises(error) as caught:
            source.read(0, 50_000)
    if error in (UnreadableError, AccessError):
        assert not isinstance(caught.value, TransientError)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "S3CRET" not in str(chain) + getattr(chain, "hint", "")
        chain = None if chain.__suppress_context__ else chain.__context__


def test_a_hiccup_costs_a_pause(site: Site) -> None:
    clock = Clock()
    with opened(clock) as source:
        number = len(site.asked)
        site.fault = lambda answer: setattr(answer, "cut", 1000) if answer.number == number + 1 else None
        assert source.read(0, 50_000) == DATA[:50_000]
    assert clock.pauses


# --- locators -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("locator", ["s3://", "s3:///key", "gs://", "az://", "s3://["])
def test_nonsense_is_refused(locator: str) -> None:
    with pytest.raises(UsageError):
        list(store.SOURCE.items(locator, {}))


def test_secrets_in_locators_are_refused_without_repeating_them() -> None:
    with pytest.raises(UsageError) as caught:
        list(store.SOURCE.items("s3://AKID:S3CRET@bucket/x.apk", {}))
    assert "S3CRET" not in str(caught.value)


def test_all_clouds_are_claimed_and_need_their_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for locator in ("s3://b/x", "gs://b/x", "az://b/x"):
        assert source_for(locator).name == "store"
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(UsageError, match="settings in the environment"):
        list(store.SOURCE.items("az://container/x/", {}))


def test_keys_keep_their_odd_characters() -> None:
    assert store._parts("s3://b/a?b#c d.apk") == ("s3", "b", "a?b#c d.apk")


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "obstore.store", None)
    with pytest.raises(UnsupportedError, match="not installed"):
        store.open_object("s3://b/a.apk")
