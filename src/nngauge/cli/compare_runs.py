"""``nngauge compare-runs``: faster or slower, by how much, or it cannot be told."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nngauge.domain.measurement import Measurement, Session

_MOST = 1 << 30


@click.command("compare-runs", short_help="Two measurements: faster, slower, or it cannot be told.")
@click.argument("first", type=click.Path(exists=True, path_type=Path))
@click.argument("second", type=click.Path(exists=True, path_type=Path))
@click.option(
    "--matters",
    type=click.FloatRange(0, 100),
    default=2.0,
    show_default=True,
    help="Percent below which a difference is none.",
)
@click.option("--device", default="", metavar="ID", help="Of studies with several: the one to compare on.")
@click.option("--exit-code", is_flag=True, help="1 when something became slower.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def command(first: Path, second: Path, matters: float, device: str, exit_code: bool, as_json: bool) -> None:
    """Compares what `nngauge measure -o` kept, or what two studies hold: the same models in the same configurations.

    A difference is told when its 95 % interval, widened for the number of comparisons, excludes no difference at all and
    it is larger than what matters. Given one file twice, configurations of one session are not compared: see docs/measuring.md.
    """
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.measure.comparison import Verdict, compare, matching
    from nngauge.screen.measurement import render_comparison

    one, other = read_session(first, device), read_session(second, device)
    rows = compare(matching(one.measurements, other.measurements), matters=matters / 100)
    if as_json:
        write_json(msgspec.json.encode(rows))
    else:
        show(render_comparison(rows))
    slower = any(row.verdict is Verdict.SLOWER for row in rows)
    raise click.exceptions.Exit(1 if exit_code and slower else 0)


def read_session(path: Path, device: str = "") -> Session:
    """What `nngauge measure -o` kept, or what a study holds of a device. Raises `LimitError`, `MalformedError`, `UsageError`.

    `device`: its id; empty: of a study the only one.
    """
    from nngauge.domain.measurement import Session
    from nngauge.errors import UsageError
    from nngauge.store.measured import MEASURED

    if not path.is_dir():
        return _session(path, _MOST)
    files = sorted((path / MEASURED).glob("[!.]*.json"))
    if not files:
        raise UsageError("there are no measurements in this folder", where=str(path), hint=f"nngauge measure {path}")
    left, sessions = _MOST, []
    for file in files:
        sessions.append(_session(file, left))
        left -= file.stat().st_size
    there = sorted({item.device.id for session in sessions for item in session.measurements})
    if not device and len(there) > 1:
        raise UsageError(
            "has measurements of several devices",
            where=str(path),
            hint=f"--device {there[0]}; there are {', '.join(there)}",
        )
    if device:
        sessions = [one for one in sessions if any(item.device.id == device for item in one.measurements)]
    return Session(
        measurements=_last(sessions),
        refusals=tuple(item for session in sessions for item in session.refusals),
        energies=tuple(item for session in sessions for item in session.energies),
    )


def _last(sessions: Sequence[Session]) -> tuple[Measurement, ...]:
    """Of the same model in the same configuration on the same device the last measurement."""
    every = sorted((item for session in sessions for item in session.measurements), key=lambda item: item.started)
    return tuple({(item.model, item.device.id, item.configuration): item for item in every}.values())


def _session(path: Path, most: int) -> Session:
    import msgspec

    from nngauge.domain.measurement import Session
    from nngauge.errors import LimitError, MalformedError

    if path.stat().st_size > most:
        raise LimitError("is larger than 1 GiB", where=str(path))
    try:
        return msgspec.json.decode(path.read_bytes(), type=Session)
    except msgspec.DecodeError as error:
        raise MalformedError(
            f"is no measurement: {error}", where=str(path), hint="nngauge measure MODEL -o FILE"
        ) from None
