"""What the facts of one app add up to: technologies, verdict, owners, accelerators, the app's own question.

What costs more than microseconds is only imported for apps with AI in them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct
from msgspec.structs import replace

from nngauge.analyse.app_facts import RuleIndex
from nngauge.analyse.technologies import technologies
from nngauge.analyse.verdict import judge
from nngauge.domain.acceleration import Acceleration
from nngauge.domain.app import App
from nngauge.domain.attribution import Attribution, Owner
from nngauge.domain.detection import Detection
from nngauge.domain.library import Library
from nngauge.domain.model import Model
from nngauge.domain.scan import Verdict
from nngauge.domain.task import CoreVerdict
from nngauge.domain.technology import Technology
from nngauge.domain.usage import UsageVerdict
from nngauge.io.axml import Element
from nngauge.packages import Package


class Found(Struct, frozen=True, kw_only=True):
    """Facts of one app, before anything was concluded from them."""

    app: App
    manifests: Sequence[Element]
    detections: Sequence[Detection]
    loaders: Sequence[Detection]
    """What brings code to the phone by other ways than the installer."""
    models: Sequence[Model]
    libraries: Sequence[Library]


class Conclusions(Struct, frozen=True, kw_only=True):
    """The fields of a scan that follow from others; models and libraries now say whose they are."""

    verdict: Verdict
    technologies: tuple[Technology, ...]
    models: tuple[Model, ...]
    libraries: tuple[Library, ...]
    accelerations: tuple[Acceleration, ...] = ()
    usage: tuple[UsageVerdict, ...] = ()
    core: CoreVerdict | None = None


def conclude(found: Found, rules: RuleIndex, elsewhere: Collection[str]) -> Conclusions:
    """`rules` say what technologies need, `elsewhere` which of them mean that a model lives outside the package."""
    graded = technologies(
        found.detections, found.models, index=rules, libraries=found.libraries, loaders=found.loaders, app=found.app
    )
    plain = Conclusions(
        verdict=judge(graded, found.models, elsewhere),
        technologies=graded,
        models=tuple(found.models),
        libraries=tuple(found.libraries),
    )
    if not found.detections and not found.models:
        return plain
    owned = _owned(found, plain)
    return replace(owned, accelerations=_accelerations(found), core=_core(found, owned))


def examined(found: Found, concluded: Conclusions, package: Package, rules: RuleIndex) -> Conclusions:
    """`concluded`, with what the app's code tells: used or bundled, and which accelerators are really asked for."""
    if not concluded.technologies and not concluded.models:
        return concluded
    from nngauge.analyse.usage import app_code, examine
    from nngauge.knowledge.accelerators import ACCELERATORS

    wanted = [rule for item in concluded.technologies if (rule := rules.rules.get(item.id)) is not None]
    watch = {method for one in ACCELERATORS for method in one.calls}
    told = examine(app_code(package), wanted, found.libraries, found.models, watch)
    return replace(concluded, usage=told.verdicts, accelerations=_accelerations(found, told.calls))


def _owned(found: Found, plain: Conclusions) -> Conclusions:
    from nngauge.analyse.attribution.owners import attribute, context_of
    from nngauge.analyse.attribution.published import known_model

    around = context_of(found.app, found.detections, found.libraries, found.models)
    owners: dict[str, Attribution] = {}
    for detection in found.detections:
        owners.setdefault(detection.technology, attribute(detection, around))
    return replace(
        plain,
        technologies=tuple(replace(item, owner=owners.get(item.id)) for item in plain.technologies),
        models=tuple(replace(item, owner=attribute(item, around), known=known_model(item)) for item in plain.models),
        libraries=tuple(replace(item, owner=attribute(item, around)) for item in plain.libraries),
    )


def _accelerations(found: Found, calls: Collection[str] | None = None) -> tuple[Acceleration, ...]:
    from nngauge.analyse.acceleration import accelerations, packaging

    told = packaging(found.manifests, found.app.container)
    return accelerations(found.detections, found.libraries, found.app, models=found.models, package=told, calls=calls)


def _core(found: Found, owned: Conclusions) -> CoreVerdict | None:
    """Core feature or extra; None where no model says what it is for."""
    verdicts = [model.task for model in owned.models if model.task is not None]
    if not verdicts:
        return None
    from nngauge.analyse.core_feature import Surroundings, core_feature

    bytes_of_models = sum({model.digest: model.size for model in owned.models}.values())
    runtimes = sum(item.library_bytes or 0 for item in owned.technologies if item.shipped and item.host is None)
    own = sum(model.owner is not None and model.owner.owner is Owner.APP for model in owned.models)
    around = Surroundings(ai_bytes=bytes_of_models + runtimes, own_models=own, launcher=_launcher(found.manifests))
    return core_feature(found.app, verdicts, around)


_STARTED = frozenset({"activity", "activity-alias"})


def _launcher(manifests: Sequence[Element]) -> str | None:
    """Class of the activity that the launcher starts."""
    for manifest in manifests:
        for activity in (item for item in manifest.walk() if item.name in _STARTED):
            if any(item.get("name") == "android.intent.category.LAUNCHER" for item in activity.walk()):
                name = activity.get("targetActivity") or activity.get("name")
                return str(name) if name else None
    return None
