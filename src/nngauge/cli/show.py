"""``nngauge show``: one model file, no app around it."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command("show", short_help="What one model file is.")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Facts as JSON.")
def command(path: Path, as_json: bool) -> None:
    """Reads one model file, or a directory-shaped model such as .mlpackage: inputs, outputs, size, operations."""
    from nngauge.api import read_model

    model = read_model(path)
    if as_json:
        from nngauge.report.documents import encode_model

        sys.stdout.buffer.write(encode_model(model) + b"\n")
        return
    from nngauge.cli.screen import show
    from nngauge.report.model_card import render_model

    show(render_model(model))
