"""Language models: what a token reads, tokens per second, memory."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from nngauge.domain.estimate import Estimate, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.domain.language import AttentionLayer, LanguageModel, Role
from nngauge.estimate import language

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
