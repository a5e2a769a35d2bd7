"""Bytes over HTTP ranges: what is fetched, and what servers can do wrong."""

from __future__ import annotations

import os
import random
import resource
from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest

from nngauge.errors import (
    InputError,
    LimitError,
    MalformedError,
    TransientError,
    UnreadableError,
    UnsupportedError,
    UsageError,
)
from nngauge.io import remote, web
from nngauge.io.remote import BusyError, RemoteStore, Spans, joined
from nngauge.io.source import ByteSource
from nngauge.limits import MIB, REMOTE_ATTEMPTS, REMOTE_TAIL
from tests.builders.webserver import Answer, Clock, Site, served

pytest.importorskip("urllib3", reason="the extra 'cloud' is not installed")

DATA = random.Random(5).randbytes(600_000)
Fault = Callable[[Answer], None]


@pytest.fixture
def site() -> Iterator[Site]:
    with served({"a.apk": DATA}) as running:
        yield running


def opened(site: Site, clock: Clock | None = None, path: str = "a.apk") -> tuple[ByteSource, RemoteStore]:
    return web.open_web(site.url(path), sleep=clock or Clock())


# --- what comes ---------------------------------------------------------------------------------------------------------


def test_reads_views_and_streams_are_those_of_the_file(site: Site) -> None:
    source, store = opened(site)
    with source:
        assert source.size == len(DATA)
        assert source.name == site.url("a.apk")
        assert source.read(1000, 50) == DATA[1000:1050]
        assert source.view(300_000, 70_000) == DATA[300_000:370_000]
        assert source.read(len(DATA) - 10, 100) == DATA[-10:]
        part = source.sub(5000, 100_000, "part")
        assert b"".join(bytes(piece) for piece in part.chunks(10, 99_000, 4096)) == DATA[5010:104_010]
        assert part.view() == DATA[5000:105_000]
        assert store.is_remote
        assert b"".join(bytes(piece) for piece in source.chunks()) == DATA
        assert not store.is_remote
    assert store.fetched == site.sent


def test_no_byte_is_fetched_twice(site: Site) -> None:
    source, store = opened(site)
    chance = random.Random(1)
    with source:
        for _ in range(300):
            offset, count = chance.randrange(len(DATA)), chance.randrange(20_000)
            assert source.read(offset, count) == DATA[offset : offset + count]
    # Joining ranges over small gaps may bring bytes again, but never more than the gap per request.
    assert store.fetched <= len(DATA) + store.requests * 16_384


def test_opening_fetches_the_end_with_one_request(site: Site) -> None:
    source, store = opened(site)
    with source:
        source.read(len(DATA) - REMOTE_TAIL, REMOTE_TAIL)
    assert [item[2] for item in site.asked] == [f"bytes=-{REMOTE_TAIL}"]
    assert store.fetched == REMOTE_TAIL


def test_neighbours_are_asked_for_together(site: Site) -> None:
    source, _ = opened(site)
    with source:
        source.prepare([(0, 100), (2000, 100), (200_000, 100), (100, 500), (200_050, 5000)])
        before = len(site.asked)
        assert sorted(item[2] for item in site.asked[1:]) == ["bytes=0-2099", "bytes=200000-205049"]
        source.read(50, 2000)
        source.view(200_000, 5050)
        assert len(site.asked) == before


def test_windows_prepare_where_they_lie(site: Site) -> None:
    source, _ = opened(site)
    with source:
        part = source.sub(1000, 500, "part")
        part.prepare([(100, 10_000), (9000, 5)])
        assert site.asked[-1][2] == "bytes=1100-1499"


def test_memory_stays_small_while_much_is_read() -> None:
    data = os.urandom(MIB) * 48
    with served({"a.apk": data}) as site:
        source, store = opened(site)
        with source:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            for _ in source.chunks():
                pass
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            assert store.fetched == len(data)
            # The server is in this process: it holds one answer of at most REMOTE_PIECE.
            assert grown < 40 * 1024


def test_a_file_smaller_than_the_first_range_comes_at_once() -> None:
    with served({"a.apk": b"small"}) as site:
        source, store = opened(site)
        with source:
            assert source.read(0, 100) == b"small"
            assert not store.is_remote
        assert len(site.asked) == 1


def test_an_empty_file_is_empty() -> None:
    with served({"a.apk": b""}) as site:
        source, _ = opened(site)
        with source:
            assert (source.size, source.read(0, 10), bytes(source.view())) == (0, b"", b"")


