"""R18: what fewer bits would cost the models of a study: how small they become, and how often they still answer the same."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars, boxes, tiles
from nngauge.report.runs import SPREAD, spread
from nngauge.report.shares import high, low, share

_NEEDS: Final = ("compression",)
_COUNTING: Final = (
    "distinct models of the latest snapshot with a compression table (each its last one), in versions of fewer bits"
)
_TOLD: Final = (
    "Agreement is told where a rule fits the task and the answers differ enough to mean something; it is agreement with the shipped "
    "model on inputs that are no labelled data, never accuracy. Versions that answer the same bit for bit, mostly since the file "
    "has no more bits to lose, are counted and left out: fewer bits are judged of more models."
)
_ORDER: Final = "list_position(['float', 'linear', 'linear_lut', 'kmeans_lut'], scheme)"
_VERSION: Final = Column("version", "bits of all weights, and scheme (docs/compression.md)")
_MODELS: Final = Column("models", "models with a table", "count")
_JUDGED: Final = Column("judged", "of models, those whose agreement is told and that changed", "count")
_SAME: Final = Column("same", "of models, those that answer the same, bit for bit", "count")
_DRAWN: Final = 10
"""Versions of 16 to 4 bits: below, decibels are far below 0."""
_KEEP: Final = (0.95, 0.99)
"""Agreement from which on a model counts as kept."""


def _quantiles(first: str, unit: str = "", basis: str = "measured") -> tuple[Column, ...]:
    meanings = (first, "a quarter", "half", "three quarters", "95 %")
    return tuple(
        Column(name, meaning, unit, basis)  # type: ignore[arg-type]
        for name, meaning in zip(SPREAD, meanings, strict=True)
    )


def _kept(least: float) -> str:
    return f"count(*) FILTER (told >= {least!r})"


AGREEMENT: Final = Part(
    name="agreement",
    title="Bits and schemes: agreement with the shipped model",
    ask=f"""SELECT version, count(*) AS models, count(told) AS judged, count(*) FILTER (identical) AS same, {spread("told")},
    {share(_kept(0.95), "count(told)")} AS keep_95, {share(_kept(0.99), "count(told)")} AS keep_99, median(packed) AS packed
FROM compressed_versions GROUP BY version, bits, scheme ORDER BY bits DESC, {_ORDER}""",
    columns=(
        _VERSION,
        _MODELS,
        _JUDGED,
        _SAME,
        *_quantiles("5 % of these models agree in at most this share of the inputs", "share"),
        Column("keep_95", "share of the judged models that agree in at least 95 % of the inputs", "share", "measured"),
        Column("keep_99", "at least 99 %", "share", "measured"),
        Column("packed", "packed size ÷ shipped size, median over the models", "ratio", "computed"),
    ),
    counting=_COUNTING,
    needs=_NEEDS,
    chart=partial(
        boxes, by="version", quantiles=SPREAD, title="share of inputs with the same answer; whiskers: 5 % and 95 % of the models",
        percent=True,
    ),
    note=_TOLD,
)  # fmt: skip

KEPT: Final = Part(
    name="kept",
    title="How many models keep their answers",
    ask=f"""WITH judged AS (SELECT version, bits, scheme, told, low, unnest({list(_KEEP)}) AS least FROM compressed_versions WHERE told IS NOT NULL)
SELECT version, 'at least ' || (100 * least)::INT || ' %' AS agreement, count(*) AS judged, count(*) FILTER (told >= least) AS kept,
    {share("count(*) FILTER (told >= least)", "count(*)")} AS share, {low("count(*) FILTER (told >= least)", "count(*)")} AS low,
    {high("count(*) FILTER (told >= least)", "count(*)")} AS high, count(*) FILTER (low >= least) AS surely
