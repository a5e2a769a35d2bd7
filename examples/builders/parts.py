"""What the packages of the market are put together from: entries whose checksums and streams are made once."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from examples.builders import lures, stubs
from examples.builders.example import model
from examples.builders.resources import resource_table

STORED, DEFLATED = 0, 8
PICTURES = 240


@dataclass(frozen=True, slots=True)
class Part:
    """One entry of a zip, ready to be written."""

    name: str
    crc: int
    size: int
    method: int
    stream: bytes


def part(name: str, data: bytes, *, packed: bool) -> Part:
    """An entry, deflated or stored."""
    stream = data
    if packed:
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        stream = packer.compress(data) + packer.flush()
    return Part(name, zlib.crc32(data), len(data), DEFLATED if packed else STORED, stream)


def zipped(parts: Iterable[Part]) -> bytes:
    """A zip of `parts` in their order, dated as Android's build tools do."""
    body, directory, count = bytearray(), bytearray(), 0
    for item in parts:
        name, count = item.name.encode(), count + 1
        # https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT 4.3.7 and 4.3.12: fields that both headers share
        flags = 0 if item.name.isascii() else 0x800  # names are UTF-8
        shared = struct.pack(
            "<HHHHHIIIHH", 20, flags, item.method, 0x0821, 0x0221, item.crc, len(item.stream), item.size, len(name), 0
        )
        directory += b"PK\x01\x02\x14\x00" + shared + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + shared + name + item.stream
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, count, count, len(directory), len(body), 0)
    return bytes(body + directory + end)


