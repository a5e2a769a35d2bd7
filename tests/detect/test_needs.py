"""What rules say about needs, models and loaders: checked by the linter, and kept out of what is reported."""

from __future__ import annotations

from pathlib import Path

import pytest

from nngauge.detect.compiled import load_signatures
from nngauge.detect.detector import Detector
from nngauge.detect.lint import lint_rules
from nngauge.detect.ruleset import Delivery, Scope, load_rules
from nngauge.domain.location import Location
from nngauge.formats import FORMATS
from nngauge.pipeline import Scanner
from tests.builders.dex import build_dex
from tests.builders.engines import graded
from tests.builders.packages import apk

RULE = """
id = "{name}"
title = "Rule"
category = "runtime"
references = ["https://example.org"]
{more}
[[match]]
name = "api"
scope = "dex"
any.class = ["com.{name}.Net"]
[[example]]
name = "x"
dex = {{ defines = ["com.{name}.Net"] }}
[[counterexample]]
name = "x"
"""
RULES = load_rules()


def complaints(folder: Path, **rules: str) -> list[str]:
    for name, more in rules.items():
        (folder / f"{name}.toml").write_text(RULE.format(name=name, more=more))
    return lint_rules(folder)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ("[needs]", "names neither a library nor a technology"),
        ('[needs]\ntechnologies = ["nobody"]', "needs the unknown technology 'nobody'"),
        ('[needs]\ntechnologies = ["one"]', "needs itself"),
        ('[needs]\nlibraries = ["a.so"]\nalone = ["web"]', "there is no clause 'web'"),
        ('[models]\nown = ["tflite"]\nreads = ["tflite"]', "names a model format twice"),
        ('delivers = "packed"\n[models]\nown = ["tflite"]', "a loader needs and loads nothing"),
        ('delivers = "by mail"', "Invalid enum value"),
        ('[needs]\nfiles = ["a"]', "unknown field"),
    ],
)
def test_the_linter_complains(tmp_path: Path, more: str, complaint: str) -> None:
    assert any(complaint in line for line in complaints(tmp_path, one=more))


def test_a_format_has_one_owner(tmp_path: Path) -> None:
    found = complaints(tmp_path, one='[models]\nown = ["net"]', two='[models]\nown = ["net"]')
    assert found == ["two.toml: model format 'net' is one's own"]


def test_good_needs_are_no_complaint(tmp_path: Path) -> None:
    needs = '[needs]\nlibraries = ["libone.so"]\ntechnologies = ["two"]\nalone = ["api"]\n[models]\nreads = ["net"]'
    assert complaints(tmp_path, one=needs, two='[models]\nown = ["net"]') == []


def test_rules_name_formats_that_exist() -> None:
    known = {form.name for form in FORMATS}
    named = {name for rule in RULES.rules for name in (*rule.models.own, *rule.models.reads)}
    assert named <= known
    owned = {name for rule in RULES.rules for name in rule.models.own}
    assert known - owned == {"darknet", "hailo_hef", "nnef", "safetensors"}  # no engine of theirs has a rule


@pytest.mark.parametrize("rule", [rule for rule in RULES.rules if rule.delivers], ids=lambda rule: rule.id)
def test_loaders_are_possible_or_files(rule: object) -> None:
    """Means to load any code are no evidence about one library; a packed file is one about what it is named like."""
    clauses = {clause.scope: clause.confidence.value for clause in rule.match}  # type: ignore[attr-defined]
    if rule.delivers is Delivery.FETCHED:  # type: ignore[attr-defined]
        assert set(clauses.values()) == {"possible"}
    else:
        assert set(clauses) <= {Scope.FILE, Scope.MANIFEST}


def test_loaders_are_never_reported() -> None:
    dex = build_dex(
        defined=["Lcom/getkeepsafe/relinker/ReLinker;", "Lcom/facebook/soloader/SoLoader;"],
        referenced=[
            "Ldalvik/system/DexClassLoader;",
            "Lcom/google/android/play/core/splitinstall/SplitInstallManager;",
        ],
        methods=[("Ljava/lang/System;", "load")],
    )
    scanner = Scanner()
    files = {"classes2.dex": dex, "assets/lib/libs.xzs": bytes(range(200)), "assets/libgame.so.br": bytes(64)}
    assert graded(scanner, apk(files)) == {}


def test_the_detector_keeps_them_apart() -> None:
    signatures = load_signatures()
    detector = Detector(signatures, Location(path="app.apk"))
    path = "assets/lib/libs.xzs"
    assert detector.promising([path, "assets/a.png", "assets/libfoo.so"]) == {0}
    detector.path(Location(path=f"app.apk!{path}"), path)
    assert detector.finish() == ()
    assert [item.technology for item in detector.loaders()] == ["load-superpack"]


def test_a_call_beside_a_text_is_asked_for_where_the_text_is() -> None:
    """No scan asks every dex file for java.lang.System."""
    signatures = load_signatures()
    assert b"Ljava/lang/System;" not in signatures.literal_index
    index = signatures.literal_index[b"libonnxruntime.so"]
    assert ("method", "java.lang.System.load") in signatures.features_of[index]
