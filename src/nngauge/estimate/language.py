"""Tokens per second and memory of language models on phones.

A token takes what is read for it (weights, keys and values of all tokens before) and what every layer takes besides:
ms = a × 10⁹ bytes of weights + b × 10⁸ elements of the cache + c × 30 layers + d. A token of a prompt: the same with products
in the place of bytes. The four numbers belong to a device, a runtime and a unit; for a chip without rows they follow from what is
known of it (`nngauge.estimate.language_chips`). docs/estimates-npu-llm.md has what they were fitted to and how far off they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from nngauge.domain.estimate import Estimate, EstimateDoubt, Ground, NoEstimate, Quantity, Reason, Setting, Unit
from nngauge.domain.language import LanguageModel, Role
from nngauge.estimate.language_chips import Figures, Law, Terms, coefficients, figures, outside
from nngauge.knowledge import phones
from nngauge.knowledge.phones import Soc

METHOD: Final = "bytes, cache and layers of a token"
OTHER_METHOD: Final = f"{METHOD}, by the chip's memory and cores"
CONTEXT: Final = 4096
"""Tokens that the cache has room for where nothing else is said, as in most of the rows."""
RUNTIMES: Final[Mapping[str, str]] = {
    "llama.cpp": "geniex_llamacpp", "ggml": "geniex_llamacpp", "gguf": "geniex_llamacpp", "qnn": "geniex_qairt",
    "qairt": "geniex_qairt", "xnnpack": "executorch",
}  # fmt: skip
"""Other names of the runtimes that the rows are from."""
_UNITS: Final = {Unit.BIG: "cpu", Unit.MIDDLE: "cpu", Unit.LITTLE: "cpu", Unit.GPU: "gpu", Unit.NPU: "npu"}
_WRITERS: Final = frozenset({Role.DECODER, Role.RECURRENT, Role.ENCODER_DECODER})
_FILE: Final = Path(__file__).with_name("profiles") / "language.json"
_MEASURE: Final = "llama-bench on the phone measures it"
_UNTIED: Final = 1.5
"""Embeddings' worth of parameters beyond the layers, from which the output has a matrix of its own."""
EXECUTORCH_BYTES: Final = 842 << 20
"""What ExecuTorch's runner takes beside weights and cache, middle of six published rows (1B and 3B Llama 3.2)."""
_CACHE_FLOAT: Final = 2048
"""Tokens of ExecuTorch's cache in those rows; its elements are float32."""
MEMORY_FACTOR: Final = 1.12
"""Interval of a memory estimate: wider than the largest error of those rows, 7 %."""


class Place(Struct, frozen=True, kw_only=True):
    """One device, runtime and unit."""

    device: str
    kind: str
    """Devices of one kind are near each other: phone, pc, board …"""
    chips: tuple[str, ...]
    runtime: str
    unit: str
    decode: tuple[float, float, float, float] | None = None
    prefill: tuple[float, float, float, float] | None = None


class Errors(Struct, frozen=True, kw_only=True):
    """Median errors and factors of the 90 % intervals, with models and with devices left out."""

    model: float
    width: float
    device: float
    other: float
    baseline: float


class Profile(Struct, frozen=True, kw_only=True):
    """All that is known."""

    id: str
    source: str
    models: int
    rows: int
    places: tuple[Place, ...]
    errors: Mapping[str, Mapping[str, Errors]]
    """Decode or prefill → ``runtime/unit`` → errors."""
    coverage: Mapping[str, float]
    laws: tuple[Law, ...] = ()
    """For chips that have no rows."""
    law_coverage: Mapping[str, float] = {}
    """Share of the rows of left-out devices inside the intervals of their laws, widths from the other devices."""
    processors: Mapping[str, float] = {}
    """Chip → how fast its neural processor runs networks, of a Galaxy S25's: measured, middle of the networks that both ran."""


class Amounts(Struct, frozen=True, kw_only=True):
    """What one token asks for."""

    bytes: float
    """Weights read."""
    products: float
    """Multiply-accumulates with weights of the layers: a prompt's tokens do not go through the output."""
    cache: float
    """Elements of keys and values read."""
    scores: float
    """Multiply-accumulates with the cache, keys only."""
    layers: int


@cache
def profile() -> Profile:
    """The profile that is shipped."""
    return msgspec.json.decode(_FILE.read_bytes(), type=Profile)


