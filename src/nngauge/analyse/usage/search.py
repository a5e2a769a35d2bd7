"""The search: what does an app's code reach, from everything that the system starts?

A breadth-first walk over methods, so that the first path found is the shortest. Calls lead to the definition that the
runtime would find; a class that is created brings in its overrides (of the app's classes, and of the system's callbacks),
which over-approximates a little and needs no table of call sites. Paths of less standing are walked last, rank by rank.

The classical names: class hierarchy analysis with the instantiated types of rapid type analysis,
https://doi.org/10.1145/236337.236371.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import IntEnum
from typing import Final, NamedTuple

from nngauge.analyse.usage.callbacks import is_callback
from nngauge.analyse.usage.classes import Class, Method, descriptor_of, dotted
from nngauge.analyse.usage.code import AppCode, Component, Start
from nngauge.analyse.usage.natives import symbol_of
from nngauge.analyse.usage.owners import Owners, guessed_components
from nngauge.analyse.usage.programs import Programs
from nngauge.analyse.usage.targets import Targets
from nngauge.domain.usage import Obstacle, Step
from nngauge.io.dex_code import CodePart, MethodId, References
from nngauge.limits import MAX_CHAIN

GUESSED: Final = "a component, if the manifest names it"
CLINIT: Final = ("<clinit>", "()V")
_CLICK: Final = "(Landroid/view/View;)V"
"""Layouts name methods of activities by ``android:onClick``."""
_LOADERS: Final = frozenset({"Ljava/lang/System;", "Ljava/lang/Runtime;"})
_CODE_LOADERS: Final = (
    "Ldalvik/system/DexClassLoader;",
    "Ldalvik/system/InMemoryDexClassLoader;",
    "Ldalvik/system/PathClassLoader;",
)
_JNA: Final = "Lcom/sun/jna/"
_FINDERS: Final = frozenset({("Ljava/lang/Class;", "forName"), ("Ljava/lang/ClassLoader;", "loadClass")})


class Rank(IntEnum):
    """How good a path is, best first."""

    APP = 0
    """From the app's own components, over calls and known callbacks."""
    APP_LOOSE = 1
    """The same, over an override that only may be a callback, or a library's view in a layout."""
    START_UP = 2
    """From a library's component that runs by itself."""
    START_UP_LOOSE = 3
    REGISTERED = 4
    """From a class that a library's component looks up at start, to learn what there is (Firebase's registrars)."""
    SILENT = 5
    """Through a plug-in whose name the program in the other language never mentions."""
    DORMANT = 6
    """From a library's component that nothing in the app starts."""


class Arrival(NamedTuple):
    """How the search came to a method."""

    parent: Method | None
    how: str
    rank: Rank


class Hit(NamedTuple):
    """A target that was reached."""

    caller: Method | None
    """None: the system reaches it by itself."""
    target: str
    how: str
    rank: Rank


