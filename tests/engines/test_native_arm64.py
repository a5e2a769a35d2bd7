"""The runner for arm64 with the official wheels' libraries, in qemu's user mode: the same integers as here, and no times."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from tests.builders.native_runner import (
    EXAMPLES,
    QUICK,
    arm64_libraries,
    emulated,
    library,
    reply_of,
    request_for,
    runner,
)

INT8 = EXAMPLES / "keywords_tflite" / "keywords_int8.tflite"


def test_integers_are_those_of_this_machine(tmp_path: Path) -> None:
    words = emulated()
    request = request_for(INT8, tmp_path, library=str(library("litert")), **QUICK)
    here = reply_of([runner()], request)
    for there in arm64_libraries("libLiteRt*.so"):
        reply = reply_of(words, replace(request, library=str(there)), seconds=120)
        assert reply.trouble is None
        assert reply.digests == here.digests
        assert len(reply.wall_ns) >= 1


def test_floats_are_nearly_those_of_this_machine(tmp_path: Path) -> None:
    words = emulated()
    model = EXAMPLES / "shapes_onnx" / "shapes_segmenter.onnx"
    request = request_for(model, tmp_path, library=str(library("onnxruntime")), outputs=str(tmp_path / "here"), **QUICK)
    reply_of([runner()], request)
    for there in arm64_libraries("libonnxruntime*.so*"):
        asked = replace(request, library=str(there), outputs=str(tmp_path / "there"))
        assert reply_of(words, asked, seconds=120).trouble is None
        mine, theirs = (np.fromfile(tmp_path / name, np.float32) for name in ("here", "there"))
        assert np.abs(mine - theirs).max() < 1e-5 * np.abs(mine).max()


def test_bad_requests_are_answered_there_too() -> None:
    reply = reply_of(emulated(), b'{"files":[')
    assert reply.trouble is not None
    assert "bad request" in reply.trouble.reason


def test_a_library_for_arm64_is_not_one_for_this_machine(tmp_path: Path) -> None:
    if runner().name != "runner-x86_64-linux-gnu":
        pytest.skip("this machine runs them")
    request = request_for(INT8, tmp_path, library=str(arm64_libraries("libLiteRt*.so")[0]), **QUICK)
    reply = reply_of([runner()], request)
    assert reply.trouble is not None
    assert reply.trouble.kind == "missing"
