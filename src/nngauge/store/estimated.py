"""Estimates of `nngauge estimate STUDY` as tables of the study, made from the files below ``estimated/``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeVar

import msgspec

from nngauge.domain.estimate import Ground
from nngauge.domain.study_estimate import (
    SCHEMA,
    Interval,
    ModelEstimates,
    Phone,
    Place,
    Reach,
    Shares,
    StudyEstimates,
    Told,
    ToldLanguage,
    Untold,
)
from nngauge.store.kept import Kind, Row, held, number_of
from nngauge.store.schema import Column, Table

ESTIMATED: Final = "estimated"
"""Folder of a study with the estimates of its models."""
DAMAGED: Final = "DAMAGED"
_LARGEST: Final = 1 << 25
"""Bytes of a file that is read; 64 models in a dozen places take 150 kB."""
_EACH: Final = 64
"""Files whose rows are written together: some ten thousand."""
_Item = TypeVar("_Item")

_FILE: Final = Column("file", "VARCHAR", "file below `estimated/` in the study's folder")
_MADE: Final = (
    Column(
        "made", "VARCHAR", "UTC time, ISO 8601; where a model was estimated in a place several times, the last counts"
    ),
    Column("tool", "VARCHAR", "nngauge and its version"),
)
_MODEL: Final = (
    Column("digest", "VARCHAR", "`model.digest`"),
    Column("name", "VARCHAR", "file name of the model in one of its apps"),
    Column("number", "UBIGINT", "`model.number`"),
    Column("format", "VARCHAR", "format name"),
    Column("macs", "BIGINT", "multiply-accumulates of one inference; NULL when unknown or not a number"),
)
_PLACE: Final = (
    Column("device", "VARCHAR", "id in the table of phones: pixel-4; or as it was asked for"),
    Column("device_name", "VARCHAR", "name of the device"),
    Column("soc", "VARCHAR", "name of its chip; empty when not known"),
    Column("device_year", "BIGINT", "year of its release"),
    Column("tier", "VARCHAR", "product line of its chip: low, mid, high; empty when not known"),
    Column("unit", "VARCHAR", "big core, middle core, little core, gpu or npu"),
    Column("threads", "BIGINT", "cores used; 1 for accelerators"),
    Column("precision", "VARCHAR", "element type that is computed with: float32, int8"),
    Column("runtime", "VARCHAR", "of the profile: tflite, qnn_dlc; empty where that is left to it"),
)
_GROUND: Final = (
    Column("profile", "VARCHAR", "id and version of the profile: pixel-4/big/1/float32/tflite@1"),
    Column("method", "VARCHAR", "name of the cost model"),
    Column("source", "VARCHAR", "where the measured times come from that the profile was made of"),
    Column("trained", "BIGINT", "networks that it was made of"),
    Column(
        "error", "DOUBLE", "its mean absolute error for networks that were left out, 0.07: 7 % (docs/evaluation.md)"
    ),
    Column("family_error", "DOUBLE", "the same where their whole family was left out"),
    Column("coverage", "DOUBLE", "share of left-out times within their intervals; NULL where nobody knows"),
)
_DOUBTS: Final = Column("doubts", "VARCHAR", "why it should be believed less than its interval says, comma-separated")
_LEVEL: Final = Column("level", "DOUBLE", "share of truths that the interval is to hold")

ESTIMATED_TABLES: Final[tuple[Table, ...]] = (
    Table(
        "estimate",
        "The latency of one distinct model in one place, as `nngauge estimate STUDY` estimated it (docs/estimates.md). Nothing is "
        "measured: measured times are in `measurement`.",
        (
            _FILE, *_MADE, *_MODEL, *_PLACE,
            Column("seconds", "DOUBLE", "of one inference, after warm-up"),
            Column("seconds_low", "DOUBLE", "lower end of its interval"),
            Column("seconds_high", "DOUBLE", "upper end"),
            _LEVEL,
            Column("baseline_seconds", "DOUBLE", "what the multiply-accumulates alone would tell, × a constant of the same training data"),
            Column("joules", "DOUBLE", "of one inference, modelled from power curves, never checked against a meter; NULL without one"),
            Column("joules_low", "DOUBLE", "lower end of its interval"),
            Column("joules_high", "DOUBLE", "upper end"),
            Column("power", "VARCHAR", "the power curve; empty without one"),
            Column("verdict", "VARCHAR", "how the wait feels at both ends of the interval, comma-separated: instant, flow, attention, too slow"),
            _DOUBTS, *_GROUND,
        ),
    ),
    Table(
        "language_estimate",
        "One distinct language model in one place: tokens a second and memory, estimated.",
        (
            _FILE, *_MADE, *_MODEL, *_PLACE,
            Column("decode", "DOUBLE", "tokens written in a second; NULL: cannot be told"),
            Column("decode_low", "DOUBLE", "lower end of its interval"),
            Column("decode_high", "DOUBLE", "upper end"),
            Column("prefill", "DOUBLE", "tokens of a prompt read in a second"),
            Column("prefill_low", "DOUBLE", "lower end of its interval"),
            Column("prefill_high", "DOUBLE", "upper end"),
            Column("memory_bytes", "BIGINT", "with the cache"),
            Column("memory_low", "BIGINT", "lower end of its interval"),
            Column("memory_high", "BIGINT", "upper end"),
            Column("fits", "BOOLEAN", "into the part of the device's memory that an app can have; NULL where either is not known"),
            _DOUBTS, *_GROUND,
        ),
    ),
    Table(
        "estimate_refusal",
        "A distinct model that has no estimate in a place, or a file of estimates that cannot be read.",
        (
            _FILE, *_MADE, *_MODEL, *_PLACE,
            Column("quantity", "VARCHAR", "latency, decode"),
            Column("kind", "VARCHAR", "NO_DEVICE, NO_PROFILE, NO_UNIT, NO_PRECISION, OPERATORS, NOT_COUNTED, TOO_FAR …; UNREAD: the study has no layers of it; DAMAGED: the file"),
            Column("reason", "VARCHAR", "in one sentence"),
            Column("hint", "VARCHAR", "what to do about it"),
        ),
    ),
    Table(
        "reach",
        "On which share of the phones in use one distinct model runs within a budget, estimated over a table of phones that may itself "
        "be an assumption (docs/estimates.md).",
        (
            _FILE, *_MADE, *_MODEL,
            Column("precision", "VARCHAR", "element type that is computed with"),
            Column("budget_seconds", "DOUBLE", "longest time of an inference"),
            Column("phones", "VARCHAR", "what the table of phones in use is"),
            Column("assumed", "BOOLEAN", "that table is an assumption, not a count"),
            *(
                Column(f"{one}{part}", "DOUBLE", f"share of {of}: {says}")
                for one, of in (("", "all phones"), ("recent_", "the phones of the last four years"))
                for part, says in (
                    ("low", "within the budget even at the slow end of the interval"), ("likely", "the estimate is within it"),
                    ("high", "only the fast end is within it, or more"), ("unknown", "nothing can be told"),
                )
            ),
            Column("since", "BIGINT", "first of these four years"),
            Column("goal", "DOUBLE", "share of the recent phones that should run it: 0.95"),
            Column("reached", "BOOLEAN", "they do, even at the slow end; NULL where what is not known decides"),
            Column("reason", "VARCHAR", "why nothing can be told of any phone; NULL where it can"),
        ),
    ),
    Table(
        "reach_plan",
        "What the phones could be given, by the estimates of `reach`: every phone is in one stage.",
        (
            _FILE, *_MADE, *_MODEL,
            Column("budget_seconds", "DOUBLE", "longest time of an inference"),
            Column("stage", "VARCHAR", "on the GPU or NPU, on the processor, with int8, less often, a server, not known"),
            Column("share", "DOUBLE", "of all phones in use, 0 to 1"),
        ),
    ),
)  # fmt: skip
"""Made from the files in the study's folder `estimated/`."""


