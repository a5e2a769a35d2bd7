"""An app whose every text wants something of its reader: to run as a script, as a formula, as a command of a terminal.

Nothing here does harm: what runs would set ``window.pwned`` or call a program that does not exist, and tests look for it.
"""

from __future__ import annotations

from typing import Final

from examples.builders import stubs
from examples.builders.manifest import app_manifest, binary_xml, metadata
from examples.builders.parts import part, zipped
from examples.builders.signing import sign
from examples.builders.tflite import INT8, SOFTMAX, Form, Network
from examples.study.cast import App

SCRIPT: Final = "<script>window.pwned=1</script>"
PICTURE: Final = '"><img src=x onerror="window.pwned=1">'
CLOSING: Final = "</script></style></title><svg onload=window.pwned=1>"
TEMPLATE: Final = "{{7*7}}{% raw %}${7*7}<%= 7*7 %>"
FORMULA: Final = '=HYPERLINK("https://example.invalid/"&A1,"pwned")'
COMMANDS: Final = ("=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1+1)", "\t=1+1", "\r=1+1")
RED: Final = "\x1b[31mred\x1b[0m\x1b]0;pwned\x07\x1b]8;;https://example.invalid/\x07link\x9b2J"
BACKWARDS: Final = "gpj\u202eetilft.\u2066exe\u2069"
INVISIBLE: Final = "pay\u200bpal\ufeff\u00ad"
LONG: Final = "long" * 2000
WEB: Final = "javascript:window.pwned=1"
MARKUP: Final = "[red]pwned[/][/bold][link=https://example.invalid]x"
TEXTS: Final = (MARKUP, SCRIPT, PICTURE, CLOSING, TEMPLATE, FORMULA, *COMMANDS, RED, BACKWARDS, INVISIBLE, WEB)
PACKAGE: Final = f"com.example.{SCRIPT}"
LABEL: Final = f"{PICTURE}{RED}{BACKWARDS}"
VERSION: Final = f"1.0{PICTURE}"
DEVELOPER: Final = f"{FORMULA}{SCRIPT}"

APP: Final = App(
    number=6666, package_id="com.example.hostile", label=f"{LABEL}{CLOSING}", developer=DEVELOPER, category="TOOLS",
    downloads=666, version=66, target=35,
)  # fmt: skip
"""How the store lists it: with a package id of the usual form, others are refused."""


def build(package: str = PACKAGE) -> bytes:
    """The signed APK."""
    manifest = app_manifest(
        package,
        version=(66, VERSION),
        label=LABEL,
        permissions=(f"android.permission.{SCRIPT}",),
        application=(metadata(f"com.google.mlkit.{PICTURE}", FORMULA),),
    )
    code = stubs.dex(
        (f"{SCRIPT}.Main", *stubs.TFLITE_CLASSES),
        methods=(("org.tensorflow.lite.Interpreter", "run"),),
        strings=(WEB, f"https://api.openai.com/v1/{SCRIPT}", *TEXTS),
    )
    library = stubs.TFLITE_JNI
    entries = [
        part("AndroidManifest.xml", binary_xml(manifest), packed=True),
        part("classes.dex", code, packed=True),
        part(f"lib/{stubs.ARM64}/{library.soname}", library.build(), packed=True),
        part(f"lib/{stubs.ARM64}/lib{PICTURE}.so", stubs.MNN.build(), packed=True),
    ]
    entries += [part(_path(text), network(text), packed=False) for text in TEXTS]
    entries.append(part(f"assets/{LONG}.tflite", network(LONG), packed=False))
    entries.append(part(f"assets/{SCRIPT}.enc", network("hidden")[::-1], packed=False))
    entries.append(part(f"assets/{FORMULA}.tflite", b"\x1c\0\0\0TFL3" + b"\xff" * 900, packed=False))
    return sign(zipped(entries), f"CN {DEVELOPER}")


def _path(text: str) -> str:
    return f"assets/{text}.tflite"


def network(text: str) -> bytes:
    """A model that says `text` wherever a model can say something."""
    net = Network(Form.INT8, 66)
    x = net.conv(net.input((1, 32, 32, 3), f"input {text}"), 8, f"{text}/conv")
    (x,) = net.custom(text, (x,), ((1, 32, 32, 8),), f"{text}/custom", kind=INT8)
    return net.done(net.simple(SOFTMAX, net.dense(net.mean(x, "mean"), 4, text), f"output {text}"), description=text)
