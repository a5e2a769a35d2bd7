from __future__ import annotations

import csv
import io
import json

import pytest
from msgspec.structs import replace
from rich.console import Console, RenderableType

from nngauge.analyse.difference import compare
from nngauge.domain.cost import Family
from nngauge.domain.graph import DType, Graph, Node
from nngauge.domain.language import AttentionLayer, LanguageModel, Role, Tokenizer
from nngauge.domain.model import Port
from nngauge.screen.layers import COLUMNS, chosen_layers, layers_csv, render_layers
from nngauge.screen.model_card import bar, by_reason, render_analysis
from nngauge.screen.model_comparison import render_comparison
from nngauge.screen.safe import Safe
from nngauge.words.amounts import byte_amount, exact_amount, short_amount
from nngauge.words.documents import (
    COMPARISON_SCHEMA,
    MODEL_SCHEMA,
    comparison_json_schema,
    encode_analysis,
    encode_comparison,
    model_json_schema,
)
from nngauge.words.families import family_rows
from nngauge.words.outline import outline
from tests.builders.analyses import Net, analysis, lenet, residual, state


def text_of(renderable: RenderableType, width: int = 140) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, markup=False, emoji=False).print(Safe(renderable))
    return out.getvalue()


# --- the screen ---------------------------------------------------------------------------------------------------------


def test_one_screen_has_interface_operations_cost_and_precision() -> None:
    text = text_of(render_analysis(analysis(lenet())))
    for wanted in (
        "image 32×32×3 → map 32×32×10", "float32 1×3×32×32", "convolution", "100.0%", "106 k", "106,496 (106 k) = 213 k FLOPs",
        "peak 74 kB at #2 Conv second", "MACs a byte", "float32", "author", "someone",
    ):  # fmt: skip
        assert wanted in text, wanted
    assert "lower bound" not in text
    assert len(text.splitlines()) <= 40


def test_lower_bounds_are_said_at_every_total() -> None:
    whole = analysis(lenet())
    text = text_of(
        render_analysis(
            replace(
                whole,
                cost=replace(whole.cost, lower_bound=True, parameters_lower_bound=True, unknown=("Foo: no rule × 2",)),
            )
        )
    )
    assert text.count("at least") == 3  # parameters, MACs, bytes moved
    assert "totals are lower bounds" in text
    assert "! no rule: Foo × 2" in text


def test_reasons_are_said_once() -> None:
    lines = ("conv2d: no rule × 3", "relu: no rule × 4", "`odd`: other × 1", "no colon", "a: b × c")
    assert list(by_reason(lines)) == ["no rule: relu × 4, conv2d × 3", "other: odd × 1", "no colon", "a: b × c"]
    many = tuple(f"op{at}: no rule × 1" for at in range(20))
    assert list(by_reason(many)) == ["no rule: " + ", ".join(f"op{at} × 1" for at in range(6)) + ", … 14 more"]
    dynamic = [f"first dimension of `{name}` taken as 1" for name in "ab"]
    assert list(by_reason(dynamic)) == ["first dimension of `a`, `b` taken as 1"]


def test_unknown_cost_is_not_0() -> None:
    whole = analysis(lenet())
    text = text_of(render_analysis(replace(whole, cost=replace(whole.cost, macs=0, lower_bound=True))))
    assert "not known" in text


@pytest.mark.parametrize("width", [24, 60, 200])
def test_hostile_names_and_narrow_screens(width: int) -> None:
    name = "[bold]\x1b[31m\u202e" + "x" * 500
    net = Net(name=name)
    whole = analysis(
        net.graph(net.op("Relu", net.conv(0, 4, name), name=name, op=name)), model={"metadata": {name: name}}
    )
    for screen in (
        render_analysis(whole),
        render_layers(whole, whole.cost.layers),
        render_comparison(compare(whole, analysis(lenet()))),
    ):
        text = text_of(screen, width)
        assert not {"\x1b", "\u202e"} & set(text)
        assert all(len(line) <= width for line in text.splitlines())


def test_a_language_model_has_its_own_lines() -> None:
    model = LanguageModel(
        role=Role.DECODER, architecture="llama", family="Llama", source="GGUF metadata", parameters=1_100_000_000,
        weight_bytes=700_000_000, bits_per_weight=5.1, file_type="Q4_K_M", context=2048, layers=22, embedding=2048,
        feed_forward=5632, heads=32, kv_heads=4, vocabulary=32000,
        attention=(AttentionLayer(key_width=256, value_width=256),) * 22, tokenizer=Tokenizer(kind="llama", vocabulary=32000),
    )  # fmt: skip
    text = text_of(render_analysis(analysis(Graph(format="gguf"), language=model)))
    for wanted in ("Llama decoder", "1.10 G parameters, 5.10 bits a weight, Q4_K_M", "22 layers", "2,048 tokens", "23 kB a token",
                   "700 MB weights + 46 MB cache", "32,000 tokens", "no template"):  # fmt: skip
        assert wanted in text, wanted


