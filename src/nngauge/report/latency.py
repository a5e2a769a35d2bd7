"""R15: how fast models are on the devices on which they were measured."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report import estimated
from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import boxes, cumulative, dots
from nngauge.report.runs import (
    BUSY,
    COUNTING,
    DEVICE,
    MODELS,
    NEEDS,
    RUNS_ON,
    SPREAD,
    seconds_columns,
    spread,
    times_as_long,
)
from nngauge.report.shares import HUNDREDTHS, share

_TASK: Final = Column("task", "id of the task (docs/tasks.md)")

DISTRIBUTION: Final = Part(
    name="distribution",
    title="Distribution of the latency on each device",
    ask=f"""SELECT runs_on, models, unnest({HUNDREDTHS})::DOUBLE AS share, unnest(steps) AS seconds FROM (
    SELECT runs_on, count(*) AS models, quantile_disc(seconds, {HUNDREDTHS}) AS steps FROM measurements GROUP BY runs_on)
ORDER BY models DESC, runs_on, share""",
    columns=(
        RUNS_ON,
        MODELS,
        Column("share", "share of the models that take at most so long", "share"),
        Column("seconds", "of one input, after warm-up", "seconds", "measured"),
    ),
    counting=f"{COUNTING}; every hundredth of the distribution",
    needs=NEEDS,
    chart=partial(
        cumulative,
        value="seconds",
        share="share",
        colour="runs_on",
        title="seconds of one input, after warm-up (logarithmic)",
    ),
    note=f"Curves are of the models that ran there; not all run everywhere. {BUSY}",
)

MEASURED: Final = Part(
    name="measured",
    title="Measured latency",
    ask=f"""SELECT runs_on, count(*) AS models, {spread("seconds")}, median(first_seconds / steady_seconds) AS first_ratio,
    median(load_seconds + first_seconds) AS cold, median(peak_bytes)::BIGINT AS memory, count(*) FILTER (doubts <> '') AS doubted
FROM measurements GROUP BY runs_on ORDER BY models DESC, runs_on""",
    columns=(
        RUNS_ON,
        MODELS,
        *seconds_columns("half of the models take at most this for one input, after warm-up"),
        Column("first_ratio", "first inference ÷ steady one, median over the models", "ratio", "measured"),
        Column("cold", "loading the model and the first inference, median over the models", "seconds", "measured"),
        Column("memory", "most memory of the process, engine included, median over the models", "bytes", "measured"),
        Column("doubted", "of models, those with a reason for doubt (`measurement.doubts`)", "count"),
    ),
    counting=COUNTING,
    needs=NEEDS,
    chart=partial(
        boxes,
        by="runs_on",
        quantiles=SPREAD,
        logarithmic=True,
        title="seconds of one input (logarithmic); whiskers: 5 % and 95 %",
    ),
    note=f"Medians of launches, each a process of its own; intervals are in the table `measurement`. {BUSY}",
)

DEVICES: Final = Part(
    name="devices-compared",
    title="How much slower one device is than another",
    ask=f"""WITH pair AS (SELECT slow.device_name AS device_name, fast.device_name AS beside, {times_as_long("fast", "slow")} AS times
    FROM measurements AS slow JOIN measurements AS fast USING (number, engine, delegate, threads, batch)
    WHERE slow.device_name <> fast.device_name AND slow.cores = fast.cores)
SELECT device_name, beside, count(*) AS models, median(times) AS slower, quantile_cont(times, 0.25) AS slower_25,
    quantile_cont(times, 0.75) AS slower_75, {share("count(*) FILTER (times < 1)", "count(*)")} AS faster_share
