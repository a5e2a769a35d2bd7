"""Programs in other languages that hold an app's logic: which of its Java classes and native libraries they call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from nngauge.analyse.usage.classes import Class, Method, descriptor_of, dotted
from nngauge.analyse.usage.code import AppCode, Bundle
from nngauge.analyse.usage.hosts import HOSTS, Host
from nngauge.analyse.usage.names import named_in
from nngauge.analyse.usage.owners import LIBRARIES
from nngauge.analyse.usage.targets import Targets

_STEM: Final = 6
"""Letters that a library's name without ``lib`` and ``.so`` must have to be looked for in a bundle."""
_WORD: Final = 4
"""Letters that a plug-in's name must have to be looked for in a bundle."""
_MAX_ASKED: Final = 2_000
"""Names of plug-ins looked for one by one."""


class Programs:
    """The bundles of one app, with the frameworks they are made for."""

    __slots__ = ("_answers", "_by_package", "_channels", "_code", "_hosts", "_readable", "_targets")

    def __init__(self, code: AppCode, targets: Targets) -> None:
        self._code = code
        self._targets = targets
        self._readable = [bundle for bundle in code.bundles if bundle.data]
        self._hosts = [host for host in HOSTS if any(bundle.host == host.name for bundle in self._readable)]
        self._by_package: dict[str, list[Class]] = {}
        self._channels: dict[str, set[str]] = {}
        self._answers: dict[tuple[str, str], bool] = {}

    def classes(self) -> Iterator[tuple[str, str]]:
        """Classes that are called by their names, and where that is said."""
        for host in self._hosts:
            if not host.bridges:
                for bundle in self._of(host):
                    yield from ((name, _named(bundle)) for name in self._named_in(bundle))

    def libraries(self) -> Iterator[tuple[str, str]]:
        """Native libraries that are opened by their names, without any Java."""
        names = {native.name: native.name for native in self._code.natives}
        stems = {stem: name for name in names if len(stem := name.removeprefix("lib").removesuffix(".so")) >= _STEM}
        for host in self._hosts:
            wanted = names if host.bridges else {**names, **stems}
            for bundle in self._of(host):
                yield from ((wanted[text], _named(bundle)) for text in sorted(named_in(bundle.data, wanted)))

    def calls(self, known: Class, above: Iterable[str]) -> bool | None:
        """Whether the other language's program names this plug-in; None when it is no plug-in."""
        for host in self._hosts:
            if host.bridges and not host.bridges.isdisjoint(above):
                return any(self._is_named(text, host) for text in self._names(known, host))
        return None

    def _is_named(self, text: str, host: Host) -> bool:
        key = (host.name, text)
        if key not in self._answers:
            # Real apps have some hundred plug-ins; beyond, the benefit of the doubt is cheaper than the search.
            full = len(self._answers) >= _MAX_ASKED
            self._answers[key] = full or any(bundle.names(text) for bundle in self._of(host))
        return self._answers[key]

    def _of(self, host: Host) -> list[Bundle]:
        return [bundle for bundle in self._readable if bundle.host == host.name]

    def _named_in(self, bundle: Bundle) -> list[str]:
        """Targets, and classes outside the well-known libraries, that the program names."""
        names = {dotted(name) for name in self._targets.types}
        names.update(name for known in self._code.classes if "$" not in (name := dotted(known.name)))
        return sorted(named_in(bundle.data, (name for name in names if self._worth(name))))

    def _worth(self, name: str) -> bool:
        return "." in name and (descriptor_of(name) in self._targets.types or not name.startswith(LIBRARIES))

    def _names(self, known: Class, host: Host) -> set[str]:
        """By which names a plug-in can be called."""
        if host.registers:
            found = self._channels_of(known.name.rpartition("/")[0], host.registers)
        elif host.named_by:
            found = {
                text for method in known.virtual.values() if method.name == host.named_by for text in method.texts()
            }
        else:
            found = {dotted(known.name).rpartition(".")[2].removesuffix("Plugin")}
        return {text for text in found if len(text) >= _WORD}

    def _channels_of(self, package: str, prefix: str) -> set[str]:
        """Names that the classes of one package register."""
        if not self._by_package:
            for other in self._code.classes:
                self._by_package.setdefault(other.name.rpartition("/")[0], []).append(other)
        if package not in self._channels:
            methods = (method for other in self._by_package[package] for method in other.methods())
            registering = (method for method in methods if _registers(method, prefix))
            self._channels[package] = {text for method in registering for text in method.texts()}
        return self._channels[package]


def _registers(method: Method, prefix: str) -> bool:
    part = method.owner.part
    return any(part.type(part.method_owner(row)).startswith(prefix) for row in method.references().calls)


def _named(bundle: Bundle) -> str:
    return f"named in {bundle.location.name} ({bundle.host})"
