"""Requests on the example models, for tests that start real engines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nngauge.api import read_graph
from nngauge.engines import Feed, Reply, Request, engine_named, installed
from nngauge.engines.local import Limits, launch_here
from nngauge.measure.inputs import inputs_of
from tests.builders.samples import MODELS

SHORT = {
    "least_runs": 5,
    "least_seconds": 0.0,
    "most_seconds": 5.0,
    "warmup_runs": 1,
    "warmup_seconds": 0.0,
    "warmup_most": 0.2,
}
LIMITS = Limits(seconds=120.0)


def request(path: Path, folder: Path, shapes: Mapping[str, tuple[int, ...]] | None = None, **options: Any) -> Request:
    graph = read_graph(path)
    feeds: dict[str, list[Feed]] = {}
    if graph.format != "gguf":
        for seed in (0, 1):
            for at, made in enumerate(inputs_of(graph, seed=seed, shapes=shapes)):
                file = folder / f"{seed}-{at}.raw"
                file.write_bytes(made.content)
                feeds.setdefault(made.name, []).append(Feed(path=str(file), dtype=made.dtype, shape=made.shape))
    return Request(
        files=(str(path),),
        format=graph.format,
        feeds={name: tuple(sets) for name, sets in feeds.items()},
        **{**SHORT, **options},
    )


def launched(engine: str, file: str, folder: Path, **options: Any) -> Reply:
    """The reply of a real launch on an example model; skips where the engine is not installed."""
    chosen = engine_named(engine)
    if not installed(chosen):
        pytest.skip(f"{chosen.title} is not installed: {chosen.install}")
    return launch_here(chosen, request(MODELS / file, folder, **options), LIMITS)
