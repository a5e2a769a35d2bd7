"""R5: what the libraries of AI runtimes weigh, for each ABI, and what it costs to ship several."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report, Unit
from nngauge.report.figures import bars, boxes
from nngauge.report.shares import share

_QUANTILES: Final = ("p5", "quarter", "median", "three_quarters", "p95")
_COUNTING: Final = "packages of the latest snapshot that have a result, each once"


def _quantile_columns(what: str, unit: Unit) -> tuple[Column, ...]:
    return (
        Column("p5", f"5 % have at most this: {what}", unit),
        Column("quarter", "25 % have at most this", unit),
        Column("median", "50 % have at most this", unit),
        Column("three_quarters", "75 % have at most this", unit),
        Column("p95", "95 % have at most this", unit),
        Column("mean", "mean", unit),
    )


def _quantiles(amount: str, whole: str = "::BIGINT") -> str:
    asked = f"quantile_cont(({amount})::DOUBLE, [0.05, 0.25, 0.5, 0.75, 0.95])"
    told = ", ".join(f"{asked}[{at}]{whole} AS {column}" for at, column in enumerate(_QUANTILES, 1))
    return f"{told}, avg({amount}){whole} AS mean"


LAYERS: Final = (
    ("tflite", "mediapipe"), ("litert", "mediapipe"), ("litert-lm", "mediapipe"), ("tflite", "litert-lm"), ("litert", "litert-lm"),
    ("tflite", "litert"), ("tflite", "tensorflow"), ("ggml", "llama-cpp"), ("ggml", "stable-diffusion-cpp"), ("ggml", "whisper-cpp"),
    ("onnxruntime", "onnxruntime-genai"), ("dlib", "onnxruntime-genai"), ("onnxruntime", "sherpa-onnx"), ("tvm", "mlc-llm"),
    ("tvm", "mxnet"),
)  # fmt: skip
"""Runtimes that are the lower layer of another one (`inside` in their rules): where both are, they are one product. Outermost
first."""
_PAIRS: Final = ", ".join(f"({at}, '{inner}', '{outer}')" for at, (inner, outer) in enumerate(LAYERS))
_PRODUCTS: Final = f"""layers AS (SELECT * FROM (VALUES {_PAIRS}) AS layer(place, technology, outside)),
runtimes AS (SELECT edition, technology FROM technologies WHERE latest AND category = 'runtime'
    AND grade IN ('runtime library', 'inside another library', 'packed library')),
products AS (SELECT edition, technology, coalesce(any_value(product), technology) AS product FROM runtimes LEFT JOIN (
    SELECT edition, layers.technology, arg_min(outside, place) AS product FROM layers JOIN runtimes ON runtimes.technology = outside
    GROUP BY ALL) AS above USING (edition, technology) GROUP BY edition, technology),
files AS (SELECT edition, path, abi, size, unnest(string_split(technologies, ',')) AS technology FROM (
    SELECT edition, library.path, library.abi, library.size, library.technologies FROM editions JOIN library USING (app)
    WHERE latest AND library.technologies <> '')),
carried AS (SELECT edition, abi, path, any_value(size) AS size, min(product) AS product FROM files
    JOIN products USING (edition, technology) GROUP BY edition, abi, path),
weighed AS (SELECT edition, abi, product, sum(size)::BIGINT AS bytes FROM carried GROUP BY edition, abi, product),
several AS (SELECT edition, abi, count(*) AS runtimes, sum(bytes)::BIGINT AS bytes, (sum(bytes) - max(bytes))::BIGINT AS redundant
    FROM weighed GROUP BY edition, abi),
main AS (SELECT edition, arg_max(struct_pack(abi := abi, runtimes := runtimes, bytes := bytes, redundant := redundant), bytes) AS best
    FROM several GROUP BY edition)"""
"""`main`: of each package the ABI with most bytes of runtimes; a library with two runtimes inside is there once."""

REPORT: Final = Report(
    id="R5",
    name="storage",
    title="What runtimes weigh",
    question="How many bytes do the libraries of AI runtimes take, for each ABI, and how many are redundant in apps with several?",
    origin="WWW'19 Figure 6 and §4.4",
    parts=(
        Part(
            name="runtimes",
            title="Size of runtimes' own libraries",
            ask=f"""WITH own AS (SELECT technology, title, abi, edition, max(detection.library_bytes) AS bytes
    FROM editions JOIN detection USING (app) WHERE latest AND detection.category = 'runtime' AND presence = 'library'
        AND confidence <> 'possible' AND detection.library_bytes IS NOT NULL
    GROUP BY technology, title, abi, edition)
