"""Cells of tables as people read them."""

from __future__ import annotations

import pytest

from nngauge.words.tables import shown_value


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "bytes", "–"),
        (True, "", "yes"),
        (2016, "", "2,016"),
        (2016, "date", "2016"),
        ("2026-11-22", "date", "2026-11-22"),
        (0.123, "share", "12.3 %"),
        (0.0001, "share", "< 0.1 %"),
        (0.9999, "share", "> 99.9 %"),
        (0.012, "points", "+1.2"),
        (1_234_567, "bytes", "1.2 MB"),
        (0.000_18, "seconds", "180 µs"),
        (0.0246, "joules", "24.6 mJ"),
        (1.5, "ratio", "1.50 ×"),
        ("a\x1b[31mb", "", "a[31mb"),
    ],
)
def test_shown_by_its_unit(value: object, unit: str, text: str) -> None:
    assert shown_value(value, unit) == text
