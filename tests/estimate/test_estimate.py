from __future__ import annotations

import itertools
import math
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

import nngauge
from nngauge import estimate
from nngauge.domain.cost import Cost, Family
from nngauge.domain.estimate import Estimate, EstimateDoubt, NoEstimate, Reason, Setting, Unit
from nngauge.estimate.anchors import write_anchor
from nngauge.estimate.answers import Asked, Subject, answers
from nngauge.estimate.verdict import Verdict
from tests.estimate.costs import conv, cost, layer, mobile

PIXEL = Setting(device="pixel-4", unit=Unit.BIG)


def told(setting: Setting = PIXEL, asked: Cost | None = None, level: float = 0.9) -> Estimate:
    found = estimate.estimate(mobile() if asked is None else asked, setting, level=level)
    assert isinstance(found, Estimate), found
    return found


def refused(setting: Setting, asked: Cost | None = None) -> NoEstimate:
    found = estimate.estimate(mobile() if asked is None else asked, setting)
    assert isinstance(found, NoEstimate), found
    return found


@pytest.mark.parametrize("profile", estimate.profiles(), ids=lambda profile: str(profile.id))
def test_every_profile_answers_with_an_interval_around_its_value(profile: estimate.Profile) -> None:
    setting = Setting(device=profile.device, unit=profile.unit, threads=profile.threads, precision=profile.precision)
    found = told(setting)
    assert 0 < found.low < found.value < found.high < math.inf
    assert found.baseline is not None
    assert found.baseline > 0
    assert found.ground.error < 0.35
    assert found.ground.profile.startswith(profile.id)


def test_the_same_question_has_the_same_answer() -> None:
    assert told() == told()


def test_more_work_takes_longer_and_wider_levels_are_wider() -> None:
    small, large = told(asked=mobile(24)), told(asked=mobile(64))
    assert large.value > 2 * small.value
    spans = [told(level=level) for level in (0.5, 0.8, 0.9, 0.95)]
    assert all(one.low > other.low and one.high < other.high for one, other in itertools.pairwise(spans))
    assert len({one.value for one in spans}) == 1


def test_intervals_are_narrower_where_kin_was_measured(tmp_path: Path) -> None:
    """A network of the table's own, and one that none is like, in every place."""
    file = write_anchor("mobilenet_wd2", tmp_path / "a.tflite")
    kin = nngauge.analyse_model(file, weights=False, digest=False).cost
    strange = cost([conv(14, 64, 64, window=11) for _ in range(40)])
    for unit in (Unit.BIG, Unit.MIDDLE, Unit.LITTLE, Unit.GPU):
        near, far = (told(replace(PIXEL, unit=unit), asked) for asked in (kin, strange))
        assert math.log(near.high / near.low) < 0.75 * math.log(far.high / far.low)


def test_faster_cores_are_faster() -> None:
    times = [told(replace(PIXEL, unit=unit)).value for unit in (Unit.GPU, Unit.BIG, Unit.MIDDLE, Unit.LITTLE)]
    assert times == sorted(times)
    assert told(replace(PIXEL, precision="int8")).value < told().value
    assert told(replace(PIXEL, unit=Unit.LITTLE, threads=4)).value < told(replace(PIXEL, unit=Unit.LITTLE)).value


def test_devices_are_found_by_any_name_and_by_their_chip() -> None:
    assert told(replace(PIXEL, device="Google Pixel 4")).value == told().value
    other = told(replace(PIXEL, device="pixel-4-xl"))
    assert other.value == told().value
    assert EstimateDoubt.OTHER_DEVICE in other.doubts
    assert EstimateDoubt.OTHER_DEVICE not in told().doubts


@pytest.mark.parametrize(
    ("change", "reason", "word"),
    [
        ({"device": "pixle-4"}, Reason.NO_DEVICE, "pixel-4"),
        ({"device": "zzzz"}, Reason.NO_DEVICE, "--list"),
        ({"precision": "int4"}, Reason.NO_PRECISION, "float32"),
        ({"unit": Unit.GPU, "precision": "int8"}, Reason.NO_PRECISION, "float32"),
        ({"device": "galaxy-a03s", "unit": Unit.MIDDLE}, Reason.NO_UNIT, "gpu"),
        ({"threads": 7}, Reason.NO_PROFILE, "1, 2"),
        ({"runtime": "executorch"}, Reason.NO_PROFILE, "calibrate"),
    ],
)
def test_what_is_not_known_is_refused_with_a_way_on(change: dict[str, object], reason: Reason, word: str) -> None:
    found = refused(replace(PIXEL, **change))
    assert found.reason is reason
    assert word in found.hint
    assert found.explanation


