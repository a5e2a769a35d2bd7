"""Which files of a container may belong to a model whose lead file is known, without looking at all of them each time."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from nngauge.limits import MAX_BINDING


class Siblings:
    """The paths of one container. Hostile ones hold 10⁵ leads among 10⁵ files, so the looks are counted."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.index: dict[str, int] = {}
        """Path → index of its first entry."""
        for at, path in enumerate(paths):
            self.index.setdefault(path, at)
        self._sorted = sorted(self.index)
        self._looks = 0
        self.exhausted = False
        """True once `limits.MAX_BINDING` was met; from then on there are no siblings."""

    def of(self, lead: str) -> Sequence[str]:
        """Paths in the folder of `lead` and below."""
        folder = lead.rpartition("/")[0]
        first, last = 0, len(self._sorted)
        if folder:
            first = bisect_left(self._sorted, folder + "/")
            last = bisect_left(self._sorted, folder + "0", first)  # the character after the slash
        self._looks += last - first
        if self._looks > MAX_BINDING:
            self.exhausted = True
            return ()
        return self._sorted[first:last]
