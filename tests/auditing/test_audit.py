"""Whole apps: every disguise under its own name and under none, keys beside, code that names files, integrity."""

from __future__ import annotations

import base64
import gzip
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from nngauge.auditing import audit_app
from nngauge.domain.evidence import Confidence
from nngauge.domain.protection import Answer, Audit, AuditedModel, Check, Grade, SignalKind
from nngauge.pipeline import Scanner
from nngauge.screen.audit import AuditDocument, encode_audit
from tests.builders import weighty
from tests.builders.dex_code import Call, Class, Instruction, Text, build_code, static
from tests.builders.packages import apk

MODEL = weighty.tflite()
NOISE = weighty.noise(len(MODEL) // 16 * 16)
STREAM = "(Ljava/lang/String;)V"
CIPHER = Call("Ljavax/crypto/Cipher;", "getInstance", "(Ljava/lang/String;)Ljavax/crypto/Cipher;")
DIGEST = Call("Ljava/security/MessageDigest;", "digest", "([B)[B", "virtual")
SHARED = Call("Landroid/os/Environment;", "getExternalStorageDirectory", "()Ljava/io/File;")
LOAD = Call("Lorg/tensorflow/lite/Interpreter;", "<init>", "(Ljava/io/File;)V", "direct")
SCANNER = Scanner()


def audited(tmp_path: Path, files: Mapping[str, bytes], *code: Class) -> Audit:
    app = tmp_path / "app.apk"
    app.write_bytes(apk({**files, **({"classes.dex": build_code(code)} if code else {})}))
    return audit_app(app, SCANNER)


def loader(*body: Instruction) -> Class:
    return Class("Lcom/example/app/Loader;", [static("load", *body)])


def only(audit: Audit) -> AuditedModel:
    assert len(audit.models) == 1, [item.name for item in audit.models]
    return audit.models[0]


def header_masked() -> bytes:
    return weighty.noise(1024, 9) + MODEL[1024:]


NAMED = [
    ("assets/net.tflite", MODEL, Grade.PLAIN),
    ("assets/net.dat", MODEL, Grade.RENAMED),
    ("assets/net.tflite", weighty.tflite(names=False), Grade.STRIPPED),
    ("assets/net.tflite.gz", gzip.compress(MODEL), Grade.COMPRESSED),
    ("assets/model.z", zlib.compress(MODEL), Grade.COMPRESSED),
    ("assets/net.tflite.b64", base64.b64encode(MODEL), Grade.ENCODED),
    ("assets/net.tflite.hex", MODEL.hex().encode(), Grade.ENCODED),
    ("assets/model.bin", b"PRIV\1\0\0\0" + bytes(24) + MODEL, Grade.PRIVATE),
    ("assets/model.bin", MODEL[::-1], Grade.PRIVATE),
    ("assets/model.dat", weighty.xored(MODEL, 1), Grade.WEAK),
    ("assets/model.dat", weighty.xored(MODEL, 16), Grade.WEAK),
    ("assets/model.dat", weighty.ecb((MODEL + bytes(4096)).ljust(200_000)), Grade.WEAK),
    ("assets/net.tflite.enc", NOISE, Grade.ENCRYPTED),
    ("assets/net.tflite", NOISE, Grade.ENCRYPTED),
    ("assets/models/net.bin", NOISE, Grade.ENCRYPTED),
    ("assets/net.tflite.b64", base64.b64encode(NOISE), Grade.ENCRYPTED),
    ("assets/model.bin", header_masked(), Grade.ENCRYPTED_HEADER),
    ("assets/net.tflite", weighty.tflite(content=weighty.noise(9216)), Grade.ENCRYPTED_WEIGHTS),
    ("assets/model.enc", b"LRTC\2" + bytes(6) + weighty.noise(9000), Grade.ENCRYPTED),
]


@pytest.mark.parametrize(
    ("path", "content", "grade"), NAMED, ids=lambda value: value if isinstance(value, str) else None
)
def test_every_disguise(tmp_path: Path, path: str, content: bytes, grade: Grade) -> None:
    item = only(audited(tmp_path, {path: content}))
    assert item.protection.grade is grade
    assert item.protection.attack.endswith(".")
    assert item.protection.remedy
    assert item.protection.signals
    assert all(
        signal.evidence.location.path.endswith(path.rpartition("/")[2]) or item.title
        for signal in item.protection.signals
    )


def test_noise_without_a_hint_is_never_called_encrypted(tmp_path: Path) -> None:
    audit = audited(tmp_path, {"assets/q7/x1": NOISE})
    assert not audit.models
    assert [item.protection.grade for item in audit.unknown] == [Grade.UNIFORM]
    assert "purpose unknown" in " ".join(audit.summary)


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"<a>text</a>" * 9000), b"\x89PNG\r\n\x1a\n" + NOISE, b"OggS" + NOISE, b"\xabKTX 20\xbb\r\n\x1a\n" + NOISE,
        b"UnityFS\0" + NOISE, b"\xfe\xed\xfe\xed\0\0\0\2" + NOISE, b"SQLite format 3\0" + NOISE, b"\xf5\xf5\xdc\xdc" + NOISE,
        b"\x8a\x11\xc0\xde" + NOISE, b"wOF2" + NOISE, b"\0\0\0\x20ftypmp42" + NOISE, bytes(range(256)) * 300,
    ],
)  # fmt: skip
def test_other_dense_contents_are_not_encrypted_whatever_they_are_called(tmp_path: Path, content: bytes) -> None:
    audit = audited(tmp_path, {"assets/models/net.bin": content})
    grades = {grade for item in (*audit.models, *audit.unknown) for grade in item.protection.grades}
    assert not grades & {
        Grade.ENCRYPTED,
        Grade.ENCRYPTED_HEADER,
        Grade.ENCRYPTED_WEIGHTS,
        Grade.KEY_BESIDE,
        Grade.WEAK,
        Grade.UNIFORM,
    }


