"""``nngauge devices``: what models can be run on."""

from __future__ import annotations

import click

from nngauge.cli import EXIT_OK


@click.command("devices", short_help="This machine and the phones that are connected.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(*, as_json: bool) -> None:
    """Lists what models can be run on, also phones that cannot be used yet, with what to do about it.

    Boards are not searched for: name them as ssh:HOST. `nngauge doctor --device …` tells whether a device is fit for
    measuring.
    """
    from nngauge.devices import find_devices

    found = find_devices()
    if as_json:
        import msgspec

        from nngauge.cli.screen import write_json

        write_json(msgspec.json.format(msgspec.json.encode(found), indent=2))
    else:
        from nngauge.cli.screen import show
        from nngauge.screen.devices import render_found

        show(render_found(found))
    raise click.exceptions.Exit(EXIT_OK)
