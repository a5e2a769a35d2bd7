"""Small whole apps that ask for accelerators: an APK or IPA from a few words, scanned and judged."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from examples.builders.flat import flatbuffer
from nngauge.analyse.acceleration import accelerations, packaging
from nngauge.domain.acceleration import Acceleration
from nngauge.packages import open_package
from nngauge.pipeline import Scanner
from tests.builders.axml import BOOL, INT, STRING, Attr, Node, build_axml, build_proto_xml
from tests.builders.dex import build_dex
from tests.builders.elf import build_elf
from tests.builders.models import message, onnx_value
from tests.builders.packages import PACKAGE_ID, apk, ipa, zipped

HEXAGON = 164
ARM64, ARM, X86_64 = ("arm64-v8a", 183, 64), ("armeabi-v7a", 40, 32), ("x86_64", 62, 64)

ORT = "libonnxruntime.so"


def library(
    name: str,
    strings: Sequence[str] = (),
    *,
    machine: tuple[str, int, int] = ARM64,
    exports: Sequence[str] = (),
    imports: Sequence[str] = (),
    needed: Sequence[str] = (),
) -> bytes:
    """A shared library for Android."""
    rodata = b"\0" + b"".join(text.encode() + b"\0" for text in strings)
    return build_elf(
        bits=machine[2], machine=machine[1], soname=name, needed=tuple(needed), imports=tuple(imports),
        exports=tuple(exports), rodata=rodata,
    )  # fmt: skip


def skel(name: str) -> bytes:
    """Code for the Hexagon processor."""
    return build_elf(bits=32, machine=HEXAGON, soname=name)


def placed(libraries: Mapping[str, bytes], folder: str = "lib/arm64-v8a") -> dict[str, bytes]:
    """The libraries where the installer looks for them."""
    return {f"{folder}/{name}": data for name, data in libraries.items()}


def tflite_runtime(machine: tuple[str, int, int] = ARM64) -> dict[str, bytes]:
    """TensorFlow Lite with its NNAPI delegate and XNNPACK inside."""
    strings = [
        "Encountered unresolved custom op", "Created TensorFlow Lite delegate for NNAPI.",
        "Created TensorFlow Lite XNNPACK delegate for CPU.", "libneuralnetworks.so", "ANeuralNetworksModel_create",
    ]  # fmt: skip
    exports = ["TfLiteInterpreterCreate", "TfLiteVersion"]
    return {"libtensorflowlite_jni.so": library("libtensorflowlite_jni.so", strings, machine=machine, exports=exports)}


def onnx_runtime(*providers: str) -> dict[str, bytes]:
    """ONNX Runtime with some providers compiled in; it names all of them."""
    names = ["QNNExecutionProvider", "NnapiExecutionProvider", "XnnpackExecutionProvider"]
    built = [f"N11onnxruntime{len(name)}{name}E" for name in ("CPUExecutionProvider", *providers)]
    exports = ["OrtGetApiBase"]
    return {ORT: library(ORT, [*names, *built], exports=exports)}


def qnn(*generations: int, stubs: Sequence[int] | None = None, prepare: bool = True) -> dict[str, bytes]:
    """QNN with skeletons for `generations` and stubs for the same, or for `stubs`."""
    version = "AISW_VERSION: 2.37.0"
    found = {
        "libQnnHtp.so": library("libQnnHtp.so", [version], exports=["QnnInterface_getProviders"]),
        "libQnnSystem.so": library("libQnnSystem.so", [version], exports=["QnnSystemInterface_getProviders"]),
    }
    if prepare:
        found["libQnnHtpPrepare.so"] = library("libQnnHtpPrepare.so", [version])
    for number in generations if stubs is None else stubs:
        name = f"libQnnHtpV{number}Stub.so"
        found[name] = library(name, [version], needed=["libcdsprpc.so"])
    return found | {f"libQnnHtpV{number}Skel.so": skel(f"libQnnHtpV{number}Skel.so") for number in generations}


# --- models -----------------------------------------------------------------------------------------------------------


def tflite_custom(op: str) -> bytes:
    """A TensorFlow Lite model of one custom operator."""
    tensors = [{0: ("i", [1, 8]), 1: ("b", 0), 2: ("I", 0), 3: name} for name in ("x", "y")]
    operator = {0: ("I", 0), 1: ("i", [0]), 2: ("i", [1])}
    graph = {0: tensors, 1: ("i", [0]), 2: ("i", [1]), 3: [operator], 4: "main"}
    code = {0: ("b", 32), 1: op, 3: ("i", 32)}
    return flatbuffer({0: ("I", 3), 1: [code], 2: [graph], 3: "by hand", 4: [{}]}, b"TFL3")


def onnx_context() -> bytes:
    """An ONNX model whose only node is a QNN context binary."""
    source = message((1, "source"), (4, "QNN"), (20, 3))
    node = message((1, "image"), (2, "out"), (3, "context"), (4, "EPContext"), (5, source), (7, "com.microsoft"))
    graph = message((1, node), (2, "g"), (11, onnx_value("image", [1, 3])), (12, onnx_value("out", [1, 3])))
    opset = message((1, "com.microsoft"), (2, 1))
    return message((1, 8), (2, "builder"), (7, graph), (8, message((1, ""), (2, 17))), (8, opset))


def pte(backend: str) -> bytes:
    """An ExecuTorch program that hands its one call to `backend`."""
    tensor = {0: ("B", 5), 1: {0: ("b", 6), 2: ("i", [1, 4]), 5: ("I", 0), 6: {0: ("I", 1), 1: ("I", 16)}}}
    call = {0: ("B", 2), 1: {0: ("i", 0), 1: ("i", [0, 1])}}
    plan = {
        0: "forward", 2: [tensor, tensor], 3: ("i", [0]), 4: ("i", [1]), 5: [{2: [call]}], 6: [],
        7: [{0: backend, 1: {0: ("b", 0), 1: ("I", 0)}}],
    }  # fmt: skip
    return flatbuffer({1: [plan], 2: [{0: b""}], 3: [{0: b"compiled for some accelerator"}]}, b"ET12")


# --- apps -------------------------------------------------------------------------------------------------------------


def manifest(
    *, target: int = 35, declares: Sequence[str] = (), extract: bool | None = None, split: str | None = None
) -> Node:
    """The manifest of an app; `extract` is ``android:extractNativeLibs``."""
    flags = [] if extract is None else [Attr("extractNativeLibs", BOOL, -1 if extract else 0, 0x010104EA)]
    children = [
        Node("uses-native-library", [Attr("name", STRING, name, 0x01010003), Attr("required", BOOL, 0, 0x0101028E)])
        for name in declares
    ]
    sdk = [Attr("minSdkVersion", INT, 24, 0x0101020C), Attr("targetSdkVersion", INT, target, 0x01010270)]
    names = [Attr("package", STRING, PACKAGE_ID)] + ([Attr("split", STRING, split)] if split else [])
    return Node("manifest", names, [Node("uses-sdk", sdk), Node("application", flags, children)])


@cache
def _scanner() -> Scanner:
    return Scanner()


def judged(path: Path, *, calls: Collection[str] | None = None) -> tuple[Acceleration, ...]:
    """Scans the app at `path` and gives the verdicts, wired as the pipeline does."""
    scan = _scanner().scan(path)
    package = open_package(path, hash_parts=False)
    try:
        manifests = [part.manifest for part in package.parts if part.manifest is not None]
        told = packaging(manifests, scan.app.container)
    finally:
        package.close()
    return accelerations(scan.detections, scan.libraries, scan.app, models=scan.models, package=told, calls=calls)


def android(
    path: Path,
    files: Mapping[str, bytes],
    *,
    java: Sequence[str] = (),
    names: Sequence[str] = (),
    methods: Sequence[tuple[str, str]] = (),
    strings: Sequence[str] = (),
    calls: Collection[str] | None = None,
    **settings: Any,
) -> dict[tuple[str, str | None], Acceleration]:
    """Verdicts on an APK by accelerator and ABI. `java` are classes it defines, `names` classes it only names."""
    dex = build_dex(
        defined=[_descriptor(name) for name in java], referenced=[_descriptor(name) for name in names],
        methods=[(_descriptor(owner), name) for owner, name in methods], strings=strings,
    )  # fmt: skip
    package = apk({"classes2.dex": dex, **files}, manifest=build_axml(manifest(**settings)))
    path.joinpath("app.apk").write_bytes(package)
    return _by_key(judged(path / "app.apk", calls=calls))


def bundle(path: Path, files: Mapping[str, bytes], **settings: Any) -> dict[tuple[str, str | None], Acceleration]:
    """Verdicts on an app bundle."""
    content = {f"base/{name}": data for name, data in files.items()}
    document = build_proto_xml(manifest(**settings))
    path.joinpath("app.aab").write_bytes(
        zipped({"BundleConfig.pb": b"", "base/manifest/AndroidManifest.xml": document, **content})
    )
    return _by_key(judged(path / "app.aab"))


def apple(path: Path, files: Mapping[str, bytes]) -> dict[tuple[str, str | None], Acceleration]:
    """Verdicts on an IPA."""
    content = {f"Payload/Example.app/{name}": data for name, data in files.items()}
    path.joinpath("app.ipa").write_bytes(ipa(content))
    return _by_key(judged(path / "app.ipa"))


def _by_key(found: Sequence[Acceleration]) -> dict[tuple[str, str | None], Acceleration]:
    return {(item.accelerator, item.abi): item for item in found}


def _descriptor(name: str) -> str:
    return "L" + name.replace(".", "/") + ";"