@pytest.mark.parametrize(
    ("shape", "dtype", "text"),
    [
        ((1, 224, 224, 3), DType.FLOAT32, "image 224×224×3"),
        ((1, 3, 320, 240), DType.UINT8, "image 320×240×3"),
        (("batch", 1, 28, 28), DType.FLOAT32, "map 28×28×1"),
        ((3, 64, 64), DType.FLOAT32, "image 64×64×3"),
        ((1, 16000), DType.FLOAT32, "16,000 values"),
        ((1, 128), DType.INT32, "128 integers"),
        (("batch", "sequence"), DType.INT64, "integers"),
        ((1, 2, 128), DType.FLOAT32, "float32 1×2×128"),
        ((2, 3), DType.UNKNOWN, "3 values"),
        ((1, 3, 2, 2), DType.FLOAT32, "float32 1×3×2×2"),
        ((1, 512, 7, 7), DType.FLOAT32, "float32 1×512×7×7"),
        ((1, "x" * 99, 5), DType.FLOAT32, f"float32 1×{'x' * 37}…"),
    ],
)
def test_what_goes_in_is_said_from_shapes_alone(shape: tuple[int, ...] | None, dtype: DType, text: str) -> None:
    whole = analysis(lenet())
    inputs = (Port(name="looks_like_audio", dtype=dtype, shape=shape),)
    line = outline(replace(whole, model=replace(whole.model, inputs=inputs)))
    assert line.split(" → ")[0] == text


def test_nothing_is_said_of_unknown_shapes() -> None:
    whole = analysis(lenet())
    unknown = (Port(name="x", dtype=DType.FLOAT32, shape=None),)
    assert outline(replace(whole, model=replace(whole.model, inputs=unknown))) == ""
    assert outline(replace(whole, model=replace(whole.model, outputs=()))) == ""


def test_what_comes_out() -> None:
    whole = analysis(lenet())
    outputs = {
        (1, 1000): "1,000 scores",
        (1, 1001, 1, 1): "1,001 scores",
        (1, 32, 32, 21): "map 32×32×21",
        (1, 1): "1 score",
    }
    for shape, text in outputs.items():
        ports = (Port(name="o", dtype=DType.FLOAT32, shape=shape),)
        assert outline(replace(whole, model=replace(whole.model, outputs=ports))).endswith(f"→ {text}")
    plain = analysis(residual(1))
    ports = (Port(name="o", dtype=DType.FLOAT32, shape=(1, 128)),)
    assert outline(replace(plain, model=replace(plain.model, outputs=ports))).endswith("→ 128 values")


def test_families_add_up() -> None:
    rows = family_rows(analysis(residual(3)).cost.layers)
    assert [(row.family, row.layers) for row in rows] == [
        (Family.CONVOLUTION, 7),
        (Family.ACTIVATION, 3),
        (Family.ELEMENTWISE, 3),
    ]
    assert rows[0].macs == 7 * 64 * 64
    assert rows[0].share == 1.0
    assert rows[0].kinds == (("Conv", 7),)


@pytest.mark.parametrize(
    ("share", "text"), [(0.0, ""), (1e-9, "▏"), (0.5, "████"), (1.0, "████████"), (0.99, "███████▉"[:7] + "▉")]
)
def test_bars(share: float, text: str) -> None:
    assert bar(share, 8)[:7] == text[:7]
    assert len(bar(share, 8)) <= 8


def test_amounts_may_be_expressions() -> None:
    assert [exact_amount(1234567), exact_amount("4*N"), exact_amount(None)] == ["1,234,567", "4*N", "–"]
    assert [short_amount(1234567), byte_amount(1536), byte_amount("4*N")] == ["1.23 M", "1.5 kB", "4*N B"]
    assert len(short_amount("N*" * 1000)) < 60


def test_precision_has_what_was_found_in_the_weights() -> None:
    from nngauge.domain.optimisation import BatchNorm, Duplicate, Leftover

    found = state(
        batch_norm=BatchNorm(nodes=3, foldable=2), leftovers=(Leftover(what="Dropout", count=4),),
        duplicates=(Duplicate(digest="0", size=1000, names=("a", "b", "c")),), marks=(("author tool", "conv 1.2"), ("producer", "x")),
    )  # fmt: skip
    text = text_of(render_analysis(analysis(lenet(), optimisation=found)))
    for wanted in ("3 left, 2 of them could be folded", "4 × Dropout", "2.0 kB too many", "conv 1.2"):
        assert wanted in text, wanted


# --- layers -------------------------------------------------------------------------------------------------------------


def test_layers_are_sorted_filtered_and_cut() -> None:
    whole = analysis(lenet())
    assert [layer.index for layer in chosen_layers(whole)] == [0, 1, 2, 3]
    assert [layer.index for layer in chosen_layers(whole, sort="macs", top=2)] == [2, 0]
    assert [layer.index for layer in chosen_layers(whole, sort="params")][:2] == [2, 0]
    assert chosen_layers(whole, sort="memory")[0].index in (2, 3)
    for wanted in ("SOFT", "softmax"):
        assert [layer.index for layer in chosen_layers(whole, wanted=wanted)] == [3]
    assert [layer.index for layer in chosen_layers(whole, wanted="activ")] == [1, 3]
    assert [layer.index for layer in chosen_layers(whole, wanted="second")] == [2]