FROM pair GROUP BY device_name, beside HAVING slower >= 1 ORDER BY slower DESC, device_name, beside""",
    columns=(
        DEVICE,
        Column("beside", "the device that it is compared with"),
        Column("models", "models and configurations that were measured on both", "count"),
        Column("slower", "times as long, median over them", "ratio", "measured"),
        Column("slower_25", "a quarter of them is at most so much slower", "ratio", "measured"),
        Column("slower_75", "three quarters", "ratio", "measured"),
        Column("faster_share", "share of them that is faster all the same", "share", "measured"),
    ),
    counting="pairs of a distinct model in one configuration, measured on both devices",
    needs=NEEDS,
    note=f"It takes two devices. {BUSY}",
)

_POINTS: Final = Part(
    name="macs",
    title="Latency and multiply-accumulates",
    ask="""SELECT name, task, runs_on, macs, seconds, macs / seconds AS macs_per_second, packages FROM measurements
WHERE macs > 0 ORDER BY packages DESC, number, runs_on LIMIT 2000""",
    columns=(
        Column("name", "file of the model"),
        _TASK,
        RUNS_ON,
        Column("macs", "multiply-accumulates of one input", "macs", "computed"),
        Column("seconds", "of one input, after warm-up", "seconds", "measured"),
        Column("macs_per_second", "macs ÷ seconds", "macs", "measured"),
        Column("packages", "packages that have the model", "count"),
    ),
    counting=f"{COUNTING}; those with a number of multiply-accumulates, the 2,000 that most packages have",
    needs=("measurement.macs", *NEEDS),
    chart=partial(
        dots,
        x="macs",
        y="seconds",
        colour="runs_on",
        x_title="multiply-accumulates of one input",
        y_title="seconds of one input",
    ),
)

_PREDICTED: Final = Part(
    name="macs-predict",
    title="Do multiply-accumulates predict latency?",
    ask=f"""WITH ranked AS (SELECT runs_on, macs, seconds, rank() OVER (PARTITION BY runs_on ORDER BY macs) AS by_macs,
    rank() OVER (PARTITION BY runs_on ORDER BY seconds) AS by_seconds FROM measurements WHERE macs > 0),
middle AS (SELECT runs_on, median(macs / seconds) AS rate FROM ranked GROUP BY runs_on)
SELECT runs_on, count(*) AS models, corr(ln(macs), ln(seconds)) AS correlation, corr(by_macs, by_seconds) AS rank_correlation,
    any_value(rate) AS rate, quantile_cont(macs / seconds, 0.95) / quantile_cont(macs / seconds, 0.05) AS spread,
    {share("count(*) FILTER (macs / rate BETWEEN seconds / 1.5 AND seconds * 1.5)", "count(*)")} AS predicted
FROM ranked JOIN middle USING (runs_on) GROUP BY runs_on HAVING models > 2 ORDER BY models DESC, runs_on""",
    columns=(
        RUNS_ON,
        MODELS,
        Column("correlation", "of the logarithms of both, -1 to 1", "", "measured"),
        Column("rank_correlation", "of their orders (Spearman), -1 to 1", "", "measured"),
        Column("rate", "multiply-accumulates a second, median over the models", "macs", "measured"),
        Column("spread", "this rate: 95 % ÷ 5 % of the models", "ratio", "measured"),
        Column("predicted", "share of the models whose latency is within 1.5 times macs ÷ rate", "share", "measured"),
    ),
    counting=f"{COUNTING}; those with a number of multiply-accumulates, where there are at least three",
    needs=("measurement.macs", *NEEDS),
    note="A spread of ten means: of two models with as many multiply-accumulates, one may take ten times as long.",
)

_BY_TASK: Final = Part(
    name="by-task",
    title="Latency by task",
    ask=f"""WITH told AS (SELECT coalesce(task, 'unknown') AS task, runs_on, seconds, peak_bytes FROM measurements)
