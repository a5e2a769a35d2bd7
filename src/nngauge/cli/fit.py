"""``nngauge fit``: published architectures that keep a budget."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from nngauge.cli.files import require_free, write_whole

if TYPE_CHECKING:
    from nngauge.domain.estimate import Setting
    from nngauge.domain.fitting import Fitting, Limits
    from nngauge.knowledge.architectures import Architecture, Measured

_UNITS: Final = {"big": "big core", "middle": "middle core", "little": "little core", "gpu": "gpu", "npu": "npu"}
_SCALES: Final = {
    "time": {"": 1.0, "ms": 1.0, "s": 1000.0, "us": 1e-3, "µs": 1e-3},
    "bytes": {"": 1.0, "b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30},
    "count": {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9},
}


@click.command("fit", short_help="Published architectures that keep a budget, and the best of them.")
@click.option("--task", default="", metavar="TASK", help="What it must do: image-classification, … (--list).")
@click.option("--list", "listing", is_flag=True, help="The tasks of the catalogue, with their sources.")
@click.option("--latency", default="", metavar="20ms", help="Longest time of one inference.")
@click.option("--size", default="", metavar="10MB", help="Largest size of the weights.")
@click.option("--macs", default="", metavar="500M", help="Most multiply-accumulates.")
@click.option("--parameters", default="", metavar="5M", help="Most parameters.")
@click.option("--device", "devices", default="", metavar="pixel-4,…", help="Phones that it must keep the time on.")
@click.option("--unit", type=click.Choice(tuple(_UNITS)), help="What computes; default: the big cores.")
@click.option("--threads", type=click.IntRange(1, 16), default=1, show_default=True, help="Cores used.")
@click.option(
    "--precision", type=click.Choice(("float32", "float16", "int8", "int4")), default="float32", show_default=True,
    help="Of the weights, and of the computation.",
)  # fmt: skip
@click.option(
    "--extra-data", is_flag=True, help="With networks that were trained with more than the benchmark's own data."
)
@click.option(
    "--view",
    type=click.Choice(("table", "nas")),
    default="table",
    show_default=True,
    help="nas: how the search for mobile architectures went on.",
)
@click.option(
    "--top", type=click.IntRange(1, 2000), default=12, show_default=True, help="So many lines, and the front."
)
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Draw score against MACs into this file.")
@click.option("--force", is_flag=True, help="Write over an existing picture.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def command(
    task: str,
    listing: bool,
    latency: str,
    size: str,
    macs: str,
    parameters: str,
    devices: str,
    unit: str | None,
    threads: int,
    precision: str,
    extra_data: bool,
    view: str,
    top: int,
    svg: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Asks a catalogue of published networks which of them keep a budget of time, size and work.

    Times are measured where somebody measured the network on that phone, and estimated from its MACs elsewhere; the two stand
    in columns of their own. Nothing is searched or trained here: docs/fit.md tells what the figures rest on.
    """
    from nngauge.domain.fitting import Limits
    from nngauge.errors import UsageError
    from nngauge.estimate.fitting import fitting
    from nngauge.knowledge.architectures import tasks

    require_free(svg, force=force)
    if listing or view == "nas":
        _views(as_json=as_json, nas=view == "nas")
        return
    if task not in tasks():
        raise UsageError(f"there is no task {task!r} in the catalogue", hint=f"--task {', '.join(tasks())}; --list")
    limits = Limits(
        milliseconds=amount(latency, "time", "--latency"), size_bytes=_whole(amount(size, "bytes", "--size")),
        macs=amount(macs, "count", "--macs"), parameters=amount(parameters, "count", "--parameters"),
    )  # fmt: skip
    settings = _settings(devices, unit, threads, precision)
    _check(limits, settings)
    found = fitting(task, limits, settings, precision=precision, extra_data=extra_data)
    if svg is not None:
        _draw(found, svg)
    _tell(found, top, as_json=as_json)


def _check(limits: Limits, settings: Sequence[Setting]) -> None:
    from nngauge.errors import UsageError

    if limits.milliseconds is not None and not settings:
        raise UsageError("--latency needs a phone", hint="--device pixel-4; several with commas")