def test_the_table_of_layers() -> None:
    whole = analysis(lenet())
    text = text_of(render_layers(whole, whole.cost.layers))
    for wanted in ("Conv", "1×3×32×32 → 1×8×32×32", "24.6 k", "23.1%", "76.9%", "4 layers"):
        assert wanted in text, wanted
    assert "1 of 4 layers" in text_of(render_layers(whole, whole.cost.layers[:1]))


def test_csv_can_be_read_back() -> None:
    whole = analysis(lenet())
    rows = list(csv.DictReader(io.StringIO(layers_csv(whole.cost.layers))))
    assert tuple(rows[0]) == COLUMNS
    assert [int(row["macs"]) for row in rows] == [24576, 0, 81920, 0]
    assert rows[0]["outputs"] == "1×8×32×32"


def test_csv_of_hostile_names_is_one_line_a_layer() -> None:
    net = Net()
    whole = analysis(net.graph(net.conv(0, 4, 'a"b,c\nd\x1b[31m')))
    text = layers_csv(whole.cost.layers)
    assert "\x1b" not in text
    assert len(text.splitlines()) == 2
    assert next(csv.DictReader(io.StringIO(text)))["name"] == 'a"b,c d[31m'


# --- documents ----------------------------------------------------------------------------------------------------------


def test_documents_name_their_schema_and_have_everything() -> None:
    whole = analysis(lenet())
    document = json.loads(encode_analysis(whole, "x/m.tflite"))
    assert document["schema"] == MODEL_SCHEMA == "nngauge.model/1"
    assert document["path"] == "x/m.tflite"
    assert document["cost"]["macs"] == 106496
    assert len(document["cost"]["layers"]) == 4
    assert set(document) == {"schema", "path", "model", "cost", "optimisation", "language", "problems"}
    compared = json.loads(encode_comparison(compare(whole, analysis(residual(1), model={"digest": "00" * 32}))))
    assert compared["schema"] == COMPARISON_SCHEMA
    assert compared["same"] is False


def test_schemas_describe_the_nouns() -> None:
    assert {"Layer", "Optimisation", "LanguageModel", "Cost"} <= set(model_json_schema()["$defs"])
    assert {"Step", "Figure", "SharedWeights"} <= set(comparison_json_schema()["$defs"])


# --- comparison ---------------------------------------------------------------------------------------------------------


def test_the_comparison_on_the_screen() -> None:
    one, other = residual(2), residual(3)
    text = text_of(render_comparison(compare(analysis(one), analysis(other, model={"digest": "00" * 32}))))
    for wanted in ("Different models.", "parameters", "× 1.4", "9 same, 4 added"):
        assert wanted in text, wanted
    same = text_of(render_comparison(compare(analysis(one), analysis(one))))
    assert "The same file" in same


@pytest.mark.parametrize(
    ("kinds", "verdict"),
    [
        (("Relu", "Softmax"), "The same network, layer by layer"),
        (("Relu", "Reshape", "Softmax"), "The same network, apart from operations that move or convert data."),
        (("Softmax", "Relu", "Exp"), "Different layers with equal MACs and parameters."),
    ],
)
def test_verdicts(kinds: tuple[str, ...], verdict: str) -> None:
    def net(*ops: str) -> Graph:
        built = Net()
        at = built.conv(0, 8)
        for kind in ops:
            at = built.op(kind, at)
        return built.graph(at)

    one = analysis(net("Relu", "Softmax"))
    other = analysis(net(*kinds), model={"digest": "00" * 32, "weights": {"float16": 5}})
    assert text_of(render_comparison(compare(one, other))).startswith(verdict)


def test_everything_lists_equal_layers_too() -> None:
    comparison = compare(analysis(residual(2)), analysis(residual(3)))
    assert text_of(render_comparison(comparison)).count("Relu") == 1
    assert text_of(render_comparison(comparison, everything=True)).count("Relu") >= 5


def test_long_alignments_are_cut_and_say_so() -> None:
    nodes = tuple(Node(f"Op{at}", None, "", (0,), (0,)) for at in range(100))
    graph = Graph(format="x", nodes=nodes, tensors=lenet().tensors[:1])
    text = text_of(render_comparison(compare(analysis(graph), analysis(lenet()))))
    assert "more layers (--all has them)" in text


def test_names_cannot_forge_lines() -> None:
    """An operation called ``T`` and a line of the report, in the warnings and everywhere else."""
    from nngauge.words.safe import one_line

    assert one_line("a\nb\tc\r\x1b") == "a b c"


@pytest.mark.parametrize("name", ["=cmd|x!A1", "@SUM(1)", "+1", "-1", "\t=1", "\n=1"])
def test_names_are_no_formulas_in_the_csv(name: str) -> None:
    from nngauge.domain.cost import Family, Layer
    from nngauge.screen.layers import layers_csv

    layer = Layer(index=0, name=name, op="a", kind=None, family=Family.OTHER, macs=7)
    assert layers_csv([layer]).splitlines()[1].startswith(",0,'")
