"""Labels files: what is read, and that every mistake in one is said instead of counted."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.errors import InputError, LimitError, MalformedError, UnreadableError, UnsupportedError
from nngauge.evaluation.labels import check_names, load_labels, parse_labels
from nngauge.limits import LABELS_BYTES

A = "ab" * 32
GOOD = f"""
labels = 1
title = "two apps"
exhaustive = ["runtime", "model"]

[[package]]
sha256 = "{A}"
repository = "someone/app"
path = "app.apk"
commit = "1234"
group = "dev"
technology = [
  {{ id = "tflite", presence = "library", version = "2.14.*" }},
  {{ id = ["mlkit-barcode", "mlkit-*"], optional = true }},
  {{ id = "ncnn", absent = true, why = "a comment in a text file" }},
]
model = [{{ entry = "assets/m.tflite", format = ["tflite", "litertlm"] }}]

[[package]]
sha256 = "{"cd" * 32}"
ai = false
exhaustive = []
"""


def test_a_file_is_read() -> None:
    labels = parse_labels(GOOD.encode())
    first, second = labels.package
    assert labels.exhaustive == ("runtime", "model")
    assert first.title == "someone/app: app.apk"
    assert [item.ids for item in first.technology] == [("tflite",), ("mlkit-barcode", "mlkit-*"), ("ncnn",)]
    assert first.model[0].formats == ("tflite", "litertlm")
    assert first.exhaustive is None
    assert (second.ai, second.exhaustive, second.title) == (False, (), "cd" * 8)


@pytest.mark.parametrize(
    ("change", "to", "said"),
    [
        ('"tflite", presence', '"tflite", presnce', "presnce"),
        ('presence = "library"', 'presence = "somewhere"', "somewhere"),
        ('"runtime", "model"', '"runtimes"', "runtimes"),
        (A, "ab" * 31, "64 small hexadecimal digits"),
        (A, "cd" * 32, "labelled 2 times"),
        ("absent = true", 'absent = true, version = "1"', "absent"),
        ("ai = false", 'ai = false\nmodel = [{ entry = "m", format = "tflite" }]', "ai = false"),
        ("ai = false", 'ai = false\ntechnology = [{ id = "ncnn" }]', "ncnn is labelled as inside"),
        ('id = "tflite"', 'id = ""', "needs an id"),
        ('id = "tflite"', "id = []", "needs an id"),
        ('"assets/m.tflite"', '""', "entry"),
        ('["tflite", "litertlm"]', "[]", "format"),
        ("[[package]]", "[package]", "TOML"),
    ],
)
def test_mistakes_are_said(change: str, to: str, said: str) -> None:
    with pytest.raises(MalformedError, match=said) as caught:
        parse_labels(GOOD.replace(change, to).encode(), "labels.toml")
    assert caught.value.where == "labels.toml"


def test_files_of_another_format_are_refused() -> None:
    for text in (GOOD.replace("labels = 1", "labels = 2"), GOOD.replace("labels = 1", ""), ""):
        with pytest.raises(UnsupportedError):
            parse_labels(text.encode())


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError):
        load_labels(tmp_path)
    big = tmp_path / "big.toml"
    big.write_bytes(b"#" * (LABELS_BYTES + 1))
    with pytest.raises(LimitError):
        load_labels(big)


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(lambda text: b"labels = 1\n" + text.encode())))
def test_any_bytes_are_refused_by_name(data: bytes) -> None:
    with pytest.raises(InputError):
        parse_labels(data)


def test_names_that_nobody_knows_are_remarked() -> None:
    labels = parse_labels(GOOD.encode())
    assert check_names(labels, ["tflite", "mlkit-barcode"], ["tflite"]) == (
        "no rule is called ncnn",
        "no format is called litertlm",
    )
    assert check_names(labels, ["tflite", "mlkit-barcode", "ncnn"], ["tflite", "litertlm"]) == ()
