"""``nngauge official``: runs the makers' own benchmark programs, or reads what they left behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nngauge.engines.official import Job, Told, Tool


@click.command("official", short_help="Makers' benchmark programs: run them, or read their output.")
@click.argument("name", required=False, metavar="[TOOL]")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--list", "listing", is_flag=True, help="The programs, and which are here.")
@click.option(
    "--read", is_flag=True, help="The paths are output of the program: what it printed and the files it wrote."
)
@click.option("--binary", type=click.Path(path_type=Path), help="The program, built for the device; default: in PATH.")
@click.option("--device", "address", default="host", show_default=True, help="host, adb:SERIAL, ssh:HOST.")
@click.option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="Number of threads.")
@click.option("--runs", type=click.IntRange(1, 1_000_000), default=50, show_default=True, help="Timed runs.")
@click.option("--warmup", type=click.IntRange(0, 1_000_000), default=5, show_default=True, help="Runs before them.")
@click.option("--delegate", default="", help="Accelerator, as the program calls it.")
@click.option("--shape", "shapes", multiple=True, metavar="1x3x224x224", help="Of an input, for benchncnn.")
@click.option("--profile", is_flag=True, help="Times of operators, where the program has them.")
@click.option("--seconds", type=click.FloatRange(min=1), default=600.0, show_default=True, help="Time it may take.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
def command(
    name: str | None,
    paths: tuple[Path, ...],
    listing: bool,
    read: bool,
    binary: Path | None,
    address: str,
    threads: int,
    runs: int,
    warmup: int,
    delegate: str,
    shapes: tuple[str, ...],
    profile: bool,
    seconds: float,
    as_json: bool,
) -> None:
    """Runs a model with the benchmark program of the engine's maker (`nngauge official benchmark_model MODEL`), or reads
    output that it left behind (`nngauge official llama-bench --read out.jsonl`).

    What a program only tells as averages stays a summary: no samples are made up, and such numbers are not compared with
    measured ones.
    """
    from nngauge.engines.official import Job, tool_named
    from nngauge.errors import UsageError

    if listing:
        _list()
        return
    if name is None or not paths:
        raise UsageError("a tool and a model are needed", hint="nngauge official --list")
    tool = tool_named(name)
    if read:
        told = _read(tool, paths)
    else:
        job = Job(
            model="", folder="", threads=threads, runs=runs, warmup=warmup, delegate=delegate, profile=profile,
            shapes=tuple(_shape(text) for text in shapes),
        )  # fmt: skip
        told = _run(tool, paths, binary, address, job, seconds)
    _tell(tool, told, as_json=as_json)


def _list() -> None:
    from nngauge.cli.screen import show
    from nngauge.engines.official import TOOLS
    from nngauge.engines.official.running import find_tool
    from nngauge.errors import UsageError
    from nngauge.screen.official import render_tools

    there = []
    for tool in TOOLS:
        try:
            find_tool(tool)
            there.append(tool.name)
        except UsageError:
            continue
    show(render_tools(TOOLS, there))


def _read(tool: Tool, paths: Sequence[Path]) -> tuple[Told, ...]:
    """One file may be what the program printed, or a file that it wrote: it is offered as both, several as files."""
    from nngauge.engines.official import MOST, Output
    from nngauge.io.whole import read_whole

    files = {path.name: read_whole(path, MOST) for path in paths}
    text = b"\n".join(data for name, data in files.items() if name.endswith((".txt", ".log")) or "." not in name)
    return tool.parse(Output(out=text, files=files))


def _run(
    tool: Tool, paths: Sequence[Path], binary: Path | None, address: str, job: Job, seconds: float
) -> tuple[Told, ...]:
    from nngauge.cli.stopping import stoppable
    from nngauge.devices import open_device
    from nngauge.engines.official.running import find_tool, run_tool
    from nngauge.errors import UsageError

    if len(paths) != 1:
        raise UsageError("one model at a time", hint="--read reads output")
    if not tool.on_device and address != "host":
        raise UsageError(f"{tool.title} runs here and reaches devices by its own means")
    if tool.on_device and address != "host" and binary is None:
        raise UsageError(f"what PATH has is {tool.name} for this machine", hint="--binary: one built for the device")
    form = _format(paths[0])
    if form and tool.formats and form not in tool.formats:
        raise UsageError(
            f"is {form}; {tool.name} runs {' and '.join(sorted(tool.formats))}", where=str(paths[0]),
            hint="nngauge official --list",
        )  # fmt: skip
    program = find_tool(tool, binary)
    with stoppable(), open_device(address) as device:
        return run_tool(device, tool, program, paths[0], job, seconds=seconds)


def _format(path: Path) -> str:
    """As nngauge reads it; empty where it does not: then the program is to say."""
    from nngauge.api import open_model
    from nngauge.errors import InputError

    try:
        with open_model(path) as extracted:
            return extracted.graph.format
    except InputError:
        return ""


def _shape(text: str) -> tuple[int, ...]:
    from nngauge.errors import UsageError

    parts = text.split("x")
    if not all(part.isdecimal() and 0 < len(part) < 8 for part in parts):
        raise UsageError(f"--shape {text!r} is no shape", hint="for example --shape 1x3x224x224")
    return tuple(int(part) for part in parts)


def _tell(tool: Tool, told: Sequence[Told], *, as_json: bool) -> None:
    import msgspec

    from nngauge.cli.screen import show, write_json
    from nngauge.screen.official import render_told

    if as_json:
        write_json(msgspec.json.encode(told))
    else:
        show(render_told(tool, told))
