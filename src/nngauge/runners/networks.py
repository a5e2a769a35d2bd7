"""A worker's part in the facts of models: each distinct model once."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from nngauge.domain.model import Model
from nngauge.domain.network import Network
from nngauge.extract.attempt import Extracted
from nngauge.pipeline.networks import SECONDS, facts

_REMEMBERED: Final = 100_000
"""Digests of models whose facts a worker has sent: about 20 MB."""


class Sent:
    """Whose result a model's facts went out with.

    Within one run a result is stored once, so what a worker has sent is known; another worker may send it again, and
    questions take one of both.
    """

    def __init__(self, most: int = _REMEMBERED) -> None:
        self._apps: OrderedDict[str, str] = OrderedDict()
        self._most = most

    def has(self, digest: str, app: str) -> bool:
        """Was it sent with another app than `app`? One that is looked at again gets all of its facts again."""
        return self._apps.get(digest, app) != app

    def add(self, networks: tuple[Network, ...], app: str) -> None:
        """Remembers what goes out with the result of `app`."""
        for item in networks:
            self._apps.setdefault(item.digest, app)
            self._apps.move_to_end(item.digest)
        while len(self._apps) > self._most:
            self._apps.popitem(last=False)


class Collector:
    """A scanner's sink that keeps the facts of one app's models."""

    def __init__(self, app: str, sent: Sent, seconds: float = SECONDS) -> None:
        self._app = app
        self._sent = sent
        self._seconds = seconds
        self._found: dict[str, Network] = {}

    def collect(self, model: Model, extracted: Extracted) -> None:
        """The sink."""
        if model.digest not in self._found and not self._sent.has(model.digest, self._app):
            self._found[model.digest] = facts(model, extracted, self._seconds)

    def networks(self) -> tuple[Network, ...]:
        """All that was found, in order of the digests."""
        return tuple(network for _, network in sorted(self._found.items()))
