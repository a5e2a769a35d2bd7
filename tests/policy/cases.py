"""Of each rule an app that breaks it and one that keeps it; `test_rules` walks them, and fails when a rule has none."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from nngauge.analyse.cost import model_cost
from nngauge.domain.acceleration import Acceleration, Hardware, Outcome
from nngauge.domain.app import Platform
from nngauge.domain.attribution import Likeness, Owner
from nngauge.domain.cost import Cost
from nngauge.domain.detection import Category
from nngauge.domain.dossier import Dossier
from nngauge.domain.evidence import Confidence, Presence
from nngauge.domain.network import WeightPrint
from nngauge.domain.outcome import Coverage, Failure, Stage, Treatment
from nngauge.domain.protection import Answer, Check, Grade, IntegrityFinding
from nngauge.domain.task import Modality, TaskVerdict
from nngauge.domain.technology import Grade as How
from nngauge.domain.usage import Obstacle, UsageVerdict, Use
from tests.builders.analyses import Net
from tests.builders.facts import detection, network, place, proof
from tests.policy.subjects import audit, audited, dossier, kept, known, library, packed, technology

MB = 10**6


class Case(Struct, frozen=True, kw_only=True):
    rule: str
    app: Dossier
    options: dict[str, Any] = {}
    says: str = ""
    """A piece of what the first finding says; empty where nothing must be found."""
    count: int = 1
    gain: int | None = None
    unevaluated: str = ""
    """A piece of why it was not evaluated."""


def weights(dtype: str, elements: int = 100_000) -> Any:
    width = 4 if dtype == "float32" else 1
    tensors = (
        WeightPrint(order=0, elements=elements, dtype=dtype, bytes=width * elements, layer=True, shape=(100, 10, 100)),
        WeightPrint(order=1, elements=100, dtype="float32", bytes=400),
    )
    return network(tensors=tensors, layers="same")


def used(subject: str, use: Use, *, model: bool = False, **changes: Any) -> UsageVerdict:
    facts: dict[str, Any] = {"confidence": Confidence.LIKELY, "reason": "no path leads there"}
    return UsageVerdict(subject=subject, model=model, use=use, **(facts | changes))


def acceleration(outcome: Outcome, **changes: Any) -> Acceleration:
    facts: dict[str, Any] = {
        "accelerator": "tflite-gpu-delegate",
        "title": "GPU delegate",
        "engine": "tflite",
        "hardware": Hardware.GPU,
        "abi": "arm64-v8a",
        "asked": (proof(),),
        "missing": ("libgpu.so",),
        "consequence": "The CPU does the work.",
    }
    return Acceleration(outcome=outcome, **(facts | changes))


def doing(task: str, probability: float = 0.9) -> TaskVerdict:
    return TaskVerdict(task=task, modality=Modality.IMAGE, probability=probability)


def integrity(check: Check, answer: Answer, *, good: bool | None) -> IntegrityFinding:
    return IntegrityFinding(check=check, answer=answer, good=good, says=f"about {check}", evidence=(proof(),))


def heavy() -> Cost:
    """Of eight convolutions of a picture, 1.9 G MACs."""
    net = Net((1, 3, 128, 128))
    last = 0
    for number in range(8):
        last = net.conv(last, 128, f"c{number}")
    return model_cost(net.graph(last))


DIGEST = "01" * 32
UNPACKED = (
    Coverage(treatment=Treatment.PARSED, kind="tflite", entries=1, size=10 * MB),
    Coverage(treatment=Treatment.OPENED, kind="zip", entries=1, size=900 * MB),
)
NNAPI = acceleration(Outcome.SYSTEM, accelerator="nnapi", title="NNAPI", hardware=Hardware.ANY)

# fmt: off
CASES: tuple[Case, ...] = (
    # --- sizes
    Case(rule="store-limit", app=dossier(app=packed("aab", ("base", 600 * MB))), says="100 MB over the 500 MB of Google Play"),
    Case(rule="store-limit", app=dossier(app=packed("aab", ("base", 300 * MB))), says="100 MB over the 200 MB of Google Play"),
    Case(rule="store-limit", app=dossier(app=packed("aab", ("base", MB), ("ai-pack:models", 1600 * MB))), says="The AI pack models takes 1.6 GB"),
    Case(rule="store-limit", app=dossier(app=packed("ipa", ("base", 250 * MB), platform=Platform.IOS)), says="50 MB over the 200 MB of App Store"),
    Case(rule="store-limit", app=dossier(app=packed("aab", ("base", 190 * MB))), options={"margin": "10%"}, says="10 MB below the 200 MB"),
    Case(rule="store-limit", app=dossier(app=packed("aab", ("base", 190 * MB), ("ai-pack:models", 1400 * MB)))),
    Case(rule="store-limit", app=dossier(app=packed("aar", ("base", 900 * MB))), unevaluated="not what a store delivers"),
    Case(rule="model-bytes", app=dossier(kept(size=60 * MB, places=("a", "b"))), options={"limit": "100 MB"}, says="20 MB more than the 100 MB"),
    Case(rule="model-bytes", app=dossier(kept(size=100 * MB)), options={"limit": "100 MB"}),
    Case(rule="model-size", app=dossier(kept(size=60 * MB)), options={"limit": 50_000_000}, says="m.tflite (TensorFlow Lite / LiteRT) takes 60 MB"),
    Case(rule="model-size", app=dossier(kept(size=50 * MB), kept(size=50 * MB, number=2))),
    Case(rule="model-share", app=dossier(kept(size=6 * MB), coverage=UNPACKED), options={"limit": 0.5}, says="60% of the app"),
    Case(rule="model-share", app=dossier(kept(size=5 * MB), coverage=UNPACKED), options={"limit": "50%"}),
    Case(rule="model-share", app=dossier(kept(), coverage=()), unevaluated="not known"),
    Case(rule="duplicate-model", app=dossier(kept(size=MB, places=("a.apk!x", "a.apk!y", "a.apk!z"))), says="3 times: x, y, z", gain=2 * MB),
    Case(rule="duplicate-model", app=dossier(kept(size=9_999, places=("a.apk!x", "a.apk!y")))),
    Case(rule="duplicate-model", app=dossier(kept(), kept("assets/n.tflite", number=2))),
    # --- precision
    Case(
        rule="float32-beside-int8", says="big.tflite (4.1 kB) has float32 weights, and small.tflite", gain=300_000 - 400,
        app=dossier(kept("x/big.tflite", network=weights("float32")), kept("x/small.tflite", number=2, weights={"int8": 9}, network=weights("int8"))),
    ),
    Case(
        rule="float32-beside-int8",
        app=dossier(
            kept("x/big.tflite", network=weights("float32")),
            kept("x/small.tflite", number=2, weights={"int8": 9}, network=network(layers="other")),
        ),
    ),
    Case(rule="float32-beside-int8", app=dossier(kept(), kept(number=2, weights={"int8": 9})), unevaluated="1 of 1 float32 models"),
    Case(rule="float32-weights", app=dossier(kept(network=weights("float32"))), options={"at-least": "100 kB"}, says="300 kB less", gain=299_600),
    Case(rule="float32-weights", app=dossier(kept(weights={"float32": 500_000})), says="1.5 MB less", gain=1_500_000),
    Case(rule="float32-weights", app=dossier(kept(network=weights("float32")), kept(number=2, weights={"int8": 9_000_000}))),
    Case(rule="float32-weights", app=dossier(kept(size=9 * MB, weights={})), unevaluated="m.tflite could not be read"),
    # --- runtimes
    Case(
        rule="two-runtimes", says="ncnn are both in the app", gain=700_000,
        app=dossier(
            kept(),
            technologies=(technology("tflite", models=(DIGEST,)), technology("ncnn", models=(DIGEST,), library_bytes=700_000)),
            libraries=(library("libtflite.so", "tflite"), library("libncnn.so", "ncnn")),
            detections=(detection(technology="ncnn", library_bytes=700_000),),
        ),
    ),
    Case(
        rule="two-runtimes",
        app=dossier(  # one of them is built on the other
            kept(),
            technologies=(technology("ggml", models=(DIGEST,)), technology("llama-cpp", models=(DIGEST,))),
            libraries=(library("libggml.so", "ggml"), library("libllama.so", "llama-cpp", needed=("libggml.so",))),
        ),
    ),
    Case(rule="two-runtimes", app=dossier(kept(), technologies=(technology("tflite", models=(DIGEST,)), technology("ncnn", models=())))),
    Case(
        rule="runtime-copies", says="tflite is in 2 libraries for the same processor: libb.so 9.0 kB, liba.so 1.0 kB",
        app=dossier(technologies=(technology(),), libraries=(library("liba.so", "tflite"), library("libb.so", "tflite", size=9000))),
    ),
    Case(
        rule="runtime-copies",
        app=dossier(  # glue, and another processor
            technologies=(technology(),),
            libraries=(
                library("liba.so", "tflite"), library("libtiny.so", "tflite", size=49), library("libjni.so", "tflite", needed=("liba.so",)),
                library("liba.so", "tflite", abi="armeabi-v7a"),
            ),
        ),
    ),
    Case(
        rule="unused-runtime", says="tflite is bundled and not used: no path leads there", gain=3_000_000,
        app=dossier(technologies=(technology(),), detections=(detection(),), usage=(used("tflite", Use.BUNDLED),)),
    ),
    Case(rule="unused-runtime", says="cannot work in this app", app=dossier(technologies=(technology(dead=True, missing=("libx.so",)),), usage=(used("tflite", Use.USED),))),
    Case(rule="unused-runtime", app=dossier(technologies=(technology(),), usage=(used("tflite", Use.USED),))),
    Case(rule="unused-runtime", app=dossier(technologies=(technology(),)), unevaluated="not read for use"),
    Case(rule="unused-runtime", app=dossier(technologies=(technology(),), usage=(used("tflite", Use.UNKNOWN, obstacle=Obstacle.NATIVE),)), unevaluated="for 1 of 1 technologies"),
    Case(rule="unused-model", says="m.tflite (4.1 kB) is bundled and not used", gain=4096, app=dossier(kept(), usage=(used("a.apk!assets/m.tflite", Use.BUNDLED, model=True),))),
    Case(rule="unused-model", app=dossier(kept(), usage=(used("a.apk!assets/m.tflite", Use.USED, model=True),))),
    Case(rule="unused-model", app=dossier(kept()), unevaluated="not read for use"),
    Case(rule="model-without-runtime", says="Nothing in the app runs m.tflite", gain=4096, app=dossier(kept(), technologies=(technology(grade=How.MODELS, shipped=False, models=(DIGEST,)),), libraries=(library("libapp.so"),))),
    Case(
        rule="model-without-runtime", unevaluated="no native code is in this package",
        app=dossier(kept(), technologies=(technology(grade=How.MODELS, shipped=False, models=(DIGEST,)),)),
    ),
    Case(rule="model-without-runtime", app=dossier(kept(), technologies=(technology("coreml", grade=How.FRAMEWORK, shipped=False, models=(DIGEST,)),))),
    # --- protection
    Case(
        rule="key-beside-model", says="m.enc is encrypted, and what looks like its key",
        app=dossier(audit=audit(audited("m.enc", "a.apk!assets/m.enc", Grade.ENCRYPTED, Grade.KEY_BESIDE, ""))),
    ),
    Case(rule="key-beside-model", app=dossier(audit=audit(audited("m.enc", "a.apk!assets/m.enc", Grade.ENCRYPTED, "")))),
    Case(rule="key-beside-model", app=dossier(kept()), unevaluated="not audited"),
    Case(rule="unprotected-model", app=dossier(kept(grade=Grade.PLAIN)), says="m.tflite (TensorFlow Lite / LiteRT) is shipped in the clear"),
    Case(rule="unprotected-model", app=dossier(kept(grade=Grade.RENAMED, whose=Owner.SDK)), options={"owners": ["sdk"]}, says="behind another file name"),
    Case(rule="unprotected-model", app=dossier(kept(grade=Grade.PLAIN, known=known())), options={"published": True}, says="in the clear"),
    Case(
        rule="unprotected-model",
        app=dossier(
            kept(), kept(number=2, grade=Grade.PLAIN, whose=Owner.SDK), kept(number=3, grade=Grade.PLAIN, known=known()),
            kept(number=4, grade=Grade.PLAIN, size=10),
        ),
        options={"at-least": "1 kB"},
    ),
    Case(rule="unprotected-model", app=dossier(kept(grade=None)), unevaluated="1 of 1 models were not audited"),
    Case(rule="weak-cipher", says="m.dat is masked", app=dossier(audit=audit(audited("m.dat", "a.apk!m.dat", Grade.WEAK, "")))),
    Case(rule="weak-cipher", app=dossier(audit=audit(audited("m.dat", "a.apk!m.dat", Grade.ENCRYPTED, "")))),
    Case(rule="replaceable-model", says="about loaded from a writable place", app=dossier(audit=audit(integrity=(integrity(Check.WRITABLE, Answer.YES, good=False),)))),
    Case(
        rule="replaceable-model", says="m.dat, n.dat: about covered by the package signature",
        app=dossier(audit=audit(*(
            audited(name, f"a.apk!{name}", Grade.PLAIN, "", integrity=(integrity(Check.SIGNED_PACKAGE, Answer.NO, good=False),))
            for name in ("m.dat", "n.dat")
        ))),
    ),
    Case(rule="replaceable-model", app=dossier(audit=audit(integrity=(integrity(Check.WRITABLE, Answer.YES, good=None), integrity(Check.TRANSPORT, Answer.NO, good=False))))),
    Case(rule="open-download", says="about download protected", app=dossier(audit=audit(integrity=(integrity(Check.TRANSPORT, Answer.NO, good=False),)))),
    Case(rule="open-download", app=dossier(audit=audit(integrity=(integrity(Check.TRANSPORT, Answer.YES, good=True),)))),
    Case(rule="pickle-model", says="is a checkpoint in a pickle", app=dossier(kept("x/m.pth", format="torchscript", metadata={"kind": "checkpoint"}))),
    Case(
        rule="pickle-model", says="is a pickle that could run code",
        app=dossier(kept("x/m.pt", format="torchscript", metadata={"kind": "TorchScript"}, notes=("the pickle names globals that no model needs: os.system",))),
    ),
    Case(rule="pickle-model", app=dossier(kept("x/m.pt", format="torchscript", metadata={"kind": "TorchScript"}), kept(number=2))),
    Case(rule="build-traces", says="(“path”)", app=dossier(kept(metadata={"a": "b", "path": "/home/jane/models/net.py"}))),
    Case(rule="build-traces", says="(“path”)", app=dossier(kept(metadata={"path": "C:\\Users\\jane\\net.onnx"}))),
    Case(rule="build-traces", app=dossier(kept(metadata={"path": "https://example.com/home/", "note": "at home"}))),
    # --- upkeep and performance
    Case(rule="deprecated-api", says="Neural Networks API (NNAPI), deprecated since Android 15", app=dossier(accelerations=(NNAPI,))),
    Case(rule="deprecated-api", says="Firebase ML (hosting of custom models), deprecated since 2026, which ends on 2027-06-15", app=dossier(technologies=(technology("firebase-ml-model-downloader"),))),
    Case(rule="deprecated-api", says="TensorFlow Lite from before LiteRT (2.16.1)", app=dossier(technologies=(technology(versions=("2.16.1",)),))),
    Case(
        rule="deprecated-api", says="On-Demand Resources for m.tflite",
        app=dossier(kept("OnDemandResources/com.example.m.assetpack/m.tflite"), app=packed("ipa", ("base", 1), platform=Platform.IOS)),
    ),
    Case(
        rule="deprecated-api",
        app=dossier(
            kept("OnDemandResources/m.assetpack/m.tflite"),  # on Android: no such thing
            technologies=(
                technology(versions=(">=2.16,<2.18",)),  # may be newer
                technology("google-generative-ai", presence=Presence.ENDPOINT, grade=How.ENDPOINT),
                technology("pytorch-mobile", dead=True),
            ),
            accelerations=(acceleration(Outcome.UNKNOWN, accelerator="nnapi"),),
        ),
    ),
    Case(rule="deprecated-api", app=dossier(accelerations=(NNAPI,)), options={"ignore": ["nnapi"]}),
    Case(rule="missing-accelerator", says="GPU delegate is asked for but cannot work as packaged: libgpu.so missing", app=dossier(accelerations=(acceleration(Outcome.MISSING),) * 2)),
    Case(rule="missing-accelerator", app=dossier(accelerations=(acceleration(Outcome.WORKS),))),
    Case(rule="unasked-accelerator", says="is shipped (5.0 MB unpacked)", gain=5 * MB, app=dossier(accelerations=tuple(acceleration(Outcome.UNASKED, abi=abi, size=size * MB, asked=()) for abi, size in (("arm64-v8a", 3), ("armeabi-v7a", 2))))),
    Case(rule="unasked-accelerator", app=dossier(accelerations=(acceleration(Outcome.WORKS, size=5 * MB),))),
    Case(rule="large-model-on-cpu", says="takes 30 MB and only the CPU can run it", app=dossier(kept(size=30 * MB), technologies=(technology(models=(DIGEST,)),), accelerations=(acceleration(Outcome.MISSING),))),
    Case(rule="large-model-on-cpu", app=dossier(kept(size=30 * MB), technologies=(technology(models=(DIGEST,)),), accelerations=(acceleration(Outcome.WORKS),))),
    Case(rule="large-model-on-cpu", app=dossier(kept(size=19 * MB), technologies=(technology(models=(DIGEST,)),))),
    Case(rule="compute-budget", says="computes at least 2.00 M MACs", options={"macs": 1_000_000}, app=dossier(kept(network=network(macs=2_000_000, lower_bound=True)))),
    Case(rule="compute-budget", says="keeps 9.0 MB of activations", options={"memory": "1 MB"}, app=dossier(kept(network=network(peak_bytes=9 * MB)))),
    Case(rule="compute-budget", options={"macs": 1_000_000, "memory": "1 MB"}, app=dossier(kept(network=network()))),
    Case(rule="compute-budget", options={"macs": 1_000_000}, app=dossier(kept(network=network(macs="10*N")), kept(number=2)), unevaluated="cost of 2 of 2 models"),
    Case(rule="latency-budget", says="ms on a typical phone of the class “low”", options={"device-class": "low"}, app=dossier(kept(cost=heavy()))),
    Case(rule="latency-budget", options={"device-class": "low", "milliseconds": 60_000}, app=dossier(kept(cost=heavy()))),
    Case(rule="latency-budget", app=dossier(kept()), unevaluated="no estimate without all layers: m.tflite"),
    Case(rule="latency-budget", app=dossier()),
    Case(rule="energy-budget", says="mJ an inference on a typical phone of the class “mid”", options={"millijoules": 0.01}, app=dossier(kept(cost=heavy()))),
    Case(rule="energy-budget", options={"millijoules": 1_000_000}, app=dossier(kept(cost=heavy()))),
    Case(rule="energy-budget", app=dossier(kept()), options={"device-class": "low"}, unevaluated="no estimate without all layers: m.tflite"),
    Case(rule="energy-budget", app=dossier()),
    # --- content
    Case(rule="required-task", options={"tasks": ["face-detection"]}, says="No model in the app does Face detection; tasks found: Image classification", app=dossier(kept(task=doing("image-classification")), kept(number=2, task=doing("face-detection", 0.4)))),
    Case(rule="required-task", options={"tasks": ["face-detection"]}, app=dossier(kept(task=doing("face-detection")))),
    Case(rule="forbidden-task", options={"tasks": ["face-recognition"]}, says="m.tflite does Face recognition (90% sure)", app=dossier(kept(task=doing("face-recognition")))),
    Case(rule="forbidden-task", options={"tasks": ["face-recognition"]}, app=dossier(kept(task=doing("face-detection")))),
    Case(rule="forbidden-task", options={"tasks": ["face-recognition"]}, app=dossier(kept()), unevaluated="1 of 1 models"),
    Case(rule="forbidden-technology", options={"technologies": ["aws-*", "category:runtime"], "allow": ["tflite"]}, says="ncnn is in the app", app=dossier(technologies=(technology(), technology("ncnn")))),
    Case(rule="forbidden-technology", options={"technologies": ["aws-*"]}, app=dossier(technologies=(technology(),))),
    Case(rule="cloud-ai", says="The app names the address of openai", app=dossier(technologies=(technology("openai", category=Category.CLOUD, presence=Presence.ENDPOINT, shipped=False),))),
    Case(rule="cloud-ai", options={"allow": ["open*"]}, app=dossier(technologies=(technology("openai", category=Category.CLOUD), technology()))),
    Case(rule="model-licence", says="published under CC-BY-NC-4.0", app=dossier(kept(known=known()))),
    Case(rule="model-licence", app=dossier(kept(known=known(license="Apache-2.0")), kept(number=2, known=known(likeness=Likeness.ARCHITECTURE)))),
    Case(rule="unknown-owner", says="Whose m.tflite (4.1 kB) is cannot be told: No path leads to it.", app=dossier(kept(whose=Owner.UNKNOWN))),
    Case(rule="unknown-owner", app=dossier(kept(), kept(number=2, whose=Owner.SDK))),
    Case(rule="training-leftovers", says="gradient (ai.onnx.ReluGrad); loss (SoftmaxCrossEntropyWithLogits)", app=dossier(kept(ops={"ai.onnx.ReluGrad": 1, "Conv": 2, "SoftmaxCrossEntropyWithLogits": 1}))),
    Case(rule="training-leftovers", app=dossier(kept(ops={"CONV_2D": 3, "Dropout": 1}))),
    Case(
        rule="unread-parts", says="2 parts could not be read (TruncatedError): assets/x, assets/y: cut short",
        app=dossier(failures=tuple(Failure(stage=Stage.PARSE, location=place(f"a.apk!assets/{name}"), error="TruncatedError", reason="cut short") for name in "xy")),
    ),
    Case(rule="unread-parts", app=dossier(kept())),
)
# fmt: on
