"""Compression tables of models that do not exist, with numbers that a test chooses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nngauge.compress.agreement import wilson
from nngauge.domain.compression import (
    Agreement,
    Inputs,
    InputSource,
    Making,
    Reference,
    Refusal,
    Row,
    Rule,
    Scheme,
    Scope,
    Sizes,
    StudyTable,
    Table,
    Variant,
)

MAKING = Making(inputs=100, seconds=10)
SHIPPED = 1_000_000


def version(bits: int, matched: int | None, scheme: Scheme | None = Scheme.LINEAR, **changes: Any) -> Row:
    """A version whose packed size is bits ÷ 32 of the shipped one and that answers `matched` of 100 inputs the same."""
    low, high = wilson(matched, 100) if matched is not None else (None, None)
    facts: dict[str, Any] = {
        "rule": Rule.TOP1,
        "inputs": 100,
        "matched": matched,
        "low": low,
        "high": high,
        "sqnr": 5.0 * bits,
    }
    packed = SHIPPED * bits // 32
    return Row(
        variant=Variant(label=f"{bits} bit", bits=bits, scheme=scheme if bits < 16 else None),
        sizes=Sizes(packed=packed, file=packed if bits in (16, 8) else None, deflated=packed // 2),
        agreement=Agreement(**(facts | changes)),
    )  # fmt: skip


def pruned(share: float, matched: int) -> Row:
    """A version with so many zeros."""
    low, high = wilson(matched, 100)
    return Row(
        variant=Variant(label=f"{share} zero", sparsity=share, scope=Scope.LAYER),
        sizes=Sizes(packed=SHIPPED, deflated=SHIPPED),
        agreement=Agreement(rule=Rule.TOP1, inputs=100, matched=matched, low=low, high=high, sqnr=9.0),
    )


def table(rows: Mapping[int, int | None], **changes: Any) -> Table:
    """A table of linear versions: bits → inputs of 100 with the same answer."""
    facts: dict[str, Any] = {
        "model": "m.tflite", "format": "tflite", "engine": "litert", "version": "2", "shipped": Sizes(packed=SHIPPED, deflated=SHIPPED // 2),
        "weights": 4, "weight_bytes": 900_000, "elements": 225_000,
        "inputs": Inputs(source=InputSource.BUNDLED, count=100, name="pictures made by nngauge, not recorded"),
        "reference": Reference(rule=Rule.TOP1, because="image-classification", inputs=100, distinct=40, chance=0.1),
        "rows": tuple(version(bits, matched) for bits, matched in rows.items()), "notes": ("one", "two"), "cpu_seconds": 2.5,
    }  # fmt: skip
    return Table(**(facts | changes))


def told(digest: str, found: Table | Refusal | None, **changes: Any) -> StudyTable:
    """What a study keeps of one model."""
    facts: dict[str, Any] = {
        "model": digest, "name": "m.tflite", "format": "tflite", "made": "2026-11-20T10:00:00+00:00", "tool": "nngauge 1",
        "making": MAKING, "timeout": 600.0, "table": found if isinstance(found, Table) else None,
        "refusal": found if isinstance(found, Refusal) else None,
    }  # fmt: skip
    return StudyTable(**(facts | changes))
