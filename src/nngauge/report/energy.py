"""R16: what models take from the battery, where a meter was at hand."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import boxes
from nngauge.report.runs import MODELS, NEEDS, RUNS_ON, SPREAD, spread
from nngauge.report.shares import literal
from nngauge.store.warehouse import Answer

if TYPE_CHECKING:
    from nngauge.report.corpus import Corpus

_METERED: Final = (
    "distinct models of the latest snapshot whose energy was measured, each once a device and configuration"
)
_NEEDS: Final = ("measurement.joules_mde",)
BATTERY: Final = 4000.0
"""mAh of the battery that shares are told of: the one of the IMC'21 study."""
_MODALITIES: Final = {"sound": "audio", "typing": "text", "video-call": "image", "camera": "image"}
"""Scenarios (docs/scenarios.md) and what goes into the models that they may run."""

MEASURED: Final = Part(
    name="measured",
    title="Measured energy",
    ask=f"""WITH metered AS (SELECT *, joules / batch AS each FROM measurements WHERE joules_mde IS NOT NULL)
SELECT runs_on, count(*) AS models, count(joules) AS detected, {spread("each")}, median(joules / steady_seconds) AS watts,
    median(macs / each) AS macs_per_joule, median(joules_mde / batch) AS mde, count(*) FILTER (energy_doubts <> '') AS doubted
FROM metered GROUP BY runs_on ORDER BY models DESC, runs_on""",
    columns=(
        RUNS_ON,
        MODELS,
        Column("detected", "of them, those whose energy is above the minimum that the meter could find", "count"),
        Column("low", "5 % of these take at most this for one input", "joules", "measured"),
        Column("quartile_1", "a quarter", "joules", "measured"),
        Column("median", "half", "joules", "measured"),
        Column("quartile_3", "three quarters", "joules", "measured"),
        Column("high", "95 %", "joules", "measured"),
        Column("watts", "joules ÷ seconds of an inference, above the device at rest, median", "watts", "measured"),
        Column("macs_per_joule", "multiply-accumulates a joule, median", "macs", "measured"),
        Column("mde", "minimum detectable energy of one input, median", "joules", "measured"),
        Column("doubted", "of models, those with a reason for doubt (`measurement.energy_doubts`)", "count"),
    ),
    counting=_METERED,
    needs=_NEEDS,
    chart=partial(
        boxes, by="runs_on", quantiles=SPREAD, logarithmic=True,
        title="joules of one input (logarithmic); whiskers: 5 % and 95 %",
    ),
    note=(
        "Above the device at rest; what the meter could not tell from nothing is no zero: it is left out and counted. Twice the "
        "multiply-accumulates are the operations of others: MMAC/J × 2 = MFLOP/J."
    ),
)  # fmt: skip

_MODELS: Final = Part(
    name="models",
    title="Energy, model by model",
    ask="""SELECT name, task, runs_on, joules / batch AS joules, joules_low / batch AS joules_low, joules_high / batch AS joules_high, joules_mde / batch AS mde,
    joules / steady_seconds AS watts, macs / (joules / batch) AS macs_per_joule, meter, energy_doubts
FROM measurements WHERE joules_mde IS NOT NULL ORDER BY joules / batch DESC NULLS LAST, name, runs_on""",
    columns=(
        Column("name", "file of the model"),
        Column("task", "id of the task (docs/tasks.md)"),
        RUNS_ON,
        Column("joules", "of one input, above the device at rest; –: below what could be found", "joules", "measured"),
        Column("joules_low", "lower end of its 95 % interval", "joules", "measured"),
        Column("joules_high", "upper end", "joules", "measured"),
        Column("mde", "minimum detectable energy", "joules", "measured"),
        Column("watts", "joules ÷ seconds", "watts", "measured"),
        Column("macs_per_joule", "multiply-accumulates a joule", "macs", "measured"),
        Column("meter", "what measured it"),
        Column("energy_doubts", "why it should not be believed without a second look"),
    ),
    counting=_METERED,
    needs=_NEEDS,
)

_REFUSED: Final = Part(
    name="refused",
    title="Why energy was not measured",
    ask="""SELECT energy_refused AS reason, count(DISTINCT number) AS models, count(DISTINCT device_name) AS devices
FROM measurements WHERE energy_refused IS NOT NULL GROUP BY 1 ORDER BY models DESC, reason""",
    columns=(
        Column("reason", "obstacle and reason"),
        Column("models", "distinct models", "count"),
        Column("devices", "on so many devices", "count"),
    ),
    counting="distinct models of the latest snapshot whose energy was asked for and not measured",
    needs=("measurement.energy_refused",),
)


def _scenarios(corpus: Corpus) -> Answer:
    """Time from the 95th percentile, energy = inferences that are served × joules: docs/scenarios.md, without loading and sensors."""
    from nngauge.knowledge.scenarios import read_battery, read_preset
    from nngauge.knowledge.scenarios.daily import work

    rows = []
    for name, modality in _MODALITIES.items():
        preset = read_preset(name)
        asked = work(preset)
        rows.append(
            f"({literal(name)}, {literal(preset.title)}, {literal(modality)}, {asked.inferences!r}, {asked.pace!r})"
        )
    joules = 3.6 * BATTERY * read_battery().voltage.value
    return corpus.ask(f"""WITH scenario (scenario, title, modality, inferences, pace) AS (VALUES {", ".join(rows)}),
ran AS (SELECT scenario, title, runs_on, pace * p95_seconds AS late, inferences * least(1, 1 / (pace * steady_seconds)) * joules / {joules!r} AS battery
    FROM scenario JOIN (SELECT * FROM measurements WHERE batch = 1) USING (modality))
SELECT scenario, title, runs_on, count(*) AS models, count(*) FILTER (late <= 1) AS keep_up, median(late) AS busy, count(battery) AS metered,
    quantile_cont(battery, 0.25) AS battery_25, median(battery) AS battery, quantile_cont(battery, 0.75) AS battery_75
FROM ran GROUP BY scenario, title, runs_on ORDER BY scenario, models DESC, runs_on""")


SCENARIOS: Final = Part(
    name="scenarios",
    title="Scenarios of use",
    ask=_scenarios,
    columns=(
        Column("scenario", "name of the preset: nngauge scenario --list"),
        Column("title", "what a user does"),
        RUNS_ON,
        Column("models", "measured models with the input that it takes: sound, text or pictures", "count"),
        Column("keep_up", "of them, those fast enough in 95 % of the runs", "count"),
        Column("busy", "share of the time that inference takes, at the 95th percentile, median", "share", "measured"),
        Column("metered", "of models, those whose energy was measured", "count"),
        Column("battery_25", "a quarter of these takes at most this share of a battery of 4,000 mAh", "share", "measured"),
        Column("battery", "half", "share", "measured"),
        Column("battery_75", "three quarters", "share", "measured"),
    ),
    counting="distinct models of the latest snapshot that were measured, whether or not their app would use them so",
    needs=NEEDS,
    note=(
        "What the scenario asks for times what was measured; loading, camera, screen and radio are not in it. One model with "
        "intervals and your battery, and chats: nngauge scenario."
    ),
)  # fmt: skip

REPORT: Final = Report(
    id="R16",
    name="energy",
    title="What models take from the battery",
    question="How much energy does one inference take, and how much of a battery an hour of use?",
    origin="IMC'21, energy and scenarios",
    limitations=(
        "Measured and estimated energy are separate parts and never share a column.",
        "Only what a meter measured is here (docs/energy.md); times without a meter say nothing about joules.",
    ),
    parts=(MEASURED, _MODELS, SCENARIOS, _REFUSED),
)
