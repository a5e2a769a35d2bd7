"""Small Android apps with code: a manifest with components, dex files made of classes, native libraries, layouts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nngauge.domain.graph import Completeness
from nngauge.domain.location import Location
from nngauge.domain.model import Model, ModelFile
from nngauge.io.source import ByteSource
from nngauge.packages import Package, open_source
from tests.builders.axml import BOOL, STRING, Attr, AxmlOptions, Node, build_axml
from tests.builders.dex_code import (
    Call,
    Class,
    Instruction,
    Lambda,
    Literal,
    New,
    Static,
    Text,
    build_code,
    init,
    native,
    static,
    virtual,
)
from tests.builders.packages import zipped

APP = "com.example.shop"
MAIN = "Lcom/example/shop/Main;"
ACTIVITY = "Landroid/app/Activity;"
_NAME = 0x01010003


@dataclass(frozen=True)
class Component:
    kind: str
    name: str
    launcher: bool = False
    meta: Mapping[str, str] | None = None
    filter: bool = False


MAIN_COMPONENT = Component("activity", f"{APP}.Main", launcher=True)


def activity(name: str = MAIN, *body: Instruction, **more: object) -> Class:
    """An activity whose onCreate runs `body`."""
    methods = [init(), virtual("onCreate", *body, proto="(Landroid/os/Bundle;)V"), *more.get("methods", ())]  # type: ignore[misc]
    return Class(name, methods, parent=str(more.get("parent", ACTIVITY)))


def call(owner: str, name: str, proto: str = "()V", kind: str = "static") -> Call:
    return Call(owner, name, proto, kind)


def package(
    *dexes: Sequence[Class],
    components: Sequence[Component] = (MAIN_COMPONENT,),
    files: Mapping[str, bytes] | None = None,
    application: str = "",
    manifest: bool = True,
) -> Package:
    """An APK, opened."""
    members: dict[str, bytes] = {}
    for at, classes in enumerate(dexes):
        members["classes.dex" if at == 0 else f"classes{at + 1}.dex"] = build_code(classes)
    if manifest:
        members["AndroidManifest.xml"] = manifest_of(components, application)
    members.update(files or {})
    return open_source(ByteSource.of_bytes(zipped(members), "app.apk"), hash_parts=False)


def model_at(*paths: str) -> Model:
    """A model as a scan lists it, with its parts at these paths of ``app.apk``."""
    parts = tuple(ModelFile(location=Location(path=f"app.apk!{path}"), sha256="", size=4) for path in paths)
    return Model(
        format="tflite", title="TFLite", name=paths[0].rpartition("/")[2], digest="", size=4, parts=parts,
        completeness=Completeness.FULL,
    )  # fmt: skip


def archive_of(code: bytes) -> bytes:
    """An APK with the usual manifest and `code` as its one dex file."""
    return zipped({"classes.dex": code, "AndroidManifest.xml": manifest_of((MAIN_COMPONENT,))})


def sample_code() -> bytes:
    """A dex file with every kind of reference, a hierarchy, and a path to a runtime."""
    shop, runnable = "Lcom/example/shop/Task;", "Ljava/lang/Runnable;"
    body = (Text("net.tflite"), Text("com.example.shop.Task"), New(shop), Literal(shop), Static(shop, "one"))
    main = activity(MAIN, *body, Lambda(MAIN, "inner"), methods=[static("inner", Call(shop, "start", kind="virtual"))])
    base = Class("Lcom/example/shop/Base;", [init(), virtual("start", call(shop, "load"))], interfaces=[runnable])
    load = (Text("shop"), call("Ljava/lang/System;", "loadLibrary", "(Ljava/lang/String;)V"))
    task = [
        static("<clinit>", *load),
        init(),
        static("load", call("Lai/onnxruntime/OrtEnvironment;", "go")),
        native("run"),
    ]
    return build_code([main, base, Class(shop, task, parent=base.name, fields=["one"])])


def manifest_of(components: Sequence[Component], application: str = "") -> bytes:
    children = [
        Node(item.kind, [_name(item.name)], _inside(item)) for item in components if item.kind != "instrumentation"
    ]
    outer = [Node(item.kind, [_name(item.name)]) for item in components if item.kind == "instrumentation"]
    attributes = [_name(application)] if application else []
    root = Node("manifest", [Attr("package", STRING, APP)], [Node("application", attributes, children), *outer])
    return build_axml(root)


def layout(*tags: str, utf8: bool = False) -> bytes:
    root = Node("LinearLayout", [Attr("enabled", BOOL, 1, 0x0101000E)], [Node(tag) for tag in tags])
    return build_axml(root, AxmlOptions(utf8=utf8))


def _inside(item: Component) -> list[Node]:
    found = []
    if item.launcher:
        category = Node("category", [_name("android.intent.category.LAUNCHER")])
        found.append(Node("intent-filter", [], [Node("action", [_name("android.intent.action.MAIN")]), category]))
    elif item.filter:
        found.append(Node("intent-filter", [], [Node("action", [_name("com.example.ANY")])]))
    for name, value in (item.meta or {}).items():
        found.append(Node("meta-data", [_name(name), Attr("value", STRING, value, 0x01010024)]))
    return found


def _name(text: str) -> Attr:
    return Attr("name", STRING, text, _NAME)
