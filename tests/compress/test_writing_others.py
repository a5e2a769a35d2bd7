"""Smaller MNN, Core ML and GGUF files, where their tools are installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from nngauge.api import open_model, read_graph
from nngauge.compress.building import Plan, build
from nngauge.compress.ready import Wanted
from nngauge.compress.writing import Recipe, missing, writer_for
from nngauge.domain.compression import Refusal
from nngauge.domain.written import Written

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
MNN = EXAMPLES / "shapes_mnn" / "shapes_classifier.mnn"
PACKAGE = EXAMPLES / "shapes_coreml" / "shapes_classifier.mlpackage"
STORY = EXAMPLES / "story_gguf" / "story_llama_f16.gguf"
pytestmark = pytest.mark.skipif(find_spec("numpy") is None, reason="writing needs numpy")


def built(source: Path, folder: Path, form: str, recipe: Recipe) -> Written | Refusal:
    writer = writer_for(form, recipe)
    assert writer is not None
    if missing(writer):
        pytest.skip(f"needs {writer.install}")
    return build(
        source,
        Plan(writer=writer, recipe=recipe, output=folder / f"made{writer.suffix}", wanted=Wanted(inputs=8)),
        open_model,
    )


@pytest.mark.parametrize(
    ("recipe", "kind"), [(Recipe.FLOAT16, "float16"), (Recipe.INT8_WEIGHTS, "int8"), (Recipe.INT4_WEIGHTS, "int4")]
)
def test_mnn(tmp_path: Path, recipe: Recipe, kind: str) -> None:
    made = built(MNN, tmp_path, "mnn", recipe)
    assert isinstance(made, Written), made
    assert made.after.file < made.before.file
    assert any(name.endswith(kind) for name in made.after.weights)
    assert made.before.macs == made.after.macs
    if made.likeness is not None:
        assert recipe is Recipe.INT4_WEIGHTS or made.likeness.sqnr is None or made.likeness.sqnr > 20


@pytest.mark.parametrize(
    ("recipe", "kind"), [(Recipe.INT8_WEIGHTS, "int8"), (Recipe.PALETTE6, "uint6"), (Recipe.PALETTE4, "uint4")]
)
def test_coreml_package(tmp_path: Path, recipe: Recipe, kind: str) -> None:
    """A folder; nothing runs it here, which is told."""
    made = built(PACKAGE, tmp_path, "coreml_mlpackage", recipe)
    assert isinstance(made, Written), made
    assert kind in made.after.weights
    assert made.after.weight_bytes is not None
    assert made.before.weight_bytes is not None
    assert made.after.weight_bytes < made.before.weight_bytes
    assert made.likeness is None
    assert made.unlike is not None
    assert (tmp_path / "made.mlpackage").is_dir()


def test_coreml_four_bits_need_a_newer_target(tmp_path: Path) -> None:
    """The tool's own words come back."""
    made = built(PACKAGE, tmp_path, "coreml_mlpackage", Recipe.INT4_WEIGHTS)
    assert isinstance(made, Refusal)
    assert "iOS18" in made.explanation
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("recipe", [Recipe.Q8_0, Recipe.Q5_0, Recipe.Q4_0])
def test_gguf(tmp_path: Path, recipe: Recipe) -> None:
    made = built(STORY, tmp_path, "gguf", recipe)
    assert isinstance(made, Written), made
    assert made.after.file < made.before.file
    assert str(recipe) in made.after.weights
    one, two = read_graph(STORY), read_graph(made.output)
    assert [t.name for t in one.tensors if t.constant] == [t.name for t in two.tensors if t.constant]
    assert {k: v for k, v in one.metadata.items() if "file_type" not in k and "quantization" not in k}.items() <= dict(
        two.metadata
    ).items()


def test_gguf_weights_are_near(tmp_path: Path) -> None:
    """What is stored is what ggml defines: read back with the reference implementation."""
    gguf = pytest.importorskip("gguf")
    made = built(STORY, tmp_path, "gguf", Recipe.Q8_0)
    assert isinstance(made, Written), made
    before = {item.name: item for item in gguf.GGUFReader(STORY).tensors}
    for item in gguf.GGUFReader(made.output).tensors:
        one = gguf.quants.dequantize(before[item.name].data, before[item.name].tensor_type)
        two = gguf.quants.dequantize(item.data, item.tensor_type)
        assert abs(one - two).max() <= abs(one).max() / 127


def test_gguf_blocks_are_not_made_wider(tmp_path: Path) -> None:
    made = built(EXAMPLES / "story_gguf" / "story_llama_q4_0.gguf", tmp_path, "gguf", Recipe.Q4_0)
    if isinstance(made, Refusal):
        assert made.explanation == "gguf: no matrix would be smaller"
    else:
        assert made.after.file < made.before.file
