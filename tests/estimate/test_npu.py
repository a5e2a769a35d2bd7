"""Neural processors: work, times, intervals, refusals, and that the product says what the training said."""

from __future__ import annotations

import math

import msgspec
import pytest

from nngauge.domain.cost import Family
from nngauge.domain.estimate import Estimate, EstimateDoubt, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.estimate import npu
from nngauge.estimate.npu_cost import GROUPS, Factors, Speeds, coordinates, mean, similarity, total
from nngauge.estimate.npu_work import WORKS, Item, Work, work_of
from tests.estimate.costs import conv, cost, depthwise, layer, mobile, relu


def npu_setting(device: str = "galaxy-s25", precision: str = "float32", runtime: str = "") -> Setting:
    return Setting(device=device, unit=Unit.NPU, precision=precision, runtime=runtime)


def told(found: Estimate | NoEstimate) -> Estimate:
    assert isinstance(found, Estimate), found
    return found


def by_work(items: tuple[Item, ...]) -> dict[Work, Item]:
    return {item.work: item for item in items}


def test_channels_are_padded_to_tiles() -> None:
    thin, wide = (work_of([conv(28, channels, 32)])[0] for channels in (8, 32))
    assert thin.work is wide.work is Work.WINDOW
    assert thin.macs == wide.macs == 28 * 28 * 9 * 32 * 32
    assert thin.weights == 9 * 8 * 32


def test_an_image_fills_its_window_instead_of_channels() -> None:
    (stem,) = work_of([conv(224, 3, 32)])
    assert stem.macs == 224 * 224 * 32 * 32, "9 × 3 products go into one tile of 32"


def test_axes_are_no_matter() -> None:
    first = layer(
        Family.CONVOLUTION, "Conv", (1, 64, 14, 14), (1, 96, 14, 14), macs=14 * 14 * 64 * 96, parameters=64 * 96, attributes="1x1"
    )  # fmt: skip
    last = layer(
        Family.CONVOLUTION, "Conv", (1, 14, 14, 64), (1, 14, 14, 96), macs=14 * 14 * 64 * 96, parameters=64 * 96, attributes="1x1"
    )  # fmt: skip
    assert work_of([first]) == work_of([last])


def test_what_compilers_fold_costs_nothing() -> None:
    plain = work_of([conv(28, 32, 32)])
    assert work_of([conv(28, 32, 32), relu(28, 32)]) == plain
    gelu = [
        layer(Family.ELEMENTWISE, "Div", (1, 10, 64), (1, 10, 64)),
        layer(Family.ACTIVATION, "Erf", (1, 10, 64), (1, 10, 64)),
        *(layer(Family.ELEMENTWISE, kind, (1, 10, 64), (1, 10, 64)) for kind in ("Add", "Mul", "Mul")),
    ]
    assert len(work_of(gelu)) == 1
    assert work_of(gelu)[0].times == 1
    unit = layer(Family.LAYOUT, "Transpose", (1, 10, 64), (10, 1, 64))
    real = layer(Family.LAYOUT, "Transpose", (1, 10, 64), (1, 64, 10))
    assert [item.work for item in work_of([unit, real])] == [Work.TRANSPOSE]


def test_equal_layers_are_one_item_and_repeats_count() -> None:
    (item,) = work_of([conv(28, 32, 32)] * 3)
    assert item.times == 3
    assert work_of([layer(Family.ELEMENTWISE, "Add", (1, 8), (1, 8), repeats=0)]) == ()


def test_shared_weights_are_the_same_wherever_the_channels_stand() -> None:
    shapes = (((1, 8, 20, 28), (1, 16, 20, 28)), ((1, 20, 28, 8), (1, 20, 28, 16)))
    amount = 20 * 28 * 9 * 8 * 16
    for taken, made in shapes:
        shared = layer(Family.CONVOLUTION, "Conv", taken, made, macs=amount, parameters=0, attributes="3x3")
        assert work_of([shared])[0].weights == 9 * 8 * 16
        grouped = layer(
            Family.CONVOLUTION, "Conv", taken, made, macs=amount // 4, parameters=0, attributes="3x3 s1 g4"
        )  # fmt: skip
        assert work_of([grouped])[0].weights == 9 * 2 * 16