FROM judged GROUP BY version, bits, scheme, least ORDER BY bits DESC, {_ORDER}, least""",
    columns=(
        _VERSION,
        Column("agreement", "share of the inputs with the same answer"),
        _JUDGED,
        Column("kept", "of them, those that agree so often", "count"),
        Column("share", "kept ÷ judged", "share", "measured"),
        Column("low", "lower end of its 95 % interval, for a market of which these are a sample", "share", "measured"),
        Column("high", "upper end", "share", "measured"),
        Column("surely", "of kept, those whose own 95 % interval lies above it, too", "count"),
    ),
    counting=_COUNTING,
    needs=_NEEDS,
    chart=partial(bars, value="share", by="version", colour="agreement", percent=True, low="low", high="high",
                  title="share of the models that keep their answers"),
    note=f"{_TOLD} With 129 inputs one other answer is 99.2 %, with 20 inputs it is 95 %.",
)  # fmt: skip

_SMALL: Final = Part(
    name="sizes",
    title="Sizes",
    ask=f"""SELECT version, count(*) AS models, {spread("packed")}, median(deflated_bytes / nullif(shipped_deflated, 0)) AS deflated,
    count(file_bytes) AS storable, median(file_bytes / shipped_bytes) AS file
FROM compressed_versions GROUP BY version, bits, scheme ORDER BY bits DESC, {_ORDER}""",
    columns=(
        _VERSION,
        _MODELS,
        *_quantiles("packed size ÷ shipped size: 5 % of the models become at least so small", "ratio", "computed"),
        Column("deflated", "the same of the deflated sizes, median: about what a download takes", "ratio", "computed"),
        Column("storable", "of models, those whose own format has a place for such weights", "count"),
        Column("file", "size of that file ÷ shipped size, median", "ratio", "computed"),
    ),
    counting=_COUNTING,
    needs=_NEEDS,
    chart=partial(boxes, by="version", quantiles=SPREAD, percent=True, title="packed size, of the shipped one; whiskers: 5 % and 95 % of the models"),
    note="Exact arithmetic on the files; models that are stored in as few bits already stay as they are, and are in it.",
)  # fmt: skip

_NOISE: Final = Part(
    name="sqnr",
    title="Signal to quantisation noise",
    ask=f"""SELECT version, count(*) AS models, count(sqnr) AS told, count(*) FILTER (identical) AS same, {spread("sqnr")},
    count(*) FILTER (not_finite > 0) AS broken, count(refused) AS refused
FROM compressed_versions GROUP BY version, bits, scheme ORDER BY bits DESC, {_ORDER}""",
    columns=(
        _VERSION,
        _MODELS,
        Column("told", "of models, those with a ratio", "count"),
        _SAME,
        *_quantiles("5 % of these models have at most so many decibels"),
        Column("broken", "of models, those that answer with NaN or infinity", "count"),
        Column("refused", "of models, those whose version did not run", "count"),
    ),
    counting=_COUNTING,
    needs=_NEEDS,
    chart=partial(boxes, by="version", quantiles=SPREAD, most=_DRAWN, title="decibels, of 4 bits and more; whiskers: 5 % and 95 % of the models"),
    note="Of all outputs, and told on noise, too: it compares versions. Outputs that hardly change with the input flatter it.",
)  # fmt: skip

_FEWEST: Final = Part(
    name="fewest-bits",
    title="The fewest bits that keep the answers",
    ask=f"""WITH least AS (SELECT versions.scheme, number, min(bits) FILTER (agreement >= {_KEEP[0]!r}) AS bits FROM compressed_versions AS versions
    WHERE agreement IS NOT NULL AND scheme <> 'float' GROUP BY versions.scheme, number),
whole AS (SELECT scheme, least.number, coalesce(least.bits, half.bits) AS bits FROM least LEFT JOIN (SELECT number, bits FROM compressed_versions
    WHERE scheme = 'float' AND agreement >= {_KEEP[0]!r}) AS half USING (number))
