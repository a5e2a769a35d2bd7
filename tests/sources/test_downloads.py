"""Whole files from servers that do what servers do."""

from __future__ import annotations

import errno
import hashlib
import random
import tempfile
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("urllib3", reason="addresses are fetched with urllib3")

from nngauge.errors import AccessError, InputError, LimitError, MalformedError, TransientError, UnreadableError
from nngauge.limits import MIB
from nngauge.sources import _download
from nngauge.sources._download import Download
from tests.builders.webserver import Answer, Clock, Site, served

DATA = random.Random(3).randbytes(300_000)
DIGEST = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with served({"a.apk": DATA, "large": bytes(3 * MIB)}) as running:
        yield running
    assert list(tmp_path.iterdir()) == [], "temporary files have no names"


def fetch(site: Site, path: str = "a.apk", clock: Clock | None = None, **asked: Any) -> tuple[bytes, Download]:
    download = Download(site.url(path), sleep=clock or Clock(), **asked)
    with download.read() as source:
        return bytes(source.view()), download


def test_a_file_comes_whole_and_as_promised(site: Site) -> None:
    data, download = fetch(site, size=len(DATA), sha256=DIGEST.upper())
    assert data == DATA
    assert download.fetched == len(DATA)
    assert [asked for _, _, asked in site.asked] == [""], "one request"


def test_large_ones_lie_on_disk(site: Site) -> None:
    data, _ = fetch(site, "large")
    assert len(data) == 3 * MIB


def test_half_a_download_goes_on_where_it_broke(site: Site) -> None:
    def cut(answer: Answer) -> None:
        answer.cut = 100_000 if answer.number < 3 else None

    site.fault = cut
    data, download = fetch(site, sha256=DIGEST)
    assert data == DATA
    assert [asked for _, _, asked in site.asked] == ["", "bytes=100000-", "bytes=200000-"]
    assert download.fetched == len(DATA), "nothing came twice"


def test_servers_without_ranges_send_again_what_is_known(site: Site) -> None:
    def cut(answer: Answer) -> None:
        answer.whole()
        answer.cut = 100_000 if answer.number == 1 else None

    site.fault = cut
    data, download = fetch(site, sha256=DIGEST)
    assert data == DATA
    assert download.fetched == 100_000 + len(DATA), "what came twice was paid for twice"


def test_a_line_that_breaks_again_and_again_is_left_for_later(site: Site) -> None:
    site.fault = lambda answer: setattr(answer, "cut", 10)
    with pytest.raises(TransientError):
        fetch(site)
    assert len(site.asked) == 4


def test_a_line_that_brings_something_each_time_gets_there(site: Site) -> None:
    site.files["long"] = bytes(6 * MIB)
    site.fault = lambda answer: setattr(answer, "cut", MIB + 1)
    data, _ = fetch(site, "long")
    assert len(data) == 6 * MIB
    assert len(site.asked) == 6


def test_the_rest_of_another_file_is_not_joined(site: Site) -> None:
    def other(answer: Answer) -> None:
        if answer.number == 1:
            answer.cut = 1000
        else:
            answer.etag = '"other"'

    site.fault = other
    with pytest.raises(TransientError, match="changed"):
        fetch(site)


def test_another_range_than_asked_for_is_refused(site: Site) -> None:
    def lies(answer: Answer) -> None:
        answer.cut = 1000 if answer.number == 1 else None
        answer.content_range = f"bytes 0-{len(DATA) - 1}/{len(DATA)}"

    site.fault = lies
    with pytest.raises(MalformedError, match="another range"):
        fetch(site)


def test_a_server_that_takes_back_what_it_sent_is_refused(site: Site) -> None:
    def shrinks(answer: Answer) -> None:
        answer.cut = 1000 if answer.number == 1 else None
        if answer.number > 1:
            answer.status, answer.content_range = 416, "bytes */10"

    site.fault = shrinks
    with pytest.raises(MalformedError, match="denies"):
        fetch(site)


# --- promises ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("promise", "says"),
    [
        ({"size": len(DATA) - 1}, f"{len(DATA)} bytes, the source promised {len(DATA) - 1}"),
        ({"size": len(DATA) + 1}, "the source promised"),
        ({"sha256": "00" * 32}, f"its SHA-256 is {DIGEST}, the source promised 0000"),
    ],
)
def test_other_files_than_promised_are_refused_for_good(site: Site, promise: Any, says: str) -> None:
    with pytest.raises(MalformedError, match=says):
        fetch(site, **promise)


def test_a_size_that_nobody_declared_is_compared_afterwards(site: Site) -> None:
    site.fault = lambda answer: setattr(answer, "chunked", True)
    assert fetch(site, size=len(DATA))[0] == DATA
    with pytest.raises(MalformedError, match="promised 300001"):
        fetch(site, size=300_001)
    with pytest.raises(LimitError, match="more than 299999 bytes"):
        fetch(site, size=299_999)


