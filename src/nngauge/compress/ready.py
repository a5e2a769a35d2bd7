"""A model on its inputs, with the shipped answers: what every table, plan and search over versions begins with.

::

    with ready(subject, Wanted(), runs=19) as at_hand:
        agreement = at_hand.judge.compare(at_hand.trial.run(patches))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from nngauge.compress import samples
from nngauge.compress.agreement import Judge
from nngauge.compress.samples import Range, Raw
from nngauge.compress.subject import Subject
from nngauge.compress.trial import Feeds, Outputs, Trial, TrialError, open_trial, own_operators
from nngauge.domain.compression import Inputs, InputSource, Rule
from nngauge.engines.local import Limits

INPUTS: Final = 129
"""Unless time is short or the user gives fewer: a 95 % interval of ±9 points at most."""
LEAST_INPUTS: Final = 20
"""Even if it takes longer."""
SECONDS: Final = 10.0
"""Processor time that everything is planned for."""
_OWN_SHARE: Final = 0.65
"""Of the planned time, what runs may take; the rest is for making inputs and versions."""
_PROBED: Final = 8
"""Inputs that show how long a run takes."""
_RANGED: Final = 24
"""Inputs that show which range the model understands."""
_OUTPUTS: Final = 64 << 20
"""Bytes of outputs of one version."""
_RUN_SECONDS: Final = 300.0
_ENOUGH: Final = 0.5
"""Of the most answers that any range gives, what makes a likelier range the right one."""


class Wanted(Struct, frozen=True, kw_only=True):
    """On what, and how long."""

    folder: Path | None = None
    """The user's inputs; None: samples of our own."""
    shapes: Mapping[str, tuple[int, ...]] = {}
    """Of inputs that the model leaves open."""
    inputs: int = INPUTS
    seconds: float = SECONDS
    engine: str = ""


class Ready(Struct, frozen=True, kw_only=True):
    """What `ready` gives."""

    trial: Trial
    judge: Judge
    shipped: Outputs
    feeds: tuple[Feeds, ...]
    """The inputs as the trial has them, for another file of the same model."""
    inputs: Inputs
    reading_seconds: float
    """Processor time of reading the user's files."""
    short: bool
    """There are fewer inputs than wanted, for want of time or memory."""


@contextmanager
def ready(subject: Subject, wanted: Wanted, runs: int) -> Iterator[Ready]:
    """The model on as many inputs as `runs` versions leave time for.

    Raises `TrialError` where the model does not run, or answers only with NaN, and `UsageError` as `samples.gather` does.
    """
    raw = _gathered(subject, min(_PROBED, wanted.inputs), wanted)
    reading = raw.cpu_seconds
    limits = Limits(seconds=_RUN_SECONDS)
    with open_trial(subject, samples.feeds(subject, raw), engine=wanted.engine, limits=limits) as trial:
        _begin(subject, trial, wanted)
        count = _affordable(trial, wanted, runs)
        if raw.inputs.count >= min(_PROBED, wanted.inputs):
            raw = _gathered(subject, count, wanted)
            reading += raw.cpu_seconds
        chosen = _understood(subject, raw, trial)
        feeds = samples.feeds(subject, raw, chosen)
        trial.feed(feeds)
        shipped = trial.run()
        if not shipped.names:
            raise TrialError("failed", "the model gives no output")
        judge = Judge(subject, shipped, raw.inputs.source)
        if judge.reference.not_finite == judge.reference.inputs:
            raise TrialError(
                "not finite", "the shipped model answers with NaN or infinity", "try --inputs DIR with inputs it knows"
            )
        inputs = raw.inputs if chosen is None else replace(raw.inputs, prepared=chosen.says)
        yield Ready(
            trial=trial,
            judge=judge,
            shipped=shipped,
            feeds=feeds,
            inputs=inputs,
            reading_seconds=reading,
            short=count < wanted.inputs,
        )


def _begin(subject: Subject, trial: Trial, wanted: Wanted) -> None:
    """Starts the process. Raises `TrialError` where the model does not run, with a hint where its size was only assumed."""
    try:
        trial.run(places=(0,))
    except TrialError as error:
        if own_operators(error.what):
            hint = "its operators come with its app's own runtime; -o FILE writes smaller weights without running it"
            raise TrialError(error.kind, error.what, error.hint or hint) from None
        ports = [subject.graph.tensors[index] for index in subject.graph.inputs]
        port = next((one for one in ports if not all(isinstance(dim, int) for dim in one.shape or (None,))), None)
        if error.hint or port is None or port.name in wanted.shapes:
            raise
        hint = f"the file leaves the size of {port.name!r} open: --input {port.name}=1x3x112x112, or what it wants"
        raise TrialError(error.kind, error.what, hint) from None


def _gathered(subject: Subject, count: int, wanted: Wanted) -> Raw:
    return samples.gather(subject, count, wanted.folder, wanted.shapes)


def _affordable(trial: Trial, wanted: Wanted, runs: int) -> int:
    """How many inputs each of so many runs can have."""
    once, several = trial.run(places=(0,)), trial.run()
    each = max(0.0, several.cpu_seconds - once.cpu_seconds) / max(1, trial.count - 1)
    load = max(0.0, once.cpu_seconds - each)
    left = max(0.0, wanted.seconds * _OWN_SHARE - trial.cpu_seconds) / max(1, runs) - load
    size = max(1, sum(array[0].nbytes for array in once.arrays))
    by_time = int(left / each) if each > 0 else wanted.inputs
    return max(1, min(wanted.inputs, max(LEAST_INPUTS, by_time), _OUTPUTS // size))


def _understood(subject: Subject, raw: Raw, trial: Trial) -> Range | None:
    """The range of pictures, of those that the model may want: the likeliest that gives it something to tell apart."""
    if not raw.ranges or raw.inputs.source is InputSource.NOISE:
        return None
    if len(raw.ranges) == 1:
        return raw.ranges[0]
    few = replace(raw, values=raw.values[:_RANGED])
    answers = []
    for at, tried in enumerate(raw.ranges):
        trial.feed(samples.feeds(subject, few, tried))
        reference = Judge(subject, trial.run(), InputSource.USER).reference
        if at == 0 and reference.rule not in (Rule.TOP1, Rule.BOXES):
            return replace(tried, says=f"{tried.says}, assumed: the file does not say")
        answers.append(reference.distinct or 0)
    place = next(at for at, number in enumerate(answers) if number >= _ENOUGH * max(answers))
    found = raw.ranges[place]
    return replace(found, says=f"{found.says}, guessed from {len(few.values)} answers: the file does not say")
