"""Which part of the phones in use runs a model within a budget, and what the others could get.

Every row of the table of shares (platform, year, product line) is stood for by the phones of the knowledge base that fit it, each
with the same weight. A phone with a profile is estimated by it; one whose cores are known is scaled from another phone, with a wide
interval; of the rest nothing is told, and that is a share of its own. Rows that no known phone stands for are unknown, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.analysis import Analysis
from nngauge.domain.app import Platform
from nngauge.domain.cost import Cost
from nngauge.domain.coverage import Answer, Budget, Cell, Coverage, Delivery, Fit, Part, Stage, Step, Way
from nngauge.domain.estimate import Estimate, EstimateDoubt, NoEstimate, Setting, Unit
from nngauge.estimate import npu
from nngauge.estimate.choice import devices as profiled
from nngauge.estimate.choice import estimate
from nngauge.estimate.scaling import REFERENCE, Ask, scaled
from nngauge.knowledge import phones
from nngauge.knowledge.phones import Kind, Phone, Share, Shares, Soc, Tier
from nngauge.knowledge.store_limits import store_limits

GOAL: Final = 0.95
"""A model should run on 95 % of the phones of the last four years."""
YEARS: Final = 4
SLOWEST: Final = 1000.0
"""Milliseconds: an inference that takes longer than a second is not worth doing less often."""
_NAMED: Final = 6


class Smaller(Struct, frozen=True, kw_only=True):
    """A published model that could take the place of this one."""

    name: str
    macs: float


def coverage(
    subject: Cost | Analysis, shares: Shares, *, budget: Budget | None = None, precision: str = "float32",
    size_bytes: int | None = None, smaller: Sequence[Smaller] = (), ask: Ask | None = None,
) -> Coverage:  # fmt: skip
    """Shares of the phones that run it within `budget` on one big core or better, with a plan for the others.

    `size_bytes`: of the model's file, for the stores' limits. `smaller`: published models for the same task, largest first.
    `ask`: the estimator; by default that of this package.
    """
    asked = budget or Budget()
    question = _Question(subject, asked, precision, tuple(smaller), ask or (lambda setting: estimate(subject, setting)))
    oldest = min(row.year for row in shares.rows)
    rows = [(row, [question.fit(phone) for phone in _standing_for(row, oldest)]) for row in shares.rows]
    cells = tuple(_cell(row, fits) for row, fits in rows)
    newest = max(row.year for row in shares.rows)
    since = newest - YEARS + 1
    return Coverage(
        budget=asked, precision=precision, threads=1, shares=shares.title, assumed=shares.assumed,
        all=_part(cells, missing=max(0.0, 1 - shares.total)), recent=_part([cell for cell in cells if cell.year >= since]),
        since=since, goal=GOAL, cells=cells, devices=tuple(dict.fromkeys(fit for _, fits in rows for fit in fits)),
        plan=_plan(rows, question), deliveries=_deliveries(size_bytes) if size_bytes else (),
        notes=(*question.obstacle(), *_notes(subject, asked, size_bytes)),
    )  # fmt: skip


def of_tier(subject: Cost | Analysis, tier: Tier, *, precision: str = "float32") -> dict[str, Estimate | None]:
    """The latency on every known phone of a tier, by its id: on its fastest unit that has a profile, else on one big core.

    None where nothing can be told.
    """
    question = _Question(subject, Budget(), precision, (), lambda setting: estimate(subject, setting))
    mine = [
        (phone, soc)
        for phone in phones.phones().values()
        if phone.kind is Kind.PHONE and (soc := phones.chip(phone)) is not None and soc.tier is tier
    ]
    return {phone.id: question.best(phone, soc)[0] for phone, soc in mine}


@lru_cache(maxsize=256)
def _standing_for(row: Share, oldest: int) -> tuple[Phone, ...]:
    """Phones of that platform, year and line; the oldest row stands for older ones, too."""
    return tuple(
        phone
        for phone in phones.phones().values()
        if phone.kind is Kind.PHONE and phone.platform == row.platform and phone.year is not None
        and (phone.year == row.year or (row.year == oldest and phone.year < oldest))
        and (soc := phones.chip(phone)) is not None and soc.tier is row.tier
    )  # fmt: skip


# --- one phone ----------------------------------------------------------------------------------------------------------


class _Question:
    """One model, asked of many phones; each setting is estimated once."""

    def __init__(
        self, subject: Cost | Analysis, budget: Budget, precision: str, smaller: tuple[Smaller, ...], ask: Ask
    ) -> None:
        cost = subject.cost if isinstance(subject, Analysis) else subject
        self.budget, self.precision, self.smaller = budget, precision, smaller
        self.macs = float(cost.macs) if isinstance(cost.macs, int) else None
        self.needs = _needs(cost)
        self.ask: Callable[[Setting], Estimate | NoEstimate] = cache(ask)
        self._by_chip: dict[tuple[str, ...], Estimate | None] = {}
        """What holds for all phones with a chip."""
        self.profiled = {card.id: card.settings for card in profiled()}

    def fit(self, phone: Phone) -> Fit:
        """Everything about one phone."""
        soc = phones.chip(phone)
        told, way = self.best(phone, soc)
        answer, reason = self._answer(phone, told)
        stage, why = self._stage(phone, soc, told, answer, reason)
        return Fit(
            device=phone.id, name=phone.name, soc=soc.name if soc else "", year=phone.year,
            tier=soc.tier.value if soc and soc.tier else "", answer=answer, way=way if told else Way.NONE,
            value=told.value if told else None, low=told.low if told else None, high=told.high if told else None,
            unit=told.setting.unit.value if told else "", stage=stage, reason=why, doubts=told.doubts if told else (),
        )  # fmt: skip

    def obstacle(self) -> tuple[str, ...]:
        """Why even the phone that others are scaled from has no estimate."""
        told = self.ask(Setting(device=REFERENCE, unit=Unit.BIG, precision=self.precision))
        return () if isinstance(told, Estimate) else (f"no estimate: {told.explanation}",)

    def best(self, phone: Phone, soc: Soc | None) -> tuple[Estimate | None, Way]:
        """The fastest of what can be told of it."""
        found = [
            (self._npu(phone, soc), Way.PROFILE),
            *((self._on(phone, unit), Way.PROFILE) for unit in (Unit.GPU, Unit.BIG)),
        ]
        known = [(told, way) for told, way in found if told is not None]
        if not any(told.setting.unit is Unit.BIG for told, _ in known) and (
            own := self._scaled(phone, soc, self.precision)
        ):
            known.append((own, Way.SCALED))
        return min(known, key=lambda one: one[0].value) if known else (None, Way.NONE)

    def _on(self, phone: Phone, unit: Unit, precision: str = "") -> Estimate | None:
        """By a profile of this phone, where there is one."""
        wanted = precision or self.precision
        for setting in self.profiled.get(phone.id, ()):
            if setting.unit is unit and setting.threads == 1 and setting.precision == wanted:
                told = self.ask(Setting(device=phone.id, unit=unit, precision=wanted))
                return told if isinstance(told, Estimate) else None
        return None

    def _npu(self, phone: Phone, soc: Soc | None) -> Estimate | None:
        """On its neural processor, where the knowledge base names one that an estimate exists for."""
        if soc is None or not soc.npu:
            return None
        setting = Setting(device=phone.id, unit=Unit.NPU, precision=self.precision)

        def tell() -> Estimate | None:
            told = self.ask(setting)
            return told if isinstance(told, Estimate) else None

        return tell() if phone.id in _with_rows() else self._once(("npu", *phone.socs), phone, tell)

    def _scaled(self, phone: Phone, soc: Soc | None, precision: str) -> Estimate | None:
        if soc is None:
            return None
        setting = Setting(device=phone.id, unit=Unit.BIG, precision=precision)
        return self._once((precision, soc.id), phone, lambda: scaled(self.ask, soc, setting))

    def _once(self, chip: tuple[str, ...], phone: Phone, tell: Callable[[], Estimate | None]) -> Estimate | None:
        """What `tell` says of the first phone with a chip, for the others, too."""
        if chip not in self._by_chip:
            self._by_chip[chip] = tell()
        told = self._by_chip[chip]
        if told is None or told.setting.device == phone.id:
            return told
        return replace(told, setting=replace(told.setting, device=phone.id))

    def _answer(self, phone: Phone, told: Estimate | None) -> tuple[Answer, str]:
        limit = self.budget.milliseconds
        if (room := self._room(phone)) is not None and self.needs is not None and self.needs > room:
            return Answer.NO, f"needs {self.needs / 2**20:,.0f} MiB, may have {room / 2**20:,.0f}"
        if told is None:
            return Answer.UNKNOWN, "no profile, and its cores are not known"
        if told.high <= limit:
            return Answer.YES, ""
        if told.value <= limit:
            return Answer.LIKELY, ""
        return (Answer.UNLIKELY if told.low <= limit else Answer.NO), ""

    def _room(self, phone: Phone) -> float | None:
        """Bytes that the model may have: of the smallest memory that the phone is sold with."""
        if self.budget.memory_bytes is not None:
            return float(self.budget.memory_bytes)
        return min(phone.ram_mb) * 2**20 * self.budget.memory_share if phone.ram_mb else None

    # --- what it could get ---

    def _stage(
        self, phone: Phone, soc: Soc | None, told: Estimate | None, answer: Answer, reason: str
    ) -> tuple[Stage, str]:
        limit = self.budget.milliseconds
        if reason and answer is Answer.NO:
            return Stage.ELSEWHERE, reason
        if told is None:
            return Stage.UNKNOWN, reason
        if told.value <= limit:
            unit = told.setting.unit
            return (
                Stage.ACCELERATOR if unit in (Unit.GPU, Unit.NPU) else Stage.PROCESSOR
            ), f"{told.value:,.0f} ms on a {unit.value}"
        if (small := self._int8(phone, soc)) is not None and small.value <= limit:
            return Stage.INT8, f"{small.value:,.0f} ms with int8, {told.value:,.0f} without"
        if (other := self._replacement(told, limit)) is not None:
            return (
                Stage.SMALLER,
                f"{other.name}: {other.macs / 1e6:,.0f} million MACs instead of {(self.macs or 0) / 1e6:,.0f}",
            )
        if told.value <= SLOWEST:
            return Stage.SELDOM, f"{told.value:,.0f} ms: {1000 / told.value:,.1f} times a second"
        return Stage.ELSEWHERE, f"{told.value / 1000:,.1f} s"

    def _int8(self, phone: Phone, soc: Soc | None) -> Estimate | None:
        if self.precision == "int8":
            return None
        return self._on(phone, Unit.BIG, "int8") or self._scaled(phone, soc, "int8")

    def _replacement(self, told: Estimate, limit: float) -> Smaller | None:
        """The largest published model whose MACs, at this model's pace, fit."""
        if not self.macs:
            return None
        pace = told.value / self.macs
        return next((one for one in self.smaller if one.macs < self.macs and one.macs * pace <= limit), None)


