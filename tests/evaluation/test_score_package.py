"""Scores of made-up scans against made-up labels: every verdict is reached, and the sums are those of a person."""

from __future__ import annotations

from typing import Any

import pytest

from nngauge.domain.detection import Category, Detection
from nngauge.domain.evaluation import ModelLabel, PackageLabels, TechnologyLabel, Told
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.location import Location
from nngauge.domain.model import ModelFile
from nngauge.domain.outcome import Failure, Stage
from nngauge.evaluation.scores import score_package, sum_up
from tests.builders.facts import detection, model, place, scan

LIBRARY = detection()
NAMED = detection(presence=Presence.REFERENCED, version=None)
GUESS = detection(confidence=Confidence.POSSIBLE, version=None)
NCNN = detection(technology="ncnn", version=None)
CLOUD = detection(technology="openai", category=Category.CLOUD, presence=Presence.ENDPOINT, version=None)


def label(name: str = "tflite", **facts: Any) -> TechnologyLabel:
    return TechnologyLabel(id=name, **facts)


def labels(*technology: TechnologyLabel, **facts: Any) -> PackageLabels:
    return PackageLabels(**({"sha256": "ab" * 32, "technology": technology} | facts))


def score(truth: PackageLabels, *found: Detection, scopes: tuple[str, ...] = ("runtime",), **facts: Any) -> Any:
    seen = scan(**({"detections": found, "models": (), "candidates": ()} | facts))
    return score_package(truth, "a.apk", seen, scopes)


@pytest.mark.parametrize(
    ("truth", "found", "verdict"),
    [
        (label(), LIBRARY, "found"),
        (label(), detection(presence=Presence.DEFINED), "found"),
        (label(), GUESS, "missed"),
        (label(), NAMED, "missed and false"),
        (label(presence="named"), NAMED, "found"),
        (label(presence="named"), LIBRARY, "missed and false"),
        (label(presence="library"), detection(presence=Presence.EMBEDDED), "missed and false"),
        (label(presence="any"), NAMED, "found"),
        (label(optional=True), LIBRARY, "right"),
        (label(optional=True), GUESS, "nothing"),
        (label(absent=True), LIBRARY, "false"),
        (label(absent=True), GUESS, "nothing"),
        (label("ncnn", optional=True), LIBRARY, "false"),
    ],
)
def test_a_label_and_a_claim(truth: TechnologyLabel, found: Detection, verdict: str) -> None:
    result = score(labels(truth), found)
    said = {
        "found": bool(result.found),
        "missed": bool(result.missed),
        "false": bool(result.alarms),
        "right": bool(result.right) and not result.found,
    }
    wanted = set(verdict.split(" and ")) - {"nothing"}
    assert {name for name, value in said.items() if value} == wanted
    assert result.perfect == (not wanted & {"missed", "false"})


def test_claims_beside_the_labels_are_false_only_where_labels_are_exhaustive() -> None:
    result = score(labels(label()), LIBRARY, NCNN, CLOUD)
    assert (result.right, result.unchecked) == (("tflite",), ("openai",))
    assert [(alarm.name, alarm.reason) for alarm in result.alarms] == [("ncnn", "not labelled, claimed as library")]
    assert result.alarms[0].evidence[0].rule == "tflite#c-api"
    assert score(labels(label()), LIBRARY, NCNN, scopes=()).unchecked == ("ncnn",)
    assert score(labels(label(), exhaustive=()), LIBRARY, NCNN).unchecked == ("ncnn",)
    assert [a.name for a in score(labels(exhaustive=("cloud",)), LIBRARY, CLOUD).alarms] == ["openai"]


def test_alternatives_and_patterns() -> None:
    either = TechnologyLabel(id=("litert", "tf*"))
    result = score(labels(either), LIBRARY)
    assert (result.found, result.right, result.missed) == (("litert",), ("tflite",), ())