def estimated_rows(name: str, content: bytes | None) -> list[Row]:
    """Rows of one file; one refusal when it is damaged (or None: it could not be read)."""
    if content is None:
        return [_damaged(name, "cannot be read, or is too large")]
    rows = held(ESTIMATED_TABLES, _rows(name, content))
    return [_damaged(name, f"is no file of estimates: {rows}")] if isinstance(rows, str) else rows


def _damaged(name: str, reason: str) -> Row:
    nothing = (None,) * (len(_MADE) + len(_MODEL) + len(_PLACE) + 1)
    return "estimate_refusal", (name, *nothing, DAMAGED, reason[:500], "delete it, and estimate again")


def _rows(name: str, content: bytes) -> Iterator[Row]:
    file = msgspec.json.decode(content, type=StudyEstimates)
    if file.schema != SCHEMA:
        raise msgspec.ValidationError(f"{file.schema[:60]}, not {SCHEMA}")
    phones = {phone.id: phone for phone in file.phones}
    places = [_place(place, phones) for place in file.places]
    for one in file.models:
        head = (name, file.made, file.tool, one.digest, one.name, number_of(one.digest), one.format, one.macs)
        yield from _model(one, head, places, file)


def _model(
    one: ModelEstimates, head: tuple[Any, ...], places: Sequence[tuple[Any, ...]], file: StudyEstimates
) -> Iterator[Row]:
    for told in one.told:
        ground = _ground(_at(file.grounds, told.ground))
        yield "estimate", (*head, *_at(places, told.place), *_told(told, file.level), *ground)
    for answer in one.language:
        ground = _ground(_at(file.grounds, answer.ground)) if answer.ground is not None else (None,) * len(_GROUND)
        yield "language_estimate", (*head, *_at(places, answer.place), *_language(answer), *ground)
    for untold in one.untold:
        place = _at(places, untold.place) if untold.place is not None else (None,) * len(_PLACE)
        yield "estimate_refusal", (*head, *place, *_untold(untold))
    if one.reach is not None and file.shares is not None:
        yield "reach", (*head, *_reach(one.reach, file.shares))
        for stage, share in one.reach.plan:
            yield "reach_plan", (*head, file.shares.milliseconds / 1e3, stage, share)