class Search:
    """One walk. After `run`, the tables tell what was reached, and `steps` how."""

    def __init__(self, code: AppCode, targets: Targets, owners: Owners) -> None:
        self.code = code
        self.classes = code.classes
        self.targets = targets
        self.owners = owners
        self.arrivals: dict[Method, Arrival] = {}
        self.types: dict[str, Hit] = {}
        """Technology → the first use of one of its classes."""
        self.natives: dict[str, Hit] = {}
        """Technology → the first native method that leads into a library with it."""
        self.loads: dict[str, Hit] = {}
        """Library → where it is loaded."""
        self.strings: dict[str, Method] = {}
        """String constants met, and where first."""
        self.fields: dict[str, Method] = {}
        """Fields of resource classes met (``R$raw.model``), and where first."""
        self.resources: dict[int, Method] = {}
        self.hollow: dict[str, Method] = {}
        """Classes of technologies that are called and not in the package, and where first."""
        self.absent: dict[str, Method] = {}
        """Libraries that the app's own code loads and the package does not hold."""
        self.obstacles: dict[Obstacle, str] = {}
        """What the app's own code does that hides paths."""
        self._queues: tuple[deque[Method], ...] = tuple(deque() for _ in Rank)
        self._outsides: dict[tuple[CodePart, int], MethodId | None] = {}
        self._made: set[str] = set()
        self._started: set[str] = set()
        self._overridden: set[str] = set()
        self._names = {native.name for native in code.natives}
        self.entered: dict[str, Hit] = {}
        """Library → the first native method that runs in it."""
        self.programs = Programs(code, targets)

    def run(self) -> None:
        """Walks everything. Raises `InputError` for code that lies or is larger than the bounds."""
        for rank in Rank:
            self._roots(rank)
            queue = self._queues[rank]
            while queue:
                self._visit(queue.popleft())

    def steps(self, method: Method | None) -> tuple[Step, ...]:
        """The chain that ends in `method`; of a long one the middle is left out."""
        found = [Step(method=str(item), how=self.arrivals[item].how) for item in self.line(method)]
        found.reverse()
        if len(found) > MAX_CHAIN:
            half = MAX_CHAIN // 2
            found[half:-half] = [Step(method="…", how=f"over {len(found) - MAX_CHAIN} more methods")]
        return tuple(found)

    def line(self, method: Method | None) -> Iterator[Method]:
        """The methods of the chain, from the last to the first."""
        while method is not None:
            yield method
            method = self.arrivals[method].parent

    # --- roots ----------------------------------------------------------------------------------------------------------

    def _roots(self, rank: Rank) -> None:
        """Whatever starts paths of this rank; better ranks have been walked by now."""
        for item in self.code.components:
            if self._rank(item) is rank:
                how = "looked up by a component" if item.kind == "meta-data" else f"{item.kind} started by the system"
                self._create(descriptor_of(item.name), None, how, rank, constructors=True)
        for name in sorted(self.code.layout_names):
            if rank is (Rank.APP if self.owners.own_name(name) else Rank.APP_LOOSE):
                self._create(descriptor_of(name), None, "named in a layout", rank, constructors=True)
        if rank is Rank.APP:
            if any(item.start is Start.TEST for item in self.code.components):
                self._tests()
            for name in guessed_components(self.code):
                self._create(descriptor_of(name), None, GUESSED, rank, constructors=True)
            self._from_programs()
            for library in self.code.native_entry:
                self._enter(library, None, "native activity started by the system", rank)

    def _rank(self, item: Component) -> Rank:
        if self.owners.own_name(item.name) or item.launcher or item.kind == "application" or item.start is Start.TEST:
            return Rank.APP
        if item.kind == "meta-data":
            return Rank.REGISTERED
        return Rank.START_UP if item.start is Start.ALONE else Rank.DORMANT

    def _tests(self) -> None:
        """A test runner finds classes by annotations, which are not read: every own class with public methods is one."""
        for known in self.classes:
            if self.owners.own(known.name):
                self._create(known.name, None, "found by the test runner", Rank.APP, constructors=True)
                for method in known.virtual.values():
                    if method.proto == "()V":
                        self._reach(method, None, "found by the test runner", Rank.APP)

    def _from_programs(self) -> None:
        """Classes and libraries that a program in another language names."""
        for name, how in self.programs.classes():
            self._create(descriptor_of(name), None, how, Rank.APP, constructors=True)
            known = self.classes.named(name)
            for method in known.methods() if known else ():
                self._reach(method, None, how, Rank.APP)
        for library, how in self.programs.libraries():
            self._enter(library, None, how, Rank.APP)

    # --- edges ----------------------------------------------------------------------------------------------------------

    def _visit(self, method: Method) -> None:
        rank = self.arrivals[method].rank
        part = method.owner.part
        if method.defined.native:
            self._native(method, rank)
        found = method.references()
        for kind in found.created:
            self._create(part.type(kind), method, "creates", rank)
        for kind in found.literals:
            self._literal(part.type(kind), method, rank)
        for row in found.fields:
            self._field(part, row, method, rank)
        self._calls(part, found, method, rank)
        for index in found.strings:
            self._string(part.string(index), method, rank)
        for constant in found.resources:
            self.resources.setdefault(constant, method)

    def _calls(self, part: CodePart, found: References, method: Method, rank: Rank) -> None:
        rows = (*found.calls, *(row for site in found.sites for row in part.site_methods(site)))
        for row in rows:
            owner = part.type(part.method_owner(row))
            self._touch(owner, method, "calls", rank)
            target = self.classes.target(part, row)
            if target is None:
                self._gap(owner, method)
                self._outside(part, row, found, method, rank)
                continue
            self._reach(target, method, "calls", rank)
            if target.defined.static:
                self._start(target.owner, method, rank)
            if target.name.startswith("load"):
                self._load(part, found, method, rank)

    def _gap(self, owner: str, method: Method) -> None:
        """A call of a class that should be here and is not."""
        if owner.startswith("L") and self.classes.get(owner) is None and "/R$" not in owner:
            if owner in self.targets.types:
                self.hollow.setdefault(owner, method)
            elif self.owners.own(owner) and self.owners.own(method.owner.name):
                text = f"{method} calls {dotted(owner)}, which is not in the package"
                self.obstacles.setdefault(Obstacle.CODE_MISSING, text)

    def _reach(self, target: Method, parent: Method | None, how: str, rank: Rank) -> None:
        if target not in self.arrivals:
            self.arrivals[target] = Arrival(parent, how, rank)
            self._queues[rank].append(target)

    def _start(self, known: Class, parent: Method | None, rank: Rank) -> None:
        """Static initialisers run when a class is first used."""
        if known.name in self._started:
            return
        self._started.add(known.name)
        for item in (known, *self.classes.above(known.name)[0]):
            start = item.direct.get(CLINIT)
            if start is not None:
                self._reach(start, parent, "initialises the class", rank)

    def _create(
        self, descriptor: str, parent: Method | None, how: str, rank: Rank, *, constructors: bool = False
    ) -> None:
        """An object of the class comes to be: what may be called on it without the app's code saying so is reached."""
        known = self.classes.get(descriptor)
        self._touch(descriptor, parent, how, rank)
        if known is None:
            return
        if constructors:
            for method in known.direct.values():
                if method.name == "<init>":
                    self._reach(method, parent, how, rank)
        if descriptor in self._made:
            return
        self._made.add(descriptor)
        self._start(known, parent, rank)
        inside, outside = self.classes.above(descriptor)
        for name in (*(item.name for item in inside), *outside):
            self._touch(name, parent, how, rank)
        bridge = self.programs.calls(known, outside | {item.name for item in inside})
        for item in (known, *inside):
            if item.name not in self._overridden:
                self._overridden.add(item.name)
                self._overrides(item, known, parent, how if parent is None else "", rank, bridge=bridge)

    def _overrides(
        self, item: Class, made: Class, parent: Method | None, root: str, rank: Rank, *, bridge: bool | None
    ) -> None:
        """Methods of `item` that somebody may call through a supertype; `bridge` False: nobody seems to.

        `root` says why the system makes the object, where it does.
        """
        inside, outside = self.classes.above(made.name)
        foreign = bool(outside)
        for signature, method in item.virtual.items():
            if any(other is not item and signature in other.virtual for other in inside):
                how, soft = "overrides", False
            elif not foreign:
                continue
            else:
                how = "callback"
                soft = not (is_callback(method.name) or method.proto == _CLICK or bridge)
            if bridge is False and how == "callback":
                self._reach(method, parent, root or "plug-in", Rank.SILENT)
            else:
                self._reach(method, parent, root or how, _loose(rank) if soft else rank)

    def _literal(self, descriptor: str, method: Method, rank: Rank) -> None:
        """A class literal mostly ends in reflection: an intent, a view model, a registry of components."""
        self._create(descriptor, method, "names the class", rank, constructors=True)
        for name in self.code.services.get(descriptor, ()):
            self._create(descriptor_of(name), method, "provides the service", rank, constructors=True)

    def _field(self, part: CodePart, row: int, method: Method, rank: Rank) -> None:
        field = part.field(row)
        self._touch(field.owner, method, "reads a field of", rank)
        known = self.classes.get(field.owner)
        if known is not None:
            self._start(known, method, rank)
        if field.owner.endswith("/R$raw;"):
            self.fields.setdefault(field.name, method)

    def _string(self, text: str, method: Method, rank: Rank) -> None:
        self.strings.setdefault(text, method)
        if "." in text and len(text) < 256 and self.classes.named(text) is not None:
            self._create(descriptor_of(text), method, "names the class in a string", rank, constructors=True)

    # --- out of the app's Java ------------------------------------------------------------------------------------------

    def _touch(self, descriptor: str, caller: Method | None, how: str, rank: Rank) -> None:
        """Is it a target? Its own classes do not count as callers."""
        ids = self.targets.types.get(descriptor)
        if ids is None:
            return
        inner = self.targets.types.get(caller.owner.name, ()) if caller else ()
        for technology in ids:
            if technology not in self.types and technology not in inner:
                self.types[technology] = Hit(caller, dotted(descriptor), how, rank)

    def _native(self, method: Method, rank: Rank) -> None:
        libraries = self.targets.symbols.get(symbol_of(method.owner.name, method.name))
        if libraries is None:
            libraries = self.targets.registrars.get(method.owner.name, ())
        for library in libraries:
            self._enter(library, method, "runs in", rank)

    def _enter(self, library: str, method: Method | None, how: str, rank: Rank) -> None:
        self.entered.setdefault(library, Hit(method, library, how, rank))
        for technology in self.targets.libraries.get(library, ()):
            self.natives.setdefault(technology, Hit(method, library, how, rank))

    def _outside(self, part: CodePart, row: int, found: References, method: Method, rank: Rank) -> None:
        """A call that leaves the app's classes."""
        key = (part, row)
        if key not in self._outsides:
            called = part.method(row)
            self._outsides[key] = called if self._telling(called) else None
        known = self._outsides[key]
        if known is None:
            return
        if self.classes.get(known.owner) is None:
            for library in self.targets.natives_of(known.owner):
                self._enter(library, method, "calls a class that is not here and runs in", rank)
        jna = known.owner.startswith(_JNA)
        if known.name.startswith("load") or jna:
            self._load(part, found, method, rank, called=known.owner, bound=jna)
        if self.owners.own(method.owner.name):
            self._hides(known, part, found, method)

    def _telling(self, called: MethodId) -> bool:
        """Whether a call of this method says more than that it leaves the app's classes: most do not."""
        return (
            called.name.startswith("load")
            or called.owner in _CODE_LOADERS
            or called.owner.startswith(_JNA)
            or (called.owner, called.name) in _FINDERS
            or bool(self.targets.natives_of(called.owner))
        )

    def _hides(self, called: MethodId, part: CodePart, found: References, method: Method) -> None:
        """The app's own code does what no search can follow."""
        if called.owner in _CODE_LOADERS and called.name == "<init>":
            self.obstacles.setdefault(Obstacle.DYNAMIC_CODE, f"{method} loads more code while the app runs")
        if (called.owner, called.name) in _FINDERS and not _finds_known(part, found):
            self.obstacles.setdefault(Obstacle.REFLECTION, f"{method} finds classes by names that are not in the code")

    def _load(
        self, part: CodePart, found: References, method: Method, rank: Rank, *, called: str = "", bound: bool = False
    ) -> None:
        for index in found.strings:
            text = part.string(index)
            names = (f"lib{text}.so", text.rpartition("/")[2])
            if called in _LOADERS and self.owners.own(method.owner.name) and text and self._names.isdisjoint(names):
                self.absent.setdefault(names[0], method)
            for name in names:
                if name in self._names:
                    self.loads.setdefault(name, Hit(method, name, "loads", rank))
                    if bound:
                        self._enter(name, method, "binds", rank)


def _finds_known(part: CodePart, found: References) -> bool:
    """The name is in the method, or is that of an object at hand."""
    if any("." in part.string(index) for index in found.strings):
        return True
    return any(part.method(row)[:2] == ("Ljava/lang/Object;", "getClass") for row in found.calls)


def _loose(rank: Rank) -> Rank:
    return {Rank.APP: Rank.APP_LOOSE, Rank.START_UP: Rank.START_UP_LOOSE}.get(rank, rank)
