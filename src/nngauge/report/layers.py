"""R10: what models are built of, for each kind of input."""

from __future__ import annotations

from functools import partial
from typing import Final

from nngauge.report._api import Column, Part, Report
from nngauge.report.figures import tiles
from nngauge.report.shares import share

_MODALITY: Final = Column("modality", "what goes in: image, audio, text, sensor, table or unknown")
_FAMILY: Final = Column("family", "family of operators: convolution, dense, activation … (docs/operators.md)")
_OF_MODALITY: Final = "OVER (PARTITION BY modality)"

REPORT: Final = Report(
    id="R10",
    name="layers",
    title="What models are built of",
    question="Which families of layers do models have, by what goes in, and which of them do the work?",
    origin="WWW'19 Table 3; IMC'21, layer composition by modality",
    parts=(
        Part(
            name="families",
            title="Layers by modality",
            ask=f"""WITH read AS (SELECT number, coalesce(modality, 'unknown') AS modality FROM distinct_models
    SEMI JOIN (SELECT number FROM network WHERE reason IS NULL) AS analysed USING (number) WHERE latest AND nodes > 0),
whole AS (SELECT modality, count(*) AS read_models FROM read GROUP BY modality)
SELECT modality, family, count(*) AS models, any_value(read_models) AS read_models,
    {share("count(*)", "any_value(read_models)")} AS models_share, sum(layers)::BIGINT AS layers,
    {share("sum(layers)", f"sum(sum(layers)) {_OF_MODALITY}")} AS layers_share,
    sum(macs)::BIGINT AS macs, {share("sum(macs)", f"sum(sum(macs)) {_OF_MODALITY}")} AS macs_share,
    sum(parameters)::BIGINT AS parameters, {share("sum(parameters)", f"sum(sum(parameters)) {_OF_MODALITY}")} AS parameters_share
FROM read JOIN family USING (number) JOIN whole USING (modality)
GROUP BY modality, family ORDER BY read_models DESC, modality, layers DESC, family""",
            columns=(
                _MODALITY,
                _FAMILY,
                Column("models", "distinct models with a layer of the family", "count"),
                Column(
                    "read_models", "distinct models of the modality whose layers were read, the denominator", "count"
                ),
                Column("models_share", "models ÷ read_models", "share"),
                Column("layers", "layers of the family in all of them", "count"),
                Column("layers_share", "layers ÷ all layers of the modality's models", "share"),
                Column(
                    "macs",
                    "multiply-accumulates of one inference of each model, where they are a number",
                    "macs",
                    "computed",
                ),
                Column("macs_share", "macs ÷ those of the modality", "share", "computed"),
                Column("parameters", "weights, counted at the first layer that uses them", "parameters", "computed"),
                Column("parameters_share", "parameters ÷ those of the modality", "share", "computed"),
            ),
            counting="layers of the distinct models of the latest snapshot whose operations were read; a large model has more of "
            "them and counts for more",
            needs=("family",),
            chart=partial(
                tiles,
                x="modality",
                y="family",
                value="layers_share",
                percent=True,
                title="share of layers",
            ),
        ),
        Part(
            name="per-model",
            title="Layers by modality, every model counting the same",
            ask=f"""WITH total AS (SELECT number, sum(layers) AS layers FROM family GROUP BY number HAVING sum(layers) > 0),
read AS (SELECT number, coalesce(modality, 'unknown') AS modality, total.layers FROM distinct_models JOIN total USING (number) WHERE latest),
whole AS (SELECT modality, count(*) AS read_models FROM read GROUP BY modality)
SELECT modality, family, any_value(read_models) AS read_models,
    {share("sum(family.layers / read.layers)", "any_value(read_models)")} AS mean_share
FROM read JOIN family USING (number) JOIN whole USING (modality)
GROUP BY modality, family ORDER BY read_models DESC, modality, mean_share DESC, family""",
            columns=(
                _MODALITY,
                _FAMILY,
                Column("read_models", "distinct models of the modality whose layers were read", "count"),
                Column("mean_share", "mean over these models: layers of the family ÷ layers of the model", "share"),
            ),
            counting="distinct models of the latest snapshot whose operations were read; each counts the same",
            needs=("family",),
            chart=partial(
                tiles,
                x="modality",
                y="family",
                value="mean_share",
                percent=True,
                title="mean share",
            ),
        ),
    ),
)
