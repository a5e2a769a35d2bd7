"""R20: generative AI on the device: language models in packages, those of the system, and those that are fetched."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.compare.technologies import FAMILIES
from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import bars, dots
from nngauge.report.shares import high, low, share

RUNTIMES: Final = (
    *(name for name, family in FAMILIES.items() if family == "language models"),
    "stable-diffusion-cpp",
    "flutter-llm",
    "llamasharp",
)
"""Technologies that exist to run generative models on the device."""
SYSTEM: Final = (
    "aicore", "android-ondevice-intelligence", "apple-foundation-models", "apple-image-playground", "mlkit-genai-image-description",
    "mlkit-genai-prompt", "mlkit-genai-proofreading", "mlkit-genai-rewriting", "mlkit-genai-speech-recognition",
    "mlkit-genai-summarization",
)  # fmt: skip
"""Generative models that the operating system provides."""
CLOUD: Final = (
    "ai21", "alibaba-dashscope", "anthropic", "aws-bedrock", "azure-openai", "baichuan", "baidu-ernie", "black-forest-labs", "cerebras",
    "character-ai", "cohere", "deepinfra", "deepseek", "fal-ai", "firebase-ai", "fireworks-ai", "google-generative-ai", "google-vertex-ai",
    "groq", "huggingface-inference", "ideogram", "inworld", "leonardo-ai", "luma-ai", "minimax", "mistral", "moonshot", "novita-ai",
    "nvidia-nim", "ollama", "openai", "openrouter", "perplexity", "pollinations", "replicate", "runway", "sambanova", "sber-gigachat",
    "siliconflow", "stability-ai", "stepfun", "together-ai", "vercel-ai-sdk", "volcengine-ark",
)  # fmt: skip
"""Services that answer with generated text or pictures."""


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"'{name}'" for name in names)


_TASKS: Final = "('language-model', 'image-generation')"
_WAYS: Final = f"""WITH kinds AS (SELECT edition, bool_or(technology IN ({_listed(RUNTIMES)})) AS runtime, bool_or(technology IN ({_listed(SYSTEM)})) AS system,
    bool_or(technology IN ({_listed(CLOUD)})) AS cloud FROM technologies GROUP BY edition),
bundled AS (SELECT edition, snapshot FROM models WHERE task IN {_TASKS}
    UNION SELECT edition, snapshot FROM models SEMI JOIN (SELECT number FROM network WHERE lm_role = 'decoder') AS decoders USING (number)),
ways AS (SELECT editions.snapshot, editions.edition, bundled.edition IS NOT NULL AS bundled, coalesce(runtime, false) AS runtime, coalesce(system, false) AS system,
    coalesce(cloud, false) AS cloud FROM editions LEFT JOIN kinds USING (edition) LEFT JOIN bundled USING (edition)),
delivered AS (SELECT snapshot, edition, CASE WHEN bundled THEN 'in the package' WHEN runtime THEN 'runtime without a model' WHEN system THEN 'of the system'
    WHEN cloud THEN 'in the cloud only' ELSE 'none found' END AS delivery, cloud FROM ways)"""
_DELIVERY: Final = "['in the package', 'runtime without a model', 'of the system', 'in the cloud only', 'none found']"

REPORT: Final = Report(
    id="R20",
    name="generative",
    title="Generative AI on the device",
    question="Which apps generate text or pictures on the phone, with which runtimes and models, how large are they, and how do they come?",
    origin="no publication yet",
    limitations=(
        "A runtime without a model in the package downloads its model, or takes one that the user brings; a package does not tell which.",
    ),
    parts=(
        Part(
            name="delivery",
            title="Where the generative model comes from",
            ask=f"""{_WAYS}
SELECT snapshot, delivery, count(*) AS packages, sum(count(*)) OVER (PARTITION BY snapshot)::BIGINT AS whole,
    {share("count(*)", "sum(count(*)) OVER (PARTITION BY snapshot)")} AS share,
    {low("count(*)", "sum(count(*)) OVER (PARTITION BY snapshot)")} AS low,
    {high("count(*)", "sum(count(*)) OVER (PARTITION BY snapshot)")} AS high, count(*) FILTER (cloud) AS cloud_too
