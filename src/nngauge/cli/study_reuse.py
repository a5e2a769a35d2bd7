"""``nngauge study reuse``: the same model, again."""

from __future__ import annotations

from pathlib import Path

import click

from nngauge.cli.screen import write_json


@click.command("reuse", short_help="Which models are used again.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--snapshot", help="Only models of this snapshot (default: of all; versions of one app count once).")
@click.option("--groups", type=click.IntRange(min=1), default=20, show_default=True, help="Groups shown of each kind.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(folder: Path, snapshot: str | None, groups: int, *, as_json: bool) -> None:
    """Which models are used again: the same file, the same weights in other formats, some of the weights, the same graph.

    Shares are told of all models and without those that come with SDKs. A fifth of the weights in common, and at most
    three layers that differ, are the rules of earlier studies.
    """
    from nngauge.compare.reuse import reuse
    from nngauge.store.warehouse import Warehouse
    from nngauge.study import look

    with look(folder) as ledger, Warehouse(folder, ledger) as facts:
        found = reuse(facts, groups=groups, snapshot=snapshot)
    if as_json:
        import msgspec

        write_json(msgspec.json.encode(found))
    else:
        from nngauge.cli.screen import show
        from nngauge.screen.reuse import render_reuse

        show(render_reuse(found))