def test_after_close_nothing_is_read_and_views_stay(site: Site) -> None:
    source, _ = opened(site)
    view = source.view(0, 100)
    source.close()
    assert view == DATA[:100]
    with pytest.raises(UnreadableError, match="closed"):
        source.read(0, 10)


# --- servers that do what they want -------------------------------------------------------------------------------------


def test_a_server_without_ranges_sends_everything_once(site: Site) -> None:
    site.fault = Answer.whole
    source, store = opened(site)
    with source:
        assert source.view() == DATA
        assert not store.is_remote
    assert (len(site.asked), store.fetched) == (1, len(DATA))


def test_a_server_that_does_not_tell_the_size_is_read_to_the_end(site: Site) -> None:
    def chunked(answer: Answer) -> None:
        answer.whole()
        answer.chunked = True

    site.fault = chunked
    source, _ = opened(site)
    with source:
        assert (source.size, bytes(source.view())) == (len(DATA), DATA)


def test_a_server_that_counts_from_the_start_only_is_read(site: Site) -> None:
    def no_suffix(answer: Answer) -> None:
        if answer.asked.startswith("bytes=-"):
            answer.status, answer.content_range = 416, f"bytes */{len(DATA)}"

    site.fault = no_suffix
    source, _ = opened(site)
    with source:
        assert source.read(len(DATA) - 50, 50) == DATA[-50:]


def test_redirects_are_followed_and_remembered(site: Site) -> None:
    site.files["real/b.apk"] = DATA

    def redirect(answer: Answer) -> None:
        if answer.path == "/a.apk":
            answer.status, answer.headers = 302, {"Location": "/real/b.apk?x=1"}

    site.fault = redirect
    source, _ = opened(site)
    with source:
        assert source.name == site.url("a.apk")
        assert source.read(0, 10) == DATA[:10]
    assert [item[1] for item in site.asked] == ["/a.apk", "/real/b.apk?x=1", "/real/b.apk?x=1"]


def test_a_place_that_expired_is_asked_for_again(site: Site) -> None:
    site.files["real/b.apk"] = DATA
    token = [1]

    def redirect(answer: Answer) -> None:
        if answer.path == "/a.apk":
            answer.status, answer.headers = 302, {"Location": f"/real/b.apk?x={token[0]}"}
        elif not answer.path.endswith(f"x={token[0]}"):
            answer.status = 403

    site.fault = redirect
    source, _ = opened(site)
    with source:
        token[0] = 2
        assert source.read(0, 10) == DATA[:10]


# --- servers that fail for now ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(site: Site, status: int) -> None:
    def busy(answer: Answer) -> None:
        if answer.number in (1, 3):
            answer.status = status

    site.fault = busy
    clock = Clock()
    source, store = opened(site, clock)
    with source:
        assert source.read(0, 10) == DATA[:10]
    assert len(clock.pauses) == 2
    assert store.lost is None


def test_pauses_grow_and_end_with_putting_off(site: Site) -> None:
    site.fault = lambda answer: setattr(answer, "status", 503)
    clock = Clock()
    with pytest.raises(TransientError, match="503"):
        opened(site, clock)
    assert len(site.asked) == REMOTE_ATTEMPTS
    assert len(clock.pauses) == REMOTE_ATTEMPTS - 1
    assert clock.pauses == sorted(clock.pauses)


@pytest.mark.parametrize("told", ["7", formatdate(4_000_000_000, usegmt=True)])
def test_a_server_says_how_long_to_wait(site: Site, told: str) -> None:
    def busy(answer: Answer) -> None:
        if answer.number == 1:
            answer.status, answer.headers = 429, {"Retry-After": told}

    site.fault = busy
    clock = Clock()
    if told == "7":
        opened(site, clock)[0].close()
        assert clock.pauses == [7.0]
    else:  # longer than anybody waits: put off at once
        with pytest.raises(TransientError):
            opened(site, clock)
        assert clock.pauses == []


@pytest.mark.parametrize("told", ["soon", "-5", "9" * 400, "Wed, 99 Foo 2099"])
def test_nonsense_about_waiting_is_ignored_or_too_long(told: str) -> None:
    assert web._later("busy", "x", told).after >= 0