@cache
def _with_rows() -> frozenset[str]:
    """Devices with rows of their own neural processors."""
    return frozenset(device.id for device in npu.profile().devices)


def _needs(cost: Cost) -> int | None:
    """Weights and the most activations alive at once: a lower bound of what a runtime takes."""
    if cost.weight_bytes is None or cost.peak is None or not isinstance(cost.peak.bytes, int):
        return None
    return cost.weight_bytes + cost.peak.bytes


# --- all phones ---------------------------------------------------------------------------------------------------------


def _cell(row: Share, fits: Sequence[Fit]) -> Cell:
    def part(*answers: Answer) -> float:
        return row.share * sum(fit.answer in answers for fit in fits) / len(fits) if fits else 0.0

    return Cell(
        platform=row.platform, year=row.year, tier=row.tier.value, share=row.share, devices=len(fits), low=part(Answer.YES),
        likely=part(Answer.YES, Answer.LIKELY), high=part(Answer.YES, Answer.LIKELY, Answer.UNLIKELY),
        unknown=part(Answer.UNKNOWN) if fits else row.share,
    )  # fmt: skip


def _part(cells: Sequence[Cell], missing: float = 0.0) -> Part:
    whole = sum(cell.share for cell in cells) + missing
    if not whole:
        return Part(low=0, likely=0, high=0, unknown=1)
    return Part(
        low=sum(cell.low for cell in cells) / whole, likely=sum(cell.likely for cell in cells) / whole,
        high=sum(cell.high for cell in cells) / whole, unknown=(sum(cell.unknown for cell in cells) + missing) / whole,
    )  # fmt: skip


