"""The part of ``nngauge compress`` that writes a file by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from nngauge.cli import EXIT_ERROR, EXIT_OK
from nngauge.cli.screen import write_json

if TYPE_CHECKING:
    from nngauge.compress.building import Plan
    from nngauge.compress.ready import Wanted
    from nngauge.compress.writing import Recipe, Writer
    from nngauge.domain.compression import Refusal
    from nngauge.domain.written import Written

RECIPES: Final = (
    "int8-weights", "int4-weights", "int8-dynamic", "int4-dynamic", "int8-static", "int16-static", "float16",
    "palette-8", "palette-6", "palette-4", "q8_0", "q5_0", "q4_0", "modernise",
)  # fmt: skip
"""Names of `nngauge.compress.writing.Recipe` that a user may ask for; which of them a format has is said when it has not."""


def write_by_recipe(
    model: Path,
    output: Path | None,
    recipe: str | None,
    wanted: Wanted,
    *,
    force: bool,
    as_json: bool,
    timeout: float,
    python: str = "",
) -> None:
    """Writes the file, tells what it is, and ends the command. Raises `UsageError` where it cannot be asked for.

    `python`: the interpreter of another environment that has the tool.
    """
    from nngauge.cli.screen import errors
    from nngauge.compress.building import Plan
    from nngauge.compress.writing import Limits

    chosen, writer = _writer(model, recipe)
    target = output or model.with_name(f"{model.stem}-{chosen}{writer.suffix}")
    plan = Plan(writer=writer, recipe=chosen, output=target, wanted=wanted, force=force, limits=Limits(seconds=timeout))
    with errors().status(f"{writer.title}: {chosen}"):
        found = carry_out(model, plan, python)
    tell_written(found, as_json=as_json)


def carry_out(model: Path, plan: Plan, python: str = "") -> Written | Refusal:
    """Builds with our own parser as the reader."""
    from nngauge.api import open_model
    from nngauge.compress.building import build

    return build(model, plan, open_model, python=python)


def tell_written(found: Written | Refusal, *, as_json: bool) -> None:
    """Shows what was written or why not, and ends the command."""
    import msgspec

    from nngauge.cli.screen import show
    from nngauge.domain.compression import Refusal
    from nngauge.screen.written import render_not_written, render_written

    refused = isinstance(found, Refusal)
    if as_json:
        write_json(msgspec.json.encode(found))
    else:
        show(render_not_written(found) if isinstance(found, Refusal) else render_written(found))
    raise click.exceptions.Exit(EXIT_ERROR if refused else EXIT_OK)


def _writer(model: Path, recipe: str | None) -> tuple[Recipe, Writer]:
    """The recipe and who can do it; without one, 8-bit weights."""
    from nngauge.api import open_model
    from nngauge.compress.writing import WRITERS, Recipe, writer_for
    from nngauge.errors import UsageError

    with open_model(model) as extracted:
        form = extracted.format.name
    usual = Recipe.Q8_0 if form == "gguf" else Recipe.INT8_WEIGHTS
    chosen = Recipe(recipe) if recipe else usual
    writer = writer_for(form, chosen)
    if writer is None:
        there = [name for one in WRITERS if form in one.formats for name in RECIPES if name in one.recipes]
        formats = ", ".join(sorted({name for one in WRITERS for name in one.formats}))
        hint = f"recipes: {', '.join(there)}" if there else f"formats that can be written: {formats}"
        raise UsageError(f"no recipe {chosen} for {form}", where=str(model), hint=hint)
    return chosen, writer
