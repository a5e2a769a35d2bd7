"""Which layers keep keys and values, how wide and for how many tokens."""

from __future__ import annotations

from collections.abc import Sequence

from nngauge.analyse.language.facts import MAX_LAYERS
from nngauge.domain.language import AttentionLayer

_MAX_WIDTH = 1 << 24
"""Elements one layer keeps for a token; published models keep up to 2¹⁵."""


def attention_layers(
    layers: int | None,
    kv_heads: Sequence[int],
    key: int | None,
    value: int | None,
    windows: Sequence[int | None],
) -> tuple[AttentionLayer, ...]:
    """One entry for each layer that has key-value heads; empty where anything needed is unknown or impossible.

    `kv_heads` and `windows` hold one number for all layers or one for each; 0 heads mean a layer without attention.
    """
    if not layers or not 0 < layers <= MAX_LAYERS or not kv_heads or key is None or value is None:
        return ()
    heads = list(kv_heads) * layers if len(kv_heads) == 1 else list(kv_heads)
    spans = list(windows) * layers if len(windows) == 1 else list(windows)
    if len(heads) != layers or len(spans) < layers:
        return ()
    if max(heads) * max(key, value) > _MAX_WIDTH:
        return ()
    return tuple(
        AttentionLayer(key_width=count * key, value_width=count * value, window=span)
        for count, span in zip(heads, spans, strict=False)
        if count
    )


def windows_of(
    layers: int | None, window: int | None, period: int | None, pattern: Sequence[bool] = ()
) -> tuple[int | None, ...]:
    """The window of each layer, None where it sees everything.

    `pattern` says which layers have one; else all but every `period`-th do; without either the window is left out, which
    makes the cache an upper bound.
    """
    count = layers if layers is not None and 0 < layers <= MAX_LAYERS else 1
    if not window:
        return (None,) * count
    if pattern:
        return tuple(window if pattern[place % len(pattern)] else None for place in range(count))
    if period is None:
        return (None,) * count
    # llama.cpp's rule: 0 means all layers, 1 none.
    return tuple(window if period == 0 or place % period < period - 1 else None for place in range(count))