def test_a_window_of_nothing_is_no_division_by_nothing() -> None:
    empty = layer(Family.CONVOLUTION, "Conv", (1, 8, 4, 4), (1, 8, 4, 4), macs=99, parameters=0, attributes="0x0")
    assert work_of([empty])[0].macs > 0


def test_products_of_activations_and_vectors_are_kinds_of_their_own() -> None:
    attention = layer(Family.MATMUL, "MatMul", (1, 12, 197, 64), (1, 12, 197, 197), macs=12 * 197 * 197 * 64)
    attention = msgspec.structs.replace(attention, inputs=(*attention.inputs, (1, 12, 64, 197)))
    head = layer(Family.DENSE, "Gemm", (1, 1280), (1, 1000), macs=1280000, parameters=1281000)
    assert set(by_work(work_of([attention, head]))) == {Work.PRODUCT, Work.VECTOR}
    assert by_work(work_of([depthwise(14, 96)]))[Work.DEPTHWISE].macs == 14 * 14 * 96 * 9


def speeds(products: float = 1.0, weights: float = 0.0, elements: float = 0.0, calls: float = 0.0) -> Speeds:
    count = len(WORKS)
    return Speeds(products=(products,) * count, weights=weights, elements=(elements,) * count, calls=(calls,) * count)


def test_time_is_nearly_the_slowest_part_plus_the_call() -> None:
    item = Item(Work.WINDOW, 2e9, 1e6, 1e6, 3)
    assert total([item], speeds(products=1.0)) == pytest.approx(6.0)
    assert total([item], speeds(products=1.0, calls=0.5)) == pytest.approx(7.5)
    both = total([item], speeds(products=1.0, weights=2.0))
    assert 6.0 < both < 2.6 * 3
    half = Factors(products=0.5, weights=1.0, elements=1.0, calls=1.0)
    assert total([item], speeds(products=1.0), half) == pytest.approx(3.0)


def test_weights_that_an_earlier_layer_counts_are_read_again() -> None:
    own, again = conv(28, 32, 64), msgspec.structs.replace(conv(28, 32, 64), parameters=0)
    assert work_of([own])[0].weights == work_of([again])[0].weights == 9 * 32 * 64
    assert work_of([own, again]) == (work_of([own])[0]._replace(times=2),)
    bias = msgspec.structs.replace(again, parameters=64)
    assert work_of([bias])[0].weights == 9 * 32 * 64, "a bias of its own is not the whole matrix"
    shared = layer(Family.DENSE, "Gemm", (197, 768), (197, 3072), macs=197 * 768 * 3072, parameters=0)
    (item,) = work_of([shared])
    assert (item.work, item.weights) == (Work.POINTWISE, 768 * 3072)


def test_places_do_not_depend_on_the_size_but_for_logarithms() -> None:
    small, large = [Item(Work.WINDOW, 1e9, 1e6, 1e6, 1)], [Item(Work.WINDOW, 1e9, 1e6, 1e6, 4)]
    first, second = (coordinates(items, speeds()) for items in (small, large))
    assert len(first) == sum(GROUPS)
    changed = [place for place, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pytest.approx(pair[1])]
    shares = GROUPS[0]
    assert changed == [shares, shares + 3, shares + 4], "of the time, the layers and the weights"
    assert second[shares] - first[shares] == pytest.approx(0.15 * math.log(4))


def test_similarity_falls_with_each_group_s_own_length() -> None:
    first = (0.0,) * sum(GROUPS)
    second = (*first[:-1], 1.0)
    assert similarity(first, first, (1.0,) * 5) == 1.0
    assert similarity(first, second, (1.0,) * 5) == pytest.approx(math.exp(-0.5))
    assert similarity(first, second, (1.0, 1.0, 1.0, 1.0, 2.0)) == pytest.approx(math.exp(-0.125))
    assert similarity(first, second, (0.1, 0.1, 0.1, 0.1, 1.0)) == pytest.approx(math.exp(-0.5))


