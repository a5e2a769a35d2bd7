"""Published models for the same task that compute less and are as good as what usually costs this much."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nngauge.advise._api import Adviser, Question, place
from nngauge.domain.advice import Advice, Effort, Risk
from nngauge.domain.dossier import ModelDossier
from nngauge.knowledge.architectures import Architecture, dominating
from nngauge.units import format_count

_SURE: Final = 0.6
"""Least probability of the task."""
_LEAST: Final = 0.3
"""Share of the MACs that the best of them saves: less is not worth a new training."""
_NAMED: Final = 3
_WIDTH: Final = 4


def _cheaper(_: Question, one: ModelDossier) -> Iterator[Advice]:
    task = one.model.task
    macs = one.network.macs if one.network else None
    if task is None or task.probability < _SURE or not isinstance(macs, int):
        return
    rivals = [item for item in dominating(task.task, macs) if item.macs and item.macs <= macs * (1 - _LEAST)]
    if not rivals:
        return
    yield Advice(
        kind="cheaper-architecture",
        title="A cheaper architecture for the same task",
        says=f"{one.model.name} computes {format_count(macs)} MACs. Published models for its task that do as well as others of "
        f"that cost: {'; '.join(map(_told, rivals[:_NAMED]))}.",
        subject=one.model.digest,
        location=place(one),
        gain_bytes=_saved(one, rivals[0]),
        gain_says=f"{100 * (1 - (rivals[0].macs or 0) / macs):.0f} % fewer MACs",
        risk=Risk.HIGH,
        risk_says="Their weights do not fit: it has to be trained anew, and how good this model is was not looked at.",
        effort=Effort.TRAINING,
        do="Train one of them on the app's own data.",
        commands=(f"nngauge fit --task {task.task}",),
    )


def _told(item: Architecture) -> str:
    return f"{item.trunk} ({format_count(round(item.macs or 0))} MACs, {item.score:g} {item.metric})"


def _saved(one: ModelDossier, other: Architecture) -> int | None:
    """Bytes, with weights of the width that this model's have."""
    network = one.network
    if network is None or not isinstance(network.parameters, int) or not network.parameters or other.parameters is None:
        return None
    width = (network.weight_bytes or 0) / network.parameters or _WIDTH
    saved = (network.parameters - other.parameters) * width
    return round(saved) if saved > 0 else None


CHEAPER: Final = Adviser(
    name="cheaper-architecture",
    advise=_cheaper,
    references=("https://github.com/huggingface/pytorch-image-models/tree/main/results",),
)