SELECT technology, any_value(title) AS title, coalesce(abi, 'one') AS abi, count(*) AS packages, {_quantiles("bytes")}
FROM own GROUP BY technology, abi ORDER BY max(count(*)) OVER (PARTITION BY technology) DESC, technology, abi""",
            columns=(
                Column("technology", "id of its rule"),
                Column("title", "name for people"),
                Column("abi", "Android ABI or Mach-O CPU"),
                Column("packages", "packages that ship a library of its own for this ABI", "count"),
                *_quantile_columns("bytes of the library, uncompressed", "bytes"),
            ),
            counting="packages of the latest snapshot with a library of the runtime's own (not inside another one), once an ABI",
            needs=("detection.library_bytes",),
            chart=partial(
                boxes,
                by="title",
                colour="abi",
                quantiles=_QUANTILES,
                logarithmic=True,
                title="bytes, uncompressed",
                most=12,
            ),
            note="Where a package has several files of one runtime for an ABI, the largest counts.",
        ),
        Part(
            name="libraries",
            title="Libraries with AI and others",
            ask=f"""WITH told AS (SELECT coalesce(library.abi, 'one') AS abi, library.technologies <> '' AS ai, library.size
    FROM editions JOIN library USING (app) WHERE latest)
SELECT abi, CASE WHEN ai THEN 'with AI' ELSE 'without' END AS inside, count(*) AS libraries, {_quantiles("size")}
FROM told GROUP BY abi, ai ORDER BY count(*) DESC, abi, ai DESC""",
            columns=(
                Column("abi", "Android ABI or Mach-O CPU"),
                Column("inside", "with AI: a technology was found in it; or without"),
                Column("libraries", "native binaries; the same one in two packages counts twice", "count"),
                *_quantile_columns("bytes, uncompressed", "bytes"),
            ),
            counting="native binaries in the packages of the latest snapshot",
            needs=("library",),
            chart=partial(
                boxes, by="abi", colour="inside", quantiles=_QUANTILES, logarithmic=True, title="bytes, uncompressed"
            ),
        ),
        Part(
            name="shares",
            title="Bytes of AI in apps with a runtime",
            ask=f"""WITH told AS (SELECT unnest(['libraries with AI', 'models', 'all native libraries']) AS part,
    unnest([ai_library_bytes, model_bytes, library_bytes]) AS bytes, size FROM editions WHERE latest AND runtime_present)
SELECT part, count(*) AS packages, {_quantiles("bytes")}, {share("sum(bytes)", "sum(size)")} AS of_packages
FROM told WHERE bytes IS NOT NULL GROUP BY part ORDER BY part""",
            columns=(
                Column("part", "what is weighed, all ABIs together"),
                Column("packages", "packages with a runtime", "count"),
                *_quantile_columns("bytes, uncompressed", "bytes"),
                Column(
                    "of_packages",
                    "sum of these bytes ÷ sum of the packages' bytes as shipped, which may be compressed",
                    "ratio",
                ),
            ),
            counting=_COUNTING + ", that ship a runtime",
            needs=("app.ai_library_bytes",),
            chart=partial(boxes, by="part", quantiles=_QUANTILES, title="bytes, uncompressed"),
        ),
        Part(
            name="several",
            title="Runtimes in one package",
            ask=f"""WITH counted AS (SELECT edition, count(*) AS runtimes FROM technologies
    WHERE latest AND category = 'runtime' AND shipped GROUP BY edition)
SELECT runtimes, count(*) AS packages, {share("count(*)", "sum(count(*)) OVER ()")} AS share FROM counted GROUP BY runtimes ORDER BY runtimes""",
            columns=(
                Column("runtimes", "different runtimes that are shipped, those inside others included", "count"),
                Column("packages", "packages with so many", "count"),
                Column("share", "÷ packages that ship a runtime", "share"),
            ),
            counting=_COUNTING + ", that ship the code of a runtime",
            needs=("technology",),
            chart=partial(
                bars, value="share", by="runtimes", percent=True, title="share of packages that ship a runtime"
            ),
        ),
        Part(
            name="overhead",
            title="What several runtimes cost",
            ask=f"""WITH {_PRODUCTS},
told AS (SELECT edition, best.abi AS abi, best.runtimes AS runtimes, best.bytes AS bytes, best.redundant AS redundant,
    editions.size AS size FROM main JOIN editions USING (edition) WHERE best.runtimes > 1)
SELECT coalesce(abi, 'one') AS abi, count(*) AS packages, avg(runtimes) AS runtimes, avg(bytes)::BIGINT AS bytes,
    avg(redundant)::BIGINT AS redundant, median(redundant)::BIGINT AS median_redundant,
    {share("sum(redundant)", "sum(size)")} AS of_package
FROM told GROUP BY abi ORDER BY packages DESC, abi""",
            columns=(
                Column("abi", "of each package the ABI with most bytes of runtimes"),
                Column("packages", "packages with several runtimes for this ABI", "count"),
                Column(
                    "runtimes", "runtimes in one, on average; layers of one product (ggml below llama.cpp) count once"
                ),
                Column("bytes", "bytes of the libraries that hold them, on average", "bytes"),
                Column("redundant", "bytes of all but the largest runtime, on average", "bytes"),
                Column("median_redundant", "the same, median", "bytes"),
                Column("of_package", "sum of redundant ÷ sum of the packages' bytes as shipped", "share"),
            ),
            counting=_COUNTING + ", that have libraries of two or more runtimes",
            needs=("library",),
            note=(
                "Redundant, as in the WWW'19 study: what would be saved if one runtime served all models. Libraries are "
                "uncompressed, packages as shipped."
            ),
        ),
    ),
    limitations=(
        "A runtime that is linked into the app's own library is weighed with all of that library, and only in 'overhead'.",
    ),
)
