"""A session that is ended from outside leaves no processes, no files and no folders behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nngauge.cli.stopping import stoppable

LISTENING = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv[1:] = ['doctor']; "
    "from nngauge.cli import main; main()"
)
"""As a terminal starts it; what runs the tests may have SIGINT ignored."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_being_told_to_end_is_ctrl_c_only_meanwhile(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    cleaned: list[int] = []
    with pytest.raises(KeyboardInterrupt), stoppable():
        interrupted(cleaned, number)
    assert cleaned == [number]
    assert signal.getsignal(number) is before


def interrupted(cleaned: list[int], number: int) -> None:
    try:
        os.kill(os.getpid(), number)
        signal.sigtimedwait([], 10)  # handlers run at the latest here
    finally:
        cleaned.append(number)


def test_a_handler_that_somebody_else_set_stays() -> None:
    def mine(_number: int, _frame: object) -> None:
        """Not ours to change."""

    before = signal.signal(signal.SIGHUP, mine)
    try:
        with stoppable():
            assert signal.getsignal(signal.SIGHUP) is mine
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_checkup_that_is_ended_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENING],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    while not any(tmp_path.iterdir()):  # its session's folder
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said.split()[-1:]) == (130, [b"stopped"])
    assert list(tmp_path.iterdir()) == []
