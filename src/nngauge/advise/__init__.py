"""Everything worth doing to make an app's AI smaller, faster and longer-lived: gain, risk, command, ranked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from nngauge.advise._api import Adviser, Question
from nngauge.advise.models import ADVISERS
from nngauge.advise.ranking import ranked
from nngauge.advise.rules import from_rules
from nngauge.advise.speed import latency
from nngauge.domain.advice import Advice, AdviceList
from nngauge.domain.attribution import Owner
from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.estimate import NoEstimate
from nngauge.policy._api import listed

__all__ = ["ADVISERS", "Adviser", "Question", "about_app", "about_model", "advise"]


def about_app(dossier: Dossier, *, devices: Sequence[str] = (), threads: int = 1) -> Question:
    """The question about an app."""
    app = dossier.scan.app
    return Question(
        path=dossier.scan.path,
        title=app.label or app.package_id or dossier.scan.path.rpartition("/")[2],
        size=app.size,
        models=dossier.models,
        app=dossier,
        devices=tuple(devices),
        threads=threads,
    )


def about_model(path: str, one: ModelDossier, *, devices: Sequence[str] = (), threads: int = 1) -> Question:
    """The question about one model file."""
    return Question(
        path=path, title=one.model.name, size=one.model.size, models=(one,), devices=tuple(devices), threads=threads
    )


def advise(question: Question, *, today: date | None = None) -> AdviceList:
    """All that is worth doing, the best first. `today` decides about announced ends."""
    found: list[Advice] = []
    silent: list[str] = []
    for item in from_rules(question, today):
        if isinstance(item, Advice):
            found.append(item)
        else:
            silent.append(item)
    brought: list[str] = []
    for one in question.models:
        if one.model.owner is not None and one.model.owner.owner is Owner.SDK:
            brought.append(f"{one.model.name} ({one.model.owner.title})")
            continue
        silent.extend(_unread(question, one))
        for adviser in ADVISERS:
            found.extend(adviser.advise(question, one))
    if brought:
        silent.append(f"models that come with components, which only their makers can change: {listed(brought)}")
    return AdviceList(
        path=question.path,
        title=question.title,
        size=question.size,
        items=ranked(found, question.size),
        devices=question.devices,
        silent=tuple(silent),
    )


def _unread(question: Question, one: ModelDossier) -> Iterator[str]:
    if one.optimisation is None:
        reason = one.network.reason if one.network and one.network.reason else "its bytes could not be read"
        yield f"{one.model.name}: {reason}"
    for device in question.devices:
        told = latency(question, one, device)
        if isinstance(told, NoEstimate):
            yield f"speed of {one.model.name} on {device}: {told.explanation}" + (
                f" ({told.hint})" if told.hint else ""
            )
