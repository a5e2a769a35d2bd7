"""One app behind an ``http(s)://`` address, read in ranges where the server can do that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from nngauge.domain.study import Item
from nngauge.errors import InputError
from nngauge.io.web import WebFile, open_web, require_plain
from nngauge.sources._api import Source
from nngauge.sources._far import Far, opened


def _items(locator: str, _settings: Mapping[str, str]) -> Iterator[Item]:
    """The address itself, with what the server tells of it now. An address that fails now is tried again by the run."""
    address = require_plain(locator)
    file = WebFile(address)
    try:
        size, stamp = file.described()
    except InputError:
        size, stamp = None, None
    finally:
        file.close()
    yield Item(locator=address, size=size, stamp=stamp)


@contextmanager
def _open(item: Item, settings: Mapping[str, str]) -> Iterator[Far]:
    source, store = open_web(require_plain(item.locator))
    with opened(source, store, settings, item.size) as far:
        yield far


SOURCE = Source(
    direct=True,
    name="web",
    title="Address of an app",
    example="https://example.org/app.apk",
    claims=lambda locator: locator.startswith(("http://", "https://")),
    items=_items,
    open=_open,
    references=("https://www.rfc-editor.org/rfc/rfc9110#name-range-requests",),
    limitations=(
        "Of servers without ranges the whole file is fetched.",
        "Addresses with a secret in them (user, signature, token) are refused, because addresses are stored.",
        "Proxies of the environment are not used.",
    ),
)