def test_bodies_that_break_off_are_continued_where_they_broke(site: Site) -> None:
    def cut(answer: Answer) -> None:
        if answer.number in (2, 3):
            answer.cut = 30_000

    site.fault = cut
    source, store = opened(site)
    with source:
        assert source.read(0, 100_000) == DATA[:100_000]
    assert [item[2] for item in site.asked[1:]] == ["bytes=0-99999", "bytes=30000-99999", "bytes=60000-99999"]
    assert store.fetched == REMOTE_TAIL + 100_000


def test_a_connection_that_breaks_for_ever_is_put_off(site: Site) -> None:
    source, store = opened(site)
    site.fault = lambda answer: setattr(answer, "cut", 10)
    with source:
        with pytest.raises(TransientError) as caught:
            source.read(0, 100_000)
        assert type(caught.value) is TransientError
        asked = len(site.asked)
        with pytest.raises(TransientError):  # and nothing more is asked for
            source.read(200_000, 10)
        assert len(site.asked) == asked
        assert store.lost is not None


def test_a_server_that_vanishes_is_put_off() -> None:
    with served({"a.apk": DATA}) as site:
        source, _ = opened(site)
    with source, pytest.raises(TransientError):
        source.read(0, 10)


def test_a_server_that_is_not_there_is_put_off() -> None:
    with pytest.raises(TransientError):
        web.open_web("http://127.0.0.1:9/a.apk", sleep=Clock())


def test_a_whole_file_that_breaks_off_is_fetched_again(site: Site) -> None:
    def cut(answer: Answer) -> None:
        answer.whole()
        if answer.number == 1:
            answer.cut = 1000

    site.fault = cut
    source, _ = opened(site)
    with source:
        assert source.view() == DATA


def change_etag(answer: Answer) -> None:
    answer.etag = '"other"'


def change_size(answer: Answer) -> None:
    answer.content_range = f"bytes {answer.first}-{answer.last}/{len(DATA) + 1}"


def become_whole(answer: Answer) -> None:
    answer.whole()
    answer.etag = '"other"'


def change_date(answer: Answer) -> None:
    answer.site.stamp += 1
    answer.etag = None


@pytest.mark.parametrize("fault", [change_etag, become_whole])
def test_a_file_that_changes_while_it_is_read_is_put_off(site: Site, fault: Fault) -> None:
    source, _ = opened(site)
    site.fault = fault
    with source, pytest.raises(TransientError, match="changed"):
        source.read(0, 10)


def test_without_an_etag_the_date_tells(site: Site) -> None:
    site.fault = lambda answer: setattr(answer, "etag", None)
    source, _ = opened(site)
    with source:
        assert source.read(0, 10) == DATA[:10]
        site.fault = change_date
        with pytest.raises(TransientError, match="changed"):
            source.read(100_000, 10)


# --- servers that lie ---------------------------------------------------------------------------------------------------


def shift(answer: Answer) -> None:
    answer.first += 1
    answer.last += 1
    answer.content_range = f"bytes {answer.first}-{answer.last}/{answer.size}"


def no_range(answer: Answer) -> None:
    answer.content_range = None


def odd_unit(answer: Answer) -> None:
    answer.content_range = f"lines 1-2/{answer.size}"


def packed(answer: Answer) -> None:
    answer.headers["Content-Encoding"] = "gzip"


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (shift, MalformedError), (no_range, MalformedError), (odd_unit, MalformedError), (packed, UnsupportedError),
        (change_size, MalformedError),
    ],
)  # fmt: skip
def test_lies_about_ranges_are_refused(site: Site, fault: Fault, error: type[InputError], *, late: bool) -> None:
    if not late:
        site.fault = fault
        with pytest.raises(error):
            opened(site)
        return
    source, store = opened(site)
    site.fault = fault
    with source, pytest.raises(error):
        source.read(0, 10)
    assert isinstance(store.lost, error)


def test_more_bytes_than_asked_for_are_refused(site: Site) -> None:
    source, _ = opened(site)

    def longer(answer: Answer) -> None:
        answer.content_range = f"bytes {answer.first}-{answer.last}/{answer.size}"
        answer.last += 5

    site.fault = longer
    with source, pytest.raises(UnreadableError, match="more than was asked"):
        source.read(0, 10)


def test_fewer_bytes_than_said_are_put_off(site: Site) -> None:
    source, _ = opened(site)

    def shorter(answer: Answer) -> None:
        answer.content_range = f"bytes {answer.first}-{answer.last}/{answer.size}"
        answer.last -= 4

    site.fault = shorter
    with source, pytest.raises(TransientError, match="ends early"):
        source.read(0, 4)


