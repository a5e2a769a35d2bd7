"""What recipes make of real models: size, agreement and signal to noise, as a table for docs/building.md.

``python -m benchmarks.written MODEL…`` writes each model by each recipe into a folder that is thrown away.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from nngauge.api import open_model
from nngauge.compress.building import Plan, build
from nngauge.compress.ready import Wanted
from nngauge.compress.writing import Recipe, writer_for
from nngauge.domain.compression import Refusal
from nngauge.domain.written import Written

RECIPES = (Recipe.INT8_DYNAMIC, Recipe.INT8_WEIGHTS, Recipe.INT4_WEIGHTS, Recipe.INT8_STATIC, Recipe.FLOAT16)


def cell(found: Written | Refusal) -> str:
    if isinstance(found, Refusal):
        return found.reason
    cut = f"{100 * (found.after.file / found.before.file - 1):+.0f} %"
    if found.likeness is None:
        return f"{cut}, not run"
    agreement = found.likeness.agreement
    share = "identical" if found.likeness.identical else "withheld"
    if agreement is not None and agreement.share is not None and not found.likeness.identical:
        share = f"{agreement.rule.value} {100 * agreement.share:.1f} %"
    ratio = f", {found.likeness.sqnr:.1f} dB" if found.likeness.sqnr is not None else ""
    return f"{cut}, {share}{ratio}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, nargs="+")
    print("| model | size |", " | ".join(RECIPES), "|")
    print("|---|---:|" + "---|" * len(RECIPES))
    for model in parser.parse_args().model:
        cells = []
        with open_model(model) as extracted:
            form = extracted.format.name
        for recipe in RECIPES:
            writer = writer_for(form, recipe)
            assert writer is not None
            with tempfile.TemporaryDirectory() as folder:
                plan = Plan(
                    writer=writer,
                    recipe=recipe,
                    output=Path(folder) / f"o{writer.suffix}",
                    wanted=Wanted(inputs=64, seconds=10),
                )
                cells.append(cell(build(model, plan, open_model)))
        print(f"| {model.name} | {model.stat().st_size / 1000:,.0f} kB |", " | ".join(cells), "|")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
