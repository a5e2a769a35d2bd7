"""Estimates every distinct model of a study on the same phones, from the facts that the study keeps; no file is opened again."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nngauge.analyse.workload import cost_of
from nngauge.domain.estimate import Estimate, Ground, NoEstimate, Quantity, Setting
from nngauge.domain.study_estimate import (
    Interval,
    ModelEstimates,
    Phone,
    Place,
    PlaceSummary,
    Reach,
    ReachSummary,
    Shares,
    StudyEstimates,
    Summary,
    Told,
    ToldLanguage,
    Untold,
)
from nngauge.domain.workload import Workload
from nngauge.errors import UsageError
from nngauge.estimate.answers import Answer, Asked, LanguageAnswer, Subject, answers, is_writer
from nngauge.estimate.calibration import Calibration
from nngauge.estimate.coverage import coverage
from nngauge.estimate.features import precision_of
from nngauge.estimate.reference import Reference, grounds
from nngauge.knowledge import phones
from nngauge.knowledge.phones import Shares as Table
from nngauge.store.estimated import ESTIMATED
from nngauge.store.kept import note, save
from nngauge.store.warehouse import Warehouse
from nngauge.study import LEDGER, look
from nngauge.version import __version__

UNREAD: Final = "UNREAD"
"""Kind of refusal: the study does not have the model's layers. Such models are asked again when it has."""
_EACH: Final = 64
"""Models of a file: what a run that is killed does again."""
_FETCHED: Final = 2048
"""Models whose layers are read from the study together: tens of MB."""


class Covered(Struct, frozen=True, kw_only=True):
    """Which share of the phones is asked for."""

    shares: Table
    milliseconds: float = 100.0


class Wanted(Struct, frozen=True, kw_only=True):
    """What is to be told of each model."""

    asked: tuple[Asked, ...]
    listed: bool = False
    """Units are those of a list of phones, for latency: language models are asked wherever there are rows of them."""
    covered: Covered | None = None
    top: int | None = None
    """Only so many models, those that most apps have."""


class Done(Struct, frozen=True, kw_only=True):
    """What one `nngauge estimate STUDY` did."""

    models: int
    """Distinct models that were asked about."""
    known: int
    """Those of them whose estimates were there."""
    stamp: str
    """Names of files with them begin so."""


class _Known(Struct, frozen=True):
    """Of a kept model, whether it is to be asked again."""

    digest: str
    untold: tuple[Untold, ...] = ()


class _File(Struct, frozen=True):
    models: tuple[_Known, ...] = ()


class _Found(Struct, frozen=True):
    """A distinct model as the study knows it."""

    digest: str
    name: str
    format: str
    number: int | None
    has_work: bool
    reason: str | None
    """Why its layers were not read."""


def asked_of(references: Sequence[Reference], asked: Asked) -> tuple[Asked, ...]:
    """A question about each phone of a list; what `asked` says of units counts before the list."""
    return tuple(replace(asked, devices=(one.device,), units=asked.units or one.units) for one in references)


def estimate_study(
    study: Path,
    wanted: Wanted,
    calibrations: Sequence[Calibration] = (),
    *,
    told: Callable[[int, int], None] = lambda _done, _all: None,
) -> Done:
    """Estimates the models that have no estimates yet; those of most apps first.

    What is told is kept below ``estimated/`` as it comes, so that this can be stopped at any time and goes on with the rest.
    `told`: how many are done, out of how many. Raises `UsageError` when there is no study or no model in it, `StoreError`.
    """
    wanted = replace(wanted, asked=tuple(_named(asked) for asked in wanted.asked))
    stamp = _stamp(wanted, calibrations)
    with look(study) as ledger, Warehouse(study, ledger) as facts:
        models = _models(facts, wanted.top)
        if not models:
            raise UsageError("there is no model to estimate", where=str(study), hint=f"nngauge study run {study}")
        known = _known(study / ESTIMATED, stamp)
        waiting = [one for one in models if known.get(one.digest, True) and (one.has_work or one.digest not in known)]
        written = False
        try:
            for done, batch in _batches(facts, waiting):
                told(len(models) - len(waiting) + done, len(models))
                _keep(_file(batch, wanted, calibrations), study / ESTIMATED, stamp)
                written = True
            told(len(models), len(models))
        finally:
            if written:
                note(study / LEDGER, "estimated")
    return Done(models=len(models), known=len(models) - len(waiting), stamp=stamp)


