from __future__ import annotations

import io
from math import exp, log
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace
from rich.console import Console

import nngauge.estimate.mixture as mixing
from nngauge import estimate
from nngauge.domain.estimate import Estimate, EstimateDoubt, Setting, Unit
from nngauge.errors import MalformedError, UsageError
from nngauge.estimate.anchors import ANCHORS, write_anchor
from nngauge.estimate.calibration import (
    Calibration,
    alike,
    calibrate,
    own_calibrations,
    read_calibration,
    trust,
)
from nngauge.estimate.library import Library, library
from nngauge.estimate.linear import backward, factor, forward
from nngauge.estimate.mixture import mixture
from nngauge.screen.calibration import render_calibration
from tests.estimate.costs import mobile

SHARED = Path(__file__).parents[3] / "shared" / "latency" / "qed_tflite_cnn_e2e.csv"
MINE = Setting(device="my-phone", unit=Unit.BIG, precision="float32", runtime="tflite")


@pytest.fixture(scope="module")
def qed() -> Library:
    return library("tflite-qed")


def times_like(data: Library, profile: str, factor_: float = 1.0) -> dict[str, float]:
    """What a device would show that is a faster copy of a profile."""
    known = next(one for one in data.profiles if one.id == profile)
    named = dict(zip((network.name for network in data.networks), known.measured, strict=True))
    return {name: (named[name] or 0.0) / factor_ for name in ANCHORS if name in named}


def test_linear_systems_are_solved() -> None:
    matrix = [[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]]
    right = [1.0, 2.0, 3.0]
    lower = factor(matrix)
    found = backward(lower, forward(lower, right))
    again = [sum(a * b for a, b in zip(row, found, strict=True)) for row in matrix]
    assert again == pytest.approx(right)
    with pytest.raises(MalformedError):
        factor([[1.0], [2.0, 1.0]])


def test_a_mixture_reproduces_what_it_was_made_from() -> None:
    known = [[1.0, 2.0], [2.0, 2.5], [3.0, 3.1], [5.0, 4.0]]
    measured = [row[0] + 0.7 for row in known]  # the first device, twice as slow
    found = mixture(known, measured)
    assert sum(found.weights) == pytest.approx(1.0)
    assert found.weights[0] > 0.9
    assert found.at([4.0, 3.5]) == pytest.approx(4.7, abs=0.05)


def test_a_copy_of_a_known_phone_is_recognised(qed: Library) -> None:
    found = calibrate(times_like(qed, "pixel-4/big/1/float32/tflite", 1.5), MINE, qed, title="Mine")
    assert found.error < 0.06
    told = estimate.estimate(mobile(), MINE, calibrations=(found,))
    like = estimate.estimate(mobile(), replace(MINE, device="pixel-4"))
    assert isinstance(told, Estimate)
    assert isinstance(like, Estimate)
    assert told.value == pytest.approx(like.value / 1.5, rel=0.06)
    assert told.low < told.value < told.high
    assert told.high / told.low > 0.8 * like.high / like.low
    assert EstimateDoubt.OTHER_DEVICE in told.doubts


def test_leaving_an_anchor_out_does_not_use_it(qed: Library) -> None:
    times = times_like(qed, "pixel-4/big/1/float32/tflite")
    spoiled = times | {ANCHORS[0]: times[ANCHORS[0]] * 3}
    found = calibrate(spoiled, MINE, qed, title="Mine")
    (odd,) = [one for one in found.anchors if one.name == ANCHORS[0]]
    assert odd.left_out == pytest.approx(times[ANCHORS[0]], rel=0.2)


def test_one_anchor_that_is_far_off_changes_little(qed: Library) -> None:
    times = times_like(qed, "pixel-4/big/1/float32/tflite")
    whole = estimate.estimate(mobile(), MINE, calibrations=(calibrate(times, MINE, qed, title="Mine"),))
    odd = calibrate(times | {ANCHORS[3]: times[ANCHORS[3]] * 2}, MINE, qed, title="Mine")
    spoiled = estimate.estimate(mobile(), MINE, calibrations=(odd,))
    assert isinstance(whole, Estimate)
    assert isinstance(spoiled, Estimate)
    assert spoiled.value == pytest.approx(whole.value, rel=0.03)


