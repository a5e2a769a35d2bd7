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
@click.argument("second", required=False, type=click.Path(exists=True, path_type=Path))
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
def command(first: Path, second: Path | None, matters: float, device: str, exit_code: bool, as_json: bool) -> None:
    """Compares what `nngauge measure -o` kept, or what two studies hold: the same models in the same configurations.

    Of one alone, every other configuration is compared with the first: threads, engines, delegates. Their launches took
    turns, which tells smaller differences. A difference is told when its 95 % interval, widened for the number of
    comparisons, excludes no difference at all and it is larger than what matters.
    """
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.measure.comparison import Verdict, compare
    from nngauge.screen.measurement import render_comparison

    rows = compare(_pairs(first, second, device), matters=matters / 100, together=second is None)
    if as_json:
        write_json(msgspec.json.encode(rows))
    else:
        show(render_comparison(rows))
    slower = any(row.verdict is Verdict.SLOWER for row in rows)
    raise click.exceptions.Exit(1 if exit_code and slower else 0)


def _pairs(first: Path, second: Path | None, device: str) -> list[tuple[Measurement, Measurement]]:
    from nngauge.errors import UsageError
    from nngauge.measure.comparison import matching, taking_turns
    from nngauge.screen.measurement import configuration

    one = read_session(first, device).measurements
    if second is None:
        pairs, problem = taking_turns(one), "has no two configurations of one model that took turns"
        hint = "nngauge measure MODEL --threads 1,4 -o FILE, or name a second session"
    elif second.samefile(first):
        raise UsageError("is the same twice", where=str(first), hint="name it once: its configurations are compared")
    else:
        other = read_session(second, device).measurements
        pairs, problem = matching(one, other), "no model was measured in the same configuration in both"
        had = [
            sorted({f"{item.name}: {configuration(item.configuration)}" for item in there})[:3]
            for there in (one, other)
        ]
        hint = " against ".join("; ".join(told) or "nothing" for told in had)
    if not pairs:
        raise UsageError(problem, where=str(first) if second is None else "", hint=hint)
    return pairs


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
    from nngauge.errors import LimitError, MalformedError, UnreadableError
    from nngauge.measure.summary import whole

    class Marked(msgspec.Struct):
        schema: str

    hint = "nngauge measure MODEL -o FILE"
    try:
        if path.stat().st_size > most:
            raise LimitError("is larger than 1 GiB", where=str(path))
        data = path.read_bytes()
        schema = msgspec.json.decode(data, type=Marked).schema
        if schema != Session().schema:
            raise MalformedError(f"is {schema!r}, and no {Session().schema}", where=str(path), hint=hint)
        session = msgspec.json.decode(data, type=Session)
        broken = next((one.name for one in session.measurements if not whole(one)), None)
    except OSError as error:
        raise UnreadableError(f"cannot be read: {error.strerror}", where=str(path)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"is no measurement: {error}", where=str(path), hint=hint) from None
    if broken is not None:
        raise MalformedError(f"the launches of {broken!r} contradict themselves", where=str(path), hint=hint)
    return session
