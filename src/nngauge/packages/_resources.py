"""Texts that a manifest leaves to the resources: the app's name, sometimes its version."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Final

from msgspec.structs import replace

from nngauge.domain.app import App
from nngauge.domain.location import Location
from nngauge.domain.outcome import Failure
from nngauge.errors import InputError, NotThisFormat
from nngauge.io import arsc
from nngauge.packages._api import Container
from nngauge.packages._failures import failure
from nngauge.packages.containers import entry_source

TABLE: Final = "resources.arsc"
PROTO_TABLE: Final = "base/resources.pb"
_BY_ID: Final = re.compile(r"@0x([0-9a-f]{8})")
_BY_NAME: Final = re.compile(r"@(?:[\w.]+:)?(string/\w+)")


def with_texts(
    app: App, container: Container, location: Location, table: str = TABLE
) -> tuple[App, tuple[Failure, ...]]:
    """The app with its label and version name looked up in the resource table at the path `table`.

    References that lead nowhere stay as they are, ``@0x7f010001``: that is what the manifest says. So do all in a
    container that is to be read sparingly: the table is a tenth of many packages.
    """
    wanted = {text for text in (app.label, app.version_name) if text and text.startswith("@")}
    entry = container.find(table)
    if not wanted or entry is None or container.sparing:
        return app, ()
    where = location.inside(table)
    try:
        with closing(entry_source(entry, where)) as source:
            view = source.view()
            texts = {text: _look_up(view, text, table) or text for text in wanted}
    except (InputError, NotThisFormat) as error:
        return app, (failure(where, error),)
    label, version = (texts.get(text or "", text) for text in (app.label, app.version_name))
    return replace(app, label=label, version_name=version), ()


def _look_up(view: memoryview, text: str, table: str) -> str | None:
    number, name = _BY_ID.fullmatch(text), _BY_NAME.fullmatch(text)
    if table == PROTO_TABLE:
        reference = int(number[1], 16) if number else name[1] if name else None
        return None if reference is None else arsc.proto_resolve(view, reference)
    return arsc.resolve(view, int(number[1], 16)) if number else None
