"""``nngauge compare-runs``: faster or slower, by how much, or it cannot be told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nngauge.domain.measurement import Session

_MOST = 1 << 30


@click.command("compare-runs", short_help="Two measurements: faster, slower, or it cannot be told.")
@click.argument("first", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("second", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--matters",
    type=click.FloatRange(0, 100),
    default=2.0,
    show_default=True,
    help="Percent below which a difference is none.",
)
@click.option("--exit-code", is_flag=True, help="1 when something became slower.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def command(first: Path, second: Path, matters: float, exit_code: bool, as_json: bool) -> None:
    """Compares what `nngauge measure -o` kept: the same models in the same configurations.

    A difference is told when its 95 % interval, widened for the number of comparisons, excludes no difference at all and
    it is larger than what matters. Given one file twice, configurations of one session are not compared: see docs/measuring.md.
    """
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.measure.comparison import Verdict, compare, matching
    from nngauge.screen.measurement import render_comparison

    one, other = read_session(first), read_session(second)
    rows = compare(matching(one.measurements, other.measurements), matters=matters / 100)
    if as_json:
        write_json(msgspec.json.encode(rows))
    else:
        show(render_comparison(rows))
    slower = any(row.verdict is Verdict.SLOWER for row in rows)
    raise click.exceptions.Exit(1 if exit_code and slower else 0)


def read_session(path: Path) -> Session:
    """What `nngauge measure -o` kept. Raises `LimitError`, `MalformedError`."""
    import msgspec

    from nngauge.domain.measurement import Session
    from nngauge.errors import LimitError, MalformedError

    if path.stat().st_size > _MOST:
        raise LimitError("is larger than 1 GiB", where=str(path))
    try:
        return msgspec.json.decode(path.read_bytes(), type=Session)
    except msgspec.DecodeError as error:
        raise MalformedError(
            f"is no measurement: {error}", where=str(path), hint="nngauge measure MODEL -o FILE"
        ) from None