def test_weights_of_few_bits_are_not_encrypted(tmp_path: Path) -> None:
    """Nibbles around the middle, with a scale for every 32 of them."""
    values = weighty.weights(60_000)
    nibbles = bytes((values[at] & 0x0F) ^ (8 if values[at + 1] & 1 else 7) for at in range(0, len(values) - 1, 4))
    blocks = b"".join(
        b"\x1a\x28" + bytes(b & 0x77 | 0x11 for b in nibbles[at : at + 16]) for at in range(0, len(nibbles), 16)
    )
    audit = audited(tmp_path, {"assets/models/net.q4": blocks})
    assert all(
        item.protection.grade not in (Grade.ENCRYPTED, Grade.UNIFORM) for item in (*audit.models, *audit.unknown)
    )


def test_keys_beside_are_told_by_length_never_by_value(tmp_path: Path) -> None:
    key = weighty.noise(32, 77)
    audit = audited(tmp_path, {"assets/net.tflite.enc": NOISE, "assets/key.bin": key})
    item = only(audit)
    assert item.protection.grades == (Grade.KEY_BESIDE, Grade.ENCRYPTED)
    assert item.protection.cipher is not None
    assert item.protection.cipher.key_bytes == 32
    assert key.hex() not in encode_audit("app.apk", audit).decode()


def test_a_key_in_the_class_that_names_the_file(tmp_path: Path) -> None:
    """As found in a camera app: the name of the asset and 32 hexadecimal digits, one instruction after the other."""
    secret = "F25AB5752634BA2183D9A16FA878F60B"
    code = loader(Text("net.tflite.enc"), Text(secret), Text("AES/CBC/PKCS5Padding"), CIPHER)
    audit = audited(tmp_path, {"assets/net.tflite.enc": NOISE}, code)
    item = only(audit)
    assert item.protection.grades == (Grade.KEY_BESIDE, Grade.ENCRYPTED)
    assert item.protection.confidence is Confidence.LIKELY
    assert item.protection.cipher is not None
    assert (item.protection.cipher.name, item.protection.cipher.mode, item.protection.cipher.key_bytes) == (
        "AES",
        "CBC",
        16,
    )
    assert secret not in encode_audit("app.apk", audit).decode()
    assert "com.example.app.Loader" in " ".join(signal.evidence.value for signal in item.protection.signals)


