"""Section 5 of the WWW'19 study on this corpus: the models, their layers, optimisations, cost and protection."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part
from nngauge.report.deep_learning import DL, DL_APP, FORMATS, case
from nngauge.report.figures import bars, boxes
from nngauge.report.published import reference
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
_OF_FAMILY: Final = case("family", _FAMILIES, "NULL")
_OF_NAME: Final = "CASE " + " ".join(
    f"WHEN regexp_full_match(lower(op), '{pattern}') THEN '{name}'" for name, pattern in _NAMES.items()
) + " END"  # fmt: skip
_READ: Final = """read AS (SELECT number, any_value(ops) AS ops FROM model JOIN editions USING (app)
    WHERE latest AND nodes > 0 GROUP BY number)"""
_OBFUSCATED: Final = (
    "names stripped", "compiled into code", "private container", "weak cipher", "key material beside it", "encrypted header",
    "encrypted weights", "encrypted",
)  # fmt: skip
"""Grades (docs/protection.md) that the study's "obfuscated" covers: no meaningful text, or encrypted."""
_ENCRYPTED: Final = _OBFUSCATED[2:]
"""And those that its "encrypted" covers: the framework cannot parse the file, because of a cipher or of a private format."""


def _graded(grades: tuple[str, ...]) -> str:
    return "list_has_any(string_split(grades, ','), [" + ", ".join(f"'{grade}'" for grade in grades) + "])"


