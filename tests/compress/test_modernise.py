"""Old TFLite files: what is repaired, what stays, and that the answers do."""

from __future__ import annotations

import io
import tempfile
import zipfile
from pathlib import Path

import pytest

from nngauge.api import open_model, read_graph
from nngauge.compress.building import Plan, build
from nngauge.compress.modernise import archive_start, modernise, read, write
from nngauge.compress.writing import Job, Recipe, writer_for
from nngauge.compress.writing import write as carry
from nngauge.domain.graph import Graph
from nngauge.domain.written import Written
from nngauge.engines.loaded import Refused
from tests.builders.legacy_tflite import aged, with_archive

pytest.importorskip("ai_edge_litert", reason="the wheel ai-edge-litert carries the schema")
np = pytest.importorskip("numpy")

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
MODEL = EXAMPLES / "keywords_tflite" / "keywords_float32.tflite"
CONTENT = MODEL.read_bytes()


def answers(content: bytes) -> list[bytes]:
    """Outputs on one random input."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    for item in interpreter.get_input_details():
        interpreter.set_tensor(item["index"], np.random.default_rng(1).random(item["shape"]).astype(item["dtype"]))
    interpreter.invoke()
    return [interpreter.get_tensor(item["index"]).tobytes() for item in interpreter.get_output_details()]


def test_modern_file_stays_the_same_bytes() -> None:
    first = modernise(CONTENT)
    assert modernise(first.content).content == first.content
    assert modernise(first.content).changes == ()


@pytest.mark.parametrize("flaw", ["codes", "signature", "names", "half"])
def test_each_flaw_is_repaired_and_answers_stay(flaw: str) -> None:
    old = aged(CONTENT, **{name: name == flaw for name in ("codes", "signature", "names", "half")})
    assert old != CONTENT
    made = modernise(old)
    assert made.changes
    assert answers(made.content) == answers(old)
    model = read(made.content)
    names = [bytes(tensor.name) for graph in model.subgraphs for tensor in graph.tensors]
    assert all(names)
    assert len(set(names)) == len(names)
    assert any(item.subgraphIndex == 0 for item in model.signatureDefs)
    assert all(code.builtinCode >= code.deprecatedBuiltinCode for code in model.operatorCodes)
    assert not any(tensor.type == 1 for tensor in model.subgraphs[0].tensors)


def test_folded_constants_are_where_moved_says() -> None:
    old = aged(CONTENT, names=False)
    made = modernise(old)
    before, after = read(old).subgraphs[0].tensors, read(made.content).subgraphs[0].tensors
    half = [index for index, tensor in enumerate(before) if tensor.type == 1]
    assert half
    for index in half:
        _, place = made.moved[(0, index)]
        assert after[place].name == before[index].name.removesuffix(b"_half")
        assert list(after[place].shape) == list(before[index].shape)


def test_buffers_are_aligned() -> None:
    content = write(read(CONTENT))
    graph = read_graph_of(content)
    spans = [tensor.data for tensor in graph.tensors if tensor.data is not None and tensor.data.size >= 16]
    assert spans
    assert all(span.offset % 16 == 0 for span in spans)


def read_graph_of(content: bytes) -> Graph:
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(content)
        file.flush()
        return read_graph(file.name)


@pytest.mark.parametrize("relative", [False, True])
def test_archive_behind_the_model_is_kept(relative: bool) -> None:
    labels = b"yes\nno\n" * 50
    old = aged(CONTENT)
    old = old + with_archive(b"", labels) if relative else with_archive(old, labels)
    assert archive_start(old) is not None
    made = modernise(old).content
    assert len(made) != len(old)
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert archive.read("labels.txt") == labels
    start = archive_start(made)
    assert start is not None
    assert made[start : start + 4] == b"PK\x03\x04"
    end = made.rfind(b"PK\x05\x06")
    written = int.from_bytes(made[end + 16 : end + 20], "little")
    place = end - int.from_bytes(made[end + 12 : end + 16], "little")
    assert place - written == (start if relative else 0), "offsets count from where they did before"


def test_control_dependencies_keep_operator_numbers() -> None:
    schema = pytest.importorskip("ai_edge_litert.schema_py_generated")
    model = read(aged(CONTENT))
    item = schema.MetadataT()
    item.name, item.buffer = b"model_control_dependencies", 0
    model.metadata = [*(model.metadata or ()), item]
    made = modernise(write(model))
    assert len(read(made.content).subgraphs[0].operators) == len(model.subgraphs[0].operators)


def test_what_is_no_tflite_file_is_refused() -> None:
    with pytest.raises(Refused, match="TFL3"):
        modernise(b"GGUF" + bytes(100))


def test_buffer_outside_of_the_file_is_refused() -> None:
    model = read(CONTENT)
    model.buffers[1].data = None
    model.buffers[1].offset, model.buffers[1].size = 1 << 40, 1 << 40
    with pytest.raises(Refused, match="outside"):
        modernise(write(model))


def test_damaged_files_end_as_an_answer(tmp_path: Path) -> None:
    """A cut or overwritten file never raises anything but errors of ours, and never leaves a file."""
    old = aged(CONTENT)
    writer = writer_for("tflite", Recipe.MODERNISE)
    assert writer is not None
    chance = np.random.default_rng(5)
    for _ in range(3):
        broken = bytearray(old)
        for at in chance.integers(8, min(len(old), 4096), 12):
            broken[at] = int(chance.integers(256))
        path = tmp_path / "broken.tflite"
        path.write_bytes(broken)
        done = carry(writer, Job(files=(str(path),), output=str(tmp_path / "o.tflite"), recipe=Recipe.MODERNISE))
        assert done.trouble is None or done.trouble.kind in {"failed", "unsupported", "memory", "crashed"}


def test_built_file_is_checked_bit_for_bit(tmp_path: Path) -> None:
    source = tmp_path / "old.tflite"
    source.write_bytes(aged(CONTENT, labels=b"a\nb\n"))
    writer = writer_for("tflite", Recipe.MODERNISE)
    assert writer is not None
    made = build(source, Plan(writer=writer, recipe=Recipe.MODERNISE, output=tmp_path / "new.tflite"), open_model)
    assert isinstance(made, Written)
    assert made.likeness is not None
    assert made.likeness.identical
    assert made.before.macs == made.after.macs
    assert [word.split()[1] for word in made.changes] == ["operator", "tensor", "16-bit", "signature"]
    assert (tmp_path / "new.tflite").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.tflite", "old.tflite"]
