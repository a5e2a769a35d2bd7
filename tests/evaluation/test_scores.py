"""How results are held against the truth: every verdict is reached by made-up results."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.evaluation.baseline import Rules, frameworks_in, load_rules, model_names, two_steps
from benchmarks.evaluation.packages import compare_models, compare_technologies, matches
from benchmarks.evaluation.runtimes import baseline_verdict, look, score
from benchmarks.evaluation.tables import share, table
from benchmarks.evaluation.truth import (
    LabelledPackage,
    Library,
    Note,
    Runtime,
    Vocabulary,
    load_index,
    load_notes,
    load_runtimes,
    load_vocabulary,
    parse_labels,
    parse_models,
)
from nngauge.detect.ruleset import load_rules as load_rule_set
from nngauge.domain.detection import Category, Detection
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.model import ModelFile
from nngauge.domain.scan import Scan
from nngauge.formats import FORMATS
from tests.builders.elf import ElfSpec, build_elf
from tests.builders.facts import detection, model, place, proof, scan
from tests.builders.zips import Member, archive

TFLITE = detection()
INSIDE = detection(technology="opencv", category=Category.CLASSICAL, host="tflite", version=None)
XNNPACK = detection(technology="xnnpack", category=Category.ACCELERATOR, version=None)
GUESS = detection(technology="caffe", confidence=Confidence.POSSIBLE)
NAMED = detection(technology="ncnn", presence=Presence.REFERENCED, version=None)
ORT = detection(technology="onnxruntime", version="1.20.0")


@pytest.mark.parametrize(
    ("truth", "found", "verdict", "version"),
    [
        (Library("x", "tflite", "2.17.0"), [TFLITE, XNNPACK, GUESS, NAMED], "exact", "right"),
        (Library("x", "tflite", "2.16.1"), [TFLITE], "exact", "wrong"),
        (Library("x", "tflite", also=("opencv",)), [TFLITE, INSIDE], "exact", "not asked"),
        (Library("x", "tflite"), [TFLITE, INSIDE], "wrong", "not asked"),
        (Library("x", "tflite", also=("onnxruntime",)), [TFLITE, ORT], "with others", "not asked"),
        (Library("x", "onnxruntime", "1.20.1"), [TFLITE], "wrong", "none"),
        (Library("x", "onnxruntime", "1.20.1"), [XNNPACK, GUESS], "missed", "none"),
        (Library("x", "xnnpack"), [XNNPACK], "exact", "not asked"),
        (Library("x", "onnxruntime", role="part"), [], "clean", "not asked"),
        (Library("x", role="none"), [NAMED], "clean", "not asked"),
        (Library("x", role="none"), [TFLITE], "wrong", "not asked"),
    ],
)
def test_score(truth: Library, found: list[Detection], verdict: str, version: str) -> None:
    result = score(truth, look(found))
    assert (result.verdict, result.version) == (verdict, version)
    assert bool(result.wrong) == (verdict == "wrong")


@pytest.mark.parametrize(
    ("truth", "named", "verdict"),
    [
        (Library("x", "litert"), ["tflite"], "exact"),
        (Library("x", "litert"), ["tflite", "pytorchmobile"], "wrong"),
        (Library("x", "paddle", also=("caffe",)), ["paddleLite", "caffe"], "with others"),
        (Library("x", "executorch"), ["pytorchmobile"], "wrong"),
        (Library("x", "executorch"), [], "missed"),
        (Library("x", role="none"), [], "clean"),
    ],
)
def test_baseline_verdict(truth: Library, named: list[str], verdict: str) -> None:
    assert baseline_verdict(truth, named, load_vocabulary().baseline) == verdict


def test_baseline_reads_rodata_only(tmp_path: Path) -> None:
    rules = Rules(
        strings={"here": (b"in the section",), "there": (b"behind it",)}, suffixes={"here": (".h",), "there": (".t",)}
    )
    library = tmp_path / "lib.so"
    library.write_bytes(build_elf(ElfSpec(rodata=b"in the section\0")) + b"behind it")
    assert frameworks_in(library, rules) == ("here",)
    assert model_names(("a.h", "b.t"), ("here",), rules) == ("a.h",)
    library.write_bytes(b"no library")
    assert frameworks_in(library, rules) == ()
    assert model_names(("a.h",), (), rules) == ()


def package(**changes: object) -> LabelledPackage:
    facts: dict[str, object] = {
        "sha256": "ab" * 32, "tier": "genuine", "origin": "someone/app: a.apk", "labels": parse_labels("tflite"),
        "models": (), "same_bytes": True,
    }  # fmt: skip
    return LabelledPackage(**(facts | changes))  # type: ignore[arg-type]


def test_labels_and_models_of_the_list() -> None:
    labels = parse_labels("tflite(java refs only)|ncnn(models only)|llama.cpp")
    assert [(label.name, label.models_only) for label in labels] == [
        ("tflite", False),
        ("ncnn", True),
        ("llama.cpp", False),
    ]
    cut = '{"entry": "a", "format": "tflite", "bytes": 1}|{"entry": "b", "form'
    assert parse_models(cut) == (("a", "tflite"),)


def test_index(tmp_path: Path) -> None:
    path = tmp_path / "index.tsv"
    row = ["ab" * 32, "genuine_neg", "someone/app", "a.apk", "", "", "verified"]
    path.write_text("sha256\ttier\trepo\tpath\tframeworks\tmodels\tstatus\n" + "\t".join(row) + "\n")
    (only,) = load_index(path)
    assert only.negative
    assert only.same_bytes
    assert only.origin == "someone/app: a.apk"


VOCABULARY = Vocabulary(
    technologies={"tflite": ("tflite", "litert*")}, formats={"tflite": ("tflite",), "npz": ()}, baseline={}
)


def of(*found: Detection) -> Scan:
    return scan(detections=found)


def test_technologies_beyond_the_labels_need_a_note() -> None:
    seen = of(TFLITE, detection(technology="litert-lm"), ORT, XNNPACK, GUESS, detection(technology="dlib"))
    notes = (
        Note("abab", "onnxruntime", confirmed=True, reason="seen"),
        Note("abab", "dlib", confirmed=False, reason="no"),
    )
    found = compare_technologies(package(), seen, VOCABULARY, notes[:1])
    assert {item.name: item.status for item in found} == {
        "tflite": "labelled", "litert-lm": "labelled", "onnxruntime": "confirmed", "dlib": "unchecked",
    }  # fmt: skip
    found = compare_technologies(package(), seen, VOCABULARY, notes)
    assert {item.name: item.status for item in found}["dlib"] == "refuted"


def test_models_are_compared_by_entry_and_format() -> None:
    labelled = package(
        models=(("assets/m.tflite", "tflite"), ("assets/gone.tflite", "tflite"), ("assets/n.tflite", "npz"))
    )
    second = model(path="a.apk!assets/n.tflite")
    third = model(
        path="a.apk!assets/more.bin",
        parts=(ModelFile(location=place("a.apk!assets/more.bin"), sha256="0" * 64, size=1),),
    )
    seen = scan(models=(model(), second, third))
    found, missed, extra = compare_models(labelled, seen, VOCABULARY, (), ("assets/m.tflite", "assets/n.tflite"))
    assert found == 1
    assert [miss.reason for miss in missed] == ["the entry is not in this package", "found as tflite"]
    assert [(item.where, item.status) for item in extra] == [("assets/more.bin", "unchecked")]


def test_patterns_and_tables() -> None:
    assert matches(("mlkit-*",), "mlkit-face")
    assert not matches(("tflite",), "tflite-gpu")
    assert (share(1, 4), share(0, 0)) == ("1 of 4 (25 %)", "0 of 0")
    assert table(("a", "b"), [("x|y", 1)]).splitlines()[2] == "| x\\|y | 1 |"


def test_evidence_of_builders_is_inside_the_package() -> None:
    assert proof().location.path.startswith("a.apk!")


def test_data_files_name_what_exists() -> None:
    ids = {rule.id for rule in load_rule_set().rules}
    runtimes = load_runtimes()
    for runtime in runtimes:
        assert isinstance(runtime, Runtime)
        assert runtime.registry in {"pypi", "npm"}
        assert runtime.libraries
        for library in runtime.libraries:
            assert library.role in {"library", "part", "none"}
            assert bool(library.expect) == (library.role != "none")
            assert {library.expect, *library.also} - {""} <= ids, library
    assert len({runtime.folder.lower() for runtime in runtimes}) == len(runtimes)
    vocabulary, rules = load_vocabulary(), load_rules()
    assert set(vocabulary.baseline) == set(rules.strings)
    assert {name for names in vocabulary.formats.values() for name in names} <= {form.name for form in FORMATS} | {
        "npz",
        "snowboy",
    }
    for names in vocabulary.technologies.values():
        assert any(matches(names, name) for name in ids), names
    assert all(len(note.sha256) >= 8 and note.reason for note in load_notes())


def test_two_steps_on_a_package(tmp_path: Path) -> None:
    rules = Rules(strings={"here": (b"in the section",)}, suffixes={"here": (".h",)})
    app = tmp_path / "a.apk"
    library = build_elf(ElfSpec(rodata=b"in the section\0"))
    names = {"lib/x86/libx.so": library, "assets/m.h": b"model", "assets/n.bin": b"model"}
    app.write_bytes(archive([Member(name=name.encode(), data=data) for name, data in names.items()]))
    assert two_steps(app, rules) == ((), ()), "only libraries for Arm are read"
    names["lib/arm64-v8a/libx.so"] = library
    app.write_bytes(archive([Member(name=name.encode(), data=data) for name, data in names.items()]))
    assert two_steps(app, rules) == (("here",), ("assets/m.h",))
    app.write_bytes(b"no package")
    assert two_steps(app, rules) == ((), ())
