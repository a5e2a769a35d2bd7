"""Section 5 of the WWW'19 study on this corpus: the models, their layers, optimisations, cost and protection."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part
from nngauge.report.deep_learning import DL, DL_APP, FORMATS, case, listed
from nngauge.report.figures import bars, boxes
from nngauge.report.published import reference
from nngauge.report.runs import COUNTING, NEEDS, RUNS_ON
from nngauge.report.shares import share
from nngauge.report.www19_drawing import QUANTILES, draw_cost

_FRAMEWORK: Final = case("format", FORMATS, "'other formats'")
_ORDER: Final = "list_position(['TensorFlow', 'TFLite', 'Caffe', 'Caffe2', 'ncnn', 'other formats', 'all'], framework)"
_DISTINCT: Final = "distinct models (by digest) of the latest snapshot"
_COPIES: Final = "the same counted once in every package that has them, as in the study"
_FAMILIES: Final = {
    "conv": ("convolution", "depthwise convolution", "transposed convolution"),
    "pooling": ("pooling",),
    "fc": ("dense",),
}
"""Lines of Table 3 that are families of ours (docs/cost.md)."""
_NAMES: Final = {
    "softmax": "(aten::)?(log)?softmax|softmax(layer|activation|output|withloss)",
    "add": "(aten::)?add(v2|n|_)?|elementwise_?add|eltwise(add)?|stablehlo_add|addlayer",
    "relu": "(aten::)?relu(6|_n1_to_1|_0_to_1|_)?|relulayer",
    "split": "(aten::)?split(_v|v|ntowers)?|chunk",
    "prelu": "(aten::)?prelu",
    "reshape": "(aten::)?(reshape|view)(2)?",
    "dropout": "(aten::)?dropout(_)?",
}
"""Lines of Table 3 that are single operations: what formats call them, without case."""
_LAYERS: Final = ("conv", "pooling", "softmax", "fc", "add", "relu", "split", "prelu", "reshape", "dropout")
_OF_NAME: Final = "CASE " + " ".join(
    f"WHEN regexp_full_match(lower(op), '{pattern}') THEN '{name}'" for name, pattern in _NAMES.items()
) + " END"  # fmt: skip
_COSTED: Final = f"""costed AS (SELECT number, {_FRAMEWORK} AS framework, packages, weight_bytes + peak_bytes AS memory, macs FROM distinct_models
    JOIN (SELECT number, weight_bytes, peak_bytes, macs FROM network WHERE macs > 0 AND peak_bytes IS NOT NULL) USING (number) WHERE latest)"""
_MOBILENET: Final = 568_740_352
"""Multiply-accumulates of MobileNet (1.0, 224)."""
_OBFUSCATED: Final = (
    "names stripped", "compiled into code", "private container", "weak cipher", "key material beside it", "encrypted header",
    "encrypted weights", "encrypted",
)  # fmt: skip
"""Grades (docs/protection.md) that the study's "obfuscated" covers: no meaningful text, or encrypted."""
_ENCRYPTED: Final = _OBFUSCATED[2:]
"""And those that its "encrypted" covers: the framework cannot parse the file, because of a cipher or of a private format."""


def _graded(grades: tuple[str, ...]) -> str:
    return "list_has_any(string_split(grades, ','), [" + listed(grades) + "])"


def _part_of(mark: str, of: str = "true") -> str:
    return share(f"coalesce(sum(models) FILTER ({mark}), 0)", f"sum(models) FILTER ({of})")


