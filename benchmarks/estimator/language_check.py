"""How far off estimates for chips without rows are on figures that nobody fitted to: an app's, with llama.cpp on the processor.

    python -m benchmarks.estimator.language_check

``language_check_rows.csv``: medians of 60 to 90 prompts (19 to 772 tokens, answers up to 640), Q4_K_M files (Qwen3 in Q8_0), as
https://github.com/alpharomercoma/openweights publishes them (docs/research/benchmark-matrix.md@553d5bd, read 2026-11-22; models whose
configuration is in language_models.csv). Its Snapdragon 8 Elite has rows here: what the app itself takes shows there.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from statistics import median
from typing import Any, Final

from benchmarks.estimator.language_fit import MODELS, RESULTS
from benchmarks.estimator.npu_rows import HERE
from nngauge.domain.estimate import Estimate, Setting, Unit
from nngauge.domain.language import AttentionLayer, LanguageModel, Role
from nngauge.estimate import language

CONTEXT: Final = 512
"""Tokens, about the middle of prompt and answer."""


def model_of(name: str, bits: float, output_bits: float) -> LanguageModel:
    """As nngauge reads it from a file with so many bits a weight."""
    number = {key: int(value) if value else 0 for key, value in MODELS[name].items() if key != "model"}
    width, heads = number["embedding"], number["heads"] * number["head_width"]
    keys = number["kv_heads"] * number["head_width"]
    layer = 2 * width * heads + 2 * width * keys + 3 * width * number["feed_forward"]
    blocks = int(number["blocks_m"] * 1e6) or number["layers"] * layer
    table = width * number["vocabulary"]
    attention = (AttentionLayer(key_width=keys, value_width=keys),) * (number["attention_layers"] or number["layers"])
    return LanguageModel(
        role=Role.DECODER, architecture=name, family=name, source="published configuration", parameters=blocks + table,
        weight_bytes=int((blocks * bits + table * output_bits) / 8), layers=number["layers"], embedding=width,
        feed_forward=number["feed_forward"], heads=number["heads"], kv_heads=number["kv_heads"], head_width=number["head_width"],
        vocabulary=number["vocabulary"], attention=attention,
    )  # fmt: skip


def check() -> dict[str, Any]:
    """Chip → estimate ÷ published in the middle, and how many were inside the intervals; or why there is no estimate."""
    found: dict[str, Any] = defaultdict(lambda: {"ratios": [], "inside": 0})
    with (HERE / "language_check_rows.csv").open(encoding="utf-8") as text:
        for row in csv.DictReader(text):
            model = model_of(row["model"], float(row["bits"]), float(row["output_bits"]))
            told = language.estimate(model, Setting(device=row["device"], unit=Unit.BIG), context=CONTEXT)
            if isinstance(told, Estimate):
                found[row["device"]]["ratios"].append(told.value / float(row["decode"]))
                found[row["device"]]["inside"] += told.low <= float(row["decode"]) <= told.high
            else:
                found[row["device"]]["refused"] = told.explanation
    return {
        chip: {**one, "middle": median(one["ratios"]) if one["ratios"] else None, "rows": len(one["ratios"])}
        for chip, one in found.items()
    }


if __name__ == "__main__":
    results = json.loads(RESULTS.read_text("utf-8"))
    results["check"] = check()
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", "utf-8")
    for chip, one in results["check"].items():
        print(chip, one)
