"""The page is computed: made-up results of every kind come out as the right rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.evaluation.models import ModelResult, evaluate, load_list
from benchmarks.evaluation.packages import PackageList, PackageResult
from benchmarks.evaluation.report import Run, render
from benchmarks.evaluation.runtimes import Look, Missing, Result, Score
from benchmarks.evaluation.truth import Library, Vocabulary, load_vocabulary
from nngauge.domain.detection import Detection
from nngauge.domain.evaluation import LabelSet, ModelLabel, PackageLabels, TechnologyLabel
from nngauge.evaluation.scores import score_package
from tests.builders.facts import detection, scan
from tests.builders.samples import model

VOCABULARY = Vocabulary(formats={"tflite": ("tflite",)}, baseline={"tflite": ("tflite",)})


def library(verdict: str, version: str, *, fresh: bool = False, role: str = "library") -> Result:
    seen = Look(("tflite",), (), (), {"tflite": "2.1"})
    scored = Score(verdict, ("tflite",) if verdict == "wrong" else (), version)
    truth = Library("x", "tflite", "2.1", role=role, mended="was missed" if fresh else "")
    return Result(
        "engine 2.1", "manylinux_2_28_x86_64", "libx.so", "elf", "0" * 64, 10, truth, fresh, seen, scored, seen, scored,
        stripped=True, baseline=("tflite",), baseline_verdict="exact", version_in_bytes=True, seconds=0.1,
    )  # fmt: skip


def labels(**facts: Any) -> PackageLabels:
    return PackageLabels(**({"sha256": "ab" * 32, "repository": "someone/app", "path": "a.apk"} | facts))


def package(truth: PackageLabels, *found: Detection) -> PackageResult:
    score = score_package(truth, "a.apk", scan(detections=found, models=(), candidates=()), ("runtime",))
    return PackageResult(
        score=score, size=1, technologies=score.right, models=0, baseline_frameworks=("tflite",),
        baseline_models=("a.tflite",), cpu_warm=0.1, cpu_command=0.4, peak=50_000_000,
    )  # fmt: skip


def lists() -> tuple[PackageList, ...]:
    tflite = TechnologyLabel(id="tflite", version="2.17.0")
    known = labels(technology=(tflite,))
    missed = labels(
        sha256="cd" * 32, group="dev", technology=(tflite,), model=(ModelLabel(entry="a.tflite", format="tflite"),)
    )
    clean = labels(sha256="ef" * 32, group="hold-out", ai=False)
    absent = labels(sha256="01" * 32, group="hold-out")
    return (
        PackageList(LabelSet(labels=1, package=(known,)), (package(known, detection()),)),
        PackageList(
            LabelSet(labels=1, package=(missed, clean, absent)),
            (package(missed), package(clean, detection(technology="ncnn", version=None))),
        ),
    )


def test_page() -> None:
    results = (
        library("exact", "right"),
        library("missed", "none"),
        library("wrong", "wrong", fresh=True),
        library("clean", "none", role="part"),
    )
    planted = (
        ModelResult("a.tflite", "tflite", "r: a", 1, ("tflite",), "tflite", "tflite", "full", ""),
        ModelResult("b.tflite", "tflite", "r: b", 1, ("tflite",), "tflite", "", "partial", "rejected: why"),
        ModelResult("c.npz", "npz", "r: c", 1, (), "", "", "", "arrays"),
    )
    run = Run(
        "2026-01-02", "nngauge 1", "rules", 9, results, (Missing("gone 1", "x.so", "not on disk"),), lists(), planted
    )
    page = render(run, VOCABULARY)
    assert "| all | 3 | 1 | 0 | 1 | 1 | 1 | 1 | 1 |" in page
    assert "| fresh | 1 | 0 | 0 | 1 | 0 | 0 | 1 | 0 |" in page
    assert "made us change a rule after the first look: engine 2.1 libx.so (was missed)" in page
    assert "gone 1 x.so (not on disk)" in page
    assert "| known | 1 of 1 | 1 of 1 (100 %) | 1 of 1 (100 %) | 1 of 1 (100 %) | 0 of 0 | 0 | 0 of 0 |" in page
    assert "| dev | 1 of 1 | 0 of 1 (0 %) | 0 of 0 | 0 of 0 | 0 of 1 (0 %) | 0 | 0 of 0 |" in page
    assert "| hold-out | 1 of 2 | 0 of 0 | 0 of 1 (0 %) | 0 of 0 | 0 of 0 | 0 | 0 of 1 |" in page
    assert "2 of 2 (100 %) technologies whose code is inside, 1 of 1 (100 %) labelled models" in page
    assert "something claimed in 1 of 1 packages without AI" in page
    assert "| someone/app `cdcdcdcd` | dev | missed | tflite | nothing was found |  |" in page
    assert "`TfLiteVersion` in lib/arm64-v8a/libx.so (tflite#c-api)" in page
    assert "| someone/app: a.apk | efefefefefefefef | hold-out, without AI | 0.0 | – | 0 |" in page
    assert "| tflite | 2 | 2 | 1 | 1 | 1 | 0 |" in page
    assert "| c.npz | npz | nothing | arrays |" in page


def test_empty_run_has_a_page() -> None:
    assert "Read this first" in render(Run("2026-01-02", "nngauge 1", "rules", 9, (), (), (), ()), VOCABULARY)


def test_planted_models(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name, data in {"a__x.bin": model("tflite"), "b__y.bin": b"nothing in here\n" * 9}.items():
        (folder / name).write_bytes(data)
    rows = "models/a__x.bin,tflite,some/repo,d/x.bin,aa\nmodels/b__y.bin,onnx,some/repo,d/y.bin,bb\nmodels/gone,onnx,r,p,cc\n"
    (folder / "SOURCES.csv").write_text("file,format,repo,path,sha256\n" + rows)
    first, second = evaluate(load_list(folder), load_vocabulary())
    assert first.right
    assert first.right_neutral
    assert not second.right
    assert second.reason
