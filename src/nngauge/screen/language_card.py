"""What the screen says about a language model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.domain.language import LanguageModel, Memory
from nngauge.units import format_bytes, format_count

_CONTEXTS: Final = (2_048, 4_096, 32_768)
"""Context lengths for which memory is shown, as far as the model goes, and its own."""


def language_rows(model: LanguageModel) -> Iterator[tuple[str, str]]:
    """Name and value of each line."""
    yield "kind", ", ".join(_kind(model))
    if model.parameters is not None:
        yield "size", ", ".join(_size(model))
    shape = list(_shape(model))
    if shape:
        yield "shape", ", ".join(shape)
    if model.context is not None:
        window = f", attention to the last {model.sliding_window:,}" if model.sliding_window else ""
        yield "context", f"{model.context:,} tokens{window}"
    yield from _memory(model)
    if model.tokenizer is not None:
        count = f", {model.tokenizer.vocabulary:,} tokens" if model.tokenizer.vocabulary else ""
        yield "tokenizer", f"{model.tokenizer.kind}{count}"
    yield "chat", f"template of {model.chat_template}" if model.chat_template else "no template"
    yield "known from", model.source
    for note in model.notes:
        yield "note", note


def _kind(model: LanguageModel) -> Iterator[str]:
    yield f"{model.family} {model.role.value}"
    if model.architecture.lower() != model.family.lower():
        yield f"architecture {model.architecture}"
    if model.modalities != ("text",):
        yield " + ".join(model.modalities)


def _size(model: LanguageModel) -> Iterator[str]:
    yield f"{format_count(model.parameters or 0)} parameters"
    if model.active_parameters is not None and model.active_parameters != model.parameters:
        yield f"{format_count(model.active_parameters)} of them active for a token"
    if model.bits_per_weight is not None:
        yield f"{model.bits_per_weight:.2f} bits a weight"
    if model.file_type:
        yield model.file_type


def _shape(model: LanguageModel) -> Iterator[str]:
    for count, name in (
        (model.layers, "layers"),
        (model.embedding, "wide"),
        (model.feed_forward, "feed forward"),
        (model.heads, "heads"),
        (model.kv_heads, "key-value heads"),
        (model.vocabulary, "words"),
    ):
        if count:
            yield f"{count:,} {name}"
    if model.experts is not None:
        active = f", {model.experts.active} active" if model.experts.active else ""
        yield f"{model.experts.total} experts{active}"


def _memory(model: LanguageModel) -> Iterator[tuple[str, str]]:
    token = model.kv_bytes_per_token()
    if token is not None:
        yield "cache", f"{format_bytes(token)} a token at f16"
    contexts = [size for size in _CONTEXTS if model.context is None or size < model.context]
    for size in [*contexts, *([model.context] if model.context else [])]:
        memory = model.ram_at(size)
        if memory is not None:
            yield "RAM", _ram(memory)


def _ram(memory: Memory) -> str:
    parts = f"{format_bytes(memory.weights)} weights + {format_bytes(memory.cache)} cache"
    if memory.compute is None:
        return f"{format_bytes(memory.bound)} at least at {memory.context:,} tokens ({parts})"
    return f"about {format_bytes(memory.estimate)} at {memory.context:,} tokens ({parts} + ~{format_bytes(memory.compute)} scratch)"
