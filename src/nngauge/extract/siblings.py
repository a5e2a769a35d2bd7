"""Which files of a container may belong to a model whose lead file is known, without looking at all of them each time."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from nngauge.limits import KEPT_ENTRIES, MAX_BINDING, MAX_SIBLINGS, MAX_WORDS
from nngauge.packages import Entry


class Siblings:
    """The paths in and below the folders of the leads.

    Hostile containers hold 10⁵ leads among 10⁶ files, so the looks are counted, and so are the paths.
    """

    def __init__(self, paths: Iterable[str], leads: Iterable[str]) -> None:
        """`paths` of the whole container in its order, `leads` among them."""
        self.index: dict[str, int] = {}
        """Path → index of its first entry."""
        self.exhausted = False
        """True once a limit was met; from `limits.MAX_BINDING` on there are no siblings."""
        self._looks = 0
        # Of folders without one around it, only the last in front of a path can hold it.
        inside = _inside_any(leads)
        for at, path in enumerate(paths):
            if not inside or path.startswith(inside[bisect_right(inside, path) - 1]):
                if len(self.index) >= MAX_SIBLINGS:
                    self.exhausted = True
                    break
                self.index.setdefault(path, at)
        self._sorted = sorted(self.index)

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


def _inside_any(leads: Iterable[str]) -> list[str]:
    """The folders of the leads with a slash at their ends, sorted, none of them inside another; nothing for all."""
    folders: set[str] = set()
    for lead in leads:
        folder = lead.rpartition("/")[0]
        if not folder:
            return []
        folders.add(folder + "/")
        if len(folders) > MAX_SIBLINGS:
            return []
    outermost: list[str] = []
    for folder in sorted(folders):
        if not outermost or not folder.startswith(outermost[-1]):
            outermost.append(folder)
    return outermost


class Neighbours:
    """File names beside a file, for words that tell what it is for. Nothing is looked at before the first question."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """`entries` of the whole container."""
        self._entries = entries
        self._folders: dict[str, list[str]] | None = None

    def of(self, location: str) -> tuple[str, ...]:
        """Names of the other files in the folder of a file, at most `limits.MAX_WORDS`.

        None in containers of more than `limits.KEPT_ENTRIES`, whose entries would all have to be made for it.
        """
        path = location.rpartition("!")[2]
        folder, _, own = path.rpartition("/")
        if self._folders is None:
            self._folders = self._names() if len(self._entries) <= KEPT_ENTRIES else {}
        return tuple(name for name in self._folders.get(folder, ()) if name != own)

    def _names(self) -> dict[str, list[str]]:
        folders: dict[str, list[str]] = {}
        for entry in self._entries:
            folder, _, name = entry.path.rpartition("/")
            names = folders.setdefault(folder, [])
            if len(names) <= MAX_WORDS:
                names.append(name)
        return folders
