from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from nngauge.devices import Ran
from nngauge.engines import Reply, Request, Trouble, engine_named
from nngauge.engines.local import Limits, command, launch_here, understood

ENGINE = engine_named("litert")
REQUEST = Request(files=("model.tflite",), format="tflite")


def ended(code: int = 0, out: bytes = b"", err: bytes = b"", *, late: bool = False) -> Trouble:
    reply = understood(ENGINE, Ran(code=code, out=out, err=err, seconds=1.0, timed_out=late), Limits())
    assert reply.trouble is not None
    return reply.trouble


def test_a_reply_is_read_whatever_the_process_did_afterwards() -> None:
    reply = Reply(engine="litert", version="2", wall_ns=(1, 2, 3))
    out = msgspec.json.encode(reply) + b"\n"
    assert understood(ENGINE, Ran(code=-11, out=out, err=b"", seconds=1.0), Limits()) == reply


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (-11, "SIGSEGV"),
        (139, "SIGSEGV"),
        (-6, "SIGABRT"),
        (134, "SIGABRT"),
        (-4, "SIGILL"),
        (-8, "SIGFPE"),
        (250, "122"),
    ],
)
def test_a_signal_is_a_crash_also_when_a_shell_tells_it(code: int, said: str) -> None:
    trouble = ended(code, err=b"INFO: hello\nCheck failed: x > 0\nINFO: bye\n\n")
    assert (trouble.kind, "Check failed: x > 0" in trouble.reason, said in trouble.reason) == ("crashed", True, True)


def test_an_end_without_a_word_is_a_crash() -> None:
    assert ended(3).reason == "ended with status 3"
    assert ended(0).kind == "crashed"


@pytest.mark.parametrize("err", [b"std::bad_alloc", b"mmap: Cannot allocate memory\n", b"x\nMemoryError\n"])
def test_too_little_memory_is_told_apart(err: bytes) -> None:
    assert ended(-6, err=b"terminate called: " + err).kind == "memory"


def test_the_system_kills_when_memory_runs_out() -> None:
    assert ended(-9).kind == "memory"
    assert ended(137).kind == "memory"


def test_time_is_over() -> None:
    assert ended(-9, late=True) == Trouble(kind="timeout", reason="not done after 180 seconds")


@pytest.mark.parametrize("out", [b"hello", b"{}", b"[1]", b'{"engine": "x"}', b"\xff\xfe", b"null"])
def test_other_words_are_garbage(out: bytes) -> None:
    trouble = ended(0, out)
    assert trouble.kind == "garbage"
    assert len(trouble.reason) < 600


def test_a_missing_engine_comes_with_the_command_that_installs_it() -> None:
    reply = Reply(engine="litert", version="", trouble=Trouble(kind="missing", reason="No module named 'x'"))
    assert ended(0, msgspec.json.encode(reply)).hint == 'pip install "nngauge[litert]"'


def test_the_command_carries_limits_and_installs_nothing() -> None:
    limits = Limits(seconds=5.0, memory=1 << 30, cpus=(0, 1))
    made = command(ENGINE, msgspec.structs.replace(REQUEST, threads=4), limits, "python3")
    assert made.words == ("python3", "-m", "nngauge.engines.child", "litert")
    assert (made.seconds, made.memory, made.cpus) == (5.0, 1 << 30, (0, 1))
    assert made.environment["PIP_NO_INDEX"] == "1"
    assert made.environment["OMP_NUM_THREADS"] == "4"
    assert msgspec.json.decode(made.given, type=Request).threads == 4


def impostor(folder: Path, text: str) -> str:
    """A program in the place of Python."""
    path = folder / "python"
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "crashed"),
        ("import time; time.sleep(60)", "timeout"),
        ("while True: pass", "timeout"),
        ("print('what?')", "garbage"),
        ("import sys; sys.stdout.write('x' * 10_000_000)", "garbage"),
        ("held = bytearray(3 << 30)", "memory"),
        ("raise SystemExit(1)", "crashed"),
    ],
)
def test_real_processes_that_misbehave_are_results(tmp_path: Path, text: str, kind: str) -> None:
    limits = Limits(seconds=3.0, memory=1 << 30)
    reply = launch_here(ENGINE, REQUEST, limits, python=impostor(tmp_path, text))
    assert reply.trouble is not None
    assert reply.trouble.kind == kind


def test_no_limit_makes_the_clock_of_processor_time_coarse(tmp_path: Path) -> None:
    text = (
        "import sys, runpy\n"
        "sys.argv = ['child', 'litert']\n"
        "import nngauge.engines.child as child\n"
        "from nngauge.engines import Reply\n"
        "from nngauge.engines.timing import timed\n"
        "def launch(*_):\n"
        "    times = tuple(timed(lambda: sum(range(2000)))[1] for _ in range(200))\n"
        "    return Reply(engine='litert', version='1', cpu_ns=times)\n"
        "child.launch = launch\n"
        "child.main()\n"
    )
    reply = launch_here(ENGINE, REQUEST, Limits(seconds=60.0), python=impostor(tmp_path, text))
    assert sum(value == 0 for value in reply.cpu_ns) < 10


def test_onnx_runtime_reports_nothing_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its wheels since 1.31 keep a number of the device in the user's cache and what is to be sent beside it."""
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed (make oracles)")
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setattr(tempfile, "tempdir", None)
    model = Path(__file__).parents[2] / "examples/models/shapes_onnx/shapes_classifier.onnx"
    child = (
        "import onnxruntime, sys, time\n"
        f'onnxruntime.InferenceSession({str(model)!r}); time.sleep(0.2); print(\'{{"engine": "x", "version": "1"}}\')\n'
    )
    assert launch_here(ENGINE, REQUEST, Limits(seconds=60.0), python=impostor(tmp_path, child)).engine == "x"
    left = [path for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME") for path in (tmp_path / name).rglob("*")]
    assert [path for path in left if path.is_file()] == []
