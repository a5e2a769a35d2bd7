"""Language models against published figures: parameters, cache bytes, memory as llama.cpp and whisper.cpp print them."""

from __future__ import annotations

import struct
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nngauge.analyse.language import language_model
from nngauge.api import open_model
from nngauge.domain.graph import DType, Graph, Span, Tensor
from nngauge.domain.language import CACHE_TYPES, LanguageModel, Role
from nngauge.formats import ggml_legacy, gguf, onnx, safetensors
from nngauge.formats._api import ModelData
from tests.builders import models
from tests.builders.hostile import MODELS
from tests.builders.samples import MODELS as EXAMPLES

HALF = DType.BFLOAT16
MIB = 1 << 20


def weight(name: str, *shape: int, dtype: DType = HALF, at: int | None = None, size: int = 0) -> Tensor:
    return Tensor(name, dtype, shape, None if at is None else Span(at, size), constant=True)


def llama(
    layers: int, width: int, hidden: int, kv: int, vocabulary: int, *, tied: bool, bias: bool = False
) -> tuple[Tensor, ...]:
    """Weights of a Llama or Qwen2 as Hugging Face names them."""
    made = [weight("model.embed_tokens.weight", vocabulary, width), weight("model.norm.weight", width)]
    for at in range(layers):
        base = f"model.layers.{at}."
        made += [
            weight(base + "self_attn.q_proj.weight", width, width),
            weight(base + "self_attn.k_proj.weight", kv, width),
            weight(base + "self_attn.v_proj.weight", kv, width),
            weight(base + "self_attn.o_proj.weight", width, width),
            weight(base + "mlp.gate_proj.weight", hidden, width),
            weight(base + "mlp.up_proj.weight", hidden, width),
            weight(base + "mlp.down_proj.weight", width, hidden),
            weight(base + "input_layernorm.weight", width),
            weight(base + "post_attention_layernorm.weight", width),
        ]
        if bias:
            made += [
                weight(base + f"self_attn.{part}_proj.bias", size)
                for part, size in zip("qkv", (width, kv, kv), strict=True)
            ]
    if not tied:
        made.append(weight("lm_head.weight", vocabulary, width))
    return tuple(made)


def config(**values: object) -> dict[str, str]:
    return {f"config.{key}": str(value) for key, value in values.items()}


def read(graph: Graph) -> LanguageModel:
    found = language_model(graph)
    assert found is not None
    return found


# Parameters: model cards on huggingface.co (meta-llama/Llama-3.2-1B 1.24 B and -3B 3.21 B, Qwen/Qwen2.5-0.5B 0.49 B,
# meta-llama/Meta-Llama-3-8B 8.03 B, mistralai/Mistral-7B-v0.1 7.24 B); exact numbers as safetensors' metadata there.
PUBLISHED = [
    ("llama", {"layers": 16, "width": 2048, "hidden": 8192, "kv": 512, "vocabulary": 128256, "tied": True}, 64, 1_235_814_400, 32 << 10),
    ("llama", {"layers": 28, "width": 3072, "hidden": 8192, "kv": 1024, "vocabulary": 128256, "tied": True}, 128, 3_212_749_824, 112 << 10),
    ("llama", {"layers": 32, "width": 4096, "hidden": 14336, "kv": 1024, "vocabulary": 128256, "tied": False}, 128, 8_030_261_248, 128 << 10),
    ("mistral", {"layers": 32, "width": 4096, "hidden": 14336, "kv": 1024, "vocabulary": 32000, "tied": False}, 128, 7_241_732_096, 128 << 10),
    (
        "qwen2", {"layers": 24, "width": 896, "hidden": 4864, "kv": 128, "vocabulary": 151936, "tied": True, "bias": True},
        64, 494_032_768, 12 << 10,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "shape", "head", "parameters", "cache"), PUBLISHED)
