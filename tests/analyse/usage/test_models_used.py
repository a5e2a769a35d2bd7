"""Is a model used: does code that runs name its file?"""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from nngauge.analyse.usage import app_code, usage
from nngauge.domain.evidence import Confidence
from nngauge.domain.usage import Obstacle, UsageVerdict, Use
from tests.builders.arsc import build_arsc, config
from tests.builders.code_apps import MAIN, activity, call, model_at, package
from tests.builders.dex_code import Call, Class, Raw, Static, Text, native, static
from tests.builders.elf import build_elf

OPEN = call("Landroid/content/res/AssetManager;", "openFd", "(Ljava/lang/String;)V", "virtual")
HELPER = "Lcom/example/shop/Helper;"
LOAD = (Text("shop"), call("Ljava/lang/System;", "loadLibrary", "(Ljava/lang/String;)V"))


def verdict(
    *classes: Class, files: Mapping[str, bytes] | None = None, paths: tuple[str, ...] = ("assets/net.tflite",)
) -> UsageVerdict:
    held = {path.split("!")[0]: b"data" for path in paths}
    app = package(list(classes), files={**held, **(files or {})})
    code = app_code(app)
    app.close()
    (found,) = usage(code, (), (), [model_at(*paths)])
    assert (found.model, found.subject) == (True, f"app.apk!{paths[0]}")
    return found


@pytest.mark.parametrize("text", ["net.tflite", "file:///android_asset/net.tflite", "models/net.tflite"])
def test_named_by_code_that_runs(text: str) -> None:
    found = verdict(activity(MAIN, Text(text), OPEN))
    assert (found.use, found.confidence) == (Use.USED, Confidence.LIKELY)
    assert [step.method for step in found.chain] == ["com.example.shop.Main.onCreate", text]


def test_named_only_by_code_that_nothing_reaches() -> None:
    found = verdict(activity(MAIN), Class(HELPER, [static("open", Text("net.tflite"), OPEN)]))
    assert (found.use, "nothing reaches" in found.reason) == (Use.BUNDLED, True)


def test_named_nowhere() -> None:
    found = verdict(activity(MAIN, Text("other.tflite"), OPEN))
    assert (found.use, found.reason) == (Use.BUNDLED, "no code names its file")


def test_a_name_inside_another_name_is_none() -> None:
    assert verdict(activity(MAIN, Text("magnet.tflite"), OPEN)).use is Use.BUNDLED


@pytest.mark.parametrize("pieces", [("face_", ".tflite"), ("face_en", ".tflite")])
def test_a_name_that_is_put_together(pieces: tuple[str, str]) -> None:
    found = verdict(activity(MAIN, *map(Text, pieces), OPEN), paths=("assets/face_en.tflite",))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.NAME_BUILT)


def test_a_folder_that_code_names() -> None:
    found = verdict(activity(MAIN, Text("models/faces")), paths=("assets/models/faces/a.tflite",))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.NAME_BUILT)


def test_a_name_in_the_resources() -> None:
    found = verdict(activity(MAIN), files={"resources.arsc": build_arsc(["net.tflite"], [(1, config(), {1: (3, 0)})])})
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.NAME_BUILT)


def test_a_raw_resource_by_its_field() -> None:
    read = Static("Lcom/example/shop/R$raw;", "net")
    assert verdict(activity(MAIN, read), paths=("res/raw/net.tflite",)).use is Use.USED
    assert (
        verdict(activity(MAIN, Static("Lcom/example/shop/R$raw;", "other")), paths=("res/raw/net.tflite",)).use
        is Use.BUNDLED
    )


@pytest.mark.parametrize(
    ("number", "use"), [(b"\x14\x00\x01\x00\x01\x7f", Use.USED), (b"\x14\x00\x02\x00\x01\x7f", Use.BUNDLED)]
)
def test_a_raw_resource_by_its_number(number: bytes, use: Use) -> None:
    table = build_arsc(["res/raw/net.tflite", "x"], [(1, config(), {1: (3, 0), 2: (3, 1)})])
    found = verdict(activity(MAIN, Raw(number)), files={"resources.arsc": table}, paths=("res/raw/net.tflite",))
    assert found.use is use


def test_a_companion_is_named() -> None:
    paths = ("assets/net.param", "assets/net.bin")
    assert verdict(activity(MAIN, Text("net.bin"), OPEN), paths=paths).use is Use.USED


def test_inside_an_archive_that_code_names() -> None:
    found = verdict(activity(MAIN, Text("models.zip"), OPEN), paths=("assets/models.zip!net.tflite",))
    assert (found.use, "models.zip" in found.reason) == (Use.USED, True)


def test_named_by_a_library_whose_code_runs() -> None:
    symbol = "Java_com_example_shop_Helper_detect"
    files = {"lib/arm64-v8a/libshop.so": build_elf(soname="libshop.so", exports=(symbol,), rodata=b"\0net.tflite\0")}
    helper = Class(HELPER, [native("detect")])
    used = verdict(activity(MAIN, Call(HELPER, "detect", kind="virtual")), helper, files=files)
    assert (used.use, used.chain[-1].method) == (Use.USED, "libshop.so: net.tflite")
    assert verdict(activity(MAIN), helper, files=files).use is Use.BUNDLED


def test_a_library_that_is_missing_may_name_it() -> None:
    found = verdict(activity(MAIN, *LOAD))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.CODE_MISSING)
    assert "libshop.so" in found.reason


def test_named_by_a_program_in_another_language() -> None:
    bundle = {"assets/index.android.bundle": b"require('./net.tflite')"}
    found = verdict(activity(MAIN), files=bundle)
    assert (found.use, found.chain[-1].how) == (Use.USED, "named in index.android.bundle (React Native)")