MODELS: Final = (
    Part(
        name="extraction",
        title="§5.1 Models found and read",
        ask=f"""WITH {DL}, now AS (SELECT edition, dl.edition IS NOT NULL AS dl FROM editions LEFT JOIN dl USING (edition) WHERE latest),
each AS (SELECT now.edition, dl, number, nodes, macs FROM now JOIN models USING (edition) LEFT JOIN (SELECT number, macs FROM network) USING (number)),
line AS (SELECT 1 AS nth, 'DL apps' AS what, NULL AS models, NULL AS copies, count(*) AS apps, count(*) AS dl_apps FROM now WHERE dl
UNION ALL SELECT 2, 'validated models', count(DISTINCT number), count(*), count(DISTINCT edition), count(DISTINCT edition) FILTER (dl) FROM each
UNION ALL SELECT 3, 'network read', count(DISTINCT number), count(*), count(DISTINCT edition), count(DISTINCT edition) FILTER (dl) FROM each WHERE nodes > 0
UNION ALL SELECT 4, 'cost known', count(DISTINCT number), count(*), count(DISTINCT edition), count(DISTINCT edition) FILTER (dl) FROM each WHERE macs IS NOT NULL)
SELECT * EXCLUDE nth FROM line ORDER BY nth""",
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
        ask=f"""WITH kind AS (SELECT number, bool_or(family = 'recurrent') AS rnn, bool_or(family = 'attention') AS attention,
    bool_or(family IN ('convolution', 'depthwise convolution', 'transposed convolution')) AS cnn, bool_or(family = 'trees') AS trees
    FROM family GROUP BY number),
typed AS (SELECT number, packages, CASE WHEN rnn THEN 'RNN' WHEN attention THEN 'attention' WHEN cnn THEN 'CNN' WHEN trees THEN 'trees'
    WHEN kind.number IS NULL THEN 'layers not known' ELSE 'neither' END AS type FROM distinct_models LEFT JOIN kind USING (number) WHERE latest)
SELECT type, count(*) AS models, {share("count(*)", "sum(count(*)) OVER ()")} AS share, sum(packages)::BIGINT AS copies,
    {share("sum(packages)", "sum(sum(packages)) OVER ()")} AS share_of_copies FROM typed GROUP BY type ORDER BY models DESC, type""",
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
        ask=f"""WITH {_READ}, sum_up AS (SELECT count(*) AS models FROM read),
piece AS (SELECT number, {_OF_FAMILY} AS layer, layers AS times FROM family JOIN read USING (number)
UNION ALL SELECT number, {_OF_NAME}, times FROM (SELECT number, unnest(regexp_extract_all(ops, '"([^"]*)":\\d+', 1)) AS op,
    unnest(regexp_extract_all(ops, '":(\\d+)', 1))::BIGINT AS times FROM read)),
held AS (SELECT number, layer, sum(times) AS times FROM piece WHERE layer IS NOT NULL GROUP BY number, layer)
SELECT layer, count(*) AS models, {share("count(*)", "(SELECT models FROM sum_up)")} AS share, median(times) AS median, avg(times) AS mean
FROM held GROUP BY layer ORDER BY list_position([{", ".join(f"'{name}'" for name in _LAYERS)}], layer)""",
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
        ask=f"""WITH known AS (SELECT {_FRAMEWORK} AS framework, scheme, precision, sparsity FROM distinct_models
    JOIN (SELECT number, scheme, precision, sparsity FROM network) USING (number) WHERE latest AND scheme NOT IN ('no weights', 'unknown')),
long AS (SELECT * FROM known UNION ALL SELECT 'all', * EXCLUDE framework FROM known)
SELECT framework, count(*) AS models,
    {share("count(*) FILTER (regexp_matches(precision, '(int4|uint4|int2|q[2-6]|[1-6].bit)'))", "count(*)")} AS below_8,
    {share("count(*) FILTER (regexp_matches(precision, '(int8|q8)'))", "count(*)")} AS bits_8,
    {share("count(*) FILTER (regexp_matches(precision, '(float16|int16)'))", "count(*)")} AS bits_16,
    {share("count(*) FILTER (scheme = 'mixed')", "count(*)")} AS mixed,
    {share("count(*) FILTER (sparsity >= 0.5)", "count(sparsity)")} AS sparse
FROM long GROUP BY framework ORDER BY {_ORDER}""",
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
long AS (SELECT * FROM sized UNION ALL SELECT 'all', size FROM sized)
SELECT framework, count(*) AS models, median(size)::BIGINT AS median, quantile_cont(size, 0.25)::BIGINT AS quartile_1,
    quantile_cont(size, 0.75)::BIGINT AS quartile_3, quantile_cont(size, 0.05)::BIGINT AS low, quantile_cont(size, 0.95)::BIGINT AS high,
    avg(size)::BIGINT AS mean FROM long GROUP BY framework ORDER BY {_ORDER}""",
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
        ask=f"""WITH costed AS (SELECT number, {_FRAMEWORK} AS framework, packages, weight_bytes + peak_bytes AS memory, macs FROM distinct_models
    JOIN (SELECT number, weight_bytes, peak_bytes, macs FROM network WHERE macs > 0 AND peak_bytes IS NOT NULL) USING (number) WHERE latest)
SELECT framework, memory, macs, count(*) AS models, sum(packages)::BIGINT AS packages FROM costed GROUP BY ALL
ORDER BY packages DESC, macs, memory, framework LIMIT 2000""",
        columns=(
            Column("framework", "by the format of the model"),
            Column("memory", "weights and the most activations alive at once, of one inference", "bytes", "computed"),
            Column("macs", "multiply-accumulates of one inference", "macs", "computed"),
            Column("models", f"{_DISTINCT} at this point", "count"),
            Column("packages", "packages that have them", "count"),
        ),
        counting=f"{_DISTINCT} whose multiply-accumulates and activations are numbers; the 2,000 points that most packages have",
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
        ask=f"""WITH costed AS (SELECT {_FRAMEWORK} AS framework, weight_bytes + peak_bytes AS memory, macs FROM distinct_models
    JOIN (SELECT number, weight_bytes, peak_bytes, macs FROM network WHERE macs > 0 AND peak_bytes IS NOT NULL) USING (number) WHERE latest),
long AS (SELECT * FROM costed UNION ALL SELECT 'all', memory, macs FROM costed)
SELECT framework, count(*) AS models, median(memory)::BIGINT AS memory, median(macs)::BIGINT AS macs, quantile_cont(macs, 0.9)::BIGINT AS macs_90,
    {share("count(*) FILTER (macs < 568740352)", "count(*)")} AS below_mobilenet
FROM long GROUP BY framework ORDER BY {_ORDER}""",
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
        ask="SELECT NULL AS model, NULL AS seconds WHERE false",
        columns=(
            Column("model", "the model"),
            Column("seconds", "estimated time of one inference", "seconds", "estimated"),
        ),
        counting="models",
        absent="time on a device is neither measured nor estimated by this version; MACs (above) say nothing sure of it",
        note="The study: 80 % of its models were estimated to take less than 15 ms on a Snapdragon 845 CPU, by a rule of thumb from FLOPs.",
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
