"""How far every real model file is read; docs/models-read.md is what this makes."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.evaluation.reading import load_entries, read_all, render

ROOT = Path(__file__).parents[2]
MODELS = ROOT.parent / "shared" / "models"
PAGE = ROOT / "docs" / "models-read.md"


@pytest.mark.skipif(not MODELS.exists(), reason="the collection of real model files is not here")
def test_every_file_is_read_or_refused_for_a_typed_reason() -> None:
    rows = read_all(load_entries(MODELS))
    assert len(rows) > 280
    assert all(row.completeness or row.remark.startswith("**") for row in rows)
    assert all(row.exact or row.remark for row in rows if row.operations), "a lower bound without its reason"
    operations, named = sum(row.operations for row in rows), sum(row.named for row in rows)
    assert named >= 0.99 * operations
    assert render(rows) == PAGE.read_text(encoding="utf-8"), (
        "python -m benchmarks.evaluation.reading ../shared/models > docs/models-read.md"
    )
