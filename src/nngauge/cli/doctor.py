"""``nngauge doctor``: is a device fit for measuring, and what stands in the way?"""

from __future__ import annotations

from pathlib import Path

import click

from nngauge.cli import EXIT_ERROR, EXIT_OK


@click.command("doctor", short_help="Is a device fit for measuring?")
@click.option(
    "--device", "address", default="host", show_default=True, help="host, adb:SERIAL, ssh:HOST (nngauge devices)."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, without anything that tells one device from another.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The JSON into this file, too.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(address: str, *, as_json: bool, output: Path | None, force: bool) -> None:
    """Looks at a device for two minutes at most: each finding with why it matters and what to do.

    Everything that is put on the device is removed. Exit code 0: fit, perhaps with doubts. 1: something stands in the
    way. The JSON has no serial number, address, user or path in it and may go into a bug report.
    """
    import msgspec

    from nngauge.cli.files import require_free, write_whole
    from nngauge.cli.screen import errors, show, write_json
    from nngauge.cli.stopping import stoppable
    from nngauge.devices import open_device
    from nngauge.devices.doctor import examine
    from nngauge.screen.devices import render_checkup

    require_free(output, force=force)
    with stoppable(), errors().status("…") as status:
        checkup = examine(address, open_device, tell=status.update)
    data = msgspec.json.format(msgspec.json.encode(checkup), indent=2)
    if output is not None:
        write_whole(output, [data, b"\n"])
    if as_json:
        write_json(data)
    else:
        show(render_checkup(checkup))
    raise click.exceptions.Exit(EXIT_OK if checkup.fit else EXIT_ERROR)