def _named(asked: Asked) -> Asked:
    """Devices by their ids, each once: "Pixel 4" is the same as "pixel-4"."""
    found = [phones.find(device) or phones.find_soc(device) for device in asked.devices]
    named = (one.id if one is not None else device for one, device in zip(found, asked.devices, strict=True))
    return replace(asked, devices=tuple(dict.fromkeys(named)), units=tuple(dict.fromkeys(asked.units)))


# --- which models, and which of them are done -----------------------------------------------------------------------------


def _models(facts: Warehouse, top: int | None) -> list[_Found]:
    rows = facts.ask(
        "WITH one AS (SELECT digest, min(name) AS name, min(format) AS format, min(number) AS number, count(DISTINCT app) AS apps FROM model "
        "WHERE digest <> '' GROUP BY digest), "
        "worked AS (SELECT DISTINCT digest FROM workload), "
        "told AS (SELECT digest, max(reason) AS reason, count(*) AS rows FROM network GROUP BY digest) "
        "SELECT one.digest, one.name, one.format, one.number, worked.digest IS NOT NULL, told.reason, told.rows FROM one "
        "LEFT JOIN worked USING (digest) LEFT JOIN told USING (digest) ORDER BY apps DESC, one.digest LIMIT ?",
        (top or 1 << 62,),
    ).rows
    return [
        _Found(digest, name, form, number, has_work, reason or ("" if known else None))
        for digest, name, form, number, has_work, reason, known in rows
    ]


def _known(folder: Path, stamp: str) -> dict[str, bool]:
    """Models that were asked so before; True: the study did not have their layers then."""
    found: dict[str, bool] = {}
    for file in sorted(folder.glob(f"{stamp}-*.json")):
        try:
            kept = msgspec.json.decode(file.read_bytes(), type=_File)
        except (OSError, msgspec.DecodeError):
            continue  # a damaged file is told by the tables; its models are estimated again
        for one in kept.models:
            found[one.digest] = any(item.kind == UNREAD for item in one.untold) and found.get(one.digest, True)
    return found


def _batches(facts: Warehouse, models: Sequence[_Found]) -> Iterator[tuple[int, list[tuple[_Found, str | None]]]]:
    """Models with the JSON of their layers, and how many came before them."""
    for at in range(0, len(models), _FETCHED):
        part = models[at : at + _FETCHED]
        work = dict(
            facts.ask(
                "SELECT digest, any_value(work) FROM workload WHERE number IN (SELECT unnest(?::UBIGINT[])) GROUP BY digest",
                ([one.number for one in part],),
            ).rows
        )
        for start in range(0, len(part), _EACH):
            yield at + start, [(one, work.get(one.digest)) for one in part[start : start + _EACH]]


# --- one file -------------------------------------------------------------------------------------------------------------


class _Collected:
    """Places and grounds of a file, each once."""

    def __init__(self) -> None:
        self.places: dict[Place, int] = {}
        self.grounds: dict[Ground, int] = {}

    def place(self, setting: Setting) -> int:
        """Its index."""
        place = Place(setting.device, setting.unit.value, setting.threads, setting.precision, setting.runtime)
        return self.places.setdefault(place, len(self.places))

    def ground(self, ground: Ground) -> int:
        """Its index."""
        return self.grounds.setdefault(ground, len(self.grounds))


def _file(
    batch: Sequence[tuple[_Found, str | None]], wanted: Wanted, calibrations: Sequence[Calibration]
) -> StudyEstimates:
    collected = _Collected()
    models = tuple(_model(one, work, wanted, calibrations, collected) for one, work in batch)
    devices = dict.fromkeys(place.device for place in collected.places)
    return StudyEstimates(
        tool=f"nngauge {__version__}",
        made=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        level=wanted.asked[0].level if wanted.asked else 0.9,
        phones=tuple(_phone(device) for device in devices),
        places=tuple(collected.places),
        grounds=tuple(collected.grounds),
        shares=_shares(wanted.covered) if wanted.covered is not None else None,
        models=models,
    )


def _model(
    one: _Found, work: str | None, wanted: Wanted, calibrations: Sequence[Calibration], collected: _Collected
) -> ModelEstimates:
    head = ModelEstimates(digest=one.digest, name=one.name, format=one.format)
    if work is None:
        return replace(head, untold=(_unread(one),))
    try:
        kept = msgspec.json.decode(work, type=Workload)
        subject = Subject(name=one.name, format=one.format, cost=cost_of(kept), language=kept.language)
        return _told_of(head, subject, wanted, calibrations, collected)
    except (msgspec.DecodeError, ArithmeticError) as error:
        reason = f"its layers make no sense: {type(error).__name__}: {error}"[:300]
        return replace(head, untold=(Untold(None, Quantity.LATENCY, UNREAD, reason, ""),))