def test_places_like_the_new_one_count_more_from_the_start(qed: Library) -> None:
    known = {one.id: one for one in qed.profiles}
    same = known["pixel-4/big/1/float32/tflite"]
    assert trust(MINE, same) == 1.0
    assert trust(MINE, known["pixel-4/big/1/int8/tflite"]) == mixing.OTHER_PRECISION
    both = trust(replace(MINE, precision="int8", threads=2), same)
    assert both == mixing.OTHER_PRECISION * mixing.OTHER_CORES
    found = mixture([[1.0, 5.0]], [2.0], [3.0, 1.0])  # as was believed
    assert found.weights == pytest.approx((0.75, 0.25))


def test_a_graphics_unit_has_a_time_for_every_inference(qed: Library) -> None:
    """One that needs 6 ms more for every inference than the one in the library, where mixtures of times alone are far off."""
    setting = replace(MINE, unit=Unit.GPU)
    times = {name: time + 6.0 for name, time in times_like(qed, "galaxy-a03s/gpu/1/float32/tflite").items()}
    found = calibrate(times, setting, qed, title="Mine")
    assert 4.0 < found.floor < 8.0
    assert found.error < 0.06
    told = estimate.estimate(mobile(), setting, calibrations=(found,))
    like = estimate.estimate(mobile(), replace(setting, device="galaxy-a03s"))
    assert isinstance(told, Estimate)
    assert isinstance(like, Estimate)
    assert told.value == pytest.approx(like.value + 6.0, rel=0.06)
    assert calibrate(times_like(qed, "pixel-4/big/1/float32/tflite"), MINE, qed, title="Mine").floor == 0.0


def test_the_screen_tells_what_every_inference_takes(qed: Library) -> None:
    setting = replace(MINE, unit=Unit.GPU)
    gpu = calibrate(times_like(qed, "galaxy-s10/gpu/1/float32/tflite"), setting, qed, title="Mine")
    processor = calibrate(times_like(qed, "galaxy-s10/big/1/float32/tflite"), MINE, qed, title="Mine")
    assert gpu.floor > 1.0
    shown = []
    for one in (gpu, processor):
        console = Console(width=120, file=io.StringIO(), record=True)
        console.print(render_calibration(one, (), "mine.json"))
        shown.append(console.export_text())
    assert f"every inference takes {gpu.floor:.2f} ms" in shown[0]
    assert "every inference" not in shown[1]


def test_plain_python_and_numpy_mix_alike(qed: Library) -> None:
    numpy = pytest.importorskip("numpy")
    pytest.importorskip("scipy")
    from benchmarks.estimator import anchors

    rows = [at for at, one in enumerate(qed.networks) if one.name in ANCHORS]
    known = [one for one in qed.profiles if one.unit is not Unit.GPU and one.device != "pixel-4"]
    new = next(one for one in qed.profiles if one.id == "pixel-4/little/4/int8/tflite")
    logs = numpy.log(numpy.array([one.measured for one in known])).T
    setting = replace(MINE, unit=new.unit, threads=new.threads, precision=new.precision)
    prior = [trust(setting, one) for one in known]
    measured = [log(new.measured[row] or 0.0) for row in rows]
    mine = mixture(logs[rows].tolist(), measured, prior)
    constants = (mixing.OTHER_PRECISION, mixing.OTHER_CORES, mixing.SPREAD, mixing.NOISE)
    theirs = anchors.mixed(logs, rows, numpy.array(measured), numpy.array(prior), anchors.Trust(*constants))
    assert [mine.at(row.tolist()) for row in logs] == pytest.approx(theirs.tolist())


@pytest.mark.skipif(not SHARED.exists(), reason="needs ../shared/latency")
def test_what_is_believed_from_the_start_is_what_phones_choose(qed: Library) -> None:
    """And phones that are left out are off by no more than the issue's goal."""
    pytest.importorskip("numpy")
    pytest.importorskip("scipy")
    from benchmarks.estimator import anchors, fit

    given = fit.data()
    rows = [given.names.index(name) for name in ANCHORS]
    phones = anchors.Transfer(given)
    constants = (mixing.OTHER_PRECISION, mixing.OTHER_CORES, mixing.SPREAD, mixing.NOISE)
    assert phones.settled(rows) == constants
    every = [error for errors in phones.errors(rows).values() for error in errors]
    assert len(every) == 56
    assert sum(every) / len(every) < 0.065
    graphics = [error for errors in anchors.graphics(given, rows).values() for error in errors]
    assert sum(graphics) / len(graphics) < 0.12