MODELS: Final = (
    Part(
        name="extraction",
        title="§5.1 Models found and read",
        ask=f"""WITH {DL}, now AS (SELECT edition, dl.edition IS NOT NULL AS dl FROM editions LEFT JOIN dl USING (edition) WHERE latest),
known AS (SELECT number, macs FROM network WHERE macs IS NOT NULL),
apart AS (SELECT count(*) AS found, sum(packages) AS found_copies, count(*) FILTER (nodes > 0) AS read, sum(packages) FILTER (nodes > 0) AS read_copies,
    count(macs) AS costed, sum(packages) FILTER (macs IS NOT NULL) AS costed_copies FROM distinct_models LEFT JOIN known USING (number) WHERE latest),
has AS (SELECT DISTINCT edition, nodes > 0 AS read FROM models WHERE latest),
held AS (SELECT edition, bool_or(read) AS read FROM has GROUP BY edition),
priced AS (SELECT DISTINCT edition FROM models SEMI JOIN known USING (number) WHERE latest),
sums AS (SELECT count(*) AS apps, count(*) FILTER (dl) AS dl, count(*) FILTER (read) AS read_apps, count(*) FILTER (dl AND read) AS read_dl,
    count(priced.edition) AS costed_apps, count(priced.edition) FILTER (dl) AS costed_dl
    FROM held JOIN now USING (edition) LEFT JOIN priced USING (edition)),
line AS (SELECT 1 AS nth, 'DL apps' AS what, NULL AS models, NULL AS copies, count(*) AS apps, count(*) AS dl_apps FROM now WHERE dl
UNION ALL SELECT 2, 'validated models', found, found_copies, apps, dl FROM sums, apart
UNION ALL SELECT 3, 'network read', read, read_copies, read_apps, read_dl FROM sums, apart
UNION ALL SELECT 4, 'cost known', costed, costed_copies, costed_apps, costed_dl FROM sums, apart)
SELECT what, models, copies::BIGINT AS copies, apps, dl_apps FROM line ORDER BY nth""",
        columns=(
            Column("what", "how far it went"),
            Column("models", _DISTINCT, "count"),
            Column("copies", _COPIES, "count"),
            Column("apps", "packages they are in", "count"),
            Column("dl_apps", "of them, DL apps", "count"),
        ),
        counting=f"models whose structure a parser validated, in packages of the latest snapshot. {DL_APP}",
        needs=("app",),
        note="Every byte of a package is searched here, not assets/ alone. Reasons of losses: report R8 (funnel). Encrypted models: §5.4 below.",
        reference=reference("www19", "extraction"),
    ),
    Part(
        name="types",
        title="§5.2 Types of networks",
        ask=f"""WITH kind AS (SELECT number, max(CASE WHEN family = 'recurrent' THEN 5 WHEN family = 'attention' THEN 4
    WHEN family IN ({listed(_FAMILIES["conv"])}) THEN 3 WHEN family = 'trees' THEN 2 ELSE 1 END) AS kind FROM family GROUP BY number),
typed AS (SELECT coalesce(kind, 0) AS kind, count(*) AS models, sum(packages) AS copies
    FROM distinct_models LEFT JOIN kind USING (number) WHERE latest GROUP BY ALL)
SELECT ['layers not known', 'neither', 'trees', 'CNN', 'attention', 'RNN'][kind + 1] AS type, models, {share("models", "sum(models) OVER ()")} AS share,
    copies::BIGINT AS copies, {share("copies", "sum(copies) OVER ()")} AS share_of_copies FROM typed ORDER BY models DESC, type""",
        columns=(
            Column("type", "RNN: recurrent layers; attention: such layers, none recurrent; CNN: convolutions, none of those"),
            Column("models", _DISTINCT, "count"),
            Column("share", "models ÷ all of them", "share"),
            Column("copies", _COPIES, "count"),
            Column("share_of_copies", "copies ÷ all of them", "share"),
        ),
        counting=_DISTINCT,
        needs=("family",),
        note="Attention that a converter has taken apart into matrix products is not recognised as such.",
        reference=reference("www19", "types"),
    ),
    Part(
        name="table-3",
        title="Table 3: layers",
        ask=f"""WITH kinds AS (SELECT ops, count(*) AS models FROM (SELECT number, any_value(ops) AS ops
    FROM model JOIN (SELECT app FROM editions WHERE latest) USING (app) WHERE nodes > 0 GROUP BY number) GROUP BY ops),
named AS (SELECT ops, models, {_OF_NAME} AS layer, times FROM (SELECT ops, models, unnest(regexp_extract_all(ops, '"([^"]*)":\\d+', 1)) AS op,
    unnest(regexp_extract_all(ops, '":(\\d+)', 1))::BIGINT AS times FROM kinds)),
layer AS (SELECT number, family, layers FROM family SEMI JOIN (SELECT number FROM distinct_models WHERE latest AND nodes > 0) USING (number)
    WHERE family IN ({listed((*_FAMILIES["conv"], *_FAMILIES["pooling"], *_FAMILIES["fc"]))})),
conv AS (SELECT number, sum(layers) AS times FROM layer WHERE family IN ({listed(_FAMILIES["conv"])}) GROUP BY number),
held AS (SELECT layer, sum(times) AS times, any_value(models) AS models FROM named WHERE layer IS NOT NULL GROUP BY layer, ops
UNION ALL SELECT 'conv', times, count(*) FROM conv GROUP BY times
UNION ALL SELECT {case("family", _FAMILIES, "NULL")}, layers, count(*) FROM layer
    WHERE family NOT IN ({listed(_FAMILIES["conv"])}) GROUP BY ALL),
bins AS (SELECT layer, times, sum(models) AS models FROM held GROUP BY layer, times),
placed AS (SELECT *, sum(models) OVER (PARTITION BY layer ORDER BY times) AS up_to, sum(models) OVER (PARTITION BY layer) AS whole FROM bins)
SELECT layer, any_value(whole)::BIGINT AS models, {share("any_value(whole)", "(SELECT sum(models) FROM kinds)")} AS share,
    (min(times) FILTER (up_to >= floor((whole + 1) / 2)) + min(times) FILTER (up_to >= ceil((whole + 1) / 2)))::DOUBLE / 2 AS median,
    sum(times * models)::DOUBLE / any_value(whole) AS mean
FROM placed GROUP BY layer ORDER BY list_position([{listed(_LAYERS)}], layer)""",
        columns=(
            Column("layer", "as the study calls it; conv: with depthwise and transposed ones"),
            Column("models", "distinct models with at least one", "count"),
            Column("share", "models ÷ distinct models whose network was read", "share"),
            Column("median", "how many, in models that have one"),
            Column("mean", "how many, in models that have one"),
        ),
        counting=f"{_DISTINCT} whose operations were read",
        needs=("model.ops", "family"),
        chart=partial(bars, value="share", by="layer", percent=True, title="of the models whose network was read"),
        note=(
            "Operations as they stand in the files. TFLite fuses relu into the layer before it, so few are left there; batch "
            "normalisations and dropout are folded away by converters. All families and operations: report R10 (layers)."
        ),
        reference=reference("www19", "table-3"),
    ),
    Part(
        name="table-4",
        title="Table 4: optimisations",
        ask=f"""WITH known AS (SELECT {_FRAMEWORK} AS framework, scheme, precision, sparsity >= 0.5 AS zeros, count(*) AS models FROM distinct_models
    JOIN (SELECT number, scheme, precision, sparsity FROM network WHERE scheme NOT IN ('no weights', 'unknown')) USING (number)
    WHERE latest GROUP BY ALL),
marked AS (SELECT framework, models, regexp_matches(precision, '(int4|uint4|int2|q[2-6]|[1-6].bit)') AS low, regexp_matches(precision, '(int8|q8)') AS byte,
    regexp_matches(precision, '(float16|int16)') AS half, scheme = 'mixed' AS mixed, zeros FROM known)
SELECT coalesce(framework, 'all') AS framework, sum(models)::BIGINT AS models, {_part_of("low")} AS below_8, {_part_of("byte")} AS bits_8,
    {_part_of("half")} AS bits_16, {_part_of("mixed")} AS mixed, {_part_of("zeros", "zeros IS NOT NULL")} AS sparse
FROM marked GROUP BY GROUPING SETS ((), (framework)) ORDER BY {_ORDER}""",
        columns=(
            Column("framework", "by the format of the model"),
            Column("models", "distinct models whose weights were read", "count"),
            Column("below_8", "weights of fewer than 8 bits (blocks of GGUF included) ÷ models", "share"),
            Column("bits_8", "8-bit weights (dynamic-range, weight-only, full-integer, blocks) ÷ models", "share"),
            Column("bits_16", "16-bit weights (float16, bfloat16, int16) ÷ models", "share"),
            Column("mixed", "weights of several kinds, none prevailing ÷ models", "share"),
            Column("sparse", "at least half of the weights exactly zero ÷ models whose values were read", "share"),
        ),
        counting=f"{_DISTINCT} with weights; the scheme of most parameters counts",
        needs=("network.precision",),
        note="More about it: report R12 (optimisation).",
        reference=reference("www19", "table-4"),
    ),
    Part(
        name="figure-7",
        title="Figure 7: size of models by framework",
        ask=f"""WITH sized AS (SELECT {_FRAMEWORK} AS framework, size FROM distinct_models WHERE latest AND size > 0),
cut AS (SELECT coalesce(framework, 'all') AS framework, count(*) AS models, avg(size)::BIGINT AS mean,
    quantile_cont(size, [0.05, 0.25, 0.5, 0.75, 0.95])::BIGINT[] AS steps FROM sized GROUP BY GROUPING SETS ((), (framework)) HAVING models > 0)
SELECT framework, models, steps[3] AS median, steps[2] AS quartile_1, steps[4] AS quartile_3, steps[1] AS low, steps[5] AS high, mean
FROM cut ORDER BY {_ORDER}""",
        columns=(
            Column("framework", "by the format of the model"),
            Column("models", _DISTINCT, "count"),
            Column("median", "half of them are smaller", "bytes"),
            Column("quartile_1", "a quarter is smaller", "bytes"),
            Column("quartile_3", "a quarter is larger", "bytes"),
            Column("low", "5 % are smaller", "bytes"),
            Column("high", "5 % are larger", "bytes"),
            Column("mean", "mean", "bytes"),
        ),
        counting=_DISTINCT,
        needs=("model",),
        chart=partial(boxes, by="framework", quantiles=QUANTILES, logarithmic=True,
                      title="bytes of a model (logarithmic); whiskers: 5 % and 95 %"),
        note="All files of a model together. Parrots' own format is not read, so its models are missing.",
        reference=reference("www19", "figure-7"),
    ),
    Part(
        name="figure-8",
        title="Figure 8: memory and computation",
        ask=f"""WITH {_COSTED},
most AS (SELECT * FROM costed WHERE memory IS NOT NULL ORDER BY packages DESC, number LIMIT 2000)
SELECT framework, memory, macs, count(*) AS models, sum(packages)::BIGINT AS packages FROM most GROUP BY ALL
ORDER BY packages DESC, macs, memory, framework""",
        columns=(
            Column("framework", "by the format of the model"),
            Column("memory", "weights and the most activations alive at once, of one inference", "bytes", "computed"),
            Column("macs", "multiply-accumulates of one inference", "macs", "computed"),
            Column("models", f"{_DISTINCT} at this point", "count"),
            Column("packages", "packages that have them", "count"),
        ),
        counting=f"{_DISTINCT} whose multiply-accumulates and activations are numbers; the 2,000 models that most packages have",
        needs=("network.macs",),
        chart=draw_cost,
        note=(
            "Exact, by one convention for all formats (docs/cost.md). The study's memory holds all feature maps, ours the most that "
            "live at once; its computation has no single unit, so the two must not be put on one axis. Stars: known networks, "
            "32-bit weights, counted by our convention; their numbers: report R11 (costs)."
        ),
        reference=reference("www19", "figure-8"),
    ),
    Part(
        name="figure-8-medians",
        title="§5.3 Memory and computation, in the middle",
        ask=f"""WITH {_COSTED},
cut AS (SELECT coalesce(framework, 'all') AS framework, count(*) AS models, quantile_cont(memory, 0.5) AS memory, quantile_cont(macs, [0.5, 0.9]) AS steps,
    count(*) FILTER (macs < {_MOBILENET}) AS below FROM costed GROUP BY GROUPING SETS ((), (framework)) HAVING models > 0)
SELECT framework, models, memory::BIGINT AS memory, steps[1]::BIGINT AS macs, steps[2]::BIGINT AS macs_90, {share("below", "models")} AS below_mobilenet
FROM cut ORDER BY {_ORDER}""",
        columns=(
            Column("framework", "by the format of the model"),
            Column("models", _DISTINCT, "count"),
            Column("memory", "median of weights and the most activations alive at once", "bytes", "computed"),
            Column("macs", "median of the multiply-accumulates of one inference", "macs", "computed"),
            Column("macs_90", "90 % have at most so many", "macs", "computed"),
            Column("below_mobilenet", "fewer multiply-accumulates than MobileNet (1.0, 224: 568,740,352) ÷ models", "share", "computed"),
        ),
        counting=f"{_DISTINCT} whose multiply-accumulates and activations are numbers",
        needs=("network.macs",),
        note="The study: MobileNet and SqueezeNet take more memory and computation than 90 % of its models.",
        reference=reference("www19", "figure-8"),
    ),
    Part(
        name="latency",
        title="§5.3 Time on a phone",
        ask=f"""SELECT runs_on, count(*) AS models, {share("count(*) FILTER (seconds < 0.015)", "count(*)")} AS below_15_ms, median(seconds) AS seconds,
    quantile_cont(seconds, 0.8) AS seconds_80 FROM measurements GROUP BY runs_on ORDER BY models DESC, runs_on""",
        columns=(
            RUNS_ON,
            Column("models", "distinct models that were measured so", "count"),
            Column("below_15_ms", "one input takes less than 15 ms ÷ models", "share", "measured"),
            Column("seconds", "median time of one input, after warm-up", "seconds", "measured"),
            Column("seconds_80", "80 % take at most so long", "seconds", "measured"),
        ),
        counting=COUNTING,
        needs=NEEDS,
        note="Measured here. The study: 80 % of its models were estimated to take less than 15 ms on a Snapdragon 845 CPU, by a rule of thumb from FLOPs.",
    ),
    Part(
        name="protection",
        title="§5.4 Protection",
        ask=f"""WITH file AS (SELECT edition, places, {_graded(_OBFUSCATED)} AS obfuscated, {_graded(_ENCRYPTED)} AS encrypted
    FROM protection JOIN editions USING (app) WHERE latest AND grade NOT IN ('uniform bytes, purpose unknown', 'fetched at run time')),
line AS (SELECT 1 AS nth, 'models and files that hide one' AS what, count(*) AS models, count(DISTINCT edition) AS apps FROM file
UNION ALL SELECT 2, 'obfuscated', count(*), count(DISTINCT edition) FROM file WHERE obfuscated
UNION ALL SELECT 3, 'encrypted', count(*), count(DISTINCT edition) FROM file WHERE encrypted)
SELECT what, models, {share("models", "max(models) OVER ()")} AS share, apps FROM line ORDER BY nth""",
        columns=(
            Column("what", "as the study groups it; encrypted ones count as obfuscated, too"),
            Column("models", "models and files that hide one, each once in every package", "count"),
            Column("share", "models ÷ all of them", "share"),
            Column("apps", "packages with one", "count"),
        ),
        counting="models and files that hide one in packages of the latest snapshot that were audited",
        needs=("protection",),
        note=(
            "Obfuscated: names stripped, compiled into code, or encrypted. Encrypted: a cipher of any kind, or a private container. "
            "Files of noise that nothing calls a model, and models that are fetched, are left out. One by one: report R14 (protection)."
        ),
        reference=reference("www19", "protection"),
    ),
)  # fmt: skip
"""In the order of the publication."""
