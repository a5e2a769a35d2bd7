"""What other back ends, threads and batches bring, measured: the last parts of R17, and of the IMC'21 study."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.domain.measurement import Doubt
from nngauge.report._api import Column, Part
from nngauge.report.figures import bars, boxes, lines
from nngauge.report.runs import BUSY, DEVICE, NEEDS, RUNS_ON, SPREAD, spread, times_as_long
from nngauge.report.shares import share

_USUAL: Final = "engine <> CASE format WHEN 'tflite' THEN 'litert' WHEN 'onnx' THEN 'onnxruntime' WHEN 'ort' THEN 'onnxruntime' ELSE format END"
"""SQL: is it not the engine that defines the format?"""
_BACK_END: Final = Column("back_end", "engine, and its accelerator where one was asked for")
_PAIRED: Final = "distinct models of the latest snapshot that were measured in both ways on the same device"
_RATIOS: Final = (
    Column("low", "5 % of the models are at most so many times as fast", "ratio", "measured"),
    Column("quartile_1", "a quarter", "ratio", "measured"),
    Column("median", "half", "ratio", "measured"),
    Column("quartile_3", "three quarters", "ratio", "measured"),
    Column("high", "95 %", "ratio", "measured"),
)
_SLOWER: Final = Column("slower", "of them, those that became slower", "count")

THREADS: Final = Part(
    name="threads",
    title="Threads and cores",
    ask=f"""WITH paired AS (SELECT many.device_name, many.back_end, many.threads, many.cores, one.wall_seconds / many.wall_seconds AS speed_up
    FROM measurements AS many JOIN (SELECT * FROM measurements WHERE threads = 1 AND cores = '') AS one
    USING (number, device_name, engine, delegate, batch, library) WHERE many.threads > 1 OR many.cores <> '')
SELECT device_name, back_end, device_name || ', ' || back_end AS runs_on, threads, cores, count(*) AS models, {spread("speed_up")},
    count(*) FILTER (speed_up < 1) AS slower
FROM paired GROUP BY device_name, back_end, threads, cores ORDER BY device_name, back_end, threads, cores""",
    columns=(
        DEVICE, _BACK_END, Column("runs_on", "both of these"), Column("threads", "number of threads", "count"),
        Column("cores", "cores that it was bound to; empty: not bound"),
        Column("models", "models measured so and on one thread without binding", "count"), *_RATIOS, _SLOWER,
    ),
    counting=_PAIRED,
    needs=NEEDS,
    chart=partial(lines, x="threads", y="median", colour="runs_on", title="times as fast as one thread, median", low="quartile_1", high="quartile_3"),
    note="By the clock, which is what threads are to shorten; other work on the device makes them look worse. nngauge measure --threads 1,2,4",
)  # fmt: skip

BATCHES: Final = Part(
    name="batches",
    title="Batches",
    ask=f"""WITH paired AS (SELECT many.device_name, many.back_end, many.batch, {times_as_long("many", "one")} AS speed_up
    FROM measurements AS many JOIN (SELECT * FROM measurements WHERE batch = 1) AS one
    USING (number, device_name, engine, delegate, threads, library) WHERE many.batch > 1 AND many.cores = one.cores)
SELECT device_name, back_end, device_name || ', ' || back_end AS runs_on, batch, count(*) AS models, {spread("speed_up")},
    count(*) FILTER (speed_up < 1) AS slower
FROM paired GROUP BY device_name, back_end, batch ORDER BY device_name, back_end, batch""",
    columns=(
        DEVICE, _BACK_END, Column("runs_on", "both of these"), Column("batch", "inputs of one inference", "count"),
        Column("models", "models measured so and with one input", "count"), *_RATIOS, _SLOWER,
    ),
    counting=_PAIRED,
    needs=NEEDS,
    chart=partial(lines, x="batch", y="median", colour="runs_on", title="inputs a second, times those without batches, median", low="quartile_1", high="quartile_3"),
    note=f"Time of one input: an inference ÷ its batch. {BUSY} nngauge measure --batch 1,4,16",
)  # fmt: skip

BACK_ENDS: Final = Part(
    name="back-ends-measured",
    title="Back ends: how much faster",
    ask=f"""WITH base AS (SELECT DISTINCT ON (number, device_name, threads, batch, cores) * FROM measurements
    ORDER BY number, device_name, threads, batch, cores, delegate <> '', {_USUAL}, engine, library),
paired AS (SELECT other.device_name, base.back_end AS beside, other.back_end, {times_as_long("other", "base")} AS speed_up,
    contains(other.doubts, '{Doubt.FELL_BACK.value}') AS fell_back
    FROM measurements AS other JOIN base USING (number, device_name, threads, batch, cores) WHERE other.back_end <> base.back_end)
