"""The page is computed: made-up results of every kind come out as the right rows."""

from __future__ import annotations

from pathlib import Path

from benchmarks.evaluation.models import ModelResult, evaluate, load_list
from benchmarks.evaluation.packages import Finding, Miss, PackageResult
from benchmarks.evaluation.report import Run, render
from benchmarks.evaluation.runtimes import Look, Missing, Result, Score
from benchmarks.evaluation.truth import LabelledPackage, Library, Vocabulary, load_vocabulary, parse_labels
from tests.builders.samples import model

VOCABULARY = Vocabulary(
    technologies={"tflite": ("tflite",)}, formats={"tflite": ("tflite",)}, baseline={"tflite": ("tflite",)}
)


def library(verdict: str, version: str, *, fresh: bool = False, role: str = "library") -> Result:
    seen = Look(("tflite",), (), (), {"tflite": "2.1"})
    scored = Score(verdict, ("tflite",) if verdict == "wrong" else (), version)
    truth = Library("x", "tflite", "2.1", role=role, mended="was missed" if fresh else "")
    return Result(
        "engine 2.1", "manylinux_2_28_x86_64", "libx.so", "elf", "0" * 64, 10, truth, fresh, seen, scored, seen, scored,
        stripped=True, baseline=("tflite",), baseline_verdict="exact", version_in_bytes=True, seconds=0.1,
    )  # fmt: skip


def package(tier: str, found: tuple[Finding, ...], missed: tuple[Miss, ...] = ()) -> PackageResult:
    labels = parse_labels("tflite") if tier != "genuine_neg" else ()
    listed = LabelledPackage("ab" * 32, tier, "someone/app: a.apk", labels, (), same_bytes=True)
    return PackageResult(
        package=listed, size=1, error="", asked=tuple(label.name for label in labels), technologies=found, missed=missed,
        models_found=0, models_missed=(), models_extra=(), models_shipped=0, others=(), baseline_frameworks=("tflite",),
        baseline_models=("a.tflite",), cpu_warm=0.1, cpu_command=0.4, peak=50_000_000,
    )  # fmt: skip


def test_page() -> None:
    results = (
        library("exact", "right"),
        library("missed", "none"),
        library("wrong", "wrong", fresh=True),
        library("clean", "none", role="part"),
    )
    shown = (
        package("genuine", (Finding("tflite", "lib/x.so", "labelled"), Finding("dlib", "lib/y.so", "unchecked"))),
        package("genuine", (), (Miss("tflite", "absent"),)),
        package("genuine_neg", (Finding("ncnn", "lib/z.so", "unchecked"),)),
    )
    planted = (
        ModelResult("a.tflite", "tflite", "r: a", 1, ("tflite",), "tflite", "tflite", "full", ""),
        ModelResult("b.tflite", "tflite", "r: b", 1, ("tflite",), "tflite", "", "partial", "rejected: why"),
        ModelResult("c.npz", "npz", "r: c", 1, (), "", "", "", "arrays"),
    )
    run = Run(
        "2026-01-02", "nngauge 1", "rules", 9, results, (Missing("gone 1", "x.so", "not on disk"),), shown, 4, planted
    )
    page = render(run, VOCABULARY)
    assert "| all | 3 | 1 | 0 | 1 | 1 | 1 | 1 | 1 |" in page
    assert "| fresh | 1 | 0 | 0 | 1 | 0 | 0 | 1 | 0 |" in page
    assert "made us change a rule after the first look: engine 2.1 libx.so (was missed)" in page
    assert "gone 1 x.so (not on disk)" in page
    assert "| byte for byte as published | 2 | 1 of 2 (50 %) | 0 of 0 | 1 unchecked |" in page
    assert "2 of 2 (100 %) labels" in page
    assert "| dlib | 0 of 1 (0 %) |" in page
    assert "0 of 1 (0 %) got no model" in page
    assert "| tflite | 2 | 2 | 1 | 1 | 1 | 0 |" in page
    assert "| c.npz | npz | nothing | arrays |" in page


def test_empty_run_has_a_page() -> None:
    assert "Read this first" in render(Run("2026-01-02", "nngauge 1", "rules", 9, (), (), (), 0, ()), VOCABULARY)


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