def test_published_models(kind: str, shape: dict[str, int], head: int, parameters: int, cache: int) -> None:
    about = config(
        model_type=kind, hidden_size=shape["width"], num_hidden_layers=shape["layers"],
        num_attention_heads=shape["width"] // head, num_key_value_heads=shape["kv"] // head,
        intermediate_size=shape["hidden"], vocab_size=shape["vocabulary"], max_position_embeddings=131072,
    )  # fmt: skip
    model = read(Graph(format="safetensors", tensors=llama(**shape), metadata=about))  # type: ignore[arg-type]
    assert (model.parameters, model.kv_bytes_per_token()) == (parameters, cache)
    assert (model.role, model.bits_per_weight, model.head_width) == (Role.DECODER, 16.0, head)
    assert model.weight_bytes == 2 * parameters
    assert (model.kv_heads, model.context) == (shape["kv"] // head, 131072)
    # The same without a configuration, from the names of the tensors.
    bare = read(Graph(format="safetensors", tensors=llama(**shape)))  # type: ignore[arg-type]
    assert (bare.source, bare.parameters, bare.kv_bytes_per_token()) == ("tensor names", parameters, cache)
    assert (bare.layers, bare.embedding, bare.vocabulary, bare.heads) == (
        shape["layers"], shape["width"], shape["vocabulary"], None,
    )  # fmt: skip


def ggufs(architecture: str, keys: Mapping[str, object], *tensors: Tensor, **more: str) -> Graph:
    metadata = {"general.architecture": architecture, "tokenizer.ggml.tokens": "128256 × string"}
    metadata |= {f"{architecture}.{key}": str(value) for key, value in keys.items()}
    return Graph(
        format="gguf", tensors=tensors or (weight("token_embd.weight", 8, 4, at=0, size=64),), metadata=metadata | more
    )


LLAMA3 = {
    "block_count": 32, "embedding_length": 4096, "feed_forward_length": 14336, "attention.head_count": 32,
    "attention.head_count_kv": 8, "context_length": 8192,
}  # fmt: skip


def test_llama_3_as_llama_cpp_prints_it() -> None:
    """`llama_kv_cache_init: KV self size = 1024.00 MiB` at 8192 tokens, `CPU compute buffer size = 258.50 MiB`."""
    model = read(ggufs("llama", LLAMA3, weight("token_embd.weight", 128256, 4096, at=0, size=128256 * 4096 * 2)))
    assert model.kv_bytes_per_token() == 128 << 10
    assert model.kv_bytes(8192) == 1024 * MIB
    memory = model.ram_at(8192)
    assert memory is not None
    assert memory.compute == 258.5 * MIB
    assert (memory.weights, memory.cache) == (128256 * 4096 * 2, 1024 * MIB)
    assert memory.bound == memory.weights + memory.cache
    assert memory.estimate == memory.bound + memory.compute


@pytest.mark.parametrize(
    ("dtype", "expected"), [("f16", 131072), ("f32", 262144), ("q8_0", 69632), ("q4_0", 36864), ("int8", 65536)]
)
def test_cache_types(dtype: str, expected: int) -> None:
    assert read(ggufs("llama", LLAMA3)).kv_bytes_per_token(dtype) == expected


def test_sliding_windows() -> None:
    """Gemma 3 1B: 26 layers, one key-value head of 256, a window of 512 in five of six layers."""
    keys = {
        "block_count": 26, "embedding_length": 1152, "attention.head_count": 4, "attention.head_count_kv": 1,
        "attention.key_length": 256, "attention.value_length": 256, "attention.sliding_window": 512, "context_length": 32768,
    }  # fmt: skip
    model = read(ggufs("gemma3", keys))
    assert sum(layer.window is None for layer in model.attention) == 4
    assert model.kv_bytes_per_token() == 26 * 2 * 256 * 2
    assert model.kv_bytes(512) == 26 * 1024 * 512
    assert model.kv_bytes(32768) == 4 * 1024 * 32768 + 22 * 1024 * 512
    told = read(ggufs("other", keys | {"attention.sliding_window_pattern": "[True, False]"}))
    assert sum(layer.window is None for layer in told.attention) == 13
    guessed = read(ggufs("other", keys))
    assert all(layer.window is None for layer in guessed.attention)
    assert "upper bound" in guessed.notes[0]


def test_layers_without_attention_and_shared_caches() -> None:
    keys = LLAMA3 | {"block_count": 4, "attention.head_count_kv": "[0, 8, 0, 8]"}
    assert read(ggufs("lfm2", keys)).kv_bytes_per_token() == 2 * 2 * 8 * 128 * 2
    shared = LLAMA3 | {"attention.shared_kv_layers": 12}
    assert read(ggufs("gemma3n", shared)).kv_bytes_per_token() == 20 * 2 * 8 * 128 * 2


def test_latent_attention() -> None:
    """DeepSeek V3: 61 layers of 512 + 64 elements: 70,272 bytes a token (Table 1 of arXiv:2505.09343: 70.272 KB)."""
    keys = {
        "block_count": 61, "embedding_length": 7168, "attention.head_count": 128, "attention.head_count_kv": 1,
        "attention.key_length": 576, "attention.value_length": 512, "attention.key_length_mla": 192,
        "attention.value_length_mla": 128, "attention.kv_lora_rank": 512, "rope.dimension_count": 64,
    }  # fmt: skip
    assert read(ggufs("deepseek2", keys)).kv_bytes_per_token() == 70_272
    about = config(
        model_type="deepseek_v3", hidden_size=7168, num_hidden_layers=61, num_attention_heads=128, num_key_value_heads=128,
        kv_lora_rank=512, qk_rope_head_dim=64, vocab_size=129280, n_routed_experts=256, num_experts_per_tok=8,
    )  # fmt: skip
    model = read(Graph(format="safetensors", metadata=about, tensors=(weight("a", 2),)))
    assert model.kv_bytes_per_token() == 70_272
    assert model.experts is not None
    assert (model.experts.total, model.experts.active) == (256, 8)


def test_mixture_of_experts() -> None:
    keys = LLAMA3 | {"expert_count": 8, "expert_used_count": 2}
    tensors = (weight("token_embd.weight", 100, 10), weight("blk.0.ffn_up_exps.weight", 8, 20, 10))
    model = read(ggufs("llama", keys, *tensors))
    assert (model.parameters, model.active_parameters) == (1000 + 1600, 1000 + 400)


def test_mlx_four_bits() -> None:
    """Groups of 64 with two float16 each: 4.5 bits a weight; norms stay as they are."""
    tensors = (
        weight("model.layers.0.mlp.up_proj.weight", 256, 128, dtype=DType.UINT32, at=0, size=256 * 128 * 4),
        weight("model.layers.0.mlp.up_proj.scales", 256, 16, dtype=DType.FLOAT16, at=200000, size=256 * 16 * 2),
        weight("model.layers.0.mlp.up_proj.biases", 256, 16, dtype=DType.FLOAT16, at=300000, size=256 * 16 * 2),
    )
    about = config(model_type="llama", hidden_size=1024, num_hidden_layers=1, num_attention_heads=16, vocab_size=100)
    about |= {"config.quantization.bits": "4", "config.quantization.group_size": "64"}
    model = read(Graph(format="safetensors", tensors=tensors, metadata=about, producer="MLX"))
    assert (model.parameters, model.bits_per_weight) == (256 * 1024, 4.5)
    assert (model.file_type, model.source) == ("4-bit, groups of 64", "MLX config.json")


def test_other_kinds_of_models() -> None:
    bert = ggufs("bert", LLAMA3 | {"attention.causal": False})
    encoder = read(bert)
    assert (encoder.role, encoder.kv_bytes_per_token()) == (Role.ENCODER, None)
    memory = encoder.ram_at(512)
    assert memory is not None
    assert memory.cache == 0
    assert read(ggufs("mamba", {"block_count": 24})).role is Role.RECURRENT
    assert read(ggufs("t5", LLAMA3)).role is Role.ENCODER_DECODER
    vision = ggufs("clip", {"vision.block_count": 27}, **{"clip.has_vision_encoder": "True"})
    assert (read(vision).role, read(vision).modalities) == (Role.PROJECTOR, ("image",))
    assert read(ggufs("llama", LLAMA3, **{"general.type": "adapter"})).role is Role.ADAPTER
    assert language_model(ggufs("llama", LLAMA3, **{"general.type": "imatrix"})) is None
    diffusion = Graph(format="gguf", metadata={"general.architecture": "sd1"}, tensors=(weight("x", 2),))
    assert language_model(diffusion) is None
    vit = config(model_type="vit", hidden_size=768, num_hidden_layers=12)
    assert language_model(Graph(format="safetensors", metadata=vit, tensors=(weight("x", 2),))) is None
    assert language_model(Graph(format="onnx")) is None


def test_multimodal_configuration() -> None:
    text = config(model_type="llama", hidden_size=2048, num_hidden_layers=16, num_attention_heads=32, vocab_size=1000)
    nested = {key.replace("config.", "config.text_config."): value for key, value in text.items()}
    about = nested | config(model_type="llava") | {"config.vision_config.hidden_size": "1024"}
    model = read(Graph(format="safetensors", metadata=about, tensors=(weight("x", 2),)))
    assert (model.modalities, model.embedding, model.architecture) == (("text", "image"), 2048, "llava")


def test_genai_configuration() -> None:
    about = {
        "type": "phi3", "context_length": "4096", "vocab_size": "32064", "bos_token_id": "1", "decoder.head_size": "96",
        "decoder.hidden_size": "3072", "decoder.num_attention_heads": "32", "decoder.num_hidden_layers": "32",
        "decoder.num_key_value_heads": "32",
    }  # fmt: skip
    metadata = {f"genai_config.model.{key}": value for key, value in about.items()}
    model = read(Graph(format="onnx", metadata=metadata))
    assert (model.family, model.context, model.kv_bytes_per_token()) == ("Phi-3", 4096, 32 * 2 * 32 * 96 * 2)
    assert model.tokenizer is not None
    assert model.tokenizer.special == (("bos", 1),)


def test_genai_configuration_beside_onnx() -> None:
    import json

    assert onnx.FORMAT.bind is not None
    assert onnx.FORMAT.bind("m/model.onnx", ["m/config.json", "m/genai_config.json", "m/model.onnx", "m/model.onnx.data"]) == (
        "m/model.onnx.data", "m/genai_config.json",
    )  # fmt: skip
    decoder = {"num_hidden_layers": 2, "num_key_value_heads": 4, "head_size": 8, "sliding_window": {"window_size": 16}}
    about = json.dumps({"model": {"type": "qwen2", "decoder": decoder, "context_length": 99}}).encode()
    graph = onnx.FORMAT.parse(ModelData("m/model.onnx", models.onnx(), {"m/genai_config.json": about}))
    model = read(graph)
    assert (model.family, model.kv_bytes_per_token(), model.context) == ("Qwen2", 2 * 2 * 4 * 8 * 2, 99)
    assert model.kv_bytes(100) == 2 * 2 * 4 * 8 * 2 * 16


def test_exported_caches() -> None:
    """Gemma 3 1B as LiteRT-LM carries it: keys [1, 1, tokens, 256], values [1, 1, 256, tokens], one pair for each layer."""
    ports = []
    for layer in range(26):
        ports.append(Tensor(f"decode_kv_cache_k_{layer}:0", DType.FLOAT16, (1, 1, 1280, 256)))
        ports.append(Tensor(f"decode_kv_cache_v_{layer}:0", DType.FLOAT16, (1, 1, 256, 1280)))
    inner = Graph(format="tflite", tensors=tuple(ports), inputs=tuple(range(len(ports))))
    metadata = {"llm.max_num_tokens": "1280", "llm.model_type": "gemma3"}
    model = read(Graph(format="litertlm", subgraphs=(inner,), metadata=metadata))
    assert (model.layers, model.context, model.family) == (26, 1280, "Gemma 3")
    assert model.kv_bytes_per_token() == 26 * 2 * 256 * 2
    alone = read(inner)
    assert (alone.layers, alone.kv_bytes_per_token()) == (26, 26 * 2 * 256 * 2)


def ggml(magic: bytes, *numbers: int) -> bytes:
    return magic + struct.pack(f"<{len(numbers)}I", *numbers)


def test_whisper_as_whisper_cpp_prints_it() -> None:
    """base: `kv self size = 5.25 MB`, `kv cross size = 17.58 MB` with 448 and 1500 tokens of float16."""
    filters = struct.pack("<II", 80, 1) + bytes(80 * 4)
    tensor = struct.pack("<IIIII", 2, 1, 1, 4, 2) + b"w" + bytes(16)
    data = ggml(b"lmgg", 51865, 1500, 512, 8, 6, 448, 512, 8, 6, 80, 1) + filters + struct.pack("<I", 0) + tensor
    model = read(ggml_legacy.FORMAT.parse(ModelData("x", data)))
    per_token = model.kv_bytes_per_token()
    assert per_token is not None
    assert (per_token * 448 / MIB, round(per_token * 1500 / MIB, 2)) == (5.25, 17.58)
    assert model.kv_bytes(448) == per_token * (448 + 1500)
    assert (model.role, model.modalities) == (Role.SPEECH, ("text", "audio"))


@pytest.mark.parametrize(
    ("name", "family", "cache", "context"),
    [
        ("phi-3", "Phi-3", 32 * 2 * 3072 * 2, 4096),
        ("falcon", "Falcon", 32 * 2 * 64 * 2, 2048),
        ("gpt-2", "GPT-2", 12 * 2 * 768 * 2, 1024),
        ("deepseek-llm", "Llama", 30 * 2 * 4096 * 2, 4096),
        ("bert-bge", "BERT", None, 512),
    ],
)
def test_real_vocabularies(name: str, family: str, cache: int | None, context: int) -> None:
    paths = list((MODELS / "gguf").glob(f"*vocab-{name}.gguf"))
    if not paths:
        pytest.skip("real models are not beside this checkout")
    model = read(gguf.FORMAT.parse(ModelData("x", paths[0].read_bytes())))
    assert (model.role, model.family, model.context) == (Role.VOCABULARY, family, context)
    assert model.kv_bytes_per_token() == cache
    assert model.ram_at(512) is None, "no weights, no memory"
    assert model.tokenizer is not None
    assert model.tokenizer.vocabulary == model.vocabulary
    assert (model.chat_template is not None) == (name == "phi-3")


NUMBERS = st.one_of(
    st.integers(-5, 1 << 70).map(str), st.sampled_from(["", "nan", "[]", "[1, 2]", "[True, False]", "1e9", "True", "９"]),
    st.lists(st.integers(0, 1 << 66), max_size=5).map(str),
)  # fmt: skip
GGUF_KEYS = (
    "block_count", "embedding_length", "attention.head_count", "attention.head_count_kv", "attention.key_length",
    "attention.value_length", "attention.sliding_window", "attention.sliding_window_pattern", "attention.kv_lora_rank",
    "attention.key_length_mla", "attention.shared_kv_layers", "expert_count", "expert_used_count", "context_length",
)  # fmt: skip
CONFIG_KEYS = (
    "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "vocab_size", "sliding_window",
    "sliding_window_pattern", "layer_types", "kv_lora_rank", "num_experts", "num_experts_per_tok", "num_kv_shared_layers",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.sampled_from(GGUF_KEYS), NUMBERS), st.dictionaries(st.sampled_from(CONFIG_KEYS), NUMBERS),
    st.sampled_from(["llama", "gemma3", "bert", "x"]), st.integers(0, 1 << 40), st.sampled_from(sorted(CACHE_TYPES)),
)  # fmt: skip
def test_absurd_metadata_does_no_harm(
    keys: dict[str, str], entries: dict[str, str], name: str, context: int, dtype: str
) -> None:
    for graph in (
        ggufs(name, keys),
        Graph(format="safetensors", metadata=config(model_type=name, **entries), tensors=(weight("x", 8, 4),)),
    ):
        model = language_model(graph)
        if model is not None:
            cache = model.kv_bytes(context, dtype)
            assert cache is None or cache >= 0
            assert len(model.attention) <= 4096
            model.ram_at(context, dtype)