SELECT device_name, beside, back_end, back_end || ' beside ' || beside || ' on ' || device_name AS what, count(*) AS models, {spread("speed_up")},
    count(*) FILTER (speed_up < 1) AS slower, count(*) FILTER (fell_back) AS fell_back
FROM paired GROUP BY device_name, beside, back_end ORDER BY models DESC, device_name, beside, back_end""",
    columns=(
        DEVICE,
        Column("beside", "what it is compared with: the engine that defines the format, without accelerator, where it was measured"),
        _BACK_END, Column("what", "all three"), Column("models", "models, threads and batches measured on both", "count"), *_RATIOS, _SLOWER,
        Column("fell_back", "of models, those in which operators ran on the processor instead", "count"),
    ),
    counting=f"{_PAIRED}, with the same threads, batch and cores",
    needs=NEEDS,
    chart=partial(boxes, by="what", quantiles=SPREAD, title="times as fast; whiskers: 5 % and 95 %"),
    note=f"{BUSY} nngauge measure --engine A,B --delegate gpu",
)  # fmt: skip

UNITS: Final = Part(
    name="units",
    title="Where operators ran, and which fell back",
    ask=f"""WITH told AS (SELECT runs_on, number, unnest(regexp_extract_all(delegated, '"([^"]*)":\\d+', 1)) AS unit,
    unnest(regexp_extract_all(delegated, '":(\\d+)', 1))::BIGINT AS operators FROM measurements WHERE delegated IS NOT NULL),
each AS (SELECT *, operators = sum(operators) OVER (PARTITION BY runs_on, number) AS alone FROM told WHERE operators > 0)
SELECT runs_on, unit, count(*) AS models, any_value(whole) AS told, count(*) FILTER (alone) AS alone, sum(operators)::BIGINT AS operators,
    {share("sum(operators)", "sum(sum(operators)) OVER (PARTITION BY runs_on)")} AS share
FROM each JOIN (SELECT runs_on, count(DISTINCT number) AS whole FROM each GROUP BY runs_on) USING (runs_on)
GROUP BY runs_on, unit ORDER BY told DESC, runs_on, operators DESC, unit""",
    columns=(
        RUNS_ON, Column("unit", "kernels or accelerator, as the engine calls it; cpu: the engine's plain kernels"),
        Column("models", "models with operators that ran there", "count"), Column("told", "models of which the engine told it", "count"),
        Column("alone", "of models, those in which all operators ran there", "count"),
        Column("operators", "how many ran there", "count"), Column("share", "operators ÷ all operators of these models", "share"),
    ),
    counting="distinct models of the latest snapshot that were measured, where the engine tells it; an operator that many were fused into is one",
    needs=("measurement.delegated",),
    chart=partial(bars, value="share", by="runs_on", colour="unit", stacked=True, percent=True, title="of the operators"),
    note="What an accelerator refuses runs on plain kernels, and every change between both costs a copy. Which operators: nngauge measure --profile (R15).",
)  # fmt: skip

DEVICES: Final = Part(
    name="devices",
    title="Devices",
    ask=f"""WITH ran AS (SELECT * FROM measurement SEMI JOIN (SELECT number FROM distinct_models WHERE latest) USING (number))
SELECT device_name, any_value(split_part(device, ':', 1)) AS kind, any_value(soc) AS soc, any_value(abi) AS abi, any_value(system) AS system,
    max(device_cores) AS cores, max(device_memory) AS memory, max(battery_mah) AS battery_mah, count(DISTINCT number) AS models,
    count(*) AS measurements, {share("count(*) FILTER (doubts <> '')", "count(*)")} AS doubted, max(started)[:10] AS last
FROM ran GROUP BY device_name ORDER BY models DESC, device_name""",
    columns=(
        DEVICE, Column("kind", "host: the machine of whoever measured; adb: a phone; ssh: a board"), Column("soc", "system on a chip, or processor"),
        Column("abi", "instruction set"), Column("system", "operating system with version"), Column("cores", "number of cores", "count"),
        Column("memory", "bytes of memory", "bytes"), Column("battery_mah", "capacity of the battery, mAh"),
        Column("models", "distinct models of the latest snapshot that were measured there", "count"),
        Column("measurements", "their configurations", "count"),
        Column("doubted", "share of the measurements with a reason for doubt", "share"), Column("last", "day of the last one (UTC)", "date"),
    ),
    counting="distinct models of the latest snapshot and the devices that ran them",
    needs=("measurement",),
)  # fmt: skip
