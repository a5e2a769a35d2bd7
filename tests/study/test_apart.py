"""Work in processes of its own: what hangs, crashes or raises is one answer, and the others go on."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from nngauge.errors import EngineError
from nngauge.runners import apart
from nngauge.runners.apart import Ended, run_apart


def work(job: bytes) -> bytes:
    if job == b"hang":
        time.sleep(600)
    if job == b"deaf":
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        time.sleep(600)
    if job == b"crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == b"memory":
        raise MemoryError
    if job == b"raise":
        raise ValueError("a mistake\nof ours")
    return job.upper()


def given(*jobs: bytes) -> Callable[[], bytes | None]:
    source = iter(jobs)
    return lambda: next(source, None)


def ran(*jobs: bytes, workers: int = 1, seconds: float = 60.0) -> dict[bytes, bytes | Ended]:
    return dict(run_apart(given(*jobs), work, workers=workers, seconds=seconds))


def test_each_job_has_its_answer() -> None:
    assert ran(b"a", b"b", b"c", workers=2) == {b"a": b"A", b"b": b"B", b"c": b"C"}
    assert ran() == {}


def test_what_goes_wrong_is_one_answer() -> None:
    found = ran(b"a", b"crash", b"memory", b"raise", b"b")
    assert (found[b"a"], found[b"b"]) == (b"A", b"B")
    ended = {job: answer for job, answer in found.items() if isinstance(answer, Ended)}
    assert {job: answer.kind for job, answer in ended.items()} == {
        b"crash": "crashed", b"memory": "memory", b"raise": "failed",
    }  # fmt: skip
    assert ended[b"raise"].reason == "ValueError: a mistake of ours"


def test_what_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_GRACE", 3.0)
    found = ran(b"hang", b"deaf", b"a", seconds=5.0)
    assert found[b"a"] == b"A"
    for job in (b"hang", b"deaf"):
        answer = found[job]
        assert isinstance(answer, Ended)
        assert (answer.kind, answer.reason) == ("timeout", "not finished after 5 s")


def test_it_asks_again_after_each_job() -> None:
    """Whoever hands out jobs may wait for what becomes of the last one."""
    left, at_work = [b"a", b"b", b"c"], 0

    def next_job() -> bytes | None:
        nonlocal at_work
        if at_work or not left:
            return None
        at_work += 1
        return left.pop()

    seen = []
    for job, _ in run_apart(next_job, work, workers=2, seconds=60.0):
        at_work -= 1
        seen.append(job)
    assert seen == [b"c", b"b", b"a"]


def test_workers_that_never_begin_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_answer", lambda _future, _seconds: None)
    with pytest.raises(EngineError, match="end as soon as they start"):
        ran(b"a")


def test_an_end_in_the_middle_ends_the_workers() -> None:
    replies = run_apart(given(b"a", b"hang"), work, workers=2, seconds=600.0)
    assert next(replies) == (b"a", b"A")
    begun = time.monotonic()
    replies.close()
    assert time.monotonic() - begun < 300