def test_a_key_in_the_helper_and_a_checksum_beside_the_name(tmp_path: Path) -> None:
    """The same camera app as a whole: a helper holds key and initial vector; what stands beside the name is a checksum."""
    helper = Call("Lcom/example/app/Assets;", "open", "(Ljava/lang/String;Ljava/lang/String;)[B")
    caller = loader(Text("net.tflite.enc"), Text("F25AB5752634BA2183D9A16FA878F60B"), helper)
    opens = static(
        "open", Text("6B63910ECDC9F72F9B907AC6E8E6A53519A194834FB5417CFEB12AD4174286AA"), Text("0123456789ABCDEF0123456789ABCDEF"),
        Text("AES_256/CBC/PKCS5Padding"), CIPHER, DIGEST, proto="(Ljava/lang/String;Ljava/lang/String;)[B",
    )  # fmt: skip
    item = only(audited(tmp_path, {"assets/net.tflite.enc": NOISE}, caller, Class("Lcom/example/app/Assets;", [opens])))
    assert item.protection.grades == (Grade.KEY_BESIDE, Grade.ENCRYPTED)
    assert item.protection.cipher is not None
    assert (item.protection.cipher.name, item.protection.cipher.mode, item.protection.cipher.key_bytes) == (
        "AES",
        "CBC",
        32,
    )
    assert "in com.example.app.Assets" in " ".join(signal.says for signal in item.protection.signals)
    assert checks(item)[Check.DIGEST] is Answer.UNKNOWN
    alone = audited(tmp_path, {"assets/net.tflite.enc": NOISE}, caller)
    assert only(alone).protection.grade is Grade.ENCRYPTED


def test_decryption_in_the_class_is_a_signal_and_elsewhere_a_weaker_one(tmp_path: Path) -> None:
    near = only(audited(tmp_path, {"assets/x9.bin": NOISE}, loader(Text("x9.bin"), CIPHER, LOAD)))
    assert near.protection.grade is Grade.ENCRYPTED
    assert any("around it decrypts" in signal.says for signal in near.protection.signals)
    far = audited(tmp_path, {"assets/x9.bin": NOISE}, Class("La/B;", [static("c", CIPHER)]))
    assert [item.protection.grade for item in far.unknown] == [Grade.UNIFORM]


def test_other_encrypted_files_of_an_app_are_no_models(tmp_path: Path) -> None:
    files = {"assets/settings.enc": NOISE, "assets/ok.tflite": MODEL}
    settings = audited(tmp_path, files, loader(Text("settings.enc"), CIPHER))
    assert [item.name for item in settings.models] == ["ok.tflite"]
    assert [item.protection.grade for item in settings.unknown] == [Grade.UNIFORM]
    level = {"assets/level1.dat": NOISE, "assets/level1.json": b'{"enemies": 12, "map": "forest"}'}
    assert not audited(tmp_path, level).models


def test_equal_beginnings_are_one_key_and_no_nonce(tmp_path: Path) -> None:
    first = weighty.noise(16, 3)
    audit = audited(
        tmp_path, {f"assets/{name}.tflite.enc": first + weighty.noise(20_000, seed) for seed, name in enumerate("ab")}
    )
    assert all(
        any(signal.kind is SignalKind.SIBLING for signal in item.protection.signals) for item in audit.models
    )  # fmt: skip


def test_a_plain_description_beside_an_encrypted_file_is_told(tmp_path: Path) -> None:
    audit = audited(
        tmp_path,
        {"assets/face.bin": NOISE, "assets/face.json": b'{"input": [1, 3, 224], "output": "prob", "mean": 127.5}'},
    )
    item = only(audit)
    assert any("in the clear" in signal.says for signal in item.protection.signals)
    assert any("stand beside in the clear" in sentence for sentence in audit.summary)


def test_models_in_native_libraries_are_compiled_in(tmp_path: Path) -> None:
    library = b"\x7fELF\2\1\1" + bytes(57) + bytes(4032) + MODEL
    item = only(audited(tmp_path, {"lib/arm64-v8a/libface.so": library}))
    assert item.protection.grade is Grade.CODE


def test_addresses_of_models(tmp_path: Path) -> None:
    code = loader(Text("http://models.example.com/v2/face.tflite"), LOAD)
    audit = audited(tmp_path, {"assets/a.txt": b"x"}, code)
    assert only(audit).protection.grade is Grade.FETCHED
    transport = [finding for finding in audit.integrity if finding.check is Check.TRANSPORT]
    assert [(finding.answer, finding.good) for finding in transport] == [(Answer.NO, False)]
    safe = audited(tmp_path, {"assets/a.txt": b"x"}, loader(Text("https://models.example.com/v2/face.tflite")))
    assert [finding.good for finding in safe.integrity if finding.check is Check.TRANSPORT] == [True]