def test_unknown_operators_open_dimensions_and_empty_models_are_refused() -> None:
    attention = layer(Family.ATTENTION, "Attention", (1, 64, 256), (1, 64, 256), macs=10**8)
    found = refused(PIXEL, cost([*mobile().layers, attention]))
    assert found.reason is Reason.OPERATORS
    assert "attention" in found.explanation
    assert refused(PIXEL, cost([conv(56, 64, 64)], macs="9*N")).reason is Reason.NOT_COUNTED
    assert refused(PIXEL, cost([])).reason is Reason.NOT_COUNTED
    assert refused(PIXEL, cost([conv(8, 4, 4)])).reason is Reason.TOO_FAR
    assert refused(PIXEL, cost([replace(conv(224, 512, 512), repeats=100)])).reason is Reason.TOO_FAR


def test_a_little_of_an_unknown_operator_and_an_unlike_mix_are_doubts() -> None:
    resize = layer(Family.RESIZE, "Resize", (1, 4, 4, 8), (1, 8, 8, 8))
    assert EstimateDoubt.UNSEEN_OPERATORS in told(asked=cost([*mobile().layers, resize])).doubts
    assert EstimateDoubt.LOWER_BOUND in told(asked=cost(mobile().layers, lower_bound=True)).doubts
    strange = cost([conv(14, 64, 64, window=11) for _ in range(40)])
    found = told(asked=strange)
    assert EstimateDoubt.OTHER_SHAPE in found.doubts
    assert found.high / found.low > told().high / told().low  # farther from what is known is less certain


def test_answers_have_the_units_that_were_asked_for_or_the_fastest_known() -> None:
    asked = Asked(devices=("pixel-4", "galaxy-a03s"), threads=(1, 4))
    found = answers(Subject(name="m", format="tflite", cost=mobile()), asked).answers
    assert [(one.latency.setting.unit, one.latency.setting.threads) for one in found] == [
        (Unit.BIG, 1),
        (Unit.LITTLE, 4),
        (Unit.BIG, 1),
        (Unit.BIG, 4),
    ]
    assert found[0].verdicts == (Verdict.INSTANT,)
    gpu = answers(Subject(name="m", format="onnx", cost=mobile()), replace(asked, units=(Unit.GPU,))).answers
    assert len(gpu) == 2  # threads say nothing of a GPU
    assert isinstance(gpu[0].latency, Estimate)
    assert EstimateDoubt.OTHER_RUNTIME in gpu[0].latency.doubts


def test_integer_models_are_answered_from_integer_profiles() -> None:
    (found,) = answers(
        Subject(name="m", format="tflite", cost=mobile(dtype="int8")), Asked(devices=("pixel-4",))
    ).answers
    assert found.latency.setting.precision == "int8"


def test_no_numpy_is_needed() -> None:
    code = (
        "import sys\n"
        "sys.modules['numpy'] = None\n"
        "from nngauge import estimate\n"
        "from nngauge.domain.estimate import Setting, Unit\n"
        "from tests.estimate.costs import mobile\n"
        "print(estimate.estimate(mobile(), Setting(device='pixel-4', unit=Unit.BIG)).value)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert float(done.stdout) == told().value


def test_neural_processors_have_a_model_of_their_own() -> None:
    found = told(Setting(device="galaxy-s25", unit=Unit.NPU))
    assert found.ground.profile.startswith("hexagon")
    assert 0 < found.low < found.value < found.high


def test_a_language_model_is_answered_in_tokens() -> None:
    story = Path(__file__).parents[2] / "examples" / "models" / "story_gguf" / "story_llama_q4_0.gguf"
    analysis = nngauge.analyse_model(story, weights=False, digest=False)
    subject = Subject(name="s", format="gguf", cost=analysis.cost, language=analysis.language)
    found = answers(subject, Asked(devices=("galaxy-s25", "zzzz")))
    assert found.answers == ()
    known = [one for one in found.language if one.setting.device == "galaxy-s25"]
    assert known
    assert all(isinstance(one.decode, Estimate) and one.decode.low < one.decode.high for one in known)
    (unknown,) = [one for one in found.language if one.setting.device == "zzzz"]
    assert isinstance(unknown.decode, NoEstimate)
    assert unknown.decode.reason is Reason.NO_DEVICE