def amounts_of(model: LanguageModel, context: int) -> Amounts | None:
    """What one more token reads after `context` others; None where weights, layers or cache are unknown."""
    cache_bytes = model.kv_bytes(context, "f32")
    if not (model.parameters and model.weight_bytes and model.layers and model.embedding and model.vocabulary):
        return None
    table = model.embedding * model.vocabulary
    active = model.active_parameters or model.parameters
    inner = _inner(model)
    extra = (model.parameters - inner) / table if inner is not None else 2.0
    read = active - table if extra > _UNTIED else active
    heads = (model.heads or 0) * (model.head_width or 0)
    whole = sum(min(layer.window or context, context) for layer in model.attention)
    return Amounts(
        bytes=model.weight_bytes * max(read, 0) / model.parameters,
        products=float(max(read - table, 0)),
        cache=(cache_bytes or 0) / 4,
        scores=float(heads * whole),
        layers=model.layers,
    )


def estimate(
    model: LanguageModel, setting: Setting, quantity: Quantity = Quantity.DECODE, context: int = CONTEXT
) -> Estimate | NoEstimate:
    """Tokens per second: written (`Quantity.DECODE`) or read from a prompt (`Quantity.PREFILL`).

    `setting.runtime` empty: the one with rows for the device and unit, llama.cpp's first.
    """
    if model.role not in _WRITERS:
        return _none(quantity, setting, Reason.NO_PROFILE, f"A {model.role.value} writes no text token by token.")
    amounts = amounts_of(model, context)
    if amounts is None:
        return _none(quantity, setting, Reason.NOT_COUNTED, "Weights, layers or vocabulary of the model are not known.")
    name = "decode" if quantity is Quantity.DECODE else "prefill"
    shared = model.active_parameters and model.parameters and model.active_parameters < model.parameters
    doubts = [EstimateDoubt.OTHER_SHAPE] if shared else []
    places = _places(setting, quantity)
    if not places:
        return _on_other_chip(amounts, setting, quantity, doubts)
    speeds = sorted(1000.0 / _milliseconds(_numbers(place, name), name, amounts) for place in places)
    errors = profile().errors[name][f"{places[0].runtime}/{places[0].unit}"]
    return _estimate(quantity, setting, speeds[len(speeds) // 2], errors.width, errors.model, doubts)


def _on_other_chip(
    amounts: Amounts, setting: Setting, quantity: Quantity, doubts: Sequence[EstimateDoubt]
) -> Estimate | NoEstimate:
    """From what is known of the chip, where there is a law for the runtime and unit and the chip is within its bounds."""
    phone = phones.find(setting.device)
    soc = phones.chip(phone) if phone is not None else phones.find_soc(setting.device)
    if soc is None:
        return _no_place(quantity, setting)
    found = _law(soc, setting, quantity)
    if isinstance(found, str):
        return _none(quantity, setting, Reason.NO_PROFILE, found)
    law, terms, chip = found
    name = "decode" if quantity is Quantity.DECODE else "prefill"
    speed = 1000.0 / _milliseconds(coefficients(terms, chip, law.unit), name, amounts)
    told = _estimate(quantity, setting, speed, terms.width, terms.error, (EstimateDoubt.OTHER_DEVICE, *doubts))
    ground = replace(told.ground, method=OTHER_METHOD, coverage=profile().law_coverage[name])
    return replace(told, ground=ground)


def _law(soc: Soc, setting: Setting, quantity: Quantity) -> tuple[Law, Terms, Figures] | str:
    """The law, what it says of the quantity, and the chip's figures; or why there is none."""
    runtime, unit = RUNTIMES.get(setting.runtime, setting.runtime), _UNITS[setting.unit]
    name = "decode" if quantity is Quantity.DECODE else "prefill"
    laws = [law for law in profile().laws if law.unit == unit and runtime in ("", law.runtime) and name in law.terms]
    rows = f"No rows of language models are from {soc.name} with this unit and runtime"
    if not laws:
        where = sorted({place.device for place in profile().places})
        return f"{rows}, and what is known of chips tells too little there: rows are from {', '.join(where)}."
    law = min(laws, key=lambda one: (one.runtime != "geniex_llamacpp", one.runtime))
    chip = figures(soc, unit, profile().processors)
    if chip is None:
        return f"{rows}, and the peak of its memory is not known."
    why = outside(law, chip)
    return (law, law.terms[name], chip) if why is None else f"{rows}, and {why}."


def _estimate(
    quantity: Quantity, setting: Setting, value: float, width: float, error: float, doubts: Sequence[EstimateDoubt]
) -> Estimate:
    return Estimate(
        quantity=quantity,
        setting=setting,
        value=value,
        low=value / width,
        high=value * width,
        ground=Ground(
            profile=profile().id,
            method=METHOD,
            source=profile().source,
            models=profile().models,
            error=error,
            coverage=profile().coverage["decode" if quantity is Quantity.DECODE else "prefill"],
        ),
        doubts=tuple(doubts),
    )


def memory(model: LanguageModel, setting: Setting, context: int = CONTEXT) -> Estimate | NoEstimate:
    """Bytes at the peak with `context` tokens: weights, cache and what the runtime takes besides.

    llama.cpp's scratch memory is computed (`LanguageModel.ram_at`), ExecuTorch's is a constant of its published rows.
    """
    executorch = RUNTIMES.get(setting.runtime, setting.runtime) == "executorch"
    found = model.ram_at(min(context, _CACHE_FLOAT) if executorch else context, "f32" if executorch else "f16")
    if found is None:
        return _none(Quantity.MEMORY, setting, Reason.NOT_COUNTED, "Weights or cache of the model are not known.")
    value = found.bound + EXECUTORCH_BYTES if executorch else found.estimate
    return Estimate(
        quantity=Quantity.MEMORY,
        setting=setting,
        value=float(value),
        low=float(found.bound),
        high=value * MEMORY_FACTOR,
        ground=Ground(
            profile="language-memory@1",
            method="weights + cache + scratch memory",
            source="ExecuTorch's and react-native-executorch's documents" if executorch else "llama.cpp's buffers",
            models=6 if executorch else 1,
            error=0.052 if executorch else 0.02,
        ),
        doubts=() if executorch else (EstimateDoubt.NOT_VALIDATED,),
    )


def fits(model: LanguageModel, setting: Setting, context: int = CONTEXT, share: float = 0.6) -> bool | None:
    """Whether the model with its cache takes no more than `share` of the device's memory; None where either is unknown.

    Systems end apps that take much more than half of it: Android's and iOS's limits are not published, 60 % is a rule of thumb.
    """
    phone = phones.find(setting.device)
    need = memory(model, setting, context)
    if phone is None or not phone.ram_mb or isinstance(need, NoEstimate):
        return None
    return need.value <= share * max(phone.ram_mb) * (1 << 20)


def _inner(model: LanguageModel) -> int | None:
    """Parameters of the layers without embeddings, from their widths; None where one is unknown or it has experts."""
    if model.experts or not (
        model.heads and model.head_width and model.feed_forward and model.embedding and model.layers
    ):
        return None
    keys = (model.kv_heads or model.heads) * model.head_width
    attention = 2 * model.embedding * (model.heads * model.head_width + keys)
    return model.layers * (attention + 3 * model.embedding * model.feed_forward)


def _numbers(place: Place, name: str) -> tuple[float, float, float, float]:
    return (place.decode if name == "decode" else place.prefill) or (0.0, 0.0, 0.0, 1.0)


def _milliseconds(numbers: tuple[float, float, float, float], name: str, amounts: Amounts) -> float:
    main, before = (amounts.bytes, amounts.cache) if name == "decode" else (amounts.products, amounts.scores)
    per_byte, per_element, per_layer, per_token = numbers
    return per_byte * main / 1e9 + per_element * before / 1e8 + per_layer * amounts.layers / 30 + per_token


def _places(setting: Setting, quantity: Quantity) -> tuple[Place, ...]:
    """Where the rows of the setting's device or chip are."""
    runtime = RUNTIMES.get(setting.runtime, setting.runtime)
    unit = _UNITS[setting.unit]
    fitting = [
        place
        for place in profile().places
        if place.unit == unit
        and runtime in ("", place.runtime)
        and (place.decode if quantity is Quantity.DECODE else place.prefill) is not None
    ]
    phone = phones.find(setting.device)
    chips = set(phone.socs) if phone is not None else {setting.device}
    same = [place for place in fitting if place.device == setting.device] or [
        place for place in fitting if chips & set(place.chips)
    ]
    if same:
        first = min(same, key=lambda place: (place.runtime != "geniex_llamacpp", place.runtime))
        return tuple(place for place in same if place.runtime == first.runtime)
    return ()


def _no_place(quantity: Quantity, setting: Setting) -> NoEstimate:
    if phones.find(setting.device) is None:
        return _none(quantity, setting, Reason.NO_DEVICE, f"{setting.device} is not in the knowledge base.")
    return _none(quantity, setting, Reason.NO_PROFILE, f"The chip of {setting.device} is not known.")


def _none(quantity: Quantity, setting: Setting, reason: Reason, explanation: str) -> NoEstimate:
    return NoEstimate(quantity=quantity, setting=setting, reason=reason, explanation=explanation, hint=_MEASURE)