def test_runtimes_and_devices_shift_in_their_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    known = npu.profile()
    place = known.points[0].place
    point = npu.Point(
        network="a/a", precision="float", place=place, weight=0.5,
        runtimes=(0.25,) + (0.0,) * (len(known.runtimes) - 1), devices=(0.125,) + (0.0,) * (len(known.devices) - 1),
    )  # fmt: skip
    monkeypatch.setattr(npu, "profile", lambda: msgspec.structs.replace(known, points=(point,)))
    one, two = list(known.runtimes)[:2]
    first, second = known.devices[:2]
    alike = npu._similarities(place, "float")
    assert alike == (1.0,)
    assert npu._shift(alike, one, [(first, 1.0)]) == pytest.approx(0.875)
    assert npu._shift(alike, two, [(first, 0.5), (second, 0.5)]) == pytest.approx(0.5625)
    (near,) = npu._similarities(place, "w8a8")
    assert near == known.cross["w8a8"]["float"] < 1.0
    assert npu._shift((near,), two, [(second, 1.0)]) == pytest.approx(0.5 * near)


def test_weights_of_residuals_follow_what_is_said_often() -> None:
    numpy = pytest.importorskip("numpy")
    residuals = pytest.importorskip("benchmarks.estimator.npu_residuals")
    alike = numpy.kron(numpy.eye(4), numpy.ones((5, 5)))
    groups = numpy.repeat([0.3, -0.3, 0.3, -0.3], 5)
    said = alike @ residuals._solved(alike, groups)
    assert said == pytest.approx(groups, abs=0.02)
    doubtful = numpy.tile([0.3, -0.3], 10)
    assert abs(alike @ residuals._solved(alike, doubtful)).max() < 0.1


def test_means_are_geometric() -> None:
    one, four = (Factors(products=value, weights=1, elements=1, calls=1) for value in (1.0, 4.0))
    assert mean([(one, 0.5), (four, 0.5)]).products == pytest.approx(2.0)


def test_an_estimate_has_an_interval_a_ground_and_the_baseline() -> None:
    found = told(npu.estimate(mobile(), npu_setting()))
    assert found.quantity is Quantity.LATENCY
    assert 0 < found.low < found.value < found.high
    assert found.ground.models > 80
    assert found.baseline is not None
    assert "qai-hub-models" in found.ground.source


def test_integers_are_faster_and_more_work_takes_longer() -> None:
    floats, integers = (told(npu.estimate(mobile(64, 20), npu_setting(precision=name))) for name in ("float32", "int8"))
    assert integers.value < floats.value
    assert told(npu.estimate(mobile(64, 40), npu_setting())).value > floats.value


def test_newer_phones_are_faster() -> None:
    network = cost([conv(112, 256, 256) for _ in range(8)])
    old, new = (told(npu.estimate(network, npu_setting(device))) for device in ("galaxy-s22", "galaxy-s25"))
    assert old.value > 1.3 * new.value


def test_a_phone_without_rows_is_told_by_its_chip() -> None:
    exact = told(npu.estimate(mobile(), npu_setting("galaxy-s25-ultra")))
    assert exact.value == told(npu.estimate(mobile(), npu_setting())).value
    assert EstimateDoubt.OTHER_DEVICE not in exact.doubts