def _told_of(
    head: ModelEstimates, subject: Subject, wanted: Wanted, calibrations: Sequence[Calibration], collected: _Collected
) -> ModelEstimates:
    writes = wanted.listed and is_writer(subject)
    questions = [replace(asked, units=()) if writes else asked for asked in wanted.asked]
    found = [answers(subject, asked, calibrations) for asked in questions]
    plain = [answer for one in found for answer in one.answers]
    language = [answer for one in found for answer in one.language]
    untold = [_untold(answer.latency, collected) for answer in plain if isinstance(answer.latency, NoEstimate)]
    untold += [_untold(answer.decode, collected) for answer in language if isinstance(answer.decode, NoEstimate)]
    macs = subject.cost.macs
    return replace(
        head,
        macs=macs if isinstance(macs, int) else None,
        told=tuple(_told(one, one.latency, collected) for one in plain if isinstance(one.latency, Estimate)),
        language=tuple(_language(one, collected) for one in language),
        untold=tuple(untold),
        reach=_reach(subject, wanted.covered) if wanted.covered is not None and not language else None,
    )


def _told(answer: Answer, latency: Estimate, collected: _Collected) -> Told:
    energy = answer.energy if isinstance(answer.energy, Estimate) else None
    return Told(
        collected.place(latency.setting),
        collected.ground(latency.ground),
        _interval(latency),
        _number(latency.baseline) if latency.baseline is not None else None,
        _interval(energy) if energy is not None else None,
        energy.ground.profile if energy is not None else "",
        tuple(verdict.value for verdict in answer.verdicts),
        tuple(doubt.value for doubt in latency.doubts),
    )


def _language(answer: LanguageAnswer, collected: _Collected) -> ToldLanguage:
    decode = answer.decode if isinstance(answer.decode, Estimate) else None
    prefill = answer.prefill if isinstance(answer.prefill, Estimate) else None
    memory = answer.memory if isinstance(answer.memory, Estimate) else None
    ground = next((one.ground for one in (decode, prefill, memory) if one is not None), None)
    doubts = [doubt.value for one in (decode, prefill, memory) if one is not None for doubt in one.doubts]
    return ToldLanguage(
        collected.place(answer.setting),
        collected.ground(ground) if ground is not None else None,
        _interval(decode) if decode is not None else None,
        _interval(prefill) if prefill is not None else None,
        _interval(memory) if memory is not None else None,
        answer.fits,
        tuple(dict.fromkeys(doubts)),
    )


def _untold(refusal: NoEstimate, collected: _Collected) -> Untold:
    return Untold(
        collected.place(refusal.setting), refusal.quantity.value, refusal.reason.name, refusal.explanation, refusal.hint
    )


def _unread(one: _Found) -> Untold:
    reason, hint = one.reason, ""
    if reason is None or (not reason and not one.has_work):
        reason = "the study has not read its layers, or they are too many to be kept"
        hint = "nngauge study run STUDY, without --no-networks, with this version"
    return Untold(None, Quantity.LATENCY, UNREAD, reason, hint)


def _interval(estimate: Estimate) -> Interval:
    """Rounded: five digits are more than any of it is worth, and files are half as long."""
    return _number(estimate.value), _number(estimate.low), _number(estimate.high)


def _number(value: float) -> float:
    return float(f"{value:.5g}")


# --- what was told --------------------------------------------------------------------------------------------------------


def summary_of(study: Path, done: Done) -> Summary:
    """What the estimates of the study say that one question made. Raises `StoreError`."""
    with look(study) as ledger, Warehouse(study, ledger) as facts:
        places = facts.ask(_PLACES, (done.stamp, done.stamp)).rows
        refusals = facts.ask(_REFUSALS, (done.stamp,)).rows
        (told,) = facts.ask(_TOLD, (done.stamp, done.stamp)).rows[0]
        reach = facts.ask(_REACH, (done.stamp,)).rows
    return Summary(
        models=done.models,
        known=done.known,
        told=told,
        refused=done.models - told,
        places=tuple(
            PlaceSummary(
                device=device, name=name, unit=unit, threads=threads, models=models, doubted=doubted, refused=refused,
                quartiles=tuple(quartiles) if quartiles else None,
            )
            for device, name, unit, threads, models, doubted, refused, quartiles in places
        ),
        refusals=tuple((kind, models, reason) for kind, models, reason in refusals),
        reach=_reach_summary(reach[0]) if reach else None,
    )  # fmt: skip


