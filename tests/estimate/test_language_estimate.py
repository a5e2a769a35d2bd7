"""Language models: what a token reads, tokens per second, memory."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from nngauge.domain.estimate import Estimate, EstimateDoubt, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.domain.language import AttentionLayer, LanguageModel, Role
from nngauge.estimate import language
from nngauge.estimate.language_chips import SPEED, Figures, coefficients, figures, outside
from nngauge.knowledge import phones

GIB = 1 << 30


def llama(layers: int = 28, width: int = 3072, bits: float = 4.6) -> LanguageModel:
    """Like Llama 3.2 3B: the output shares the embeddings."""
    vocabulary, feed = 128256, 8192
    inner = layers * (2 * width * (width + 1024) + 3 * width * feed)
    parameters = inner + vocabulary * width
    return LanguageModel(
        role=Role.DECODER, architecture="llama", family="Llama", source="test", parameters=parameters,
        weight_bytes=int(parameters * bits / 8), layers=layers, embedding=width, feed_forward=feed, heads=24, kv_heads=8,
        head_width=width // 24, vocabulary=vocabulary, attention=(AttentionLayer(key_width=1024, value_width=1024),) * layers,
    )  # fmt: skip


def place(device: str = "galaxy-s25", unit: Unit = Unit.BIG, runtime: str = "") -> Setting:
    return Setting(device=device, unit=unit, threads=4, runtime=runtime)


def told(found: Estimate | NoEstimate) -> Estimate:
    assert isinstance(found, Estimate), found
    return found


def test_a_token_reads_all_weights_and_the_whole_cache() -> None:
    model = llama()
    found = language.amounts_of(model, 1000)
    assert found is not None
    assert found.bytes == pytest.approx(model.weight_bytes, rel=1e-6)
    assert found.cache == 28 * 2048 * 1000
    assert model.parameters is not None
    assert found.products == model.parameters - 128256 * 3072


def test_embeddings_that_the_output_does_not_share_are_not_read() -> None:
    model = llama()
    assert model.parameters
    assert model.weight_bytes
    table = 128256 * 3072
    own = replace(
        model,
        parameters=model.parameters + table,
        weight_bytes=int(model.weight_bytes * (model.parameters + table) / model.parameters),
    )
    found = language.amounts_of(own, 1000)
    assert found is not None
    assert found.bytes == pytest.approx(model.weight_bytes, rel=1e-6)


def test_only_the_experts_that_are_used_are_read() -> None:
    model = llama()
    assert model.parameters
    assert model.weight_bytes
    sparse = replace(model, active_parameters=model.parameters // 4)
    found = language.amounts_of(sparse, 100)
    assert found is not None
    assert found.bytes == pytest.approx(model.weight_bytes / 4, rel=1e-3)


def test_a_window_bounds_what_is_read_of_the_cache() -> None:
    model = replace(llama(), attention=(AttentionLayer(key_width=1024, value_width=1024, window=512),) * 28)
    first, second = (language.amounts_of(model, context) for context in (512, 4096))
    assert first is not None
    assert second is not None
    assert first.cache == second.cache


def test_speed_against_the_published_rows_of_such_a_model() -> None:
    found = told(language.estimate(llama(), place(), context=512))
    assert found.low < found.value < found.high
    assert found.low < 27 < found.high, "about what llama.cpp does with 4 bits on such a phone"
    assert found.quantity is Quantity.DECODE


def test_longer_contexts_and_larger_models_are_slower() -> None:
    short, long = (told(language.estimate(llama(), place(), context=context)) for context in (512, 4096))
    assert long.value < short.value
    assert told(language.estimate(llama(14), place(), context=512)).value > short.value
    prompt = told(language.estimate(llama(), place(), Quantity.PREFILL, context=512))
    assert prompt.value > short.value, "a prompt is read in batches"


def test_units_and_runtimes() -> None:
    npu = told(language.estimate(llama(), place(unit=Unit.NPU, runtime="qairt"), context=512))
    assert npu.ground.error < 0.15
    executorch = told(language.estimate(llama(), place("oneplus-12", runtime="executorch"), context=1024))
    assert 8 < executorch.value < 40
    assert told(language.estimate(llama(), place(runtime="llama.cpp"))).value > 0


@pytest.mark.parametrize(
    ("model", "setting", "reason"),
    [
        (llama(), place("no-such-phone"), Reason.NO_DEVICE),
        (llama(), place("pixel-4"), Reason.NO_PROFILE),
        (llama(), place(runtime="mlc"), Reason.NO_PROFILE),
        (replace(llama(), weight_bytes=None), place(), Reason.NOT_COUNTED),
        (replace(llama(), role=Role.ENCODER), place(), Reason.NO_PROFILE),
    ],
)
def test_there_is_no_estimate_without_ground(model: LanguageModel, setting: Setting, reason: Reason) -> None:
    found = language.estimate(model, setting)
    assert isinstance(found, NoEstimate)
    assert found.reason is reason
    assert found.explanation


ROWS = [
    (16, 2048, 64, 2358, 3185),
    (16, 2048, 64, 1083, 1921),
    (28, 3072, 128, 6129, 7419),
    (28, 3072, 128, 2435, 3726),
]
"""Layers, width, head width, size of the file and resident memory in MiB, published for Llama 3.2 1B and 3B in ExecuTorch."""


@pytest.mark.parametrize("row", ROWS)
def test_memory_of_published_rows(row: tuple[int, int, int, int, int]) -> None:
    layers, width, head, size, resident = row
    model = replace(
        llama(layers, width),
        weight_bytes=size << 20,
        attention=(AttentionLayer(key_width=8 * head, value_width=8 * head),) * layers,
    )
    found = told(language.memory(model, place("oneplus-12", runtime="executorch"), context=2048))
    assert found.value / (1 << 20) == pytest.approx(resident, rel=0.10)
    assert found.low < resident * (1 << 20) < found.high


def test_whether_a_model_fits() -> None:
    setting = place("galaxy-s25", runtime="llama.cpp")
    assert language.fits(llama(), setting) is True
    assert language.fits(replace(llama(), weight_bytes=11 * GIB), setting) is False
    assert language.fits(llama(), place("no-such-phone")) is None
    assert language.fits(replace(llama(), weight_bytes=None), setting) is None


def test_the_profile_says_how_far_off_it_is() -> None:
    known = language.profile()
    assert known.rows > 900
    assert known.models >= 30
    for errors in known.errors["decode"].values():
        assert errors.width > 1.0
        assert errors.baseline > 0


def test_a_chip_without_rows_is_told_by_its_memory_and_cores() -> None:
    found = told(language.estimate(llama(), place("galaxy-s23"), context=512))
    own = told(language.estimate(llama(), place(), context=512))
    assert EstimateDoubt.OTHER_DEVICE in found.doubts
    assert EstimateDoubt.OTHER_DEVICE not in own.doubts
    assert found.value < own.value, "less memory, slower cores"
    assert found.high / found.low > own.high / own.low
    assert found.ground.error <= 0.25
    assert "memory" in found.ground.method
    assert found.ground.coverage is not None
    assert 0.8 < found.ground.coverage < 1


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (place("pixel-4"), "34.1 GB/s"),
        (place("galaxy-s23", unit=Unit.GPU), "tells too little"),
        (place("galaxy-s23", runtime="executorch"), "tells too little"),
        (place("galaxy-s22", unit=Unit.NPU), "neural processor"),
        (place("mt6989", unit=Unit.NPU), "nothing is known of its neural processor"),
        (place("kirin-980"), "peak of its memory is not known"),
        (place("sm8735"), "its cores and their clocks"),
    ],
)
def test_what_is_missing_of_a_chip_is_said(setting: Setting, words: str) -> None:
    found = language.estimate(llama(), setting)
    assert isinstance(found, NoEstimate)
    assert found.reason is Reason.NO_PROFILE
    assert words in found.explanation


def test_every_law_covers_the_devices_that_it_was_fitted_to() -> None:
    """It says of them nearly what their own rows say: their own numbers are the law's, and a part of their own."""
    known = language.profile()
    for law in known.laws:
        assert law.terms["decode"].error <= 0.25
        for one in known.places:
            if (one.runtime, one.unit) != (law.runtime, law.unit) or one.decode is None:
                continue
            chip = figures(phones.socs()[one.chips[0]], law.unit, known.processors)
            assert chip is not None
            assert outside(law, chip) is None
            numbers = coefficients(law.terms["decode"], chip, law.unit)
            assert numbers[0] == pytest.approx(one.decode[0], rel=0.6), one.device
            assert numbers[3] == pytest.approx(one.decode[3], rel=1e-4)


def test_faster_memory_and_faster_cores_never_slow_a_token() -> None:
    for law in language.profile().laws:
        for terms in law.terms.values():
            slow = coefficients(terms, Figures(memory=60.0, speed=SPEED[law.unit]), law.unit)
            for faster in (
                Figures(memory=80.0, speed=SPEED[law.unit]),
                Figures(memory=60.0, speed=1.3 * SPEED[law.unit]),
            ):
                assert coefficients(terms, faster, law.unit)[0] < slow[0]


def test_little_cores_do_not_count() -> None:
    soc = phones.socs()["qcs8275"]
    found = figures(soc, "cpu", {})
    assert found is not None
    assert found.speed == pytest.approx(2 * 2.36 + 2 * 2.11)
    assert found.memory == 51.2
    npu = figures(soc, "npu", {"qcs8275": 0.5})
    assert npu is not None
    assert npu.speed == 0.5
