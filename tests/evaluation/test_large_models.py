"""The models of 1 GiB that the benchmark makes, made small: every one is read whole, and its weights lie in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

import nngauge
from benchmarks import large_models
from nngauge.domain.graph import Completeness

_MIB = 1 << 20


@pytest.mark.parametrize("name", large_models.WRITERS)
def test_each_is_read_whole(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_models, "LAYERS", 2)
    monkeypatch.setattr(large_models, "WIDTH", 512)
    monkeypatch.setattr(large_models, "BYTES", _MIB)
    large_models.WRITERS[name](tmp_path)
    lead = next(path for path in sorted(tmp_path.iterdir()) if path.suffix not in (".bin", ".weights"))
    graph = nngauge.read_graph(lead)
    assert (graph.format, graph.completeness) == (name, Completeness.FULL)
    biases = 2 * 512 if name == "darknet" else 0
    assert graph.parameters == 2 * 512 * 512 + biases
    assert sum(tensor.data.size for tensor in graph.tensors if tensor.data) == 2 * _MIB + 4 * biases