def _plan(rows: Iterable[tuple[Share, list[Fit]]], question: _Question) -> tuple[Step, ...]:
    """The stages that some phones get, best first."""
    shares: dict[Stage, float] = {}
    members: dict[Stage, dict[str, tuple[int, str]]] = {}
    for row, fits in rows:
        if not fits:
            shares[Stage.UNKNOWN] = shares.get(Stage.UNKNOWN, 0.0) + row.share
        for fit in fits:
            shares[fit.stage] = shares.get(fit.stage, 0.0) + row.share / len(fits)
            members.setdefault(fit.stage, {})[fit.name] = (-(fit.year or 0), fit.reason)
    return tuple(
        Step(
            stage=stage, share=shares[stage], reason=_reason(stage, question),
            devices=tuple(sorted(members.get(stage, {}), key=lambda name: members[stage][name])[:_NAMED]),
        )
        for stage in Stage if shares.get(stage)
    )  # fmt: skip


def _reason(stage: Stage, question: _Question) -> str:
    limit = f"{question.budget.milliseconds:g} ms"
    return {
        Stage.ACCELERATOR: f"within {limit} where a profile of the accelerator exists",
        Stage.PROCESSOR: f"within {limit} on one big core",
        Stage.INT8: f"over {limit} with {question.precision}, within it with int8",
        Stage.SMALLER: f"over {limit} even with int8; the MACs of a published model fit",
        Stage.SELDOM: f"over {limit}, below a second: fewer frames",
        Stage.ELSEWHERE: "over a second, or not enough memory",
        Stage.UNKNOWN: "; ".join(question.obstacle())
        or "chips without profile and with unknown cores, and rows without a known phone",
    }[stage]


def _deliveries(size: int) -> tuple[Delivery, ...]:
    """Of every store limit that says how much may be delivered."""
    return tuple(
        Delivery(store=limit.store, part=limit.part, limit=limit.bytes, fits=size <= limit.bytes, says=limit.what)
        for limit in store_limits()
        if limit.level.value != "note" and limit.platform in (Platform.ANDROID, Platform.IOS)
    )


def _notes(subject: Cost | Analysis, budget: Budget, size: int | None) -> Iterable[str]:
    cost = subject.cost if isinstance(subject, Analysis) else subject
    yield "one big core, or a GPU or NPU that has a profile: several threads are not scaled to other phones"
    if budget.memory_bytes is None:
        yield f"memory: at most {100 * budget.memory_share:.0f} % of a phone's, an assumption; the model's need is a lower bound"
    if cost.lower_bound:
        yield EstimateDoubt.LOWER_BOUND.value
    if budget.size_bytes is not None and size is not None and size > budget.size_bytes:
        yield f"the file has {size:,} bytes, the budget is {budget.size_bytes:,}: it fits no phone as it is"