SELECT scheme, coalesce(bits::VARCHAR, 'as shipped') AS bits, count(*) AS models, {share("count(*)", "sum(count(*)) OVER (PARTITION BY scheme)")} AS share
FROM whole GROUP BY scheme, whole.bits ORDER BY whole.bits DESC NULLS FIRST, {_ORDER}""",
    columns=(
        Column("scheme", "linear, linear_lut or kmeans_lut"),
        Column("bits", "the fewest with which at least 95 % of the answers are the same; 16: half floats; as shipped: none does"),
        Column("models", "models", "count"),
        Column("share", "of those whose agreement is told with this scheme", "share", "measured"),
    ),
    counting=f"{_COUNTING}, whose agreement is told; files of few bits included",
    needs=_NEEDS,
    chart=partial(bars, value="share", by="bits", colour="scheme", percent=True, title="share of the models"),
    note="All weights of a model have the same bits here; `nngauge compress MODEL --budget` chooses for each.",
)  # fmt: skip


def _by(what: str, meaning: str, name: str, title: str) -> Part:
    return Part(
        name=name,
        title=title,
        ask=f"""WITH grouped AS (SELECT *, coalesce({what}, 'unknown') AS part FROM compressed_versions WHERE scheme = 'linear' AND bits IN (8, 6, 4))
SELECT part AS {what}, version, count(*) AS models, count(told) AS judged, count(*) FILTER (identical) AS same, median(told) AS median,
    {share(_kept(0.95), "count(told)")} AS keep_95, {low(_kept(0.95), "count(told)")} AS low, {high(_kept(0.95), "count(told)")} AS high,
    median(sqnr) AS sqnr, median(packed) AS packed
FROM grouped GROUP BY part, version, bits ORDER BY sum(count(*)) OVER (PARTITION BY part) DESC, part, bits DESC""",
        columns=(
            Column(what, meaning),
            _VERSION,
            _MODELS,
            _JUDGED,
            _SAME,
            Column("median", "share of the inputs with the same answer, median over the judged models", "share", "measured"),
            Column("keep_95", "share of the judged models that agree in at least 95 % of the inputs", "share", "measured"),
            Column("low", "lower end of its 95 % interval", "share", "measured"),
            Column("high", "upper end", "share", "measured"),
            Column("sqnr", "decibels, median over all models", "", "measured"),
            Column("packed", "packed size ÷ shipped size, median", "ratio", "computed"),
        ),
        counting=f"{_COUNTING}; linear, 8, 6 and 4 bits",
        needs=_NEEDS,
        chart=partial(tiles, x="version", y=what, value="median", percent=True, title="same answers, median"),
        note=_TOLD,
    )  # fmt: skip


_INPUTS: Final = Part(
    name="inputs",
    title="What the models were run on",
    ask="""WITH told AS (SELECT *, CASE WHEN withheld IS NULL THEN 'told' WHEN rule = 'none' THEN 'not told: no rule for the task'
    WHEN input_source = '1/f noise' THEN 'not told: answers to noise say nothing' WHEN withheld LIKE 'one answer%' THEN 'not told: one answer for most inputs'
    ELSE 'not told: too few different answers' END AS agreement FROM compressions)
SELECT input_source, agreement, count(*) AS models, median(inputs)::BIGINT AS inputs, median(distinct_answers)::BIGINT AS answers,
    median(chance) AS chance, sum(cpu_seconds) AS seconds, min(engine || ' ' || engine_version) AS engine
