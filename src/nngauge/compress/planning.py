"""Finds bits for each weight under a budget: how much each weight alone disturbs the answers, then a knapsack.

The errors of single weights add up nearly (noise of weights that are rounded independently), so that one run for each weight and
number of bits says what all combinations would do. What is planned is then run whole, on inputs that the search never saw.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from nngauge.compress.agreement import Judge
from nngauge.compress.patching import is_same, no_weights, patch_of, stored_bits, weights_of
from nngauge.compress.planner import Chosen, Option, choose, front, smallest
from nngauge.compress.ready import Ready, Wanted, ready
from nngauge.compress.refining import ROUNDS, refined
from nngauge.compress.schemes import reduced
from nngauge.compress.subject import Subject
from nngauge.compress.table import refusal_of
from nngauge.compress.trial import Outputs, Patch, TrialError
from nngauge.compress.versions import Versions
from nngauge.domain.compression import Agreement, Choice, Refusal, Scheme, Weight
from nngauge.domain.planning import Plan, Point, Rounding, Sensitivity
from nngauge.domain.written import Written

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, np.dtype[Any]]

BITS: Final[Mapping[Rounding, tuple[int, ...]]] = {Rounding.STORED: (4, 8, 16), Rounding.LINEAR: (2, 3, 4, 5, 6, 8)}
"""That are tried for each weight, besides leaving it as it is."""
SECONDS: Final = 60.0
"""Processor time that a search is planned for, where nobody says otherwise."""
_FOUR: Final = frozenset({"CONV_2D", "FULLY_CONNECTED"})
"""Operators for which TFLite's quantiser and kernels have 4-bit weights; others get 8."""
_CAST: Final = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"})
"""Those for which it has 16-bit floats."""
_SCALES: Final = {"tflite": 12, "onnx": 4}
"""Bytes for each channel in a written file: a scale, in TFLite with a 64-bit zero point."""
_AFFINE: Final = 8
"""In the table: a scale and a bias."""
_TENSOR: Final = 160
"""Bytes that one more tensor and the operation that turns it into floats take in a file, about."""
_SEARCHED: Final = 0.375
"""Share of the inputs that is searched with; the others are held out."""
_RUINED: Final = 1e9
"""Error of what answers with NaN or infinity."""
_POWERS: Final = (0.75, 0.5, 1.5)
"""Of single errors, whose sums are tried too: energies add where noise is independent (1), amplitudes where it is not (0.5)."""
_POINTS: Final = 24
"""Of a sweep, that are run."""
_BASELINES: Final = (8, 6, 5, 4, 3, 2)


class Search(Struct, frozen=True, kw_only=True):
    """What to look for."""

    budget: int | None = None
    """Bytes of the whole model; None: a sweep over all budgets."""
    rounding: Rounding = Rounding.LINEAR
    bits: tuple[int, ...] = ()
    """Empty: `BITS` of the rounding."""
    rounds: int = ROUNDS
    """Of refining: each runs two versions for each weight."""
    wanted: Wanted = Wanted(seconds=SECONDS)


