"""Schemes of few bits, and k-means: known answers, the guarantees that the table rests on."""

from __future__ import annotations

from itertools import combinations

import pytest

from nngauge.domain.compression import Scheme

np = pytest.importorskip("numpy")

from nngauge.compress import kmeans  # noqa: E402
from nngauge.compress.kmeans import Spread, centroids, nearest  # noqa: E402
from nngauge.compress.schemes import BITS, magnitude_below, pack, pruned, reduced  # noqa: E402


def weights(kind: str, size: int) -> np.ndarray:
    chance = np.random.default_rng(size)
    made = {
        "normal": chance.normal(0, 0.1, size), "tailed": chance.standard_t(3, size), "two": chance.choice((-1.0, 1.0), size),
        "uniform": chance.uniform(-1, 1, size), "sparse": chance.normal(0, 1, size) * (chance.random(size) > 0.8),
        "outlier": np.concatenate((chance.normal(0, 0.01, size - 1), [100.0])),
    }  # fmt: skip
    return made[kind].astype(np.float32)


def error(values: np.ndarray, table: np.ndarray) -> float:
    return float(((values - table[nearest(values, table)]) ** 2).sum())


@pytest.mark.parametrize("kind", ["normal", "tailed", "two", "uniform", "sparse", "outlier"])
@pytest.mark.parametrize("size", [5, 300, 5000, 60_000])
@pytest.mark.parametrize("bits", BITS)
def test_kmeans_is_never_worse_than_an_even_table(kind: str, size: int, bits: int) -> None:
    values = weights(kind, size)
    ours = reduced(values, (), bits, Scheme.KMEANS_LUT).values
    even = reduced(values, (), bits, Scheme.LINEAR_LUT).values
    wrong, even_wrong = (float(((values - one).astype("f8") ** 2).sum()) for one in (ours, even))
    assert wrong <= even_wrong * 1.0001 + 1e-9


def test_the_exact_answer_is_the_best_of_all_divisions() -> None:
    values = weights("tailed", 14)
    points = np.sort(values).astype("f8")
    for count in (2, 3, 4):
        best = min(
            sum(((part - part.mean()) ** 2).sum() for part in np.split(points, cut))
            for cut in combinations(range(1, len(points)), count - 1)
        )
        table = centroids(Spread(values), count)
        assert len(table) == count
        assert error(points, table) == pytest.approx(best, rel=1e-6)


def test_lloyd_comes_near_the_exact_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    values = weights("tailed", 2000)
    spread = Spread(values)
    for count, most in ((2, 1.01), (4, 1.02), (16, 1.05), (64, 1.1)):
        monkeypatch.setattr(kmeans, "EXACT", 0)
        quick = error(values.astype("f8"), centroids(spread, count))
        monkeypatch.setattr(kmeans, "EXACT", 1 << 40)
        exact = error(values.astype("f8"), centroids(spread, count))
        assert exact * (1 - 1e-9) <= quick <= exact * most, count


def test_few_values_are_kept_as_they_are() -> None:
    values = np.array([[0.5, -0.25], [0.5, 3.0]], np.float32)
    found = reduced(values, (), 2, Scheme.KMEANS_LUT)
    assert (found.values == values).all()
    assert found.packed == 1 + 4 * 4


def test_linear_has_a_grid_for_each_channel() -> None:
    values = np.array([[0.0, 1.0, 2.0, 3.0], [0.0, 10.0, 20.0, 30.0]], np.float32)
    by_row = reduced(values, (0,), 2, Scheme.LINEAR)
    assert (by_row.values == values).all()
    assert by_row.codes is not None
    assert by_row.codes.tolist() == [[0, 1, 2, 3], [0, 1, 2, 3]]
    assert by_row.packed == 2 + 2 * 4 * 2
    whole = reduced(values, (), 2, Scheme.LINEAR).values
    assert whole.tolist() == [[0, 0, 0, 0], [0, 10, 20, 30]]


def test_channels_may_be_the_last_dimension_or_two() -> None:
    chance = np.random.default_rng(1)
    values = chance.normal(0, 1, (3, 3, 4, 5)).astype(np.float32) * np.arange(1, 21, dtype=np.float32).reshape(4, 5)
    found = reduced(values, (2, 3), 8, Scheme.LINEAR)
    flat = reduced(values.reshape(9, 20), (1,), 8, Scheme.LINEAR)
    assert (found.values.reshape(9, 20) == flat.values).all()
    step = np.ptp(values.reshape(9, 20), axis=0) / 255
    assert (np.abs(found.values - values).reshape(9, 20) <= step / 2 * 1.01).all()


def test_a_channel_of_one_value_stays() -> None:
    values = np.full((2, 8), 0.125, np.float32)
    for scheme in Scheme:
        assert (reduced(values, (0,), 1, scheme).values == values).all()


def test_sixteen_bits_are_halves() -> None:
    values = np.array([1e-9, 1 / 3, 1e9], np.float32)
    found = reduced(values, (), 16, Scheme.LINEAR)
    assert found.values.tolist() == [0.0, float(np.float16(1 / 3)), 65504.0]
    assert found.packed == 6


@pytest.mark.parametrize("bits", BITS)
def test_packing_uses_so_many_bits_and_can_be_undone(bits: int) -> None:
    codes = np.random.default_rng(bits).integers(0, 1 << bits, 77).astype(np.uint8)
    content = pack(codes, bits)
    assert len(content) == (77 * bits + 7) // 8
    spread = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")[: 77 * bits].reshape(77, bits)
    assert (np.packbits(spread, axis=1, bitorder="little")[:, 0] == codes).all()


def test_pruning_takes_the_smallest_magnitudes() -> None:
    values = np.array([0.1, -5.0, 0.2, -0.05, 3.0], np.float32)
    assert pruned(values, 0.4).tolist() == [0, -5, pytest.approx(0.2), 0, 3]
    assert pruned(values, 0.0).tolist() == values.tolist()
    assert magnitude_below(values, 0.8) == 3.0