def amount(text: str, kind: str, option: str) -> float | None:
    """``20ms``, ``10MB``, ``500M``; None for nothing. Raises `UsageError`."""
    from nngauge.errors import UsageError

    if not text:
        return None
    found = re.match(r"^(\d{1,12}(?:\.\d{1,6})?)\s?([A-Za-zµ]*)$", text.strip())
    scale = _SCALES[kind].get(found[2].lower()) if found else None
    if found is None or scale is None or float(found[1]) <= 0:
        units = ", ".join(name for name in _SCALES[kind] if name)
        raise UsageError(f"{option} {text!r} is no amount", hint=f"a number above 0 with one of {units}")
    return float(found[1]) * scale


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _settings(devices: str, unit: str | None, threads: int, precision: str) -> list[Setting]:
    """One for each phone. Raises `UsageError` for one that is not known."""
    from nngauge.domain.estimate import Setting, Unit
    from nngauge.errors import UsageError
    from nngauge.knowledge import phones

    found = []
    for name in dict.fromkeys(one.strip() for one in devices.split(",") if one.strip()):
        phone = phones.find(name)
        if phone is None:
            near = ", ".join(phones.close(name))
            raise UsageError(
                f"there is no phone {name!r}", hint=f"like it: {near}" if near else "docs/phones.md lists the phones"
            )
        where = Unit(_UNITS[unit or "big"])
        alone = where in (Unit.GPU, Unit.NPU)
        kind = "float16" if where is Unit.NPU and precision == "float32" else precision
        found.append(Setting(device=phone.id, unit=where, threads=1 if alone else threads, precision=kind))
    return found


def _views(*, as_json: bool, nas: bool) -> None:
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.knowledge.architectures import architectures, methods, sources, tasks
    from nngauge.words.amounts import plural

    if nas:
        from nngauge.screen.fit import render_methods

        rows = [(method, *_known(method.model)) for method in methods()]
        if as_json:
            write_json(
                msgspec.json.encode([{"method": row[0], "architecture": row[1], "measured": row[2]} for row in rows])
            )
        else:
            show(render_methods(rows))
        return
    found = {task: (len(architectures(task)), sorted({one.source for one in architectures(task)})) for task in tasks()}
    if as_json:
        write_json(
            msgspec.json.encode(
                {task: {"architectures": count, "sources": names} for task, (count, names) in found.items()}
            )
        )
        return
    for task, (count, names) in found.items():
        click.echo(f"{task}: {plural(count, 'architecture')} ({'; '.join(sources()[name].title for name in names)})")


def _known(trunk: str) -> tuple[Architecture | None, Measured | None]:
    """The best training of this network in the catalogue, and its time on one big core of a Pixel 4."""
    from nngauge.knowledge.architectures import architectures, measured

    same = [one for one in architectures("image-classification") if trunk and one.trunk == trunk and not one.extra_data]
    usual = [one for one in same if one.input == "224×224"] or same
    times = [
        one
        for one in measured().get(trunk, ())
        if (one.device, one.unit, one.precision) == ("pixel-4", "big core", "float32")
    ]
    return max(usual, key=lambda one: one.score or 0.0, default=None), next(iter(times), None)


def _draw(found: Fitting, path: Path) -> None:
    from nngauge.picture.front import Dot, front_svg

    metrics = list(dict.fromkeys(one.metric for one in found.candidates if one.macs and one.score is not None))
    dots = [
        Dot(name=one.name.partition(".")[0], x=one.macs / 1e6, y=one.score, front=one.front)
        for one in found.candidates
        if one.macs and one.score is not None and one.metric == metrics[0]
    ]
    title = f"{found.task}: {len(dots)} published architectures within the budget"
    write_whole(path, [front_svg(dots, title=title, across="million MACs", up=metrics[0] if metrics else "").encode()])


def _tell(found: Fitting, top: int, *, as_json: bool) -> None:
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.screen.fit import render_fitting

    if as_json:
        write_json(msgspec.json.encode(found))
    else:
        show(render_fitting(found, top))