def test_no_more_comes_than_may(site: Site) -> None:
    with pytest.raises(LimitError):
        fetch(site, most=1000)


# --- statuses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("status", "kind"), [(404, UnreadableError), (410, UnreadableError), (401, AccessError), (403, AccessError), (418, UnreadableError)])  # fmt: skip
def test_what_does_not_get_better_is_asked_once(site: Site, status: int, kind: type[InputError]) -> None:
    site.fault = lambda answer: setattr(answer, "status", status)
    with pytest.raises(UnreadableError, match=str(status)) as caught:
        fetch(site)
    assert type(caught.value) is kind
    assert len(site.asked) == 1


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_get_better_is_asked_again(site: Site, status: int) -> None:
    def busy(answer: Answer) -> None:
        if answer.number < 3:
            answer.status = status

    site.fault = busy
    assert fetch(site)[0] == DATA


def test_a_server_says_how_long_to_wait(site: Site) -> None:
    def busy(answer: Answer) -> None:
        if answer.number == 1:
            answer.status, answer.headers = 429, {"Retry-After": "7"}

    site.fault = busy
    clock, told = Clock(), []
    fetch(site, clock=clock, busy=told.append)
    assert clock.pauses == [7.0]
    assert told == [7.0]


@pytest.mark.parametrize("when", ["3600", formatdate(4_000_000_000, usegmt=True)])
def test_a_long_wait_is_for_later(site: Site, when: str) -> None:
    def busy(answer: Answer) -> None:
        answer.status, answer.headers = 503, {"Retry-After": when}

    site.fault = busy
    clock, told = Clock(), []
    with pytest.raises(TransientError, match="503"):
        fetch(site, clock=clock, busy=told.append)
    assert (clock.pauses, len(site.asked)) == ([], 1)
    assert told[0] > 3599


# --- redirects --------------------------------------------------------------------------------------------------------


def led(site: Site, **to: str) -> None:
    def redirect(answer: Answer) -> None:
        if (place := to.get(answer.path.lstrip("/"))) is not None:
            answer.status, answer.headers = 302, {"Location": place}

    site.fault = redirect


def test_redirects_are_followed(site: Site) -> None:
    led(site, one="/two", two=site.url("a.apk"))
    assert fetch(site, "one")[0] == DATA


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("/one", "for ever"), ("", "nowhere"), ("file:///etc/passwd", "nowhere"),
        ("ftp://127.0.0.1/a", "nowhere"), ("http://[", "nowhere"), ("/missing", "no such file"),
    ],
)  # fmt: skip
def test_redirects_that_lead_nowhere_are_final(site: Site, place: str, says: str) -> None:
    led(site, one=place)
    with pytest.raises(UnreadableError, match=says) as caught:
        fetch(site, "one")
    assert not isinstance(caught.value, TransientError)


def test_from_https_it_does_not_go_to_http(site: Site, tmp_path_factory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cryptography")
    from tests.builders.keys import server_context

    context, trust = server_context(tmp_path_factory.mktemp("tls"))
    monkeypatch.setenv("SSL_CERT_FILE", str(trust))
    with served({"b.apk": DATA}, context) as safe:
        assert fetch(safe, "b.apk")[0] == DATA
        led(safe, out=site.url("a.apk"))
        with pytest.raises(UnreadableError, match="from https to http"):
            fetch(safe, "out")
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(UnreadableError, match="certificate"):
            fetch(safe, "b.apk")
    assert site.asked == []


# --- everything else --------------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there_may_come_back() -> None:
    with served({}) as gone:
        address = gone.url("a.apk")
    with pytest.raises(TransientError):
        Download(address, sleep=Clock()).read()


def test_a_download_that_crawls_is_left_for_later(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_download, "DOWNLOAD_GRACE", 0.0)
    monkeypatch.setattr(_download, "DOWNLOAD_LEAST", 1 << 50)
    with pytest.raises(TransientError, match="only"):
        fetch(site)


def test_a_full_disk_is_no_fault_of_the_package(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "write", full)
    with pytest.raises(TransientError, match="No space left"):
        fetch(site)


def test_neither_errors_nor_logs_see_what_stands_behind_the_question_mark(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")

    def fault(answer: Answer) -> None:
        if answer.path.startswith("/a.apk") and answer.number == 1:
            answer.status, answer.headers = 302, {"Location": "/b?token=S3CRET"}

    site.fault = fault
    for path in ("a.apk?apikey=S3CRET", "missing?apikey=S3CRET"):
        with pytest.raises(UnreadableError) as caught:
            fetch(site, path)
        assert "S3CRET" not in f"{caught.value!s}{caught.value!r}{caught.value.__cause__!r}"
    assert any("S3CRET" in path for _, path, _ in site.asked)
    assert "GET" in caplog.text, "the library does write a log"
    assert "S3CRET" not in caplog.text
