"""The labels of the evaluation "used or merely bundled" are complete and name things that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks.evaluation.usage import Answer, Cost, compare, labels, page
from nngauge.detect.ruleset import RULES
from nngauge.pipeline import Scanner
from tests.builders.code_apps import MAIN, MAIN_COMPONENT, activity, call, manifest_of
from tests.builders.dex_code import build_code
from tests.builders.packages import zipped


def test_labels_are_complete() -> None:
    rows = labels()
    assert len(rows) >= 50
    assert len({row["sha256"] for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"[0-9a-f]{64}", str(row["sha256"]))
        assert row["because"]
        assert row["origin"]
        for kind in ("technologies", "models"):
            answers = row.get(kind, {})
            assert isinstance(answers, dict)
            assert set(answers.values()) <= {"used", "bundled", "unknown"}
        assert all((RULES / f"{name}.toml").is_file() for name in row.get("technologies", {}))  # type: ignore[attr-defined]


def test_a_label_is_held_against_the_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = build_code([activity(MAIN, call("Lai/onnxruntime/OrtEnvironment;", "getEnvironment"))])
    sha256 = "0" * 64
    files = {"classes.dex": code, "AndroidManifest.xml": manifest_of((MAIN_COMPONENT,))}
    (tmp_path / f"{sha256}.apk").write_bytes(zipped(files))
    row = {"sha256": sha256, "origin": "o", "technologies": {"onnxruntime": "bundled", "ncnn": "unknown"}}
    monkeypatch.setattr("benchmarks.evaluation.usage.labels", lambda: [row, {**row, "sha256": "1" * 64}])
    answers, costs, absent = compare(Scanner(), [tmp_path])
    assert [(item.subject, item.wanted, item.given) for item in answers] == [
        ("onnxruntime", "bundled", "used"), ("ncnn", "unknown", "not found"),
    ]  # fmt: skip
    assert (len(costs), absent) == (1, 1)
    assert "0 of 2 (0 %) labels of known packages agree" in page(answers, costs, [], absent)


def test_the_page_lists_what_differs() -> None:
    answers = [
        Answer("known", "one", "tflite", "used", "used", "", ""),
        Answer("known", "two", "tflite", "bundled", "unknown", "why so", "a → b"),
    ]
    text = page(answers, [Cost("one", 10_000_000, 5, 0.5)], [], 0)
    assert "1 of 2 (50 %) labels of known packages agree" in text
    assert "| two | tflite | bundled | unknown | why so | a → b |" in text
    assert "0.50 s per 10 MB" in text
