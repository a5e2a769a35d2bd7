"""How results are held against the truth: every verdict is reached by made-up results."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from benchmarks.evaluation.baseline import Rules, frameworks_in, load_rules, model_names, two_steps
from benchmarks.evaluation.packages import evaluate, load_lists
from benchmarks.evaluation.runtimes import baseline_verdict, look, score
from benchmarks.evaluation.tables import share, table
from benchmarks.evaluation.truth import Library, Runtime, load_notes, load_runtimes, load_vocabulary
from benchmarks.measure import Run
from nngauge.detect.ruleset import load_rules as load_rule_set
from nngauge.domain.detection import Category, Detection
from nngauge.domain.evaluation import LabelSet, ModelLabel, PackageLabels, TechnologyLabel
from nngauge.domain.evidence import Confidence, Presence
from nngauge.evaluation.labels import check_names
from nngauge.formats import FORMATS
from tests.builders.elf import ElfSpec, build_elf
from tests.builders.facts import detection, proof
from tests.builders.samples import model as sample
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


def test_tables() -> None:
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
    assert all(len(note.sha256) >= 8 and note.reason for note in load_notes())


def test_labels_of_packages_name_what_exists_and_overlap_nowhere() -> None:
    ids, forms = [rule.id for rule in load_rule_set().rules], [form.name for form in FORMATS]
    lists = load_lists()
    digests = [package.sha256 for labels in lists for package in labels.package]
    assert len(set(digests)) == len(digests) > 200
    for labels in lists:
        assert check_names(labels, ids, forms) == ()
        assert all(package.repository and package.path for package in labels.package)
    held = {package.repository for package in lists[1].package if package.group == "hold-out" and package.ai}
    assert held.isdisjoint(package.repository for package in lists[1].package if package.group == "dev" and package.ai)


def test_scores_come_from_the_code_behind_the_command(tmp_path: Path) -> None:
    app = tmp_path / "a.apk"
    app.write_bytes(archive([Member(name=b"assets/m.bin", data=sample("tflite"))]))
    digest = hashlib.sha256(app.read_bytes()).hexdigest()
    good = PackageLabels(sha256=digest, model=(ModelLabel(entry="assets/m.bin", format="tflite"),))
    broken = PackageLabels(sha256="0" * 64, technology=(TechnologyLabel(id="tflite"),))
    (tmp_path / "b.apk").write_bytes(b"no package")
    files = {digest: app, "0" * 64: tmp_path / "b.apk"}
    runs = {name: Run(cpu=0.2, wall=0.2, peak=1, code=0) for name in files}
    labels = LabelSet(labels=1, package=(good, broken, PackageLabels(sha256="1" * 64)))
    first, second = evaluate(labels, files, runs, load_rules()).results
    assert first.score.models_found == ("assets/m.bin",)
    assert first.models == 1
    assert second.score.failure
    assert [miss.name for miss in second.score.missed] == ["tflite"]


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