def test_too_few_anchors_and_unknown_names_are_refused(qed: Library) -> None:
    with pytest.raises(UsageError, match="3 anchors"):
        calibrate(dict.fromkeys(ANCHORS[:3], 1.0), MINE, qed, title="")
    with pytest.raises(UsageError, match="0 anchors"):
        calibrate({f"model-{number}": 1.0 for number in range(10)}, MINE, qed, title="")


def test_processors_are_mixed_from_processors(qed: Library) -> None:
    assert all(one.unit is Unit.GPU for one in alike(qed, replace(MINE, unit=Unit.GPU)))
    assert not any(one.unit is Unit.GPU for one in alike(qed, MINE))


def test_calibrations_are_read_back_and_others_are_refused(qed: Library, tmp_path: Path) -> None:
    made = calibrate(times_like(qed, "galaxy-s10/big/1/float32/tflite"), MINE, qed, title="Mine")
    (tmp_path / "mine.json").write_bytes(msgspec.json.encode(made))
    assert own_calibrations(tmp_path) == (made,)
    assert own_calibrations(tmp_path / "none") == ()
    for text in (b"", b"{}", b"\xff\xfe", b"[1]", b'{"schema": 3}'):
        (tmp_path / "bad.json").write_bytes(text)
        with pytest.raises(MalformedError, match=r"bad\.json"):
            read_calibration(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_bytes(msgspec.json.encode(replace(made, schema="other/1")))
    with pytest.raises(MalformedError, match="other/1"):
        read_calibration(tmp_path / "bad.json")


def test_hostile_numbers_in_a_calibration_are_refused(qed: Library, tmp_path: Path) -> None:
    made = calibrate(times_like(qed, "galaxy-s10/big/1/float32/tflite"), MINE, qed, title="Mine")
    for bad in (
        replace(made, offset=1e9),
        replace(made, anchors=()),
        replace(made, shares=()),
        replace(made, library="x"),
        replace(made, floor=-1.0),
        replace(made, floor=1e9),
    ):
        (tmp_path / "bad.json").write_bytes(msgspec.json.encode(bad))
        with pytest.raises(MalformedError):
            read_calibration(tmp_path / "bad.json")


def test_anchors_are_networks_of_the_library_and_the_same_every_time(qed: Library, tmp_path: Path) -> None:
    import nngauge
    from nngauge.estimate.features import features_of

    known = {network.name: network for network in qed.networks}
    assert len(ANCHORS) == 10
    assert set(ANCHORS) <= set(known)
    first = write_anchor("mobilenet_wd2", tmp_path / "a.tflite").read_bytes()
    assert write_anchor("mobilenet_wd2", tmp_path / "b.tflite").read_bytes() == first
    for name in ANCHORS:
        analysis = nngauge.analyse_model(write_anchor(name, tmp_path / f"{name}.tflite"), weights=False, digest=False)
        assert features_of(analysis.cost).values == known[name].values


def test_weights_of_anchors_have_the_scale_that_keeps_activations(tmp_path: Path) -> None:
    import struct

    import nngauge

    file = write_anchor("mobilenet_wd2", tmp_path / "a.tflite")
    data = file.read_bytes()
    graph = nngauge.read_graph(file)
    kernel = next(one for one in graph.tensors if one.shape == (512, 1, 1, 512) and one.data)
    assert kernel.data is not None
    values = struct.unpack_from(f"<{512 * 512}f", data, kernel.data.offset)
    variance = sum(value * value for value in values) / len(values)
    assert variance == pytest.approx(2.0 / 512, rel=0.05)


def test_baseline_is_the_mean_price_of_a_multiplication(qed: Library) -> None:
    times = times_like(qed, "galaxy-s10/big/1/float32/tflite")
    found = calibrate(times, MINE, qed, title="Mine")
    macs = {network.name: network.macs for network in qed.networks}
    mean = sum(log(time / macs[name]) for name, time in times.items()) / len(times)
    assert found.constant == pytest.approx(exp(mean))


def test_type_of_calibration_is_strict() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"setting": 1}', type=Calibration)