# --- engines ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A way of having AI inside: what it puts into a package, and what a scan has to find."""

    technologies: frozenset[str]
    libraries: tuple[stubs.Library, ...] = ()
    classes: tuple[str, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()
    strings: tuple[str, ...] = ()
    bases: tuple[str, ...] = ()
    """Models that apps with it carry, keys of `BASES`."""


ENGINES: dict[str, Engine] = {
    "tflite": Engine(
        technologies=frozenset({"tflite", "xnnpack"}),
        libraries=(stubs.TFLITE_JNI,),
        classes=stubs.TFLITE_CLASSES,
        calls=(("org.tensorflow.lite.Interpreter", "run"),),
        bases=("digits_float32", "digits_int8", "keywords_float32", "keywords_float16"),
    ),
    "onnxruntime": Engine(
        technologies=frozenset({"onnxruntime", "onnxruntime-nnapi"}),
        libraries=(stubs.ONNXRUNTIME, stubs.ONNXRUNTIME_JNI),
        classes=stubs.ORT_CLASSES,
        bases=("shapes_onnx", "shapes_ort"),
    ),
    "ncnn": Engine(technologies=frozenset({"ncnn"}), libraries=(stubs.PHOTO_NATIVE,), bases=("shapes_ncnn",)),
    "mnn": Engine(technologies=frozenset({"mnn"}), libraries=(stubs.MNN,), bases=("shapes_mnn",)),
    "executorch": Engine(
        technologies=frozenset({"executorch"}),
        libraries=(stubs.EXECUTORCH,),
        classes=stubs.EXECUTORCH_CLASSES,
        bases=("shapes_pte",),
    ),
    "llama": Engine(technologies=frozenset({"llama-cpp", "ggml"}), libraries=(stubs.LLAMA, stubs.GGML)),
    "mlkit": Engine(
        technologies=frozenset({"mlkit-face-detection-thin"}),
        classes=("com.google.mlkit.vision.face.internal.FaceRegistrar",),
        calls=(("com.google.mlkit.vision.face.FaceDetection", "getClient"),),
    ),
    "cloud": Engine(
        technologies=frozenset({"openai"}), strings=("https://api.openai.com/v1/chat/completions", "gpt-4o-mini")
    ),
}


@dataclass(frozen=True, slots=True)
class Base:
    """A model whose weights can be exchanged."""

    file: str
    suffix: str
    span: tuple[int, int]
    """Bytes within one tensor of weights: from, to."""
    companion: str = ""
    """Topology that stands beside the weights, which never changes."""


BASES: dict[str, Base] = {
    "digits_float32": Base("digits_tflite/digits_float32.tflite", ".tflite", (16_400, 26_640)),
    "digits_int8": Base("digits_tflite/digits_int8.tflite", ".tflite", (3396, 7236)),
    "keywords_float32": Base("keywords_tflite/keywords_float32.tflite", ".tflite", (696, 4536)),
    "keywords_float16": Base("keywords_tflite/keywords_float16.tflite", ".tflite", (6300, 8220)),
    "shapes_onnx": Base("shapes_onnx/shapes_classifier.onnx", ".onnx", (7540, 13_684)),
    "shapes_ort": Base("shapes_ort/shapes_classifier.ort", ".ort", (10_524, 16_668)),
    "shapes_mnn": Base("shapes_mnn/shapes_classifier.mnn", ".mnn", (3824, 9968)),
    "shapes_ncnn": Base("shapes_ncnn/shapes_classifier.bin", ".bin", (4096, 10_240), "shapes_ncnn/shapes_classifier.param"),
    "shapes_pte": Base("shapes_executorch/shapes_classifier_portable.pte", ".pte", (12_160, 18_304)),
}  # fmt: skip


def weights(base: str, number: int) -> bytes:
    """Variant `number` of a model: its weights in another order, and a few of them its own; 0 is the model itself."""
    data, (start, end) = _file(BASES[base].file), BASES[base].span
    if not number:
        return data
    turn = 16 + number * 4 % (end - start - 32)
    # Finite halves and floats whatever the number: bytes of 0x21..0x3C in front of each two of it.
    own = b"".join(bytes((byte, 0x21 + (byte & 0x0F), byte ^ 0x55, 0x31)) for byte in struct.pack("<I", number))
    return data[:start] + own + data[start + turn : end] + data[start + 16 : start + turn] + data[end:]


@cache
def _file(name: str) -> bytes:
    return model(name)


# --- everything else ----------------------------------------------------------------------------------------------------

_PLAIN = ("crashlytics", "sqlcipher", "gifimage", "flutter_rive", "yoga", "hermes_stub", "webrtc_lite", "realm-jni")
"""Names of libraries without AI."""
_WORDS = ("core", "net", "view", "data", "sync", "push", "ads", "map", "chat", "store", "media", "user", "feed", "pay")


@cache
def pictures() -> tuple[Part, ...]:
    """Pictures and small resources that packages draw from."""
    noise = random.Random(1)
    made = []
    for number in range(PICTURES):
        picture = b"\x89PNG\r\n\x1a\n" + noise.randbytes(noise.randrange(150, 900))
        made.append(part(f"res/drawable-xhdpi/p{number}.png", picture, packed=False))
    return tuple(made)


@cache
def decoys() -> tuple[Part, ...]:
    """What has fooled scanners."""
    return (
        part("assets/animation/model.json", lures.lottie(), packed=True),
        part("DebugProbesKt.bin", lures.debug_probes(), packed=True),
        part("assets/level.json", lures.graph_settings(), packed=True),
        part("res/font/sans.ttf", lures.font(), packed=True),
    )


@cache
def plain_libraries() -> tuple[Part, ...]:
    """Native libraries without AI."""
    noise = random.Random(2)
    made = []
    for name in _PLAIN:
        exports = tuple(f"{name.replace('-', '_')}_{word}" for word in _WORDS)
        library = stubs.Library(soname=f"lib{name}.so", exports=exports, data=noise.randbytes(2500))
        made.append(part(f"lib/{stubs.ARM64}/lib{name}.so", library.build(), packed=True))
    return tuple(made)


@cache
def libraries(engine: str) -> tuple[Part, ...]:
    """The native libraries of an engine."""
    return tuple(
        part(f"lib/{stubs.ARM64}/{library.soname}", library.build(), packed=True)
        for library in ENGINES[engine].libraries
    )


@cache
def dex(engines: tuple[str, ...], variant: int) -> Part:
    """The code of an app with these engines."""
    words = random.Random(f"dex {variant}")
    own = {f"app.{'.'.join(words.choices(_WORDS, k=3))}.C{number}" for number in range(250)}
    chosen = [ENGINES[name] for name in engines]
    data = stubs.dex(
        tuple(sorted(own)) + tuple(name for item in chosen for name in item.classes),
        methods=tuple(call for item in chosen for call in item.calls),
        strings=tuple(text for item in chosen for text in item.strings),
    )
    return part("classes.dex", data, packed=True)


@cache
def resources() -> Part:
    """The table of resources."""
    return part("resources.arsc", resource_table("com.example.market", {"action_share": "Share"}), packed=False)
