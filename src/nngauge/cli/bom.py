"""``nngauge bom``: the AI of an app as a bill of materials, and what differs between two."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nngauge.cli import EXIT_OK, EXIT_PARTIAL
from nngauge.cli.screen import write_json

if TYPE_CHECKING:
    from datetime import datetime

    from nngauge.bom.entries import Document
    from nngauge.bom.inventory import Bill


@click.command("bom", short_help="The AI of an app as a bill of materials.")
@click.argument("apps", nargs=-1, required=True, metavar="APP", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "form", type=click.Choice(["cyclonedx", "spdx"]), default="cyclonedx", show_default=True)
@click.option(
    "--spec-version", type=click.Choice(["1.6", "1.7"]), default="1.6", show_default=True, help="Of CycloneDX."
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write here instead of to the screen."
)
@click.option("--supplier", default="", help="Who publishes the app: no package says so.")
@click.option("--author", default="", help="Who makes this bill.")
@click.option("--timestamp", metavar="TIME", help="ISO 8601; default: SOURCE_DATE_EPOCH, else now.")
@click.option("--diff", "two", is_flag=True, help="Compare two: each a package or a bill made earlier.")
@click.option("--json", "as_json", is_flag=True, help="With --diff: as JSON.")
@click.option("--exit-code", is_flag=True, help="With --diff: exit with 1 when they differ, as git diff does.")
def command(
    apps: tuple[Path, ...],
    form: str,
    spec_version: str,
    output: Path | None,
    supplier: str,
    author: str,
    timestamp: str | None,
    *,
    two: bool,
    as_json: bool,
    exit_code: bool,
) -> None:
    """Writes what AI is in APP as CycloneDX 1.6 or 1.7 (an ML-BOM) or as SPDX 3: models with model cards, the runtimes
    that execute them, SDKs, cloud services, digests, evidence, dependencies.

    The same app at the same --timestamp gives the same bytes. Exit code 3 means that some part of the app could not be
    read. With --diff, two packages or bills are compared: what came, went, got another version, other weights or another
    licence.
    """
    from nngauge.errors import UsageError

    if two:
        if len(apps) != 2:
            raise UsageError("--diff compares two", hint="nngauge bom --diff OLD NEW")
        raise click.exceptions.Exit(_compare(apps[0], apps[1], as_json=as_json, exit_code=exit_code))
    if len(apps) != 1 or as_json or exit_code:
        raise UsageError("one app at a time; --json and --exit-code go with --diff", hint="nngauge bom APP")
    raise click.exceptions.Exit(_write(apps[0], form, spec_version, output, supplier, author, _time(timestamp)))


def _write(app: Path, form: str, version: str, output: Path | None, supplier: str, author: str, time: datetime) -> int:
    from nngauge.auditing.bill import bill_of_app

    if form == "cyclonedx":
        _require_library()
    bill = bill_of_app(app, supplier=supplier)
    document = _document(bill, form, version, author, time)
    if output is None:
        from nngauge.words.safe import plain_json

        sys.stdout.buffer.write(plain_json(document))
    else:
        _save(output, document)
    return EXIT_OK if bill.complete else EXIT_PARTIAL


def _require_library() -> None:
    """Before the app is read, which can take a while."""
    from importlib.util import find_spec

    from nngauge.errors import UsageError

    if find_spec("cyclonedx") is None:
        hint = 'pip install "nngauge[bom]", or --format spdx'
        raise UsageError("CycloneDX needs a library that is not installed", hint=hint)


def _document(bill: Bill, form: str, version: str, author: str, time: datetime) -> bytes:
    if form == "spdx":
        from nngauge.bom.spdx import spdx

        return spdx(bill, timestamp=time, author=author)
    from nngauge.bom.cyclonedx import cyclonedx

    return cyclonedx(bill, version=version, timestamp=time, author=author)


def _save(output: Path, document: bytes) -> None:
    from nngauge.errors import UsageError
    from nngauge.io.atomic import write_atomically

    try:
        write_atomically(output, [document])
    except OSError as error:
        raise UsageError(error.strerror or "cannot be written", where=str(output)) from None


def _time(text: str | None) -> datetime:
    """https://reproducible-builds.org/specs/source-date-epoch/"""
    from datetime import UTC, datetime

    from nngauge.errors import UsageError

    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    try:
        if text is not None:
            time = datetime.fromisoformat(text)
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
        return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC).replace(microsecond=0)
    except (ValueError, OverflowError, OSError):
        given = text if text is not None else f"SOURCE_DATE_EPOCH={epoch}"
        raise UsageError(
            f"no time: {given!r}", hint="2026-05-31T12:00:00Z, or seconds since 1970 in SOURCE_DATE_EPOCH"
        ) from None


def _compare(first: Path, second: Path, *, as_json: bool, exit_code: bool) -> int:
    from nngauge.bom.difference import bom_difference

    (one, says), (other, then) = _read(first), _read(second)
    difference = bom_difference(one, other, (str(first), str(second)), (says, then))
    if as_json:
        from nngauge.words.documents import encode_bom_difference

        write_json(encode_bom_difference(difference))
    else:
        from nngauge.cli.screen import show
        from nngauge.screen.bom_difference import render_bom_difference

        show(render_bom_difference(difference))
    return int(exit_code and bool(difference.changes))


def _read(path: Path) -> tuple[Document, str]:
    """A bill made earlier, or that of a package; and what it was."""
    from nngauge.bom.reading import is_document, parse_document, read_document

    if is_document(path):
        return read_document(path), ""
    from nngauge.auditing.bill import bill_of_app
    from nngauge.bom.spdx import spdx

    return parse_document(spdx(bill_of_app(path), timestamp=_time(None))), "package"
