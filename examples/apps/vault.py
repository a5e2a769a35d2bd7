"""Vault: its models are encrypted; only the loader's strings and the runtime tell that they are models."""

from __future__ import annotations

import hashlib

from examples.builders import lures, stubs
from examples.builders.archive import pack
from examples.builders.example import ExampleApp, model
from examples.builders.manifest import app_manifest, binary_xml
from examples.builders.signing import sign

PACKAGE = "com.example.vault"
KEY = hashlib.sha256(b"vault, an example").digest()[:16]
XORED, STREAMED = "assets/models/face.tflite.enc", "assets/models/core.bin"


def build() -> bytes:
    """The signed APK."""
    manifest = app_manifest(
        PACKAGE, version=(9, "0.9"), label="Vault", permissions=("android.permission.USE_BIOMETRIC",)
    )
    code = stubs.dex(
        (f"{PACKAGE}.MainActivity", f"{PACKAGE}.ModelLoader", *stubs.TFLITE_CLASSES),
        methods=(("javax.crypto.Cipher", "doFinal"), ("org.tensorflow.lite.Interpreter", "run")),
        strings=("models/core.bin", "models/face.tflite.enc", "AES/CTR/NoPadding", "decryptModel"),
    )
    return sign(
        pack(
            {
                "AndroidManifest.xml": binary_xml(manifest),
                "classes.dex": code,
                f"lib/{stubs.ARM64}/libtensorflowlite_jni.so": stubs.TFLITE_JNI.build(),
                f"lib/{stubs.ARM64}/libvault.so": stubs.CRYPTO.build(),
                XORED: xored(model("digits_tflite/digits_float32.tflite")),
                STREAMED: streamed(model("keywords_tflite/keywords_float32.tflite")),
                "res/drawable/icon.png": lures.png(64, 90),
            }
        )
    )


def xored(content: bytes) -> bytes:
    """A repeating 16-byte key, which is what many apps call encryption."""
    mask = (KEY * (len(content) // len(KEY) + 1))[: len(content)]
    return (int.from_bytes(content, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(content), "big")


def streamed(content: bytes) -> bytes:
    """A keystream of hashes in counter mode: to a reader the same as AES-CTR, without a cipher in the standard library."""
    blocks = (hashlib.sha256(KEY + counter.to_bytes(8, "big")).digest() for counter in range(len(content) // 32 + 1))
    return bytes(byte ^ mask for byte, mask in zip(content, b"".join(blocks), strict=False))


APP = ExampleApp(
    file_name="vault.apk",
    build=build,
    technologies={"tflite": "2.16.1", "xnnpack": ""},
    opaque=(XORED, STREAMED),
    lures=("res/drawable/icon.png",),
)
