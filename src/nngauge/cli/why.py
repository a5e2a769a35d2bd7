"""``nngauge why``: the evidence behind one line of a report."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nngauge.domain.scan import Scan
    from nngauge.packages import Package


@click.command("why", short_help="The evidence behind one line of a report.")
@click.argument("app", type=click.Path(exists=True, path_type=Path))
@click.argument("fact")
def command(app: Path, fact: str) -> None:
    """Shows the evidence for FACT in APP: file, offset, rule and bytes.

    FACT is a technology (onnxruntime), an accelerator (tflite-gpu), a model or file name, a path inside the app, or the
    beginning of a digest. The app's code is read for paths to what is asked about.
    """
    from nngauge.domain.scan import Depth
    from nngauge.packages import open_package
    from nngauge.pipeline import Scanner

    package = open_package(app)
    try:
        _show(Scanner(depth=Depth.USAGE).scan_package(package, str(app)), package, fact)
    finally:
        package.close()


def _show(scan: Scan, package: Package, fact: str) -> None:
    """The evidence, with the bytes of the package that is still open."""
    from nngauge.cli.screen import show
    from nngauge.domain.location import Location
    from nngauge.errors import InputError, UsageError
    from nngauge.extract.locate import open_location
    from nngauge.screen.why import fact_names, find_facts, render_facts

    facts = find_facts(scan, fact)
    if not facts:
        names = fact_names(scan)
        near = get_close_matches(fact, names, n=5, cutoff=0.4) or names[:12]
        hint = f"this app has: {', '.join(near)}" if near else "nothing was found in this app"
        raise UsageError(f"no line of the report is called {fact!r}", hint=hint)

    def peek(location: Location, offset: int, count: int) -> bytes:
        try:
            return open_location(package, location).read(offset, count)
        except InputError:
            return b""

    show(render_facts(facts, peek))
