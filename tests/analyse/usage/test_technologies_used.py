"""Apps made of a few classes: is the runtime used? Each case says what a person who reads the code would say."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest

from nngauge.analyse.usage import app_code, usage
from nngauge.detect.ruleset import RULES, Rule, parse_rule
from nngauge.domain.evidence import Confidence
from nngauge.domain.library import Library
from nngauge.domain.location import Location
from nngauge.domain.usage import Caller, Obstacle, UsageVerdict, Use
from nngauge.packages import Package
from tests.builders.code_apps import APP, MAIN, MAIN_COMPONENT, Component, activity, call, layout, package
from tests.builders.dex_code import (
    OBJECT,
    PUBLIC,
    Call,
    Class,
    Lambda,
    Literal,
    Method,
    Static,
    Text,
    init,
    native,
    new,
    static,
    virtual,
)
from tests.builders.elf import build_elf

ORT = "Lai/onnxruntime/OrtEnvironment;"
RUN = call(ORT, "getEnvironment")
"""The call that makes the difference."""
RUNTIME = Class(ORT, [static("getEnvironment")])
ENGINE = "Lcom/example/shop/Engine;"
LIB = "lib/arm64-v8a/"


@cache
def rule(name: str) -> Rule:
    return parse_rule(f"{name}.toml", (RULES / f"{name}.toml").read_bytes())


def verdict(app: Package, libraries: Sequence[Library] = (), technology: str = "onnxruntime") -> UsageVerdict:
    code = app_code(app)
    app.close()
    (found,) = usage(code, [rule(technology)], libraries)
    assert found.subject == technology
    return found


def library(name: str, *technologies: str, needed: tuple[str, ...] = ()) -> Library:
    place = Location(path=f"app.apk!{LIB}{name}")
    return Library(location=place, size=1, abi="arm64-v8a", soname=name, needed=needed, technologies=technologies)


def chain(found: UsageVerdict) -> list[str]:
    return [step.method for step in found.chain]


# --- plain calls ----------------------------------------------------------------------------------------------------------


def test_called_by_the_main_activity() -> None:
    found = verdict(package([activity(MAIN, RUN), RUNTIME]))
    assert (found.use, found.caller, found.confidence) == (Use.USED, Caller.APP, Confidence.CERTAIN)
    assert chain(found) == [f"{APP}.Main.onCreate", "ai.onnxruntime.OrtEnvironment"]
    assert [step.how for step in found.chain] == ["activity started by the system", "calls"]
    assert found.evidence[0].value == f"{APP}.Main.onCreate → ai.onnxruntime.OrtEnvironment"


def test_the_shortest_path_is_the_evidence() -> None:
    helper = Class(ENGINE, [static("far", call(ENGINE, "near")), static("near", RUN)])
    found = verdict(package([activity(MAIN, call(ENGINE, "far"), call(ENGINE, "near")), helper, RUNTIME]))
    assert chain(found) == [f"{APP}.Main.onCreate", f"{APP}.Engine.near", "ai.onnxruntime.OrtEnvironment"]


def test_a_dead_sdk() -> None:
    other = Class("Lai/onnxruntime/OrtSession;", [virtual("run", RUN)])
    found = verdict(package([activity(MAIN), RUNTIME, other]))
    assert (found.use, found.chain) == (Use.BUNDLED, ())


def test_referenced_only_by_a_class_that_nothing_reaches() -> None:
    assert verdict(package([activity(MAIN), Class(ENGINE, [static("go", RUN)]), RUNTIME])).use is Use.BUNDLED


def test_a_private_method_that_nobody_calls() -> None:
    dead = Method("load", [RUN], access=2)
    assert verdict(package([activity(MAIN, methods=[dead]), RUNTIME])).use is Use.BUNDLED


def test_a_public_method_that_might_be_a_callback_is_only_possible() -> None:
    found = verdict(package([activity(MAIN, methods=[virtual("predict", RUN)]), RUNTIME]))
    assert (found.use, found.confidence) == (Use.USED, Confidence.POSSIBLE)


def test_named_in_a_layout_to_be_called_on_a_click() -> None:
    click = virtual("classify", RUN, proto="(Landroid/view/View;)V")
    found = verdict(package([activity(MAIN, methods=[click]), RUNTIME]))
    assert (found.use, found.confidence) == (Use.USED, Confidence.CERTAIN)


def test_over_two_dex_files() -> None:
    found = verdict(package([activity(MAIN, call(ENGINE, "go"))], [Class(ENGINE, [static("go", RUN)])], [RUNTIME]))
    assert found.use is Use.USED


def test_the_first_definition_of_a_class_counts() -> None:
    first, second = Class(ENGINE, [static("go")]), Class(ENGINE, [static("go", RUN)])
    assert verdict(package([activity(MAIN, call(ENGINE, "go")), first], [second, RUNTIME])).use is Use.BUNDLED


def test_calls_of_a_class_that_is_not_shipped() -> None:
    found = verdict(package([activity(MAIN, RUN)]))
    assert (found.use, found.caller) == (Use.USED, Caller.APP)


def test_a_static_initialiser() -> None:
    holder = Class(ENGINE, [static("<clinit>", RUN), static("unrelated")])
    assert verdict(package([activity(MAIN, Static(ENGINE, "field")), holder, RUNTIME])).use is Use.USED
    assert verdict(package([activity(MAIN), holder, RUNTIME])).use is Use.BUNDLED


# --- dispatch -------------------------------------------------------------------------------------------------------------

DETECTOR = "Lcom/example/shop/Detector;"
INTERFACE = Class(DETECTOR, [Method("detect", None, access=PUBLIC | 0x400)], access=0x601)
IMPLEMENTATION = Class(ENGINE, [init(), virtual("detect", RUN)], interfaces=[DETECTOR])


def test_through_an_interface() -> None:
    body = (*new(ENGINE), Call(DETECTOR, "detect", kind="interface"))
    assert verdict(package([activity(MAIN, *body), INTERFACE, IMPLEMENTATION, RUNTIME])).use is Use.USED


def test_an_implementation_that_is_never_created() -> None:
    body = (Call(DETECTOR, "detect", kind="interface"),)
    assert verdict(package([activity(MAIN, *body), INTERFACE, IMPLEMENTATION, RUNTIME])).use is Use.BUNDLED


def test_an_abstract_method_of_a_base_activity() -> None:
    base = "Lcom/example/shop/Base;"
    parent = activity(base, Call(base, "work", kind="virtual"), methods=[Method("work", None, access=PUBLIC | 0x400)])
    main = Class(MAIN, [init(), virtual("work", RUN)], parent=base)
    found = verdict(package([main, parent, RUNTIME]))
    assert (found.use, chain(found)[-1]) == (Use.USED, "ai.onnxruntime.OrtEnvironment")


def test_a_method_inherited_from_a_library_class() -> None:
    base = Class("Lcom/vendor/Base;", [virtual("start", RUN)])
    body = Call(ENGINE, "start", kind="virtual")
    assert verdict(package([activity(MAIN, body), Class(ENGINE, [], parent=base.name), base, RUNTIME])).use is Use.USED


@pytest.mark.parametrize(
    ("parent", "interfaces", "method"),
    [
        (OBJECT, ["Ljava/lang/Runnable;"], "run"),
        (OBJECT, ["Ljava/util/concurrent/Callable;"], "call"),
        ("Landroid/os/AsyncTask;", [], "doInBackground"),
        ("Landroid/os/Handler;", [], "handleMessage"),
        (OBJECT, ["Landroid/hardware/Camera$PreviewCallback;"], "onPreviewFrame"),
        ("Lkotlin/coroutines/jvm/internal/SuspendLambda;", [], "invokeSuspend"),
    ],
)
def test_what_the_system_or_a_library_calls_back(parent: str, interfaces: list[str], method: str) -> None:
    task = Class("Lcom/example/shop/Task;", [init(), virtual(method, RUN)], parent=parent, interfaces=interfaces)
    assert verdict(package([activity(MAIN, *new(task.name)), task, RUNTIME])).use is Use.USED
    assert verdict(package([activity(MAIN), task, RUNTIME])).use is Use.BUNDLED


def test_a_lambda_of_invoke_custom() -> None:
    body = static("lambda$onCreate$0", RUN)
    assert verdict(package([activity(MAIN, Lambda(MAIN, body.name), methods=[body]), RUNTIME])).use is Use.USED


def test_a_lambda_as_the_compiler_takes_it_apart() -> None:
    inner = Class(
        "Lcom/example/shop/Main$$ExternalSyntheticLambda0;",
        [init(), virtual("onClick", call(MAIN, "lambda$0"), proto="(Landroid/view/View;)V")],
        interfaces=["Landroid/view/View$OnClickListener;"],
    )
    main = activity(MAIN, *new(inner.name), methods=[static("lambda$0", RUN)])
    assert verdict(package([main, inner, RUNTIME])).use is Use.USED


# --- names instead of calls -----------------------------------------------------------------------------------------------

FOR_NAME = call("Ljava/lang/Class;", "forName", "(Ljava/lang/String;)Ljava/lang/Class;")


def test_reflection_by_a_name_in_the_code() -> None:
    engine = Class(ENGINE, [init(RUN)])
    found = verdict(package([activity(MAIN, Text(f"{APP}.Engine"), FOR_NAME), engine, RUNTIME]))
    assert (found.use, found.confidence) == (Use.USED, Confidence.LIKELY)


def test_reflection_by_a_name_from_elsewhere() -> None:
    found = verdict(package([activity(MAIN, FOR_NAME), RUNTIME]))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.REFLECTION)


def test_reflection_in_a_library_says_nothing() -> None:
    vendor = Class("Lcom/vendor/Loader;", [static("go", FOR_NAME)])
    assert verdict(package([activity(MAIN, call(vendor.name, "go")), vendor, RUNTIME])).use is Use.BUNDLED


def test_code_that_is_loaded_while_the_app_runs() -> None:
    loader = "Ldalvik/system/DexClassLoader;"
    found = verdict(package([activity(MAIN, *new(loader)), RUNTIME]))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.DYNAMIC_CODE)


def test_a_path_is_a_path_whatever_else_is_hidden() -> None:
    found = verdict(package([activity(MAIN, RUN, FOR_NAME), RUNTIME]))
    assert (found.use, found.obstacle) == (Use.USED, None)


@pytest.mark.parametrize("utf8", [False, True])
def test_a_view_in_a_layout(utf8: bool) -> None:
    view = Class("Lcom/example/shop/CameraView;", [init(), virtual("onDraw", RUN)], parent="Landroid/view/View;")
    named = {"res/layout/main.xml": layout("com.example.shop.CameraView", utf8=utf8)}
    assert verdict(package([activity(MAIN), view, RUNTIME], files=named)).use is Use.USED
    assert verdict(package([activity(MAIN), view, RUNTIME], files={"res/a.xml": layout("Button")})).use is Use.BUNDLED


def test_a_class_literal_for_an_intent() -> None:
    other = activity("Lcom/example/shop/Second;", RUN)
    assert verdict(package([activity(MAIN, Literal(other.name)), other, RUNTIME])).use is Use.USED


def test_a_service_of_the_service_loader() -> None:
    service, provider = (
        "Lcom/example/shop/Plugin;",
        Class(ENGINE, [init(RUN)], interfaces=["Lcom/example/shop/Plugin;"]),
    )
    files = {"META-INF/services/com.example.shop.Plugin": b"# plug-ins\ncom.example.shop.Engine\n"}
    classes = [activity(MAIN, Literal(service)), Class(service, access=0x601), provider, RUNTIME]
    assert verdict(package(classes, files=files)).use is Use.USED
    assert verdict(package(classes)).use is Use.BUNDLED


# --- whose call -----------------------------------------------------------------------------------------------------------

VENDOR = Class("Lcom/vendor/ocr/Reader;", [static("read", RUN)])


def test_an_sdk_between() -> None:
    found = verdict(package([activity(MAIN, call(VENDOR.name, "read")), VENDOR, RUNTIME]))
    assert (found.use, found.caller, found.via) == (Use.USED, Caller.SDK, "com.vendor.ocr")


def test_shortened_names_are_nobodys() -> None:
    short = Class("La/b/c;", [static("a", RUN)])
    found = verdict(package([activity(MAIN, call(short.name, "a")), short, RUNTIME]))
    assert (found.use, found.caller, found.via) == (Use.USED, Caller.APP, "")


def test_a_provider_that_a_library_put_into_the_manifest() -> None:
    provider = Class("Lcom/vendor/ocr/Init;", [init(), virtual("onCreate", call(VENDOR.name, "read"))])
    provider = Class(provider.name, provider.methods, parent="Landroid/content/ContentProvider;")
    parts = (MAIN_COMPONENT, Component("provider", "com.vendor.ocr.Init"))
    found = verdict(package([activity(MAIN), provider, VENDOR, RUNTIME], components=parts))
    assert (found.use, found.caller) == (Use.USED, Caller.START_UP)
    assert chain(found)[0] == "com.vendor.ocr.Init.onCreate"


def test_a_registrar_announces_and_nobody_asks() -> None:
    registrar = Class(
        "Lcom/vendor/ocr/Registrar;", [init(), virtual("getComponents", RUN)], interfaces=["Lcom/f/Registrar;"]
    )
    discovery = Component("service", "com.vendor.Discovery", meta={"com.f.components:com.vendor.ocr.Registrar": "x"})
    classes = [activity(MAIN), registrar, Class("Lcom/vendor/Discovery;", [init()]), RUNTIME]
    found = verdict(package(classes, components=(MAIN_COMPONENT, discovery)))
    assert found.use is Use.BUNDLED
    assert chain(found)[0] == "com.vendor.ocr.Registrar.getComponents"


def test_an_activity_of_a_library_that_nobody_starts() -> None:
    screen = activity("Lcom/vendor/ocr/Screen;", RUN)
    parts = (MAIN_COMPONENT, Component("activity", "com.vendor.ocr.Screen"))
    found = verdict(package([activity(MAIN), screen, RUNTIME], components=parts))
    assert (found.use, "nothing in the app starts" in found.reason) == (Use.BUNDLED, True)
    started = verdict(package([activity(MAIN, Literal(screen.name)), screen, RUNTIME], components=parts))
    assert (started.use, started.caller, started.via) == (Use.USED, Caller.SDK, "com.vendor.ocr")


def test_the_application_class() -> None:
    shop = Class("Lcom/example/shop/Shop;", [init(), virtual("onCreate", RUN)], parent="Landroid/app/Application;")
    found = verdict(package([activity(MAIN), shop, RUNTIME], application=".Shop"))
    assert (found.use, found.caller) == (Use.USED, Caller.APP)


# --- native code ----------------------------------------------------------------------------------------------------------

JNI = "Lcom/example/shop/Native;"
LOAD = (Text("shop"), call("Ljava/lang/System;", "loadLibrary", "(Ljava/lang/String;)V"))
SYMBOL = "Java_com_example_shop_Native_detect"
NATIVE = Class(JNI, [static("<clinit>", *LOAD), native("detect")])
DETECT = Call(JNI, "detect", kind="virtual")


def _elf(*exports: str, rodata: bytes = b"", name: str = "libshop.so") -> dict[str, bytes]:
    return {f"{LIB}{name}": build_elf(soname=name, exports=exports, rodata=b"\0" + rodata + b"\0")}


@pytest.mark.parametrize("symbol", [SYMBOL, f"{SYMBOL}__Ljava_lang_String_2"])
def test_a_native_method_of_a_library_that_holds_the_runtime(symbol: str) -> None:
    app = package([activity(MAIN, DETECT), NATIVE], files=_elf(symbol))
    found = verdict(app, [library("libshop.so", "onnxruntime")])
    assert (found.use, chain(found)[-1]) == (Use.USED, "libshop.so")


def test_names_of_native_methods_are_mangled() -> None:
    odd = Class("Lcom/example/shop/My_Net;", [native("run_it")])
    files = _elf("Java_com_example_shop_My_1Net_run_1it")
    app = package([activity(MAIN, Call(odd.name, "run_it", kind="virtual")), odd], files=files)
    assert verdict(app, [library("libshop.so", "onnxruntime")]).use is Use.USED


def test_a_library_that_links_the_runtime() -> None:
    libraries = [library("libshop.so", needed=("libmid.so",)), library("libmid.so", needed=("libonnxruntime.so",))]
    libraries.append(library("libonnxruntime.so", "onnxruntime"))
    assert verdict(package([activity(MAIN, DETECT), NATIVE], files=_elf(SYMBOL)), libraries).use is Use.USED


def test_a_library_that_opens_the_runtime_by_name() -> None:
    files = {**_elf(SYMBOL, rodata=b"libonnxruntime.so"), **_elf(name="libonnxruntime.so")}
    libraries = [library("libshop.so"), library("libonnxruntime.so", "onnxruntime")]
    assert verdict(package([activity(MAIN, DETECT), NATIVE], files=files), libraries).use is Use.USED
    files = {**_elf(SYMBOL, rodata=b"libother.so"), **_elf(name="libonnxruntime.so")}
    assert verdict(package([activity(MAIN, DETECT), NATIVE], files=files), libraries).use is Use.BUNDLED


def test_natives_that_are_registered() -> None:
    files = _elf("JNI_OnLoad", rodata=b"com/example/shop/Native")
    app = package([activity(MAIN, DETECT), NATIVE], files=files)
    assert verdict(app, [library("libshop.so", "onnxruntime")]).use is Use.USED


def test_loaded_and_never_called() -> None:
    body = (Static(JNI, "field"),)
    found = verdict(
        package([activity(MAIN, *body), NATIVE], files=_elf(SYMBOL)), [library("libshop.so", "onnxruntime")]
    )
    assert (found.use, "none of its methods is called" in found.reason) == (Use.BUNDLED, True)


def test_loaded_and_what_happens_then_is_inside() -> None:
    files = _elf("JNI_OnLoad", SYMBOL)
    found = verdict(package([activity(MAIN, *LOAD), NATIVE], files=files), [library("libshop.so", "onnxruntime")])
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.NATIVE)


def test_a_library_that_nothing_loads() -> None:
    found = verdict(
        package([activity(MAIN), NATIVE], files=_elf("JNI_OnLoad", SYMBOL)), [library("libshop.so", "onnxruntime")]
    )
    assert found.use is Use.BUNDLED


def test_bound_without_jni() -> None:
    bind = call("Lcom/sun/jna/Native;", "register", "(Ljava/lang/Class;Ljava/lang/String;)V")
    found = verdict(package([activity(MAIN, Text("shop"), bind)], files=_elf()), [library("libshop.so", "onnxruntime")])
    assert found.use is Use.USED


def test_a_native_activity() -> None:
    main = Component("activity", "android.app.NativeActivity", launcher=True, meta={"android.app.lib_name": "shop"})
    app = package([Class(MAIN, [])], components=[main], files=_elf())
    assert verdict(app, [library("libshop.so", "onnxruntime")]).use is Use.USED


def test_shortened_java_keeps_the_names_of_natives() -> None:
    short = Class("La/a;", [static("a", DETECT)])
    app = package([activity(MAIN, call("La/a;", "a")), short, NATIVE], files=_elf(SYMBOL))
    assert verdict(app, [library("libshop.so", "onnxruntime")]).use is Use.USED


def test_what_native_code_chooses_by_itself_is_unknown() -> None:
    app = package([activity(MAIN, DETECT), NATIVE], files=_elf(SYMBOL))
    found = verdict(app, [library("libshop.so", "xnnpack")], "xnnpack")
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.NATIVE)


# --- logic in another language --------------------------------------------------------------------------------------------

PLUGIN = Class(
    "Lcom/vendor/flutter/OrtPlugin;",
    [
        init(),
        virtual("onAttachedToEngine", Text("com.vendor/ort"), *new("Lio/flutter/plugin/common/MethodChannel;")),
        virtual("onMethodCall", RUN, proto="(Lio/flutter/plugin/common/MethodCall;)V"),
    ],
    interfaces=["Lio/flutter/plugin/common/MethodChannel$MethodCallHandler;"],
)
FLUTTER = {f"{LIB}libflutter.so": build_elf(soname="libflutter.so")}


def _flutter(strings: bytes) -> dict[str, bytes]:
    return {**FLUTTER, f"{LIB}libapp.so": build_elf(soname="libapp.so", rodata=strings)}


def test_a_flutter_plugin_that_dart_code_names() -> None:
    app = package([activity(MAIN, *new(PLUGIN.name)), PLUGIN, RUNTIME], files=_flutter(b"\0com.vendor/ort\0"))
    assert verdict(app).use is Use.USED


def test_a_flutter_plugin_that_dart_code_never_names() -> None:
    app = package([activity(MAIN, *new(PLUGIN.name)), PLUGIN, RUNTIME], files=_flutter(b"\0com.vendor/other\0"))
    found = verdict(app)
    assert (found.use, "never names it" in found.reason) == (Use.BUNDLED, True)


def test_flutter_without_its_program() -> None:
    found = verdict(package([activity(MAIN), RUNTIME], files=FLUTTER))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.SCRIPT)


def test_a_library_that_dart_code_opens_by_itself() -> None:
    files = {**_flutter(b"\0libonnxruntime.so\0"), **_elf(name="libonnxruntime.so")}
    found = verdict(package([activity(MAIN)], files=files), [library("libonnxruntime.so", "onnxruntime")])
    assert (found.use, found.chain[-1].how) == (Use.USED, "named in libapp.so (Flutter)")


@pytest.mark.parametrize(("script", "use"), [(b"NativeModules.OrtModule.run()", Use.USED), (b"nothing", Use.BUNDLED)])
def test_a_react_native_module(script: bytes, use: Use) -> None:
    module = Class(
        "Lcom/vendor/rn/Module;",
        [init(), virtual("getName", Text("OrtModule"), proto="()Ljava/lang/String;"), virtual("run", RUN)],
        parent="Lcom/facebook/react/bridge/ReactContextBaseJavaModule;",
    )
    app = package([activity(MAIN, *new(module.name)), module, RUNTIME], files={"assets/index.android.bundle": script})
    assert verdict(app).use is use


@pytest.mark.parametrize(
    ("names", "use"), [(b"xcom.vendor.unity.Bridgey", Use.USED), (b"com.vendor.Other", Use.BUNDLED)]
)
def test_a_class_that_unity_code_names(names: bytes, use: Use) -> None:
    bridge = Class("Lcom/vendor/unity/Bridge;", [static("start", RUN)])
    files = {"assets/bin/Data/Managed/Metadata/global-metadata.dat": names}
    assert verdict(package([activity(MAIN), bridge, RUNTIME], files=files)).use is use


# --- packages that lack something -----------------------------------------------------------------------------------------


def test_no_code_at_all() -> None:
    found = verdict(package(), [library("libonnxruntime.so", "onnxruntime")])
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.NO_CODE)


def test_a_packed_app() -> None:
    parts = (MAIN_COMPONENT, Component("service", f"{APP}.Worker"))
    stub = Class("Lcom/packer/Stub;", [init()], parent="Landroid/app/Application;")
    found = verdict(package([stub, RUNTIME], components=parts, application="com.packer.Stub"))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.CODE_MISSING)
    assert f"{APP}.Main" in found.reason


def test_damaged_code() -> None:
    found = verdict(package([activity(MAIN), RUNTIME], files={"classes2.dex": b"dex\n035\0" + bytes(40)}))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.CODE_UNREAD)


def test_more_code_where_the_system_does_not_look() -> None:
    found = verdict(package([activity(MAIN), RUNTIME], files={"assets/plugin.dex": b"dex\n035\0"}))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.DYNAMIC_CODE)


def test_without_a_manifest_activities_are_guessed() -> None:
    found = verdict(package([activity(MAIN, RUN), RUNTIME], manifest=False))
    assert (found.use, found.caller, found.confidence) == (Use.USED, Caller.APP, Confidence.LIKELY)


def test_tests_are_started_by_their_runner() -> None:
    parts = [Component("instrumentation", "androidx.test.runner.AndroidJUnitRunner")]
    case = Class("Lcom/example/shop/EngineTest;", [init(), virtual("recognises", RUN)])
    assert verdict(package([case, RUNTIME], components=parts)).use is Use.USED


def test_nothing_to_look_for() -> None:
    found = verdict(package([activity(MAIN)]), technology="xnnpack")
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.NO_API)


# --- hostile --------------------------------------------------------------------------------------------------------------


def test_classes_that_inherit_from_each_other() -> None:
    one, two = Class("La/One;", [init()], parent="La/Two;"), Class("La/Two;", [init()], parent="La/One;")
    assert verdict(package([activity(MAIN, *new("La/One;"), RUN), one, two, RUNTIME])).use is Use.USED


def test_a_long_chain_takes_no_recursion() -> None:
    names = [f"m{index:05}" for index in range(8_000)]
    methods = [static(name, call(ENGINE, after)) for name, after in pairwise(names)]
    engine = Class(ENGINE, [*methods, static(names[-1], RUN)])
    start = time.process_time()
    found = verdict(package([activity(MAIN, call(ENGINE, names[0])), engine, RUNTIME]))
    assert (found.use, len(found.chain)) == (Use.USED, 34)
    assert found.chain[16].how == "over 7969 more methods"
    assert time.process_time() - start < 10


def test_many_classes_below_a_tall_tower() -> None:
    tower = [
        Class(f"La/T{at:03};", [init(), virtual("go")], parent=f"La/T{at - 1:03};" if at else OBJECT)
        for at in range(200)
    ]
    below = [Class(f"Lb/B{at:04};", [init()], parent="La/T199;") for at in range(1_500)]
    start = time.process_time()
    body = [item for known in below for item in new(known.name)]
    assert verdict(package([activity(MAIN, *body, RUN), *tower, *below, RUNTIME])).use is Use.USED
    assert time.process_time() - start < 10


def test_the_apps_own_class_is_missing() -> None:
    found = verdict(package([activity(MAIN, call(ENGINE, "go")), RUNTIME]))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.CODE_MISSING)
    cloned = call(f"[{ENGINE}", "clone", "()Ljava/lang/Object;", "virtual")
    assert verdict(package([activity(MAIN, cloned), RUNTIME])).use is Use.BUNDLED


def test_a_library_whose_sdk_is_called_and_has_no_code_here() -> None:
    """A library of the same maker may be entered by it; one of another maker is not."""
    app = [activity(MAIN, call("Lai/onnxruntime/OrtSession;", "run"))]
    files = _elf("Java_ai_onnxruntime_Other_run", name="libother.so")
    code = app_code(package(app, files=files))
    rules = [rule("onnxruntime"), rule("ncnn")]
    held = usage(code, rules, [library("libother.so", "ncnn")])
    assert [(item.use, item.obstacle) for item in held] == [(Use.USED, None), (Use.UNKNOWN, Obstacle.CODE_MISSING)]
    files = _elf("Java_com_tencent_Other_run", name="libother.so")
    other = usage(app_code(package(app, files=files)), rules, [library("libother.so", "ncnn")])
    assert [item.use for item in other] == [Use.USED, Use.BUNDLED]


def test_neither_a_manifest_nor_layouts() -> None:
    found = verdict(package([activity(MAIN), RUNTIME], manifest=False))
    assert (found.use, found.obstacle) == (Use.UNKNOWN, Obstacle.CODE_MISSING)
    layouts = {"res/layout/main.xml": layout("Button")}
    assert verdict(package([activity(MAIN), RUNTIME], manifest=False, files=layouts)).use is Use.BUNDLED
