"""``nngauge show``: one model file, no app around it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngauge.cli.screen import write_json

if TYPE_CHECKING:
    from nngauge.domain.analysis import Analysis

_SORTS = ("index", "macs", "params", "memory", "bytes")


@click.command("show", short_help="What one model file is and costs.")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--input", "inputs", multiple=True, metavar="NAME=SHAPE",
    help="Fix the shape of an input: image=1x224x224x3 (or 1,224,224,3). May be given several times.",
)  # fmt: skip
@click.option("--layers", is_flag=True, help="The per-layer table instead of the summary.")
@click.option("--sort", type=click.Choice(_SORTS), default="index", show_default=True, help="Order of the layers.")
@click.option(
    "--filter", "wanted", metavar="TEXT", default="", help="Only layers whose op, kind, family or name has it."
)
@click.option("--top", type=click.IntRange(min=1), help="Only the first so many layers.")
@click.option("--csv", "as_csv", is_flag=True, help="The layers as CSV.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--graph", type=click.Path(dir_okay=False, path_type=Path), help="Draw the network into this SVG file.")
@click.option("--no-weights", is_flag=True, help="Do not read weights: nothing on sparsity and the like.")
@click.option("--digest", is_flag=True, help="SHA-256 of models above 128 MiB, too.")
def command(
    path: Path,
    inputs: tuple[str, ...],
    layers: bool,
    sort: str,
    wanted: str,
    top: int | None,
    as_csv: bool,
    as_json: bool,
    graph: Path | None,
    no_weights: bool,
    digest: bool,
) -> None:
    """Reads one model file, or a directory-shaped model such as .mlpackage.

    One screen: what goes in and comes out, operations, parameters, multiply-accumulates (MACs), memory, precision,
    warnings. docs/models.md explains every line.
    """
    from nngauge.api import analyse_model

    shapes = dict(shape_of(text) for text in inputs)
    analysis = analyse_model(path, shapes, weights=not no_weights, digest=True if digest else None)
    if graph is not None:
        _draw(analysis, graph)
    if as_json:
        from nngauge.words.documents import encode_analysis

        write_json(encode_analysis(analysis, str(path)))
    elif as_csv or layers or wanted or top or sort != "index":
        _print_layers(analysis, sort, wanted, top, as_csv=as_csv)
    elif graph is None:
        from nngauge.cli.screen import show
        from nngauge.screen.model_card import render_analysis

        show(render_analysis(analysis))


def _print_layers(analysis: Analysis, sort: str, wanted: str, top: int | None, *, as_csv: bool) -> None:
    from nngauge.screen.layers import chosen_layers, layers_csv, render_layers

    rows = chosen_layers(analysis, sort=sort, wanted=wanted, top=top)
    if as_csv:
        click.echo(layers_csv(rows), nl=False)
        return
    from nngauge.cli.screen import show

    show(render_layers(analysis, rows))


def _draw(analysis: Analysis, target: Path) -> None:
    from nngauge.errors import UsageError
    from nngauge.picture.network_svg import render_svg

    picture = render_svg(analysis)
    try:
        target.write_text(picture, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write the picture: {error.strerror}", where=str(target)) from error


def shape_of(text: str) -> tuple[str, tuple[int, ...]]:
    """``image=1x224x224x3`` → name and shape."""
    from nngauge.errors import UsageError

    name, equals, numbers = text.rpartition("=")
    parts = numbers.replace("×", "x").replace(",", "x").split("x") if numbers else []
    if not equals or not name or not all(part.strip().isdecimal() and len(part) < 12 for part in parts):
        raise UsageError(f"--input {text!r} is not NAME=SHAPE", hint="for example: --input image=1x224x224x3")
    return name, tuple(int(part) for part in parts)
