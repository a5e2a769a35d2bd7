"""``nngauge serve``: the explorer of a study in the browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from socket import socket

_LOCAL: Final = ("127.0.0.1", "localhost", "::1")
_WAIT: Final = 1.0
"""Seconds after which the address is printed, prepared or not."""


@click.command("serve", short_help="Explore a study in the browser.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--port", type=click.IntRange(0, 65_535), default=8321, show_default=True, help="0: any that is free.")
@click.option(
    "--bind",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; elsewhere than here: only with a token.",
)
@click.option(
    "--name", "names", multiple=True, metavar="HOST", help="A host name under which it is asked; may be given again."
)
@click.option("--token", help="What to ask for (default: none on this machine, else one is made and printed).")
@click.option("--no-cache", is_flag=True, help="Keep no prepared tables in the study's folder.")
def command(folder: Path, port: int, bind: str, names: tuple[str, ...], token: str | None, *, no_cache: bool) -> None:
    """Serves the study in FOLDER for browsers: apps, models, technologies, reports, comparisons, SQL. Nothing is changed.

    Every page is JSON, too: the same address with .json. Ends with Ctrl-C. docs/explorer.md says more.
    """
    from nngauge.errors import UsageError

    _require_libraries()
    if not (folder / "ledger.sqlite").is_file():
        raise UsageError("is no study", where=str(folder), hint=f"nngauge study init {folder}")
    local = bind in _LOCAL
    if token is not None and len(token) < 16:
        raise UsageError("a token of fewer than 16 characters can be guessed", hint="leave --token out: one is made")
    if token is None and not local:
        import secrets

        token = secrets.token_urlsafe(24)
    _serve(folder, _listen(bind, port), bind, names, token or "", local=local, keep=not no_cache)


def _require_libraries() -> None:
    from importlib.util import find_spec

    from nngauge.errors import UsageError

    if not all(find_spec(name) for name in ("duckdb", "starlette", "uvicorn")):
        raise UsageError("the explorer needs more libraries", hint='pip install "nngauge[serve]"')


def _listen(bind: str, port: int) -> socket:
    import socket

    from nngauge.errors import UsageError

    try:
        family = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((bind, port), family=family, backlog=128)
    except OSError as error:
        raise UsageError(
            f"cannot listen: {error.strerror or error}", where=f"{bind} port {port}", hint="--port 0 takes a free one"
        ) from None


def _serve(
    folder: Path, listening: socket, bind: str, names: tuple[str, ...], token: str, *, local: bool, keep: bool
) -> None:
    import uvicorn

    from nngauge.cli.stopping import stoppable
    from nngauge.web.explorer import Explorer
    from nngauge.web.serving import build

    explorer = Explorer(folder, keep=keep)
    explorer.start(wait=_WAIT)
    explorer.workshop.warm()
    app = build(explorer, names=(*names, bind), any_address=not local, token=token)
    port = listening.getsockname()[1]
    host = f"[{bind}]" if ":" in bind else bind
    click.echo(f"{explorer.name}: http://{host}:{port}/{f'?token={token}' if token else ''}")
    if not token:
        click.echo("open to every user of this machine; --token wants one. Ctrl-C ends it")
    else:
        click.echo("not encrypted: on networks that others share, put a proxy with TLS in front. Ctrl-C ends it")
    sys.stdout.flush()
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, date_header=False, timeout_graceful_shutdown=3,
        h11_max_incomplete_event_size=65_536,
    )  # fmt: skip
    with (
        stoppable()
    ):  # uvicorn ends in order and passes the signal on: as it is, that would leave the tables in the temporary folder
        uvicorn.Server(config).run(sockets=[listening])
