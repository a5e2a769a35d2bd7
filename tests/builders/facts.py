"""Made-up facts: scans, detections and models without any package behind them."""

from __future__ import annotations

from typing import Any

from nngauge.analyse.technologies import technologies
from nngauge.domain.app import App, Platform
from nngauge.domain.cost import Family
from nngauge.domain.detection import Category, Detection
from nngauge.domain.evidence import Confidence, Evidence, EvidenceKind, Presence
from nngauge.domain.graph import Completeness, DType
from nngauge.domain.location import Location
from nngauge.domain.model import Candidate, Model, ModelFile, Port, Suspicion
from nngauge.domain.network import FamilyShare, LanguageFacts, Network, WeightPrint
from nngauge.domain.outcome import Anomaly, Coverage, Failure, Stage, Treatment
from nngauge.domain.protection import (
    Answer,
    Audit,
    AuditedModel,
    Check,
    Cipher,
    Grade,
    IntegrityFinding,
    Protection,
    Signal,
    SignalKind,
)
from nngauge.domain.scan import Provenance, Scan, Verdict
from nngauge.domain.workload import LayerWork, Workload


def place(path: str = "a.apk!assets/m.tflite", offset: int | None = None, size: int | None = None) -> Location:
    return Location(path=path, offset=offset, size=size)


def proof(value: str = "TfLiteVersion", path: str = "a.apk!lib/arm64-v8a/libx.so", offset: int = 64) -> Evidence:
    return Evidence(
        kind=EvidenceKind.EXPORT, location=place(path, offset, len(value)), value=value, rule="tflite#c-api"
    )


def detection(**changes: Any) -> Detection:
    facts: dict[str, Any] = {
        "technology": "tflite", "title": "TensorFlow Lite", "category": Category.RUNTIME, "presence": Presence.LIBRARY,
        "confidence": Confidence.CERTAIN, "version": "2.17.0", "abi": "arm64-v8a", "library_bytes": 3_000_000,
        "evidence": (proof(),), "evidence_count": 1,
    }  # fmt: skip
    return Detection(**(facts | changes))


def model(**changes: Any) -> Model:
    digest = changes.pop("digest", "ab" * 32)
    path = changes.pop("path", "a.apk!assets/m.tflite")
    facts: dict[str, Any] = {
        "format": "tflite", "title": "TensorFlow Lite / LiteRT", "name": path.rpartition("/")[2], "digest": digest,
        "size": 4096, "parts": (ModelFile(location=place(path), sha256=digest, size=4096),),
        "completeness": Completeness.FULL,
        "inputs": (Port(name="in", dtype=DType.FLOAT32, shape=(1, 28, 28, None)),),
        "outputs": (Port(name="out", dtype=DType.INT8, shape=("batch", 10)),),
        "parameters": 1234, "nodes": 3, "ops": {"CONV_2D": 2, "SOFTMAX": 1}, "weights": {"float32": 1234},
        "metadata": {"author": "someone"}, "evidence": (proof("validated as TFLite", path, 0),), "plugin": "tflite@1",
    }  # fmt: skip
    return Model(**(facts | changes))


def scan(path: str = "a.apk", **changes: Any) -> Scan:
    facts: dict[str, Any] = {
        "path": path,
        "app": App(
            platform=Platform.ANDROID, container="apk", package_id="com.example.a", version_name="1.2", version_code="12",
            label="Example", min_os="24", target_os="35", permissions=("android.permission.CAMERA",),
            signers=("cd" * 32,), abis=("arm64-v8a",), size=5_000_000, sha256="ef" * 32,
        ),
        "verdict": Verdict(runtime_present=True, model_present=True, model_elsewhere=False, because=("runtime present: TensorFlow Lite",)),
        "detections": (detection(),), "models": (model(),),
        "candidates": (
            Candidate(location=place("a.apk!assets/x.dat"), size=9000, suspicion=Suspicion.OPAQUE, formats=(), reason="noise"),
        ),
        "failures": (Failure(stage=Stage.PACKAGE, location=place("a.apk!bad"), error="TruncatedError", reason="cut short"),),
        "anomalies": (Anomaly(kind="zip-duplicate-name", location=place("a.apk"), detail="x", count=2),),
        "coverage": (Coverage(treatment=Treatment.SCANNED, kind="elf", entries=1, size=3_000_000),),
        "provenance": Provenance(tool="nngauge 0", rules="r", plugins="p", configuration="default"),
    }  # fmt: skip
    facts |= changes
    facts.setdefault("technologies", technologies(facts["detections"], facts["models"]))
    return Scan(**facts)


def network(**changes: Any) -> Network:
    facts: dict[str, Any] = {
        "digest": "ab" * 32, "plugin": "tflite@1", "macs": 52_224, "parameters": "10*N", "weight_bytes": 26_344,
        "peak_bytes": 3840, "read_bytes": 1, "written_bytes": 2, "scheme": "float", "precision": "float32",
        "sparsity": 0.25, "near_zero": 0.5, "clustered": 0, "structure": "aa", "layers": "bb", "trunk": "cc",
        "known": "zoo/net", "likeness": "derived",
        "language": LanguageFacts(role="decoder", family="Llama", architecture="llama", context=2048, bits_per_weight=4.5),
        "families": (FamilyShare(family="convolution", layers=2, macs=52_000, parameters=6000),),
        "tensors": (
            WeightPrint(order=0, elements=2592, dtype="float32", bytes=10_368, layer=True, exact="cd" * 16, shape=(24, 12, 9),
                        bits=(2**64 - 1, 5), known=(2**64 - 1, 2**64 - 1)),
            WeightPrint(order=1, elements=24, dtype="float32", bytes=96),
        ),
        "workload": Workload(macs=52_000, layers=(
            LayerWork("Conv", Family.CONVOLUTION, ((1, 8, 8, 12),), ((1, 8, 8, 24),), "float32", "float32", "3x3", 52_000, 2592, 10_368,
                      3072, 6144, 1, False),
        )),
    }  # fmt: skip
    return Network(**(facts | changes))


def audit(**changes: Any) -> Audit:
    """One model with a weak cipher, whose digest nobody compares, and one file of noise."""
    weak = Protection(
        grades=(Grade.WEAK, Grade.RENAMED), confidence=Confidence.CERTAIN, attack="Unmask it.", remedy="Use AES-GCM.",
        signals=(Signal(kind=SignalKind.STATISTICS, says="a key of 4 bytes repeats", evidence=proof()),),
        cipher=Cipher(name="XOR", key_bytes=4), reveals="TensorFlow Lite / LiteRT",
    )  # fmt: skip
    noise = Protection(
        grades=(Grade.UNIFORM,), confidence=Confidence.POSSIBLE, signals=weak.signals, attack="None known.", remedy=""
    )
    unchecked = IntegrityFinding(check=Check.DIGEST, answer=Answer.NO, good=False, says="Nothing compares its digest.")
    one = AuditedModel(
        name="m.dat", title="", location=place("a.apk!assets/m.dat"), places=1, size=4096, digest="ab" * 32,
        protection=weak, integrity=(unchecked,),
    )  # fmt: skip
    other = AuditedModel(
        name="x.bin", title="", location=place("a.apk!assets/x.bin"), places=1, size=512, digest="", protection=noise
    )
    facts: dict[str, Any] = {
        "path": "a.apk", "app": scan().app, "models": (one,), "unknown": (other,), "integrity": (), "summary": (),
        "failures": (),
    }  # fmt: skip
    return Audit(**(facts | changes))
