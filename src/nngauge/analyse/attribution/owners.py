"""Whose each model, library and technology of an app is, with the evidence.

From the strongest to the weakest: content that one component ships, its conventions for paths, what its makers wrote
into the model, the library that holds it, the code that names it, the files beside it. What is left is the app's own
when nothing else in the app brings models; that is a rule of thumb and says so.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct, field

from nngauge.analyse.attribution.traces import Trace, Traces, own_traces
from nngauge.domain.app import App
from nngauge.domain.attribution import Attribution, Owner, SdkKind
from nngauge.domain.detection import Category, Detection
from nngauge.domain.evidence import Confidence, Evidence, EvidenceKind, Presence
from nngauge.domain.library import Library
from nngauge.domain.location import Location
from nngauge.domain.model import Model
from nngauge.knowledge.published import PublishedModels, published_models
from nngauge.knowledge.sdks import Sdk

_GENERIC: Final = frozenset(
    """
    assets asset raw res lib models model ml tflite tensorflow tf onnx mnn ncnn data files resources flutter_assets public
    www arm64-v8a armeabi-v7a armeabi x86 x86_64 base Payload Frameworks bin weights nn ai assetpack
    """.split()  # noqa: SIM905  (one wrapped text instead of many quoted words)
)
"""Folders that anybody's files may lie in: neighbours there say nothing."""
_CODE: Final = frozenset({Presence.LIBRARY, Presence.EMBEDDED, Presence.DEFINED})
_RULE: Final = "knowledge"
_TEMPLATES: Final = frozenset({"libnative-lib.so", "libnative_lib.so", "libnative.so", "libnativelib.so"})
"""Names that Android Studio's templates for native code give: somebody's own, and mostly the app's."""