SELECT task, runs_on, count(*) AS models, {spread("seconds")}, median(peak_bytes)::BIGINT AS memory
FROM told GROUP BY task, runs_on ORDER BY sum(count(*)) OVER (PARTITION BY task) DESC, task, models DESC, runs_on""",
    columns=(
        _TASK,
        RUNS_ON,
        MODELS,
        *seconds_columns("half of the models take at most this for one input"),
        Column("memory", "most memory of the process, median over the models", "bytes", "measured"),
    ),
    counting=COUNTING,
    needs=("model.task", *NEEDS),
    chart=partial(
        boxes,
        by="task",
        quantiles=SPREAD,
        colour="runs_on",
        logarithmic=True,
        title="seconds of one input (logarithmic); whiskers: 5 % and 95 %",
        most=20,
    ),
)

_OPERATORS: Final = Part(
    name="operators",
    title="Where the time goes",
    ask=f"""WITH profiled AS (SELECT DISTINCT ON (number, device_name, engine, delegate, threads, batch, cores) * FROM measurement
    SEMI JOIN operator_time USING (session, nth) ORDER BY number, device_name, engine, delegate, threads, batch, cores, started DESC, session),
placed AS (SELECT DISTINCT profiled.session, profiled.nth, runs_on FROM profiled
    JOIN measurements USING (number, device_name, engine, delegate, threads, batch, cores)),
one AS (SELECT runs_on, session, nth, kind, sum(seconds) AS seconds, sum(calls) AS calls, bool_or(unit NOT IN ('', 'cpu')) AS elsewhere
    FROM placed JOIN operator_time USING (session, nth) GROUP BY ALL),
shared AS (SELECT *, {share("seconds", "sum(seconds) OVER (PARTITION BY session, nth)")} AS part FROM one)
SELECT runs_on, kind, count(*) AS models, sum(calls)::BIGINT AS calls, median(part) AS part, {share("sum(seconds)", "sum(sum(seconds)) OVER (PARTITION BY runs_on)")} AS whole,
    count(*) FILTER (elsewhere) AS elsewhere
FROM shared GROUP BY runs_on, kind ORDER BY runs_on, whole DESC, kind""",
    columns=(
        RUNS_ON,
        Column("kind", "operator, as the engine calls it"),
        Column("models", "models with such operators", "count"),
        Column("calls", "how many there are in them", "count"),
        Column("part", "share of the time of such a model, median", "share", "measured"),
        Column("whole", "share of the time of all profiled models together", "share", "measured"),
        Column("elsewhere", "of models, those in which one ran not on the processor", "count"),
    ),
    counting="profiled models: nngauge measure --profile; profiling itself takes time",
    needs=("operator_time",),
)

_REFUSED: Final = Part(
    name="refused",
    title="What could not be measured",
    ask="""SELECT engine, coalesce(nullif(delegate, ''), '-') AS delegate, kind, count(DISTINCT digest) AS models, min(reason) AS reason
FROM measurement_refusal GROUP BY ALL ORDER BY models DESC, engine, delegate, kind""",
    columns=(
        Column("engine", "what should have run them"),
        Column("delegate", "its accelerator; -: none"),
        Column(
            "kind", "unsupported, crashed, timeout, memory, missing, wrong-output, device; damaged: a session's file"
        ),
        Column("models", "distinct models", "count"),
        Column("reason", "one of the reasons, in the engine's words"),
    ),
    counting="distinct models of all snapshots",
    needs=("measurement_refusal",),
)

REPORT: Final = Report(
    id="R15",
    name="latency",
    title="How fast models are",
    question="How long does one inference take, the first and the later ones, on devices of each class, and do MACs predict it?",
    origin="IMC'21, latency by device; MDLBench",
    limitations=(
        "Measured and estimated latencies are separate parts and never share a column.",
        "Inputs are random numbers; models whose time depends on what they see have another one in an app.",
        "Estimates rest on networks of 2015 to 2021 on phones of 2016 to 2021, for NPUs on Qualcomm's; all others are doubted or refused.",
        "Models run with an engine of today, not with the library of the app, unless that was asked for (--app-runtime).",
    ),
    parts=(MEASURED, DISTRIBUTION, DEVICES, _POINTS, _PREDICTED, _BY_TASK, _OPERATORS, _REFUSED, *estimated.PARTS),
)