class Desk:
    """A model with its inputs, for a search: runs versions and keeps what each weight alone does."""

    def __init__(self, versions: Versions, at_hand: Ready, search: Search) -> None:
        self.versions, self.at_hand = versions, at_hand
        self.weights = versions.weights
        self.rounding = search.rounding
        self.evaluations = 0
        stored = search.rounding is Rounding.STORED
        self._scale = _SCALES.get(versions.subject.format, _AFFINE) if stored else _AFFINE
        self._asked = search.bits or BITS[search.rounding]
        self.rest = versions.subject.size - sum(weight.span.size for weight in self.weights)
        order = list(range(at_hand.trial.count))
        random.Random(0).shuffle(order)  # noqa: S311 - a fixed split, no secret
        cut = max(1, round(_SEARCHED * len(order)))
        self.searched, self.held = tuple(sorted(order[:cut])), tuple(sorted(order[cut:])) or tuple(order)
        self._judges = {places: self._judge(places) for places in (self.searched, self.held)}
        self._alone: dict[tuple[str, int], float] = {}
        self._errors: dict[tuple[tuple[str, int], ...], float] = {}

    def _judge(self, places: tuple[int, ...]) -> Judge:
        shipped = self.at_hand.shipped
        part = Outputs(
            names=shipped.names, arrays=tuple(tuple(one[at] for at in places) for one in shipped.arrays),
            engine=shipped.engine, version=shipped.version, cpu_seconds=0.0, run_seconds=0.0,
        )  # fmt: skip
        return Judge(self.versions.subject, part, self.at_hand.inputs.source)

    def judge(self, places: tuple[int, ...]) -> Judge:
        """Who compares answers on these inputs."""
        return self._judges[places]

    def bits(self, weight: Weight) -> tuple[int, ...]:
        """What a weight may have, the fewest first; the last leaves it as it is."""
        stored = stored_bits(weight)
        allowed = [bits for bits in sorted(self._asked) if bits < stored and self._can(weight, bits)]
        return (*allowed, stored)

    def _can(self, weight: Weight, bits: int) -> bool:
        if self.rounding is not Rounding.STORED or self.versions.subject.format != "tflite":
            return True
        graphs = (self.versions.subject.graph, *self.versions.subject.graph.subgraphs)
        op = graphs[weight.graph].nodes[weight.node].op if weight.graph < len(graphs) else ""
        return (bits != 4 or op in _FOUR) and (bits != 16 or op in _CAST)

    def bytes(self, weight: Weight, bits: int) -> int:
        """What a weight takes."""
        if bits >= stored_bits(weight):
            return weight.span.size
        numbers = (weight.elements * bits + 7) // 8
        if bits == 16:
            return numbers + (_TENSOR if self.rounding is Rounding.STORED else 0)
        channels = 1
        for axis in weight.axes:
            channels *= weight.shape[axis]
        return numbers + channels * self._scale + (_TENSOR if self.rounding is Rounding.STORED else 0)

    def patch(self, weight: Weight, bits: int) -> Patch | None:
        """The bytes with which the weight is rounded to so many bits; None where nothing changes."""
        if bits >= stored_bits(weight):
            return None
        values = self.versions.values(weight)
        if bits >= 16 or self.rounding is Rounding.LINEAR:
            rounded = reduced(values, weight.axes, bits, Scheme.LINEAR).values
        else:
            rounded = symmetric(values, weight.axes, bits)
        patch = patch_of(weight, rounded)
        return None if is_same(self.versions.subject, patch) else patch

    def run(self, bits: Mapping[str, int], places: tuple[int, ...]) -> Agreement:
        """What the model answers with these bits, beside the shipped one. Raises `TrialError`."""
        patches = [self.patch(weight, bits[weight.name]) for weight in self.weights if weight.name in bits]
        changed = [patch for patch in patches if patch is not None]
        if places == self.searched:
            self.evaluations += 1
        judge = self.judge(places)
        return judge.compare(self.at_hand.trial.run(changed, places))

    def alone(self, weight: Weight, bits: int) -> float:
        """The error when only this weight has fewer bits."""
        if bits >= stored_bits(weight):
            return 0.0
        key = (weight.name, bits)
        if key not in self._alone:
            try:
                self._alone[key] = error_of(self.run({weight.name: bits}, self.searched))
            except TrialError:
                self._alone[key] = _RUINED
        return self._alone[key]

    def error(self, bits: Mapping[str, int]) -> float:
        """Of these bits on the inputs of the search; the same bits are run once."""
        key = tuple(sorted(bits.items()))
        if key not in self._errors:
            try:
                self._errors[key] = error_of(self.run(bits, self.searched))
            except TrialError:
                self._errors[key] = _RUINED
        return self._errors[key]

    def groups(self, told: Callable[[int, int], None] | None = None) -> list[list[Option]]:
        """The options of each weight."""
        found = []
        for at, weight in enumerate(self.weights):
            found.append([Option(self.bytes(weight, bits), self.alone(weight, bits)) for bits in self.bits(weight)])
            if told is not None:
                told(at + 1, len(self.weights))
        return found

    def sensitivities(self) -> tuple[Sensitivity, ...]:
        """All that was found about single weights."""
        return tuple(
            Sensitivity(
                weight=weight.name, op=weight.op, elements=weight.elements, bits=bits, bytes=self.bytes(weight, bits),
                error=self._alone[weight.name, bits],
            )
            for weight in self.weights for bits in self.bits(weight) if (weight.name, bits) in self._alone
        )  # fmt: skip

    def uniform(self, bits: int) -> dict[str, int]:
        """The same for all, or the next that a weight may have."""
        return {
            weight.name: next((one for one in self.bits(weight) if one >= bits), stored_bits(weight)) for weight in self.weights
        }  # fmt: skip

    def as_it_is(self) -> dict[str, int]:
        """Bits that the weights have."""
        return {weight.name: stored_bits(weight) for weight in self.weights}

    def of(self, chosen: Chosen) -> dict[str, int]:
        """Bits by weight of a choice among `groups`."""
        return {weight.name: self.bits(weight)[at] for weight, at in zip(self.weights, chosen.places, strict=True)}

    def size(self, bits: Mapping[str, int]) -> int:
        """Bytes of the model with these bits."""
        return self.rest + sum(self.bytes(weight, bits[weight.name]) for weight in self.weights)

    def point(
        self, label: str, bits: Mapping[str, int], *, budget: int | None = None, expected: float | None = None
    ) -> Point:
        """Runs these bits on the inputs of the search and on those that were held out."""
        elements = sum(weight.elements for weight in self.weights) or 1
        size = self.size(bits)
        return Point(
            label=label,
            choices=tuple(
                Choice(weight=weight.name, bits=bits[weight.name])
                for weight in self.weights if bits[weight.name] < stored_bits(weight)
            ),
            size=size, bits_per_weight=sum(weight.elements * bits[weight.name] for weight in self.weights) / elements,
            expected=expected, search=self.run(bits, self.searched), held=self.run(bits, self.held),
            fits=budget is None or size <= budget,
        )  # fmt: skip


