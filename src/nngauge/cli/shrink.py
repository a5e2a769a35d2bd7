"""``nngauge shrink``: the same answers from fewer bytes."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import click

from nngauge.cli import EXIT_ERROR, EXIT_OK
from nngauge.cli.screen import write_json


@click.command("shrink", short_help="The same answers from fewer bytes.")
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write; without it nothing is kept.")
@click.option("--input", "shapes", multiple=True, metavar="NAME=SHAPE", help="Fix an open shape: image=1x224x224x3.")
@click.option("--force", is_flag=True, help="Write over what is there.")
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--timeout", type=click.FloatRange(1), default=180.0, show_default=True, help="Seconds a run may take.")
def command(
    model: Path, output: Path | None, shapes: tuple[str, ...], *, force: bool, as_json: bool, timeout: float
) -> None:
    """Leaves out of a model what its answers do not need: dead channels, constants that are there twice, what nobody reads.

    Nothing is approximated. The new file is read again and run beside the original on 32 inputs; if any answer differs, it
    is thrown away. Exit code 0: written, or nothing to gain. 1: it could not be tried, or was thrown away.
    """
    import msgspec

    from nngauge.api import open_model
    from nngauge.cli.screen import errors, show
    from nngauge.cli.show import shape_of
    from nngauge.domain.shrinking import Outcome
    from nngauge.engines.local import Limits
    from nngauge.errors import UsageError
    from nngauge.screen.shrinking import render_shrunk

    if find_spec("numpy") is None:
        raise UsageError(
            "shrinking needs an engine that runs the model",
            hint='pip install "nngauge[compress]"',
        )
    from nngauge.compress.shrink.run import shrink_model

    with errors().status("…") as status:
        found = shrink_model(
            model,
            output,
            open_model,
            force=force,
            limits=Limits(seconds=timeout),
            tell=status.update,
            shapes=dict(shape_of(text) for text in shapes),
        )
    if as_json:
        write_json(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        show(render_shrunk(found))
    failed = found.outcome in {Outcome.REFUSED, Outcome.DISCARDED}
    raise click.exceptions.Exit(EXIT_ERROR if failed else EXIT_OK)
