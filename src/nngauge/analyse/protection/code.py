"""What the app's code says about its model files: who names them, decrypts, compares digests, downloads, and from where."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from nngauge.analyse.protection.signals import RULE
from nngauge.domain.evidence import Evidence, EvidenceKind
from nngauge.domain.location import Location
from nngauge.errors import InputError
from nngauge.io.binary import Buffer
from nngauge.io.dex_code import ClassDef, CodePart, read_code
from nngauge.limits import EVIDENCE_EXCERPT

_CRYPTO: Final = (
    "Ljavax/crypto/Cipher;", "Ljavax/crypto/CipherInputStream;", "Ljavax/crypto/spec/SecretKeySpec;",
    "Ljavax/crypto/spec/GCMParameterSpec;", "Ljavax/crypto/spec/IvParameterSpec;", "Landroidx/security/crypto/EncryptedFile",
    "Lcom/google/crypto/tink/",
)  # fmt: skip
"""Classes of the system and of Google's libraries that decrypt; shrinkers cannot rename the first five."""
_DIGEST: Final = {
    "Ljava/security/MessageDigest;": ("digest", "isEqual"),
    "Ljava/security/Signature;": ("verify",),
    "Ljavax/crypto/Mac;": ("doFinal",),
    "Ljava/util/zip/CRC32;": ("getValue",),
}
_SHARED_PLACES: Final = {
    ("Landroid/os/Environment;", "getExternalStorageDirectory"): "shared storage",
    ("Landroid/os/Environment;", "getExternalStoragePublicDirectory"): "shared storage",
    ("Landroid/content/Context;", "getExternalFilesDir"): "external storage",
    ("Landroid/content/Context;", "getExternalFilesDirs"): "external storage",
    ("Landroid/content/Context;", "getExternalCacheDir"): "external storage",
    ("Landroid/content/Context;", "getExternalMediaDirs"): "external storage",
    ("Landroid/content/Context;", "getObbDir"): "the OBB folder on external storage",
}
"""Places that other apps or the user can write to, on some versions of Android or over USB:
https://developer.android.com/training/data-storage (before scoped storage any app with WRITE_EXTERNAL_STORAGE)."""
_PRIVATE_PLACES: Final = frozenset(
    {"getFilesDir", "getCacheDir", "getCodeCacheDir", "getDir", "openFileOutput", "getNoBackupFilesDir"}
)
_DOWNLOADS: Final = ("Landroid/app/DownloadManager;",)
_LOADERS: Final = (
    "Lorg/tensorflow/lite/Interpreter", "Lorg/tensorflow/lite/InterpreterApi", "Lorg/tensorflow/lite/task/", "Lai/onnxruntime/",
    "Lorg/pytorch/", "Lcom/google/ai/edge/litert/", "Lcom/google/mediapipe/tasks/", "Lcom/tencent/ncnn/", "Lcom/taobao/android/mnn",
    "Lorg/opencv/dnn/", "Lcom/baidu/paddle/lite/", "Lcom/mindspore/", "Lcom/google/mlkit/common/model/",
)  # fmt: skip
_TRANSFORMATION: Final = re.compile(
    r"(?:AES|AES_\d+|DES|DESede|ChaCha20|RC4|ARCFOUR|Blowfish|RSA)(?:/[A-Za-z0-9_]+){0,2}(?:-Poly1305)?"
)
_HEX_KEY: Final = re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{48}|[0-9a-f]{64}|[0-9A-F]{32}|[0-9A-F]{48}|[0-9A-F]{64})")
_BASE64_KEY: Final = re.compile(r"(?:[A-Za-z0-9+/]{22}==|[A-Za-z0-9+/]{32}|[A-Za-z0-9+/]{43}=)")
_TEXT_KEY: Final = re.compile(r"[!-~]{16}|[!-~]{24}|[!-~]{32}")
_URL: Final = re.compile(
    r"(https?)://[^\s\"'<>]{3,300}?\.(?:tflite|lite|onnx|ort|mnn|param|pte|ptl|pt|task|gguf|litertlm|mlmodelc?|dlc|nb|ms|tnnmodel|pb|pdmodel"
    r"|caffemodel|safetensors)(?:\.(?:gz|zip|enc|xz|zst))?(?=$|[?#\s\"'<>\0])"
)
_NAMES_PER_CLASS: Final = 64


class ClassFacts(Struct):
    """What one class (with its inner classes) has to do with models. Texts of keys are not kept."""

    name: str
    location: Location
    files: dict[str, str] = field(default_factory=dict)
    """Base name of a file of the app → the string that names it."""
    crypto: list[str] = field(default_factory=list)
    modes: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    shared: dict[str, str] = field(default_factory=dict)
    """Call → the kind of place."""
    private: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    downloads: list[str] = field(default_factory=list)
    keys: list[tuple[int, str]] = field(default_factory=list)
    """Length in bytes and form of strings with the shape of keys."""
    called: set[str] = field(default_factory=set)
    """Classes that it calls, where it names files."""

    @property
    def interesting(self) -> bool:
        """Is there anything but strings that could be keys?"""
        return bool(self.files or self.crypto or self.digests or self.loads or self.downloads or self.shared)

    def evidence(self, value: str, kind: EvidenceKind = EvidenceKind.METHOD) -> Evidence:
        """Evidence in this class."""
        text = f"{self.name}: {value}"[:EVIDENCE_EXCERPT]
        return Evidence(kind=kind, location=self.location, value=text, rule=f"{RULE}#code")


