"""Requests for files as they are: seeded inputs, written to a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nngauge.domain.graph import Graph
from nngauge.engines import Feed, Request
from nngauge.measure.inputs import inputs_of


def request_for(
    graph: Graph,
    files: tuple[Path, ...],
    folder: Path,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    **options: Any,
) -> Request:
    """A request with two sets of inputs, which are files in `folder`. Raises as `inputs_of`."""
    feeds: dict[str, list[Feed]] = {}
    if graph.format != "gguf":  # what a language model is fed with, the engine makes up
        for seed in (0, 1):
            for at, made in enumerate(inputs_of(graph, seed=seed, shapes=shapes)):
                path = folder / f"{seed}-{at}.raw"
                path.write_bytes(made.content)
                feeds.setdefault(made.name, []).append(Feed(path=str(path), dtype=made.dtype, shape=made.shape))
    return Request(
        files=tuple(map(str, files)),
        format=graph.format,
        feeds={name: tuple(sets) for name, sets in feeds.items()},
        **options,
    )
