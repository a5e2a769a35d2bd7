"""The schemes beside coremltools itself, where it is installed."""

from __future__ import annotations

import pytest

from nngauge.domain.compression import Scheme

np = pytest.importorskip("numpy")
theirs = pytest.importorskip(
    "coremltools.models.neural_network.quantization_utils", reason="coremltools is not installed"
)

from nngauge.compress.schemes import reduced  # noqa: E402


def tensor(seed: int) -> np.ndarray:
    chance = np.random.default_rng(seed)
    return (chance.standard_t(5, (16, 8, 3, 3)) * chance.uniform(0.01, 1, (16, 1, 1, 1))).astype(np.float32)


@pytest.mark.parametrize("bits", [8, 6, 4, 3, 2, 1])
@pytest.mark.parametrize("seed", range(3))
def test_linear_is_the_same(bits: int, seed: int) -> None:
    values = tensor(seed)
    codes, scale, bias = theirs._quantize_channelwise_linear(values, bits, axis=0)
    restored = theirs._dequantize_linear(codes, scale, bias)
    ours = reduced(values, (0,), bits, Scheme.LINEAR)
    assert float((ours.codes != codes).mean()) < 0.002  # halves may be rounded to either side
    agree = ours.codes == codes
    assert np.allclose(ours.values[agree], restored[agree], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 6, 4, 3, 2, 1])
@pytest.mark.parametrize("seed", range(3))
def test_linear_lut_is_the_same(bits: int, seed: int) -> None:
    values = tensor(seed)
    table, codes = theirs._get_linear_lookup_table_and_weight(bits, values)
    ours = reduced(values, (), bits, Scheme.LINEAR_LUT)
    agree = ours.codes.ravel() == codes.ravel().astype(np.uint8)
    assert float(agree.mean()) > 0.998
    restored = np.asarray(table)[codes.ravel().astype(int)]
    assert np.allclose(ours.values.ravel()[agree], restored[agree], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 6, 4, 3, 2, 1])
@pytest.mark.parametrize("seed", range(2))
def test_kmeans_is_no_worse(bits: int, seed: int) -> None:
    pytest.importorskip("sklearn", reason="coremltools needs scikit-learn for this")
    values = tensor(seed)
    table, codes = theirs._get_kmeans_lookup_table_and_weight(bits, values)
    restored = np.asarray(table).ravel()[np.asarray(codes).ravel()].reshape(values.shape)
    ours = reduced(values, (), bits, Scheme.KMEANS_LUT)
    wrong, their_wrong = (float(((one - values) ** 2).mean()) for one in (ours.values, restored))
    assert wrong <= their_wrong * 1.1