class Url(Struct, frozen=True):
    """A network address of a model."""

    text: str
    secure: bool
    location: Location


def dex_facts(content: Buffer, location: Location, names: Mapping[str, str]) -> Iterator[ClassFacts]:
    """Facts about the classes of one dex file. `names`: lower-case base names (and stems) of files → base name.

    Raises `InputError` or `NotThisFormat` when the file is no readable dex; a broken class is left out.
    """
    for part in read_code(content):
        groups: dict[str, ClassFacts] = {}
        for item in part.classes():
            outer = _dotted(item.name)
            facts = groups.get(outer)
            if facts is None:
                facts = groups[outer] = ClassFacts(outer, location)
            try:
                _read_class(part, item, facts, names)
            except InputError:
                continue  # the next class may be whole
        yield from (facts for facts in groups.values() if facts.interesting)


def _dotted(descriptor: str) -> str:
    """The outermost class: ``Lcom/example/A$B;`` → ``com.example.A``."""
    return descriptor.partition("$")[0].rstrip(";")[1:].replace("/", ".")


def near(classes: Iterable[ClassFacts], name: str) -> list[ClassFacts]:
    """The classes that name the file `name`, and those that they call: loaders mostly hand names to a helper."""
    known = list(classes)
    naming = [item for item in known if name in item.files]
    wanted = {callee for item in naming for callee in item.called} - {item.name for item in naming}
    return [*naming, *(item for item in known if item.name in wanted)]


def _read_class(part: CodePart, item: ClassDef, facts: ClassFacts, names: Mapping[str, str]) -> None:
    members = part.members(item.data)
    called: set[int] = set()
    for method in (*members.direct, *members.virtual):
        if not method.code:
            continue
        seen = part.references(method.code)
        for index in seen.strings:
            _string(facts, part.string(index), names)
        for index in seen.calls:
            kind = part.method_owner(index)
            called.add(kind)
            owner = part.type(kind)
            if owner.startswith(_WATCHED):
                _call(facts, owner, part.method(index).name)
    if facts.files:
        facts.called |= {_dotted(part.type(kind)) for kind in called}


def _string(facts: ClassFacts, text: str, names: Mapping[str, str]) -> None:
    size = len(text)
    if size > 300 or size < 3:
        return
    file = names.get(text.rpartition("/")[2].lower())
    if file is not None and len(facts.files) < _NAMES_PER_CLASS:
        facts.files[file] = text
    if _TRANSFORMATION.fullmatch(text):
        facts.modes.append(text)
    elif 16 <= size <= 64 and len(facts.keys) < _NAMES_PER_CLASS:
        found = key_shape(text)
        if found is not None:
            facts.keys.append(found)


def key_shape(text: str) -> tuple[int, str] | None:
    """Length in bytes and form, when `text` looks like a key of 128, 192 or 256 bits; None for words and paths.

    Keys are even: at least three in ten characters are different, and hexadecimal ones hold letters and figures.
    """
    if _HEX_KEY.fullmatch(text) and len(set(text.lower())) >= 8:
        return len(text) // 2, f"a string of {len(text)} hexadecimal digits"
    if len(set(text)) < max(10, len(text) * 3 // 10) or not re.search(r"\d", text) or not re.search(r"[A-Z]", text):
        return None
    if _BASE64_KEY.fullmatch(text) and re.search(r"[a-z]", text):
        return {24: 16, 32: 24, 44: 32}[len(text)], f"a string of {len(text)} Base64 characters"
    if _TEXT_KEY.fullmatch(text) and re.search(r"[a-z]", text) and not re.search(r"[/:.<>() ]|__|%[sd]", text):
        return len(text), f"a string of {len(text)} characters"
    return None


_WATCHED: Final = (
    *_CRYPTO, *_DIGEST, *dict.fromkeys(owner for owner, _ in _SHARED_PLACES), *_DOWNLOADS, *_LOADERS,
)  # fmt: skip


def _call(facts: ClassFacts, owner: str, name: str) -> None:
    text = f"{owner[1:].rstrip(';').rpartition('/')[2]}.{name}"
    if owner.startswith(_CRYPTO):
        facts.crypto.append(text)
    elif name in _DIGEST.get(owner, ()):
        facts.digests.append(text)
    elif (owner, name) in _SHARED_PLACES:
        facts.shared[text] = _SHARED_PLACES[owner, name]
    elif owner == "Landroid/content/Context;" and name in _PRIVATE_PLACES:
        facts.private.append(text)
    elif owner in _DOWNLOADS and name == "enqueue":
        facts.downloads.append(text)
    elif owner.startswith(_LOADERS):
        facts.loads.append(text)


def urls_in(text: str, location: Location) -> Iterator[Url]:
    """Addresses of model files."""
    for match in _URL.finditer(text):
        yield Url(match.group(0)[:300], match.group(1) == "https", location)
