"""Language models by GGUF metadata.

Keys: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md and gguf-py/gguf/constants.py of
https://github.com/ggml-org/llama.cpp.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from nngauge.analyse.language.attention import attention_layers, windows_of
from nngauge.analyse.language.facts import Facts
from nngauge.analyse.language.families import WINDOW_PERIODS, family_name, role_of
from nngauge.analyse.language.size import Size, size_of
from nngauge.domain.graph import Graph
from nngauge.domain.language import AttentionLayer, Experts, LanguageModel, Role, Tokenizer

_SPECIAL = (
    ("bos", "bos_token_id"), ("eos", "eos_token_id"), ("eot", "eot_token_id"), ("eom", "eom_token_id"),
    ("unk", "unknown_token_id"), ("sep", "seperator_token_id"), ("pad", "padding_token_id"), ("cls", "cls_token_id"),
    ("mask", "mask_token_id"), ("fim_pre", "fim_pre_token_id"), ("fim_suf", "fim_suf_token_id"), ("fim_mid", "fim_mid_token_id"),
)  # fmt: skip
"""The misspelt separator is the key's name."""


def from_gguf(graph: Graph) -> LanguageModel | None:
    """The model that the metadata describes; None for GGUF files of other kinds (images, control vectors, imatrix)."""
    general = Facts(graph.metadata)
    architecture = general.text("general.architecture")
    if not architecture:
        return None
    facts = Facts(graph.metadata, architecture + ".")
    size = size_of(graph, general)
    role = _role(graph, general, facts, architecture)
    if role is None:
        return None
    model = LanguageModel(
        role=role,
        architecture=architecture,
        family=family_name(architecture),
        source="GGUF metadata",
        name=general.text("general.name", "general.basename"),
        parameters=size.parameters or None,
        weight_bytes=size.bytes if size.parameters and size.known else None,
        bits_per_weight=size.bits,
        file_type=general.text("file_type"),
        context=facts.integer("context_length"),
        layers=facts.integer("block_count"),
        embedding=facts.integer("embedding_length"),
        feed_forward=facts.integer("feed_forward_length"),
        heads=facts.integer("attention.head_count"),
        vocabulary=_vocabulary(graph, general, facts),
        sliding_window=facts.integer("attention.sliding_window") or None,
        tokenizer=_tokenizer(general),
        chat_template=general.text("tokenizer.chat_template") or None,
        modalities=tuple(_modalities(general, role)),
    )
    return _with_experts(_with_attention(model, facts), facts, size)


def _role(graph: Graph, general: Facts, facts: Facts, architecture: str) -> Role | None:
    kind = general.text("general.type")
    if kind == "adapter":
        return Role.ADAPTER
    if kind in ("imatrix", "controlvector") or architecture == "controlvector":
        return None
    by_name = role_of(architecture)
    if by_name is Role.PROJECTOR:
        return by_name
    if facts.integer("block_count") is None and general.counted("tokenizer.ggml.tokens") is None:
        return None  # diffusion, speech synthesis and the like use GGUF too
    if not graph.tensors:
        return Role.VOCABULARY
    if by_name is Role.DECODER and facts.flag("attention.causal") is False:
        return Role.ENCODER
    return by_name


def _vocabulary(graph: Graph, general: Facts, facts: Facts) -> int | None:
    """Rows of the embedding, which are the tokenizer's tokens and perhaps padding."""
    embedding = next((tensor for tensor in graph.tensors if tensor.name == "token_embd.weight"), None)
    rows = embedding.shape[0] if embedding is not None and embedding.shape else None
    if isinstance(rows, int) and rows > 0:
        return rows
    return facts.integer("vocab_size") or general.counted("tokenizer.ggml.tokens")


def _tokenizer(general: Facts) -> Tokenizer | None:
    kind = general.text("tokenizer.ggml.model")
    if not kind:
        return None
    pre = general.text("tokenizer.ggml.pre")
    special = ((name, general.integer(f"tokenizer.ggml.{key}")) for name, key in _SPECIAL)
    return Tokenizer(
        kind=f"{kind} ({pre})" if pre and pre != "default" else kind,
        vocabulary=general.counted("tokenizer.ggml.tokens"),
        special=tuple((name, number) for name, number in special if number is not None),
        adds_start=general.flag("tokenizer.ggml.add_bos_token"),
    )


def _modalities(general: Facts, role: Role) -> Iterator[str]:
    if role is not Role.PROJECTOR:
        yield "text"
    for name, key in (("image", "clip.has_vision_encoder"), ("audio", "clip.has_audio_encoder")):
        if general.flag(key):
            yield name


def _with_attention(model: LanguageModel, facts: Facts) -> LanguageModel:
    """Heads and what each layer keeps. Widths of heads are told, or the embedding is divided among the heads."""
    kv_heads = facts.integers("attention.head_count_kv") or facts.integers("attention.head_count")
    default = model.embedding // model.heads if model.embedding and model.heads else None
    key = facts.integer("attention.key_length") or default
    value = facts.integer("attention.value_length") or default
    notes = []
    latent = facts.integer("attention.kv_lora_rank")
    if latent and facts.integer("attention.key_length_mla"):
        # Multi-head latent attention keeps one compressed vector and one rotated key for all heads, no values.
        kv_heads, key, value = (1,), latent + (facts.integer("rope.dimension_count") or 0), 0
        notes.append("latent attention: the cache holds compressed keys, no values")
    layers: tuple[AttentionLayer, ...] = ()
    writes = role_of(model.architecture) in (Role.DECODER, Role.ENCODER_DECODER)
    if writes and model.role in (Role.DECODER, Role.ENCODER_DECODER, Role.VOCABULARY):
        windows, unsure = _windows(model, facts)
        layers = attention_layers(model.layers, kv_heads, key, value, windows)
        if unsure:
            notes.append("which layers use the sliding window is not told: the cache is an upper bound")
        shared = facts.integer("attention.shared_kv_layers") or 0
        if 0 < shared < len(layers):
            layers = layers[: len(layers) - shared]
            notes.append(f"{shared} layers use the cache of others")
    told = facts.integer("attention.key_length") or default
    return replace(
        model, kv_heads=max(facts.integers("attention.head_count_kv") or kv_heads, default=None), head_width=told,
        attention=layers, notes=tuple(notes),
    )  # fmt: skip


def _windows(model: LanguageModel, facts: Facts) -> tuple[tuple[int | None, ...], bool]:
    """The window of each layer, and whether that is a guess."""
    pattern = facts.flags("attention.sliding_window_pattern")
    period = facts.integer("attention.sliding_window_pattern") if not pattern else None
    if period is None:
        period = WINDOW_PERIODS.get(model.architecture)
    unsure = bool(model.sliding_window) and not pattern and period is None
    return windows_of(model.layers, model.sliding_window, period, pattern), unsure


def _with_experts(model: LanguageModel, facts: Facts, size: Size) -> LanguageModel:
    total, active = facts.integer("expert_count"), facts.integer("expert_used_count")
    if not total:
        return model
    found = Experts(total=total, active=active, shared=facts.integer("expert_shared_count") or 0)
    return replace(model, experts=found, active_parameters=active_parameters(size, found))


def active_parameters(size: Size, experts: Experts) -> int | None:
    """Parameters used for one token: all that lie outside the experts, and the share of those that are used."""
    if not experts.active or experts.active > experts.total or not size.expert_parameters:
        return None
    return size.parameters - size.expert_parameters + size.expert_parameters * experts.active // experts.total
