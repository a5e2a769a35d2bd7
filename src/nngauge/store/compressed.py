"""Compression tables of `nngauge compress STUDY` as tables of the study, made from the files below ``compressed/``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from nngauge.domain.compression import Agreement, Row, StudyTable, Table
from nngauge.store import kept, schema
from nngauge.store.kept import Kind, held, number_of
from nngauge.store.schema import Column

COMPRESSED: Final = "compressed"
"""Folder of a study with the compression tables of its models."""
_LARGEST: Final = 1 << 24
"""Bytes of a file that is read; a table has about 20 kB."""
_FLOAT: Final = "float"
"""What the scheme of 16 bits is called."""

_FILE: Final = Column("file", "VARCHAR", "file below `compressed/` in the study's folder: one model, made in one way")
_MODEL: Final = (
    Column("digest", "VARCHAR", "`model.digest`"),
    Column("name", "VARCHAR", "file name of the model in one of its apps"),
    Column("number", "UBIGINT", "`model.number`"),
    Column("format", "VARCHAR", "format name"),
)
_MADE: Final = (
    Column("made", "VARCHAR", "UTC time, ISO 8601"),
    Column("tool", "VARCHAR", "nngauge and its version"),
)

COMPRESSED_TABLES: Final[tuple[schema.Table, ...]] = (
    schema.Table(
        "compression",
        "One distinct model whose weights `nngauge compress STUDY` replaced by ones of fewer bits: what it was run on, and how its "
        "answers are compared (docs/compression.md). Versions are in `compression_row`.",
        (
            _FILE,
            *_MODEL,
            *_MADE,
            Column("engine", "VARCHAR", "what ran it: litert, onnxruntime …"),
            Column("engine_version", "VARCHAR", "as the engine tells it"),
            Column("input_source", "VARCHAR", "your files, bundled samples (made by nngauge) or 1/f noise"),
            Column("inputs", "BIGINT", "how many inputs it was run on"),
            Column("inputs_name", "VARCHAR", "the folder, or what the samples are"),
            Column("unreadable", "BIGINT", "files of the folder that could not be read"),
            Column("prepared", "VARCHAR", "how pictures or sounds became numbers, and from where that is known"),
            Column("rule", "VARCHAR", "when two answers are the same: top-1, points, boxes, pixels, cosine; none: only SQNR is told"),
            Column("because", "VARCHAR", "why this rule"),
            Column("distinct_answers", "BIGINT", "different answers of the shipped model; NULL where they cannot be counted"),
            Column("chance", "DOUBLE", "agreement that one constant answer would reach, 0 to 1"),
            Column("withheld", "VARCHAR", "why no agreement is told: no rule fits, too few different answers, only noise; NULL where it is told"),
            Column("not_finite", "BIGINT", "inputs on which the shipped model answers with NaN or infinity, left out"),
            Column("shipped_bytes", "BIGINT", "the model's files as they are"),
            Column("shipped_deflated", "BIGINT", "the same after deflate"),
            Column("weights", "BIGINT", "tensors that are replaced"),
            Column("weight_bytes", "BIGINT", "their bytes in the file"),
            Column("elements", "BIGINT", "their elements"),
            Column("notes", "VARCHAR", "what a reader should know, separated by semicolons"),
            Column("cpu_seconds", "DOUBLE", "processor time that the table took"),
            Column("wanted_inputs", "BIGINT", "inputs that were asked for; fewer where the model is slow"),
            Column("wanted_seconds", "DOUBLE", "processor time that was planned for it"),
        ),
        key="file",
    ),
    schema.Table(
        "compression_row",
        "One version of such a model: bits and scheme (or a share of zeros), sizes, and agreement with the shipped model, which is "
        "never accuracy. Nothing is estimated: every version was run.",
        (
            _FILE,
            *_MODEL,
            Column("bits", "BIGINT", "of each weight, 16 to 1; NULL of pruned versions"),
            Column("scheme", "VARCHAR", "linear, linear_lut or kmeans_lut, in coremltools' meanings; float: 16 bits; NULL of pruned ones"),
            Column("sparsity", "DOUBLE", "share of weights set to zero, 0 to 1; NULL of the others (`compress --prune`)"),
            Column("scope", "VARCHAR", "what that share is counted over: per layer, global"),
            Column("packed_bytes", "BIGINT", "weights in their bits with tables and scales, and the rest of the file as it is"),
            Column("file_bytes", "BIGINT", "what the model's own format takes; NULL where it has no place for such weights"),
            Column("deflated_bytes", "BIGINT", "the packed bytes after deflate: about what a download takes"),
            Column("identical", "BOOLEAN", "all outputs are the same, bit for bit: mostly since its weights had no more bits"),
            Column("inputs", "BIGINT", "inputs that were compared"),
            Column("matched", "BIGINT", "those with the same answer; NULL where the share is withheld or no rule fits"),
            Column("agreement", "DOUBLE", "matched ÷ inputs, 0 to 1"),
            Column("low", "DOUBLE", "lower end of its 95 % interval (Wilson)"),
            Column("high", "DOUBLE", "upper end"),
            Column("top5", "DOUBLE", "share of inputs whose class is among the version's first five"),
            Column("error", "DOUBLE", "median of the rule's distance: point error, 1 − cosine, share of other pixels"),
            Column("sqnr", "DOUBLE", "signal to quantisation noise of all outputs, decibels; NULL when `identical`, or not finite"),
            Column("not_finite", "BIGINT", "inputs that it answers with NaN or infinity; they count as different"),
            Column("refused", "VARCHAR", "kind and reason where this version did not run"),
        ),
    ),
    schema.Table(
        "compression_refusal",
        "A distinct model that `nngauge compress STUDY` could make no table of, or a file of one that cannot be read.",
        (
            _FILE,
            *_MODEL,
            *_MADE,
            Column("kind", "VARCHAR", "no weights, unsupported, missing (the engine), does not run, crashed, timeout, memory, not finite, dynamic, unreadable; damaged: the file"),
            Column("reason", "VARCHAR", "in one sentence, in the engine's words where it is the engine's"),
            Column("hint", "VARCHAR", "what to do about it"),
        ),
    ),
)  # fmt: skip
"""Made from the files in the study's folder `compressed/`."""


