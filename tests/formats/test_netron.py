"""Operations and parameters as Netron counts them, file by file; docs/netron.md explains every difference."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import netron
from benchmarks.netron.differences import compare_all, model_files, render

ROOT = Path(__file__).parents[2]
MODELS = ROOT.parent / "shared" / "models"
PAGE = ROOT / "docs" / "netron.md"


@pytest.mark.skipif(bool(netron.missing()), reason=netron.missing())
@pytest.mark.skipif(not MODELS.exists(), reason="the collection of real model files is not here")
def test_counts_agree_with_netron_or_differ_for_a_reason() -> None:
    both, one = compare_all(model_files(MODELS))
    assert len(both) > 200
    assert [item for item in both if not item.explained] == []
    assert render(both, one) == PAGE.read_text(), (
        "python -m benchmarks.netron.differences ../shared/models > docs/netron.md"
    )
