"""Assistant: a split set in an XAPK with llama.cpp, a language model in an asset pack, and two cloud services."""

from __future__ import annotations

import json

from examples.builders import lures, stubs
from examples.builders.archive import pack
from examples.builders.example import ExampleApp, Planted, model
from examples.builders.manifest import app_manifest, binary_xml, split_manifest
from examples.builders.signing import sign

PACKAGE = "com.example.assistant"
VERSION = (1070, "1.7.0")
STORY = "story_gguf/story_llama_q8_0.gguf"
WAKE_WORD = "keywords_tflite/keywords_float16.tflite"
SPLITS = {"base": f"{PACKAGE}.apk", "config.arm64_v8a": "config.arm64_v8a.apk", "story_pack": "story_pack.apk"}


def build() -> bytes:
    """The XAPK: a zip of signed APKs with a description."""
    entries = {
        SPLITS["base"]: sign(_base()),
        SPLITS["config.arm64_v8a"]: sign(_native()),
        SPLITS["story_pack"]: sign(_story_pack()),
    }
    description = {
        "xapk_version": 2,
        "package_name": PACKAGE,
        "name": "Assistant",
        "version_code": str(VERSION[0]),
        "version_name": VERSION[1],
        "min_sdk_version": "26",
        "target_sdk_version": "35",
        "permissions": ["android.permission.INTERNET", "android.permission.RECORD_AUDIO"],
        "split_configs": ["config.arm64_v8a", "story_pack"],
        "split_apks": [{"file": file, "id": split} for split, file in SPLITS.items()],
        "total_size": sum(map(len, entries.values())),
    }
    return pack({**entries, "icon.png": lures.png(64, 40), "manifest.json": json.dumps(description).encode()})


def _base() -> bytes:
    manifest = app_manifest(
        PACKAGE,
        version=VERSION,
        label="Assistant",
        sdk=(26, 35),
        permissions=("android.permission.INTERNET", "android.permission.RECORD_AUDIO"),
    )
    code = stubs.dex(
        (f"{PACKAGE}.MainActivity", f"{PACKAGE}.CloudChat", f"{PACKAGE}.LocalChat", *stubs.TFLITE_CLASSES),
        methods=((f"{PACKAGE}.LocalChat", "loadModel"),),
        strings=(
            "https://api.openai.com/v1/chat/completions",
            "https://api.anthropic.com/v1/messages",
            "anthropic-version",
            "gpt-4o-mini",
            "story.gguf",
        ),
    )
    return pack(
        {
            "AndroidManifest.xml": binary_xml(manifest),
            "classes.dex": code,
            "assets/wake/hello.tflite": model(WAKE_WORD),
            "assets/wake/labels.txt": model("keywords_tflite/labels.txt"),
            "res/drawable/icon.png": lures.png(64, 40),
        }
    )


def _native() -> bytes:
    manifest = split_manifest(PACKAGE, VERSION[0], "config.arm64_v8a")
    folder = f"lib/{stubs.ARM64}"
    return pack(
        {
            "AndroidManifest.xml": binary_xml(manifest),
            f"{folder}/libllama.so": stubs.LLAMA.build(),
            f"{folder}/libggml-base.so": stubs.GGML.build(),
            f"{folder}/libtensorflowlite_jni.so": stubs.TFLITE_JNI.build(),
        }
    )


def _story_pack() -> bytes:
    manifest = split_manifest(PACKAGE, VERSION[0], "story_pack")
    return pack({"AndroidManifest.xml": binary_xml(manifest), "assets/story.gguf": model(STORY)})


APP = ExampleApp(
    file_name="assistant.xapk",
    build=build,
    planted=(
        Planted(location=f"{SPLITS['base']}!assets/wake/hello.tflite", model=WAKE_WORD),
        Planted(location=f"{SPLITS['story_pack']}!assets/story.gguf", model=STORY),
    ),
    technologies={"llama-cpp": "", "ggml": "0.9.4", "tflite": "2.16.1", "xnnpack": "", "openai": "", "anthropic": ""},
    lures=("icon.png", "manifest.json"),
)