def compressed_rows(name: str, content: bytes | None) -> list[kept.Row]:
    """Rows of one file; one refusal when it is damaged (or None: it could not be read)."""
    if content is None:
        return [_damaged(name, "cannot be read, or is too large")]
    rows = held(COMPRESSED_TABLES, _rows(name, content))
    return [_damaged(name, f"is no compression table: {rows}")] if isinstance(rows, str) else rows


def _damaged(name: str, reason: str) -> kept.Row:
    nothing = (None,) * (len(_MODEL) + len(_MADE))
    return "compression_refusal", (name, *nothing, "damaged", reason[:500], "delete it, and compress again")


def _rows(name: str, content: bytes) -> Iterator[kept.Row]:
    one = msgspec.json.decode(content, type=StudyTable)
    model = (one.model, one.name, number_of(one.model), one.format)
    if one.table is not None:
        yield (
            "compression",
            (name, *model, one.made, one.tool, *_table(one.table), one.making.inputs, one.making.seconds),
        )
        for row in (*one.table.rows, *one.table.pruned):
            yield "compression_row", (name, *model, *_version(row))
    elif one.refusal is not None:
        refusal = one.refusal
        yield "compression_refusal", (
            name, *model, one.made, one.tool, refusal.reason, refusal.explanation, refusal.hint,
        )  # fmt: skip


def _table(table: Table) -> tuple[Any, ...]:
    inputs, reference, shipped = table.inputs, table.reference, table.shipped
    return (
        table.engine, table.version, inputs.source.value, inputs.count, inputs.name, inputs.unreadable_count, inputs.prepared,
        reference.rule.value, reference.because, reference.distinct, reference.chance, reference.withheld or None,
        reference.not_finite, shipped.packed, shipped.deflated, table.weights, table.weight_bytes, table.elements,
        "; ".join(table.notes), table.cpu_seconds,
    )  # fmt: skip


def _version(row: Row) -> Iterator[Any]:
    variant, sizes = row.variant, row.sizes
    pruned = variant.sparsity is not None
    yield variant.bits
    yield None if pruned else variant.scheme.value if variant.scheme else _FLOAT
    yield from (variant.sparsity, variant.scope.value if variant.scope else None)
    yield from (sizes.packed, sizes.file, sizes.deflated)
    yield from _agreement(row.agreement)
    yield f"{row.refusal.reason}: {row.refusal.explanation}" if row.refusal is not None else None


def _agreement(found: Agreement | None) -> tuple[Any, ...]:
    if found is None:
        return (None,) * 10
    return (
        found.identical, found.inputs, found.matched, found.share, found.low, found.high, found.top5, found.error, found.sqnr,
        found.not_finite,
    )  # fmt: skip


COMPRESSIONS: Final = Kind(
    folder=COMPRESSED, kept="cache/compressed-1", tables=COMPRESSED_TABLES, rows=compressed_rows, largest=_LARGEST
)
