"""Apps around one inference engine, and what builds do to them: strip, rename, repackage, split, pack, download.

The engine's library is either a real one or made up from the first native example of its rule.
"""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from nngauge.detect.ruleset import Rule
from nngauge.domain.scan import Scan
from nngauge.domain.technology import Technology
from nngauge.errors import InputError, NotThisFormat
from nngauge.io.elf import read_elf
from nngauge.pipeline import Scanner
from tests.builders.dex import build_dex
from tests.builders.elf import ElfSpec, build_elf
from tests.builders.packages import apk, pack_manifest_text, xapk, zipped
from tests.builders.samples import model
from tests.builders.zips import STORED, Member

CLASSES: Mapping[str, tuple[str, ...]] = {
    "executorch": ("org.pytorch.executorch.Module", "org.pytorch.executorch.NativePeer"),
    "litert": ("com.google.ai.edge.litert.CompiledModel", "com.google.ai.edge.litert.Environment"),
    "litert-lm": ("com.google.ai.edge.litertlm.Engine",),
    "mediapipe": ("com.google.mediapipe.framework.Graph", "com.google.mediapipe.tasks.core.BaseOptions"),
    "mindspore-lite": ("com.mindspore.Model", "com.mindspore.lite.LiteSession"),
    "mnn": ("com.alibaba.android.mnn.MNNNetNative", "com.alibaba.android.mnn.MNNNetInstance"),
    "mxnet": ("org.dmlc.mxnet.Predictor",),
    "onnxruntime": ("ai.onnxruntime.OrtEnvironment", "ai.onnxruntime.OrtSession"),
    "opencv": ("org.opencv.core.Core", "org.opencv.core.Mat"),
    "paddle-lite": ("com.baidu.paddle.lite.PaddlePredictor", "com.baidu.paddle.lite.MobileConfig"),
    "pytorch-mobile": ("org.pytorch.Module", "org.pytorch.LiteModuleLoader"),
    "sherpa-onnx": ("com.k2fsa.sherpa.onnx.OfflineRecognizer",),
    "snpe": ("com.qualcomm.qti.snpe.SNPE",),
    "tensorflow-mobile": ("org.tensorflow.contrib.android.TensorFlowInferenceInterface",),
    "tflite": ("org.tensorflow.lite.Interpreter", "org.tensorflow.lite.NativeInterpreterWrapper"),
    "tvm": ("org.apache.tvm.Module", "org.apache.tvm.Function"),
    "vosk": ("org.vosk.Model", "org.vosk.Recognizer"),
}
"""Java API of engines, from their published documentation."""
MODELS: Mapping[str, tuple[str, str]] = {
    "executorch": ("assets/net.pte", "executorch"),
    "litert": ("assets/net.tflite", "tflite"),
    "llama-cpp": ("assets/net.gguf", "gguf"),
    "mnn": ("assets/net.mnn", "mnn"),
    "onnxruntime": ("assets/net.onnx", "onnx"),
    "pytorch-mobile": ("assets/net.ptl", "torchscript"),
    "tflite": ("assets/net.tflite", "tflite"),
}
"""Engine → entry and format of a model that comes with it."""
NAMES: Mapping[str, str] = {
    "executorch": "libexecutorch.so",
    "litert": "libLiteRt.so",
    "litert-lm": "liblitertlm_jni.so",
    "llama-cpp": "libllama.so",
    "mediapipe": "libmediapipe_tasks_vision_jni.so",
    "mindspore-lite": "libmindspore-lite.so",
    "mnn": "libMNN.so",
    "ncnn": "libncnn.so",
    "onnxruntime": "libonnxruntime.so",
    "opencv": "libopencv_java4.so",
    "paddle-lite": "libpaddle_lite_jni.so",
    "pytorch-mobile": "libpytorch_jni_lite.so",
    "sherpa-onnx": "libsherpa-onnx-jni.so",
    "snpe": "libSNPE.so",
    "tensorflow-mobile": "libtensorflow_inference.so",
    "tflite": "libtensorflowlite_jni.so",
    "tnn": "libTNN.so",
    "vosk": "libvosk.so",
    "whisper-cpp": "libwhisper.so",
}
"""The library as Android builds ship it."""
_ABI = "lib/arm64-v8a/"
_OTHER = "libcore1.so"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What an app with one engine is made of."""

    technology: str
    library: bytes
    name: str
    classes: tuple[str, ...] = ()
    models: Mapping[str, bytes] = field(default_factory=dict)
    strings: tuple[str, ...] = ("loadModel", "model.bin")
    methods: tuple[tuple[str, str], ...] = (("Ljava/lang/System;", "loadLibrary"),)
    beside: Mapping[str, bytes] = field(default_factory=dict)
    """Entries of libraries that it links; they stay where they are, whatever happens to the engine."""

    def dex(self) -> bytes:
        """Its Java side, called from the app's own code."""
        return build_dex(
            defined=[_descriptor(name) for name in (*self.classes, "com.example.app.MainActivity")],
            methods=self.methods,
            strings=self.strings,
        )


