"""What policy rules find, as advice: with risk, effort, and the command that says more."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Final

from msgspec import Struct

from nngauge.advise._api import Question
from nngauge.domain.advice import Advice, Effort, Risk
from nngauge.policy import RULE
from nngauge.policy._api import Hit, Subject


class Manner(Struct, frozen=True):
    """How what a rule finds is put right."""

    risk: Risk
    effort: Effort
    command: str = ""
    """What tells more; ``{app}`` is the package."""


MANNERS: Final[Mapping[str, Manner]] = {
    "two-runtimes": Manner(Risk.MEDIUM, Effort.CODE, "nngauge scan {app} --all"),
    "runtime-copies": Manner(Risk.LOW, Effort.BUILD, "nngauge scan {app} --all"),
    "unused-runtime": Manner(Risk.LOW, Effort.BUILD, "nngauge scan {app} --usage"),
    "unused-model": Manner(Risk.LOW, Effort.BUILD, "nngauge scan {app} --usage"),
    "model-without-runtime": Manner(Risk.LOW, Effort.BUILD, "nngauge scan {app} --usage"),
    "duplicate-model": Manner(Risk.LOW, Effort.BUILD, "nngauge scan {app} --all"),
    "float32-beside-int8": Manner(Risk.MEDIUM, Effort.BUILD, "nngauge scan {app} --extract models"),
    "training-leftovers": Manner(Risk.LOW, Effort.BUILD),
    "store-limit": Manner(Risk.LOW, Effort.BUILD, "nngauge check {app} --explain store-limit"),
    "deprecated-api": Manner(Risk.MEDIUM, Effort.CODE, "nngauge check {app} --explain deprecated-api"),
    "missing-accelerator": Manner(Risk.LOW, Effort.BUILD, "nngauge scan {app} --all"),
    "unasked-accelerator": Manner(Risk.LOW, Effort.BUILD, "nngauge scan {app} --all"),
    "large-model-on-cpu": Manner(Risk.MEDIUM, Effort.CODE, "nngauge measure {app} --app-runtime --device adb:SERIAL"),
}
"""Rules that are about cost and upkeep, by id. Those about protection and content are `nngauge check`'s own."""


def from_rules(question: Question, today: date | None = None) -> Iterator[Advice | str]:
    """Advice from the policy rules, with the options that they have by themselves; texts say what could not be checked."""
    if question.app is None:
        return
    subject = Subject(question.app, today or datetime.now(UTC).date())
    for name, manner in MANNERS.items():
        rule = RULE[name]
        for item in rule.check(subject, rule.options()):
            if isinstance(item, Hit):
                yield _advice(question, name, manner, item)
            else:
                yield f"{name}: {item.reason}"


def _advice(question: Question, name: str, manner: Manner, hit: Hit) -> Advice:
    return Advice(
        kind=name,
        title=RULE[name].broken,
        says=hit.says,
        subject=hit.subject,
        location=hit.location,
        gain_bytes=hit.gain_bytes,
        risk=manner.risk,
        risk_says=hit.risk,
        effort=manner.effort,
        do=hit.remedy,
        commands=(manner.command.format(app=shlex.quote(question.path)),) if manner.command else (),
    )
