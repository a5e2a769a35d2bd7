from __future__ import annotations

import io

import pytest
from rich.console import Console, RenderableType

from nngauge.domain.attribution import Attribution, Owner
from nngauge.domain.evidence import Confidence
from nngauge.domain.location import Location
from nngauge.domain.scan import Verdict
from nngauge.domain.task import Modality, TaskVerdict
from nngauge.domain.usage import Step, UsageVerdict, Use
from nngauge.screen.app import render_scan
from nngauge.screen.corpus import Summary, render_line, render_summary
from nngauge.screen.safe import Safe
from nngauge.screen.why import fact_names, find_facts, render_facts
from nngauge.words.amounts import format_shape
from nngauge.words.grouping import distinct_models
from tests.builders import facts


def text_of(renderable: RenderableType, width: int = 140) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, markup=False, emoji=False).print(Safe(renderable))
    return out.getvalue()


def test_the_screen_says_what_was_found_and_what_was_not() -> None:
    text = text_of(render_scan(facts.scan()))
    for wanted in (
        "Example", "1.2 (12)", "com.example.a", "5.0 MB", "arm64-v8a", "● runtime present: yes", "○ model elsewhere: no",
        "TensorFlow Lite", "2.17.0", "library", "m.tflite", "m.tflite", "1.23 k", "opaque", "noise",
        "TruncatedError", "cut short", "zip-duplicate-name", "scanned 1 (3.0 MB)",
    ):  # fmt: skip
        assert wanted in text, wanted


def test_a_normal_app_fits_one_screen() -> None:
    assert len(text_of(render_scan(facts.scan())).splitlines()) <= 30


def test_long_tables_are_cut_and_say_so() -> None:
    models = tuple(facts.model(digest=f"{n:064x}", path=f"a.apk!assets/m{n}.tflite") for n in range(40))
    text = text_of(render_scan(facts.scan(models=models)))
    assert "… and 26 more models" in text
    assert "m39.tflite" in text_of(render_scan(facts.scan(models=models), rows=0))


def test_no_ai_is_said_plainly() -> None:
    verdict = Verdict(runtime_present=False, model_present=False, model_elsewhere=False, because=())
    text = text_of(
        render_scan(facts.scan(detections=(), models=(), candidates=(), failures=(), anomalies=(), verdict=verdict))
    )
    assert "no AI was found in this package" in text
    assert "Models" not in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_hostile_names_and_narrow_screens_do_not_break_it(width: int) -> None:
    name = "a.apk!assets/[bold]\x1b[31m" + "x" * 500
    text = text_of(render_scan(facts.scan(models=(facts.model(path=name),))), width)
    assert "\x1b" not in text
    assert all(len(line) <= width for line in text.splitlines())


@pytest.mark.parametrize(
    ("shape", "text"), [((1, 2), "1×2"), ((), "scalar"), (None, "?"), ((None, "n"), "?×n"), ((0,), "0")]
)
def test_shapes(shape: tuple[int | str | None, ...] | None, text: str) -> None:
    assert format_shape(shape) == text


def test_the_same_model_in_two_places_is_one_line() -> None:
    (item,) = distinct_models([facts.model(), facts.model(path="a.apk!assets/copy.tflite")])
    assert item.places == ("a.apk!assets/m.tflite", "a.apk!assets/copy.tflite")


def test_a_corpus_adds_up() -> None:
    summary = Summary()
    for number in range(3):
        summary.add(facts.scan(), stored=number == 0)
    summary.add(facts.scan().failures[0])
    text = text_of(render_summary(summary, 2.0))
    for wanted in (
        "4 apps",
        "1.5 apps/s",
        "runtime present in 3",
        "3 models, 1 distinct",
        "1 apps failed, 3 read in part",
    ):
        assert wanted in text, wanted
    assert "TensorFlow Lite 2.17.0" in text_of(render_line("x/a.apk", facts.scan()))
    assert "✗ bad.apk" in text_of(render_line("x/bad.apk", facts.scan().failures[0]))


@pytest.mark.parametrize(
    "wanted", ["tflite", "TensorFlow Lite", "m.tflite", "assets/m.tflite", "abab", "x.dat", "bad", "zip-duplicate-name"]
)
def test_every_line_of_a_report_can_be_asked_about(wanted: str) -> None:
    assert find_facts(facts.scan(), wanted)


def test_unknown_facts_are_not_found_and_names_are_offered() -> None:
    assert find_facts(facts.scan(), "onnx") == []
    assert fact_names(facts.scan()) == ["m.tflite", "tflite", "x.dat"]


def test_evidence_is_shown_with_its_bytes() -> None:
    data = bytes(64) + b"TfLiteVersion" + bytes(64)
    asked: list[Location] = []

    def peek(location: Location, offset: int, count: int) -> bytes:
        asked.append(location)
        return data[offset : offset + count]

    text = text_of(render_facts(find_facts(facts.scan(), "tflite"), peek))
    assert "54 66 4c 69 74 65" in text
    assert "TfLiteVersion" in text
    assert "rule tflite#c-api" in text
    assert asked[0].path == "a.apk!lib/arm64-v8a/libx.so"


def test_the_table_of_a_corpus_does_not_depend_on_who_finished_first() -> None:
    models = [facts.model(title=title, digest=f"{at:064x}") for at, title in enumerate("BADC")]
    one, other = Summary(), Summary()
    for model in models:
        one.add(facts.scan(models=(model,)))
    for model in reversed(models):
        other.add(facts.scan(models=(model,)))
    assert text_of(render_summary(one, 1.0)) == text_of(render_summary(other, 1.0))


def test_why_tells_what_the_facts_amount_to() -> None:
    proof = facts.proof("file name has “wake”", "a.apk!assets/m.tflite")
    owner = Attribution(owner=Owner.SDK, sdk="x", title="Some SDK", confidence=Confidence.LIKELY, because="its folder")
    verdict = TaskVerdict(task="keyword-spotting", modality=Modality.AUDIO, probability=0.9, because=(proof,))
    model = facts.model(task=verdict, owner=owner)
    use = UsageVerdict(
        subject=str(model.parts[0].location), model=True, use=Use.USED, confidence=Confidence.CERTAIN, reason="it is loaded",
        chain=(Step(method="com.example.Main.onCreate", how="started by the system"),),
    )  # fmt: skip
    scan = facts.scan(models=(model,), usage=(use,))
    text = text_of(render_facts(find_facts(scan, "m.tflite"), lambda *_: b""))
    for wanted in (
        "what for: Keyword and wake-word spotting, 90 %", "file name has “wake”", "whose: sdk Some SDK", "likely: its folder",
        "used: used", "started by the system: com.example.Main.onCreate",
    ):  # fmt: skip
        assert wanted in text, wanted
    assert "TensorFlow Lite, all in all" in text_of(render_facts(find_facts(scan, "tflite"), lambda *_: b""))
