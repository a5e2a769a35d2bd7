"""Language models by the configuration of Hugging Face and MLX (``config.json``) or ONNX Runtime (``genai_config.json``).

Parsers keep such files as metadata: ``config.hidden_size``, ``tokenizer_config.chat_template``,
``genai_config.model.context_length``. Names: https://huggingface.co/docs/transformers/main_classes/configuration and
https://onnxruntime.ai/docs/genai/reference/config.html.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from nngauge.analyse.language.attention import attention_layers, windows_of
from nngauge.analyse.language.facts import Facts
from nngauge.analyse.language.families import WINDOW_PERIODS, family_name, role_of
from nngauge.analyse.language.gguf import active_parameters
from nngauge.analyse.language.size import Size, size_of
from nngauge.domain.graph import Graph
from nngauge.domain.language import AttentionLayer, Experts, LanguageModel, Role, Tokenizer

_PARTS = (
    "config.text_config.",
    "config.language_config.",
    "config.llm_config.",
    "config.thinker_config.text_config.",
    "config.",
)
"""Where a multimodal configuration keeps its language model."""
_SPECIAL = (("bos", "bos_token_id"), ("eos", "eos_token_id"), ("pad", "pad_token_id"), ("sep", "sep_token_id"))
_CACHED = (Role.DECODER, Role.ENCODER_DECODER, Role.SPEECH)


def from_config(graph: Graph) -> LanguageModel | None:
    """The model that ``config.json`` describes; None for one that is no language model."""
    config = Facts(graph.metadata, "config.")
    facts = next(
        (found for prefix in _PARTS if _width(found := Facts(graph.metadata, prefix)) and _layers(found)), None
    )
    architecture = config.text("model_type")
    if facts is None or not architecture or not _is_language(config, facts):
        return None
    size = size_of(graph, config)
    heads = facts.integer("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads")
    embedding = _width(facts)
    model = LanguageModel(
        role=_role(config, architecture),
        architecture=architecture,
        family=family_name(architecture),
        source="MLX config.json" if graph.producer == "MLX" else "config.json",
        name=config.text("_name_or_path"),
        parameters=size.parameters or None,
        weight_bytes=size.bytes if size.parameters and size.known else None,
        bits_per_weight=size.bits,
        file_type=_file_type(config),
        context=facts.integer(
            "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "seq_length", "max_sequence_length",
            "max_target_positions", "max_context_length",
        ),
        layers=_layers(facts),
        embedding=embedding,
        feed_forward=facts.integer("intermediate_size", "n_inner", "ffn_dim", "d_ff", "decoder_ffn_dim", "ffn_hidden_size")
        or (4 * embedding if embedding and architecture in ("gpt2", "gptj", "bloom", "mpt") else None),
        heads=heads,
        head_width=facts.integer("head_dim", "d_kv", "kv_channels", "attention_head_size")
        or (embedding // heads if embedding and heads else None),
        vocabulary=facts.integer("vocab_size") or config.integer("vocab_size"),
        sliding_window=_window(facts),
        tokenizer=_tokenizer(graph, facts, config),
        chat_template=Facts(graph.metadata).text("tokenizer_config.chat_template", "chat_template") or None,
        modalities=tuple(_modalities(config)),
    )  # fmt: skip
    return _with_experts(_with_attention(model, facts, architecture), facts, size)


def _width(facts: Facts) -> int | None:
    return facts.integer("hidden_size", "n_embd", "d_model", "dim", "model_dim", "hidden_dim")


def _layers(facts: Facts) -> int | None:
    return facts.integer(
        "num_hidden_layers",
        "n_layer",
        "n_layers",
        "num_layers",
        "decoder_layers",
        "num_decoder_layers",
        "num_transformer_layers",
    )


def _is_language(config: Facts, facts: Facts) -> bool:
    """Vision transformers have widths and layers too, but no vocabulary."""
    return bool(facts.integer("vocab_size") or config.integer("vocab_size"))


def _role(config: Facts, architecture: str) -> Role:
    by_name = role_of(architecture)
    if by_name is Role.DECODER and config.flag("is_encoder_decoder"):
        return Role.ENCODER_DECODER
    names = " ".join(config.texts("architectures"))
    # The same network serves as a classifier or embedder when its head says so.
    if by_name is Role.DECODER and names and all(part not in names for part in ("LM", "Generation", "Causal", "GPT")):
        headed = any(part in names for part in ("ForSequenceClassification", "ForTokenClassification", "Embedding"))
        return Role.ENCODER if headed else by_name
    return by_name


def _file_type(config: Facts) -> str:
    """``4-bit, groups of 64`` (MLX), ``gptq 4-bit``, or the element type the weights were saved in."""
    bits = config.integer("quantization.bits", "quantization_config.bits")
    group = config.integer("quantization.group_size", "quantization_config.group_size")
    method = config.text("quantization_config.quant_method")
    if bits:
        return f"{method} {bits}-bit".strip() + (f", groups of {group}" if group else "")
    return method or config.text("torch_dtype", "dtype")


def _window(facts: Facts) -> int | None:
    return None if facts.flag("use_sliding_window") is False else facts.integer("sliding_window") or None


def _tokenizer(graph: Graph, facts: Facts, config: Facts) -> Tokenizer | None:
    settings = Facts(graph.metadata, "tokenizer_config.")
    kind = settings.text("tokenizer_class")
    special = [
        (name, facts.integer(key) if facts.integer(key) is not None else config.integer(key)) for name, key in _SPECIAL
    ]
    found = tuple((name, number) for name, number in special if number is not None)
    if not kind and not found:
        return None
    return Tokenizer(kind=kind or "unknown", special=found, adds_start=settings.flag("add_bos_token"))


def _modalities(config: Facts) -> Iterator[str]:
    yield "text"
    for name, parts in (
        ("image", ("vision_config.", "visual.", "vit_config.")),
        ("audio", ("audio_config.", "speech_config.")),
    ):
        if any(key.startswith(tuple(config.prefix + part for part in parts)) for key in config.metadata):
            yield name
    if config.text("model_type") == "whisper":
        yield "audio"


def _with_attention(model: LanguageModel, facts: Facts, architecture: str) -> LanguageModel:
    kv_heads = _kv_heads(model, facts)
    cached, key, value = kv_heads, model.head_width, model.head_width
    notes = []
    latent = facts.integer("kv_lora_rank")
    if latent:
        cached, key, value = 1, latent + (facts.integer("qk_rope_head_dim") or 0), 0
        notes.append("latent attention: the cache holds compressed keys, no values")
    layers: tuple[AttentionLayer, ...] = ()
    if model.role in _CACHED:
        windows = _windows(model, facts, architecture)
        layers = attention_layers(model.layers, _heads(model, facts, cached), key, value, windows)
    shared = facts.integer("num_kv_shared_layers") or 0
    if 0 < shared < len(layers):
        layers = layers[: len(layers) - shared]
        notes.append(f"{shared} layers use the cache of others")
    cross = facts.integer("max_source_positions") if model.role is Role.SPEECH else None
    return replace(model, kv_heads=kv_heads, attention=layers, cross_tokens=cross or 0, notes=tuple(notes))


def _windows(model: LanguageModel, facts: Facts, architecture: str) -> tuple[int | None, ...]:
    """The windows of the layers, by their types or by how often one sees everything."""
    pattern = tuple("sliding" in kind or "chunked" in kind for kind in facts.texts("layer_types"))
    period = facts.integer("sliding_window_pattern", "_sliding_window_pattern") or WINDOW_PERIODS.get(architecture)
    if model.sliding_window and not pattern and period is None:
        # Mistral and its kind give every layer the window.
        period = 0
    return windows_of(model.layers, model.sliding_window, period, pattern)


def _heads(model: LanguageModel, facts: Facts, cached: int | None) -> tuple[int, ...]:
    """Heads of keys and values: one number for all layers, or one for each where some have no attention."""
    types = facts.texts("layer_types")
    if types and len(types) == model.layers:
        return tuple(0 if "conv" in kind or "linear" in kind or "mamba" in kind else cached or 0 for kind in types)
    return (cached,) if cached else ()


def _kv_heads(model: LanguageModel, facts: Facts) -> int | None:
    if facts.flag("multi_query"):
        return 1
    return (
        facts.integer("num_key_value_heads", "n_head_kv", "num_kv_heads", "n_kv_heads", "multi_query_group_num")
        or model.heads
    )


def _with_experts(model: LanguageModel, facts: Facts, size: Size) -> LanguageModel:
    total = facts.integer("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
    if not total or total < 2:
        return model
    found = Experts(
        total=total,
        active=facts.integer("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k"),
        shared=facts.integer("n_shared_experts", "num_shared_experts") or 0,
    )
    return replace(model, experts=found, active_parameters=active_parameters(size, found))


def from_genai(graph: Graph) -> LanguageModel | None:
    """The model that ``genai_config.json`` beside an ONNX file describes."""
    facts = Facts(graph.metadata, "genai_config.model.")
    decoder = Facts(graph.metadata, "genai_config.model.decoder.")
    architecture = facts.text("type")
    layers = decoder.integer("num_hidden_layers")
    if not architecture or layers is None:
        return None
    size = size_of(graph, facts)
    head, kv_heads = decoder.integer("head_size"), decoder.integer("num_key_value_heads")
    special = ((name, facts.integer(key)) for name, key in _SPECIAL)
    window = decoder.integer("sliding_window.window_size") or None
    return LanguageModel(
        role=role_of(architecture),
        architecture=architecture,
        family=family_name(architecture),
        source="genai_config.json",
        parameters=size.parameters or None,
        weight_bytes=size.bytes if size.parameters and size.known else None,
        bits_per_weight=size.bits,
        context=facts.integer("context_length"),
        layers=layers,
        embedding=decoder.integer("hidden_size"),
        heads=decoder.integer("num_attention_heads"),
        kv_heads=kv_heads,
        head_width=head,
        vocabulary=facts.integer("vocab_size"),
        sliding_window=window,
        attention=attention_layers(layers, (kv_heads,) if kv_heads else (), head, head, windows_of(layers, window, 0)),
        tokenizer=Tokenizer(
            kind="unknown", special=tuple((name, number) for name, number in special if number is not None)
        ),
        modalities=("text", *(("image",) if facts.text("vision.filename") else ())),
    )