FROM told GROUP BY input_source, agreement
ORDER BY list_position(['your files', 'bundled samples', '1/f noise'], input_source), models DESC, agreement""",
    columns=(
        Column("input_source", "your files before bundled samples before 1/f noise: the first that the model can use"),
        Column("agreement", "whether it is told, and why not"),
        Column("models", "models with a table", "count"),
        Column("inputs", "inputs each was run on, median", "count"),
        Column("answers", "different answers of the shipped model, median", "count"),
        Column("chance", "agreement that one constant answer would reach, median", "share", "measured"),
        Column("seconds", "processor time of all these tables", "seconds", "measured"),
        Column("engine", "what ran them, one of the engines"),
    ),
    counting="distinct models of the latest snapshot with a compression table",
    needs=_NEEDS,
    note=(
        "Bundled samples are drawn by nngauge, for models that look or listen: no photographs and no recordings. Everything else gets noise. "
        "Your own: nngauge compress STUDY --inputs DIR (docs/compression.md)."
    ),
)  # fmt: skip

_EACH: Final = Part(
    name="models",
    title="Model by model",
    ask=f"""WITH smallest AS (SELECT file, min_by(version, packed_bytes) AS smallest, min(packed_bytes) AS smallest_bytes FROM compressed_versions
    WHERE agreement >= {_KEEP[0]!r} AND low >= 0.8 AND bits > 2 AND packed_bytes < shipped_bytes GROUP BY file),
linear AS (SELECT file, max(agreement) FILTER (bits = 8) AS bits_8, max(agreement) FILTER (bits = 4) AS bits_4, max(sqnr) FILTER (bits = 8) AS sqnr_8,
    max(sqnr) FILTER (bits = 4) AS sqnr_4 FROM compressed_versions WHERE scheme = 'linear' GROUP BY file)
SELECT name, coalesce(task, 'unknown') AS task, format, packages, input_source, inputs, rule, shipped_bytes, bits_8, bits_4, sqnr_8, sqnr_4,
    smallest, smallest_bytes, compressions.file
FROM compressions JOIN linear USING (file) LEFT JOIN smallest USING (file) ORDER BY packages DESC, name, compressions.file LIMIT 2000""",
    columns=(
        Column("name", "file of the model"),
        Column("task", "id of the task (docs/tasks.md)"),
        Column("format", "format name"),
        Column("packages", "packages that have the model", "count"),
        Column("input_source", "what it was run on"),
        Column("inputs", "how many", "count"),
        Column("rule", "when two answers are the same"),
        Column("shipped_bytes", "the model as it is", "bytes"),
        Column("bits_8", "agreement with 8 bits, linear", "share", "measured"),
        Column("bits_4", "with 4 bits, linear", "share", "measured"),
        Column("sqnr_8", "decibels with 8 bits, linear; –: the same, or not finite", "", "measured"),
        Column("sqnr_4", "with 4 bits, linear", "", "measured"),
        Column("smallest", "smallest version of at least 3 bits that keeps 95 %, its interval above 80 %"),
        Column("smallest_bytes", "packed size of it", "bytes", "computed"),
        Column("file", "file below `compressed/` with everything"),
    ),
    counting="distinct models of the latest snapshot with a compression table, the 2,000 that most packages have",
    needs=_NEEDS,
)  # fmt: skip

_PRUNED: Final = Part(
    name="pruned",
    title="Zeros instead of bits",
    ask=f"""WITH swept AS (SELECT compression_row.*, CASE WHEN NOT identical THEN agreement END AS told, packed_bytes / compressions.shipped_bytes AS packed
    FROM compression_row JOIN compressions USING (file) WHERE sparsity IS NOT NULL)
SELECT scope, sparsity, count(*) AS models, count(told) AS judged, {spread("told")}, {share(_kept(0.95), "count(told)")} AS keep_95,
    median(sqnr) AS sqnr, median(packed) AS packed FROM swept GROUP BY scope, sparsity ORDER BY scope DESC, sparsity""",
    columns=(
        Column("scope", "the same share in each layer, or one threshold for the model"),
        Column("sparsity", "share of the weights set to zero, the smallest first", "share"),
        _MODELS,
        _JUDGED,
        *_quantiles("5 % of these models agree in at most this share of the inputs", "share"),
        Column("keep_95", "share of the judged models that agree in at least 95 % of the inputs", "share", "measured"),
        Column("sqnr", "decibels, median over the models", "", "measured"),
        Column("packed", "packed size ÷ shipped size, median", "ratio", "computed"),
    ),
    counting="distinct models of the latest snapshot with a compression table",
    needs=("compression_row.sparsity",),
    note="Without training again, which is what pruning is for.",
)

_COVERAGE: Final = Part(
    name="coverage",
    title="Which models have a table",
    ask=f"""WITH refused AS (SELECT DISTINCT number FROM compression_refusal),