def checks(item: AuditedModel) -> dict[Check, Answer]:
    return {finding.check: finding.answer for finding in item.integrity}


def test_digests(tmp_path: Path) -> None:
    files = {"assets/net.tflite": MODEL}
    held = loader(Text("net.tflite"), Text(hashlib.sha256(MODEL).hexdigest()), DIGEST)
    assert checks(only(audited(tmp_path, files, held)))[Check.DIGEST] is Answer.YES
    some = loader(Text("net.tflite"), DIGEST)
    assert checks(only(audited(tmp_path, files, some)))[Check.DIGEST] is Answer.UNKNOWN
    none = loader(Text("net.tflite"), LOAD)
    assert checks(only(audited(tmp_path, files, none)))[Check.DIGEST] is Answer.NO
    assert checks(only(audited(tmp_path, files)))[Check.DIGEST] is Answer.UNKNOWN


def test_native_code_that_names_a_model(tmp_path: Path) -> None:
    from tests.builders.elf import ElfSpec, build_elf

    library = build_elf(ElfSpec(soname="libface.so", exports=("detect",)))
    files = {"assets/net.tflite": MODEL, "lib/arm64-v8a/libface.so": library + b"\0net.tflite\0"}
    item = only(audited(tmp_path, files))
    assert [finding.answer for finding in item.integrity] == [Answer.UNKNOWN]
    assert "native code" in item.integrity[0].says
    sealed = only(audited(tmp_path, {**files, "assets/net.tflite": NOISE}))
    assert any(signal.kind is SignalKind.CODE for signal in sealed.protection.signals)


def test_generated_code_is_a_model(tmp_path: Path) -> None:
    from tests.builders.elf import ElfSpec, build_elf

    library = build_elf(ElfSpec(soname="libnet.so", exports=("tvmgen_default_run", "other")))
    item = only(audited(tmp_path, {"lib/arm64-v8a/libnet.so": library}))
    assert item.protection.grade is Grade.CODE
    assert "Apache TVM" in item.protection.signals[0].says
    plain = build_elf(ElfSpec(soname="libother.so", exports=("run", "model_view")))
    assert not audited(tmp_path, {"lib/arm64-v8a/libother.so": plain}).models


def test_writable_places(tmp_path: Path) -> None:
    files = {"assets/net.tflite": MODEL}
    found = audited(tmp_path, files, loader(Text("net.tflite"), SHARED, LOAD)).integrity
    assert [finding.good for finding in found if finding.check is Check.WRITABLE] == [False]
    found = audited(
        tmp_path, files, loader(Text("net.tflite"), LOAD), Class("La/Logs;", [static("w", SHARED)])
    ).integrity
    assert [finding.good for finding in found if finding.check is Check.WRITABLE] == [True]


def test_the_signature_covers_what_is_inside(tmp_path: Path) -> None:
    signed = audited(tmp_path, {"assets/net.tflite": MODEL}).integrity
    assert [finding.good for finding in signed if finding.check is Check.SIGNED_PACKAGE] == [True]


def test_encrypted_core_ml(tmp_path: Path) -> None:
    from tests.builders.packages import ipa

    app = tmp_path / "a.ipa"
    folder = "Face.mlmodelc/"
    app.write_bytes(ipa({folder + "encryptionInfo/coremldata.bin": NOISE, folder + "model.espresso.net": NOISE}))
    item = only(audit_app(app, SCANNER))
    assert (item.name, item.protection.grade) == ("Face.mlmodelc", Grade.ENCRYPTED)
    app.write_bytes(ipa({folder + "encryptionInfo/coremldata.bin": NOISE, "Face.mlmodelkey": weighty.noise(120, 5)}))
    assert only(audit_app(app, SCANNER)).protection.grade is Grade.KEY_BESIDE


def test_an_audit_can_be_read_back(tmp_path: Path) -> None:
    audit = audited(
        tmp_path, {"assets/net.tflite.enc": NOISE, "assets/ok.tflite": MODEL}, loader(Text("ok.tflite"), LOAD)
    )
    document = msgspec.json.decode(encode_audit("app.apk", audit), type=AuditDocument)
    assert document.audit == audit


def test_nothing_to_audit(tmp_path: Path) -> None:
    audit = audited(tmp_path, {"assets/readme.txt": b"hello"})
    assert not audit.models
    assert "No models" in " ".join(audit.summary)
