"""Figures of values against plain Python on the same numbers, element by element."""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.analyse.optimisation import optimisation_state
from nngauge.analyse.optimisation.channels import dead_channels
from nngauge.analyse.optimisation.values import MAX_DISTINCT
from nngauge.domain.graph import DType, Graph, Node, Quantization, Span, Tensor
from nngauge.domain.optimisation import Optimisation, WeightState
from nngauge.io.source import ByteSource

CODES = {DType.FLOAT32: "f", DType.FLOAT16: "e", DType.INT8: "b", DType.UINT8: "B", DType.INT16: "h"}


def dense(
    data: bytes, dtype: DType, shape: Sequence[int], quantization: Quantization | None = None, **attributes: int
) -> Graph:
    """One Gemm whose weight is `data`."""
    return Graph(
        format="onnx",
        tensors=(
            Tensor("x", DType.FLOAT32),
            Tensor("w", dtype, tuple(shape), Span(0, len(data)), quantization, constant=True),
            Tensor("y", DType.FLOAT32),
        ),
        nodes=(Node("Gemm", "Gemm", "", (0, 1), (2,), {"transB": 1, **attributes}),),
        inputs=(0,),
        outputs=(2,),
    )


def state(data: bytes, dtype: DType, shape: Sequence[int], **more: object) -> WeightState:
    return optimised(dense(data, dtype, shape, **more), data).tensors[0]  # type: ignore[arg-type]


def optimised(graph: Graph, data: bytes, **more: int) -> Optimisation:
    return optimisation_state(graph, [ByteSource.of_bytes(data, "w")], **more)  # type: ignore[arg-type]


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from([0.0, -0.0, 1.0, 2.0**-17])
        ),
        min_size=1,
        max_size=60,
    )
)
def test_float32(values: list[float]) -> None:
    found = state(struct.pack(f"<{len(values)}f", *values), DType.FLOAT32, [1, len(values)])
    check_floats(found, values)


@settings(max_examples=120, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.floats(width=16, allow_nan=False, allow_infinity=False), st.sampled_from([0.0, -0.0, 1.0, 2.0**-10])
        ),
        min_size=1,
        max_size=60,
    )
)
def test_float16(values: list[float]) -> None:
    check_floats(state(struct.pack(f"<{len(values)}e", *values), DType.FLOAT16, [1, len(values)]), values)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, -0.0, 1.0, -2.5, 0.00048828125, 256.0]), min_size=1, max_size=40))
def test_bfloat16(values: list[float]) -> None:
    data = b"".join(struct.pack("<f", value)[2:] for value in values)
    check_floats(state(data, DType.BFLOAT16, [1, len(values)]), values)


def check_floats(found: WeightState, values: Sequence[float]) -> None:
    largest = max(abs(value) for value in values)
    assert found.read == len(values)
    assert found.zeros == sum(value == 0 for value in values)
    assert found.distinct == len({(value, math.copysign(1, value)) for value in values})
    if found.threshold is None:
        assert found.near_zeros == found.zeros
    else:
        assert largest / 4096 <= found.threshold <= largest / 1024
        assert found.near_zeros == sum(abs(value) < found.threshold for value in values)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-128, 127), min_size=1, max_size=50), st.integers(-5, 5))
def test_int8(values: list[int], zero: int) -> None:
    grid = Quantization(scales=1, scale=0.5, zero_point=zero)
    found = state(struct.pack(f"<{len(values)}b", *values), DType.INT8, [1, len(values)], quantization=grid)
    assert found.zeros == found.near_zeros == values.count(zero)
    assert found.distinct == len(set(values))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-300, 300), min_size=1, max_size=50), st.integers(-3, 3))