class Context(Struct, frozen=True, kw_only=True):
    """What is known about the app around a model or library. Made once for an app by `context_of`."""

    app: App
    traces: Traces
    published: PublishedModels
    present: Mapping[str, Evidence] = field(default_factory=dict)
    """Component id → a trace of its code."""
    bringing: frozenset[str] = frozenset()
    """Components whose code is there in a form that brings models into the package, not by way of the system."""
    runtime: Evidence | None = None
    """A runtime for models that the app ships."""
    libraries: Mapping[str, Attribution] = field(default_factory=dict)
    """Path of a library → whose it is."""
    explained: frozenset[str] = frozenset()
    """Components that some model of the app was found to be of."""
    folders: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Folder → components that its models are of."""
    named_by: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """File name → Java classes that hold it as a string, where the code was read."""
    natives: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """File name of a library → Java classes whose native methods it exports, where it was read."""


def context_of(
    app: App,
    detections: Sequence[Detection],
    libraries: Sequence[Library] = (),
    models: Sequence[Model] = (),
    *,
    named_by: Mapping[str, Sequence[str]] | None = None,
    natives: Mapping[str, Sequence[str]] | None = None,
    traces: Traces | None = None,
    published: PublishedModels | None = None,
) -> Context:
    """Gathers what attributions rest on. `named_by` and `natives` come from the deep pass and may be missing."""
    traces = traces or own_traces()
    first = Context(
        app=app,
        traces=traces,
        published=published or published_models(),
        present=_present(detections, traces),
        bringing=_bringing(detections, traces),
        runtime=_runtime(detections),
        named_by=named_by or {},
        natives=natives or {},
    )
    owned = _with_libraries(first, detections, libraries)
    return _with_models(owned, models)


def attribute(subject: Model | Library | Detection, context: Context) -> Attribution:
    """Whose `subject` is."""
    if isinstance(subject, Model):
        return _model(subject, context)
    if isinstance(subject, Library):
        known = context.libraries.get(subject.location.path)
        return known if known is not None else _library(subject, frozenset(), context)
    return _technology(subject, context)


# --- what is around ---------------------------------------------------------------------------------------------------


def _present(detections: Sequence[Detection], traces: Traces) -> dict[str, Evidence]:
    found: dict[str, Evidence] = {}
    for detection in detections:
        sdk = traces.technologies.get(detection.technology)
        if sdk is not None and detection.presence in _CODE and detection.evidence:
            found.setdefault(sdk.id, detection.evidence[0])
    return found


def _bringing(detections: Sequence[Detection], traces: Traces) -> frozenset[str]:
    names = {item.technology for item in detections if item.presence in _CODE and item.category is not Category.SYSTEM}
    components = (traces.technologies.get(name) for name in names)
    return frozenset(sdk.id for sdk in components if sdk is not None and sdk.models)


def _runtime(detections: Sequence[Detection]) -> Evidence | None:
    """A runtime that is there for its own sake: a library, or linked into one that no other component brings."""
    for detection in detections:
        shipped = detection.presence is Presence.LIBRARY or (
            detection.presence is Presence.EMBEDDED and detection.host is None
        )
        if detection.category in {Category.RUNTIME, Category.CLASSICAL} and shipped and detection.evidence:
            return detection.evidence[0]
    return None


def _with_libraries(context: Context, detections: Sequence[Detection], libraries: Sequence[Library]) -> Context:
    whole: dict[str, set[str]] = defaultdict(set)
    for detection in detections:
        if detection.presence is Presence.LIBRARY and detection.category is not Category.CLASSICAL:
            for evidence in detection.evidence:
                whole[evidence.location.path].add(detection.technology)
    owned = {
        library.location.path: _library(library, frozenset(whole.get(library.location.path, ())), context)
        for library in libraries
    }
    needed_by: dict[str, set[str]] = defaultdict(set)
    for library in libraries:
        for name in library.needed:
            needed_by[name].add(owned[library.location.path].sdk or "")
    for library in libraries:
        path = library.location.path
        if owned[path].owner is Owner.UNKNOWN:
            owned[path] = _needed(library, needed_by, context) or owned[path]
    return _replace(context, libraries=owned)


def _with_models(context: Context, models: Sequence[Model]) -> Context:
    explained: set[str] = set()
    folders: dict[str, set[str]] = defaultdict(set)
    for model in models:
        sdk = _by_content(model, context) or _by_path(model, context) or _by_metadata(model, context)
        name = sdk.sdk if sdk is not None and sdk.sdk else ""
        explained.add(name)
        folders[_folder(model.parts[0].location)].add(name)
    return _replace(
        context,
        explained=frozenset(explained - {""}),
        folders={folder: frozenset(names - {""}) for folder, names in folders.items()},
    )


def _replace(context: Context, **changes: object) -> Context:
    from msgspec.structs import replace

    return replace(context, **changes)


# --- models -----------------------------------------------------------------------------------------------------------


def _model(model: Model, context: Context) -> Attribution:
    found = (
        _by_content(model, context)
        or _by_path(model, context)
        or _by_metadata(model, context)
        or _by_host(model, context)
        or _by_code(model, context)
        or _by_neighbours(model, context)
    )
    return found if found is not None else _left_over(model, context)


def _by_content(model: Model, context: Context) -> Attribution | None:
    place = model.parts[0].location
    for digest in (model.digest, *(part.sha256 for part in model.parts)):
        sdk = context.traces.digests.get(digest)
        entry = context.published.by_digest(digest)
        if sdk is None and entry is not None and entry.sdk:
            sdk = context.traces.by_id.get(entry.sdk)
        if sdk is not None:
            proof = _proof(EvidenceKind.MAGIC, place, f"sha256 {digest}", sdk)
            return _sdk(sdk, Confidence.CERTAIN, f"the same bytes as a file of {sdk.title}", proof)
    return None


def _by_path(model: Model, context: Context) -> Attribution | None:
    place = model.parts[0].location
    for path in _components(place):
        trace = context.traces.paths.best(path) or _framework(path, context)
        if trace is not None:
            return _conventional(trace, place, context)
    return None


def _framework(path: str, context: Context) -> Trace | None:
    """The component whose framework (``Frameworks/X.framework/…``) the file lies in."""
    for folder in reversed(path.split("/")[:-1]):
        if folder.endswith((".framework", ".bundle")):
            return context.traces.libraries.best(folder.rpartition(".")[0])
    return None


def _conventional(trace: Trace, place: Location, context: Context) -> Attribution:
    """Its place is one that a component uses; sure where the component's code is there as well."""
    sdk = trace.sdk
    proofs = [_proof(EvidenceKind.FILE_NAME, place, trace.glob, sdk)]
    code = context.present.get(sdk.id)
    if code is None:
        return _sdk(sdk, Confidence.LIKELY, f"{sdk.title} keeps its files at {trace.glob}", *proofs)
    because = f"{sdk.title} keeps its files at {trace.glob}, and its code is in the app"
    return _sdk(sdk, Confidence.CERTAIN, because, *proofs, code)