FROM delivered GROUP BY snapshot, delivery ORDER BY snapshot, list_position({_DELIVERY}, delivery)""",
            columns=(
                Column("snapshot", "name of the snapshot"),
                Column(
                    "delivery",
                    "in the package; runtime without a model: fetched or brought; of the system; in the cloud only; none found. "
                    "The first that holds counts",
                ),
                Column("packages", "packages", "count"),
                Column("whole", "all packages with a result, the denominator", "count"),
                Column("share", "packages ÷ whole", "share"),
                Column("low", "lower end of its 95 % interval (Wilson)", "share", "computed"),
                Column("high", "upper end", "share", "computed"),
                Column("cloud_too", "of the packages, those with a generative cloud service", "count"),
            ),
            counting="packages of a snapshot that have a result, each once",
            needs=("technology",),
        ),
        Part(
            name="technologies",
            title="Runtimes and system models",
            ask=f"""WITH whole AS (SELECT count(*) AS packages FROM editions WHERE latest),
bundled AS (SELECT DISTINCT edition FROM models WHERE latest AND task IN {_TASKS})
SELECT technology, any_value(title) AS title, CASE WHEN technology IN ({_listed(SYSTEM)}) THEN 'of the system' ELSE 'runtime' END AS kind,
    count(*) AS packages, any_value(whole.packages) AS whole, {share("count(*)", "any_value(whole.packages)")} AS share,
    count(bundled.edition) AS with_model
FROM technologies LEFT JOIN bundled USING (edition) CROSS JOIN whole
WHERE latest AND technology IN ({_listed((*RUNTIMES, *SYSTEM))}) GROUP BY technology ORDER BY packages DESC, technology""",
            columns=(
                Column("technology", "rule id"),
                Column("title", "name for people"),
                Column("kind", "runtime in the package, or model of the system"),
                Column("packages", "packages of the latest snapshot with it", "count"),
                Column("whole", "all packages with a result, the denominator", "count"),
                Column("share", "packages ÷ whole", "share"),
                Column("with_model", "of the packages, those with a generative model inside", "count"),
            ),
            counting="packages of the latest snapshot; one with several technologies counts for each",
            needs=("technology",),
            chart=partial(bars, value="packages", by="title", colour="kind", stacked=True, title="packages"),
        ),
        Part(
            name="models",
            title="Language models in packages",
            ask="""WITH found AS (SELECT number, format, distinct_models.size, packages, lm_role, lm_family, lm_architecture, network.parameters, lm_bits_per_weight,
    weight_bytes, lm_context, lm_layers, lm_embedding, lm_vocabulary, lm_cache_bytes, lm_cache_bytes * lm_context AS cache_full
    FROM distinct_models JOIN network USING (number) WHERE latest AND lm_role IS NOT NULL ORDER BY network.parameters DESC NULLS LAST, number LIMIT 200),
named AS (SELECT number, min(digest) AS digest, mode(name ORDER BY name) AS name FROM model SEMI JOIN found USING (number) GROUP BY number)
SELECT name, lm_role, lm_family, lm_architecture, format, parameters, lm_bits_per_weight AS bits_per_weight, weight_bytes, size, lm_context AS context,
    lm_layers AS layers, lm_embedding AS width, lm_vocabulary AS vocabulary, lm_cache_bytes AS cache_bytes, cache_full, packages, digest
FROM found JOIN named USING (number) ORDER BY parameters DESC NULLS LAST, digest""",
            columns=(
                Column("name", "file name it goes by most often"),
                Column("lm_role", "decoder, text encoder, speech recogniser …"),
                Column("lm_family", "family for people"),
                Column("lm_architecture", "in the words of the file"),
                Column("format", "format"),
                Column("parameters", "weights", "parameters", "computed"),
                Column("bits_per_weight", "bits of all tensors ÷ parameters", "", "computed"),
                Column("weight_bytes", "bytes of the weights as stored", "bytes", "computed"),
                Column("size", "bytes of the file", "bytes"),
                Column("context", "tokens it was trained or exported for", "count"),
                Column("layers", "transformer blocks", "count"),
                Column("width", "width of the embedding", "count"),
                Column("vocabulary", "tokens known", "count"),
                Column("cache_bytes", "key-value cache of one token in float16", "bytes", "computed"),
                Column("cache_full", "key-value cache of the whole context", "bytes", "computed"),
                Column("packages", "packages that have it", "count"),
                Column("digest", "digest of the model"),
            ),
            counting="distinct language models of the latest snapshot; the 200 with most parameters",
            needs=("network.lm_role",),
            chart=partial(
                dots,
                x="parameters",
                y="size",
                colour="lm_family",
                size="packages",
                x_title="parameters",
                y_title="bytes of the file",
            ),
        ),
    ),
)