def test_int16(values: list[int], zero: int) -> None:
    grid = Quantization(scales=1, scale=0.5, zero_point=zero)
    found = state(struct.pack(f"<{len(values)}h", *values), DType.INT16, [1, len(values)], quantization=grid)
    assert (found.zeros, found.distinct) == (values.count(zero), len(set(values)))


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 4).filter(lambda bits: bits != 3), st.lists(st.integers(0, 15), min_size=1, max_size=50))
def test_packed_integers(bits: int, values: list[int]) -> None:
    values = [value & (1 << bits) - 1 for value in values]
    per = 8 // bits
    padded = [*values, *[0] * (-len(values) % per)]
    data = bytes(
        sum(value << place * bits for place, value in enumerate(padded[start : start + per]))
        for start in range(0, len(padded), per)
    )
    found = state(data, DType.INT4 if bits == 4 else DType.INT2, [1, len(values)])
    assert (found.read, found.zeros, found.distinct) == (len(values), values.count(0), len(set(values)))


def test_many_values_are_not_counted_and_few_are_clusters() -> None:
    rng = random.Random(1)
    codebook = [rng.gauss(0, 1) for _ in range(16)]
    values = [rng.choice(codebook) for _ in range(64 * 100)]
    found = state(struct.pack("<6400f", *values), DType.FLOAT32, [64, 100])
    assert (found.distinct, found.clustered, found.uniform) == (16, True, False)
    grid = [rng.randint(-7, 7) * 0.013 for _ in range(64 * 100)]
    found = state(struct.pack("<6400f", *grid), DType.FLOAT32, [64, 100])
    assert (found.distinct, found.clustered, found.uniform) == (15, True, True)
    assert state(struct.pack("<6400e", *grid), DType.FLOAT16, [64, 100]).uniform
    wild = [rng.gauss(0, 1) for _ in range(64 * 100)]
    found = state(struct.pack("<6400f", *wild), DType.FLOAT32, [64, 100])
    assert (found.distinct, found.clustered) == (None, False)
    assert len(set(wild)) > MAX_DISTINCT


def test_float32_that_was_float16() -> None:
    rng = random.Random(1)
    half = [struct.unpack("<e", struct.pack("<e", rng.gauss(0, 1)))[0] for _ in range(400)]
    assert state(struct.pack("<400f", *half), DType.FLOAT32, [4, 100]).holds == "float16"
    brain = [struct.unpack("<f", b"\0\0" + struct.pack("<f", rng.gauss(0, 1))[2:])[0] for _ in range(400)]
    assert state(struct.pack("<400f", *brain), DType.FLOAT32, [4, 100]).holds == "bfloat16"
    assert state(struct.pack("<400f", *(value * 1.0001 for value in half)), DType.FLOAT32, [4, 100]).holds == ""


def test_the_largest_numbers_of_all_are_finite() -> None:
    check_floats(
        state(struct.pack("<3f", 1.0, 2.0**127, -(2.0**115)), DType.FLOAT32, [1, 3]), [1.0, 2.0**127, -(2.0**115)]
    )
    check_floats(state(struct.pack("<2e", 65504, 1), DType.FLOAT16, [1, 2]), [65504, 1])


@pytest.mark.parametrize("dtype", [DType.FLOAT32, DType.FLOAT16])
def test_masks_with_infinities_are_no_clusters(dtype: DType) -> None:
    values = [-math.inf, 0.0, 1.0, 2.0**-12] * 2048
    found = state(struct.pack(f"<8192{CODES[dtype]}", *values), dtype, [64, 128])
    assert (found.zeros, found.distinct, found.clustered, found.holds) == (2048, 4, False, "")
    assert found.near_zeros == 4096
    assert found.threshold is not None
    assert 1 / 4096 <= found.threshold <= 1 / 1024


@pytest.mark.parametrize(("transposed", "expected"), [(1, 2), (0, 1)])
def test_dead_channels_of_a_dense_layer(transposed: int, expected: int) -> None:
    """Rows 1 and 3 and column 0 of 4 × 3 are (all but) zero."""
    rows = [[0.0, 1.0, 2.0], [0.0, 0.0, 0.0], [0.0, 3.0, -1.0], [0.0, 1e-9, -1e-9]]
    data = struct.pack("<12f", *(value for row in rows for value in row))
    graph = dense(data, DType.FLOAT32, [4, 3], transB=transposed)
    found = optimised(graph, data).tensors[0]
    assert (found.channels, found.dead_channels) == (4 if transposed else 3, expected)