def symmetric(values: Array, axes: Sequence[int], bits: int) -> Array:
    """Even steps around zero for each output channel, as `ai-edge-quantizer` stores weights: 2ᵇ − 1 levels."""
    import numpy as np

    apart = tuple(axis for axis in range(values.ndim) if axis not in axes)
    steps = (1 << (bits - 1)) - 1
    scale = np.abs(values).max(axis=apart, keepdims=True).astype(np.float64) / steps
    with np.errstate(divide="ignore", invalid="ignore"):
        codes = np.where(scale > 0, np.rint(values / scale), 0)
    return np.asarray(np.clip(codes, -steps, steps) * scale, dtype=np.float32)


def error_of(agreement: Agreement) -> float:
    """Energy of the difference as a share of that of the outputs."""
    if agreement.identical:
        return 0.0
    return _RUINED if agreement.sqnr is None else float(10 ** (-agreement.sqnr / 10))


Write = Callable[["Desk", Sequence[Sequence[Option]], Mapping[str, int], int], Written | Refusal]
"""Writes the file with these bits, within a budget."""


def plan(
    subject: Subject, search: Search, told: Callable[[int, int], None] | None = None, write: Write | None = None
) -> Plan | Refusal:
    """Bits for each weight under `search.budget`, or a sweep without one; why there is none, where the model does not run.

    `told`: called with weights done and all weights. `write`: called with what is planned. Raises `UsageError` for inputs that
    cannot be used, and what `write` raises.
    """
    begun = time.process_time()
    weights = weights_of(subject)
    if not weights:
        return no_weights(subject)
    tried = len(search.bits or BITS[search.rounding])
    runs = int(len(weights) * (tried + 2 * search.rounds) * _SEARCHED) + _POINTS
    try:
        with ready(subject, search.wanted, runs) as at_hand:
            desk = Desk(Versions(subject, weights), at_hand, search)
            points, refusal, least = _points(desk, search, told)
            written: Written | Refusal | None = None
            if write is not None and search.budget is not None and points:
                bits = {**desk.as_it_is(), **{choice.weight: choice.bits for choice in points[0].choices}}
                written = write(desk, desk.groups(), bits, search.budget)
            return Plan(
                model=subject.name, format=subject.format, budget=search.budget, size=subject.size, smallest=least,
                rounding=search.rounding, inputs=at_hand.inputs, reference=desk.judge(desk.held).reference,
                searched=len(desk.searched), held=len(desk.held), evaluations=desk.evaluations, points=points,
                sensitivities=desk.sensitivities(),
                written=written if isinstance(written, Written) else None,
                refusal=written if isinstance(written, Refusal) else refusal,
                cpu_seconds=time.process_time() - begun + at_hand.trial.cpu_seconds,
                notes=("fewer inputs than wanted, so that it takes not too long; --seconds gives it more time",) if at_hand.short else (),
            )  # fmt: skip
    except TrialError as error:
        return refusal_of(error)


