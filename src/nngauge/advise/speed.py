"""What a change does to the time of an inference, estimated on the devices that were asked for."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from nngauge.advise._api import Question
from nngauge.domain.advice import Faster
from nngauge.domain.dossier import ModelDossier
from nngauge.domain.estimate import Estimate, EstimateDoubt, NoEstimate, Setting, Unit
from nngauge.estimate import estimate, fastest


def quantised(question: Question, one: ModelDossier) -> tuple[Faster, ...]:
    """Full int8 beside float32, on each device where both have a profile of the same unit."""
    return tuple(_quantised(question, one))


def _quantised(question: Question, one: ModelDossier) -> Iterator[Faster]:
    for device in question.devices:
        before = latency(question, one, device)
        if isinstance(before, Estimate) and one.cost is not None:
            after = estimate(one.cost, replace(before.setting, precision="int8"), calibrations=question.calibrations)
            if isinstance(after, Estimate):
                yield Faster(before=before, after=after)


def latency(question: Question, one: ModelDossier, device: str) -> Estimate | NoEstimate | None:
    """As floats on the device's fastest cores, else on its neural processor, else scaled from another phone's cores.

    None where not all layers of the model are known.
    """
    if one.cost is None or one.layers_left_out:
        return None
    setting = fastest(device, question.threads, calibrations=question.calibrations)
    on_cores = estimate(one.cost, setting, calibrations=question.calibrations)
    if isinstance(on_cores, Estimate) and EstimateDoubt.OTHER_DEVICE not in on_cores.doubts:
        return on_cores
    on_npu = estimate(one.cost, Setting(device=device, unit=Unit.NPU))
    return on_npu if isinstance(on_npu, Estimate) else on_cores
