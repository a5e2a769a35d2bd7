"""What was computed last is kept: a model is asked about in many places, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Last(Generic[Key, Value]):
    """A function of one object that answers at once when it is asked about the same object as before.

    The same object, not an equal one: comparing the layers of a network takes as long as computing. Threads may share it.
    """

    def __init__(self, compute: Callable[[Key], Value]) -> None:
        self._compute = compute
        self._known: tuple[Key, Value] | None = None

    def __call__(self, key: Key) -> Value:
        """The value for `key`."""
        known = self._known
        if known is None or known[0] is not key:
            known = self._known = (key, self._compute(key))
        return known[1]
