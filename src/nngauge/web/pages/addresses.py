"""What there is to ask for: every address with its parameters, for people and programs."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from nngauge.web.asked import Asked
from nngauge.web.view import Desk, View


class Parameter(Struct, frozen=True):
    """A query parameter."""

    name: str
    meaning: str


class Address(Struct, frozen=True):
    """One kind of page."""

    path: str
    json: str
    """The same as JSON; empty: there is none."""
    says: str
    parameters: list[Parameter]


class Addresses(Struct, frozen=True, kw_only=True):
    """The page."""

    title: str
    addresses: list[Address]


def listed(views: Sequence[View]) -> View:
    """The view that lists `views`, and itself."""

    def make(desk: Desk, asked: Asked) -> Addresses:
        del desk, asked
        return Addresses(title="Addresses", addresses=[_address(view) for view in (*views, found)])

    found = View(
        path="/addresses",
        name="addresses",
        title="Addresses",
        says="every address with its parameters: this page",
        template="web/addresses.html",
        make=make,
        step="",
    )
    return found


def _address(view: View) -> Address:
    document = "" if not view.template else "/index.json" if view.path == "/" else f"{view.path}.json"
    parameters = [Parameter(*parameter) for parameter in view.parameters]
    return Address(view.path, document, f"{view.title}: {view.says}", parameters)
