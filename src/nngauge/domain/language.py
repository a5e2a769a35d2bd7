"""What a language model is and what it needs: size, context, key-value cache, memory."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

from msgspec import Struct

CACHE_TYPES: Final[Mapping[str, tuple[int, int]]] = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "q8_0": (32, 34), "q5_1": (32, 24), "q5_0": (32, 22), "q4_1": (32, 20),
    "q4_0": (32, 18), "iq4_nl": (32, 18), "int8": (1, 1), "int4": (2, 1),
}  # fmt: skip
"""Element types a key-value cache may have: elements and bytes of a block."""
MICRO_BATCH: Final = 512
"""Tokens of a prompt computed at once by default (`n_ubatch` of llama.cpp)."""


class Role(StrEnum):
    """What kind of model it is."""

    DECODER = "decoder"
    """Writes text, token by token."""
    ENCODER = "text encoder"
    """Embeds or classifies text; has no cache."""
    ENCODER_DECODER = "encoder-decoder"
    SPEECH = "speech recogniser"
    """Hears sound, writes text (Whisper)."""
    RECURRENT = "recurrent decoder"
    """Writes text from a state of constant size (RWKV, Mamba)."""
    PROJECTOR = "multimodal projector"
    """The part of a multimodal model that turns images or sound into tokens."""
    ADAPTER = "adapter"
    """Changes to another model's weights (LoRA)."""
    VOCABULARY = "vocabulary"
    """A tokenizer without weights."""


class AttentionLayer(Struct, frozen=True, kw_only=True):
    """What one layer keeps for each token, in elements."""

    key_width: int
    """Key-value heads × width of a key."""
    value_width: int
    window: int | None = None
    """Tokens kept, None for all."""


class Experts(Struct, frozen=True, kw_only=True):
    """A mixture of experts."""

    total: int
    active: int | None = None
    """Used for each token."""
    shared: int = 0
    """Used for every token besides."""


class Tokenizer(Struct, frozen=True, kw_only=True):
    """How text becomes tokens."""

    kind: str
    """``gpt2`` (byte pairs), ``llama`` (SentencePiece), ``bert`` (word pieces), ``SentencePiece`` …"""
    vocabulary: int | None = None
    special: tuple[tuple[str, int], ...] = ()
    """Names and numbers of special tokens."""
    adds_start: bool | None = None


class Memory(Struct, frozen=True, kw_only=True):
    """RAM for one context length, in bytes."""

    context: int
    weights: int
    """Exact: all weights, as stored."""
    cache: int
    """Exact for the given element type: keys and values of `context` tokens."""
    compute: int | None
    """An estimate of the scratch memory, see `LanguageModel.ram_at`; None where the layer widths are unknown."""

    @property
    def bound(self) -> int:
        """What cannot be avoided when all weights are in memory: weights and cache."""
        return self.weights + self.cache

    @property
    def estimate(self) -> int:
        """With scratch memory: an estimate, not a measurement."""
        return self.bound + (self.compute or 0)


class LanguageModel(Struct, frozen=True, kw_only=True):
    """Facts of a language model; None where the file does not tell."""

    role: Role
    architecture: str
    """In the words of the file: ``llama``, ``qwen2``, ``gemma3``."""
    family: str
    """The same for people."""
    source: str
    """Where these facts come from: ``GGUF metadata``, ``config.json``, ``tensor names`` …"""
    name: str = ""
    parameters: int | None = None
    active_parameters: int | None = None
    """Parameters used for one token, where a mixture of experts uses fewer than all."""
    weight_bytes: int | None = None
    bits_per_weight: float | None = None
    """Bits of all tensors ÷ parameters, scales included."""
    file_type: str = ""
    """The quantiser's name of the mixture: ``Q4_K_M``."""
    context: int | None = None
    """Tokens the model was trained or exported for."""
    layers: int | None = None
    embedding: int | None = None
    feed_forward: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    """Largest of all layers."""
    head_width: int | None = None
    vocabulary: int | None = None
    sliding_window: int | None = None
    attention: tuple[AttentionLayer, ...] = ()
    """Layers that keep keys and values; empty where there are none or they are unknown."""
    cross_tokens: int = 0
    """Tokens of the encoder whose keys and values the decoder keeps besides."""
    experts: Experts | None = None
    tokenizer: Tokenizer | None = None
    chat_template: str | None = None
    """Length and digest; None without one."""
    modalities: tuple[str, ...] = ("text",)
    notes: tuple[str, ...] = ()

    def kv_bytes_per_token(self, dtype: str = "f16") -> int | None:
        """Cache bytes that one more token takes while all windows have room: Σ layers (key width + value width) × bytes.

        The widths are key-value heads × width of a head. None where the layers are unknown; `KeyError` for a type that is
        not in `CACHE_TYPES`.
        """
        if not self.attention:
            return None
        return sum(_bytes(layer.key_width, dtype) + _bytes(layer.value_width, dtype) for layer in self.attention)

    def kv_bytes(self, context: int, dtype: str = "f16") -> int | None:
        """Cache bytes for `context` tokens: layers with a sliding window keep at most its length, and an encoder's tokens
        are added for every layer.
        """
        if not self.attention:
            return None
        total = 0
        for layer in self.attention:
            tokens = context if layer.window is None else min(context, layer.window)
            width = _bytes(layer.key_width, dtype) + _bytes(layer.value_width, dtype)
            total += (tokens + self.cross_tokens) * width
        return total

    def ram_at(self, context: int, dtype: str = "f16", batch: int = MICRO_BATCH) -> Memory | None:
        """Memory with `context` tokens; None without weights, or for a decoder whose cache is unknown.

        Weights and cache are exact; the scratch memory is estimated as llama.cpp's with fused attention: the activations
        of `batch` tokens that are largest at once, 4 B × batch × (embedding + max(vocabulary, 2 × feed forward)). Without
        fused attention 4 B × batch × heads × context take the place of the vocabulary where that is more.
        """
        cache = self.kv_bytes(context, dtype)
        if cache is None and self.role not in (Role.DECODER, Role.ENCODER_DECODER, Role.SPEECH):
            cache = 0
        if not self.weight_bytes or cache is None:
            return None
        widest = max(self.vocabulary or 0, 2 * (self.feed_forward or 0))
        compute = 4 * min(batch, context) * (self.embedding + widest) if self.embedding and widest else None
        return Memory(context=context, weights=self.weight_bytes, cache=cache, compute=compute)


def _bytes(elements: int, dtype: str) -> int:
    """Bytes of a row, whole blocks."""
    block, size = CACHE_TYPES[dtype]
    return -(-elements // block) * size
