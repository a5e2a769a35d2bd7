"""``nngauge study diff``: what changed between two snapshots."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from nngauge.cli.screen import write_json

_SHOWN: Final = 1
"""Changes of each kind that a screen shows; of one package all are shown."""


@click.command("diff", short_help="What changed between two snapshots.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.argument("first")
@click.argument("second")
@click.option("--app", metavar="PACKAGE", help="Only the package with this application id or bundle identifier.")
@click.option("--json", "as_json", is_flag=True, help="Totals and every change as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Every change as CSV, one a row.")
@click.option(
    "--limit", type=click.IntRange(min=0), help="Changes of each kind (default: all; on the screen, 1 unless --app)."
)
def command(
    folder: Path, first: str, second: str, app: str | None, limit: int | None, *, as_json: bool, as_csv: bool
) -> None:
    """Who adopted, dropped and switched from snapshot FIRST to SECOND; models added, removed, changed, and how.

    A package is known again by its platform and application id; of several versions in one snapshot the highest counts.
    Packages in only one of the snapshots are new or gone, not check-ins or check-outs.
    """
    from nngauge.compare.snapshots import compare_snapshots
    from nngauge.store.warehouse import Warehouse
    from nngauge.study import look

    if limit is None and app is None and not (as_json or as_csv):
        limit = _SHOWN
    with look(folder) as ledger, Warehouse(folder, ledger) as facts:
        difference = compare_snapshots(facts, first, second, app=app, most=limit)
    if as_json:
        from nngauge.words.documents import encode_snapshots

        write_json(encode_snapshots(difference))
    elif as_csv:
        from nngauge.screen.snapshots import changes_csv

        sys.stdout.write(changes_csv(difference.changes))
    else:
        from nngauge.cli.screen import show
        from nngauge.screen.snapshots import render_snapshots

        show(render_snapshots(difference))