def _points(
    desk: Desk, search: Search, told: Callable[[int, int], None] | None
) -> tuple[tuple[Point, ...], Refusal | None, int]:
    costs = [[Option(desk.bytes(weight, bits), 0.0) for bits in desk.bits(weight)] for weight in desk.weights]
    least = desk.rest + smallest(costs)
    if search.budget is None:
        return _front(desk, desk.groups(told)), None, least
    if search.budget < least:
        return (), too_small(search.budget, least), least
    return tuple(_budget(desk, desk.groups(told), search, search.budget)), None, least


def too_small(budget: int, least: int) -> Refusal:
    """No choice of bits reaches the budget."""
    from nngauge.units import format_bytes

    return Refusal(
        reason="budget", explanation=f"{format_bytes(budget)} cannot be reached; the smallest is {format_bytes(least)}, {least:,} bytes",
        hint=f"--budget {least}; nngauge shrink may take away more without a loss",
    )  # fmt: skip


def planned_bits(
    desk: Desk, groups: Sequence[Sequence[Option]], budget: int, rounds: int
) -> tuple[dict[str, int], float] | None:
    """The bits that are planned, and the error that the sum of single errors expects; None where the budget is too small."""
    chosen = choose(groups, budget - desk.rest)
    if chosen is None:
        return None
    starts = [desk.of(chosen)]
    for power in _POWERS:
        other = choose([[Option(cost, error**power) for cost, error in group] for group in groups], budget - desk.rest)
        starts += [desk.of(other)] if other is not None else []
    starts += [same for same in map(desk.uniform, _BASELINES) if desk.size(same) <= budget][:1]
    weights = {weight.name: weight for weight in desk.weights}
    best, _ = refined(
        min(starts, key=desk.error), list(weights), {name: desk.bits(weight) for name, weight in weights.items()},
        lambda name, bits: desk.bytes(weights[name], bits), desk.error, budget - desk.rest, rounds,
    )  # fmt: skip
    return best, chosen.error


def _budget(desk: Desk, groups: Sequence[Sequence[Option]], search: Search, budget: int) -> list[Point]:
    """What is planned, then uniform bits: those that fit, and the next above."""
    found = planned_bits(desk, groups, budget, search.rounds)
    if found is None:
        return []
    bits, expected = found
    points, seen = [desk.point("planned", bits, budget=budget, expected=expected)], {desk.size(bits)}
    for number in _BASELINES:
        same = desk.uniform(number)
        if desk.size(same) not in seen and number in {one for weight in desk.weights for one in desk.bits(weight)}:
            seen.add(desk.size(same))
            points.append(desk.point(f"uniform {number} bit", same, budget=budget))
    return points


def _front(desk: Desk, groups: Sequence[Sequence[Option]]) -> tuple[Point, ...]:
    """A sweep: choices of which none is smaller and better, evenly over the sizes; uniform bits beside them."""
    every = front(groups)
    wanted = sorted({round(at * (len(every) - 1) / (_POINTS - 1)) for at in range(_POINTS)})
    points = [desk.point("planned", desk.of(every[at]), expected=every[at].error) for at in wanted]
    offered = {one for weight in desk.weights for one in desk.bits(weight)}
    points += [desk.point(f"uniform {bits} bit", desk.uniform(bits)) for bits in _BASELINES if bits in offered]
    return tuple(sorted(points, key=lambda point: point.size))