def _by_metadata(model: Model, context: Context) -> Attribution | None:
    found = context.traces.of_metadata(model)
    if found is None:
        return None
    sdk, text = found
    proof = _proof(EvidenceKind.STRUCTURE, model.parts[0].location, text, sdk)
    return _sdk(sdk, Confidence.LIKELY, f"the model says so: {text}", proof)


def _by_host(model: Model, context: Context) -> Attribution | None:
    """A model inside a library is of whom the library is."""
    place = model.parts[0].location
    host = context.libraries.get(place.path)
    if host is None or host.owner is Owner.UNKNOWN:
        return None
    confidence = min(host.confidence, Confidence.LIKELY, key=_RANKS.index)
    proof = Evidence(kind=EvidenceKind.FILE_NAME, location=place, value=place.name, rule=_RULE)
    return Attribution(
        owner=host.owner, sdk=host.sdk, title=host.title, vendor=host.vendor, kind=host.kind, confidence=confidence,
        because=f"it lies inside {place.name}, which is {_whose(host)}", evidence=(proof, *host.evidence),
    )  # fmt: skip


_RANKS: Final = (Confidence.POSSIBLE, Confidence.LIKELY, Confidence.CERTAIN)


def _by_code(model: Model, context: Context) -> Attribution | None:
    """The classes that name the file."""
    place = model.parts[0].location
    return _of_classes(context.named_by.get(place.name, ()), place, "names the file", context)


def _of_classes(names: Sequence[str], place: Location, verb: str, context: Context) -> Attribution | None:
    """The one owner of the classes `names`; None when there are several or none is known."""
    found: dict[str, tuple[str, Sdk | None]] = {}
    for name in names:
        own = _is_own(name, context.app.package_id)
        sdk = None if own else context.traces.of_class(name)
        if own or sdk is not None:
            found[sdk.id if sdk is not None else ""] = (name, sdk)
    if len(found) != 1:
        return None
    name, sdk = next(iter(found.values()))
    proof = Evidence(kind=EvidenceKind.CLASS_REFERENCED, location=place, value=name, rule=_RULE)
    because = f"the class {name} {verb}"
    if sdk is not None:
        return _sdk(sdk, Confidence.LIKELY, because, proof)
    return Attribution(owner=Owner.APP, confidence=Confidence.LIKELY, because=because, evidence=(proof,))


def _is_own(name: str, package: str | None) -> bool:
    """Classes below the app's package, or below its first two parts (``com.example``) when these say something."""
    if not package or package.count(".") < 1:
        return False
    stem = ".".join(package.split(".")[:2])
    return name.startswith((f"{package}.", f"{stem}."))


def _by_neighbours(model: Model, context: Context) -> Attribution | None:
    """Everything else that is known in its folder is of one component."""
    place = model.parts[0].location
    folder = _folder(place)
    if re.split("[/!]", folder)[-1] in _GENERIC or place.path.rpartition("!")[2].count("/") == 0:
        return None
    names = context.folders.get(folder, frozenset())
    if len(names) != 1:
        return None
    sdk = context.traces.by_id.get(next(iter(names)))
    if sdk is None:
        return None
    proof = _proof(EvidenceKind.FILE_NAME, place, folder.rpartition("!")[2], sdk)
    because = f"rule of thumb: all other models known in its folder are of {sdk.title}"
    return _sdk(sdk, Confidence.POSSIBLE, because, proof)


