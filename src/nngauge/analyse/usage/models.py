"""Is a model used: does code that runs name its file?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nngauge.analyse.usage.names import named_in
from nngauge.analyse.usage.search import Hit, Rank, Search
from nngauge.analyse.usage.verdicts import not_found, reached, unknown
from nngauge.domain.model import Model
from nngauge.domain.usage import Obstacle, UsageVerdict
from nngauge.errors import InputError, NotThisFormat
from nngauge.io.arsc import resolve

_SHORT = 3
"""Letters that a piece of a name must have to count as one."""
_MAX_PIECES = 2_000
"""String constants that may begin a name."""
_MAX_RESOURCES = 4_000
"""Resource identifiers in code that are looked up to find the files they stand for."""


def model_verdicts(search: Search, models: Sequence[Model]) -> Iterator[UsageVerdict]:
    """One verdict per model, in order."""
    names = Names(search, models)
    for model in models:
        yield _verdict(search, names, model)


class Names:
    """File names in the code, reached and not."""

    def __init__(self, search: Search, models: Sequence[Model]) -> None:
        self.search = search
        files = {part.location.name for model in models for part in model.parts}
        self.in_bundles = {
            name: bundle
            for bundle in search.code.bundles
            for name in named_in(bundle.data, files if bundle.data else ())
        }
        self.in_resources = named_in(search.code.resources, files)
        self.reached: dict[str, str] = {}
        """Last part of each string constant that was reached → the constant."""
        for text in search.strings:
            self.reached.setdefault(text.rpartition("/")[2], text)
        pieces = sorted({text for text in search.strings if len(text) >= _SHORT and text[-1] in "_-./"})
        self.pieces = tuple(pieces[:_MAX_PIECES])
        self._all: frozenset[str] | None = None
        self._files: dict[str, Hit] | None = None

    def anywhere(self, name: str) -> bool:
        """Whether any code names it, reached or not."""
        if self._all is None:
            texts: set[str] = set()
            try:
                for part in self.search.classes.parts:
                    texts.update(text.rpartition("/")[2] for text in part.strings())
            except InputError as error:
                self.search.obstacles[Obstacle.CODE_UNREAD] = f"the strings of the code could not be read: {error.what}"
            self._all = frozenset(texts)
        return name in self._all

    def resource(self, path: str) -> Hit | None:
        """The first use of the resource identifier that stands for the file at `path` (``res/raw/model.tflite``)."""
        if self._files is None:
            self._files = {}
            for number, method in list(self.search.resources.items())[:_MAX_RESOURCES]:
                value = _value(self.search.code.resources, number)
                if value is not None:
                    rank = self.search.arrivals[method].rank
                    self._files.setdefault(value, Hit(method, value, "names the resource", rank))
        return self._files.get(path)


def _value(table: bytes, number: int) -> str | None:
    try:
        return resolve(table, number) if table else None
    except (InputError, NotThisFormat):
        return None


def _verdict(search: Search, names: Names, model: Model) -> UsageVerdict:
    subject = str(model.parts[0].location)
    paths = [part.location.path.split("!") for part in model.parts]
    for path in paths:
        hit = _named(search, names, path[-1])
        if hit is not None:
            return reached(search, subject, hit, model=True, reason=_reason(hit))
    for path in paths:
        # A model inside an archive of the app: the archive's name leads to it.
        if len(path) > 2 and (hit := _named(search, names, path[-2])) is not None:
            return reached(search, subject, hit, model=True, reason=f"code that runs names {path[-2]}, which holds it")
    return _unnamed(search, names, subject, paths[0][-1])


def _reason(hit: Hit) -> str:
    if hit.rank <= Rank.START_UP_LOOSE:
        return "code that runs names the file"
    return ""


def _named(search: Search, names: Names, path: str) -> Hit | None:
    """The best use of the file's name."""
    name = path.rpartition("/")[2]
    text = names.reached.get(name)
    if text is not None:
        method = search.strings[text]
        return Hit(method, text, "names the file", search.arrivals[method].rank)
    stem = name.partition(".")[0]
    if path.partition("res/")[2].startswith("raw"):
        method_ = search.fields.get(stem)
        if method_ is not None:
            return Hit(method_, f"R.raw.{stem}", "names the resource", search.arrivals[method_].rank)
        if (hit := names.resource(path)) is not None:
            return hit
    if (bundle := names.in_bundles.get(name)) is not None:
        return Hit(None, name, f"named in {bundle.location.name} ({bundle.host})", Rank.APP)
    for native in search.code.natives:
        if name in native.strings and (entered := search.entered.get(native.name) or search.loads.get(native.name)):
            return Hit(entered.caller, f"{native.name}: {name}", "names the file", entered.rank)
    return None


def _unnamed(search: Search, names: Names, subject: str, path: str) -> UsageVerdict:
    folder, _, name = path.rpartition("/")
    stem, _, suffix = name.partition(".")
    if names.anywhere(name):
        return not_found(search, subject, "its file is named only in code that nothing reaches", model=True)
    place = folder.removeprefix("assets/")
    built = f".{suffix}" in search.strings or suffix in search.strings
    if built and (stem in search.strings or name.startswith(names.pieces)):
        return unknown(subject, Obstacle.NAME_BUILT, "pieces of its name are in code that runs", model=True)
    if folder != "assets" and place and (place in search.strings or f"{place}/" in search.strings):
        return unknown(subject, Obstacle.NAME_BUILT, f"code that runs names its folder, {place}", model=True)
    if len(name) > _SHORT and name in names.in_resources and not path.startswith("res/"):
        return unknown(
            subject, Obstacle.NAME_BUILT, "its name is in the app's resources, where code may read it", model=True
        )
    if search.absent:
        library, method = next(iter(search.absent.items()))
        reason = f"no code names its file, but {method} loads {library}, which is not in the package"
        return unknown(subject, Obstacle.CODE_MISSING, reason, search.steps(method), model=True)
    return not_found(search, subject, "no code names its file", model=True)
