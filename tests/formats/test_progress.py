"""Refusals of truncated models say what had been read before the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.api import analyse_model
from nngauge.errors import UnsupportedError
from tests.builders import models
from tests.builders.samples import MODELS


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.param", models.NCNN_TEXT[:-20], "layers"),
        ("a.param.bin", models.ncnn_binary()[:-6], "3 of 4 layers"),
        ("a.onnx", models.onnx()[:400], "producer builder"),
        ("a.tflite", (MODELS / "digits_tflite" / "digits_float32.tflite").read_bytes()[:20000], "schema version 3"),
        ("a.gguf", models.gguf()[:150], "values, 0 of 2 tensors"),
        ("a.pb", (MODELS / "digits_frozen" / "digits_frozen.pb").read_bytes()[:20000], "8 nodes, 0 functions"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("a.") else "",
)
def test_truncated(tmp_path: Path, name: str, data: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(UnsupportedError) as refusal:
        analyse_model(path)
    assert "read before that: " in refusal.value.what
    assert words in refusal.value.what
