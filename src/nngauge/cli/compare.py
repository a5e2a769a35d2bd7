"""``nngauge compare``: what differs between two models."""

from __future__ import annotations

from pathlib import Path

import click

from nngauge.cli.screen import write_json


@click.command("compare", short_help="What differs between two models.")
@click.argument("first", type=click.Path(exists=True, path_type=Path))
@click.argument("second", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--all", "everything", is_flag=True, help="Every layer, also those that are the same.")
@click.option("--no-weights", is_flag=True, help="Do not read and compare weights.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when they differ, as git diff does.")
def command(first: Path, second: Path, as_json: bool, everything: bool, no_weights: bool, exit_code: bool) -> None:
    """Compares two model files, of one format or of two: interface, layers, weights, precision, cost.

    Axis order, axes of one and names do not count as differences of a layer. Exit code 0 unless --exit-code is given.
    """
    from nngauge.api import compare_models

    comparison = compare_models(first, second, weights=not no_weights)
    if as_json:
        from nngauge.words.documents import encode_comparison

        write_json(encode_comparison(comparison))
    else:
        from nngauge.cli.screen import show
        from nngauge.screen.model_comparison import render_comparison

        show(render_comparison(comparison, everything=everything))
    raise click.exceptions.Exit(int(exit_code and not comparison.same))
