"""Language models exported to TFLite (LiteRT-LM, MediaPipe), ggml's first whisper and llama files, and bare weights."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from nngauge.analyse.language.attention import attention_layers
from nngauge.analyse.language.facts import MAX_LAYERS, Facts
from nngauge.analyse.language.families import family_name
from nngauge.analyse.language.size import Size, size_of, weights
from nngauge.domain.graph import Graph, Tensor
from nngauge.domain.language import AttentionLayer, LanguageModel, Role, Tokenizer
from nngauge.limits import MAX_STRUCT_DEPTH

_CACHE = re.compile(r"kv_cache_(?P<which>[kv])_(?P<layer>\d{1,4})(?::\d+)?$")
_LLAMA_KEYS = re.compile(
    r"(?:^|\.)(?:layers|h|blocks)\.(?P<layer>\d{1,4})\.(?:self_attn\.k_proj|attention\.wk|attention\.k_proj)\.weight$"
)
_EMBEDDINGS = re.compile(r"(?:^|\.)(?:embed_tokens|tok_embeddings|wte|word_embeddings)\.weight$")


def from_bundle(graph: Graph) -> LanguageModel | None:
    """A LiteRT-LM or MediaPipe bundle: its metadata, and the caches that its decoder takes as inputs."""
    facts = Facts(graph.metadata, "llm.")
    caches = _caches(graph)
    if not caches and not any(key.startswith("llm.") for key in graph.metadata):
        return None
    size = size_of(graph, facts)
    context = facts.integer("max_num_tokens", "max_seq_length")
    architecture = facts.text("model_type") or "unknown"
    count = facts.integer("num_stacks") or (len(caches) or None)
    width, kv_heads = facts.integer("head_dimension"), facts.integer("num_kv_heads") or facts.integer("num_heads")
    cached = [_layer(pair, context) for _, pair in sorted(caches.items())]
    measured = tuple(layer for layer in cached if layer is not None)
    whole = len(measured) == len(cached)
    told = attention_layers(count, (kv_heads,) if kv_heads else (), width, width, (None,))
    return LanguageModel(
        role=Role.DECODER,
        architecture=architecture,
        family=family_name(architecture),
        source=f"{graph.producer or graph.format} metadata",
        name=graph.name,
        parameters=size.parameters or None,
        weight_bytes=size.bytes if size.parameters and size.known else None,
        bits_per_weight=size.bits,
        context=context,
        layers=count,
        embedding=facts.integer("embedding_dim"),
        feed_forward=facts.integer("hidden_dimension"),
        heads=facts.integer("num_heads"),
        kv_heads=kv_heads,
        head_width=width,
        vocabulary=facts.integer("vocab_size"),
        sliding_window=facts.integer("sliding_window_size") or None,
        attention=measured if measured and whole else told,
        tokenizer=_tokenizer(facts),
        chat_template=facts.text("jinja_prompt_template") or None,
        modalities=tuple(_modalities(graph)),
        notes=() if whole else ("caches of unknown shape",),
    )


def _tokenizer(facts: Facts) -> Tokenizer | None:
    kind = facts.text("tokenizer")
    start = facts.integer("start_token_id")
    if not kind and start is None:
        return None
    return Tokenizer(
        kind=kind or "unknown",
        vocabulary=facts.integer("vocab_size"),
        special=() if start is None else (("start", start),),
    )


def _modalities(graph: Graph) -> Iterator[str]:
    yield "text"
    names = graph.metadata.get("models", "").lower()
    for modality, parts in (("image", ("vision", "image")), ("audio", ("audio", "speech"))):
        if any(part in names for part in parts):
            yield modality


def _caches(graph: Graph, depth: int = 0) -> dict[int, dict[str, Tensor]]:
    """Layer → keys and values that the decoder takes as inputs. Signatures share them, so each counts once."""
    found: dict[int, dict[str, Tensor]] = {}
    for index in graph.inputs:
        tensor = graph.tensors[index] if 0 <= index < len(graph.tensors) else None
        match = _CACHE.search(tensor.name[-80:]) if tensor is not None else None
        if tensor is not None and match is not None and len(found) < MAX_LAYERS:
            found.setdefault(int(match["layer"]), {})[match["which"]] = tensor
    if depth < MAX_STRUCT_DEPTH:
        for inner in graph.subgraphs:
            for layer, pair in _caches(inner, depth + 1).items():
                found.setdefault(layer, pair)
    return found


def _layer(pair: Mapping[str, Tensor], context: int | None) -> AttentionLayer | None:
    """Widths of one layer's cache: all elements ÷ tokens it has room for."""
    if set(pair) != {"k", "v"}:
        return None
    shapes = [[dim for dim in pair[which].shape or () if isinstance(dim, int)] for which in "kv"]
    # Keys and values lie differently ([1, heads, tokens, width] and [1, heads, width, tokens]), but share all numbers.
    rooms = set(shapes[0]) & set(shapes[1])
    room = context if context in rooms else max(rooms, default=0)
    elements = [pair[which].elements for which in "kv"]
    if not room or None in elements:
        return None
    window = room if context and room < context else None
    return AttentionLayer(key_width=(elements[0] or 0) // room, value_width=(elements[1] or 0) // room, window=window)


def from_ggml(graph: Graph) -> LanguageModel | None:
    """Whisper and llama files from before GGUF."""
    facts = Facts(graph.metadata)
    architecture = facts.text("architecture")
    size = size_of(graph, facts)
    if architecture == "whisper":
        return _whisper(facts, size)
    if architecture != "llama":
        return None
    layers, embedding, heads = facts.integer("n_layer"), facts.integer("n_embd"), facts.integer("n_head")
    width = embedding // heads if embedding and heads else None
    # These files name no key-value heads; the width of the keys' weights tells (Llama 2 70B).
    keys = next((tensor for tensor in graph.tensors if tensor.name == "layers.0.attention.wk.weight"), None)
    rows = keys.shape[0] if keys is not None and keys.shape and isinstance(keys.shape[0], int) else embedding
    return LanguageModel(
        role=Role.DECODER if size.parameters else Role.VOCABULARY,
        architecture="llama",
        family=family_name("llama"),
        source="ggml header",
        parameters=size.parameters or None,
        weight_bytes=size.bytes or None,
        bits_per_weight=size.bits,
        layers=layers,
        embedding=embedding,
        heads=heads,
        kv_heads=rows // width if rows and width else None,
        head_width=width,
        vocabulary=facts.integer("n_vocab"),
        attention=attention_layers(layers, (1,), rows, rows, (None,)),
        tokenizer=Tokenizer(kind="llama", vocabulary=facts.integer("n_vocab")),
    )


def _whisper(facts: Facts, size: Size) -> LanguageModel:
    layers, state, heads = (
        facts.integer("n_text_layer"), facts.integer("n_text_state"), facts.integer("n_text_head"),
    )  # fmt: skip
    width = state // heads if state and heads else None
    return LanguageModel(
        role=Role.SPEECH if size.parameters else Role.VOCABULARY,
        architecture="whisper",
        family=family_name("whisper"),
        source="ggml header",
        parameters=size.parameters or None,
        weight_bytes=size.bytes or None,
        bits_per_weight=size.bits,
        context=facts.integer("n_text_ctx"),
        layers=layers,
        embedding=state,
        feed_forward=4 * state if state else None,
        heads=heads,
        kv_heads=heads,
        head_width=width,
        vocabulary=facts.integer("n_vocab"),
        attention=attention_layers(layers, (heads,) if heads else (), width, width, (None,)),
        cross_tokens=facts.integer("n_audio_ctx") or 0,
        tokenizer=Tokenizer(kind="gpt2", vocabulary=facts.integer("n_vocab")),
        modalities=("text", "audio"),
    )


def from_names(graph: Graph) -> LanguageModel | None:
    """Bare weights whose tensors are named as in Llama and its kind: keys of numbered layers, and an embedding."""
    keys, embedding = _named(graph)
    if embedding is None or not keys or len(keys) > MAX_LAYERS or set(keys) != set(range(len(keys))):
        return None
    size = size_of(graph, Facts(graph.metadata))
    rows = [tensor.shape[0] if tensor.shape else None for tensor in keys.values()]
    widths = tuple(row for row in rows if isinstance(row, int) and row > 0)
    vocabulary, width = embedding.shape or (None, None)
    return LanguageModel(
        role=Role.DECODER,
        architecture="llama-like",
        family="Llama-like",
        source="tensor names",
        parameters=size.parameters or None,
        weight_bytes=size.bytes if size.known else None,
        bits_per_weight=size.bits,
        layers=len(keys),
        embedding=width if isinstance(width, int) else None,
        vocabulary=vocabulary if isinstance(vocabulary, int) else None,
        attention=attention_layers(len(keys), (1,), max(widths), max(widths), (None,)) if widths else (),
        notes=("no configuration beside the weights: the number of heads and the context are unknown",),
    )


def _named(graph: Graph) -> tuple[dict[int, Tensor], Tensor | None]:
    """Matrices that make keys, by layer, and the embedding."""
    keys: dict[int, Tensor] = {}
    embedding: Tensor | None = None
    for tensor in weights(graph):
        if len(tensor.shape or ()) != 2:
            continue
        name = tensor.name[-200:]
        match = _LLAMA_KEYS.search(name)
        if match is not None:
            keys.setdefault(int(match["layer"]), tensor)
        elif embedding is None and _EMBEDDINGS.search(name):
            embedding = tensor
    return keys, embedding