def engine(technology: str, library: bytes, name: str = "") -> Engine:
    """An app's parts around a real or made-up `library`."""
    place = MODELS.get(technology)
    return Engine(
        technology=technology,
        library=library,
        name=NAMES.get(technology, name or f"lib{technology}.so"),
        classes=CLASSES.get(technology, ()),
        models={place[0]: model(place[1])} if place else {},
        beside={_ABI + other: build_elf(ElfSpec(soname=other)) for other in _linked(library)},
    )


def _linked(library: bytes) -> tuple[str, ...]:
    try:
        return tuple(name for name in read_elf(library).needed if name in NAMES.values())
    except (InputError, NotThisFormat):
        return ()


def made_library(rule: Rule) -> bytes | None:
    """A library with what the rule's best native example describes: one with exports, else with texts; None without."""
    natives = [example.native for example in rule.example if example.native]
    facts = next((facts for kind in ("exports", "strings") for facts in natives if facts.get(kind)), None)
    if facts is None:
        return None
    return build_elf(
        ElfSpec(
            soname=facts.get("soname", NAMES.get(rule.id, "libengine.so")),
            exports=tuple(facts.get("exports", ())),
            versions=tuple(facts.get("symbol_versions", ())),
            needed=tuple(facts.get("needed", ())),
            rodata=b"\0".join([b"", *(text.encode() for text in facts.get("strings", ())), b""]),
        )
    )


def _descriptor(name: str) -> str:
    return "L" + name.replace(".", "/") + ";"


# --- what builds do ---------------------------------------------------------------------------------------------------


def stripped(library: bytes) -> bytes:
    """Without section headers, and with everything zeroed that is not loaded: symbols, debugging, comments."""
    try:
        elf = read_elf(library)
    except (InputError, NotThisFormat):
        return library
    image = bytearray(library)
    for section in elf.sections:
        loaded = section.flags & 2  # SHF_ALLOC
        if not loaded and section.offset and section.offset + section.size <= len(image):
            image[section.offset : section.offset + section.size] = bytes(section.size)
    wide, order = image[4] == 2, "<" if image[5] == 1 else ">"
    struct.pack_into(order + ("Q" if wide else "I"), image, 0x28 if wide else 0x20, 0)
    struct.pack_into(order + "HHH", image, 0x3A if wide else 0x2E, 0, 0, 0)
    return bytes(image)


def renamed(library: bytes) -> bytes:
    """With another name of the same length in place of its soname."""
    try:
        name = read_elf(library).soname
    except (InputError, NotThisFormat):
        name = None
    if not name:
        return library
    raw = name.encode() + b"\0"
    other = (b"lib" + b"q" * len(raw))[: len(raw) - 1] + b"\0"
    image, at = bytearray(library), library.find(b"\0" + raw)
    while at >= 0:
        image[at + 1 : at + 1 + len(raw)] = other
        at = image.find(b"\0" + raw, at + 1)
    return bytes(image)


def repackaged(made: Engine) -> Engine:
    """As R8 leaves it: API classes in ``a.b.c``, strings and native methods' names kept."""
    return replace(made, classes=tuple(f"a.b.c{index}" for index, _ in enumerate(made.classes)))


def plain(made: Engine) -> bytes:
    """Library, classes and models where they belong."""
    return _app(made, {_ABI + made.name: made.library})


def everything(made: Engine) -> bytes:
    """Stripped, renamed and repackaged."""
    return _app(repackaged(made), {_ABI + _OTHER: renamed(stripped(made.library))})