@pytest.mark.parametrize(("name", "bits"), [("f16", 16.04), ("q4_0", 4.57), ("q8_0", 8.56)])
def test_example_story_model(name: str, bits: float) -> None:
    """A Llama of 122,944 parameters, trained and converted for the examples."""
    with open_model(EXAMPLES / f"story_gguf/story_llama_{name}.gguf") as extracted:
        model = read(extracted.graph)
    assert (model.parameters, model.layers, model.heads, model.kv_heads, model.head_width) == (122_944, 2, 4, 2, 16)
    assert (model.kv_bytes_per_token(), model.context, model.vocabulary) == (2 * 2 * 2 * 16 * 2, 128, 286)
    assert model.bits_per_weight is not None
    assert round(model.bits_per_weight, 2) == bits
    assert model.file_type == name.upper()


def test_configuration_beside_weights() -> None:
    """The whole way: files on disk, bound and read."""
    import json

    header = {"model.embed_tokens.weight": {"dtype": "F16", "shape": [4, 2], "data_offsets": [0, 16]}}
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + bytes(16)
    about = {"model_type": "llama", "hidden_size": 2, "num_hidden_layers": 3, "num_attention_heads": 1, "vocab_size": 4}
    parts = {
        "m/config.json": json.dumps(about).encode(),
        "m/tokenizer_config.json": json.dumps({"chat_template": "{{ x }}", "tokenizer_class": "T"}).encode(),
    }
    model = read(safetensors.FORMAT.parse(ModelData("m/model.safetensors", data, parts)))
    assert (model.layers, model.parameters, model.kv_bytes_per_token()) == (3, 8, 3 * 2 * 2 * 2)
    assert model.chat_template is not None
    assert model.chat_template.startswith("7 bytes, sha256 ")
    assert model.tokenizer is not None
    assert model.tokenizer.kind == "T"
