"""What a page is: an address, what may be asked, and a function from that to a struct."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct

from nngauge.errors import UsageError
from nngauge.store.warehouse import Warehouse
from nngauge.web.asked import Asked
from nngauge.web.explorer import Explorer, State
from nngauge.web.patience import Ready, Working

T = TypeVar("T")


class Missing(UsageError):
    """There is no such app, model or page."""


class Later(Exception):
    """The page is being worked out; ask again."""

    def __init__(self, working: Working) -> None:
        super().__init__("being worked out")
        self.working = working


class Shown(Struct, frozen=True):
    """A page whose template needs more than what JSON has."""

    page: Struct
    more: dict[str, object]


class Desk(Struct, frozen=True):
    """What a page is made from."""

    facts: Warehouse
    """A connection for this request alone."""
    state: State
    explorer: Explorer

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of an answer."""
        return self.facts.ask(sql, parameters).rows

    def row(self, sql: str, *parameters: object) -> tuple[Any, ...] | None:
        """The first row of an answer."""
        return next(iter(self.rows(sql, *parameters)), None)

    def slowly(self, key: str, work: Callable[[Warehouse], T]) -> Ready[T]:
        """The answer of `work`, which may take longer than a page; raises `Later` while it is not there."""
        answer = self.state.patience.ask(key, work)
        if isinstance(answer, Working):
            raise Later(answer)
        return answer

    def snapshots(self) -> list[str]:
        """Names of the snapshots, in order."""
        return [row[0] for row in self.rows("SELECT DISTINCT snapshot FROM item_state ORDER BY 1")]


class View(Struct, frozen=True, kw_only=True):
    """One kind of page."""

    path: str
    """As Starlette writes it: ``/apps/{app}``; with ``.json`` behind it the same page as JSON."""
    name: str
    title: str
    """In the navigation, and in the list of addresses."""
    says: str
    """One line: what it tells."""
    template: str
    make: Callable[[Desk, Asked], Struct | Shown]
    """Gives what the template shows as ``page``, and JSON as ``page``; raises `Missing`, `UsageError` or `Later`."""
    step: str
    """The step of the preparation that it needs."""
    parameters: tuple[tuple[str, str], ...] = ()
    """Query parameters and what they mean."""
    section: str = ""
    """Path of the entry of the navigation that it belongs to."""
    cached: bool = True