def test_sizes_beyond_all_bounds_are_refused(site: Site) -> None:
    def huge(answer: Answer) -> None:
        size = 1 << 60
        answer.content_range = f"bytes {size - REMOTE_TAIL}-{size - 1}/{size}"

    site.fault = huge
    with pytest.raises(LimitError):
        opened(site)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418])
def test_what_will_not_get_better_is_refused_at_once(site: Site, status: int) -> None:
    site.fault = lambda answer: setattr(answer, "status", status)
    with pytest.raises(UnreadableError, match=str(status)) as caught:
        opened(site)
    assert not isinstance(caught.value, TransientError)
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "target", ["", "file:///etc/passwd", "ftp://x/y", "http://", "http://[", "/a.apk", "data:,x", "//"]
)
def test_redirects_to_nowhere_and_in_circles_are_refused(site: Site, target: str) -> None:
    def redirect(answer: Answer) -> None:
        answer.status, answer.headers = 302, {"Location": target}

    site.fault = redirect
    with pytest.raises(UnreadableError, match="redirects") as caught:
        opened(site)
    assert not isinstance(caught.value, TransientError)
    assert len(site.asked) <= 6


def test_https_is_not_left_for_http() -> None:
    file = web.WebFile("https://example.org/a.apk")
    with pytest.raises(UnreadableError, match="from https to http"):
        file._next("https://example.org/a.apk", "http://example.org/a.apk")
    file.close()


# --- secrets ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "https://user:S3CRET@example.org/a.apk", "https://S3CRET@example.org/a.apk",
        "https://example.org/a.apk?X-Amz-Signature=S3CRET", "https://example.org/a.apk?sig=S3CRET&sv=1",
        "https://example.org/a.apk?x=1&access_token=S3CRET", "https://example.org/a.apk?apikey=S3CRET",
        "https://example.org/a.apk?X-Goog-Credential=S3CRET", "https://example.org/a.apk?Password=S3CRET",
    ],
)  # fmt: skip
def test_addresses_with_secrets_are_refused_without_repeating_them(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        web.require_plain(address)
    assert "S3CRET" not in str(caught.value)
    assert "S3CRET" not in repr(caught.value.args)


@pytest.mark.parametrize("address", ["ftp://x/a", "http://", "http://[x", "file:///a", "s3://b/k", "a.apk"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(UsageError):
        web.require_plain(address)


def test_ordinary_addresses_are_taken() -> None:
    for address in ("https://example.org/a.apk", "http://localhost:8080/x?file=1&keyboard=2", "https://[::1]/a"):
        assert web.require_plain(address) == address


def test_secrets_of_redirects_are_not_in_errors(site: Site) -> None:
    def redirect(answer: Answer) -> None:
        answer.status, answer.headers = 302, {"Location": "http://user:S3CRET@127.0.0.1:9/x?sig=S3CRET"}

    site.fault = redirect
    with pytest.raises(TransientError) as caught:
        opened(site)
    error: BaseException | None = caught.value
    while error is not None:
        assert "S3CRET" not in str(error)
        error = None if error.__suppress_context__ else error.__context__


# --- sets of ranges -----------------------------------------------------------------------------------------------------


def test_spans_are_a_set() -> None:
    chance = random.Random(3)
    spans, truth = Spans(), set[int]()
    for _ in range(400):
        start = chance.randrange(500)
        end = start + chance.randrange(20)
        wanted = set(range(start, end))
        missing = {at for first, last in spans.missing(start, end) for at in range(first, last)}
        assert missing == wanted - truth
        spans.add(start, end)
        truth |= wanted
        flat = [at for first, last in spans for at in range(first, last)]
        assert flat == sorted(truth)
        assert all(first < last for first, last in spans)


def test_small_gaps_are_joined() -> None:
    assert list(joined([(0, 10), (15, 20), (26, 30)], gap=5)) == [(0, 20), (26, 30)]
    assert list(joined([])) == []


def test_busy_errors_stay_inside() -> None:
    assert issubclass(BusyError, TransientError)
    with pytest.raises(TransientError) as caught:
        remote.pause(BusyError("x"), REMOTE_ATTEMPTS, Clock())
    assert type(caught.value) is TransientError