def _app(made: Engine, files: Mapping[str, bytes]) -> bytes:
    """Libraries are stored, as they are in apps that map them from the package."""
    stored = [
        Member(name=path.encode(), data=data, method=STORED)
        for path, data in {**files, **made.models, **made.beside}.items()
    ]
    return apk({"classes2.dex": made.dex()}, extra=stored)


def split(made: Engine) -> bytes:
    """Classes in the base, the library in a configuration split, models in an asset pack."""
    pack = pack_manifest_text("asset-pack", "models").encode()
    return xapk(
        {
            "base.apk": apk({"classes2.dex": made.dex(), **made.beside}),
            "split_config.arm64_v8a.apk": apk(
                split="config.arm64_v8a",
                extra=[Member(name=f"{_ABI}{made.name}".encode(), data=made.library, method=STORED)],
            ),
            "split_models.apk": apk(dict(made.models) or {"assets/p": b"p"}, manifest=pack),
        }
    )


def _zstd(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=1).compress(data)


def _seven(made: Engine) -> bytes:
    import py7zr

    buffer = io.BytesIO()
    with py7zr.SevenZipFile(buffer, "w", filters=[{"id": py7zr.FILTER_COPY}]) as out:
        out.writestr(made.library, made.name)
    return buffer.getvalue()


def _packed(made: Engine, name: str, data: bytes) -> bytes:
    return _app(made, {f"assets/{name}": data})


def fetched(made: Engine) -> Engine:
    """The app loads the library from a path in its own code."""
    return replace(made, models={}, strings=(*made.strings, made.name), methods=(("Ljava/lang/System;", "load"),))


INSTALLED: Mapping[str, Callable[[Engine], bytes]] = {
    "as built": plain,
    "stripped": lambda made: plain(replace(made, library=stripped(made.library))),
    "renamed": lambda made: plain(replace(made, library=renamed(made.library), name=_OTHER)),
    "repackaged by R8": lambda made: plain(repackaged(made)),
    "all three": everything,
    "split set": split,
}
"""The library stays where the system loads it from."""
PACKED: Mapping[str, Callable[[Engine], bytes]] = {
    "asset": lambda made: _packed(made, "core.dat", made.library),
    "zip": lambda made: _packed(made, "libs.zip", zipped({f"arm64-v8a/{made.name}": made.library}, STORED)),
    "gz": lambda made: _packed(made, "core.bin", gzip.compress(made.library, 1)),
    "xz": lambda made: _packed(made, f"{made.name}.xz", lzma.compress(made.library, preset=0)),
    "zst": lambda made: _packed(made, f"{made.name}.zst", _zstd(made.library)),
    "7z": lambda made: _packed(made, "libs.7z", _seven(made)),
}
"""The library is among the assets."""
ABSENT: Mapping[str, Callable[[Engine], bytes]] = {
    "brotli": lambda made: _app(
        replace(made, models={}), {f"assets/{made.name}.br": b"\x1b\xff\x07\x00\x84" + bytes(64)}
    ),
    "superpack": lambda made: _app(replace(made, models={}), {"assets/lib/libs.xzs": bytes(range(7, 250)) * 4}),
    "downloaded": lambda made: _app(fetched(made), {}),
    "downloaded, repackaged": lambda made: _app(repackaged(fetched(made)), {}),
    "left over": lambda made: _app(replace(made, models={}), {}),
}
"""The library cannot be seen."""


def five(engines: tuple[Engine, ...]) -> bytes:
    """One app with several engines."""
    files = {f"classes{index + 2}.dex": made.dex() for index, made in enumerate(engines)}
    files |= {_ABI + made.name: made.library for made in engines}
    return apk(
        files | {f"{index}/{name}": data for index, made in enumerate(engines) for name, data in made.models.items()}
    )


def graded(scanner: Scanner, app: bytes) -> Mapping[str, Technology]:
    """The technologies of an app by id."""
    return {item.id: item for item in scanned(scanner, app).technologies}


def scanned(scanner: Scanner, app: bytes) -> Scan:
    """An app, scanned."""
    suffix = ".xapk" if b"base.apk" in app[-4096:] else ".apk"
    with tempfile.NamedTemporaryFile(suffix=suffix, prefix="nngauge-engine-") as file:
        file.write(app)
        file.flush()
        return scanner.scan(file.name)
