"""``nngauge audit``: how well the models of an app are protected, and whether they could be swapped."""

from __future__ import annotations

from pathlib import Path

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL
from nngauge.cli.screen import write_json


@click.command("audit", short_help="How well the models of an app are protected.")
@click.argument("app", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON, with all signals and their evidence.")
@click.option("--all", "everything", is_flag=True, help="Do not cut the table of models.")
def command(app: Path, *, as_json: bool, everything: bool) -> None:
    """Audits the models in APP: grade, why, what an attacker could do, what would help, and integrity.

    Reads the package twice, statistics and code included, so it takes seconds where a scan takes milliseconds. Keys
    that lie beside a model are reported by length and place, never by value. Exit code 3 means that some part of the
    app could not be read.
    """
    from nngauge.auditing import audit_app
    from nngauge.cli.screen import show
    from nngauge.screen.audit import encode_audit, render_audit

    audit = audit_app(app)
    if as_json:
        write_json(encode_audit(str(app), audit))
    else:
        show(render_audit(audit, rows=0) if everything else render_audit(audit))
    raise click.exceptions.Exit(EXIT_OK if audit.complete else EXIT_PARTIAL)