every AS (SELECT distinct_models.*, compressions.number IS NOT NULL AS made, refused.number IS NOT NULL AS refused FROM distinct_models
    LEFT JOIN compressions ON compressions.number = distinct_models.number LEFT JOIN refused ON refused.number = distinct_models.number WHERE latest)
SELECT format, count(*) AS models, count(*) FILTER (made) AS tables, {share("count(*) FILTER (made)", "count(*)")} AS share,
    {share("coalesce(sum(packages) FILTER (made), 0)", "sum(packages)")} AS used, count(*) FILTER (refused AND NOT made) AS without,
    count(*) FILTER (NOT made AND NOT refused) AS untried
FROM every GROUP BY format ORDER BY models DESC, format""",
    columns=(
        Column("format", "format name"),
        Column("models", "distinct models", "count"),
        Column("tables", "of them, those with a compression table", "count"),
        Column("share", "tables ÷ models", "share"),
        Column("used", "the same, each model counted in every package that has it", "share"),
        Column("without", "of models, those that can have none here", "count"),
        Column("untried", "of models, those that nobody tried, or whose files are not kept", "count"),
    ),
    counting="distinct models of the latest snapshot",
    needs=_NEEDS,
    chart=partial(bars, value="share", by="format", percent=True, title="share of the models with a table"),
)

_REFUSED: Final = Part(
    name="refused",
    title="Why others have no table",
    ask="""WITH last AS (SELECT DISTINCT ON (number) * FROM compression_refusal WHERE number IS NOT NULL ORDER BY number, made DESC, file),
one AS (SELECT last.kind, last.format, last.reason, last.hint, packages FROM last
    JOIN (SELECT number, packages FROM distinct_models WHERE latest) USING (number) ANTI JOIN compressions USING (number)
    UNION ALL SELECT kind, '-', reason, hint, NULL FROM compression_refusal WHERE number IS NULL)
SELECT kind, format, count(*) AS models, sum(packages)::BIGINT AS packages, min(reason) AS reason, min(hint) AS hint
FROM one GROUP BY kind, format ORDER BY models DESC, kind, format""",
    columns=(
        Column(
            "kind",
            "no weights, unsupported, missing (the engine), does not run, crashed, timeout, memory, not finite, dynamic, inputs, "
            "too large, unreadable; damaged: a file below `compressed/`",
        ),
        Column("format", "format of the models"),
        Column("models", "distinct models", "count"),
        Column("packages", "packages that have them, in sum", "count"),
        Column("reason", "one of the reasons"),
        Column("hint", "what to do about it"),
    ),
    counting="distinct models of the latest snapshot without a compression table, each by its last refusal",
    needs=("compression_refusal",),
)

REPORT: Final = Report(
    id="R18",
    name="quantisation",
    title="What quantising would do",
    question="How small would the models be with fewer bits, and would their answers stay the same?",
    origin="lecture notes on mobile deep learning: table of bits and methods",
    limitations=(
        "Agreement with the model as it was shipped, never accuracy: nobody who holds only a file knows the right answers.",
        "Weights only, all with the same bits; activations stay as they are. No model was trained again.",
        "Latency of smaller files is not told: no phone ran them (nngauge compress MODEL -o, then nngauge measure).",
        "Models that most packages have come first: after --top or --budget these are no random sample.",
    ),
    parts=(
        AGREEMENT,
        KEPT,
        _FEWEST,
        _SMALL,
        _NOISE,
        _by("task", "id of the task (docs/tasks.md)", "by-task", "By task"),
        _by("format", "format name", "by-format", "By format"),
        _EACH,
        _PRUNED,
        _INPUTS,
        _COVERAGE,
        _REFUSED,
    ),
)
