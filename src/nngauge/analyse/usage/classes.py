"""The classes of an app over all its dex files: inheritance, and which definition a call means.

As the runtime does it: the first definition of a class wins, methods are looked up through the superclasses and then
the interfaces (https://docs.oracle.com/javase/specs/jvms/se8/html/jvms-5.html#jvms-5.4.3.3).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from nngauge.errors import LimitError
from nngauge.io.dex_code import ClassDef, CodePart, MethodDef, References
from nngauge.limits import MAX_CLASS_DEPTH, MAX_SUPERTYPES

OBJECT: Final = "Ljava/lang/Object;"

_NOTHING: Final = References()

Signature = tuple[str, str]
"""Name and prototype of a method."""


class Method:
    """A method with a definition in the app."""

    __slots__ = ("defined", "name", "owner", "proto")

    def __init__(self, owner: Class, name: str, proto: str, defined: MethodDef) -> None:
        self.owner = owner
        self.name = name
        self.proto = proto
        self.defined = defined

    def references(self) -> References:
        """What its code names; nothing without code."""
        return self.owner.part.references(self.defined.code) if self.defined.code else _NOTHING

    def texts(self) -> Iterator[str]:
        """Its string constants."""
        return map(self.owner.part.string, self.references().strings)

    def __str__(self) -> str:
        return f"{dotted(self.owner.name)}.{self.name}"


class Class:
    """A class with a definition in the app; its members are read when they are asked for."""

    __slots__ = ("_direct", "_virtual", "head", "name", "part")

    def __init__(self, part: CodePart, head: ClassDef) -> None:
        self.part = part
        self.head = head
        self.name = head.name
        self._direct: dict[Signature, Method] | None = None
        self._virtual: dict[Signature, Method] = {}

    @property
    def direct(self) -> dict[Signature, Method]:
        """Static methods, constructors, private methods."""
        if self._direct is None:
            members = self.part.members(self.head.data)
            self._direct = dict(map(self._made, members.direct))
            self._virtual = dict(map(self._made, members.virtual))
        return self._direct

    @property
    def virtual(self) -> dict[Signature, Method]:
        """Methods that a subclass may override."""
        _ = self.direct
        return self._virtual

    def methods(self) -> Iterator[Method]:
        """All methods."""
        yield from self.direct.values()
        yield from self.virtual.values()

    def _made(self, defined: MethodDef) -> tuple[Signature, Method]:
        known = self.part.method(defined.row)
        return (known.name, known.proto), Method(self, known.name, known.proto, defined)


class Classes:
    """All classes of an app by descriptor."""

    def __init__(self, parts: Iterable[CodePart]) -> None:
        self.parts = tuple(parts)
        self._known: dict[str, Class] = {}
        for part in self.parts:
            for head in part.classes():
                self._known.setdefault(head.name, Class(part, head))
        self._targets: dict[tuple[CodePart, int], Method | None] = {}
        self._left = MAX_SUPERTYPES
        self._supers: dict[str, tuple[tuple[Class, ...], frozenset[str]]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def __iter__(self) -> Iterator[Class]:
        return iter(self._known.values())

    def get(self, descriptor: str) -> Class | None:
        """The class of a descriptor, None when it is not defined in the app."""
        return self._known.get(descriptor)

    def named(self, name: str) -> Class | None:
        """The class of a name as people and manifests write it: ``com.example.A$B``."""
        return self._known.get(descriptor_of(name))

    def target(self, part: CodePart, row: int) -> Method | None:
        """The definition that a call of method `row` of `part` means; None when it lies outside the app."""
        key = (part, row)
        if key not in self._targets:
            wanted = part.method(row)
            self._targets[key] = self.find(wanted.owner, (wanted.name, wanted.proto))
        return self._targets[key]

    def find(self, owner: str, signature: Signature) -> Method | None:
        """Looks `signature` up from class `owner` upwards."""
        start = self._known.get(owner)
        if start is None:
            return None
        found = start.direct.get(signature)
        if found is not None:
            return found
        line = self.above(owner)[0]
        return next((c.virtual[signature] for c in (start, *line) if signature in c.virtual), None)

    def above(self, descriptor: str) -> tuple[tuple[Class, ...], frozenset[str]]:
        """Superclasses and interfaces of a class, nearest first: those in the app, and names of those that are not.

        `java.lang.Object` is left out.
        """
        known = self._supers.get(descriptor)
        if known is None:
            known = self._supers[descriptor] = self._climb(descriptor)
        return known

    def _climb(self, descriptor: str) -> tuple[tuple[Class, ...], frozenset[str]]:
        inside: dict[str, Class] = {}
        outside: set[str] = set()
        todo = deque(self._parents(descriptor))
        while todo and len(inside) < MAX_CLASS_DEPTH:
            self._left -= 1
            if self._left < 0:
                raise LimitError("classes with too many supertypes, see MAX_SUPERTYPES")
            name = todo.popleft()
            if name in inside or name in (descriptor, OBJECT):
                continue
            known = self._known.get(name)
            if known is None:
                outside.add(name)
            else:
                inside[name] = known
                todo += self._parents(name)
        return tuple(inside.values()), frozenset(outside)

    def _parents(self, descriptor: str) -> tuple[str, ...]:
        known = self._known.get(descriptor)
        if known is None:
            return ()
        return (*((known.head.parent,) if known.head.parent else ()), *known.head.interfaces)


def dotted(descriptor: str) -> str:
    """``Lcom/example/A;`` → ``com.example.A``."""
    return descriptor.lstrip("[").removeprefix("L").removesuffix(";").replace("/", ".")


def descriptor_of(name: str) -> str:
    """``com.example.A`` → ``Lcom/example/A;``."""
    return f"L{name.replace('.', '/')};"