def test_an_unseen_flagship_has_neighbours_and_a_wider_interval(monkeypatch: pytest.MonkeyPatch) -> None:
    neighbours = npu._alike("flagship", 77)
    weights = {device.id: weight for device, weight in neighbours}
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights["galaxy-s25"] > weights["galaxy-s22"]
    exact = told(npu.estimate(mobile(), npu_setting()))
    monkeypatch.setattr(npu, "_devices", lambda _: (neighbours, False))
    other = told(npu.estimate(mobile(), npu_setting()))
    assert EstimateDoubt.OTHER_DEVICE in other.doubts
    assert other.high / other.value > exact.high / exact.value


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (npu_setting("no-such-phone"), Reason.NO_DEVICE),
        (npu_setting("iphone-7"), Reason.NO_PROFILE),
        (npu_setting("galaxy-s21-ultra"), Reason.NO_PROFILE),
        (npu_setting(precision="int4"), Reason.NO_PRECISION),
        (npu_setting(runtime="coreml"), Reason.NO_PROFILE),
    ],
)
def test_there_is_no_estimate_without_ground(setting: Setting, reason: Reason) -> None:
    found = npu.estimate(mobile(), setting)
    assert isinstance(found, NoEstimate)
    assert found.reason is reason
    assert found.explanation
    assert found.hint


def test_a_model_that_was_not_counted_has_no_estimate() -> None:
    empty = npu.estimate(cost([], macs=None), npu_setting())
    open_ = npu.estimate(cost([conv(28, 32, 32)], macs="9*N"), npu_setting())
    assert {found.reason for found in (empty, open_) if isinstance(found, NoEstimate)} == {Reason.NOT_COUNTED}


def test_shapes_may_say_anything() -> None:
    size = 2**62
    layers = [
        layer(
            Family.CONVOLUTION, "Conv", (size,) * 8, (size,) * 8, macs=size**20, parameters=size**9, attributes="3x3"
        ),
        layer(Family.ELEMENTWISE, "Add", (size,) * 30, (size,) * 30),
        layer(Family.MATMUL, "MatMul", (0,), (0,), macs=0),
    ]
    assert isinstance(npu.estimate(cost(layers), npu_setting()), NoEstimate)
    assert told(npu.estimate(cost(layers, macs=10**9), npu_setting())).value > 0


def test_strange_networks_are_doubted() -> None:
    huge = told(npu.estimate(cost([conv(2048, 512, 512) for _ in range(30)]), npu_setting()))
    assert EstimateDoubt.OUTSIDE in huge.doubts
    recurrent = layer(Family.RECURRENT, "LSTM", (1, 100, 64), (1, 100, 64), macs=10**8, parameters=10**5)
    assert EstimateDoubt.UNSEEN_OPERATORS in told(npu.estimate(cost([recurrent]), npu_setting())).doubts


def test_the_share_of_models_that_integers_slow_down() -> None:
    whole = npu.int8_risk()
    assert whole.cases > 500
    assert 0.0 < whole.share < 0.3
    assert whole.gain > 1.2
    one = npu.int8_risk("galaxy-s25", "qnn_dlc")
    assert 0 < one.cases < whole.cases
    assert npu.int8_risk(precision="w8a16").share > whole.share, "activations of 16 bits slow more models down"
    assert npu.int8_risk("no-such-device").cases == 0
    assert npu.int8_risk("no-such-device").share == 0.0


def test_the_profile_says_how_far_off_it_is() -> None:
    known = npu.profile()
    for errors in known.errors.values():
        assert errors.model < errors.macs / 2, "at least twice better than MACs × a constant"
        assert 0.8 <= errors.coverage <= 0.97
    assert [width.similarity for width in known.widths] == sorted((w.similarity for w in known.widths), reverse=True)
    assert len(npu._FILE.read_bytes()) < 150_000


def test_the_product_says_what_the_training_rows_say() -> None:
    rows = pytest.importorskip("benchmarks.estimator.npu_rows")
    networks, known = rows.read_networks(), npu.profile()
    device = next(one for one in known.devices if one.id == "galaxy-s25")
    errors = [
        abs(
            npu._predicted(networks[row.network], row.precision, row.runtime, [(device, 1.0)])[0] / math.exp(row.log_ms)
            - 1
        )
        for row in rows.read_rows()
        if row.device == "Samsung Galaxy S25" and row.network in networks and row.precision in known.speeds
    ]
    assert len(errors) > 500
    assert sorted(errors)[len(errors) // 2] < 0.12