def _at(items: Sequence[_Item], index: int) -> _Item:
    if not 0 <= index < len(items):
        raise msgspec.ValidationError("it refers to what is not in it")
    return items[index]


def _place(place: Place, phones: dict[str, Phone]) -> tuple[Any, ...]:
    phone = phones.get(place.device) or Phone(id=place.device, name=place.device)
    return (
        place.device, phone.name, phone.soc, phone.year, phone.tier, place.unit, place.threads, place.precision, place.runtime,
    )  # fmt: skip


def _told(told: Told, level: float) -> Iterator[Any]:
    yield from (part / 1e3 for part in told.latency)
    yield level
    yield told.baseline / 1e3 if told.baseline is not None else None
    yield from (part / 1e3 for part in told.energy) if told.energy is not None else (None,) * 3
    yield from (told.power, ",".join(told.verdicts), ",".join(told.doubts))


def _language(answer: ToldLanguage) -> Iterator[Any]:
    yield from _parts(answer.decode)
    yield from _parts(answer.prefill)
    yield from (None if part is None else int(part) for part in _parts(answer.memory))
    yield from (answer.fits, ",".join(answer.doubts))


def _parts(interval: Interval | None) -> tuple[float | None, ...]:
    return interval if interval is not None else (None,) * 3


def _ground(ground: Ground) -> tuple[Any, ...]:
    return (
        ground.profile, ground.method, ground.source, ground.models, ground.error, ground.family_error, ground.coverage,
    )  # fmt: skip


def _untold(untold: Untold) -> tuple[Any, ...]:
    return untold.quantity, untold.kind, untold.reason, untold.hint


def _reach(reach: Reach, shares: Shares) -> tuple[Any, ...]:
    return (
        reach.precision, shares.milliseconds / 1e3, shares.title, shares.assumed, *reach.all, *reach.recent, shares.since,
        shares.goal, reach.reached, reach.unknown or None,
    )  # fmt: skip


ESTIMATES: Final = Kind(
    folder=ESTIMATED,
    kept="cache/estimated-1",
    tables=ESTIMATED_TABLES,
    rows=estimated_rows,
    largest=_LARGEST,
    each=_EACH,
)
