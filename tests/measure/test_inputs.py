"""Inputs are made up within their range, the same for the same seed; outputs are compared as numbers."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest

from nngauge.domain.graph import DType, Graph, Node, Quantization, Tensor
from nngauge.engines import Reply, Written
from nngauge.errors import UsageError
from nngauge.measure.inputs import inputs_of, numbers
from nngauge.measure.outputs import check, difference


def graph(*inputs: Tensor, nodes: tuple[Node, ...] = (), more: tuple[Tensor, ...] = ()) -> Graph:
    return Graph(format="tflite", tensors=(*inputs, *more), inputs=tuple(range(len(inputs))), nodes=nodes)


IMAGE = Tensor(name="image", dtype=DType.FLOAT32, shape=(1, 4, 4, 3))


def test_floats_lie_between_0_and_1_and_depend_on_the_seed() -> None:
    (one,) = inputs_of(graph(IMAGE))
    found = numbers(one.content, one.dtype)
    assert len(found) == 48
    assert 0 <= min(found) < 0.2
    assert 0.8 < max(found) < 1
    assert inputs_of(graph(IMAGE))[0].digest == one.digest != inputs_of(graph(IMAGE), seed=1)[0].digest


def test_two_inputs_are_not_the_same_numbers() -> None:
    one, other = inputs_of(graph(IMAGE, Tensor(name="b", dtype=DType.FLOAT32, shape=(1, 4, 4, 3))))
    assert one.content != other.content


@pytest.mark.parametrize(
    ("dtype", "low", "high"), [(DType.INT8, -128, 127), (DType.UINT8, 0, 255), (DType.INT16, -32768, 32767)]
)
def test_quantised_inputs_use_their_whole_range(dtype: DType, low: int, high: int) -> None:
    (one,) = inputs_of(graph(Tensor(name="x", dtype=dtype, shape=(1, 9000), quantization=Quantization(1, 0.1, 3))))
    found = numbers(one.content, one.dtype)
    assert min(found) <= low + (high - low) * 0.01
    assert max(found) >= high - (high - low) * 0.01


def test_numbers_that_index_a_table_stay_within_it() -> None:
    ids = Tensor(name="ids", dtype=DType.INT64, shape=("batch", "tokens"))
    table = Tensor(name="table", dtype=DType.FLOAT32, shape=(50, 8), constant=True)
    cast = Tensor(name="cast", dtype=DType.INT32)
    nodes = (Node("Cast", "Cast", inputs=(0,), outputs=(2,)), Node("Gather", "Gather", inputs=(1, 2), outputs=(3,)))
    (one,) = inputs_of(graph(ids, nodes=nodes, more=(table, cast, Tensor(name="out"))), batch=3)
    found = numbers(one.content, one.dtype)
    assert one.shape == (3, 16)
    assert min(found) >= 0
    assert 30 < max(found) < 50
    assert "50 rows" in one.says


def test_masks_and_unknown_integers_are_0_and_1() -> None:
    mask = Tensor(name="attention_mask", dtype=DType.INT8, shape=(1, 100))
    count = Tensor(name="x", dtype=DType.INT64, shape=(100,))
    for item in inputs_of(graph(mask, count, Tensor(name="b", dtype=DType.BOOL, shape=(100,)))):
        assert set(numbers(item.content, item.dtype)) == {0, 1}


def test_a_batch_is_fed_or_refused_but_never_only_written_down() -> None:
    (resized,) = inputs_of(graph(IMAGE), batch=4)
    assert resized.shape == (4, 4, 4, 3), "LiteRT resizes a first dimension of 1"
    state = Tensor(name="state", dtype=DType.FLOAT32, shape=(2, 8))
    assert [item.shape for item in inputs_of(graph(IMAGE, state), batch=4)] == [(4, 4, 4, 3), (2, 8)]
    with pytest.raises(UsageError, match="no input takes a batch of 4"):
        inputs_of(graph(state), batch=4)
    fixed = Graph(format="onnx", tensors=(IMAGE,), inputs=(0,))
    with pytest.raises(UsageError, match="no input takes a batch of 4"):
        inputs_of(fixed, batch=4)
    (given,) = inputs_of(Graph(format="onnx", tensors=(IMAGE,), inputs=(0,)), batch=1)
    assert given.shape == IMAGE.shape


def test_what_contradicts_the_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no input 'imag'"):
        inputs_of(graph(IMAGE), shapes={"imag": (1, 4, 4, 3)})
    with pytest.raises(UsageError, match="does not fit"):
        inputs_of(graph(IMAGE), shapes={"image": (1, 5, 4, 3)})
    with pytest.raises(UsageError, match="not known"):
        inputs_of(graph(Tensor(name="x", dtype=DType.FLOAT32)))
    with pytest.raises(UsageError, match="cannot be made up"):
        inputs_of(graph(Tensor(name="x", dtype=DType.STRING, shape=(1,))))
    with pytest.raises(UsageError, match="512 MiB"):
        inputs_of(graph(Tensor(name="x", dtype=DType.FLOAT32, shape=(1, 2**40))))
    (tmp_path / "a.raw").write_bytes(bytes(47 * 4))
    with pytest.raises(UsageError, match="188 bytes; 'image' takes 192"):
        inputs_of(graph(IMAGE), files={"image": tmp_path / "a.raw"})
    with pytest.raises(UsageError, match="cannot be read"):
        inputs_of(graph(IMAGE), files={"image": tmp_path / "b.raw"})


def test_files_are_fed_as_they_are(tmp_path: Path) -> None:
    content = struct.pack("<48f", *range(48))
    (tmp_path / "a.raw").write_bytes(content)
    (one,) = inputs_of(graph(IMAGE), files={"image": tmp_path / "a.raw"})
    assert (one.content, one.says) == (content, "file a.raw")


# --- outputs ------------------------------------------------------------------------------------------------------------


def floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


def written(*sizes: int) -> tuple[Written, ...]:
    return tuple(Written(name=str(at), dtype="float32", shape=(size // 4,), size=size) for at, size in enumerate(sizes))


def test_differences_are_shares_of_the_largest_number() -> None:
    ours, theirs = floats(1, 2, 10) + floats(0.5), floats(1, 2.5, 10) + floats(0.5)
    assert difference(ours, theirs, written(12, 4), written(12, 4)) == pytest.approx(0.05)
    assert difference(theirs, theirs, written(12, 4), written(12, 4)) == 0
    assert difference(ours, theirs, written(12, 4), written(16)) == math.inf
    assert difference(floats(float("nan")), floats(1), written(4), written(4)) == math.inf
    assert difference(b"", b"", written(0), written(0)) is None


def test_a_reply_tells_whether_outputs_depend_on_inputs() -> None:
    assert check(Reply(engine="x", version="1")) is None
    same = check(Reply(engine="x", version="1", digests=("a", "a"), finite=False))
    assert same is not None
    assert (same.varies, same.finite) == (False, False)
    other = check(Reply(engine="x", version="1", digests=("a", "b")))
    assert other is not None
    assert other.varies