def _left_over(model: Model, context: Context) -> Attribution:
    """No component fits. The app's own when nothing in the app is known to bring models that were not found."""
    place = model.parts[0].location
    others = [
        context.traces.by_id[name].title
        for name in context.present
        if name in context.bringing and name not in context.explained
    ]
    if others:
        because = f"it may be of {' or '.join(others[:3])}, which bring models at places that are not known"
        return Attribution(owner=Owner.UNKNOWN, confidence=Confidence.POSSIBLE, because=because)
    proof = Evidence(kind=EvidenceKind.FILE_NAME, location=place, value=place.name, rule=_RULE)
    published = any(context.published.by_digest(part.sha256) is not None for part in model.parts)
    if context.runtime is not None:
        because = "rule of thumb: the app ships a runtime, and no component in it is known to bring this model"
        return Attribution(
            owner=Owner.APP, confidence=Confidence.LIKELY, because=because, evidence=(proof, context.runtime)
        )
    because = "rule of thumb: no component in the app is known to bring this model"
    if published:
        because = "rule of thumb: a published model for general use, and no component in the app is known to bring it"
    return Attribution(owner=Owner.APP, confidence=Confidence.POSSIBLE, because=because, evidence=(proof,))


# --- libraries --------------------------------------------------------------------------------------------------------


def _library(library: Library, whole: frozenset[str], context: Context) -> Attribution:
    """`whole`: technologies whose own library it is."""
    place = library.location
    inner = _components(place)[0]
    trace = context.traces.libraries.best(inner) or (
        context.traces.libraries.best(library.soname) if library.soname else None
    )
    by_rule = next((sdk for name in sorted(whole) if (sdk := context.traces.technologies.get(name))), None)
    if trace is not None:
        proof = _proof(EvidenceKind.SONAME, place, trace.glob, trace.sdk)
        sure = by_rule is not None and by_rule.id == trace.sdk.id
        because = f"{trace.glob} is a library of {trace.sdk.title}"
        return _sdk(trace.sdk, Confidence.CERTAIN if sure else Confidence.LIKELY, because, proof)
    if by_rule is not None:
        proof = Evidence(kind=EvidenceKind.SONAME, location=place, value=place.name, rule=min(whole))
        return _sdk(by_rule, Confidence.CERTAIN, f"the rule {min(whole)} found it to be its library", proof)
    if whole:
        name = min(whole)
        proof = Evidence(kind=EvidenceKind.SONAME, location=place, value=place.name, rule=name)
        return Attribution(
            owner=Owner.SDK, sdk=name, title=name, confidence=Confidence.CERTAIN,
            because=f"the rule {name} found it to be its library", evidence=(proof,),
        )  # fmt: skip
    by_natives = _of_classes(context.natives.get(place.name, ()), place, "has its native methods there", context)
    return by_natives or _own_library(library, context) or _nobody(library)


def _own_library(library: Library, context: Context) -> Attribution | None:
    """Names that app developers' code goes by."""
    place = library.location
    inner = _components(place)[0]
    proof = Evidence(kind=EvidenceKind.FILE_NAME, location=place, value=place.name, rule=_RULE)
    if re.search(rf"(?:^|/){re.escape(place.name)}\.(?:app|appex)/{re.escape(place.name)}$", inner):
        because = "it is the executable of the bundle"
        return Attribution(owner=Owner.APP, confidence=Confidence.CERTAIN, because=because, evidence=(proof,))
    stem = re.sub(r"[^a-z0-9]", "", place.name.lower().removeprefix("lib").partition(".")[0])
    words = [re.sub(r"[^a-z0-9]", "", word) for word in (context.app.package_id or "").lower().split(".")]
    if len(stem) >= 4 and stem in words[1:]:
        because = f"rule of thumb: it is called as the app's package {context.app.package_id}"
        return Attribution(owner=Owner.APP, confidence=Confidence.LIKELY, because=because, evidence=(proof,))
    if place.name in _TEMPLATES:
        because = "rule of thumb: a name that Android Studio gives to native code of a new project"
        return Attribution(owner=Owner.APP, confidence=Confidence.POSSIBLE, because=because, evidence=(proof,))
    return None


def _needed(library: Library, needed_by: Mapping[str, set[str]], context: Context) -> Attribution | None:
    """A library that only libraries of one component are linked with."""
    name = library.soname or library.location.name
    users = needed_by.get(name, set())
    sdk = context.traces.by_id.get(next(iter(users))) if len(users) == 1 else None
    if sdk is None or sdk.owner is not Owner.SDK:
        return None
    proof = _proof(EvidenceKind.NEEDED, library.location, name, sdk)
    return _sdk(sdk, Confidence.LIKELY, f"only libraries of {sdk.title} are linked with it", proof)