_PLACES: Final = """WITH one AS (
    SELECT digest, device, device_name, unit, threads, seconds, doubts <> '' AS doubted FROM estimate WHERE starts_with(file, ?)
    UNION ALL SELECT digest, device, device_name, unit, threads, NULL, false FROM estimate_refusal
    WHERE starts_with(file, ?) AND device IS NOT NULL)
SELECT device, any_value(device_name), unit, threads, count(DISTINCT digest) FILTER (seconds IS NOT NULL),
    count(DISTINCT digest) FILTER (doubted), count(DISTINCT digest) FILTER (seconds IS NULL), quantile_cont(seconds, [0.25, 0.5, 0.75])
FROM one GROUP BY device, unit, threads ORDER BY median(seconds) NULLS LAST, device, unit, threads"""
_REFUSALS: Final = """SELECT kind, count(DISTINCT digest) AS models, min(reason) FROM estimate_refusal WHERE starts_with(file, ?)
GROUP BY kind ORDER BY models DESC, kind"""
_TOLD: Final = """SELECT count(DISTINCT digest) FROM (SELECT digest FROM estimate WHERE starts_with(file, ?)
UNION ALL SELECT digest FROM language_estimate WHERE starts_with(file, ?) AND decode IS NOT NULL)"""
_REACH: Final = """SELECT count(DISTINCT digest), any_value(budget_seconds), any_value(phones), any_value(assumed), any_value(since),
    count(DISTINCT digest) FILTER (reason IS NULL AND reached), count(DISTINCT digest) FILTER (reason IS NULL AND NOT reached),
    count(DISTINCT digest) FILTER (reason IS NOT NULL), quantile_cont(recent_likely, [0.25, 0.5, 0.75]) FILTER (reason IS NULL)
FROM reach WHERE starts_with(file, ?) HAVING count(*) > 0"""


def _reach_summary(row: tuple[Any, ...]) -> ReachSummary:
    models, budget, phones_, assumed, since, reached, missed, unknown, quartiles = row
    return ReachSummary(
        models=models, budget_seconds=budget, phones=phones_, assumed=assumed, since=since, reached=reached, missed=missed,
        unknown=unknown, quartiles=tuple(quartiles) if quartiles else None,
    )  # fmt: skip


# --- coverage -------------------------------------------------------------------------------------------------------------


def _shares(covered: Covered) -> Shares:
    from nngauge.estimate.coverage import GOAL, YEARS

    newest = max(row.year for row in covered.shares.rows)
    return Shares(
        title=covered.shares.title, assumed=covered.shares.assumed, since=newest - YEARS + 1, goal=GOAL,
        milliseconds=covered.milliseconds,
    )  # fmt: skip


def _reach(subject: Subject, covered: Covered) -> Reach:
    from nngauge.domain.coverage import Budget

    precision = precision_of(subject.cost)
    found = coverage(
        subject.cost, covered.shares, budget=Budget(milliseconds=covered.milliseconds), precision=precision
    )
    obstacle = next((note for note in found.notes if note.startswith("no estimate: ")), "")
    return Reach(
        _shared(found.all.low, found.all.likely, found.all.high, found.all.unknown),
        _shared(found.recent.low, found.recent.likely, found.recent.high, found.recent.unknown),
        found.reached,
        tuple((step.stage.value, _number(step.share)) for step in found.plan),
        precision,
        obstacle.removeprefix("no estimate: "),
    )


def _shared(low: float, likely: float, high: float, unknown: float) -> tuple[float, float, float, float]:
    return _number(low), _number(likely), _number(high), _number(unknown)


# --- keeping --------------------------------------------------------------------------------------------------------------


def _stamp(wanted: Wanted, calibrations: Sequence[Calibration]) -> str:
    """The same for the same question to the same profiles of the same version."""
    stands = msgspec.json.encode(
        [wanted.asked, wanted.listed, wanted.covered, list(calibrations), grounds(), __version__]
    )
    return hashlib.blake2b(stands, digest_size=8).hexdigest()


def _keep(made: StudyEstimates, folder: Path, stamp: str) -> None:
    digests = msgspec.json.encode([one.digest for one in made.models] + [made.made])
    file = folder / f"{stamp}-{hashlib.blake2b(digests, digest_size=6).hexdigest()}.json"
    save(file, made, hint="what was estimated before is kept")


def _phone(device: str) -> Phone:
    """As the knowledge base has it: a phone, or a chip."""
    phone = phones.find(device)
    soc = phones.chip(phone) if phone is not None else phones.find_soc(device)
    name = phone.name if phone is not None else soc.name if soc is not None else device
    tier = soc.tier.value if soc is not None and soc.tier is not None else ""
    year = phone.year if phone is not None else None
    return Phone(id=device, name=name, soc=soc.name if soc is not None else "", year=year, tier=tier)
