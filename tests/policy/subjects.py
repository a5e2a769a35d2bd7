"""Apps that never existed, for checks: dossiers put together from single facts."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from nngauge.domain.app import Part, Platform
from nngauge.domain.attribution import Attribution, KnownModel, Likeness, Owner
from nngauge.domain.detection import Category
from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.library import Library
from nngauge.domain.protection import Audit, AuditedModel, Grade, Protection
from nngauge.domain.technology import Grade as How
from nngauge.domain.technology import Technology
from tests.builders.facts import audit as an_audit
from tests.builders.facts import model, place, scan


def kept(
    path: str = "assets/m.tflite",
    *,
    number: int = 1,
    whose: Owner = Owner.APP,
    grade: Grade | None = Grade.ENCRYPTED,
    places: tuple[str, ...] = (),
    network: Any = None,
    cost: Any = None,
    **changes: Any,
) -> ModelDossier:
    """One model at `path`; `number` makes its digest."""
    digest = f"{number:02x}" * 32
    where = f"a.apk!{path}"
    one = model(path=where, digest=digest, **({"owner": attribution(whose)} | changes))
    return ModelDossier(
        model=one,
        places=places or (where,),
        network=network,
        cost=cost,
        protection=audited(one.name, where, grade, digest) if grade else None,
    )


def attribution(whose: Owner) -> Attribution:
    return Attribution(owner=whose, confidence=Confidence.LIKELY, because="No path leads to it.")


def audited(name: str, where: str, *grades: Grade | None, **changes: Any) -> AuditedModel:
    """`grades`, and as the last positional argument the digest."""
    *marks, digest = grades
    protection = Protection(
        grades=tuple(mark for mark in marks if isinstance(mark, Grade)), confidence=Confidence.CERTAIN, signals=(),
        attack="Copy it.", remedy="Encrypt it.",
    )  # fmt: skip
    facts: dict[str, Any] = {
        "name": name, "title": "", "location": place(where), "places": 1, "size": 4096, "digest": str(digest or ""),
        "protection": protection,
    }  # fmt: skip
    return AuditedModel(**(facts | changes))


def audit(*models: AuditedModel, **changes: Any) -> Audit:
    return an_audit(models=models, unknown=(), **changes)


def technology(id: str = "tflite", **changes: Any) -> Technology:  # noqa: A002 - the field's name
    facts: dict[str, Any] = {
        "id": id, "title": id, "category": Category.RUNTIME, "grade": How.LIBRARY, "presence": Presence.LIBRARY,
        "confidence": Confidence.CERTAIN, "shipped": True, "location": place("a.apk!lib/arm64-v8a/lib" + id + ".so"), "places": 1,
        "library_bytes": 3_000_000,
    }  # fmt: skip
    return Technology(**(facts | changes))


def library(
    name: str, *technologies: str, abi: str = "arm64-v8a", size: int = 1000, needed: tuple[str, ...] = ()
) -> Library:
    where = place(f"a.apk!lib/{abi}/{name}")
    return Library(location=where, size=size, abi=abi, soname=name, needed=needed, technologies=technologies)


def known(**changes: Any) -> KnownModel:
    facts: dict[str, Any] = {
        "id": "zoo/net", "title": "Zoo net", "source": "https://example.com/net.tflite", "license": "CC-BY-NC-4.0",
        "likeness": Likeness.WEIGHTS, "confidence": Confidence.CERTAIN,
    }  # fmt: skip
    return KnownModel(**(facts | changes))


def dossier(
    *models: ModelDossier, audit: Audit | None = None, app: dict[str, Any] | None = None, **facts: Any
) -> Dossier:
    """`facts` are fields of the scan; nothing is wrong unless they say so."""
    plain: dict[str, Any] = {
        "detections": (), "technologies": (), "failures": (), "anomalies": (), "candidates": (), "libraries": (),
    }  # fmt: skip
    found = scan(models=tuple(one.model for one in models), **(plain | facts))
    if app:
        found = replace(found, app=replace(found.app, **app))
    return Dossier(scan=found, models=models, audit=audit)


def packed(container: str = "aab", *parts: tuple[str, int], platform: Platform = Platform.ANDROID) -> dict[str, Any]:
    """Fields of an app in parts of `(role, bytes)`."""
    listed = tuple(Part(path=role.partition(":")[2] or role, role=role, size=size) for role, size in parts)
    return {"container": container, "platform": platform, "parts": listed, "size": sum(size for _, size in parts)}