def test_the_strongest_claim_of_several_files_counts() -> None:
    assert score(labels(label()), NAMED, LIBRARY).perfect
    assert not score(labels(label(presence="named")), NAMED, LIBRARY).perfect


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        (("2.17.0",), Told.RIGHT),
        (("2.17.0", "2.16.1"), Told.WRONG),
        (("2.16.1",), Told.WRONG),
        ((None,), Told.SILENT),
        ((None, "2.17.3"), Told.RIGHT),
    ],
)
def test_versions(told: tuple[str | None, ...], verdict: Told) -> None:
    result = score(labels(label(version="2.17.*")), *(detection(version=version) for version in told))
    assert result.versions[0].verdict is verdict
    assert result.perfect == (verdict is Told.RIGHT)


def test_a_miss_says_what_was_seen() -> None:
    nothing = score(labels(label()))
    assert nothing.missed[0].reason == "nothing was found"
    weak = score(labels(label()), GUESS)
    assert weak.missed[0].reason == "labelled as shipped, reported as tflite library, possible"
    assert weak.missed[0].evidence


def test_models() -> None:
    truth = labels(
        model=(
            ModelLabel(entry="assets/m.tflite", format="tflite"),
            ModelLabel(entry="assets/x.dat", format="ncnn"),
            ModelLabel(entry="assets/gone.onnx", format="onnx"),
            ModelLabel(entry="assets/n.bin", format=("onnx", "ort")),
            ModelLabel(entry="assets/maybe", format="onnx", optional=True),
        ),
    )

    def at(path: str) -> Any:
        return model(path=path, parts=(ModelFile(location=place(path), sha256="0" * 64, size=1),))

    seen = (model(), at("a.apk!assets/n.bin"), at("a.apk!assets/more.tflite"))
    candidates = scan().candidates
    result = score(truth, models=seen, candidates=candidates)
    assert result.models_found == ("assets/m.tflite",)
    assert [(miss.name, miss.reason) for miss in result.models_missed] == [
        ("assets/x.dat", "ncnn: opaque: noise"),
        ("assets/gone.onnx", "onnx: not recognised"),
        ("assets/n.bin", "labelled as onnx, found as tflite"),
    ]
    assert result.models_unchecked == ("assets/more.tflite",)
    assert [alarm.reason for alarm in result.model_alarms] == ["assets/n.bin: labelled as onnx"]
    strict = score(truth, models=seen, scopes=("model",))
    assert [alarm.reason for alarm in strict.model_alarms] == [
        "assets/n.bin: labelled as onnx",
        "assets/more.tflite: not labelled",
    ]


def test_what_could_not_be_scanned_missed_everything() -> None:
    failure = Failure(stage=Stage.PACKAGE, location=Location(path="a.apk"), error="TruncatedError", reason="cut short")
    truth = labels(label(), label("ncnn", optional=True), model=(ModelLabel(entry="m", format="tflite"),))
    result = score_package(truth, "a.apk", failure)
    assert result.failure == "TruncatedError: cut short"
    assert ([miss.name for miss in result.missed], [miss.name for miss in result.models_missed]) == (["tflite"], ["m"])
    assert not result.perfect


def test_sums() -> None:
    scores = [
        score(labels(label(version="2.17.0"), label("ncnn")), LIBRARY),
        score(labels(label(version="2.1")), LIBRARY),
        score(labels(label(version="2.1")), detection(version=None), NCNN),
        score(labels(ai=False), scopes=("runtime", "model")),
        score(labels(ai=False), NCNN),
    ]
    whole = sum_up(scores, listed=7)
    rows = {row.name: row for row in whole.technologies}
    tflite, ncnn = rows["tflite"], rows["ncnn"]
    assert (tflite.labelled, tflite.found, tflite.right, tflite.wrong) == (3, 3, 3, 0)
    assert (tflite.versions, tflite.versions_right, tflite.versions_silent) == (3, 1, 1)
    assert (tflite.recall, tflite.precision, tflite.version_accuracy) == (1.0, 1.0, pytest.approx(1 / 3))
    assert (ncnn.recall, ncnn.precision, ncnn.version_accuracy) == (0.0, 0.0, None)
    assert (whole.skipped, whole.failed, whole.without_ai, whole.without_ai_clean) == (2, 0, 2, 1)
    assert (whole.total.labelled, whole.total.found, whole.total.right, whole.total.wrong) == (4, 3, 3, 2)


def test_nothing_at_hand() -> None:
    empty = sum_up([], listed=3)
    assert (empty.packages, empty.skipped, empty.total.recall, empty.models.precision) == (3, 3, None, None)
