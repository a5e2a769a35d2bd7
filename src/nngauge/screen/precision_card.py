"""What the screen says about how weights and activations are stored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.domain.optimisation import Granularity, Optimisation, Precision
from nngauge.units import format_bytes, format_count
from nngauge.words.amounts import plural

_NOTABLE: Final = 0.05
"""Share of the weights from which on a peculiarity of some tensors is worth a line."""


def precision_rows(state: Optimisation) -> Iterator[tuple[str, str]]:
    """Name and value of each line."""
    verdict = state.verdict
    share = f" ({verdict.share:.0%} of parameters)" if 0 < verdict.share < 0.995 else ""
    yield "scheme", f"{verdict.label}{share}"
    if state.weights:
        yield "weights", ", ".join(_kind(item) for item in state.weights[:6])
    if state.activations:
        yield "activations", ", ".join(f"{item.tensors:,} {_type(item)}" for item in state.activations[:6])
    yield from _values(state)
    yield from _state(state)


def _kind(item: Precision) -> str:
    return f"{format_count(item.elements)} {_type(item)}"


def _type(item: Precision) -> str:
    return item.dtype.value + (f" {item.granularity}" if item.granularity is not Granularity.NONE else "")


def _values(state: Optimisation) -> Iterator[tuple[str, str]]:
    sampled = " (sampled)" if state.sampled else ""
    if state.sparsity is not None:
        near = f", {_share(state.near_zero)} near zero" if state.near_zero is not None else ""
        yield "zeros", f"{_share(state.sparsity)} of {_looked_at(state)} are 0{near}{sampled}"
    clustered = [item for item in state.tensors if item.clustered and not item.uniform]
    if clustered:
        most = max(item.distinct or 0 for item in clustered)
        yield "clustered", f"{plural(len(clustered), 'tensor')} of at most {most} different values"
    hidden = [item for item in state.tensors if item.holds]
    if sum(item.elements for item in hidden) > _NOTABLE * sum(item.elements for item in state.tensors):
        kinds = ", ".join(dict.fromkeys(item.holds for item in hidden))
        yield "in disguise", f"{len(hidden):,} float32 tensors hold only {kinds} values"
    dead = sum(item.dead_channels or 0 for item in state.tensors)
    channels = sum(item.channels or 0 for item in state.tensors)
    if dead > channels // 100:
        yield "pruned", f"{dead:,} of {channels:,} output channels are zero"


def _share(share: float) -> str:
    if not share:
        return "none"
    return "less than 0.1%" if share < 0.001 else f"{share:.1%}"


def _looked_at(state: Optimisation) -> str:
    """Which weights the shares are of: block types and what is in other files are not unpacked."""
    known = [item for item in state.tensors if item.zeros is not None]
    covered, total = sum(item.elements for item in known), sum(item.elements for item in state.tensors)
    return "the weights" if covered > 0.9 * total else f"the {format_count(covered)} weights that can be looked at"


def _state(state: Optimisation) -> Iterator[tuple[str, str]]:
    if state.batch_norm.nodes:
        yield "batch norm", f"{state.batch_norm.nodes:,} left, {state.batch_norm.foldable:,} of them could be folded"
    for item in state.leftovers[:6]:
        yield "left in", f"{item.count:,} × {item.what}"
    if state.duplicates:
        wasted = sum(item.wasted for item in state.duplicates)
        yield (
            "duplicates",
            f"{plural(len(state.duplicates), 'constant')} stored more than once, {format_bytes(wasted)} too many",
        )
    if state.training:
        yield "training", "; ".join(state.training[:4])