def _nobody(library: Library) -> Attribution:
    because = f"no component is known for {library.location.name}"
    return Attribution(owner=Owner.UNKNOWN, confidence=Confidence.POSSIBLE, because=because)


# --- technologies -----------------------------------------------------------------------------------------------------


def _technology(detection: Detection, context: Context) -> Attribution:
    """Who brought the technology to where it was found."""
    proofs = detection.evidence[:1]
    sdk = context.traces.technologies.get(detection.technology)
    place = proofs[0].location.path if proofs else ""
    host = context.libraries.get(place)
    embedded = detection.presence is Presence.EMBEDDED and host is not None and host.owner is not Owner.UNKNOWN
    if embedded and host is not None and (host.sdk is None or sdk is None or host.sdk != sdk.id):
        because = f"it is inside {Location(path=place).name}, which is {_whose(host)}"
        return Attribution(
            owner=host.owner, sdk=host.sdk, title=host.title, vendor=host.vendor, kind=host.kind,
            confidence=Confidence.LIKELY, because=because, evidence=proofs,
        )  # fmt: skip
    if detection.category is Category.SYSTEM or detection.presence is Presence.FRAMEWORK:
        because = "it comes with the system"
        return Attribution(
            owner=Owner.SYSTEM, sdk=detection.technology, title=detection.title, confidence=detection.confidence,
            because=because, evidence=proofs,
        )  # fmt: skip
    if sdk is not None:
        itself = sdk.title == detection.title
        because = f"{detection.title} is a " + ("component in itself" if itself else f"part of {sdk.title}")
        return _sdk(sdk, detection.confidence, because, *proofs)
    return Attribution(
        owner=Owner.SDK, sdk=detection.technology, title=detection.title, confidence=detection.confidence,
        because=f"{detection.title} is a component in itself", evidence=proofs,
    )  # fmt: skip


# --- small things -----------------------------------------------------------------------------------------------------


def _sdk(sdk: Sdk, confidence: Confidence, because: str, *evidence: Evidence) -> Attribution:
    own = sdk.owner is Owner.APP
    return Attribution(
        owner=sdk.owner, sdk=None if own else sdk.id, title=sdk.title, vendor=sdk.vendor, kind=sdk.kind,
        confidence=confidence, because=because, evidence=evidence,
    )  # fmt: skip


def _proof(kind: EvidenceKind, place: Location, value: str, sdk: Sdk) -> Evidence:
    return Evidence(kind=kind, location=place, value=value, rule=f"{_RULE}#{sdk.id}")


def _whose(host: Attribution) -> str:
    return "the app's own" if host.owner is Owner.APP else f"of {host.title}"


def _components(place: Location) -> list[str]:
    """The path inside the innermost container, then inside those around it."""
    return [part for part in reversed(place.path.split("!")) if part]


def _folder(place: Location) -> str:
    return place.path.rpartition("/")[0]


class Shares(Struct, frozen=True, kw_only=True):
    """Models of an app by owner, so that they can be counted with and without those that components bring."""

    app: int = 0
    sdk: int = 0
    system: int = 0
    unknown: int = 0
    kinds: Mapping[SdkKind, int] = field(default_factory=dict)
    """Models of components by what the components are for."""

    @property
    def all(self) -> int:
        """Every model."""
        return self.app + self.sdk + self.system + self.unknown


def shares(attributions: Iterable[Attribution]) -> Shares:
    """Counts models by their owners."""
    owners: dict[Owner, int] = defaultdict(int)
    kinds: dict[SdkKind, int] = defaultdict(int)
    for item in attributions:
        owners[item.owner] += 1
        if item.owner is Owner.SDK and item.kind is not None:
            kinds[item.kind] += 1
    return Shares(
        app=owners[Owner.APP], sdk=owners[Owner.SDK], system=owners[Owner.SYSTEM], unknown=owners[Owner.UNKNOWN],
        kinds=dict(kinds),
    )  # fmt: skip