@pytest.mark.parametrize(("layout", "axis"), [("OIHW", 0), ("IOHW", 1), ("OHWI", 0), ("HWIO", 3), ("1HWO", 3)])
def test_dead_channels_by_layout(layout: str, axis: int) -> None:
    shape = (2, 3, 2, 3)
    values = [1.0] * math.prod(shape)
    stride = math.prod(shape[axis + 1 :])
    for place in range(len(values)):
        if place // stride % shape[axis] == 1:
            values[place] = 0.0
    data = struct.pack(f"<{len(values)}f", *values)
    graph = dense(data, DType.FLOAT32, shape)
    conv = Node("Conv", "Conv", "", (0, 1), (2,), {"weight_layout": layout})
    graph = Graph(format="onnx", tensors=graph.tensors, nodes=(conv,), inputs=(0,), outputs=(2,))
    found = optimised(graph, data).tensors[0]
    assert (found.channels, found.dead_channels) == (shape[axis], 1)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_dead_channels_of_any_axes(data: st.DataObject) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)))
    first = data.draw(st.integers(0, len(shape) - 1))
    axes = tuple(range(first, data.draw(st.integers(first, len(shape) - 1)) + 1))
    mask = bytes(data.draw(st.lists(st.sampled_from([0, 0, 1]), min_size=math.prod(shape), max_size=math.prod(shape))))
    inner = math.prod(shape[axes[-1] + 1 :])
    count = math.prod(shape[axes[0] : axes[-1] + 1])
    alive = {place // inner % count for place, value in enumerate(mask) if value}
    assert dead_channels(mask, shape, axes) == count - len(alive)


def test_sample_is_even_deterministic_and_said() -> None:
    rng = random.Random(4)
    data = bytes(rng.choices([0, 1, 2, 3], k=4 << 20))
    graph = dense(data, DType.INT8, [2048, 2048])
    whole, some = optimised(graph, data), optimised(graph, data, budget=1 << 20)
    assert (whole.sampled, whole.read_bytes) == (False, len(data))
    assert (some.sampled, some.read_bytes) == (True, 1 << 20)
    assert some == optimised(graph, data, budget=1 << 20)
    assert some.sparsity is not None
    assert abs(some.sparsity - data.count(0) / len(data)) < 0.01
    assert some.tensors[0].channels is None, "dead channels cannot be seen in a sample"


def test_fast_mode_touches_no_weight() -> None:
    class Untouchable(ByteSource):
        def read(self, offset: int, count: int) -> bytes:
            raise AssertionError(f"{count} bytes read at {offset}")

    found = optimisation_state(
        dense(b"1234" * 600, DType.FLOAT32, [40, 60]), [Untouchable.of_bytes(bytes(9600), "w")], weights=False
    )
    assert (found.verdict.label, found.read_bytes, found.sparsity) == ("float32", 0, None)
    assert found.tensors[0].zeros is None


@settings(max_examples=60, deadline=None)
@given(
    st.integers(-5, 1 << 40), st.integers(-5, 1 << 40), st.integers(-1, 2), st.sampled_from(list(DType)),
    st.lists(st.integers(0, 1 << 40), max_size=4),
)  # fmt: skip
def test_lying_spans_and_shapes_do_no_harm(offset: int, size: int, part: int, dtype: DType, shape: list[int]) -> None:
    graph = dense(b"", dtype, shape)
    tensors = (
        graph.tensors[0],
        Tensor("w", dtype, tuple(shape), Span(offset, size, part), constant=True),
        graph.tensors[2],
    )
    lying = Graph(format="onnx", tensors=tensors, nodes=graph.nodes, inputs=(0,), outputs=(2,))
    found = optimised(lying, bytes(5000))
    assert found.read_bytes <= 5000
