"""The script that fits language models' speeds, on rows whose law is known."""

from __future__ import annotations

import math
import random

import pytest

pytest.importorskip("scipy", reason="scipy is not installed: only the script that fits needs it")

from benchmarks.estimator.language_chips import known_of, processors
from benchmarks.estimator.language_fit import KEYS, Row, amounts, law_widths, left_out, speed
from nngauge.estimate import language

PLACE = "geniex_qairt/npu"
DEVICES = (
    "Samsung Galaxy S25", "Samsung Galaxy S26", "Snapdragon X Elite CRD", "Snapdragon X2 Elite CRD", "Dragonwing IQ-9075 EVK",
)  # fmt: skip
MODELS = ("llama_v3_2_1b_instruct", "qwen3_1_7b", "qwen3_4b", "llama_v3_2_3b_instruct", "qwen3_8b")


def rows() -> list[Row]:
    """Weights at 60 GB/s on memory of 75 GB/s, with the memory's square root and the processor's; nothing else takes time."""
    chance, found = random.Random(1), []
    for device in DEVICES:
        chip = known_of(device, "npu")
        assert chip.speed is not None
        peak = 60 * math.sqrt(chip.memory / 75 * chip.speed / 0.7)
        for model in MODELS:
            empty = Row(model, "w4a16", device, PLACE, 512, 0.0, 0.0)
            tokens = peak / amounts(empty)[0] * chance.uniform(0.98, 1.02)
            found.append(empty._replace(decode=tokens))
    return found


def test_a_device_that_is_left_out_is_told_by_its_chip() -> None:
    found = rows()
    guesses, plain = left_out(found, "decode", KEYS["device"])
    errors = [abs(guess / speed(row, "decode") - 1) for guess, row in zip(guesses, found, strict=True)]
    assert sorted(errors)[len(errors) // 2] < 0.1
    others = [abs(guess / speed(row, "decode") - 1) for guess, row in zip(plain, found, strict=True)]
    assert sorted(others)[len(others) // 2] > 0.15, "parameters alone do not know the chip"


def test_kin_are_left_out_together() -> None:
    first, second = (Row("qwen3_4b", "w4a16", device, PLACE, 512, 1.0, 0.0) for device in DEVICES[:2])
    assert KEYS["device"](first) != KEYS["device"](second)
    assert KEYS["kin"](first) == KEYS["kin"](second)


def test_widths_hold_nine_of_ten_and_are_judged_by_the_other_devices() -> None:
    import numpy as np

    found = rows()
    logs = np.array([0.1 * DEVICES.index(row.device) for row in found])
    widths, held = law_widths(found, logs)
    assert widths[PLACE] == pytest.approx(math.exp(0.4), rel=0.01)
    assert held == pytest.approx(0.8), "the worst device is outside what the others tell"


def test_the_shipped_profile_knows_the_processors_that_were_measured() -> None:
    measured = processors()
    for chip, known in language.profile().processors.items():
        assert measured[chip] == pytest.approx(known, rel=0.1), chip
