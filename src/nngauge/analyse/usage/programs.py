"""Programs in other languages that hold an app's logic: which of its Java classes and native libraries they call."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from nngauge.analyse.usage.classes import Class, Method, descriptor_of, dotted
from nngauge.analyse.usage.code import AppCode, Bundle
from nngauge.analyse.usage.hosts import HOSTS, Host
from nngauge.analyse.usage.owners import LIBRARIES
from nngauge.analyse.usage.targets import Targets
from nngauge.detect.literals import Literals

_STEM: Final = 6
"""Letters that a library's name without ``lib`` and ``.so`` must have to be looked for in a bundle."""
_WORD: Final = 4
"""Letters that a plug-in's name must have to be looked for in a bundle."""
_MAX_NAMES: Final = 4_000
"""Class names looked for in one bundle."""


class Programs:
    """The bundles of one app, with the frameworks they are made for."""

    __slots__ = ("_by_package", "_channels", "_code", "_hosts", "_readable", "_targets")

    def __init__(self, code: AppCode, targets: Targets) -> None:
        self._code = code
        self._targets = targets
        self._readable = [bundle for bundle in code.bundles if bundle.data]
        self._hosts = [host for host in HOSTS if any(bundle.host == host.name for bundle in self._readable)]
        self._by_package: dict[str, list[Class]] = {}
        self._channels: dict[str, set[str]] = {}

    def classes(self) -> Iterator[tuple[str, str]]:
        """Classes that are called by their names, and where that is said."""
        for host in self._hosts:
            if not host.bridges:
                for bundle in self._of(host):
                    yield from ((name, _named(bundle)) for name in self._named_in(bundle))

    def libraries(self) -> Iterator[tuple[str, str]]:
        """Native libraries that are opened by their names, without any Java."""
        for host in self._hosts:
            for bundle in self._of(host):
                for native in self._code.natives:
                    stem = native.name.removeprefix("lib").removesuffix(".so")
                    if bundle.names(native.name) or (not host.bridges and len(stem) >= _STEM and bundle.names(stem)):
                        yield native.name, _named(bundle)

    def calls(self, known: Class, above: Iterable[str]) -> bool | None:
        """Whether the other language's program names this plug-in; None when it is no plug-in."""
        for host in self._hosts:
            if host.bridges and not host.bridges.isdisjoint(above):
                names = self._names(known, host)
                return any(bundle.names(text) for text in names for bundle in self._of(host))
        return None

    def _of(self, host: Host) -> list[Bundle]:
        return [bundle for bundle in self._readable if bundle.host == host.name]

    def _named_in(self, bundle: Bundle) -> list[str]:
        """Targets, and classes outside the well-known libraries, that the program names."""
        names = {dotted(name) for name in self._targets.types}
        names.update(name for known in self._code.classes if "$" not in (name := dotted(known.name)))
        ordered = sorted(name for name in names if self._worth(name))[:_MAX_NAMES]
        literals = Literals([name.encode() for name in ordered], [True] * len(ordered))
        return sorted({ordered[index] for index, _ in literals.scan_first(bundle.data)})

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
