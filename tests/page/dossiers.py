"""Dossiers without any package behind them: one of everything, and the same with every text made hostile."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from msgspec import Struct
from msgspec.structs import fields, replace

from nngauge.analyse.cost import model_cost
from nngauge.domain.acceleration import Acceleration, Hardware, Outcome
from nngauge.domain.app import Part
from nngauge.domain.attribution import Attribution, KnownModel, Likeness, Owner
from nngauge.domain.detection import Category
from nngauge.domain.dossier import Dossier, ModelDossier
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.finding import Finding, Severity
from nngauge.domain.library import Library
from nngauge.domain.outcome import Coverage, Treatment
from nngauge.domain.scan import Scan, Verdict
from nngauge.domain.task import Alternative, CoreVerdict, Modality, Role, TaskVerdict
from nngauge.domain.usage import Caller, Step, UsageVerdict, Use
from tests.builders import facts
from tests.builders.analyses import Net

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)><!--&amp;{{7*7}}\x1b[31m\u202egpj.exe\u2066\udc80\x00"
)


def whole() -> Dossier:
    """One of everything that a page can show."""
    found = _scan()
    model = found.models[0]
    other = replace(
        model, digest="cd" * 32, name="second.tflite", task=None, owner=None, known=None, evidence=model.evidence
    )
    net = Net()
    cost = model_cost(net.graph(net.conv(net.conv(0, 8, "first"), 16, "second")))
    audit = facts.audit()
    item = ModelDossier(
        model=model, places=("a.apk!assets/m.tflite", "a.apk!assets/again.tflite"), network=facts.network(), cost=cost,
        layers_left_out=3, picture='<svg xmlns="http://www.w3.org/2000/svg"><title>net</title></svg>',
        protection=audit.models[0],
    )  # fmt: skip
    bare = ModelDossier(model=other, places=("a.apk!assets/second.tflite",))
    hidden = replace(audit.models[0], digest="", name="hidden.dat")
    return Dossier(
        scan=replace(found, models=(model, other)),
        models=(item, bare),
        audit=replace(audit, models=(*audit.models, hidden)),
    )


def _scan() -> Scan:
    owner = Attribution(
        owner=Owner.SDK, sdk="mlkit", title="ML Kit", vendor="Google", confidence=Confidence.LIKELY, because="its folder",
        evidence=(facts.proof(),),
    )  # fmt: skip
    known = KnownModel(
        id="kws", title="KWS", source="a paper", license="MIT", likeness=Likeness.WEIGHTS, confidence=Confidence.CERTAIN,
        evidence=(facts.proof(),),
    )  # fmt: skip
    task = TaskVerdict(
        task="keyword-spotting", modality=Modality.AUDIO, probability=0.75, because=(facts.proof("one row of words"),),
        alternatives=(Alternative("sound-recognition", 0.2),),
    )  # fmt: skip
    runtime = facts.detection(version_range="==2.17.0", version_evidence=facts.proof("2.17.0"), evidence_count=9)
    cloud = facts.detection(
        technology="openai", title="OpenAI", category=Category.CLOUD, presence=Presence.ENDPOINT, version=None,
        confidence=Confidence.LIKELY,
    )  # fmt: skip
    base = facts.scan(models=(facts.model(task=task, owner=owner, known=known),), detections=(runtime, cloud))
    why = {"confidence": Confidence.CERTAIN, "reason": "a path leads there", "evidence": (facts.proof(),)}
    return replace(
        base,
        app=replace(base.app, parts=(Part(path="a.apk", role="base", size=5), Part(path="b.apk", role="split:b", size=3))),
        technologies=tuple(replace(item, owner=owner, because="it says so", evidence=(facts.proof(),)) for item in base.technologies),
        verdict=Verdict(
            runtime_present=True, model_present=True, model_elsewhere=True,
            because=("runtime present: TensorFlow Lite", "model present: 2 × TensorFlow Lite", "model elsewhere: OpenAI"),
        ),
        libraries=(
            Library(location=facts.place("a.apk!lib/arm64-v8a/liba.so"), size=700_000, technologies=("tflite",), owner=owner),
            Library(location=facts.place("a.apk!lib/arm64-v8a/libb.so"), size=30_000),
        ),
        accelerations=(
            Acceleration(
                accelerator="tflite-gpu", title="GPU delegate", engine="tflite", hardware=Hardware.GPU, abi="arm64-v8a",
                outcome=Outcome.MISSING, asked=(facts.proof(),), missing=("libgpu.so",), shipped=(facts.place(),), size=9,
                phones=("v68",), consequence="It falls back.", advice=("Ship it.",), notes=("slow",),
            ),
        ),
        usage=(
            UsageVerdict(subject="tflite", use=Use.USED, caller=Caller.APP, chain=(Step(method="a.b", how="calls"),), **why),
            UsageVerdict(subject="a.apk!assets/m.tflite", model=True, use=Use.BUNDLED, **why),
        ),
        core=CoreVerdict(role=Role.CORE, probability=0.9, because=(facts.proof(),)),
        coverage=(
            *base.coverage,
            Coverage(treatment=Treatment.PARSED, kind="tflite", entries=2, size=8192),
            Coverage(treatment=Treatment.HEAD_ONLY, kind="png", entries=20, size=500_000),
            Coverage(treatment=Treatment.OPENED, kind="zip", entries=1, size=900_000),
        ),
    )  # fmt: skip


def findings() -> tuple[Finding, ...]:
    return (
        *(
            Finding(
                rule="unprotected-model", severity=Severity.NOTE, says=f"model {number} is plain", location=facts.place(),
                remedy="Encrypt it.", risk="Keys leak.",
            )
            for number in range(5)
        ),
        Finding(
            rule="of-nobody", severity=Severity.ERROR, says="too large", remedy="Make it smaller.", gain_bytes=4_000_000
        ),
    )  # fmt: skip


def spoiled(value: Any, tail: str = HOSTILE) -> Any:
    """`value` with `tail` behind every text in it; enumerations, which come from us, are left alone."""
    if isinstance(value, Struct):
        return replace(value, **{item.name: spoiled(getattr(value, item.name), tail) for item in fields(value)})
    if isinstance(value, str) and not isinstance(value, Enum):
        return value + tail if value else value
    if isinstance(value, tuple):
        return tuple(spoiled(item, tail) for item in value)
    if isinstance(value, Mapping):
        return {spoiled(key, tail): spoiled(item, tail) for key, item in value.items()}
    return value
