"""``nngauge view``: one model in Netron, the viewer that people know."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click

from nngauge.cli import EXIT_ERROR


@click.command("view", short_help="Open one model file in Netron.")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--port", type=click.IntRange(1, 65535), help="Port of the local server (default: Netron's own).")
@click.option("--no-browser", is_flag=True, help="Only serve; open no browser.")
def command(path: Path, port: int | None, no_browser: bool) -> None:
    """Serves PATH on this machine with Netron (https://netron.app) until stopped, and opens a browser.

    Needs the `netron` package: pip install "nngauge[view]".
    """
    try:
        netron = import_module("netron")
    except ImportError:
        click.echo('nngauge: the netron package is not installed: pip install "nngauge[view]"', err=True)
        raise click.exceptions.Exit(EXIT_ERROR) from None
    netron.start(str(path), address=port, browse=not no_browser)
    netron.wait()
